//! Neurons with a state, where nothing is disturbed: a population goes through all steps before the next begins, and its
//! spikes are patterns of steps. Its inputs have ended then, so that what arrives in each step can be summed up first; this
//! is done for as many neurons at a time as have arrivals that stay in the cache.

use super::Workspace;
use crate::network::{NOWHERE, Network, Population, Stage};
use crate::neuron::{Neuron, Presentation, Timing};
use crate::real::Real;
use crate::shape::Shape;
use crate::signal::{Raster, Signal};
use crate::synapse::{Fan, Projection};
use firstspike_simd::{Arriving, MOST_FOLLOWED, NOTHING};
use std::ops::Range;

/// Bytes of arrivals that stay in the cache.
const CACHED: usize = 128 << 10;

/// Neurons that are run together, at least.
const FEWEST: usize = 64;

/// What neurons need to run all steps at once.
#[derive(Clone, Debug)]
pub(crate) struct Plan<T> {
    /// What a spike does, for each projection.
    fans: Vec<Fan<T>>,
    /// Rows of targets of a tile, at most.
    rows: usize,
    /// Parts of a row, of which there are several where a tile has a part of one only.
    parts: Vec<Range<usize>>,
    bias: BiasSpikes<T>,
}

/// Spikes of the biases of Quartz neurons.
#[derive(Clone, Debug)]
struct BiasSpikes<T> {
    /// The steps in which there are any: a bit for each.
    steps: Vec<u64>,
    /// Neuron and weight of each: tile by tile, and step by step in each. Neurons are counted from the tile's first on.
    spikes: Vec<(u32, T)>,
    /// The steps of each tile that have any, and where theirs end.
    of_steps: Vec<(usize, usize)>,
    /// Where those of each tile end.
    ends: Vec<usize>,
}

impl<T: Real> BiasSpikes<T> {
    /// `spikes` have step, neuron and weight, in the order of neurons; `tiles` are those of neurons.
    fn new(steps: usize, mut spikes: Vec<(u32, u32, T)>, tiles: &[Range<usize>]) -> Self {
        let mut marks = vec![0; steps.div_ceil(64)];
        for &(step, ..) in &spikes {
            marks[step as usize / 64] |= 1 << (step % 64);
        }
        let (mut begin, mut of_steps, mut ends) = (0, Vec::new(), Vec::new());
        for tile in tiles {
            let end = spikes.partition_point(|&(_, neuron, _)| (neuron as usize) < tile.end);
            let own = &mut spikes[begin..end];
            own.sort_by_key(|&(step, ..)| step);
            for (_, neuron, _) in &mut *own {
                *neuron -= tile.start as u32;
            }
            for alike in own.chunk_by(|(a, ..), (b, ..)| a == b) {
                begin += alike.len();
                of_steps.push((alike[0].0 as usize, begin));
            }
            ends.push(of_steps.len());
        }
        let spikes = spikes.into_iter().map(|(_, neuron, weight)| (neuron, weight)).collect();
        Self { steps: marks, spikes, of_steps, ends }
    }

    /// Those of a tile: a step, its neurons and weights.
    fn of_tile(&self, tile: usize) -> impl Iterator<Item = (usize, &[(u32, T)])> {
        let first = tile.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut begin = first.checked_sub(1).map_or(0, |before| self.of_steps[before].1);
        self.of_steps[first..self.ends[tile]].iter().map(move |&(step, end)| {
            let spikes = &self.spikes[begin..end];
            begin = end;
            (step, spikes)
        })
    }
}

/// What arrives at some neurons in each step.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals<T> {
    /// The steps in which anything arrives: a bit for each.
    steps: Vec<u64>,
    /// Which row of the sums each step has.
    rows: Vec<u32>,
    /// Rows of sums.
    count: usize,
    sums: Vec<T>,
    /// For spikes in the order of their steps.
    order: Vec<u32>,
}

impl<T: Real> Arrivals<T> {
    /// Finds the steps in which anything arrives, spikes or those of biases: in all but one that may be `ignored`.
    fn begin<'a>(
        &mut self,
        steps: usize,
        ignored: Option<usize>,
        bias: &[u64],
        sources: impl Iterator<Item = &'a Raster<T>>,
    ) where
        T: 'a,
    {
        self.steps.clear();
        self.steps.extend_from_slice(bias);
        for raster in sources {
            raster.mark_steps(&mut self.steps);
        }
        if let Some(step) = ignored {
            self.steps[step / 64] &= !(1 << (step % 64));
        }
        self.rows.clear();
        self.count = 0;
        for step in 0..steps {
            let arrives = self.steps[step / 64] >> (step % 64) & 1 != 0;
            self.rows.push(if arrives { self.count as u32 } else { NOTHING });
            self.count += usize::from(arrives);
        }
    }

    /// Begins with so many neurons.
    fn clear(&mut self, neurons: usize) {
        self.sums.clear();
        // Whole registers are added.
        self.sums.resize(self.count * neurons + 16, T::ZERO);
    }

    /// Adds spikes of one step, with their neurons and weights, to what arrives at so many neurons, if the step matters.
    fn add(&mut self, step: usize, spikes: &[(u32, T)], neurons: usize) {
        let row = self.rows[step];
        if row == NOTHING {
            return;
        }
        let sums = &mut self.sums[row as usize * neurons..][..neurons];
        for &(neuron, weight) in spikes {
            sums[neuron as usize] += weight;
        }
    }
}

impl<T: Real> Plan<T> {
    /// Nothing for other neurons.
    pub(crate) fn of(population: &Population<T>) -> Option<Self> {
        let Stage::Neurons { projections, bias, neuron } = &population.stage else { return None };
        let shape = population.shape;
        // Steps, those in which anything arrives, more or less, and the spikes of biases.
        let (steps, arriving, bias) = match neuron {
            Neuron::Quartz(quartz) => {
                let biases = (0..shape.pixels()).flat_map(|pixel| bias.of_pixel(pixel, shape.channels));
                let spikes = biases.zip(0..).filter_map(|(&bias, neuron)| {
                    let (step, weight) = quartz.bias_spike(bias)?;
                    Some((step as u32, neuron, weight))
                });
                (quartz.steps(), quartz.levels + 1, spikes.collect())
            }
            // Poolings count their spikes.
            Neuron::IntegrateAndFire(model) if model.presentation.steps <= MOST_FOLLOWED => {
                (model.presentation.steps, model.presentation.steps, Vec::new())
            }
            _ => return None,
        };
        let targets = [shape.height, shape.width * shape.channels];
        let neurons = (CACHED / size_of::<T>() / arriving).max(FEWEST);
        let rows = (neurons / targets[1]).clamp(1, targets[0]);
        let length = (neurons / shape.channels).max(1) * shape.channels;
        let parts: Vec<_> = (0..targets[1]).step_by(length).map(|at| at..(at + length).min(targets[1])).collect();
        let fans = projections.iter().map(|projection| Fan::of(projection, targets, &parts)).collect::<Option<_>>()?;
        let tiles: Vec<_> = tiles(shape, rows, &parts).map(|tile| tile.neurons).collect();
        Some(Self { fans, rows, parts, bias: BiasSpikes::new(steps, bias, &tiles) })
    }
}

/// Neurons that are run together.
struct Tile {
    /// Rows of targets.
    rows: Range<usize>,
    /// Which part of these.
    part: usize,
    neurons: Range<usize>,
}

/// All tiles of a population: so many rows of targets, and parts of them.
fn tiles(shape: Shape, rows: usize, parts: &[Range<usize>]) -> impl Iterator<Item = Tile> {
    let length = shape.width * shape.channels;
    (0..shape.height).step_by(rows).flat_map(move |row| {
        let rows = row..(row + rows).min(shape.height);
        parts.iter().enumerate().map(move |(part, targets)| {
            let neurons = row * length + targets.start..(rows.end - 1) * length + targets.end;
            Tile { rows: rows.clone(), part, neurons }
        })
    })
}

impl<T: Real> Network<T> {
    /// Whether all populations with a state can run all of their steps at once.
    pub(crate) fn runs_at_once(&self) -> bool {
        (0..self.populations().len()).filter(|&index| self.is_stepped(index)).all(|index| {
            match &self.populations()[index].stage {
                Stage::Neurons { neuron: Neuron::QuartzInput(quartz), .. } => !quartz.between,
                Stage::Neurons { neuron: Neuron::Mean(mean), .. } => mean.synapse.is_none(),
                Stage::Neurons { .. } => self.plan(index).is_some(),
                Stage::MaxPool { source, .. } => self.is_uniform(*source),
                _ => true,
            }
        })
    }

    /// Whether all spikes of a channel are worth the same.
    fn is_uniform(&self, population: usize) -> bool {
        match &self.populations()[population].stage {
            Stage::Concat { sources } => sources.iter().all(|&source| self.is_uniform(source)),
            Stage::Permute { .. } => false,
            _ => !self.is_signed(population),
        }
    }

    /// Whether some spikes of a population count negative.
    fn is_signed(&self, population: usize) -> bool {
        match &self.populations()[population].stage {
            Stage::Neurons { neuron: Neuron::IntegrateAndFire(model), .. } => model.signed,
            Stage::Concat { sources } => sources.iter().any(|&source| self.is_signed(source)),
            Stage::Permute { source, .. } => self.is_signed(*source),
            _ => false,
        }
    }
}

impl<T: Real> Workspace<T> {
    /// Runs a population of a network whose populations all run at once.
    pub(super) fn run_at_once(&mut self, network: &Network<T>, index: usize) {
        let population = &network.populations()[index];
        if let Stage::Neurons { neuron: Neuron::Mean(mean), .. } = &population.stage {
            self.run_mean(network, super::Engine::Layered, index, mean);
            return;
        }
        let mut raster = match std::mem::replace(&mut self.signals[index], Signal::Values(Vec::new())) {
            Signal::Raster(raster) => raster,
            _ => Raster::default(),
        };
        let steps = match network.timing(index) {
            Some(Timing::Grid(quartz)) => quartz.steps(),
            Some(Timing::Rate(Presentation { steps, .. })) => steps,
            _ => unreachable!("these neurons have steps"),
        };
        let neurons = population.shape.len();
        raster.begin(neurons, steps, network.is_signed(index));
        match &population.stage {
            Stage::Neurons { neuron: Neuron::QuartzInput(quartz), .. } => {
                self.integrate_values(network, index);
                self.counts[index].updates += neurons as u64;
                let beyond = self.potentials.iter().map(|v| u64::from(v.abs() > T::ONE));
                self.counts[index].saturated += beyond.sum::<u64>();
                for (neuron, &v) in self.potentials.iter().enumerate() {
                    let step = quartz.step_of(v);
                    raster.patterns[step / 64 * neurons + neuron] |= 1 << (step % 64);
                }
                raster.spikes = neurons as u64;
            }
            Stage::Neurons { .. } => self.run_neurons_at_once(network, index, steps, &mut raster),
            Stage::MaxPool { source, pool } => {
                let from = rasters(&self.signals[*source]);
                match network.timing(index) {
                    Some(Timing::Grid(_)) => pool.race_at_once(from, &mut raster, &mut self.awaited),
                    _ => pool.follow_at_once(network.level(), from, &mut raster, &mut self.following),
                }
            }
            Stage::Concat { sources } => {
                let mut first = 0;
                for &source in sources {
                    let (from, width) = (rasters(&self.signals[source]), network.populations()[source].shape.channels);
                    for pixel in 0..population.shape.pixels() {
                        let to = pixel * population.shape.channels + first;
                        raster.take(from, pixel * width..(pixel + 1) * width, to);
                    }
                    first += width;
                }
            }
            Stage::Permute { source, to } => {
                let from = rasters(&self.signals[*source]);
                for (neuron, &to) in to.iter().enumerate().filter(|&(_, &to)| to != NOWHERE) {
                    raster.take(from, neuron..neuron + 1, to as usize);
                }
            }
            _ => unreachable!("no other stages have trains"),
        }
        self.counts[index].spikes += raster.spikes;
        self.signals[index] = Signal::Raster(raster);
    }

    /// Runs neurons tile by tile: sums up what arrives at them, and takes all steps.
    fn run_neurons_at_once(&mut self, network: &Network<T>, index: usize, steps: usize, raster: &mut Raster<T>) {
        let population = &network.populations()[index];
        let (Stage::Neurons { projections, neuron, .. }, Some(plan)) = (&population.stage, network.plan(index)) else {
            unreachable!("these neurons have plans")
        };
        let (shape, level) = (population.shape, network.level());
        let mut state = std::mem::take(&mut self.rates[index].integrate_and_fire);
        let mut current = Vec::new();
        if let Neuron::IntegrateAndFire(model) = neuron {
            current = self.constant_current(network, index);
            model.begin(&mut state, shape, |_| T::ZERO);
            model.write_worths(shape, &mut raster.worth);
        }
        let Self { signals, arrivals, values, .. } = self;
        let counts = &mut self.counts[index];
        counts.updates += (shape.len() * steps) as u64;
        let spiking = |(projection, fan)| match &signals[Projection::source(projection)] {
            Signal::Raster(raster) => Some((projection, fan, raster)),
            _ => None,
        };
        let sources = projections.iter().zip(&plan.fans).filter_map(spiking);
        // What arrives at the readout is taken back by the counterweight in the same step.
        let ignored = match neuron {
            Neuron::Quartz(quartz) => Some(quartz.readout_step()),
            _ => None,
        };
        for (projection, _, raster) in sources.clone() {
            let events = projection.events_of(raster);
            counts.synaptic_events += events;
            counts.operations += events - ignored.map_or(0, |step| projection.events_in_step(raster, step));
        }
        arrivals.begin(steps, ignored, &plan.bias.steps, sources.clone().map(|(.., raster)| raster));
        let reads = matches!(neuron, Neuron::Quartz(quartz) if quartz.readout);
        values.clear();
        values.resize(if reads { shape.len() } else { 0 }, T::ZERO);
        for (tile, Tile { rows, part, neurons }) in tiles(shape, plan.rows, &plan.parts).enumerate() {
            arrivals.clear(neurons.len());
            for (projection, fan, raster) in sources.clone() {
                let (weights, view) = (fan.weights(projection), raster.view());
                let Arrivals { rows: steps, sums, order, .. } = &mut *arrivals;
                T::deliver(level, &fan.fans, weights, &view, rows.clone(), part, steps, sums, order);
            }
            for (step, spikes) in plan.bias.of_tile(tile) {
                arrivals.add(step, spikes, neurons.len());
            }
            let arriving = Arriving { rows: &arrivals.rows, sums: &arrivals.sums, neurons: neurons.len() };
            let (marks, negative) = raster.marks(neurons.start);
            match neuron {
                Neuron::Quartz(quartz) => {
                    let potentials = values.get_mut(neurons).unwrap_or_default();
                    let counted = T::run_grid(level, &quartz.kernel(arriving), potentials, marks);
                    counts.receptions += counted.received;
                    counts.saturated += counted.early;
                    raster.spikes += counted.spikes;
                }
                Neuron::IntegrateAndFire(_) => {
                    let (neurons, potentials) = state.integrators(arriving, &current, neurons);
                    raster.spikes += T::integrate(level, &neurons, potentials, marks, negative);
                }
                _ => unreachable!("no other neurons have plans"),
            }
        }
        match neuron {
            Neuron::Quartz(quartz) if quartz.readout => {
                raster.worth.clear();
                raster.worth.extend(values.iter().map(|&potential| quartz.remainder(potential)));
            }
            Neuron::IntegrateAndFire(model) => {
                counts.saturated += state.over(model.signed);
                self.potentials = current;
            }
            _ => {}
        }
        self.rates[index].integrate_and_fire = state;
    }
}

fn rasters<T>(signal: &Signal<T>) -> &Raster<T> {
    match signal {
        Signal::Raster(raster) => raster,
        _ => unreachable!("sources of rasters have rasters"),
    }
}
