//! Neurons that do not spike.

use super::error_function::erf;
use crate::real::Real;

/// A function of the potential.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// x
    Identity,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), ceiling)
    ClippedRelu {
        /// The largest value.
        ceiling: f64,
    },
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// x / (1 + e^-x), also called swish
    Silu,
    /// x times min(max(x / 6 + 1/2, 0), 1)
    HardSwish,
    /// (e^2x - 1) / (e^2x + 1)
    Tanh,
    /// x times the share of a standard normal distribution below x
    Gelu,
    /// The same with the share approximated by a tanh (Hendrycks and Gimpel, arXiv 1606.08415).
    GeluTanh,
    /// 2 / sqrt(pi) times the integral of e^-t^2 from 0 to x
    Erf,
    /// x where x > 0, or else slope (e^x - 1)
    Elu {
        /// Minus the limit at minus infinity.
        slope: f64,
    },
    /// ln(1 + e^x)
    Softplus,
    /// x / (1 + |x|)
    Softsign,
    /// x times the tanh of the softplus of x
    Mish,
    /// The nearest multiple of a scale, those of even multiples where two are as near, within a range.
    Quantize {
        /// Distance of the levels.
        scale: f64,
        /// The lowest multiple.
        low: f64,
        /// The highest multiple.
        high: f64,
    },
}

impl Activation {
    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(self) -> Option<String> {
        let sound = match self {
            Self::ClippedRelu { ceiling } => ceiling > 0.0 && ceiling.is_finite(),
            Self::Elu { slope } => slope.is_finite(),
            Self::Quantize { scale, low, high } => {
                scale > 0.0 && scale.is_finite() && low < high && low.is_finite() && high.is_finite()
            }
            _ => true,
        };
        (!sound).then(|| format!("{self:?} is no function"))
    }

    /// Makes numbers the function's values.
    pub(crate) fn apply_all<T: Real>(self, numbers: &mut [T]) {
        let [_, most] = T::EVERYTHING;
        let ceiling = match self {
            Self::Identity => return,
            Self::Relu => most,
            Self::ClippedRelu { ceiling } => T::from_f64(ceiling),
            _ => {
                for x in numbers {
                    *x = self.apply(*x);
                }
                return;
            }
        };
        // One loop that the compiler can do in registers.
        for x in numbers {
            *x = x.max(T::ZERO).min(ceiling);
        }
    }

    /// The function's value.
    pub fn apply<T: Real>(self, x: T) -> T {
        let number = T::from_f64;
        match self {
            Self::Identity => x,
            Self::Relu => x.max(T::ZERO),
            Self::ClippedRelu { ceiling } => x.max(T::ZERO).min(number(ceiling)),
            Self::Sigmoid => sigmoid(x),
            Self::Silu => x / (T::ONE + (-x).exp()),
            Self::HardSwish => x * (x / number(6.0) + number(0.5)).max(T::ZERO).min(T::ONE),
            Self::Tanh => {
                let less = (number(-2.0) * x.abs()).exp_m1();
                let magnitude = -less / (less + number(2.0));
                if x < T::ZERO { -magnitude } else { magnitude }
            }
            Self::Gelu => {
                let x = x.to_f64();
                number(0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)))
            }
            Self::GeluTanh => {
                let cubic = x + number(0.044_715) * x * x * x;
                x * sigmoid(number((8.0 / std::f64::consts::PI).sqrt()) * cubic)
            }
            Self::Erf => number(erf(x.to_f64())),
            Self::Elu { slope } => {
                if x > T::ZERO {
                    x
                } else {
                    number(slope) * x.exp_m1()
                }
            }
            Self::Softplus => x.max(T::ZERO) + (-x.abs()).exp().ln_1p(),
            Self::Softsign => x / (T::ONE + x.abs()),
            Self::Mish => {
                // tanh ln(1 + e^x), with the power of e that does not overflow.
                let e = (-x.abs()).exp();
                let two = number(2.0);
                let above = T::ONE + two * e;
                let below = e * (e + two);
                if x > T::ZERO { x * above / (above + two * e * e) } else { x * below / (below + two) }
            }
            Self::Quantize { scale, low, high } => {
                // Runtimes divide in single precision, which decides what is half-way.
                let quotient = (x / number(scale)).to_f64() as f32;
                let level = f64::from(quotient).round_ties_even().clamp(low, high);
                number(level) * number(scale)
            }
        }
    }
}

fn sigmoid<T: Real>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every function with a parameter that is usual.
    const ALL: [Activation; 15] = [
        Activation::Identity,
        Activation::Relu,
        Activation::ClippedRelu { ceiling: 6.0 },
        Activation::Sigmoid,
        Activation::Silu,
        Activation::HardSwish,
        Activation::Tanh,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Erf,
        Activation::Elu { slope: 1.0 },
        Activation::Softplus,
        Activation::Softsign,
        Activation::Mish,
        Activation::Quantize { scale: 0.25, low: -8.0, high: 7.0 },
    ];

    #[test]
    fn functions_are_what_their_formulas_say() {
        for i in -2000..=2000 {
            let x = f64::from(i) / 100.0;
            let softplus = (1.0 + x.exp()).ln();
            let gelu_tanh =
                0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh());
            let formulas = [
                (Activation::ClippedRelu { ceiling: 6.0 }, x.clamp(0.0, 6.0)),
                (Activation::HardSwish, x * (x + 3.0).clamp(0.0, 6.0) / 6.0),
                (Activation::Tanh, x.tanh()),
                (Activation::GeluTanh, gelu_tanh),
                (Activation::Elu { slope: 0.5 }, if x > 0.0 { x } else { 0.5 * (x.exp() - 1.0) }),
                (Activation::Softplus, softplus),
                (Activation::Softsign, x / (1.0 + x.abs())),
                (Activation::Mish, x * softplus.tanh()),
            ];
            for (function, value) in formulas {
                let found = function.apply(x);
                assert!((found - value).abs() < 1e-14 * (1.0 + x.abs()), "{function:?} of {x}: {found}, not {value}");
            }
        }
    }

    #[test]
    fn quantisation_rounds_halves_to_even_and_clips() {
        let quantize = Activation::Quantize { scale: 0.25, low: -8.0, high: 7.0 };
        for (x, value) in [(0.125, 0.0), (0.375, 0.5), (-0.125, 0.0), (0.3, 0.25), (9.0, 1.75), (-9.0, -2.0)] {
            assert_eq!(quantize.apply(x), value);
        }
    }

    #[test]
    fn precisions_agree_and_nothing_overflows() {
        for function in ALL {
            for x in [-1e30_f32, -300.0, -90.0, -5.5, -1e-6, 0.0, 1e-6, 0.7, 5.5, 90.0, 300.0, 1e12] {
                let (single, double) = (f64::from(function.apply(x)), function.apply(f64::from(x)));
                let bound = 1e-6 * (double.abs() + f64::from(x.abs().min(1.0)));
                assert!((single - double).abs() <= bound, "{function:?} of {x}: {single}, not {double}");
            }
        }
    }

    #[test]
    fn parameters_out_of_their_domain_are_refused() {
        let wrong = [
            Activation::ClippedRelu { ceiling: 0.0 },
            Activation::ClippedRelu { ceiling: f64::NAN },
            Activation::Elu { slope: f64::INFINITY },
            Activation::Quantize { scale: 0.0, low: 0.0, high: 1.0 },
            Activation::Quantize { scale: 1.0, low: 1.0, high: 1.0 },
        ];
        assert!(wrong.iter().all(|function| function.fault().is_some()));
        assert!(ALL.iter().all(|function| function.fault().is_none()));
    }
}
