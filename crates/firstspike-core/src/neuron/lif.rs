//! Leaky integrate-and-fire neurons (Hunsberger and Eliasmith, arXiv 1611.05141), solved exactly for a current that is
//! constant during a step.
//!
//! ```text
//! j            = gain x + offset          x: what the original network's activation function gets
//! tau_rc dv/dt = j - v                    where the neuron is not refractory
//! spike        when v reaches 1; then v = 0, and stays there for tau_ref
//! ```
//!
//! Over a time d within a step `v' = j + (v - j) e^(-d/tau_rc)`. If that is beyond the threshold, the spike came
//! `-tau_rc ln(1 - (v' - 1) / (j - 1))` before; the rest of the refractory time is carried over into the next steps,
//! and what is left of the step after it drives the potential again. At a constant current the rate is
//! `1 / (tau_ref + tau_rc ln(1 + 1 / (j - 1)))`.
//!
//! A neuron sends at most one spike in a step, which is all there can be if `tau_ref` is no shorter than a step. One
//! that is over its threshold when the image ends had more to say than it has steps; it is counted as saturated.

use super::alpha_synapse::AlphaSynapse;
use super::presentation::{Presentation, per_channel_fault};
use crate::real::Real;
use crate::shape::Shape;

/// A leaky integrate-and-fire neuron.
#[derive(Clone, Debug, PartialEq)]
pub struct Lif<T> {
    /// How long images are shown.
    pub presentation: Presentation,
    /// How the potential leaks.
    pub membrane: LeakyMembrane<T>,
    /// Current per unit of the original network's activations: of all neurons, or of each channel.
    pub gain: Vec<T>,
    /// Current without input; the threshold is 1.
    pub offset: T,
    /// What a spike is worth in its step: that of all neurons, or of each channel.
    pub worth: Vec<T>,
    /// Synapses that spread over time what arrives; without them a spike lasts for its step.
    pub synapse: Option<AlphaSynapse<T>>,
    /// Whether the state is that of the image before.
    pub keep: bool,
}

/// A membrane that leaks, spikes and is refractory. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakyMembrane<T> {
    dt: T,
    tau_rc: T,
    tau_ref: T,
    /// `e^(-dt/tau_rc) - 1`
    step: T,
}

/// State of one neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MembraneState<T> {
    /// In units of the threshold.
    pub potential: T,
    /// Seconds for which the neuron stays refractory.
    pub refractory: T,
}

impl<T: Real> LeakyMembrane<T> {
    /// A membrane that moves on in steps of `dt`, with the time constant `tau_rc`, and is held at zero for `tau_ref` after
    /// a spike.
    pub fn new(dt: T, tau_rc: T, tau_ref: T) -> Self {
        Self { dt, tau_rc, tau_ref, step: (-dt / tau_rc).exp_m1() }
    }

    /// Moves on by a step of a constant current; the potential spikes beyond `threshold`. Returns whether it does.
    #[inline]
    pub fn advance(&self, state: &mut MembraneState<T>, current: T, threshold: T) -> bool {
        let before = state.potential;
        let (time, decay) = if state.refractory > T::ZERO {
            let time = (self.dt - state.refractory).max(T::ZERO);
            state.refractory = (state.refractory - self.dt).max(T::ZERO);
            (time, self.decay(time))
        } else {
            (self.dt, self.step)
        };
        let after = before + (before - current) * decay;
        state.potential = after;
        if before.max(after) <= threshold || time == T::ZERO {
            return false;
        }
        // The time since the spike; all there was, if the potential was over the threshold from the beginning.
        let overshoot = (after - threshold) / (current - threshold);
        let since = if before > threshold { time } else { (-self.tau_rc * (-overshoot).ln_1p()).min(time) };
        state.refractory = (self.tau_ref - since).max(T::ZERO);
        state.potential = -current * self.decay((since - self.tau_ref).max(T::ZERO));
        true
    }

    /// `e^(-time/tau_rc) - 1`
    fn decay(&self, time: T) -> T {
        (-time / self.tau_rc).exp_m1()
    }

    fn fault(&self) -> Option<String> {
        let Self { dt, tau_rc, tau_ref, step } = *self;
        let sound = dt > T::ZERO && tau_rc > T::ZERO && tau_ref >= T::ZERO && tau_ref.is_finite() && step < T::ZERO;
        (!sound).then(|| format!("a membrane of dt {dt:?}, tau_rc {tau_rc:?} and tau_ref {tau_ref:?}"))
    }
}

impl<T: Real> Lif<T> {
    /// Why the parameters make no sense for neurons of so many channels, if they make none.
    pub(crate) fn fault(&self, channels: usize) -> Option<String> {
        if !self.offset.is_finite() {
            return Some(format!("an offset of {:?}", self.offset));
        }
        per_channel_fault("gain", &self.gain, channels)
            .or_else(|| per_channel_fault("worth", &self.worth, channels))
            .or_else(|| self.synapse.as_ref().and_then(AlphaSynapse::fault))
            .or_else(|| self.membrane.fault())
            .or_else(|| self.presentation.fault())
    }

    /// Prepares for an image.
    pub(crate) fn begin(&self, state: &mut Vec<MembraneState<T>>, shape: Shape) {
        if !self.keep || state.is_empty() {
            state.clear();
            state.resize(shape.len(), MembraneState::default());
        }
    }

    /// One step: `input` has what each neuron receives. Marks each neuron that spikes with 1; `mismatch` tells by how
    /// much a neuron's threshold is off.
    pub(crate) fn fire(
        &self,
        state: &mut [MembraneState<T>],
        input: &[T],
        mismatch: impl Fn(usize) -> T,
        marks: &mut [u8],
    ) {
        let gains = self.gain.iter().cycle();
        let neurons = state.iter_mut().zip(input).zip(gains).zip(marks);
        for (neuron, (((state, &x), &gain), mark)) in neurons.enumerate() {
            let spikes = self.membrane.advance(state, gain * x + self.offset, T::ONE + mismatch(neuron));
            *mark = u8::from(spikes);
        }
    }

    /// What a neuron's spike is worth.
    pub(crate) fn value(&self, neuron: usize) -> T {
        self.worth[neuron % self.worth.len()]
    }

    /// Neurons that are over their threshold.
    pub(crate) fn over(state: &[MembraneState<T>]) -> u64 {
        state.iter().filter(|state| state.potential > T::ONE).count() as u64
    }
}
