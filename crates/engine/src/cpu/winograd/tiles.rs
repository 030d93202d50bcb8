//! Tiles of maps to and from the transformed domain, channels side by side in vectors.
#![allow(unsafe_code, clippy::inline_always)]

use std::marker::PhantomData;
use std::ops::Range;

use super::super::product::{PANEL, Scatter, panel_width};
use super::super::simd::{Kernel, Simd};
use super::transform::{Adjoint, LINE, Transform};
use crate::Shape;

/// Where the tiles of a convolution's input and output lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiling {
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    pub(crate) padding: usize,
    /// Columns of tiles.
    pub(crate) across: usize,
    /// Tiles of an image.
    pub(crate) per_image: usize,
}

impl Tiling {
    pub(crate) fn new<T: Transform>(input: Shape, output: Shape, padding: usize) -> Self {
        let across = output.width.div_ceil(T::TILE);
        Self { input, output, padding, across, per_image: across * output.height.div_ceil(T::TILE) }
    }

    /// Image, row and column of a tile.
    #[inline(always)]
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (image, rest) = (tile / self.per_image, tile % self.per_image);
        (image, rest / self.across, rest % self.across)
    }
}

/// Do `$body` for every vector of channels: whole vectors, then eight or fewer.
macro_rules! each_vector {
    ($S:ident, $channels:expr, |$channel:ident, $count:ident| $function:ident::<$vector:ident>($($argument:expr),*)) => {
        let mut $channel = 0;
        while $channel + $S::LANES <= $channels {
            let $count = $S::LANES;
            Self::$function::<$S>($($argument),*);
            $channel += $S::LANES;
        }
        while $channel < $channels {
            let $count = ($channels - $channel).min(8);
            Self::$function::<$S::Eight>($($argument),*);
            $channel += 8;
        }
    };
}

/// `V[q][tile][channel] = (Bᵀ x B)[q]` for some tiles.
pub(crate) struct InputTiles<'a, T> {
    pub(crate) tiling: Tiling,
    /// `[batch, input]`.
    pub(crate) x: &'a [f32],
    pub(crate) tiles: Range<usize>,
    /// Where the first of `tiles` goes.
    pub(crate) v: Scatter<'a>,
    /// Distance of neighbouring tiles: at least the channels rounded up to eight.
    pub(crate) row: usize,
    /// Distance of neighbouring `q`.
    pub(crate) plane: usize,
    pub(crate) transform: PhantomData<T>,
}

impl<T: Transform> InputTiles<'_, T> {
    #[inline(always)]
    unsafe fn channels<S: Simd>(&self, tile: usize, channel: usize, count: usize) {
        let Shape { height, width, channels } = self.tiling.input;
        let (image, tile_y, tile_x) = self.tiling.place(tile);
        let x = self.x[image * height * width * channels..].as_ptr();
        let to = self.v.at((tile - self.tiles.start) * self.row + channel);
        // SAFETY: pixels are compared with the map before they are read; `V` has room for
        // every tile of the range, whole vectors at a time.
        unsafe {
            let mut half = [[S::zero(); LINE]; LINE];
            for j in 0..T::SPAN {
                let mut line = [S::zero(); LINE];
                let column = (tile_x * T::STEP + j).wrapping_sub(self.tiling.padding);
                if column < width {
                    for i in 0..T::SPAN {
                        let row = (tile_y * T::STEP + i).wrapping_sub(self.tiling.padding);
                        if row < height {
                            line[i] = S::load_part(x.add((row * width + column) * channels + channel), count);
                        }
                    }
                }
                let line = T::input(line);
                for i in 0..T::SIDE {
                    half[i][j] = line[i];
                }
            }
            for i in 0..T::SIDE {
                let line = T::input(half[i]);
                for j in 0..T::SIDE {
                    line[j].store(to.add((i * T::SIDE + j) * self.plane));
                }
            }
        }
    }
}

impl<T: Transform> Kernel for InputTiles<'_, T> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for tile in self.tiles.clone() {
            // SAFETY: the caller vouches for the instructions, whoever made this for the bounds.
            unsafe {
                each_vector!(S, self.tiling.input.channels, |channel, count| channels::<S>(
                    &self, tile, channel, count
                ));
            }
        }
    }
}

/// `y = Aᵀ M A + bias` for one panel of channels of some tiles.
pub(crate) struct OutputTiles<'a, T> {
    pub(crate) tiling: Tiling,
    pub(crate) panel: usize,
    /// `[q][tile][width]` of this panel, from tile `first` on.
    pub(crate) m: &'a [f32],
    pub(crate) first: usize,
    /// Distance of neighbouring `q`, in tiles.
    pub(crate) plane: usize,
    pub(crate) tiles: Range<usize>,
    pub(crate) bias: Option<&'a [f32]>,
    /// `[batch, output]`.
    pub(crate) y: Scatter<'a>,
    pub(crate) transform: PhantomData<T>,
}

impl<T: Transform> OutputTiles<'_, T> {
    #[inline(always)]
    unsafe fn channels<S: Simd>(&self, tile: usize, channel: usize, count: usize) {
        let Shape { height, width, channels } = self.tiling.output;
        let (image, tile_y, tile_x) = self.tiling.place(tile);
        let width_here = panel_width(channels, self.panel);
        let m = self.m[(tile - self.first) * width_here + channel..].as_ptr();
        let plane = self.plane * width_here;
        let channel = self.panel * PANEL + channel;
        // SAFETY: `M` holds whole panels of every tile of the range; only pixels of the map
        // are written.
        unsafe {
            let bias = match self.bias {
                Some(bias) => S::load_part(bias[channel..channel + count].as_ptr(), count),
                None => S::zero(),
            };
            let mut half = [[S::zero(); LINE]; LINE];
            for j in 0..T::SIDE {
                let mut line = [S::zero(); LINE];
                for i in 0..T::SIDE {
                    line[i] = S::load(m.add((i * T::SIDE + j) * plane));
                }
                let line = T::output(line);
                for i in 0..T::TILE {
                    half[i][j] = line[i];
                }
            }
            for i in 0..T::TILE.min(height - tile_y * T::TILE) {
                let line = T::output(half[i]);
                let row = (image * height + tile_y * T::TILE + i) * width + tile_x * T::TILE;
                for j in 0..T::TILE {
                    if j < width - tile_x * T::TILE {
                        line[j].add(bias).store_part(self.y.at((row + j) * channels + channel), count);
                    }
                }
            }
        }
    }
}

impl<T: Transform> Kernel for OutputTiles<'_, T> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for tile in self.tiles.clone() {
            // SAFETY: the caller vouches for the instructions, whoever made this for the bounds.
            unsafe {
                let present = PANEL.min(self.tiling.output.channels - self.panel * PANEL);
                each_vector!(S, present, |channel, count| channels::<S>(&self, tile, channel, count));
            }
        }
    }
}

/// `M[panel][q][tile][width] = (A dy Aᵀ)[q]` for some tiles.
pub(crate) struct GradientTiles<'a, T> {
    pub(crate) tiling: Tiling,
    /// `[batch, output]`.
    pub(crate) dy: &'a [f32],
    pub(crate) tiles: Range<usize>,
    /// Where tile `first` goes, as in [`OutputTiles`].
    pub(crate) m: Scatter<'a>,
    pub(crate) first: usize,
    /// Distance of neighbouring `q`, in tiles.
    pub(crate) plane: usize,
    pub(crate) transform: PhantomData<T>,
}

impl<T: Adjoint> GradientTiles<'_, T> {
    #[inline(always)]
    unsafe fn channels<S: Simd>(&self, tile: usize, channel: usize, count: usize) {
        let Shape { height, width, channels } = self.tiling.output;
        let (image, tile_y, tile_x) = self.tiling.place(tile);
        let dy = self.dy[image * height * width * channels..].as_ptr();
        let (panel, lane) = (channel / PANEL, channel % PANEL);
        let panel_width = panel_width(channels, panel);
        let start = panel * PANEL * T::SIDE * T::SIDE * self.plane;
        let to = self.m.at(start + (tile - self.first) * panel_width + lane);
        let plane = self.plane * panel_width;
        // SAFETY: pixels are compared with the map before they are read; `M` has room for
        // whole panels of every tile.
        unsafe {
            let mut half = [[S::zero(); LINE]; LINE];
            for j in 0..T::TILE {
                let mut line = [S::zero(); LINE];
                let column = tile_x * T::TILE + j;
                if column < width {
                    for i in 0..T::TILE {
                        let row = tile_y * T::TILE + i;
                        if row < height {
                            line[i] =
                                S::load_part(dy.add((row * width + column) * channels + channel), count);
                        }
                    }
                }
                let line = T::gradient(line);
                for i in 0..T::SIDE {
                    half[i][j] = line[i];
                }
            }
            for i in 0..T::SIDE {
                let line = T::gradient(half[i]);
                for j in 0..T::SIDE {
                    line[j].store(to.add((i * T::SIDE + j) * plane));
                }
            }
        }
    }
}

impl<T: Adjoint> Kernel for GradientTiles<'_, T> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for tile in self.tiles.clone() {
            // SAFETY: the caller vouches for the instructions, whoever made this for the bounds.
            unsafe {
                each_vector!(S, self.tiling.output.channels, |channel, count| channels::<S>(
                    &self, tile, channel, count
                ));
            }
        }
    }
}
