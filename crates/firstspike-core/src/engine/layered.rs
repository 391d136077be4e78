//! The fast path: a layer's window at once, neuron by neuron, from compressed spike lists.

use super::{Engine, Workspace, circuit_spikes, disturbed_crossing, disturbed_value, few_spikes, run_values};
use crate::network::{NOWHERE, Network, Population, Stage};
use crate::neuron::{Neuron, Timing, Window};
use crate::real::Real;
use crate::record::Counts;
use crate::signal::{Signal, SpikeList};
use crate::synapse::{Outlet, Paths, PoolState, Sums};
use std::ops::Range;

impl<T: Real> Workspace<T> {
    pub(super) fn run_layers<I: Real>(&mut self, network: &Network<T>, layers: Range<usize>, image: &[I]) {
        for index in layers {
            self.begin_layer(network, index);
            self.timed(index, |space| space.run_layer(network, index, image));
            self.end_layer(network, index);
        }
    }

    /// Before a population is run.
    pub(super) fn begin_layer(&mut self, network: &Network<T>, index: usize) {
        if self.recycles {
            let joined = network.joined(index).map(|(population, _)| population);
            for index in joined.into_iter().chain([index]) {
                self.borrow(index, network.populations()[index].shape.len());
            }
        }
    }

    /// When a population has been run.
    pub(super) fn end_layer(&mut self, network: &Network<T>, index: usize) {
        self.timed(index, |space| space.end_early(network, index));
        if self.recycles {
            self.free(network, index);
        }
    }

    /// Gives a population memory for its values: what became free last, since that is in the cache, of as many values, which are
    /// written over, before what is not much longer and has to be filled when it is lengthened again.
    fn borrow(&mut self, population: usize, needed: usize) {
        let Some(memory) = self.signals[population].memory() else { return };
        if memory.capacity() >= needed {
            return;
        }
        let alike = self.spare.iter().rposition(|spare| spare.len() == needed);
        let fits = |spare: &Vec<T>| (needed..=2 * needed).contains(&spare.capacity());
        if let Some(best) = alike.or_else(|| self.spare.iter().rposition(fits)) {
            *memory = self.spare.remove(best);
            memory.truncate(needed);
        }
    }

    /// Frees the memory of values that nothing reads after this population.
    fn free(&mut self, network: &Network<T>, reader: usize) {
        for &source in network.last_reads(reader) {
            let memory = self.signals[source].memory().map(std::mem::take);
            self.spare.extend(memory.filter(|memory| memory.capacity() > 0));
        }
    }

    fn run_layer<I: Real>(&mut self, network: &Network<T>, index: usize, image: &[I]) {
        let population = &network.populations()[index];
        let shape = population.shape;
        if let Stage::Neurons { .. } = &population.stage
            && !network.is_stepped(index)
        {
            let extremes = self.gather(network, index, None);
            self.fire(network, index, extremes);
            return;
        }
        list_sources(network, index, &mut self.signals, self.pool.convolution.paths);
        if network.is_stepped(index) {
            self.run_steps(network, Engine::Layered, index);
            return;
        }
        if let Stage::Input { order, .. } = &population.stage {
            self.load(network, order, image);
        }
        let disturbed = self.disturbance.map(|disturbance| disturbance.of(self.image, index));
        let disturbed = disturbed.as_ref();
        let (done, rest) = self.signals.split_at_mut(index);
        let Some(own) = rest.first_mut() else { unreachable!("every population has a signal") };
        let counts = &mut self.counts[index];
        match (&population.stage, &mut *own) {
            (Stage::Input { encoder: Some(encoder), .. }, Signal::Spikes(out)) => {
                let Some(Timing::Once(window)) = network.timing(index) else { unreachable!("inputs spike once") };
                if disturbed.is_none() {
                    counts.saturated += encoder.spikes(network.level(), &mut self.values);
                    out.take(network.level(), shape, &mut self.values, T::EVERYTHING, self.pool.convolution.threads);
                    counts.spikes += out.spikes();
                    return;
                }
                out.compress(shape, &self.values, |key, x| {
                    let (value, outside) = encoder.spike(x)?;
                    counts.saturated += u64::from(outside);
                    disturbed.map_or(Some(value), |disturbed| disturbed_value(disturbed, key, value, window))
                });
            }
            (Stage::Input { .. }, Signal::Values(out)) => out.clone_from(&self.values),
            (_, Signal::Values(out)) => {
                run_values(network, index, done, out);
            }
            (Stage::MaxPool { source, pool }, Signal::Spikes(out)) => {
                let from = spikes(&done[*source]);
                if network.scales(index).is_some() {
                    self.pool_states.clear();
                    self.pool_states.resize(shape.len(), PoolState::default());
                    self.relabelled.clear();
                    for (key, value, _) in from.entries() {
                        pool.arrive(&mut self.pool_states, key as usize, value, false, |pooled| {
                            self.relabelled.push((pooled as u32, T::ZERO, 0));
                        });
                    }
                    for (pooled, value, _) in &mut self.relabelled {
                        *value = self.pool_states[*pooled as usize].best;
                    }
                    out.collect(shape, &mut self.relabelled);
                } else if from.patterns.is_empty() {
                    out.lend(&mut self.potentials);
                    match from.dense() {
                        Some(values) => pool.pool_values(network.level(), values, &mut self.potentials),
                        None => pool.pool_spikes(network.level(), from, &mut self.values, &mut self.potentials),
                    }
                    let threads = self.pool.convolution.threads;
                    out.take(network.level(), shape, &mut self.potentials, T::EVERYTHING, threads);
                } else {
                    pool.winners(from, &mut self.values, &mut self.winners);
                    self.patterns.clear();
                    self.patterns.resize(self.values.len(), 0);
                    for (key, _, pattern) in from.entries() {
                        self.patterns[key as usize] = pattern;
                    }
                    let won = self.winners.iter().map(|&(key, to)| (key as usize, to));
                    self.relabelled.clear();
                    self.relabelled.extend(won.map(|(key, to)| (to, self.values[key], self.patterns[key])));
                    out.collect(shape, &mut self.relabelled);
                }
            }
            (Stage::Concat { sources }, Signal::Spikes(out)) => {
                let channels = |source: usize| network.populations()[source].shape.channels;
                let parts = sources.iter().map(|&source| (spikes(&done[source]), channels(source)));
                if out.join(shape, &parts, self.pool.convolution.threads) {
                    counts.spikes += out.spikes();
                    return;
                }
                out.clear(shape);
                out.starts.push(0);
                for pixel in 0..shape.pixels() {
                    let mut channel = 0;
                    for &source in sources {
                        let channels = channels(source);
                        let part = spikes(&done[source]);
                        let (keys, values) = part.pixels(pixel, pixel + 1);
                        let (from, to) = (pixel * channels, pixel * shape.channels + channel);
                        out.keys.extend(keys.iter().map(|&key| (key as usize - from + to) as u32));
                        out.values.extend_from_slice(values);
                        if !part.patterns.is_empty() {
                            let range = part.starts[pixel] as usize..part.starts[pixel + 1] as usize;
                            out.patterns.extend_from_slice(&part.patterns[range]);
                        }
                        channel += channels;
                    }
                    out.starts.push(out.keys.len() as u32);
                }
            }
            (Stage::Permute { source, to }, Signal::Spikes(out)) => {
                let from = spikes(&done[*source]);
                self.relabelled.clear();
                let moved = from.entries().map(|(key, value, pattern)| (to[key as usize], value, pattern));
                self.relabelled.extend(moved.filter(|&(key, ..)| key != NOWHERE));
                out.collect(shape, &mut self.relabelled);
            }
            (Stage::Product { sources: [a, b], circuit: Some(circuit) }, Signal::Spikes(out)) => {
                counts.updates += (shape.len() * circuit.steps()) as u64;
                let (a, b) = (network.decoded(*a, &done[*a]), network.decoded(*b, &done[*b]));
                if let (None, Some(kernel)) = (disturbed, circuit.kernel()) {
                    self.values.clear();
                    self.values.extend(b.iter().cycle().take(a.len()));
                    let (inputs, list) = ([a.as_slice(), &self.values], out.lists());
                    counts.saturated += T::circuits(network.level(), kernel, inputs, shape.channels, list);
                    counts.spikes += out.spikes();
                    return;
                }
                out.begin(shape);
                for (key, (&x, &y)) in a.iter().zip(b.iter().cycle()).enumerate() {
                    let (mut value, mut pattern) = (T::ZERO, 0);
                    let beyond = circuit_spikes(circuit, disturbed, key, [x, y], |step, worth| {
                        value += worth;
                        pattern |= 1 << step;
                    });
                    counts.saturated += u64::from(beyond);
                    if pattern != 0 {
                        out.push(shape, key as u32, value);
                        out.patterns.push(pattern);
                    }
                }
                out.end(shape);
            }
            (Stage::Input { encoder: None, .. } | Stage::Neurons { .. } | Stage::Product { .. }, Signal::Spikes(_))
            | (_, Signal::Train(_) | Signal::Raster(_)) => {
                unreachable!("these stages do not spike")
            }
        }
        counts.spikes += own.spikes();
    }

    /// Adds up what arrives at neurons without a state; at some channels of them alone, if `part` says so, those from zero on first:
    /// at the others later, and then nothing is counted any more. Gives the smallest and the largest value, or zero, if they have
    /// been joined with those of others already.
    pub(super) fn gather(&mut self, network: &Network<T>, index: usize, part: Option<Range<usize>>) -> Option<[T; 2]> {
        let Population { shape, stage: Stage::Neurons { projections, bias, neuron }, .. } =
            &network.populations()[index]
        else {
            unreachable!("these are neurons")
        };
        let continues = part.as_ref().is_some_and(|part| part.start > 0);
        if !continues {
            list_sources(network, index, &mut self.signals, self.pool.convolution.paths);
        }
        let (done, rest) = self.signals.split_at_mut(index);
        let Some((out, later)) = rest.split_first_mut() else { unreachable!("every population has a signal") };
        let mut outlet = None;
        match (neuron, out) {
            _ if continues => {}
            (_, Signal::Values(values)) => std::mem::swap(values, &mut self.potentials),
            (Neuron::Ttfs(ttfs), Signal::Spikes(spikes)) => {
                if self.recycles && network.joined(index).is_some() {
                    outlet = outlet_of(network, index, ttfs.range(), spikes, later).filter(|_| part.is_none());
                } else {
                    spikes.lend(&mut self.potentials);
                }
            }
            _ => {}
        }
        let mut sums = Sums::begin(&mut self.potentials, bias, *shape).with_outlet(outlet).of_part(part);
        let mut counts = Counts::default();
        for projection in projections {
            let level = network.level();
            match &done[projection.source()] {
                Signal::Values(values) => {
                    counts.operations += projection.gather_values(level, values, &mut sums, &mut self.pool);
                }
                Signal::Spikes(spikes) => {
                    let work = projection.gather_spikes(level, spikes, &mut sums, &mut self.pool);
                    counts.synaptic_events += work.events;
                    counts += work;
                }
                train @ (Signal::Train(_) | Signal::Raster(_)) => {
                    network.decode(projection.source(), train, &mut self.values);
                    counts.operations += projection.gather_values(level, &self.values, &mut sums, &mut self.pool);
                }
            }
        }
        if !continues {
            self.counts[index] += counts;
        }
        sums.gone()
    }

    /// Makes the sums of neurons without a state what they hand on.
    pub(super) fn fire(&mut self, network: &Network<T>, index: usize, gone: Option<[T; 2]>) {
        let Population { shape, stage: Stage::Neurons { neuron, .. }, .. } = &network.populations()[index] else {
            unreachable!("these are neurons")
        };
        let shape = *shape;
        let disturbed = self.disturbance.map(|disturbance| disturbance.of(self.image, index));
        let disturbed = disturbed.as_ref();
        let (done, rest) = self.signals.split_at_mut(index);
        let Some((own, later)) = rest.split_first_mut() else { unreachable!("every population has a signal") };
        let counts = &mut self.counts[index];
        match (neuron, &mut *own) {
            (Neuron::Analog(activation), Signal::Values(out)) => {
                std::mem::swap(out, &mut self.potentials);
                activation.apply_all(out);
            }
            (Neuron::Ttfs(ttfs), Signal::Spikes(out)) => {
                counts.updates += shape.len() as u64;
                if let (Some(extremes), Some((population, channel))) = (gone, network.joined(index)) {
                    out.join_later();
                    if extremes.iter().any(|value| value.abs() > ttfs.window) {
                        let apart = network.populations()[population].shape.channels;
                        let joined = later[population - index - 1].memory().into_iter();
                        let pixels = joined.flat_map(|values| values.chunks_exact_mut(apart));
                        let own = pixels.map(|pixel| &mut pixel[channel..channel + shape.channels]);
                        counts.saturated += own.map(|values| ttfs.limit(values)).sum::<u64>();
                    }
                    counts.spikes += out.spikes();
                    return;
                }
                if disturbed.is_none() {
                    let threads = self.pool.convolution.threads;
                    let values = out.take(network.level(), shape, &mut self.potentials, ttfs.range(), threads);
                    if values.iter().any(|value| value.abs() > ttfs.window) {
                        counts.saturated += ttfs.limit(out.unlisted());
                    }
                    counts.spikes += out.spikes();
                    return;
                }
                let window = Window { width: ttfs.window, signed: ttfs.signed };
                out.compress(shape, &self.potentials, |key, v| {
                    let offset = disturbed.map_or(T::ZERO, |d| d.mismatch::<T>(key) * ttfs.window);
                    let (value, beyond) = ttfs.spike(v - offset)?;
                    counts.saturated += u64::from(beyond);
                    disturbed.map_or(Some(value), |d| disturbed_value(d, key, value, window))
                });
            }
            (Neuron::TtfsAlpha(alpha), Signal::Spikes(out)) => {
                counts.updates += shape.len() as u64;
                let scales = network.scales(index).unwrap_or_default();
                let raised =
                    |key: usize| disturbed.map_or(T::ZERO, |d| d.mismatch::<T>(key) * alpha.window * scales[key].slope);
                let (state, values) = (&mut self.alpha, &mut self.potentials);
                counts.operations += state.cross_at_once(network, index, done, raised, values);
                out.compress(shape, values, |key, v| {
                    let (value, outside) = alpha.send(scales[key], v);
                    counts.saturated += u64::from(outside);
                    let left = |d| disturbed_crossing(d, key, value, scales[key], alpha.window);
                    disturbed.map_or(Some(value), left)
                });
            }
            (Neuron::FewSpike(few_spike), Signal::Spikes(out)) => {
                counts.updates += (shape.len() * few_spike.steps()) as u64;
                if let (None, Some(kernel)) = (disturbed, few_spike.kernel()) {
                    let (channels, list) = (shape.channels, out.lists());
                    counts.saturated += T::few_spikes(network.level(), kernel, &self.potentials, channels, list);
                    counts.spikes += out.spikes();
                    return;
                }
                out.compress_patterns(shape, &self.potentials, |key, v| {
                    let (mut value, mut pattern) = (T::ZERO, 0);
                    let beyond = few_spikes(few_spike, disturbed, key, v, |step, worth| {
                        value += worth;
                        pattern |= 1 << step;
                    });
                    counts.saturated += u64::from(beyond);
                    (value, pattern)
                });
            }
            (Neuron::Amos(amos), Signal::Spikes(out)) => {
                counts.updates += (shape.len() * amos.steps()) as u64;
                if let (None, Some(kernel)) = (disturbed, amos.kernel()) {
                    let (inputs, list) = ([self.potentials.as_slice(), &[]], out.lists());
                    counts.saturated += T::circuits(network.level(), kernel, inputs, shape.channels, list);
                    counts.spikes += out.spikes();
                    return;
                }
                out.compress_patterns(shape, &self.potentials, |key, v| {
                    let (mut value, mut pattern) = (T::ZERO, 0);
                    let beyond = circuit_spikes(amos, disturbed, key, [v, T::ZERO], |step, worth| {
                        value += worth;
                        pattern |= 1 << step;
                    });
                    counts.saturated += u64::from(beyond);
                    (value, pattern)
                });
            }
            _ => unreachable!("a population's signal is of its neuron's kind"),
        }
        counts.spikes += own.spikes();
    }
}

/// Where the sums of a population go as soon as they are complete, if they may: to the later population that joins them with others,
/// so that they need not be moved there.
fn outlet_of<'a, T: Real>(
    network: &Network<T>,
    index: usize,
    range: [T; 2],
    own: &'a mut SpikeList<T>,
    later: &'a mut [Signal<T>],
) -> Option<Outlet<'a, T>> {
    let (population, channel) = network.joined(index)?;
    let whole = network.populations()[population].shape;
    let values = later[population - index - 1].memory()?;
    let place = (channel, whole.channels);
    Some(Outlet { values, place, numbers: whole.len(), starts: own.starts_mut(), range, extremes: None })
}

/// Lists the spikes that a population reads from lists.
fn list_sources<T: Real>(network: &Network<T>, index: usize, signals: &mut [Signal<T>], paths: Paths) {
    let whole = |source: usize| matches!(&signals[source], Signal::Spikes(spikes) if spikes.is_whole());
    // Values are joined without lists where all are at hand.
    let whole = match &network.populations()[index].stage {
        Stage::Concat { sources } => sources.iter().all(|&source| whole(source)),
        _ => false,
    };
    let mut list = |source: usize, reads: &dyn Fn(&SpikeList<T>) -> bool| match &mut signals[source] {
        Signal::Spikes(spikes) if reads(spikes) => spikes.list(network.level()),
        _ => {}
    };
    match &network.populations()[index].stage {
        Stage::Neurons { projections, neuron, .. } => {
            let alpha = matches!(neuron, Neuron::TtfsAlpha(_));
            for projection in projections {
                list(projection.source(), &|spikes| alpha || projection.lists(spikes, paths));
            }
        }
        Stage::MaxPool { source, .. } => list(*source, &|_| network.scales(index).is_some()),
        Stage::Permute { source, .. } => list(*source, &|_| true),
        Stage::Concat { sources } => sources.iter().for_each(|&source| list(source, &|_| !whole)),
        Stage::Input { .. } | Stage::Product { .. } => {}
    }
}

pub(super) fn spikes<T>(signal: &Signal<T>) -> &SpikeList<T> {
    match signal {
        Signal::Spikes(spikes) => spikes,
        _ => unreachable!("sources of spikes spike"),
    }
}
