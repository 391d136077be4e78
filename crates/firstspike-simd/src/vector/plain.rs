//! Plain arrays, which the compiler turns into whatever the target has at least.

use super::Vector;

/// Eight floats in an array.
#[derive(Clone, Copy)]
pub(crate) struct Plain<T>([T; 8]);

macro_rules! plain {
    ($scalar:ty) => {
        impl Vector for Plain<$scalar> {
            type Scalar = $scalar;
            const LANES: usize = 8;
            const REGISTERS: usize = 16;

            #[inline(always)]
            unsafe fn zero() -> Self {
                Self([0.0; 8])
            }

            #[inline(always)]
            unsafe fn splat(x: $scalar) -> Self {
                Self([x; 8])
            }

            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                // SAFETY: the caller vouches for eight readable floats; an array has no alignment beyond its element's.
                Self(unsafe { from.cast::<[$scalar; 8]>().read_unaligned() })
            }

            #[inline(always)]
            unsafe fn load_first(from: *const $scalar, n: usize) -> Self {
                let mut lanes = [0.0; 8];
                for (i, lane) in lanes.iter_mut().enumerate().take(n) {
                    // SAFETY: `i < n`, and the caller vouches for `n` readable floats.
                    *lane = unsafe { *from.add(i) };
                }
                Self(lanes)
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                // SAFETY: the caller vouches for eight writable floats.
                unsafe { to.cast::<[$scalar; 8]>().write_unaligned(self.0) }
            }

            #[inline(always)]
            unsafe fn store_first(self, to: *mut $scalar, n: usize) {
                for (i, lane) in self.0.iter().enumerate().take(n) {
                    // SAFETY: `i < n`, and the caller vouches for `n` writable floats.
                    unsafe { *to.add(i) = *lane }
                }
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
            }

            #[inline(always)]
            unsafe fn where_greater(a: Self, b: Self, x: Self, y: Self) -> Self {
                Self(std::array::from_fn(|i| if a.0[i] > b.0[i] { x.0[i] } else { y.0[i] }))
            }

            #[inline(always)]
            unsafe fn max(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] }))
            }

            #[inline(always)]
            unsafe fn min(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| if self.0[i] < other.0[i] { self.0[i] } else { other.0[i] }))
            }

            #[inline(always)]
            unsafe fn flip(self, signs: Self) -> Self {
                Self(std::array::from_fn(|i| <$scalar>::from_bits(self.0[i].to_bits() ^ signs.0[i].to_bits())))
            }

            #[inline(always)]
            unsafe fn at_least(self, other: Self) -> u32 {
                (0..Self::LANES).fold(0, |mask, i| mask | u32::from(self.0[i] >= other.0[i]) << i)
            }

            #[inline(always)]
            unsafe fn positive(self) -> u32 {
                self.0.iter().enumerate().fold(0, |mask, (i, &lane)| mask | u32::from(lane > 0.0) << i)
            }

            #[inline(always)]
            unsafe fn nonzero(self) -> u32 {
                self.0.iter().enumerate().fold(0, |mask, (i, &lane)| mask | u32::from(lane != 0.0) << i)
            }

            #[inline(always)]
            unsafe fn compress(self, mask: u32, first: u32, keys: *mut u32, found: *mut $scalar) {
                let mut count = 0;
                // SAFETY: `count <= i`, and the caller vouches for a register's worth of writable elements.
                unsafe {
                    let lanes = self.0;
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
                for (i, &lane) in self.0.iter().enumerate() {
                    // SAFETY: `count <= i`, and the caller vouches for a register's worth of writable elements.
                    unsafe { *found.add(count) = lane as u32 };
                    count += (mask >> i & 1) as usize;
                }
            }
        }
    };
}

plain!(f32);
plain!(f64);
