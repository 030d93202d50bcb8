//! The mixed model `difference ~ 1` with a random intercept per category.

use serde::{Deserialize, Serialize};

/// `d_nk = β + b_k + ε_nk`, with `b_k ~ N(0, τ²)` and `ε_nk ~ N(0, σ²)`, fitted by restricted
/// maximum likelihood.
///
/// Reference: Laird & Ware (1982), Random-effects models for longitudinal data, Biometrics 38,
/// 963-974. The test is Wald's with a normal reference, as `statsmodels.MixedLM` gives it; with few
/// categories it is a little too sure of itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixedModel {
    /// `β`: the mean difference.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// `β` in standard errors.
    pub z: f64,
    /// Two-sided p-value of `β = 0`. It can be 0, below what a double holds.
    pub p: f64,
    /// `τ²`: variance between categories.
    pub between: f64,
    /// `σ²`: variance within categories.
    pub within: f64,
    /// Number of categories.
    pub n_categories: usize,
    /// Number of differences.
    pub n: usize,
}

/// Number, mean, and sum of squares around it, of one category.
struct Group {
    n: f64,
    mean: f64,
}

/// Differences by category, `(category, difference)`; `None` for fewer than two categories, or
/// without any difference within one.
pub(crate) fn mixed_model(differences: &[(usize, f64)], n_categories: usize) -> Option<MixedModel> {
    let mut values = vec![Vec::new(); n_categories];
    for &(category, value) in differences {
        values[category].push(value);
    }
    values.retain(|values| !values.is_empty());
    let mut squares = 0.0;
    let groups: Vec<Group> = values
        .iter()
        .map(|values| {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            squares += values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            Group { n, mean }
        })
        .collect();
    if groups.len() < 2 || differences.len() <= groups.len() || squares <= 0.0 {
        return None;
    }
    let fit = |ratio: f64| Fit::at(ratio, &groups, squares, differences.len());
    let best = fit(most_likely(fit));
    let z = best.mean / best.standard_error;
    Some(MixedModel {
        mean: best.mean,
        standard_error: best.standard_error,
        z,
        p: libm::erfc(z.abs() / std::f64::consts::SQRT_2),
        between: best.ratio * best.within,
        within: best.within,
        n_categories: groups.len(),
        n: differences.len(),
    })
}

/// The model at one ratio `τ² / σ²`, all else at its best.
struct Fit {
    ratio: f64,
    mean: f64,
    within: f64,
    standard_error: f64,
    /// Restricted log-likelihood, but for a constant.
    likelihood: f64,
    /// Its derivative by the ratio.
    slope: f64,
}

impl Fit {
    fn at(ratio: f64, groups: &[Group], squares: f64, n: usize) -> Self {
        let weight = |group: &Group| group.n / (1.0 + ratio * group.n);
        let weights: f64 = groups.iter().map(weight).sum();
        let mean = groups.iter().map(|group| weight(group) * group.mean).sum::<f64>() / weights;
        let around: f64 = groups.iter().map(|group| weight(group) * (group.mean - mean).powi(2)).sum();
        let freedom = (n - 1) as f64;
        let within = (squares + around) / freedom;
        let spread: f64 = groups.iter().map(|group| (1.0 + ratio * group.n).ln()).sum();
        let likelihood = -0.5 * (freedom * within.ln() + spread + weights.ln());
        // The mean is at its best: moving the ratio moves it without effect.
        let square = |group: &Group| weight(group).powi(2);
        let towards: f64 = groups.iter().map(|group| square(group) * (group.mean - mean).powi(2)).sum();
        let squared: f64 = groups.iter().map(square).sum();
        let slope = 0.5 * (towards / within - weights + squared / weights);
        Self { ratio, mean, within, standard_error: (within / weights).sqrt(), likelihood, slope }
    }
}

/// The ratio of largest likelihood: the best of 0 and a grid of powers, from where the slope is
/// followed to its zero.
fn most_likely(fit: impl Fn(f64) -> Fit) -> f64 {
    let powers = (-40..=24).map(|power| (f64::from(power) / 2.0).exp());
    let grid: Vec<f64> = std::iter::once(0.0).chain(powers).collect();
    let likelihood = |at: usize| fit(grid[at]).likelihood;
    let best = (0..grid.len()).max_by(|&a, &b| likelihood(a).total_cmp(&likelihood(b))).unwrap_or(0);
    if best == 0 && fit(0.0).slope <= 0.0 {
        return 0.0;
    }
    let (mut low, mut high) = (grid[best.saturating_sub(1)], grid[(best + 1).min(grid.len() - 1)]);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return low;
        }
        if fit(middle).slope > 0.0 { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The zero of a slope, which is a difference of larger numbers.
    const ROUNDING: f64 = 1e-11;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= ROUNDING * b.abs(), "{a} {b}");
    }

    fn data(sizes: &[usize]) -> Vec<(usize, f64)> {
        let one = |category: usize, image: usize| {
            let noise = ((category * 31 + image * 17) % 13) as f64 / 13.0;
            (category, 0.1 * (category as f64 * 1.7).sin() + 0.3 * noise - 0.1)
        };
        let all = sizes.iter().enumerate();
        all.flat_map(|(category, &n)| (0..n).map(move |image| one(category, image))).collect()
    }

    /// With equal sizes the estimates are those of the analysis of variance.
    #[test]
    fn equal_categories_have_the_closed_form() {
        let (k, n) = (9_usize, 6_usize);
        let data = data(&vec![n; k]);
        let found = mixed_model(&data, k).unwrap();
        let mean_of = |c: usize| data.iter().filter(|d| d.0 == c).map(|d| d.1).sum::<f64>() / n as f64;
        let means: Vec<f64> = (0..k).map(mean_of).collect();
        let grand = means.iter().sum::<f64>() / k as f64;
        let between = n as f64 * means.iter().map(|m| (m - grand).powi(2)).sum::<f64>() / (k - 1) as f64;
        let within = data.iter().map(|d| (d.1 - means[d.0]).powi(2)).sum::<f64>() / (k * (n - 1)) as f64;
        assert!(between > within, "there is something to find");
        near(found.mean, grand);
        near(found.within, within);
        near(found.between, (between - within) / n as f64);
        near(found.standard_error, (between / (k * n) as f64).sqrt());
    }

    /// `tests/mixed_model.json` is written by `tests/mixed_model.py` with dense matrices.
    #[test]
    fn unequal_categories_are_fitted_as_by_dense_matrices() {
        let found = mixed_model(&data(&[3, 8, 5, 12, 2, 7, 9]), 7).unwrap();
        let reference: [f64; 5] = serde_json::from_str(include_str!("../../tests/mixed_model.json")).unwrap();
        let ours = [found.mean, found.standard_error, found.z, found.between, found.within];
        for (ours, theirs) in ours.into_iter().zip(reference) {
            // Its optimiser finds the flat top to about the root of a double's rounding.
            assert!((ours - theirs).abs() <= 1e-6 * theirs.abs(), "{ours} {theirs}");
        }
        // statsmodels 0.15: MixedLM(values, ones, groups=categories).fit(reml=True), fe_params, cov_re,
        // scale. DIFFERENCE: its standard error, 0.035497, is that of a numerical Hessian.
        let theirs = [0.047_106_686_742, 0.007_257_200_039, 0.007_770_015_844];
        for (ours, theirs) in [found.mean, found.between, found.within].into_iter().zip(theirs) {
            assert!((ours - theirs).abs() <= 1e-4 * theirs, "{ours} {theirs}");
        }
    }

    #[test]
    fn without_any_spread_between_categories_it_is_the_plain_mean() {
        let data: Vec<(usize, f64)> =
            (0..40).map(|i| (i % 4, if (i / 4) % 2 == 0 { 1.0 } else { -0.5 })).collect();
        let found = mixed_model(&data, 4).unwrap();
        assert_eq!(found.between, 0.0);
        near(found.mean, 0.25);
        near(found.standard_error, (0.75_f64.powi(2) * 40.0 / 39.0 / 40.0).sqrt());
        // scipy 1.17: 2 * scipy.stats.norm.sf(1.96) -> 0.04999579029644087
        near(libm::erfc(1.96 / std::f64::consts::SQRT_2), 0.049_995_790_296_440_87);
    }

    #[test]
    fn nothing_is_fitted_to_one_category_or_to_no_difference() {
        assert_eq!(mixed_model(&[(0, 1.0), (0, 2.0)], 1), None);
        assert_eq!(mixed_model(&[(0, 1.0), (1, 2.0)], 2), None);
        assert_eq!(mixed_model(&[(0, 1.0), (0, 1.0), (1, 1.0), (1, 1.0)], 2), None);
    }
}
