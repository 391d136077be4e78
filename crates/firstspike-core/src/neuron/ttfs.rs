//! Time to first spike, B1 model (Stanojevic et al., arXiv 2306.08744, equations 7 and 18).
//!
//! A layer's window is `[t_min, t_max]`; its inputs arrive before `t_min`, each worth `x_j = t_min - t_j`. All times
//! here are relative to the layer's own `t_min`, so that no digits are lost over many windows:
//!
//! ```text
//! before t_min    V(t) = sum_j W_j (t - t_j)             no spike is possible
//! after t_min     V(t) = sum_j W_j x_j + t               slope exactly 1
//! threshold       theta = window - D                     window = t_max - t_min, D the bias
//! spike           t = theta - sum_j W_j x_j              if t < window, else silent
//! value           x = window - t = ReLU(sum_j W_j x_j + D)
//! ```
//!
//! A value beyond the window would spike before `t_min`. It is counted as saturated; it is clipped to the window, as
//! hardware would, only if asked for. Neurons that stand for a clipped ReLU have a window as wide as its ceiling: what is
//! beyond spikes at `t_min`, which is exact, and no saturation.

use crate::real::Real;
use firstspike_simd::Level;

/// A neuron that spikes at most once, the earlier the larger its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ttfs<T> {
    /// Length of the window, in units of the original network's activations.
    pub window: T,
    /// A relay of signed values: a pair of neurons, of which the second has negated weights and bias, so that
    /// `x = ReLU(v) - ReLU(-v)`. Spikes of the second count negative.
    pub signed: bool,
    /// Whether values beyond the window are clipped to it.
    pub saturate: bool,
    /// Whether the function that the neuron stands for ends at the window: values beyond are clipped, and not counted.
    pub bounded: bool,
}

impl<T: Real> Ttfs<T> {
    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(&self) -> Option<String> {
        (!(self.window > T::ZERO && self.window.is_finite())).then(|| format!("{:?} is no window", self.window))
    }

    /// Whether values beyond the window are clipped to it.
    pub(crate) fn clips(&self) -> bool {
        self.saturate || self.bounded
    }

    /// The spike of a neuron whose inputs, bias included, sum to `v`: its value and whether it lies beyond the window.
    #[inline]
    pub(crate) fn spike(&self, v: T) -> Option<(T, bool)> {
        let magnitude = if self.signed { v.abs() } else { v };
        if magnitude > T::ZERO {
            let beyond = magnitude > self.window;
            let clipped = if beyond && self.clips() { self.window } else { magnitude };
            Some((if v < T::ZERO { -clipped } else { clipped }, beyond && !self.bounded))
        } else {
            None
        }
    }

    /// The least and the largest value that a spike may have, beyond the window too where that is counted.
    pub(crate) fn range(&self) -> [T; 2] {
        let [_, beyond] = T::EVERYTHING;
        let most = if self.bounded { self.window } else { beyond };
        [if self.signed { -most } else { T::ZERO }, most]
    }

    /// Counts the values beyond the window, and clips them if that is asked for.
    pub(crate) fn limit(&self, values: &mut [T]) -> u64 {
        let mut beyond = 0;
        for value in values {
            if value.abs() > self.window {
                beyond += 1;
                if self.saturate {
                    *value = value.min(self.window).max(-self.window);
                }
            }
        }
        beyond
    }

    /// The same by its definition: the threshold crossing after `t_min` of a potential `v` that inputs have driven, and
    /// a bias. Gives the spike time relative to `t_min`, and the sign of the neuron that spikes.
    pub(crate) fn crossing(&self, v: T, bias: T) -> Option<(T, bool)> {
        let positive = (self.window - bias) - v;
        if positive < self.window {
            return Some((positive, false));
        }
        let negative = (self.window + bias) + v;
        (self.signed && negative < self.window).then_some((negative, true))
    }
}

/// How real input becomes spikes: `x' = x * scale + shift` lies in `[0, 1]` for inputs within the calibrated range
/// `[p, q]`, and spikes at `1 - x'` of a window of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Encoder<T> {
    /// 1 / (q - p)
    pub scale: T,
    /// -p / (q - p)
    pub shift: T,
    /// Whether inputs outside of the range are clipped to it.
    pub saturate: bool,
}

impl<T: Real> Encoder<T> {
    /// The spike of an input: its value `x'`, negative if it comes after the window, and whether it lies outside.
    #[inline]
    pub(crate) fn spike(&self, x: T) -> Option<(T, bool)> {
        let value = x * self.scale + self.shift;
        let outside = value < T::ZERO || value > T::ONE;
        let value = if outside && self.saturate { value.max(T::ZERO).min(T::ONE) } else { value };
        (value != T::ZERO).then_some((value, outside))
    }

    /// The same for all inputs, which become the values of their spikes, zero where there is none: returns how many lie
    /// outside.
    pub(crate) fn spikes(&self, level: Level, inputs: &mut [T]) -> u64 {
        let [least, most] = T::scale(level, inputs, self.scale, self.shift);
        if least >= T::ZERO && most <= T::ONE {
            return 0;
        }
        let mut outside = 0;
        // Counts as wide as values, for some of them at a time, fill registers as these do.
        for inputs in inputs.chunks_mut(1024) {
            let mut count = 0u32;
            for x in inputs {
                if self.saturate {
                    // What is clipped to zero is no spike.
                    *x = x.max(T::ZERO);
                }
                count += u32::from(*x < T::ZERO) + u32::from(*x > T::ONE);
                if self.saturate {
                    *x = x.min(T::ONE);
                }
            }
            outside += u64::from(count);
        }
        outside
    }
}
