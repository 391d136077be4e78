//! Runs over many images: threads, cancelling, recording, comparison with a reference.

use crate::engine::{Engine, Workspace};
use crate::error::RunError;
use crate::network::Network;
use crate::real::Real;
use crate::record::{Counts, Record, Train};
use crate::signal::Signal;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Debug)]
pub struct Request<'a, T, I> {
    /// The network.
    pub network: &'a Network<T>,
    /// Network of the same populations that does not spike, to compare every population with.
    pub reference: Option<&'a Network<T>>,
    /// How.
    pub engine: Engine,
    /// What to keep.
    pub record: Record,
    /// `count` images one after another.
    pub images: &'a [I],
    /// Number of images.
    pub count: usize,
    /// Ends the run early.
    pub cancel: &'a AtomicBool,
    /// Images that are done.
    pub progress: &'a AtomicUsize,
}

/// How far a population is from the reference, over all images.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Differences {
    /// Largest |value - reference|.
    pub max: f64,
    /// Sum of squares of the differences.
    pub squares: f64,
    /// Sum of squares of the reference.
    pub reference_squares: f64,
    /// Neurons whose reference is not zero, summed over images.
    pub reference_active: u64,
}

/// What a run gave.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    /// Outputs of all images.
    pub outputs: Vec<T>,
    /// What each population counted over all images.
    pub counts: Vec<Counts>,
    /// Outputs of the reference.
    pub reference_outputs: Vec<T>,
    /// How far each population is from the reference.
    pub differences: Vec<Differences>,
    /// Spikes of each population, if recorded; empty trains where neurons do not spike.
    pub trains: Vec<Train<T>>,
    /// Spikes of each neuron of each population, if recorded.
    pub neuron_spikes: Vec<Vec<u32>>,
    /// Time from the first image to the last.
    pub elapsed: Duration,
}

/// One image's share of an [`Outcome`].
struct ImageOutcome<T> {
    output: Vec<T>,
    counts: Vec<Counts>,
    reference_output: Vec<T>,
    differences: Vec<Differences>,
    spikes: Vec<(Vec<u32>, Vec<T>)>,
}

/// Runs images on the current thread pool. The outcome does not depend on the number of threads: images are
/// independent, and what is summed over them is summed in their order.
///
/// # Errors
/// If the images do not fit the network, hold values that are not finite, or the run is cancelled.
pub fn run<T: Real, I: Real>(request: &Request<'_, T, I>) -> Result<Outcome<T>, RunError> {
    let Request { network, reference, images, count, .. } = *request;
    let inputs = network.inputs();
    if images.len() != count * inputs {
        return Err(RunError::InputLength { count, expected: count * inputs, actual: images.len() });
    }
    if let Some(at) = images.iter().position(|x| !x.is_finite()) {
        return Err(RunError::NotFinite { image: at / inputs, element: at % inputs });
    }
    let alike = |other: &Network<T>| {
        other.populations().len() == network.populations().len()
            && other.populations().iter().zip(network.populations()).all(|(a, b)| a.shape == b.shape)
    };
    if !reference.is_none_or(alike) {
        return Err(RunError::ReferenceMismatch);
    }

    let start = Instant::now();
    let spare = Mutex::new(Vec::new());
    let results: Vec<ImageOutcome<T>> = (0..count)
        .into_par_iter()
        .map(|image| {
            if request.cancel.load(Ordering::Relaxed) {
                return Err(RunError::Cancelled);
            }
            let taken = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut spaces =
                taken.unwrap_or_else(|| (Workspace::new(network), reference.map(|network| Workspace::new(network))));
            let outcome = run_image(request, &images[image * inputs..][..inputs], &mut spaces.0, spaces.1.as_mut());
            spare.lock().unwrap_or_else(PoisonError::into_inner).push(spaces);
            request.progress.fetch_add(1, Ordering::Relaxed);
            Ok(outcome)
        })
        .collect::<Result<_, _>>()?;
    Ok(merge(request, results, start.elapsed()))
}

fn run_image<T: Real, I: Real>(
    request: &Request<'_, T, I>,
    image: &[I],
    space: &mut Workspace<T>,
    reference: Option<&mut Workspace<T>>,
) -> ImageOutcome<T> {
    let network = request.network;
    space.counts.fill(Counts::default());
    space.run(network, request.engine, image);
    let mut outcome = ImageOutcome {
        output: space.output().to_vec(),
        counts: space.counts.clone(),
        reference_output: Vec::new(),
        differences: Vec::new(),
        spikes: Vec::new(),
    };
    if let (Some(twin), Some(reference)) = (request.reference, reference) {
        reference.run(twin, Engine::Layered, image);
        outcome.reference_output = reference.output().to_vec();
        outcome.differences = (0..network.populations().len())
            .map(|index| differences(network, index, &space.signals[index], &reference.signals[index]))
            .collect();
    }
    if request.record.spikes || request.record.neurons {
        outcome.spikes = (0..network.populations().len())
            .map(|index| match (&space.signals[index], network.window(index)) {
                (Signal::Spikes(spikes), Some(window)) => {
                    let times = if request.record.spikes {
                        spikes.values.iter().map(|&value| window.time(value)).collect()
                    } else {
                        Vec::new()
                    };
                    (spikes.keys.clone(), times)
                }
                _ => (Vec::new(), Vec::new()),
            })
            .collect();
    }
    outcome
}

fn differences<T: Real>(network: &Network<T>, index: usize, signal: &Signal<T>, reference: &Signal<T>) -> Differences {
    let population = &network.populations()[index];
    let decode = population.decode;
    let values = signal.values(population.shape);
    let mut differences = Differences::default();
    for (value, reference) in values.into_iter().zip(reference.values(population.shape)) {
        let difference = (value * decode.scale + decode.shift - reference).to_f64();
        let reference = reference.to_f64();
        differences.max = differences.max.max(difference.abs());
        differences.squares += difference * difference;
        differences.reference_squares += reference * reference;
        differences.reference_active += u64::from(reference != 0.0);
    }
    differences
}

fn merge<T: Real, I: Real>(
    request: &Request<'_, T, I>,
    results: Vec<ImageOutcome<T>>,
    elapsed: Duration,
) -> Outcome<T> {
    let populations = request.network.populations();
    let mut outcome = Outcome {
        outputs: Vec::with_capacity(results.len() * request.network.outputs()),
        counts: vec![Counts::default(); populations.len()],
        reference_outputs: Vec::new(),
        differences: vec![Differences::default(); if request.reference.is_some() { populations.len() } else { 0 }],
        trains: Vec::new(),
        neuron_spikes: Vec::new(),
        elapsed,
    };
    if request.record.spikes {
        outcome.trains = populations.iter().map(|_| Train { offsets: vec![0], ..Train::default() }).collect();
    }
    if request.record.neurons {
        outcome.neuron_spikes = populations.iter().map(|population| vec![0; population.shape.len()]).collect();
    }
    for result in results {
        outcome.outputs.extend_from_slice(&result.output);
        outcome.reference_outputs.extend_from_slice(&result.reference_output);
        for (sum, counts) in outcome.counts.iter_mut().zip(result.counts) {
            *sum += counts;
        }
        for (sum, differences) in outcome.differences.iter_mut().zip(result.differences) {
            sum.max = sum.max.max(differences.max);
            sum.squares += differences.squares;
            sum.reference_squares += differences.reference_squares;
            sum.reference_active += differences.reference_active;
        }
        for (index, (neurons, times)) in result.spikes.iter().enumerate() {
            if let Some(counts) = outcome.neuron_spikes.get_mut(index) {
                for &neuron in neurons {
                    counts[neuron as usize] += 1;
                }
            }
            if let Some(train) = outcome.trains.get_mut(index) {
                train.neurons.extend_from_slice(neurons);
                train.times.extend_from_slice(times);
                train.offsets.push(train.neurons.len() as u32);
            }
        }
    }
    outcome
}
