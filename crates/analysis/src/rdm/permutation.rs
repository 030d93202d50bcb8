//! Whether RDMs are more alike than those of exchanged items.

use rayon::prelude::*;

use super::compare::{Seen, Standardised};
use super::kendall::tau_a;
use super::resampled::check_items;
use super::{Comparable, Comparison, PairWeights, Rdms, pair, pairs};
use crate::Error;
use crate::numeric::Panels;
use crate::replicates::Strata;
use crate::resample::p_value;

/// For every RDM and every other one, the share of exchanges of items (within their groups)
/// under which the two are at least as alike: `(b + 1) / (m + 1)` for `m` exchanges (Mantel
/// 1967). `None` without exchanges, or where the two cannot be compared.
///
/// Exchange `m` is drawn at `(seed, [m, 1])`. What was sorted stays sorted: items move, values
/// do not.
///
/// # Shapes
/// - `strata`: `[item]`
/// - returns: `[rdm][other]`
///
/// # Errors
/// RDMs of other items, or groups for another number of items.
pub fn permutation_test(
    rdms: &Rdms,
    others: &Rdms,
    comparison: Comparison,
    strata: &[usize],
    (permutations, seed): (usize, u64),
) -> Result<Vec<Vec<Option<f64>>>, Error> {
    check_items(others.n_items(), rdms.n_items())?;
    check_items(strata.len(), rdms.n_items())?;
    let (own, other) = (Comparable::new(rdms, comparison), Comparable::new(others, comparison));
    let (observed, null) = exchanges(&own, &other, strata, (permutations, seed));
    let p = |cell: usize| {
        let drawn: Vec<f64> = null.iter().filter_map(|values| values[cell]).collect();
        p_value(observed[cell]?, &drawn)
    };
    let m = others.len();
    Ok((0..rdms.len()).map(|rdm| (0..m).map(|other| p(rdm * m + other)).collect()).collect())
}

/// How alike RDMs are to others, and how alike with the items of the first exchanged, again and
/// again: `[rdm][other]`, flat.
pub(crate) fn exchanges(
    own: &Comparable,
    others: &Comparable,
    strata: &[usize],
    (permutations, seed): (usize, u64),
) -> (Vec<Option<f64>>, Vec<Vec<Option<f64>>>) {
    let n_items = own.rdms.n_items();
    let everyone = PairWeights::new(&vec![1.0; n_items]);
    let observed = own.between(others, &everyone);
    let prepared = Prepared::new(own, others, &everyone);
    let (strata, items) = (Strata::new(strata), (0..n_items).collect::<Vec<usize>>());
    let exchanged = |m: usize| {
        let to = strata.shuffle(seed, m, &items);
        let places: Vec<u32> =
            pairs(n_items).map(|(first, second)| pair(n_items, to[first], to[second]) as u32).collect();
        prepared.compare(&places)
    };
    (observed, (0..permutations).into_par_iter().map(exchanged).collect())
}

/// RDMs of all items, sorted or standardised once.
enum Prepared {
    Products { own: Standardised, others: Panels<f64> },
    Orders { own: Vec<Seen>, others: Vec<Seen>, weights: Vec<f64> },
}

impl Prepared {
    fn new(own: &Comparable, others: &Comparable, everyone: &PairWeights) -> Self {
        if own.comparison == Comparison::KendallTauA {
            let weights = everyone.weights.clone();
            return Self::Orders { own: own.seen(everyone), others: others.seen(everyone), weights };
        }
        let other = others.standardised(everyone);
        let others = Panels::new(&other.vectors, others.rdms.len(), other.width);
        Self::Products { own: own.standardised(everyone), others }
    }

    /// Compare with the values of every pair taken from another place: `[own][other]`, flat.
    fn compare(&self, places: &[u32]) -> Vec<Option<f64>> {
        let from = |values: &[f64]| -> Vec<f64> { places.iter().map(|&at| values[at as usize]).collect() };
        match self {
            Self::Products { own, others } => {
                let moved: Vec<f64> = own.vectors.chunks_exact(own.width).flat_map(from).collect();
                others.products(&moved).into_iter().map(Some).collect()
            }
            Self::Orders { own, others, weights } => {
                let mut to = vec![0; places.len()];
                places.iter().zip(0..).for_each(|(&from, at)| to[from as usize] = at);
                let moved = |seen: &Seen| Seen {
                    values: from(&seen.values),
                    order: seen.order.iter().map(|&at| to[at as usize]).collect(),
                };
                let own = own.iter().map(moved);
                own.flat_map(|own| {
                    others.iter().map(move |other| tau_a(&own, other, weights)).collect::<Vec<_>>()
                })
                .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::tests::{ALL, naive};
    use super::super::tests::random;
    use super::*;

    #[test]
    fn p_values_are_those_of_rdms_with_items_exchanged() {
        let (n, permutations, seed) = (6, 40, 5);
        let all = random(3, n, 12);
        let one = Rdms::new(n, all.rdm(0).to_vec()).unwrap();
        let others = Rdms::new(n, [all.rdm(1), all.rdm(2)].concat()).unwrap();
        let groups = [0, 0, 0, 0, 1, 1];
        for comparison in ALL {
            let found = permutation_test(&one, &others, comparison, &groups, (permutations, seed)).unwrap();
            for other in 0..2 {
                let observed = naive(comparison, one.rdm(0), others.rdm(other)).unwrap();
                let beyond = (0..permutations).filter(|&m| {
                    let to = Strata::new(&groups).shuffle(seed, m, &[0, 1, 2, 3, 4, 5]);
                    let moved: Vec<f64> = pairs(n).map(|(i, j)| one.rdm(0)[pair(n, to[i], to[j])]).collect();
                    naive(comparison, &moved, others.rdm(other)).unwrap() >= observed - 1e-12 * observed.abs()
                });
                let expected = (beyond.count() + 1) as f64 / 41.0;
                assert_eq!(found[0][other], Some(expected), "{comparison:?}");
            }
        }
    }

    #[test]
    fn an_rdm_is_itself_beyond_chance() {
        let rdms = random(1, 12, 3);
        let found = permutation_test(&rdms, &rdms, Comparison::Spearman, &[0; 12], (199, 1)).unwrap();
        assert_eq!(found[0][0], Some(1.0 / 200.0));
        let none = permutation_test(&rdms, &rdms, Comparison::Spearman, &[0; 12], (0, 1)).unwrap();
        assert_eq!(none[0][0], None);
    }
}
