//! From stored weights to what a spike adds.

use super::rules::{Ends, Rounding, WeightRules};

/// Signs that the weights of a list may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// Both: a bit of each weight is its sign.
    Mixed,
    /// One for the whole list, not negative.
    Excitatory,
    /// One for the whole list, not positive.
    Inhibitory,
}

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Bits of a weight, 1 to 8.
    pub bits: u32,
    /// Signs.
    pub signs: Signs,
    /// Exponent, -8 to 7.
    pub exponent: i32,
}

impl Format {
    /// Bits of the step between mantissas.
    fn step(self) -> u32 {
        8 - self.bits + u32::from(self.signs == Signs::Mixed)
    }
}

/// What a spike adds to the current, a multiple of 64. Where rules apply exponents to sums ([`WeightRules::summed`]), it
/// is what a spike adds that arrives alone.
pub fn effective_weight(rules: &WeightRules, format: Format, mantissa: i32) -> i32 {
    scale(rules, format.exponent, stored(rules, format, mantissa))
}

/// What a format keeps of a mantissa; a negative exponent may make it coarser.
pub(super) fn stored(rules: &WeightRules, format: Format, mantissa: i32) -> i32 {
    let Format { signs, exponent, .. } = format;
    let step = format.step();
    if rules.magnitudes && signs == Signs::Inhibitory {
        let excitatory = Format { signs: Signs::Excitatory, ..format };
        return -stored(rules, excitatory, -mantissa);
    }
    let mantissa = match (rules.ends, signs) {
        (Ends::Given | Ends::Symmetric, _) => mantissa,
        (Ends::Byte, Signs::Mixed) => mantissa.clamp(-256, 255),
        (Ends::Byte, _) => mantissa.clamp(0, 255),
    };
    let most = if rules.ends == Ends::Symmetric { (1 << (8 - step)) - 1 } else { i32::MAX };
    let mut steps = rules.mantissa.shift(mantissa, step).clamp(-most, most);
    let lost = -(exponent + step as i32);
    if rules.exponent == Rounding::Nearest && lost > 0 {
        steps = (Rounding::Nearest.shift(steps, lost as u32) << lost).clamp(-most, most);
    }
    steps << step
}

/// A mantissa, or a sum of them, times `2^(6 + exponent)`.
pub(super) fn scale(rules: &WeightRules, exponent: i32, mantissa: i32) -> i32 {
    let scaled = if exponent < 0 { mantissa >> -exponent } else { mantissa << exponent };
    rules.largest.map_or(scaled, |most| scaled.clamp(-most, most)) * 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loihi::Rules;
    use proptest::prelude::*;

    /// The published equations in real numbers.
    fn twin(rules: &str, bits: i32, mixed: bool, inhibitory: bool, exponent: i32, mantissa: f64) -> f64 {
        let s = 8 - bits + i32::from(mixed);
        let two = |n: i32| f64::from(n).exp2();
        match rules {
            "nengo" => {
                let most = two(8 - s) - 1.0;
                let mut m = (mantissa / two(s)).round_ties_even().clamp(-most, most);
                let k = s + exponent;
                if k < 0 {
                    m = ((m / two(-k)).round_ties_even() * two(-k)).clamp(-most, most);
                }
                (m * two(k)).floor() * 64.0
            }
            "brian2" => {
                let m = (mantissa / two(s)).trunc() * two(s);
                ((m * two(exponent)).floor() * 64.0).clamp(-(two(21) - 64.0), two(21) - 64.0)
            }
            _ => {
                let sign = if inhibitory { -1.0 } else { 1.0 };
                let m = if mixed { mantissa.clamp(-256.0, 255.0) } else { (sign * mantissa).clamp(0.0, 255.0) };
                let m = (m / two(s)).floor() * two(s) * if mixed { 1.0 } else { sign };
                (m * two(exponent)).floor() * 64.0
            }
        }
    }

    proptest! {
        #[test]
        fn weights_are_those_of_the_equations(bits in 1u32..9, mode in 0..3, exponent in -8i32..8, mantissa in -256i32..256) {
            let signs = [Signs::Mixed, Signs::Excitatory, Signs::Inhibitory][mode as usize];
            let mantissa = match signs {
                Signs::Mixed => mantissa,
                Signs::Excitatory => mantissa.abs().min(255),
                Signs::Inhibitory => -mantissa.abs().min(255),
            };
            for (name, rules) in [("nengo", Rules::NENGO), ("brian2", Rules::BRIAN2), ("lava", Rules::LAVA)] {
                let weight = effective_weight(&rules.weights, Format { bits, signs, exponent }, mantissa);
                let expected = twin(
                    name, bits as i32, signs == Signs::Mixed, signs == Signs::Inhibitory, exponent, f64::from(mantissa),
                );
                prop_assert_eq!(f64::from(weight), expected, "{}", name);
            }
        }
    }
}
