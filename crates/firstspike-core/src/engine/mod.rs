//! The engines: two ways to run a network, one meaning.

mod abreast;
mod alpha;
mod at_once;
mod bundled;
mod early_exit;
mod event;
mod layered;
mod rate;
mod stepped;

use crate::disturbance::{Disturbance, Disturbed};
use crate::network::{NOWHERE, Network, Stage};
use crate::neuron::{Amos, FewSpike, QuartzState, Scale, Timing, Window};
use crate::real::{Real, in_precision};
use crate::record::{Counts, Exits, Record};
use crate::signal::Signal;
use crate::synapse::{Following, Paths, PoolScratch, PoolState};
pub(crate) use abreast::Abreast;
use alpha::AlphaState;
use at_once::Arrivals;
pub(crate) use at_once::Plan;
use bundled::Bundle;
pub(crate) use bundled::pays_in_bundles;
pub(crate) use early_exit::EarlyExit;
use early_exit::Settling;
use rate::{RateScratch, RateState};
use std::borrow::Cow;
use std::time::Instant;

/// How a network is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Spike by spike in time order: the definition.
    Event,
    /// A layer's window at once: the fast path.
    Layered,
}

/// A spike on its way: (time relative to its window, neuron, value, its bit in the neuron's pattern).
type TimedSpike<T> = (T, u32, T, u32);

/// Memory of one simulation, reused from image to image; nothing is allocated once it has grown.
#[derive(Clone, Debug)]
pub struct Workspace<T> {
    /// What each population handed on for the image that was run last.
    pub signals: Vec<Signal<T>>,
    /// What each population counted, summed over the images since the last reset.
    pub counts: Vec<Counts>,
    /// What early exits saved, in the same images.
    pub exits: Exits,
    disturbance: Option<Disturbance>,
    image: u32,
    times: bool,
    exits_early: bool,
    /// Whether memory of populations that nothing reads any more goes to others.
    recycles: bool,
    spare: Vec<Vec<T>>,
    settling: Settling,
    /// For images that are run at once, as soon as there are some.
    bundle: Option<Box<Bundle<T>>>,
    potentials: Vec<T>,
    values: Vec<T>,
    pool: PoolScratch<T>,
    lanes: Vec<Vec<TimedSpike<T>>>,
    unsorted: Vec<TimedSpike<T>>,
    order: Vec<u128>,
    lane_potentials: Vec<Vec<T>>,
    pool_states: Vec<PoolState<T>>,
    /// Spikes that each pooling neuron waits for.
    awaited: Vec<u32>,
    following: Following,
    alpha: AlphaState<T>,
    quartz: QuartzState<T>,
    arrivals: Arrivals<T>,
    rates: Vec<RateState<T>>,
    rate_scratch: RateScratch<T>,
    patterns: Vec<u32>,
    winners: Vec<(u32, u32)>,
    relabelled: Vec<(u32, T, u32)>,
}

impl<T: Real> Workspace<T> {
    /// Memory for runs of `network`.
    pub fn new(network: &Network<T>) -> Self {
        let count = network.populations().len();
        let signals = (0..count)
            .map(|index| network.timing(index).map_or_else(|| Signal::Values(Vec::new()), Timing::signal))
            .collect();
        Self {
            signals,
            counts: vec![Counts::default(); count],
            exits: Exits::default(),
            disturbance: None,
            image: 0,
            times: false,
            exits_early: false,
            recycles: false,
            spare: Vec::new(),
            settling: Settling::default(),
            bundle: None,
            potentials: Vec::new(),
            values: Vec::new(),
            pool: PoolScratch::default(),
            lanes: vec![Vec::new(); count],
            unsorted: Vec::new(),
            order: Vec::new(),
            lane_potentials: vec![Vec::new(); count],
            pool_states: Vec::new(),
            awaited: Vec::new(),
            following: Following::default(),
            alpha: AlphaState::default(),
            quartz: QuartzState::default(),
            arrivals: Arrivals::default(),
            rates: vec![RateState::default(); count],
            rate_scratch: RateScratch::default(),
            patterns: Vec::new(),
            winners: Vec::new(),
            relabelled: Vec::new(),
        }
    }

    /// What goes wrong in the next image, which has this index in the data set.
    pub fn disturb(&mut self, disturbance: Option<Disturbance>, image: u32) {
        self.disturbance = disturbance;
        self.image = image;
    }

    /// Which ways spikes may take in the next images, whether layers are timed, if `record` asks for it, and whether an
    /// image ends as soon as its class is settled, in networks that allow it.
    pub fn conduct(&mut self, paths: Paths, record: Record, exits_early: bool) {
        self.exits_early = exits_early;
        self.pool.convolution.paths = paths;
        self.times = record.times;
    }

    /// Whether only counts and outputs of the next images are wanted: then the layered engine uses memory of values again as
    /// soon as nothing reads it any more, while it is in the cache, and leaves no signals.
    pub fn recycle(&mut self, recycles: bool) {
        self.recycles = recycles;
    }

    /// How many threads of the current pool may work on an image, in the layered engine: large layers are cut into bands of
    /// outputs. Results do not depend on it.
    pub fn share(&mut self, threads: usize) {
        self.pool.convolution.threads = threads;
    }

    /// Forgets what was counted.
    pub fn reset_counts(&mut self) {
        self.counts.fill(Counts::default());
        self.exits = Exits::default();
    }

    /// Does the work of a layer, and times it if it is asked for.
    fn timed<R>(&mut self, index: usize, work: impl FnOnce(&mut Self) -> R) -> R {
        if !self.times {
            return work(self);
        }
        let start = Instant::now();
        let result = work(self);
        self.counts[index].nanoseconds += start.elapsed().as_nanos() as u64;
        result
    }

    /// Runs one image; leaves its signals in the workspace and adds to its counts.
    ///
    /// `image` has the network's input elements in their own order.
    pub fn run<I: Real>(&mut self, network: &Network<T>, engine: Engine, image: &[I]) {
        match engine {
            Engine::Event => self.run_events(network, image),
            Engine::Layered => self.run_layers(network, 0..network.populations().len(), image),
        }
    }

    /// Output of the image that was run last.
    pub fn output(&self) -> &[T] {
        match self.signals.last() {
            Some(Signal::Values(values)) => values,
            _ => unreachable!("a network's output does not spike"),
        }
    }

    /// Loads an image: its values in the order of the input population's neurons.
    fn load<I: Real>(&mut self, network: &Network<T>, order: &[u32], image: &[I]) {
        // Every value is written.
        self.values.resize(image.len(), T::ZERO);
        let image = in_precision(image, &mut self.potentials);
        if order.is_empty() {
            self.values.copy_from_slice(image);
        } else if network.is_planar() {
            T::interleave_planes(image, network.populations()[0].shape.channels, &mut self.values);
        } else {
            for (&to, &x) in order.iter().zip(image) {
                self.values[to as usize] = x;
            }
        }
    }
}

/// Runs a few-spike neuron: calls `spike` with each spike as it really comes, its step and its worth, which is that of
/// the step. Of two spikes that come in one step the second is lost. Returns whether the input lies beyond the range.
fn few_spikes<T: Real>(
    neuron: &FewSpike<T>,
    disturbed: Option<&Disturbed>,
    key: usize,
    v: T,
    mut spike: impl FnMut(usize, T),
) -> bool {
    let Some(disturbed) = disturbed else { return neuron.run(v, T::ONE, spike) };
    let mut taken = 0u32;
    neuron.run(v, T::ONE + disturbed.mismatch(key), |step, _| {
        if let Some(step) = disturbed.step(key, step, neuron.steps()).filter(|step| taken >> step & 1 == 0) {
            taken |= 1 << step;
            spike(step, neuron.output[step]);
        }
    })
}

/// Runs a circuit: calls `spike` with each spike that is not lost. A spike that comes in another step is worth as much,
/// since each neuron of a circuit has synapses of its own.
fn circuit_spikes<T: Real>(
    circuit: &Amos<T>,
    disturbed: Option<&Disturbed>,
    key: usize,
    [x, y]: [T; 2],
    mut spike: impl FnMut(usize, T),
) -> bool {
    let Some(disturbed) = disturbed else { return circuit.run(x, y, T::ONE, spike) };
    circuit.run(x, y, T::ONE + disturbed.mismatch(key), |step, worth| {
        if disturbed.step(key, step, circuit.steps()).is_some() {
            spike(step, worth);
        }
    })
}

/// One spike of a window as a disturbance leaves it: its value, or nothing if it is lost.
fn disturbed_value<T: Real>(disturbed: &Disturbed, neuron: usize, value: T, window: Window<T>) -> Option<T> {
    let time = disturbed.time(neuron, window.time(value), window.width).filter(|&time| time < window.width)?;
    let magnitude = window.width - time;
    Some(if window.signed && value < T::ZERO { -magnitude } else { magnitude })
}

/// The same where every neuron spikes, at its window's end at the latest.
fn disturbed_crossing<T: Real>(
    disturbed: &Disturbed,
    neuron: usize,
    value: T,
    scale: Scale<T>,
    window: T,
) -> Option<T> {
    let time = disturbed.time(neuron, window - scale.lead(value), window)?;
    Some(scale.value(window - time.min(window)))
}

/// The stages that only move or multiply values, in populations that do not spike: the same in both engines. Sources
/// that spike are decoded.
fn run_values<T: Real>(network: &Network<T>, index: usize, done: &[Signal<T>], out: &mut Vec<T>) {
    let values = |source: usize| match &done[source] {
        Signal::Values(values) => Cow::Borrowed(values.as_slice()),
        signal => Cow::Owned(network.decoded(source, signal)),
    };
    let population = &network.populations()[index];
    match &population.stage {
        Stage::MaxPool { source, pool } => pool.pool_values(network.level(), &values(*source), out),
        Stage::Permute { source, to } => {
            out.clear();
            out.resize(population.shape.len(), T::ZERO);
            for (&to, &value) in to.iter().zip(values(*source).iter()) {
                if to != NOWHERE {
                    out[to as usize] = value;
                }
            }
        }
        Stage::Concat { sources } => {
            let parts: Vec<_> = sources.iter().map(|&source| values(source)).collect();
            let pixels = population.shape.pixels();
            out.clear();
            for pixel in 0..pixels {
                for part in &parts {
                    let width = part.len() / pixels;
                    out.extend_from_slice(&part[pixel * width..(pixel + 1) * width]);
                }
            }
        }
        Stage::Product { sources: [a, b], .. } => {
            let (a, b) = (values(*a), values(*b));
            out.clear();
            out.extend(a.iter().zip(b.iter().cycle()).map(|(&a, &b)| a * b));
        }
        Stage::Input { .. } | Stage::Neurons { .. } => unreachable!("these stages compute more than that"),
    }
}
