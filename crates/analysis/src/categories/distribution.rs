//! How distances are spread: moments, quantiles, and a density to draw.

use serde::{Deserialize, Serialize};

use crate::estimate::quantile;

/// The quantiles that are told.
pub const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
/// Points at which a density is given.
const POINTS: usize = 96;

/// How some values are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Number of values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (denominator: number of values).
    pub deviation: f64,
    /// The 5, 25, 50, 75 and 95 % quantiles.
    pub quantiles: [f64; 5],
    /// Density at the points of the [`Ridges`]: an estimate with a Gaussian kernel of
    /// Silverman's width.
    pub density: Vec<f64>,
}

/// How values are spread step by step, with densities at the same points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ridges {
    /// The points at which densities are given.
    pub points: Vec<f64>,
    /// One per step; `None` where there is no value.
    pub steps: Vec<Option<Distribution>>,
}

impl Ridges {
    /// Of the values of every step.
    pub(crate) fn of(steps: Vec<Vec<f64>>) -> Self {
        let all = || steps.iter().flatten().copied();
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        if !low.is_finite() {
            return Self { points: Vec::new(), steps: vec![None; steps.len()] };
        }
        let margin = if high > low { 0.08 * (high - low) } else { 0.05 };
        let (from, to) = (low - margin, high + margin);
        let point = |at: usize| from + (to - from) * at as f64 / (POINTS - 1) as f64;
        let points: Vec<f64> = (0..POINTS).map(point).collect();
        let steps = steps.into_iter().map(|values| Distribution::of(values, &points)).collect();
        Self { points, steps }
    }
}

impl Distribution {
    fn of(mut values: Vec<f64>, points: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        let (mean, deviation) = moments(&values);
        let quantiles = QUANTILES.map(|p| quantile(&values, p));
        let spread = deviation.min((quantiles[3] - quantiles[1]) / 1.349);
        let spread = if spread > 0.0 { spread } else { deviation };
        // Values that are all alike are drawn as wide as the points can show.
        let apart = (points[points.len() - 1] - points[0]) / (points.len() - 1) as f64;
        let width = (0.9 * spread * (values.len() as f64).powf(-0.2)).max(apart);
        let scale = 1.0 / (values.len() as f64 * width * std::f64::consts::TAU.sqrt());
        let density = |&point: &f64| {
            // Five widths away a kernel is 4e-6 of its height.
            let near = |reach: f64| values.partition_point(|&value| value < point + reach * width);
            let near = &values[near(-5.0)..near(5.0)];
            near.iter().map(|value| (-0.5 * ((point - value) / width).powi(2)).exp()).sum::<f64>() * scale
        };
        let density = points.iter().map(density).collect();
        Some(Self { n: values.len(), mean, deviation, quantiles, density })
    }
}

/// Mean and standard deviation (denominator: number of values) of some values.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_density_is_that_of_a_plain_sum_of_bells_and_holds_all_values() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101) / 50.0).collect();
        let ridges = Ridges::of(vec![values.clone(), vec![]]);
        assert_eq!(ridges.steps[1], None);
        let found = ridges.steps[0].as_ref().unwrap();
        // scipy's gaussian_kde with bw = 0.9 min(sd, IQR / 1.349) n^-0.2, by its formula.
        let iqr = (found.quantiles[3] - found.quantiles[1]) / 1.349;
        let width = 0.9 * found.deviation.min(iqr) * 200_f64.powf(-0.2);
        let bell = |z: f64| (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
        let point = ridges.points[40];
        let plain: f64 = values.iter().map(|x| bell((point - x) / width) / (200.0 * width)).sum();
        assert!((found.density[40] - plain).abs() < 1e-5 * plain, "{} {plain}", found.density[40]);
        let apart = ridges.points[1] - ridges.points[0];
        let mass: f64 = found.density.iter().sum::<f64>() * apart;
        assert!(mass > 0.85 && mass <= 1.0, "{mass}: a little hangs over both ends");
    }

    #[test]
    fn values_that_are_all_alike_have_a_density() {
        let ridges = Ridges::of(vec![vec![1.0; 5]]);
        let found = ridges.steps[0].as_ref().unwrap();
        assert_eq!((found.mean, found.deviation), (1.0, 0.0));
        assert!(found.density.iter().all(|density| density.is_finite()));
        assert!(Ridges::of(vec![vec![]]).points.is_empty());
    }
}
