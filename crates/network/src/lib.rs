//! Declare a recurrent network as a graph of areas, plan its unroll exactly, run it.
