//! Two transforms side by side, each with taps of its own: what they give is summed.
#![allow(unsafe_code, clippy::inline_always)]

use super::super::simd::Simd;
use super::transform::{Adjoint, FilterMatrix, LINE, TAPS, Transform};

/// Filters of both; their taps begin at `firsts`, and lie `step` apart.
pub(crate) const fn filters<A: Transform, B: Transform>(firsts: [usize; 2], step: usize) -> FilterMatrix {
    let mut matrix = [[0.0; TAPS]; LINE];
    let mut filter = 0;
    while filter < A::FILTERS + B::FILTERS {
        let (row, first, taps) = if filter < A::FILTERS {
            (A::FILTER[filter], firsts[0], A::KERNEL)
        } else {
            (B::FILTER[filter - A::FILTERS], firsts[1], B::KERNEL)
        };
        let mut tap = 0;
        while tap < taps {
            matrix[filter][first + step * tap] = row[tap];
            tap += 1;
        }
        filter += 1;
    }
    matrix
}

/// The products of two transforms, one after the other.
///
/// # Safety
/// As for the functions of [`Simd`].
#[inline(always)]
pub(crate) unsafe fn join<S: Simd, A: Transform, B: Transform>(
    first: [S; LINE],
    second: [S; LINE],
) -> [S; LINE] {
    let mut joined = first;
    joined[A::SIDE..A::SIDE + B::SIDE].copy_from_slice(&second[..B::SIDE]);
    joined
}

/// What [`join`] joined, those of the second as a line of its own.
///
/// # Safety
/// As for the functions of [`Simd`].
#[inline(always)]
pub(crate) unsafe fn second_half<S: Simd, A: Transform, B: Transform>(joined: [S; LINE]) -> [S; LINE] {
    // SAFETY: the caller's promise.
    let mut second = [unsafe { S::zero() }; LINE];
    second[..B::SIDE].copy_from_slice(&joined[A::SIDE..A::SIDE + B::SIDE]);
    second
}

/// The sum of what both give.
///
/// # Safety
/// As for the functions of [`Simd`].
#[inline(always)]
pub(crate) unsafe fn sum<S: Simd, A: Transform, B: Transform>(m: [S; LINE]) -> [S; LINE] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = A::output(m);
        let second = B::output(second_half::<S, A, B>(m));
        for index in 0..A::TILE {
            sum[index] = sum[index].add(second[index]);
        }
        sum
    }
}

/// The adjoint of [`sum`].
///
/// # Safety
/// As for the functions of [`Simd`].
#[inline(always)]
pub(crate) unsafe fn gradient<S: Simd, A: Adjoint, B: Adjoint>(y: [S; LINE]) -> [S; LINE] {
    // SAFETY: the caller's promise.
    unsafe { join::<S, A, B>(A::gradient(y), B::gradient(y)) }
}
