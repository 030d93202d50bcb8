//! Linear discriminant analysis with a shrunken covariance: a readout for those that have none.

use nalgebra::{DMatrix, DVector};
use ndarray::{Array1, Array2};
use redyn_core::Readout;

use crate::numeric::{dot, vectorised};
use crate::rdm::products_above;

/// What a readout is fitted to.
pub(crate) struct Samples<'a> {
    /// `[sample][unit]`, flat.
    pub(crate) values: &'a [f32],
    /// Class of each sample.
    pub(crate) labels: &'a [usize],
    pub(crate) n_classes: usize,
    pub(crate) n_units: usize,
}

/// A standard deviation below this share of the mean is rounding.
const FLAT: f64 = 1e-13;

impl Samples<'_> {
    /// `w_k = Σ⁻¹ μ_k`, `b_k = −½ μ_kᵀ Σ⁻¹ μ_k`: classes are taken to be equally frequent.
    ///
    /// Units are brought to mean 0 and standard deviation 1 over the samples first (those that do
    /// not vary get no weight); `Σ = (1 − λ) S + λ (tr S / D) I` with `S` the covariance within
    /// classes and `λ` after Ledoit & Wolf 2004, Journal of Multivariate Analysis 88. The readout
    /// is given for the units as they are. Every class must have a sample.
    pub(crate) fn discriminant(&self) -> Readout {
        let (n_classes, n_units) = (self.n_classes, self.n_units);
        let (mean, sd) = self.moments();
        let scale: Vec<f64> = sd
            .iter()
            .zip(&mean)
            .map(|(&sd, mean)| if sd > FLAT * mean.abs() { 1.0 / sd } else { 0.0 })
            .collect();
        let mut scaled: Vec<f64> = Vec::with_capacity(self.values.len());
        for sample in self.values.chunks_exact(n_units) {
            scaled.extend((0..n_units).map(|unit| (f64::from(sample[unit]) - mean[unit]) * scale[unit]));
        }
        let mut means = vec![0.0; n_classes * n_units];
        let mut counts = vec![0.0; n_classes];
        for (sample, &label) in scaled.chunks_exact(n_units).zip(self.labels) {
            counts[label] += 1.0;
            let sums = &mut means[label * n_units..][..n_units];
            sums.iter_mut().zip(sample).for_each(|(sum, x)| *sum += x);
        }
        for (class, sums) in means.chunks_exact_mut(n_units).enumerate() {
            for sum in sums {
                *sum /= f64::max(counts[class], 1.0);
            }
        }
        for (sample, &label) in scaled.chunks_exact_mut(n_units).zip(self.labels) {
            sample.iter_mut().zip(&means[label * n_units..]).for_each(|(x, mean)| *x -= mean);
        }
        let covariance = shrunken(&scaled, n_units);
        let factor = covariance.cholesky().expect("a shrunken covariance is positive definite");
        let mut weight = Array2::zeros((n_classes, n_units));
        let mut bias = Array1::zeros(n_classes);
        for class in 0..n_classes {
            let own = &means[class * n_units..][..n_units];
            let direction = factor.solve(&DVector::from_column_slice(own));
            let mut offset = 0.0;
            for unit in 0..n_units {
                let w = direction[unit] * scale[unit];
                weight[[class, unit]] = w as f32;
                offset -= 0.5 * own[unit] * direction[unit] + w * mean[unit];
            }
            bias[class] = offset as f32;
        }
        Readout { weight, bias: Some(bias) }
    }

    /// Mean and population standard deviation of every unit.
    fn moments(&self) -> (Vec<f64>, Vec<f64>) {
        let n = self.labels.len() as f64;
        let mut mean = vec![0.0; self.n_units];
        let mut square = vec![0.0; self.n_units];
        for sample in self.values.chunks_exact(self.n_units) {
            mean.iter_mut().zip(sample).for_each(|(mean, &x)| *mean += f64::from(x) / n);
        }
        for sample in self.values.chunks_exact(self.n_units) {
            for (unit, &x) in sample.iter().enumerate() {
                square[unit] += (f64::from(x) - mean[unit]).powi(2) / n;
            }
        }
        (mean, square.into_iter().map(f64::sqrt).collect())
    }
}

/// The covariance of centred samples, drawn towards a multiple of the identity.
fn shrunken(samples: &[f64], n_units: usize) -> DMatrix<f64> {
    let n_samples = samples.len() / n_units;
    let n = n_samples as f64;
    // Units as rows: their products are sums over samples.
    let mut by_unit = vec![0.0; samples.len()];
    for (sample, values) in samples.chunks_exact(n_units).enumerate() {
        values.iter().enumerate().for_each(|(unit, &x)| by_unit[unit * n_samples + sample] = x);
    }
    let above = products_above(&by_unit, n_samples);
    let mut s = DMatrix::zeros(n_units, n_units);
    for ((a, b), product) in crate::rdm::pairs(n_units).zip(above) {
        s[(a, b)] = product / n;
        s[(b, a)] = product / n;
    }
    let square = |values: &[f64]| {
        vectorised(
            #[inline(always)]
            || dot(values, values),
        )
    };
    for (unit, values) in by_unit.chunks_exact(n_samples).enumerate() {
        s[(unit, unit)] = square(values) / n;
    }
    let d = n_units as f64;
    let level = s.trace() / d;
    let norm: f64 = s.iter().map(|x| x * x).sum();
    // ‖S − mI‖² / D, and how far S is from what it estimates.
    let apart = norm / d - level * level;
    let fourth: f64 = samples.chunks_exact(n_units).map(|sample| square(sample).powi(2)).sum();
    let error = (fourth / n - norm) / (n * d);
    let shrinkage = if apart > 0.0 { (error / apart).clamp(0.0, 1.0) } else { 1.0 };
    // Units that nothing is known of have no weight, whatever stands here.
    let floor = if level > 0.0 { level } else { 1.0 };
    let identity = DMatrix::identity(n_units, n_units);
    s * (1.0 - shrinkage) + identity * (shrinkage * level + 1e-9 * floor)
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayView1;
    use redyn_core::random::Stream;

    use super::*;

    /// Two classes along a direction that a third, noisy unit hides from their means.
    #[test]
    fn noise_that_units_share_is_taken_out() {
        let mut stream = Stream::new(5, &[]);
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for sample in 0..400 {
            let label = sample % 2;
            let noise = 3.0 * stream.normal();
            let signal = if label == 0 { -0.5 } else { 0.5 };
            values.extend([(signal + noise) as f32, noise as f32, 7.0]);
            labels.push(label);
        }
        let readout = Samples { values: &values, labels: &labels, n_classes: 2, n_units: 3 }.discriminant();
        let correct = values.chunks(3).zip(&labels).filter(|(sample, label)| {
            let scores = readout.scores(&ArrayView1::from(*sample));
            usize::from(scores[1] > scores[0]) == **label
        });
        assert_eq!(correct.count(), 400);
        assert_eq!(readout.weight.column(2).to_vec(), [0.0, 0.0]);
    }

    /// sklearn 1.7: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto") divides by its own
    /// standard deviations before it shrinks; here the formula is written out.
    #[test]
    fn the_shrunken_covariance_is_that_of_ledoit_and_wolf() {
        let (n, d) = (30, 4);
        let mut stream = Stream::new(9, &[]);
        let samples: Vec<f64> = (0..n * d).map(|_| stream.normal()).collect();
        let x = |i: usize, u: usize| samples[i * d + u];
        let s = |u: usize, v: usize| (0..n).map(|i| x(i, u) * x(i, v)).sum::<f64>() / n as f64;
        let all = || (0..d).flat_map(|u| (0..d).map(move |v| (u, v)));
        let level = (0..d).map(|u| s(u, u)).sum::<f64>() / d as f64;
        let identity = |u: usize, v: usize| f64::from(u8::from(u == v));
        let apart = all().map(|(u, v)| (s(u, v) - level * identity(u, v)).powi(2)).sum::<f64>() / d as f64;
        let error = (0..n)
            .map(|i| all().map(|(u, v)| (x(i, u) * x(i, v) - s(u, v)).powi(2)).sum::<f64>() / d as f64)
            .sum::<f64>()
            / (n * n) as f64;
        let shrinkage = error.min(apart) / apart;
        let found = shrunken(&samples, d);
        for (u, v) in all() {
            let expected = (1.0 - shrinkage) * s(u, v) + shrinkage * level * identity(u, v);
            assert!((found[(u, v)] - expected).abs() < 1e-8, "{} {expected}", found[(u, v)]);
        }
    }
}
