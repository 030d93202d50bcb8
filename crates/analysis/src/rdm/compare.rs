//! How alike two RDMs are, with every item counting as often as it stands in a resampled set.
//!
//! In a resampled set of items, the pair of items `i` and `j` stands `wᵢ wⱼ` times, and pairs of
//! an item with itself are left out. A comparison of resampled RDMs is therefore the same
//! comparison with weighted pairs. What has to be sorted is sorted once: weights change ranks,
//! not order.

use rayon::prelude::*;

use super::kendall::tau_a;
use super::metric::products_above;
use super::{Rdms, pairs};
use crate::numeric::{Panels, dot, interleaved, vectorised};
use crate::spearman::ascending;

/// How alike two RDMs are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Correlation of ranks, ties sharing their mean rank.
    #[default]
    Spearman,
    /// Pearson's correlation.
    Pearson,
    /// `(concordant − discordant) / all` pairs of dissimilarities: ties are neither, so that a
    /// model that predicts ties is not preferred (Nili et al. 2014).
    KendallTauA,
    /// `a·b / ‖a‖‖b‖`.
    Cosine,
}

impl Comparison {
    /// As it reads in a sentence or on an axis.
    pub fn words(self) -> &'static str {
        match self {
            Self::Spearman => "Spearman's ρ",
            Self::Pearson => "Pearson's r",
            Self::KendallTauA => "Kendall's τ-a",
            Self::Cosine => "cosine",
        }
    }

    /// A vector of unit length whose product with another's is how alike the two are; `None`
    /// where that does not exist, the values being all the same. Not for Kendall's.
    ///
    /// # Shapes
    /// - `values`, `weights`: `[pair]`
    /// - `order`: positions in ascending order of their values
    pub(super) fn standardise(self, values: &[f64], weights: &[f64], order: &[u32]) -> Option<Vec<f64>> {
        let mut vector = self.centred(values, weights, order);
        let (scale, square) = vectorised(
            #[inline(always)]
            || {
                vector.iter_mut().zip(weights).for_each(|(x, weight)| *x *= weight.sqrt());
                (interleaved(weights, values, |weight, value| weight * value * value), dot(&vector, &vector))
            },
        );
        let rounding = if self == Self::Spearman { 0.0 } else { CONSTANT * scale };
        (square > rounding).then(|| {
            let length = square.sqrt();
            vectorised(
                #[inline(always)]
                || vector.iter_mut().for_each(|x| *x /= length),
            );
            vector
        })
    }

    /// Ranks or values, without their mean where the comparison removes it.
    pub(super) fn centred(self, values: &[f64], weights: &[f64], order: &[u32]) -> Vec<f64> {
        let mut vector = match self {
            Self::Spearman | Self::KendallTauA => mid_ranks(values, weights, order),
            Self::Pearson | Self::Cosine => values.to_vec(),
        };
        if self != Self::Cosine {
            vectorised(
                #[inline(always)]
                || {
                    let total = interleaved(weights, weights, |weight, _| weight);
                    let mean = dot(weights, &vector) / total;
                    for x in &mut vector {
                        *x -= mean;
                    }
                },
            );
        }
        vector
    }
}

/// A variance below this share of the mean square is rounding.
const CONSTANT: f64 = 1e-26;

/// Mean rank, from 1, of every value in a list in which it stands `weight` times.
fn mid_ranks(values: &[f64], weights: &[f64], order: &[u32]) -> Vec<f64> {
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0.0;
    for tied in order.chunk_by(|&a, &b| values[a as usize] == values[b as usize]) {
        let here: f64 = tied.iter().map(|&at| weights[at as usize]).sum();
        let rank = before + f64::midpoint(here, 1.0);
        for &at in tied {
            ranks[at as usize] = rank;
        }
        before += here;
    }
    ranks
}

/// The pairs that stand in a resampled set of items, and how often.
pub(crate) struct PairWeights {
    present: Vec<u32>,
    pub(super) weights: Vec<f64>,
    /// Place of every pair among those present.
    place: Vec<u32>,
}

/// The place of a pair that is not present.
const ABSENT: u32 = u32::MAX;

impl PairWeights {
    /// `items`: how often each item stands.
    pub(crate) fn new(items: &[f64]) -> Self {
        let mut pairs_of = Self { present: Vec::new(), weights: Vec::new(), place: Vec::new() };
        for (at, (first, second)) in pairs(items.len()).enumerate() {
            let weight = items[first] * items[second];
            if weight > 0.0 {
                pairs_of.place.push(pairs_of.present.len() as u32);
                pairs_of.present.push(at as u32);
                pairs_of.weights.push(weight);
            } else {
                pairs_of.place.push(ABSENT);
            }
        }
        pairs_of
    }

    /// What is present of an RDM, and its order from that of all.
    fn seen(&self, rdm: &[f64], order: &[u32]) -> Seen {
        Seen {
            values: self.present.iter().map(|&at| rdm[at as usize]).collect(),
            order: order.iter().map(|&at| self.place[at as usize]).filter(|&place| place != ABSENT).collect(),
        }
    }
}

/// RDMs, sorted where their comparison needs it.
pub(crate) struct Comparable<'a> {
    pub(super) rdms: &'a Rdms,
    pub(super) comparison: Comparison,
    orders: Vec<Vec<u32>>,
}

/// One RDM in a resampled set of items.
pub(super) struct Seen {
    pub(super) values: Vec<f64>,
    pub(super) order: Vec<u32>,
}

impl<'a> Comparable<'a> {
    pub(crate) fn new(rdms: &'a Rdms, comparison: Comparison) -> Self {
        let sorted = matches!(comparison, Comparison::Spearman | Comparison::KendallTauA);
        let all: Vec<&[f64]> = rdms.iter().collect();
        let orders =
            if sorted { all.into_par_iter().map(ascending).collect() } else { vec![Vec::new(); rdms.len()] };
        Self { rdms, comparison, orders }
    }

    pub(super) fn seen(&self, pairs: &PairWeights) -> Vec<Seen> {
        self.rdms.iter().zip(&self.orders).map(|(rdm, order)| pairs.seen(rdm, order)).collect()
    }

    pub(super) fn standardised(&self, pairs: &PairWeights) -> Standardised {
        let width = pairs.weights.len();
        let all: Vec<&[f64]> = self.rdms.iter().collect();
        let one = |(rdm, order): (&[f64], &Vec<u32>)| {
            let Seen { values, order } = pairs.seen(rdm, order);
            self.comparison.standardise(&values, &pairs.weights, &order)
        };
        let found: Vec<Option<Vec<f64>>> = all.into_par_iter().zip(&self.orders).map(one).collect();
        let exist = found.iter().map(Option::is_some).collect();
        let mut vectors = Vec::with_capacity(found.len() * width);
        for vector in found {
            match vector {
                Some(vector) => vectors.extend(vector),
                None => vectors.resize(vectors.len() + width, 0.0),
            }
        }
        Standardised { vectors, exist, width }
    }

    /// How alike every RDM is to every later one, in the order of [`pairs`].
    pub(crate) fn within(&self, weights: &PairWeights) -> Vec<Option<f64>> {
        if weights.weights.is_empty() {
            return vec![None; super::n_pairs(self.rdms.len())];
        }
        if self.comparison == Comparison::KendallTauA {
            let seen = self.seen(weights);
            return pairs(seen.len()).map(|(a, b)| tau_a(&seen[a], &seen[b], &weights.weights)).collect();
        }
        let all = self.standardised(weights);
        let products = products_above(&all.vectors, all.width);
        let exists = |((a, b), product): ((usize, usize), f64)| {
            (all.exist[a] && all.exist[b]).then(|| product.clamp(-1.0, 1.0))
        };
        pairs(self.rdms.len()).zip(products).map(exists).collect()
    }

    /// How alike every RDM is to every other one of `others`: `[own][other]`, flat.
    pub(crate) fn between(&self, others: &Comparable, weights: &PairWeights) -> Vec<Option<f64>> {
        let (n, m) = (self.rdms.len(), others.rdms.len());
        if weights.weights.is_empty() {
            return vec![None; n * m];
        }
        if self.comparison == Comparison::KendallTauA {
            let (own, other) = (self.seen(weights), others.seen(weights));
            let tau = |at: usize| tau_a(&own[at / m], &other[at % m], &weights.weights);
            return (0..n * m).map(tau).collect();
        }
        let (own, other) = (self.standardised(weights), others.standardised(weights));
        let products = Panels::new(&other.vectors, m, other.width).products(&own.vectors);
        let exists = |(at, product): (usize, f64)| {
            (own.exist[at / m] && other.exist[at % m]).then(|| product.clamp(-1.0, 1.0))
        };
        products.into_iter().enumerate().map(exists).collect()
    }
}

/// Vectors of unit length whose products are what is asked for.
pub(super) struct Standardised {
    /// `[rdm][pair]`, zero where none exists.
    pub(super) vectors: Vec<f64>,
    exist: Vec<bool>,
    pub(super) width: usize,
}

/// One RDM in a resampled set of items, ready to be compared with others.
pub(super) enum Ready {
    /// For Kendall's.
    Sorted(Seen),
    /// For all others; `None` where nothing is like it.
    Unit(Option<Vec<f64>>),
}

impl Ready {
    pub(super) fn new(comparison: Comparison, seen: Seen, weights: &[f64]) -> Self {
        if comparison == Comparison::KendallTauA {
            return Self::Sorted(seen);
        }
        Self::Unit(comparison.standardise(&seen.values, weights, &seen.order))
    }

    /// How alike two RDMs made ready for the same comparison are.
    pub(super) fn alike(&self, other: &Self, weights: &[f64]) -> Option<f64> {
        match (self, other) {
            (Self::Sorted(a), Self::Sorted(b)) => tau_a(a, b, weights),
            (Self::Unit(Some(a)), Self::Unit(Some(b))) => {
                let product = vectorised(
                    #[inline(always)]
                    || dot(a, b),
                );
                Some(product.clamp(-1.0, 1.0))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::pair;
    use super::super::tests::random;
    use super::*;
    use crate::spearman::{correlation, ranks};

    pub(crate) const ALL: [Comparison; 4] =
        [Comparison::Spearman, Comparison::Pearson, Comparison::KendallTauA, Comparison::Cosine];

    /// Two lists of values compared by the definition.
    pub(crate) fn naive(comparison: Comparison, a: &[f64], b: &[f64]) -> Option<f64> {
        match comparison {
            Comparison::Spearman => correlation(&ranks(a), &ranks(b)),
            Comparison::Pearson => correlation(a, b),
            Comparison::Cosine => {
                let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
                Some(product(a, b) / (product(a, a) * product(b, b)).sqrt())
            }
            Comparison::KendallTauA => {
                let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
                let n = a.len();
                let sum: f64 = pairs(n).map(|(i, j)| sign(a[i] - a[j]) * sign(b[i] - b[j])).sum();
                Some(sum / super::super::n_pairs(n) as f64)
            }
        }
    }

    /// An RDM of resampled items, pairs of an item with itself left out.
    pub(crate) fn resampled(rdm: &[f64], n: usize, items: &[usize]) -> Vec<f64> {
        let mut values = Vec::new();
        for (at, &a) in items.iter().enumerate() {
            values.extend(items[at + 1..].iter().filter(|&&b| a != b).map(|&b| rdm[pair(n, a, b)]));
        }
        values
    }

    /// With ties, as in RDMs of rounded values.
    fn rounded(n_rdms: usize, n_items: usize, seed: u64) -> Rdms {
        let rdms = random(n_rdms, n_items, seed);
        Rdms::new(n_items, rdms.iter().flatten().map(|x| (2.0 * x).round()).collect()).unwrap()
    }

    #[test]
    fn weighted_pairs_are_resampled_items_written_out() {
        let (n, items) = (9, [0, 0, 1, 3, 3, 3, 4, 7, 8]);
        let mut weights = vec![0.0; n];
        for item in items {
            weights[item] += 1.0;
        }
        for rdms in [random(3, n, 4), rounded(3, n, 5)] {
            for comparison in ALL {
                let comparable = Comparable::new(&rdms, comparison);
                for (weights, items) in [(vec![1.0; n], (0..n).collect()), (weights.clone(), items.to_vec())]
                {
                    let found = comparable.within(&PairWeights::new(&weights));
                    for ((a, b), found) in pairs(3).zip(found) {
                        let of = |rdm: usize| resampled(rdms.rdm(rdm), n, &items);
                        let expected = naive(comparison, &of(a), &of(b)).unwrap();
                        assert!(
                            (found.unwrap() - expected).abs() < 1e-13,
                            "{comparison:?} {found:?} {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn between_two_sets_is_within_their_union() {
        let all = random(5, 8, 6);
        let part = |range: std::ops::Range<usize>| {
            Rdms::new(8, range.flat_map(|index| all.rdm(index).to_vec()).collect()).unwrap()
        };
        let (first, second) = (part(0..2), part(2..5));
        let weights = PairWeights::new(&[1.0, 2.0, 0.0, 1.0, 1.0, 1.0, 0.0, 3.0]);
        for comparison in ALL {
            let within = Comparable::new(&all, comparison).within(&weights);
            let other = Comparable::new(&second, comparison);
            let between = Comparable::new(&first, comparison).between(&other, &weights);
            for (at, found) in between.into_iter().enumerate() {
                let expected = within[pair(5, at / 3, 2 + at % 3)];
                assert!((found.unwrap() - expected.unwrap()).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn a_constant_rdm_is_like_nothing() {
        let rdms = Rdms::new(3, vec![0.1, 0.1, 0.1, 1.0, 2.0, 3.0]).unwrap();
        let weights = PairWeights::new(&[1.0; 3]);
        for (comparison, expected) in
            ALL.into_iter().zip([None, None, Some(0.0), Some(6.0 / (3.0_f64 * 14.0).sqrt())])
        {
            let found = Comparable::new(&rdms, comparison).within(&weights)[0];
            assert_eq!(found.is_some(), expected.is_some());
            assert!(found.is_none_or(|found| (found - expected.unwrap()).abs() < 1e-14), "{comparison:?}");
        }
        let nothing = PairWeights::new(&[3.0, 0.0, 0.0]);
        assert_eq!(Comparable::new(&rdms, Comparison::Spearman).within(&nothing), [None]);
    }
}
