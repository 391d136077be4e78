//! Quartz neurons (Lenz, Orchard and Sheik, arXiv 2309.16795; simulation of the authors' repository).
//!
//! Time is a grid of T levels; a value x spikes at step `(T-1)(2-x)`: 1 at step T-1, 0 at step 2(T-1), -1 at 3(T-1).
//! A layer takes 4(T-1) steps. Its neurons integrate twice:
//!
//! ```text
//! i(s) = i(s-1) + sum_j w_j spike_j(s)
//! v(s) = v(s-1) + i(s)
//! spike if v >= T - 1/2; then v = 0 and i = 0
//! ```
//!
//! At the readout, step R = 2(T-1), a counterweight `1 - sum of all weighted inputs` makes the slope one, so that
//! `v(s) = (T-1) y + (s - R + 1)` and the spike comes at `R + (T-1) - round((T-1) y)`. At step 3(T-1) a rectifier makes
//! every neuron spike that has not: that is the value 0. What a layer sends on is shifted by T-1 steps, to where the
//! next layer expects it. A bias is a spike of weight 1 at the step of its value, which is limited to [-1.5, 1.5].
//!
//! A potential that crosses the threshold before the readout spikes early: its value is wrong, and counted as saturated.

use crate::real::Real;

/// A neuron that integrates spikes on a grid of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent decisions that the authors' two repositories differ in")]
pub struct Quartz {
    /// T, levels of time; at least 2.
    pub levels: usize,
    /// Whether the rectifier makes silent neurons spike; not so in the last layer, whose values may be negative.
    pub rectify: bool,
    /// Whether a neuron that has spiked stays silent, as on Loihi; in the authors' simulation it may spike again.
    pub latch: bool,
    /// Whether the neurons have a bias spike.
    pub bias: bool,
    /// Whether the spikes are read as an output, and the potential at the spike with them: it tells how far the neuron
    /// was beyond the threshold, and so the value between two levels of time.
    pub readout: bool,
}

/// State of a population of Quartz neurons.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuartzState<T> {
    current: Vec<T>,
    potential: Vec<T>,
    /// Sum of all weighted inputs of the window.
    total: Vec<T>,
    bias_step: Vec<u32>,
    /// Threshold of each neuron.
    threshold: Vec<T>,
    spiked: Vec<bool>,
}

impl Quartz {
    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(self) -> Option<String> {
        (self.levels < 2 || self.levels > 1 << 16).then(|| format!("{} levels of time", self.levels))
    }

    /// Steps of a layer.
    pub(crate) fn steps(self) -> usize {
        4 * (self.levels - 1)
    }

    /// Step at which a value spikes, as the next layer sees it; halves are rounded to even.
    pub(crate) fn step_of<T: Real>(self, x: T) -> usize {
        let last = (self.levels - 1) as f64;
        (last * (2.0 - x.to_f64())).round_ties_even().clamp(0.0, 4.0 * last - 1.0) as usize
    }

    /// What a spike stands for beyond its step, if the neuron is read: `(v - T) / (T-1)` at a potential v.
    pub(crate) fn remainder<T: Real>(self, potential: T) -> T {
        (potential - T::from_f64(self.levels as f64)) / T::from_f64((self.levels - 1) as f64)
    }

    /// Value of a spike at a step, as the next layer sees it.
    pub(crate) fn value_at<T: Real>(self, step: usize) -> T {
        let last = (self.levels - 1) as f64;
        T::from_f64((2.0 * last - step as f64) / last)
    }

    /// Prepares for an image: `total` has the weighted inputs of the whole window, without the bias; `mismatch` tells by
    /// how much a neuron's threshold is off.
    pub(crate) fn begin<T: Real>(
        self,
        state: &mut QuartzState<T>,
        total: &[T],
        bias: impl Iterator<Item = T>,
        mismatch: impl Fn(usize) -> T,
    ) {
        let count = total.len();
        for values in [&mut state.current, &mut state.potential] {
            values.clear();
            values.resize(count, T::ZERO);
        }
        let threshold = T::from_f64(self.levels as f64 - 0.5);
        state.threshold.clear();
        state.threshold.extend((0..count).map(|neuron| threshold * (T::ONE + mismatch(neuron))));
        state.spiked.clear();
        state.spiked.resize(count, false);
        state.total.clear();
        state.bias_step.clear();
        if self.bias {
            let limit = T::from_f64(1.5);
            state.bias_step.extend(bias.map(|b| self.step_of(b.max(-limit).min(limit)) as u32));
            state.total.extend(total.iter().map(|&x| x + T::ONE));
        } else {
            state.bias_step.resize(count, u32::MAX);
            state.total.extend_from_slice(total);
        }
    }

    /// One step: `input` has the weighted spikes that arrive in it. Calls `spike` with each neuron that spikes, in
    /// order, its potential, and whether it does so before the readout. Returns the number of neurons that received anything.
    pub(crate) fn step<T: Real>(
        self,
        state: &mut QuartzState<T>,
        step: usize,
        input: &[T],
        mut spike: impl FnMut(usize, T, bool),
    ) -> u64 {
        let readout = 2 * (self.levels - 1);
        let rectifier = 3 * (self.levels - 1);
        if self.rectify && step > rectifier {
            return 0;
        }
        let mut received = 0;
        for (neuron, &arriving) in input.iter().enumerate() {
            let mut arriving = arriving;
            if state.bias_step[neuron] as usize == step {
                arriving += T::ONE;
            }
            if step == readout {
                arriving += T::ONE - state.total[neuron];
            }
            received += u64::from(arriving != T::ZERO);
            state.current[neuron] += arriving;
            state.potential[neuron] += state.current[neuron];
            let crosses = state.potential[neuron] >= state.threshold[neuron] && !(self.latch && state.spiked[neuron]);
            let rectified = self.rectify && step == rectifier && !state.spiked[neuron];
            if crosses || rectified {
                spike(neuron, state.potential[neuron], step < readout);
                state.potential[neuron] = T::ZERO;
                state.current[neuron] = T::ZERO;
                state.spiked[neuron] = true;
            }
        }
        received
    }
}
