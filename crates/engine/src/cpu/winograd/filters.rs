//! Filters to the transformed domain, and their gradient back.

use rayon::prelude::*;

use super::super::direct::Direction;
use super::super::product::{PANEL, padded, panel_width};
use super::transform::Transform;

/// `Σ_k matrix[·][k] · values[k]`, lane by lane, leaving out zeros of the matrix.
#[inline]
fn apply<const LANES: usize>(terms: impl Iterator<Item = (f64, [f64; LANES])>) -> [f64; LANES] {
    let mut sum = [0.0; LANES];
    for (factor, value) in terms {
        if factor != 0.0 {
            sum.iter_mut().zip(value).for_each(|(sum, value)| *sum += factor * value);
        }
    }
    sum
}

/// `U[panel][q][in][width] = (G w Gᵀ)[q]`, in f64 until the end.
///
/// # Shapes
/// - `values`: `[first, second, kernel, kernel]`; outputs are `first` for a gather, `second`
///   (with the kernel turned by 180°) for a scatter
pub(crate) fn transform<T: Transform>(
    direction: Direction,
    [first, second]: [usize; 2],
    values: &[f32],
) -> Vec<f32> {
    let taps = T::KERNEL * T::KERNEL;
    let planes = T::SIDE * T::SIDE;
    let (inputs, outputs) = match direction {
        Direction::Gather => (second, first),
        Direction::Scatter => (first, second),
    };
    let filter = |input: usize, output: usize| match direction {
        Direction::Gather => &values[(output * second + input) * taps..][..taps],
        Direction::Scatter => &values[(input * second + output) * taps..][..taps],
    };
    let mut transformed = vec![0.0; planes * inputs * padded(outputs)];
    transformed.par_chunks_mut(planes * inputs * PANEL).enumerate().for_each(|(panel, transformed)| {
        let width = panel_width(outputs, panel);
        let present = PANEL.min(outputs - panel * PANEL);
        for input in 0..inputs {
            let mut taken = [[[0.0_f64; PANEL]; 5]; 5];
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
            for i in 0..T::SIDE {
                let rows: [[f64; PANEL]; 5] = std::array::from_fn(|kx| {
                    apply((0..T::KERNEL).map(|ky| (T::FILTER[i][ky], taken[ky][kx])))
                });
                for j in 0..T::SIDE {
                    let value = apply((0..T::KERNEL).map(|kx| (T::FILTER[j][kx], rows[kx])));
                    let to = &mut transformed[((i * T::SIDE + j) * inputs + input) * width..][..width];
                    to.iter_mut().zip(value).for_each(|(to, value)| *to = value as f32);
                }
            }
        }
    });
    transformed
}

/// Add `Gᵀ dU G` to a gradient in the layout of checkpoints.
///
/// # Shapes
/// - `accumulated`: `[panel][q][in][width]`
/// - `gradient`: `[out, in, kernel, kernel]`
pub(crate) fn transform_back<T: Transform>(accumulated: &[f32], inputs: usize, gradient: &mut [f32]) {
    let taps = T::KERNEL * T::KERNEL;
    let outputs = gradient.len() / (inputs * taps);
    let planes = T::SIDE * T::SIDE;
    gradient.par_chunks_mut(PANEL * inputs * taps).enumerate().for_each(|(panel, gradient)| {
        let width = panel_width(outputs, panel);
        let from = &accumulated[panel * PANEL * planes * inputs..];
        for input in 0..inputs {
            let mut columns = [[[0.0_f64; PANEL]; 6]; 5];
            for j in 0..T::SIDE {
                let values: [[f64; PANEL]; 6] = std::array::from_fn(|i| {
                    let mut lanes = [0.0; PANEL];
                    if i < T::SIDE {
                        let values = &from[((i * T::SIDE + j) * inputs + input) * width..][..width];
                        lanes.iter_mut().zip(values).for_each(|(lane, &value)| *lane = f64::from(value));
                    }
                    lanes
                });
                for ky in 0..T::KERNEL {
                    columns[ky][j] = apply((0..T::SIDE).map(|i| (T::FILTER[i][ky], values[i])));
                }
            }
            for ky in 0..T::KERNEL {
                for kx in 0..T::KERNEL {
                    let value = apply((0..T::SIDE).map(|j| (T::FILTER[j][kx], columns[ky][j])));
                    for (gradient, value) in gradient.chunks_exact_mut(inputs * taps).zip(value) {
                        gradient[input * taps + ky * T::KERNEL + kx] += value as f32;
                    }
                }
            }
        }
    });
}
