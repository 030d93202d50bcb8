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

/// What turns 8-bit pixels into a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// `((x / 255) − mean) / std`, every step in `f32` as torchvision's `ToTensor` and
    /// `Normalize` do it.
    Standardised {
        /// Mean of each channel, of 0-1 values.
        mean: [f32; 3],
        /// Standard deviation of each channel, of 0-1 values.
        std: [f32; 3],
    },
    /// `x / 127.5 − 1`, rounded once to `f32`: from −1 to 1.
    PlusMinusOne,
}

impl Normalisation {
    /// From mean and deviation of 0-1 values, rounded once to `f32`.
    pub fn from_fractions(mean: [f64; 3], std: [f64; 3]) -> Self {
        Self::Standardised { mean: mean.map(|m| m as f32), std: std.map(|s| s as f32) }
    }

    /// Pixels as numbers in 0-1, neither centred nor scaled.
    pub const UNIT: Self = Self::Standardised { mean: [0.0; 3], std: [1.0; 3] };

    /// The normalised value of each of the 256 levels of each channel: the formula's
    /// bits at the price of a look-up.
    pub fn table(&self) -> NormalisationTable {
        let mut table = [[0.0; 256]; 3];
        for channel in 0..3 {
            for level in 0..256 {
                table[channel][level] = match self {
                    Self::Standardised { mean, std } => (level as f32 / 255.0 - mean[channel]) / std[channel],
                    Self::PlusMinusOne => (level as f64 / 127.5 - 1.0) as f32,
                };
            }
        }
        NormalisationTable(table)
    }
}

/// A [`Normalisation`] worked out for every possible pixel.
#[derive(Clone, Debug)]
pub struct NormalisationTable([[f32; 256]; 3]);

impl NormalisationTable {
    /// Normalise pixels into a place of the same length.
    ///
    /// # Shapes
    /// - `pixels`, `out`: `[..., 3]`, channels last
    pub fn write(&self, pixels: &[u8], out: &mut [f32]) {
        for (out, pixel) in out.chunks_exact_mut(3).zip(pixels.chunks_exact(3)) {
            for channel in 0..3 {
                out[channel] = self.0[channel][usize::from(pixel[channel])];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::dataset::hexadecimal;

    #[test]
    fn normalised_values_are_numpys() {
        // import closed_form as c; x = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16).repeat(3, 1)
        // v = c.normalise(x, c.BLT_MEAN, c.BLT_STD)[0].reshape(3, 256).T.copy()
        // hashlib.sha256(v.tobytes()).hexdigest()      (with the IMAGENET constants, and plus_minus_one)
        for (normalisation, expected) in [
            (
                Normalisation::from_fractions([0.4987, 0.4702, 0.4050], [0.2711, 0.2635, 0.2810]),
                "84916bfe5d806573a62312424e109335356a5156eb368febc56aebacdb5b23d6",
            ),
            (
                Normalisation::from_fractions([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
                "8c626e48a7ca8a3a4c1fef347a331e88748ff9dbc57d734b54bd4613205621dc",
            ),
            (Normalisation::PlusMinusOne, "10ae327c234d3cccf8c0ba1ac2a34ce431b89f19156c3a0376d1bddf1fa8218a"),
        ] {
            let pixels: Vec<u8> = (0..=255).flat_map(|level| [level; 3]).collect();
            let mut values = vec![0.0; 768];
            normalisation.table().write(&pixels, &mut values);
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            assert_eq!(hexadecimal(&Sha256::digest(bytes)), expected);
        }
    }

    struct Given(Vec<Image>);

    impl Stimuli for Given {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn label(&self, _index: usize) -> usize {
            0
        }
        fn id(&self, index: usize) -> String {
            index.to_string()
        }
        fn image(&self, index: usize) -> Result<Image, StimuliError> {
            Ok(self.0[index].clone())
        }
        fn content(&self, _take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
            Ok(())
        }
    }

    #[test]
    fn statistics_equal_a_plain_computation() {
        let mut stream = redyn_core::random::Stream::new(4, &[]);
        let images: Vec<Image> =
            (0..5).map(|_| Image::new(4, 4, (0..48).map(|_| stream.below(256) as u8).collect())).collect();
        let found = ChannelStatistics::of(&Given(images.clone())).unwrap();
        for channel in 0..3 {
            let values: Vec<f64> = images
                .iter()
                .flat_map(|image| image.pixels.iter().skip(channel).step_by(3).map(|&x| f64::from(x)))
                .collect();
            let mean = values.iter().sum::<f64>() / 80.0;
            let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 80.0;
            assert!((found.mean[channel] - mean).abs() < 1e-12);
            assert!((found.std[channel] - variance.sqrt()).abs() < 1e-12);
        }
    }

    #[test]
    fn a_channel_that_never_varies_cannot_normalise() {
        let error = ChannelStatistics::of(&Given(vec![Image::black(4, 4)])).unwrap_err();
        assert!(error.to_string().contains("the red channel has mean 0 and standard deviation 0"), "{error}");
        assert!(matches!(ChannelStatistics::of(&Given(Vec::new())), Err(StimuliError::NoImages { .. })));
    }
}
