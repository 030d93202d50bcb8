//! Buffers that are used again: fresh pages cost as much as filling them.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

/// Freed buffers by their length.
///
/// What is lent and what is kept together never exceed one and a half times the most
/// that was ever lent: before that, lengths not asked for lately are let go.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Shelves>);

#[derive(Debug, Default)]
struct Shelves {
    free: HashMap<usize, Shelf>,
    lent: usize,
    most_lent: usize,
    kept: usize,
    clock: u64,
}

#[derive(Debug, Default)]
struct Shelf {
    buffers: Vec<Vec<f32>>,
    last_asked: u64,
}

impl Pool {
    /// A buffer of `length` values of any content.
    pub(crate) fn take(self: &Arc<Self>, length: usize) -> Buffer {
        let found = self.0.lock().expect("no thread panics here").take(length);
        Buffer { values: found.unwrap_or_else(|| vec![0.0; length]), pool: Arc::clone(self) }
    }

    /// A buffer of zeros.
    pub(crate) fn zeros(self: &Arc<Self>, length: usize) -> Buffer {
        let mut buffer = self.take(length);
        buffer.fill(0.0);
        buffer
    }

    /// A buffer with these values.
    pub(crate) fn copied(self: &Arc<Self>, values: &[f32]) -> Buffer {
        let mut buffer = self.take(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl Shelves {
    fn take(&mut self, length: usize) -> Option<Vec<f32>> {
        self.clock += 1;
        self.lent += length;
        self.most_lent = self.most_lent.max(self.lent);
        let shelf = self.free.entry(length).or_default();
        shelf.last_asked = self.clock;
        let found = shelf.buffers.pop();
        if found.is_some() {
            self.kept -= length;
        } else {
            self.make_room();
        }
        found
    }

    fn make_room(&mut self) {
        while self.lent + self.kept > self.most_lent + self.most_lent / 2 {
            let stale = self
                .free
                .iter()
                .filter(|(_, shelf)| !shelf.buffers.is_empty())
                .min_by_key(|(_, shelf)| shelf.last_asked)
                .map(|(&length, _)| length);
            let Some(length) = stale else { return };
            let shelf = self.free.get_mut(&length).expect("found above");
            shelf.buffers.pop();
            self.kept -= length;
        }
    }
}

/// Values lent by a [`Pool`], which get back there when dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    values: Vec<f32>,
    pool: Arc<Pool>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        // A poisoned pool only means that the buffer is freed instead.
        if let Ok(mut shelves) = self.pool.0.lock() {
            shelves.lent -= values.len();
            shelves.kept += values.len();
            shelves.free.entry(values.len()).or_default().buffers.push(values);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_lent_again() {
        let pool = Arc::new(Pool::default());
        let mut first = pool.take(100);
        first[7] = 5.0;
        let place = first.as_ptr();
        drop(first);
        let again = pool.take(100);
        assert_eq!(again.as_ptr(), place);
        assert_eq!(pool.zeros(3)[..], [0.0; 3]);
    }

    #[test]
    fn lengths_no_longer_asked_for_are_let_go() {
        let pool = Arc::new(Pool::default());
        for length in 1..1000 {
            drop(pool.take(length));
        }
        let shelves = pool.0.lock().unwrap();
        assert_eq!(shelves.lent, 0);
        assert!(shelves.kept <= 2 * shelves.most_lent, "{} kept", shelves.kept);
    }
}
