//! Training by back-propagation through time over a planned graph.
