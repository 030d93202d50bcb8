//! The small matrices of Winograd's convolution.
//!
//! One dimension of `m` outputs of a kernel of `r` taps costs `m + r − 1` products:
//! `y = Aᵀ [(G w) ⊙ (Bᵀ x)]`; two dimensions apply it to rows and columns. The
//! matrices interpolate at the points 0, 1, −1, 2, −2, ½, −½ and ∞, as many as it takes.
//!
//! Source: A. Lavin and S. Gray, *Fast algorithms for convolutional neural networks*, CVPR 2016.
#![allow(unsafe_code, clippy::inline_always)]

use super::super::simd::Simd;

/// Length of the arrays that hold a line of a tile: as long as the largest transform
/// needs; the rest is zero.
pub(crate) const LINE: usize = 13;

/// Taps of the longest kernel.
pub(crate) const TAPS: usize = 7;

/// `G` of up to [`LINE`] filters of up to [`TAPS`] taps.
pub(crate) type FilterMatrix = [[f64; TAPS]; LINE];

/// One choice of outputs and taps, in one dimension.
pub(crate) trait Transform: Copy + Send + Sync {
    /// Taps.
    const KERNEL: usize;
    /// Outputs of a tile.
    const TILE: usize;
    /// Products of a tile.
    const SIDE: usize;
    /// Filters that they are products with: the last of them serves all products from
    /// `FILTERS − 1` on.
    const FILTERS: usize = Self::SIDE;
    /// Inputs of a tile.
    const SPAN: usize = Self::SIDE;
    /// Inputs from a tile to the next.
    const STEP: usize = Self::TILE;
    /// `G`, `[FILTERS][KERNEL]`.
    const FILTER: FilterMatrix;

    /// `Bᵀ x`: products from inputs.
    ///
    /// # Safety
    /// As for the functions of [`Simd`].
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE];

    /// `Aᵀ m`: outputs from products.
    ///
    /// # Safety
    /// As for the functions of [`Simd`].
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE];
}

/// A transform that weight gradients can be summed in.
pub(crate) trait Adjoint: Transform {
    /// `A y`: the adjoint of [`Transform::output`].
    ///
    /// # Safety
    /// As for the functions of [`Simd`].
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE];
}

/// A matrix of the size all have.
pub(crate) const fn filter_matrix<const ROWS: usize, const COLUMNS: usize>(
    rows: [[f64; COLUMNS]; ROWS],
) -> FilterMatrix {
    let mut matrix = [[0.0; TAPS]; LINE];
    let mut filter = 0;
    while filter < ROWS {
        let mut tap = 0;
        while tap < COLUMNS {
            matrix[filter][tap] = rows[filter][tap];
            tap += 1;
        }
        filter += 1;
    }
    matrix
}

/// A line of a tile from its first values.
///
/// # Safety
/// As for the functions of [`Simd`].
#[inline(always)]
pub(crate) unsafe fn line<S: Simd, const LENGTH: usize>(values: [S; LENGTH]) -> [S; LINE] {
    // SAFETY: the caller's promise.
    let mut line = [unsafe { S::zero() }; LINE];
    line[..LENGTH].copy_from_slice(&values);
    line
}

/// Four outputs of three taps.
#[derive(Clone, Copy)]
pub(crate) struct FourOfThree;

/// Two outputs of three taps: less rounding.
#[derive(Clone, Copy)]
pub(crate) struct TwoOfThree;

/// Two outputs of five taps.
#[derive(Clone, Copy)]
pub(crate) struct TwoOfFive;

/// `Bᵀ` at the points 0, ±1, ±2, ∞.
///
/// # Safety
/// As for the functions of [`Simd`].
#[inline(always)]
unsafe fn six_points<S: Simd>(x: [S; LINE]) -> [S; LINE] {
    // SAFETY: the caller's promise.
    unsafe {
        let (two, four, five) = (S::splat(2.0), S::splat(4.0), S::splat(-5.0));
        let minus_four = S::splat(-4.0);
        let even = minus_four.mul_add(x[2], x[4]);
        let odd = minus_four.mul_add(x[1], x[3]);
        let even_two = x[4].sub(x[2]);
        let odd_two = two.mul(x[3].sub(x[1]));
        line([
            four.mul_add(x[0], five.mul_add(x[2], x[4])),
            even.add(odd),
            even.sub(odd),
            even_two.add(odd_two),
            even_two.sub(odd_two),
            four.mul_add(x[1], five.mul_add(x[3], x[5])),
        ])
    }
}

impl Transform for FourOfThree {
    const KERNEL: usize = 3;
    const TILE: usize = 4;
    const SIDE: usize = 6;
    const FILTER: FilterMatrix = filter_matrix([
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ]);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { six_points(x) }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (m[1].add(m[2]), m[1].sub(m[2]));
            let (even_two, odd_two) = (m[3].add(m[4]), m[3].sub(m[4]));
            line([
                m[0].add(even).add(even_two),
                S::splat(2.0).mul_add(odd_two, odd),
                S::splat(4.0).mul_add(even_two, even),
                S::splat(8.0).mul_add(odd_two, odd).add(m[5]),
            ])
        }
    }
}

impl Adjoint for FourOfThree {
    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (y[0].add(y[2]), y[1].add(y[3]));
            let even_two = S::splat(4.0).mul_add(y[2], y[0]);
            let odd_two = S::splat(2.0).mul_add(y[1], S::splat(8.0).mul(y[3]));
            line([y[0], even.add(odd), even.sub(odd), even_two.add(odd_two), even_two.sub(odd_two), y[3]])
        }
    }
}

impl Transform for TwoOfThree {
    const KERNEL: usize = 3;
    const TILE: usize = 2;
    const SIDE: usize = 4;
    const FILTER: FilterMatrix =
        filter_matrix([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]]);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { line([x[0].sub(x[2]), x[1].add(x[2]), x[2].sub(x[1]), x[1].sub(x[3])]) }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { line([m[0].add(m[1]).add(m[2]), m[1].sub(m[2]).sub(m[3])]) }
    }
}

impl Adjoint for TwoOfThree {
    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { line([y[0], y[0].add(y[1]), y[0].sub(y[1]), S::zero().sub(y[1])]) }
    }
}

impl Transform for TwoOfFive {
    const KERNEL: usize = 5;
    const TILE: usize = 2;
    const SIDE: usize = 6;
    const FILTER: FilterMatrix = filter_matrix([
        [1.0 / 4.0, 0.0, 0.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0, 1.0 / 3.0, 2.0 / 3.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0, -1.0 / 3.0, 2.0 / 3.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ]);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { six_points(x) }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let first = m[0].add(m[1].add(m[2])).add(m[3].add(m[4]));
            let second = S::splat(2.0).mul_add(m[3].sub(m[4]), m[1].sub(m[2])).add(m[5]);
            line([first, second])
        }
    }
}

impl Adjoint for TwoOfFive {
    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let two = S::splat(2.0).mul(y[1]);
            line([y[0], y[0].add(y[1]), y[0].sub(y[1]), y[0].add(two), y[0].sub(two), y[1]])
        }
    }
}
