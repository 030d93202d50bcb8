//! Statistics with their resampled values and, where exchanging makes sense, a null distribution.

use rayon::prelude::*;
use redyn_core::random::Stream;

use super::Sampling;
use crate::replicates::Strata;
use crate::resample::{Draws, draws, draws_by_weights, mean, means};
use crate::seeds::over_seeds;
use crate::sums::Sums;
use crate::{Material, Uncertainty};

/// What one seed says about a claim.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Evidence {
    /// The statistic, resampled.
    pub(crate) draws: Draws,
    /// The statistic under permutation `b`; empty where none makes sense.
    pub(crate) null: Vec<f64>,
    /// What its interval ranges over, where that is not what the entry says.
    pub(crate) sampling: Option<Sampling>,
}

impl Evidence {
    /// Evidence that no permutation tests.
    pub(crate) fn of(draws: Draws) -> Self {
        Self::tested(draws, Vec::new())
    }

    /// Evidence with its null distribution.
    pub(crate) fn tested(draws: Draws, null: Vec<f64>) -> Self {
        Self { draws, null, sampling: None }
    }

    /// Mean over what the same training says beside each of several random weights; none beside none.
    pub(crate) fn beside_random(each: &[Draws], uncertainty: &Uncertainty) -> Option<Self> {
        let draws = over_seeds(&each.iter().collect::<Vec<_>>(), uncertainty)?;
        let sampling = (each.len() > 1).then_some(Sampling::RandomWeights(each.len()));
        Some(Self { sampling, ..Self::of(draws) })
    }
}

/// A statistic of `n` images, given for a multiplicity per image.
pub(crate) fn resampled(
    material: &Material,
    n: usize,
    statistic: impl Fn(&[f64]) -> Option<f64> + Sync,
) -> Option<Draws> {
    draws_by_weights(material.replicates(), &[n], |weights| vec![statistic(weights)]).pop().flatten()
}

/// Mean over images of one number each, with a sign-flip test: under the null hypothesis each
/// number is as likely to be its negative. Permutation `b` is drawn at `(seed, [b, 4])`.
pub(crate) fn mean_per_image(material: &Material, values: &[(usize, f64)]) -> Option<Evidence> {
    let uncertainty = &material.options.uncertainty;
    let mut sums = Sums::of_means(1);
    for &(image, value) in values {
        sums.add_to_mean(image, 0, value);
    }
    let draws = draws(material.replicates(), &[values.len()], sums, means).pop().flatten()?;
    let null = |b: usize| {
        let mut stream = Stream::new(uncertainty.seed, &[b as u64, 4]);
        mean(values.iter().map(|&(_, value)| if stream.coin() { value } else { -value }))
    };
    let null = (0..uncertainty.replicates).into_par_iter().filter_map(null).collect();
    Some(Evidence::tested(draws, null))
}

/// The statistic with the values of some images exchanged within each class.
///
/// `statistic(values)` is given the shuffled values, in the order of `images`.
pub(crate) fn exchanged<T: Copy + Sync>(
    material: &Material,
    images: &[usize],
    values: &[T],
    statistic: impl Fn(&[T]) -> Option<f64> + Sync,
) -> Vec<f64> {
    let labels: Vec<usize> = images.iter().map(|&image| material.rows.labels[image]).collect();
    let (strata, uncertainty) = (Strata::new(&labels), &material.options.uncertainty);
    let null = |b: usize| statistic(&strata.shuffle(uncertainty.seed, b, values));
    (0..uncertainty.replicates).into_par_iter().filter_map(null).collect()
}

/// A statistic of classes, given for a multiplicity per class. Replicate `b` draws at
/// `(seed, [b, 7])`.
pub(crate) fn over_classes(
    material: &Material,
    statistic: impl Fn(&[f64]) -> Option<f64> + Sync,
) -> Option<Draws> {
    let (uncertainty, n) = (&material.options.uncertainty, material.rows.n_classes);
    let replicate = |b: usize| {
        let mut stream = Stream::new(uncertainty.seed, &[b as u64, 7]);
        let mut weights = vec![0.0; n];
        (0..n).for_each(|_| weights[stream.below(n)] += 1.0);
        statistic(&weights)
    };
    let value = statistic(&vec![1.0; n])?;
    Some(Draws { value, n, replicates: (0..uncertainty.replicates).into_par_iter().map(replicate).collect() })
}

/// The mean of repeated random draws; as many replicates as repeats, drawn again from them at
/// `(seed, [b, 9])`.
pub(crate) fn mean_of_repeats(material: &Material, repeats: &[f64]) -> Option<Draws> {
    let uncertainty = &material.options.uncertainty;
    let replicate = |b: usize| {
        let mut stream = Stream::new(uncertainty.seed, &[b as u64, 9]);
        mean(repeats.iter().map(|_| repeats[stream.below(repeats.len())]))
    };
    let replicates = (0..uncertainty.replicates).map(replicate).collect();
    Some(Draws { value: mean(repeats.iter().copied())?, n: repeats.len(), replicates })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn the_mean_of_what_images_do_is_a_plain_mean_and_signs_are_flipped() {
        material(&Fixture::random(40, 4), |material| {
            let values: Vec<(usize, f64)> = (0..30).map(|image| (image, 0.5 + image as f64)).collect();
            let found = mean_per_image(material, &values).unwrap();
            close(found.draws.value, 15.0);
            assert_eq!((found.draws.n, found.null.len()), (30, 200));
            // All values are positive: no flipped mean reaches theirs.
            assert!(found.null.iter().all(|&null| null < 15.0 && null > -15.0));
            assert!(found.null.iter().any(|&null| null < 0.0));
        });
    }

    #[test]
    fn exchanging_keeps_every_class_its_values() {
        let fixture = Fixture::random(40, 4);
        material(&fixture, |material| {
            let images: Vec<usize> = (0..40).collect();
            let labels = &fixture.labels;
            // The values are the labels: within a class nothing can change.
            let null = exchanged(material, &images, labels, |shuffled| {
                Some(f64::from(u8::from(shuffled == &labels[..])))
            });
            assert!(null.len() == 200 && null.iter().all(|&same| same == 1.0));
        });
    }

    #[test]
    fn the_interval_over_classes_has_the_width_theory_gives() {
        material(&Fixture::random(40, 4), |material| {
            let share = |weights: &[f64]| {
                let here: f64 = weights.iter().step_by(2).sum();
                Some(here / weights.iter().sum::<f64>())
            };
            let found = over_classes(material, share).unwrap();
            assert_eq!((found.value, found.n), (0.5, 8));
            let spread: f64 =
                found.replicates.iter().flatten().map(|x| (x - 0.5).powi(2)).sum::<f64>() / 200.0;
            let expected = 0.25 / 8.0;
            assert!((spread / expected - 1.0).abs() < 0.3, "{spread} {expected}");
        });
    }
}
