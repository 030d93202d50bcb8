//! The checksum of a file's part, compared once every piece of it has been read.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crc32fast::Hasher;

/// Pieces that are kept apart at most: what is read in crumbs is not followed.
const MOST_PIECES: usize = 1 << 16;

/// The crc32 that some bytes should have, and what has been read of them: in any order, by
/// any number of threads.
#[derive(Debug)]
pub(crate) struct Checksum {
    expected: u32,
    length: u64,
    /// End and checksum of every piece, by its start; none once the whole has been compared.
    pieces: Mutex<Option<BTreeMap<u64, (u64, Hasher)>>>,
}

/// Every byte has been read, and they are not those that were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its checksum does not match: the file is damaged")]
pub(crate) struct Damaged;

impl Checksum {
    pub(crate) fn new(expected: u32, length: u64) -> Self {
        Self { expected, length, pieces: Mutex::new(Some(BTreeMap::new())) }
    }

    fn pieces(&self) -> MutexGuard<'_, Option<BTreeMap<u64, (u64, Hasher)>>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Take note of the bytes from `start` on. A piece that overlaps with others is ignored.
    ///
    /// # Errors
    /// This was the last piece, and the checksum of all is another than expected.
    pub(crate) fn add(&self, start: u64, bytes: &[u8]) -> Result<(), Damaged> {
        if bytes.is_empty() || self.pieces().is_none() {
            return Ok(());
        }
        let mut hash = Hasher::new();
        hash.update(bytes);
        let mut guard = self.pieces();
        let Some(pieces) = guard.as_mut() else { return Ok(()) };
        let (mut start, mut end) = (start, start + bytes.len() as u64);
        let before = pieces.range(..end).next_back().map(|(&start, &(end, _))| (start, end));
        if before.is_some_and(|(_, before_end)| before_end > start) || pieces.len() >= MOST_PIECES {
            return Ok(());
        }
        if let Some((first, _)) = before.filter(|&(_, before_end)| before_end == start)
            && let Some((_, mut joined)) = pieces.remove(&first)
        {
            joined.combine(&hash);
            (start, hash) = (first, joined);
        }
        if let Some((after_end, after)) = pieces.remove(&end) {
            hash.combine(&after);
            end = after_end;
        }
        if (start, end) != (0, self.length) {
            pieces.insert(start, (end, hash));
            return Ok(());
        }
        *guard = None;
        if hash.finalize() == self.expected { Ok(()) } else { Err(Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_any_order_make_the_checksum_of_the_whole() {
        let bytes: Vec<u8> = (0..1000_u32).map(|index| (index * index % 251) as u8).collect();
        let right = crc32fast::hash(&bytes);
        for (expected, outcome) in [(right, Ok(())), (right ^ 1, Err(Damaged))] {
            let checksum = Checksum::new(expected, 1000);
            let add = |start: usize, end: usize| checksum.add(start as u64, &bytes[start..end]);
            // The last piece is missing, one comes twice, one overlaps with others.
            for start in [7, 0, 3, 6, 8, 2, 5, 1, 4, 4].map(|piece| 100 * piece) {
                assert_eq!(add(start, start + 100), Ok(()));
            }
            assert_eq!(add(850, 950), Ok(()));
            assert_eq!(add(950, 1000), Ok(()));
            assert_eq!(add(900, 950), outcome);
            assert_eq!(checksum.add(0, &bytes), Ok(()), "compared once");
        }
    }
}
