//! redyn.
fn main() {}
