//! Integrate-and-fire neurons with a subtractive reset (Rueckauer et al., Frontiers in Neuroscience 11:682, 2017).
//!
//! All layers run together for T steps; what a layer sends in a step arrives in the same step. The current x(t) of a
//! step is that of constant inputs (bias, a real-valued image) and of the spikes that arrive in it:
//!
//! ```text
//! v(0)  = c theta                         0 <= c < 1; c = 1/2 rounds, c = 0 truncates
//! v(t)  = v(t-1) + x(t)
//! spike if v(t) >= theta; then v(t) = v(t) - theta
//! ```
//!
//! A spike is worth theta, so that n spikes stand for the activation `n theta / T`, which is theta at most. A neuron
//! that is still over its threshold when the image ends had more to say than it has steps; it is counted as saturated.

use super::presentation::{Presentation, per_channel_fault};
use crate::real::Real;
use crate::shape::Shape;
use firstspike_simd::{Arriving, Integrators};
use std::ops::Range;

/// A neuron that sums its input and spikes whenever a threshold's worth has come together.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegrateAndFire<T> {
    /// How long images are shown.
    pub presentation: Presentation,
    /// theta, in units of the original network's activations: of all neurons, or of each channel.
    pub threshold: Vec<T>,
    /// c, the initial potential as a share of the threshold.
    pub initial: T,
    /// A relay of signed values: a pair of neurons, of which the second has negated weights and bias. Spikes of the
    /// second count negative, and reset both.
    pub signed: bool,
    /// Whether the state is that of the image before.
    pub keep: bool,
}

/// State of a population of integrate-and-fire neurons.
#[derive(Clone, Debug, Default)]
pub(crate) struct IntegrateAndFireState<T> {
    /// Relative to the initial potential.
    pub potential: Vec<T>,
    /// Potential at which each neuron spikes, relative to the initial one.
    level: Vec<T>,
    /// What each neuron's spike is worth, and takes from the potential.
    worth: Vec<T>,
}

impl<T: Real> IntegrateAndFire<T> {
    /// Why the parameters make no sense for neurons of so many channels, if they make none.
    pub(crate) fn fault(&self, channels: usize) -> Option<String> {
        if !(self.initial >= T::ZERO && self.initial < T::ONE) {
            return Some(format!("an initial potential of {:?} thresholds", self.initial));
        }
        per_channel_fault("threshold", &self.threshold, channels).or_else(|| self.presentation.fault())
    }

    /// Prepares for an image; `mismatch` tells by how much a neuron's threshold is off.
    pub(crate) fn begin(&self, state: &mut IntegrateAndFireState<T>, shape: Shape, mismatch: impl Fn(usize) -> T) {
        if !self.keep || state.potential.is_empty() {
            state.potential.clear();
            state.potential.resize(shape.len(), T::ZERO);
        }
        state.worth.clear();
        state.worth.extend(self.threshold.iter().cycle().take(shape.len()));
        state.level.clear();
        let factor = |neuron| T::ONE + mismatch(neuron) - self.initial;
        state.level.extend(state.worth.iter().enumerate().map(|(neuron, &theta)| theta * factor(neuron)));
    }

    /// What spikes are worth: that of all neurons, or of each, in place of what `worths` held.
    pub(crate) fn write_worths(&self, shape: Shape, worths: &mut Vec<T>) {
        let count = if self.threshold.len() == 1 { 1 } else { shape.len() };
        worths.clear();
        worths.extend(self.threshold.iter().cycle().take(count));
    }

    /// One step, after its inputs were added to the potentials: marks each neuron that spikes with 1, or 2 for a
    /// negative spike, and resets it.
    pub(crate) fn fire(&self, state: &mut IntegrateAndFireState<T>, marks: &mut [u8]) {
        let neurons = state.potential.iter_mut().zip(&state.level).zip(&state.worth).zip(marks);
        if self.signed {
            for (((v, &level), &worth), mark) in neurons {
                (*mark, *v) = if *v >= level {
                    (1, *v - worth)
                } else if *v <= -level {
                    (2, *v + worth)
                } else {
                    (0, *v)
                };
            }
        } else {
            for (((v, &level), &worth), mark) in neurons {
                let spikes = *v >= level;
                *mark = u8::from(spikes);
                *v = *v - if spikes { worth } else { T::ZERO };
            }
        }
    }
}

impl<T: Real> IntegrateAndFireState<T> {
    /// Some neurons as kernels run them, and their potentials; `current` arrives in every step.
    pub(crate) fn integrators<'a>(
        &'a mut self,
        arriving: Arriving<'a, T>,
        current: &'a [T],
        neurons: Range<usize>,
    ) -> (Integrators<'a, T>, &'a mut [T]) {
        let Self { potential, level, worth } = self;
        let parameters = [current, level, worth].map(|numbers| &numbers[neurons.clone()]);
        let [current, level, worth] = parameters;
        (Integrators { arriving, current, level, worth }, &mut potential[neurons])
    }

    /// What a marked neuron's spike stands for.
    pub(crate) fn value(&self, neuron: usize, mark: u8) -> T {
        if mark == 1 { self.worth[neuron] } else { -self.worth[neuron] }
    }

    /// Neurons that are over their threshold.
    pub(crate) fn over(&self, signed: bool) -> u64 {
        let over = |(&v, &level): (&T, &T)| v >= level || (signed && v <= -level);
        self.potential.iter().zip(&self.level).filter(|&neuron| over(neuron)).count() as u64
    }
}
