//! Neurons that integrate their inputs in the order in which they arrive, and may spike on the way.
//!
//! The event engine brings the potential of each target to the time of a spike before it adds the spike's slope.
//!
//! The layered engine describes a neuron by what its inputs so far make of it at `t_min`: the excess `E` of its
//! potential over the threshold, and the slope `Q`. At a time `lead` before `t_min` the potential is then `E - lead Q`
//! over the threshold; it is compared with zero at each of the neuron's inputs, between which it is linear. Spikes at
//! the very end of their window change no potential before `t_min`, and with them the slope is known: they are left out
//! unless some are missing.

use crate::network::{Network, Stage};
use crate::neuron::{Membrane, Neuron, Onset};
use crate::real::Real;
use crate::signal::Signal;
use crate::synapse::{PoolScratch, Projection, Sums};

/// Memory of the neurons of one population; reused.
#[derive(Clone, Debug, Default)]
pub(super) struct AlphaState<T> {
    arrivals: Vec<Arrival<T>>,
    /// Of the event engine.
    membranes: Vec<Membrane<T>>,
    /// Of the layered engine: `E`, minus infinity once a neuron has spiked.
    excess: Vec<T>,
    /// Of the layered engine: `Q`.
    slope: Vec<T>,
    pool: PoolScratch<T>,
}

/// A spike that reaches a population over one of its projections.
#[derive(Clone, Copy, Debug)]
struct Arrival<T> {
    /// How long before `t_min`.
    lead: T,
    projection: u32,
    key: u32,
}

impl<T: Real> AlphaState<T> {
    /// Finds the values that neurons send, spike by spike. `values` has the bias of each neuron and what sources that do
    /// not spike add to it; it becomes what the neuron's spike stands for, or minus infinity if the threshold is not
    /// crossed in the window.
    pub(super) fn cross(&mut self, network: &Network<T>, index: usize, done: &[Signal<T>], values: &mut [T]) {
        let (Some(onset), Some(scales)) = (network.onset(index), network.scales(index)) else { return };
        let (projections, window) = synapses(network, index);
        self.membranes.clear();
        self.membranes.extend(values.iter().enumerate().map(|(neuron, &value)| onset.membrane(neuron, value)));
        self.arrive(network, projections, done, false);
        for &Arrival { lead, projection, key } in &self.arrivals {
            let projection = &projections[projection as usize];
            let worth = slope_of(network, projection, key);
            projection.each_row(key as usize, |first, weights, share| {
                for (membrane, &weight) in self.membranes[first..].iter_mut().zip(weights) {
                    membrane.advance(-lead);
                    membrane.slope += weight * share * worth;
                }
            });
        }
        for ((membrane, value), scale) in self.membranes.iter_mut().zip(values).zip(scales) {
            membrane.advance(window);
            *value = membrane.crossing.map_or(never(), |time| scale.value(window - time));
        }
    }

    /// The same at once. `values` has the sums of all inputs: they are what neurons send, but for neurons that cross the
    /// threshold before all inputs have arrived, and unless inputs are missing or weighted otherwise than meant. `raised`
    /// tells by how much a neuron's threshold is raised. Returns the multiply-adds that were done.
    pub(super) fn cross_at_once(
        &mut self,
        network: &Network<T>,
        index: usize,
        done: &[Signal<T>],
        raised: impl Fn(usize) -> T,
        values: &mut [T],
    ) -> u64 {
        for (neuron, value) in values.iter_mut().enumerate() {
            *value = *value - raised(neuron);
        }
        let (Some(onset), Some(scales)) = (network.onset(index), network.scales(index)) else { return 0 };
        let (projections, window) = synapses(network, index);
        let complete = !network.is_disturbed() && projections.iter().all(|p| is_complete(p, &done[p.source()]));
        let mut operations = self.sum_values(network, index, done);
        for (neuron, sum) in self.excess.iter_mut().enumerate() {
            *sum = *sum - raised(neuron);
        }
        if complete && !self.may_cross_early(network, onset, done, &mut operations) {
            return operations;
        }
        for (sum, &excess) in self.excess.iter_mut().zip(&onset.excess) {
            *sum += excess;
        }
        self.slope.clone_from(&onset.slope);
        self.arrive(network, projections, done, complete);
        for &Arrival { lead, projection, key } in &self.arrivals {
            let projection = &projections[projection as usize];
            let worth = slope_of(network, projection, key);
            projection.each_row(key as usize, |first, weights, share| {
                let targets = first..first + weights.len();
                let (excess, slope) = (&mut self.excess[targets.clone()], &mut self.slope[targets.clone()]);
                let crosses = |(&e, &q): (&T, &T)| e >= lead * q;
                if excess.iter().zip(&*slope).fold(false, |any, neuron| any | crosses(neuron)) {
                    let neurons = excess.iter_mut().zip(&*slope).zip(&scales[targets.clone()]);
                    for (((e, q), scale), value) in neurons.zip(&mut values[targets]) {
                        if crosses((e, q)) {
                            *value = scale.value(window + *e / *q);
                            *e = never();
                        }
                    }
                }
                let worth = worth * share;
                for ((e, q), &weight) in excess.iter_mut().zip(slope).zip(weights) {
                    let steeper = weight * worth;
                    *q += steeper;
                    *e += steeper * lead;
                }
                operations += 2 * weights.len() as u64;
            });
        }
        for (((&e, &q), scale), value) in self.excess.iter().zip(&self.slope).zip(scales).zip(values) {
            let crossed = e == never();
            if !crossed && (e >= T::ZERO || !complete) {
                *value = if q > T::ZERO { scale.value(window + e / q) } else { never() };
            }
        }
        operations
    }

    /// Whether any neuron would reach its threshold before `t_min` if it had no negative weights.
    fn may_cross_early(
        &mut self,
        network: &Network<T>,
        onset: &Onset<T>,
        done: &[Signal<T>],
        operations: &mut u64,
    ) -> bool {
        let most = &mut self.slope;
        most.clear();
        most.extend(self.excess.iter().zip(&onset.rising_excess).map(|(&sum, &excess)| sum + excess));
        for projection in &onset.rising {
            if let Signal::Spikes(spikes) = &done[projection.source()] {
                *operations +=
                    projection.gather_spikes(network.level(), spikes, &mut Sums::of(most), &mut self.pool).operations;
            }
        }
        most.iter().any(|&excess| excess >= T::ZERO)
    }

    /// Leaves the bias of each neuron, and what sources that do not spike add to it, in `excess`.
    fn sum_values(&mut self, network: &Network<T>, index: usize, done: &[Signal<T>]) -> u64 {
        let population = &network.populations()[index];
        let Stage::Neurons { projections, bias, .. } = &population.stage else { return 0 };
        let mut sums = Sums::begin(&mut self.excess, bias, population.shape);
        let mut operations = 0;
        for projection in projections {
            if let Signal::Values(values) = &done[projection.source()] {
                operations += projection.gather_values(network.level(), values, &mut sums, &mut self.pool);
            }
        }
        operations
    }

    /// Collects the spikes that reach a population, in the order in which they do; if `complete`, without those that come
    /// last of all, which raise no potential.
    fn arrive(&mut self, network: &Network<T>, projections: &[Projection<T>], done: &[Signal<T>], complete: bool) {
        self.arrivals.clear();
        for (index, projection) in projections.iter().enumerate() {
            let source = projection.source();
            let (Signal::Spikes(spikes), Some(scales)) = (&done[source], network.scales(source)) else { continue };
            let arrivals = spikes.keys.iter().zip(&spikes.values).map(|(&key, &value)| Arrival {
                lead: scales[key as usize].lead(value),
                projection: index as u32,
                key,
            });
            self.arrivals.extend(arrivals.filter(|arrival| !complete || arrival.lead > T::ZERO));
        }
        self.arrivals.sort_unstable_by(|a, b| {
            b.lead.total_cmp(&a.lead).then(a.projection.cmp(&b.projection)).then(a.key.cmp(&b.key))
        });
    }
}

/// The value of a neuron that does not cross its threshold; the excess of one that has spiked.
fn never<T: Real>() -> T {
    T::from_f64(f64::NEG_INFINITY)
}

/// The synapses of a population, and the length of its window.
fn synapses<T: Real>(network: &Network<T>, index: usize) -> (&[Projection<T>], T) {
    match &network.populations()[index].stage {
        Stage::Neurons { projections, neuron: Neuron::TtfsAlpha(alpha), .. } => (projections, alpha.window),
        _ => unreachable!("only such neurons begin with a slope"),
    }
}

/// What a unit of time is worth to a neuron that spikes.
fn slope_of<T: Real>(network: &Network<T>, projection: &Projection<T>, key: u32) -> T {
    network.scales(projection.source()).map_or(T::ONE, |scales| scales[key as usize].slope)
}

/// Whether all neurons of a source that spikes have done so.
fn is_complete<T: Real>(projection: &Projection<T>, signal: &Signal<T>) -> bool {
    match signal {
        Signal::Spikes(spikes) => spikes.len() == projection.input().len(),
        _ => true,
    }
}
