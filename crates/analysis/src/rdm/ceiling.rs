//! How alike to subjects' RDMs the best possible model could be.

use serde::{Deserialize, Serialize};

use super::compare::{Ready, Seen};
use super::{Comparable, Comparison, PairWeights, Rdms, Resampling};
use crate::numeric::{interleaved, vectorised};
use crate::resample::{draws_by_weights, estimates};
use crate::spearman::ascending;
use crate::{Error, Estimate};

/// Bounds of how alike a model can be to the RDMs of several subjects.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseCeiling {
    /// Mean similarity of each subject to the mean of the others: the true model is not below
    /// it, but for noise.
    pub lower: Option<Estimate>,
    /// Mean similarity of each subject to the mean of all, itself among them: no model is above.
    pub upper: Option<Estimate>,
}

/// The noise ceiling of subjects' RDMs, with intervals over items.
///
/// RDMs are brought to one scale before they are averaged, as the comparison asks: ranks
/// (Spearman, Kendall), without mean and of unit length (Pearson), of unit length (cosine).
/// After Nili et al. 2014, PLoS Computational Biology 10: e1003553; ranks of means as in
/// rsatoolbox.
///
/// # Errors
/// Fewer than two subjects; groups for another number of items.
pub fn noise_ceiling(
    subjects: &Rdms,
    comparison: Comparison,
    resampling: &Resampling,
) -> Result<NoiseCeiling, Error> {
    if subjects.len() < 2 {
        return Err(Error::OneSubject);
    }
    let replicates = resampling.replicates(subjects)?;
    let comparable = Comparable::new(subjects, comparison);
    let n = subjects.n_items();
    let draws = draws_by_weights(&replicates, &[n, n], |items| bounds(&comparable, &PairWeights::new(items)));
    let found = estimates(&draws, resampling.uncertainty.level);
    Ok(NoiseCeiling { lower: found[0], upper: found[1] })
}

/// Lower and upper bound in one resampled set of items.
fn bounds(subjects: &Comparable, pairs: &PairWeights) -> Vec<Option<f64>> {
    let (comparison, weights) = (subjects.comparison, &pairs.weights);
    if weights.is_empty() {
        return vec![None; 2];
    }
    let seen = subjects.seen(pairs);
    let scaled: Vec<Vec<f64>> = seen.iter().map(|seen| one_scale(comparison, seen, weights)).collect();
    let mut sum = vec![0.0; weights.len()];
    for one in &scaled {
        sum.iter_mut().zip(one).for_each(|(sum, x)| *sum += x);
    }
    let own: Vec<Ready> = seen.into_iter().map(|seen| Ready::new(comparison, seen, weights)).collect();
    let pooled = |values: Vec<f64>| {
        let order = if sorts(comparison) { ascending(&values) } else { Vec::new() };
        Ready::new(comparison, Seen { values, order }, weights)
    };
    let others = |x: &Vec<f64>| pooled(sum.iter().zip(x).map(|(sum, x)| sum - x).collect());
    let mean = |each: Vec<Option<f64>>| {
        let n = each.len() as f64;
        each.into_iter().sum::<Option<f64>>().map(|sum| sum / n)
    };
    let lower = own.iter().zip(&scaled).map(|(own, x)| own.alike(&others(x), weights));
    let lower = mean(lower.collect());
    let all = pooled(sum);
    vec![lower, mean(own.iter().map(|own| own.alike(&all, weights)).collect())]
}

fn sorts(comparison: Comparison) -> bool {
    matches!(comparison, Comparison::Spearman | Comparison::KendallTauA)
}

/// Values or ranks of one RDM as they enter a mean over subjects.
fn one_scale(comparison: Comparison, seen: &Seen, weights: &[f64]) -> Vec<f64> {
    let mut values = comparison.centred(&seen.values, weights, &seen.order);
    if !sorts(comparison) {
        vectorised(
            #[inline(always)]
            || {
                let square = interleaved(weights, &values, |weight, x| weight * x * x);
                let scale = if square > 0.0 { square.sqrt() } else { 1.0 };
                for x in &mut values {
                    *x /= scale;
                }
            },
        );
    }
    values
}

#[cfg(test)]
mod tests {
    use super::super::compare::tests::{ALL, naive};
    use super::super::tests::random;
    use super::*;
    use crate::Uncertainty;
    use crate::spearman::ranks;

    /// Subjects that share something, and how alike each is to the mean of some.
    #[test]
    fn bounds_are_those_of_a_plain_loop() {
        let (n, none) = (7, Uncertainty { replicates: 0, ..Uncertainty::default() });
        let (noise, shared) = (random(4, n, 1), random(1, n, 2));
        let values = noise.iter().flat_map(|rdm| rdm.iter().zip(shared.rdm(0)).map(|(x, y)| x + 2.0 * y));
        let subjects = Rdms::new(n, values.collect()).unwrap();
        for comparison in ALL {
            let scale = |rdm: &[f64]| -> Vec<f64> {
                let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
                let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
                match comparison {
                    Comparison::Spearman | Comparison::KendallTauA => ranks(rdm),
                    Comparison::Pearson => {
                        let centred: Vec<f64> = rdm.iter().map(|x| x - mean(rdm)).collect();
                        centred.iter().map(|x| x / length(&centred)).collect()
                    }
                    Comparison::Cosine => rdm.iter().map(|x| x / length(rdm)).collect(),
                }
            };
            let mean_of = |keep: &dyn Fn(usize) -> bool| -> Vec<f64> {
                let mut sum = vec![0.0; subjects.n_pairs()];
                for subject in (0..4).filter(|&subject| keep(subject)) {
                    sum.iter_mut().zip(scale(subjects.rdm(subject))).for_each(|(sum, x)| *sum += x);
                }
                sum
            };
            let each = |pool: &dyn Fn(usize) -> Vec<f64>| {
                (0..4).map(|s| naive(comparison, subjects.rdm(s), &pool(s)).unwrap()).sum::<f64>() / 4.0
            };
            let lower = each(&|own| mean_of(&|subject| subject != own));
            let upper = each(&|_| mean_of(&|_| true));
            let resampling = Resampling { strata: &[0; 7], uncertainty: &none };
            let found = noise_ceiling(&subjects, comparison, &resampling).unwrap();
            assert!((found.lower.unwrap().value - lower).abs() < 1e-13, "{comparison:?}");
            assert!((found.upper.unwrap().value - upper).abs() < 1e-13, "{comparison:?}");
            assert!(lower < upper);
        }
    }

    #[test]
    fn one_subject_has_no_ceiling() {
        let uncertainty = Uncertainty::default();
        let resampling = Resampling { strata: &[0; 5], uncertainty: &uncertainty };
        let error = noise_ceiling(&random(1, 5, 1), Comparison::Spearman, &resampling).unwrap_err();
        assert_eq!(error.to_string(), "one subject has no noise ceiling");
    }
}
