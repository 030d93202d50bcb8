//! Convolution of stride 1 or 2, and its adjoint, with fewer multiplications, after Winograd.
//!
//! Overlapping tiles of the input are transformed, multiplied with transformed filters
//! channel by channel (one matrix product for each place of a tile, or for all places
//! that share a filter), and transformed back. Tiles and channels of the products are independent of one another, so that
//! neither batch nor threads change a result.
//!
//! # Limits
//! A value that is not finite reaches all outputs of the tiles it is seen by, not only
//! those of the windows it lies in.
#![allow(unsafe_code)]

mod chain;
mod filters;
mod pair;
mod stride;
mod tiles;
mod transform;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use self::chain::{Chain, FourOfFour};
use self::stride::{Double, FourOfTwo, Halve, Single, TwoOfTwo};
use self::tiles::{GradientTiles, InputTiles, OutputTiles, Tiling};
use self::transform::{Adjoint, FourOfThree, Transform, TwoOfFive, TwoOfThree};
use super::direct::{Direction, Filters};
use super::pool::Pool;
use super::product::{OuterProduct, PANEL, Product, Row, Runs, Scatter, padded, panel_width, panels};
use super::simd::Level;
use super::tasks::{each, with_scratch};
use crate::Shape;

/// A choice of tile, kernel size and stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// Tiles of 4 × 4 for kernels of 3 × 3: a quarter of the products.
    FourOfThree,
    /// Tiles of 2 × 2 for kernels of 3 × 3: four ninths of the products.
    TwoOfThree,
    /// Tiles of 2 × 2 for kernels of 5 × 5: nine twenty-fifths of the products.
    TwoOfFive,
    /// Tiles of 4 × 4 for kernels of 7 × 7, in two parts: a fifth of the products.
    FourOfSeven,
    /// Stride 2, tiles of 4 × 4 in the smaller map for kernels of 3 × 3: nine sixteenths of
    /// the products.
    StrideFourOfThree,
    /// Stride 2, tiles of 2 × 2 in the smaller map for kernels of 3 × 3: twenty-five
    /// thirty-sixths of the products.
    StrideTwoOfThree,
    /// Stride 2, tiles of 2 × 2 in the smaller map for kernels of 5 × 5: about half of the
    /// products.
    StrideTwoOfFive,
}

/// Call `$function::<T>($arguments)` for the transform of the scheme's convolution.
macro_rules! with_adjoint {
    ($scheme:expr, $function:path $(, $argument:expr)*) => {{
        use $function as function;
        match $scheme {
            Scheme::FourOfThree => function::<FourOfThree>($($argument),*),
            Scheme::TwoOfThree => function::<TwoOfThree>($($argument),*),
            Scheme::TwoOfFive => function::<TwoOfFive>($($argument),*),
            Scheme::FourOfSeven => function::<Chain<FourOfThree, FourOfFour>>($($argument),*),
            Scheme::StrideFourOfThree => function::<Halve<FourOfTwo, Single<4>>>($($argument),*),
            Scheme::StrideTwoOfThree => function::<Halve<TwoOfTwo, Single<2>>>($($argument),*),
            Scheme::StrideTwoOfFive => function::<Halve<TwoOfThree, TwoOfTwo>>($($argument),*),
        }
    }};
}

/// Call `$function::<T>($arguments)` for the scheme's transform in a direction.
macro_rules! with_transform {
    ($scheme:expr, $direction:expr, $function:path $(, $argument:expr)*) => {{
        use $function as function;
        match ($scheme, $direction) {
            (Scheme::StrideFourOfThree, Direction::Scatter) => {
                function::<Double<FourOfTwo, Single<4>>>($($argument),*)
            }
            (Scheme::StrideTwoOfThree, Direction::Scatter) => {
                function::<Double<TwoOfTwo, Single<2>>>($($argument),*)
            }
            (Scheme::StrideTwoOfFive, Direction::Scatter) => {
                function::<Double<TwoOfThree, TwoOfTwo>>($($argument),*)
            }
            (scheme, _) => with_adjoint!(scheme, $function $(, $argument)*),
        }
    }};
}

const fn planes<T: Transform>() -> usize {
    T::SIDE * T::SIDE
}

const fn filters_of<T: Transform>() -> usize {
    T::FILTERS * T::FILTERS
}

/// Values of filters in the transformed domain.
pub(crate) fn filters_length(scheme: Scheme, direction: Direction, [first, second]: [usize; 2]) -> usize {
    let filters = with_transform!(scheme, direction, filters_of);
    match direction {
        Direction::Gather => filters * second * padded(first),
        Direction::Scatter => filters * first * padded(second),
    }
}

/// Filters in the transformed domain, `[panel][filter][in][width]`.
pub(crate) fn filters(
    scheme: Scheme,
    direction: Direction,
    shape: [usize; 2],
    values: &[f32],
    transformed: &mut [f32],
) {
    let level = Level::best();
    with_transform!(
        scheme,
        direction,
        self::filters::transform,
        level,
        direction,
        shape,
        values,
        transformed
    );
}

/// Values of the accumulator that [`Convolution::add_gradient`] wants.
pub(crate) fn accumulator_length(scheme: Scheme, channels_in: usize, channels_out: usize) -> usize {
    with_adjoint!(scheme, filters_of) * channels_in * padded(channels_out)
}

/// Add an accumulator to a gradient in the layout of checkpoints.
pub(crate) fn unpack(scheme: Scheme, accumulated: &[f32], channels_in: usize, gradient: &mut [f32]) {
    with_adjoint!(scheme, self::filters::transform_back, Level::best(), accumulated, channels_in, gradient);
}

/// A convolution, or the adjoint of one.
#[derive(Clone, Copy)]
pub(crate) struct Convolution<'a> {
    pub(crate) level: Level,
    pub(crate) pool: &'a Arc<Pool>,
    pub(crate) scheme: Scheme,
    pub(crate) direction: Direction,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// Inputs that the first window reaches beyond the map.
    pub(crate) padding: usize,
}

impl Convolution<'_> {
    /// Apply to a batch.
    ///
    /// # Shapes
    /// - `x`: `[batch, input]`
    /// - `y`: `[batch, output]`, every value is written
    pub(crate) fn run(&self, x: &[f32], filters: Filters, y: &mut [f32]) {
        with_transform!(self.scheme, self.direction, run, self, x, filters, y);
    }

    /// Add the gradient of the filters, in the transformed domain, to `accumulator`; of a
    /// convolution, not of an adjoint.
    ///
    /// # Shapes
    /// - `x`: `[batch, input]`
    /// - `dy`: `[batch, output]`
    pub(crate) fn add_gradient(&self, x: &[f32], dy: &[f32], accumulator: &mut [f32]) {
        with_adjoint!(self.scheme, add_gradient, self, x, dy, accumulator);
    }
}

/// A block of tiles on its way through the transformed domain.
struct Block {
    tiles: usize,
    /// Distance of a tile's channels from the next tile's.
    row: usize,
    /// Distance of the planes of `V`, and of those of `M` in tiles. One line more than they
    /// need: planes a power of two apart would meet in the same few places of the cache.
    v_plane: usize,
    m_plane: usize,
}

impl Block {
    fn new(tiles: usize, channels_in: usize) -> Self {
        let row = padded(channels_in);
        Self { tiles, row, v_plane: tiles * row + PANEL, m_plane: tiles + 1 }
    }

    fn v_length(&self, planes: usize) -> usize {
        planes * self.v_plane
    }

    fn m_length(&self, planes: usize, channels_out: usize) -> usize {
        planes * self.m_plane * padded(channels_out)
    }
}

/// The planes of one dimension that a filter is multiplied with.
fn sharing<T: Transform>(filter: usize) -> Range<usize> {
    if filter + 1 < T::FILTERS { filter..filter + 1 } else { filter..T::SIDE }
}

/// The rows of the products with each filter: those of every plane it serves, relative to the
/// first of them, tile by tile.
struct Rows {
    /// By whether a filter is the last in either dimension (these alone can serve several
    /// planes), and for panels of 16 and of 8.
    tables: [[[Vec<Row>; 2]; 2]; 2],
}

impl Rows {
    fn new<T: Transform>(block: &Block) -> Self {
        let shared = |last: usize| 0..if last == 0 { 1 } else { T::SIDE + 1 - T::FILTERS };
        let table = |down: usize, across: usize, width: usize| {
            let rows = (0..block.tiles).flat_map(|tile| {
                shared(down).flat_map(move |i| shared(across).map(move |j| (tile, i * T::SIDE + j)))
            });
            rows.map(|(tile, plane)| Row {
                a: (plane * block.v_plane + tile * block.row) as u32,
                c: ((plane * block.m_plane + tile) * width) as u32,
            })
            .collect()
        };
        Self {
            tables: [0, 1]
                .map(|down| [0, 1].map(|across| [PANEL, 8].map(|width| table(down, across, width)))),
        }
    }

    /// The rows of the first `tiles` tiles.
    fn of<T: Transform>(&self, (down, across): (usize, usize), width: usize, tiles: usize) -> &[Row] {
        let last = |filter: usize| usize::from(filter + 1 == T::FILTERS);
        let planes = sharing::<T>(down).len() * sharing::<T>(across).len();
        &self.tables[last(down)][last(across)][usize::from(width != PANEL)][..tiles * planes]
    }
}

/// The products with one filter and panel: `M[q] = V[q] · U[panel][filter]` for every plane
/// `q` of the filter.
struct Multiply<'a, T> {
    level: Level,
    channels: (usize, usize),
    block: &'a Block,
    rows: &'a Rows,
    v: &'a [f32],
    u: &'a [f32],
    transform: PhantomData<T>,
}

impl<T: Transform> Multiply<'_, T> {
    /// # Safety
    /// Nobody else may touch this filter's planes of `m`, this panel's part of `M`, meanwhile.
    unsafe fn run(&self, (filter, panel): (usize, usize), next: (usize, usize), tiles: usize, m: Scatter) {
        let (channels_in, channels_out) = self.channels;
        let width = panel_width(channels_out, panel);
        let (down, across) = (filter / T::FILTERS, filter % T::FILTERS);
        let plane = down * T::SIDE + across;
        let first = plane * self.block.m_plane * width;
        let product = Product {
            a: &self.v[plane * self.block.v_plane..],
            rows: self.rows.of::<T>((down, across), width, tiles),
            runs: Runs::one(channels_in),
            b: self.filter(filter, panel),
            bias: None,
            c: m.part(first, m.length() - first),
            columns: width,
            width,
            ahead: self.filter(next.0, next.1),
        };
        // SAFETY: the caller's promise.
        unsafe { product.run(self.level) };
    }

    /// A panel of a filter; empty where there is none.
    fn filter(&self, filter: usize, panel: usize) -> &[f32] {
        let (channels_in, channels_out) = self.channels;
        if filter >= filters_of::<T>() || panel >= panels(channels_out) {
            return &[];
        }
        let width = panel_width(channels_out, panel);
        let first = (panel * PANEL * filters_of::<T>() + filter * width) * channels_in;
        &self.u[first..first + channels_in * width]
    }
}

/// Values of filters that a core may read again for every small block of tiles; above,
/// all threads share one large block.
const SMALL_FILTERS: usize = 36 * 256 * 256;

/// A batch on its way through a convolution.
#[derive(Clone, Copy)]
struct Job<'a, T> {
    convolution: &'a Convolution<'a>,
    tiling: Tiling,
    filters: Filters<'a>,
    x: &'a [f32],
    y: Scatter<'a>,
    /// Tiles of the whole batch.
    tiles: usize,
    transform: PhantomData<T>,
}

fn run<T: Transform>(convolution: &Convolution, x: &[f32], filters: Filters, y: &mut [f32]) {
    let Convolution { input, output, padding, .. } = *convolution;
    let tiling = Tiling::new::<T>(input, output, padding);
    let tiles = y.len() / output.len().max(1) * tiling.per_image;
    let y = Scatter::new(y);
    let job = Job { convolution, tiling, filters, x, y, tiles, transform: PhantomData::<T> };
    if filters.packed.len() < SMALL_FILTERS {
        job.by_small_blocks();
    } else {
        job.by_large_blocks();
    }
}

impl<T: Transform> Job<'_, T> {
    const PLANES: usize = planes::<T>();
    const FILTERS: usize = filters_of::<T>();

    fn channels(&self) -> (usize, usize) {
        (self.convolution.input.channels, self.convolution.output.channels)
    }

    fn work(&self) -> usize {
        let (channels_in, channels_out) = self.channels();
        self.tiles * Self::PLANES * channels_in * channels_out
    }

    /// Every thread takes blocks of its own through all three stages, the last two panel by
    /// panel: products are transformed back before they leave the cache.
    fn by_small_blocks(&self) {
        let (channels_in, channels_out) = self.channels();
        let block = Block::new(small_block(Self::PLANES, channels_in, self.tiles), channels_in);
        let rows = Rows::new::<T>(&block);
        let (v_length, m_length) = (block.v_length(Self::PLANES), block.m_length(Self::PLANES, PANEL));
        each(self.tiles.div_ceil(block.tiles), self.work(), |index| {
            let start = index * block.tiles;
            let here = start..self.tiles.min(start + block.tiles);
            with_scratch(v_length + m_length, |scratch| {
                let (v, m) = scratch.split_at_mut(v_length);
                // SAFETY: the scratch is this thread's own and has room for a block; no other
                // task has these tiles.
                unsafe {
                    self.transform_input(&block, here.clone(), Scatter::new(v));
                    let multiply = self.multiply(&block, &rows, v);
                    for panel in 0..panels(channels_out) {
                        for filter in 0..Self::FILTERS {
                            let next =
                                if filter + 1 < Self::FILTERS { (filter + 1, panel) } else { (0, panel + 1) };
                            multiply.run((filter, panel), next, here.len(), Scatter::new(m));
                        }
                        self.transform_output(&block, panel, start, here.clone(), m);
                    }
                }
            });
        });
    }

    /// All threads take one block after another through the three stages together: large
    /// filters are read from memory once for many tiles.
    fn by_large_blocks(&self) {
        let (channels_in, channels_out) = self.channels();
        let tiles = self.tiles.min(large_block(Self::PLANES, self.channels()));
        let block = Block::new(tiles, channels_in);
        let rows = Rows::new::<T>(&block);
        let mut v = self.convolution.pool.take(block.v_length(Self::PLANES));
        let mut m = self.convolution.pool.take(block.m_length(Self::PLANES, channels_out));
        let of_panel = |panel: usize| {
            let width = panel_width(channels_out, panel);
            (block.m_length(Self::PLANES, PANEL * panel), block.m_length(Self::PLANES, width))
        };
        let size = part_of_block(self.channels());
        let panels = panels(channels_out);
        for start in (0..self.tiles).step_by(block.tiles.max(1)) {
            let count = block.tiles.min(self.tiles - start);
            let part = |index: usize| start + index * size..start + count.min((index + 1) * size);
            let to = Scatter::new(&mut v);
            each(count.div_ceil(size), self.work(), |index| {
                let first = index * size * block.row;
                // SAFETY: every task has a part of the block of its own.
                unsafe { self.transform_input(&block, part(index), to.part(first, to.length() - first)) };
            });
            let multiply = self.multiply(&block, &rows, &v);
            let to = Scatter::new(&mut m);
            each(Self::FILTERS * panels, self.work(), |task| {
                let at = |task: usize| (task / panels, task % panels);
                let (first, length) = of_panel(at(task).1);
                // SAFETY: every task has a filter and panel of its own.
                unsafe { multiply.run(at(task), at(task + 1), count, to.part(first, length)) };
            });
            each(count.div_ceil(size), self.work(), |index| {
                for panel in 0..panels {
                    let (first, length) = of_panel(panel);
                    // SAFETY: every task has a part of the block of its own.
                    unsafe {
                        self.transform_output(&block, panel, start, part(index), &m[first..first + length]);
                    }
                }
            });
        }
    }

    /// # Safety
    /// `v` must have room for the tiles in a block, and nobody else may touch their places.
    unsafe fn transform_input(&self, block: &Block, tiles: Range<usize>, v: Scatter) {
        let (row, plane) = (block.row, block.v_plane);
        let (tiling, transform) = (self.tiling, self.transform);
        let tiles = InputTiles { tiling, x: self.x, tiles, v, row, plane, transform };
        // SAFETY: the caller's promise.
        unsafe { self.convolution.level.run(tiles) };
    }

    fn multiply<'a>(&'a self, block: &'a Block, rows: &'a Rows, v: &'a [f32]) -> Multiply<'a, T> {
        let (level, channels, transform) = (self.convolution.level, self.channels(), self.transform);
        Multiply { level, channels, block, rows, v, u: self.filters.packed, transform }
    }

    /// # Safety
    /// `m` must hold a block's part of a panel from tile `first` on, and nobody else may touch
    /// the outputs of `tiles`.
    unsafe fn transform_output(
        &self,
        block: &Block,
        panel: usize,
        first: usize,
        tiles: Range<usize>,
        m: &[f32],
    ) {
        let (tiling, transform, plane) = (self.tiling, self.transform, block.m_plane);
        let bias = self.filters.bias;
        let tiles = OutputTiles { tiling, panel, m, first, plane, tiles, bias, y: self.y, transform };
        // SAFETY: the caller's promise.
        unsafe { self.convolution.level.run(tiles) };
    }
}

/// Tiles of a transform's task where all threads share a block.
fn part_of_block((channels_in, channels_out): (usize, usize)) -> usize {
    const VALUES: usize = 1 << 12;
    (VALUES / (channels_in + channels_out)).clamp(4, 64)
}

/// Tiles that one thread takes through all three stages.
fn small_block(planes: usize, channels_in: usize, tiles: usize) -> usize {
    const VALUES: usize = 1 << 18;
    let fitting = VALUES / (planes * padded(channels_in));
    let shared = tiles.div_ceil(2 * rayon::current_num_threads());
    fitting.clamp(24, 96).min(shared.next_multiple_of(6)).min(tiles).max(1)
}

/// Tiles that all threads take through the stages together.
fn large_block(planes: usize, (channels_in, channels_out): (usize, usize)) -> usize {
    const VALUES: usize = 1 << 23;
    (VALUES / (planes * (channels_in + channels_out))).clamp(48, 1024)
}

fn add_gradient<T: Adjoint>(convolution: &Convolution, x: &[f32], dy: &[f32], accumulator: &mut [f32]) {
    let Convolution { level, input, output, .. } = *convolution;
    let tiling = Tiling::new::<T>(input, output, convolution.padding);
    let (planes, filters) = (planes::<T>(), filters_of::<T>());
    let tiles = dy.len() / output.len().max(1) * tiling.per_image;
    let work = tiles * planes * input.channels * output.channels;
    let panels = panels(output.channels);
    let transform = PhantomData::<T>;
    let most = gradient_block(planes, (input.channels, output.channels));
    let mut block = Block::new(tiles.min(most), input.channels);
    // Products walk down the tiles here: an odd number of lines apart, for the cache's sake.
    block.row = (block.row / PANEL * PANEL + PANEL) | PANEL;
    block.v_plane = block.tiles * block.row + PANEL;
    let mut v = convolution.pool.take(block.v_length(planes));
    let mut m = convolution.pool.take(block.m_length(planes, output.channels));
    let accumulator = Scatter::new(accumulator);
    for start in (0..tiles).step_by(block.tiles.max(1)) {
        let count = block.tiles.min(tiles - start);
        let size = part_of_block((input.channels, output.channels));
        let parts = count.div_ceil(size);
        let (to_v, to_m) = (Scatter::new(&mut v), Scatter::new(&mut m));
        each(parts, work, |index| {
            let tiles = start + index * size..start + count.min((index + 1) * size);
            let (row, plane) = (block.row, block.v_plane);
            let v = to_v.part(index * size * row, to_v.length() - index * size * row);
            // SAFETY: the block has room for these tiles, and no other task has them.
            unsafe { level.run(InputTiles { tiling, x, tiles: tiles.clone(), v, row, plane, transform }) };
            let (m, plane) = (to_m, block.m_plane);
            // SAFETY: the block has room for these tiles, and no other task has them.
            unsafe { level.run(GradientTiles { tiling, dy, tiles, m, first: start, plane, transform }) };
        });
        each(filters * panels, work, |task| {
            let (filter, panel) = (task / panels, task % panels);
            let width = panel_width(output.channels, panel);
            let at = (panel * PANEL * filters + filter * width) * input.channels;
            // SAFETY: every task has a filter and panel of its own.
            let c = unsafe { accumulator.slice(at, input.channels * width) };
            for row in sharing::<T>(filter / T::FILTERS) {
                for plane in sharing::<T>(filter % T::FILTERS).map(|column| row * T::SIDE + column) {
                    let m_at = (panel * PANEL * planes + plane * width) * block.m_plane;
                    OuterProduct {
                        a: &v[plane * block.v_plane..(plane + 1) * block.v_plane],
                        step: block.row,
                        runs: Runs::one(count),
                        b: &m[m_at..m_at + count * width],
                        c: &mut *c,
                        width,
                    }
                    .run(level);
                }
            }
        });
    }
}

/// Tiles summed at a time: part of the result, so of shapes alone.
fn gradient_block(planes: usize, (channels_in, channels_out): (usize, usize)) -> usize {
    const VALUES: usize = 1 << 22;
    (VALUES / (planes * (channels_in + channels_out))).clamp(64, 512)
}
