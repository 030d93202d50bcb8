//! The native CPU engine.

/// The native CPU engine.
#[derive(Clone, Debug, Default)]
pub struct Cpu {}
