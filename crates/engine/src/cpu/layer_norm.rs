//! Layer norm over all values of an image, with its activation.
//!
//! `x̂ = (x − μ) / √(σ² + ε)`, `y = a(x̂ · γ + β)`; mean and biased variance in f64.
//! Backward, with `g` the gradient before the activation and `h = g · γ`:
//! `dx = (h − mean(h) − x̂ · mean(h · x̂)) / √(σ² + ε)`, `dγ = Σ g · x̂`, `dβ = Σ g`.
#![allow(clippy::inline_always)]

use super::pointwise::of_image;
use super::simd::{Level, vectorise};
use super::tasks::{each_chunk, each_chunk_pair};
use crate::Activation;
use crate::op::LAYER_NORM_EPSILON;

/// Partial sums kept side by side; their number is part of the result.
const LANES: usize = 16;

/// Scale and shift as values lie in memory, `[row, column, channel]`.
#[derive(Clone, Copy)]
pub(crate) struct Affine<'a> {
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
}

#[derive(Clone, Copy)]
pub(crate) struct Moments {
    mean: f32,
    /// One over the standard deviation.
    inverse: f32,
}

/// Two sums in f64, taken in a fixed order however their terms come in: in pieces whose
/// lengths are multiples of [`LANES`], but for the last one.
#[derive(Clone, Copy, Default)]
pub(crate) struct TwoSums {
    first: [f64; LANES],
    second: [f64; LANES],
}

impl TwoSums {
    #[inline(always)]
    fn add(&mut self, a: &[f32], b: &[f32], terms: impl Fn(f32, f32) -> (f64, f64)) {
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                let (one, other) = terms(a[lane], b[lane]);
                self.first[lane] += one;
                self.second[lane] += other;
            }
        }
        for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
            let (one, other) = terms(a, b);
            self.first[lane] += one;
            self.second[lane] += other;
        }
    }

    fn totals(self) -> (f64, f64) {
        (self.first.iter().sum(), self.second.iter().sum())
    }

    /// Add values and their squares.
    #[inline(always)]
    pub(crate) fn add_values(&mut self, x: &[f32]) {
        self.add(x, x, |x, _| {
            let x = f64::from(x);
            (x, x * x)
        });
    }

    /// The moments of all `count` values added by [`TwoSums::add_values`].
    pub(crate) fn moments(self, count: usize) -> Moments {
        let (sum, squares) = self.totals();
        let n = count as f64;
        let mean = sum / n;
        // f32 squares summed in f64: what cancels here is far below an f32's last bit. Rounding
        // may still leave a constant map a hair under zero; NaN must stay NaN.
        let variance = squares / n - mean * mean;
        let variance = if variance < 0.0 { 0.0 } else { variance };
        Moments { mean: mean as f32, inverse: (1.0 / (variance + LAYER_NORM_EPSILON).sqrt()) as f32 }
    }
}

#[inline(always)]
fn moments(x: &[f32]) -> Moments {
    let mut sums = TwoSums::default();
    sums.add_values(x);
    sums.moments(x.len())
}

/// `max(x, 0)` that keeps NaN.
#[inline(always)]
pub(crate) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// Whether the gradient passes; NaN lets it pass, so that it is not lost.
#[inline(always)]
fn passes(activation: Activation, x: f32) -> bool {
    match activation {
        Activation::Identity => true,
        // Both sides are computed: a branch would keep the loops from being vectorised.
        Activation::Relu => (x > 0.0) | x.is_nan(),
    }
}

/// `y` normalised in place; the affine begins where `y` does.
#[inline(always)]
pub(crate) fn normalise(activation: Activation, affine: Affine, moments: Moments, y: &mut [f32]) {
    let Moments { mean, inverse } = moments;
    let values = y.iter_mut().zip(affine.scale).zip(affine.shift);
    match activation {
        Activation::Identity => {
            for ((y, &scale), &shift) in values {
                *y = (*y - mean) * inverse * scale + shift;
            }
        }
        Activation::Relu => {
            for ((y, &scale), &shift) in values {
                *y = relu((*y - mean) * inverse * scale + shift);
            }
        }
    }
}

/// Backward: `gradient` enters as that of the output and leaves as that of the input.
///
/// # Shapes
/// - `x`, `gradient`: `[batch, length]`
/// - `scale_gradient`, `shift_gradient`: `[length]`, added to
pub(crate) fn backward(
    level: Level,
    activation: Activation,
    affine: Affine,
    x: &[f32],
    gradient: &mut [f32],
    [scale_gradient, shift_gradient]: [&mut [f32]; 2],
) {
    /// Places of the parameters that one task handles.
    const PLACES: usize = 1024;
    let length = affine.scale.len();
    let mut all_moments = vec![0.0; 2 * (x.len() / length)];
    each_chunk(&mut all_moments, 2, x.len(), |image, slot| {
        vectorise!(level, || {
            let Moments { mean, inverse } = moments(&x[image * length..][..length]);
            slot.copy_from_slice(&[mean, inverse]);
        });
    });
    // First every place's sum over images, in their order, then the images themselves.
    let upstream = &*gradient;
    each_chunk_pair(
        scale_gradient,
        shift_gradient,
        PLACES,
        2 * x.len(),
        |chunk, scale_gradient, shift_gradient| {
            let places = chunk * PLACES..chunk * PLACES + scale_gradient.len();
            let affine =
                Affine { scale: &affine.scale[places.clone()], shift: &affine.shift[places.clone()] };
            vectorise!(level, || {
                for (image, moments) in all_moments.chunks_exact(2).enumerate() {
                    let moments = Moments { mean: moments[0], inverse: moments[1] };
                    let here = image * length + places.start..image * length + places.end;
                    let sums = [&mut *scale_gradient, &mut *shift_gradient];
                    add_affine_gradients(
                        activation,
                        affine,
                        moments,
                        [&x[here.clone()], &upstream[here]],
                        sums,
                    );
                }
            });
        },
    );
    each_chunk(gradient, length, 4 * x.len(), |image, gradient| {
        let moments = Moments { mean: all_moments[2 * image], inverse: all_moments[2 * image + 1] };
        vectorise!(level, || {
            input_gradient(activation, affine, moments, &x[image * length..][..length], gradient);
        });
    });
}

#[inline(always)]
fn add_affine_gradients(
    activation: Activation,
    affine: Affine,
    moments: Moments,
    [x, gradient]: [&[f32]; 2],
    [scale_gradient, shift_gradient]: [&mut [f32]; 2],
) {
    let values = x.iter().zip(gradient).zip(affine.scale).zip(affine.shift);
    let sums = scale_gradient.iter_mut().zip(shift_gradient);
    for ((((&x, &gradient), &scale), &shift), (scale_sum, shift_sum)) in values.zip(sums) {
        let unit = (x - moments.mean) * moments.inverse;
        let gradient = if passes(activation, unit * scale + shift) { gradient } else { 0.0 };
        *scale_sum += gradient * unit;
        *shift_sum += gradient;
    }
}

#[inline(always)]
fn input_gradient(activation: Activation, affine: Affine, moments: Moments, x: &[f32], gradient: &mut [f32]) {
    let Moments { mean, inverse } = moments;
    let Affine { scale, shift } = affine;
    let length = x.len();
    let (scale, shift, gradient) = (&scale[..length], &shift[..length], &mut gradient[..length]);
    for index in 0..length {
        let unit = (x[index] - mean) * inverse;
        let kept = if passes(activation, unit * scale[index] + shift[index]) { gradient[index] } else { 0.0 };
        gradient[index] = kept * scale[index];
    }
    let mut sums = TwoSums::default();
    sums.add(gradient, x, |h, x| {
        let h = f64::from(h);
        (h, h * f64::from((x - mean) * inverse))
    });
    let (sum, product) = sums.totals();
    let (mean_h, mean_product) = ((sum / length as f64) as f32, (product / length as f64) as f32);
    for (h, &x) in gradient.iter_mut().zip(x) {
        *h = (*h - mean_h - (x - mean) * inverse * mean_product) * inverse;
    }
}

/// Jacobian-vector product: `tangent` enters as the change of the input and leaves as that of
/// the output, `dy = a′ · γ · (dx − mean(dx) − x̂ · mean(x̂ · dx)) / √(σ² + ε)`.
///
/// # Shapes
/// - `x`: `[batch or 1, length]`
/// - `tangent`: `[batch, length]`
pub(crate) fn tangent(level: Level, activation: Activation, affine: Affine, x: &[f32], tangent: &mut [f32]) {
    let length = affine.scale.len();
    let work = 4 * tangent.len();
    each_chunk(tangent, length, work, |image, tangent| {
        let x = of_image(x, length, image);
        vectorise!(level, || output_tangent(activation, affine, x, tangent));
    });
}

#[inline(always)]
fn output_tangent(activation: Activation, affine: Affine, x: &[f32], tangent: &mut [f32]) {
    let Moments { mean, inverse } = moments(x);
    let mut sums = TwoSums::default();
    sums.add(tangent, x, |dx, x| {
        let dx = f64::from(dx);
        (dx, dx * f64::from((x - mean) * inverse))
    });
    let (sum, product) = sums.totals();
    let n = x.len() as f64;
    let (mean_dx, mean_product) = ((sum / n) as f32, (product / n) as f32);
    for (((dx, &x), &scale), &shift) in tangent.iter_mut().zip(x).zip(affine.scale).zip(affine.shift) {
        let unit = (x - mean) * inverse;
        let change = (*dx - mean_dx - unit * mean_product) * inverse * scale;
        *dx = if passes(activation, unit * scale + shift) { change } else { 0.0 };
    }
}
