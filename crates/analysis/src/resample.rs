//! Bootstrap over images within classes, and permutation tests.
//!
//! A replicate is a multiplicity per image. A statistic is a function of those
//! multiplicities, so that group means, differences and pair means are all resampled
//! by the same few lines, and a difference of two groups is resampled jointly.

use rayon::prelude::*;
use redyn_core::random::Stream;

use crate::Uncertainty;
use crate::estimate::{DEFINED_SHARE, Estimate, SMALLEST_GROUP, quantile};

/// The images of each class, to be resampled within it.
pub(crate) struct Strata(Vec<Vec<usize>>);

impl Strata {
    pub(crate) fn new(labels: &[usize]) -> Self {
        let n_classes = labels.iter().max().map_or(0, |&label| label + 1);
        let mut images = vec![Vec::new(); n_classes];
        for (image, &label) in labels.iter().enumerate() {
            images[label].push(image);
        }
        images.retain(|stratum| !stratum.is_empty());
        Self(images)
    }

    /// Whether resampling can change anything: some class has two images.
    fn vary(&self) -> bool {
        self.0.iter().any(|images| images.len() > 1)
    }

    /// How often each image stands in replicate `b`.
    fn draw(&self, seed: u64, b: usize, weights: &mut [f64]) {
        let mut stream = Stream::new(seed, &[b as u64]);
        weights.fill(0.0);
        for images in &self.0 {
            for _ in images {
                weights[images[stream.below(images.len())]] += 1.0;
            }
        }
    }

    /// Exchange values between images of one class, for permutation `b`; drawn at `(seed, [b, 1])`,
    /// apart from the bootstrap.
    pub(crate) fn shuffle<T: Copy>(&self, seed: u64, b: usize, values: &[T]) -> Vec<T> {
        let mut stream = Stream::new(seed, &[b as u64, 1]);
        let mut shuffled = values.to_vec();
        for images in &self.0 {
            let mut order = images.clone();
            stream.shuffle(&mut order);
            for (&to, &from) in images.iter().zip(&order) {
                shuffled[to] = values[from];
            }
        }
        shuffled
    }
}

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

/// Several statistics of the same images, resampled together.
///
/// `statistics(weights)` gives them for a multiplicity per image, `None` where one does
/// not exist; `sizes` are the numbers of images behind each.
pub(crate) fn draws(
    labels: &[usize],
    uncertainty: &Uncertainty,
    sizes: &[usize],
    statistics: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
) -> Vec<Option<Draws>> {
    let values = statistics(&vec![1.0; labels.len()]);
    let strata = Strata::new(labels);
    let replicates: Vec<Vec<Option<f64>>> = if strata.vary() {
        (0..uncertainty.replicates)
            .into_par_iter()
            .map_init(
                || vec![0.0; labels.len()],
                |weights, b| {
                    strata.draw(uncertainty.seed, b, weights);
                    statistics(weights)
                },
            )
            .collect()
    } else {
        Vec::new()
    };
    let of = |index: usize| {
        let replicates = replicates.iter().map(|replicate| replicate[index]).collect();
        Some(Draws { value: values[index]?, n: sizes[index], replicates })
    };
    (0..values.len()).map(of).collect()
}

/// Estimates of several statistics of the same images; see [`draws`].
pub(crate) fn bootstrap(
    labels: &[usize],
    uncertainty: &Uncertainty,
    sizes: &[usize],
    statistics: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
) -> Vec<Option<Estimate>> {
    let all = draws(labels, uncertainty, sizes, statistics);
    all.iter().map(|one| Some(one.as_ref()?.estimate(uncertainty.level))).collect()
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

    /// Add many values at once: their weighted sum, and the sum of their weights.
    pub(crate) fn add_sum(&mut self, total: f64, weight: f64) {
        self.total += total;
        self.weight += weight;
    }

    pub(crate) fn value(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.total / self.weight)
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
    use super::*;

    fn uncertainty(replicates: usize) -> Uncertainty {
        Uncertainty { replicates, level: 0.95, seed: 3 }
    }

    fn weighted_mean(values: &[f64], weights: &[f64]) -> Vec<Option<f64>> {
        let mut mean = Mean::default();
        for (&value, &weight) in values.iter().zip(weights) {
            mean.add(value, weight);
        }
        vec![mean.value()]
    }

    #[test]
    fn every_class_keeps_its_number_of_images() {
        let labels = [0, 1, 1, 2, 2, 2];
        let strata = Strata::new(&labels);
        let mut weights = [0.0; 6];
        for b in 0..50 {
            strata.draw(1, b, &mut weights);
            assert_eq!(weights[0], 1.0);
            assert_eq!(weights[1] + weights[2], 2.0);
            assert_eq!(weights[3] + weights[4] + weights[5], 3.0);
        }
    }

    #[test]
    fn the_interval_of_a_mean_has_the_width_theory_gives() {
        let mut stream = Stream::new(11, &[]);
        let values: Vec<f64> = (0..400).map(|_| stream.unit()).collect();
        let found = bootstrap(&[0; 400], &uncertainty(2000), &[400], |w| weighted_mean(&values, w));
        let (low, high) = found[0].unwrap().interval().unwrap();
        let expected = 2.0 * 1.96 * (1.0_f64 / 12.0 / 400.0).sqrt();
        assert!(((high - low) / expected - 1.0).abs() < 0.1, "{} {expected}", high - low);
    }

    #[test]
    fn what_cannot_be_resampled_has_no_interval() {
        let values = [1.0; 12];
        let alone: Vec<usize> = (0..12).collect();
        let mean = |w: &[f64]| weighted_mean(&values, w);
        assert_eq!(bootstrap(&alone, &uncertainty(50), &[12], mean), [Some(Estimate::point(1.0, 12))]);
        assert_eq!(bootstrap(&[0; 12], &uncertainty(0), &[12], mean), [Some(Estimate::point(1.0, 12))]);
        assert_eq!(bootstrap(&[0; 12], &uncertainty(50), &[9], mean), [Some(Estimate::point(1.0, 9))]);
    }

    #[test]
    fn an_empty_group_has_no_estimate() {
        assert_eq!(bootstrap(&[0; 12], &uncertainty(50), &[0], |_| vec![None]), [None]);
    }

    #[test]
    fn p_values_are_never_zero() {
        assert_eq!(p_value(2.0, &[0.0, 1.0, 1.5]), Some(0.25));
        assert_eq!(p_value(1.0, &[0.0, 1.0, 1.5]), Some(0.75));
        assert_eq!(p_value(1.0, &[]), None);
    }
}
