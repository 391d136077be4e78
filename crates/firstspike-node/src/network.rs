//! Networks and their runs.

use crate::describe::{BindingPopulation, population};
use crate::numbers::{Handover, Numbers, Precision};
use crate::task::{BindingTask, spawn};
use firstspike_core::{
    Counts, Differences, Disturbance, Engine, Exits, Level, Moments, Network, Outcome, Paths, Real, Record, Request,
    Runner, Sequence, Train, WeightDisturbance,
};
use napi::bindgen_prelude::{
    Either, Float32Array, Float32ArraySlice, Float64Array, Float64ArraySlice, Object, Uint32ArraySlice,
};
use napi::{Env, Error, Result, Status};
use napi_derive::napi;
use std::sync::Arc;

/// A network in one of the two precisions.
#[derive(Clone)]
pub enum Precise {
    Single(Arc<Runner<f32>>),
    Double(Arc<Runner<f64>>),
    Released,
}

/// How to run.
#[napi(object, object_to_js = false)]
#[expect(clippy::struct_excessive_bools, reason = "independent choices")]
pub struct BindingRunOptions {
    /// Number of images.
    pub count: u32,
    /// Whether to run spike by spike.
    pub event: bool,
    /// Threads; 0 means one per processor.
    pub threads: u32,
    /// Whether to keep every spike.
    pub record_spikes: bool,
    /// Whether to count the spikes of each neuron.
    pub record_neurons: bool,
    /// Whether to compare channel by channel.
    pub record_channels: bool,
    /// Whether to time each layer.
    pub record_times: bool,
    /// Whether all spikes are added up one by one, also where that takes longer.
    pub events_only: bool,
    /// Whether an image ends as soon as its class is settled.
    pub early_exit: bool,
    /// Index in the data set of the first image.
    pub first_image: u32,
    /// What goes wrong.
    pub disturbance: Option<BindingDisturbance>,
}

/// What goes wrong in a run.
#[napi(object, object_to_js = false)]
pub struct BindingDisturbance {
    /// Of the random numbers.
    pub seed: u32,
    /// Standard deviation of spike times.
    pub jitter: f64,
    /// Probability that a spike is lost.
    pub loss: f64,
    /// Standard deviation of each neuron's delay.
    pub delay: f64,
    /// Levels of time in a window; 0 leaves times as they are.
    pub time_levels: u32,
    /// Relative standard deviation of each neuron's threshold.
    pub mismatch: f64,
}

/// Changes of a network's weights.
#[napi(object, object_to_js = false)]
pub struct BindingWeightDisturbance {
    /// Of the random numbers.
    pub seed: u32,
    /// Standard deviation of noise, relative to the largest weight of the same synapses.
    pub noise: f64,
    /// Bits that weights are rounded to; 0 leaves them.
    pub bits: u32,
}

/// What early exits saved.
#[napi(object, object_from_js = false)]
pub struct BindingExits {
    /// Images that ended before the last window did.
    pub images: f64,
    /// Spikes that were not sent any more.
    pub spikes: f64,
    /// Synaptic events that they would have caused.
    pub synaptic_events: f64,
    /// Shares of the last window that were left, summed over images.
    pub window: f64,
}

/// How far a population is from the reference.
#[napi(object, object_from_js = false)]
pub struct BindingDifferences {
    /// Largest difference.
    pub max: f64,
    /// Sum of squared differences.
    pub squares: f64,
    /// Sum of squares of the reference.
    pub reference_squares: f64,
    /// Neurons whose reference is not zero, summed over images.
    pub reference_active: f64,
    /// Six numbers for each channel, if recorded: sums of values, of references, of the squares of each, of their
    /// products, and of the squares of the differences.
    pub channels: Float64ArraySlice<'static>,
    /// In how many images the reference of each neuron is not zero, if recorded.
    pub active: Uint32ArraySlice<'static>,
}

/// All spikes of one population.
#[napi(object, object_from_js = false)]
pub struct BindingTrain {
    /// Where each image's spikes begin.
    pub offsets: Uint32ArraySlice<'static>,
    /// Neurons.
    pub neurons: Uint32ArraySlice<'static>,
    /// Times relative to the window's start.
    pub times: Either<Float32ArraySlice<'static>, Float64ArraySlice<'static>>,
}

/// What a run gave.
#[napi(object, object_from_js = false)]
pub struct BindingOutcome {
    /// Outputs of all images.
    pub outputs: Either<Float32ArraySlice<'static>, Float64ArraySlice<'static>>,
    /// Outputs of the reference, if there is one.
    pub reference_outputs: Option<Either<Float32ArraySlice<'static>, Float64ArraySlice<'static>>>,
    /// Spikes of all populations together, for each image.
    pub image_spikes: Uint32ArraySlice<'static>,
    /// Ten numbers for each population, over all images: spikes emitted, those whose value lies outside of the window, synaptic
    /// events received, multiply-adds executed, updates of neurons (once for each step), pairs of a neuron and a step in which
    /// it received anything, how often spikes were added up with all neurons that did not spike, seconds in the layer (0 unless
    /// recorded), memory reads and writes of an event-driven machine.
    pub counts: Float64ArraySlice<'static>,
    /// What early exits saved.
    pub exits: BindingExits,
    /// Differences of each population; empty without a reference.
    pub differences: Vec<BindingDifferences>,
    /// Spikes of each population; empty unless recorded.
    pub trains: Vec<BindingTrain>,
    /// Spikes of each neuron of each population; empty unless recorded.
    pub neuron_spikes: Vec<Uint32ArraySlice<'static>>,
    /// Seconds from the first image to the last.
    pub seconds: f64,
}

impl BindingTrain {
    fn new<T: Precision>(env: Env, train: Train<T>) -> Result<Self> {
        Ok(Self {
            offsets: u32::hand_over(env, train.offsets)?,
            neurons: u32::hand_over(env, train.neurons)?,
            times: T::floats(env, train.times)?,
        })
    }
}

impl BindingDifferences {
    fn new(env: Env, differences: Differences) -> Result<Self> {
        Ok(Self {
            max: differences.max,
            squares: differences.squares,
            reference_squares: differences.reference_squares,
            reference_active: differences.reference_active as f64,
            channels: f64::hand_over(env, differences.channels.iter().flat_map(six).collect())?,
            active: u32::hand_over(env, differences.active)?,
        })
    }
}

impl From<Exits> for BindingExits {
    fn from(exits: Exits) -> Self {
        Self {
            images: exits.images as f64,
            spikes: exits.spikes as f64,
            synaptic_events: exits.synaptic_events as f64,
            window: exits.window,
        }
    }
}

impl BindingOutcome {
    fn new<T: Precision>(env: Env, outcome: Outcome<T>) -> Result<Self> {
        let compared = !outcome.differences.is_empty();
        let (differences, trains, neuron_spikes) =
            (outcome.differences.into_iter(), outcome.trains.into_iter(), outcome.neuron_spikes.into_iter());
        Ok(Self {
            outputs: T::floats(env, outcome.outputs)?,
            reference_outputs: compared.then(|| T::floats(env, outcome.reference_outputs)).transpose()?,
            image_spikes: u32::hand_over(env, outcome.image_spikes)?,
            counts: f64::hand_over(env, outcome.counts.iter().flat_map(ten).collect())?,
            exits: outcome.exits.into(),
            differences: differences.map(|layer| BindingDifferences::new(env, layer)).collect::<Result<_>>()?,
            trains: trains.map(|train| BindingTrain::new(env, train)).collect::<Result<_>>()?,
            neuron_spikes: neuron_spikes.map(|spikes| u32::hand_over(env, spikes)).collect::<Result<_>>()?,
            seconds: outcome.elapsed.as_secs_f64(),
        })
    }
}

/// The counts in the order in which they are handed over.
fn ten(counts: &Counts) -> [f64; 10] {
    [
        counts.spikes as f64,
        counts.saturated as f64,
        counts.synaptic_events as f64,
        counts.operations as f64,
        counts.updates as f64,
        counts.receptions as f64,
        counts.dense as f64,
        counts.nanoseconds as f64 * 1e-9,
        counts.memory_reads() as f64,
        counts.memory_writes() as f64,
    ]
}

/// The sums in the order in which they are handed over.
fn six(moments: &Moments) -> [f64; 6] {
    let Moments { values, references, value_squares, reference_squares, products, squares } = *moments;
    [values, references, value_squares, reference_squares, products, squares]
}

fn build<T: Real>(
    populations: &[BindingPopulation],
    weights: Option<&BindingWeightDisturbance>,
) -> Result<Arc<Runner<T>>> {
    let invalid = |reason: String| Error::new(Status::InvalidArg, reason);
    let populations = populations.iter().map(population).collect::<std::result::Result<_, _>>().map_err(invalid)?;
    let mut network = Network::new(populations, Level::best()).map_err(|error| invalid(error.to_string()))?;
    if let Some(&BindingWeightDisturbance { seed, noise, bits }) = weights {
        network.disturb_weights(WeightDisturbance { seed: u64::from(seed), noise, bits: bits.min(31) });
    }
    Ok(Arc::new(Runner::new(network)))
}

fn start<'env, T: Precision>(
    env: &'env Env,
    runner: &Arc<Runner<T>>,
    reference: Option<Arc<Runner<T>>>,
    images: Numbers,
    options: &BindingRunOptions,
    task: &BindingTask,
    sequence: Arc<Sequence<T>>,
) -> Result<Object<'env>> {
    let runner = Arc::clone(runner);
    let (cancel, progress) = task.begin();
    let engine = if options.event { Engine::Event } else { Engine::Layered };
    let record = Record {
        spikes: options.record_spikes,
        neurons: options.record_neurons,
        channels: options.record_channels,
        times: options.record_times,
    };
    let paths = if options.events_only { Paths::Events } else { Paths::Fastest };
    let count = options.count as usize;
    let (first_image, early_exit) = (options.first_image, options.early_exit);
    let disturbance = options.disturbance.as_ref().map(|d| Disturbance {
        seed: u64::from(d.seed),
        jitter: d.jitter,
        loss: d.loss,
        delay: d.delay,
        time_levels: d.time_levels,
        mismatch: d.mismatch,
    });
    let work = move || {
        let reference = reference.as_deref();
        let (cancel, progress) = (&*cancel, &*progress);
        macro_rules! run {
            ($images:ident) => {{
                let request = Request {
                    reference,
                    engine,
                    paths,
                    early_exit,
                    disturbance,
                    first_image,
                    record,
                    images: $images,
                    count,
                    cancel,
                    progress,
                };
                runner.run_on(&request, &sequence)
            }};
        }
        match &images {
            Numbers::Single(images) => run!(images),
            Numbers::Double(images) => run!(images),
        }
    };
    spawn(env, options.threads, work, BindingOutcome::new)
}

/// How far a sequence of images has come, in a network that keeps its state from image to image.
#[napi]
#[derive(Default)]
pub struct BindingSequence {
    single: Arc<Sequence<f32>>,
    double: Arc<Sequence<f64>>,
}

#[napi]
impl BindingSequence {
    /// At rest. Runs of one sequence must not overlap, and must be of one network.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }
}

/// A network that is ready to run.
#[napi]
pub struct BindingNetwork {
    pub(crate) inner: Precise,
}

#[napi]
impl BindingNetwork {
    /// Packs a network's weights in single or double precision.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        populations: Vec<BindingPopulation>,
        double: bool,
        weights: Option<BindingWeightDisturbance>,
    ) -> Result<Self> {
        let inner = if double {
            Precise::Double(build(&populations, weights.as_ref())?)
        } else {
            Precise::Single(build(&populations, weights.as_ref())?)
        };
        Ok(Self { inner })
    }

    /// Gives the packed weights back, without waiting for the garbage collector, which does not know of them. A run in
    /// progress keeps them until it ends.
    #[napi(catch_unwind)]
    pub fn release(&mut self) {
        self.inner = Precise::Released;
    }

    /// Connections of each population: the multiply-adds of the dense computation.
    #[napi(getter, catch_unwind)]
    pub fn connections(&self) -> Vec<f64> {
        match &self.inner {
            Precise::Single(runner) => runner.network().connections().map(|n| n as f64).collect(),
            Precise::Double(runner) => runner.network().connections().map(|n| n as f64).collect(),
            Precise::Released => Vec::new(),
        }
    }

    /// Whether neurons keep their state from image to image, so that images are one ordered sequence.
    #[napi(getter, catch_unwind)]
    pub fn keeps_state(&self) -> bool {
        match &self.inner {
            Precise::Single(runner) => runner.network().keeps_state(),
            Precise::Double(runner) => runner.network().keeps_state(),
            Precise::Released => false,
        }
    }

    /// Why images cannot end as soon as their class is settled, if they cannot.
    #[napi(getter, catch_unwind)]
    pub fn early_exit_fault(&self) -> Option<String> {
        match &self.inner {
            Precise::Single(runner) => runner.network().early_exit_fault().map(str::to_owned),
            Precise::Double(runner) => runner.network().early_exit_fault().map(str::to_owned),
            Precise::Released => None,
        }
    }

    /// Runs images, and with a `reference` of the same populations and precision compares every population with it. A
    /// network that keeps its state goes on with the `sequence`, or begins one.
    #[napi(catch_unwind, ts_return_type = "Promise<BindingOutcome>")]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        images: Either<Float32Array, Float64Array>,
        options: BindingRunOptions,
        task: &BindingTask,
        reference: Option<&BindingNetwork>,
        sequence: Option<&BindingSequence>,
    ) -> Result<Object<'env>> {
        let images = Numbers::from(images);
        let (single, double) =
            sequence.map(|sequence| (Arc::clone(&sequence.single), Arc::clone(&sequence.double))).unwrap_or_default();
        match (&self.inner, reference.map(|network| &network.inner)) {
            (Precise::Single(network), None) => start(env, network, None, images, &options, task, single),
            (Precise::Double(network), None) => start(env, network, None, images, &options, task, double),
            (Precise::Single(network), Some(Precise::Single(twin))) => {
                start(env, network, Some(Arc::clone(twin)), images, &options, task, single)
            }
            (Precise::Double(network), Some(Precise::Double(twin))) => {
                start(env, network, Some(Arc::clone(twin)), images, &options, task, double)
            }
            (Precise::Released, _) | (_, Some(Precise::Released)) => {
                Err(Error::new(Status::InvalidArg, "the network was released"))
            }
            _ => Err(Error::new(Status::InvalidArg, "the reference has another precision")),
        }
    }
}
