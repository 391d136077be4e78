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
use super::{
    Engine, TimedSpike, Workspace, circuit_spikes, disturbed_crossing, disturbed_value, few_spikes, run_values,
};
use crate::network::{NOWHERE, Network, Stage};
use crate::neuron::{Neuron, Timing};
use crate::real::Real;
use crate::signal::Signal;
use crate::synapse::{PoolState, Sums};

/// A spike in one of the steps of a window.
fn stepped<T: Real>(step: usize, key: usize, worth: T) -> (T, u32, T, u32) {
    (T::from_f64(step as f64), key as u32, worth, 1 << step)
}

/// Sorts spikes by time and neuron: numbers of both, and of where the spike is.
fn sort_by_time<T: Real>(lane: &mut Vec<TimedSpike<T>>, unsorted: &mut Vec<TimedSpike<T>>, order: &mut Vec<u128>) {
    order.clear();
    order.extend((0..).zip(&*lane).map(|(at, &(time, key, ..)): (u32, _)| {
        u128::from(time.order()) << 64 | u128::from(key) << 32 | u128::from(at)
    }));
    order.sort_unstable();
    std::mem::swap(lane, unsorted);
    lane.clear();
    lane.extend(order.iter().map(|&number| unsorted[number as u32 as usize]));
}

impl<T: Real> Workspace<T> {
    pub(super) fn run_events<I: Real>(&mut self, network: &Network<T>, image: &[I]) {
        for (population, potentials) in network.populations().iter().zip(&mut self.lane_potentials) {
            if matches!(population.stage, Stage::Neurons { .. }) {
                potentials.clear();
                potentials.resize(population.shape.len(), T::ZERO);
            }
        }
        for index in 0..network.populations().len() {
            self.timed(index, |space| space.run_window(network, index, image));
        }
    }

    /// A population's window from its begin to the delivery of its last spike.
    fn run_window<I: Real>(&mut self, network: &Network<T>, index: usize, image: &[I]) {
        if let Stage::Input { order, .. } = &network.populations()[index].stage {
            self.load(network, order, image);
        }
        let stepped = network.is_stepped(index);
        if stepped {
            self.run_steps(network, Engine::Event, index);
        } else {
            self.open_window(network, index);
        }
        self.end_early(network, index);
        match network.timing(index) {
            Some(_) if stepped => self.deliver_decoded(network, index),
            Some(_) => self.deliver_lane(network, index),
            None => self.deliver_values(network, index),
        }
    }

    /// A population's window begins: finds all of its spikes and queues them in its lane, in the order of time; or
    /// computes its values, if it does not spike.
    fn open_window(&mut self, network: &Network<T>, index: usize) {
        let population = &network.populations()[index];
        let shape = population.shape;
        let counts = &mut self.counts[index];
        let disturbed = self.disturbance.map(|disturbance| disturbance.of(self.image, index));
        let disturbed = disturbed.as_ref();
        let (done, rest) = self.signals.split_at_mut(index);
        let (lanes, own) = self.lanes.split_at_mut(index);
        let lane = &mut own[0];
        lane.clear();
        let time = |key: u32, value: T| match network.timing(index) {
            Some(Timing::Once(window)) => window.time(value),
            Some(Timing::Crossing(window)) => window - network.lead(index, key, value),
            _ => T::ZERO,
        };
        // What is left of a spike that comes once in a window.
        let disturb = |key: usize, value: T| match (disturbed, network.timing(index)) {
            (Some(disturbed), Some(Timing::Once(window))) => disturbed_value(disturbed, key, value, window),
            _ => Some(value),
        };
        match (&population.stage, &mut rest[0]) {
            (Stage::Input { encoder: Some(encoder), .. }, _) => {
                for (key, &x) in self.values.iter().enumerate() {
                    if let Some((value, outside)) = encoder.spike(x) {
                        counts.saturated += u64::from(outside);
                        if let Some(value) = disturb(key, value) {
                            lane.push((time(key as u32, value), key as u32, value, 0));
                        }
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
                            let offset = disturbed.map_or(T::ZERO, |d| d.mismatch::<T>(key) * ttfs.window);
                            let Some((crossing, negative)) = ttfs.crossing(v - offset, bias) else { continue };
                            counts.saturated += u64::from(crossing < T::ZERO && !ttfs.bounded);
                            let crossing = if ttfs.clips() { crossing.max(T::ZERO) } else { crossing };
                            let value = ttfs.window - crossing;
                            if let Some(value) = disturb(key, if negative { -value } else { value }) {
                                let sent = if disturbed.is_some() { time(key as u32, value) } else { crossing };
                                lane.push((sent, key as u32, value, 0));
                            }
                        }
                    }
                    (Neuron::TtfsAlpha(alpha), _) => {
                        counts.updates += shape.len() as u64;
                        let scales = network.scales(index).unwrap_or_default();
                        self.values.clear();
                        self.values.extend(potentials.zip(scales).enumerate().map(|(key, ((v, bias), scale))| {
                            v + bias - disturbed.map_or(T::ZERO, |d| d.mismatch::<T>(key) * alpha.window * scale.slope)
                        }));
                        self.alpha.cross(network, index, done, &mut self.values);
                        for (key, (&v, &scale)) in self.values.iter().zip(scales).enumerate() {
                            let (value, outside) = alpha.send(scale, v);
                            counts.saturated += u64::from(outside);
                            let left = |d| disturbed_crossing(d, key, value, scale, alpha.window);
                            if let Some(value) = disturbed.map_or(Some(value), left) {
                                lane.push((time(key as u32, value), key as u32, value, 0));
                            }
                        }
                    }
                    (Neuron::FewSpike(few_spike), _) => {
                        counts.updates += (shape.len() * few_spike.steps()) as u64;
                        for (key, (v, bias)) in potentials.enumerate() {
                            let beyond = few_spikes(few_spike, disturbed, key, v + bias, |step, worth| {
                                lane.push(stepped(step, key, worth));
                            });
                            counts.saturated += u64::from(beyond);
                        }
                    }
                    (Neuron::Amos(amos), _) => {
                        counts.updates += (shape.len() * amos.steps()) as u64;
                        for (key, (v, bias)) in potentials.enumerate() {
                            let beyond = circuit_spikes(amos, disturbed, key, [v + bias, T::ZERO], |step, worth| {
                                lane.push(stepped(step, key, worth));
                            });
                            counts.saturated += u64::from(beyond);
                        }
                    }
                    _ => unreachable!("analog neurons have values, and grids run step by step"),
                }
            }
            (_, Signal::Values(out)) => {
                run_values(network, index, done, out);
            }
            (Stage::MaxPool { source, pool }, _) if matches!(network.timing(index), Some(Timing::Steps(_))) => {
                // Which neuron sent the most is known when all steps are over.
                pool.winners(spikes(&done[*source]), &mut self.values, &mut self.winners);
                for &(time, key, value, bit) in &lanes[*source] {
                    let first = self.winners.partition_point(|&(winner, _)| winner < key);
                    let won = self.winners[first..].iter().take_while(|&&(winner, _)| winner == key);
                    lane.extend(won.map(|&(_, pooled)| (time, pooled, value, bit)));
                }
            }
            (Stage::MaxPool { source, pool }, _) => {
                self.pool_states.clear();
                self.pool_states.resize(shape.len(), PoolState::default());
                let silence = network.scales(index).is_none();
                for &(_, key, value, _) in &lanes[*source] {
                    pool.arrive(&mut self.pool_states, key as usize, value, silence, |pooled| {
                        lane.push((T::ZERO, pooled as u32, T::ZERO, 0));
                    });
                }
                for spike in lane.iter_mut() {
                    let value = self.pool_states[spike.1 as usize].best;
                    (spike.0, spike.2) = (time(spike.1, value), value);
                }
            }
            (Stage::Concat { sources }, _) => {
                let mut channel = 0;
                for &source in sources {
                    let channels = network.populations()[source].shape.channels;
                    for &(sent, key, value, bit) in &lanes[source] {
                        let (pixel, offset) = (key as usize / channels, key as usize % channels);
                        let key = (pixel * shape.channels + channel + offset) as u32;
                        lane.push((if bit == 0 { time(key, value) } else { sent }, key, value, bit));
                    }
                    channel += channels;
                }
            }
            (Stage::Permute { source, to }, _) => {
                let moved = lanes[*source].iter().map(|&(time, key, value, bit)| (time, to[key as usize], value, bit));
                lane.extend(moved.filter(|&(_, key, ..)| key != NOWHERE));
            }
            (Stage::Product { sources: [a, b], circuit: Some(circuit) }, _) => {
                counts.updates += (shape.len() * circuit.steps()) as u64;
                let (a, b) = (network.decoded(*a, &done[*a]), network.decoded(*b, &done[*b]));
                for (key, (&x, &y)) in a.iter().zip(b.iter().cycle()).enumerate() {
                    let beyond = circuit_spikes(circuit, disturbed, key, [x, y], |step, worth| {
                        lane.push(stepped(step, key, worth));
                    });
                    counts.saturated += u64::from(beyond);
                }
            }
            (Stage::Input { encoder: None, .. } | Stage::Product { .. }, _) => {
                unreachable!("these stages do not spike")
            }
        }
        if let Signal::Spikes(out) = &mut rest[0] {
            counts.spikes += lane.len() as u64;
            self.relabelled.clear();
            self.relabelled.extend(lane.iter().map(|&(_, key, value, bit)| (key, value, bit)));
            out.collect(shape, &mut self.relabelled);
            sort_by_time(lane, &mut self.unsorted, &mut self.order);
        }
    }

    /// Delivers a lane's spikes, in the order of time, to the potentials of all their targets.
    fn deliver_lane(&mut self, network: &Network<T>, index: usize) {
        for &(_, key, value, _) in &self.lanes[index] {
            for &target in network.targets(index) {
                // Neurons that may spike before all have arrived take their inputs up themselves.
                if network.onset(target.0).is_none() {
                    let potentials = &mut self.lane_potentials[target.0];
                    network.projection(target).deliver(network.level(), key as usize, value, potentials);
                }
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
        let Signal::Values(values) = &self.signals[index] else { return };
        for &target in network.targets(index) {
            if network.is_stepped(target.0) {
                continue;
            }
            let potentials = &mut self.lane_potentials[target.0];
            let projection = network.projection(target);
            self.counts[target.0].operations +=
                projection.gather_values(network.level(), values, &mut Sums::of(potentials), &mut self.pool);
        }
    }

    /// Adds what a train stands for to the potentials of targets that do not spike.
    fn deliver_decoded(&mut self, network: &Network<T>, index: usize) {
        for &target in network.targets(index) {
            if network.is_stepped(target.0) {
                continue;
            }
            network.decode(index, &self.signals[index], &mut self.values);
            let potentials = &mut self.lane_potentials[target.0];
            let projection = network.projection(target);
            self.counts[target.0].operations +=
                projection.gather_values(network.level(), &self.values, &mut Sums::of(potentials), &mut self.pool);
        }
    }
}
