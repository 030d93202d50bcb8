//! A plane in which distances are as dissimilarities are.

use nalgebra::{DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};

use super::{n_pairs, pair, pairs};
use crate::Error;

/// Places in a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mds {
    /// One per item.
    pub places: Vec<[f64; 2]>,
    /// Kruskal's stress-1: `√(Σ (d − δ)² / Σ d²)` of drawn distances `d` and dissimilarities `δ`;
    /// 0 is a perfect picture.
    pub stress: f64,
}

/// Rounds of the majorisation, at most.
const ROUNDS: usize = 1000;
/// It ends when a round lowers the sum of squared errors by less than this share.
const SETTLED: f64 = 1e-9;

/// Metric multidimensional scaling in two dimensions.
///
/// Begins with classical scaling (Torgerson 1952: the two leading eigenvectors of the doubly
/// centred squared dissimilarities) and lowers the stress by majorisation (SMACOF, de Leeuw 1977)
/// until it settles. No chance enters: axes are principal, the entry of largest size (the first,
/// if tied) is positive, the centre is the origin.
///
/// # Shapes
/// - `dissimilarities`: `[pair]`, as in an RDM
///
/// # Errors
/// Another number of values than `n` items have pairs, a value that is negative or not finite.
pub fn mds(n: usize, dissimilarities: &[f64]) -> Result<Mds, Error> {
    if dissimilarities.len() != n_pairs(n) {
        return Err(Error::RdmPairs { n_items: n, expected: n_pairs(n), found: dissimilarities.len() });
    }
    if let Some(at) = dissimilarities.iter().position(|&value| !(value >= 0.0 && value.is_finite())) {
        let (first, second) = pairs(n).nth(at).expect("a pair for every value");
        return Err(Error::RdmValue { rdm: 0, first, second, value: dissimilarities[at] });
    }
    let mut places = classical(n, dissimilarities);
    let mut error = squared_error(&places, dissimilarities);
    for _ in 0..ROUNDS {
        let next = majorised(&places, dissimilarities);
        let lower = squared_error(&next, dissimilarities);
        if lower < error {
            places = next;
        }
        if error - lower <= SETTLED * error {
            break;
        }
        error = lower;
    }
    let square: f64 = pairs(n).map(|(a, b)| distance(&places, a, b).powi(2)).sum();
    let stress = if square > 0.0 { (squared_error(&places, dissimilarities) / square).sqrt() } else { 0.0 };
    Ok(Mds { places: principal_axes(&places), stress })
}

fn distance(places: &[[f64; 2]], a: usize, b: usize) -> f64 {
    (places[a][0] - places[b][0]).hypot(places[a][1] - places[b][1])
}

fn squared_error(places: &[[f64; 2]], dissimilarities: &[f64]) -> f64 {
    pairs(places.len())
        .zip(dissimilarities)
        .map(|((a, b), value)| (distance(places, a, b) - value).powi(2))
        .sum()
}

/// `X_k = √λ_k v_k` of `−½ H D² H`.
fn classical(n: usize, dissimilarities: &[f64]) -> Vec<[f64; 2]> {
    let square = |a: usize, b: usize| if a == b { 0.0 } else { dissimilarities[pair(n, a, b)].powi(2) };
    let means: Vec<f64> = (0..n).map(|a| (0..n).map(|b| square(a, b)).sum::<f64>() / n as f64).collect();
    let grand = means.iter().sum::<f64>() / n as f64;
    leading(DMatrix::from_fn(n, n, |a, b| -0.5 * (square(a, b) - means[a] - means[b] + grand)))
}

/// Coordinates along the two leading eigenvectors of a matrix of products.
fn leading(products: DMatrix<f64>) -> Vec<[f64; 2]> {
    let n = products.nrows();
    let eigen = SymmetricEigen::new(products);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]).then(a.cmp(&b)));
    let mut places = vec![[0.0; 2]; n];
    for (axis, &which) in order.iter().take(2).enumerate() {
        let length = eigen.eigenvalues[which].max(0.0).sqrt();
        let vector = eigen.eigenvectors.column(which);
        let largest = vector.iter().fold(0.0_f64, |best, &x| if x.abs() > best.abs() { x } else { best });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        for (place, x) in places.iter_mut().zip(vector.iter()) {
            place[axis] = sign * length * x;
        }
    }
    places
}

/// One round of majorisation (Guttman's transform): `X ← B(X) X / n`.
fn majorised(places: &[[f64; 2]], dissimilarities: &[f64]) -> Vec<[f64; 2]> {
    let n = places.len();
    let mut next = vec![[0.0; 2]; n];
    for ((a, b), value) in pairs(n).zip(dissimilarities) {
        let length = distance(places, a, b);
        let ratio = if length > 0.0 { value / length } else { 0.0 };
        for axis in 0..2 {
            let part = ratio * (places[a][axis] - places[b][axis]) / n as f64;
            next[a][axis] += part;
            next[b][axis] -= part;
        }
    }
    next
}

fn principal_axes(places: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let n = places.len();
    let mean = [0, 1].map(|axis| places.iter().map(|place| place[axis]).sum::<f64>() / n.max(1) as f64);
    let centred = |a: usize, axis: usize| places[a][axis] - mean[axis];
    leading(DMatrix::from_fn(n, n, |a, b| centred(a, 0) * centred(b, 0) + centred(a, 1) * centred(b, 1)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::random;
    use super::*;

    fn planar(places: &[[f64; 2]]) -> Vec<f64> {
        pairs(places.len()).map(|(a, b)| distance(places, a, b)).collect()
    }

    #[test]
    fn points_of_a_plane_are_found_again() {
        let places = [[0.0, 0.0], [3.0, 0.5], [1.0, 4.0], [-2.0, 1.0], [0.5, -1.5], [5.0, 2.0]];
        let found = mds(6, &planar(&places)).unwrap();
        assert!(found.stress < 1e-6, "{}", found.stress);
        for (found, expected) in planar(&found.places).iter().zip(planar(&places)) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn stress_is_lower_than_that_of_classical_scaling() {
        let rdms = random(1, 15, 3);
        let found = mds(15, rdms.rdm(0)).unwrap();
        let stress = |places: &[[f64; 2]]| {
            let square: f64 = planar(places).iter().map(|d| d * d).sum();
            (squared_error(places, rdms.rdm(0)) / square).sqrt()
        };
        assert!(found.stress < stress(&classical(15, rdms.rdm(0))));
        assert!((found.stress - stress(&found.places)).abs() < 1e-9);
        // A place that is moved makes it worse: it is a minimum.
        for item in 0..15 {
            for axis in 0..2 {
                for by in [-0.01, 0.01] {
                    let mut moved = found.places.clone();
                    moved[item][axis] += by;
                    assert!(squared_error(&moved, rdms.rdm(0)) > squared_error(&found.places, rdms.rdm(0)));
                }
            }
        }
    }

    #[test]
    fn the_order_of_items_does_not_matter() {
        let rdms = random(1, 8, 4);
        let order: Vec<usize> = (0..8).map(|item| item * 3 % 8).collect();
        let moved: Vec<f64> = pairs(8).map(|(a, b)| rdms.rdm(0)[pair(8, order[a], order[b])]).collect();
        let (found, expected) = (mds(8, &moved).unwrap(), mds(8, rdms.rdm(0)).unwrap());
        for (at, &item) in order.iter().enumerate() {
            for axis in 0..2 {
                assert!((found.places[at][axis] - expected.places[item][axis]).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn few_items_have_their_place() {
        assert_eq!(mds(1, &[]).unwrap().places, [[0.0, 0.0]]);
        let two = mds(2, &[3.0]).unwrap().places;
        assert!((distance(&two, 0, 1) - 3.0).abs() < 1e-12);
        assert_eq!(mds(3, &[0.0; 3]).unwrap().stress, 0.0);
        assert!(mds(3, &[1.0, f64::NAN, 1.0]).is_err());
    }
}
