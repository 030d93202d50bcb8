//! RDMs, their comparisons and bootstraps against rsatoolbox.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use redyn_analysis::rdm::{Comparison, Metric, Rdms, Resampling, n_pairs, similarity_matrix};
use redyn_analysis::{BrainRdms, ModelRdms, Options as AnalysisOptions, Uncertainty, compare_with_brains};
use redyn_core::random::Stream;
use redyn_engine::Cpu;
use serde_json::{Value, json};

use crate::args::{Options, Size};
use crate::failure::{Failure, agree, largest_difference};
use crate::machine::Versions;
use crate::measure::{Contestant, Effort, alternate};
use crate::peer::{Peer, number};
use crate::record::{Case, Record};

/// Both sides compute in f64.
const NUMBERS: f64 = 1e-9;
/// Replicates of a bootstrap, and of those that the peer makes.
const REPLICATES: usize = 1000;
const PEERS_REPLICATES: usize = 50;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut peer = Peer::start("rsatoolbox")?;
    println!("peer: {}", peer.interpreter());
    let mut record = Record::begin("rdm", options, Versions::here(&Cpu::new(), peer.about.clone()));
    let folder = tempfile::tempdir().map_err(Failure::file("a temporary folder"))?;
    let tiny = options.size == Size::Tiny;
    let bench = Bench { options, folder: folder.path(), peer: RefCell::new(&mut peer) };
    for (name, metric, method) in [
        ("RDMs, correlation distance", Metric::Correlation, "correlation"),
        ("RDMs, squared Euclidean distance", Metric::Euclidean, "euclidean"),
    ] {
        if options.wants(name) {
            let extent = if tiny { (2, 50, 20) } else { (10, 1000, 512) };
            record.add(bench.rdms(name, (metric, method), extent)?, options)?;
        }
    }
    for (name, comparison, method, extent) in [
        ("comparison, Spearman", Comparison::Spearman, "spearman", (40, 200)),
        ("comparison, Pearson", Comparison::Pearson, "corr", (40, 200)),
        ("comparison, Kendall's tau-a", Comparison::KendallTauA, "tau-a", (10, 100)),
    ] {
        if options.wants(name) {
            let extent = if tiny { (3, 20) } else { extent };
            record.add(bench.comparison(name, (comparison, method), extent)?, options)?;
        }
    }
    for (name, comparison, method) in [
        ("bootstrap over items, Spearman", Comparison::Spearman, "spearman"),
        ("bootstrap over items, Pearson", Comparison::Pearson, "corr"),
    ] {
        if options.wants(name) {
            record.add(bench.bootstrap(name, (comparison, method), if tiny { 20 } else { 92 })?, options)?;
        }
    }
    record.finish(options)
}

struct Bench<'a> {
    options: &'a Options,
    folder: &'a Path,
    peer: RefCell<&'a mut Peer>,
}

/// Patterns with some structure: every set mixes one of its own with a common one.
fn patterns((n_sets, n_items, n_units): (usize, usize, usize), seed: u64) -> Vec<f64> {
    let common: Vec<f64> = normal(n_items * n_units, seed, u64::MAX);
    let one = |set: usize| -> Vec<f64> {
        normal(n_items * n_units, seed, set as u64)
            .iter()
            .zip(&common)
            .map(|(own, common)| own + common)
            .collect()
    };
    (0..n_sets).flat_map(one).collect()
}

fn normal(n: usize, seed: u64, path: u64) -> Vec<f64> {
    let mut stream = Stream::new(seed, &[path]);
    (0..n).map(|_| stream.normal()).collect()
}

fn euclidean(n_sets: usize, n_items: usize, seed: u64) -> Result<Rdms, Failure> {
    Rdms::of(&patterns((n_sets, n_items, 32), seed), n_items, 32, Metric::Euclidean).map_err(Failure::redyn)
}

impl Bench<'_> {
    /// Numbers for the peer, as plain doubles.
    fn write(&self, name: &str, values: impl IntoIterator<Item = f64>) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        let bytes: Vec<u8> = values.into_iter().flat_map(f64::to_le_bytes).collect();
        std::fs::write(&path, bytes).map_err(Failure::file(&path))?;
        Ok(path)
    }

    /// Seconds of the peer, and its numbers.
    fn ask(&self, request: &Value) -> Result<(f64, Vec<f64>), Failure> {
        let answer = self.peer.borrow_mut().ask(request)?;
        let seconds = number(&answer, "seconds", request)?;
        let numbers = answer.get("numbers").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok((seconds, numbers.iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()))
    }

    fn case(
        &self,
        name: &str,
        (unit, count): (&str, f64),
        ours: &dyn Fn() -> Result<Vec<f64>, Failure>,
        request: &Value,
    ) -> Result<Case, Failure> {
        let (_, theirs) = self.ask(&with(request, 1))?;
        let difference = largest_difference(&ours()?, &theirs);
        agree(name, difference, NUMBERS)?;
        let mut contestants = [
            Contestant::new("redyn", |repetitions| {
                let start = Instant::now();
                for _ in 0..repetitions {
                    ours()?;
                }
                Ok(start.elapsed().as_secs_f64())
            }),
            Contestant::new("rsatoolbox", |repetitions| {
                self.ask(&with(request, repetitions)).map(|(seconds, _)| seconds)
            }),
        ];
        let timings = alternate(&mut contestants, self.options.effort())?;
        drop(contestants);
        let mut case = Case::new(name, unit, count, timings);
        case.difference = Some(difference);
        Ok(case)
    }

    fn rdms(
        &self,
        name: &str,
        (metric, method): (Metric, &str),
        extent: (usize, usize, usize),
    ) -> Result<Case, Failure> {
        let (n_sets, n_items, n_units) = extent;
        let patterns = patterns(extent, 1);
        let path = self.write("patterns", patterns.iter().copied())?;
        let request = json!({
            "do": "rsa.rdms", "patterns": path, "patterns_shape": [n_sets, n_items, n_units], "method": method,
        });
        let ours = || {
            let found = Rdms::of(&patterns, n_items, n_units, metric).map_err(Failure::redyn)?;
            Ok(found.iter().flat_map(|rdm| rdm[..50].to_vec()).collect())
        };
        let mut case = self.case(name, ("RDMs", n_sets as f64), &ours, &request)?;
        case.about = format!("{n_sets} RDMs of {n_items} patterns of {n_units} units");
        Ok(case)
    }

    fn comparison(
        &self,
        name: &str,
        (comparison, method): (Comparison, &str),
        (n_rdms, n_items): (usize, usize),
    ) -> Result<Case, Failure> {
        let rdms = euclidean(n_rdms, n_items, 2)?;
        let path = self.write("rdms", rdms.iter().flatten().copied())?;
        let request = json!({ "do": "rsa.comparison", "rdms": path, "rdms_shape": [n_rdms, n_pairs(n_items)], "method": method });
        let (strata, uncertainty) =
            (vec![0; n_items], Uncertainty { replicates: 0, ..Uncertainty::default() });
        let ours = || {
            let resampling = Resampling { strata: &strata, uncertainty: &uncertainty };
            let found = similarity_matrix(&rdms, comparison, &resampling).map_err(Failure::redyn)?;
            Ok(found
                .above
                .iter()
                .map(|estimate| estimate.map_or(f64::NAN, |estimate| estimate.value))
                .collect())
        };
        let mut case = self.case(name, ("comparisons", n_pairs(n_rdms) as f64), &ours, &request)?;
        case.about = format!("{n_rdms} RDMs of {n_items} items, each with each");
        Ok(case)
    }

    fn bootstrap(
        &self,
        name: &str,
        (comparison, method): (Comparison, &str),
        n_items: usize,
    ) -> Result<Case, Failure> {
        let (n_models, n_subjects) = (10, 15);
        let all = euclidean(n_models + n_subjects, n_items, 3)?;
        let part = |from: usize, to: usize| {
            Rdms::new(n_items, (from..to).flat_map(|index| all.rdm(index).to_vec()).collect())
                .map_err(Failure::redyn)
        };
        let (models, subjects) = (part(0, n_models)?, part(n_models, n_models + n_subjects)?);
        let request = json!({
            "do": "rsa.bootstrap", "method": method, "replicates": PEERS_REPLICATES,
            "models": self.write("models", models.iter().flatten().copied())?,
            "models_shape": [n_models, n_pairs(n_items)],
            "subjects": self.write("subjects", subjects.iter().flatten().copied())?,
            "subjects_shape": [n_subjects, n_pairs(n_items)],
        });
        let models = [ModelRdms {
            network: "made up".into(),
            area: "it".into(),
            items: (0..n_items).collect(),
            steps: (0..n_models).collect(),
            rdms: models,
            note: None,
        }];
        let brains = [BrainRdms { name: "made up".into(), times: vec![None], subjects: vec![subjects] }];
        let mut options = AnalysisOptions::default();
        options.rdm.comparison = comparison;
        options.uncertainty.replicates = REPLICATES;
        let ours = || -> Result<Vec<f64>, Failure> {
            let found = compare_with_brains(&models, &brains, &options).map_err(Failure::redyn)?;
            let bounds = found.ceilings[0].bounds;
            let bounds = bounds.iter().flat_map(|bounds| [bounds.lower, bounds.upper]);
            let values = found.matches.iter().map(|one| one.over_images).chain(bounds);
            Ok(values.map(|estimate| estimate.map_or(f64::NAN, |estimate| estimate.value)).collect())
        };
        let (_, theirs) = self.ask(&request)?;
        let difference = largest_difference(&ours()?, &theirs);
        agree(name, difference, NUMBERS)?;
        let mut contestants = [
            Contestant::new("redyn", |_| {
                let start = Instant::now();
                ours()?;
                Ok(start.elapsed().as_secs_f64())
            }),
            Contestant::new("rsatoolbox", |_| {
                let share = PEERS_REPLICATES as f64 / REPLICATES as f64;
                self.ask(&request).map(|(seconds, _)| seconds / share)
            }),
        ];
        // Seconds are long against the noise of one: no repetitions.
        let effort = Effort { seconds: 0.0, ..self.options.effort() };
        let mut timings = alternate(&mut contestants, effort)?;
        drop(contestants);
        timings[1].share_measured = PEERS_REPLICATES as f64 / REPLICATES as f64;
        let mut case = Case::new(name, "replicates", REPLICATES as f64, timings);
        case.about = format!(
            "{n_models} models against {n_subjects} subjects, RDMs of {n_items} items, noise ceiling"
        );
        case.difference = Some(difference);
        case.notes =
            vec!["redyn also resamples subjects and makes 1000 permutations, which its time includes".into()];
        Ok(case)
    }
}

/// The request with a number of repetitions.
fn with(request: &Value, repetitions: usize) -> Value {
    let mut request = request.clone();
    request["repetitions"] = repetitions.into();
    request
}
