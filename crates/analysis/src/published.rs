//! The published numbers, beside ours.
//!
//! Those of the first paper are of the authors' networks on `MiniEcoset` (25,000 images, 100 classes). Beside
//! other networks or other images they are shown for orientation, and no difference is taken.
//! Numbers known to be stale in the source are those recomputed: the norms of LA.

use serde::{Deserialize, Serialize};

use crate::judge::{Individual, Paper, norm_of_bias};
use crate::published_geometry::luo2026;
use crate::resample::Draws;
use crate::table::Table;
use crate::{Course, counts_by_step};

/// A published number and ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Figure or section of the paper.
    pub figure: String,
    /// What it is.
    pub quantity: String,
    /// Its unit; empty for pure numbers.
    pub unit: String,
    /// As published, for the paper's images.
    pub published: f64,
    /// Ours; absent where these data do not allow it.
    pub ours: Option<f64>,
    /// How far ours may lie from it when weights and images are the published ones.
    pub tolerance: f64,
}

impl Compared {
    /// Ours minus theirs.
    pub fn difference(&self) -> Option<f64> {
        self.ours.map(|ours| ours - self.published)
    }

    /// Whether the difference is within the tolerance.
    pub fn inside(&self) -> Option<bool> {
        self.difference().map(|difference| difference.abs() <= self.tolerance)
    }
}

struct Number {
    figure: &'static str,
    quantity: &'static str,
    unit: &'static str,
    published: f64,
    tolerance: f64,
    ours: fn(&Individual) -> Option<f64>,
}

/// Images of 25,000 whose answer may differ: logits agree to six digits, answers to ties.
const IMAGES: f64 = 25.0;
/// The same, as a share.
const SHARE: f64 = 0.001;
/// Norms are printed to three decimals, and their groups differ by as many images.
const NORM: f64 = 0.01;
/// Cosines likewise.
const COSINE: f64 = 0.001;

const fn number(
    figure: &'static str,
    quantity: &'static str,
    unit: &'static str,
    (published, tolerance): (f64, f64),
    ours: fn(&Individual) -> Option<f64>,
) -> Number {
    Number { figure, quantity, unit, published, tolerance, ours }
}

const LA: &[Number] = &[
    number("3", "highest accuracy", "", (0.53344, SHARE), |i| Some(best(i).1)),
    number("3", "step of highest accuracy, from 0", "step", (6.0, 0.0), |i| Some(best(i).0 as f64)),
    number("2A", "stably correct images", "images", (12418.0, IMAGES), |i| {
        Some(course(i, Course::StableCorrect))
    }),
    number("2A", "stably incorrect images", "images", (9850.0, IMAGES), |i| {
        Some(course(i, Course::StableIncorrect))
    }),
    number("2A", "unstable images, correct at some step", "images", (1295.0, IMAGES), |i| {
        Some(course(i, Course::UnstableCorrect))
    }),
    number("2A", "unstable images, never correct", "images", (1437.0, IMAGES), |i| {
        Some(course(i, Course::UnstableIncorrect))
    }),
    number("2A", "stably correct from t=0", "images", (9609.0, IMAGES), |i| settled(i, 0)),
    number("2A", "stably correct from t=1", "images", (917.0, IMAGES), |i| settled(i, 1)),
    number("2A", "stably correct from t=2", "images", (627.0, IMAGES), |i| settled(i, 2)),
    number("2A", "stably correct from t=3", "images", (411.0, IMAGES), |i| settled(i, 3)),
    number("2A", "stably correct from t=4", "images", (285.0, IMAGES), |i| settled(i, 4)),
    number("2A", "stably correct from t=5", "images", (219.0, IMAGES), |i| settled(i, 5)),
    number("2A", "stably correct from t=6", "images", (159.0, IMAGES), |i| settled(i, 6)),
    number("2A", "stably correct from t=7", "images", (103.0, IMAGES), |i| settled(i, 7)),
    number("2A", "stably correct from t=8", "images", (88.0, IMAGES), |i| settled(i, 8)),
    number("3A", "norm, correct now", "activation", (8.479, NORM), norm_correct),
    number("3A", "norm, not yet", "activation", (7.915, NORM), norm_not_yet),
    number("3A", "cosine with the answer, correct now", "", (0.20195, COSINE), cosine_correct),
    number("3A", "cosine with the answer, not yet", "", (0.12093, COSINE), cosine_not_yet),
    number("3A", "cosine with the own future class", "", (0.09998, COSINE), own),
    number("3A", "cosine with others' future classes", "", (-0.02353, COSINE), other),
    number("4", "length of the bias", "activation", (0.27, 0.005), norm_of_bias),
    number("4", "highest accuracy with a bias", "", (0.53, 0.005), |i| Some(best_of(i.with_bias?.1).1)),
    number("4", "highest accuracy, bias removed", "", (0.53, 0.005), |i| Some(best_of(i.bias_removed?).1)),
    number("4", "mean norm", "activation", (8.1, 0.05), |i| i.material.rows.norms.mean()),
    number("4", "smallest norm", "activation", (5.1, 0.05), |i| {
        i.material.rows.norms.iter().copied().reduce(f64::min)
    }),
    number("4", "largest norm", "activation", (17.9, 0.05), |i| {
        i.material.rows.norms.iter().copied().reduce(f64::max)
    }),
];

/// Figure 3A of another network: norm, cosine with the answer and with future classes.
macro_rules! aggregation {
    ($norm:literal, $norm_before:literal, $now:literal, $before:literal, $own:literal, $other:literal) => {
        &[
            number("3A", "norm, correct now", "activation", ($norm, NORM), norm_correct),
            number("3A", "norm, not yet", "activation", ($norm_before, NORM), norm_not_yet),
            number("3A", "cosine with the answer, correct now", "", ($now, COSINE), cosine_correct),
            number("3A", "cosine with the answer, not yet", "", ($before, COSINE), cosine_not_yet),
            number("3A", "cosine with the own future class", "", ($own, COSINE), own),
            number("3A", "cosine with others' future classes", "", ($other, COSINE), other),
        ]
    };
}

const TA: &[Number] = aggregation!(22.993, 22.435, 0.06168, 0.01399, 0.00296, -0.074);
const LM: &[Number] = aggregation!(24.148, 23.581, 0.13584, 0.07096, 0.05163, -0.03233);
const TM: &[Number] = aggregation!(22.434, 21.827, 0.0878, 0.03272, 0.01684, -0.06554);

/// The published numbers of a network, beside those of one seed of ours. Empty for a network
/// that the paper does not have.
///
/// # Errors
/// Whatever the source of the trajectories reports.
pub(crate) fn compared(
    paper: Paper,
    network: &str,
    individual: &Individual,
) -> Result<Vec<Compared>, crate::Error> {
    match paper {
        Paper::Thorat2023 => Ok(thorat2023(network, individual)),
        Paper::Luo2026 => luo2026(network, individual),
    }
}

fn thorat2023(network: &str, individual: &Individual) -> Vec<Compared> {
    let numbers = match network {
        "LA" => LA,
        "TA" => TA,
        "LM" => LM,
        "TM" => TM,
        _ => &[],
    };
    let compare = |number: &Number| Compared {
        figure: number.figure.into(),
        quantity: number.quantity.into(),
        unit: number.unit.into(),
        published: number.published,
        ours: (number.ours)(individual),
        tolerance: number.tolerance,
    };
    numbers.iter().map(compare).collect()
}

/// Published numbers of several networks as one tidy table; `same` says that weights and images
/// are the published ones, so that a difference means something.
pub fn published_table<'a>(
    networks: impl IntoIterator<Item = (&'a str, &'a [Compared])>,
    same: bool,
) -> Table {
    let mut table = Table::new(
        "published",
        &[
            ("network", "", "short name of the network"),
            ("figure", "", "figure or section of the paper"),
            ("quantity", "", "what the number is"),
            ("unit", "", "unit of the numbers"),
            ("published", "see column unit", "as published"),
            ("ours", "see column unit", "ours, of the first seed; empty where these data do not allow it"),
            (
                "difference",
                "see column unit",
                "ours minus published; only with the published weights and images",
            ),
            (
                "tolerance",
                "see column unit",
                "how far they may lie apart with the published weights and images",
            ),
            ("inside", "", "yes or no; only with the published weights and images"),
        ],
    );
    for (network, numbers) in networks {
        for one in numbers {
            let inside = one.inside().filter(|_| same).map(|inside| if inside { "yes" } else { "no" });
            table.push(vec![
                network.into(),
                one.figure.as_str().into(),
                one.quantity.as_str().into(),
                one.unit.as_str().into(),
                one.published.into(),
                one.ours.into(),
                one.difference().filter(|_| same).into(),
                one.tolerance.into(),
                inside.unwrap_or_default().into(),
            ]);
        }
    }
    table
}

/// Step of highest accuracy (the first, if tied), and that accuracy.
fn best(individual: &Individual) -> (usize, f64) {
    best_of(individual.material.rows)
}

fn best_of(rows: &crate::Rows) -> (usize, f64) {
    let right = |step: usize| {
        let right = (0..rows.n_images()).filter(|&image| rows.answers[[image, step]] == rows.labels[image]);
        (step, right.count() as f64 / rows.n_images() as f64)
    };
    let better = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
    (0..rows.n_steps()).map(right).reduce(better).unwrap_or((0, 0.0))
}

fn course(individual: &Individual, course: Course) -> f64 {
    individual.material.outcomes.iter().filter(|outcome| outcome.course == course).count() as f64
}

fn settled(individual: &Individual, step: usize) -> Option<f64> {
    let material = &individual.material;
    counts_by_step(material.outcomes, material.rows.n_steps()).get(step).map(|&count| count as f64)
}

/// One of the three averages at the end of a contrast's statistics.
fn average(statistics: &[Option<Draws>], which: usize) -> Option<f64> {
    Some(statistics.get(statistics.len().checked_sub(3)? + which)?.as_ref()?.value)
}

fn norm_correct(individual: &Individual) -> Option<f64> {
    average(&individual.measures.norm, 0)
}

fn norm_not_yet(individual: &Individual) -> Option<f64> {
    average(&individual.measures.norm, 1)
}

fn cosine_correct(individual: &Individual) -> Option<f64> {
    average(&individual.measures.cosine, 0)
}

fn cosine_not_yet(individual: &Individual) -> Option<f64> {
    average(&individual.measures.cosine, 1)
}

fn own(individual: &Individual) -> Option<f64> {
    average(&individual.measures.future, 0)
}

fn other(individual: &Individual) -> Option<f64> {
    average(&individual.measures.future, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, material};
    use crate::judge::individual;
    use crate::{Accuracy, Analysis, NowCorrect, StableStep};

    #[test]
    fn ours_are_those_of_the_analyses() {
        let fixture = Fixture::random(120, 6);
        let mut found = Vec::new();
        individual(&fixture, |individual| found = thorat2023("LA", individual));
        let ours = |quantity: &str| found.iter().find(|one| one.quantity == quantity).unwrap().ours;
        material(&fixture, |material| {
            let accuracy = Accuracy::analyse(material).unwrap();
            assert_eq!(ours("highest accuracy"), Some(accuracy.best.estimate.value));
            assert_eq!(ours("step of highest accuracy, from 0"), Some(accuracy.best.step as f64));
            let average = NowCorrect::analyse(material).unwrap().norm.average;
            assert_eq!(ours("norm, correct now"), Some(average.correct.unwrap().value));
            assert_eq!(ours("norm, not yet"), Some(average.not_yet.unwrap().value));
            let stable = StableStep::analyse(material).unwrap();
            assert_eq!(ours("stably correct from t=1"), Some(stable.correct_by_step[1] as f64));
        });
        assert_eq!(ours("stably correct from t=8"), None, "there are six steps");
        assert_eq!(ours("length of the bias"), None);
    }

    #[test]
    fn a_difference_is_told_only_of_the_published_networks_on_the_published_images() {
        let one = |ours: f64| Compared {
            figure: "3".into(),
            quantity: "highest accuracy".into(),
            unit: String::new(),
            published: 0.53344,
            ours: Some(ours),
            tolerance: SHARE,
        };
        assert_eq!((one(0.5330).inside(), one(0.5323).inside()), (Some(true), Some(false)));
        let csv = |same: bool| published_table([("LA", &[one(0.5323)][..])], same).to_csv();
        assert!(csv(true).lines().nth(1).unwrap().ends_with(",0.001,no"), "{}", csv(true));
        assert!(csv(false).lines().nth(1).unwrap().ends_with(",0.5323,,0.001,"), "{}", csv(false));
    }
}
