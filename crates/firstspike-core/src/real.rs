//! The two precisions.

use firstspike_simd::{Element, same_precision};
use std::cmp::Ordering;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// Numbers in a precision: themselves where it is theirs, else converted, in memory that is given.
pub(crate) fn in_precision<'a, T: Real, I: Real>(numbers: &'a [I], memory: &'a mut Vec<T>) -> &'a [T] {
    same_precision(numbers).unwrap_or_else(|| {
        memory.clear();
        memory.extend(numbers.iter().map(|x| T::from_f64(x.to_f64())));
        memory
    })
}

/// `f32` or `f64`.
pub trait Real:
    Element
    + Add<Output = Self>
    + AddAssign
    + Debug
    + Default
    + Div<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + PartialOrd
    + Send
    + Sub<Output = Self>
    + Sync
    + 'static
{
    /// 0, the default.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// All numbers, and those beyond.
    const EVERYTHING: [Self; 2];
    /// Largest relative error of a rounding.
    const ROUNDOFF: f64;

    /// Rounds to this precision.
    fn from_f64(x: f64) -> Self;
    /// Exact.
    fn to_f64(self) -> f64;
    /// Absolute value.
    fn abs(self) -> Self;
    /// e^x.
    fn exp(self) -> Self;
    /// e^x - 1, exact near 0.
    fn exp_m1(self) -> Self;
    /// ln(1 + x), exact near 0.
    fn ln_1p(self) -> Self;
    /// Neither NaN nor infinite.
    fn is_finite(self) -> bool;
    /// The number, or zero if it is subnormal: many processors take a hundred times as long to calculate with such.
    fn or_zero_if_subnormal(self) -> Self;
    /// A number that ascends as the total order of floats does (IEEE 754).
    fn order(self) -> u64;
    /// Total order (IEEE 754), so that sorting never depends on how work was split.
    fn total_cmp(&self, other: &Self) -> Ordering;

    /// The larger of two numbers.
    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// The smaller of two numbers.
    fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
}

macro_rules! real {
    ($scalar:ty, $bits:ty, $from:expr, $to:expr) => {
        impl Real for $scalar {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EVERYTHING: [Self; 2] = [Self::NEG_INFINITY, Self::INFINITY];
            const ROUNDOFF: f64 = <$scalar>::EPSILON as f64 / 2.0;

            fn from_f64(x: f64) -> Self {
                $from(x)
            }
            fn to_f64(self) -> f64 {
                $to(self)
            }
            fn abs(self) -> Self {
                <$scalar>::abs(self)
            }
            fn exp(self) -> Self {
                <$scalar>::exp(self)
            }
            fn exp_m1(self) -> Self {
                <$scalar>::exp_m1(self)
            }
            fn ln_1p(self) -> Self {
                <$scalar>::ln_1p(self)
            }
            fn is_finite(self) -> bool {
                <$scalar>::is_finite(self)
            }
            fn or_zero_if_subnormal(self) -> Self {
                if self.is_subnormal() { 0.0 } else { self }
            }
            fn order(self) -> u64 {
                let bits = self.to_bits();
                let sign: $bits = 1 << (<$bits>::BITS - 1);
                // The larger the magnitude of a negative number, the smaller it is.
                u64::from(if bits & sign == 0 { bits | sign } else { !bits })
            }
            fn total_cmp(&self, other: &Self) -> Ordering {
                <$scalar>::total_cmp(self, other)
            }
        }
    };
}

real!(f32, u32, |x| x as f32, f64::from);
real!(f64, u64, std::convert::identity, std::convert::identity);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_is_the_total_order(a: u64, b: u64) {
            let [x, y] = [a, b].map(f64::from_bits);
            prop_assert_eq!(x.order().cmp(&y.order()), x.total_cmp(&y));
            let [x, y] = [a, b].map(|bits| f32::from_bits(bits as u32));
            prop_assert_eq!(x.order().cmp(&y.order()), x.total_cmp(&y));
        }
    }

    #[test]
    fn zeros_have_signs_and_infinities_are_the_ends() {
        let ascending = [f64::NEG_INFINITY, -1.0, -0.0, 0.0, f64::MIN_POSITIVE, 1.0, f64::INFINITY].map(Real::order);
        assert!(ascending.is_sorted_by(|a, b| a < b));
    }
}
