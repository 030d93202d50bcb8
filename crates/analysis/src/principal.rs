//! The directions along which points spread most.

use redyn_core::random::Stream;

use crate::numeric::{dot, vectorised};

/// Directions iterated together: more than wanted, so that the leading two converge fast
/// even when the next few spread as much.
const BLOCK: usize = 8;
/// Largest number of rounds.
const ROUNDS: usize = 2000;
/// The residual `‖Cv − λv‖` at which a direction is taken as found, as a share of the first λ.
const CONVERGED: f64 = 1e-10;

/// The mean of some points and the two directions of largest spread.
pub(crate) struct Principal {
    pub(crate) mean: Vec<f64>,
    /// Of unit length, the entry of largest size positive; all zero where the points do not
    /// spread in so many directions.
    pub(crate) axes: [Vec<f64>; 2],
    /// Shares of the total variance along them.
    pub(crate) explained: [f64; 2],
}

/// First two principal components, by subspace iteration in f64.
///
/// # Shapes
/// - `points`: `[point, unit]`, flat; at least one
pub(crate) fn principal(points: &[f64], n_units: usize) -> Principal {
    let n_points = points.len() / n_units;
    let mut mean = vec![0.0; n_units];
    for point in points.chunks_exact(n_units) {
        mean.iter_mut().zip(point).for_each(|(mean, x)| *mean += x);
    }
    for mean in &mut mean {
        *mean /= n_points as f64;
    }
    let centred: Vec<f64> =
        points.chunks_exact(n_units).flat_map(|point| point.iter().zip(&mean).map(|(x, m)| x - m)).collect();
    let total: f64 = centred.iter().map(|x| x * x).sum();
    // What is left of points that are all the same is rounding, not spread.
    let scale: f64 = points.iter().map(|x| x * x).sum();
    let flat = 1e-24 * scale;
    let mut stream = Stream::new(0, &[]);
    let mut basis: Vec<Vec<f64>> =
        (0..BLOCK.min(n_units)).map(|_| (0..n_units).map(|_| stream.between(-1.0, 1.0)).collect()).collect();
    let mut spread = vec![0.0; basis.len()];
    if total > flat {
        orthonormalise(&mut basis);
        for _ in 0..ROUNDS {
            let images: Vec<Vec<f64>> = basis.iter().map(|v| scatter(&centred, n_units, v)).collect();
            let small: Vec<Vec<f64>> =
                basis.iter().map(|v| images.iter().map(|image| dot(v, image)).collect()).collect();
            let (values, vectors) = symmetric_eigen(small);
            let rotate = |of: &[Vec<f64>]| -> Vec<Vec<f64>> {
                vectors.iter().map(|vector| combine(of, vector)).collect()
            };
            let (rotated, images) = (rotate(&basis), rotate(&images));
            let residual = |k: usize| {
                let squares = images[k].iter().zip(&rotated[k]).map(|(c, v)| (c - values[k] * v).powi(2));
                squares.sum::<f64>().sqrt()
            };
            let found = (0..rotated.len().min(2)).all(|k| residual(k) <= CONVERGED * values[0]);
            spread = values;
            basis = rotated;
            if found {
                break;
            }
            basis = images;
            orthonormalise(&mut basis);
        }
    }
    let axis = |k: usize| match basis.get(k) {
        Some(axis) if spread[k] > flat.max(1e-20 * total) => signed(axis),
        _ => vec![0.0; n_units],
    };
    let share = |k: usize| spread.get(k).map_or(0.0, |value| if total > flat { value / total } else { 0.0 });
    Principal { axes: [axis(0), axis(1)], explained: [share(0), share(1)], mean }
}

/// `XᵀX v`
fn scatter(centred: &[f64], n_units: usize, v: &[f64]) -> Vec<f64> {
    let mut image = vec![0.0; n_units];
    vectorised(
        #[inline(always)]
        || {
            for point in centred.chunks_exact(n_units) {
                let along = dot(point, v);
                image.iter_mut().zip(point).for_each(|(sum, x)| *sum += along * x);
            }
        },
    );
    image
}

fn combine(vectors: &[Vec<f64>], shares: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; vectors[0].len()];
    for (vector, share) in vectors.iter().zip(shares) {
        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += share * x);
    }
    sum
}

/// Gram and Schmidt, twice over; a vector that adds no direction becomes zero.
fn orthonormalise(basis: &mut [Vec<f64>]) {
    for at in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(at);
        let length = dot(&rest[0], &rest[0]).sqrt();
        for _ in 0..2 {
            for other in before.iter() {
                let along = dot(&rest[0], other);
                rest[0].iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
            }
        }
        let left = dot(&rest[0], &rest[0]).sqrt();
        let scale = if left > 1e-13 * length { 1.0 / left } else { 0.0 };
        rest[0].iter_mut().for_each(|x| *x *= scale);
    }
}

/// The axis with its entry of largest size (the first, if tied) made positive.
fn signed(axis: &[f64]) -> Vec<f64> {
    let largest = axis.iter().fold(0.0_f64, |best, &x| if x.abs() > best.abs() { x } else { best });
    axis.iter().map(|x| x * largest.signum()).collect()
}

/// Eigenvalues, largest first, and eigenvectors of a small symmetric matrix, by Jacobi's rotations.
fn symmetric_eigen(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j].powi(2)).sum();
        let on: f64 = (0..n).map(|i| a[i][i].powi(2)).sum();
        if off <= 1e-32 * on {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]);
                }
                for k in 0..n {
                    (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]);
                }
                for k in 0..n {
                    let (x, y) = (vectors[p][k], vectors[q][k]);
                    (vectors[p][k], vectors[q][k]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j][j].total_cmp(&a[i][i]));
    (order.iter().map(|&i| a[i][i]).collect(), order.iter().map(|&i| vectors[i].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points made along two known directions with known spread.
    #[test]
    fn known_directions_are_found_with_known_shares() {
        let n_units = 30;
        let raw = |seed: u64| -> Vec<f64> {
            let mut stream = Stream::new(seed, &[]);
            (0..n_units).map(|_| stream.between(-1.0, 1.0)).collect()
        };
        let mut axes = vec![raw(1), raw(2)];
        orthonormalise(&mut axes);
        let mut points = Vec::new();
        for (a, b) in [(3.0, 1.0), (-3.0, 1.0), (3.0, -1.0), (-3.0, -1.0)] {
            points.extend((0..n_units).map(|u| 5.0 + a * axes[0][u] + b * axes[1][u]));
        }
        let found = principal(&points, n_units);
        assert!(found.mean.iter().all(|mean| (mean - 5.0).abs() < 1e-12));
        for (axis, expected) in found.axes.iter().zip(&axes) {
            assert!((dot(axis, expected).abs() - 1.0).abs() < 1e-12);
        }
        assert!((found.explained[0] - 0.9).abs() < 1e-12 && (found.explained[1] - 0.1).abs() < 1e-12);
    }

    /// An isotropic cloud has no gap between its eigenvalues: what is asked is that the two
    /// found are eigenvectors, and that no direction spreads more.
    #[test]
    fn the_first_direction_spreads_most_even_in_a_round_cloud() {
        let (n, n_units) = (200, 20);
        let mut stream = Stream::new(9, &[]);
        let points: Vec<f64> = (0..n * n_units).map(|_| stream.between(-1.0, 1.0)).collect();
        let found = principal(&points, n_units);
        assert!(dot(&found.axes[0], &found.axes[1]).abs() < 1e-9);
        let centred: Vec<f64> =
            points.chunks(n_units).flat_map(|p| p.iter().zip(&found.mean).map(|(x, m)| x - m)).collect();
        let total = dot(&centred, &centred);
        for (axis, share) in found.axes.iter().zip(found.explained) {
            let image = scatter(&centred, n_units, axis);
            for (c, v) in image.iter().zip(axis) {
                assert!((c - share * total * v).abs() < 1e-8 * total);
            }
        }
        for _ in 0..200 {
            let mut other = vec![(0..n_units).map(|_| stream.between(-1.0, 1.0)).collect::<Vec<f64>>()];
            orthonormalise(&mut other);
            assert!(dot(&other[0], &scatter(&centred, n_units, &other[0])) <= found.explained[0] * total);
        }
    }

    #[test]
    fn a_single_point_spreads_nowhere() {
        let found = principal(&[0.1, 0.2, 0.3], 3);
        assert_eq!(found.explained, [0.0, 0.0]);
        assert_eq!(found.axes, [vec![0.0; 3], vec![0.0; 3]]);
        let line = principal(&[1.0, 3.0], 1);
        assert_eq!((line.explained, &line.axes[1]), ([1.0, 0.0], &vec![0.0]));
    }
}
