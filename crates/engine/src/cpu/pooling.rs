//! Largest values of windows, and means over maps.
#![allow(clippy::inline_always)]

use super::pointwise::of_image;
use super::simd::{Level, vectorise};
use super::tasks::each_chunk;
use crate::Shape;

/// Channels whose largest values stay in registers.
const LANES: usize = 16;

/// Whether `candidate` takes the place of `best`: a larger value, or NaN, as in `PyTorch`.
///
/// Both sides of the `|` are computed: a branch would keep the loops from being vectorised.
#[inline(always)]
pub(crate) fn wins(candidate: f32, best: f32) -> bool {
    (candidate > best) | candidate.is_nan()
}

/// Largest value of every window of `size × size`.
///
/// # Shapes
/// - `x`: `[batch, input]`
/// - `y`: `[batch, height / size, width / size, channels]`
pub(crate) fn max(level: Level, size: usize, input: Shape, x: &[f32], y: &mut [f32]) {
    let (height, width) = (input.height / size, input.width / size);
    let line = width * input.channels;
    let work = x.len();
    each_chunk(y, line * height, work, |image, y| {
        let x = &x[image * input.len()..][..input.len()];
        vectorise!(level, || {
            for (row, y) in y.chunks_exact_mut(line).enumerate() {
                max_of_row(size, input, &x[row * size * input.width * input.channels..], y);
            }
        });
    });
}

/// One row of windows, from where its first line begins in `x`.
#[inline(always)]
pub(crate) fn max_of_row(size: usize, input: Shape, x: &[f32], y: &mut [f32]) {
    for (column, y) in y.chunks_exact_mut(input.channels).enumerate() {
        for tap in 0..size * size {
            let x = window_pixel(x, input, size, (0, column), tap);
            if tap == 0 {
                y.copy_from_slice(x);
            } else {
                y.iter_mut().zip(x).for_each(|(best, &x)| *best = if wins(x, *best) { x } else { *best });
            }
        }
    }
}

fn window_pixel(x: &[f32], input: Shape, size: usize, (row, column): (usize, usize), tap: usize) -> &[f32] {
    let (y, column) = (row * size + tap / size, column * size + tap % size);
    &x[(y * input.width + column) * input.channels..][..input.channels]
}

/// Gradient of [`max`]: each window's goes to its first maximum.
///
/// # Shapes
/// - `x`, `dx`: `[batch, input]`; every value of `dx` is written
/// - `dy`: `[batch, height / size, width / size, channels]`
pub(crate) fn max_backward(level: Level, size: usize, input: Shape, [x, dy]: [&[f32]; 2], dx: &mut [f32]) {
    let (height, width) = (input.height / size, input.width / size);
    let (channels, work) = (input.channels, 2 * x.len());
    let covered = height * size == input.height && width * size == input.width;
    // Where the pixels of a window lie, from its first on.
    let taps: Vec<usize> =
        (0..size * size).map(|tap| (tap / size * input.width + tap % size) * channels).collect();
    each_chunk(dx, input.len(), work, |image, dx| {
        let x = &x[image * input.len()..][..input.len()];
        let dy = &dy[image * height * width * channels..][..height * width * channels];
        if !covered {
            dx.fill(0.0);
        }
        vectorise!(level, || {
            for (index, dy) in dy.chunks_exact(channels).enumerate() {
                let first = (index / width * input.width + index % width) * size * channels;
                let (some, rest) = dy.as_chunks::<LANES>();
                for (at, dy) in some.iter().enumerate() {
                    to_first_maximum(&taps, first + at * LANES, x, dy, dx);
                }
                for (at, dy) in rest.iter().enumerate() {
                    to_first_maximum(&taps, first + some.len() * LANES + at, x, &[*dy], dx);
                }
            }
        });
    });
}

/// The gradient of some channels of a window whose first of them is at `first`.
#[inline(always)]
fn to_first_maximum<const N: usize>(taps: &[usize], first: usize, x: &[f32], dy: &[f32; N], dx: &mut [f32]) {
    let mut best = [f32::NEG_INFINITY; N];
    let mut place = [0_u32; N];
    for (tap, offset) in taps.iter().enumerate() {
        let x: &[f32; N] = x[first + offset..].first_chunk().expect("windows lie inside");
        for lane in 0..N {
            let won = wins(x[lane], best[lane]);
            best[lane] = if won { x[lane] } else { best[lane] };
            place[lane] = if won { tap as u32 } else { place[lane] };
        }
    }
    for (tap, offset) in taps.iter().enumerate() {
        let dx: &mut [f32; N] = dx[first + offset..].first_chunk_mut().expect("windows lie inside");
        for lane in 0..N {
            dx[lane] = if place[lane] == tap as u32 { dy[lane] } else { 0.0 };
        }
    }
}

/// Jacobian-vector product of [`max`]: the change of each window's first maximum.
///
/// # Shapes
/// - `x`: `[batch or 1, input]`
/// - `dx`: `[batch, input]`
/// - `dy`: `[batch, height / size, width / size, channels]`
pub(crate) fn max_tangent(size: usize, input: Shape, [x, dx]: [&[f32]; 2], dy: &mut [f32]) {
    let (height, width) = (input.height / size, input.width / size);
    let work = dx.len();
    each_chunk(dy, height * width * input.channels, work, |image, dy| {
        let x = of_image(x, input.len(), image);
        let dx = of_image(dx, input.len(), image);
        let mut best = vec![0.0; input.channels];
        for (index, dy) in dy.chunks_exact_mut(input.channels).enumerate() {
            let window = (index / width, index % width);
            for tap in 0..size * size {
                let x = window_pixel(x, input, size, window, tap);
                let dx = window_pixel(dx, input, size, window, tap);
                for channel in 0..input.channels {
                    if tap == 0 || wins(x[channel], best[channel]) {
                        (best[channel], dy[channel]) = (x[channel], dx[channel]);
                    }
                }
            }
        }
    });
}

/// Mean of every channel over all pixels, summed in f64 in row-major order.
///
/// # Shapes
/// - `x`: `[batch, input]`
/// - `y`: `[batch, channels]`
pub(crate) fn average(level: Level, input: Shape, x: &[f32], y: &mut [f32]) {
    let work = x.len();
    each_chunk(y, input.channels, work, |image, y| {
        vectorise!(level, || {
            let mut sums = vec![0.0_f64; input.channels];
            for pixel in x[image * input.len()..][..input.len()].chunks_exact(input.channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &x)| *sum += f64::from(x));
            }
            y.iter_mut().zip(sums).for_each(|(y, sum)| *y = (sum / input.pixels() as f64) as f32);
        });
    });
}

/// Gradient of [`average`]: the same for every pixel.
///
/// # Shapes
/// - `dy`: `[batch, channels]`
/// - `dx`: `[batch, input]`
pub(crate) fn average_backward(input: Shape, dy: &[f32], dx: &mut [f32]) {
    let share = 1.0 / input.pixels() as f32;
    let work = dx.len();
    each_chunk(dx, input.len(), work, |image, dx| {
        let dy = &dy[image * input.channels..][..input.channels];
        for pixel in dx.chunks_exact_mut(input.channels) {
            pixel.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx = dy * share);
        }
    });
}
