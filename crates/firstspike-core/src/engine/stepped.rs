//! Populations whose neurons have a state from step to step. Both engines take the same steps; they differ in how the
//! spikes of a step reach their targets: one by one, or all at once.
//!
//! A layer begins when its sources have ended, so its steps run over whole trains of theirs.

use super::{Engine, Workspace};
use crate::disturbance::Disturbed;
use crate::network::{NOWHERE, Network, Stage};
use crate::neuron::{Neuron, Quartz, Timing};
use crate::real::Real;
use crate::record::Counts;
use crate::shape::Shape;
use crate::signal::{Signal, SpikeList};
use crate::synapse::Sums;

impl<T: Real> Workspace<T> {
    pub(super) fn run_steps(&mut self, network: &Network<T>, engine: Engine, index: usize) {
        if let Stage::Neurons { neuron: Neuron::Mean(mean), .. } = &network.populations()[index].stage {
            self.run_mean(network, engine, index, mean);
            return;
        }
        if engine == Engine::Layered && self.disturbance.is_none() && network.runs_at_once() {
            self.run_at_once(network, index);
            return;
        }
        let signal = std::mem::replace(&mut self.signals[index], Signal::Values(Vec::new()));
        // That of an image before may be a raster.
        let signal = match (signal, network.timing(index)) {
            (Signal::Raster(_), Some(timing)) => timing.signal(),
            (signal, _) => signal,
        };
        let Signal::Train(mut train) = signal else { unreachable!("only trains have steps") };
        let population = &network.populations()[index];
        let shape = population.shape;
        for spikes in &mut train {
            spikes.begin(shape);
        }
        match &population.stage {
            Stage::Neurons { neuron: Neuron::QuartzInput(quartz), .. } => {
                self.integrate_values(network, index);
                self.counts[index].updates += shape.len() as u64;
                let disturbed = self.disturbance.map(|disturbance| disturbance.of(self.image, index));
                let mut moved = Vec::new();
                for (key, &v) in self.potentials.iter().enumerate() {
                    self.counts[index].saturated += u64::from(v.abs() > T::ONE);
                    for (step, weight) in quartz.input_spikes(v) {
                        send(&mut train, &mut moved, disturbed.as_ref(), shape, (step, key, weight));
                    }
                }
                push_moved(&mut train, moved, shape);
            }
            Stage::Neurons { neuron: Neuron::Quartz(quartz), .. } => {
                self.run_quartz(network, engine, index, *quartz, &mut train);
            }
            Stage::Neurons { neuron: Neuron::IntegrateAndFire(model), .. } => {
                self.run_integrate_and_fire(network, engine, index, model, &mut train);
            }
            Stage::Neurons { neuron: Neuron::Lif(model), .. } => {
                self.run_lif(network, engine, index, model, &mut train);
            }
            Stage::MaxPool { .. } if matches!(network.timing(index), Some(Timing::Rate(_))) => {
                self.pool_rates(network, index, &mut train);
            }
            Stage::MaxPool { source, pool } => {
                // The first spike of a window is its largest value.
                pool.begin_race(&mut self.awaited);
                for (from, to) in trains(&self.signals[*source]).iter().zip(&mut train) {
                    pool.race(&from.keys, &mut self.awaited, &mut to.keys);
                    to.keys.sort_unstable();
                    to.values.resize(to.keys.len(), T::ONE);
                    to.index(shape);
                }
            }
            Stage::Concat { sources } => {
                for (step, to) in train.iter_mut().enumerate() {
                    self.relabelled.clear();
                    let mut channel = 0;
                    for &source in sources {
                        let channels = network.populations()[source].shape.channels;
                        for (key, value, _) in trains(&self.signals[source])[step].entries() {
                            let (pixel, offset) = (key as usize / channels, key as usize % channels);
                            self.relabelled.push(((pixel * shape.channels + channel + offset) as u32, value, 0));
                        }
                        channel += channels;
                    }
                    to.collect(shape, &mut self.relabelled);
                }
            }
            Stage::Permute { source, to: order } => {
                for (from, to) in trains(&self.signals[*source]).iter().zip(&mut train) {
                    self.relabelled.clear();
                    let moved = from.entries().map(|(key, value, _)| (order[key as usize], value, 0));
                    self.relabelled.extend(moved.filter(|&(key, ..)| key != NOWHERE));
                    to.collect(shape, &mut self.relabelled);
                }
            }
            _ => unreachable!("no other stages have trains"),
        }
        for spikes in &mut train {
            spikes.end(shape);
            self.counts[index].spikes += spikes.spikes();
        }
        self.signals[index] = Signal::Train(train);
    }

    /// Potentials from sources that have values: bias and weighted values.
    pub(super) fn integrate_values(&mut self, network: &Network<T>, index: usize) {
        let population = &network.populations()[index];
        let Stage::Neurons { projections, bias, .. } = &population.stage else { return };
        let mut sums = Sums::begin(&mut self.potentials, bias, population.shape);
        for projection in projections {
            if let Signal::Values(values) = &self.signals[projection.source()] {
                self.counts[index].operations +=
                    projection.gather_values(network.level(), values, &mut sums, &mut self.pool);
            }
        }
    }

    /// Adds the spikes that arrive in one step to `input`. Counts synaptic events, operations and how they were added.
    pub(super) fn arrive(
        &mut self,
        network: &Network<T>,
        engine: Engine,
        index: usize,
        step: usize,
        input: &mut [T],
    ) -> Counts {
        let mut counts = Counts::default();
        let Stage::Neurons { projections, .. } = &network.populations()[index].stage else { return counts };
        for projection in projections {
            let Signal::Train(steps) = &self.signals[projection.source()] else { continue };
            let spikes = &steps[step];
            if spikes.is_empty() {
                continue;
            }
            match engine {
                Engine::Layered => {
                    let (level, mut sums) = (network.level(), Sums::of(input));
                    let work = projection.gather_spikes(level, spikes, &mut sums, &mut self.pool);
                    counts.synaptic_events += work.events;
                    counts += work;
                }
                Engine::Event => {
                    let events = projection.events(spikes);
                    counts.synaptic_events += events;
                    for (key, value, _) in spikes.entries() {
                        projection.deliver(network.level(), key as usize, value, input);
                    }
                    counts.operations += events;
                }
            }
        }
        counts
    }

    /// The same where nothing that arrives has to be added: counts synaptic events alone.
    fn events_in_step(&self, network: &Network<T>, index: usize, step: usize) -> Counts {
        let Stage::Neurons { projections, .. } = &network.populations()[index].stage else { return Counts::default() };
        let events = projections.iter().map(|projection| match &self.signals[projection.source()] {
            Signal::Train(steps) => projection.events(&steps[step]),
            _ => 0,
        });
        Counts { synaptic_events: events.sum(), ..Counts::default() }
    }

    fn run_quartz(
        &mut self,
        network: &Network<T>,
        engine: Engine,
        index: usize,
        quartz: Quartz,
        train: &mut [SpikeList<T>],
    ) {
        let population = &network.populations()[index];
        let shape = population.shape;
        let Stage::Neurons { bias, .. } = &population.stage else { return };
        let mut state = std::mem::take(&mut self.quartz);
        let biases = (0..shape.pixels()).flat_map(|pixel| bias.of_pixel(pixel, shape.channels)).copied();
        let disturbed = self.disturbance.map(|disturbance| disturbance.of(self.image, index));
        let mismatch = |neuron| disturbed.map_or(T::ZERO, |disturbed| disturbed.mismatch(neuron));
        quartz.begin(&mut state, shape.len(), biases, mismatch);
        // The counterweight needs the sum of all inputs, which synapses from a helper neuron provide on a chip.
        let mut input = std::mem::take(&mut self.values);
        input.clear();
        input.resize(shape.len(), T::ZERO);
        // What arrives at the readout is taken back in the same step.
        for step in (0..quartz.steps()).filter(|&step| step != quartz.readout_step()) {
            input.fill(T::ZERO);
            self.arrive(network, engine, index, step, &mut input);
            state.add_total(step, &mut input);
        }
        let mut moved = Vec::new();
        for step in 0..quartz.steps() {
            input.fill(T::ZERO);
            let arrived = if step == quartz.readout_step() {
                self.events_in_step(network, index, step)
            } else {
                self.arrive(network, engine, index, step, &mut input)
            };
            let counts = &mut self.counts[index];
            *counts += arrived;
            counts.updates += shape.len() as u64;
            // What a layer sends on is shifted by T - 1 steps; what came before is lost, as in the authors' simulation.
            let sent = step.checked_sub(quartz.levels - 1);
            counts.receptions += quartz.step(&mut state, step, &mut input, |neuron, potential, early| {
                counts.saturated += u64::from(early);
                if let Some(sent) = sent {
                    let value = if quartz.readout { quartz.remainder(potential) } else { T::ONE };
                    send(train, &mut moved, disturbed.as_ref(), shape, (sent, neuron, value));
                }
            });
        }
        push_moved(train, moved, shape);
        self.values = input;
        self.quartz = state;
    }
}

/// Adds a spike (step, neuron, value) to a train; one that a disturbance moves to another step is set aside, since
/// the spikes of a step are sorted.
fn send<T: Real>(
    train: &mut [SpikeList<T>],
    moved: &mut Vec<(usize, usize, T)>,
    disturbed: Option<&Disturbed>,
    shape: Shape,
    (step, neuron, value): (usize, usize, T),
) {
    match disturbed {
        None => train[step].push(shape, neuron as u32, value),
        Some(disturbed) => {
            moved.extend(disturbed.step(neuron, step, train.len()).map(|step| (step, neuron, value)));
        }
    }
}

/// Adds the spikes that were set aside.
fn push_moved<T: Real>(train: &mut [SpikeList<T>], mut moved: Vec<(usize, usize, T)>, shape: Shape) {
    moved.sort_by_key(|&(step, neuron, _)| (step, neuron));
    for (step, neuron, value) in moved {
        train[step].push(shape, neuron as u32, value);
    }
}

pub(super) fn trains<T>(signal: &Signal<T>) -> &[SpikeList<T>] {
    match signal {
        Signal::Train(steps) => steps,
        _ => unreachable!("sources of trains have trains"),
    }
}
