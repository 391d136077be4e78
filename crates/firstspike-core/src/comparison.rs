//! How far populations are from those of a reference.

use crate::network::Network;
use crate::real::Real;
use crate::record::Record;
use crate::signal::Signal;
use std::ops::AddAssign;

/// How far a population is from the reference, over all images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// Largest |value - reference|.
    pub max: f64,
    /// Sum of squares of the differences.
    pub squares: f64,
    /// Sum of squares of the reference.
    pub reference_squares: f64,
    /// Neurons whose reference is not zero, summed over images.
    pub reference_active: u64,
    /// Of each channel, if recorded.
    pub channels: Vec<Moments>,
    /// In how many images the reference of each neuron is not zero, if recorded.
    pub active: Vec<u32>,
}

/// Sums over pairs of a value and its reference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// Of the values.
    pub values: f64,
    /// Of the references.
    pub references: f64,
    /// Of the squares of the values.
    pub value_squares: f64,
    /// Of the squares of the references.
    pub reference_squares: f64,
    /// Of the products of value and reference.
    pub products: f64,
    /// Of the squares of the differences.
    pub squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64, reference: f64) {
        self.values += value;
        self.references += reference;
        self.value_squares += value * value;
        self.reference_squares += reference * reference;
        self.products += value * reference;
        self.squares += (value - reference) * (value - reference);
    }
}

impl AddAssign<&Moments> for Moments {
    fn add_assign(&mut self, other: &Moments) {
        self.values += other.values;
        self.references += other.references;
        self.value_squares += other.value_squares;
        self.reference_squares += other.reference_squares;
        self.products += other.products;
        self.squares += other.squares;
    }
}

/// The same of one image: which neurons are active is a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageDifferences {
    sums: Differences,
    active: Vec<u32>,
}

impl ImageDifferences {
    /// Compares what a population handed on with what that of the reference did.
    pub fn between<T: Real>(
        network: &Network<T>,
        index: usize,
        signal: &Signal<T>,
        reference: &Signal<T>,
        record: Record,
    ) -> Self {
        let population = &network.populations()[index];
        let channels = population.shape.channels;
        let mut sums = Differences::default();
        let mut active = Vec::new();
        if record.channels {
            sums.channels.resize(channels, Moments::default());
        }
        let values = network.decoded(index, signal);
        for (neuron, (value, reference)) in values.into_iter().zip(reference.values(population.shape)).enumerate() {
            let value = population.decode.activation(neuron % channels, value);
            let difference = (value - reference).to_f64();
            let reference = reference.to_f64();
            sums.max = sums.max.max(difference.abs());
            sums.squares += difference * difference;
            sums.reference_squares += reference * reference;
            sums.reference_active += u64::from(reference != 0.0);
            if record.channels {
                sums.channels[neuron % channels].add(value.to_f64(), reference);
            }
            if record.neurons && reference != 0.0 {
                active.push(neuron as u32);
            }
        }
        Self { sums, active }
    }
}

impl Differences {
    /// Those of no image, for a population of so many neurons.
    pub(crate) fn none(neurons: usize, channels: usize, record: Record) -> Self {
        Self {
            channels: vec![Moments::default(); if record.channels { channels } else { 0 }],
            active: vec![0; if record.neurons { neurons } else { 0 }],
            ..Self::default()
        }
    }

    /// Adds those of an image.
    pub(crate) fn add(&mut self, ImageDifferences { sums, active }: &ImageDifferences) {
        self.max = self.max.max(sums.max);
        self.squares += sums.squares;
        self.reference_squares += sums.reference_squares;
        self.reference_active += sums.reference_active;
        for (sum, channel) in self.channels.iter_mut().zip(&sums.channels) {
            *sum += channel;
        }
        for &neuron in active {
            self.active[neuron as usize] += 1;
        }
    }
}
