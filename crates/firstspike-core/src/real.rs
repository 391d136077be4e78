//! The two precisions.

use firstspike_simd::Element;
use std::cmp::Ordering;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

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
    ($scalar:ty, $from:expr, $to:expr) => {
        impl Real for $scalar {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
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
            fn total_cmp(&self, other: &Self) -> Ordering {
                <$scalar>::total_cmp(self, other)
            }
        }
    };
}

real!(f32, |x| x as f32, f64::from);
real!(f64, std::convert::identity, std::convert::identity);
