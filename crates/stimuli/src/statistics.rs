//! Mean and standard deviation of each colour channel, and the normalisation they give.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Image, Stimuli, StimuliError};

/// Mean and standard deviation of each channel on the 0-255 scale, as MiniEcoset's
/// file carries them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelStatistics {
    /// Mean of red, green and blue.
    pub mean: [f64; 3],
    /// Standard deviation (of the population: divided by n) of red, green and blue.
    pub std: [f64; 3],
}

/// At most so many images of a split are looked at, spread evenly over it.
///
/// 10,000 images of 64 x 64 pixels put the standard error of a channel's mean far
/// below a thousandth of its standard deviation.
pub const STATISTICS_SAMPLE: usize = 10_000;

impl ChannelStatistics {
    /// Statistics over all pixels of a split, or of [`STATISTICS_SAMPLE`] images
    /// spread evenly over it (`i * len / sample`) where it has more.
    ///
    /// Sums are integers and therefore exact: the result does not depend on threads.
    ///
    /// # Errors
    /// An image that cannot be read, a split without images, or a channel that is
    /// the same everywhere (nothing could be divided by its deviation).
    pub fn of(split: &dyn Stimuli) -> Result<Self, StimuliError> {
        let sample = split.len().min(STATISTICS_SAMPLE);
        let sums = (0..sample)
            .into_par_iter()
            .map(|i| split.image(i * split.len() / sample).map(|image| Sums::of(&image)))
            .try_reduce(Sums::default, |a, b| Ok(a.plus(b)))?;
        if sums.n == 0 {
            return Err(StimuliError::NoImages {
                place: "the split that channel statistics are taken over".into(),
            });
        }
        let n = sums.n as f64;
        let mean = sums.sum.map(|sum| sum as f64 / n);
        let mut std = [0.0; 3];
        for channel in 0..3 {
            // n·Σx² − (Σx)², exact in integers before the one division.
            let spread = u128::from(sums.n) * u128::from(sums.squares[channel])
                - u128::from(sums.sum[channel]) * u128::from(sums.sum[channel]);
            std[channel] = (spread as f64).sqrt() / n;
        }
        let statistics = Self { mean, std };
        statistics.check("computed channel statistics")?;
        Ok(statistics)
    }

    /// Refuse what cannot normalise anything.
    pub(crate) fn check(&self, place: &str) -> Result<(), StimuliError> {
        for channel in 0..3 {
            if !self.mean[channel].is_finite() || !self.std[channel].is_finite() || self.std[channel] <= 0.0 {
                return Err(StimuliError::Statistics {
                    place: place.to_owned(),
                    channel: ["red", "green", "blue"][channel],
                    mean: self.mean[channel],
                    std: self.std[channel],
                });
            }
        }
        Ok(())
    }

    /// The normalisation with these statistics: `(x/255 − mean/255) / (std/255)`.
    pub fn normalisation(&self) -> Normalisation {
        Normalisation::from_fractions(self.mean.map(|m| m / 255.0), self.std.map(|s| s / 255.0))
    }
}

#[derive(Clone, Copy, Default)]
struct Sums {
    n: u64,
    sum: [u64; 3],
    squares: [u64; 3],
}

impl Sums {
    fn of(image: &Image) -> Self {
        let mut sums = Self { n: (image.height * image.width) as u64, ..Self::default() };
        for pixel in image.pixels.chunks_exact(3) {
            for channel in 0..3 {
                let value = u64::from(pixel[channel]);
                sums.sum[channel] += value;
                sums.squares[channel] += value * value;
            }
        }
        sums
    }

    fn plus(self, other: Self) -> Self {
        let add = |a: [u64; 3], b: [u64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        Self { n: self.n + other.n, sum: add(self.sum, other.sum), squares: add(self.squares, other.squares) }
    }
}

/// What turns 8-bit pixels into a network's input, `((x / 255) − mean) / std`,
/// every step in `f32` as torchvision's `ToTensor` and `Normalize` do it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Mean of each channel, of 0-1 values.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, of 0-1 values.
    pub std: [f32; 3],
}

impl Normalisation {
    /// From mean and deviation of 0-1 values, rounded once to `f32`.
    pub fn from_fractions(mean: [f64; 3], std: [f64; 3]) -> Self {
        Self { mean: mean.map(|m| m as f32), std: std.map(|s| s as f32) }
    }

    /// Pixels as numbers in 0-1, neither centred nor scaled.
    pub const UNIT: Self = Self { mean: [0.0; 3], std: [1.0; 3] };

    /// Normalise pixels into a place of the same length.
    ///
    /// # Shapes
    /// - `pixels`, `out`: `[..., 3]`, channels last
    pub fn write(&self, pixels: &[u8], out: &mut [f32]) {
        let table = self.table();
        for (out, pixel) in out.chunks_exact_mut(3).zip(pixels.chunks_exact(3)) {
            for channel in 0..3 {
                out[channel] = table[channel][usize::from(pixel[channel])];
            }
        }
    }

    /// The value of each of the 256 levels of each channel: the same bits as the
    /// formula, at the price of a look-up.
    fn table(&self) -> [[f32; 256]; 3] {
        let mut table = [[0.0; 256]; 3];
        for channel in 0..3 {
            for level in 0..256 {
                table[channel][level] = (level as f32 / 255.0 - self.mean[channel]) / self.std[channel];
            }
        }
        table
    }
}
