//! Several seeds of one network: what is found for their mean, and how sure we are of it.
//!
//! Two levels are resampled: seeds, and images within each class. All seeds of a replicate see
//! the same resampled images, because they saw the same images: the two-way bootstrap of
//! Owen (2007), "The pigeonhole bootstrap", Annals of Applied Statistics 1, 386-411.
//!
//! # Limits
//! With two or three seeds an interval over seeds is hardly more than their range: it says how
//! far seeds lie apart, not how far the next one will.

use redyn_core::random::Stream;

use crate::Uncertainty;
use crate::resample::Draws;

/// The unweighted mean over seeds; `n` is that of the smallest group.
///
/// Replicate `b` draws as many seeds as there are, with replacement, at `(seed, [b, 5])`, and
/// takes of each the statistic of the images of replicate `b`. A single seed keeps its draws.
/// `None` without a seed.
pub(crate) fn over_seeds(seeds: &[&Draws], uncertainty: &Uncertainty) -> Option<Draws> {
    let first = seeds.first()?;
    let n_seeds = seeds.len();
    if n_seeds == 1 {
        return Some((*first).clone());
    }
    let resampled = seeds.iter().all(|seed| !seed.replicates.is_empty());
    let n_replicates = if resampled { first.replicates.len() } else { 0 };
    let replicate = |b: usize| {
        let mut stream = Stream::new(uncertainty.seed, &[b as u64, 5]);
        let drawn = (0..n_seeds).map(|_| seeds[stream.below(n_seeds)].replicates[b]);
        Some(drawn.sum::<Option<f64>>()? / n_seeds as f64)
    };
    Some(Draws {
        value: seeds.iter().map(|seed| seed.value).sum::<f64>() / n_seeds as f64,
        n: seeds.iter().map(|seed| seed.n).min().unwrap_or(0),
        replicates: (0..n_replicates).map(replicate).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::close;
    use crate::replicates::Replicates;
    use crate::resample::{Mean, draws_by_weights};

    const UNCERTAINTY: Uncertainty = Uncertainty { replicates: 400, level: 0.95, seed: 9 };

    fn images(shift: f64) -> Vec<f64> {
        (0..60).map(|image| shift + f64::from(image * 7 % 11)).collect()
    }

    fn mean_of(values: &[f64], labels: &[usize]) -> Draws {
        let statistic = |weights: &[f64]| {
            let mut mean = Mean::default();
            values.iter().zip(weights).for_each(|(&value, &weight)| mean.add(value, weight));
            vec![mean.value()]
        };
        let replicates = Replicates::new(labels, &UNCERTAINTY, 1 << 20);
        draws_by_weights(&replicates, &[values.len()], statistic).remove(0).unwrap()
    }

    /// Draw seeds, draw images, write the lists out, take the mean of means.
    #[test]
    fn a_replicate_is_the_mean_of_drawn_seeds_on_drawn_images() {
        let labels: Vec<usize> = (0..60).map(|image| image % 3).collect();
        let values = [images(0.0), images(5.0), images(9.0)];
        let seeds: Vec<Draws> = values.iter().map(|values| mean_of(values, &labels)).collect();
        let found = over_seeds(&seeds.iter().collect::<Vec<_>>(), &UNCERTAINTY).unwrap();
        assert_eq!(found.n, 60);
        close(found.value, seeds.iter().map(|seed| seed.value).sum::<f64>() / 3.0);
        for b in 0..50 {
            let mut stream = Stream::new(9, &[b as u64]);
            let mut drawn = Vec::new();
            for class in 0..3 {
                let members: Vec<usize> = (0..60).filter(|image| image % 3 == class).collect();
                drawn.extend(members.iter().map(|_| members[stream.below(20)]));
            }
            let mut stream = Stream::new(9, &[b as u64, 5]);
            let plain: f64 = (0..3)
                .map(|_| &values[stream.below(3)])
                .map(|values| drawn.iter().map(|&image| values[image]).sum::<f64>() / 60.0)
                .sum();
            close(found.replicates[b].unwrap(), plain / 3.0);
        }
    }

    #[test]
    fn seeds_that_disagree_widen_the_interval_and_one_seed_keeps_its_own() {
        let labels = vec![0; 60];
        let one = mean_of(&images(0.0), &labels);
        let alone = over_seeds(&[&one], &UNCERTAINTY).unwrap();
        assert_eq!(alone, one);
        let width = |draws: &Draws| {
            let (low, high) = draws.estimate(0.95).interval().unwrap();
            high - low
        };
        let alike = over_seeds(&[&one, &mean_of(&images(0.1), &labels)], &UNCERTAINTY).unwrap();
        let apart = over_seeds(&[&one, &mean_of(&images(20.0), &labels)], &UNCERTAINTY).unwrap();
        assert!(width(&apart) > 10.0 * width(&alike), "{} {}", width(&apart), width(&alike));
        assert!(over_seeds(&[], &UNCERTAINTY).is_none());
    }

    #[test]
    fn a_seed_without_an_interval_leaves_the_mean_without_one() {
        let labels = vec![0; 60];
        let (one, lonely) = (mean_of(&images(0.0), &labels), Draws { value: 1.0, n: 3, replicates: vec![] });
        let found = over_seeds(&[&one, &lonely], &UNCERTAINTY).unwrap();
        assert_eq!((found.n, found.estimate(0.95).interval()), (3, None));
    }
}
