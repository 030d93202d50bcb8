//! A number, how sure we are of it, and of how many images it speaks.

use serde::{Deserialize, Serialize};

/// Groups smaller than this get a value but no interval: a percentile bootstrap of a
/// handful of images is far too narrow, and would lend them a certainty they lack.
pub const SMALLEST_GROUP: usize = 10;

/// Share of bootstrap replicates in which a statistic must exist for its interval to be given.
pub const DEFINED_SHARE: f64 = 0.95;

/// How intervals and permutation tests are drawn.
///
/// Intervals are percentile bootstrap intervals over images, resampled within each
/// true class. Replicate `b` draws from [`redyn_core::random::Stream`] `(seed, [b])`,
/// so that every analysis sees the same resampled images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uncertainty {
    /// Number of bootstrap replicates, and of permutations; 0 gives values only.
    pub replicates: usize,
    /// Share of the bootstrap distribution inside the interval.
    pub level: f64,
    /// Seed of everything drawn.
    pub seed: u64,
}

impl Default for Uncertainty {
    fn default() -> Self {
        Self { replicates: 1000, level: 0.95, seed: 0 }
    }
}

/// A value with its interval.
///
/// An empty group has no estimate at all (`Option<Estimate>` is `None`), never 0 or NaN.
///
/// # Limits
/// - `low` and `high` are both absent when the group is smaller than [`SMALLEST_GROUP`],
///   when no replicates were asked for, when no class has two images to resample, or when
///   the statistic exists in fewer than [`DEFINED_SHARE`] of the replicates.
/// - For a difference, `n` is the size of the smaller of its groups.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value over all images of the group.
    pub value: f64,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
    /// Number of images in the group.
    pub n: usize,
}

impl Estimate {
    /// A value that comes without an interval.
    pub fn point(value: f64, n: usize) -> Self {
        Self { value, low: None, high: None, n }
    }

    /// Both ends of the interval, where there is one.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.low.zip(self.high)
    }
}

/// One estimate per step; `None` where the group is empty at that step.
pub type Series = Vec<Option<Estimate>>;

/// The `p`-quantile (0 ≤ p ≤ 1) of sorted values, interpolated linearly between the two
/// nearest, as `NumPy`'s default (`method="linear"`).
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let position = p * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy 2.4: np.quantile([1, 2, 4, 8, 16], [0, 0.025, 0.3, 0.975, 1])
        let sorted = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (p, expected) in [(0.0, 1.0), (0.025, 1.1), (0.3, 2.4), (0.975, 15.2), (1.0, 16.0)] {
            assert!((quantile(&sorted, p) - expected).abs() < 1e-12, "{p}");
        }
        assert_eq!(quantile(&[3.0], 0.975), 3.0);
    }
}
