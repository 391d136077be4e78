//! Weights as they are stored in a model's file, and their packing into the kernel's layout.

use crate::aligned::Aligned;
use crate::real::Real;
use half::{bf16, f16};

/// Element types of stored weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// IEEE single.
    Float32,
    /// IEEE double.
    Float64,
    /// IEEE half.
    Float16,
    /// The upper half of an IEEE single.
    BFloat16,
    /// Signed byte.
    Int8,
    /// Unsigned byte.
    UInt8,
}

impl DataType {
    /// Bytes per element.
    pub fn bytes(self) -> usize {
        match self {
            Self::Float64 => 8,
            Self::Float32 => 4,
            Self::Float16 | Self::BFloat16 => 2,
            Self::Int8 | Self::UInt8 => 1,
        }
    }
}

/// Weights as stored: little-endian elements at any alignment, and the factors folded into them. The weight from
/// input `i` to output `o` is `element * input_scale[i] * output_scale[o]`.
#[derive(Clone, Copy, Debug)]
pub struct RawWeights<'a> {
    /// Type of an element.
    pub data_type: DataType,
    /// The elements' bytes.
    pub bytes: &'a [u8],
    /// Factor of each input channel (of each input element of a dense layer).
    pub input_scale: Option<&'a [f64]>,
    /// Factor of each output channel (of each output element of a dense layer).
    pub output_scale: Option<&'a [f64]>,
}

impl RawWeights<'_> {
    /// Why the weights are not `count` elements from `inputs` to `outputs`, if they are not.
    pub(crate) fn fault(&self, count: usize, inputs: usize, outputs: usize) -> Option<String> {
        let bytes = count * self.data_type.bytes();
        if self.bytes.len() != bytes {
            return Some(format!("the weights need {bytes} bytes, but there are {}", self.bytes.len()));
        }
        for (what, scale, n) in [("input", self.input_scale, inputs), ("output", self.output_scale, outputs)] {
            if let Some(scale) = scale.filter(|scale| scale.len() != n) {
                return Some(format!("{n} {what} scales are needed, but there are {}", scale.len()));
            }
        }
        None
    }

    /// Packs the weights: `place` tells, for each stored element in order, its index in the packed weights and its
    /// input and output. Scales are applied in double precision and rounded once; what is subnormal then becomes zero, since
    /// weights that training lets decay would take most of the time.
    ///
    /// # Errors
    /// If a weight is too large for the precision.
    pub(crate) fn pack<T: Real>(
        &self,
        count: usize,
        mut place: impl FnMut(usize) -> (usize, usize, usize),
    ) -> Result<Aligned<T>, String> {
        let mut packed = Aligned::zeros(count);
        let mut put = |index: usize, x: f64| {
            let (to, input, output) = place(index);
            let scale = self.input_scale.map_or(1.0, |s| s[input]) * self.output_scale.map_or(1.0, |s| s[output]);
            packed[to] = T::from_f64(x * scale).or_zero_if_subnormal();
        };
        macro_rules! each {
            ($n:literal, $decode:expr) => {
                for (index, bytes) in self.bytes.as_chunks::<$n>().0.iter().enumerate() {
                    put(index, $decode(*bytes));
                }
            };
        }
        match self.data_type {
            DataType::Float32 => each!(4, |b| f64::from(f32::from_le_bytes(b))),
            DataType::Float64 => each!(8, f64::from_le_bytes),
            DataType::Float16 => each!(2, |b| f16::from_le_bytes(b).to_f64()),
            DataType::BFloat16 => each!(2, |b| bf16::from_le_bytes(b).to_f64()),
            DataType::Int8 => each!(1, |b| f64::from(i8::from_le_bytes(b))),
            DataType::UInt8 => each!(1, |b| f64::from(u8::from_le_bytes(b))),
        }
        match packed.iter().find(|weight| !weight.is_finite()) {
            Some(_) => Err("weights exceed what the precision can hold".to_owned()),
            None => Ok(packed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnormal_weights_become_zero_in_their_precision() {
        let weights = [1e-39f32, -1e-39, f32::MIN_POSITIVE, 1.0, 0.0];
        let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let scales = [1.0, 1.0, 0.5, 1e-39, 1.0];
        let raw =
            |input_scale| RawWeights { data_type: DataType::Float32, bytes: &bytes, input_scale, output_scale: None };
        let place = |index| (index, index, 0);
        assert_eq!(*raw(None).pack::<f32>(5, place).unwrap(), [0.0, 0.0, f32::MIN_POSITIVE, 1.0, 0.0]);
        assert_eq!(*raw(Some(&scales)).pack::<f32>(5, place).unwrap(), [0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(*raw(None).pack::<f64>(5, place).unwrap(), weights.map(f64::from));
    }
}
