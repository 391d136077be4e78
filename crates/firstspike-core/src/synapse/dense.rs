//! Every neuron to every neuron.

use crate::aligned::Aligned;
use crate::real::Real;
use crate::shape::{Shape, is_permutation};
use crate::signal::SpikeList;
use crate::synapse::{ImageBundle, Path, Sums};
use crate::weights::RawWeights;
use firstspike_simd::{Level, Sliding, Taps};

/// A matrix of weights, one row of targets per presynaptic neuron.
#[derive(Clone, Debug)]
pub struct Dense<T> {
    input: Shape,
    outputs: usize,
    /// `[input][output]`.
    weights: Aligned<T>,
    /// As a convolution with as many taps as there are pixels.
    sliding: Box<Sliding>,
}

impl<T: Real> Dense<T> {
    /// Packs stored weights. `order[i]` is the neuron that stored input `i` belongs to (the same index, if absent);
    /// `transposed` says that the stored matrix is `[output][input]`.
    ///
    /// # Errors
    /// If sizes contradict each other.
    pub fn new(
        input: Shape,
        outputs: usize,
        raw: RawWeights<'_>,
        order: Option<&[u32]>,
        transposed: bool,
    ) -> Result<Self, String> {
        let inputs = input.len();
        let count = inputs.checked_mul(outputs).filter(|&n| n > 0).ok_or("a dense layer without synapses")?;
        if let Some(fault) = raw.fault(count, inputs, outputs) {
            return Err(fault);
        }
        if order.is_some_and(|order| !is_permutation(order, inputs)) {
            return Err("the order of the inputs is no permutation of them".to_owned());
        }
        let weights = raw.pack(count, |index| {
            let (i, o) = if transposed { (index % inputs, index / inputs) } else { (index / outputs, index % outputs) };
            let neuron = order.map_or(i, |order| order[i] as usize);
            (neuron * outputs + o, i, o)
        })?;
        let all = |count: usize| vec![Taps { first: 0, count, start: 0 }];
        let Shape { height, width, channels } = input;
        let (image, kernel) = ([height, width, channels], [height, width]);
        let sliding = Sliding::new(image, outputs, 1, kernel, [1, 1], all(height), all(width));
        Ok(Self { input, outputs, weights, sliding: Box::new(sliding) })
    }

    /// Shape of the presynaptic population.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// Number of postsynaptic neurons.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) fn weights_mut(&mut self) -> &mut [T] {
        &mut self.weights
    }

    /// The weights of a neuron's synapses.
    pub(super) fn row(&self, neuron: usize) -> &[T] {
        &self.weights[neuron * self.outputs..][..self.outputs]
    }

    /// All of them, one row of targets after the other.
    pub(super) fn weights(&self) -> &[T] {
        &self.weights
    }

    pub(super) fn gather(&self, level: Level, spikes: &SpikeList<T>, sums: &mut Sums<'_, T>) {
        let channels = sums.channels(self.outputs);
        let (weights, sums) = (&self.weights[channels.start..], &mut sums.begun()[channels]);
        T::accumulate_spikes(level, sums, weights, self.outputs, &spikes.keys, 0, &spikes.values);
    }

    pub(super) fn gather_bundle(
        &self,
        level: Level,
        ImageBundle { values, active, .. }: ImageBundle<'_, T>,
        sums: &mut Sums<'_, T>,
    ) -> Path {
        let (sums, bias) = sums.parts();
        let Some(active) = active else {
            T::convolve_bundle(level, &self.sliding, sums, bias, &self.weights, values, None);
            return Path::Dense;
        };
        T::convolve_active(level, &self.sliding, sums, bias, &self.weights, values, active);
        Path::Events
    }

    pub(super) fn gather_values(&self, level: Level, values: &[T], sums: &mut Sums<'_, T>) {
        let channels = sums.channels(self.outputs);
        let (weights, sums) = (&self.weights[channels.start..], &mut sums.begun()[channels]);
        T::accumulate_run(level, sums, weights, self.outputs, values);
    }
}
