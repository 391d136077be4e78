//! Neurons that do not spike.

use crate::real::Real;

/// A function of the potential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x
    Identity,
    /// max(x, 0)
    Relu,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// x / (1 + e^-x), also called swish
    Silu,
}

impl Activation {
    /// The function's value.
    pub fn apply<T: Real>(self, x: T) -> T {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(T::ZERO),
            Self::Sigmoid => T::ONE / (T::ONE + (-x).exp()),
            Self::Silu => x / (T::ONE + (-x).exp()),
        }
    }
}
