//! Filters to the transformed domain, and their gradient back.
#![allow(clippy::inline_always)]

use super::super::direct::Direction;
use super::super::product::{PANEL, panel_width};
use super::super::simd::{Level, vectorise};
use super::super::tasks::each_chunk;
use super::transform::{TAPS, Transform};

/// Values of a panel's columns side by side.
type Lanes = [f64; PANEL];

/// `sum += factor · value`, lane by lane; zeros of the matrices cost nothing.
#[inline(always)]
fn add_scaled(sum: &mut Lanes, factor: f64, value: &Lanes) {
    if factor != 0.0 {
        for lane in 0..PANEL {
            sum[lane] += factor * value[lane];
        }
    }
}

/// `U[panel][q][in][width] = (G w Gᵀ)[q]`, in f64 until the end.
///
/// # Shapes
/// - `values`: `[first, second, kernel, kernel]`; outputs are `first` for a gather, `second`
///   (with the kernel turned by 180°) for a scatter
/// - `transformed`: every value is written
pub(crate) fn transform<T: Transform>(
    level: Level,
    direction: Direction,
    [first, second]: [usize; 2],
    values: &[f32],
    transformed: &mut [f32],
) {
    let taps = T::KERNEL * T::KERNEL;
    let filters = T::FILTERS * T::FILTERS;
    let (inputs, outputs) = match direction {
        Direction::Gather => (second, first),
        Direction::Scatter => (first, second),
    };
    let filter = |input: usize, output: usize| match direction {
        Direction::Gather => &values[(output * second + input) * taps..][..taps],
        Direction::Scatter => &values[(input * second + output) * taps..][..taps],
    };
    let work = transformed.len() * T::KERNEL;
    each_chunk(transformed, filters * inputs * PANEL, work, |panel, transformed| {
        let width = panel_width(outputs, panel);
        let present = PANEL.min(outputs - panel * PANEL);
        for input in 0..inputs {
            let mut taken = [[[0.0_f64; PANEL]; TAPS]; TAPS];
            for lane in 0..present {
                let filter = filter(input, panel * PANEL + lane);
                for ky in 0..T::KERNEL {
                    for kx in 0..T::KERNEL {
                        let tap = ky * T::KERNEL + kx;
                        let tap = if direction == Direction::Scatter { taps - 1 - tap } else { tap };
                        taken[ky][kx][lane] = f64::from(filter[tap]);
                    }
                }
            }
            vectorise!(level, || forward::<T>(
                &taken,
                &mut transformed[input * width..],
                inputs * width,
                width
            ));
        }
    });
}

/// Add `Gᵀ dU G` to a gradient in the layout of checkpoints.
///
/// # Shapes
/// - `accumulated`: `[panel][q][in][width]`
/// - `gradient`: `[out, in, kernel, kernel]`
pub(crate) fn transform_back<T: Transform>(
    level: Level,
    accumulated: &[f32],
    inputs: usize,
    gradient: &mut [f32],
) {
    let taps = T::KERNEL * T::KERNEL;
    let outputs = gradient.len() / (inputs * taps);
    let filters = T::FILTERS * T::FILTERS;
    let work = accumulated.len() * T::KERNEL;
    each_chunk(gradient, PANEL * inputs * taps, work, |panel, gradient| {
        let width = panel_width(outputs, panel);
        let from = &accumulated[panel * PANEL * filters * inputs..];
        for input in 0..inputs {
            let mut taps_here = [[[0.0; PANEL]; TAPS]; TAPS];
            vectorise!(level, || backward::<T>(
                &from[input * width..],
                inputs * width,
                width,
                &mut taps_here
            ));
            for ky in 0..T::KERNEL {
                for kx in 0..T::KERNEL {
                    for (gradient, value) in gradient.chunks_exact_mut(inputs * taps).zip(taps_here[ky][kx]) {
                        gradient[input * taps + ky * T::KERNEL + kx] += value as f32;
                    }
                }
            }
        }
    });
}

/// `G w Gᵀ`, to places `plane` apart.
#[inline(always)]
fn forward<T: Transform>(taken: &[[Lanes; TAPS]; TAPS], to: &mut [f32], plane: usize, width: usize) {
    for i in 0..T::FILTERS {
        let mut rows = [[0.0; PANEL]; TAPS];
        for ky in 0..T::KERNEL {
            for kx in 0..T::KERNEL {
                add_scaled(&mut rows[kx], T::FILTER[i][ky], &taken[ky][kx]);
            }
        }
        for j in 0..T::FILTERS {
            let mut value = [0.0; PANEL];
            for kx in 0..T::KERNEL {
                add_scaled(&mut value, T::FILTER[j][kx], &rows[kx]);
            }
            let to = &mut to[(i * T::FILTERS + j) * plane..][..width];
            to.iter_mut().zip(value).for_each(|(to, value)| *to = value as f32);
        }
    }
}

/// `Gᵀ dU G`, from places `plane` apart.
#[inline(always)]
fn backward<T: Transform>(from: &[f32], plane: usize, width: usize, taps: &mut [[Lanes; TAPS]; TAPS]) {
    for i in 0..T::FILTERS {
        let mut row = [[0.0; PANEL]; TAPS];
        for j in 0..T::FILTERS {
            let mut value = [0.0; PANEL];
            let from = &from[(i * T::FILTERS + j) * plane..][..width];
            value.iter_mut().zip(from).for_each(|(value, &from)| *value = f64::from(from));
            for kx in 0..T::KERNEL {
                add_scaled(&mut row[kx], T::FILTER[j][kx], &value);
            }
        }
        for ky in 0..T::KERNEL {
            for kx in 0..T::KERNEL {
                add_scaled(&mut taps[ky][kx], T::FILTER[i][ky], &row[kx]);
            }
        }
    }
}
