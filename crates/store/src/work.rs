//! What long work on a store is allowed, and whom it tells how far it is.

use redyn_core::Stop;

use crate::Error;

/// Memory, progress and a way out for long work.
pub struct Work<'a> {
    /// Bytes of activations that may be held at once.
    pub budget: u64,
    /// Asked between two pieces of work.
    pub stop: Stop,
    /// Told how much is done, of how much.
    pub progress: &'a dyn Fn(usize, usize),
}

impl Work<'_> {
    /// Work within a budget that nobody watches.
    pub fn within(budget: u64) -> Self {
        Self { budget, stop: Stop::default(), progress: &|_, _| () }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.stop.requested() { Err(Error::Stopped) } else { Ok(()) }
    }
}
