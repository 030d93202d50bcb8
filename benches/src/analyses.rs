//! Analyses against loops over images and against vectorised `NumPy`.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use redyn_analysis::{
    Accuracy, Change, FutureClass, NetworkResults, NowCorrect, Options as AnalysisOptions, Request,
    Selection, Series, StableStep, Subject, Uncertainty, analyse,
};
use redyn_core::Stop;
use redyn_engine::Cpu;
use redyn_store::{Recording, Spatial};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::args::{Options, Size};
use crate::child::{Task, memory};
use crate::failure::{Failure, agree, largest_difference};
use crate::machine::Versions;
use crate::measure::{Contestant, Effort, alternate};
use crate::peer::Peer;
use crate::record::{Case, Record};
use crate::synthetic::{AREA, Extent, write_npz, write_store};

/// How far numbers of the two sides may lie apart: theirs are in f64, our store holds f32.
const NUMBERS: f64 = 1e-5;
/// In place of what does not exist on either side.
const ABSENT: f64 = -1e9;

/// Which analyses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Set {
    /// Those of the published notebook, without intervals, as it has none.
    Published,
    /// Those of the first paper and what it leaves open, with their intervals.
    FirstPaper,
    /// Everything there is, with its intervals.
    Everything,
}

const PUBLISHED: [&str; 6] =
    ["accuracy", "stable_step", "change", "now_correct", "future_class", "readout_similarity"];

/// Of one network, without others that it is compared to.
const FIRST_PAPER: [&str; 15] = [
    "accuracy",
    "stable_step",
    "change",
    "now_correct",
    "future_class",
    "readout_similarity",
    "boundary",
    "schematic",
    "zones",
    "decomposition",
    "within_zone",
    "readout_zone_simulation",
    "zone_membership",
    "convergence",
    "projection",
];

/// Analyse a store, or a published file as it lies.
pub(crate) fn analyse_file(path: &Path, set: Set) -> Result<NetworkResults, Failure> {
    let recording = Recording::open(path).map_err(Failure::redyn)?;
    let trajectories = recording.trajectories(AREA, Spatial::Flatten).map_err(Failure::redyn)?;
    let subjects = [Subject::of(&*trajectories)];
    let mut options = AnalysisOptions::default();
    let analyses = match set {
        Set::Published => {
            options.uncertainty = Uncertainty { replicates: 0, ..options.uncertainty };
            Selection::Named(&PUBLISHED)
        }
        Set::FirstPaper => Selection::Named(&FIRST_PAPER),
        Set::Everything => Selection::All,
    };
    let request = Request { subjects: &subjects, analyses, options: &options, stop: &Stop::default() };
    let mut results = analyse(&request).map_err(Failure::redyn)?;
    Ok(results.networks.remove(0))
}

/// The numbers that both sides have, in the peers' order.
fn numbers(results: &NetworkResults) -> Option<Vec<f64>> {
    let mut numbers = Vec::new();
    let mut series = |series: &Series| {
        numbers.extend(series.iter().map(|estimate| estimate.map_or(ABSENT, |estimate| estimate.value)));
    };
    series(&results.get::<Accuracy>()?.per_step);
    let norm = &results.get::<NowCorrect>()?.norm;
    let cosine = results.get::<NowCorrect>()?.cosine.as_ref()?;
    let future = results.get::<FutureClass>()?;
    for each in [&norm.correct, &norm.not_yet, &cosine.correct, &cosine.not_yet, &future.own, &future.other] {
        series(each);
    }
    for group in &results.get::<Change>()?.groups {
        series(&group.trained);
    }
    let stable = results.get::<StableStep>()?;
    numbers.extend(stable.courses.iter().map(|share| share.count as f64));
    numbers.extend(stable.correct_by_step.iter().map(|&n| n as f64));
    Some(numbers)
}

/// The peers, as (module, what it is called).
const NOTEBOOK: (&str, &str) = ("notebook", "loops, as the published notebook");
const VECTORISED: (&str, &str) = ("vectorised", "NumPy, vectorised");

struct Bench<'a> {
    options: &'a Options,
    extent: Extent,
    npz: PathBuf,
    store: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut peer = Peer::start("numpy")?;
    println!("peer: {}", peer.interpreter());
    let mut record = Record::begin("analyses", options, Versions::here(&Cpu::new(), peer.about.clone()));
    let folder = tempfile::tempdir().map_err(Failure::file("a temporary folder"))?;
    let folder = folder.path();
    check(&mut peer, folder)?;
    let extent = match options.size {
        Size::Full => Extent { images: 25_000, steps: 10, units: 512, classes: 100 },
        Size::Tiny => Extent { images: 1000, steps: 5, units: 32, classes: 10 },
    };
    let sets = [Set::Published, Set::FirstPaper, Set::Everything];
    if sets.iter().any(|&set| options.wants(title(set))) {
        let store = write_store(extent, folder.join("made-up.zarr"))?;
        let npz = write_npz(&store, folder.join("made-up.npz"))?;
        let bench = Bench { options, extent, npz, store };
        for set in sets.into_iter().filter(|&set| options.wants(title(set))) {
            record.add(bench.measure(set, &mut peer)?, options)?;
        }
        std::fs::remove_file(&bench.npz).map_err(Failure::file(&bench.npz))?;
        std::fs::remove_dir_all(&bench.store).map_err(Failure::file(&bench.store))?;
    }
    let shares = [8, 4, 2, 1];
    let by_images = shares.map(|share| Extent { images: extent.images / share, ..extent });
    let few = Extent { images: extent.images / 8, ..extent };
    let by_steps = shares.map(|share| Extent { steps: 8 * extent.steps / share, ..few });
    for (name, extents) in [("scaling with images", by_images), ("scaling with steps", by_steps)] {
        if options.wants(name) {
            record.add(scaling(name, &extents, folder, options)?, options)?;
        }
    }
    record.finish(options)
}

fn title(set: Set) -> &'static str {
    match set {
        Set::Published => "the published analyses, values only",
        Set::FirstPaper => "the analyses of the first paper, with intervals",
        Set::Everything => "every analysis, with intervals",
    }
}

/// Both peers and ours give the same numbers, on data small enough for loops over all pairs.
fn check(peer: &mut Peer, folder: &Path) -> Result<(), Failure> {
    let extent = Extent { images: 1500, steps: 6, units: 64, classes: 10 };
    let store = write_store(extent, folder.join("check.zarr"))?;
    let npz = write_npz(&store, folder.join("check.npz"))?;
    for set in [Set::Published, Set::FirstPaper] {
        let ours = numbers(&analyse_file(&npz, set)?);
        let ours =
            ours.ok_or_else(|| Failure::Child { what: "the check".into(), why: "no result".into() })?;
        for (module, name) in [NOTEBOOK, VECTORISED] {
            let (_, theirs) = ask(peer, module, &npz, set, 1)?;
            let what = format!("{} ({name})", title(set));
            agree(&what, largest_difference(&ours, &theirs), NUMBERS)?;
        }
    }
    std::fs::remove_dir_all(&store).map_err(Failure::file(&store))?;
    std::fs::remove_file(&npz).map_err(Failure::file(&npz))
}

/// Seconds a peer takes, and its numbers. Of every loop over images only each `every`-th pass is
/// made; the seconds are those of the loops times `every`, and those of reading the file.
fn ask(
    peer: &mut Peer,
    module: &str,
    npz: &Path,
    set: Set,
    every: usize,
) -> Result<(f64, Vec<f64>), Failure> {
    let request = json!({ "do": format!("{module}.analyse"), "npz": npz, "set": set, "every": every });
    let answer = peer.ask(&request)?;
    let seconds = crate::peer::number(&answer, "seconds", &request)?;
    let numbers = answer.get("numbers").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok((seconds, numbers.iter().map(|number| number.as_f64().unwrap_or(ABSENT)).collect()))
}

impl Bench<'_> {
    fn measure(&self, set: Set, peer: &mut Peer) -> Result<Case, Failure> {
        // Of the loops one pass in so many is made, so that a round takes seconds, not minutes.
        let every = if self.options.size == Size::Full { 20 } else { 2 };
        let peers = match set {
            Set::Published => vec![NOTEBOOK, VECTORISED],
            Set::FirstPaper => vec![VECTORISED],
            Set::Everything => Vec::new(),
        };
        let cell = RefCell::new(peer);
        let timed = |run: &dyn Fn() -> Result<NetworkResults, Failure>| {
            let start = Instant::now();
            run()?;
            Ok(start.elapsed().as_secs_f64())
        };
        // Seconds of analyses are long against the noise of one: no repetitions.
        let mut contestants = vec![
            Contestant::new("redyn, from the .npz", |_| timed(&|| analyse_file(&self.npz, set))),
            Contestant::new("redyn, from its store", |_| timed(&|| analyse_file(&self.store, set))),
            Contestant::new(READING, |_| read(&self.npz)),
        ];
        let first_peer = contestants.len();
        for (module, name) in peers.iter().copied() {
            let (cell, every) = (&cell, if module == NOTEBOOK.0 { every } else { 1 });
            contestants.push(Contestant::new(format!("{name}, from the .npz"), move |_| {
                ask(&mut cell.borrow_mut(), module, &self.npz, set, every).map(|(seconds, _)| seconds)
            }));
        }
        let effort = Effort { seconds: 0.0, ..self.options.effort() };
        let mut timings = alternate(&mut contestants, effort)?;
        drop(contestants);
        if set == Set::Published {
            timings[first_peer].share_measured = 1.0 / every as f64;
        }
        let mut case = Case::new(title(set), "images", self.extent.images as f64, timings);
        case.about = format!("{:?}, {} MB", self.extent, self.extent.bytes() / 1_000_000);
        for (name, path) in [("redyn, from the .npz", &self.npz), ("redyn, from its store", &self.store)] {
            case.memory.push(memory(name, &Task::Analyses { path: path.clone(), set })?);
        }
        for (module, name) in peers {
            let mut fresh = Peer::start("numpy")?;
            let before = fresh.peak()?;
            let every = if module == NOTEBOOK.0 { every } else { 1 };
            ask(&mut fresh, module, &self.npz, set, every)?;
            case.memory.push(fresh.memory(&format!("{name}, from the .npz"), before)?);
        }
        case.notes = match set {
            Set::Published => vec![
                "values only on every side; the dendrogram is made by redyn and, where SciPy is there, by the peers"
                    .into(),
            ],
            Set::FirstPaper => vec![
                "1000 bootstrap replicates on both sides; NumPy leaves out distances to zones from outside, \
                 permutation tests and projections, which redyn's time includes"
                    .into(),
            ],
            Set::Everything => vec![
                "with RDMs, prototypes, neighbours and dimensions: nothing else does all of it, ratios are to the .npz"
                    .into(),
            ],
        };
        Ok(case)
    }
}

/// What nobody is faster than.
const READING: &str = "reading the .npz, nothing else";

/// Seconds that it takes to look at every byte of a file once.
fn read(path: &Path) -> Result<f64, Failure> {
    let start = Instant::now();
    let mut file = File::open(path).map_err(Failure::file(path))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).map_err(Failure::file(path))?;
        if n == 0 {
            return Ok(start.elapsed().as_secs_f64());
        }
        std::hint::black_box(&buffer[..n]);
    }
}

/// Time and memory of everything at several sizes; ratios are to the smallest.
fn scaling(name: &str, extents: &[Extent; 4], folder: &Path, options: &Options) -> Result<Case, Failure> {
    let stores: Vec<PathBuf> = extents
        .iter()
        .enumerate()
        .map(|(index, &extent)| write_store(extent, folder.join(format!("size-{index}.zarr"))))
        .collect::<Result<_, _>>()?;
    let label = |extent: &Extent| format!("redyn, {} images x {} steps", extent.images, extent.steps);
    let mut contestants: Vec<Contestant> = extents
        .iter()
        .zip(&stores)
        .map(|(extent, store)| {
            Contestant::new(label(extent), move |repetitions| {
                let start = Instant::now();
                for _ in 0..repetitions {
                    analyse_file(store, Set::Everything)?;
                }
                Ok(start.elapsed().as_secs_f64())
            })
        })
        .collect();
    let effort = Effort { rounds: options.effort().rounds.min(3), ..options.effort() };
    let timings = alternate(&mut contestants, effort)?;
    drop(contestants);
    let mut case = Case::new(name, "runs", 1.0, timings);
    case.about = format!("{}, from the store; ratios to the smallest", title(Set::Everything));
    for (extent, store) in extents.iter().zip(stores) {
        let task = Task::Analyses { path: store.clone(), set: Set::Everything };
        case.memory.push(memory(&label(extent), &task)?);
        std::fs::remove_dir_all(&store).map_err(Failure::file(&store))?;
    }
    Ok(case)
}
