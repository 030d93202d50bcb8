//! Convolutions whose channels keep to groups.
//!
//! With as many groups as channels (depthwise) a pixel's channels do the same arithmetic side by
//! side, so they are summed as they lie in memory. Other groups are taken out, convolved as a
//! map of their own, and put back.
#![allow(clippy::inline_always)]

use std::sync::Arc;

use super::direct::{Direct, Direction, Filters, Window};
use super::direct_gradient::{self, Correlation};
use super::elementwise::copy_channels;
use super::pool::Pool;
use super::simd::{Level, vectorise};
use super::tasks::each_chunk;
use super::weight::{Form, Gradient, Layout, Weight};
use crate::Shape;

/// Channels summed together: they stay in registers.
const LANES: usize = 32;

/// A convolution in groups, between maps.
pub(crate) struct Grouped<'a> {
    pub(crate) level: Level,
    pub(crate) pool: &'a Arc<Pool>,
    pub(crate) window: Window,
    pub(crate) groups: usize,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
}

impl Grouped<'_> {
    fn is_depthwise(&self) -> bool {
        self.groups == self.input.channels && self.groups == self.output.channels
    }

    /// # Shapes
    /// - `x`: `[batch, input]`
    /// - `y`: `[batch, output]`
    pub(crate) fn run(&self, weight: &Weight, bias: Option<&[f32]>, x: &[f32], y: &mut [f32]) {
        if self.is_depthwise() {
            let taps = weight.form(Form::ChannelsLast);
            let gathered = |row: usize, column: usize| self.meets(row, column);
            self.depthwise([self.input, self.output], gathered, &taps, bias, x, y);
        } else {
            let zeros = vec![0.0; self.output.channels];
            self.group_by_group(Direction::Gather, weight, bias.unwrap_or(&zeros), x, y);
        }
    }

    /// Gradient of the input.
    ///
    /// # Shapes
    /// - `dy`: `[batch, output]`
    /// - `dx`: `[batch, input]`; every value is written
    pub(crate) fn input_gradient(&self, weight: &Weight, dy: &[f32], dx: &mut [f32]) {
        if self.is_depthwise() {
            let taps = weight.form(Form::ChannelsLast);
            let scattered = |row: usize, column: usize| self.met_by(row, column);
            self.depthwise([self.output, self.input], scattered, &taps, None, dy, dx);
        } else {
            let zeros = vec![0.0; self.input.channels];
            self.group_by_group(Direction::Scatter, weight, &zeros, dy, dx);
        }
    }

    /// Add the gradient of the weight.
    pub(crate) fn weight_gradient(&self, x: &[f32], dy: &[f32], gradient: &mut Gradient) {
        if self.is_depthwise() {
            self.depthwise_weight_gradient(x, dy, gradient.sum(Layout::ChannelsLast));
        } else {
            let kernel = self.window.kernel;
            let [input, output] = self.of_group();
            let batch = x.len() / self.input.len();
            let length = input.channels * output.channels * kernel * kernel;
            for (group, values) in gradient.sum(Layout::Plain).chunks_exact_mut(length).enumerate() {
                let x = self.take(group, input, self.input, x, batch);
                let dy = self.take(group, output, self.output, dy, batch);
                let accumulated =
                    direct_gradient::accumulator_length(kernel, input.channels, output.channels);
                let mut sums = self.pool.zeros(accumulated);
                Correlation { window: self.window, x: &x, input, dy: &dy, output }
                    .add_to(self.level, self.pool, &mut sums);
                direct_gradient::unpack(&sums, kernel, input.channels, values);
            }
        }
    }

    fn of_group(&self) -> [Shape; 2] {
        [self.input, self.output].map(|shape| Shape { channels: shape.channels / self.groups, ..shape })
    }

    /// The channels of a group.
    fn take(&self, group: usize, own: Shape, whole: Shape, x: &[f32], batch: usize) -> super::pool::Buffer {
        let mut taken = self.pool.take(own.len() * batch);
        let from = group * own.channels;
        copy_channels(own.channels, (x, whole.channels, from), (&mut taken, own.channels, 0));
        taken
    }

    fn group_by_group(&self, direction: Direction, weight: &Weight, bias: &[f32], x: &[f32], y: &mut [f32]) {
        let [small_input, small_output] = self.of_group();
        let (from, to, whole_from, whole_to) = match direction {
            Direction::Gather => (small_input, small_output, self.input, self.output),
            Direction::Scatter => (small_output, small_input, self.output, self.input),
        };
        let kernel = self.window.kernel;
        let (ins, outs, taps) = (small_input.channels, small_output.channels, kernel * kernel);
        let direct = Direct::new(from, to, self.window, direction);
        let batch = y.len() / whole_to.len();
        let mut result = self.pool.take(to.len() * batch);
        for group in 0..self.groups {
            let values = &weight.values()[group * outs * ins * taps..][..outs * ins * taps];
            let at =
                |o: usize, i: usize, ky: usize, kx: usize| values[(o * ins + i) * taps + ky * kernel + kx];
            let packed = match direction {
                Direction::Gather => direct.pack(|i, o, ky, kx| at(o, i, ky, kx)),
                Direction::Scatter => direct.pack(at),
            };
            let taken = self.take(group, from, whole_from, x, batch);
            let bias = Some(&bias[group * to.channels..][..to.channels]);
            direct.run(self.level, &taken, Filters { packed: &packed, bias }, &mut result);
            let to_channel = group * to.channels;
            copy_channels(to.channels, (&result, to.channels, 0), (y, whole_to.channels, to_channel));
        }
    }

    /// `y[pixel] = bias + Σ taps[tap] · x[place]` for the taps and places that a pixel meets.
    fn depthwise<P: Iterator<Item = (usize, usize)>>(
        &self,
        [from, to]: [Shape; 2],
        meets: impl Fn(usize, usize) -> P + Sync,
        taps: &[f32],
        bias: Option<&[f32]>,
        x: &[f32],
        y: &mut [f32],
    ) {
        let channels = to.channels;
        let line = to.width * channels;
        let work = y.len() * self.window.kernel * self.window.kernel;
        each_chunk(y, line, work, |row, y| {
            let (image, row) = (row / to.height, row % to.height);
            let x = &x[image * from.len()..][..from.len()];
            vectorise!(self.level, || {
                for (column, y) in y.chunks_exact_mut(channels).enumerate() {
                    for (piece, y) in y.chunks_mut(LANES).enumerate() {
                        let first = piece * LANES;
                        let mut sums = [0.0_f32; LANES];
                        let sums = &mut sums[..y.len()];
                        for (tap, place) in meets(row, column) {
                            let taps = &taps[tap * channels + first..][..y.len()];
                            let x = &x[place * channels + first..][..y.len()];
                            for ((sum, &tap), &x) in sums.iter_mut().zip(taps).zip(x) {
                                *sum += tap * x;
                            }
                        }
                        match bias {
                            Some(bias) => {
                                let bias = &bias[first..];
                                y.iter_mut()
                                    .zip(&*sums)
                                    .zip(bias)
                                    .for_each(|((y, &sum), &bias)| *y = sum + bias);
                            }
                            None => y.copy_from_slice(sums),
                        }
                    }
                }
            });
        });
    }

    /// Taps and input pixels that an output pixel is made of.
    fn meets(&self, row: usize, column: usize) -> impl Iterator<Item = (usize, usize)> {
        let taps = self.window.kernel * self.window.kernel;
        (0..taps).filter_map(move |tap| Some((tap, self.place(tap, row, column)?)))
    }

    /// Taps and output pixels that an input pixel takes part in.
    fn met_by(&self, row: usize, column: usize) -> impl Iterator<Item = (usize, usize)> {
        let Window { kernel, stride, padding } = self.window;
        let output = self.output;
        (0..kernel * kernel).filter_map(move |tap| {
            let y = (row + padding).checked_sub(tap / kernel)?;
            let x = (column + padding).checked_sub(tap % kernel)?;
            let whole = y.is_multiple_of(stride) && x.is_multiple_of(stride);
            let (y, x) = (y / stride, x / stride);
            (whole && y < output.height && x < output.width).then_some((tap, y * output.width + x))
        })
    }

    /// For every tap the sum of `dy · x` over images and pixels, in f64 and in their order.
    fn depthwise_weight_gradient(&self, x: &[f32], dy: &[f32], gradient: &mut [f32]) {
        let channels = self.output.channels;
        let work = dy.len() * self.window.kernel * self.window.kernel;
        each_chunk(gradient, channels, work, |tap, gradient| {
            let mut sums = vec![0.0_f64; channels];
            let images = dy.chunks_exact(self.output.len()).zip(x.chunks_exact(self.input.len()));
            vectorise!(self.level, || {
                for (dy, x) in images {
                    for (pixel, dy) in dy.chunks_exact(channels).enumerate() {
                        let (row, column) = (pixel / self.output.width, pixel % self.output.width);
                        let Some(place) = self.place(tap, row, column) else { continue };
                        let x = &x[place * channels..][..channels];
                        for ((sum, &dy), &x) in sums.iter_mut().zip(dy).zip(x) {
                            *sum += f64::from(dy * x);
                        }
                    }
                }
            });
            gradient.iter_mut().zip(sums).for_each(|(gradient, sum)| *gradient += sum as f32);
        });
    }

    /// The input pixel that one tap of an output pixel meets.
    fn place(&self, tap: usize, row: usize, column: usize) -> Option<usize> {
        let Window { kernel, stride, padding } = self.window;
        let y = (row * stride + tap / kernel).wrapping_sub(padding);
        let x = (column * stride + tap % kernel).wrapping_sub(padding);
        (y < self.input.height && x < self.input.width).then(|| y * self.input.width + x)
    }
}
