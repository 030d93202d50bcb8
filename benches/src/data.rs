//! Images against training, and the store against plain files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use ndarray::Array3;
use redyn_core::random::Stream;
use redyn_engine::Cpu;
use redyn_stimuli::{Augmentation, Loader, LoaderOptions, OpenOptions, Order, open};
use redyn_store::{About, BlockData, Outputs, Spatial, Store, StorePlan, StoreWriter, Tap};

use crate::args::{Options, Size};
use crate::failure::Failure;
use crate::machine::Versions;
use crate::measure::{Contestant, Effort, alternate};
use crate::ours::{Ours, Setup, What};
use crate::record::{Case, Record};

/// Side of the photographs on disk, and of the images that networks see.
const PHOTOGRAPH: usize = 256;
const IMAGE: usize = 32;
/// Threads that decode.
const THREADS: usize = 2;

/// Measures a case of this name within a folder.
type Measure = fn(&str, &Path, &Options) -> Result<Case, Failure>;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut record = Record::begin("data", options, Versions::here(&Cpu::new(), BTreeMap::new()));
    let folder = tempfile::tempdir().map_err(Failure::file("a temporary folder"))?;
    let all: [(&str, Measure); 4] = [
        ("decode and augment", |name, folder, options| images(name, folder, options, false)),
        ("augment what is kept", |name, folder, options| images(name, folder, options, true)),
        ("store, writing", writing),
        ("store, reading", reading),
    ];
    for (name, measure) in all.into_iter().filter(|(name, _)| options.wants(name)) {
        let place = folder.path().join(name.replace(' ', "-"));
        fs::create_dir_all(&place).map_err(Failure::file(&place))?;
        record.add(measure(name, &place, options)?, options)?;
        fs::remove_dir_all(&place).map_err(Failure::file(&place))?;
    }
    record.finish(options)
}

/// Augmentation by two threads, of pictures that are decoded again in every pass or kept since the first,
/// against training steps of the demo's network.
fn images(name: &str, folder: &Path, options: &Options, kept: bool) -> Result<Case, Failure> {
    let count = if options.size == Size::Full { 1600 } else { 64 };
    let photographs = folder.join("photographs");
    write_photographs(&photographs, count)?;
    let choices = OpenOptions { image_size: Some(IMAGE), ..OpenOptions::default() };
    let mut data = open(&photographs.to_string_lossy(), &choices).map_err(Failure::redyn)?;
    let normalisation = data.statistics().map_err(Failure::redyn)?.normalisation();
    if kept {
        data.keep_in_memory(1 << 30);
    }
    let split = data.split("train").map_err(Failure::redyn)?;
    let epoch = RefCell::new(0);
    // Seconds of a whole pass, per image.
    let load = |_: usize| {
        *epoch.borrow_mut() += 1;
        let epoch = *epoch.borrow();
        let loading = LoaderOptions {
            order: Order::Shuffled { seed: 1, epoch },
            augmentation: Augmentation::TrivialAugmentWide { seed: 1, epoch },
            threads: THREADS,
            ..LoaderOptions::new(32, normalisation)
        };
        let start = Instant::now();
        for batch in Loader::new(split.clone(), loading).map_err(Failure::redyn)? {
            std::hint::black_box(batch.map_err(Failure::redyn)?);
        }
        Ok(start.elapsed().as_secs_f64() / count as f64)
    };
    if kept {
        load(1)?;
    }
    let batch = 32;
    let spec = format!("blt64:width=0.125,image_size={IMAGE},classes=16");
    let setup = Setup::write(&spec, 6, batch, folder)?;
    let engine = Cpu::new();
    let mut ours = Ours::load(&engine, &setup, rayon::current_num_threads())?;
    let updates = 8;
    let train = |_| Ok(ours.seconds(What::Train, updates) / (updates * batch) as f64);
    let mut contestants = [
        Contestant::new(format!("{name}, {THREADS} threads"), load),
        Contestant::new("training, small LA T=6 batch 32, all threads", train),
    ];
    let timings = alternate(&mut contestants, Effort { seconds: 0.0, ..options.effort() })?;
    drop(contestants);
    let mut case = Case::new(name, "images", 1.0, timings);
    case.about = format!("JPEGs of {PHOTOGRAPH} x {PHOTOGRAPH} to {IMAGE} x {IMAGE}, TrivialAugmentWide");
    case.notes.push("the ratio says how many times faster images come than training takes them".into());
    Ok(case)
}

/// Built-in stimuli as JPEGs in a folder of classes.
fn write_photographs(folder: &Path, count: usize) -> Result<(), Failure> {
    let choices = OpenOptions { image_size: Some(PHOTOGRAPH), ..OpenOptions::default() };
    let data = open(&format!("builtin:train={count}"), &choices).map_err(Failure::redyn)?;
    let split = data.split("train").map_err(Failure::redyn)?;
    for index in 0..count {
        let image = split.image(index).map_err(Failure::redyn)?;
        let class = folder.join("train").join(&data.classes[split.label(index)]);
        fs::create_dir_all(&class).map_err(Failure::file(&class))?;
        let path = class.join(format!("{index}.jpg"));
        let file = File::create(&path).map_err(Failure::file(&path))?;
        let size = PHOTOGRAPH as u32;
        JpegEncoder::new_with_quality(file, 90)
            .write_image(&image.pixels, size, size, ExtendedColorType::Rgb8)
            .map_err(Failure::redyn)?;
    }
    Ok(())
}

/// Activations of an area, block after block the same.
struct Recording {
    plan: StorePlan,
    units: Array3<f32>,
    outputs: Array3<f32>,
}

impl Recording {
    fn of(size: Size) -> Self {
        let (blocks, block, steps, units, classes) = match size {
            Size::Full => (100, 256, 10, 512, 100),
            Size::Tiny => (4, 16, 3, 32, 10),
        };
        let mut stream = Stream::new(0, &[]);
        let mut values = |n| Array3::from_shape_fn((block, steps, n), |_| stream.unit() as f32);
        let all: Vec<usize> = (0..steps).collect();
        let plan = StorePlan {
            about: About {
                name: "made up".into(),
                classes: (0..classes).map(|class| class.to_string()).collect(),
                ..About::default()
            },
            labels: (0..blocks * block).map(|image| image % classes).collect(),
            image_ids: (0..blocks * block).map(|image| image.to_string()).collect(),
            n_steps: steps,
            outputs: Outputs::Logits,
            output_steps: all.clone(),
            taps: vec![Tap::units("gap", units, all)],
            readout: None,
            block,
        };
        Self { plan, units: values(units), outputs: values(classes) }
    }

    fn n_blocks(&self) -> usize {
        self.plan.n_images() / self.plan.block
    }

    fn megabytes(&self) -> f64 {
        (self.n_blocks() * 4 * (self.units.len() + self.outputs.len())) as f64 / 1e6
    }

    fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut writer = StoreWriter::create_or_resume(path, &self.plan).map_err(Failure::redyn)?;
        while let Some(images) = writer.next_block() {
            let taps = vec![self.units.view().into_dyn()];
            let block = BlockData { images, outputs: self.outputs.view(), taps };
            writer.write(&block).map_err(Failure::redyn)?;
        }
        writer.finish().map_err(Failure::redyn)
    }

    /// The same bytes into one file.
    fn write_plainly(&self, path: &Path, ending: PlainEnding) -> Result<(), Failure> {
        let mut file = File::create(path).map_err(Failure::file(path))?;
        let bytes: Vec<u8> =
            self.units.iter().chain(&self.outputs).flat_map(|value| value.to_le_bytes()).collect();
        for _ in 0..self.n_blocks() {
            file.write_all(&bytes).map_err(Failure::file(path))?;
        }
        match ending {
            PlainEnding::InMemory => Ok(()),
            PlainEnding::OnDisk => file.sync_all().map_err(Failure::file(path)),
        }
    }
}

/// When a plain file counts as written.
#[derive(Clone, Copy)]
enum PlainEnding {
    /// The system has it.
    InMemory,
    /// The disk has it.
    OnDisk,
}

fn seconds(work: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn writing(name: &str, folder: &Path, options: &Options) -> Result<Case, Failure> {
    let recording = Recording::of(options.size);
    let (store, file) = (folder.join("store.zarr"), folder.join("plain.bin"));
    // What is there already would be neither written again nor fairly overwritten.
    let ours = |_| {
        let taken = seconds(|| recording.write(&store))?;
        fs::remove_dir_all(&store).map_err(Failure::file(&store))?;
        Ok(taken)
    };
    let plain = |ending| {
        let (recording, file) = (&recording, &file);
        move |_| {
            let taken = seconds(|| recording.write_plainly(file, ending))?;
            fs::remove_file(file).map_err(Failure::file(file))?;
            Ok(taken)
        }
    };
    let mut contestants = [
        Contestant::new("redyn's store, finished", ours),
        Contestant::new("one plain file", plain(PlainEnding::InMemory)),
        Contestant::new("one plain file, brought to the disk", plain(PlainEnding::OnDisk)),
    ];
    let timings = alternate(&mut contestants, Effort { seconds: 0.0, ..options.effort() })?;
    drop(contestants);
    Ok(Case::new(name, "MB", recording.megabytes(), timings))
}

fn reading(name: &str, folder: &Path, options: &Options) -> Result<Case, Failure> {
    let recording = Recording::of(options.size);
    let (store, file) = (folder.join("store.zarr"), folder.join("plain.bin"));
    recording.write(&store)?;
    recording.write_plainly(&file, PlainEnding::OnDisk)?;
    let block = recording.plan.block;
    let ours = |_| {
        seconds(|| {
            let store = Store::open(&store).map_err(Failure::redyn)?;
            let trajectories = store.trajectories("gap", Spatial::Flatten).map_err(Failure::redyn)?;
            for first in (0..store.n_images()).step_by(block) {
                let read = trajectories.read_images(first..first + block).map_err(Failure::redyn)?;
                std::hint::black_box(read);
            }
            Ok(())
        })
    };
    let plain = |_| {
        seconds(|| {
            std::hint::black_box(fs::read(&file).map_err(Failure::file(&file))?);
            Ok(())
        })
    };
    let mut contestants = [Contestant::new("redyn's store", ours), Contestant::new("one plain file", plain)];
    let timings = alternate(&mut contestants, Effort { seconds: 0.0, ..options.effort() })?;
    drop(contestants);
    let mut case = Case::new(name, "MB", recording.megabytes(), timings);
    case.notes.push("from the system's cache on both sides; the store checks every chunk's checksum".into());
    Ok(case)
}
