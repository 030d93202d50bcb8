//! Normalisation with one scale and shift per channel: batch norm and group norm.
//!
//! `x̂ = (x − μ) / √(σ² + ε)`, `y = x̂ · γ + β`. Mean and variance belong to a *set* of values:
//! a channel of the whole batch, or a group of channels of one image. Backward, with
//! `h = dy · γ`: `dx = (h − mean(h) − x̂ · mean(h · x̂)) / √(σ² + ε)`, means over the set;
//! given statistics do not move with `x`, so there both means are left out.
//!
//! Sums are taken in f64, pixel by pixel in every image, images in their order.
#![allow(clippy::inline_always)]

use rayon::prelude::*;

use super::simd::{Level, vectorise};
use super::tasks::{WORTH_SHARING, each_chunk};
use crate::Shape;

/// Where mean and variance come from.
#[derive(Clone, Copy)]
pub(crate) enum Sets<'a> {
    /// Groups of channels of every image by itself.
    Groups(usize),
    /// Every channel over all images.
    Batch,
    /// They are given, for every channel.
    Given { mean: &'a [f32], variance: &'a [f32] },
}

/// A normalisation of maps of one shape.
#[derive(Clone, Copy)]
pub(crate) struct ChannelNorm<'a> {
    pub(crate) level: Level,
    pub(crate) shape: Shape,
    pub(crate) epsilon: f64,
    pub(crate) sets: Sets<'a>,
    /// `γ` and `β` of every channel, if there are any.
    pub(crate) affine: Option<[&'a [f32]; 2]>,
}

/// What every channel is normalised by, for one image or for all.
#[derive(Clone)]
struct Moments {
    mean: Vec<f32>,
    /// One over the standard deviation.
    inverse: Vec<f32>,
}

/// Mean and variance over `n − 1` of every channel of a batch: what running averages move to.
/// Over `n` where there is one value only.
pub(crate) struct Observed {
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

/// Two sums for every channel.
type TwoSums = [Vec<f64>; 2];

impl ChannelNorm<'_> {
    /// # Shapes
    /// - `x`, `y`: `[batch, shape]`
    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32]) {
        let moments = self.moments(&self.sums(x, None, |x, _| (x, x * x)));
        let length = self.shape.len();
        each_chunk(y, length, 2 * x.len(), |image, y| {
            let Moments { mean, inverse } = of(&moments, image);
            let x = &x[image * length..][..length];
            let ones = vec![1.0; mean.len()];
            let zeros = vec![0.0; mean.len()];
            let [scale, shift] = self.affine.unwrap_or([&ones, &zeros]);
            let scale: Vec<f32> = scale.iter().zip(inverse).map(|(scale, inverse)| scale * inverse).collect();
            let channels = mean.len();
            vectorise!(self.level, || {
                for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                    let values = y.iter_mut().zip(x).zip(mean).zip(&scale).zip(shift);
                    for ((((y, &x), &mean), &scale), &shift) in values {
                        *y = (x - mean) * scale + shift;
                    }
                }
            });
        });
    }

    /// `gradient` enters as `dy` and leaves as `dx`; the gradients of `γ` and `β` are added to
    /// `affine_gradients`, if there are any.
    ///
    /// # Shapes
    /// - `x`, `gradient`: `[batch, shape]`
    pub(crate) fn backward(
        &self,
        x: &[f32],
        gradient: &mut [f32],
        affine_gradients: Option<[&mut [f32]; 2]>,
    ) -> Observed {
        let sums = self.sums(x, None, |x, _| (x, x * x));
        let moments = self.moments(&sums);
        // Σ dy and Σ dy · x of every image and channel give everything that is summed here:
        // Σ dy · x̂ = (Σ dy · x − μ Σ dy) / √(σ² + ε), in f64.
        let mut products = self.sums(x, Some(gradient), |x, dy| (dy, dy * x));
        for (image, [ones, products]) in products.iter_mut().enumerate() {
            let Moments { mean, inverse } = of(&moments, image);
            for (channel, product) in products.iter_mut().enumerate() {
                let centred = *product - f64::from(mean[channel]) * ones[channel];
                *product = centred * f64::from(inverse[channel]);
            }
        }
        if let Some([scale, shift]) = affine_gradients {
            let [ones, products] = add_images(&products);
            scale.iter_mut().zip(products).for_each(|(sum, product)| *sum += product as f32);
            shift.iter_mut().zip(ones).for_each(|(sum, one)| *sum += one as f32);
        }
        let ones = vec![1.0; self.shape.channels];
        let scale = self.affine.map_or(&ones[..], |[scale, _]| scale);
        for sums in products.iter_mut().flatten() {
            sums.iter_mut().zip(scale).for_each(|(sum, &scale)| *sum *= f64::from(scale));
        }
        let means = self.set_means(&products);
        let length = self.shape.len();
        each_chunk(gradient, length, 4 * x.len(), |image, gradient| {
            let Moments { mean, inverse } = of(&moments, image);
            let [mean_h, mean_product] = of(&means, image);
            let x = &x[image * length..][..length];
            let channels = mean.len();
            vectorise!(self.level, || {
                for (gradient, x) in gradient.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                    for channel in 0..channels {
                        let unit = (x[channel] - mean[channel]) * inverse[channel];
                        let h = gradient[channel] * scale[channel];
                        gradient[channel] =
                            (h - mean_h[channel] - unit * mean_product[channel]) * inverse[channel];
                    }
                }
            });
        });
        self.observed(&sums)
    }

    /// Jacobian-vector product: `tangent` enters as `dx` and leaves as `dy`.
    ///
    /// The Jacobian of the standardisation is symmetric, so this is its backward pass with the
    /// scale after it instead of before.
    ///
    /// # Shapes
    /// - `x`, `tangent`: `[batch, shape]`
    pub(crate) fn tangent(&self, x: &[f32], tangent: &mut [f32]) {
        Self { affine: None, ..*self }.backward(x, tangent, None);
        let Some([scale, _]) = self.affine else { return };
        for pixel in tangent.chunks_exact_mut(self.shape.channels) {
            pixel.iter_mut().zip(scale).for_each(|(dy, scale)| *dy *= scale);
        }
    }

    /// Two sums over pixels of every image and channel.
    fn sums(
        &self,
        x: &[f32],
        other: Option<&[f32]>,
        terms: impl Fn(f64, f64) -> (f64, f64) + Sync,
    ) -> Vec<TwoSums> {
        if matches!(self.sets, Sets::Given { .. }) && other.is_none() {
            return Vec::new();
        }
        let (length, channels) = (self.shape.len(), self.shape.channels);
        let other = other.unwrap_or(x);
        let image = |image: usize| {
            let [mut first, mut second] = [vec![0.0; channels], vec![0.0; channels]];
            let (x, other) = (&x[image * length..][..length], &other[image * length..][..length]);
            vectorise!(self.level, || {
                for (x, other) in x.chunks_exact(channels).zip(other.chunks_exact(channels)) {
                    let sums = first.iter_mut().zip(&mut second);
                    for (((first, second), &x), &other) in sums.zip(x).zip(other) {
                        let (one, two) = terms(f64::from(x), f64::from(other));
                        *first += one;
                        *second += two;
                    }
                }
            });
            [first, second]
        };
        let images = x.len() / length.max(1);
        if images <= 1 || x.len() < WORTH_SHARING {
            (0..images).map(image).collect()
        } else {
            (0..images).into_par_iter().map(image).collect()
        }
    }

    /// Moments of every image, or one for all.
    fn moments(&self, sums: &[TwoSums]) -> Vec<Moments> {
        let inverse = |variance: f64| (1.0 / (variance + self.epsilon).sqrt()) as f32;
        let moments = |[sums, squares]: &TwoSums, count: f64| {
            let sets = sums.iter().zip(squares).map(|(sum, square)| mean_and_variance(*sum, *square, count));
            let (mean, inverse) = sets.map(|(mean, variance)| (mean as f32, inverse(variance))).unzip();
            Moments { mean, inverse }
        };
        match self.sets {
            Sets::Given { mean, variance } => {
                let inverse = variance.iter().map(|&variance| inverse(f64::from(variance))).collect();
                vec![Moments { mean: mean.to_vec(), inverse }]
            }
            Sets::Batch => vec![moments(&add_images(sums), (self.shape.pixels() * sums.len()) as f64)],
            Sets::Groups(groups) => {
                let size = self.shape.channels / groups;
                let count = (self.shape.pixels() * size) as f64;
                let of_image = |sums: &TwoSums| {
                    let grouped = [&sums[0], &sums[1]].map(|sums| add_groups(sums, size));
                    moments(&grouped, count)
                };
                sums.iter().map(of_image).collect()
            }
        }
    }

    /// The means of two sums over each channel's set, for every image or for all.
    fn set_means(&self, sums: &[TwoSums]) -> Vec<[Vec<f32>; 2]> {
        let mean = |sums: &[f64], count: usize| sums.iter().map(|sum| (sum / count as f64) as f32).collect();
        let pixels = self.shape.pixels();
        match self.sets {
            Sets::Given { .. } => vec![[vec![0.0; self.shape.channels], vec![0.0; self.shape.channels]]],
            Sets::Batch => vec![add_images(sums).map(|total| mean(&total, pixels * sums.len()))],
            Sets::Groups(groups) => {
                let size = self.shape.channels / groups;
                let of_image = |sums: &TwoSums| {
                    [&sums[0], &sums[1]].map(|sums| mean(&add_groups(sums, size), pixels * size))
                };
                sums.iter().map(of_image).collect()
            }
        }
    }

    fn observed(&self, sums: &[TwoSums]) -> Observed {
        if !matches!(self.sets, Sets::Batch) {
            return Observed { mean: Vec::new(), variance: Vec::new() };
        }
        let count = (self.shape.pixels() * sums.len()) as f64;
        let [sums, squares] = add_images(sums);
        let sets = sums.iter().zip(&squares).map(|(sum, square)| mean_and_variance(*sum, *square, count));
        let unbiased = count / (count - 1.0).max(1.0);
        let (mean, variance) =
            sets.map(|(mean, variance)| (mean as f32, (variance * unbiased) as f32)).unzip();
        Observed { mean, variance }
    }
}

/// Of the one that is for all images, or of an image's own.
fn of<T>(all: &[T], image: usize) -> &T {
    if all.len() == 1 { &all[0] } else { &all[image] }
}

fn mean_and_variance(sum: f64, squares: f64, count: f64) -> (f64, f64) {
    let mean = sum / count;
    // f32 squares summed in f64: what cancels here is far below an f32's last bit. Rounding
    // may still leave a constant map a hair under zero; NaN must stay NaN.
    let variance = squares / count - mean * mean;
    (mean, if variance < 0.0 { 0.0 } else { variance })
}

fn add_images(sums: &[TwoSums]) -> TwoSums {
    let mut totals = sums[0].clone();
    for image in &sums[1..] {
        for (total, sums) in totals.iter_mut().zip(image) {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
    }
    totals
}

/// For every channel the sum over its group.
fn add_groups(sums: &[f64], size: usize) -> Vec<f64> {
    sums.chunks(size).flat_map(|group| std::iter::repeat_n(group.iter().sum(), size)).collect()
}
