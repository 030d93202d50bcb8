//! The second paper's numbers: 100 `ImageNet` classes, 50 validation images each.
//!
//! Whether a network's geometry is that of its logits or of its penultimate area is the paper's
//! choice, per network, and so are the states compared.

use crate::categories::Stage;
use crate::categories::distribution::moments;
use crate::categories::prototypes::Prototypes;
use crate::categories::staged::Staged;
use crate::global_geometry::{centred, statistics};
use crate::judge::Individual;
use crate::published::Compared;
use crate::{Centroid, Error, Material};

/// Numbers of a network with two states, as printed.
struct Row {
    network: &'static str,
    /// Where its geometry is looked at.
    stage: Stage,
    /// Percent: before and after.
    top_one: [f64; 2],
    top_five: [f64; 2],
    /// Nearest centroid at the features, each image part of its own: percent.
    centroid: [f64; 2],
    /// Cluster change; in percent; shift; between change in percent; order.
    geometry: [f64; 5],
}

const ROWS: &[Row] = &[
    Row {
        network: "LRM3",
        stage: Stage::Decision,
        top_one: [57.36, 58.98],
        top_five: [79.84, 81.56],
        centroid: [80.60, 83.20],
        geometry: [-0.031, -6.516, 0.017, 0.207, 0.955],
    },
    Row {
        network: "LRA3",
        stage: Stage::Decision,
        top_one: [57.74, 58.48],
        top_five: [79.86, 81.34],
        centroid: [80.86, 82.68],
        geometry: [-0.021, -4.456, 0.010, 0.181, 0.973],
    },
    Row {
        network: "BL",
        stage: Stage::Decision,
        top_one: [51.06, 57.02],
        top_five: [75.76, 80.96],
        centroid: [75.98, 83.44],
        geometry: [0.014, 6.584, 0.028, 3.905, 0.977],
    },
    Row {
        network: "CORnet-RT",
        stage: Stage::Feature,
        top_one: [0.30, 56.20],
        top_five: [1.76, 79.68],
        centroid: [52.52, 75.90],
        geometry: [-0.100, -38.819, 0.441, 3.380, 0.804],
    },
    Row {
        network: "ConvRNN",
        stage: Stage::Decision,
        top_one: [67.96, 70.90],
        top_five: [88.92, 90.38],
        centroid: [90.04, 90.14],
        geometry: [0.023, 11.528, 0.018, 2.125, 0.978],
    },
];

/// Networks with one state: top-1 and nearest centroid at the features, in percent.
const SINGLE: &[(&str, [f64; 2])] = &[
    ("AlexNet", [55.96, 77.32]),
    ("B", [53.74, 78.26]),
    ("VGG-16", [70.34, 88.54]),
    ("ResNet-50", [78.68, 93.68]),
    ("ResNet-101", [79.72, 94.60]),
    ("ResNet-50 robust", [53.66, 72.68]),
];

/// Mean and standard deviation over pairs of raw distances at the logits, last state last.
const ORTHOGONALITY: &[(&str, &[[f64; 2]])] = &[
    ("LRM3", &[[0.958, 0.124], [0.959, 0.115]]),
    ("AlexNet", &[[0.805, 0.371]]),
    ("CORnet-RT", &[[0.397, 0.200], [0.807, 0.375]]),
    ("ResNet-101", &[[0.991, 0.061]]),
];

/// Nearest centroid at the logits before, in percent.
const CENTROID_AT_LOGITS: &[(&str, f64)] = &[("CORnet-RT", 43.6), ("ConvRNN", 82.0)];

/// ConvRNN from four steps earlier: cluster change, in percent, shift, between change, order.
const EARLIER: (&str, usize, [f64; 5]) = ("ConvRNN", 4, [0.046, 26.8, 0.183, 14.6, 0.899]);

const GEOMETRY: [(&str, &str); 5] = [
    ("cluster change", "1 - cosine"),
    ("cluster change, percent", "%"),
    ("prototype shift", "1 - cosine"),
    ("between change", "%"),
    ("order of prototypes, rho", ""),
];

/// Images of 5,000 whose answer may differ, in percent: decoders of JPEG differ by single levels.
const ANSWERS: f64 = 0.2;
/// The last of three decimals, for as many images.
const DISTANCE: f64 = 0.001;
/// Percents of distances near 0.1 to 0.5.
const PERCENT: f64 = 0.3;

/// The published numbers of a network beside ours.
///
/// # Errors
/// Whatever the source of the trajectories reports.
pub(crate) fn luo2026(network: &str, individual: &Individual) -> Result<Vec<Compared>, Error> {
    let material = &individual.material;
    let [base, after] = material.states()?;
    let mut found = Vec::new();
    let mut add = |quantity: String, unit: &str, published: f64, tolerance: f64, ours: Option<f64>| {
        let (figure, unit) = ("4.4".to_owned(), unit.to_owned());
        found.push(Compared { figure, quantity, unit, published, ours, tolerance });
    };
    let answers = |k: usize, step: usize| top(material, k, step).map(|share| Some(100.0 * share));
    let centroid = |stage: Stage, step: usize| centroid(material, stage, step);
    let words = ["before", "after"];
    if let Some(row) = ROWS.iter().find(|row| row.network == network) {
        for (at, step) in [base, after].into_iter().enumerate() {
            add(format!("top-1 {}", words[at]), "%", row.top_one[at], ANSWERS, answers(1, step)?);
            add(format!("top-5 {}", words[at]), "%", row.top_five[at], ANSWERS, answers(5, step)?);
            let ours = centroid(Stage::Feature, step)?;
            add(format!("nearest centroid, features, {}", words[at]), "%", row.centroid[at], ANSWERS, ours);
        }
        let ours = geometry(material, row.stage, [base, after])?;
        for (((name, unit), published), ours) in GEOMETRY.into_iter().zip(row.geometry).zip(ours) {
            let tolerance = if unit == "%" { PERCENT } else { DISTANCE };
            add(format!("{name} ({})", row.stage.words()), unit, published, tolerance, ours);
        }
        let (name, earlier, numbers) = EARLIER;
        if let (true, Some(first)) = (name == network, base.checked_sub(earlier)) {
            let ours = geometry(material, row.stage, [first, after])?;
            for (((name, unit), published), ours) in GEOMETRY.into_iter().zip(numbers).zip(ours) {
                let tolerance = if unit == "%" { PERCENT } else { DISTANCE };
                add(format!("{name}, {earlier} steps earlier"), unit, published, tolerance, ours);
            }
        }
    }
    if let Some((_, [top_one, whole])) = SINGLE.iter().find(|(name, _)| *name == network) {
        add("top-1".into(), "%", *top_one, ANSWERS, answers(1, after)?);
        add("nearest centroid, features".into(), "%", *whole, ANSWERS, centroid(Stage::Feature, after)?);
    }
    if let Some((_, numbers)) = CENTROID_AT_LOGITS.iter().find(|(name, _)| *name == network) {
        add(
            "nearest centroid, logits, before".into(),
            "%",
            *numbers,
            ANSWERS,
            centroid(Stage::Decision, base)?,
        );
    }
    if let Some((_, states)) = ORTHOGONALITY.iter().find(|(name, _)| *name == network) {
        for (at, [mean, deviation]) in states.iter().enumerate() {
            let last = at + 1 == states.len();
            let step = if last { after } else { base };
            let ours = orthogonality(material, step)?;
            let word = if states.len() == 1 { "" } else { [", before", ", after"][usize::from(last)] };
            add(
                format!("orthogonality, mean{word}"),
                "1 - cosine",
                *mean,
                DISTANCE,
                ours.map(|(mean, _)| mean),
            );
            let ours = ours.map(|(_, deviation)| deviation);
            add(format!("orthogonality, standard deviation{word}"), "1 - cosine", *deviation, DISTANCE, ours);
        }
    }
    Ok(found)
}

/// Share of images whose true class is among the `k` of largest logit at a step. Of equal logits
/// the first class counts as larger.
fn top(material: &Material, k: usize, step: usize) -> Result<f64, Error> {
    let labels = &material.rows.labels;
    let (n_steps, n_classes) = (material.rows.n_steps(), material.rows.n_classes);
    let mut right = 0;
    Staged::new(material.trajectories, Stage::Decision, false).each_block(
        material.options.memory,
        |images, values| {
            for (image, values) in images.zip(values.chunks_exact(n_steps * n_classes)) {
                let logits = &values[step * n_classes..][..n_classes];
                let own = labels[image];
                let larger = |&class: &usize| {
                    logits[class] > logits[own] || (logits[class] == logits[own] && class < own)
                };
                right += usize::from((0..n_classes).filter(larger).count() < k);
            }
        },
    )?;
    Ok(right as f64 / labels.len() as f64)
}

/// Nearest-centroid accuracy in percent, each image part of its own centroid.
fn centroid(material: &Material, stage: Stage, step: usize) -> Result<Option<f64>, Error> {
    let Some(prototypes) = material.prototypes(stage)? else { return Ok(None) };
    let own = (0..prototypes.n_images()).filter_map(|n| prototypes.nearest_is_own(n, step, Centroid::Whole));
    Ok(crate::resample::mean(own.map(|own| if own { 100.0 } else { 0.0 })))
}

/// The numbers of [`GEOMETRY`] between two states.
fn geometry(material: &Material, stage: Stage, [base, after]: [usize; 2]) -> Result<[Option<f64>; 5], Error> {
    let Some(prototypes) = material.prototypes(stage)? else { return Ok([None; 5]) };
    let (n_steps, n_classes) = (prototypes.n_steps, prototypes.classes.len());
    let mean = |step: usize, class: Option<usize>| {
        let own = |&image: &usize| class.is_none_or(|class| prototypes.place[image] == class);
        crate::resample::mean(
            (0..prototypes.n_images()).filter(own).filter_map(|n| prototypes.local(n, step)),
        )
    };
    let change = |class: usize| {
        let before = mean(base, Some(class)).filter(|&before| before > 0.0)?;
        Some(100.0 * (mean(after, Some(class))? - before) / before)
    };
    let percent: Option<Vec<f64>> = (0..n_classes).map(change).collect();
    let percent = percent.map(|all| all.iter().sum::<f64>() / all.len() as f64);
    let cluster = mean(base, None).zip(mean(after, None)).map(|(before, after)| after - before);
    let products = prototypes.products_from(base);
    let still = products.still();
    let all = statistics(&still, &centred(&still, n_steps), n_classes, base);
    Ok([cluster, percent, all[after], all[2 * n_steps + after], all[3 * n_steps + after]])
}

fn orthogonality(material: &Material, step: usize) -> Result<Option<(f64, f64)>, Error> {
    let distances =
        |prototypes: &Prototypes| prototypes.products.still().distances(step).into_iter().collect();
    let found: Option<Vec<f64>> = material.prototypes(Stage::Decision)?.and_then(distances);
    Ok(found.filter(|all| !all.is_empty()).map(|all| moments(&all)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close};
    use crate::judge::individual_of;
    use crate::{
        Accuracy, Analysis, CategoryOrthogonality, GlobalGeometry, LocalGeometry, NearestCentroid, Paper,
    };

    #[test]
    fn ours_are_those_of_the_analyses() {
        individual_of(Paper::Luo2026, &Fixture::random(120, 5), |individual| {
            let material = &individual.material;
            let found = luo2026("CORnet-RT", individual).unwrap();
            let ours =
                |quantity: &str| found.iter().find(|one| one.quantity == quantity).unwrap().ours.unwrap();
            let accuracy = Accuracy::analyse(material).unwrap();
            close(ours("top-1 before"), 100.0 * accuracy.per_step[0].unwrap().value);
            close(ours("top-1 after"), 100.0 * accuracy.last.estimate.value);
            assert!(ours("top-5 after") > ours("top-1 after"));
            let centroid = NearestCentroid::analyse(material).unwrap();
            let whole = |stage: usize, step: usize| 100.0 * centroid.stages[stage].whole[step].unwrap().value;
            close(ours("nearest centroid, features, after"), whole(0, 4));
            close(ours("nearest centroid, logits, before"), whole(1, 0));
            let local = &LocalGeometry::analyse(material).unwrap().stages[0];
            close(ours("cluster change (feature)"), local.cluster_change.unwrap().value);
            close(ours("cluster change, percent (feature)"), local.cluster_percent.unwrap().value);
            let global = &GlobalGeometry::analyse(material).unwrap().stages[0];
            close(ours("prototype shift (feature)"), global.shift.unwrap().value);
            close(ours("between change (feature)"), global.between.unwrap().value);
            close(ours("order of prototypes, rho (feature)"), global.rho.unwrap().value);
            let decision = &CategoryOrthogonality::analyse(material).unwrap().stages[1].trained;
            close(ours("orthogonality, mean, after"), decision.mean[4].unwrap().value);
            close(ours("orthogonality, standard deviation, before"), decision.deviation[0].unwrap().value);
        });
    }

    #[test]
    fn every_network_has_its_numbers_and_others_have_none() {
        individual_of(Paper::Luo2026, &Fixture::random(60, 6), |individual| {
            let count = |network: &str| luo2026(network, individual).unwrap().len();
            assert_eq!(["LRM3", "LRA3", "BL", "CORnet-RT"].map(count), [15, 11, 11, 16]);
            assert_eq!(["AlexNet", "B", "ResNet-101", "VGG-16", "LA"].map(count), [4, 2, 4, 2, 0]);
            // The states four steps earlier are only there where the base is late enough.
            assert_eq!(count("ConvRNN"), 12);
        });
    }
}
