//! AVX2 with FMA, and AVX-512F.

use super::Vector;
use std::arch::x86_64::*;

/// Declares a register type for one instruction set and precision. The masks select the first `n` lanes.
macro_rules! vector {
    (
        $name:ident, $scalar:ty, $register:ty, $lanes:literal, $doc:literal,
        $zero:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident,
        |$n:ident| $mask:expr, |$from:ident, $m:ident| $load_masked:expr, |$to:ident, $s:ident, $v:ident| $store_masked:expr
    ) => {
        #[doc = $doc]
        #[derive(Clone, Copy)]
        pub(crate) struct $name($register);

        impl Vector for $name {
            type Scalar = $scalar;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller vouches for the instruction set.
                Self(unsafe { $zero() })
            }

            #[inline(always)]
            unsafe fn splat(x: $scalar) -> Self {
                // SAFETY: the caller vouches for the instruction set.
                Self(unsafe { $splat(x) })
            }

            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                // SAFETY: the caller vouches for the instruction set and for a register's worth of readable floats.
                Self(unsafe { $load(from) })
            }

            #[inline(always)]
            unsafe fn load_first($from: *const $scalar, $n: usize) -> Self {
                // SAFETY: masked-off lanes are not read; the caller vouches for the instruction set and the others.
                Self(unsafe {
                    let $m = $mask;
                    $load_masked
                })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                // SAFETY: the caller vouches for the instruction set and for a register's worth of writable floats.
                unsafe { $store(to, self.0) }
            }

            #[inline(always)]
            unsafe fn store_first(self, $to: *mut $scalar, $n: usize) {
                let $v = self.0;
                // SAFETY: masked-off lanes are not written; the caller vouches for the instruction set and the others.
                unsafe {
                    let $s = $mask;
                    $store_masked
                }
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: the caller vouches for the instruction set.
                Self(unsafe { $add(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                // SAFETY: the caller vouches for the instruction set.
                Self(unsafe { $fma(a.0, b.0, self.0) })
            }
        }
    };
}

vector!(
    Avx2F32,
    f32,
    __m256,
    8,
    "Eight `f32` of AVX2.",
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_fmadd_ps,
    |n| _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
    |from, m| _mm256_maskload_ps(from, m),
    |to, s, v| _mm256_maskstore_ps(to, s, v)
);

vector!(
    Avx2F64,
    f64,
    __m256d,
    4,
    "Four `f64` of AVX2.",
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_add_pd,
    _mm256_fmadd_pd,
    |n| _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), _mm256_setr_epi64x(0, 1, 2, 3)),
    |from, m| _mm256_maskload_pd(from, m),
    |to, s, v| _mm256_maskstore_pd(to, s, v)
);

vector!(
    Avx512F32,
    f32,
    __m512,
    16,
    "Sixteen `f32` of AVX-512.",
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_fmadd_ps,
    |n| (1u16 << n) - 1,
    |from, m| _mm512_maskz_loadu_ps(m, from),
    |to, s, v| _mm512_mask_storeu_ps(to, s, v)
);

vector!(
    Avx512F64,
    f64,
    __m512d,
    8,
    "Eight `f64` of AVX-512.",
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_add_pd,
    _mm512_fmadd_pd,
    |n| (1u8 << n) - 1,
    |from, m| _mm512_maskz_loadu_pd(m, from),
    |to, s, v| _mm512_mask_storeu_pd(to, s, v)
);
