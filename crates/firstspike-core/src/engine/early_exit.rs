//! Early exit: an image ends as soon as its class cannot change any more.
//!
//! A layer's window is complete before the next begins, so what can be cut is the end of a run: the last spikes of the
//! last layer that spikes. Both engines drop them before they are delivered; the potentials that are read are partial.
//!
//! In `ttfs` the readout receives spikes in the order of time, the largest values first. At a time `left` before the end of
//! their window, a neuron `j` that has not spiked can send `s_j left` at most (`s` is what a unit of time is worth: 1, but
//! for `ttfs-alpha`). With `P` the potentials of the readout by then, class `c` is settled if for every other class `k`
//!
//! ```text
//! P_c - P_k > left * sum_j max(0, W_jk - W_jc) s_j + rounding        j over neurons that have not spiked
//! ```
//!
//! where neurons of either sign have `|W_jk - W_jc|`. Both sides change in favour of `c` as time goes on, so the earliest
//! such time is found by bisection. `rounding` bounds the errors of all sums, those of the whole run too: the label is the
//! same even where the whole run would find two potentials equal, and take the first.
//!
//! In `quartz` the last layer is read from its own spikes, one neuron for each class. Once all of its inputs have arrived,
//! all potentials rise by 1 in each step, so that the first to spike has the largest value. Where the potential at the
//! spike tells the value between two levels of time, one more step is waited for: what spikes later is then smaller by
//! about a level, and rounding cannot make up for that. An image whose last layer has spiked before its inputs were
//! complete, or in which times are disturbed, runs to its end.

use super::Workspace;
use crate::network::{Bias, Network, Population, Stage};
use crate::neuron::{Activation, Neuron, Quartz, Scale, Timing};
use crate::real::Real;
use crate::record::Exits;
use crate::shape::Shape;
use crate::signal::{Signal, SpikeList};
use crate::synapse::Projection;

/// How images of a network may end early.
#[derive(Clone, Debug)]
pub(crate) struct EarlyExit {
    /// The last population that spikes.
    source: usize,
    ending: Ending,
}

/// How the last population spikes.
#[derive(Clone, Debug)]
enum Ending {
    /// Once in a window; a dense readout adds up what it sends.
    Window { width: f64, signed: bool },
    /// On a grid of time; its own spikes are read. `complete` has the step of each neuron's last input.
    Grid { quartz: Quartz, complete: Vec<usize> },
}

impl EarlyExit {
    /// # Errors
    /// Why images cannot.
    pub(crate) fn of<T: Real>(
        populations: &[Population<T>],
        timings: &[Option<Timing<T>>],
        scales: &[Option<Vec<Scale<T>>>],
    ) -> Result<Self, String> {
        let Some((shape, projection, bias)) = populations.last().and_then(readout) else {
            return Err("the output is not that of one layer whose potentials are compared".to_owned());
        };
        if shape.len() < 2 {
            return Err("there is only one class".to_owned());
        }
        let source = projection.source();
        let Population { name, stage, shape, .. } = &populations[source];
        let ending = match (timings[source], stage) {
            (Some(Timing::Once(_) | Timing::Crossing(_)), _) if !projection.is_dense() => {
                return Err(format!("not every spike of {name} reaches all classes"));
            }
            (Some(Timing::Once(window)), _) if ends_with_window(populations, source) => {
                Ending::Window { width: window.width.to_f64(), signed: window.signed }
            }
            (Some(Timing::Crossing(width)), _) => {
                if scales[source].iter().flatten().any(|scale| scale.origin != T::ZERO) {
                    return Err(format!("the last spikes of {name} stand for values other than zero"));
                }
                Ending::Window { width: width.to_f64(), signed: false }
            }
            (Some(Timing::Grid(_)), Stage::Neurons { projections, bias: own, neuron: Neuron::Quartz(quartz) })
                if !quartz.rectify =>
            {
                if !projection.is_scaling() || bias.values.iter().any(|&bias| bias != T::ZERO) {
                    return Err(format!("the values of {name} are not compared as they are"));
                }
                if !projections.iter().all(|p| ends_with_readout(populations, p.source())) {
                    return Err(format!("inputs of {name} may arrive after its readout"));
                }
                let biases = (0..shape.pixels()).flat_map(|pixel| own.of_pixel(pixel, shape.channels));
                let last = |&bias: &T| quartz.bias_spike(bias).map_or(0, |(step, _)| step).max(quartz.readout_step());
                Ending::Grid { quartz: *quartz, complete: biases.map(last).collect() }
            }
            _ => {
                return Err(format!(
                    "{name}, which is read last, does not spike once, the earlier the larger its value"
                ));
            }
        };
        Ok(Self { source, ending })
    }
}

/// Shape, synapses and bias of a layer whose potentials are read, if it has one source.
fn readout<T: Real>(population: &Population<T>) -> Option<(Shape, &Projection<T>, &Bias<T>)> {
    match &population.stage {
        Stage::Neurons { projections, bias, neuron: Neuron::Analog(Activation::Identity) } => match &projections[..] {
            [projection] => Some((population.shape, projection, bias)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether all that neurons of a `ttfs` network send comes before the end of their window.
fn ends_with_window<T: Real>(populations: &[Population<T>], index: usize) -> bool {
    match &populations[index].stage {
        Stage::Input { encoder, .. } => encoder.is_some_and(|encoder| encoder.saturate),
        Stage::Neurons { .. } => true,
        Stage::MaxPool { source, .. } | Stage::Permute { source, .. } => ends_with_window(populations, *source),
        Stage::Concat { sources } => sources.iter().all(|&source| ends_with_window(populations, source)),
        Stage::Product { .. } => false,
    }
}

/// Whether all that Quartz neurons send arrives before the next layer is read.
fn ends_with_readout<T: Real>(populations: &[Population<T>], index: usize) -> bool {
    match &populations[index].stage {
        Stage::Neurons { neuron: Neuron::Quartz(quartz), .. } => quartz.rectify,
        Stage::MaxPool { source, .. } | Stage::Permute { source, .. } => ends_with_readout(populations, *source),
        Stage::Concat { sources } => sources.iter().all(|&source| ends_with_readout(populations, source)),
        _ => false,
    }
}

impl<T: Real> Workspace<T> {
    /// Behind the last population that spikes: drops its spikes that come after the class is settled.
    pub(super) fn end_early(&mut self, network: &Network<T>, index: usize) {
        let Ok(exit) = network.early_exit() else { return };
        if !self.exits_early || exit.source != index {
            return;
        }
        match &exit.ending {
            Ending::Window { width, signed } => self.end_window(network, index, *width, *signed),
            Ending::Grid { quartz, complete } => self.end_grid(network, index, *quartz, complete),
        }
    }

    fn end_window(&mut self, network: &Network<T>, index: usize, width: f64, signed: bool) {
        let Signal::Spikes(spikes) = &mut self.signals[index] else { return };
        spikes.list(network.level());
        let Some((shape, projection, bias)) = network.populations().last().and_then(readout) else { return };
        let window = LastWindow { network, index, shape, projection, bias, width, signed };
        let Some(Settled { sent, left }) = self.settling.settle(&window, spikes) else { return };
        let (all, events) = (spikes.spikes(), projection.events(spikes));
        let leads = &self.settling.leads;
        spikes.retain(network.populations()[index].shape, |key| leads[key as usize] >= sent);
        self.lanes[index].retain(|&(_, key, ..)| leads[key as usize] >= sent);
        let saved = all - spikes.spikes();
        self.counts[index].spikes -= saved;
        self.exits += Exits {
            images: 1,
            spikes: saved,
            synaptic_events: events - projection.events(spikes),
            window: left / width,
        };
    }

    fn end_grid(&mut self, network: &Network<T>, index: usize, quartz: Quartz, complete: &[usize]) {
        let counts = &mut self.counts[index];
        let signal = &mut self.signals[index];
        if self.disturbance.is_some() || counts.saturated > 0 {
            return;
        }
        // A train begins with the first step whose spikes are sent.
        let begin = quartz.levels - 1;
        let mut first = None;
        signal.each_spike(|step, _| first = Some(first.map_or(step, |first: usize| first.min(step))));
        let Some(first) = first else { return };
        let step = (first + begin + usize::from(quartz.readout)).max(complete.iter().copied().max().unwrap_or(0));
        let Some(left) = quartz.steps().checked_sub(step + 1).filter(|&left| left > 0) else { return };
        let mut incomplete = false;
        signal.each_spike(|sent, key| incomplete |= sent + begin <= step && sent + begin < complete[key as usize]);
        if !quartz.latch && incomplete {
            return;
        }
        let saved = signal.end_before(step - begin + 1);
        counts.spikes -= saved;
        counts.updates -= (network.populations()[index].shape.len() * left) as u64;
        self.exits +=
            Exits { images: 1, spikes: saved, synaptic_events: 0, window: left as f64 / quartz.steps() as f64 };
    }
}

/// The window of the last neurons that spike, and what reads it.
struct LastWindow<'a, T> {
    network: &'a Network<T>,
    index: usize,
    /// Of the readout.
    shape: Shape,
    projection: &'a Projection<T>,
    bias: &'a Bias<T>,
    width: f64,
    signed: bool,
}

impl<T: Real> LastWindow<'_, T> {
    /// What a unit of time is worth to a neuron.
    fn slope(&self, neuron: usize) -> f64 {
        self.network.scales(self.index).map_or(1.0, |scales| scales[neuron].slope.to_f64())
    }
}

/// When a class is settled.
#[derive(Clone, Copy, Debug)]
struct Settled {
    /// How long before the window's end the last spike was sent; infinite if there was none.
    sent: f64,
    /// How long before the window's end the class is settled.
    left: f64,
}

/// A neuron's spike.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// How long before the window's end it comes.
    lead: f64,
    key: u32,
    /// What it stands for.
    value: f64,
}

/// Memory to find when a class is settled; reused from image to image. What neurons behind an average pooling receive is
/// summed up first.
#[derive(Clone, Debug, Default)]
pub(super) struct Settling {
    /// How long before the window's end each neuron spikes; minus infinity if it never does.
    leads: Vec<f64>,
    /// All spikes, in the order of time.
    order: Vec<Sent>,
    /// Where the spikes of each time end; none have been sent before the first.
    ends: Vec<usize>,
    /// What the spikes before an open time add up to, and their magnitudes.
    sent: [Vec<f64>; 2],
    /// What can still be sent after a time at which the class is settled, for each unit of time that is left.
    slopes: Vec<f64>,
    /// The same at a time in between.
    middle_sent: [Vec<f64>; 2],
    middle_slopes: Vec<f64>,
    /// Of each class: potential, how much it can still gain on the leader for each unit of time, and the largest sum that
    /// its potential can become a part of.
    potentials: Vec<f64>,
    gains: Vec<f64>,
    sizes: Vec<f64>,
}

impl Settling {
    /// Finds the earliest time at which a class is settled; nothing if that is the window's end.
    fn settle<T: Real>(&mut self, window: &LastWindow<'_, T>, spikes: &SpikeList<T>) -> Option<Settled> {
        self.begin(window, spikes);
        // Numbers of times: the class is not settled before `open`, and by `latest`. What is sent in the first `known` of
        // them is summed up.
        let (mut known, mut open, mut latest) = (0, 0, self.ends.len() - 1);
        let mut earliest = self.settled(window, [known, latest, latest])?;
        while open < latest {
            let middle = open.midpoint(latest);
            let next = self.order[self.ends[middle]].lead;
            let settled = self.settled(window, [known, middle, latest]);
            if let Some(earlier) = settled.filter(|settled| settled.left >= next) {
                (latest, earliest) = (middle, earlier);
                std::mem::swap(&mut self.slopes, &mut self.middle_slopes);
            } else {
                (known, open) = (middle, middle + 1);
                std::mem::swap(&mut self.sent, &mut self.middle_sent);
            }
        }
        Some(earliest)
    }

    /// Orders the spikes; sums up what neurons that never spike might have sent.
    fn begin<T: Real>(&mut self, window: &LastWindow<'_, T>, spikes: &SpikeList<T>) {
        let projection = window.projection;
        self.leads.clear();
        self.leads.resize(projection.input().len(), f64::NEG_INFINITY);
        self.order.clear();
        for (key, value, _) in spikes.entries() {
            let lead = window.network.lead(window.index, key, value).to_f64();
            let lead = if window.signed { lead.abs() } else { lead };
            self.leads[key as usize] = lead;
            self.order.push(Sent { lead, key, value: value.to_f64() });
        }
        self.order.sort_unstable_by(|a, b| b.lead.total_cmp(&a.lead).then(a.key.cmp(&b.key)));
        self.ends.clear();
        self.ends.push(0);
        for (at, sent) in self.order.iter().enumerate() {
            if self.order.get(at + 1).is_none_or(|next| next.lead != sent.lead) {
                self.ends.push(at + 1);
            }
        }
        for sums in self.sent.iter_mut().chain([&mut self.slopes]) {
            sums.clear();
            sums.resize(projection.pooled(), 0.0);
        }
        for (neuron, _) in self.leads.iter().enumerate().filter(|(_, lead)| **lead == f64::NEG_INFINITY) {
            let slope = window.slope(neuron);
            projection.each_pooled(neuron, |pooled, share| self.slopes[pooled] += share * slope);
        }
    }

    /// When a class is settled if nothing spikes after the first `middle` times; nothing if that is the window's end.
    fn settled<T: Real>(&mut self, window: &LastWindow<'_, T>, [known, middle, latest]: [usize; 3]) -> Option<Settled> {
        let &LastWindow { shape, projection, bias, width, signed, .. } = window;
        let [known, middle, latest] = [known, middle, latest].map(|count| self.ends[count]);
        let last = middle.checked_sub(1).map_or(f64::INFINITY, |last| self.order[last].lead);
        let mut left = last.min(width);

        self.middle_slopes.clone_from(&self.slopes);
        self.middle_sent.clone_from(&self.sent);
        let [sent, magnitudes] = &mut self.middle_sent;
        for &Sent { key, value, .. } in &self.order[known..middle] {
            projection.each_pooled(key as usize, |pooled, share| {
                sent[pooled] += share * value;
                magnitudes[pooled] += share * value.abs();
            });
        }
        for &Sent { key, .. } in &self.order[middle..latest] {
            let slope = window.slope(key as usize);
            projection.each_pooled(key as usize, |pooled, share| self.middle_slopes[pooled] += share * slope);
        }

        let biases = (0..shape.pixels()).flat_map(|pixel| bias.of_pixel(pixel, shape.channels));
        self.potentials.clear();
        self.potentials.extend(biases.map(|bias| bias.to_f64()));
        self.sizes.clear();
        self.sizes.extend(self.potentials.iter().map(|bias| bias.abs()));
        self.gains.clear();
        self.gains.resize(self.potentials.len(), 0.0);
        projection.each_pooled_row(|neuron, weights| {
            if sent[neuron] != 0.0 {
                for (potential, weight) in self.potentials.iter_mut().zip(weights) {
                    *potential += sent[neuron] * weight.to_f64();
                }
            }
        });
        let classes = 0..self.potentials.len();
        let leader = classes.clone().reduce(|a, b| if self.potentials[b] > self.potentials[a] { b } else { a })?;
        projection.each_pooled_row(|neuron, weights| {
            let slope = self.middle_slopes[neuron];
            let magnitude = magnitudes[neuron] + slope * left;
            let own = weights[leader].to_f64();
            for ((gain, size), weight) in self.gains.iter_mut().zip(&mut self.sizes).zip(weights) {
                let more = weight.to_f64() - own;
                *gain += slope * if signed { more.abs() } else { more.max(0.0) };
                *size += magnitude * weight.to_f64().abs();
            }
        });
        // Each sum has at most so many terms, and as many roundings: twice what they amount to in two potentials, in the
        // whole run and here.
        let rounding = 4.0 * T::ROUNDOFF * (projection.input().len() + 8) as f64;
        for class in classes.filter(|&class| class != leader) {
            let lead = self.potentials[leader] - self.potentials[class];
            let ahead = lead - rounding * (self.sizes[leader] + self.sizes[class]);
            if ahead.is_nan() || ahead <= 0.0 {
                return None;
            }
            left = left.min(ahead / self.gains[class]);
        }
        Some(Settled { sent: last, left })
    }
}
