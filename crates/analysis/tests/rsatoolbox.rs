//! RDMs, their comparisons and noise ceilings are those of rsatoolbox.
//!
//! The Python that `REDYN_PYTHON` names is asked, if it has rsatoolbox; else the test says that it
//! is skipped.

use std::io::Write;
use std::process::{Command, Stdio};

use redyn_analysis::Uncertainty;
use redyn_analysis::rdm::{Comparison, Metric, Rdms, Resampling, noise_ceiling, similarity_matrix};
use redyn_core::random::Stream;
use serde_json::{Value, json};

const ASK: &str = r#"
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
import rsatoolbox
from rsatoolbox.data import Dataset
from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
from rsatoolbox.rdm import RDMs, calc_rdm, compare

given = json.load(sys.stdin)
sets = np.array(given["patterns"])
items = [f"item{i:03d}" for i in range(sets.shape[1])]
found = {}
data = [Dataset(x, obs_descriptors={"item": items}) for x in sets]
for method in ("correlation", "euclidean"):
    found[method] = calc_rdm(data, method=method, descriptor="item").get_vectors().tolist()
folds = np.concatenate(list(sets))
runs = np.repeat(np.arange(len(sets)), len(items))
one = Dataset(folds, obs_descriptors={"item": items * len(sets), "run": runs})
found["crossnobis"] = calc_rdm(one, method="crossnobis", descriptor="item", cv_descriptor="run").get_vectors().tolist()
rdms = RDMs(np.array(given["rdms"]))
above = np.triu_indices(len(given["rdms"]), 1)
for method in ("spearman", "corr", "tau-a", "cosine"):
    found[method] = compare(rdms, rdms, method)[above].tolist()
    found[method + " ceiling"] = [float(np.mean(x)) for x in boot_noise_ceiling(rdms, method=method)]
json.dump(found, sys.stdout)
"#;

/// Sums in another order, in f64 on both sides.
const ROUNDING: f64 = 1e-10;

fn ask(given: &Value) -> Result<Value, String> {
    let python = std::env::var("REDYN_PYTHON").map_err(|_| "REDYN_PYTHON names no Python".to_owned())?;
    let has = Command::new(&python).args(["-c", "import rsatoolbox"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        return Err(format!("{python} has no rsatoolbox"));
    }
    let process =
        Command::new(&python).args(["-c", ASK]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut process = process.expect("it has just run");
    let mut input = process.stdin.take().expect("piped");
    input.write_all(given.to_string().as_bytes()).expect("it reads");
    drop(input);
    let output = process.wait_with_output().expect("it ends");
    assert!(output.status.success(), "rsatoolbox refused");
    Ok(serde_json::from_slice(&output.stdout).expect("it answers in JSON"))
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

#[track_caller]
fn same(what: &str, found: impl IntoIterator<Item = f64>, expected: &Value) {
    let (found, expected) = (found.into_iter().collect::<Vec<f64>>(), numbers(expected));
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() < ROUNDING, "{what}: {a} {b}");
    }
}

#[test]
fn dissimilarities_comparisons_and_ceilings_are_those_of_rsatoolbox() {
    let (n_sets, n_items, n_units) = (4, 12, 7);
    let mut stream = Stream::new(17, &[]);
    let patterns: Vec<f64> = (0..n_sets * n_items * n_units).map(|_| stream.normal() + 0.5).collect();
    let rdms = Rdms::of(&patterns, n_items, n_units, Metric::Euclidean).unwrap();
    // Rounded, so that there are ties.
    let rounded = rdms.iter().flatten().map(|x| (4.0 * x).round()).collect();
    let rdms = Rdms::new(n_items, rounded).unwrap();
    let nested: Vec<Vec<&[f64]>> =
        patterns.chunks_exact(n_items * n_units).map(|set| set.chunks_exact(n_units).collect()).collect();
    let given = json!({ "patterns": nested, "rdms": rdms.iter().collect::<Vec<_>>() });
    let theirs = match ask(&given) {
        Ok(theirs) => theirs,
        Err(reason) => {
            eprintln!("skipped: {reason}");
            return;
        }
    };
    for (metric, name) in [(Metric::Correlation, "correlation"), (Metric::Euclidean, "euclidean")] {
        let found = Rdms::of(&patterns, n_items, n_units, metric).unwrap();
        same(name, found.iter().flatten().copied(), &theirs[name]);
    }
    let found = Rdms::crossnobis(&patterns, n_items, n_units).unwrap();
    same("crossnobis", found.rdm(0).iter().copied(), &theirs["crossnobis"]);
    let (strata, uncertainty) = (vec![0; n_items], Uncertainty { replicates: 0, ..Uncertainty::default() });
    let resampling = Resampling { strata: &strata, uncertainty: &uncertainty };
    for (comparison, name) in [
        (Comparison::Spearman, "spearman"),
        (Comparison::Pearson, "corr"),
        (Comparison::KendallTauA, "tau-a"),
        (Comparison::Cosine, "cosine"),
    ] {
        let found = similarity_matrix(&rdms, comparison, &resampling).unwrap();
        same(name, found.above.iter().map(|estimate| estimate.unwrap().value), &theirs[name]);
        let bounds = noise_ceiling(&rdms, comparison, &resampling).unwrap();
        let found = [bounds.lower.unwrap().value, bounds.upper.unwrap().value];
        same(&format!("{name} ceiling"), found, &theirs[format!("{name} ceiling")]);
    }
}
