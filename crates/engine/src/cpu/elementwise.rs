//! Smooth functions, products, gains, and values put in another order.
#![allow(clippy::inline_always)]

use super::pointwise::of_image;
use super::simd::{Level, vectorise};
use super::tasks::each_chunk;
use crate::{Curve, Shape};

/// Values of one task.
const PIECE: usize = 1 << 14;

/// `y = f(x)`.
pub(crate) fn curve(curve: Curve, x: &[f32], y: &mut [f32]) {
    // An exponential is some twenty operations.
    let work = 20 * x.len();
    each_chunk(y, PIECE, work, |piece, y| {
        let values = y.iter_mut().zip(&x[piece * PIECE..]);
        match curve {
            Curve::Elu => values.for_each(|(y, &x)| *y = if x < 0.0 { x.exp_m1() } else { x }),
            Curve::Sigmoid => values.for_each(|(y, &x)| *y = 1.0 / (1.0 + (-x).exp())),
            Curve::Tanh => values.for_each(|(y, &x)| *y = x.tanh()),
        }
    });
}

/// Gradient of [`curve`] from its output: `gradient` enters as `dy`, leaves as `dx`.
pub(crate) fn curve_backward(level: Level, curve: Curve, y: &[f32], gradient: &mut [f32]) {
    let work = 2 * y.len();
    each_chunk(gradient, PIECE, work, |piece, gradient| {
        let y = &y[piece * PIECE..];
        vectorise!(level, || {
            let values = gradient.iter_mut().zip(y);
            match curve {
                Curve::Elu => values.for_each(|(g, &y)| *g *= if y < 0.0 { y + 1.0 } else { 1.0 }),
                Curve::Sigmoid => values.for_each(|(g, &y)| *g *= y * (1.0 - y)),
                Curve::Tanh => values.for_each(|(g, &y)| *g *= 1.0 - y * y),
            }
        });
    });
}

/// `y = offset + factor · x`.
pub(crate) fn line(level: Level, factor: f32, offset: f32, x: &[f32], y: &mut [f32]) {
    let work = x.len();
    each_chunk(y, PIECE, work, |piece, y| {
        let x = &x[piece * PIECE..];
        vectorise!(level, || y.iter_mut().zip(x).for_each(|(y, &x)| *y = offset + factor * x));
    });
}

/// `y = a · b`, each a batch or one for all images.
///
/// # Shapes
/// - `a`, `b`: `[batch or 1, length]`
/// - `y`: `[batch, length]`
pub(crate) fn multiply(level: Level, length: usize, [a, b]: [&[f32]; 2], y: &mut [f32]) {
    let work = y.len();
    each_chunk(y, length, work, |image, y| {
        let (a, b) = (of_image(a, length, image), of_image(b, length, image));
        vectorise!(level, || y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = a * b));
    });
}

/// `y = negative · x` below 0, `positive · x` elsewhere.
pub(crate) fn gain(level: Level, [negative, positive]: [f32; 2], x: &[f32], y: &mut [f32]) {
    let work = x.len();
    each_chunk(y, PIECE, work, |piece, y| {
        let x = &x[piece * PIECE..];
        vectorise!(level, || {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x < 0.0 { negative * x } else { positive * x });
        });
    });
}

/// Gradient of [`gain`] for its input.
pub(crate) fn gain_backward(
    level: Level,
    [negative, positive]: [f32; 2],
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    let work = x.len();
    each_chunk(dx, PIECE, work, |piece, dx| {
        let (x, dy) = (&x[piece * PIECE..], &dy[piece * PIECE..]);
        vectorise!(level, || {
            let values = dx.iter_mut().zip(x).zip(dy);
            values.for_each(|((dx, &x), &dy)| *dx = if x < 0.0 { negative * dy } else { positive * dy });
        });
    });
}

/// Gradients of the two factors of [`gain`]: sums of `dy · x` by the sign of `x`, in f64.
pub(crate) fn gain_gradients(x: &[f32], dy: &[f32]) -> [f32; 2] {
    let mut sums = [0.0_f64; 2];
    for (&x, &dy) in x.iter().zip(dy) {
        sums[usize::from(x >= 0.0 || x.is_nan())] += f64::from(x) * f64::from(dy);
    }
    sums.map(|sum| sum as f32)
}

/// Copy `count` channels of every pixel, `from` to `to`, of `[pixel, channels]`.
pub(crate) fn copy_channels(
    count: usize,
    (x, x_channels, from): (&[f32], usize, usize),
    (y, y_channels, to): (&mut [f32], usize, usize),
) {
    for (y, x) in y.chunks_exact_mut(y_channels).zip(x.chunks_exact(x_channels)) {
        y[to..to + count].copy_from_slice(&x[from..from + count]);
    }
}

/// `[pixel, channel]` of every image as `[channel, pixel]`.
pub(crate) fn flatten(shape: Shape, x: &[f32], y: &mut [f32]) {
    transpose(shape.pixels(), shape.channels, x, y);
}

/// Gradient of [`flatten`], which is its inverse.
pub(crate) fn unflatten(shape: Shape, x: &[f32], y: &mut [f32]) {
    transpose(shape.channels, shape.pixels(), x, y);
}

fn transpose(rows: usize, columns: usize, x: &[f32], y: &mut [f32]) {
    let length = rows * columns;
    for (x, y) in x.chunks_exact(length).zip(y.chunks_exact_mut(length)) {
        for (row, x) in x.chunks_exact(columns).enumerate() {
            for (column, &x) in x.iter().enumerate() {
                y[column * rows + row] = x;
            }
        }
    }
}
