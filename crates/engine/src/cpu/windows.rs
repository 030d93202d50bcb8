//! Windows of any distance that may reach over the border, windows that cover a map of any
//! size, and interpolation between pixels.
#![allow(clippy::inline_always)]

use std::ops::Range;

use super::pointwise::of_image;
use super::pooling::wins;
use super::simd::{Level, vectorise};
use super::tasks::each_chunk;
use crate::{Shape, Windows};

fn pixel(shape: Shape, row: usize, column: usize) -> Range<usize> {
    let first = (row * shape.width + column) * shape.channels;
    first..first + shape.channels
}

/// The rows (or columns) of window `index` that lie inside.
fn inside(windows: Windows, index: usize, side: usize) -> Range<usize> {
    let first = index * windows.stride;
    let from = first.saturating_sub(windows.padding.before);
    from..(first + windows.size).saturating_sub(windows.padding.before).min(side)
}

/// Places inside of the window of an output pixel, in row-major order.
fn places(windows: Windows, input: Shape, row: usize, column: usize) -> impl Iterator<Item = (usize, usize)> {
    let columns = inside(windows, column, input.width);
    inside(windows, row, input.height).flat_map(move |y| columns.clone().map(move |x| (y, x)))
}

/// Largest value of every window.
///
/// # Shapes
/// - `x`: `[batch, input]`
/// - `y`: `[batch, output]`
pub(crate) fn max(level: Level, windows: Windows, [input, output]: [Shape; 2], x: &[f32], y: &mut [f32]) {
    each_chunk(y, output.len(), x.len(), |image, y| {
        let x = &x[image * input.len()..][..input.len()];
        vectorise!(level, || {
            for (index, y) in y.chunks_exact_mut(output.channels).enumerate() {
                let mut places = places(windows, input, index / output.width, index % output.width);
                let (row, column) = places.next().expect("windows reach inside");
                y.copy_from_slice(&x[pixel(input, row, column)]);
                for (row, column) in places {
                    let x = &x[pixel(input, row, column)];
                    y.iter_mut().zip(x).for_each(|(best, &x)| *best = if wins(x, *best) { x } else { *best });
                }
            }
        });
    });
}

/// Gradient of [`max`]: each window's goes to its first maximum, added to what other windows gave it.
///
/// # Shapes
/// - `x`, `dx`: `[batch, input]`; every value of `dx` is written
/// - `dy`: `[batch, output]`
pub(crate) fn max_backward(
    level: Level,
    windows: Windows,
    [input, output]: [Shape; 2],
    [x, dy]: [&[f32]; 2],
    dx: &mut [f32],
) {
    each_chunk(dx, input.len(), 2 * x.len(), |image, dx| {
        let x = &x[image * input.len()..][..input.len()];
        let dy = &dy[image * output.len()..][..output.len()];
        dx.fill(0.0);
        vectorise!(level, || {
            let mut best = vec![0.0; input.channels];
            let mut winner = vec![0_u32; input.channels];
            for (index, dy) in dy.chunks_exact(output.channels).enumerate() {
                let places = || places(windows, input, index / output.width, index % output.width);
                for (tap, (row, column)) in places().enumerate() {
                    let x = &x[pixel(input, row, column)];
                    for ((best, winner), &x) in best.iter_mut().zip(&mut winner).zip(x) {
                        let won = (tap == 0) | wins(x, *best);
                        *best = if won { x } else { *best };
                        *winner = if won { tap as u32 } else { *winner };
                    }
                }
                for (tap, (row, column)) in places().enumerate() {
                    let dx = &mut dx[pixel(input, row, column)];
                    for ((dx, &dy), &winner) in dx.iter_mut().zip(dy).zip(&winner) {
                        *dx += if winner == tap as u32 { dy } else { 0.0 };
                    }
                }
            }
        });
    });
}

/// Jacobian-vector product of [`max`]: the change of each window's first maximum.
///
/// # Shapes
/// - `x`: `[batch or 1, input]`
/// - `dx`: `[batch, input]`
/// - `dy`: `[batch, output]`
pub(crate) fn max_tangent(
    windows: Windows,
    [input, output]: [Shape; 2],
    [x, dx]: [&[f32]; 2],
    dy: &mut [f32],
) {
    each_chunk(dy, output.len(), dx.len(), |image, dy| {
        let (x, dx) = (of_image(x, input.len(), image), of_image(dx, input.len(), image));
        let mut best = vec![0.0; input.channels];
        for (index, dy) in dy.chunks_exact_mut(output.channels).enumerate() {
            for (tap, (row, column)) in
                places(windows, input, index / output.width, index % output.width).enumerate()
            {
                let place = pixel(input, row, column);
                let both = x[place.clone()].iter().zip(&dx[place]);
                for ((best, dy), (&x, &dx)) in best.iter_mut().zip(&mut *dy).zip(both) {
                    if tap == 0 || wins(x, *best) {
                        (*best, *dy) = (x, dx);
                    }
                }
            }
        }
    });
}

/// The rows that window `index` of `count` covers of `side`.
fn cover(index: usize, count: usize, side: usize) -> Range<usize> {
    index * side / count..((index + 1) * side).div_ceil(count)
}

/// Means over windows that cover the map, summed in f64 in row-major order.
///
/// # Shapes
/// - `x`: `[batch, input]`
/// - `y`: `[batch, output]`
pub(crate) fn adaptive_average([input, output]: [Shape; 2], x: &[f32], y: &mut [f32]) {
    each_chunk(y, output.len(), x.len(), |image, y| {
        let x = &x[image * input.len()..][..input.len()];
        for (index, y) in y.chunks_exact_mut(output.channels).enumerate() {
            let rows = cover(index / output.width, output.height, input.height);
            let columns = cover(index % output.width, output.width, input.width);
            let mut sums = vec![0.0_f64; output.channels];
            for row in rows.clone() {
                for column in columns.clone() {
                    let x = &x[pixel(input, row, column)];
                    sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x));
                }
            }
            let count = (rows.len() * columns.len()) as f64;
            y.iter_mut().zip(sums).for_each(|(y, sum)| *y = (sum / count) as f32);
        }
    });
}

/// Gradient of [`adaptive_average`].
///
/// # Shapes
/// - `dy`: `[batch, output]`
/// - `dx`: `[batch, input]`; every value is written
pub(crate) fn adaptive_average_backward([input, output]: [Shape; 2], dy: &[f32], dx: &mut [f32]) {
    let work = dx.len();
    each_chunk(dx, input.len(), work, |image, dx| {
        dx.fill(0.0);
        for (index, dy) in
            dy[image * output.len()..][..output.len()].chunks_exact(output.channels).enumerate()
        {
            let rows = cover(index / output.width, output.height, input.height);
            let columns = cover(index % output.width, output.width, input.width);
            let share = 1.0 / (rows.len() * columns.len()) as f32;
            for row in rows {
                for column in columns.clone() {
                    let dx = &mut dx[pixel(input, row, column)];
                    dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += share * dy);
                }
            }
        }
    });
}

/// The two rows that row `index` of `count` lies between, and the share of the second.
fn between(index: usize, count: usize, side: usize) -> (usize, usize, f32) {
    if count < 2 {
        return (0, 0, 0.0);
    }
    // Whole numbers, so that corners and every other exact hit are exact.
    let (place, unit) = (index * (side - 1), count - 1);
    let first = place / unit;
    (first, (first + 1).min(side - 1), (place % unit) as f32 / unit as f32)
}

/// The four pixels an output pixel lies between, and their shares.
fn corners([input, output]: [Shape; 2], index: usize) -> [(Range<usize>, f32); 4] {
    let (top, bottom, down) = between(index / output.width, output.height, input.height);
    let (left, right, across) = between(index % output.width, output.width, input.width);
    [
        (pixel(input, top, left), (1.0 - down) * (1.0 - across)),
        (pixel(input, top, right), (1.0 - down) * across),
        (pixel(input, bottom, left), down * (1.0 - across)),
        (pixel(input, bottom, right), down * across),
    ]
}

/// Bilinear interpolation, corners on corners.
///
/// # Shapes
/// - `x`: `[batch, input]`
/// - `y`: `[batch, output]`
pub(crate) fn resize(level: Level, shapes: [Shape; 2], x: &[f32], y: &mut [f32]) {
    let [input, output] = shapes;
    let work = 4 * y.len();
    each_chunk(y, output.len(), work, |image, y| {
        let x = &x[image * input.len()..][..input.len()];
        vectorise!(level, || {
            for (index, y) in y.chunks_exact_mut(output.channels).enumerate() {
                let [a, b, c, d] = corners(shapes, index);
                let values = x[a.0].iter().zip(&x[b.0]).zip(&x[c.0]).zip(&x[d.0]);
                for (y, (((&xa, &xb), &xc), &xd)) in y.iter_mut().zip(values) {
                    *y = (a.1 * xa + b.1 * xb) + (c.1 * xc + d.1 * xd);
                }
            }
        });
    });
}

/// Gradient of [`resize`].
///
/// # Shapes
/// - `dy`: `[batch, output]`
/// - `dx`: `[batch, input]`; every value is written
pub(crate) fn resize_backward(level: Level, shapes: [Shape; 2], dy: &[f32], dx: &mut [f32]) {
    let [input, output] = shapes;
    let work = 4 * dy.len();
    each_chunk(dx, input.len(), work, |image, dx| {
        dx.fill(0.0);
        let dy = &dy[image * output.len()..][..output.len()];
        vectorise!(level, || {
            for (index, dy) in dy.chunks_exact(output.channels).enumerate() {
                for (place, share) in corners(shapes, index) {
                    dx[place].iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += share * dy);
                }
            }
        });
    });
}
