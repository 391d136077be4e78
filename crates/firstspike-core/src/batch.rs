//! Runs over many images: threads, cancelling, recording, comparison with a reference.

use crate::comparison::{Differences, ImageDifferences};
use crate::disturbance::Disturbance;
use crate::engine::{Abreast, Engine, Workspace, pays_in_bundles};
use crate::error::RunError;
use crate::network::{Network, Population};
use crate::real::Real;
use crate::record::{Counts, Exits, Record, Train};
use crate::share::share;
use crate::signal::Signal;
use crate::synapse::Paths;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A network with memory to run it, which is kept from run to run.
#[derive(Debug)]
pub struct Runner<T> {
    network: Network<T>,
    bundle: Option<usize>,
    abreast: Option<Abreast>,
    spare: Mutex<Vec<Workspace<T>>>,
}

/// How far a sequence of images has come, in a network that keeps its state from image to image. It begins at rest, also
/// after a run that failed, and may take several runs, which must not overlap.
#[derive(Debug)]
pub struct Sequence<T>(Mutex<Option<Workspace<T>>>);

impl<T> Default for Sequence<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

/// What to run.
#[derive(Debug)]
pub struct Request<'a, T, I> {
    /// Network of the same populations that does not spike, to compare every population with.
    pub reference: Option<&'a Runner<T>>,
    /// How.
    pub engine: Engine,
    /// Which ways spikes may take.
    pub paths: Paths,
    /// Whether an image ends as soon as its class is settled; its outputs are partial sums then.
    pub early_exit: bool,
    /// What goes wrong.
    pub disturbance: Option<Disturbance>,
    /// Index in the data set of the first image: random numbers depend on it.
    pub first_image: u32,
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

/// What a run gave.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    /// Outputs of all images.
    pub outputs: Vec<T>,
    /// Spikes of all populations together, for each image.
    pub image_spikes: Vec<u32>,
    /// What each population counted over all images.
    pub counts: Vec<Counts>,
    /// What early exits saved.
    pub exits: Exits,
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

/// The share of an [`Outcome`] that one image has, or several that were run at once.
struct PartOutcome<T> {
    outputs: Vec<T>,
    image_spikes: Vec<u32>,
    counts: Vec<Counts>,
    exits: Exits,
    reference_output: Vec<T>,
    differences: Vec<ImageDifferences>,
    spikes: Vec<(Vec<u32>, Vec<T>)>,
}

impl<T: Real> Runner<T> {
    /// Memory is allocated when the first images run.
    pub fn new(network: Network<T>) -> Self {
        let bundle = pays_in_bundles(&network).then(|| T::lanes(network.level()));
        let abreast = Abreast::of(&network);
        Self { network, bundle, abreast, spare: Mutex::new(Vec::new()) }
    }

    /// How many images are run at once, each in a lane of the processor's registers, where there are so many and nothing is
    /// asked for but outputs and counts: nothing for networks that take less image by image.
    pub fn bundle(&self) -> Option<usize> {
        self.bundle
    }

    /// How many images go through a layer before any goes through the next, at most, where they are not run in bundles: one in
    /// networks whose weights stay in the cache.
    pub fn abreast(&self) -> usize {
        self.abreast.as_ref().map_or(1, |abreast| abreast.images)
    }

    /// The network.
    pub fn network(&self) -> &Network<T> {
        &self.network
    }

    /// Lends some workspaces to `work`.
    fn with_workspaces<R>(&self, count: usize, work: impl FnOnce(&mut [Workspace<T>]) -> R) -> R {
        let mut spaces = {
            let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            let left = spare.len().saturating_sub(count);
            spare.split_off(left)
        };
        spaces.resize_with(count, || Workspace::new(&self.network));
        let result = work(&mut spaces);
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).append(&mut spaces);
        result
    }

    /// Runs images on the current thread pool. The outcome does not depend on the number of threads: images are
    /// independent, and what is summed over them is summed in their order. In a network that keeps its state the images
    /// are one sequence, which begins at rest.
    ///
    /// # Errors
    /// If the images do not fit the network, hold values that are not finite, cannot end early as asked for, or the run is
    /// cancelled.
    pub fn run<I: Real>(&self, request: &Request<'_, T, I>) -> Result<Outcome<T>, RunError> {
        self.run_on(request, &Sequence::default())
    }

    /// The same, as a continuation of a sequence of this network; one that keeps no state does not need it.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_on<I: Real>(&self, request: &Request<'_, T, I>, sequence: &Sequence<T>) -> Result<Outcome<T>, RunError> {
        let Request { reference, images, count, .. } = *request;
        let network = &self.network;
        let inputs = network.inputs();
        check_images::<I, T>(images, count, inputs)?;
        let alike = |other: &Self| {
            let others = other.network.populations();
            others.len() == network.populations().len()
                && others.iter().zip(network.populations()).all(|(a, b)| a.shape == b.shape)
        };
        if !reference.is_none_or(alike) {
            return Err(RunError::ReferenceMismatch);
        }
        if let (true, Err(reason)) = (request.early_exit, network.early_exit()) {
            return Err(RunError::NoEarlyExit { reason: reason.to_owned() });
        }

        let start = Instant::now();
        // Fewer images than threads share these. A sequence holds on to its state, so that its thread must not turn to others.
        let threads = if network.keeps_state() { 1 } else { rayon::current_num_threads() / count.max(1) };
        let bundle = self.bundle.filter(|_| request.is_plain() && request.paths == Paths::Fastest);
        let run = |part: Range<usize>, spaces: &mut [Workspace<T>]| {
            if request.cancel.load(Ordering::Relaxed) {
                return Err(RunError::Cancelled);
            }
            let (first, count) = (part.start, part.len());
            let images = &images[first * inputs..][..count * inputs];
            let outcomes = match (spaces, &self.abreast) {
                ([space], _) if bundle == Some(count) => vec![self.run_bundle(request, images, space)],
                ([space], _) => vec![self.run_image(request, first, images, threads, space)],
                (spaces, Some(abreast)) => self.run_abreast(request, first, images, spaces, abreast),
                _ => unreachable!("one workspace for each part, where images do not go abreast"),
            };
            request.progress.fetch_add(count, Ordering::Relaxed);
            let mut first = first;
            for outcome in &outcomes {
                for outputs in [&outcome.outputs, &outcome.reference_output] {
                    if let Some(at) = outputs.iter().position(|x| !x.is_finite()) {
                        return Err(RunError::Overflow { image: first + at / network.outputs() });
                    }
                }
                first += outcome.image_spikes.len();
            }
            Ok(outcomes)
        };
        let results: Vec<Vec<PartOutcome<T>>> = if network.keeps_state() {
            let mut state = sequence.0.lock().unwrap_or_else(PoisonError::into_inner);
            let mut space = state.take().unwrap_or_else(|| Workspace::new(network));
            let one = std::slice::from_mut(&mut space);
            let results = (0..count).map(|index| run(index..index + 1, one)).collect::<Result<_, _>>()?;
            *state = Some(space);
            results
        } else {
            // Each thread shall have something to do.
            let most = count.div_ceil(rayon::current_num_threads());
            let abreast = self.abreast.as_ref().filter(|_| request.is_plain());
            let size = bundle.or(abreast.map(|abreast| abreast.images.min(most).max(1))).unwrap_or(1);
            let whole = count / size;
            let part = |index: usize| match index.checked_sub(whole) {
                None => index * size..(index + 1) * size,
                Some(single) => whole * size + single..whole * size + single + 1,
            };
            share(whole + count % size, |index| {
                let part = part(index);
                let spaces = if bundle.is_some() { 1 } else { part.len() };
                self.with_workspaces(spaces, |spaces| run(part, spaces))
            })?
        };
        Ok(merge(network, request, results.into_iter().flatten(), start.elapsed()))
    }

    fn run_image<I: Real>(
        &self,
        request: &Request<'_, T, I>,
        index: usize,
        image: &[I],
        threads: usize,
        space: &mut Workspace<T>,
    ) -> PartOutcome<T> {
        request.prepare(index, threads, space);
        space.run(&self.network, request.engine, image);
        self.outcome(request, image, threads, space)
    }

    /// Runs several images, one in each workspace, layer by layer.
    fn run_abreast<I: Real>(
        &self,
        request: &Request<'_, T, I>,
        first: usize,
        images: &[I],
        spaces: &mut [Workspace<T>],
        abreast: &Abreast,
    ) -> Vec<PartOutcome<T>> {
        for (index, space) in (first..).zip(&mut *spaces) {
            request.prepare(index, 1, space);
        }
        Workspace::run_abreast(spaces, &self.network, abreast, images);
        let images = images.chunks_exact(self.network.inputs());
        spaces.iter().zip(images).map(|(space, image)| self.outcome(request, image, 1, space)).collect()
    }

    /// What an image has left in a workspace, compared with what it does in the reference.
    fn outcome<I: Real>(
        &self,
        request: &Request<'_, T, I>,
        image: &[I],
        threads: usize,
        space: &Workspace<T>,
    ) -> PartOutcome<T> {
        let network = &self.network;
        let mut outcome = PartOutcome {
            outputs: space.output().to_vec(),
            image_spikes: vec![space.counts.iter().map(|counts| counts.spikes as u32).sum()],
            counts: space.counts.clone(),
            exits: space.exits,
            reference_output: Vec::new(),
            differences: Vec::new(),
            spikes: Vec::new(),
        };
        if let Some(reference) = request.reference {
            reference.with_workspaces(1, |twins| {
                let twin = &mut twins[0];
                twin.disturb(None, 0);
                twin.conduct(Paths::Fastest, Record::default(), false);
                twin.share(threads);
                twin.run(&reference.network, Engine::Layered, image);
                outcome.reference_output = twin.output().to_vec();
                outcome.differences = (0..network.populations().len())
                    .map(|index| {
                        let (own, twin) = (&space.signals[index], &twin.signals[index]);
                        ImageDifferences::between(network, index, own, twin, request.record)
                    })
                    .collect();
            });
        }
        if request.record.spikes || request.record.neurons {
            outcome.spikes = (0..network.populations().len())
                .map(|index| recorded(request.record, network, index, &space.signals[index]))
                .collect();
        }
        outcome
    }

    /// Runs as many images at once as a bundle has.
    fn run_bundle<I: Real>(
        &self,
        request: &Request<'_, T, I>,
        images: &[I],
        space: &mut Workspace<T>,
    ) -> PartOutcome<T> {
        space.reset_counts();
        space.conduct(request.paths, request.record, request.early_exit);
        space.run_bundle(&self.network, images);
        PartOutcome {
            outputs: space.bundle_outputs(),
            image_spikes: space.bundle_spikes().iter().map(|&spikes| spikes as u32).collect(),
            counts: space.counts.clone(),
            exits: Exits::default(),
            reference_output: Vec::new(),
            differences: Vec::new(),
            spikes: Vec::new(),
        }
    }
}

impl<T: Real, I> Request<'_, T, I> {
    /// Prepares a workspace for an image.
    fn prepare(&self, index: usize, threads: usize, space: &mut Workspace<T>) {
        space.reset_counts();
        space.disturb(self.disturbance, self.first_image.wrapping_add(index as u32));
        space.conduct(self.paths, self.record, self.early_exit);
        space.share(threads);
        space.recycle(self.is_plain());
    }

    /// Whether nothing is asked for but outputs and counts of the layered engine.
    fn is_plain(&self) -> bool {
        let Self { reference, engine, early_exit, disturbance, record, .. } = self;
        let undisturbed = !early_exit && disturbance.is_none();
        let kept = record.spikes || record.neurons || record.channels;
        *engine == Engine::Layered && undisturbed && reference.is_none() && !kept
    }
}

/// Refuses images that are not `count` times `inputs` numbers that are finite in precision `T`.
pub(crate) fn check_images<I: Real, T: Real>(images: &[I], count: usize, inputs: usize) -> Result<(), RunError> {
    if images.len() != count * inputs {
        return Err(RunError::InputLength { count, expected: count * inputs, actual: images.len() });
    }
    // Many at once, since a search for the first one would look at each alone.
    let finite = |x: &I| T::from_f64(x.to_f64()).is_finite();
    if images.chunks(256).all(|some| some.iter().fold(true, |all, x| all & finite(x))) {
        return Ok(());
    }
    match images.iter().position(|x| !finite(x)) {
        Some(at) => Err(RunError::NotFinite { image: at / inputs, element: at % inputs }),
        None => Ok(()),
    }
}

/// Neurons and, if they are to be kept, times of all spikes of a population.
fn recorded<T: Real>(record: Record, network: &Network<T>, index: usize, signal: &Signal<T>) -> (Vec<u32>, Vec<T>) {
    let (mut neurons, mut times) = (Vec::new(), Vec::new());
    match (signal, network.timing(index)) {
        (Signal::Spikes(spikes), Some(timing)) => {
            for (key, value, pattern) in spikes.entries() {
                for time in timing.times(network.lead(index, key, value), pattern) {
                    neurons.push(key);
                    if record.spikes {
                        times.push(time);
                    }
                }
            }
        }
        (Signal::Train(_) | Signal::Raster(_), _) => {
            let mut all: Vec<(u32, usize)> = Vec::new();
            signal.each_spike(|step, key| all.push((key, step)));
            all.sort_unstable();
            neurons.extend(all.iter().map(|&(key, _)| key));
            if record.spikes {
                times.extend(all.iter().map(|&(_, step)| T::from_f64(step as f64)));
            }
        }
        _ => {}
    }
    (neurons, times)
}

fn merge<T: Real, I: Real>(
    network: &Network<T>,
    request: &Request<'_, T, I>,
    results: impl Iterator<Item = PartOutcome<T>>,
    elapsed: Duration,
) -> Outcome<T> {
    let populations = network.populations();
    let mut outcome = Outcome {
        outputs: Vec::with_capacity(request.count * network.outputs()),
        image_spikes: Vec::with_capacity(request.count),
        counts: vec![Counts::default(); populations.len()],
        exits: Exits::default(),
        reference_outputs: Vec::new(),
        differences: Vec::new(),
        trains: Vec::new(),
        neuron_spikes: Vec::new(),
        elapsed,
    };
    if request.reference.is_some() {
        let none = |population: &Population<T>| {
            Differences::none(population.shape.len(), population.shape.channels, request.record)
        };
        outcome.differences = populations.iter().map(none).collect();
    }
    if request.record.spikes {
        outcome.trains = populations.iter().map(|_| Train { offsets: vec![0], ..Train::default() }).collect();
    }
    if request.record.neurons {
        outcome.neuron_spikes = populations.iter().map(|population| vec![0; population.shape.len()]).collect();
    }
    for result in results {
        outcome.outputs.extend_from_slice(&result.outputs);
        outcome.image_spikes.extend_from_slice(&result.image_spikes);
        outcome.exits += result.exits;
        outcome.reference_outputs.extend_from_slice(&result.reference_output);
        for (sum, counts) in outcome.counts.iter_mut().zip(result.counts) {
            *sum += counts;
        }
        for (sum, differences) in outcome.differences.iter_mut().zip(&result.differences) {
            sum.add(differences);
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
