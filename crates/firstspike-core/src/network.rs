//! Networks: populations in topological order, and what joins them.

use crate::disturbance::WeightDisturbance;
use crate::engine::{EarlyExit, Plan};
use crate::error::BuildError;
use crate::neuron::{Amos, Encoder, Neuron, Onset, Scale, Timing, Window};
use crate::real::Real;
use crate::shape::{Shape, is_permutation};
use crate::signal::Signal;
use crate::synapse::{MaxPool, PoolScratch, Projection, Sums};
use firstspike_simd::Level;

/// Constant input of every neuron.
#[derive(Clone, Debug, PartialEq)]
pub struct Bias<T> {
    /// One value per channel, for each class of pixels.
    pub values: Vec<T>,
    /// Class of each pixel; all pixels are of class 0 if empty.
    pub classes: Vec<u16>,
}

/// Bytes of biases that are copied at once, at most.
const COPIED: usize = 8 << 10;

impl<T: Real> Bias<T> {
    fn fault(&self, shape: Shape) -> Option<String> {
        let classes = self.classes.iter().max().map_or(1, |&class| usize::from(class) + 1);
        if !self.classes.is_empty() && self.classes.len() != shape.pixels() {
            return Some(format!("{} bias classes for {} pixels", self.classes.len(), shape.pixels()));
        }
        (self.values.len() < classes * shape.channels)
            .then(|| format!("{} biases for {classes} classes of {} channels", self.values.len(), shape.channels))
    }

    /// The biases of channels, if they are those of all pixels.
    pub(crate) fn of_channels(&self, shape: Shape) -> Option<&[T]> {
        self.classes.is_empty().then(|| self.of_pixel(0, shape.channels))
    }

    /// Writes the biases of all neurons, in place of what `potentials` held.
    pub(crate) fn write(&self, shape: Shape, potentials: &mut Vec<T>) {
        potentials.clear();
        potentials.reserve(shape.len());
        if !self.classes.is_empty() {
            let mut above: &[u16] = &[];
            for (y, classes) in self.classes.chunks_exact(shape.width).enumerate() {
                // Most rows are like those above them.
                if classes == above {
                    let end = potentials.len();
                    potentials.extend_from_within(end - shape.width * shape.channels..);
                } else {
                    for pixel in (y * shape.width..).take(shape.width) {
                        potentials.extend_from_slice(self.of_pixel(pixel, shape.channels));
                    }
                }
                above = classes;
            }
            return;
        }
        // Twice as much each time, as long as what is copied stays in the first-level cache.
        potentials.extend_from_slice(self.of_pixel(0, shape.channels));
        let mut whole = shape.channels;
        while potentials.len() < shape.len() {
            potentials.extend_from_within(..whole.min(shape.len() - potentials.len()));
            whole = if size_of_val(&**potentials) > COPIED { whole } else { potentials.len() };
        }
    }

    /// Sets potentials of several images, those of a neuron side by side, to the biases.
    pub(crate) fn fill_bundle(&self, shape: Shape, images: usize, potentials: &mut [T]) {
        for (pixel, potentials) in potentials.chunks_exact_mut(shape.channels * images).enumerate() {
            let biases = self.of_pixel(pixel, shape.channels);
            for (potentials, &bias) in potentials.chunks_exact_mut(images).zip(biases) {
                potentials.fill(bias);
            }
        }
    }

    /// The biases of a pixel's neurons.
    pub(crate) fn of_pixel(&self, pixel: usize, channels: usize) -> &[T] {
        let class = self.classes.get(pixel).map_or(0, |&class| usize::from(class));
        &self.values[class * channels..][..channels]
    }
}

/// How the original network's activation follows from what a population hands on: `value * scale + shift`.
#[derive(Clone, Debug, PartialEq)]
pub struct Decode<T> {
    /// Factor: that of all neurons, or of each channel.
    pub scale: Vec<T>,
    /// Summand.
    pub shift: T,
}

impl<T: Real> Decode<T> {
    /// The activation that a neuron's value stands for.
    pub(crate) fn activation(&self, channel: usize, value: T) -> T {
        value * self.scale.get(channel).copied().unwrap_or(self.scale[0]) + self.shift
    }

    fn fault(&self, channels: usize) -> Option<String> {
        let count = self.scale.len();
        (count != 1 && count != channels).then(|| format!("{count} scales of {channels} channels"))
    }
}

impl<T: Real> Default for Decode<T> {
    fn default() -> Self {
        Self { scale: vec![T::ONE], shift: T::ZERO }
    }
}

/// Address of neurons that a [`Stage::Permute`] leaves out.
pub const NOWHERE: u32 = u32::MAX;

/// What a population does.
#[derive(Clone, Debug)]
pub enum Stage<T> {
    /// The network's input. `order[i]` is the neuron of the input's element `i` (the same index, if empty). Without an
    /// encoder the values are handed on as they are.
    Input {
        /// How values become spikes.
        encoder: Option<Encoder<T>>,
        /// Neuron of each element.
        order: Vec<u32>,
    },
    /// Neurons that integrate spikes or values.
    Neurons {
        /// Their synapses.
        projections: Vec<Projection<T>>,
        /// Their constant input.
        bias: Bias<T>,
        /// What they do with the sum.
        neuron: Neuron<T>,
    },
    /// Neurons that pass on the first spike of a window (where the minimum is taken: the last), within the window of
    /// their source and without a delay.
    MaxPool {
        /// Index of the source.
        source: usize,
        /// The windows.
        pool: MaxPool,
    },
    /// Channels of several populations side by side: new addresses, no neurons. Spikes of sources with shorter windows
    /// are delayed so that all windows end together.
    Concat {
        /// Indices of the sources.
        sources: Vec<usize>,
    },
    /// New addresses for a source's neurons: neuron `i` becomes `to[i]`, or is left out ([`NOWHERE`]). No neurons.
    Permute {
        /// Index of the source.
        source: usize,
        /// New address of each neuron of the source.
        to: Vec<u32>,
    },
    /// Element-wise product of what two populations stand for; the second may have a single pixel.
    Product {
        /// Indices of the sources.
        sources: [usize; 2],
        /// A circuit of two inputs for each product; exact arithmetic, if absent.
        circuit: Option<Amos<T>>,
    },
}

impl<T: Real> Stage<T> {
    /// Populations that it reads.
    pub(crate) fn sources(&self) -> impl Iterator<Item = usize> {
        let (projections, others): (&[Projection<T>], &[usize]) = match self {
            Self::Input { .. } => (&[], &[]),
            Self::Neurons { projections, .. } => (projections, &[]),
            Self::MaxPool { source, .. } | Self::Permute { source, .. } => (&[], std::slice::from_ref(source)),
            Self::Concat { sources } => (&[], sources),
            Self::Product { sources, .. } => (&[], sources),
        };
        projections.iter().map(Projection::source).chain(others.iter().copied())
    }

    /// How many weights its synapses have.
    pub(crate) fn weights(&self) -> usize {
        match self {
            Self::Neurons { projections, .. } => projections.iter().map(Projection::weights).sum(),
            _ => 0,
        }
    }
}

/// Neurons that share a model, a window and their synapses' sources: a layer, or a part of one.
#[derive(Clone, Debug)]
pub struct Population<T> {
    /// Unique; the name of the original network's layer.
    pub name: String,
    /// Arrangement of the neurons.
    pub shape: Shape,
    /// How the original network's activation follows from what the population hands on.
    pub decode: Decode<T>,
    /// What the population does.
    pub stage: Stage<T>,
}

/// A network that is ready to run.
#[derive(Clone, Debug)]
pub struct Network<T> {
    populations: Vec<Population<T>>,
    /// When the neurons of each population may spike; `None` where they do not.
    timings: Vec<Option<Timing<T>>>,
    /// What a spike of each neuron stands for, in populations whose neurons have scales of their own.
    scales: Vec<Option<Vec<Scale<T>>>>,
    /// How the neurons of such populations begin, if they integrate spikes.
    onsets: Vec<Option<Onset<T>>>,
    /// Whether images come channel by channel, all pixels of one before the next.
    planar: bool,
    /// Whether weights are not those that the neurons were made for.
    disturbed: bool,
    /// What neurons with a state need to run all steps at once, where they can.
    plans: Vec<Option<Plan<T>>>,
    /// How images may end early, or why they cannot.
    early_exit: Result<EarlyExit, String>,
    /// Populations that each population is the last to read.
    last_reads: Vec<Vec<usize>>,
    /// Where the values of each population may be written at once: see [`Network::joined`].
    joined: Vec<Option<(usize, usize)>>,
    /// Populations and projections that each population drives.
    targets: Vec<Vec<(usize, usize)>>,
    level: Level,
}

impl<T: Real> Network<T> {
    /// Checks and takes over the populations. The first is the input, the last the output, which must not spike.
    ///
    /// # Errors
    /// If populations contradict each other.
    pub fn new(populations: Vec<Population<T>>, level: Level) -> Result<Self, BuildError> {
        let mut timings: Vec<Option<Timing<T>>> = Vec::with_capacity(populations.len());
        let mut scales: Vec<Option<Vec<Scale<T>>>> = Vec::with_capacity(populations.len());
        let mut onsets = Vec::with_capacity(populations.len());
        let mut targets = vec![Vec::new(); populations.len()];
        for (index, population) in populations.iter().enumerate() {
            let fault = |reason: String| BuildError::new(&population.name, reason);
            timings.push(check(&populations[..index], population, &timings).map_err(fault)?);
            let own = match timings[index] {
                Some(Timing::Crossing(_)) => Some(scales_of(population, &scales).map_err(fault)?),
                _ => None,
            };
            onsets.push(onset_of(population, own.as_deref(), &scales, &timings, level).map_err(fault)?);
            scales.push(own);
            if let Stage::Neurons { projections, .. } = &population.stage {
                for (p, projection) in projections.iter().enumerate() {
                    targets[projection.source()].push((index, p));
                }
            }
        }
        match (populations.first(), timings.last()) {
            (Some(Population { stage: Stage::Input { .. }, .. }), Some(None)) => {
                let plans = populations.iter().map(Plan::of).collect();
                let early_exit = EarlyExit::of(&populations, &timings, &scales);
                let planar = is_planar(&populations[0]);
                let mut last_readers: Vec<Option<usize>> = vec![None; populations.len()];
                for (reader, population) in populations.iter().enumerate() {
                    population.stage.sources().for_each(|source| last_readers[source] = Some(reader));
                }
                let mut last_reads = vec![Vec::new(); populations.len()];
                for (source, reader) in last_readers.into_iter().enumerate() {
                    if let Some(reader) = reader {
                        last_reads[reader].push(source);
                    }
                }
                let joined = joined(&populations);
                Ok(Self {
                    populations,
                    timings,
                    plans,
                    early_exit,
                    scales,
                    onsets,
                    planar,
                    disturbed: false,
                    last_reads,
                    joined,
                    targets,
                    level,
                })
            }
            (Some(first), Some(None)) => Err(BuildError::new(&first.name, "the first population must be the input")),
            (_, Some(Some(_))) => Err(BuildError::new(&populations[populations.len() - 1].name, "the output spikes")),
            _ => Err(BuildError::new("network", "there are no populations")),
        }
    }

    /// Changes the weights of all synapses.
    pub fn disturb_weights(&mut self, disturbance: WeightDisturbance) {
        self.disturbed = true;
        for (index, population) in self.populations.iter_mut().enumerate() {
            if let Stage::Neurons { projections, .. } = &mut population.stage {
                for (p, projection) in projections.iter_mut().enumerate() {
                    projection.disturb(disturbance, index, p);
                }
            }
        }
        self.plans = self.populations.iter().map(Plan::of).collect();
        self.early_exit = EarlyExit::of(&self.populations, &self.timings, &self.scales);
    }

    /// All populations, in the order in which they run.
    pub fn populations(&self) -> &[Population<T>] {
        &self.populations
    }

    /// Numbers of one input image.
    pub fn inputs(&self) -> usize {
        self.populations[0].shape.len()
    }

    /// Whether an image's elements come channel by channel, all pixels of one before the next.
    pub(crate) fn is_planar(&self) -> bool {
        self.planar
    }

    /// Numbers of one output.
    pub fn outputs(&self) -> usize {
        self.populations[self.populations.len() - 1].shape.len()
    }

    /// Pairs of a neuron and an existing target that each population receives: the multiply-adds of the dense
    /// computation.
    pub fn connections(&self) -> impl Iterator<Item = u64> {
        self.populations.iter().map(|population| match &population.stage {
            Stage::Neurons { projections, .. } => projections.iter().map(Projection::connections).sum(),
            _ => 0,
        })
    }

    /// Instruction set in use.
    pub fn level(&self) -> Level {
        self.level
    }

    pub(crate) fn timing(&self, population: usize) -> Option<Timing<T>> {
        self.timings[population]
    }

    /// What a spike of each neuron stands for, if the neurons have scales of their own.
    pub(crate) fn scales(&self, population: usize) -> Option<&[Scale<T>]> {
        self.scales[population].as_deref()
    }

    /// How the neurons of a population with such scales begin, if they integrate spikes.
    pub(crate) fn onset(&self, population: usize) -> Option<&Onset<T>> {
        self.onsets[population].as_ref()
    }

    /// How long before its window's end a neuron spikes, if it has a scale of its own; otherwise the spike's value.
    pub(crate) fn lead(&self, population: usize, neuron: u32, value: T) -> T {
        self.scales(population).map_or(value, |scales| scales[neuron as usize].lead(value))
    }

    /// Whether weights are not those that the neurons were made for.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.disturbed
    }

    /// What the neurons of a population need to run all steps at once, if they can.
    pub(crate) fn plan(&self, population: usize) -> Option<&Plan<T>> {
        self.plans[population].as_ref()
    }

    /// How an image may end as soon as its class is settled.
    pub(crate) fn early_exit(&self) -> Result<&EarlyExit, &str> {
        self.early_exit.as_ref().map_err(String::as_str)
    }

    /// Why images cannot end as soon as their class is settled, if they cannot.
    pub fn early_exit_fault(&self) -> Option<&str> {
        self.early_exit().err()
    }

    /// Whether inputs change the state of a population's neurons from step to step.
    pub(crate) fn is_stepped(&self, population: usize) -> bool {
        let mean = matches!(&self.populations[population].stage, Stage::Neurons { neuron: Neuron::Mean(_), .. });
        mean || matches!(self.timings[population], Some(Timing::Grid(_) | Timing::Rate(_)))
    }

    /// Whether neurons keep their state from image to image, so that images are one ordered sequence.
    pub fn keeps_state(&self) -> bool {
        self.populations.iter().any(|population| match &population.stage {
            Stage::Neurons { neuron, .. } => neuron.keeps_state(),
            _ => false,
        })
    }

    /// One value per neuron of a population: what its signal stands for.
    pub(crate) fn decoded(&self, population: usize, signal: &Signal<T>) -> Vec<T> {
        let mut values = Vec::new();
        self.decode(population, signal, &mut values);
        values
    }

    /// The same, in place of what `values` held.
    pub(crate) fn decode(&self, population: usize, signal: &Signal<T>, values: &mut Vec<T>) {
        let shape = self.populations[population].shape;
        match self.timings[population] {
            Some(timing) => timing.write_values(signal, shape, values),
            None => signal.write_values(shape, values),
        }
    }

    /// Populations that a population is the last to read.
    pub(crate) fn last_reads(&self, reader: usize) -> &[usize] {
        &self.last_reads[reader]
    }

    /// The population that alone reads a population of single spikes with one projection, and joins it with others that are read
    /// by nothing else; and the channel from which on its own lie there. Its values need not be anywhere else.
    pub(crate) fn joined(&self, population: usize) -> Option<(usize, usize)> {
        self.joined[population]
    }

    pub(crate) fn targets(&self, population: usize) -> &[(usize, usize)] {
        &self.targets[population]
    }

    pub(crate) fn projection(&self, (population, index): (usize, usize)) -> &Projection<T> {
        match &self.populations[population].stage {
            Stage::Neurons { projections, .. } => &projections[index],
            _ => unreachable!("only populations of neurons have projections"),
        }
    }
}

/// See [`Network::joined`].
fn joined<T: Real>(populations: &[Population<T>]) -> Vec<Option<(usize, usize)>> {
    let mut readers = vec![0; populations.len()];
    populations.iter().flat_map(|population| population.stage.sources()).for_each(|source| readers[source] += 1);
    let alone = |&source: &usize| {
        readers[source] == 1 && matches!(populations[source].stage, Stage::Neurons { neuron: Neuron::Ttfs(_), .. })
    };
    let mut joined = vec![None; populations.len()];
    for (index, population) in populations.iter().enumerate() {
        if let Stage::Concat { sources } = &population.stage
            && sources.iter().all(alone)
        {
            let mut channel = 0;
            for &source in sources {
                let Population { shape, stage, .. } = &populations[source];
                // Sums of several projections are complete only when all have been added.
                let single = matches!(stage, Stage::Neurons { projections, .. } if projections.len() == 1);
                joined[source] = single.then_some((index, channel));
                channel += shape.channels;
            }
        }
    }
    joined
}

/// Whether the order of an input is that of channels, all pixels of one before the next.
fn is_planar<T>(input: &Population<T>) -> bool {
    let (Stage::Input { order, .. }, shape) = (&input.stage, input.shape) else { return false };
    let mut planes = (0..shape.channels).flat_map(|channel| (0..shape.pixels()).map(move |pixel| (channel, pixel)));
    let mut neurons = order.iter().map(|&neuron| neuron as usize);
    !order.is_empty() && neurons.all(|neuron| planes.next().is_some_and(|(c, p)| neuron == p * shape.channels + c))
}

/// Checks a population against the earlier ones; gives its timing.
fn check<T: Real>(
    earlier: &[Population<T>],
    population: &Population<T>,
    timings: &[Option<Timing<T>>],
) -> Result<Option<Timing<T>>, String> {
    let shape = population.shape;
    if shape.is_empty() || shape.len() > u32::MAX as usize / 2 {
        return Err(format!("{shape:?} is no shape of a population"));
    }
    if let Some(fault) = population.decode.fault(shape.channels) {
        return Err(fault);
    }
    let source = |index: usize| {
        earlier.get(index).map(|p| p.shape).ok_or_else(|| format!("source {index} is not an earlier population"))
    };
    let joined = |sources: &[usize]| {
        let mut timings = sources.iter().map(|&index| timings[index]);
        let first = timings.next().ok_or("there are no sources")?;
        timings
            .try_fold(first, |a, b| match (a, b) {
                (Some(a), Some(b)) => a.join(b).map(Some),
                // Where some do not spike, all are taken as values.
                _ => Some(None),
            })
            .ok_or_else(|| "the sources do not spike in the same manner".to_owned())
    };
    match &population.stage {
        Stage::Input { encoder, order } => {
            if !earlier.is_empty() {
                return Err("the input must come first".to_owned());
            }
            if !order.is_empty() && !is_permutation(order, shape.len()) {
                return Err("the order of the inputs is no permutation of the neurons".to_owned());
            }
            Ok(encoder.map(|_| Timing::Once(Window { width: T::ONE, signed: false })))
        }
        Stage::Neurons { projections, bias, neuron } => {
            for projection in projections {
                let from = source(projection.source())?;
                if from != projection.input() {
                    return Err(format!("synapses from {:?}, but the source is {from:?}", projection.input()));
                }
                if !neuron.reads(timings[projection.source()]) {
                    let source = &earlier[projection.source()].name;
                    return Err(format!("these neurons cannot read what {source} sends"));
                }
                if projection.outputs() != shape.len() {
                    return Err(format!("synapses to {} neurons of {}", projection.outputs(), shape.len()));
                }
            }
            if let Some(fault) = bias.fault(shape) {
                return Err(fault);
            }
            match neuron.fault(shape.channels) {
                Some(fault) => Err(fault),
                None => Ok(neuron.timing()),
            }
        }
        Stage::MaxPool { source: from, pool } => {
            if source(*from)? != pool.geometry().input || pool.geometry().output != shape {
                return Err("the pooling's shapes are not those of its populations".to_owned());
            }
            joined(&[*from])
        }
        Stage::Concat { sources } => {
            let mut channels = 0;
            for &index in sources {
                let from = source(index)?;
                if (from.height, from.width) != (shape.height, shape.width) {
                    return Err("concatenated populations differ in height or width".to_owned());
                }
                channels += from.channels;
            }
            if channels != shape.channels {
                return Err(format!("{channels} channels are concatenated to {}", shape.channels));
            }
            joined(sources)
        }
        Stage::Permute { source: from, to } => {
            let kept: Vec<u32> = to.iter().copied().filter(|&to| to != NOWHERE).collect();
            if source(*from)?.len() != to.len() || !is_permutation(&kept, shape.len()) {
                return Err("the new addresses are no permutation of the neurons".to_owned());
            }
            joined(&[*from])
        }
        Stage::Product { sources, circuit } => {
            let (a, b) = (source(sources[0])?, source(sources[1])?);
            if a != shape || (b != a && (b.pixels() != 1 || b.channels != a.channels)) {
                return Err(format!("no product of {a:?} and {b:?}"));
            }
            match circuit {
                None => Ok(None),
                Some(circuit) if circuit.second.is_empty() => Err("a product's circuit has two inputs".to_owned()),
                Some(circuit) => circuit.fault().map_or(Ok(Some(Timing::Steps(circuit.steps()))), Err),
            }
        }
    }
}

/// The scales of a population's neurons, from those of earlier populations.
fn scales_of<T: Real>(population: &Population<T>, earlier: &[Option<Vec<Scale<T>>>]) -> Result<Vec<Scale<T>>, String> {
    let shape = population.shape;
    let of = |source: usize| earlier[source].as_deref().unwrap_or_default();
    match &population.stage {
        Stage::Neurons { neuron: Neuron::TtfsAlpha(alpha), .. } => {
            if alpha.slope.len() != shape.channels {
                return Err(format!("{} slopes of {} channels", alpha.slope.len(), shape.channels));
            }
            let channels = alpha.slope.iter().map(|&slope| Scale { slope, origin: alpha.origin });
            Ok(channels.cycle().take(shape.len()).collect())
        }
        Stage::MaxPool { source, .. } => {
            let from = of(*source);
            let channels = &from[..shape.channels];
            if !from.chunks_exact(shape.channels).all(|pixel| pixel == channels) {
                return Err(
                    "the first spike of a window is not the largest, since its neurons differ in slope".to_owned()
                );
            }
            Ok(channels.iter().copied().cycle().take(shape.len()).collect())
        }
        Stage::Concat { sources } => {
            let mut scales = Vec::with_capacity(shape.len());
            for pixel in 0..shape.pixels() {
                for &source in sources {
                    let channels = of(source).len() / shape.pixels();
                    scales.extend_from_slice(&of(source)[pixel * channels..(pixel + 1) * channels]);
                }
            }
            Ok(scales)
        }
        Stage::Permute { source, to } => {
            let mut kept: Vec<(u32, Scale<T>)> = to.iter().copied().zip(of(*source).iter().copied()).collect();
            kept.retain(|&(to, _)| to != NOWHERE);
            kept.sort_unstable_by_key(|&(to, _)| to);
            Ok(kept.into_iter().map(|(_, scale)| scale).collect())
        }
        _ => unreachable!("no other neurons have scales of their own"),
    }
}

/// How a population's neurons begin; nothing if they do not integrate spikes, or not on scales of their own.
fn onset_of<T: Real>(
    population: &Population<T>,
    own: Option<&[Scale<T>]>,
    scales: &[Option<Vec<Scale<T>>>],
    timings: &[Option<Timing<T>>],
    level: Level,
) -> Result<Option<Onset<T>>, String> {
    let Stage::Neurons { projections, neuron: Neuron::TtfsAlpha(alpha), .. } = &population.stage else {
        return Ok(None);
    };
    let shape = population.shape;
    let own = own.unwrap_or_default();
    let mut lead = None;
    let mut drive = vec![T::ZERO; shape.len()];
    let (mut origin, mut rising_origin) = (drive.clone(), drive.clone());
    let mut rising = Vec::new();
    for projection in projections {
        let source = projection.source();
        let (Some(from), Some(Timing::Crossing(window))) = (&scales[source], timings[source]) else { continue };
        lead = Some(lead.map_or(window, |lead: T| lead.max(window)));
        let gather = |projection: &Projection<T>, part: fn(&Scale<T>) -> T, sums: &mut [T]| {
            let values: Vec<T> = from.iter().map(part).collect();
            projection.gather_values(level, &values, &mut Sums::of(sums), &mut PoolScratch::default());
        };
        gather(projection, |scale| scale.slope, &mut drive);
        gather(projection, |scale| scale.origin, &mut origin);
        rising.push(projection.rising());
        gather(&rising[rising.len() - 1], |scale| scale.origin, &mut rising_origin);
    }
    let Some(lead) = lead else { return Ok(None) };
    let slope: Vec<T> = own.iter().zip(&drive).map(|(scale, &drive)| scale.slope - drive).collect();
    if let Some(neuron) = slope.iter().position(|&slope| slope <= T::ZERO || !slope.is_finite()) {
        let (slope, drive) = (own[neuron].slope, drive[neuron]);
        return Err(format!(
            "the synapses of neuron {neuron} drive it by {drive:?}, no less than its slope of {slope:?}"
        ));
    }
    let excess: Vec<T> = own.iter().zip(&origin).map(|(scale, &origin)| origin - scale.value(alpha.window)).collect();
    // Sources add `W (x - o)` at most.
    let rising_excess = excess.iter().zip(&rising_origin).map(|(&excess, &origin)| excess - origin).collect();
    Ok(Some(Onset { lead, slope, excess, rising, rising_excess }))
}
