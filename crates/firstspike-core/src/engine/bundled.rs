//! Several images at once, each in a lane of the processor's registers: what narrow layers take least with.
//!
//! Neurons that are silent in all images are left out where they are many; else layers are dense. A weight that is read
//! serves all images, and no register is filled in part. That is the fastest way for small networks, whose layers have few
//! channels and cost more time to look through than to compute. What is counted is the same as for each image alone, and so
//! are results, but for rounding; they do not depend on which images make a bundle.

use super::Workspace;
use crate::aligned::Aligned;
use crate::network::{NOWHERE, Network, Population, Stage};
use crate::neuron::{Neuron, Timing};
use crate::real::Real;
use crate::record::Counts;
use crate::synapse::{Path, PoolScratch, Projection, Sums};
use firstspike_simd::{Active, BundleCounts};

/// Bytes of a population in all images of a bundle that stay in the second-level cache until they are read.
const CACHED: usize = 512 << 10;

/// Share of neurons that spike, for a guess of what images take one by one.
const TYPICAL: f64 = 0.25;

/// What a population hands on in all images of a bundle.
#[derive(Clone, Debug)]
struct Signals<T> {
    /// One value per neuron, those of all images side by side.
    values: Aligned<T>,
    /// How many spikes of all images there are before each pixel, and behind the last; nothing where neurons do not spike.
    starts: Vec<u32>,
    /// Neurons that spike in any image, where a layer asks for them.
    active: Option<Active>,
}

/// Memory of a bundle of images.
#[derive(Clone, Debug)]
pub(super) struct Bundle<T> {
    signals: Vec<Signals<T>>,
    /// Spikes of each image.
    spikes: Vec<u64>,
    scratch: PoolScratch<T>,
}

/// What the images of a bundle gave.
pub(crate) struct BundleOutcome<T> {
    /// Outputs of all images, one after another.
    pub outputs: Vec<T>,
    /// Spikes of each image.
    pub spikes: Vec<u64>,
    /// What each population counted.
    pub counts: Vec<Counts>,
}

/// Whether images are run in bundles wherever there are enough: in networks whose neurons spike once in a window, or do not
/// spike, if it takes less by a guess that depends on the network alone.
pub(crate) fn pays<T: Real>(populations: &[Population<T>], timings: &[Option<Timing<T>>]) -> bool {
    let lanes = (64 / size_of::<T>()) as f64;
    let mut cycles = [0.0; 2];
    for (population, timing) in populations.iter().zip(timings) {
        let shape = population.shape;
        if !matches!(timing, None | Some(Timing::Once(_))) {
            return false;
        }
        let registers = shape.channels.div_ceil(64 / size_of::<T>()) as f64;
        let far = shape.len() * 64 > CACHED;
        cycles[0] += shape.len() as f64 * if far { 10.0 } else { 4.0 } / lanes;
        cycles[1] += shape.pixels() as f64 * (3.0 + 7.0 * registers) + 500.0;
        match &population.stage {
            Stage::Neurons { projections, neuron: Neuron::Ttfs(_) | Neuron::Analog(_), .. } => {
                for projection in projections {
                    cycles[0] += projection.bundled_cycles();
                    cycles[1] += projection.cycles(TYPICAL);
                }
            }
            Stage::Neurons { .. } | Stage::Product { .. } => return false,
            _ => {}
        }
    }
    cycles[0] < cycles[1]
}

impl<T: Real> Bundle<T> {
    pub(super) fn new(network: &Network<T>) -> Self {
        let lanes = T::lanes(network.level());
        let signals = |(index, population): (usize, &Population<T>)| {
            let mut targets = network.targets(index).iter().map(|&target| network.projection(target));
            let asked = network.timing(index).is_some() && targets.any(Projection::asks_for_active);
            Signals {
                values: Aligned::zeros(population.shape.len() * lanes),
                starts: vec![0; network.timing(index).map_or(0, |_| population.shape.pixels() + 1)],
                active: asked.then(Active::default),
            }
        };
        let signals = network.populations().iter().enumerate().map(signals).collect();
        Self { signals, spikes: vec![0; lanes], scratch: PoolScratch::default() }
    }
}

impl<T: Real> Workspace<T> {
    /// Runs as many images as a register has lanes, one after another in `images`; `image` is the index of the first.
    pub(crate) fn run_bundle<I: Real>(&mut self, network: &Network<T>, images: &[I]) -> BundleOutcome<T> {
        let mut bundle = self.bundle.take().unwrap_or_else(|| Box::new(Bundle::new(network)));
        bundle.spikes.fill(0);
        for index in 0..network.populations().len() {
            self.timed(index, |space| bundle.run_layer(network, index, images, &mut space.counts[index]));
        }
        let lanes = bundle.spikes.len();
        let values = &bundle.signals[network.populations().len() - 1].values;
        let outputs = (0..lanes).flat_map(|lane| values.iter().skip(lane).step_by(lanes).copied()).collect();
        let outcome = BundleOutcome { outputs, spikes: bundle.spikes.clone(), counts: self.counts.clone() };
        self.bundle = Some(bundle);
        outcome
    }
}

impl<T: Real> Bundle<T> {
    fn run_layer<I: Real>(&mut self, network: &Network<T>, index: usize, images: &[I], counts: &mut Counts) {
        let Population { shape, stage, .. } = &network.populations()[index];
        let (level, lanes) = (network.level(), self.spikes.len());
        let (done, rest) = self.signals.split_at_mut(index);
        let Signals { values: out, starts, active } = &mut rest[0];
        let mut range = T::EVERYTHING;
        match stage {
            Stage::Input { encoder, .. } => {
                interleave(network, images, lanes, out);
                if let Some(encoder) = encoder {
                    counts.saturated += encoder.spikes(level, out);
                }
            }
            Stage::Neurons { projections, bias, neuron } => {
                let mut sums = Sums::begin_bundle(out, bias, *shape, lanes);
                for projection in projections {
                    let Signals { values, starts, active } = &done[projection.source()];
                    let inputs = (&**values, active.as_ref());
                    let path = projection.gather_bundle(level, inputs, &mut sums, lanes, &mut self.scratch);
                    let added = match (path, active) {
                        (Path::Events, Some(active)) => projection.events_before(active.starts()),
                        _ => projection.connections(),
                    };
                    counts.operations += added * lanes as u64;
                    if !starts.is_empty() {
                        counts.synaptic_events += projection.events_before(starts);
                        counts.dense += if path == Path::Dense { lanes as u64 } else { 0 };
                    }
                }
                drop(sums);
                match neuron {
                    Neuron::Analog(activation) => activation.apply_all(out),
                    Neuron::Ttfs(ttfs) => {
                        counts.updates += (shape.len() * lanes) as u64;
                        range = ttfs.range();
                    }
                    _ => unreachable!("other neurons are run image by image"),
                }
            }
            Stage::MaxPool { source, pool } => pool.pool_bundle(level, &done[*source].values, lanes, out),
            Stage::Concat { sources } => {
                let mut at = 0;
                for pixel in 0..shape.pixels() {
                    for &source in sources {
                        let width = network.populations()[source].shape.channels * lanes;
                        out[at..][..width].copy_from_slice(&done[source].values[pixel * width..][..width]);
                        at += width;
                    }
                }
            }
            Stage::Permute { source, to } => {
                out.fill(T::ZERO);
                for (&to, values) in to.iter().zip(done[*source].values.chunks_exact(lanes)) {
                    if to != NOWHERE {
                        out[to as usize * lanes..][..lanes].copy_from_slice(values);
                    }
                }
            }
            Stage::Product { .. } => unreachable!("products are run image by image"),
        }
        if starts.is_empty() {
            return;
        }
        let counted = BundleCounts { starts, spikes: &mut self.spikes, active: active.as_mut() };
        let [least, most] = T::rectify_bundle(level, out, shape.channels, range, counted);
        counts.spikes += u64::from(starts[shape.pixels()]);
        if let Stage::Neurons { neuron: Neuron::Ttfs(ttfs), .. } = stage
            && (most > ttfs.window || -least > ttfs.window)
        {
            counts.saturated += ttfs.limit(out);
        }
    }
}

/// Elements of all images, those of a neuron side by side.
fn interleave<T: Real, I: Real>(network: &Network<T>, images: &[I], lanes: usize, values: &mut [T]) {
    match lanes {
        16 => interleave_lanes::<T, I, 16>(network, images, values),
        8 => interleave_lanes::<T, I, 8>(network, images, values),
        4 => interleave_lanes::<T, I, 4>(network, images, values),
        2 => interleave_lanes::<T, I, 2>(network, images, values),
        _ => unreachable!("registers have 2 to 16 lanes"),
    }
}

fn interleave_lanes<T: Real, I: Real, const LANES: usize>(network: &Network<T>, images: &[I], values: &mut [T]) {
    let Population { shape, stage: Stage::Input { order, .. }, .. } = &network.populations()[0] else {
        unreachable!("the first population is the input")
    };
    let (neurons, _) = values.as_chunks_mut::<LANES>();
    let length = images.len() / LANES;
    let images: [&[I]; LANES] = std::array::from_fn(|lane| &images[lane * length..][..length]);
    let number = |x: I| T::from_f64(x.to_f64());
    if !order.is_empty() && !network.is_planar() {
        for (element, &neuron) in order.iter().enumerate() {
            neurons[neuron as usize] = images.map(|image| number(image[element]));
        }
        return;
    }
    let channels = if network.is_planar() { shape.channels } else { 1 };
    let pixels = length / channels;
    for channel in 0..channels {
        let planes = images.map(|image| &image[channel * pixels..][..pixels]);
        for (pixel, neurons) in neurons.chunks_exact_mut(channels).enumerate().take(pixels) {
            neurons[channel] = planes.map(|plane| number(plane[pixel]));
        }
    }
}
