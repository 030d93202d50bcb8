//! How alike RDMs are, with intervals over their items.

use serde::{Deserialize, Serialize};

use super::{Comparable, Comparison, Mds, PairWeights, Rdms, mds, n_pairs, pair};
use crate::replicates::Replicates;
use crate::resample::{draws_by_weights, estimates};
use crate::{Error, Estimate, Uncertainty};

/// How items are resampled.
#[derive(Clone, Copy, Debug)]
pub struct Resampling<'a> {
    /// The group of each item: items are drawn with replacement within their group. All in one
    /// group: one label for all.
    pub strata: &'a [usize],
    /// How many replicates, and of what level the intervals are.
    pub uncertainty: &'a Uncertainty,
}

/// Memory for replicates; beyond it they are drawn again.
const KEPT: usize = 64 << 20;

impl Resampling<'_> {
    pub(super) fn replicates(&self, rdms: &Rdms) -> Result<Replicates, Error> {
        check_items(self.strata.len(), rdms.n_items())?;
        Ok(Replicates::new(self.strata, self.uncertainty, KEPT))
    }
}

pub(super) fn check_items(found: usize, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::RdmOtherItems { found, expected }) }
}

/// How alike each of several RDMs is to each other one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimilarityMatrix {
    /// How they were compared.
    pub comparison: Comparison,
    /// Number of RDMs.
    pub n: usize,
    /// Number of their items.
    pub n_items: usize,
    /// Of every pair of RDMs, row by row above the diagonal; `None` where an RDM is constant.
    pub above: Vec<Option<Estimate>>,
}

impl SimilarityMatrix {
    /// How alike two RDMs are; an RDM is like itself.
    pub fn get(&self, a: usize, b: usize) -> Option<Estimate> {
        if a == b { Some(Estimate::point(1.0, self.n_items)) } else { self.above[pair(self.n, a, b)] }
    }

    /// The RDMs in a plane, `1 − similarity` apart; `None` where some cannot be compared.
    pub fn plane(&self) -> Option<Mds> {
        let apart = |estimate: &Option<Estimate>| estimate.map(|estimate| 1.0 - estimate.value);
        let apart = self.above.iter().map(apart).collect::<Option<Vec<f64>>>()?;
        mds(self.n, &apart).ok()
    }
}

/// Compare RDMs with one another. Intervals are over items: a resampled item brings all its
/// dissimilarities with it, and pairs of an item with itself are left out.
///
/// # Errors
/// Groups for another number of items.
pub fn similarity_matrix(
    rdms: &Rdms,
    comparison: Comparison,
    resampling: &Resampling,
) -> Result<SimilarityMatrix, Error> {
    let replicates = resampling.replicates(rdms)?;
    let comparable = Comparable::new(rdms, comparison);
    let sizes = vec![rdms.n_items(); n_pairs(rdms.len())];
    let draws = draws_by_weights(&replicates, &sizes, |items| comparable.within(&PairWeights::new(items)));
    let above = estimates(&draws, resampling.uncertainty.level);
    Ok(SimilarityMatrix { comparison, n: rdms.len(), n_items: rdms.n_items(), above })
}

/// Compare RDMs with others of the same items, with intervals over items: `[rdm][other]`.
///
/// # Errors
/// RDMs of other items, or groups for another number of items.
pub fn similarities(
    rdms: &Rdms,
    others: &Rdms,
    comparison: Comparison,
    resampling: &Resampling,
) -> Result<Vec<Vec<Option<Estimate>>>, Error> {
    check_items(others.n_items(), rdms.n_items())?;
    let replicates = resampling.replicates(rdms)?;
    let (own, other) = (Comparable::new(rdms, comparison), Comparable::new(others, comparison));
    let sizes = vec![rdms.n_items(); rdms.len() * others.len()];
    let draws = draws_by_weights(&replicates, &sizes, |items| own.between(&other, &PairWeights::new(items)));
    let found = estimates(&draws, resampling.uncertainty.level);
    Ok(found.chunks(others.len().max(1)).map(<[Option<Estimate>]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use super::super::compare::tests::{ALL, naive, resampled};
    use super::super::tests::random;
    use super::*;
    use crate::estimate::quantile;

    /// The items of replicate `b`, drawn as the bootstrap draws them, written out.
    fn drawn(strata: &[usize], seed: u64, b: usize) -> Vec<usize> {
        let mut stream = Stream::new(seed, &[b as u64]);
        let n_groups = strata.iter().max().unwrap() + 1;
        let mut items = Vec::new();
        for group in 0..n_groups {
            let members: Vec<usize> = (0..strata.len()).filter(|&item| strata[item] == group).collect();
            items.extend(members.iter().map(|_| members[stream.below(members.len())]));
        }
        items
    }

    #[test]
    fn intervals_are_those_of_rdms_written_out_and_compared_anew() {
        let (n, uncertainty) = (12, Uncertainty { replicates: 60, level: 0.9, seed: 4 });
        let strata: Vec<usize> = (0..n).map(|item| item % 2).collect();
        let rdms = random(3, n, 9);
        for comparison in ALL {
            let resampling = Resampling { strata: &strata, uncertainty: &uncertainty };
            let found = similarity_matrix(&rdms, comparison, &resampling).unwrap();
            for (a, b) in super::super::pairs(3) {
                let mut sample: Vec<f64> = (0..60)
                    .map(|replicate| {
                        let items = drawn(&strata, 4, replicate);
                        let of = |rdm: usize| resampled(rdms.rdm(rdm), n, &items);
                        naive(comparison, &of(a), &of(b)).unwrap()
                    })
                    .collect();
                sample.sort_by(f64::total_cmp);
                let estimate = found.get(b, a).unwrap();
                let (low, high) = estimate.interval().unwrap();
                assert!(
                    (estimate.value - naive(comparison, rdms.rdm(a), rdms.rdm(b)).unwrap()).abs() < 1e-13
                );
                assert!((low - quantile(&sample, 0.05)).abs() < 1e-12, "{comparison:?}");
                assert!((high - quantile(&sample, 0.95)).abs() < 1e-12, "{comparison:?}");
                assert_eq!(estimate.n, n);
            }
            let others = similarities(&rdms, &rdms, comparison, &resampling).unwrap();
            assert!(
                (others[0][2].unwrap().low.unwrap() - found.get(0, 2).unwrap().low.unwrap()).abs() < 1e-13
            );
        }
    }

    #[test]
    fn other_items_are_refused() {
        let uncertainty = Uncertainty::default();
        let resampling = Resampling { strata: &[0; 5], uncertainty: &uncertainty };
        let error = similarity_matrix(&random(2, 6, 1), Comparison::Pearson, &resampling).unwrap_err();
        assert_eq!(error.to_string(), "RDMs of 5 items cannot be compared with RDMs of 6");
    }
}
