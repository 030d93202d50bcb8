//! From patterns to dissimilarities.

use rayon::prelude::*;

use super::{Rdms, n_pairs, pairs};
use crate::Error;
use crate::numeric::{Panels, dot, vectorised};

/// How unlike two patterns `x`, `y` of `D` units are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// `1 − r(x, y)`, Pearson's correlation over units.
    #[default]
    Correlation,
    /// `1 − cos(x, y)`.
    Cosine,
    /// `‖x − y‖² / D`, as in rsatoolbox.
    Euclidean,
}

/// A pattern that has no dissimilarity to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undefined {
    /// The item.
    pub item: usize,
    /// What keeps it from having one: `is zero`, `does not vary over units`, `is not finite`.
    pub reason: &'static str,
}

/// What is left of a pattern once its mean is removed, as a share of it, is rounding below this.
const FLAT: f64 = 1e-13;

/// The dissimilarities of all pairs of items, as the upper triangle of an RDM.
///
/// Patterns are prepared once (centred and brought to unit length, as the metric asks), then
/// multiplied with one another in tiles; each product is a sum over units in their order.
///
/// # Shapes
/// - `patterns`: `[item, unit]`, flat
/// - returns: `[pair]`
///
/// # Errors
/// A pattern without a direction (correlation, cosine), or with a value that is not finite.
pub fn dissimilarities(patterns: &[f64], n_units: usize, metric: Metric) -> Result<Vec<f64>, Undefined> {
    let mut prepared = patterns.to_vec();
    let undefined = |item, reason| Err(Undefined { item, reason });
    for (item, pattern) in prepared.chunks_exact_mut(n_units).enumerate() {
        if pattern.iter().any(|value| !value.is_finite()) {
            return undefined(item, "is not finite");
        }
        if metric == Metric::Euclidean {
            continue;
        }
        let length = length(pattern);
        if length == 0.0 {
            return undefined(item, "is zero");
        }
        if metric == Metric::Correlation {
            let mean = pattern.iter().sum::<f64>() / n_units as f64;
            for value in pattern.iter_mut() {
                *value -= mean;
            }
        }
        let left = self::length(pattern);
        if left <= FLAT * length {
            return undefined(item, "does not vary over units");
        }
        for value in pattern {
            *value /= left;
        }
    }
    if metric == Metric::Euclidean {
        // Distances stay as they are, and products become small: little is lost in their difference.
        centre_items(&mut prepared, n_units);
        return Ok(squared_distances(&Gram::of(&prepared, n_units), n_units));
    }
    let products = products_above(&prepared, n_units);
    Ok(products.into_iter().map(|product| 1.0 - product.clamp(-1.0, 1.0)).collect())
}

fn length(pattern: &[f64]) -> f64 {
    vectorised(
        #[inline(always)]
        || dot(pattern, pattern).sqrt(),
    )
}

fn centre_items(patterns: &mut [f64], n_units: usize) {
    let n_items = (patterns.len() / n_units) as f64;
    let mut mean = vec![0.0; n_units];
    for pattern in patterns.chunks_exact(n_units) {
        mean.iter_mut().zip(pattern).for_each(|(mean, value)| *mean += value);
    }
    for mean in &mut mean {
        *mean /= n_items;
    }
    for pattern in patterns.chunks_exact_mut(n_units) {
        pattern.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
    }
}

/// Products of patterns with themselves and with one another.
struct Gram {
    own: Vec<f64>,
    above: Vec<f64>,
}

impl Gram {
    fn of(patterns: &[f64], n_units: usize) -> Self {
        // As the products above are formed, so that equal patterns are at no distance.
        let own = |pattern: &[f64]| {
            vectorised(
                #[inline(always)]
                || pattern.iter().fold(0.0, |sum, &value| f64::mul_add(value, value, sum)),
            )
        };
        Self {
            own: patterns.chunks_exact(n_units).map(own).collect(),
            above: products_above(patterns, n_units),
        }
    }
}

fn squared_distances(gram: &Gram, n_units: usize) -> Vec<f64> {
    let distance = |((first, second), product): ((usize, usize), &f64)| {
        (gram.own[first] + gram.own[second] - 2.0 * product).max(0.0) / n_units as f64
    };
    pairs(gram.own.len()).zip(&gram.above).map(distance).collect()
}

/// Patterns multiplied with all that follow, before the next are taken: at most so many, and of
/// few patterns so few that every thread has some.
const TILE: usize = 48;
const SMALLEST_TILE: usize = 16;

/// The product of every pattern with every later one, in the order of [`pairs`].
///
/// # Shapes
/// - `patterns`: `[item, unit]`, flat
pub(crate) fn products_above(patterns: &[f64], n_units: usize) -> Vec<f64> {
    let n_items = patterns.len() / n_units;
    let of_a_thread = n_items.div_ceil(2 * rayon::current_num_threads());
    let size = of_a_thread.next_multiple_of(SMALLEST_TILE).min(TILE);
    let n_after = |item: usize| n_items - item - 1;
    let mut all = vec![0.0; n_pairs(n_items)];
    let (mut tiles, mut rest) = (Vec::new(), &mut all[..]);
    for first in (0..n_items).step_by(size) {
        let rows = size.min(n_items - first);
        let (own, others) = rest.split_at_mut((first..first + rows).map(n_after).sum());
        tiles.push((first, rows, own));
        rest = others;
    }
    tiles.into_par_iter().for_each(|(first, rows, above)| {
        let panels = Panels::new(&patterns[first * n_units..(first + rows) * n_units], rows, n_units);
        let products = panels.products(&patterns[first * n_units..]);
        // A few columns at a time: what is read and what is written stays in reach.
        for (together, products) in products.chunks(COLUMNS * rows).enumerate() {
            let columns = together * COLUMNS..together * COLUMNS + products.len() / rows;
            let mut start = 0;
            for row in 0..rows {
                for other in columns.start.max(row + 1)..columns.end {
                    above[start + other - row - 1] = products[(other - columns.start) * rows + row];
                }
                start += n_after(first + row);
            }
        }
    });
    all
}

/// Columns of a tile of products that are turned into rows together.
const COLUMNS: usize = 16;

impl Rdms {
    /// RDMs of several sets of patterns of the same items.
    ///
    /// # Shapes
    /// - `patterns`: `[rdm, item, unit]`, flat
    ///
    /// # Errors
    /// Fewer than three items, another number of values, a pattern that has no dissimilarity to
    /// others.
    pub fn of(patterns: &[f64], n_items: usize, n_units: usize, metric: Metric) -> Result<Self, Error> {
        let size = (n_items * n_units).max(1);
        if !patterns.len().is_multiple_of(size) {
            return Err(Error::RdmPairs { n_items, expected: size, found: patterns.len() });
        }
        let rdms = patterns.par_chunks_exact(size).enumerate().map(|(rdm, patterns)| {
            dissimilarities(patterns, n_units, metric)
                .map_err(|Undefined { item, reason }| Error::RdmUndefined { rdm, item, reason })
        });
        Self::new(n_items, rdms.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// One RDM of squared distances that noise does not enlarge: differences of patterns are
    /// multiplied between independent measurements.
    ///
    /// `d(i, j) = mean over folds m ≠ n of (xᵢᵐ − xⱼᵐ)·(xᵢⁿ − xⱼⁿ) / D`
    ///
    /// Unbiased, so it may be negative. Whiten the patterns first where noise differs between
    /// units or is shared by them: then it is the crossnobis distance proper.
    ///
    /// # Shapes
    /// - `folds`: `[fold, item, unit]`, flat; at least two folds
    ///
    /// # Errors
    /// Fewer than two folds or three items, another number of values, values that are not finite.
    pub fn crossnobis(folds: &[f64], n_items: usize, n_units: usize) -> Result<Self, Error> {
        let size = (n_items * n_units).max(1);
        let n_folds = folds.len() / size;
        if n_folds < 2 || folds.len() != n_folds * size {
            return Err(Error::RdmPairs { n_items, expected: 2 * size, found: folds.len() });
        }
        let mut centred = folds.to_vec();
        centred.chunks_exact_mut(size).for_each(|fold| centre_items(fold, n_units));
        let mut sum = vec![0.0; size];
        for fold in centred.chunks_exact(size) {
            sum.iter_mut().zip(fold).for_each(|(sum, value)| *sum += value);
        }
        // Σ_{m≠n} xᵐ·xⁿ = (Σ_m xᵐ)·(Σ_n xⁿ) − Σ_m xᵐ·xᵐ
        let mut cross = Gram::of(&sum, n_units);
        for fold in centred.chunks_exact(size) {
            let own = Gram::of(fold, n_units);
            cross.own.iter_mut().zip(own.own).for_each(|(cross, own)| *cross -= own);
            cross.above.iter_mut().zip(own.above).for_each(|(cross, own)| *cross -= own);
        }
        let scale = (n_folds * (n_folds - 1) * n_units) as f64;
        let distance = |((first, second), product): ((usize, usize), &f64)| {
            (cross.own[first] + cross.own[second] - 2.0 * product) / scale
        };
        Self::new(n_items, pairs(n_items).zip(&cross.above).map(distance).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::patterns;
    use super::*;

    /// Against the definition, pair by pair; sums in another order, distances as differences.
    const ROUNDING: f64 = 1e-13;

    fn naive(x: &[f64], y: &[f64], metric: Metric) -> f64 {
        let n = x.len() as f64;
        let centred = |x: &[f64]| -> Vec<f64> {
            let mean = if metric == Metric::Correlation { x.iter().sum::<f64>() / n } else { 0.0 };
            x.iter().map(|x| x - mean).collect()
        };
        let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let (a, b) = (centred(x), centred(y));
        match metric {
            Metric::Euclidean => x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>() / n,
            _ => 1.0 - product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt(),
        }
    }

    #[test]
    fn every_metric_is_its_definition() {
        for (n_items, n_units) in [(3, 2), (50, 9), (101, 33)] {
            let mut patterns = patterns(1, n_items, n_units, 3);
            for value in &mut patterns {
                *value += 4.0;
            }
            for metric in [Metric::Correlation, Metric::Cosine, Metric::Euclidean] {
                let found = dissimilarities(&patterns, n_units, metric).unwrap();
                let of = |item: usize| &patterns[item * n_units..(item + 1) * n_units];
                for ((i, j), found) in pairs(n_items).zip(&found) {
                    let expected = naive(of(i), of(j), metric);
                    assert!((found - expected).abs() < ROUNDING * (1.0 + expected), "{metric:?} {i} {j}");
                }
            }
        }
    }

    #[test]
    fn tiles_and_threads_change_no_bit() {
        let patterns = patterns(1, 130, 21, 5);
        let plain: Vec<f64> = pairs(130)
            .map(|(i, j)| (0..21).fold(0.0, |sum, u| patterns[i * 21 + u].mul_add(patterns[j * 21 + u], sum)))
            .collect();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| products_above(&patterns, 21)), plain);
        }
    }

    #[test]
    fn equal_patterns_are_at_no_distance() {
        let one = patterns(1, 1, 40, 2);
        let three = [one.clone(), one.clone(), one].concat();
        assert_eq!(dissimilarities(&three, 40, Metric::Euclidean).unwrap(), [0.0; 3]);
        let rounding = |value: &f64| *value >= 0.0 && *value < 1e-15;
        assert!(dissimilarities(&three, 40, Metric::Correlation).unwrap().iter().all(rounding));
    }

    #[test]
    fn a_pattern_without_direction_is_named() {
        let refused = |patterns: &[f64], metric| dissimilarities(patterns, 2, metric).unwrap_err();
        let zero = [1.0, 2.0, 0.0, 0.0, 2.0, 1.0];
        assert_eq!(refused(&zero, Metric::Cosine), Undefined { item: 1, reason: "is zero" });
        let flat = [1.0, 2.0, 2.0, 1.0, 0.1, 0.1];
        let reason = "does not vary over units";
        assert_eq!(refused(&flat, Metric::Correlation), Undefined { item: 2, reason });
        assert!(dissimilarities(&zero, 2, Metric::Euclidean).is_ok());
        let infinite = [f64::NEG_INFINITY, 0.0, 1.0, 2.0, 2.0, 1.0];
        assert_eq!(refused(&infinite, Metric::Euclidean), Undefined { item: 0, reason: "is not finite" });
    }

    #[test]
    fn crossnobis_is_the_mean_over_pairs_of_folds() {
        let (n_folds, n_items, n_units) = (4, 6, 5);
        let folds = patterns(n_folds, n_items, n_units, 8);
        let found = Rdms::crossnobis(&folds, n_items, n_units).unwrap();
        let at = |fold: usize, item: usize, unit: usize| folds[(fold * n_items + item) * n_units + unit];
        for ((i, j), found) in pairs(n_items).zip(found.rdm(0)) {
            let mut sum = 0.0;
            for m in 0..n_folds {
                for n in (0..n_folds).filter(|&n| n != m) {
                    for u in 0..n_units {
                        sum += (at(m, i, u) - at(m, j, u)) * (at(n, i, u) - at(n, j, u));
                    }
                }
            }
            let expected = sum / (n_folds * (n_folds - 1) * n_units) as f64;
            assert!((found - expected).abs() < ROUNDING * 10.0, "{found} {expected}");
        }
    }
}
