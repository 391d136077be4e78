//! Time to first spike with a constant external slope: the exact mapping (Stanojevic et al., arXiv 2212.12522).
//!
//! A layer's window is `[t_min, t_max]`. Its inputs arrive before `t_min`, and its neurons integrate them as they come.
//! A neuron spikes at its first threshold crossing, at `t_max` if there is none: exactly once. Its spike stands for the
//! activation `x_i = o_i + s_i (t_max - t_i)`: `o` is the smallest one that it can send (zero behind a ReLU), `s` what a
//! unit of time is worth.
//!
//! ```text
//! slope       dV_i/dt = r_i + sum_{j: t_j < t} W_ij s_j       from t_0 on, where the longest window of the inputs begins
//!             r_i     = s_i - sum_j W_ij s_j > 0              j over existing synapses: there are none from padding
//! threshold   theta_i = r_i (t_min - t_0) + s_i (t_max - t_min) + o_i - b_i - sum_j W_ij o_j
//! spike       t_i     = first crossing, or t_max
//! value       x_i     = max(o_i, sum_j W_ij x_j + b_i)        if t_i >= t_min: the slope is s_i by then
//! ```
//!
//! Divided by `r_i` these are the published equations: an external slope of 1 and `J_ij = W_ij s_j / r_i`. There a
//! preprocessing scales activations by `1 / s` so that row sums stay below 1; here `s` takes it up, weights are the
//! original ones, and values have the original network's units. All times in the code are relative to `t_min`.
//!
//! A crossing before `t_min` leaves out the inputs that are still to come. Its value is wrong and lies beyond the
//! window; it is counted as saturated.

use crate::real::Real;
use crate::synapse::Projection;

/// A neuron that spikes exactly once, the earlier the larger its value.
#[derive(Clone, Debug, PartialEq)]
pub struct TtfsAlpha<T> {
    /// Length of the window.
    pub window: T,
    /// Of each channel: the activation that a unit of time is worth.
    pub slope: Vec<T>,
    /// The smallest activation that can be sent: that of a spike at the window's end.
    pub origin: T,
    /// Whether the neuron stands for a ReLU. If it stands for an unrectified sum, values below the origin are counted as
    /// saturated.
    pub rectify: bool,
}

/// What the spike of one neuron stands for, `lead` before the end of its window: `origin + slope * lead`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale<T> {
    pub slope: T,
    pub origin: T,
}

impl<T: Real> Scale<T> {
    /// The value of a spike.
    pub(crate) fn value(self, lead: T) -> T {
        self.origin + self.slope * lead
    }

    /// How long before the window's end a value spikes.
    pub(crate) fn lead(self, value: T) -> T {
        (value - self.origin) / self.slope
    }
}

/// How the neurons of a population begin to integrate spikes.
#[derive(Clone, Debug)]
pub(crate) struct Onset<T> {
    /// `t_min - t_0`.
    pub lead: T,
    /// `r`, the slope before any input.
    pub slope: Vec<T>,
    /// The potential, relative to the threshold, that a neuron without bias and input would have at `t_min`.
    pub excess: Vec<T>,
    /// The synapses from sources that spike, without their negative weights: with these alone the potential would rise
    /// more steeply at all times. If it does not reach the threshold before `t_min` then, no neuron spikes early.
    pub rising: Vec<Projection<T>>,
    /// As `excess`, over those synapses.
    pub rising_excess: Vec<T>,
}

/// Potential of a neuron at the time of its last input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membrane<T> {
    time: T,
    /// Relative to the threshold.
    potential: T,
    pub slope: T,
    /// When the threshold was crossed first.
    pub crossing: Option<T>,
}

impl<T: Real> TtfsAlpha<T> {
    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(&self) -> Option<String> {
        if !(self.window > T::ZERO && self.window.is_finite() && self.origin.is_finite()) {
            return Some(format!("no window of {:?} from {:?} on", self.window, self.origin));
        }
        let fault = self.slope.iter().find(|&&slope| !(slope > T::ZERO && slope.is_finite()));
        fault.map(|slope| format!("{slope:?} is no slope"))
    }

    /// The value that a neuron sends for `v`, and whether `v` lies outside of the window.
    pub(crate) fn send(&self, scale: Scale<T>, v: T) -> (T, bool) {
        let outside = v > scale.value(self.window) || (!self.rectify && v < self.origin);
        (v.max(self.origin), outside)
    }
}

impl<T: Real> Onset<T> {
    /// The state of a neuron at `t_0`, whose bias and inputs other than spikes are `value`.
    pub(crate) fn membrane(&self, neuron: usize, value: T) -> Membrane<T> {
        let slope = self.slope[neuron];
        let potential = self.excess[neuron] + value - slope * self.lead;
        Membrane { time: -self.lead, potential, slope, crossing: None }
    }
}

impl<T: Real> Membrane<T> {
    /// Integrates up to a time.
    pub(crate) fn advance(&mut self, time: T) {
        let potential = self.potential + self.slope * (time - self.time);
        if self.crossing.is_none() && potential >= T::ZERO {
            self.crossing = Some(self.time - self.potential / self.slope);
        }
        self.potential = potential;
        self.time = time;
    }
}
