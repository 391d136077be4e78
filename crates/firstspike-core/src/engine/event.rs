//! The definition: spikes in time order through a queue, each delivered over its synapses.
//!
//! Spikes are ordered by (population, time, neuron). A network is feed-forward and a population's window begins when
//! those of its sources have ended, so this is the order of time, but for values outside of a window, whose spikes
//! stay with their population. The queue is therefore one lane per population, filled when its window begins: by then
//! all of its inputs have arrived, and every crossing is known.
//!
//! A potential is kept as the value that it will have at `t_min`: a spike `x` before `t_min` adds `W x` to it, the
//! slope `W` times the time that is left.

use super::layered::spikes;
use super::{Workspace, run_values};
use crate::network::{Network, Stage};
use crate::neuron::Neuron;
use crate::real::Real;
use crate::signal::Signal;
use crate::synapse::PoolState;

impl<T: Real> Workspace<T> {
    pub(super) fn run_events<I: Real>(&mut self, network: &Network<T>, image: &[I]) {
        for (population, potentials) in network.populations().iter().zip(&mut self.lane_potentials) {
            if matches!(population.stage, Stage::Neurons { .. }) {
                potentials.clear();
                potentials.resize(population.shape.len(), T::ZERO);
            }
        }
        for index in 0..network.populations().len() {
            if let Stage::Input { order, .. } = &network.populations()[index].stage {
                self.load(order, image);
            }
            self.open_window(network, index);
            match network.window(index) {
                Some(_) => self.deliver_lane(network, index),
                None => self.deliver_values(network, index),
            }
        }
    }

    /// A population's window begins: finds all of its spikes and queues them in its lane, in the order of time; or
    /// computes its values, if it does not spike.
    fn open_window(&mut self, network: &Network<T>, index: usize) {
        let population = &network.populations()[index];
        let shape = population.shape;
        let counts = &mut self.counts[index];
        let (done, rest) = self.signals.split_at_mut(index);
        let (lanes, own) = self.lanes.split_at_mut(index);
        let lane = &mut own[0];
        lane.clear();
        let time = |value: T| network.window(index).map_or(T::ZERO, |window| window.time(value));
        match (&population.stage, &mut rest[0]) {
            (Stage::Input { encoder: Some(encoder), .. }, _) => {
                for (key, &x) in self.values.iter().enumerate() {
                    if let Some((value, outside)) = encoder.spike(x) {
                        counts.saturated += u64::from(outside);
                        lane.push((time(value), key as u32, value));
                    }
                }
            }
            (Stage::Input { .. }, Signal::Values(out)) => out.clone_from(&self.values),
            (Stage::Neurons { bias, neuron, .. }, out) => {
                let pixels = self.lane_potentials[index].chunks_exact(shape.channels).enumerate();
                let potentials = pixels
                    .flat_map(|(pixel, row)| row.iter().zip(bias.of_pixel(pixel, shape.channels)))
                    .map(|(&v, &bias)| (v, bias));
                match (neuron, out) {
                    (Neuron::Analog(activation), Signal::Values(out)) => {
                        out.clear();
                        out.extend(potentials.map(|(v, bias)| activation.apply(v + bias)));
                    }
                    (Neuron::Ttfs(ttfs), _) => {
                        counts.updates += shape.len() as u64;
                        for (key, (v, bias)) in potentials.enumerate() {
                            let Some((time, negative)) = ttfs.crossing(v, bias) else { continue };
                            counts.saturated += u64::from(time < T::ZERO);
                            let time = if ttfs.saturate { time.max(T::ZERO) } else { time };
                            let value = ttfs.window - time;
                            lane.push((time, key as u32, if negative { -value } else { value }));
                        }
                    }
                    (Neuron::Analog(_), Signal::Spikes(_)) => unreachable!("analog neurons do not spike"),
                }
            }
            (stage, Signal::Values(out)) => {
                assert!(run_values(stage, shape.channels, done, out), "sources of values have values");
            }
            (Stage::MaxPool { source, pool }, _) => {
                self.pool_states.clear();
                self.pool_states.resize(shape.len(), PoolState::default());
                for &(_, key, value) in &lanes[*source] {
                    pool.arrive(&mut self.pool_states, key as usize, value, |pooled, value| {
                        lane.push((time(value), pooled as u32, value));
                    });
                }
            }
            (Stage::Concat { sources }, _) => {
                let mut channel = 0;
                for &source in sources {
                    let channels = network.populations()[source].shape.channels;
                    for &(_, key, value) in &lanes[source] {
                        let (pixel, offset) = (key as usize / channels, key as usize % channels);
                        lane.push((time(value), (pixel * shape.channels + channel + offset) as u32, value));
                    }
                    channel += channels;
                }
            }
            (Stage::Permute { source, to }, _) => {
                lane.extend(lanes[*source].iter().map(|&(_, key, value)| (time(value), to[key as usize], value)));
            }
            (Stage::Input { encoder: None, .. } | Stage::Product { .. }, Signal::Spikes(_)) => {
                unreachable!("these stages do not spike")
            }
        }
        if let Signal::Spikes(out) = &mut rest[0] {
            counts.spikes += lane.len() as u64;
            lane.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            self.relabelled.clear();
            self.relabelled.extend(lane.iter().map(|&(_, key, value)| (key, value)));
            out.collect(shape, &mut self.relabelled);
        }
    }

    /// Delivers a lane's spikes, in the order of time, to the potentials of all their targets.
    fn deliver_lane(&mut self, network: &Network<T>, index: usize) {
        for &(_, key, value) in &self.lanes[index] {
            for &target in network.targets(index) {
                let potentials = &mut self.lane_potentials[target.0];
                network.projection(target).deliver(network.level(), key as usize, value, potentials);
            }
        }
        let sent = spikes(&self.signals[index]);
        for &target in network.targets(index) {
            let events = network.projection(target).events(sent);
            self.counts[target.0].synaptic_events += events;
            self.counts[target.0].operations += events;
        }
    }

    /// Adds the values of neurons that do not spike to the potentials of their targets.
    fn deliver_values(&mut self, network: &Network<T>, index: usize) {
        for &target in network.targets(index) {
            let potentials = &mut self.lane_potentials[target.0];
            let projection = network.projection(target);
            self.counts[target.0].operations +=
                projection.gather(network.level(), &self.signals[index], potentials, &mut self.pool);
        }
    }
}
