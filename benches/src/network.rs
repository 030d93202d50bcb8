//! Networks against PyTorch: the published loop, and the same with its drives hoisted by hand.

use std::path::Path;

use redyn_burn::{Job, Kind, run_on};
use redyn_engine::{Engine, Precision};
use serde_json::{Value, json};

use crate::args::{Compile, NetworkOptions, Place, Size};
use crate::child::{Task, memory};
use crate::failure::{Failure, agree, largest_difference};
use crate::machine::Versions;
use crate::measure::{Contestant, alternate};
use crate::ours::{Ours, Setup, What};
use crate::peer::Peer;
use crate::record::{Case, Memory, Record};

/// How far log-probabilities may lie apart.
const LOG_PROBABILITIES: f64 = 1e-3;
/// How far losses may lie apart, as a share: before the first update, and before the second.
const LOSSES: f64 = 1e-3;
/// The same where one of the sides rounds products: to bf16 or f16 as asked for, or PyTorch to
/// TF32 on NVIDIA, as it does of itself. They are there to catch another network, not rounding.
const ROUNDED_LOG_PROBABILITIES: f64 = 5e-2;
const ROUNDED_LOSSES: f64 = 1e-2;
/// Seconds that compiling may take until it is given up.
const COMPILING: u64 = 900;
/// Seconds of a timing that chooses between modes.
const TRIAL: f64 = 0.3;

/// A version of the peer: what it calls it, and what we do.
type Variant = (&'static str, &'static str);

const VARIANTS: [Variant; 2] =
    [("published", "PyTorch, published loop"), ("hoisted", "PyTorch, drives hoisted")];

/// A network and what is timed of it.
#[derive(Clone)]
struct Timed {
    /// Short name.
    name: &'static str,
    /// The zoo's.
    spec: &'static str,
    what: What,
    steps: usize,
    batch: usize,
    variants: &'static [Variant],
}

impl Timed {
    fn name(&self) -> String {
        let what = match self.what {
            What::Forward => "forward",
            What::Train => "training step",
        };
        format!("{} {what} T={} batch {}", self.name, self.steps, self.batch)
    }
}

/// The lateral-additive network, full size and as `redyn demo` trains it.
const LA: [&str; 2] = ["blt64", "blt64:width=0.125,image_size=32,classes=16"];
const LTA: &str = "blt64:top_down=1";
const SMALL_TM: &str =
    "blt64:lateral=0,top_down=1,interaction=multiplicative,width=0.125,image_size=32,classes=16";

fn cases(size: Size, place: Place) -> Vec<Timed> {
    use What::{Forward, Train};
    let (large, small) =
        ([("blt64 LA", LA[0]), ("blt64 LTA", LTA)], [("small LA", LA[1]), ("small TM", SMALL_TM)]);
    let of = |networks: [(&'static str, &'static str); 2], runs: &[(What, usize)], batch| {
        let timed = |(name, spec): (&'static str, &'static str)| {
            runs.iter()
                .map(move |&(what, steps)| Timed { name, spec, what, steps, batch, variants: &VARIANTS })
                .collect::<Vec<_>>()
        };
        networks.into_iter().flat_map(timed).collect::<Vec<_>>()
    };
    match size {
        Size::Full if place.is_cpu() => {
            let large_runs = [(Forward, 10), (Forward, 80), (Train, 10)];
            let small_runs = [(Forward, 6), (Train, 6), (Train, 10)];
            [of(large, &large_runs, 16), of(small, &small_runs, 16)].concat()
        }
        Size::Full => [256, 1024].map(|batch| of(large, &[(Forward, 10), (Train, 10)], batch)).concat(),
        Size::Tiny => of(small, &[(Forward, 3), (Forward, 12), (Train, 3)], 2),
    }
}

/// Networks of the catalogue as their authors run them.
fn catalogue(size: Size) -> Vec<Timed> {
    let networks: [(&str, [&str; 2], usize, usize); 4] = [
        ("CORnet-RT", ["cornet_rt", "cornet_rt:width=0.125,image_size=64,classes=10"], 5, 8),
        ("BL", ["bl", "bl:width=0.125,image_size=64,classes=10"], 8, 4),
        (
            "rgc_intermediate",
            ["rgc_intermediate", "rgc_intermediate:width=0.125,image_size=64,classes=10"],
            17,
            4,
        ),
        ("LRM3", ["lrm3", "lrm3:width=0.125,image_size=128,classes=10"], 2, 16),
    ];
    let timed = |(name, [full, tiny], steps, batch): (_, [&'static str; 2], _, _)| Timed {
        name,
        spec: if size == Size::Full { full } else { tiny },
        what: What::Forward,
        steps,
        batch: if size == Size::Full { batch } else { 2 },
        variants: &VARIANTS[..1],
    };
    networks.map(timed).into()
}

pub(crate) fn run(options: &NetworkOptions) -> Result<(), Failure> {
    let cases = cases(options.common.size, options.place);
    run_on(options.place.device, options.place.precision, Bench { options, cases, name: "network" })
        .map_err(Failure::redyn)?
}

pub(crate) fn run_catalogue(options: &NetworkOptions) -> Result<(), Failure> {
    let cases = catalogue(options.common.size);
    run_on(options.place.device, options.place.precision, Bench { options, cases, name: "catalogue" })
        .map_err(Failure::redyn)?
}

struct Bench<'a> {
    options: &'a NetworkOptions,
    cases: Vec<Timed>,
    name: &'static str,
}

impl Job for Bench<'_> {
    type Output = Result<(), Failure>;

    fn run<E: Engine>(self, engine: &E) -> Result<(), Failure> {
        let NetworkOptions { common: options, place } = self.options;
        let mut peer = Peer::start("torch")?;
        println!("ours: {}\npeer: {} on {}", engine.path(), peer.interpreter(), place.peers());
        let benchmark = match place.device.kind {
            Kind::Cpu => self.name.to_owned(),
            kind => format!("{}-{}-{}", self.name, kind.name(), place.precision),
        };
        let mut record = Record::begin(&benchmark, options, Versions::here(engine, peer.about.clone()));
        for timed in self.cases.iter().filter(|timed| options.wants(&timed.name())) {
            let folder = tempfile::tempdir().map_err(Failure::file("a temporary folder"))?;
            let case = measure(timed, engine, &mut peer, folder.path(), self.options)?;
            record.add(case, options)?;
        }
        record.finish(options)
    }
}

fn measure<E: Engine>(
    timed: &Timed,
    engine: &E,
    peer: &mut Peer,
    folder: &Path,
    options: &NetworkOptions,
) -> Result<Case, Failure> {
    let NetworkOptions { common: options, place } = options;
    let setup = Setup::write(timed.spec, timed.steps, timed.batch, folder)?;
    let of = |variant| Trial { timed, setup: &setup, variant, place: *place };
    let mut notes = Vec::new();
    let mut chosen = Vec::new();
    for &(variant, _) in timed.variants {
        chosen.push(of(variant).best_mode(peer, options.compile, &mut notes)?);
    }
    // Choosing may have restarted the peer or left compiled code behind: prepare what won anew.
    peer.ask(&json!({ "do": "network.drop" }))?;
    let mut difference: f64 = 0.0;
    for (&(variant, _), mode) in timed.variants.iter().zip(&chosen) {
        of(variant).load(peer, mode)?;
        difference = difference.max(of(variant).check(peer, engine, folder)?);
    }
    let peer = std::cell::RefCell::new(peer);
    let mut ours = Ours::load(engine, &setup, place.parts())?;
    let mut contestants = vec![Contestant::new("redyn", |n| Ok(ours.seconds(timed.what, n)))];
    for (&(variant, title), mode) in timed.variants.iter().zip(&chosen) {
        let (peer, trial) = (&peer, of(variant));
        contestants.push(Contestant::new(format!("{title}, {mode}"), move |n| {
            trial.seconds(&mut peer.borrow_mut(), n)
        }));
    }
    let timings = alternate(&mut contestants, options.effort())?;
    let mut case = Case::new(&timed.name(), "images", timed.batch as f64, timings);
    case.about = timed.spec.into();
    case.difference = Some(difference);
    // A process's memory says nothing of a device's.
    if place.device.kind == Kind::Cpu {
        case.memory = memories(timed, &setup, &chosen, *place)?;
    }
    case.notes = notes;
    Ok(case)
}

/// Peak memory of each side in a process of its own.
fn memories(timed: &Timed, setup: &Setup, modes: &[String], place: Place) -> Result<Vec<Memory>, Failure> {
    let mut memories = vec![memory("redyn", &Task::Network { setup: setup.clone(), what: timed.what })?];
    for (&(variant, title), mode) in timed.variants.iter().zip(modes) {
        // Compilers need memory of their own, which is not the network's.
        let mode = mode.trim_start_matches("compiled+");
        let trial = Trial { timed, setup, variant, place };
        let mut peer = Peer::start("torch")?;
        trial.load(&mut peer, mode)?;
        let before = peer.peak()?;
        trial.seconds(&mut peer, 2)?;
        memories.push(peer.memory(&format!("{title}, {mode}"), before)?);
    }
    Ok(memories)
}

/// One version of the peer for one case.
struct Trial<'a> {
    timed: &'a Timed,
    setup: &'a Setup,
    variant: &'static str,
    place: Place,
}

impl Trial<'_> {
    fn load(&self, peer: &mut Peer, mode: &str) -> Result<(), Failure> {
        let network = architecture(self.timed.spec)?;
        let request = json!({
            "do": "network.load", "name": self.variant, "variant": self.variant, "mode": mode,
            "device": self.place.peers(), "network": network, "steps": self.timed.steps,
            "weights": self.setup.weights, "images": self.setup.images,
        });
        peer.ask(&request).map(drop)
    }

    fn request(&self, repetitions: usize) -> Value {
        json!({
            "do": "network.seconds", "name": self.variant, "what": self.timed.what,
            "repetitions": repetitions,
        })
    }

    fn seconds(&self, peer: &mut Peer, repetitions: usize) -> Result<f64, Failure> {
        peer.number(&self.request(repetitions), "seconds")
    }

    /// The fastest mode: either memory format, in f32 or in whatever the peer rounds to, then that
    /// one compiled.
    fn best_mode(
        &self,
        peer: &mut Peer,
        compile: Compile,
        notes: &mut Vec<String>,
    ) -> Result<String, Failure> {
        let mut times = Vec::new();
        for mode in self.place.peers_modes() {
            self.attempt(peer, mode.clone(), &mut times, notes, |peer| {
                self.load(peer, &mode)?;
                self.seconds(peer, 1)?;
                self.rough(peer)
            })?;
        }
        let Some(fastest) = times.first().map(|(_, mode)| mode.clone()) else {
            let (request, why) = (self.timed.name(), notes.join("; "));
            return Err(Failure::Peer { request, why });
        };
        if compile == Compile::Try && peer.compiles() {
            for compiler in self.place.compilers() {
                let mode = format!("{compiler}+{fastest}");
                self.attempt(peer, mode.clone(), &mut times, notes, |peer| self.compiled(peer, &mode))?;
            }
        }
        let tried: Vec<String> =
            times.iter().map(|(seconds, mode)| format!("{mode} {seconds:.3} s")).collect();
        notes.push(format!("{}: tried {}", self.variant, tried.join(", ")));
        Ok(times.swap_remove(0).1)
    }

    /// Time a mode and keep the fastest first; one that the peer does not have becomes a note.
    fn attempt(
        &self,
        peer: &mut Peer,
        mode: String,
        times: &mut Vec<(f64, String)>,
        notes: &mut Vec<String>,
        time: impl FnOnce(&mut Peer) -> Result<f64, Failure>,
    ) -> Result<(), Failure> {
        match time(peer) {
            Ok(seconds) => times.push((seconds, mode)),
            Err(failure @ (Failure::Peer { .. } | Failure::PeerSlow { .. } | Failure::PeerEnded { .. })) => {
                let why = failure.to_string();
                let why = why.lines().next().unwrap_or("");
                notes.push(format!("{}: {mode} left out: {why}", self.variant));
            }
            Err(other) => return Err(other),
        }
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(())
    }

    /// Seconds of one repetition: the better of two short timings.
    fn rough(&self, peer: &mut Peer) -> Result<f64, Failure> {
        let once = self.seconds(peer, 1)?;
        let repetitions = (TRIAL / once).ceil().clamp(1.0, 100.0) as usize;
        let again = self.seconds(peer, repetitions)? / repetitions as f64;
        Ok(once.min(again))
    }

    /// Seconds of a compiled mode, once it is compiled.
    fn compiled(&self, peer: &mut Peer, mode: &str) -> Result<f64, Failure> {
        self.load(peer, mode)?;
        for _ in 0..2 {
            peer.ask_within(&self.request(1), COMPILING)?;
        }
        self.rough(peer)
    }

    /// Both sides give the same numbers; how far they lie apart.
    fn check<E: Engine>(&self, peer: &mut Peer, engine: &E, folder: &Path) -> Result<f64, Failure> {
        let rounded = !self.place.is_cpu() || self.place.precision != Precision::F32;
        let (in_log_probabilities, in_losses) =
            if rounded { (ROUNDED_LOG_PROBABILITIES, ROUNDED_LOSSES) } else { (LOG_PROBABILITIES, LOSSES) };
        let mut ours = Ours::load(engine, self.setup, self.place.parts())?;
        let name = format!("{}, {}", self.timed.name(), self.variant);
        let out = folder.join("log_probabilities.bin");
        peer.ask(&json!({ "do": "network.log_probabilities", "name": self.variant, "out": out }))?;
        let bytes = std::fs::read(&out).map_err(Failure::file(&out))?;
        let theirs: Vec<f64> =
            bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect();
        let difference = largest_difference(&ours.forward(), &theirs);
        agree(&format!("log-probabilities of {name}"), difference, in_log_probabilities)?;
        if self.timed.what == What::Train {
            // In f16 the first updates may be left out, on either side.
            let updates = if self.place.precision == Precision::F16 { 1 } else { 2 };
            let request = json!({ "do": "network.losses", "name": self.variant, "updates": updates });
            let answer = peer.ask(&request)?;
            let losses = answer.get("losses").and_then(Value::as_array).cloned().unwrap_or_default();
            let theirs: Vec<f64> = losses.iter().filter_map(Value::as_f64).collect();
            let ours: Vec<f64> = (0..updates).map(|_| ours.train()).collect();
            let share = largest_difference(&ours, &theirs) / ours[0].abs();
            agree(&format!("losses before and after an update of {name}"), share, in_losses)?;
        }
        Ok(difference)
    }
}

/// A network of the zoo as the peer's constructor takes it: sizes of a BLT network, which others
/// take from their weights.
fn architecture(spec: &str) -> Result<Value, Failure> {
    let network = redyn_zoo::build(spec).map_err(Failure::redyn)?;
    if network.spec.name != "blt64" {
        return Ok(json!({ "name": network.spec.name }));
    }
    let is = |key: &str, value: &str| network.spec.settings().any(|setting| setting == (key, value));
    let channels = |layer: &str| {
        let parameters = network.graph.parameters();
        let name = format!("{layer}.weight");
        parameters.iter().find(|parameter| parameter.name == name).map_or(0, |parameter| parameter.shape[0])
    };
    let layers = ["retina", "v1.bottom_up", "v2.bottom_up", "v4.bottom_up", "it.bottom_up"];
    Ok(json!({
        "name": network.spec.name,
        "channels": layers.map(channels),
        "size": network.card.image_size,
        "classes": network.card.classes,
        "lateral": is("lateral", "1"),
        "top_down": is("top_down", "1"),
        "multiplicative": is("interaction", "multiplicative"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_list() -> Vec<Vec<Timed>> {
        let place = |device: &str| Place { device: device.parse().unwrap(), precision: Precision::F32 };
        vec![
            cases(Size::Full, place("cpu")),
            cases(Size::Full, place("cuda")),
            cases(Size::Tiny, place("cpu")),
            catalogue(Size::Full),
            catalogue(Size::Tiny),
        ]
    }

    #[test]
    fn every_network_that_is_timed_has_an_architecture() {
        for timed in every_list().iter().flatten() {
            let architecture = architecture(timed.spec).unwrap();
            let sizes = architecture["channels"].as_array();
            assert_eq!(sizes.is_some(), timed.variants.len() == 2, "{}", timed.name());
            let mut sizes = sizes.into_iter().flatten();
            assert!(sizes.all(|count| count.as_u64().unwrap() > 0), "{}", timed.name());
        }
        assert_eq!(architecture(SMALL_TM).unwrap()["multiplicative"], true);
        assert_eq!(architecture(LTA).unwrap()["channels"], json!([32, 64, 128, 256, 512]));
    }

    #[test]
    fn names_of_cases_differ() {
        for list in every_list() {
            let mut names: Vec<String> = list.iter().map(Timed::name).collect();
            let n = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), n);
        }
    }

    #[test]
    fn gpus_are_measured_at_the_batches_they_are_made_for() {
        let names: Vec<String> = every_list()[1].iter().map(Timed::name).collect();
        assert!(names.contains(&"blt64 LA training step T=10 batch 1024".to_owned()));
        assert!(names.contains(&"blt64 LTA forward T=10 batch 256".to_owned()));
    }
}
