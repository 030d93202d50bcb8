//! Transforms for long kernels: a kernel is the sum of its first taps and the rest.
//!
//! Short transforms round little, long ones much: `m` outputs of seven taps take `m + 2` products
//! for the first three and `m + 3` for the other four, at the points of short transforms.
#![allow(unsafe_code, clippy::inline_always)]

use std::marker::PhantomData;

use super::super::simd::Simd;
use super::pair::{self, join};
use super::transform::{Adjoint, FilterMatrix, FourOfThree, LINE, Transform, filter_matrix, line};

/// A convolution by the transforms of its first taps, `A`, and of those that follow, `B`.
#[derive(Clone, Copy)]
pub(crate) struct Chain<A, B>(PhantomData<(A, B)>);

impl<A: Transform, B: Transform> Transform for Chain<A, B> {
    const KERNEL: usize = A::KERNEL + B::KERNEL;
    const TILE: usize = A::TILE;
    const SIDE: usize = A::SIDE + B::SIDE;
    const FILTERS: usize = A::FILTERS + B::FILTERS;
    const SPAN: usize = A::TILE + Self::KERNEL - 1;
    const FILTER: FilterMatrix = pair::filters::<A, B>([0, A::KERNEL], 1);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let mut rest = line::<S, 0>([]);
            rest[..B::SPAN].copy_from_slice(&x[A::KERNEL..A::KERNEL + B::SPAN]);
            join::<S, A, B>(A::input(x), B::input(rest))
        }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { pair::sum::<S, A, B>(m) }
    }
}

impl<A: Adjoint, B: Adjoint> Adjoint for Chain<A, B> {
    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { pair::gradient::<S, A, B>(y) }
    }
}

/// Four outputs of four taps: the points of [`FourOfThree`], and ½.
#[derive(Clone, Copy)]
pub(crate) struct FourOfFour;

impl Transform for FourOfFour {
    const KERNEL: usize = 4;
    const TILE: usize = 4;
    const SIDE: usize = 7;
    const FILTER: FilterMatrix = filter_matrix([
        [-1.0 / 2.0, 0.0, 0.0, 0.0],
        [-1.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0],
        [1.0 / 9.0, -1.0 / 9.0, 1.0 / 9.0, -1.0 / 9.0],
        [1.0 / 36.0, 1.0 / 18.0, 1.0 / 9.0, 2.0 / 9.0],
        [-1.0 / 60.0, 1.0 / 30.0, -1.0 / 15.0, 2.0 / 15.0],
        [0.0, 0.0, 0.0, 1.0],
        [32.0 / 45.0, 16.0 / 45.0, 8.0 / 45.0, 4.0 / 45.0],
    ]);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            // At the other points the factor of ½, `x − ½`, comes first.
            let minus_half = S::splat(-0.5);
            let mut differences = line::<S, 0>([]);
            for index in 0..6 {
                differences[index] = minus_half.mul_add(x[index], x[index + 1]);
            }
            let mut products = FourOfThree::input(differences);
            products[6] = FourOfThree::input(x)[5];
            products
        }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let mut y = FourOfThree::output(m);
            for (index, power) in [1.0, 0.5, 0.25, 0.125].into_iter().enumerate() {
                y[index] = S::splat(power).mul_add(m[6], y[index]);
            }
            y
        }
    }
}

impl Adjoint for FourOfFour {
    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let half = S::splat(0.5);
            let mut products = FourOfThree::gradient(y);
            products[6] = half.mul_add(half.mul_add(half.mul_add(y[3], y[2]), y[1]), y[0]);
            products
        }
    }
}
