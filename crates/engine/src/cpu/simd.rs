//! Which vector instructions there are, found at run time, and one set of words for them.
//!
//! A kernel is written once over [`Simd`] and compiled for every [`Level`]. Within one
//! level the order of every sum is fixed; between levels the last bits may differ
//! (the portable level rounds a product before it is added).
#![allow(unsafe_code, clippy::inline_always)]

/// A set of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What every processor of the target has.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512F, AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// Every level this processor has, the best last.
    pub(crate) fn available() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            levels.push(Self::Avx2);
            if is_x86_feature_detected!("avx512f") {
                levels.push(Self::Avx512);
            }
        }
        levels
    }

    pub(crate) fn best() -> Self {
        *Self::available().last().expect("portable is always there")
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
        }
    }

    /// Run a kernel with this level's instructions.
    ///
    /// # Safety
    /// What the kernel asks for beside the instructions.
    pub(crate) unsafe fn run<K: Kernel>(self, kernel: K) {
        match self {
            // SAFETY: plain arithmetic needs no instruction set.
            Self::Portable => unsafe { kernel.run::<Eight>() },
            // SAFETY: a level is only handed out by `available`, which saw the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { x86::avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { x86::avx512(kernel) },
        }
    }

    /// Whether loops in plain Rust gain by being compiled for this level: see [`vectorise!`].
    /// AVX-512 brings loops bound by memory nothing beyond AVX2.
    pub(crate) const fn is_wide(self) -> bool {
        !matches!(self, Self::Portable)
    }
}

/// Compile a loop in plain Rust for a level: same values, wider instructions.
///
/// A macro, so that either way has a closure and a caller of its own: a closure that is
/// called in a single place of its own module is inlined there whatever its size, and only
/// then gets that place's instructions.
macro_rules! vectorise {
    ($level:expr, $work:expr) => {
        if $level.is_wide() {
            #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
            #[allow(unsafe_code)]
            unsafe fn wide(work: impl FnOnce()) {
                work();
            }
            #[allow(unsafe_code)]
            // SAFETY: a level is only handed out by `available`, which saw the instructions.
            unsafe {
                wide($work);
            }
        } else {
            ($work)();
        }
    };
}
pub(crate) use vectorise;

/// Work written over vectors of any kind.
pub(crate) trait Kernel {
    /// Do it.
    ///
    /// # Safety
    /// The processor must have the instructions of `S`.
    unsafe fn run<S: Simd>(self);
}

/// A vector of f32.
///
/// # Safety of its functions
/// The processor must have the instructions, and pointers must be good for
/// [`Simd::LANES`] values (`count` values in the partial forms).
pub(crate) trait Simd: Copy {
    const LANES: usize;
    /// Rows of a product kept in registers when a row has two vectors.
    const ROWS: usize;
    /// The vector of eight lanes at the same level.
    type Eight: Simd;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self · factor + term`.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;

    /// Begin to bring a line of memory nearer; a hint, for any address.
    #[inline(always)]
    fn fetch(_line: *const f32) {}

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::splat(0.0) }
    }

    /// The first `count` values, then zeros.
    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller's promise for a whole vector; else `count` values are read,
        // fewer than the 16 of the buffer.
        unsafe {
            if count == Self::LANES {
                return Self::load(from);
            }
            let mut buffer = [0.0_f32; 16];
            std::ptr::copy_nonoverlapping(from, buffer.as_mut_ptr(), count);
            Self::load(buffer.as_ptr())
        }
    }

    /// Write the first `count` values.
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: as in `load_part`.
        unsafe {
            if count == Self::LANES {
                return self.store(to);
            }
            let mut buffer = [0.0_f32; 16];
            self.store(buffer.as_mut_ptr());
            std::ptr::copy_nonoverlapping(buffer.as_ptr(), to, count);
        }
    }
}

/// Eight lanes in plain Rust.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(crate) struct Eight([f32; 8]);

impl Eight {
    #[inline(always)]
    fn map(mut self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        for lane in 0..8 {
            self.0[lane] = f(self.0[lane], other.0[lane]);
        }
        self
    }
}

impl Simd for Eight {
    const LANES: usize = 8;
    const ROWS: usize = if cfg!(target_arch = "aarch64") { 6 } else { 2 };
    type Eight = Self;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: good for eight values, the caller promises.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: good for eight values, the caller promises.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.map(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.map(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.map(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        let mut sum = term;
        for lane in 0..8 {
            // Where the target has no such instruction, `mul_add` would be a slow call.
            sum.0[lane] = if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                self.0[lane].mul_add(factor.0[lane], term.0[lane])
            } else {
                self.0[lane] * factor.0[lane] + term.0[lane]
            };
        }
        sum
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _MM_HINT_T1, _mm_prefetch, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_mul_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_ps, _mm512_fmadd_ps,
        _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_storeu_ps, _mm512_sub_ps,
    };

    use super::{Kernel, Simd};

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2<K: Kernel>(kernel: K) {
        // SAFETY: the instructions are those of this function.
        unsafe { kernel.run::<__m256>() }
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) unsafe fn avx512<K: Kernel>(kernel: K) {
        // SAFETY: the instructions are those of this function.
        unsafe { kernel.run::<__m512>() }
    }

    macro_rules! vector {
        ($vector:ty, $lanes:literal, $rows:literal, $splat:ident, $load:ident, $store:ident, $add:ident,
         $sub:ident, $mul:ident, $mul_add:ident) => {
            // SAFETY of every function: the trait's contract is the instruction's.
            impl Simd for $vector {
                const LANES: usize = $lanes;
                const ROWS: usize = $rows;
                type Eight = __m256;

                #[inline(always)]
                fn fetch(line: *const f32) {
                    // SAFETY: the instruction reads nothing; SSE is in every processor of the target.
                    unsafe { _mm_prefetch::<_MM_HINT_T1>(line.cast()) }
                }
                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    unsafe { $splat(value) }
                }
                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    unsafe { $store(to, self) }
                }
                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    unsafe { $add(self, other) }
                }
                #[inline(always)]
                unsafe fn sub(self, other: Self) -> Self {
                    unsafe { $sub(self, other) }
                }
                #[inline(always)]
                unsafe fn mul(self, other: Self) -> Self {
                    unsafe { $mul(self, other) }
                }
                #[inline(always)]
                unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
                    unsafe { $mul_add(self, factor, term) }
                }
            }
        };
    }

    vector!(
        __m256,
        8,
        6,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps
    );
    vector!(
        __m512,
        16,
        8,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Multiply<'a>(&'a [f32; 20], &'a mut [f32; 20]);

    impl Kernel for Multiply<'_> {
        #[inline(always)]
        unsafe fn run<S: Simd>(self) {
            for start in (0..20).step_by(S::LANES) {
                let count = S::LANES.min(20 - start);
                // SAFETY: `count` values are left.
                unsafe {
                    let x = S::load_part(self.0.as_ptr().add(start), count);
                    x.mul_add(x, S::splat(1.0))
                        .sub(x.add(x))
                        .mul(x)
                        .store_part(self.1.as_mut_ptr().add(start), count);
                }
            }
        }
    }

    #[test]
    fn every_level_computes_the_same_small_integers() {
        let x: [f32; 20] = std::array::from_fn(|index| index as f32);
        for level in Level::available() {
            let mut y = [f32::NAN; 20];
            // SAFETY: this kernel stays within its arrays.
            unsafe { level.run(Multiply(&x, &mut y)) };
            assert_eq!(y, x.map(|x| (x * x + 1.0 - 2.0 * x) * x), "{}", level.name());
        }
    }
}
