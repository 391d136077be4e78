//! NEON, which every aarch64 processor has.

use super::Vector;
use std::arch::aarch64::*;

macro_rules! neon {
    ($name:ident, $scalar:ty, $register:ty, $lanes:literal, $doc:literal,
     $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident, $greater:ident, $at_least:ident, $select:ident,
     $bits:ident, $xor:ident, $from_bits:ident) => {
        #[doc = $doc]
        #[derive(Clone, Copy)]
        pub(crate) struct $name($register);

        impl Vector for $name {
            type Scalar = $scalar;
            const LANES: usize = $lanes;
            const REGISTERS: usize = 32;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: NEON is part of aarch64.
                Self(unsafe { $splat(0.0) })
            }

            #[inline(always)]
            unsafe fn splat(x: $scalar) -> Self {
                // SAFETY: NEON is part of aarch64.
                Self(unsafe { $splat(x) })
            }

            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                // SAFETY: the caller vouches for a register's worth of readable floats.
                Self(unsafe { $load(from) })
            }

            #[inline(always)]
            unsafe fn load_first(from: *const $scalar, n: usize) -> Self {
                let mut lanes: [$scalar; $lanes] = [0.0; $lanes];
                for (i, lane) in lanes.iter_mut().enumerate().take(n) {
                    // SAFETY: `i < n`, and the caller vouches for `n` readable floats.
                    *lane = unsafe { *from.add(i) };
                }
                // SAFETY: the array holds a register's worth of floats.
                Self(unsafe { $load(lanes.as_ptr()) })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                // SAFETY: the caller vouches for a register's worth of writable floats.
                unsafe { $store(to, self.0) }
            }

            #[inline(always)]
            unsafe fn store_first(self, to: *mut $scalar, n: usize) {
                let mut lanes: [$scalar; $lanes] = [0.0; $lanes];
                // SAFETY: the array holds a register's worth of floats.
                unsafe { $store(lanes.as_mut_ptr(), self.0) };
                for (i, lane) in lanes.iter().enumerate().take(n) {
                    // SAFETY: `i < n`, and the caller vouches for `n` writable floats.
                    unsafe { *to.add(i) = *lane }
                }
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: NEON is part of aarch64.
                Self(unsafe { $add(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                // SAFETY: NEON is part of aarch64.
                Self(unsafe { $fma(self.0, a.0, b.0) })
            }

            #[inline(always)]
            unsafe fn where_greater(a: Self, b: Self, x: Self, y: Self) -> Self {
                // SAFETY: NEON is part of aarch64.
                Self(unsafe { $select($greater(a.0, b.0), x.0, y.0) })
            }

            #[inline(always)]
            unsafe fn max(self, other: Self) -> Self {
                // SAFETY: NEON is part of aarch64.
                Self(unsafe { $select($greater(self.0, other.0), self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn min(self, other: Self) -> Self {
                // SAFETY: NEON is part of aarch64.
                Self(unsafe { $select($greater(other.0, self.0), self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn flip(self, signs: Self) -> Self {
                // SAFETY: NEON is part of aarch64.
                Self(unsafe { $from_bits($xor($bits(self.0), $bits(signs.0))) })
            }

            #[inline(always)]
            unsafe fn at_least(self, other: Self) -> u32 {
                // SAFETY: NEON is part of aarch64.
                let marks = Self(unsafe { $select($at_least(self.0, other.0), $splat(1.0), $splat(0.0)) });
                // SAFETY: NEON is part of aarch64.
                unsafe { marks.positive() }
            }

            #[inline(always)]
            unsafe fn positive(self) -> u32 {
                let mut lanes: [$scalar; $lanes] = [0.0; $lanes];
                // SAFETY: the array holds a register's worth of floats.
                unsafe { $store(lanes.as_mut_ptr(), self.0) };
                lanes.iter().enumerate().fold(0, |mask, (i, &lane)| mask | u32::from(lane > 0.0) << i)
            }

            #[inline(always)]
            unsafe fn nonzero(self) -> u32 {
                let mut lanes: [$scalar; $lanes] = [0.0; $lanes];
                // SAFETY: the array holds a register's worth of floats.
                unsafe { $store(lanes.as_mut_ptr(), self.0) };
                lanes.iter().enumerate().fold(0, |mask, (i, &lane)| mask | u32::from(lane != 0.0) << i)
            }

            #[inline(always)]
            unsafe fn compress(self, mask: u32, first: u32, keys: *mut u32, found: *mut $scalar) {
                let mut count = 0;
                // SAFETY: `count <= i`, and the caller vouches for a register's worth of writable elements.
                unsafe {
                    let mut lanes: [$scalar; $lanes] = [0.0; $lanes];
                    $store(lanes.as_mut_ptr(), self.0);
                    for (i, &lane) in lanes.iter().enumerate() {
                        *keys.add(count) = first.wrapping_add(i as u32);
                        *found.add(count) = lane;
                        count += (mask >> i & 1) as usize;
                    }
                }
            }

            #[inline(always)]
            unsafe fn compress_integers(self, mask: u32, found: *mut u32) {
                let mut count = 0;
                // SAFETY: `count <= i`, and the caller vouches for a register's worth of writable elements.
                unsafe {
                    let mut lanes: [$scalar; $lanes] = [0.0; $lanes];
                    $store(lanes.as_mut_ptr(), self.0);
                    for (i, &lane) in lanes.iter().enumerate() {
                        *found.add(count) = lane as u32;
                        count += (mask >> i & 1) as usize;
                    }
                }
            }
        }
    };
}

neon!(
    NeonF32,
    f32,
    float32x4_t,
    4,
    "Four `f32`.",
    vdupq_n_f32,
    vld1q_f32,
    vst1q_f32,
    vaddq_f32,
    vfmaq_f32,
    vcgtq_f32,
    vcgeq_f32,
    vbslq_f32,
    vreinterpretq_u32_f32,
    veorq_u32,
    vreinterpretq_f32_u32
);
neon!(
    NeonF64,
    f64,
    float64x2_t,
    2,
    "Two `f64`.",
    vdupq_n_f64,
    vld1q_f64,
    vst1q_f64,
    vaddq_f64,
    vfmaq_f64,
    vcgtq_f64,
    vcgeq_f64,
    vbslq_f64,
    vreinterpretq_u64_f64,
    veorq_u64,
    vreinterpretq_f64_u64
);
