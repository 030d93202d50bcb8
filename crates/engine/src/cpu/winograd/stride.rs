//! Transforms for stride 2, in either direction.
//!
//! Even and odd taps of a kernel never meet: seen by every second pixel, a convolution is
//! the sum of one of its even taps with the even inputs and one of its odd taps with the
//! odd inputs; its adjoint gives the even outputs by one half of the taps and the odd ones by
//! the other. In one dimension, `m` pixels of the smaller map and three taps take
//! `(m + 1) + m` products instead of `3 m`; the `m` products with the single odd tap share
//! their filter.
#![allow(unsafe_code, clippy::inline_always)]

use std::marker::PhantomData;

use super::super::simd::Simd;
use super::pair::{self, join, second_half};
use super::transform::{Adjoint, FilterMatrix, LINE, Transform, filter_matrix, line};

/// A convolution of stride 2 by the transforms of its even taps, `E`, and of its odd ones, `O`.
#[derive(Clone, Copy)]
pub(crate) struct Halve<E, O>(PhantomData<(E, O)>);

/// The adjoint: outputs twice as dense as the inputs, for a padding of half the kernel.
///
/// Its kernel is turned, as that of every adjoint: taps keep their parity.
#[derive(Clone, Copy)]
pub(crate) struct Double<E, O>(PhantomData<(E, O)>);

impl<E: Transform, O: Transform> Transform for Halve<E, O> {
    const KERNEL: usize = E::KERNEL + O::KERNEL;
    const TILE: usize = E::TILE;
    const SIDE: usize = E::SIDE + O::SIDE;
    const FILTERS: usize = E::FILTERS + O::FILTERS;
    const SPAN: usize = 2 * E::TILE + Self::KERNEL - 2;
    const STEP: usize = 2 * E::TILE;
    const FILTER: FilterMatrix = pair::filters::<E, O>([0, 1], 2);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let (mut even, mut odd) = (line::<S, 0>([]), line::<S, 0>([]));
            for index in 0..Self::SPAN {
                if index % 2 == 0 {
                    even[index / 2] = x[index];
                } else {
                    odd[index / 2] = x[index];
                }
            }
            join::<S, E, O>(E::input(even), O::input(odd))
        }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { pair::sum::<S, E, O>(m) }
    }
}

impl<E: Adjoint, O: Adjoint> Adjoint for Halve<E, O> {
    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { pair::gradient::<S, E, O>(y) }
    }
}

impl<E: Transform, O: Transform> Transform for Double<E, O> {
    const KERNEL: usize = E::KERNEL + O::KERNEL;
    const TILE: usize = 2 * E::TILE;
    const SIDE: usize = E::SIDE + O::SIDE;
    const FILTERS: usize = E::FILTERS + O::FILTERS;
    const SPAN: usize = E::SPAN;
    const STEP: usize = E::TILE;
    const FILTER: FilterMatrix = pair::filters::<E, O>([0, 1], 2);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let mut odd = line::<S, 0>([]);
            let start = Self::KERNEL / 2 - 1;
            odd[..O::SPAN].copy_from_slice(&x[start..start + O::SPAN]);
            join::<S, E, O>(E::input(x), O::input(odd))
        }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (E::output(m), O::output(second_half::<S, E, O>(m)));
            let mut all = line::<S, 0>([]);
            // With an even padding, even taps meet at even outputs.
            let first = Self::KERNEL / 2 % 2;
            for index in 0..E::TILE {
                all[2 * index + first] = even[index];
                all[2 * index + 1 - first] = odd[index];
            }
            all
        }
    }
}

/// `TILE` outputs of one tap: products as they are, all with the same filter.
#[derive(Clone, Copy)]
pub(crate) struct Single<const TILE: usize>;

impl<const TILE: usize> Transform for Single<TILE> {
    const KERNEL: usize = 1;
    const TILE: usize = TILE;
    const SIDE: usize = TILE;
    const FILTERS: usize = 1;
    const FILTER: FilterMatrix = filter_matrix([[1.0]]);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        x
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        m
    }
}

impl<const TILE: usize> Adjoint for Single<TILE> {
    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE] {
        y
    }
}

/// Four outputs of two taps, at the points 0, ±1, 2, ∞.
#[derive(Clone, Copy)]
pub(crate) struct FourOfTwo;

/// Two outputs of two taps, at the points 0, 1, ∞.
#[derive(Clone, Copy)]
pub(crate) struct TwoOfTwo;

impl Transform for FourOfTwo {
    const KERNEL: usize = 2;
    const TILE: usize = 4;
    const SIDE: usize = 5;
    const FILTER: FilterMatrix = filter_matrix([
        [1.0 / 2.0, 0.0],
        [-1.0 / 2.0, -1.0 / 2.0],
        [-1.0 / 6.0, 1.0 / 6.0],
        [1.0 / 6.0, 1.0 / 3.0],
        [0.0, 1.0],
    ]);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let (two, minus_two) = (S::splat(2.0), S::splat(-2.0));
            let odd = x[3].sub(x[1]);
            line([
                two.mul_add(x[0].sub(x[2]), odd),
                minus_two.mul_add(x[1], x[3].sub(x[2])),
                two.mul_add(x[1], S::splat(-3.0).mul_add(x[2], x[3])),
                odd,
                minus_two.mul_add(odd, x[4].sub(x[2])),
            ])
        }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (m[1].add(m[2]), m[1].sub(m[2]));
            line([
                m[0].add(even).add(m[3]),
                S::splat(2.0).mul_add(m[3], odd),
                S::splat(4.0).mul_add(m[3], even),
                S::splat(8.0).mul_add(m[3], odd).add(m[4]),
            ])
        }
    }
}

impl Adjoint for FourOfTwo {
    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (y[0].add(y[2]), y[1].add(y[3]));
            let two =
                S::splat(2.0).mul_add(S::splat(4.0).mul_add(y[3], y[1]), S::splat(4.0).mul_add(y[2], y[0]));
            line([y[0], even.add(odd), even.sub(odd), two, y[3]])
        }
    }
}

impl Transform for TwoOfTwo {
    const KERNEL: usize = 2;
    const TILE: usize = 2;
    const SIDE: usize = 3;
    const FILTER: FilterMatrix = filter_matrix([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]);

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { line([x[0].sub(x[1]), x[1], x[2].sub(x[1])]) }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>(m: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { line([m[0].add(m[1]), m[1].add(m[2])]) }
    }
}

impl Adjoint for TwoOfTwo {
    #[inline(always)]
    unsafe fn gradient<S: Simd>(y: [S; LINE]) -> [S; LINE] {
        // SAFETY: the caller's promise.
        unsafe { line([y[0], y[0].add(y[1]), y[1]]) }
    }
}
