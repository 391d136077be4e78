//! What the tests share: precisions, and kernels on an axis.
#![allow(dead_code, reason = "every test uses a part of it")]

use firstspike_simd::{Element, Taps};
use proptest::prelude::*;
use std::ops::{Add, Mul, Neg, Sub};

/// A precision with what the tests need to know of it.
pub trait Float:
    Element
    + Default
    + std::fmt::Debug
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
{
    const EPSILON: f64;
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
}

impl Float for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Float for f64 {
    const EPSILON: f64 = f64::EPSILON;
    fn from_f64(x: f64) -> Self {
        x
    }
    fn to_f64(self) -> f64 {
        self
    }
}

pub fn floats<T: Float>(xs: &[f64]) -> Vec<T> {
    xs.iter().map(|&x| T::from_f64(x)).collect()
}

/// A kernel on one axis.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    pub input: usize,
    pub output: usize,
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    pub pad: isize,
}

impl Axis {
    /// Pairs of a tap and the input that it meets.
    pub fn pairs(self, output: usize) -> Vec<(usize, usize)> {
        let position = |tap: usize| (output * self.stride + tap * self.dilation).checked_add_signed(-self.pad);
        (0..self.kernel).filter_map(|tap| Some((tap, position(tap).filter(|&at| at < self.input)?))).collect()
    }

    pub fn taps(self) -> Vec<Taps> {
        let taps = |pairs: Vec<(usize, usize)>| match pairs.first() {
            Some(&(first, start)) => Taps { first, count: pairs.len(), start },
            None => Taps { first: 0, count: 0, start: 0 },
        };
        (0..self.output).map(|output| taps(self.pairs(output))).collect()
    }
}

pub fn axes() -> impl Strategy<Value = Axis> {
    let parts = (1usize..9, 1usize..20, 1usize..7, 1usize..4, 1usize..3, -2isize..4);
    parts.prop_map(|(input, output, kernel, stride, dilation, pad)| Axis {
        input,
        output,
        kernel,
        stride,
        dilation,
        pad,
    })
}
