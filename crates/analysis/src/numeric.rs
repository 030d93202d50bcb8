//! Sums of products, in f64 and in one fixed order.
//!
//! A product of two f32 values is exact in f64, so only the order of additions decides the
//! bits of a result, and here it depends on nothing but the number of units. Products of f64
//! values are rounded unless they are fused with the sum that follows: those of [`Panels`], and
//! squares that are held beside them, are fused on every processor, all others on none.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

/// Sums that run side by side, so that the processor need not wait for each addition.
const LANES: usize = 8;

/// `Σ_u term(a_u, b_u)`: eight interleaved sums, then those in order.
#[inline(always)]
pub(crate) fn interleaved<A, B>(a: &[A], b: &[B], term: impl Fn(f64, f64) -> f64) -> f64
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    let mut sums = [0.0; LANES];
    let (heads, tails) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = heads.remainder().iter().zip(tails.remainder());
    for (x, y) in heads.zip(tails) {
        for lane in 0..LANES {
            sums[lane] += term(x[lane].into(), y[lane].into());
        }
    }
    for (lane, (&x, &y)) in rest.enumerate() {
        sums[lane] += term(x.into(), y.into());
    }
    sums.iter().sum()
}

/// `a · b`
#[inline(always)]
pub(crate) fn dot<A: Copy + Into<f64>, B: Copy + Into<f64>>(a: &[A], b: &[B]) -> f64 {
    interleaved(a, b, |x, y| x * y)
}

/// `‖a‖₂`
#[inline(always)]
pub(crate) fn norm<A: Copy + Into<f64>>(a: &[A]) -> f64 {
    dot(a, a).sqrt()
}

/// `a − b`, so that what is small is not lost in the difference of two large sums.
#[inline(always)]
pub(crate) fn difference(a: &[f32], b: &[f32]) -> Vec<f64> {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) - f64::from(y)).collect()
}

/// Whether all values are finite; all are looked at, many at a time.
#[inline(always)]
pub(crate) fn all_finite(values: &[f32]) -> bool {
    values.iter().fold(true, |finite, value| finite & value.is_finite())
}

/// Do `work` with the widest vector instructions of this processor. Only what is inlined is
/// compiled for them: the closure must be `#[inline(always)]`, and so must what it calls. Bits do
/// not depend on it, as a product and a sum are never contracted.
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// Vectors multiplied together, so that each weight that is loaded serves all of them: as many as the
/// registers hold sums for, of 32 wide or 16 narrow ones.
const fn tile(lanes: usize) -> usize {
    if lanes == MOST_LANES { MOST_TILE } else { 6 }
}

/// The largest of tiles.
const MOST_TILE: usize = 8;

/// What products are formed of.
pub(crate) trait Factor: Copy + Into<f64> {
    /// Whether the product of two is exact in f64, so that a processor may fuse it with a sum or not.
    const EXACT: bool;
}

impl Factor for f32 {
    const EXACT: bool = true;
}

impl Factor for f64 {
    const EXACT: bool = false;
}

/// A matrix laid out for products with many vectors: panels of as many rows as two registers
/// hold, unit by unit; the last panel may be of one register.
pub(crate) struct Panels<T> {
    /// `[panel][unit][row of the panel]`, rows beyond the last are zero.
    values: Vec<f64>,
    n_rows: usize,
    n_units: usize,
    of: PhantomData<T>,
}

impl<T: Factor> Panels<T> {
    /// `weight`: `[row, unit]` in standard layout.
    pub(crate) fn new(weight: &[T], n_rows: usize, n_units: usize) -> Self {
        let mut panels = Self::zeros(n_rows, n_units);
        panels.fill(0..n_units, |row, unit| weight[row * n_units + unit]);
        panels
    }

    /// `columns`: `[unit, row]` in standard layout.
    pub(crate) fn of_columns(columns: &[T], n_rows: usize, n_units: usize) -> Self {
        let mut panels = Self::zeros(n_rows, n_units);
        panels.fill(0..n_units, |row, unit| columns[unit * n_rows + row]);
        panels
    }

    /// Zeros, to be set unit by unit.
    pub(crate) fn zeros(n_rows: usize, n_units: usize) -> Self {
        let lanes = Arch::new().dispatch(Lanes);
        Self { values: vec![0.0; n_rows.next_multiple_of(lanes) * n_units], n_rows, n_units, of: PhantomData }
    }

    /// What every row has of a unit: `[row]`.
    pub(crate) fn set_unit(&mut self, unit: usize, column: &[T]) {
        self.fill(unit..unit + 1, |row, _| column[row]);
    }

    fn fill(&mut self, units: Range<usize>, weight: impl Fn(usize, usize) -> T) {
        let lanes = Arch::new().dispatch(Lanes);
        for (first, width) in panels(self.n_rows, lanes) {
            let panel = &mut self.values[first * self.n_units..][..width * self.n_units];
            let there = first..self.n_rows.min(first + width);
            for unit in units.clone() {
                for (value, row) in panel[unit * width..].iter_mut().zip(there.clone()) {
                    *value = weight(row, unit).into();
                }
            }
        }
    }

    /// The product of every row with every vector, the sum over units in their order:
    /// `[vector, row]`.
    ///
    /// # Shapes
    /// - `vectors`: `[vector, unit]`, standard layout
    pub(crate) fn products<V: Factor>(&self, vectors: &[V]) -> Vec<f64> {
        let mut products = vec![0.0; vectors.len() / self.n_units * self.n_rows];
        Arch::new().dispatch(Products { panels: self, vectors, into: &mut products });
        products
    }

    /// Products of a tile of vectors: `[R, unit]` to `[R, row]`.
    #[inline(always)]
    fn tile<V: Factor, S: Simd, const R: usize>(&self, simd: S, tile: &[f64], products: &mut [f64]) {
        let mut values = &self.values[..];
        for (first, width) in panels(self.n_rows, S::F64_LANES) {
            let (panel, rest) = values.split_at(self.n_units * width);
            values = rest;
            if width == S::F64_LANES {
                self.panel::<V, S, R, 1>(simd, panel, tile, first, products);
            } else {
                self.panel::<V, S, R, 2>(simd, panel, tile, first, products);
            }
        }
    }

    /// The rows from `first` on that one panel of `N` registers holds.
    #[inline(always)]
    fn panel<V: Factor, S: Simd, const R: usize, const N: usize>(
        &self,
        simd: S,
        panel: &[f64],
        tile: &[f64],
        first: usize,
        products: &mut [f64],
    ) {
        let vectors: [&[f64]; R] =
            std::array::from_fn(|at| &tile[at * self.n_units..(at + 1) * self.n_units]);
        let mut sums = [[simd.splat_f64s(0.0); N]; R];
        // Indices of constant range: the sums stay in registers.
        for (unit, weights) in S::as_simd_f64s(panel).0.chunks_exact(N).enumerate() {
            for at in 0..R {
                let value = simd.splat_f64s(vectors[at][unit]);
                for n in 0..N {
                    sums[at][n] = if T::EXACT && V::EXACT {
                        simd.mul_add_e_f64s(weights[n], value, sums[at][n])
                    } else {
                        simd.mul_add_f64s(weights[n], value, sums[at][n])
                    };
                }
            }
        }
        let mut row = [0.0; 2 * MOST_LANES];
        let there = (N * S::F64_LANES).min(self.n_rows - first);
        for (at, products) in products.chunks_exact_mut(self.n_rows).enumerate().take(R) {
            let registers = S::as_mut_simd_f64s(&mut row).0;
            for (register, sum) in registers.iter_mut().zip(sums[at]) {
                *register = sum;
            }
            products[first..first + there].copy_from_slice(&row[..there]);
        }
    }
}

/// Doubles in the widest register there is.
const MOST_LANES: usize = 8;

/// First row and width of every panel.
fn panels(n_rows: usize, lanes: usize) -> impl Iterator<Item = (usize, usize)> {
    let width = move |first: usize| if n_rows - first > lanes { 2 * lanes } else { lanes };
    (0..n_rows).step_by(2 * lanes).map(move |first| (first, width(first)))
}

/// How many doubles a register holds.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F64_LANES
    }
}

struct Products<'a, T, V> {
    panels: &'a Panels<T>,
    vectors: &'a [V],
    into: &'a mut [f64],
}

impl<T: Factor, V: Factor> WithSimd for Products<'_, T, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Panels { n_rows, n_units, .. } = *self.panels;
        let tile = tile(S::F64_LANES);
        let mut wide = vec![0.0; tile * n_units];
        let tiles = self.vectors.chunks(tile * n_units).zip(self.into.chunks_mut(tile * n_rows));
        for (vectors, products) in tiles {
            wide.iter_mut().zip(vectors).for_each(|(wide, &value)| *wide = value.into());
            match vectors.len() / n_units {
                1 => self.panels.tile::<V, S, 1>(simd, &wide, products),
                2 => self.panels.tile::<V, S, 2>(simd, &wide, products),
                3 => self.panels.tile::<V, S, 3>(simd, &wide, products),
                4 => self.panels.tile::<V, S, 4>(simd, &wide, products),
                5 => self.panels.tile::<V, S, 5>(simd, &wide, products),
                6 => self.panels.tile::<V, S, 6>(simd, &wide, products),
                7 => self.panels.tile::<V, S, 7>(simd, &wide, products),
                _ => self.panels.tile::<V, S, MOST_TILE>(simd, &wide, products),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use super::*;

    fn values(n: usize, seed: u64) -> Vec<f32> {
        let mut stream = Stream::new(seed, &[]);
        (0..n).map(|_| stream.between(-1.0, 1.0) as f32).collect()
    }

    #[test]
    fn products_are_the_plain_sums_to_the_bit() {
        for (n_rows, n_units, n_vectors) in [(1, 1, 1), (7, 5, 3), (8, 13, 6), (19, 40, 14), (100, 9, 25)] {
            let (weight, vectors) = (values(n_rows * n_units, 1), values(n_vectors * n_units, 2));
            let products = Panels::new(&weight, n_rows, n_units).products(&vectors);
            for vector in 0..n_vectors {
                for row in 0..n_rows {
                    let mut plain = 0.0;
                    for unit in 0..n_units {
                        plain += f64::from(weight[row * n_units + unit])
                            * f64::from(vectors[vector * n_units + unit]);
                    }
                    assert_eq!(products[vector * n_rows + row], plain);
                }
            }
        }
    }

    #[test]
    fn products_of_rounded_factors_are_the_plain_sums_to_the_bit() {
        for (n_rows, n_units, n_vectors) in [(1, 1, 1), (7, 5, 3), (19, 40, 14)] {
            let wide =
                |n, seed| -> Vec<f64> { values(n, seed).iter().map(|&x| f64::from(x).cbrt()).collect() };
            let (weight, vectors) = (wide(n_rows * n_units, 1), wide(n_vectors * n_units, 2));
            let products = Panels::new(&weight, n_rows, n_units).products(&vectors);
            for (index, &product) in products.iter().enumerate() {
                let (vector, row) = (index / n_rows, index % n_rows);
                let plain = (0..n_units).fold(0.0, |sum, unit| {
                    weight[row * n_units + unit].mul_add(vectors[vector * n_units + unit], sum)
                });
                assert_eq!(product, plain);
            }
        }
    }

    #[test]
    fn norms_and_differences_are_those_of_the_plain_sums() {
        for n in [1, 8, 29] {
            let (a, b) = (values(n, 1), values(n, 2));
            let square = |x: f64| x * x;
            let plain: f64 = a.iter().map(|&x| square(f64::from(x))).sum();
            assert!((norm(&a) - plain.sqrt()).abs() < 1e-14 * plain.sqrt());
            let plain: f64 = a.iter().zip(&b).map(|(&x, &y)| square(f64::from(x) - f64::from(y))).sum();
            assert!((norm(&difference(&a, &b)) - plain.sqrt()).abs() < 1e-14 * plain.sqrt());
        }
    }
}
