//! Batches do not depend on who prepares them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redyn_core::random::Stream;
use redyn_stimuli::{
    Augmentation, Batch, DataSet, Image, Loader, LoaderOptions, Normalisation, OpenOptions, Order, Stimuli,
    StimuliError, TrivialAugmentWide, open,
};

fn train() -> Arc<dyn Stimuli> {
    open("builtin:train=150", &OpenOptions::default()).unwrap().split("train").unwrap()
}

fn some_normalisation() -> Normalisation {
    Normalisation::from_fractions([0.5, 0.4, 0.3], [0.2, 0.3, 0.25])
}

fn augmented(batch_size: usize) -> LoaderOptions {
    LoaderOptions {
        order: Order::Shuffled { seed: 3, epoch: 2 },
        augmentation: Augmentation::TrivialAugmentWide { seed: 9, epoch: 2 },
        ..LoaderOptions::new(batch_size, some_normalisation())
    }
}

fn batches(split: &Arc<dyn Stimuli>, options: LoaderOptions) -> Vec<Batch> {
    Loader::new(Arc::clone(split), options).unwrap().map(Result::unwrap).collect()
}

#[test]
fn batches_equal_a_plain_loop() {
    let split = train();
    let found = batches(&split, augmented(40));
    let Normalisation::Standardised { mean, std } = some_normalisation() else { unreachable!() };
    let order = Order::Shuffled { seed: 3, epoch: 2 }.indices(150).unwrap();
    for (batch, indices) in found.iter().zip(order.chunks(40)) {
        let mut images = Vec::new();
        for &index in indices {
            let draw = TrivialAugmentWide::draw(&mut Stream::new(9, &[2, index as u64]));
            for (at, &pixel) in draw.apply(&split.image(index).unwrap()).pixels.iter().enumerate() {
                images.push((f32::from(pixel) / 255.0 - mean[at % 3]) / std[at % 3]);
            }
        }
        assert_eq!(batch.indices, indices);
        assert_eq!(batch.labels, indices.iter().map(|index| index % 16).collect::<Vec<_>>());
        assert!(batch.images == images, "batch {}", batch.number);
    }
    assert_eq!(found.iter().map(Batch::len).collect::<Vec<_>>(), [40, 40, 40, 30]);
}

#[test]
fn threads_and_queues_change_nothing() {
    let split = train();
    let expected = batches(&split, LoaderOptions { threads: 1, batches_ahead: 1, ..augmented(33) });
    for (threads, batches_ahead) in [(1, 4), (3, 1), (5, 2)] {
        let found = batches(&split, LoaderOptions { threads, batches_ahead, ..augmented(33) });
        assert!(found == expected, "{threads} threads, {batches_ahead} batches ahead");
    }
}

#[test]
fn a_resumed_pass_continues_with_the_same_batches() {
    let split = train();
    let whole = batches(&split, augmented(32));
    let rest = batches(&split, LoaderOptions { first_batch: 3, ..augmented(32) });
    assert!(rest == whole[3..]);
    assert!(batches(&split, LoaderOptions { first_batch: 5, ..augmented(32) }).is_empty());
}

#[test]
fn a_shuffled_pass_visits_every_image_once_and_another_epoch_differs() {
    let order = |seed, epoch| Order::Shuffled { seed, epoch }.indices(1000).unwrap();
    let mut sorted = order(1, 0);
    assert_ne!(sorted, order(1, 1));
    assert_ne!(sorted, order(2, 0));
    sorted.sort_unstable();
    assert_eq!(sorted, Order::Sequential.indices(1000).unwrap());
}

#[test]
fn a_listed_pass_visits_what_is_listed() {
    let split = train();
    let order = Order::Listed(vec![7, 7, 149, 0]);
    let found = batches(&split, LoaderOptions { order, ..LoaderOptions::new(3, Normalisation::UNIT) });
    assert_eq!(found.iter().flat_map(|batch| batch.indices.clone()).collect::<Vec<_>>(), [7, 7, 149, 0]);
    let order = Order::Listed(vec![150]);
    let error = Loader::new(split, LoaderOptions { order, ..LoaderOptions::new(3, Normalisation::UNIT) })
        .err()
        .unwrap();
    assert!(matches!(error, StimuliError::Index { index: 150, len: 150 }));
}

#[test]
fn counts_of_zero_are_refused() {
    for options in [
        LoaderOptions::new(0, Normalisation::UNIT),
        LoaderOptions { threads: 0, ..LoaderOptions::new(1, Normalisation::UNIT) },
        LoaderOptions { batches_ahead: 0, ..LoaderOptions::new(1, Normalisation::UNIT) },
    ] {
        assert!(matches!(Loader::new(train(), options), Err(StimuliError::Loader { .. })));
    }
}

/// Counts what is read, takes its time, and fails or panics at some images.
struct Odd {
    read: AtomicUsize,
    fails_at: usize,
    panics_at: usize,
    takes: Duration,
}

impl Odd {
    fn new() -> Self {
        Self { read: AtomicUsize::new(0), fails_at: usize::MAX, panics_at: usize::MAX, takes: Duration::ZERO }
    }
}

impl Stimuli for Odd {
    fn len(&self) -> usize {
        10_000
    }
    fn label(&self, _index: usize) -> usize {
        0
    }
    fn id(&self, index: usize) -> String {
        index.to_string()
    }
    fn image(&self, index: usize) -> Result<Image, StimuliError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(self.takes);
        assert_ne!(index, self.panics_at, "a panic on purpose");
        if index == self.fails_at {
            return Err(StimuliError::Undecodable {
                path: format!("{index}.jpg").into(),
                reason: "odd".into(),
            });
        }
        Ok(Image::black(8, 8))
    }
    fn content(&self, _take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
        Ok(())
    }
}

#[test]
fn no_more_is_read_ahead_than_asked_for() {
    let split = Arc::new(Odd::new());
    let options =
        LoaderOptions { threads: 4, batches_ahead: 2, ..LoaderOptions::new(50, Normalisation::UNIT) };
    let mut loader = Loader::new(Arc::clone(&split) as Arc<dyn Stimuli>, options).unwrap();
    loader.next().unwrap().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(split.read.load(Ordering::Relaxed), 150);
}

#[test]
fn dropping_stops_the_threads_soon() {
    let split = Arc::new(Odd { takes: Duration::from_millis(2), ..Odd::new() });
    let options =
        LoaderOptions { threads: 2, batches_ahead: 100, ..LoaderOptions::new(64, Normalisation::UNIT) };
    let mut loader = Loader::new(Arc::clone(&split) as Arc<dyn Stimuli>, options).unwrap();
    loader.next().unwrap().unwrap();
    let start = Instant::now();
    drop(loader);
    // 16 images of 2 ms are in each thread's hands; a whole pass takes 10 s.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(split.read.load(Ordering::Relaxed) < 2_000);
}

#[test]
fn batches_before_a_bad_image_arrive_and_its_own_is_the_error() {
    let split = Arc::new(Odd { fails_at: 130, ..Odd::new() });
    let options = LoaderOptions { threads: 3, ..LoaderOptions::new(50, Normalisation::UNIT) };
    let results: Vec<_> = Loader::new(split, options).unwrap().collect();
    assert_eq!(results.len(), 3);
    assert!(results[0].is_ok() && results[1].is_ok());
    assert!(results[2].as_ref().unwrap_err().to_string().contains("130.jpg"));
}

#[test]
fn a_panic_in_a_thread_is_an_error_and_not_a_wait() {
    let split = Arc::new(Odd { panics_at: 20, ..Odd::new() });
    let options = LoaderOptions { threads: 1, ..LoaderOptions::new(50, Normalisation::UNIT) };
    let results: Vec<_> = Loader::new(split, options).unwrap().collect();
    assert!(matches!(results[..], [Err(StimuliError::ReaderLost)]));
}

/// A split that counts how often an image is read.
struct Counted {
    source: Arc<dyn Stimuli>,
    read: AtomicUsize,
}

impl Stimuli for Counted {
    fn len(&self) -> usize {
        self.source.len()
    }

    fn label(&self, index: usize) -> usize {
        self.source.label(index)
    }

    fn id(&self, index: usize) -> String {
        self.source.id(index)
    }

    fn image(&self, index: usize) -> Result<Image, StimuliError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.source.image(index)
    }

    fn content(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
        self.source.content(take)
    }
}

#[test]
fn images_kept_in_memory_are_the_same_and_read_once() {
    let source = train();
    let n = source.len();
    let counted = Arc::new(Counted { source: Arc::clone(&source), read: AtomicUsize::new(0) });
    let data = |budget| {
        let splits = BTreeMap::from([("train".to_owned(), Arc::clone(&counted) as Arc<dyn Stimuli>)]);
        let mut data = DataSet::new("counted", Vec::new(), source.image(0).unwrap().width, splits, None);
        data.keep_in_memory(budget);
        data.split("train").unwrap()
    };
    let all: Vec<usize> = (0..n).rev().collect();
    let kept = data(100_000_000);
    for _ in 0..2 {
        assert_eq!(kept.images(&all).unwrap(), source.images(&all).unwrap());
        assert_eq!(kept.image(5).unwrap(), source.image(5).unwrap());
    }
    assert_eq!((kept.id(5), kept.labels()), (source.id(5), source.labels()));
    assert_eq!(counted.read.load(Ordering::Relaxed), n);
    let too_large = data(1000);
    too_large.image(0).unwrap();
    too_large.image(0).unwrap();
    assert_eq!(counted.read.load(Ordering::Relaxed), n + 2);
}
