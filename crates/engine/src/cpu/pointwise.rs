//! Operations value by value, and sums over images and pixels.
#![allow(clippy::inline_always)]

use super::layer_norm::relu;
use super::simd::{Level, vectorise};
use super::tasks::each_chunk;
use crate::Interaction;

/// Values taken through all terms of an expression together: they stay in the first cache.
pub(crate) const PIECE: usize = 4096;

/// The places of `values` that belong to `image`; values held once belong to every image.
pub(crate) fn of_image(values: &[f32], length: usize, image: usize) -> &[f32] {
    if values.len() == length { values } else { &values[image * length..][..length] }
}

/// Do `task(image, first place, values)` for pieces of the images of a batch.
fn each_piece(values: &mut [f32], length: usize, task: impl Fn(usize, usize, &mut [f32]) + Sync) {
    let work = values.len();
    each_chunk(values, length, work, |image, values| {
        values.chunks_mut(PIECE).enumerate().for_each(|(index, values)| task(image, index * PIECE, values));
    });
}

/// `y = (x₀ + x₁) + …`, or `y = ((1 + x₁) + …) · x₀`.
///
/// # Shapes
/// - `inputs`: `[batch or 1, length]`
/// - `y`: `[batch, length]`
pub(crate) fn combine(level: Level, how: Interaction, length: usize, inputs: &[&[f32]], y: &mut [f32]) {
    each_piece(y, length, |image, first, y| {
        let count = y.len();
        let term = |index: usize| &of_image(inputs[index], length, image)[first..][..count];
        vectorise!(level, || combine_piece(how, inputs.len(), term, y));
    });
}

/// [`combine`] for one piece.
#[inline(always)]
pub(crate) fn combine_piece<'a>(
    how: Interaction,
    inputs: usize,
    term: impl Fn(usize) -> &'a [f32],
    y: &mut [f32],
) {
    match how {
        Interaction::Additive => {
            y.iter_mut().zip(term(0)).zip(term(1)).for_each(|((y, &a), &b)| *y = a + b);
            (2..inputs).for_each(|index| add(y, term(index)));
        }
        Interaction::Multiplicative => {
            modulation(inputs, &term, y);
            y.iter_mut().zip(term(0)).for_each(|(y, &x)| *y *= x);
        }
    }
}

/// `(1 + x₁) + …`
#[inline(always)]
fn modulation<'a>(inputs: usize, term: impl Fn(usize) -> &'a [f32], y: &mut [f32]) {
    y.iter_mut().zip(term(1)).for_each(|(y, &x)| *y = 1.0 + x);
    (2..inputs).for_each(|index| add(y, term(index)));
}

/// Gradient of a multiplicative [`combine`] for its first input, `dy · ((1 + x₁) + …)`, or
/// for any other, `dy · x₀`.
///
/// # Shapes
/// - `inputs`: `[batch or 1, length]`
/// - `gradient`: `[batch, length]`, enters as `dy`, leaves as `dx`
pub(crate) fn modulate_backward(
    level: Level,
    length: usize,
    inputs: &[&[f32]],
    which: usize,
    gradient: &mut [f32],
) {
    each_piece(gradient, length, |image, first, gradient| {
        let count = gradient.len();
        let term = |index: usize| &of_image(inputs[index], length, image)[first..][..count];
        vectorise!(level, || {
            let mut factor = [0.0; PIECE];
            let factor = &mut factor[..count];
            if which == 0 {
                modulation(inputs.len(), term, factor);
            } else {
                factor.copy_from_slice(term(0));
            }
            gradient.iter_mut().zip(factor).for_each(|(gradient, &mut factor)| *gradient *= factor);
        });
    });
}

#[inline(always)]
fn add(y: &mut [f32], x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
}

/// `y += x`.
pub(crate) fn accumulate(level: Level, y: &mut [f32], x: &[f32]) {
    each_piece(y, PIECE, |piece, _, y| {
        let x = &x[piece * PIECE..][..y.len()];
        vectorise!(level, || add(y, x));
    });
}

/// `y = factor · x`.
pub(crate) fn scale(level: Level, factor: f32, x: &[f32], y: &mut [f32]) {
    each_piece(y, PIECE, |piece, _, y| {
        let x = &x[piece * PIECE..][..y.len()];
        vectorise!(level, || y.iter_mut().zip(x).for_each(|(y, &x)| *y = factor * x));
    });
}

/// `y = max(x, 0)`; NaN stays NaN.
pub(crate) fn rectify(level: Level, x: &[f32], y: &mut [f32]) {
    each_piece(y, PIECE, |piece, _, y| {
        let x = &x[piece * PIECE..][..y.len()];
        vectorise!(level, || y.iter_mut().zip(x).for_each(|(y, &x)| *y = relu(x)));
    });
}

/// Gradient of [`rectify`] from its output: `gradient` where `y > 0` or NaN, else 0.
pub(crate) fn rectify_backward(level: Level, y: &[f32], gradient: &mut [f32]) {
    each_piece(gradient, PIECE, |piece, _, gradient| {
        let y = &y[piece * PIECE..][..gradient.len()];
        vectorise!(level, || {
            gradient
                .iter_mut()
                .zip(y)
                .for_each(|(gradient, &y)| *gradient = if y <= 0.0 { 0.0 } else { *gradient });
        });
    });
}

/// Jacobian-vector product of [`rectify`]: what changes passes where the input is positive,
/// or NaN.
///
/// # Shapes
/// - `x`: `[batch or 1, length]`
/// - `tangent`: `[batch, length]`
pub(crate) fn rectify_tangent(level: Level, length: usize, x: &[f32], tangent: &mut [f32]) {
    each_piece(tangent, length, |image, first, tangent| {
        let x = &of_image(x, length, image)[first..][..tangent.len()];
        vectorise!(level, || {
            tangent
                .iter_mut()
                .zip(x)
                .for_each(|(tangent, &x)| *tangent = if x <= 0.0 { 0.0 } else { *tangent });
        });
    });
}

/// Sum over images, in their order, in f64.
///
/// # Shapes
/// - `x`: `[batch, length]`
/// - `y`: `[length]`
pub(crate) fn sum_images(level: Level, x: &[f32], y: &mut [f32]) {
    const PLACES: usize = 512;
    let length = y.len();
    each_chunk(y, PLACES, x.len(), |chunk, y| {
        let mut sums = [0.0_f64; PLACES];
        vectorise!(level, || {
            for image in x.chunks_exact(length) {
                let here = &image[chunk * PLACES..][..y.len()];
                sums.iter_mut().zip(here).for_each(|(sum, &x)| *sum += f64::from(x));
            }
        });
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum as f32);
    });
}

/// Add the sum over pixels and images to `sums`: in f64, pixels in row-major order, then
/// images in theirs.
///
/// # Shapes
/// - `x`: `[batch, pixel, channel]`, `length` values per image
/// - `sums`: `[channel]`
pub(crate) fn add_channel_sums(level: Level, length: usize, x: &[f32], sums: &mut [f32]) {
    let channels = sums.len();
    // Each f64 kept as two f32.
    let mut parts = vec![0.0; x.len() / length * 2 * channels];
    each_chunk(&mut parts, 2 * channels, x.len(), |image, parts| {
        let mut sums = vec![0.0_f64; channels];
        vectorise!(level, || {
            for pixel in x[image * length..][..length].chunks_exact(channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &x)| *sum += f64::from(x));
            }
        });
        for (part, sum) in parts.chunks_exact_mut(2).zip(sums) {
            part[0] = sum as f32;
            part[1] = (sum - f64::from(part[0])) as f32;
        }
    });
    for (channel, total) in sums.iter_mut().enumerate() {
        let images = parts.chunks_exact(2 * channels);
        let sum: f64 =
            images.map(|parts| f64::from(parts[2 * channel]) + f64::from(parts[2 * channel + 1])).sum();
        *total += sum as f32;
    }
}
