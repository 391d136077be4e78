//! What a population hands on: spikes, or values.

use crate::bands::Bands;
use crate::real::Real;
use crate::shape::Shape;
use firstspike_simd::{Level, Marks, Patterns};
use rayon::prelude::*;
use std::ops::Range;

/// Neurons of a band, at least: a thread that sleeps takes some time to begin.
const WORTHWHILE: usize = 1 << 16;

/// The neurons of one population that spiked: in a window, or in one time step of it.
///
/// Each entry has the key of its neuron (`pixel * channels + channel`) and the value that its spikes stand for, in the
/// units of the original network: how much a target of weight 1 receives. Where a neuron spikes once, the time follows
/// from the value; where it may spike in several steps of a window, the entry has a pattern.
#[derive(Clone, Debug, Default)]
pub struct SpikeList<T> {
    /// Neurons, ascending.
    pub keys: Vec<u32>,
    /// Values, as many as keys.
    pub values: Vec<T>,
    /// The steps in which each neuron spiked, a bit for each, the first lowest; empty where each spiked once.
    pub patterns: Vec<u32>,
    /// Where each pixel's entries begin; one more than there are pixels.
    pub starts: Vec<u32>,
    /// One value per neuron, zero where it is silent; empty where there are entries only.
    dense: Vec<T>,
    /// Whether the entries are still to be [listed](SpikeList::list): not all that reads spikes needs them.
    unlisted: bool,
    /// Whether the values are where they are joined with those of others, and nowhere else.
    joined: bool,
}

/// One bit for each of eight marks from 0 to 3, the first lowest: whether it is not zero.
fn bits(marks: u64) -> u64 {
    let nonzero = (marks | marks >> 1) & 0x0101_0101_0101_0101;
    // Moves the lowest bit of byte i to bit 56 + i.
    nonzero.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Brings sums into a range, band by band of pixels, and counts the spikes before each pixel; gives the smallest and the
/// largest value, or zero.
fn rectify<T: Real>(
    level: Level,
    shape: Shape,
    sums: &mut [T],
    range: [T; 2],
    bands: Bands,
    starts: &mut Vec<u32>,
) -> [T; 2] {
    let pixels = bands.elements(1);
    // Each band counts from zero on.
    starts.resize(shape.pixels() + bands.count(), 0);
    let parts = sums.par_chunks_mut(bands.elements(shape.channels)).zip(starts.par_chunks_mut(pixels + 1));
    let extremes = parts
        .with_max_len(1)
        .map(|(sums, starts)| T::rectify(level, sums, shape.channels, range, starts))
        .reduce(|| [T::ZERO; 2], |a, b| [a[0].min(b[0]), a[1].max(b[1])]);
    for band in 1..bands.count() {
        let first = band * pixels;
        let before = starts[first];
        for pixel in first + 1..=shape.pixels().min(first + pixels) {
            starts[pixel] = before + starts[pixel + band];
        }
    }
    starts.truncate(shape.pixels() + 1);
    extremes
}

impl<T: Real> SpikeList<T> {
    /// Forgets all, where pixels' entries begin too.
    fn forget(&mut self) {
        self.keys.clear();
        self.values.clear();
        self.patterns.clear();
        self.starts.clear();
        self.dense.clear();
        self.unlisted = false;
        self.joined = false;
    }

    /// Empties the list and makes room for every neuron of `shape` to spike once.
    pub fn clear(&mut self, shape: Shape) {
        self.forget();
        self.keys.reserve(shape.len());
        self.values.reserve(shape.len());
        self.starts.reserve(shape.pixels() + 1);
    }

    /// Refills the list from one value per neuron: `spike` gives, from neuron and value, that of its spike, if it has
    /// one.
    pub fn compress(&mut self, shape: Shape, values: &[T], mut spike: impl FnMut(usize, T) -> Option<T>) {
        self.clear(shape);
        self.starts.push(0);
        for (pixel, row) in values.chunks_exact(shape.channels).enumerate() {
            let base = (pixel * shape.channels) as u32;
            for (channel, &value) in row.iter().enumerate() {
                let key = base + channel as u32;
                if let Some(value) = spike(key as usize, value) {
                    self.keys.push(key);
                    self.values.push(value);
                }
            }
            self.starts.push(self.keys.len() as u32);
        }
    }

    /// Lends the memory of the values of the image before for the sums of the next: those that [`SpikeList::take`] gets.
    pub(crate) fn lend(&mut self, sums: &mut Vec<T>) {
        std::mem::swap(&mut self.dense, sums);
    }

    /// Takes over one sum per neuron, which become the values of their spikes once they are brought into a range that holds
    /// zero; leaves other numbers in their place. Entries are not listed yet. Gives the smallest and the largest value, or
    /// zero. Some threads may share the work.
    pub(crate) fn take(
        &mut self,
        level: Level,
        shape: Shape,
        sums: &mut Vec<T>,
        range: [T; 2],
        threads: usize,
    ) -> [T; 2] {
        let mut starts = std::mem::take(&mut self.starts);
        let bands = Bands::new(shape.pixels(), threads.min(sums.len() / WORTHWHILE), 1);
        let extremes = if bands.count() == 1 {
            starts.resize(shape.pixels() + 1, 0);
            T::rectify(level, sums, shape.channels, range, &mut starts)
        } else {
            rectify(level, shape, sums, range, bands, &mut starts)
        };
        self.forget();
        self.starts = starts;
        self.unlisted = true;
        std::mem::swap(&mut self.dense, sums);
        extremes
    }

    /// Where each pixel's entries begin, to be counted by whoever writes values elsewhere: see [`SpikeList::join_later`].
    pub(crate) fn starts_mut(&mut self) -> &mut Vec<u32> {
        &mut self.starts
    }

    /// Becomes the list of spikes that have been counted, and whose values are where they will be joined with those of others.
    pub(crate) fn join_later(&mut self) {
        // Memory that keeps its length need not be filled when it is used again.
        let (starts, dense) = (std::mem::take(&mut self.starts), std::mem::take(&mut self.dense));
        self.forget();
        (self.starts, self.dense, self.unlisted, self.joined) = (starts, dense, true, true);
    }

    /// Whether one value per neuron is at hand, here or where it is joined with those of others.
    pub(crate) fn is_whole(&self) -> bool {
        self.joined || self.dense().is_some()
    }

    /// Joins populations of so many channels side by side, pixel by pixel, if one value per neuron of each is at hand; false if
    /// it is not. Those that have been joined stay where they are. Some threads may share the work.
    pub(crate) fn join<'a>(
        &mut self,
        shape: Shape,
        parts: &(impl Iterator<Item = (&'a Self, usize)> + Clone + Sync),
        threads: usize,
    ) -> bool {
        if parts.clone().any(|(part, _)| !part.is_whole()) {
            return false;
        }
        let mut dense = std::mem::take(&mut self.dense);
        self.forget();
        self.unlisted = true;
        self.starts.resize(shape.pixels() + 1, 0);
        // All of it is written.
        dense.resize(shape.len(), T::ZERO);
        self.dense = dense;
        for (part, _) in parts.clone() {
            self.starts.iter_mut().zip(&part.starts).for_each(|(start, more)| *start += more);
        }
        if parts.clone().all(|(part, _)| part.joined) {
            return true;
        }
        let bands = Bands::new(shape.pixels(), threads.min(shape.len() / WORTHWHILE), 1);
        let pixels = (&(0..shape.pixels()), |_: &_, pixels| pixels);
        bands.run(pixels, &mut self.dense, &mut Vec::<()>::new(), |pixels, joined, ()| {
            let mut channel = 0;
            for (part, width) in parts.clone() {
                if part.joined {
                    channel += width;
                    continue;
                }
                let to = joined.chunks_exact_mut(shape.channels).map(|row| &mut row[channel..channel + width]);
                let from = part.dense[pixels.start * width..pixels.end * width].chunks_exact(width);
                to.zip(from).for_each(|(to, from)| to.copy_from_slice(from));
                channel += width;
            }
        });
        true
    }

    /// Lists the entries, if that is still to be done.
    pub(crate) fn list(&mut self, level: Level) {
        if std::mem::take(&mut self.unlisted) {
            debug_assert!(!self.joined, "joined values are not listed alone");
            T::list(level, &self.dense, &mut self.keys, &mut self.values);
        }
    }

    /// One value per neuron, zero where it is silent, if they are at hand.
    pub(crate) fn dense(&self) -> Option<&[T]> {
        (!self.joined && !self.dense.is_empty()).then_some(&self.dense)
    }

    /// The same, to be changed where they are not zero, before anything is listed.
    pub(crate) fn unlisted(&mut self) -> &mut [T] {
        debug_assert!(self.unlisted, "listed values do not change");
        &mut self.dense
    }

    /// Refills the list from one value per neuron, where neurons may spike in several steps: `spikes` gives, from neuron
    /// and value, what its spikes are worth, and its pattern.
    pub fn compress_patterns(&mut self, shape: Shape, values: &[T], mut spikes: impl FnMut(usize, T) -> (T, u32)) {
        self.clear(shape);
        self.patterns.reserve(shape.len());
        self.starts.push(0);
        for (pixel, row) in values.chunks_exact(shape.channels).enumerate() {
            let base = (pixel * shape.channels) as u32;
            for (channel, &value) in row.iter().enumerate() {
                let key = base + channel as u32;
                let (value, pattern) = spikes(key as usize, value);
                if pattern != 0 {
                    self.keys.push(key);
                    self.values.push(value);
                    self.patterns.push(pattern);
                }
            }
            self.starts.push(self.keys.len() as u32);
        }
    }

    /// The list as kernels refill it where neurons may spike in several steps.
    pub(crate) fn lists(&mut self) -> Patterns<'_, T> {
        self.dense.clear();
        self.unlisted = false;
        let Self { keys, values, patterns, starts, .. } = self;
        Patterns { keys, values, patterns, starts }
    }

    /// Refills the list from a mark for each neuron, zero where it is silent: `value` gives, from neuron and mark, that of
    /// its spike.
    pub(crate) fn fill_marked(&mut self, shape: Shape, marks: &[u8], mut value: impl FnMut(usize, u8) -> T) {
        self.forget();
        self.starts.resize(shape.pixels() + 1, 0);
        let channels = shape.channels as u32;
        for (group, marks) in marks.chunks(64).enumerate() {
            // Most neurons are silent: one bit for each tells which are not.
            let mut spikes = 0;
            let (eights, rest) = marks.as_chunks::<8>();
            for (byte, &eight) in eights.iter().enumerate() {
                spikes |= bits(u64::from_le_bytes(eight)) << (byte * 8);
            }
            for (offset, &mark) in rest.iter().enumerate() {
                spikes |= u64::from(mark != 0) << (eights.len() * 8 + offset);
            }
            while spikes != 0 {
                let offset = spikes.trailing_zeros() as usize;
                let key = group * 64 + offset;
                self.keys.push(key as u32);
                self.values.push(value(key, marks[offset]));
                self.starts[(key as u32 / channels) as usize + 1] += 1;
                spikes &= spikes - 1;
            }
        }
        let mut before = 0;
        for start in &mut self.starts {
            before += *start;
            *start = before;
        }
    }

    /// Begins a list that is filled by [`SpikeList::push`].
    pub(crate) fn begin(&mut self, shape: Shape) {
        self.forget();
        self.starts.reserve(shape.pixels() + 1);
        self.starts.push(0);
    }

    /// Adds a spike; neurons must come in ascending order.
    pub(crate) fn push(&mut self, shape: Shape, key: u32, value: T) {
        self.skip_to(key as usize / shape.channels);
        self.keys.push(key);
        self.values.push(value);
    }

    /// Drops entries that are not to be kept; asks for each in order. They must be listed.
    pub(crate) fn retain(&mut self, shape: Shape, mut keep: impl FnMut(u32) -> bool) {
        self.dense.clear();
        let mut kept = 0;
        for at in 0..self.keys.len() {
            if keep(self.keys[at]) {
                self.keys[kept] = self.keys[at];
                self.values[kept] = self.values[at];
                kept += 1;
            }
        }
        self.keys.truncate(kept);
        self.values.truncate(kept);
        self.index(shape);
    }

    /// Drops all entries.
    pub(crate) fn silence(&mut self) {
        let mut starts = std::mem::take(&mut self.starts);
        starts.fill(0);
        self.forget();
        self.starts = starts;
    }

    /// Finds where each pixel's entries begin.
    pub(crate) fn index(&mut self, shape: Shape) {
        self.starts.clear();
        self.starts.resize(shape.pixels() + 1, self.keys.len() as u32);
        let mut next = 0;
        for (at, key) in (0..).zip(&self.keys) {
            let pixel = (key / shape.channels as u32) as usize;
            if next <= pixel {
                self.starts[next..=pixel].fill(at);
                next = pixel + 1;
            }
        }
    }

    /// Ends a list that was filled by [`SpikeList::push`].
    pub(crate) fn end(&mut self, shape: Shape) {
        self.skip_to(shape.pixels());
    }

    fn skip_to(&mut self, pixel: usize) {
        self.starts.resize(pixel + 1, self.keys.len() as u32);
    }

    /// Refills the list from entries in any order: neuron, value and, where neurons have them, pattern. Entries of one
    /// neuron become one.
    pub fn collect(&mut self, shape: Shape, entries: &mut [(u32, T, u32)]) {
        // By neuron, and of each the first step first.
        entries.sort_unstable_by_key(|&(key, _, pattern)| (key, pattern));
        self.clear(shape);
        self.starts.push(0);
        let mut at = 0;
        for pixel in 0..shape.pixels() {
            let end = ((pixel + 1) * shape.channels) as u32;
            while at < entries.len() && entries[at].0 < end {
                let (key, value, pattern) = entries[at];
                at += 1;
                if pattern != 0 && self.keys.last() == Some(&key) {
                    let last = self.keys.len() - 1;
                    self.values[last] += value;
                    self.patterns[last] |= pattern;
                    continue;
                }
                self.keys.push(key);
                self.values.push(value);
                if pattern != 0 {
                    self.patterns.push(pattern);
                }
            }
            self.starts.push(self.keys.len() as u32);
        }
    }

    /// All entries, listed or not: neuron, value and pattern (0 where neurons have none).
    pub fn entries(&self) -> impl Iterator<Item = (u32, T, u32)> {
        let patterns = self.patterns.iter().copied().chain(std::iter::repeat(0));
        let listed = self.keys.iter().zip(&self.values).zip(patterns);
        let unlisted: &[T] = if self.unlisted { &self.dense } else { &[] };
        let found = (0..).zip(unlisted).filter(|&(_, &value)| value != T::ZERO);
        listed.map(|((&key, &value), pattern)| (key, value, pattern)).chain(found.map(|(key, &value)| (key, value, 0)))
    }

    /// Number of spikes.
    pub fn spikes(&self) -> u64 {
        self.spikes_between(0, self.len())
    }

    /// Number of spikes of entries `from..to`.
    pub(crate) fn spikes_between(&self, from: usize, to: usize) -> u64 {
        if self.patterns.is_empty() {
            return (to - from) as u64;
        }
        self.patterns[from..to].iter().map(|pattern| u64::from(pattern.count_ones())).sum()
    }

    /// The neurons and values of pixels `from..to`. They must be listed.
    pub fn pixels(&self, from: usize, to: usize) -> (&[u32], &[T]) {
        let range = self.starts[from] as usize..self.starts[to] as usize;
        (&self.keys[range.clone()], &self.values[range])
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        if self.unlisted { self.starts.last().map_or(0, |&end| end as usize) } else { self.keys.len() }
    }

    /// The values of all neurons in order, if each of so many has one entry.
    pub(crate) fn full(&self, neurons: usize) -> Option<&[T]> {
        if self.len() != neurons {
            return None;
        }
        let in_order = || self.keys.iter().zip(0..).all(|(&key, neuron)| key == neuron);
        self.dense().or_else(|| in_order().then_some(&self.values[..]))
    }

    /// Whether no neuron spiked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The spikes of a population in many steps: a bit for each neuron and step.
#[derive(Clone, Debug, Default)]
pub struct Raster<T> {
    /// Patterns of 64 steps, the first lowest: those of all neurons, one after the other, then of the next 64 steps.
    pub(crate) patterns: Vec<u64>,
    /// The same of spikes that count negative; empty where there are none.
    pub(crate) negative: Vec<u64>,
    /// What a spike is worth: that of all neurons, or of each.
    pub(crate) worth: Vec<T>,
    pub(crate) neurons: usize,
    pub(crate) spikes: u64,
}

impl<T: Real> Raster<T> {
    /// Begins anew: without spikes, which are worth 1.
    pub(crate) fn begin(&mut self, neurons: usize, steps: usize, signed: bool) {
        let words = neurons * steps.div_ceil(64);
        for (patterns, words) in [(&mut self.patterns, words), (&mut self.negative, if signed { words } else { 0 })] {
            patterns.clear();
            patterns.resize(words, 0);
        }
        self.worth.clear();
        self.worth.push(T::ONE);
        self.neurons = neurons;
        self.spikes = 0;
    }

    /// What a neuron's spike is worth.
    pub(crate) fn worth(&self, neuron: usize) -> T {
        self.worth[if self.worth.len() == 1 { 0 } else { neuron }]
    }

    /// The patterns of all neurons, of 64 steps and then of the next, of either sign.
    pub(crate) fn words(&self) -> impl Iterator<Item = &[u64]> {
        let neurons = self.neurons.max(1);
        self.patterns.chunks_exact(neurons).chain(self.negative.chunks_exact(neurons))
    }

    /// Those of them that a step lies in.
    pub(crate) fn words_of(&self, step: usize) -> impl Iterator<Item = &[u64]> {
        let count = self.patterns.len() / self.neurons.max(1);
        self.words().skip(step / 64).step_by(count.max(1))
    }

    /// Sets the bit of each step in which any neuron spikes.
    pub(crate) fn mark_steps(&self, steps: &mut [u64]) {
        let count = steps.len();
        for (word, patterns) in self.words().enumerate() {
            steps[word % count] |= patterns.iter().fold(0, |all, pattern| all | pattern);
        }
    }

    /// Takes over the spikes of some neurons that have other addresses here, one after the other. Both have as many steps.
    pub(crate) fn take(&mut self, from: &Self, neurons: Range<usize>, to: usize) {
        let own = to..to + neurons.len();
        if self.worth.len() > 1 || self.worth != from.worth {
            self.worth.resize(self.neurons, self.worth[0]);
            for (own, neuron) in self.worth[own.clone()].iter_mut().zip(neurons.clone()) {
                *own = from.worth(neuron);
            }
        }
        for (patterns, others) in [(&mut self.patterns, &from.patterns), (&mut self.negative, &from.negative)] {
            for (patterns, others) in patterns.chunks_exact_mut(self.neurons).zip(others.chunks_exact(from.neurons)) {
                for (own, &other) in patterns[own.clone()].iter_mut().zip(&others[neurons.clone()]) {
                    *own = other;
                    self.spikes += u64::from(other.count_ones());
                }
            }
        }
    }

    /// Where neurons from `first` on mark their spikes, and those that count negative.
    pub(crate) fn marks(&mut self, first: usize) -> (Marks<'_>, Option<Marks<'_>>) {
        let population = self.neurons;
        let negative = (!self.negative.is_empty()).then_some(Marks { patterns: &mut self.negative, population, first });
        (Marks { patterns: &mut self.patterns, population, first }, negative)
    }

    /// How the kernels see it.
    pub(crate) fn view(&self) -> firstspike_simd::Raster<'_, T> {
        firstspike_simd::Raster { patterns: &self.patterns, negative: &self.negative, worth: &self.worth }
    }

    /// All spikes: step, neuron and value, in the order of neurons (within 64 steps).
    pub fn entries(&self) -> impl Iterator<Item = (usize, u32, T)> {
        let signs = [(&self.patterns, T::ONE), (&self.negative, -T::ONE)];
        signs.into_iter().flat_map(move |(patterns, sign)| {
            patterns.iter().enumerate().flat_map(move |(at, &pattern)| {
                let rest = move |pattern: &u64| Some(pattern & (pattern - 1)).filter(|&rest| rest != 0);
                let patterns = std::iter::successors(Some(pattern).filter(|&pattern| pattern != 0), rest);
                patterns.map(move |pattern| {
                    let (word, neuron) = (at / self.neurons, at % self.neurons);
                    (word * 64 + pattern.trailing_zeros() as usize, neuron as u32, sign * self.worth(neuron))
                })
            })
        })
    }

    /// Drops the spikes of a step and of all behind it.
    fn end_before(&mut self, end: usize) {
        let neurons = self.neurons.max(1);
        let words = self.patterns.chunks_exact_mut(neurons).enumerate();
        for (word, patterns) in words.chain(self.negative.chunks_exact_mut(neurons).enumerate()) {
            for pattern in patterns {
                let kept = *pattern & !steps_from(end, word);
                self.spikes -= u64::from((*pattern ^ kept).count_ones());
                *pattern = kept;
            }
        }
    }

    /// One value per neuron, in place of what `values` held: what it sent from a step on.
    pub(crate) fn write_sums(&self, from: usize, values: &mut Vec<T>) {
        values.clear();
        values.resize(self.neurons, T::ZERO);
        for (patterns, sign) in [(&self.patterns, T::ONE), (&self.negative, -T::ONE)] {
            for (word, patterns) in patterns.chunks_exact(self.neurons.max(1)).enumerate() {
                let counted = steps_from(from, word);
                for (neuron, (&pattern, value)) in patterns.iter().zip(&mut *values).enumerate() {
                    let count = T::from_f64(f64::from((pattern & counted).count_ones()));
                    *value += count * sign * self.worth(neuron);
                }
            }
        }
    }
}

/// The bits of a word of 64 steps that are those from a step on.
fn steps_from(first: usize, word: usize) -> u64 {
    u64::MAX.checked_shl(first.saturating_sub(word * 64).min(64) as u32).unwrap_or(0)
}

/// What a population hands on for one image.
#[derive(Clone, Debug)]
pub enum Signal<T> {
    /// Its neurons spike, and what matters is all that they sent by the end of their window.
    Spikes(SpikeList<T>),
    /// Its neurons spike, and it matters when: a list for each time step.
    Train(Vec<SpikeList<T>>),
    /// The same, where the network runs all steps of a population at once.
    Raster(Raster<T>),
    /// Its neurons have values: one each.
    Values(Vec<T>),
}

impl<T: Real> Signal<T> {
    /// Memory for one value per neuron; nothing where neurons spike in many steps.
    pub(crate) fn memory(&mut self) -> Option<&mut Vec<T>> {
        match self {
            Self::Spikes(spikes) => Some(&mut spikes.dense),
            Self::Values(values) => Some(values),
            Self::Train(_) | Self::Raster(_) => None,
        }
    }

    /// One value per neuron, zero where a neuron was silent; the values of all steps together.
    pub fn values(&self, shape: Shape) -> Vec<T> {
        let mut values = Vec::new();
        self.write_values(shape, &mut values);
        values
    }

    /// The same, in place of what `values` held.
    pub(crate) fn write_values(&self, shape: Shape, values: &mut Vec<T>) {
        let lists = match self {
            Self::Values(own) => {
                values.clone_from(own);
                return;
            }
            Self::Raster(raster) => {
                raster.write_sums(0, values);
                return;
            }
            Self::Spikes(spikes) => std::slice::from_ref(spikes),
            Self::Train(steps) => steps,
        };
        values.clear();
        values.resize(shape.len(), T::ZERO);
        for (key, value, _) in lists.iter().flat_map(SpikeList::entries) {
            values[key as usize] += value;
        }
    }

    /// Calls `visit` with step and neuron of each spike, where steps have spikes of their own.
    pub(crate) fn each_spike(&self, mut visit: impl FnMut(usize, u32)) {
        match self {
            Self::Spikes(_) | Self::Values(_) => {}
            Self::Train(steps) => {
                for (step, spikes) in steps.iter().enumerate() {
                    spikes.keys.iter().for_each(|&key| visit(step, key));
                }
            }
            Self::Raster(raster) => raster.entries().for_each(|(step, key, _)| visit(step, key)),
        }
    }

    /// Drops the spikes of a step and of all behind it; gives how many there were.
    pub(crate) fn end_before(&mut self, end: usize) -> u64 {
        let before = self.spikes();
        match self {
            Self::Spikes(_) | Self::Values(_) => {}
            Self::Train(steps) => steps.iter_mut().skip(end).for_each(SpikeList::silence),
            Self::Raster(raster) => raster.end_before(end),
        }
        before - self.spikes()
    }

    /// Number of spikes.
    pub fn spikes(&self) -> u64 {
        match self {
            Self::Values(_) => 0,
            Self::Spikes(spikes) => spikes.spikes(),
            Self::Train(steps) => steps.iter().map(SpikeList::spikes).sum(),
            Self::Raster(raster) => raster.spikes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firstspike_simd::Element;

    fn raster(patterns: &[u64], worth: &[f64]) -> Raster<f64> {
        let mut raster = Raster::default();
        raster.begin(patterns.len(), 64, false);
        raster.patterns.copy_from_slice(patterns);
        raster.worth = worth.to_vec();
        raster
    }

    #[test]
    fn bands_of_pixels_are_rectified_as_all_are() {
        let range = [0.0, 3.0];
        for (pixels, channels) in [(1, 1), (7, 3), (29, 70), (64, 16)] {
            let sums: Vec<f32> = (0..pixels * channels).map(|i| ((i * 37) % 11) as f32 - 5.0).collect();
            let (mut expected, mut begins) = (sums.clone(), vec![9; pixels + 1]);
            let extremes = f32::rectify(Level::best(), &mut expected, channels, range, &mut begins);
            for most in 1..6 {
                let (mut got, mut starts) = (sums.clone(), vec![9; 3]);
                let (shape, bands) = (Shape::new(1, pixels, channels), Bands::new(pixels, most, 1));
                assert_eq!(rectify(Level::best(), shape, &mut got, range, bands, &mut starts), extremes);
                assert_eq!((got, starts), (expected.clone(), begins.clone()), "{most} bands");
            }
        }
    }

    #[test]
    fn spikes_that_are_taken_over_keep_their_worth() {
        for worths in [[0.5, 0.5], [0.5, 2.0], [1.0, 1.0], [1.0, 0.25]] {
            let [a, b] = worths;
            for (first, second) in
                [(raster(&[1, 6], &[a]), raster(&[5], &[b])), (raster(&[1, 6], &[a, b]), raster(&[5], &[b]))]
            {
                let mut both = raster(&[0; 3], &[1.0]);
                both.take(&first, 0..2, 0);
                both.take(&second, 0..1, 2);
                let expected = [(0, 0, a), (1, 1, first.worth(1)), (2, 1, first.worth(1)), (0, 2, b), (2, 2, b)];
                assert_eq!(both.entries().collect::<Vec<_>>(), expected);
                assert_eq!(both.spikes, 5);
                let mut single = raster(&[0], &[1.0]);
                single.take(&first, 1..2, 0);
                assert_eq!(single.entries().collect::<Vec<_>>(), [(1, 0, first.worth(1)), (2, 0, first.worth(1))]);
            }
        }
    }
}
