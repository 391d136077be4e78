//! What emulators of the chip do differently, as data.

/// What a register does with numbers that it cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// Two's complement with so many bits of magnitude, at most 31: `[-2^n, 2^n)`.
    Wraps(u32),
    /// One turn is added or taken where a number lies outside of `(-2^n, 2^n]`.
    WrapsOnce(u32),
}

impl Register {
    /// What the register holds of a number.
    #[inline(always)]
    pub fn hold(self, number: i64) -> i32 {
        match self {
            Self::Wraps(bits) => ((number << (63 - bits)) >> (63 - bits)) as i32,
            Self::WrapsOnce(bits) => {
                let half = 1 << bits;
                let turn = if number > half {
                    -2 * half
                } else if number <= -half {
                    2 * half
                } else {
                    0
                };
                (number + turn) as i32
            }
        }
    }
}

/// How a number becomes a multiple of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest; to the even one of two.
    Nearest,
    /// Toward zero.
    Zero,
    /// Toward minus infinity.
    Floor,
}

impl Rounding {
    /// `number / 2^bits`, rounded.
    #[inline]
    pub fn shift(self, number: i32, bits: u32) -> i32 {
        let floor = number >> bits;
        let rest = number - (floor << bits);
        match self {
            Self::Floor => floor,
            Self::Zero => floor + i32::from(number < 0 && rest != 0),
            Self::Nearest => {
                // Twice the rest against the divisor; at a tie the floor decides by its parity.
                let twice = 2 * rest;
                let one = 1 << bits;
                floor + i32::from(twice > one || (twice == one && floor & 1 == 1))
            }
        }
    }
}

/// Where mantissas end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Where those that are given do.
    Given,
    /// At as many steps of the format on both sides of zero as its magnitude has.
    Symmetric,
    /// At those of a format of 8 bits: `[-256, 255]`, or `[0, 255]` times the sign.
    Byte,
}

/// How a stored weight becomes what a spike adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightRules {
    /// Of a mantissa to the steps that the bits of its format leave.
    pub mantissa: Rounding,
    /// Whether weights of one negative sign are rounded as magnitudes.
    pub magnitudes: bool,
    /// Of what a negative exponent leaves.
    pub exponent: Rounding,
    /// Where mantissas end.
    pub ends: Ends,
    /// Largest magnitude of what a spike adds, in units of 64; no limit if absent.
    pub largest: Option<i32>,
    /// Whether the exponent is applied to the sum of the mantissas that arrive at once, or to each.
    pub summed: bool,
}

/// What is computed where the published emulators differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The sum of what arrives in a step.
    pub input: Register,
    /// The current.
    pub current: Register,
    /// The sum of current and bias.
    pub drive: Register,
    /// Whether potentials end at the limits of their profile; else they wrap at 32 bits.
    pub limits: bool,
    /// Whether there are biases.
    pub biases: bool,
    /// Whether there is a refractory time.
    pub refractory: bool,
    /// Of weights.
    pub weights: WeightRules,
}

/// Integers of 32 bits.
const WORD: Register = Register::Wraps(31);

impl Rules {
    /// brian2-loihi 0.5.2, which its authors compared with the chip spike by spike (Michaelis et al., Frontiers in
    /// Neuroinformatics 2022). It has no biases, and no register overflows.
    pub const BRIAN2: Self = Self {
        input: WORD,
        current: WORD,
        drive: WORD,
        limits: false,
        biases: false,
        refractory: true,
        weights: WeightRules {
            mantissa: Rounding::Zero,
            magnitudes: false,
            exponent: Rounding::Floor,
            ends: Ends::Given,
            largest: Some((1 << 15) - 1),
            summed: false,
        },
    };

    /// The emulator of nengo-loihi 1.1.0.
    pub const NENGO: Self = Self {
        input: Register::Wraps(21),
        current: Register::Wraps(23),
        drive: Register::Wraps(23),
        limits: true,
        biases: true,
        refractory: true,
        weights: WeightRules {
            mantissa: Rounding::Nearest,
            magnitudes: false,
            exponent: Rounding::Nearest,
            ends: Ends::Symmetric,
            largest: None,
            summed: false,
        },
    };

    /// The bit-accurate models of lava-nc 0.10.0.
    pub const LAVA: Self = Self {
        input: WORD,
        current: Register::WrapsOnce(23),
        drive: WORD,
        limits: true,
        biases: true,
        refractory: false,
        weights: WeightRules {
            mantissa: Rounding::Floor,
            magnitudes: true,
            exponent: Rounding::Floor,
            ends: Ends::Byte,
            largest: None,
            summed: true,
        },
    };

    /// The default: as brian2-loihi where that says anything, and biases, limits and the widths of registers of
    /// nengo-loihi.
    pub const CHIP: Self = Self {
        input: Register::Wraps(21),
        current: Register::Wraps(23),
        drive: Register::Wraps(23),
        limits: true,
        biases: true,
        ..Self::BRIAN2
    };

    /// Rules by their name: `chip`, `brian2`, `nengo` or `lava`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "chip" => Some(Self::CHIP),
            "brian2" => Some(Self::BRIAN2),
            "nengo" => Some(Self::NENGO),
            "lava" => Some(Self::LAVA),
            _ => None,
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::CHIP
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn registers_hold_numbers_modulo_their_turn(number in -(1i64 << 40)..1 << 40, bits in 1u32..32) {
            let turn = 1i64 << (bits + 1);
            let held = i64::from(Register::Wraps(bits).hold(number));
            prop_assert_eq!((number - held).rem_euclid(turn), 0);
            prop_assert!((-turn / 2..turn / 2).contains(&held));
        }

        #[test]
        fn rounding_is_that_of_real_numbers(number in -100_000i32..100_000, bits in 0u32..16) {
            let quotient = f64::from(number) / f64::from(1u32 << bits);
            prop_assert_eq!(f64::from(Rounding::Floor.shift(number, bits)), quotient.floor());
            prop_assert_eq!(f64::from(Rounding::Zero.shift(number, bits)), quotient.trunc());
            prop_assert_eq!(f64::from(Rounding::Nearest.shift(number, bits)), quotient.round_ties_even());
        }
    }
}
