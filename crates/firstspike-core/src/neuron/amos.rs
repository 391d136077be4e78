//! At-most-one-spike circuits (Stöckl and Maass, arXiv 2001.01682).
//!
//! A gate of the original network becomes a circuit of K neurons, each of which spikes at most once:
//!
//! ```text
//! z_i   = 1 if a_i x + b_i y - sum_{j < i} c_ij z_j > T_i
//! value = sum_i d_i z_i
//! ```
//!
//! Neuron i is evaluated at step i; the inhibition of an earlier neuron j reaches it as a spike delayed by i - j steps.
//! `y` is the second input of a product's circuit. The paper's own equations are not public: this pairwise form is this
//! project's formulation of the published idea.

use crate::real::Real;
use firstspike_simd::{Circuit, MOST_STEPS};

/// A circuit of neurons that spike at most once.
#[derive(Clone, Debug, PartialEq)]
pub struct Amos<T> {
    /// Weight of the input on each neuron; at most 32 neurons.
    pub input: Vec<T>,
    /// Weight of the second input on each neuron; empty where there is none.
    pub second: Vec<T>,
    /// Threshold of each neuron.
    pub threshold: Vec<T>,
    /// Inhibition of neuron i by j < i: those of neuron 1, then of neuron 2, and so on.
    pub inhibition: Vec<T>,
    /// What each neuron's spike is worth.
    pub output: Vec<T>,
    /// Inputs that the parameters are made for, `[smallest, largest]`; those beyond are counted as saturated.
    pub range: [T; 2],
}

impl<T: Real> Amos<T> {
    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(&self) -> Option<String> {
        let size = self.input.len();
        let pairs = size * size.saturating_sub(1) / 2;
        if size == 0
            || size > 32
            || self.threshold.len() != size
            || self.output.len() != size
            || self.inhibition.len() != pairs
            || !(self.second.is_empty() || self.second.len() == size)
        {
            return Some(format!("a circuit of {size} neurons has parameters for another size"));
        }
        let mut all = self.input.iter().chain(&self.second).chain(&self.threshold);
        let mut all = all.by_ref().chain(&self.inhibition).chain(&self.output);
        all.any(|x| !x.is_finite()).then(|| "parameters that are not finite".to_owned())
    }

    /// Neurons of the circuit, and steps that it takes.
    pub(crate) fn steps(&self) -> usize {
        self.input.len()
    }

    /// The circuit as kernels run it; none if it is too large for them.
    pub(crate) fn kernel(&self) -> Option<Circuit<'_, T>> {
        let Self { input, second, threshold, inhibition, output, range } = self;
        let circuit = Circuit { input, second, threshold, inhibition, output, range: *range };
        (self.steps() <= MOST_STEPS).then_some(circuit)
    }

    /// Evaluates the circuit with thresholds multiplied by `factor`: calls `spike` with the step and the worth of each
    /// spike. Returns whether an input lies beyond the range.
    #[inline]
    pub(crate) fn run(&self, x: T, y: T, factor: T, mut spike: impl FnMut(usize, T)) -> bool {
        let mut fired = 0u32;
        let mut pair = 0;
        for i in 0..self.input.len() {
            let mut v = self.input[i] * x;
            if let Some(&b) = self.second.get(i) {
                v += b * y;
            }
            for j in 0..i {
                if fired >> j & 1 != 0 {
                    v = v - self.inhibition[pair + j];
                }
            }
            pair += i;
            if v > self.threshold[i] * factor {
                fired |= 1 << i;
                spike(i, self.output[i]);
            }
        }
        let beyond = |x: T| x < self.range[0] || x > self.range[1];
        beyond(x) || (!self.second.is_empty() && beyond(y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_digits_as_a_circuit_are_those_of_few_spikes() {
        let digits: Vec<f64> = (1..=4).map(|t| 16.0 * f64::from(-t).exp2()).collect();
        let inhibition = (1..4).flat_map(|i| digits[..i].to_vec()).collect();
        let circuit = Amos {
            input: vec![1.0; 4],
            second: Vec::new(),
            threshold: digits.clone(),
            inhibition,
            output: digits,
            range: [0.0, 16.0],
        };
        assert_eq!(circuit.fault(), None);
        for x in [-1.0, 0.0, 0.5, 1.0, 1.5, 7.0, 9.25, 16.0, 40.0f64] {
            let mut value = 0.0;
            let saturated = circuit.run(x, 0.0, 1.0, |_, worth| value += worth);
            assert_eq!(value, (x.ceil() - 1.0).clamp(0.0, 15.0), "at {x}");
            assert_eq!(saturated, !(0.0..=16.0).contains(&x), "at {x}");
        }
    }
}
