//! The small matrices of Winograd's convolution.
//!
//! One dimension of `m` outputs of a kernel of `r` taps costs `m + r − 1` products:
//! `y = Aᵀ [(G w) ⊙ (Bᵀ x)]`; two dimensions apply it to rows and columns. The
//! matrices interpolate at the points 0, 1, −1 (, 2, −2) and ∞.
//!
//! Source: A. Lavin and S. Gray, *Fast algorithms for convolutional neural networks*, CVPR 2016.
#![allow(unsafe_code, clippy::inline_always)]

use super::super::simd::Simd;

/// One choice of outputs and taps. Arrays are as long as the largest choice needs;
/// the rest is zero.
pub(crate) trait Transform: Copy + Send + Sync {
    /// Inputs of a tile: `TILE + KERNEL − 1`.
    const SIDE: usize;
    /// Outputs of a tile.
    const TILE: usize;
    /// Taps.
    const KERNEL: usize;
    /// `G`, `[SIDE][KERNEL]`.
    const FILTER: [[f64; 5]; 6];

    /// `Bᵀ x`.
    ///
    /// # Safety
    /// As for the functions of [`Simd`].
    unsafe fn input<S: Simd>(x: [S; 6]) -> [S; 6];

    /// `Aᵀ m`.
    ///
    /// # Safety
    /// As for the functions of [`Simd`].
    unsafe fn output<S: Simd>(m: [S; 6]) -> [S; 4];

    /// `A y`: the adjoint of [`Transform::output`].
    ///
    /// # Safety
    /// As for the functions of [`Simd`].
    unsafe fn gradient<S: Simd>(y: [S; 4]) -> [S; 6];
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
unsafe fn six_points<S: Simd>(x: [S; 6]) -> [S; 6] {
    // SAFETY: the caller's promise.
    unsafe {
        let (two, four, five) = (S::splat(2.0), S::splat(4.0), S::splat(-5.0));
        let minus_four = S::splat(-4.0);
        let even = minus_four.mul_add(x[2], x[4]);
        let odd = minus_four.mul_add(x[1], x[3]);
        let even_two = x[4].sub(x[2]);
        let odd_two = two.mul(x[3].sub(x[1]));
        [
            four.mul_add(x[0], five.mul_add(x[2], x[4])),
            even.add(odd),
            even.sub(odd),
            even_two.add(odd_two),
            even_two.sub(odd_two),
            four.mul_add(x[1], five.mul_add(x[3], x[5])),
        ]
    }
}

impl Transform for FourOfThree {
    const SIDE: usize = 6;
    const TILE: usize = 4;
    const KERNEL: usize = 3;
    const FILTER: [[f64; 5]; 6] = [
        [1.0 / 4.0, 0.0, 0.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0, 0.0, 0.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0, 0.0, 0.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0, 0.0, 0.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 0.0],
    ];

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; 6]) -> [S; 6] {
        // SAFETY: the caller's promise.
        unsafe { six_points(x) }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; 6]) -> [S; 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (m[1].add(m[2]), m[1].sub(m[2]));
            let (even_two, odd_two) = (m[3].add(m[4]), m[3].sub(m[4]));
            [
                m[0].add(even).add(even_two),
                S::splat(2.0).mul_add(odd_two, odd),
                S::splat(4.0).mul_add(even_two, even),
                S::splat(8.0).mul_add(odd_two, odd).add(m[5]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; 4]) -> [S; 6] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (y[0].add(y[2]), y[1].add(y[3]));
            let even_two = S::splat(4.0).mul_add(y[2], y[0]);
            let odd_two = S::splat(2.0).mul_add(y[1], S::splat(8.0).mul(y[3]));
            [y[0], even.add(odd), even.sub(odd), even_two.add(odd_two), even_two.sub(odd_two), y[3]]
        }
    }
}

impl Transform for TwoOfThree {
    const SIDE: usize = 4;
    const TILE: usize = 2;
    const KERNEL: usize = 3;
    const FILTER: [[f64; 5]; 6] = [
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.5, 0.5, 0.5, 0.0, 0.0],
        [0.5, -0.5, 0.5, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 0.0],
        [0.0; 5],
        [0.0; 5],
    ];

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; 6]) -> [S; 6] {
        // SAFETY: the caller's promise.
        unsafe { [x[0].sub(x[2]), x[1].add(x[2]), x[2].sub(x[1]), x[1].sub(x[3]), S::zero(), S::zero()] }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; 6]) -> [S; 4] {
        // SAFETY: the caller's promise.
        unsafe { [m[0].add(m[1]).add(m[2]), m[1].sub(m[2]).sub(m[3]), S::zero(), S::zero()] }
    }

    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; 4]) -> [S; 6] {
        // SAFETY: the caller's promise.
        unsafe { [y[0], y[0].add(y[1]), y[0].sub(y[1]), S::zero().sub(y[1]), S::zero(), S::zero()] }
    }
}

impl Transform for TwoOfFive {
    const SIDE: usize = 6;
    const TILE: usize = 2;
    const KERNEL: usize = 5;
    const FILTER: [[f64; 5]; 6] = [
        [1.0 / 4.0, 0.0, 0.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0, 1.0 / 3.0, 2.0 / 3.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0, -1.0 / 3.0, 2.0 / 3.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ];

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; 6]) -> [S; 6] {
        // SAFETY: the caller's promise.
        unsafe { six_points(x) }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; 6]) -> [S; 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let first = m[0].add(m[1].add(m[2])).add(m[3].add(m[4]));
            let second = S::splat(2.0).mul_add(m[3].sub(m[4]), m[1].sub(m[2])).add(m[5]);
            [first, second, S::zero(), S::zero()]
        }
    }

    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; 4]) -> [S; 6] {
        // SAFETY: the caller's promise.
        unsafe {
            let two = S::splat(2.0).mul(y[1]);
            [y[0], y[0].add(y[1]), y[0].sub(y[1]), y[0].add(two), y[0].sub(two), y[1]]
        }
    }
}
