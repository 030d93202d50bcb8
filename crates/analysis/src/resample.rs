//! Bootstrap over images within classes, and permutation tests.
//!
//! A replicate is a multiplicity per image. A statistic is a function of sums over images in
//! which each counts as often as it stands there, so that group means, differences and pair
//! means are all resampled by the same few lines, and a difference of two groups is resampled
//! jointly.

use rayon::prelude::*;

use crate::estimate::{DEFINED_SHARE, Estimate, SMALLEST_GROUP, quantile};
use crate::replicates::{LANES, Multiplicities, Replicates};
use crate::sums::Sums;

/// A statistic of some images, and what it is of every resampled set of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draws {
    /// Over all images.
    pub(crate) value: f64,
    /// Number of images in the group; in the smaller group for a difference.
    pub(crate) n: usize,
    /// By replicate; `None` where the statistic does not exist. Empty where nothing can be
    /// resampled.
    pub(crate) replicates: Vec<Option<f64>>,
}

impl Draws {
    /// The value with its percentile interval; see [`Estimate`] for when there is none.
    pub(crate) fn estimate(&self, level: f64) -> Estimate {
        let mut sample: Vec<f64> = self.replicates.iter().flatten().copied().collect();
        let enough = sample.len() as f64 >= DEFINED_SHARE * self.replicates.len() as f64;
        if self.n < SMALLEST_GROUP || sample.is_empty() || !enough {
            return Estimate::point(self.value, self.n);
        }
        sample.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - level) / 2.0;
        let (low, high) = (quantile(&sample, tail), quantile(&sample, 1.0 - tail));
        Estimate { value: self.value, low: Some(low), high: Some(high), n: self.n }
    }
}

/// Estimates of several statistics of the same images; see [`draws`].
pub(crate) fn bootstrap(
    replicates: &Replicates,
    sizes: &[usize],
    sums: Sums,
    statistics: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
) -> Vec<Option<Estimate>> {
    estimates(&draws(replicates, sizes, sums, statistics), replicates.uncertainty.level)
}

/// What is drawn, as values with intervals.
pub(crate) fn estimates(draws: &[Option<Draws>], level: f64) -> Vec<Option<Estimate>> {
    draws.par_iter().map(|draws| Some(draws.as_ref()?.estimate(level))).collect()
}

/// Several statistics of the same images, resampled together.
///
/// `statistics(sums)` gives them for the sums of a replicate, `None` where one does not exist;
/// `sizes` are the numbers of images behind each.
pub(crate) fn draws(
    replicates: &Replicates,
    sizes: &[usize],
    sums: Sums,
    statistics: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
) -> Vec<Option<Draws>> {
    let sums = sums.arranged();
    let of_lane =
        |all: &[[f64; LANES]], lane: usize| statistics(&all.iter().map(|sum| sum[lane]).collect::<Vec<_>>());
    let values = of_lane(&sums.of(&replicates.everyone()), 0);
    let found = by_bundle(replicates, |multiplicities| {
        let all = sums.of(multiplicities);
        std::array::from_fn(|lane| of_lane(&all, lane))
    });
    with_values(values, replicates, sizes, found)
}

/// Statistics that are more than functions of sums, given for a weight per image.
pub(crate) fn draws_by_weights(
    replicates: &Replicates,
    sizes: &[usize],
    statistics: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
) -> Vec<Option<Draws>> {
    let values = statistics(&vec![1.0; replicates.n_images]);
    let found = by_bundle(replicates, |multiplicities| {
        let weights = |lane: usize| multiplicities.iter().map(move |times| f64::from(times[lane]));
        std::array::from_fn(|lane| statistics(&weights(lane).collect::<Vec<_>>()))
    });
    with_values(values, replicates, sizes, found)
}

/// Statistics that are given for all lanes at once.
pub(crate) fn resample(
    replicates: &Replicates,
    sizes: &[usize],
    statistics: impl Fn(&Multiplicities) -> [Vec<Option<f64>>; LANES] + Sync,
) -> Vec<Option<Draws>> {
    let [values, ..] = statistics(&replicates.everyone());
    with_values(values, replicates, sizes, by_bundle(replicates, statistics))
}

/// Statistics that are given for so many bundles at once, lane by lane, by all threads together: of what
/// is too large to be gone through for each of them.
pub(crate) fn resample_together(
    replicates: &Replicates,
    sizes: &[usize],
    together: usize,
    statistics: impl Fn(&[&Multiplicities]) -> Vec<Vec<Option<f64>>>,
) -> Vec<Option<Draws>> {
    let values = statistics(&[&replicates.everyone()]).swap_remove(0);
    let n = replicates.n_bundles();
    let found = (0..n).step_by(together).flat_map(|first| {
        let some: Vec<_> = (first..n.min(first + together)).map(|bundle| replicates.bundle(bundle)).collect();
        statistics(&some.iter().map(|bundle| &**bundle).collect::<Vec<_>>())
    });
    with_values(values, replicates, sizes, found.collect())
}

/// What statistics are in every replicate, and in the lanes to spare; every thread takes bundles of its own.
fn by_bundle(
    replicates: &Replicates,
    statistics: impl Fn(&Multiplicities) -> [Vec<Option<f64>>; LANES] + Sync,
) -> Vec<Vec<Option<f64>>> {
    let bundles = (0..replicates.n_bundles()).into_par_iter();
    bundles.flat_map_iter(|bundle| statistics(&replicates.bundle(bundle))).collect()
}

/// Values of all images, and what they are in every replicate: `[replicate][statistic]`.
fn with_values(
    values: Vec<Option<f64>>,
    replicates: &Replicates,
    sizes: &[usize],
    mut found: Vec<Vec<Option<f64>>>,
) -> Vec<Option<Draws>> {
    found.truncate(replicates.count);
    let of = |(index, value): (usize, Option<f64>)| {
        let replicates = found.iter().map(|replicate| replicate[index]).collect();
        Some(Draws { value: value?, n: sizes[index], replicates })
    };
    values.into_iter().enumerate().map(of).collect()
}

/// Share of a null distribution at least as large as what was observed, `(b + 1) / (m + 1)`
/// with `b` of the `m` permuted values at least `observed`. `None` without permutations.
///
/// Permuted values within 1e-12 of the observed one (relative) count as ties, so that the
/// order of a sum cannot decide.
pub(crate) fn p_value(observed: f64, null: &[f64]) -> Option<f64> {
    let slack = 1e-12 * observed.abs();
    let beyond = null.iter().filter(|&&value| value >= observed - slack).count();
    (!null.is_empty()).then(|| (beyond + 1) as f64 / (null.len() + 1) as f64)
}

/// `total / weight`, where there is any weight.
pub(crate) fn share(total: f64, weight: f64) -> Option<f64> {
    (weight > 0.0).then(|| total / weight)
}

/// The means that [`Sums::of_means`] are made of.
pub(crate) fn means(sums: &[f64]) -> Vec<Option<f64>> {
    let (totals, counts) = sums.split_at(sums.len() / 2);
    totals.iter().zip(counts).map(|(&total, &count)| share(total, count)).collect()
}

/// A weighted mean in the making.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mean {
    total: f64,
    weight: f64,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64, weight: f64) {
        self.total += weight * value;
        self.weight += weight;
    }

    pub(crate) fn value(self) -> Option<f64> {
        share(self.total, self.weight)
    }
}

/// The unweighted mean of the values that exist.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut mean = Mean::default();
    for value in values {
        mean.add(value, 1.0);
    }
    mean.value()
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use super::*;
    use crate::Uncertainty;

    fn replicates(labels: &[usize], replicates: usize) -> Replicates {
        Replicates::new(labels, &Uncertainty { replicates, ..Uncertainty::default() }, 1 << 20)
    }

    fn mean_of(values: &[f64], replicates: &Replicates, n: usize) -> Option<Estimate> {
        let mut sums = Sums::new(2);
        for (image, &value) in values.iter().enumerate() {
            sums.add(image, 0, value);
            sums.add(image, 1, 1.0);
        }
        bootstrap(replicates, &[n], sums, |sums| vec![share(sums[0], sums[1])])[0]
    }

    #[test]
    fn the_interval_of_a_mean_has_the_width_theory_gives() {
        let mut stream = Stream::new(11, &[]);
        let values: Vec<f64> = (0..400).map(|_| stream.unit()).collect();
        let found = mean_of(&values, &replicates(&[0; 400], 2000), 400);
        let (low, high) = found.unwrap().interval().unwrap();
        let expected = 2.0 * 1.96 * (1.0_f64 / 12.0 / 400.0).sqrt();
        assert!(((high - low) / expected - 1.0).abs() < 0.1, "{} {expected}", high - low);
    }

    #[test]
    fn what_cannot_be_resampled_has_no_interval() {
        let alone: Vec<usize> = (0..12).collect();
        assert_eq!(mean_of(&[1.0; 12], &replicates(&alone, 50), 12), Some(Estimate::point(1.0, 12)));
        assert_eq!(mean_of(&[1.0; 12], &replicates(&[0; 12], 0), 12), Some(Estimate::point(1.0, 12)));
        assert_eq!(mean_of(&[1.0; 12], &replicates(&[0; 12], 50), 9), Some(Estimate::point(1.0, 9)));
    }

    #[test]
    fn weights_and_sums_give_the_same_draws() {
        let replicates = replicates(&[0; 30], 20);
        let values: Vec<f64> = (0..30).map(f64::from).collect();
        let mut sums = Sums::of_means(1);
        values.iter().enumerate().for_each(|(image, &value)| sums.add_to_mean(image, 0, value));
        let by_weights = draws_by_weights(&replicates, &[30], |weights| {
            let mut mean = Mean::default();
            values.iter().zip(weights).for_each(|(&value, &weight)| mean.add(value, weight));
            vec![mean.value()]
        });
        assert_eq!(draws(&replicates, &[30], sums, means), by_weights);
    }

    #[test]
    fn an_empty_group_has_no_estimate() {
        let found = bootstrap(&replicates(&[0; 12], 50), &[0], Sums::new(1), |_| vec![None]);
        assert_eq!(found, [None]);
    }

    #[test]
    fn p_values_are_never_zero() {
        assert_eq!(p_value(2.0, &[0.0, 1.0, 1.5]), Some(0.25));
        assert_eq!(p_value(1.0, &[0.0, 1.0, 1.5]), Some(0.75));
        assert_eq!(p_value(1.0, &[]), None);
    }
}
