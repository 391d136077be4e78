//! Few-spike neurons (Stöckl and Maass, arXiv 2002.00860).
//!
//! A layer takes K time steps, after its inputs have had theirs:
//!
//! ```text
//! v(1)   = x (+ an initial potential)
//! z(t)   = 1 if v(t) > T(t)              strict: zero input stays silent
//! v(t+1) = v(t) - h(t) z(t)
//! value  = sum_t d(t) z(t)
//! ```
//!
//! With `T(t) = h(t) = d(t) = alpha 2^-t` a neuron sends the binary digits of its rectified input.

use crate::real::Real;
use firstspike_simd::{FewSpikes, MOST_STEPS};

/// A neuron that spikes at most once in each of K steps.
#[derive(Clone, Debug, PartialEq)]
pub struct FewSpike<T> {
    /// Threshold of each step; at most 32 steps.
    pub threshold: Vec<T>,
    /// What a spike in each step takes from the potential.
    pub reset: Vec<T>,
    /// What a spike in each step is worth.
    pub output: Vec<T>,
    /// Added to the potential at first; half of the smallest step turns truncation into rounding.
    pub initial: T,
    /// Whether every second step is of the opposite sign: it compares `-v`, and its spike adds to the potential.
    pub signed: bool,
    /// Inputs that the parameters are made for, `[smallest, largest]`; those beyond are counted as saturated.
    pub range: [T; 2],
}

impl<T: Real> FewSpike<T> {
    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(&self) -> Option<String> {
        let steps = self.threshold.len();
        if steps == 0 || steps > 32 || self.reset.len() != steps || self.output.len() != steps {
            return Some(format!("{steps} thresholds, {} resets, {} outputs", self.reset.len(), self.output.len()));
        }
        let mut all = self.threshold.iter().chain(&self.reset).chain(&self.output).chain([&self.initial]);
        all.any(|x| !x.is_finite()).then(|| "parameters that are not finite".to_owned())
    }

    /// Steps that a layer takes.
    pub(crate) fn steps(&self) -> usize {
        self.threshold.len()
    }

    /// The neuron as kernels run it; none if it has too many steps for them.
    pub(crate) fn kernel(&self) -> Option<FewSpikes<'_, T>> {
        let Self { threshold, reset, output, initial, signed, range } = self;
        let neuron = FewSpikes { threshold, reset, output, initial: *initial, signed: *signed, range: *range };
        (self.steps() <= MOST_STEPS).then_some(neuron)
    }

    /// Runs the K steps with thresholds multiplied by `factor`: calls `spike` with the step and the worth of each spike.
    /// Returns whether the input lies beyond the range.
    #[inline]
    pub(crate) fn run(&self, x: T, factor: T, mut spike: impl FnMut(usize, T)) -> bool {
        let mut v = x + self.initial;
        for (step, &threshold) in self.threshold.iter().enumerate() {
            let negative = self.signed && step % 2 == 1;
            if (if negative { -v } else { v }) > threshold * factor {
                v = if negative { v + self.reset[step] } else { v - self.reset[step] };
                spike(step, self.output[step]);
            }
        }
        x < self.range[0] || x > self.range[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value and pattern, first step leftmost.
    fn run(neuron: &FewSpike<f64>, x: f64) -> (f64, String) {
        let (mut value, mut pattern) = (0.0, vec!['0'; neuron.steps()]);
        neuron.run(x, 1.0, |step, worth| {
            value += worth;
            pattern[step] = '1';
        });
        (value, pattern.into_iter().collect())
    }

    #[test]
    fn binary_digits_are_those_of_the_published_conformance_vectors() {
        let digits: Vec<f64> = (1..=10).map(|t| 25.0 * f64::from(-t).exp2()).collect();
        let neuron = FewSpike {
            threshold: digits.clone(),
            reset: digits.clone(),
            output: digits,
            initial: 0.0,
            signed: false,
            range: [0.0, 25.0],
        };
        for (x, value, pattern) in [
            (0.024_414_062_5, 0.0, "0000000000"),
            (0.03, 0.024_414_062_5, "0000000001"),
            (1.0, 0.976_562_5, "0000101000"),
            (10.0, 9.985_351_562_5, "0110011001"),
            (25.0, 24.975_585_937_5, "1111111111"),
            (100.0, 24.975_585_937_5, "1111111111"),
            (-3.0, 0.0, "0000000000"),
        ] {
            assert_eq!(run(&neuron, x), (value, pattern.to_owned()), "at {x}");
        }
    }

    #[test]
    fn signed_values_are_digits_of_either_sign() {
        let digits = vec![4.0, 4.0, 2.0, 2.0, 1.0, 1.0];
        let signs = [1.0, -1.0].iter().cycle();
        let neuron = FewSpike {
            threshold: digits.iter().map(|digit| digit - 0.5).collect(),
            output: digits.iter().zip(signs).map(|(digit, sign)| digit * sign).collect(),
            reset: digits,
            initial: 0.0,
            signed: true,
            range: [-7.0, 7.0],
        };
        for (x, value, pattern) in [
            (5.2, 5.0, "100010"),
            (-5.2, -5.0, "010001"),
            (-2.6, -3.0, "000101"),
            (0.4, 0.0, "000000"),
            (-100.0, -7.0, "010101"),
        ] {
            assert_eq!(run(&neuron, x), (value, pattern.to_owned()), "at {x}");
        }
    }
}
