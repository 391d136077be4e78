//! Populations whose rates count. An image is shown for some steps, in which all layers run together: what a layer sends
//! in a step arrives in the same step. A network that has no loops can therefore be run layer by layer, each over all of
//! the steps.

use super::{Engine, Workspace};
use crate::disturbance::Disturbed;
use crate::network::{Network, Stage};
use crate::neuron::{
    AlphaSynapseState, IntegrateAndFire, IntegrateAndFireState, Lif, Mean, MembraneState, Presentation,
};
use crate::real::Real;
use crate::shape::Shape;
use crate::signal::{Signal, SpikeList};
use crate::synapse::{PoolSums, Sums};

/// What a population remembers from step to step, and from image to image if it is not reset.
#[derive(Clone, Debug, Default)]
pub(super) struct RateState<T> {
    pub(super) integrate_and_fire: IntegrateAndFireState<T>,
    membranes: Vec<MembraneState<T>>,
    synapse: AlphaSynapseState<T>,
}

/// Scratch memory of populations whose rates count.
#[derive(Clone, Debug, Default)]
pub(super) struct RateScratch<T> {
    /// What each neuron receives in a step.
    input: Vec<T>,
    /// Which neurons spike in a step.
    marks: Vec<u8>,
    pool: PoolSums<T>,
    /// What neurons sent in all steps that count.
    list: SpikeList<T>,
}

impl<T: Real> Workspace<T> {
    pub(super) fn run_integrate_and_fire(
        &mut self,
        network: &Network<T>,
        engine: Engine,
        index: usize,
        model: &IntegrateAndFire<T>,
        train: &mut [SpikeList<T>],
    ) {
        let shape = network.populations()[index].shape;
        let current = self.constant_current(network, index);
        let mut state = std::mem::take(&mut self.rates[index].integrate_and_fire);
        let mut marks = std::mem::take(&mut self.rate_scratch.marks);
        marks.resize(shape.len(), 0);
        let disturbed = self.disturbed(index);
        model.begin(&mut state, shape, |neuron| disturbed.map_or(T::ZERO, |disturbed| disturbed.mismatch(neuron)));
        for (step, spikes) in train.iter_mut().enumerate() {
            for (v, &x) in state.potential.iter_mut().zip(&current) {
                *v += x;
            }
            self.receive(network, engine, index, step, &mut state.potential);
            model.fire(&mut state, &mut marks);
            spikes.fill_marked(shape, &marks, |neuron, mark| state.value(neuron, mark));
        }
        if let Some(disturbed) = disturbed {
            disturb_train(train, shape, &disturbed);
        }
        self.counts[index].updates += (shape.len() * train.len()) as u64;
        self.counts[index].saturated += state.over(model.signed);
        self.rates[index].integrate_and_fire = state;
        self.rate_scratch.marks = marks;
        self.potentials = current;
    }

    pub(super) fn run_lif(
        &mut self,
        network: &Network<T>,
        engine: Engine,
        index: usize,
        model: &Lif<T>,
        train: &mut [SpikeList<T>],
    ) {
        let shape = network.populations()[index].shape;
        let current = self.constant_current(network, index);
        let mut state = std::mem::take(&mut self.rates[index]);
        let RateScratch { mut input, mut marks, pool, list } = std::mem::take(&mut self.rate_scratch);
        input.resize(shape.len(), T::ZERO);
        marks.resize(shape.len(), 0);
        let disturbed = self.disturbed(index);
        model.begin(&mut state.membranes, shape);
        state.synapse.begin(shape.len(), model.keep);
        for (step, spikes) in train.iter_mut().enumerate() {
            input.fill(T::ZERO);
            self.receive(network, engine, index, step, &mut input);
            if let Some(synapse) = &model.synapse {
                synapse.filter(&mut state.synapse, &mut input);
            }
            for (x, &constant) in input.iter_mut().zip(&current) {
                *x += constant;
            }
            let mismatch = |neuron| disturbed.map_or(T::ZERO, |disturbed| disturbed.mismatch(neuron));
            model.fire(&mut state.membranes, &input, mismatch, &mut marks);
            spikes.fill_marked(shape, &marks, |neuron, _| model.value(neuron));
        }
        if let Some(disturbed) = disturbed {
            disturb_train(train, shape, &disturbed);
        }
        self.counts[index].updates += (shape.len() * train.len()) as u64;
        self.counts[index].saturated += Lif::over(&state.membranes);
        self.rates[index] = state;
        self.rate_scratch = RateScratch { input, marks, pool, list };
        self.potentials = current;
    }

    /// Neurons that do not spike: a function of their mean input.
    pub(super) fn run_mean(&mut self, network: &Network<T>, engine: Engine, index: usize, model: &Mean<T>) {
        let shape = network.populations()[index].shape;
        let mut current = self.constant_current(network, index);
        let mut synapse_state = std::mem::take(&mut self.rates[index].synapse);
        let mut input = std::mem::take(&mut self.rate_scratch.input);
        let Signal::Values(mut sum) = std::mem::replace(&mut self.signals[index], Signal::Values(Vec::new())) else {
            unreachable!("what is read does not spike")
        };
        sum.resize(shape.len(), T::ZERO);
        synapse_state.begin(shape.len(), model.keep);
        input.resize(shape.len(), T::ZERO);
        let at_once = self.receive_at_once(network, index, model.presentation, &mut sum);
        for step in 0..if at_once { 0 } else { model.presentation.steps } {
            if step == 0 || step == model.presentation.from {
                sum.fill(T::ZERO);
            }
            let Some(synapse) = &model.synapse else {
                self.receive(network, engine, index, step, &mut sum);
                continue;
            };
            input.fill(T::ZERO);
            self.receive(network, engine, index, step, &mut input);
            synapse.filter(&mut synapse_state, &mut input);
            for (sum, &x) in sum.iter_mut().zip(&input) {
                *sum += x;
            }
        }
        for (sum, constant) in sum.iter_mut().zip(&mut current) {
            *sum = model.activation.apply(*constant + model.presentation.mean(*sum));
        }
        self.signals[index] = Signal::Values(sum);
        self.rates[index].synapse = synapse_state;
        self.rate_scratch.input = input;
        self.potentials = current;
    }

    /// Pools the spikes of each step.
    pub(super) fn pool_rates(&mut self, network: &Network<T>, index: usize, train: &mut [SpikeList<T>]) {
        let population = &network.populations()[index];
        let Stage::MaxPool { source, pool } = &population.stage else { return };
        let RateScratch { input, mut marks, pool: mut sums, list } = std::mem::take(&mut self.rate_scratch);
        marks.clear();
        marks.resize(population.shape.len(), 0);
        pool.begin_sums(&mut sums);
        for (from, to) in super::stepped::trains(&self.signals[*source]).iter().zip(train) {
            pool.follow(from, &mut sums, &mut marks);
            to.fill_marked(population.shape, &marks, |neuron, _| sums.catch_up(neuron));
            for &key in &to.keys {
                marks[key as usize] = 0;
            }
        }
        self.rate_scratch = RateScratch { input, marks, pool: sums, list };
    }

    /// The current that is there in every step: bias and weighted values.
    pub(super) fn constant_current(&mut self, network: &Network<T>, index: usize) -> Vec<T> {
        self.integrate_values(network, index);
        std::mem::take(&mut self.potentials)
    }

    /// Sums up what arrives in the steps that count, if sources have run at once. Returns whether they have.
    fn receive_at_once(
        &mut self,
        network: &Network<T>,
        index: usize,
        presentation: Presentation,
        sum: &mut [T],
    ) -> bool {
        let Stage::Neurons { projections, .. } = &network.populations()[index].stage else { return false };
        let mut at_once = false;
        for projection in projections {
            let source = projection.source();
            let Signal::Raster(raster) = &self.signals[source] else { continue };
            if !at_once {
                sum.fill(T::ZERO);
            }
            at_once = true;
            raster.write_sums(presentation.from, &mut self.values);
            self.counts[index].synaptic_events += projection.events_of(raster);
            let list = &mut self.rate_scratch.list;
            list.take(network.level(), network.populations()[source].shape, &mut self.values, T::EVERYTHING, 1);
            if projection.lists(list, self.pool.convolution.paths) {
                list.list(network.level());
            }
            self.counts[index] += projection.gather_spikes(network.level(), list, &mut Sums::of(sum), &mut self.pool);
        }
        at_once
    }

    /// Adds the spikes that arrive in one step to `input`, and counts them.
    fn receive(&mut self, network: &Network<T>, engine: Engine, index: usize, step: usize, input: &mut [T]) {
        let arrived = self.arrive(network, engine, index, step, input);
        self.counts[index] += arrived;
    }

    fn disturbed(&self, index: usize) -> Option<Disturbed> {
        self.disturbance.map(|disturbance| disturbance.of(self.image, index))
    }
}

/// Moves spikes to the steps in which they really come, and drops those that are lost.
fn disturb_train<T: Real>(train: &mut [SpikeList<T>], shape: Shape, disturbed: &Disturbed) {
    let mut moved = vec![Vec::new(); train.len()];
    for (step, spikes) in train.iter().enumerate() {
        for spike in spikes.entries() {
            if let Some(step) = disturbed.step_of_rate(spike.0 as usize, step, train.len()) {
                moved[step].push(spike);
            }
        }
    }
    for (spikes, moved) in train.iter_mut().zip(&mut moved) {
        spikes.collect(shape, moved);
    }
}
