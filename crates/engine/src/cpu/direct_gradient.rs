//! Gradient of a convolution's weights as it is written down.
//!
//! `dW[o, i, ky, kx] = Σ_{image, Y, X} dy[Y, X, o] · x[Y·stride + ky − padding, X·stride + kx − padding, i]`
//!
//! For one kernel row all `(kx, i)` are neighbours in memory: an outer product summed
//! over pixels. The order of the sum is fixed by the shapes and the batch alone: image
//! `n` belongs to group `n mod groups`, groups are added in order.
#![allow(unsafe_code)]

use std::sync::Arc;

use super::direct::{Window, copy_with_border};
use super::pool::Pool;
use super::product::{OuterProduct, PANEL, Runs, Scatter, padded, panel_width, panels};
use super::simd::Level;
use super::tasks::{each, each_chunk};
use crate::Shape;

/// A batch of images and the gradient of what a convolution made of them.
pub(crate) struct Correlation<'a> {
    pub(crate) window: Window,
    /// The convolution's input and its shape.
    pub(crate) x: &'a [f32],
    pub(crate) input: Shape,
    /// Gradient of its output and its shape.
    pub(crate) dy: &'a [f32],
    pub(crate) output: Shape,
}

/// Values of the accumulator [`Correlation::add_to`] wants: `[ky][panel][kx, i][o]`.
pub(crate) fn accumulator_length(kernel: usize, channels_in: usize, channels_out: usize) -> usize {
    kernel * kernel * channels_in * padded(channels_out)
}

impl Correlation<'_> {
    /// Add this batch's gradient to `accumulator`.
    pub(crate) fn add_to(&self, level: Level, pool: &Arc<Pool>, accumulator: &mut [f32]) {
        /// Values that groups may take together.
        const GROUPS: usize = 1 << 19;
        /// Values of the images copied at a time.
        const BLOCK: usize = 1 << 21;
        let Window { kernel, stride, padding } = self.window;
        let (x, y) = (self.input, self.output);
        let batch = self.dy.len() / y.len().max(1);
        let length = accumulator.len();
        if batch == 0 || length == 0 {
            return;
        }
        let groups = (GROUPS / length).clamp(1, 16).min(batch);
        // Enough rows and columns for every window, however much of the input is left over.
        let width = (x.width + 2 * padding).max((y.width - 1) * stride + kernel) * x.channels;
        let height = (x.height + 2 * padding).max((y.height - 1) * stride + kernel);
        let (bordered, packed) = (height * width, y.pixels() * padded(y.channels));
        let block = (BLOCK / (bordered + packed)).clamp(1, batch).max(groups);
        let mut images = pool.take(block * (bordered + packed));
        let mut sums = pool.zeros(groups * length);
        for start in (0..batch).step_by(block) {
            let count = block.min(batch - start);
            each_chunk(
                &mut images[..count * (bordered + packed)],
                bordered + packed,
                count * bordered,
                |index, buffer| {
                    let (image, gradient) = buffer.split_at_mut(bordered);
                    let n = start + index;
                    copy_with_border(
                        &self.x[n * x.len()..][..x.len()],
                        x,
                        (padding, padding),
                        0,
                        image,
                        width,
                    );
                    pack_pixels(&self.dy[n * y.len()..][..y.len()], y.channels, gradient);
                },
            );
            let panels = panels(y.channels);
            let rows = kernel * x.channels;
            let scattered = Scatter::new(&mut sums);
            each(groups * kernel * panels, count * y.pixels() * length, |task| {
                let (group, ky, panel) = (task / (kernel * panels), task / panels % kernel, task % panels);
                let from = panel * PANEL;
                let width_here = panel_width(y.channels, panel);
                let at = group * length + (ky * padded(y.channels) + from) * rows;
                // SAFETY: each task has a group, kernel row and panel of its own.
                let sums = unsafe { scattered.slice(at, rows * width_here) };
                for index in (0..count).filter(|index| (start + index) % groups == group) {
                    let (image, gradient) =
                        images[index * (bordered + packed)..][..bordered + packed].split_at(bordered);
                    OuterProduct {
                        a: &image[ky * width..],
                        step: stride * x.channels,
                        runs: Runs { count: y.height, stride: stride * width, length: y.width },
                        b: &gradient[from * y.pixels()..],
                        c: sums,
                        width: width_here,
                    }
                    .run(level);
                }
            });
        }
        each_chunk(accumulator, 1 << 14, groups * length, |chunk, values| {
            for group in 0..groups {
                let sums = &sums[group * length + (chunk << 14)..][..values.len()];
                values.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum);
            }
        });
    }
}

/// Turn pixels `[pixel][channel]` into panels `[panel][pixel][width]`.
pub(crate) fn pack_pixels(pixels: &[f32], channels: usize, packed: &mut [f32]) {
    let count = pixels.len() / channels;
    for panel in 0..panels(channels) {
        let (from, width) = (panel * PANEL, panel_width(channels, panel));
        let values = PANEL.min(channels - from);
        let target = &mut packed[from * count..][..count * width];
        for (pixel, row) in target.chunks_exact_mut(width).enumerate() {
            row[..values].copy_from_slice(&pixels[pixel * channels + from..][..values]);
            row[values..].fill(0.0);
        }
    }
}

/// Add an accumulator to a gradient in the layout of checkpoints, `[o, i, ky, kx]`.
pub(crate) fn unpack(accumulator: &[f32], kernel: usize, channels_in: usize, gradient: &mut [f32]) {
    let taps = kernel * kernel;
    let channels_out = gradient.len() / (taps * channels_in);
    let rows = kernel * channels_in;
    each_chunk(gradient, channels_in * taps, accumulator.len(), |o, values| {
        let panel = o / PANEL;
        let width = panel_width(channels_out, panel);
        for (index, value) in values.iter_mut().enumerate() {
            let (i, ky, kx) = (index / taps, index % taps / kernel, index % kernel);
            let from = (ky * padded(channels_out) + panel * PANEL) * rows;
            *value += accumulator[from + (kx * channels_in + i) * width + o % PANEL];
        }
    });
}
