//! Ridge regression from second moments: everything it needs of the data, however many there are.

/// Penalties that are tried, on the scale of a correlation matrix. Larger ones would shrink a
/// weak coefficient to nothing, where its interval is to say how weak it is.
const PENALTIES: [f64; 7] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1];

/// Weighted second moments `Σ w z zᵀ` of rows `z = (1, x_1, …, x_p, y)`.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    n_predictors: usize,
    /// `[p + 2, p + 2]`, lower triangle filled.
    sums: Vec<f64>,
}

/// A fitted line, on the scale of the data it was fitted to.
#[derive(Clone, Debug)]
pub(crate) struct Fit {
    /// Change of `y` in its standard deviations per standard deviation of each predictor.
    pub(crate) standardised: Vec<f64>,
    /// Correlation of each predictor alone with `y`.
    pub(crate) alone: Vec<f64>,
    /// The penalty that generalised cross-validation chose.
    pub(crate) penalty: f64,
    /// `(−intercept, −slopes, 1)`: its product with `z` is the residual.
    residual: Vec<f64>,
    /// The same for the mean of `y` alone.
    from_mean: Vec<f64>,
}

impl Moments {
    pub(crate) fn new(n_predictors: usize) -> Self {
        Self { n_predictors, sums: vec![0.0; (n_predictors + 2) * (n_predictors + 2)] }
    }

    fn width(&self) -> usize {
        self.n_predictors + 2
    }

    /// Add a row, `weight` times.
    pub(crate) fn add(&mut self, predictors: &[f64], target: f64, weight: f64) {
        let width = self.width();
        let z = |at: usize| match at {
            0 => 1.0,
            at if at + 1 == width => target,
            at => predictors[at - 1],
        };
        for row in 0..width {
            let scaled = weight * z(row);
            for column in 0..=row {
                self.sums[row * width + column] += scaled * z(column);
            }
        }
    }

    /// The rows of both.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let sums = self.sums.iter().zip(&other.sums).map(|(a, b)| a + b).collect();
        Self { sums, ..*self }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.sums[row.max(column) * self.width() + row.min(column)]
    }

    /// `vᵀ (Σ w z zᵀ) v = Σ w (v·z)²`
    fn square(&self, v: &[f64]) -> f64 {
        let mut total = 0.0;
        for (row, a) in v.iter().enumerate() {
            for (column, b) in v.iter().enumerate() {
                total += a * b * self.at(row, column);
            }
        }
        total
    }

    /// Sum of squared residuals of a line on these rows, and of the mean it was fitted with.
    pub(crate) fn residuals(&self, fit: &Fit) -> (f64, f64) {
        (self.square(&fit.residual), self.square(&fit.from_mean))
    }

    /// Fit, with the penalty of least generalised cross-validation error (Golub, Heath & Wahba
    /// 1979). `None` where a predictor or the target is constant.
    pub(crate) fn fit(&self) -> Option<Fit> {
        let (p, n) = (self.n_predictors, self.at(0, 0));
        let mean = |at: usize| self.at(at, 0) / n;
        let covariance = |a: usize, b: usize| self.at(a, b) / n - mean(a) * mean(b);
        let deviations: Vec<f64> = (1..p + 2).map(|at| covariance(at, at).max(0.0).sqrt()).collect();
        // Data are standardised before they come here, so that this is far above rounding.
        if n <= 0.0 || deviations.iter().any(|&deviation| deviation.is_nan() || deviation < 1e-6) {
            return None;
        }
        let correlation = |a: usize, b: usize| covariance(a, b) / (deviations[a - 1] * deviations[b - 1]);
        let r: Vec<f64> =
            (1..=p).flat_map(|a| (1..=p).map(move |b| (a, b))).map(|(a, b)| correlation(a, b)).collect();
        let alone: Vec<f64> = (1..=p).map(|at| correlation(at, p + 1)).collect();
        let tried = PENALTIES.iter().filter_map(|&penalty| {
            let factor = cholesky(&r, p, penalty)?;
            let slopes = solve(&factor, p, &alone);
            // Effective degrees of freedom: trace of R (R + λ)⁻¹ = p − λ trace (R + λ)⁻¹.
            let inverse_trace: f64 = (0..p)
                .map(|at| {
                    let unit: Vec<f64> = (0..p).map(|other| f64::from(u8::from(other == at))).collect();
                    solve(&factor, p, &unit)[at]
                })
                .sum();
            let freedom = 1.0 + p as f64 - penalty * inverse_trace;
            let explained: f64 = slopes.iter().zip(&alone).map(|(b, r)| 2.0 * b * r).sum();
            let fitted: f64 =
                (0..p).map(|a| (0..p).map(|b| slopes[a] * r[a * p + b] * slopes[b]).sum::<f64>()).sum();
            let error = (1.0 - explained + fitted) / (1.0 - freedom / n).powi(2);
            Some((error, penalty, slopes))
        });
        let (_, penalty, standardised) =
            tried.reduce(|best, next| if next.0 < best.0 { next } else { best })?;
        let slopes: Vec<f64> = standardised
            .iter()
            .zip(&deviations)
            .map(|(slope, deviation)| slope * deviations[p] / deviation)
            .collect();
        let intercept =
            mean(p + 1) - slopes.iter().enumerate().map(|(at, slope)| slope * mean(at + 1)).sum::<f64>();
        let residual =
            [-intercept].into_iter().chain(slopes.iter().map(|slope| -slope)).chain([1.0]).collect();
        let mut from_mean = vec![0.0; p + 2];
        (from_mean[0], from_mean[p + 1]) = (-mean(p + 1), 1.0);
        Some(Fit { standardised, alone, penalty, residual, from_mean })
    }
}

/// Cholesky's factor of `R + λ I`, lower triangle; `None` where rounding spoils it.
fn cholesky(r: &[f64], p: usize, penalty: f64) -> Option<Vec<f64>> {
    let mut factor = vec![0.0; p * p];
    for row in 0..p {
        for column in 0..=row {
            let own = r[row * p + column] + if row == column { penalty } else { 0.0 };
            let known: f64 = (0..column).map(|k| factor[row * p + k] * factor[column * p + k]).sum();
            factor[row * p + column] = if row == column {
                let square = own - known;
                if square.is_nan() || square <= 0.0 {
                    return None;
                }
                square.sqrt()
            } else {
                (own - known) / factor[column * p + column]
            };
        }
    }
    Some(factor)
}

/// The solution of `L Lᵀ x = b`.
fn solve(factor: &[f64], p: usize, b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for row in 0..p {
        let known: f64 = (0..row).map(|k| factor[row * p + k] * x[k]).sum();
        x[row] = (x[row] - known) / factor[row * p + row];
    }
    for row in (0..p).rev() {
        let known: f64 = (row + 1..p).map(|k| factor[k * p + row] * x[k]).sum();
        x[row] = (x[row] - known) / factor[row * p + row];
    }
    x
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use super::*;

    fn data(n: usize) -> Vec<([f64; 3], f64)> {
        let mut stream = Stream::new(6, &[]);
        let row = |_| {
            let a = stream.normal();
            let x = [a, 0.6 * a + stream.normal(), stream.normal()];
            (x, 2.0 + 0.8 * x[0] - 0.5 * x[1] + 0.3 * stream.normal())
        };
        (0..n).map(row).collect()
    }

    fn moments(rows: &[([f64; 3], f64)]) -> Moments {
        let mut moments = Moments::new(3);
        for (x, y) in rows {
            moments.add(x, *y, 1.0);
        }
        moments
    }

    #[test]
    fn residuals_from_moments_are_those_of_the_rows() {
        let rows = data(60);
        let fit = moments(&rows[..40]).fit().unwrap();
        let mean = rows[..40].iter().map(|(_, y)| y).sum::<f64>() / 40.0;
        let (found, found_mean) = moments(&rows[40..]).residuals(&fit);
        let line =
            |x: &[f64; 3]| -fit.residual[0] - (0..3).map(|at| fit.residual[at + 1] * x[at]).sum::<f64>();
        let plain: f64 = rows[40..].iter().map(|(x, y)| (y - line(x)).powi(2)).sum();
        let plain_mean: f64 = rows[40..].iter().map(|(_, y)| (y - mean).powi(2)).sum();
        assert!((found - plain).abs() < 1e-10 && (found_mean - plain_mean).abs() < 1e-10);
    }

    #[test]
    fn the_fit_solves_the_penalised_normal_equations() {
        let rows = data(500);
        let fit = moments(&rows).fit().unwrap();
        // The gradient of ‖y − Xb‖² / n + λ‖b‖² in standardised variables vanishes.
        let column = |at: usize| {
            let values: Vec<f64> = rows.iter().map(|(x, y)| if at < 3 { x[at] } else { *y }).collect();
            let mean = values.iter().sum::<f64>() / 500.0;
            let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 500.0).sqrt();
            values.iter().map(|v| (v - mean) / deviation).collect::<Vec<f64>>()
        };
        let columns: Vec<Vec<f64>> = (0..4).map(column).collect();
        for at in 0..3 {
            let gradient: f64 = (0..500)
                .map(|row| {
                    let fitted: f64 = (0..3).map(|k| fit.standardised[k] * columns[k][row]).sum();
                    columns[at][row] * (columns[3][row] - fitted)
                })
                .sum();
            assert!((gradient / 500.0 - fit.penalty * fit.standardised[at]).abs() < 1e-10);
        }
        assert!(fit.penalty < 0.03, "plenty of data need little penalty");
        assert!(fit.standardised[0] > 0.4 && fit.standardised[1] < -0.3 && fit.standardised[2].abs() < 0.1);
    }

    #[test]
    fn a_constant_predictor_cannot_be_fitted() {
        let mut moments = Moments::new(1);
        for at in 0..20 {
            moments.add(&[0.5], f64::from(at), 1.0);
        }
        assert!(moments.fit().is_none());
    }
}
