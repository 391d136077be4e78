//! What goes wrong on real hardware: spikes that come late or never, thresholds and weights that are not as meant.
//!
//! A disturbance acts on what neurons do, in both engines alike: on input neurons and those that integrate, not on
//! those that merely pass spikes on. Its random numbers are a function of the seed and of the place where they are
//! used, so a run is repeatable whatever the number of threads.

use crate::random::Random;
use crate::real::Real;

/// How strongly things go wrong; all zero is not at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disturbance {
    /// Of the random numbers.
    pub seed: u64,
    /// Standard deviation of spike times: as a share of the window where neurons spike once, otherwise in steps.
    pub jitter: f64,
    /// Probability that a spike is lost.
    pub loss: f64,
    /// Standard deviation of a delay that each neuron has for good; in units of the jitter.
    pub delay: f64,
    /// Times within a window are rounded to so many levels; 0 leaves them. Where neurons spike once, or rates count.
    pub time_levels: u32,
    /// Standard deviation of each neuron's threshold, relative to it (to the window, where neurons spike once).
    pub mismatch: f64,
}

/// Changes of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightDisturbance {
    /// Of the random numbers.
    pub seed: u64,
    /// Standard deviation of noise, relative to the largest weight of the same synapses.
    pub noise: f64,
    /// Weights are rounded to so many bits, in a range symmetric about zero that the largest weight fills; 0 leaves
    /// them.
    pub bits: u32,
}

/// What a random number is for: the last word of its place.
#[derive(Clone, Copy)]
enum Purpose {
    Jitter,
    Loss,
    Delay,
    Mismatch,
    Weight,
}

/// A disturbance of one population's neurons for one image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disturbed {
    disturbance: Disturbance,
    random: Random,
    image: u32,
    population: u32,
}

impl Disturbance {
    /// The disturbance of one population for one image.
    pub(crate) fn of(self, image: u32, population: usize) -> Disturbed {
        Disturbed { disturbance: self, random: Random::new(self.seed), image, population: population as u32 }
    }
}

impl Disturbed {
    fn place(&self, purpose: Purpose, image: u32, neuron: usize, step: usize) -> [u32; 4] {
        [image, neuron as u32, step as u32, self.population << 3 | purpose as u32]
    }

    /// How much later a spike comes, in units of the jitter; `None` if it is lost.
    fn lateness(&self, neuron: usize, step: usize) -> Option<f64> {
        let Disturbance { jitter, loss, delay, .. } = self.disturbance;
        let place = |purpose, image| self.place(purpose, image, neuron, step);
        if loss > 0.0 && self.random.uniform(place(Purpose::Loss, self.image)) < loss {
            return None;
        }
        let mut late = 0.0;
        if jitter > 0.0 {
            late += jitter * self.random.normal(place(Purpose::Jitter, self.image));
        }
        if delay > 0.0 {
            late += delay * self.random.normal(self.place(Purpose::Delay, 0, neuron, 0)).abs();
        }
        Some(late)
    }

    /// When a spike of a window really comes; `None` if it is lost.
    pub(crate) fn time<T: Real>(&self, neuron: usize, time: T, window: T) -> Option<T> {
        let late = self.lateness(neuron, 0)?;
        let mut share = time.to_f64() / window.to_f64() + late;
        if self.disturbance.time_levels > 0 {
            let levels = f64::from(self.disturbance.time_levels);
            share = (share * levels).round() / levels;
        }
        Some(T::from_f64(share) * window)
    }

    /// The step in which a spike really comes; `None` if it is lost. Spikes do not leave their window.
    pub(crate) fn step(&self, neuron: usize, step: usize, steps: usize) -> Option<usize> {
        let late = self.lateness(neuron, step)?;
        Some((step as f64 + late).round().clamp(0.0, (steps - 1) as f64) as usize)
    }

    /// The same where it is rates that count: several spikes of a neuron may then come in one step.
    pub(crate) fn step_of_rate(&self, neuron: usize, step: usize, steps: usize) -> Option<usize> {
        let step = self.step(neuron, step, steps)?;
        let levels = self.disturbance.time_levels as usize;
        if levels == 0 || levels >= steps {
            return Some(step);
        }
        // The first step of each level, and the nearest level.
        let level = (step * levels + steps / 2) / steps;
        Some(level.min(levels - 1) * steps / levels)
    }

    /// By how much a neuron's threshold is off, relative to it.
    pub(crate) fn mismatch<T: Real>(&self, neuron: usize) -> T {
        if self.disturbance.mismatch == 0.0 {
            return T::ZERO;
        }
        let place = self.place(Purpose::Mismatch, 0, neuron, 0);
        T::from_f64(self.disturbance.mismatch * self.random.normal(place))
    }
}

impl WeightDisturbance {
    /// Changes the weights of one projection.
    pub(crate) fn apply<T: Real>(self, weights: &mut [T], population: usize, projection: usize) {
        let largest = weights.iter().fold(0.0, |largest: f64, w| largest.max(w.to_f64().abs()));
        if largest == 0.0 {
            return;
        }
        let random = Random::new(self.seed);
        let levels = if self.bits > 0 { f64::from((1u32 << (self.bits - 1)) - 1) } else { 0.0 };
        for (index, weight) in weights.iter_mut().enumerate() {
            let mut w = weight.to_f64();
            if self.noise > 0.0 {
                let place = [index as u32, projection as u32, 0, (population as u32) << 3 | Purpose::Weight as u32];
                w += self.noise * largest * random.normal(place);
            }
            if levels > 0.0 {
                w = (w / largest * levels).round().clamp(-levels, levels) * largest / levels;
            }
            *weight = T::from_f64(w);
        }
    }
}
