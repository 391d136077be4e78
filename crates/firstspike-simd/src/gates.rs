//! From the inputs of gates to the list of those that spike: each runs the steps of a few-spike neuron, or the neurons of
//! an at-most-one-spike circuit, a lane for each.
//!
//! Whether a step spikes is a 0 or a 1 that everything is multiplied by. Such a product is exact, so that it makes no
//! difference whether it is rounded before a sum: all levels round alike.

use crate::vector::{MOST_LANES, Vector};

/// Steps that a kernel can run: a pattern is summed up as a number, which is exact up to 24 bits in `f32`.
pub const MOST_STEPS: usize = 24;

/// Registers that are run at once: each step waits for the one before.
const AT_ONCE: usize = 4;

/// A neuron that compares its potential with a threshold in each step, as many of each as there are steps.
#[derive(Clone, Copy, Debug)]
pub struct FewSpikes<'a, T> {
    /// What the potential must exceed to spike.
    pub threshold: &'a [T],
    /// What a spike takes from the potential.
    pub reset: &'a [T],
    /// What a spike is worth.
    pub output: &'a [T],
    /// Added to the input.
    pub initial: T,
    /// Whether every second step compares `-v`, and its spike adds to the potential.
    pub signed: bool,
    /// Smallest and largest input that is not beyond the range.
    pub range: [T; 2],
}

/// Neurons that each spike once at most, and inhibit those behind them.
#[derive(Clone, Copy, Debug)]
pub struct Circuit<'a, T> {
    /// Weight of the input on each neuron.
    pub input: &'a [T],
    /// Weight of the second input on each neuron; empty where there is none.
    pub second: &'a [T],
    /// What each neuron's potential must exceed to spike.
    pub threshold: &'a [T],
    /// Inhibition of neuron i by j < i: those of neuron 1, then of neuron 2, and so on.
    pub inhibition: &'a [T],
    /// What each neuron's spike is worth.
    pub output: &'a [T],
    /// Smallest and largest input that is not beyond the range.
    pub range: [T; 2],
}

/// Where the gates that spike are listed; what was in the lists before is lost.
#[derive(Debug)]
pub struct Patterns<'a, T> {
    /// Neurons, ascending.
    pub keys: &'a mut Vec<u32>,
    /// What the spikes of each are worth together.
    pub values: &'a mut Vec<T>,
    /// The steps in which each spikes, a bit for each, the first lowest.
    pub patterns: &'a mut Vec<u32>,
    /// Where each pixel's begin; one more than there are pixels.
    pub starts: &'a mut Vec<u32>,
}

impl<T: Copy + Default> Patterns<'_, T> {
    /// Makes room for all of `count` gates to spike.
    pub(crate) fn begin(&mut self, count: usize, channels: usize) -> Found<T> {
        assert!(channels > 0 && count.is_multiple_of(channels), "whole pixels");
        // A whole register is written at a time.
        let room = count + MOST_LANES;
        self.keys.resize(room, 0);
        self.values.resize(room, T::default());
        self.patterns.resize(room, 0);
        self.starts.resize(count / channels + 1, 0);
        Found {
            keys: self.keys.as_mut_ptr(),
            values: self.values.as_mut_ptr(),
            patterns: self.patterns.as_mut_ptr(),
            starts: self.starts.as_mut_ptr(),
        }
    }

    /// Keeps what was found.
    pub(crate) fn end(&mut self, count: usize) {
        self.keys.truncate(count);
        self.values.truncate(count);
        self.patterns.truncate(count);
    }
}

/// Memory of a list.
#[derive(Clone, Copy)]
pub(crate) struct Found<T> {
    keys: *mut u32,
    values: *mut T,
    patterns: *mut u32,
    starts: *mut u32,
}

/// Memory for the spikes of each step. It is shared by all gates, since to set it to zero takes half as long as to run one.
type Spikes<V> = [[V; AT_ONCE]; MOST_STEPS];

/// What a gate does with registers of inputs.
pub(crate) trait Gate<V: Vector>: Copy {
    fn range(&self) -> [V::Scalar; 2];

    /// Runs all steps: values and patterns. What `spikes` held is lost.
    ///
    /// # Safety
    /// The instruction set of `V` must be available.
    unsafe fn run(&self, x: [V; AT_ONCE], y: [V; AT_ONCE], spikes: &mut Spikes<V>) -> [[V; AT_ONCE]; 2];
}

/// What the kernels need to know of numbers.
pub(crate) trait Number: Copy + std::ops::Neg<Output = Self> + std::ops::Mul<Output = Self> {
    /// `2^step`.
    fn bit(step: usize) -> Self;
}

impl Number for f32 {
    #[inline(always)]
    fn bit(step: usize) -> Self {
        (1u32 << step) as Self
    }
}

impl Number for f64 {
    #[inline(always)]
    fn bit(step: usize) -> Self {
        f64::from(1u32 << step)
    }
}

impl<V: Vector<Scalar: Number>> Gate<V> for FewSpikes<'_, V::Scalar> {
    #[inline(always)]
    fn range(&self) -> [V::Scalar; 2] {
        self.range
    }

    #[inline(always)]
    unsafe fn run(&self, x: [V; AT_ONCE], _: [V; AT_ONCE], _: &mut Spikes<V>) -> [[V; AT_ONCE]; 2] {
        // SAFETY: the caller's word.
        unsafe {
            let initial = V::splat(self.initial);
            let mut potential = x;
            for v in &mut potential {
                *v = v.add(initial);
            }
            let [mut values, mut patterns] = [[V::zero(); AT_ONCE]; 2];
            let steps = self.threshold.iter().zip(self.reset).zip(self.output);
            for (step, ((&threshold, &reset), &output)) in steps.enumerate() {
                let negative = self.signed && step % 2 == 1;
                let threshold = V::splat(if negative { -threshold } else { threshold });
                let reset = V::splat(if negative { reset } else { -reset });
                let (output, bit) = (V::splat(output), V::splat(Number::bit(step)));
                for k in 0..AT_ONCE {
                    let v = potential[k];
                    let spike = if negative { threshold.exceeds(v) } else { v.exceeds(threshold) };
                    potential[k] = v.add_product(spike, reset);
                    values[k] = values[k].add_product(spike, output);
                    patterns[k] = patterns[k].add_product(spike, bit);
                }
            }
            [values, patterns]
        }
    }
}

impl<V: Vector<Scalar: Number>> Gate<V> for Circuit<'_, V::Scalar> {
    #[inline(always)]
    fn range(&self) -> [V::Scalar; 2] {
        self.range
    }

    #[inline(always)]
    unsafe fn run(&self, x: [V; AT_ONCE], y: [V; AT_ONCE], spikes: &mut Spikes<V>) -> [[V; AT_ONCE]; 2] {
        // SAFETY: the caller's word.
        unsafe {
            let [mut values, mut patterns] = [[V::zero(); AT_ONCE]; 2];
            let mut inhibition = self.inhibition;
            let neurons = self.input.iter().zip(self.threshold).zip(self.output);
            for (i, ((&weight, &threshold), &output)) in neurons.enumerate() {
                let weight = V::splat(weight);
                let mut potential = [V::zero(); AT_ONCE];
                for (v, &x) in potential.iter_mut().zip(&x) {
                    *v = v.add_product(x, weight);
                }
                if let Some(&weight) = self.second.get(i) {
                    // Rounded twice, as the same sum is elsewhere.
                    let weight = V::splat(weight);
                    for (v, &y) in potential.iter_mut().zip(&y) {
                        *v = v.add(V::zero().add_product(y, weight));
                    }
                }
                let (own, rest) = inhibition.split_at(i);
                inhibition = rest;
                for (earlier, &inhibition) in spikes.iter().zip(own) {
                    let inhibition = V::splat(-inhibition);
                    for (v, &spike) in potential.iter_mut().zip(earlier) {
                        *v = v.add_product(spike, inhibition);
                    }
                }
                let (threshold, output, bit) = (V::splat(threshold), V::splat(output), V::splat(Number::bit(i)));
                for k in 0..AT_ONCE {
                    let spike = potential[k].exceeds(threshold);
                    spikes[i][k] = spike;
                    values[k] = values[k].add_product(spike, output);
                    patterns[k] = patterns[k].add_product(spike, bit);
                }
            }
            [values, patterns]
        }
    }
}

/// Numbers from index `at` on, zeros behind the last.
///
/// # Safety
/// The instruction set of `V` must be available.
#[inline(always)]
unsafe fn load<V: Vector>(from: &[V::Scalar], at: usize) -> [V; AT_ONCE] {
    // SAFETY: no lane beyond the last number is read.
    unsafe {
        let mut registers = [V::zero(); AT_ONCE];
        for (k, register) in registers.iter_mut().enumerate() {
            let at = at + k * V::LANES;
            if at + V::LANES <= from.len() {
                *register = V::load(from.as_ptr().add(at));
            } else if at < from.len() {
                *register = V::load_first(from.as_ptr().add(at), from.len() - at);
            }
        }
        registers
    }
}

/// Runs gates, `channels` to a pixel, and lists those that spike. Returns how many do, and how many have an input beyond
/// the range: the first or, if `SECOND`, either.
///
/// # Safety
/// The instruction set of `V` must be available; the memory of the list must be writable for [`MOST_LANES`] elements
/// more than there are inputs, `starts` for one more than there are pixels; `channels` must divide the inputs, and there
/// must be as many second inputs as first ones, if `SECOND`.
#[inline(always)]
pub(crate) unsafe fn run<V: Vector<Scalar: Number>, G: Gate<V>, const SECOND: bool>(
    gate: G,
    inputs: [&[V::Scalar]; 2],
    channels: usize,
    found: Found<V::Scalar>,
) -> (usize, u64) {
    let total = inputs[0].len();
    let [mut count, mut beyond, mut pixel] = [0; 3];
    let mut end = channels;
    // SAFETY: loads and `starts` stay within what there is; no more than `LANES` elements are written at
    // `count <= total`.
    unsafe {
        let [lowest, highest] = gate.range();
        let (lowest, highest) = (V::splat(lowest), V::splat(highest));
        let mut spikes = [[V::zero(); AT_ONCE]; MOST_STEPS];
        *found.starts = 0;
        for block in (0..total).step_by(AT_ONCE * V::LANES) {
            let x = load::<V>(inputs[0], block);
            let y = if SECOND { load::<V>(inputs[1], block) } else { x };
            let [values, patterns] = gate.run(x, y, &mut spikes);
            for k in 0..AT_ONCE {
                let at = block + k * V::LANES;
                let lanes = total.saturating_sub(at).min(V::LANES);
                let there = (1 << lanes) - 1;
                let mask = patterns[k].positive() & there;
                let mut outside = lowest.exceeds(x[k]).add(x[k].exceeds(highest));
                if SECOND {
                    outside = outside.add(lowest.exceeds(y[k])).add(y[k].exceeds(highest));
                }
                beyond += (outside.positive() & there).count_ones() as usize;
                values[k].compress(mask, at as u32, found.keys.add(count), found.values.add(count));
                patterns[k].compress_integers(mask, found.patterns.add(count));
                while end <= at + lanes && end <= total {
                    pixel += 1;
                    *found.starts.add(pixel) = (count as u32) + (mask & ((1 << (end - at)) - 1)).count_ones();
                    end += channels;
                }
                count += mask.count_ones() as usize;
            }
        }
    }
    (count, beyond as u64)
}
