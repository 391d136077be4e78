//! What a population hands on: spikes, or values.

use crate::real::Real;
use crate::shape::Shape;

/// The spikes of one population for one image.
///
/// Each spike has the key of its neuron (`pixel * channels + channel`) and the value that it stands for, in the units
/// of the original network: how much a target of weight 1 receives. A spike's time follows from its value by the
/// population's neuron.
#[derive(Clone, Debug, Default)]
pub struct SpikeList<T> {
    /// Neurons, ascending.
    pub keys: Vec<u32>,
    /// Values, as many as keys.
    pub values: Vec<T>,
    /// Where each pixel's spikes begin; one more than there are pixels.
    pub starts: Vec<u32>,
}

impl<T: Real> SpikeList<T> {
    /// Empties the list and makes room for every neuron of `shape` to spike once.
    pub fn clear(&mut self, shape: Shape) {
        self.keys.clear();
        self.values.clear();
        self.starts.clear();
        self.keys.reserve(shape.len());
        self.values.reserve(shape.len());
        self.starts.reserve(shape.pixels() + 1);
    }

    /// Refills the list from one value per neuron: `spike` gives a neuron's spike, if it has one.
    pub fn compress(&mut self, shape: Shape, values: &[T], mut spike: impl FnMut(T) -> Option<T>) {
        self.clear(shape);
        self.starts.push(0);
        for (pixel, row) in values.chunks_exact(shape.channels).enumerate() {
            let base = (pixel * shape.channels) as u32;
            for (channel, &value) in row.iter().enumerate() {
                if let Some(value) = spike(value) {
                    self.keys.push(base + channel as u32);
                    self.values.push(value);
                }
            }
            self.starts.push(self.keys.len() as u32);
        }
    }

    /// Refills the list from spikes in any order.
    pub fn collect(&mut self, shape: Shape, spikes: &mut [(u32, T)]) {
        spikes.sort_unstable_by_key(|&(key, _)| key);
        self.clear(shape);
        self.starts.push(0);
        let mut at = 0;
        for pixel in 0..shape.pixels() {
            let end = ((pixel + 1) * shape.channels) as u32;
            while at < spikes.len() && spikes[at].0 < end {
                self.keys.push(spikes[at].0);
                self.values.push(spikes[at].1);
                at += 1;
            }
            self.starts.push(at as u32);
        }
    }

    /// The spikes of pixels `from..to`.
    pub fn pixels(&self, from: usize, to: usize) -> (&[u32], &[T]) {
        let range = self.starts[from] as usize..self.starts[to] as usize;
        (&self.keys[range.clone()], &self.values[range])
    }

    /// Number of spikes.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no neuron spiked.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// What a population hands on for one image.
#[derive(Clone, Debug)]
pub enum Signal<T> {
    /// Its neurons spike.
    Spikes(SpikeList<T>),
    /// Its neurons have values: one each.
    Values(Vec<T>),
}

impl<T: Real> Signal<T> {
    /// One value per neuron, zero where a neuron was silent.
    pub fn values(&self, shape: Shape) -> Vec<T> {
        match self {
            Self::Values(values) => values.clone(),
            Self::Spikes(spikes) => {
                let mut values = vec![T::ZERO; shape.len()];
                for (&key, &value) in spikes.keys.iter().zip(&spikes.values) {
                    values[key as usize] = value;
                }
                values
            }
        }
    }
}
