//! Batches for a network, read, augmented and normalised ahead of it on threads.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use redyn_core::random::Stream;

use crate::augment::TrivialAugmentWide;
use crate::{Normalisation, NormalisationTable, Stimuli, StimuliError};

/// Images ready for a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Normalised pixels, `[image, row, column, channel]` (channels last).
    pub images: Vec<f32>,
    /// Class of each image.
    pub labels: Vec<usize>,
    /// Number of each image within its split.
    pub indices: Vec<usize>,
    /// Height and width.
    pub size: usize,
    /// Which batch of the pass this is, from 0.
    pub number: usize,
}

impl Batch {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// In which order a pass visits the images of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they are stored.
    Sequential,
    /// In an order drawn from a seed and the epoch's number.
    Shuffled {
        /// Seed of the whole run.
        seed: u64,
        /// Which pass over the data this is.
        epoch: u64,
    },
    /// These images, in this order.
    Listed(Vec<usize>),
}

impl Order {
    /// The image numbers of one pass over a split of `len` images.
    ///
    /// # Errors
    /// A listed number outside the split.
    pub fn indices(&self, len: usize) -> Result<Vec<usize>, StimuliError> {
        match self {
            Self::Sequential => Ok((0..len).collect()),
            Self::Shuffled { seed, epoch } => {
                let mut indices: Vec<usize> = (0..len).collect();
                Stream::new(*seed, &[SHUFFLE, *epoch]).shuffle(&mut indices);
                Ok(indices)
            }
            Self::Listed(indices) => match indices.iter().find(|&&index| index >= len) {
                Some(&index) => Err(StimuliError::Index { index, len }),
                None => Ok(indices.clone()),
            },
        }
    }
}

/// Keeps the draws that order a pass apart from those that augment its images.
const SHUFFLE: u64 = 0x5348_5546;

/// What happens to an image between decoding and normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Augmentation {
    /// Nothing: validation, test, extraction.
    None,
    /// One random operation an image, drawn from `(seed, epoch, image)`.
    TrivialAugmentWide {
        /// Seed of the whole run.
        seed: u64,
        /// Which pass over the data this is.
        epoch: u64,
    },
}

/// How a [`Loader`] makes batches.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// Images a batch; the last one of a pass may have fewer.
    pub batch_size: usize,
    /// Order of the images.
    pub order: Order,
    /// Augmentation.
    pub augmentation: Augmentation,
    /// Normalisation.
    pub normalisation: Normalisation,
    /// First batch to deliver: a resumed pass skips those it has had.
    pub first_batch: usize,
    /// Threads that read; neither order nor content depend on it.
    pub threads: usize,
    /// How many batches may be ready before they are asked for.
    pub batches_ahead: usize,
}

impl LoaderOptions {
    /// One pass in stored order, not augmented, by as many threads as there are
    /// cores (eight at most), three batches ahead.
    pub fn new(batch_size: usize, normalisation: Normalisation) -> Self {
        Self {
            batch_size,
            order: Order::Sequential,
            augmentation: Augmentation::None,
            normalisation,
            first_batch: 0,
            threads: std::thread::available_parallelism().map_or(1, usize::from).min(8),
            batches_ahead: 3,
        }
    }
}

/// Images that one thread takes at a time: small enough that the first batch is
/// ready soon, large enough that a lock is nothing.
const PIECE: usize = 16;

/// One pass over a split, batch by batch, prepared ahead of whoever asks.
///
/// Dropping it ends its threads after the few images in their hands. After an error the
/// pass is over.
pub struct Loader {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    next_batch: usize,
    failed: bool,
}

/// What the loader and its threads share.
struct Shared {
    split: Arc<dyn Stimuli>,
    options: LoaderOptions,
    indices: Vec<usize>,
    normalisation: NormalisationTable,
    state: Mutex<State>,
    /// Rung when a piece is ready, when room is made, and at the end.
    bell: Condvar,
}

#[derive(Default)]
struct State {
    next_piece: usize,
    /// Pieces from here on may not be started yet.
    limit: usize,
    ready: BTreeMap<usize, Result<Piece, StimuliError>>,
    stop: bool,
    working: usize,
}

struct Piece {
    images: Vec<f32>,
    size: usize,
}

impl Loader {
    /// Start a pass.
    ///
    /// # Errors
    /// A batch size, thread or queue length of zero, a split without images, or a
    /// listed image outside the split.
    pub fn new(split: Arc<dyn Stimuli>, options: LoaderOptions) -> Result<Self, StimuliError> {
        for (what, value) in [
            ("batches of no image", options.batch_size),
            ("no thread", options.threads),
            ("no batch ahead", options.batches_ahead),
        ] {
            if value == 0 {
                return Err(StimuliError::Loader { what: what.into() });
            }
        }
        let indices = options.order.indices(split.len())?;
        if indices.is_empty() {
            return Err(StimuliError::NoImages { place: "the split to load".into() });
        }
        let first = options.first_batch;
        let threads = options.threads;
        let normalisation = options.normalisation.table();
        let state = Mutex::default();
        let shared = Arc::new(Shared { split, options, indices, normalisation, state, bell: Condvar::new() });
        {
            let mut state = shared.lock();
            state.next_piece = first * shared.pieces_a_batch();
            state.limit = (first + shared.options.batches_ahead) * shared.pieces_a_batch();
            state.working = threads;
        }
        let threads = (0..threads)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || work(&shared))
            })
            .collect();
        Ok(Self { shared, threads, next_batch: first, failed: false })
    }

    /// Number of batches of the whole pass, those skipped by `first_batch` included.
    pub fn n_batches(&self) -> usize {
        self.shared.indices.len().div_ceil(self.shared.options.batch_size)
    }

    /// Number of images of the whole pass.
    pub fn n_images(&self) -> usize {
        self.shared.indices.len()
    }

    fn assemble(&self, batch: usize) -> Result<Batch, StimuliError> {
        let shared = &*self.shared;
        let range = shared.batch_range(batch);
        let indices = shared.indices[range.clone()].to_vec();
        let labels = indices.iter().map(|&index| shared.split.label(index)).collect();
        let first = batch * shared.pieces_a_batch();
        let mut images = Vec::new();
        let mut size = 0;
        for piece in first..first + range.len().div_ceil(PIECE) {
            let Piece { images: part, size: part_size } = shared.wait_for(piece)?;
            size = part_size;
            images.reserve_exact(if images.is_empty() { range.len() * size * size * 3 } else { 0 });
            images.extend_from_slice(&part);
        }
        let mut state = shared.lock();
        state.limit = (batch + 1 + shared.options.batches_ahead) * shared.pieces_a_batch();
        drop(state);
        shared.bell.notify_all();
        Ok(Batch { images, labels, indices, size, number: batch })
    }
}

impl Iterator for Loader {
    type Item = Result<Batch, StimuliError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.next_batch >= self.n_batches() {
            return None;
        }
        let batch = self.assemble(self.next_batch);
        self.next_batch += 1;
        self.failed = batch.is_err();
        Some(batch)
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.bell.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has been reported by `wait_for` already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements, so a poisoned lock is as good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pieces_a_batch(&self) -> usize {
        self.options.batch_size.div_ceil(PIECE)
    }

    fn batch_range(&self, batch: usize) -> std::ops::Range<usize> {
        let size = self.options.batch_size;
        batch * size..((batch + 1) * size).min(self.indices.len())
    }

    /// Positions within the pass that a piece covers; empty past the end of its batch.
    fn piece_range(&self, piece: usize) -> std::ops::Range<usize> {
        let batch = self.batch_range(piece / self.pieces_a_batch());
        let start = batch.start + piece % self.pieces_a_batch() * PIECE;
        start.min(batch.end)..(start + PIECE).min(batch.end)
    }

    fn wait_for(&self, piece: usize) -> Result<Piece, StimuliError> {
        let mut state = self.lock();
        loop {
            if let Some(result) = state.ready.remove(&piece) {
                return result;
            }
            if state.working == 0 {
                return Err(StimuliError::ReaderLost);
            }
            state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next piece to prepare, once there is room for it.
    fn claim(&self) -> Option<usize> {
        let n_pieces = self.indices.len().div_ceil(self.options.batch_size) * self.pieces_a_batch();
        let mut state = self.lock();
        loop {
            if state.stop || state.next_piece >= n_pieces {
                return None;
            }
            if state.next_piece < state.limit {
                state.next_piece += 1;
                return Some(state.next_piece - 1);
            }
            state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn prepare(&self, piece: usize) -> Result<Piece, StimuliError> {
        let indices = &self.indices[self.piece_range(piece)];
        let mut prepared = Piece { images: Vec::new(), size: 0 };
        for (image, &index) in self.split.images(indices)?.into_iter().zip(indices) {
            let image = match self.options.augmentation {
                Augmentation::None => image,
                Augmentation::TrivialAugmentWide { seed, epoch } => {
                    TrivialAugmentWide::draw(&mut Stream::new(seed, &[epoch, index as u64])).apply(&image)
                }
            };
            prepared.size = image.height;
            let start = prepared.images.len();
            prepared.images.resize(start + image.pixels.len(), 0.0);
            self.normalisation.write(&image.pixels, &mut prepared.images[start..]);
        }
        Ok(prepared)
    }
}

/// Counts a thread out, however it ends.
struct Leaving<'a>(&'a Shared);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.lock().working -= 1;
        self.0.bell.notify_all();
    }
}

fn work(shared: &Shared) {
    let _leaving = Leaving(shared);
    while let Some(piece) = shared.claim() {
        let result = shared.prepare(piece);
        let mut state = shared.lock();
        state.stop |= result.is_err();
        state.ready.insert(piece, result);
        drop(state);
        shared.bell.notify_all();
    }
}
