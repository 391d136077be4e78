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
//! `v(s) = (T-1) y + (s - R + 1)` and the spike comes at `R + (T-1) - round((T-1) y)`. What arrives at the readout itself,
//! spikes of the value 0, is taken back by the counterweight in the same step, so neither is added. At step 3(T-1) a
//! rectifier makes every neuron spike that has not: that is the value 0. What a layer sends on is shifted by T-1 steps, to
//! where the next layer expects it. A bias is a spike of weight 1 at the step of its value, which is limited to [-1.5, 1.5].
//!
//! A potential that crosses the threshold before the readout spikes early: its value is wrong, and counted as saturated.

use crate::real::Real;
use firstspike_simd::{Arriving, Grid};

/// Numbers of this size are integers, so that adding it rounds: without a call into a library.
const INTEGERS: f64 = (1u64 << 52) as f64;

/// Neurons that are updated together.
const BLOCK: usize = 32;

/// How a bias spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BiasSpike {
    /// Not at all.
    None,
    /// At the step of its value, with a weight of 1: the authors' simulation.
    Time,
    /// At the step of its magnitude, with its sign as weight: the authors' circuits on Loihi.
    Sign,
    /// At the step of 1, with its value as weight: nothing is rounded, and none is too large.
    Weight,
}

/// A neuron that integrates spikes on a grid of time. The authors' two repositories differ in some decisions.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent decisions")]
pub struct Quartz {
    /// T, levels of time; at least 2.
    pub levels: usize,
    /// Whether the rectifier ends the window; not so in the last layer, whose values may be negative.
    pub rectify: bool,
    /// Whether the rectifier makes no neuron spike: values of zero are silent.
    pub silent_zeros: bool,
    /// Whether a neuron that has spiked stays silent, as on Loihi; in the authors' simulation it may spike again.
    pub latch: bool,
    /// Whether neurons spike from the readout on only, when all inputs have arrived.
    pub two_phases: bool,
    /// Whether the threshold is T, so that values are rounded down; T - 1/2 rounds them to the nearest level.
    pub floor: bool,
    /// How the bias spikes.
    pub bias: BiasSpike,
    /// Largest magnitude of a bias; what is beyond is lost.
    pub bias_limit: f64,
    /// Whether the spikes are read as an output, and the potential at the spike with them: it tells how far the neuron
    /// was beyond the threshold, and so the value between two levels of time.
    pub readout: bool,
    /// Of an input: whether a value between two levels is shared out to both of their steps, so that nothing is rounded
    /// (a ramp that begins between two steps), to measure what other layers do by themselves.
    pub between: bool,
}

/// State of a population of Quartz neurons.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuartzState<T> {
    current: Vec<T>,
    potential: Vec<T>,
    /// Sum of all weighted inputs of the window, but for those at the readout.
    total: Vec<T>,
    /// Step, neuron and weight of each spike of a bias, in the order of steps.
    bias: Vec<(u32, u32, T)>,
    /// Threshold of each neuron.
    threshold: Vec<T>,
    spiked: Vec<bool>,
}

impl<T: Real> QuartzState<T> {
    /// Adds what arrives in a step to the sum of all inputs: step by step, as neurons that run all steps at once do, so that
    /// rounding is the same. `input` has the weighted spikes, and is used up.
    pub(crate) fn add_total(&mut self, step: usize, input: &mut [T]) {
        self.add_bias(step, input);
        for (total, &input) in self.total.iter_mut().zip(&*input) {
            *total += input;
        }
    }

    /// Adds the spikes of biases.
    fn add_bias(&self, step: usize, input: &mut [T]) {
        let from = self.bias.partition_point(|&(at, ..)| (at as usize) < step);
        for &(_, neuron, weight) in self.bias[from..].iter().take_while(|&&(at, ..)| at as usize == step) {
            input[neuron as usize] += weight;
        }
    }
}

impl Quartz {
    /// Neurons of the authors' simulation.
    pub fn new(levels: usize) -> Self {
        Self {
            levels,
            rectify: true,
            silent_zeros: false,
            latch: false,
            two_phases: false,
            floor: false,
            bias: BiasSpike::Time,
            bias_limit: 1.5,
            readout: false,
            between: false,
        }
    }

    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(self) -> Option<String> {
        if self.levels < 2 || self.levels > 1 << 16 {
            return Some(format!("{} levels of time", self.levels));
        }
        (!(self.bias_limit >= 0.0 && self.bias_limit <= 2.0)).then(|| format!("biases up to {}", self.bias_limit))
    }

    /// Steps of a layer.
    pub(crate) fn steps(self) -> usize {
        4 * (self.levels - 1)
    }

    /// Step at which a value spikes, as the next layer sees it; halves are rounded to even.
    pub(crate) fn step_of<T: Real>(self, x: T) -> usize {
        let last = (self.levels - 1) as f64;
        let step = (last * (2.0 - x.to_f64())).clamp(0.0, 4.0 * last - 1.0);
        // The last bits of the sum are the integer: it takes a third less time than to convert it.
        (step + INTEGERS).to_bits() as usize & 0xf_ffff
    }

    /// The spikes of a value that is put on the grid: step and weight. Two, where it lies between levels and is shared
    /// out.
    pub(crate) fn input_spikes<T: Real>(self, x: T) -> impl Iterator<Item = (usize, T)> {
        let last = (self.levels - 1) as f64;
        let (step, share) = if self.between {
            let time = (last * (2.0 - x.to_f64())).clamp(0.0, 4.0 * last - 1.0);
            (time as usize, time.fract())
        } else {
            (self.step_of(x), 0.0)
        };
        let second = (share > 0.0).then(|| (step + 1, T::from_f64(share)));
        std::iter::once((step, T::from_f64(1.0 - share))).chain(second)
    }

    /// Step and weight of the spike of a bias, if it has one.
    pub(crate) fn bias_spike<T: Real>(self, bias: T) -> Option<(usize, T)> {
        if self.bias == BiasSpike::Weight {
            return (bias != T::ZERO).then(|| (self.step_of(T::ONE), bias));
        }
        let limit = T::from_f64(self.bias_limit);
        let bias = bias.max(-limit).min(limit);
        match self.bias {
            BiasSpike::None | BiasSpike::Weight => None,
            BiasSpike::Time => Some((self.step_of(bias), T::ONE)),
            BiasSpike::Sign if bias == T::ZERO => None,
            BiasSpike::Sign => Some((self.step_of(bias.abs()), if bias < T::ZERO { -T::ONE } else { T::ONE })),
        }
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

    /// Prepares for an image: `mismatch` tells by how much a neuron's threshold is off.
    pub(crate) fn begin<T: Real>(
        self,
        state: &mut QuartzState<T>,
        count: usize,
        bias: impl Iterator<Item = T>,
        mismatch: impl Fn(usize) -> T,
    ) {
        for values in [&mut state.current, &mut state.potential, &mut state.total] {
            values.clear();
            values.resize(count, T::ZERO);
        }
        let threshold: T = self.threshold();
        state.threshold.clear();
        state.threshold.extend((0..count).map(|neuron| threshold * (T::ONE + mismatch(neuron))));
        state.spiked.clear();
        state.spiked.resize(count, false);
        state.bias.clear();
        for (b, neuron) in bias.zip(0..) {
            if let Some((step, weight)) = self.bias_spike(b) {
                state.bias.push((step as u32, neuron, weight));
            }
        }
        state.bias.sort_unstable_by_key(|&(step, neuron, _)| (step, neuron));
    }

    /// The neurons as kernels run them, where nothing is disturbed.
    pub(crate) fn kernel<T: Real>(self, arriving: Arriving<'_, T>) -> Grid<'_, T> {
        let (readout, rectifier) = (self.readout_step(), self.rectifier_step());
        Grid {
            arriving,
            steps: if self.rectify { rectifier + 1 } else { self.steps() },
            threshold: self.threshold(),
            readout,
            rectifier: (self.rectify && !self.silent_zeros).then_some(rectifier),
            latch: self.latch,
            first: if self.two_phases { readout } else { 0 },
            early: self.two_phases.then(|| self.beyond()),
            // What a layer sends on is shifted by T - 1 steps; what came before is lost, as in the authors' simulation.
            sent: self.levels - 1,
        }
    }

    pub(crate) fn readout_step(self) -> usize {
        2 * (self.levels - 1)
    }

    fn rectifier_step(self) -> usize {
        3 * (self.levels - 1)
    }

    fn threshold<T: Real>(self) -> T {
        T::from_f64(self.levels as f64 - if self.floor { 0.0 } else { 0.5 })
    }

    /// Potential at the readout beyond that of a value of 1, rounded.
    fn beyond<T: Real>(self) -> T {
        T::from_f64(self.levels as f64 + if self.floor { 1.0 } else { 0.5 })
    }

    /// One step: `input` has the weighted spikes that arrive in it, and is used up. Calls `spike` with each neuron that
    /// spikes, in order, its potential, and whether it does so before the readout (or, if that cannot be, at once with a
    /// value above 1). Returns the number of neurons whose current changed, which is how the authors count inputs.
    pub(crate) fn step<T: Real>(
        self,
        state: &mut QuartzState<T>,
        step: usize,
        input: &mut [T],
        mut spike: impl FnMut(usize, T, bool),
    ) -> u64 {
        let (readout, rectifier) = (self.readout_step(), self.rectifier_step());
        if self.rectify && step > rectifier {
            return 0;
        }
        if step == readout {
            for (input, &total) in input.iter_mut().zip(&state.total) {
                *input = T::ONE - total;
            }
        } else {
            state.add_bias(step, input);
        }
        let received = input.iter().map(|&x| u64::from(x != T::ZERO)).sum();
        let waits = self.two_phases && step < readout;
        let ends = self.rectify && !self.silent_zeros && step == rectifier;
        let beyond: T = self.beyond();
        for (block, input) in input.chunks(BLOCK).enumerate() {
            let neurons = block * BLOCK..block * BLOCK + input.len();
            let currents = &mut state.current[neurons.clone()];
            let potentials = &mut state.potential[neurons.clone()];
            let thresholds = &state.threshold[neurons.clone()];
            // Without a branch, so that registers of neurons are updated at once; few of them spike in a step.
            let mut crosses = false;
            for (((current, potential), &input), &threshold) in
                currents.iter_mut().zip(&mut *potentials).zip(input).zip(thresholds)
            {
                *current += input;
                *potential += *current;
                crosses |= *potential >= threshold;
            }
            if !(crosses && !waits || ends) {
                continue;
            }
            for (lane, neuron) in neurons.enumerate() {
                let potential = potentials[lane];
                let spiked = &mut state.spiked[neuron];
                let crosses = potential >= thresholds[lane] && !(self.latch && *spiked) && !waits;
                if crosses || (ends && !*spiked) {
                    let early = step < readout || (self.two_phases && step == readout && potential >= beyond);
                    spike(neuron, potential, early);
                    potentials[lane] = T::ZERO;
                    currents[lane] = T::ZERO;
                    *spiked = true;
                }
            }
        }
        received
    }
}
