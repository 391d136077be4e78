//! AVX2 with FMA, and AVX-512F.

use super::Vector;
use std::arch::x86_64::*;

/// For each mask of eight lanes, the indices of those that it selects, a byte each.
static ORDERS: [u64; 256] = {
    let mut orders = [0; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut count) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 != 0 {
                orders[mask] |= lane << (8 * count);
                count += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    orders
};

/// Declares a comparison of all lanes that gives a bit for each.
macro_rules! comparison {
    ($name:ident, $register:ty, $feature:literal, |$x:ident, $y:ident| $compare:expr) => {
        /// # Safety
        /// The instruction set must be available.
        #[inline]
        #[target_feature(enable = $feature)]
        unsafe fn $name<const PREDICATE: i32>($x: $register, $y: $register) -> u32 {
            $compare
        }
    };
}

comparison!(compare_avx2_f32, __m256, "avx2,fma", |x, y| {
    _mm256_movemask_ps(_mm256_cmp_ps::<PREDICATE>(x, y)) as u32
});
comparison!(compare_avx2_f64, __m256d, "avx2,fma", |x, y| {
    _mm256_movemask_pd(_mm256_cmp_pd::<PREDICATE>(x, y)) as u32
});
comparison!(compare_avx512_f32, __m512, "avx512f", |x, y| u32::from(_mm512_cmp_ps_mask::<PREDICATE>(x, y)));
comparison!(compare_avx512_f64, __m512d, "avx512f", |x, y| u32::from(_mm512_cmp_pd_mask::<PREDICATE>(x, y)));

/// Declares a register type for one instruction set and precision. The masks select the first `n` lanes.
macro_rules! vector {
    (
        $name:ident, $scalar:ty, $register:ty, $lanes:literal, $doc:literal,
        $zero:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident, $max:ident, $min:ident,
        |$n:ident| $mask:expr, |$from:ident, $m:ident| $load_masked:expr, |$to:ident, $s:ident, $v:ident| $store_masked:expr,
        $registers:literal, $compare:ident,
        |$c:ident, $selected:ident, $first:ident, $keys:ident, $found:ident| $compress:expr,
        |$i:ident, $among:ident, $integers:ident| $compress_integers:expr,
        |$left:ident, $right:ident, $greater:ident, $other:ident| $where_greater:expr,
        |$plain:ident, $signs:ident| $flip:expr
    ) => {
        #[doc = $doc]
        #[derive(Clone, Copy)]
        pub(crate) struct $name($register);

        impl Vector for $name {
            type Scalar = $scalar;
            const LANES: usize = $lanes;
            const REGISTERS: usize = $registers;

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

            #[inline(always)]
            unsafe fn where_greater(a: Self, b: Self, x: Self, y: Self) -> Self {
                let ($left, $right, $greater, $other) = (a.0, b.0, x.0, y.0);
                // SAFETY: the caller vouches for the instruction set.
                Self(unsafe { $where_greater })
            }

            #[inline(always)]
            unsafe fn max(self, other: Self) -> Self {
                // SAFETY: the caller vouches for the instruction set.
                Self(unsafe { $max(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn min(self, other: Self) -> Self {
                // SAFETY: the caller vouches for the instruction set.
                Self(unsafe { $min(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn flip(self, signs: Self) -> Self {
                let ($plain, $signs) = (self.0, signs.0);
                // SAFETY: the caller vouches for the instruction set.
                Self(unsafe { $flip })
            }

            #[inline(always)]
            unsafe fn at_least(self, other: Self) -> u32 {
                // SAFETY: the caller vouches for the instruction set.
                unsafe { $compare::<_CMP_GE_OQ>(self.0, other.0) }
            }

            #[inline(always)]
            unsafe fn positive(self) -> u32 {
                // SAFETY: the caller vouches for the instruction set.
                unsafe { $compare::<_CMP_GT_OQ>(self.0, $zero()) }
            }

            #[inline(always)]
            unsafe fn nonzero(self) -> u32 {
                // SAFETY: the caller vouches for the instruction set.
                unsafe { $compare::<_CMP_NEQ_UQ>(self.0, $zero()) }
            }

            #[inline(always)]
            unsafe fn compress(self, $selected: u32, $first: u32, $keys: *mut u32, $found: *mut $scalar) {
                let $c = self.0;
                // SAFETY: the caller vouches for the instruction set and for a register's worth of writable elements.
                unsafe { $compress }
            }

            #[inline(always)]
            unsafe fn compress_integers(self, $among: u32, $integers: *mut u32) {
                let $i = self.0;
                // SAFETY: the caller vouches for the instruction set and for a register's worth of writable elements.
                unsafe { $compress_integers }
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
    _mm256_max_ps,
    _mm256_min_ps,
    |n| _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
    |from, m| _mm256_maskload_ps(from, m),
    |to, s, v| _mm256_maskstore_ps(to, s, v),
    16,
    compare_avx2_f32,
    |x, mask, first, keys, found| {
        let order = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(ORDERS[mask as usize & 255] as i64));
        _mm256_storeu_ps(found, _mm256_permutevar8x32_ps(x, order));
        _mm256_storeu_si256(keys.cast(), _mm256_add_epi32(_mm256_set1_epi32(first as i32), order));
    },
    |x, mask, found| {
        let order = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(ORDERS[mask as usize & 255] as i64));
        _mm256_storeu_si256(found.cast(), _mm256_permutevar8x32_epi32(_mm256_cvttps_epi32(x), order));
    },
    |a, b, x, y| _mm256_blendv_ps(y, x, _mm256_cmp_ps::<_CMP_GT_OQ>(a, b)),
    |x, signs| _mm256_xor_ps(x, signs)
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
    _mm256_max_pd,
    _mm256_min_pd,
    |n| _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), _mm256_setr_epi64x(0, 1, 2, 3)),
    |from, m| _mm256_maskload_pd(from, m),
    |to, s, v| _mm256_maskstore_pd(to, s, v),
    16,
    compare_avx2_f64,
    |x, mask, first, keys, found| {
        // Each double is two lanes of 32 bits.
        let order = _mm_cvtepu8_epi32(_mm_cvtsi32_si128(ORDERS[mask as usize & 15] as i32));
        let twice = _mm256_slli_epi64::<1>(_mm256_cvtepu32_epi64(order));
        let pairs = _mm256_or_si256(twice, _mm256_slli_epi64::<32>(_mm256_or_si256(twice, _mm256_set1_epi64x(1))));
        _mm256_storeu_pd(found, _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(x), pairs)));
        _mm_storeu_si128(keys.cast(), _mm_add_epi32(_mm_set1_epi32(first as i32), order));
    },
    |x, mask, found| {
        let order = _mm256_cvtepu8_epi32(_mm_cvtsi32_si128(ORDERS[mask as usize & 15] as i32));
        let integers = _mm256_castsi128_si256(_mm256_cvttpd_epi32(x));
        _mm_storeu_si128(found.cast(), _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(integers, order)));
    },
    |a, b, x, y| _mm256_blendv_pd(y, x, _mm256_cmp_pd::<_CMP_GT_OQ>(a, b)),
    |x, signs| _mm256_xor_pd(x, signs)
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
    _mm512_max_ps,
    _mm512_min_ps,
    |n| (1u16 << n) - 1,
    |from, m| _mm512_maskz_loadu_ps(m, from),
    |to, s, v| _mm512_mask_storeu_ps(to, s, v),
    32,
    compare_avx512_f32,
    |x, mask, first, keys, found| {
        // Into registers first: compression into memory is slow on some processors.
        let mask = mask as u16;
        let index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let neurons = _mm512_add_epi32(_mm512_set1_epi32(first as i32), index);
        _mm512_storeu_ps(found, _mm512_maskz_compress_ps(mask, x));
        _mm512_storeu_si512(keys.cast(), _mm512_maskz_compress_epi32(mask, neurons));
    },
    |x, mask, found| {
        _mm512_storeu_si512(found.cast(), _mm512_maskz_compress_epi32(mask as u16, _mm512_cvttps_epi32(x)));
    },
    |a, b, x, y| _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), x),
    |x, signs| _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(x), _mm512_castps_si512(signs)))
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
    _mm512_max_pd,
    _mm512_min_pd,
    |n| (1u8 << n) - 1,
    |from, m| _mm512_maskz_loadu_pd(m, from),
    |to, s, v| _mm512_mask_storeu_pd(to, s, v),
    32,
    compare_avx512_f64,
    |x, mask, first, keys, found| {
        let mask = mask as u8;
        let index = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
        let neurons = _mm512_add_epi64(_mm512_set1_epi64(i64::from(first)), index);
        _mm512_storeu_pd(found, _mm512_maskz_compress_pd(mask, x));
        _mm256_storeu_si256(keys.cast(), _mm512_cvtepi64_epi32(_mm512_maskz_compress_epi64(mask, neurons)));
    },
    |x, mask, found| {
        let integers = _mm512_castsi256_si512(_mm512_cvttpd_epi32(x));
        let compressed = _mm512_maskz_compress_epi32(mask as u16, integers);
        _mm256_storeu_si256(found.cast(), _mm512_castsi512_si256(compressed));
    },
    |a, b, x, y| _mm512_mask_mov_pd(y, _mm512_cmp_pd_mask::<_CMP_GT_OQ>(a, b), x),
    |x, signs| _mm512_castsi512_pd(_mm512_xor_si512(_mm512_castpd_si512(x), _mm512_castpd_si512(signs)))
);
