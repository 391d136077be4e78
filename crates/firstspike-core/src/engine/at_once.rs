//! Neurons with a state, where nothing is disturbed. A layer's inputs have ended when it begins: what arrives in each step
//! is summed up first, and then neurons go through all steps, a few registers of them at a time.

use super::{Engine, Workspace};
use crate::network::{Network, Population, Stage};
use crate::neuron::{IntegrateAndFire, IntegrateAndFireState, Neuron, Quartz};
use crate::real::Real;
use crate::signal::{Signal, SpikeList};
use crate::synapse::Projection;
use firstspike_simd::{Arriving, NOTHING, Stamps};
use std::collections::BTreeMap;

/// Numbers of arrivals of a population, at most: steps times neurons.
const MOST_ARRIVALS: usize = 1 << 22;

/// Weights of a projection's stamps, at most: those of a pixel at a border are copies of their own.
const MOST_WEIGHTS: usize = 1 << 22;

/// What neurons need to run all steps at once.
#[derive(Clone, Debug)]
pub(crate) struct Plan<T> {
    /// What a spike does, for each projection; nothing where it reaches one run of targets anyway.
    stamps: Vec<Option<Stamps<T>>>,
    /// Step, neuron and weight of each spike of a Quartz neuron's bias.
    bias: Vec<(u32, u32, T)>,
}

/// What arrives in each step.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals<T> {
    /// Which row of the sums each step has.
    rows: Vec<u32>,
    sums: Vec<T>,
}

impl<T: Real> Arrivals<T> {
    fn begin(&mut self, steps: usize) {
        self.rows.clear();
        self.rows.resize(steps, NOTHING);
        self.sums.clear();
    }

    fn arriving(&self, neurons: usize) -> Arriving<'_, T> {
        Arriving { rows: &self.rows, sums: &self.sums, neurons }
    }

    /// The sums of a step, one for each neuron.
    fn of_step(&mut self, step: usize, neurons: usize) -> &mut [T] {
        if self.rows[step] == NOTHING {
            self.rows[step] = (self.sums.len() / neurons) as u32;
            self.sums.resize(self.sums.len() + neurons, T::ZERO);
        }
        &mut self.sums[self.rows[step] as usize * neurons..][..neurons]
    }
}

impl<T: Real> Plan<T> {
    /// Nothing for other neurons, and where arrivals would take too much memory.
    pub(crate) fn of(population: &Population<T>) -> Option<Self> {
        let Stage::Neurons { projections, bias, neuron } = &population.stage else { return None };
        let (steps, bias) = match neuron {
            Neuron::Quartz(quartz) => {
                let shape = population.shape;
                let biases = (0..shape.pixels()).flat_map(|pixel| bias.of_pixel(pixel, shape.channels));
                let spikes = biases.zip(0..).filter_map(|(&bias, neuron)| {
                    let (step, weight) = quartz.bias_spike(bias)?;
                    Some((step as u32, neuron, weight))
                });
                (quartz.steps(), spikes.collect())
            }
            Neuron::IntegrateAndFire(model) => (model.presentation.steps, Vec::new()),
            _ => return None,
        };
        let fits = steps * population.shape.len() <= MOST_ARRIVALS;
        fits.then(|| Self { stamps: projections.iter().map(stamps).collect(), bias })
    }
}

/// The stamps of a projection, where there is a use for them.
fn stamps<T: Real>(projection: &Projection<T>) -> Option<Stamps<T>> {
    let mut stamps = Stamps::new(projection.outputs());
    // Stamps by their targets, relative to the first, and by where their weights lie.
    let mut known: BTreeMap<Vec<(usize, *const T, u64)>, u32> = BTreeMap::new();
    let mut single = true;
    for neuron in 0..projection.input().len() {
        let mut rows = Vec::new();
        projection.each_row(neuron, |target, weights, share| {
            rows.push((target, weights.as_ptr(), share.to_f64().to_bits()));
        });
        single &= rows.len() <= 1;
        let first = rows.iter().map(|&(target, ..)| target).min().unwrap_or_default();
        for (target, ..) in &mut rows {
            *target -= first;
        }
        let stamp = *known.entry(rows).or_insert_with(|| {
            let mut stretches: Vec<(usize, Vec<T>)> = Vec::new();
            projection.each_row(neuron, |target, weights, share| {
                stretches.push((target - first, weights.iter().map(|&weight| weight * share).collect()));
            });
            stretches.sort_by_key(|&(target, _)| target);
            stamps.add_stamp(stretches.iter().map(|(target, weights)| (*target, weights.as_slice())))
        });
        stamps.add_neuron(stamp, first as u32);
        if stamps.weights() > MOST_WEIGHTS {
            return None;
        }
    }
    (!single).then_some(stamps)
}

impl<T: Real> Workspace<T> {
    /// Sums up what arrives in each of so many steps.
    fn sum_arrivals(&mut self, network: &Network<T>, engine: Engine, index: usize, plan: &Plan<T>, steps: usize) {
        let population = &network.populations()[index];
        let Stage::Neurons { projections, .. } = &population.stage else { return };
        let (level, neurons) = (network.level(), population.shape.len());
        let (counts, arrivals) = (&mut self.counts[index], &mut self.arrivals);
        arrivals.begin(steps);
        for (projection, stamps) in projections.iter().zip(&plan.stamps) {
            let Signal::Train(train) = &self.signals[projection.source()] else { continue };
            for (step, spikes) in train.iter().enumerate().filter(|(_, spikes)| !spikes.is_empty()) {
                let sums = arrivals.of_step(step, neurons);
                let events = projection.events_of(&spikes.keys);
                counts.synaptic_events += events;
                // One by one spikes are read and written again for each; all together, every target is gone to.
                let few = spikes.starts.is_empty() || spikes.len() < 2 * projection.input().pixels();
                match (engine, stamps) {
                    (Engine::Layered, Some(stamps)) if few => {
                        T::stamp(level, stamps, &spikes.keys, &spikes.values, sums);
                        counts.operations += events;
                    }
                    (Engine::Layered, _) if !spikes.starts.is_empty() => {
                        *counts += projection.gather_spikes(level, spikes, None, sums, &mut self.pool);
                    }
                    _ => {
                        for (key, value, _) in spikes.entries() {
                            projection.deliver(level, key as usize, value, sums);
                        }
                        counts.operations += events;
                    }
                }
            }
        }
    }

    pub(super) fn run_quartz_at_once(
        &mut self,
        network: &Network<T>,
        engine: Engine,
        index: usize,
        (quartz, plan): (Quartz, &Plan<T>),
        train: &mut [SpikeList<T>],
    ) {
        self.sum_arrivals(network, engine, index, plan, quartz.steps());
        let neurons = network.populations()[index].shape.len();
        for &(step, neuron, weight) in &plan.bias {
            self.arrivals.of_step(step as usize, neurons)[neuron as usize] += weight;
        }
        let kernel = quartz.kernel(self.arrivals.arriving(neurons));
        let counted = T::run_grid(network.level(), &kernel, train);
        let counts = &mut self.counts[index];
        counts.updates += (neurons * quartz.steps()) as u64;
        counts.receptions += counted.received;
        counts.saturated += counted.early;
        for spikes in train {
            for value in &mut spikes.values {
                *value = if quartz.readout { quartz.remainder(*value) } else { T::ONE };
            }
        }
    }

    /// Runs all steps of neurons that integrate and fire, from the state that they are in.
    pub(super) fn integrate_at_once(
        &mut self,
        network: &Network<T>,
        engine: Engine,
        index: usize,
        (model, state, plan): (&IntegrateAndFire<T>, &mut IntegrateAndFireState<T>, &Plan<T>),
        current: &[T],
        train: &mut [SpikeList<T>],
    ) {
        self.sum_arrivals(network, engine, index, plan, train.len());
        let shape = network.populations()[index].shape;
        model.fire_at_once(network.level(), state, current, self.arrivals.arriving(shape.len()), train);
        for spikes in train {
            spikes.index(shape);
        }
    }
}
