//! Runs of whole networks over many images. Only spikes cause work at synapses, and compartments that nothing would change
//! are left alone.

use super::compartment::{Compartment, Step};
use super::network::{ChipNetwork, Fan};
use crate::error::RunError;
use rayon::prelude::*;
use std::ops::{AddAssign, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Compartments that rest together.
const BLOCK: usize = 64;

/// Steps after which a run looks whether it was cancelled.
const PATIENCE: usize = 16;

/// What comes from outside.
#[derive(Clone, Debug, Default)]
pub struct ChipInput {
    /// Where each image's spikes begin; one more than there are images.
    pub offsets: Vec<u32>,
    /// Steps in which spikes arrive, if nothing delays them. A compartment's own spike of step `t` arrives in `t + 1`.
    pub steps: Vec<u32>,
    /// Compartments that spike, all groups numbered through.
    pub compartments: Vec<u32>,
    /// The group whose biases are those of the image, if there is one.
    pub biased: Option<usize>,
    /// Mantissas of its biases, image after image.
    pub biases: Vec<i16>,
}

/// What to keep beside outputs and counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChipRecord {
    /// Every spike.
    pub spikes: bool,
    /// Spikes of each compartment, summed over images.
    pub compartments: bool,
    /// Currents and potentials of all compartments after the last step.
    pub states: bool,
}

/// What to run.
#[derive(Debug)]
pub struct ChipRequest<'a> {
    /// Images.
    pub input: &'a ChipInput,
    /// Number of images.
    pub count: usize,
    /// Steps of each image, which begins at rest.
    pub steps: usize,
    /// What to keep.
    pub record: ChipRecord,
    /// Ends the run early.
    pub cancel: &'a AtomicBool,
    /// Images that are done.
    pub progress: &'a AtomicUsize,
}

/// What a group did in a step, over all images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spikes sent.
    pub spikes: u64,
    /// Synapses onto the group that spikes of this step went over.
    pub synaptic_events: u64,
    /// Compartments that had anything to do: of input, current, potential and bias one was not zero.
    pub updates: u64,
    /// Compartments whose registers could not hold a sum. (Potentials that end at their limits do not count.)
    pub overflows: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.spikes += other.spikes;
        self.synaptic_events += other.synaptic_events;
        self.updates += other.updates;
        self.overflows += other.overflows;
    }
}

/// Spikes of an image, in the order of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raster {
    /// Step of each spike.
    pub steps: Vec<u32>,
    /// Compartment of each spike, all groups numbered through.
    pub compartments: Vec<u32>,
}

/// What a run gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Of each image: potentials of the output group after the last step.
    pub potentials: Vec<i32>,
    /// Of each image: spikes of each output.
    pub output_spikes: Vec<u32>,
    /// Of each image: step of the first spike of each output; -1 for none.
    pub first_spikes: Vec<i32>,
    /// Spikes of each image.
    pub image_spikes: Vec<u32>,
    /// Of each group, what it did in each step: `[group][step]`.
    pub counts: Vec<Vec<Counts>>,
    /// Spikes of each compartment, if recorded.
    pub compartment_spikes: Vec<u32>,
    /// Of each image: all spikes, if recorded.
    pub rasters: Vec<Raster>,
    /// Of each image: currents of all compartments after the last step, if recorded.
    pub currents: Vec<i32>,
    /// Of each image: potentials of all compartments after the last step, if recorded.
    pub voltages: Vec<i32>,
    /// Time from the first image to the last.
    pub elapsed: Duration,
}

/// A group at work.
#[derive(Debug)]
struct Active {
    compartments: Vec<Compartment>,
    /// What arrives in this step.
    input: Vec<i32>,
    bias: Vec<i32>,
    /// Of each block: whether a step without input would change it, as far as is known.
    awake: Vec<bool>,
    /// Of each block: whether anything arrives.
    touched: Vec<bool>,
    /// Of each block that rests: compartments that are not at zero.
    busy: Vec<u32>,
    /// Spikes by the step in which they arrive without delay.
    sent: Vec<Vec<u32>>,
}

impl Active {
    fn new(size: usize, ring: usize) -> Self {
        let blocks = size.div_ceil(BLOCK);
        Self {
            compartments: vec![Compartment::default(); size],
            input: vec![0; size],
            bias: vec![0; size],
            awake: vec![true; blocks],
            touched: vec![false; blocks],
            busy: vec![0; blocks],
            sent: vec![Vec::new(); ring],
        }
    }

    fn begin(&mut self) {
        self.compartments.fill(Compartment::default());
        self.input.fill(0);
        self.awake.fill(true);
        self.touched.fill(false);
        self.sent.iter_mut().for_each(Vec::clear);
    }

    fn touch(&mut self, targets: Range<usize>) {
        self.touched[targets.start / BLOCK..=(targets.end - 1) / BLOCK].fill(true);
    }
}

/// Memory of one run at a time.
#[derive(Debug)]
struct Workspace {
    groups: Vec<Active>,
    /// Sums of mantissas, where exponents are those of sums.
    sums: Vec<i32>,
    counts: Vec<Vec<Counts>>,
    compartment_spikes: Vec<u32>,
}

/// One image's share of an [`Outcome`].
struct ImageOutcome {
    potentials: Vec<i32>,
    output_spikes: Vec<u32>,
    first_spikes: Vec<i32>,
    spikes: u32,
    raster: Raster,
    states: Vec<Compartment>,
}

/// Runs images on the current thread pool. The outcome does not depend on the number of threads.
///
/// # Errors
/// If the input does not fit the network, or the run was cancelled.
pub fn run(network: &ChipNetwork, request: &ChipRequest<'_>) -> Result<Outcome, RunError> {
    let &ChipRequest { count, steps, record, cancel, progress, .. } = request;
    check(network, request)?;
    let start = Instant::now();
    let spare: Mutex<Vec<Workspace>> = Mutex::default();
    let lock = || spare.lock().unwrap_or_else(PoisonError::into_inner);
    let images = (0..count).into_par_iter().map(|image| {
        let taken = lock().pop();
        let mut space = taken.unwrap_or_else(|| Workspace::new(network, steps, record));
        let outcome = space.run(network, request, image);
        lock().push(space);
        progress.fetch_add(1, Ordering::Relaxed);
        outcome.ok_or(RunError::Cancelled)
    });
    let images: Vec<ImageOutcome> = images.collect::<Result<_, _>>()?;
    if cancel.load(Ordering::Relaxed) {
        return Err(RunError::Cancelled);
    }
    let mut outcome =
        Outcome { counts: vec![vec![Counts::default(); steps]; network.groups.len()], ..Outcome::default() };
    if record.compartments {
        outcome.compartment_spikes = vec![0; network.compartments()];
    }
    // Sums of integers: the order does not matter.
    for space in spare.into_inner().unwrap_or_else(PoisonError::into_inner) {
        for (sum, counts) in outcome.counts.iter_mut().flatten().zip(space.counts.into_iter().flatten()) {
            *sum += counts;
        }
        for (sum, spikes) in outcome.compartment_spikes.iter_mut().zip(space.compartment_spikes) {
            *sum += spikes;
        }
    }
    for image in images {
        outcome.potentials.extend(image.potentials);
        outcome.output_spikes.extend(image.output_spikes);
        outcome.first_spikes.extend(image.first_spikes);
        outcome.image_spikes.push(image.spikes);
        outcome.currents.extend(image.states.iter().map(|state| state.current));
        outcome.voltages.extend(image.states.iter().map(|state| state.voltage));
        if record.spikes {
            outcome.rasters.push(image.raster);
        }
    }
    outcome.elapsed = start.elapsed();
    Ok(outcome)
}

fn check(network: &ChipNetwork, request: &ChipRequest<'_>) -> Result<(), RunError> {
    let invalid = |reason: String| Err(RunError::ChipInput { reason });
    let (count, ChipInput { offsets, steps, compartments, biased, biases }) = (request.count, request.input);
    if offsets.len() != count + 1 || !offsets.is_sorted() || offsets[count] as usize != steps.len() {
        return invalid(format!("{count} images need {} ascending offsets that end with their spikes", count + 1));
    }
    if steps.len() != compartments.len() {
        return invalid(format!("{} steps for {} spikes", steps.len(), compartments.len()));
    }
    if let Some(step) = steps.iter().find(|&&step| step as usize >= request.steps) {
        return invalid(format!("a spike arrives in step {step}, but there are {} steps", request.steps));
    }
    if let Some(compartment) = compartments.iter().find(|&&compartment| compartment as usize >= network.compartments())
    {
        return invalid(format!("compartment {compartment} is none of {}", network.compartments()));
    }
    let sizes = biased.map(|group| network.groups.get(group).map(|group| group.size));
    let Some(size) = sizes.unwrap_or(Some(0)) else { return invalid("the biased group is none".to_owned()) };
    if biases.len() != count * size {
        return invalid(format!("{} biases, but {count} images of {size}", biases.len()));
    }
    if let Some(bias) = biases.iter().find(|bias| !(-4096..=4095).contains(*bias)) {
        return invalid(format!("the bias {bias} cannot be stored"));
    }
    if !network.rules.biases && biases.iter().any(|&bias| bias != 0) {
        return invalid("these rules know no biases".to_owned());
    }
    Ok(())
}

impl Workspace {
    fn new(network: &ChipNetwork, steps: usize, record: ChipRecord) -> Self {
        let mut groups: Vec<Active> =
            network.groups.iter().map(|group| Active::new(group.size, network.reach + 1)).collect();
        for (active, group) in groups.iter_mut().zip(&network.groups) {
            for (bias, &mantissa) in active.bias.iter_mut().zip(&group.bias) {
                *bias = i32::from(mantissa) << group.profile.bias_exponent;
            }
        }
        let summed = network.fans.iter().filter(|fan| fan.summed.is_some());
        Self {
            groups,
            sums: vec![0; summed.map(|fan| network.groups[fan.target].size).max().unwrap_or(0)],
            counts: vec![vec![Counts::default(); steps]; network.groups.len()],
            compartment_spikes: vec![0; if record.compartments { network.compartments() } else { 0 }],
        }
    }

    /// Runs an image from rest; nothing if it was cancelled.
    fn run(&mut self, network: &ChipNetwork, request: &ChipRequest<'_>, image: usize) -> Option<ImageOutcome> {
        let outputs = network.outputs();
        let mut outcome = ImageOutcome {
            potentials: Vec::new(),
            output_spikes: vec![0; outputs],
            first_spikes: vec![-1; outputs],
            spikes: 0,
            raster: Raster::default(),
            states: Vec::new(),
        };
        self.groups.iter_mut().for_each(Active::begin);
        self.bias(network, request.input, image);
        let mut outside = sorted_spikes(request.input, image).into_iter().peekable();
        for step in 0..request.steps {
            if step % PATIENCE == 0 && request.cancel.load(Ordering::Relaxed) {
                return None;
            }
            while let Some((_, compartment)) = outside.next_if(|&(at, _)| at as usize == step) {
                let compartment = compartment as usize;
                let group = network.starts.partition_point(|&start| start <= compartment) - 1;
                let of_group = (compartment - network.starts[group]) as u32;
                let sent = &mut self.groups[group].sent[step % (network.reach + 1)];
                if let Err(at) = sent.binary_search(&of_group) {
                    sent.insert(at, of_group);
                    let sent_in = step.saturating_sub(1);
                    self.spiked(network, request, &mut outcome, (group, of_group, sent_in));
                }
            }
            for fan in &network.fans {
                self.deliver(network, fan, step);
            }
            for group in 0..network.groups.len() {
                self.update(network, group, step);
                let next = &self.groups[group].sent[(step + 1) % (network.reach + 1)];
                for at in 0..next.len() {
                    let of_group = self.groups[group].sent[(step + 1) % (network.reach + 1)][at];
                    self.spiked(network, request, &mut outcome, (group, of_group, step));
                }
            }
        }
        let output = &self.groups[network.output].compartments;
        outcome.potentials.extend(output.iter().map(|compartment| compartment.voltage));
        if request.record.states {
            outcome.states = self.groups.iter().flat_map(|group| group.compartments.iter().copied()).collect();
        }
        Some(outcome)
    }

    /// Sets the biases that are those of the image.
    fn bias(&mut self, network: &ChipNetwork, input: &ChipInput, image: usize) {
        let Some(group) = input.biased else { return };
        let (size, exponent) = (network.groups[group].size, network.groups[group].profile.bias_exponent);
        for (bias, &mantissa) in self.groups[group].bias.iter_mut().zip(&input.biases[image * size..][..size]) {
            *bias = i32::from(mantissa) << exponent;
        }
    }

    /// Counts and keeps a spike.
    fn spiked(
        &mut self,
        network: &ChipNetwork,
        request: &ChipRequest<'_>,
        outcome: &mut ImageOutcome,
        (group, compartment, step): (usize, u32, usize),
    ) {
        self.counts[group][step].spikes += 1;
        outcome.spikes += 1;
        let through = network.starts[group] + compartment as usize;
        if let Some(spikes) = self.compartment_spikes.get_mut(through) {
            *spikes += 1;
        }
        if group == network.output {
            outcome.output_spikes[compartment as usize] += 1;
            let first = &mut outcome.first_spikes[compartment as usize];
            if *first < 0 {
                *first = step as i32;
            }
        }
        if request.record.spikes {
            outcome.raster.steps.push(step as u32);
            outcome.raster.compartments.push(through as u32);
        }
    }

    /// Adds up what arrives over some synapses.
    fn deliver(&mut self, network: &ChipNetwork, fan: &Fan, step: usize) {
        let Some(sent_for) = step.checked_sub(fan.delay) else { return };
        let at = sent_for % (network.reach + 1);
        if self.groups[fan.source].sent[at].is_empty() {
            return;
        }
        let spikes = std::mem::take(&mut self.groups[fan.source].sent[at]);
        let target = &mut self.groups[fan.target];
        let mut events = 0;
        if let Some(exponent) = fan.summed {
            let sums = &mut self.sums[..target.input.len()];
            sums.fill(0);
            for &spike in &spikes {
                fan.each_row(spike as usize, |first, weights, synapses| {
                    add(&mut sums[first..], weights);
                    target.touch(first..first + weights.len());
                    events += u64::from(synapses);
                });
            }
            for (input, &sum) in target.input.iter_mut().zip(&*sums) {
                *input = input.wrapping_add((sum >> -exponent) * 64);
            }
        } else {
            for &spike in &spikes {
                fan.each_row(spike as usize, |first, weights, synapses| {
                    if synapses > 0 {
                        add(&mut target.input[first..], weights);
                        target.touch(first..first + weights.len());
                        events += u64::from(synapses);
                    }
                });
            }
        }
        // A spike goes over its synapses in the step in which it is sent, and waits behind them.
        let sent_in = step.saturating_sub(1 + fan.synaptic_delay);
        self.counts[fan.target][sent_in].synaptic_events += events;
        self.groups[fan.source].sent[at] = spikes;
    }

    /// Changes the compartments of a group; the list of its spikes is that of the next step.
    fn update(&mut self, network: &ChipNetwork, group: usize, step: usize) {
        let (rules, profile) = (&network.rules, &network.groups[group].profile);
        let active = &mut self.groups[group];
        let sent = &mut active.sent[(step + 1) % (network.reach + 1)];
        sent.clear();
        let (mut updates, mut overflows) = (0, 0);
        for block in 0..active.awake.len() {
            if !active.awake[block] && !active.touched[block] {
                updates += active.busy[block];
                continue;
            }
            let first = block * BLOCK;
            let end = (first + BLOCK).min(active.compartments.len());
            let (mut still, mut busy) = (true, 0);
            let states = active.compartments[first..end].iter_mut();
            let inputs = active.input[first..end].iter_mut().zip(&active.bias[first..end]);
            for (index, (state, (input, &bias))) in states.zip(inputs).enumerate() {
                let before = *state;
                let arrived = std::mem::take(input);
                let Step { spikes, overflows: over } = state.step(rules, profile, arrived, bias);
                overflows += u64::from(over);
                if spikes {
                    sent.push((first + index) as u32);
                }
                busy += u32::from(arrived != 0 || state.current != 0 || before.voltage != 0 || bias != 0);
                still &= arrived == 0 && *state == before && !spikes && !over;
            }
            // What a step without input leaves as it is, the next one does, too.
            active.awake[block] = !still;
            active.touched[block] = false;
            active.busy[block] = busy;
            updates += busy;
        }
        self.counts[group][step].updates += u64::from(updates);
        self.counts[group][step].overflows += overflows;
    }
}

#[inline]
fn add(targets: &mut [i32], weights: &[i32]) {
    for (target, &weight) in targets.iter_mut().zip(weights) {
        *target = target.wrapping_add(weight);
    }
}

/// Spikes of an image from outside: step and compartment, in the order of steps.
fn sorted_spikes(input: &ChipInput, image: usize) -> Vec<(u32, u32)> {
    let range = input.offsets[image] as usize..input.offsets[image + 1] as usize;
    let steps = input.steps[range.clone()].iter().copied();
    let mut spikes: Vec<_> = steps.zip(input.compartments[range].iter().copied()).collect();
    spikes.sort_unstable();
    spikes
}
