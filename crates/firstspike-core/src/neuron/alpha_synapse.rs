//! Alpha synapses: a spike's effect rises and falls, `h(t) = t / tau^2 e^(-t/tau)`, with an integral of 1.
//!
//! Two low-pass filters of the same time constant, one behind the other. For an input u that is constant during a step
//! (zero-order hold) their state after it is exactly
//!
//! ```text
//! a  = e^(-1/tau)                         tau in steps
//! y' = u + (y - u) a + (x - u) a / tau
//! x' = u + (x - u) a
//! ```
//!
//! All synapses have one time constant and are linear, so that the sum of what arrives is filtered, not each spike.

use crate::real::Real;

/// A second-order low-pass filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlphaSynapse<T> {
    /// `e^(-1/tau)`
    decay: T,
    /// `e^(-1/tau) / tau`
    coupling: T,
}

/// State of the filters of a population.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlphaSynapseState<T> {
    first: Vec<T>,
    second: Vec<T>,
}

impl<T: Real> AlphaSynapseState<T> {
    /// Prepares for an image; the state is that of the image before, if it is to be kept.
    pub(crate) fn begin(&mut self, neurons: usize, keep: bool) {
        for values in [&mut self.first, &mut self.second] {
            if !keep || values.is_empty() {
                values.clear();
                values.resize(neurons, T::ZERO);
            }
        }
    }
}

impl<T: Real> AlphaSynapse<T> {
    /// Synapses of a time constant in steps.
    pub fn new(tau: T) -> Self {
        let decay = (-T::ONE / tau).exp();
        Self { decay, coupling: decay / tau }
    }

    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(&self) -> Option<String> {
        (!(self.decay >= T::ZERO && self.decay < T::ONE && self.coupling.is_finite()))
            .then(|| "a synapse whose time constant is not positive".to_owned())
    }

    /// One step: replaces what arrives at each neuron by what it receives.
    pub(crate) fn filter(&self, state: &mut AlphaSynapseState<T>, input: &mut [T]) {
        for ((x, y), u) in state.first.iter_mut().zip(&mut state.second).zip(input) {
            *y = *u + (*y - *u) * self.decay + (*x - *u) * self.coupling;
            *x = *u + (*x - *u) * self.decay;
            *u = *y;
        }
    }
}
