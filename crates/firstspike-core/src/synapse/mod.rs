//! How a spike reaches its targets.
//!
//! Every synapse type knows three ways over the same weights: `deliver` (one spike to its targets: the event engine),
//! `gather` (all spikes of a window, output by output: the layered engine) and `gather_values` (one value per neuron:
//! the original network).

mod average_pool;
mod conv2d;
mod dense;
mod fan;
mod fan_out;
mod max_pool;
mod sums;

pub use average_pool::AveragePool;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub(crate) use fan::Fan;
pub use max_pool::MaxPool;
pub(crate) use max_pool::{Following, PoolState, PoolSums};
pub(crate) use sums::{Outlet, Sums};

use crate::disturbance::WeightDisturbance;
use crate::real::Real;
use crate::record::Counts;
use crate::shape::{Geometry, Shape};
use crate::signal::{Raster, SpikeList};
use crate::weights::RawWeights;
use fan_out::FanOut;
use firstspike_simd::{Active, Level, PART, ROW_PART, SpreadScratch};
use std::ops::{AddAssign, Range};

/// Synapses from one population to another.
#[derive(Clone, Debug)]
pub enum Synapse<T> {
    /// Every neuron to every neuron.
    Dense(Dense<T>),
    /// A kernel shared by all pixels.
    Conv2d(Box<Conv2d<T>>),
    /// One to one, weight 1.
    Identity(Shape),
}

impl<T: Real> Synapse<T> {
    /// A convolution. That of a single pixel joins every neuron to every neuron, and is kept as such: then weights are rows of
    /// all targets.
    ///
    /// # Errors
    /// If sizes contradict each other.
    pub fn convolution(geometry: Geometry, groups: usize, weights: RawWeights<'_>) -> Result<Self, String> {
        let Geometry { input, output, kernel, .. } = geometry;
        let pixels = [input.pixels(), output.pixels(), kernel[0] * kernel[1]];
        if geometry.fault().is_none()
            && groups == 1
            && pixels == [1; 3]
            && (0..2).all(|axis| geometry.taps(axis, 0).count == 1)
        {
            return Dense::new(input, output.channels, weights, None, true).map(Self::Dense);
        }
        Conv2d::new(geometry, groups, weights).map(|conv| Self::Conv2d(Box::new(conv)))
    }

    /// Shape of the presynaptic side.
    pub fn input(&self) -> Shape {
        match self {
            Self::Dense(dense) => dense.input(),
            Self::Conv2d(conv) => conv.geometry().input,
            Self::Identity(shape) => *shape,
        }
    }

    /// Number of postsynaptic neurons.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.outputs(),
            Self::Conv2d(conv) => conv.geometry().output.len(),
            Self::Identity(shape) => shape.len(),
        }
    }

    /// Calls `visit` for every run of targets that a neuron has: the first target, and the synapses' weights.
    fn each_row(&self, neuron: usize, mut visit: impl FnMut(usize, &[T])) {
        match self {
            Self::Dense(dense) => visit(0, dense.row(neuron)),
            Self::Conv2d(conv) => conv.each_row(neuron, visit),
            Self::Identity(_) => visit(neuron, &[T::ONE]),
        }
    }

    /// Adds one spike to the potentials of its targets.
    fn deliver(&self, level: Level, neuron: usize, value: T, potentials: &mut [T]) {
        match self {
            Self::Dense(dense) => T::add_scaled(level, potentials, dense.row(neuron), value),
            Self::Conv2d(conv) => conv.deliver(level, neuron, value, potentials),
            Self::Identity(_) => potentials[neuron] += value,
        }
    }

    /// Whether [`Synapse::gather`] reads a list of spikes, one value per neuron being at hand.
    fn lists(&self, spikes: &SpikeList<T>, paths: Paths) -> bool {
        match self {
            Self::Dense(_) => true,
            Self::Conv2d(conv) => conv.lists(spikes, paths),
            // Adding all values up is quicker than to list some.
            Self::Identity(_) => paths == Paths::Events,
        }
    }

    fn gather(
        &self,
        level: Level,
        spikes: &SpikeList<T>,
        sums: &mut Sums<'_, T>,
        scratch: &mut ConvolutionScratch<T>,
    ) -> Path {
        match self {
            Self::Dense(dense) => dense.gather(level, spikes, sums),
            Self::Conv2d(conv) => return conv.gather(level, spikes, sums, scratch),
            Self::Identity(_) => {
                if let Some(values) = spikes.dense().filter(|_| scratch.paths == Paths::Fastest) {
                    self.gather_values(level, values, sums, scratch);
                    return Path::Dense;
                }
                let sums = sums.begun();
                for (&key, &value) in spikes.keys.iter().zip(&spikes.values) {
                    sums[key as usize] += value;
                }
            }
        }
        Path::Events
    }

    fn gather_values(&self, level: Level, values: &[T], sums: &mut Sums<'_, T>, scratch: &mut ConvolutionScratch<T>) {
        match self {
            Self::Dense(dense) => dense.gather_values(level, values, sums),
            Self::Conv2d(conv) => conv.gather_values(level, values, sums, scratch),
            Self::Identity(_) => {
                for (potential, &value) in sums.begun().iter_mut().zip(values) {
                    *potential += value;
                }
            }
        }
    }

    /// Adds one value per neuron up, in several images at once. See [`Projection::gather_bundle`].
    fn gather_bundle(
        &self,
        level: Level,
        images: ImageBundle<'_, T>,
        sums: &mut Sums<'_, T>,
        scratch: &mut ConvolutionScratch<T>,
    ) -> (Path, u64) {
        match self {
            Self::Dense(dense) => return (dense.gather_bundle(level, images, sums), 0),
            Self::Conv2d(conv) => return conv.gather_bundle(level, images, sums, scratch),
            // Numbers side by side are as good as those of one image.
            Self::Identity(_) => self.gather_values(level, images.values, sums, scratch),
        }
        (Path::Dense, 0)
    }

    /// On one axis: the output indices that input index `input` reaches. A dense synapse has one pixel of outputs.
    fn reach(&self, axis: usize, input: usize) -> Vec<usize> {
        match self {
            Self::Dense(_) => vec![0],
            Self::Conv2d(conv) => conv.geometry().windows(axis, input).map(|(output, _)| output).collect(),
            Self::Identity(_) => vec![input],
        }
    }

    /// Targets at each output pixel that is reached (all targets, for a dense synapse).
    fn targets_per_pixel(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.outputs(),
            Self::Conv2d(conv) => conv.outputs_per_group(),
            Self::Identity(_) => 1,
        }
    }
}

/// What a population hands on in several images at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageBundle<'a, T> {
    /// Values of a neuron in all images lie side by side.
    pub values: &'a [T],
    /// How many spikes of all images there are before each pixel, and behind the last, if neurons spike.
    pub starts: Option<&'a [u32]>,
    /// Neurons that spike in any image, if that is known.
    pub active: Option<&'a Active>,
}

/// Which ways spikes may take to their targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paths {
    /// The fastest: with all neurons that did not spike, where they are too many to be added one by one.
    #[default]
    Fastest,
    /// One by one: only the work that spikes cause.
    Events,
}

/// How spikes were added up: one by one, or with all neurons that did not spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Events,
    Dense,
}

/// What it took to add spikes up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// Synaptic events: pairs of a spike and an existing target.
    pub events: u64,
    /// Multiply-adds that were really done.
    pub operations: u64,
    /// Whether neurons that did not spike were added up too.
    pub dense: bool,
}

impl AddAssign<Work> for Counts {
    fn add_assign(&mut self, work: Work) {
        self.operations += work.operations;
        self.dense += u64::from(work.dense);
    }
}

/// Scratch memory of projections; reused between images.
#[derive(Clone, Debug, Default)]
pub(crate) struct PoolScratch<T> {
    values: Vec<T>,
    spikes: SpikeList<T>,
    pub(crate) convolution: ConvolutionScratch<T>,
}

/// Scratch memory of convolutions, and what they may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConvolutionScratch<T> {
    /// Values of an image, with margins or without.
    image: Vec<T>,
    /// What each band of outputs needs.
    bands: Vec<BandScratch<T>>,
    /// Which ways spikes may take.
    pub paths: Paths,
    /// How many threads may work at once, if more than one.
    pub threads: usize,
}

impl<T: Default> ConvolutionScratch<T> {
    /// Memory for all outputs at once.
    fn of_all(&mut self) -> &mut BandScratch<T> {
        if self.bands.is_empty() {
            self.bands.push(BandScratch::default());
        }
        &mut self.bands[0]
    }
}

/// Scratch memory of a band of outputs.
#[derive(Clone, Debug, Default)]
struct BandScratch<T> {
    /// What lies between the transforms of minimal filtering.
    tiles: Vec<T>,
    spreading: SpreadScratch<T>,
}

/// Synapses from a source population, with average pooling merged into them where there is one: the merged weight from
/// a neuron to a target is the sum over the pooling windows that join them.
#[derive(Clone, Debug)]
pub struct Projection<T> {
    source: usize,
    pool: Option<AveragePool>,
    synapse: Synapse<T>,
    /// Existing targets of a neuron of each pixel of the source.
    fan_out: FanOut,
    /// Pairs of a neuron and an existing target.
    connections: u64,
}

impl<T: Real> Projection<T> {
    /// Synapses from population `source`.
    ///
    /// # Errors
    /// If the pooling's output is not the synapse's input.
    pub fn new(source: usize, pool: Option<AveragePool>, synapse: Synapse<T>) -> Result<Self, String> {
        if let Some(pool) = &pool
            && pool.geometry().output != synapse.input()
        {
            return Err(format!("pooling to {:?} before synapses from {:?}", pool.geometry().output, synapse.input()));
        }
        let fan_out = FanOut::new(pool.as_ref(), &synapse)?;
        let mut projection = Self { source, pool, synapse, fan_out, connections: 0 };
        let channels = projection.input().channels;
        projection.connections = projection.fan_out.sum(|from, to| ((to - from) * channels) as u64);
        Ok(projection)
    }

    /// Changes the weights; one-to-one synapses have none.
    pub(crate) fn disturb(&mut self, disturbance: WeightDisturbance, population: usize, index: usize) {
        self.change_weights(|weights| disturbance.apply(weights, population, index));
    }

    fn change_weights(&mut self, change: impl FnOnce(&mut [T])) {
        match &mut self.synapse {
            Synapse::Dense(dense) => change(dense.weights_mut()),
            Synapse::Conv2d(conv) => conv.change_weights(change),
            Synapse::Identity(_) => (),
        }
    }

    /// The synapses without their negative weights.
    pub(crate) fn rising(&self) -> Self {
        let mut rising = self.clone();
        rising.change_weights(|weights| {
            for weight in weights {
                *weight = weight.max(T::ZERO);
            }
        });
        rising
    }

    /// Index of the presynaptic population.
    pub fn source(&self) -> usize {
        self.source
    }

    /// Shape of the presynaptic side.
    pub fn input(&self) -> Shape {
        self.pool.as_ref().map_or_else(|| self.synapse.input(), |pool| pool.geometry().input)
    }

    /// Number of postsynaptic neurons.
    pub fn outputs(&self) -> usize {
        self.synapse.outputs()
    }

    /// How many weights there are.
    pub(crate) fn weights(&self) -> usize {
        match &self.synapse {
            Synapse::Dense(dense) => dense.weights().len(),
            Synapse::Conv2d(conv) => conv.weights(),
            Synapse::Identity(_) => 0,
        }
    }

    /// Channels of targets that may be added to one part after the other ([`Sums::of_part`]), each with no more than so many weights
    /// if it can be: nothing where there would be a single part.
    pub(crate) fn parts(&self, weights: usize) -> Vec<Range<usize>> {
        let (channels, unit) = match &self.synapse {
            Synapse::Dense(dense) => (dense.outputs(), ROW_PART),
            Synapse::Conv2d(conv) => (conv.parted(), PART),
            Synapse::Identity(_) => (0, 1),
        };
        let fitting = weights * channels / self.weights().max(1) / unit * unit;
        let size = fitting.max(unit);
        if channels <= size {
            return Vec::new();
        }
        (0..channels).step_by(size).map(|first| first..channels.min(first + size)).collect()
    }

    /// Calls `visit` for every run of targets that a neuron has: the first target, the synapses' weights, and a factor
    /// of these. Where pooling windows overlap, a target is visited several times.
    pub(crate) fn each_row(&self, neuron: usize, mut visit: impl FnMut(usize, &[T], T)) {
        match &self.pool {
            None => self.synapse.each_row(neuron, |first, weights| visit(first, weights, T::ONE)),
            Some(pool) => pool.each_window(neuron, |pooled, share| {
                self.synapse.each_row(pooled, |first, weights| visit(first, weights, T::from_f64(share)));
            }),
        }
    }

    /// Whether every neuron, or every pooled one, reaches all targets at once.
    pub(crate) fn is_dense(&self) -> bool {
        match &self.synapse {
            Synapse::Dense(_) => true,
            Synapse::Conv2d(conv) => {
                let Geometry { output, .. } = *conv.geometry();
                output.pixels() == 1 && conv.outputs_per_group() == output.channels
            }
            Synapse::Identity(_) => false,
        }
    }

    /// Whether every neuron reaches that of the same index alone, and all with the same positive weight.
    pub(crate) fn is_scaling(&self) -> bool {
        let mut factor = None;
        let single = |neuron: usize| {
            let (mut rows, mut alike) = (0, true);
            self.each_row(neuron, |first, weights, share| {
                rows += 1;
                let weight = weights[0] * share;
                alike &= first == neuron && weights.len() == 1 && weight > T::ZERO;
                alike &= *factor.get_or_insert(weight) == weight;
            });
            rows == 1 && alike
        };
        self.outputs() == self.input().len() && (0..self.outputs()).all(single)
    }

    /// Neurons behind the pooling; those of the source where nothing is pooled.
    pub(crate) fn pooled(&self) -> usize {
        self.synapse.input().len()
    }

    /// Calls `visit` with every neuron behind the pooling that a neuron is part of, and its share.
    pub(crate) fn each_pooled(&self, neuron: usize, mut visit: impl FnMut(usize, f64)) {
        match &self.pool {
            None => visit(neuron, 1.0),
            Some(pool) => pool.each_window(neuron, visit),
        }
    }

    /// Calls `visit` for every neuron behind the pooling with the weights of its synapses: to all targets, if
    /// [`Projection::is_dense`].
    pub(crate) fn each_pooled_row(&self, mut visit: impl FnMut(usize, &[T])) {
        for neuron in 0..self.pooled() {
            self.synapse.each_row(neuron, |_, weights| visit(neuron, weights));
        }
    }

    /// Adds one spike to the potentials of its targets.
    pub(crate) fn deliver(&self, level: Level, neuron: usize, value: T, potentials: &mut [T]) {
        match &self.pool {
            None => self.synapse.deliver(level, neuron, value, potentials),
            Some(pool) => pool.each_window(neuron, |pooled, share| {
                self.synapse.deliver(level, pooled, value * T::from_f64(share), potentials);
            }),
        }
    }

    /// Whether [`Projection::gather_spikes`] reads a list of spikes, one value per neuron being at hand.
    pub(crate) fn lists(&self, spikes: &SpikeList<T>, paths: Paths) -> bool {
        let full = paths == Paths::Fastest && spikes.len() == self.input().len();
        !full && self.pool.is_none() && self.synapse.lists(spikes, paths)
    }

    /// Adds spikes up.
    pub(crate) fn gather_spikes(
        &self,
        level: Level,
        spikes: &SpikeList<T>,
        sums: &mut Sums<'_, T>,
        scratch: &mut PoolScratch<T>,
    ) -> Work {
        let events = self.events(spikes);
        if scratch.convolution.paths == Paths::Fastest
            && let Some(values) = spikes.full(self.input().len())
        {
            let operations = self.gather_values(level, values, sums, scratch);
            return Work { events, operations, dense: true };
        }
        let Some(pool) = &self.pool else {
            return match self.synapse.gather(level, spikes, sums, &mut scratch.convolution) {
                Path::Events if spikes.patterns.is_empty() => Work { events, operations: events, dense: false },
                Path::Events => Work { events, operations: self.distinct(spikes), dense: false },
                Path::Dense => Work { events, operations: self.connections(), dense: true },
            };
        };
        let PoolScratch { values, spikes: pooled, convolution } = scratch;
        if !sums.is_continued() {
            match spikes.dense() {
                Some(dense) => pool.pool_values(dense, 1, values),
                None => pool.pool_spikes(spikes, values),
            }
            pooled.take(level, pool.geometry().output, values, T::EVERYTHING, convolution.threads);
            if self.synapse.lists(pooled, convolution.paths) {
                pooled.list(level);
            }
        }
        let (targets, dense) = match self.synapse.gather(level, pooled, sums, convolution) {
            Path::Events => (pooled.len(), false),
            Path::Dense => (self.synapse.input().len(), true),
        };
        Work { events, operations: (spikes.len() + targets * self.synapse.targets_per_pixel()) as u64, dense }
    }

    /// Adds one value per neuron up; returns the multiply-adds that were done.
    pub(crate) fn gather_values(
        &self,
        level: Level,
        values: &[T],
        sums: &mut Sums<'_, T>,
        scratch: &mut PoolScratch<T>,
    ) -> u64 {
        if let Some(pool) = &self.pool {
            if !sums.is_continued() {
                pool.pool_values(values, 1, &mut scratch.values);
            }
            self.synapse.gather_values(level, &scratch.values, sums, &mut scratch.convolution);
        } else {
            self.synapse.gather_values(level, values, sums, &mut scratch.convolution);
        }
        self.connections()
    }

    /// Whether [`Projection::gather_bundle`] asks for the neurons that spike in any image, if they are few enough.
    pub(crate) fn asks_for_active(&self) -> bool {
        self.pool.is_none()
            && match &self.synapse {
                Synapse::Dense(_) => true,
                // Worth it only if there is much to gain.
                Synapse::Conv2d(conv) => conv.sparse_bundle(self.input().len() * 3 / 4),
                Synapse::Identity(_) => false,
            }
    }

    /// The same in several images at once. Returns whether neurons were added up that are silent in all, and the multiply-adds of
    /// each image.
    pub(crate) fn gather_bundle(
        &self,
        level: Level,
        images: ImageBundle<'_, T>,
        sums: &mut Sums<'_, T>,
        count: usize,
        scratch: &mut PoolScratch<T>,
    ) -> (Path, u64) {
        let PoolScratch { values: pooled, convolution, .. } = scratch;
        let images = if let Some(pool) = &self.pool {
            pool.pool_values(images.values, count, pooled);
            ImageBundle { values: pooled, starts: None, active: None }
        } else {
            images
        };
        let (path, left_out) = self.synapse.gather_bundle(level, images, sums, convolution);
        let operations = match (path, images.active) {
            (Path::Events, Some(active)) => self.events_before(active.starts()),
            _ => self.connections() - left_out,
        };
        (path, operations)
    }

    /// Cycles for each image of a bundle: a model.
    pub(crate) fn bundled_cycles(&self) -> f64 {
        let lanes = 64.0 / size_of::<T>() as f64;
        let pooled = self.pool.as_ref().map_or(0.0, |_| 4.0 * self.input().len() as f64 / lanes);
        pooled
            + match &self.synapse {
                Synapse::Dense(_) => 0.55 * self.connections as f64 / lanes,
                Synapse::Conv2d(conv) => conv.bundled_cycles(),
                Synapse::Identity(shape) => 2.0 * shape.len() as f64 / lanes,
            }
    }

    /// Cycles for an image alone of whose neurons a share spikes: a model.
    pub(crate) fn cycles(&self, share: f64) -> f64 {
        let lanes = 64.0 / size_of::<T>() as f64;
        let pooled = self.pool.as_ref().map_or(0.0, |_| self.input().len() as f64);
        let spikes = share * self.synapse.input().len() as f64;
        pooled
            + match &self.synapse {
                Synapse::Dense(dense) => spikes * (2.0 + dense.outputs() as f64 / lanes),
                Synapse::Conv2d(conv) => conv.cycles(spikes as usize),
                Synapse::Identity(_) => 2.0 * spikes,
            }
    }

    /// Synaptic events of a raster of spikes.
    pub(crate) fn events_of(&self, raster: &Raster<T>) -> u64 {
        if let Some(everywhere) = self.fan_out.everywhere() {
            return raster.spikes * everywhere;
        }
        let channels = self.input().channels;
        let spikes = |patterns: &[u64]| patterns.iter().map(|pattern| u64::from(pattern.count_ones())).sum::<u64>();
        let words = raster.words();
        words.map(|word| self.fan_out.sum(|from, to| spikes(&word[from * channels..to * channels]))).sum()
    }

    /// Synaptic events of those of one step.
    pub(crate) fn events_in_step(&self, raster: &Raster<T>, step: usize) -> u64 {
        let channels = self.input().channels;
        let spikes = |patterns: &[u64]| patterns.iter().map(|pattern| pattern >> (step % 64) & 1).sum::<u64>();
        let words = raster.words_of(step);
        words.map(|word| self.fan_out.sum(|from, to| spikes(&word[from * channels..to * channels]))).sum()
    }

    /// Synaptic events of some spikes: pairs of a spike and an existing target, after merging the pooling.
    pub(crate) fn events(&self, spikes: &SpikeList<T>) -> u64 {
        if let Some(everywhere) = self.fan_out.everywhere() {
            return spikes.spikes() * everywhere;
        }
        if spikes.patterns.is_empty() {
            return self.events_before(&spikes.starts);
        }
        let begin = |pixel: usize| spikes.starts[pixel] as usize;
        self.fan_out.sum(|from, to| spikes.spikes_between(begin(from), begin(to)))
    }

    /// Synaptic events of some spikes, given how many there are before each pixel, and behind the last.
    pub(crate) fn events_before(&self, starts: &[u32]) -> u64 {
        self.fan_out.sum_differences(starts)
    }

    /// Pairs of a neuron that spiked and an existing target: the multiply-adds for all of its spikes together.
    fn distinct(&self, spikes: &SpikeList<T>) -> u64 {
        self.fan_out.everywhere().map_or_else(|| self.events_before(&spikes.starts), |all| spikes.len() as u64 * all)
    }

    /// Pairs of a neuron and an existing target: the multiply-adds of the dense computation.
    pub fn connections(&self) -> u64 {
        self.connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::DataType;

    #[test]
    fn a_convolution_of_a_single_pixel_is_dense() {
        let geometry = |size: usize, pad: isize| Geometry {
            input: Shape::new(size, size, 3),
            output: Shape::new(1, 1, 2),
            kernel: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            pad: [pad, 0],
        };
        let bytes: Vec<u8> = (1..=6u8).flat_map(|weight| f32::from(weight).to_le_bytes()).collect();
        let raw = || RawWeights { data_type: DataType::Float32, bytes: &bytes, input_scale: None, output_scale: None };
        let synapse = |geometry, groups| Synapse::<f32>::convolution(geometry, groups, raw());
        let rows = |synapse: &Synapse<f32>| {
            let mut rows = Vec::new();
            for neuron in 0..3 {
                synapse.each_row(neuron, |first, weights| rows.push((neuron, first, weights.to_vec())));
            }
            rows
        };
        let single = synapse(geometry(1, 0), 1).unwrap();
        assert!(matches!(single, Synapse::Dense(_)));
        assert_eq!(single.outputs(), 2);
        let conv = Synapse::Conv2d(Box::new(Conv2d::new(geometry(1, 0), 1, raw()).unwrap()));
        assert_eq!(rows(&single), rows(&conv));
        assert_eq!(rows(&single)[1], (1, 0, vec![2.0, 5.0]));
        // A tap beside the pixel; more pixels; groups that do not divide the channels.
        assert!(matches!(synapse(geometry(1, 1), 1).unwrap(), Synapse::Conv2d(_)));
        assert!(matches!(synapse(geometry(2, 0), 1).unwrap(), Synapse::Conv2d(_)));
        assert!(synapse(geometry(1, 0), 2).is_err());
    }
}
