//! redyn.
