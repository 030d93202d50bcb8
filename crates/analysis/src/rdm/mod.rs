//! Representational dissimilarity matrices: how unlike the patterns of every two items are.
//!
//! An RDM is kept as its upper triangle without the diagonal, row by row (the order of SciPy's
//! `squareform`), in f64. Several RDMs of the same items are an [`Rdms`]. They are made by
//! [`Rdms::of`] and [`Rdms::crossnobis`], compared with intervals by [`similarity_matrix`] (among
//! themselves) and [`similarities`] (with others), held against what subjects agree on by
//! [`noise_ceiling`], tested by [`permutation_test`] and laid out in a plane by [`mds()`].
//!
//! Items may be images, or classes by their mean patterns. Bits depend neither on tiles nor on
//! threads.

mod ceiling;
mod compare;
mod kendall;
mod mds;
mod metric;
mod permutation;
mod resampled;

use crate::Error;

pub use ceiling::{NoiseCeiling, noise_ceiling};
pub use compare::Comparison;
pub(crate) use compare::{Comparable, PairWeights};
pub use mds::{Mds, mds};
pub(crate) use metric::products_above;
pub use metric::{Metric, Undefined, dissimilarities};
pub(crate) use permutation::exchanges;
pub use permutation::permutation_test;
pub use resampled::{Resampling, SimilarityMatrix, similarities, similarity_matrix};

/// Several RDMs of the same items.
#[derive(Clone, Debug, PartialEq)]
pub struct Rdms {
    n_items: usize,
    /// `[rdm][pair]`, flat.
    values: Vec<f64>,
}

impl Rdms {
    /// RDMs from their upper triangles, one after the other.
    ///
    /// # Shapes
    /// - `values`: `[rdm, pair]`, flat; `n_items (n_items − 1) / 2` pairs
    ///
    /// # Errors
    /// Fewer than three items, another number of values, a value that is not finite.
    pub fn new(n_items: usize, values: Vec<f64>) -> Result<Self, Error> {
        let n_pairs = n_pairs(n_items);
        if n_items < 3 {
            return Err(Error::RdmItems { found: n_items });
        }
        if !values.len().is_multiple_of(n_pairs) {
            return Err(Error::RdmPairs { n_items, expected: n_pairs, found: values.len() });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (first, second) = pairs(n_items).nth(at % n_pairs).expect("a pair for every value");
            return Err(Error::RdmValue { rdm: at / n_pairs, first, second, value: values[at] });
        }
        Ok(Self { n_items, values })
    }

    /// RDMs from square matrices, whose diagonal is left out; entries on both sides of it must
    /// agree to 1e-6 of the larger, and their mean is taken.
    ///
    /// # Shapes
    /// - `values`: `[rdm, item, item]`, flat
    ///
    /// # Errors
    /// As [`Rdms::new`], and a matrix that is not symmetric.
    pub fn from_squares(n_items: usize, values: &[f64]) -> Result<Self, Error> {
        let size = (n_items * n_items).max(1);
        if !values.len().is_multiple_of(size) {
            return Err(Error::RdmPairs { n_items, expected: size, found: values.len() });
        }
        let mut upper = Vec::with_capacity(values.len() / size * n_pairs(n_items));
        for (rdm, square) in values.chunks_exact(size).enumerate() {
            for (first, second) in pairs(n_items) {
                let (above, below) = (square[first * n_items + second], square[second * n_items + first]);
                if (above - below).abs() > SYMMETRIC * above.abs().max(below.abs()) {
                    return Err(Error::RdmAsymmetric { rdm, first, second, above, below });
                }
                upper.push(f64::midpoint(above, below));
            }
        }
        Self::new(n_items, upper)
    }

    /// Number of items.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// Number of RDMs.
    pub fn len(&self) -> usize {
        self.values.len() / self.n_pairs()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Values of one RDM.
    pub fn n_pairs(&self) -> usize {
        n_pairs(self.n_items)
    }

    /// The upper triangle of one RDM: `[pair]`.
    pub fn rdm(&self, index: usize) -> &[f64] {
        &self.values[index * self.n_pairs()..][..self.n_pairs()]
    }

    /// The RDMs one after the other.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.n_pairs())
    }

    /// One RDM as a square matrix, row by row, zero on the diagonal.
    pub fn square(&self, index: usize) -> Vec<f64> {
        let n = self.n_items;
        let mut square = vec![0.0; n * n];
        for ((first, second), &value) in pairs(n).zip(self.rdm(index)) {
            square[first * n + second] = value;
            square[second * n + first] = value;
        }
        square
    }
}

/// Entries on both sides of a diagonal may differ by rounding to f32.
const SYMMETRIC: f64 = 1e-6;

/// Pairs of `n` items.
pub fn n_pairs(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

/// All pairs of `n` items, in the order of an RDM's values.
pub fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |first| (first + 1..n).map(move |second| (first, second)))
}

/// The place of a pair among [`pairs`], in either order.
pub(crate) fn pair(n: usize, a: usize, b: usize) -> usize {
    let (first, second) = (a.min(b), a.max(b));
    first * (2 * n - first - 1) / 2 + second - first - 1
}

#[cfg(test)]
pub(crate) mod tests {
    use redyn_core::random::Stream;

    use super::*;

    /// RDMs of random patterns, so that triangles make sense.
    pub(crate) fn random(n_rdms: usize, n_items: usize, seed: u64) -> Rdms {
        let patterns = patterns(n_rdms, n_items, 7, seed);
        Rdms::of(&patterns, n_items, 7, Metric::Euclidean).unwrap()
    }

    pub(crate) fn patterns(n_rdms: usize, n_items: usize, n_units: usize, seed: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, &[]);
        (0..n_rdms * n_items * n_units).map(|_| stream.normal()).collect()
    }

    #[test]
    fn pairs_stand_where_they_are_said_to() {
        for n in 0..9 {
            assert_eq!(pairs(n).count(), n_pairs(n));
            for (at, (first, second)) in pairs(n).enumerate() {
                assert_eq!((pair(n, first, second), pair(n, second, first)), (at, at));
            }
        }
    }

    #[test]
    fn squares_and_triangles_hold_the_same() {
        let rdms = random(3, 6, 1);
        let squares: Vec<f64> = (0..3).flat_map(|index| rdms.square(index)).collect();
        assert_eq!(Rdms::from_squares(6, &squares).unwrap(), rdms);
    }

    #[test]
    fn what_is_no_rdm_is_refused() {
        let message = |n, values: Vec<f64>| Rdms::new(n, values).unwrap_err().to_string();
        assert_eq!(message(2, vec![1.0]), "an RDM of 2 items has nothing to compare");
        assert_eq!(message(4, vec![1.0; 7]), "an RDM of 4 items has 6 values, 7 were given");
        assert_eq!(message(3, vec![1.0, f64::NAN, 0.0]), "RDM 0: the dissimilarity of items 0 and 2 is NaN");
        let mut square = random(1, 3, 1).square(0);
        (square[1], square[3]) = (0.5, 0.25);
        assert_eq!(
            Rdms::from_squares(3, &square).unwrap_err().to_string(),
            "RDM 0 is not symmetric: items 0 and 1 have 0.5 above the diagonal, 0.25 below"
        );
    }
}
