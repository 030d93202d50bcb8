//! Whether a network comes to rest when it is left running.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::accuracy::StepEstimate;
use crate::resample::{bootstrap, means, share};
use crate::rows::Rows;
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Series};

/// Smallest `log10` of a relative change that is told from standing still: half of what
/// separates 1 from the next f32, `log10(2⁻²⁴)`. What is smaller counts as this.
pub const FLOOR: f64 = -7.224_719_895_935_548;

/// The published networks are trained for ten steps; what follows is beyond training.
const TRAINED_STEPS: usize = 10;

/// A sequence of states that repeats itself from some step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// Steps after which it repeats: 1 at a fixed point.
    pub period: usize,
    /// First step of it.
    pub from: usize,
}

impl Recurrence {
    /// How the representations of an image end, if they repeat at all.
    ///
    /// The shortest period whose last round is seen twice, bit by bit. `from` is the first
    /// step from which all following ones obey it.
    ///
    /// # Shapes
    /// - `first_seen`: `[n_steps]`, for every step the first at which the representation was
    ///   the same
    pub fn of_representations(first_seen: &[usize]) -> Option<Self> {
        let n_steps = first_seen.len();
        let same = |step: usize, period: usize| first_seen[step] == first_seen[step - period];
        let period =
            (1..=n_steps / 2).find(|&period| (n_steps - period..n_steps).all(|step| same(step, period)))?;
        let breaks = (period..n_steps).rev().find(|&step| !same(step, period));
        Some(Self { period, from: breaks.map_or(0, |step| step + 1 - period) })
    }
}

/// Images whose representations repeat with one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Period; 1 is a fixed point.
    pub period: usize,
    /// How many images.
    pub n: usize,
    /// Median of the first step of the repetition.
    pub median_from: usize,
}

/// How one network approaches rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approach {
    /// Share of images classified correctly: `[n_steps]`.
    pub accuracy: Series,
    /// `q(t) = mean_n log10(‖r_n(t) − r_n(t−1)‖ / ‖r_n(t−1)‖)`, `t = 1..`, each term at least
    /// [`FLOOR`]: `[n_steps − 1]`.
    pub relative_change: Series,
    /// Last `q` minus first.
    pub fall: Option<Estimate>,
    /// Images whose representation is the same, bit by bit, at `t − 1` and `t`, `t = 1..`.
    pub identical: Vec<usize>,
    /// Share of images that have come to a fixed point by step `t`: `[n_steps]`.
    pub at_fixed_point: Series,
    /// Share of images that have entered a cycle of two steps or more by step `t`.
    pub in_cycle: Series,
    /// The periods that occur.
    pub settled: Vec<Settled>,
    /// Lowest accuracy after the tenth step over that at the tenth step (`t = 9`), minus 1,
    /// with the step of the lowest; absent with ten steps or fewer. Chosen after the fact:
    /// its interval is slightly pessimistic.
    pub lowest_after_training: Option<StepEstimate>,
}

/// Figure 7: accuracy and relative change over many steps, and how many images come to rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// The network.
    pub trained: Approach,
    /// Its untrained twin, with its name.
    pub untrained: Option<(String, Approach)>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for Convergence {
    const NAME: &'static str = "convergence";
    const TITLE: &'static str = "Coming to rest";
    const SUMMARY: &'static str = "accuracy, relative change, fixed points and cycles over many steps";
    const DESCRIPTION: &'static str = "How much a representation changes from one step to the next, as a share \
        of its length; the logarithms are averaged over images. An image is at a fixed point once its \
        representation no longer changes by a single bit, in a cycle once it runs through the same \
        representations again and again.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figure 7; fixed points \
        and cycles are ours";

    fn analyse(material: &Material) -> Result<Self, Error> {
        material.rows.need_steps(Self::NAME, 2)?;
        let mut notes = vec![
            "fixed points and cycles are those of the recorded area: what feeds it may still move".to_owned(),
        ];
        let mut approach = |name: &str, rows: &Rows| {
            let (found, from_nothing) = approach(material, rows);
            if from_nothing > 0 {
                notes.push(format!(
                    "{name}: {from_nothing} changes start from a representation of length zero and are left out"
                ));
            }
            let identical: usize = found.identical.iter().sum();
            if identical > 0 {
                notes.push(format!(
                    "{name}: {identical} changes are exactly zero and count as the smallest, 10^{FLOOR:.2}"
                ));
            }
            found
        };
        let trained = approach(&material.rows.name, material.rows);
        let untrained = material.untrained.map(|(name, rows)| (name.to_owned(), approach(name, rows)));
        if untrained.is_none() {
            notes.push("no untrained twin was given".into());
        }
        Ok(Self { trained, untrained, notes })
    }

    fn tables(&self) -> Vec<Table> {
        let weights = ("weights", "", "trained or untrained network");
        let mut curves = Table::of_estimates(
            "convergence",
            &[
                weights,
                (
                    "quantity",
                    "",
                    "accuracy: share of images classified correctly; relative_change: mean log10 of the change \
                     from t - 1 to t over the length at t - 1; fixed_point, cycle: share of images that have \
                     reached one by step t; fall: last relative change minus first; lowest_after_training: \
                     lowest accuracy after the tenth step over that at the tenth, minus 1",
                ),
                ("step", "step, from 0", "t; empty for fall"),
            ],
            ("", "see column quantity"),
        );
        let mut settled = Table::new(
            "convergence_settled",
            &[
                weights,
                ("period", "steps", "steps after which representations repeat; 1: fixed point"),
                ("n", "images", "how many images end so"),
                ("median_from", "step, from 0", "median of the first step of the repetition"),
            ],
        );
        let untrained = self.untrained.as_ref().map(|(_, approach)| ("untrained", approach));
        for (weights, approach) in [("trained", &self.trained)].into_iter().chain(untrained) {
            for (quantity, first, series) in [
                ("accuracy", 0, &approach.accuracy),
                ("relative_change", 1, &approach.relative_change),
                ("fixed_point", 0, &approach.at_fixed_point),
                ("cycle", 0, &approach.in_cycle),
            ] {
                for (step, estimate) in series.iter().enumerate() {
                    let keys = vec![weights.into(), quantity.into(), (first + step).into()];
                    curves.push_estimate(keys, estimate.as_ref());
                }
            }
            curves.push_estimate(
                vec![weights.into(), "fall".into(), None::<usize>.into()],
                approach.fall.as_ref(),
            );
            if let Some(lowest) = &approach.lowest_after_training {
                let keys = vec![weights.into(), "lowest_after_training".into(), lowest.step.into()];
                curves.push_estimate(keys, Some(&lowest.estimate));
            }
            for ending in &approach.settled {
                let numbers = [ending.period, ending.n, ending.median_from].map(Into::into);
                settled.push(std::iter::once(weights.into()).chain(numbers).collect());
            }
        }
        vec![curves, settled]
    }
}

/// The approach of one network, and how many changes start from nothing.
fn approach(material: &Material, rows: &Rows) -> (Approach, usize) {
    let (n_images, n_steps) = (rows.n_images(), rows.n_steps());
    let width = n_steps - 1;
    let unchanged =
        |image: usize, step: usize| rows.first_seen[[image, step + 1]] == rows.first_seen[[image, step]];
    let log = |image: usize, step: usize| match (rows.changes[[image, step]], rows.norms[[image, step]]) {
        _ if unchanged(image, step) => Some(FLOOR),
        (_, 0.0) => None,
        (change, norm) => Some((change / norm).log10().max(FLOOR)),
    };
    let logs: Vec<Option<f64>> = (0..n_images)
        .flat_map(|image| (0..width).map(move |step| (image, step)))
        .map(|(i, t)| log(i, t))
        .collect();
    let seen = |image: usize| rows.first_seen.row(image).to_vec();
    let endings: Vec<Option<Recurrence>> =
        (0..n_images).map(|image| Recurrence::of_representations(&seen(image))).collect();
    let mut sizes = vec![n_images; 3 * n_steps + width + 2];
    for step in 0..width {
        sizes[n_steps + step] = (0..n_images).filter(|image| logs[image * width + step].is_some()).count();
    }
    // As many as have a value at both ends.
    sizes[n_steps + width] = sizes[n_steps].min(sizes[n_steps + width - 1]);
    // Right answers, images at a fixed point and in a cycle, by step; the logarithms, and how many.
    let mut sums = Sums::new(3 * n_steps + 2 * width);
    for image in 0..n_images {
        for (step, &answer) in rows.answers(image).iter().enumerate() {
            sums.add(image, step, f64::from(u8::from(answer == rows.labels[image])));
        }
        if let Some(Recurrence { period, from }) = endings[image] {
            let kind = if period == 1 { 1 } else { 2 };
            (from..n_steps).for_each(|step| sums.add(image, kind * n_steps + step, 1.0));
        }
        for (step, log) in logs[image * width..(image + 1) * width].iter().enumerate() {
            if let Some(log) = log {
                sums.add(image, 3 * n_steps + step, *log);
                sums.add(image, 3 * n_steps + width + step, 1.0);
            }
        }
    }
    let estimates = bootstrap(material.replicates(), &sizes, sums, |sums| {
        let (counts, logs) = sums.split_at(3 * n_steps);
        let shares: Vec<Option<f64>> = counts.iter().map(|&count| share(count, n_images as f64)).collect();
        let (accuracy, shares) = shares.split_at(n_steps);
        let change = means(logs);
        let fall = change[width - 1].zip(change[0]).map(|(last, first)| last - first);
        let lowest = lowest(accuracy).map(|(_, ratio)| ratio - 1.0);
        [accuracy, &change, &[fall], shares, &[lowest]].concat()
    });
    let (accuracy, rest) = estimates.split_at(n_steps);
    let (change, rest) = rest.split_at(width);
    let (fixed, cycling) = rest[1..].split_at(n_steps);
    let values: Vec<Option<f64>> = accuracy.iter().map(|at| at.map(|at| at.value)).collect();
    let lowest_at = lowest(&values).map(|(step, _)| step);
    let standing = |step: usize| (0..n_images).filter(|&image| unchanged(image, step)).count();
    let approach = Approach {
        accuracy: accuracy.to_vec(),
        relative_change: change.to_vec(),
        fall: rest[0],
        identical: (0..width).map(standing).collect(),
        at_fixed_point: fixed.to_vec(),
        in_cycle: cycling[..n_steps].to_vec(),
        settled: by_period(&endings),
        lowest_after_training: lowest_at
            .zip(cycling[n_steps])
            .map(|(step, estimate)| StepEstimate { step, estimate }),
    };
    (approach, logs.iter().filter(|log| log.is_none()).count())
}

/// Step and height of the lowest accuracy after the tenth step, relative to that at the tenth.
fn lowest(accuracy: &[Option<f64>]) -> Option<(usize, f64)> {
    let reference = accuracy.get(TRAINED_STEPS - 1).copied().flatten().filter(|&right| right > 0.0)?;
    let after =
        accuracy.iter().enumerate().skip(TRAINED_STEPS).filter_map(|(step, right)| Some((step, (*right)?)));
    after
        .reduce(|low, next| if next.1 < low.1 { next } else { low })
        .map(|(step, low)| (step, low / reference))
}

fn by_period(endings: &[Option<Recurrence>]) -> Vec<Settled> {
    let mut from: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for ending in endings.iter().flatten() {
        from.entry(ending.period).or_default().push(ending.from);
    }
    from.into_iter()
        .map(|(period, mut from)| {
            from.sort_unstable();
            Settled { period, n: from.len(), median_from: from[from.len() / 2] }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};

    fn ending(text: &str) -> Option<(usize, usize)> {
        let letters: Vec<char> = text.chars().collect();
        let first = |letter| letters.iter().position(|other| other == letter).unwrap();
        let seen: Vec<usize> = letters.iter().map(first).collect();
        Recurrence::of_representations(&seen).map(|ending| (ending.period, ending.from))
    }

    #[test]
    fn fixed_points_and_cycles_are_told_from_motion() {
        assert_eq!(ending("ABCD"), None);
        assert_eq!(ending("ABBB"), Some((1, 1)));
        assert_eq!(ending("AAAA"), Some((1, 0)));
        assert_eq!(ending("ABCC"), Some((1, 2)));
        assert_eq!(ending("XABAB"), Some((2, 1)));
        assert_eq!(ending("XYABCABC"), Some((3, 2)));
        // A round seen once and a half is no cycle yet, nor is a return that does not last.
        assert_eq!(ending("XABA"), None);
        assert_eq!(ending("ABAC"), None);
        // Once it stands still, that it cycled before does not matter.
        assert_eq!(ending("ABABB"), Some((1, 3)));
        assert_eq!(ending("A"), None);
    }

    #[test]
    fn the_relative_change_is_a_mean_of_logarithms() {
        let fixture = Fixture::random(60, 5);
        material(&fixture, |material| {
            let found = Convergence::analyse(material).unwrap();
            for step in 0..4 {
                let plain: f64 =
                    (0..60).map(|n| (fixture.change(n, step) / fixture.norm(n, step)).log10()).sum();
                close(found.trained.relative_change[step].unwrap().value, plain / 60.0);
            }
            assert!(found.trained.settled.is_empty() && found.untrained.is_some());
        });
    }

    #[test]
    fn images_that_stand_still_are_counted_and_floored() {
        let mut fixture = Fixture::random(40, 6);
        for image in 0..10 {
            for step in 3..6 {
                let held = fixture.representations.slice(ndarray::s![image, 2, ..]).to_owned();
                fixture.representations.slice_mut(ndarray::s![image, step, ..]).assign(&held);
            }
        }
        material(&fixture, |material| {
            let found = Convergence::analyse(material).unwrap().trained;
            assert_eq!(found.identical, [0, 0, 10, 10, 10]);
            assert_eq!(found.settled, [Settled { period: 1, n: 10, median_from: 2 }]);
            let shares: Vec<f64> = found.at_fixed_point.iter().map(|share| share.unwrap().value).collect();
            assert_eq!(shares, [0.0, 0.0, 0.25, 0.25, 0.25, 0.25]);
            let moving: f64 = (10..40).map(|n| (fixture.change(n, 4) / fixture.norm(n, 4)).log10()).sum();
            close(found.relative_change[4].unwrap().value, (moving + 10.0 * FLOOR) / 40.0);
        });
    }

    #[test]
    fn the_floor_is_the_rounding_of_f32() {
        close(FLOOR, (f64::from(f32::EPSILON) / 2.0).log10());
    }

    #[test]
    fn accuracy_after_training_is_held_against_the_tenth_step() {
        let mut accuracy = vec![Some(0.4); 10];
        assert_eq!(lowest(&accuracy), None);
        accuracy.extend([Some(0.5), Some(0.3), Some(0.35)]);
        let (step, ratio) = lowest(&accuracy).unwrap();
        assert_eq!(step, 11);
        close(ratio, 0.75);
    }
}
