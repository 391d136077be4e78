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
use crate::real::{Real, in_precision};
use crate::record::Counts;
use crate::synapse::{ImageBundle, Path, PoolScratch, Projection, Sums};
use firstspike_simd::{Active, BundleCounts};

/// Bytes of a population in all images of a bundle, at most: what a second-level cache holds.
const CACHED: usize = 1 << 20;

/// Bytes of a register with AVX-512, and of a line of the cache.
const LINE: usize = 64;

/// Share of neurons that spike, for a guess of what images take one by one.
const TYPICAL: f64 = 0.25;

/// What a population hands on in all images of a bundle.
#[derive(Clone, Debug)]
struct Signals {
    /// Memory for one value per neuron, those of all images side by side, and how many these are.
    memory: usize,
    values: usize,
    /// How many spikes of all images there are before each pixel, and behind the last; nothing where neurons do not spike.
    starts: Vec<u32>,
    /// Neurons that spike in any image, where a layer asks for them.
    active: Option<Active>,
}

/// Memory of a bundle of images.
#[derive(Clone, Debug)]
pub(super) struct Bundle<T> {
    /// Values of populations: several have the same memory, one after another, so that it stays in the cache.
    memories: Vec<Aligned<T>>,
    signals: Vec<Signals>,
    /// Spikes of each image.
    spikes: Vec<u64>,
    /// Images of another precision.
    converted: Vec<T>,
    /// Signs of channels in which a pooling takes the minimum.
    signs: Vec<T>,
    scratch: PoolScratch<T>,
}

/// Whether images are run in bundles wherever there are enough: in networks whose neurons spike once in a window, or do not
/// spike, if populations stay in the cache and it takes less by a guess. That depends on the network alone, so that results
/// do not depend on what was run before.
pub(crate) fn pays_in_bundles<T: Real>(network: &Network<T>) -> bool {
    cycles(network).is_some_and(|[bundled, alone]| bundled < alone)
}

/// Cycles for an image in a bundle, and alone, if there can be bundles: a model, from measurements with AVX-512.
fn cycles<T: Real>(network: &Network<T>) -> Option<[f64; 2]> {
    let lanes = (LINE / size_of::<T>()) as f64;
    let mut cycles = [0.0; 2];
    for (index, population) in network.populations().iter().enumerate() {
        let shape = population.shape;
        if !matches!(network.timing(index), None | Some(Timing::Once(_))) || shape.len() * LINE > CACHED {
            return None;
        }
        let registers = shape.channels.div_ceil(LINE / size_of::<T>()) as f64;
        cycles[0] += 5.0 * shape.len() as f64 / lanes;
        cycles[1] += shape.pixels() as f64 * (3.0 + 7.0 * registers) + 500.0;
        match &population.stage {
            Stage::Neurons { projections, neuron: Neuron::Ttfs(_) | Neuron::Analog(_), .. } => {
                for projection in projections {
                    cycles[0] += projection.bundled_cycles();
                    cycles[1] += projection.cycles(TYPICAL);
                }
            }
            Stage::Neurons { .. } | Stage::Product { .. } => return None,
            _ => {}
        }
    }
    Some(cycles)
}

impl<T: Real> Bundle<T> {
    pub(super) fn new(network: &Network<T>) -> Self {
        let lanes = T::lanes(network.level());
        let populations = network.populations();
        // Sizes of memories, and which of them nothing reads any more.
        let (mut sizes, mut free): (Vec<usize>, Vec<usize>) = Default::default();
        let mut signals: Vec<Signals> = Vec::with_capacity(populations.len());
        for (index, Population { shape, .. }) in populations.iter().enumerate() {
            let values = shape.len() * lanes;
            let memory = free.pop().unwrap_or_else(|| {
                sizes.push(0);
                sizes.len() - 1
            });
            sizes[memory] = sizes[memory].max(values);
            let mut targets = network.targets(index).iter().map(|&target| network.projection(target));
            let asked = network.timing(index).is_some() && targets.any(Projection::asks_for_active);
            signals.push(Signals {
                memory,
                values,
                starts: vec![0; network.timing(index).map_or(0, |_| shape.pixels() + 1)],
                active: asked.then(Active::default),
            });
            free.extend(network.last_reads(index).iter().map(|&source| signals[source].memory));
        }
        let memories = sizes.into_iter().map(Aligned::zeros).collect();
        Self {
            memories,
            signals,
            spikes: vec![0; lanes],
            converted: Vec::new(),
            signs: Vec::new(),
            scratch: PoolScratch::default(),
        }
    }

    /// What the last population handed on.
    fn outputs(&self) -> &[T] {
        let last = self.signals.last().map(|signals| &self.memories[signals.memory][..signals.values]);
        last.unwrap_or_default()
    }
}

impl<T: Real> Workspace<T> {
    /// Runs as many images as a register has lanes, one after another in `images`; leaves their outputs and spikes in the
    /// workspace and adds to its counts.
    ///
    /// # Panics
    /// If [`Runner::bundle`](crate::Runner::bundle) says that the network's images are run one by one.
    pub fn run_bundle<I: Real>(&mut self, network: &Network<T>, images: &[I]) {
        let mut bundle = self.bundle.take().unwrap_or_else(|| Box::new(Bundle::new(network)));
        bundle.spikes.fill(0);
        for index in 0..network.populations().len() {
            self.timed(index, |space| bundle.run_layer(network, index, images, &mut space.counts[index]));
        }
        self.bundle = Some(bundle);
    }

    /// Spikes of each image of the bundle that was run last.
    pub(crate) fn bundle_spikes(&self) -> &[u64] {
        self.bundle.as_ref().map_or(&[], |bundle| &bundle.spikes)
    }

    /// Outputs of the images of that bundle, one after another.
    pub(crate) fn bundle_outputs(&self) -> Vec<T> {
        let Some(bundle) = &self.bundle else { return Vec::new() };
        let (lanes, values) = (bundle.spikes.len(), bundle.outputs());
        (0..lanes).flat_map(|lane| values.iter().skip(lane).step_by(lanes).copied()).collect()
    }
}

impl<T: Real> Bundle<T> {
    fn run_layer<I: Real>(&mut self, network: &Network<T>, index: usize, images: &[I], counts: &mut Counts) {
        let Population { shape, stage, .. } = &network.populations()[index];
        let (level, lanes) = (network.level(), self.spikes.len());
        let (done, rest) = self.signals.split_at_mut(index);
        let Signals { memory, values, starts, active } = &mut rest[0];
        // Nothing else that is still read has the same memory.
        let (before, after) = self.memories.split_at_mut(*memory);
        let Some((own, after)) = after.split_first_mut() else { unreachable!("every population has memory") };
        let out = &mut own[..*values];
        let (before, after) = (&*before, &*after);
        let values = |source: usize| {
            let Signals { memory, values, .. } = done[source];
            let memory = before.get(memory).or_else(|| after.get(memory - before.len() - 1));
            memory.map_or(&[][..], |memory| &memory[..values])
        };
        let mut range = T::EVERYTHING;
        match stage {
            Stage::Input { encoder, .. } => {
                interleave(network, images, &mut self.converted, lanes, out);
                if let Some(encoder) = encoder {
                    counts.saturated += encoder.spikes(level, out);
                }
            }
            Stage::Neurons { projections, bias, neuron } => {
                let mut sums = Sums::begin_bundle(out, bias, *shape, lanes);
                for projection in projections {
                    let Signals { starts, active, .. } = &done[projection.source()];
                    let images = ImageBundle {
                        values: values(projection.source()),
                        starts: (!starts.is_empty()).then_some(starts.as_slice()),
                        active: active.as_ref(),
                    };
                    let (path, operations) =
                        projection.gather_bundle(level, images, &mut sums, lanes, &mut self.scratch);
                    counts.operations += operations * lanes as u64;
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
            Stage::MaxPool { source, pool } => pool.pool_bundle(level, values(*source), lanes, &mut self.signs, out),
            Stage::Concat { sources } => {
                let mut at = 0;
                for pixel in 0..shape.pixels() {
                    for &source in sources {
                        let width = network.populations()[source].shape.channels * lanes;
                        out[at..][..width].copy_from_slice(&values(source)[pixel * width..][..width]);
                        at += width;
                    }
                }
            }
            Stage::Permute { source, to } => {
                out.fill(T::ZERO);
                for (&to, values) in to.iter().zip(values(*source).chunks_exact(lanes)) {
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

/// Elements of all images, those of a neuron side by side. `converted` is memory for those of another precision.
fn interleave<T: Real, I: Real>(
    network: &Network<T>,
    images: &[I],
    converted: &mut Vec<T>,
    lanes: usize,
    values: &mut [T],
) {
    let Population { shape, stage: Stage::Input { order, .. }, .. } = &network.populations()[0] else {
        unreachable!("the first population is the input")
    };
    let images = in_precision(images, converted);
    if order.is_empty() || network.is_planar() {
        let channels = if network.is_planar() { shape.channels } else { 1 };
        T::interleave(network.level(), images, channels, values);
        return;
    }
    for (lane, image) in images.chunks_exact(order.len()).enumerate() {
        for (&x, &neuron) in image.iter().zip(order) {
            values[neuron as usize * lanes + lane] = x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Bias, Decode};
    use crate::neuron::{Activation, Encoder, Ttfs};
    use crate::shape::{Geometry, Shape};
    use crate::synapse::{Conv2d, Synapse};
    use crate::weights::{DataType, RawWeights};
    use firstspike_simd::Level;

    /// Whether a chain of convolutions with 3x3 taps pays: `[channels, stride]` of each, after an image of so many pixels.
    fn chain_pays(size: usize, layers: &[[usize; 2]]) -> bool {
        let population = |shape, stage| Population { name: String::new(), shape, decode: Decode::default(), stage };
        let mut shape = Shape::new(size, size, 1);
        let encoder = Some(Encoder { scale: 1.0f32, shift: 0.0, saturate: false });
        let mut populations = vec![population(shape, Stage::Input { encoder, order: Vec::new() })];
        for (source, &[channels, stride]) in layers.iter().enumerate() {
            let size = (shape.height - 1) / stride + 1;
            let output = Shape::new(size, size, channels);
            let (kernel, stride, dilation, pad) = ([3; 2], [stride; 2], [1; 2], [1; 2]);
            let geometry = Geometry { input: shape, output, kernel, stride, dilation, pad };
            let bytes = vec![0; 4 * 9 * shape.channels * channels];
            let raw = RawWeights { data_type: DataType::Float32, bytes: &bytes, input_scale: None, output_scale: None };
            let synapse = Synapse::Conv2d(Box::new(Conv2d::new(geometry, 1, raw).unwrap()));
            let projections = vec![Projection::new(source, None, synapse).unwrap()];
            let bias = Bias { values: vec![0.0; channels], classes: Vec::new() };
            let neuron = if source + 1 == layers.len() {
                Neuron::Analog(Activation::Identity)
            } else {
                Neuron::Ttfs(Ttfs { window: 1.0, signed: false, saturate: false, bounded: false })
            };
            populations.push(population(output, Stage::Neurons { projections, bias, neuron }));
            shape = output;
        }
        pays_in_bundles(&Network::new(populations, Level::best()).unwrap())
    }

    #[test]
    fn narrow_networks_pay_and_wide_ones_do_not() {
        assert!(chain_pays(28, &[[8, 1], [16, 2], [16, 1]]));
        assert!(chain_pays(32, &[[16, 1], [32, 2], [32, 1], [64, 2], [64, 1], [128, 2], [128, 1]]));
        assert!(!chain_pays(32, &[[64, 1], [64, 1]]), "1 MiB is not enough");
        assert!(!chain_pays(112, &[[24, 1], [48, 1]]));
    }
}
