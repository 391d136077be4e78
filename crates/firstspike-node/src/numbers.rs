//! Arrays of numbers across the border, in and out.

use firstspike_core::Real;
use napi::bindgen_prelude::{
    Either, Float32Array, Float32ArraySlice, Float64Array, Float64ArraySlice, Uint32ArraySlice,
};
use napi::{Env, Result};

/// Bytes from which on results are handed over with their memory. Node does not let go of memory that is not its own before it
/// collects all garbage, and until then its heap grows with every array of that kind. A small array that is a copy goes with
/// the young garbage.
const LARGE: usize = 1 << 16;

/// Numbers of either precision, copied from JavaScript.
pub enum Numbers {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl From<Either<Float32Array, Float64Array>> for Numbers {
    fn from(array: Either<Float32Array, Float64Array>) -> Self {
        match array {
            Either::A(array) => Self::Single(array.to_vec()),
            Either::B(array) => Self::Double(array.to_vec()),
        }
    }
}

/// An array of either precision in JavaScript, on its way there.
pub type Floats = Either<Float32ArraySlice<'static>, Float64ArraySlice<'static>>;

/// Numbers that JavaScript gets as an array.
pub trait Handover: Sized {
    /// The array, on its way to JavaScript.
    type Array;

    /// Hands them over: a copy of few, many with their memory.
    ///
    /// # Errors
    /// If there is no memory for the array.
    fn hand_over(env: Env, numbers: Vec<Self>) -> Result<Self::Array>;
}

macro_rules! arrays {
    ($($number:ty => $array:ident),*) => {$(
        impl Handover for $number {
            type Array = $array<'static>;

            fn hand_over(env: Env, numbers: Vec<Self>) -> Result<Self::Array> {
                if size_of_val(numbers.as_slice()) < LARGE {
                    $array::copy_from(&env, numbers)
                } else {
                    $array::from_data(&env, numbers)
                }
            }
        }
    )*};
}

arrays!(f32 => Float32ArraySlice, f64 => Float64ArraySlice, u32 => Uint32ArraySlice);

/// A precision that a network may have.
pub trait Precision: Real {
    /// Hands numbers of it over.
    ///
    /// # Errors
    /// If there is no memory for the array.
    fn floats(env: Env, numbers: Vec<Self>) -> Result<Floats>;
}

impl Precision for f32 {
    fn floats(env: Env, numbers: Vec<Self>) -> Result<Floats> {
        Self::hand_over(env, numbers).map(Either::A)
    }
}

impl Precision for f64 {
    fn floats(env: Env, numbers: Vec<Self>) -> Result<Floats> {
        Self::hand_over(env, numbers).map(Either::B)
    }
}
