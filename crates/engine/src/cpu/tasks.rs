//! Dividing work among threads where it pays, and scratch memory that stays with its thread.

use std::cell::RefCell;

use rayon::prelude::*;

/// Below this many multiply-adds (or touched values) waking other threads costs more than it saves.
pub(crate) const WORTH_SHARING: usize = 1 << 16;

/// Do `task` for `0..count`, on all threads if the `work` altogether is worth it.
pub(crate) fn each(count: usize, work: usize, task: impl Fn(usize) + Sync) {
    if count <= 1 || work < WORTH_SHARING {
        (0..count).for_each(&task);
    } else {
        // Small enough pieces for threads that come late, large enough not to be all overhead.
        let most = count.div_ceil(8 * rayon::current_num_threads());
        (0..count).into_par_iter().with_max_len(most).for_each(&task);
    }
}

/// Do `task` for every `chunk` values of `values`; the last may be shorter.
pub(crate) fn each_chunk(
    values: &mut [f32],
    chunk: usize,
    work: usize,
    task: impl Fn(usize, &mut [f32]) + Sync,
) {
    if chunk == 0 {
        return;
    }
    if values.len() <= chunk || work < WORTH_SHARING {
        values.chunks_mut(chunk).enumerate().for_each(|(index, values)| task(index, values));
    } else {
        values.par_chunks_mut(chunk).enumerate().for_each(|(index, values)| task(index, values));
    }
}

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Lend `task` a buffer of this thread, of any content.
pub(crate) fn with_scratch<R>(length: usize, task: impl FnOnce(&mut [f32]) -> R) -> R {
    // Taken out meanwhile, so that a nested call finds an empty one.
    let mut scratch = SCRATCH.take();
    if scratch.len() < length {
        scratch.resize(length, 0.0);
    }
    let result = task(&mut scratch[..length]);
    SCRATCH.set(scratch);
    result
}

/// [`each_chunk`] over two buffers of one length.
pub(crate) fn each_chunk_pair(
    first: &mut [f32],
    second: &mut [f32],
    chunk: usize,
    work: usize,
    task: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
) {
    if first.len() <= chunk || work < WORTH_SHARING {
        let pairs = first.chunks_mut(chunk).zip(second.chunks_mut(chunk));
        pairs.enumerate().for_each(|(index, (first, second))| task(index, first, second));
    } else {
        let pairs = first.par_chunks_mut(chunk).zip(second.par_chunks_mut(chunk));
        pairs.enumerate().for_each(|(index, (first, second))| task(index, first, second));
    }
}
