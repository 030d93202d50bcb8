//! Trajectories on disk: a Zarr group written in order, read lazily.
