//! Maximum (or, in marked channels, minimum) over windows of each channel.

use crate::real::Real;
use crate::shape::{Geometry, Shape};
use crate::signal::{Raster, SpikeList};
use firstspike_simd::{Followers, Level, Sliding, Taps};

/// Pooling neurons that are gone through together: the counts of their windows stay in the first-level cache.
const ABREAST: usize = 96;

/// Maximum over windows of each channel; padding never wins.
#[derive(Clone, Debug)]
pub struct MaxPool {
    geometry: Geometry,
    /// Channels in which the minimum is taken; empty if in none.
    minimum: Vec<bool>,
    /// Existing taps of each window.
    sizes: Vec<u32>,
    /// The windows that each pixel of the input falls into, one pixel after the other.
    windows: Vec<u32>,
    /// Where those of each pixel begin; one more than there are pixels.
    starts: Vec<u32>,
    /// The taps of each row and column of windows.
    rows: Vec<Taps>,
    columns: Vec<Taps>,
    /// How windows slide over an image.
    sliding: Box<Sliding>,
}

/// What a pooling neuron has heard so far; see [`MaxPool::arrive`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PoolState<T> {
    fired: bool,
    arrived: u32,
    /// The best value so far; the neuron's value in the end.
    pub best: T,
}

/// What pooling neurons that follow the leader of their window have heard and sent so far; see [`MaxPool::follow`].
#[derive(Clone, Debug, Default)]
pub(crate) struct PoolSums<T> {
    /// What each neuron has sent.
    arrived: Vec<T>,
    /// What the leader of each window has sent.
    leading: Vec<T>,
    /// What each pooling neuron has sent.
    passed: Vec<T>,
}

/// Memory to follow the leaders of windows in all steps at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Following {
    followers: Followers,
    /// Patterns of the neurons of some windows, the first of all windows first.
    patterns: Vec<u64>,
}

impl<T: Real> PoolSums<T> {
    /// A pooling neuron catches up with its leader: what its spike is worth.
    pub(crate) fn catch_up(&mut self, pooled: usize) -> T {
        let worth = self.leading[pooled] - self.passed[pooled];
        self.passed[pooled] = self.leading[pooled];
        worth
    }
}

/// The first of the steps that a pattern has: its bit.
fn lowest(pattern: u64) -> u64 {
    pattern & pattern.wrapping_neg()
}

impl MaxPool {
    /// `minimum` marks the channels in which the minimum is taken.
    ///
    /// # Errors
    /// If the geometry makes no sense, or a window holds nothing but padding.
    pub fn new(geometry: Geometry, minimum: Option<Vec<bool>>) -> Result<Self, String> {
        if let Some(fault) = geometry.fault() {
            return Err(fault);
        }
        if geometry.input.channels != geometry.output.channels {
            return Err("pooling keeps the channels".to_owned());
        }
        let minimum = minimum.unwrap_or_default();
        if !minimum.is_empty() && minimum.len() != geometry.input.channels {
            return Err("one minimum mark is needed for each channel".to_owned());
        }
        let rows: Vec<Taps> = (0..geometry.output.height).map(|oy| geometry.taps(0, oy)).collect();
        let columns: Vec<Taps> = (0..geometry.output.width).map(|ox| geometry.taps(1, ox)).collect();
        let sizes: Vec<u32> =
            rows.iter().flat_map(|row| columns.iter().map(|column| (row.count * column.count) as u32)).collect();
        if sizes.contains(&0) {
            return Err("a pooling window holds nothing but padding".to_owned());
        }
        let Shape { height, width, channels } = geometry.input;
        let (kernel, dilation) = (geometry.kernel, geometry.dilation);
        let image = [height, width, channels];
        let sliding = Sliding::new(image, channels, channels, kernel, dilation, rows.clone(), columns.clone());
        let (mut windows, mut starts) = (Vec::new(), vec![0]);
        for pixel in 0..geometry.input.pixels() {
            for (oy, _) in geometry.windows(0, pixel / geometry.input.width) {
                let columns = geometry.windows(1, pixel % geometry.input.width);
                windows.extend(columns.map(|(ox, _)| (oy * geometry.output.width + ox) as u32));
            }
            starts.push(windows.len() as u32);
        }
        Ok(Self { geometry, minimum, sizes, windows, starts, rows, columns, sliding: Box::new(sliding) })
    }

    /// How the window slides.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    fn takes_minimum(&self, channel: usize) -> bool {
        self.minimum.get(channel).copied().unwrap_or(false)
    }

    /// Pools one value per neuron and image; those of a neuron lie side by side. `signs` is memory to work with.
    pub(crate) fn pool_bundle<T: Real>(
        &self,
        level: Level,
        values: &[T],
        images: usize,
        signs: &mut Vec<T>,
        pooled: &mut [T],
    ) {
        let sign = |&minimum: &bool| if minimum { -T::ZERO } else { T::ZERO };
        signs.clear();
        signs.extend(self.minimum.iter().flat_map(|minimum| std::iter::repeat_n(sign(minimum), images)));
        T::pool_max(level, &self.sliding.bundled(images), values, signs, pooled);
    }

    /// Pools one value per neuron.
    pub(crate) fn pool_values<T: Real>(&self, level: Level, values: &[T], pooled: &mut Vec<T>) {
        let outputs = self.geometry.output.len();
        // Behind the results, for the time being: the signs.
        pooled.resize(outputs + self.minimum.len(), T::ZERO);
        let (results, signs) = pooled.split_at_mut(outputs);
        for (sign, &minimum) in signs.iter_mut().zip(&self.minimum) {
            *sign = if minimum { -T::ZERO } else { T::ZERO };
        }
        T::pool_max(level, &self.sliding, values, signs, results);
        pooled.truncate(outputs);
    }

    /// Pools the spikes of a window at once: silent neurons stand for zero.
    pub(crate) fn pool_spikes<T: Real>(
        &self,
        level: Level,
        spikes: &SpikeList<T>,
        values: &mut Vec<T>,
        pooled: &mut Vec<T>,
    ) {
        values.clear();
        values.resize(self.geometry.input.len(), T::ZERO);
        for (&key, &value) in spikes.keys.iter().zip(&spikes.values) {
            values[key as usize] = value;
        }
        self.pool_values(level, values, pooled);
    }

    /// The neurons that win their windows: (neuron, pooling neuron), in the order of the former; none where a silent
    /// neuron wins, which stands for zero. Leaves one value per neuron in `values`.
    pub(crate) fn winners<T: Real>(&self, spikes: &SpikeList<T>, values: &mut Vec<T>, winners: &mut Vec<(u32, u32)>) {
        let (input, output) = (self.geometry.input, self.geometry.output);
        values.clear();
        values.resize(input.len(), T::ZERO);
        for (&key, &value) in spikes.keys.iter().zip(&spikes.values) {
            values[key as usize] = value;
        }
        winners.clear();
        for pooled in 0..output.len() {
            let (pixel, channel) = (pooled / output.channels, pooled % output.channels);
            let rows = self.geometry.taps(0, pixel / output.width);
            let columns = self.geometry.taps(1, pixel % output.width);
            let minimum = self.takes_minimum(channel);
            let mut best: Option<usize> = None;
            for y in (0..rows.count).map(|k| rows.start + k * self.geometry.dilation[0]) {
                for x in (0..columns.count).map(|k| columns.start + k * self.geometry.dilation[1]) {
                    let key = (y * input.width + x) * input.channels + channel;
                    let better =
                        |&best: &usize| if minimum { values[key] < values[best] } else { values[key] > values[best] };
                    if best.as_ref().is_none_or(better) {
                        best = Some(key);
                    }
                }
            }
            if let Some(key) = best.map(|key| key as u32).filter(|key| spikes.keys.binary_search(key).is_ok()) {
                winners.push((key, pooled as u32));
            }
        }
        winners.sort_unstable();
    }

    /// Prepares for an image.
    pub(crate) fn begin_sums<T: Real>(&self, sums: &mut PoolSums<T>) {
        let (input, output) = (self.geometry.input.len(), self.geometry.output.len());
        for (values, count) in [(&mut sums.arrived, input), (&mut sums.leading, output), (&mut sums.passed, output)] {
            values.clear();
            values.resize(count, T::ZERO);
        }
    }

    /// Pools the spikes of one step of an image. The leader of a window is the neuron that has sent the most since the
    /// image began (the least, for a minimum); a pooling neuron spikes whenever its leader is ahead of it, so that it has
    /// always sent what the leader has. Marks those that are to [catch up](PoolSums::catch_up).
    pub(crate) fn follow<T: Real>(&self, spikes: &SpikeList<T>, sums: &mut PoolSums<T>, marks: &mut [u8]) {
        for (&key, &value) in spikes.keys.iter().zip(&spikes.values) {
            sums.arrived[key as usize] += value;
        }
        let channels = self.geometry.input.channels as u32;
        for (&key, &value) in spikes.keys.iter().zip(&spikes.values) {
            let (pixel, channel) = ((key / channels) as usize, (key % channels) as usize);
            for &window in self.windows_of(pixel) {
                let pooled = window as usize * channels as usize + channel;
                let leading = if value > T::ZERO && !self.takes_minimum(channel) {
                    sums.leading[pooled].max(sums.arrived[key as usize])
                } else {
                    self.leader(&sums.arrived, window as usize, channel)
                };
                sums.leading[pooled] = leading;
                // Sums that differ by rounding are equal.
                let ahead = (leading - sums.passed[pooled]).abs() * T::from_f64(2.0) > value.abs();
                marks[pooled] |= u8::from(ahead);
            }
        }
    }

    /// The same of all steps at once, where all spikes of a channel are worth the same and none counts negative.
    pub(crate) fn follow_at_once<T: Real>(
        &self,
        level: Level,
        from: &Raster<T>,
        to: &mut Raster<T>,
        Following { followers, patterns }: &mut Following,
    ) {
        let channels = self.geometry.input.channels;
        to.worth.clone_from(&from.worth);
        to.worth.truncate(to.neurons);
        if from.worth.len() > 1 {
            for first in (channels..to.neurons).step_by(channels) {
                to.worth.copy_within(..channels, first);
            }
        }
        let size = self.sizes.iter().max().map_or(0, |&size| size as usize);
        let abreast = (ABREAST / channels).max(1);
        let all = self.sizes.len();
        for first in (0..all).step_by(abreast) {
            let windows = first..all.min(first + abreast);
            let neurons = windows.start * channels..windows.end * channels;
            let least = windows.clone().flat_map(|_| (0..channels).map(|channel| self.takes_minimum(channel)));
            followers.begin(size, least);
            patterns.resize(size * neurons.len(), 0);
            for (own, others) in to.patterns.chunks_exact_mut(to.neurons).zip(from.words()) {
                for (at, window) in windows.clone().enumerate() {
                    // Windows at borders are smaller: a neuron that is there twice makes no difference.
                    let pixels = self.pixels_of(window);
                    let again = pixels.clone().next().into_iter().cycle();
                    for (patterns, pixel) in patterns.chunks_exact_mut(neurons.len()).zip(pixels.chain(again)) {
                        let from = &others[pixel * channels..][..channels];
                        patterns[at * channels..][..channels].copy_from_slice(from);
                    }
                }
                followers.follow(level, patterns, &mut own[neurons.clone()]);
            }
        }
        to.spikes = to.patterns.iter().map(|pattern| u64::from(pattern.count_ones())).sum();
    }

    /// A race of all steps at once.
    pub(crate) fn race_at_once<T: Real>(&self, from: &Raster<T>, to: &mut Raster<T>, awaited: &mut Vec<u32>) {
        self.begin_race(awaited);
        let channels = self.geometry.input.channels;
        for (own, others) in to.patterns.chunks_exact_mut(to.neurons).zip(from.words()) {
            let windows = own.chunks_exact_mut(channels).zip(awaited.chunks_exact_mut(channels));
            for (window, (own, awaited)) in windows.enumerate() {
                let pixels = || self.pixels_of(window).map(|pixel| &others[pixel * channels..][..channels]);
                for pixel in pixels() {
                    for (own, other) in own.iter_mut().zip(pixel) {
                        *own |= other;
                    }
                }
                for (channel, (own, awaited)) in own.iter_mut().zip(awaited).enumerate() {
                    if !self.takes_minimum(channel) {
                        *own = if *awaited > 0 { lowest(*own) } else { 0 };
                        *awaited = u32::from(*awaited > 0 && *own == 0);
                        to.spikes += u64::from(*own != 0);
                        continue;
                    }
                    // Step by step, until as many have spiked as are waited for.
                    let mut steps = std::mem::take(own);
                    while steps != 0 && *awaited > 0 {
                        let step = lowest(steps);
                        let spikes = pixels().filter(|pixel| pixel[channel] & step != 0).count();
                        *awaited = awaited.saturating_sub(spikes as u32);
                        if *awaited == 0 {
                            *own = step;
                            to.spikes += 1;
                        }
                        steps &= steps - 1;
                    }
                }
            }
        }
    }

    fn windows_of(&self, pixel: usize) -> &[u32] {
        &self.windows[self.starts[pixel] as usize..self.starts[pixel + 1] as usize]
    }

    /// The pixels of a window.
    fn pixels_of(&self, window: usize) -> impl Iterator<Item = usize> + Clone {
        let Geometry { input, output, dilation: [down, across], .. } = self.geometry;
        let (rows, columns) = (self.rows[window / output.width], self.columns[window % output.width]);
        (0..rows.count).flat_map(move |row| {
            let first = (rows.start + row * down) * input.width + columns.start;
            (0..columns.count).map(move |column| first + column * across)
        })
    }

    /// The largest (smallest) value of a window.
    fn leader<T: Real>(&self, values: &[T], window: usize, channel: usize) -> T {
        let values = self.pixels_of(window).map(|pixel| values[pixel * self.geometry.input.channels + channel]);
        let best = if self.takes_minimum(channel) { values.reduce(T::min) } else { values.reduce(T::max) };
        best.unwrap_or_default()
    }

    /// Begins a race: of each window the first spike wins (the last, for a minimum). `awaited` has for each pooling neuron
    /// how many spikes it waits for.
    pub(crate) fn begin_race(&self, awaited: &mut Vec<u32>) {
        awaited.clear();
        for &size in &self.sizes {
            let channels = 0..self.geometry.output.channels;
            awaited.extend(channels.map(|channel| if self.takes_minimum(channel) { size } else { 1 }));
        }
    }

    /// Adds the pooling neurons for which spikes of a step end the race to `ended`, in no order.
    pub(crate) fn race(&self, keys: &[u32], awaited: &mut [u32], ended: &mut Vec<u32>) {
        let channels = self.geometry.input.channels as u32;
        for &key in keys {
            let (pixel, channel) = (key / channels, key % channels);
            for &window in self.windows_of(pixel as usize) {
                let pooled = window * channels + channel;
                let awaited = &mut awaited[pooled as usize];
                *awaited = awaited.wrapping_sub(1);
                if *awaited == 0 {
                    ended.push(pooled);
                }
            }
        }
    }

    /// Pools spike by spike: calls `fire` with each pooling neuron that the spike makes fire.
    ///
    /// Spikes must come in time order, large values first. The maximum of a window is its first positive spike; if
    /// there is none, but every neuron of the window has spiked with a negative value, it is the largest of those;
    /// otherwise some neuron is silent and the maximum is zero, which is silent too. For a minimum the signs change
    /// roles, and negative values that come after the window may still lower it once it has fired. Where `silence` stands
    /// for nothing, the first spike of a window makes the neuron fire.
    pub(crate) fn arrive<T: Real>(
        &self,
        states: &mut [PoolState<T>],
        neuron: usize,
        value: T,
        silence: bool,
        mut fire: impl FnMut(usize),
    ) {
        let channels = self.geometry.input.channels;
        let (pixel, channel) = (neuron / channels, neuron % channels);
        let minimum = self.takes_minimum(channel);
        let wins = if minimum { value < T::ZERO } else { value > T::ZERO };
        for window in self.windows_of(pixel).iter().map(|&window| window as usize) {
            let state = &mut states[window * channels + channel];
            state.best = match (state.arrived, minimum) {
                (0, _) => value,
                (_, true) => state.best.min(value),
                (_, false) => state.best.max(value),
            };
            state.arrived += 1;
            if !state.fired && (wins || !silence || state.arrived == self.sizes[window]) {
                state.fired = true;
                fire(window * channels + channel);
            }
        }
    }
}
