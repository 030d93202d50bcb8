//! Convolution as it is written down: every output pixel is one row of a matrix
//! product whose left side is read straight from the image.
//!
//! With channels as neighbours in memory, the taps `(kx, channel)` of one kernel row
//! are one run, so only a zero border is copied, never the windows. A transposed
//! convolution of stride `s` falls into `s × s` phases, each a small dense convolution:
//! nothing is multiplied by the zeros that stride would insert.
#![allow(unsafe_code)]

use super::product::{PANEL, Product, Row, Runs, Scatter, pack, padded, panel_width, panels};
use super::simd::Level;
use super::tasks::{each, with_scratch};
use crate::Shape;

/// Sizes of a convolution; for a transposed one those of the convolution it is the adjoint of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

/// Which way the window moves data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// Convolution: output pixel `Y` reads inputs `Y·stride + k − padding`.
    Gather,
    /// Its adjoint: output pixel `Y` reads inputs `(Y + padding − k) / stride` where whole.
    Scatter,
}

/// One dimension of one phase.
struct Phase {
    /// Input index of the first tap of the first output, before the border is added.
    base: isize,
    /// Kernel indices in the order of the inputs they meet.
    taps: Vec<usize>,
    /// Number of outputs.
    count: usize,
}

/// One dimension.
struct Axis {
    /// Distance of the inputs of neighbouring outputs of a phase.
    step: usize,
    /// Distance of neighbouring outputs of a phase.
    spread: usize,
    /// Zeros before the input.
    before: usize,
    /// Length with both borders.
    length: usize,
    phases: Vec<Phase>,
}

impl Axis {
    fn new(input: usize, output: usize, window: Window, direction: Direction) -> Self {
        let Window { kernel, stride, padding } = window;
        let (step, spread, phases) = match direction {
            Direction::Gather => {
                let phase =
                    Phase { base: -padding.cast_signed(), taps: (0..kernel).collect(), count: output };
                (stride, 1, vec![phase])
            }
            Direction::Scatter => {
                let phase = |first: usize| {
                    let taps: Vec<usize> = (0..kernel)
                        .rev()
                        .filter(|tap| (first + padding + kernel * stride - tap).is_multiple_of(stride))
                        .collect();
                    let base = taps.first().map_or(0, |&tap| {
                        (first + padding)
                            .cast_signed()
                            .wrapping_sub_unsigned(tap)
                            .div_euclid(stride.cast_signed())
                    });
                    Phase { base, taps, count: output.saturating_sub(first).div_ceil(stride) }
                };
                (1, stride, (0..stride).map(phase).collect())
            }
        };
        let before = phases.iter().map(|phase| -phase.base).max().unwrap_or(0).max(0).cast_unsigned();
        let reach = |phase: &Phase| {
            phase.base + (phase.count.saturating_sub(1) * step + phase.taps.len().max(1)).cast_signed()
        };
        let end = phases.iter().map(reach).max().unwrap_or(0).max(input.cast_signed()).cast_unsigned();
        Self { step, spread, before, length: before + end, phases }
    }
}

/// How one convolution is computed: everything that depends on shapes alone.
pub(crate) struct Direct {
    input: Shape,
    output: Shape,
    rows: Axis,
    columns: Axis,
}

/// Weights and what they meet.
#[derive(Clone, Copy)]
pub(crate) struct Filters<'a> {
    /// As [`Direct::pack`] gave them.
    pub(crate) packed: &'a [f32],
    pub(crate) bias: Option<&'a [f32]>,
}

impl Direct {
    pub(crate) fn new(input: Shape, output: Shape, window: Window, direction: Direction) -> Self {
        let rows = Axis::new(input.height, output.height, window, direction);
        let columns = Axis::new(input.width, output.width, window, direction);
        Self { input, output, rows, columns }
    }

    fn phases(&self) -> impl Iterator<Item = (usize, &Phase, usize, &Phase)> {
        self.rows.phases.iter().enumerate().flat_map(move |(py, rows)| {
            self.columns.phases.iter().enumerate().map(move |(px, columns)| (py, rows, px, columns))
        })
    }

    /// Pack weights, phase after phase.
    ///
    /// `weight(input_channel, output_channel, ky, kx)`.
    pub(crate) fn pack(&self, weight: impl Fn(usize, usize, usize, usize) -> f32 + Sync) -> Vec<f32> {
        let channels = self.input.channels;
        self.phases()
            .flat_map(|(_, rows, _, columns)| {
                let depth = rows.taps.len() * columns.taps.len() * channels;
                pack(depth, self.output.channels, |k, out| {
                    let (tap, channel) = (k / channels, k % channels);
                    let (ky, kx) = (tap / columns.taps.len(), tap % columns.taps.len());
                    weight(channel, out, rows.taps[ky], columns.taps[kx])
                })
            })
            .collect()
    }

    /// Apply to a batch.
    ///
    /// # Shapes
    /// - `x`: `[batch, input]`
    /// - `y`: `[batch, output]`, every value is written
    pub(crate) fn run(&self, level: Level, x: &[f32], filters: Filters, y: &mut [f32]) {
        let batch = y.len() / self.output.len().max(1);
        if batch == 0 {
            return;
        }
        let out = self.output;
        let most = self.rows.phases.iter().map(|phase| phase.count).max().unwrap_or(0);
        let band = self.band(batch, most);
        let bands = most.div_ceil(band);
        let tables: Vec<Vec<Row>> = self.phases().map(|phase| self.table(band, phase)).collect();
        let work = filters.packed.len() * out.pixels() * batch / (self.rows.spread * self.columns.spread);
        let y = Scatter::new(y);
        each(batch * bands, work, |task| {
            let (image, first) = (task / bands, task % bands * band);
            let height = band.min(most - first);
            let x = &x[image * self.input.len()..][..self.input.len()];
            // The first output row of this band, and those up to the next band's.
            let top = first * self.rows.spread * out.width * out.channels;
            let rows_here = (height * self.rows.spread).min(out.height - first * self.rows.spread);
            let y = y.part(image * out.len() + top, rows_here * out.width * out.channels);
            self.bordered(x, first, height, |x| {
                let mut packed = filters.packed;
                for ((_, rows, _, columns), table) in self.phases().zip(&tables) {
                    let run = columns.taps.len() * self.input.channels;
                    let stride = self.columns.length * self.input.channels;
                    let runs = Runs { count: rows.taps.len(), stride, length: run };
                    let (weights, rest) = packed.split_at(runs.depth() * padded(out.channels));
                    packed = rest;
                    let height = height.min(rows.count.saturating_sub(first));
                    let table = &table[..height * columns.count];
                    for panel in 0..panels(out.channels) {
                        let from = panel * PANEL;
                        let product = Product {
                            a: x,
                            rows: table,
                            runs,
                            b: &weights[from * runs.depth()..],
                            bias: filters.bias.map(|bias| &bias[from..]),
                            c: y.part(from, y.length() - from),
                            columns: PANEL.min(out.channels - from),
                            width: panel_width(out.channels, panel),
                            ahead: &[],
                        };
                        // SAFETY: tasks write different bands, phases different pixels, panels
                        // different channels.
                        unsafe {
                            product.run(level);
                        }
                    }
                }
            });
        });
    }

    /// Rows of a phase that one task computes: few enough for its part of the image to
    /// stay in the cache, and for every thread to get some.
    fn band(&self, batch: usize, most: usize) -> usize {
        const CACHE: usize = 48 * 1024;
        let row = self.columns.length * self.input.channels * self.rows.step;
        let by_cache = (CACHE / row.max(1)).max(2);
        let wanted_tasks = 4 * rayon::current_num_threads();
        let by_threads = most.div_ceil(wanted_tasks.div_ceil(batch)).max(2);
        by_cache.min(by_threads).min(most).max(1)
    }

    fn table(&self, band: usize, (py, rows, px, columns): (usize, &Phase, usize, &Phase)) -> Vec<Row> {
        let origin_y = (rows.base + self.rows.before.cast_signed()).cast_unsigned();
        let origin_x = (columns.base + self.columns.before.cast_signed()).cast_unsigned();
        (0..band)
            .flat_map(|y| (0..columns.count).map(move |x| (y, x)))
            .map(|(y, x)| {
                let (from_y, from_x) = (origin_y + y * self.rows.step, origin_x + x * self.columns.step);
                let (to_y, to_x) = (py + y * self.rows.spread, px + x * self.columns.spread);
                Row {
                    a: ((from_y * self.columns.length + from_x) * self.input.channels) as u32,
                    c: ((to_y * self.output.width + to_x) * self.output.channels) as u32,
                }
            })
            .collect()
    }

    /// The part of an image that `height` rows of phases from `first` on read, with its border.
    fn bordered(&self, x: &[f32], first: usize, height: usize, task: impl FnOnce(&[f32])) {
        let (rows, columns, channels) = (&self.rows, &self.columns, self.input.channels);
        let width = columns.length * channels;
        let start = first * rows.step;
        let taps = rows
            .phases
            .iter()
            .map(|phase| (phase.base + rows.before.cast_signed()).cast_unsigned() + phase.taps.len().max(1));
        let end = (start + (height - 1) * rows.step + taps.max().unwrap_or(1)).min(rows.length);
        if rows.before == 0
            && columns.before == 0
            && rows.length == self.input.height
            && columns.length == self.input.width
        {
            return task(&x[start * width..end * width]);
        }
        with_scratch((end - start) * width, |buffer| {
            copy_with_border(x, self.input, (rows.before, columns.before), start, buffer, width);
            task(buffer);
        });
    }
}

/// Rows `start..` of an image with a border of zeros: `before` rows above and columns to the left.
pub(crate) fn copy_with_border(
    x: &[f32],
    shape: Shape,
    before: (usize, usize),
    start: usize,
    buffer: &mut [f32],
    width: usize,
) {
    let row = shape.width * shape.channels;
    let left = before.1 * shape.channels;
    for (index, line) in buffer.chunks_exact_mut(width).enumerate() {
        match (start + index).checked_sub(before.0).filter(|&y| y < shape.height) {
            Some(y) => {
                line[..left].fill(0.0);
                line[left..left + row].copy_from_slice(&x[y * row..][..row]);
                line[left + row..].fill(0.0);
            }
            None => line.fill(0.0),
        }
    }
}
