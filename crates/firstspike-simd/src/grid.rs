//! All steps of neurons whose inputs are known: a few registers of neurons at a time go through the steps, of which each
//! has its list of spikes. And spikes one by one to their targets, of which there are few in a step.

use crate::gates::Number;
use crate::kernels::MOST_LANES;
use crate::vector::Vector;

/// What a spike adds to its targets. Neurons that see the same weights share a stamp: stretches of weights over targets
/// side by side.
#[derive(Clone, Debug)]
pub struct Stamps<T> {
    targets: usize,
    /// Stamp and first target of each neuron.
    neurons: Vec<(u32, u32)>,
    /// Stretches of each stamp; one more than there are stamps.
    begins: Vec<usize>,
    stretches: Vec<Stretch>,
    weights: Vec<T>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Relative to the first target.
    target: usize,
    /// Where its weights begin.
    weight: usize,
    count: usize,
}

impl<T: Copy> Stamps<T> {
    /// Without neurons as yet.
    pub fn new(targets: usize) -> Self {
        Self { targets, neurons: Vec::new(), begins: vec![0], stretches: Vec::new(), weights: Vec::new() }
    }

    /// Adds a stamp, from stretches of weights and the targets at which they begin, relative to the first. Gives its
    /// number.
    pub fn add_stamp<'a>(&mut self, stretches: impl Iterator<Item = (usize, &'a [T])>) -> u32
    where
        T: 'a,
    {
        let begin = self.stretches.len();
        for (target, weights) in stretches {
            match self.stretches[begin..].last_mut() {
                Some(last) if last.target + last.count == target => last.count += weights.len(),
                _ => self.stretches.push(Stretch { target, weight: self.weights.len(), count: weights.len() }),
            }
            self.weights.extend_from_slice(weights);
        }
        self.begins.push(self.stretches.len());
        self.begins.len() as u32 - 2
    }

    /// Adds the next neuron.
    ///
    /// # Panics
    /// If there is no such stamp, or no such targets.
    pub fn add_neuron(&mut self, stamp: u32, first: u32) {
        let ends = self.stamp(stamp).iter().map(|stretch| first as usize + stretch.target + stretch.count);
        assert!(ends.max().unwrap_or(0) <= self.targets, "every target exists");
        self.neurons.push((stamp, first));
    }

    fn stamp(&self, stamp: u32) -> &[Stretch] {
        &self.stretches[self.begins[stamp as usize]..self.begins[stamp as usize + 1]]
    }

    /// Weights of all stamps.
    pub fn weights(&self) -> usize {
        self.weights.len()
    }

    /// Number of targets.
    pub(crate) fn targets(&self) -> usize {
        self.targets
    }
}

/// Adds spikes to the targets.
///
/// # Safety
/// The instruction set of `V` must be available; there must be as many targets as the stamps have.
#[inline(always)]
pub(crate) unsafe fn stamp<V: Vector>(
    stamps: &Stamps<V::Scalar>,
    (keys, values): (&[u32], &[V::Scalar]),
    targets: *mut V::Scalar,
) {
    for (&key, &value) in keys.iter().zip(values) {
        let (stamp, first) = stamps.neurons[key as usize];
        for &Stretch { target, weight, count } in stamps.stamp(stamp) {
            // SAFETY: `add_neuron` checked the targets, and each stretch has as many weights.
            unsafe {
                let value = V::splat(value);
                let (to, from) = (targets.add(first as usize + target), stamps.weights.as_ptr().add(weight));
                let mut at = 0;
                while at + V::LANES <= count {
                    V::load(to.add(at)).add_product(value, V::load(from.add(at))).store(to.add(at));
                    at += V::LANES;
                }
                if at < count {
                    let rest = count - at;
                    let weights = V::load_first(from.add(at), rest);
                    V::load_first(to.add(at), rest).add_product(value, weights).store_first(to.add(at), rest);
                }
            }
        }
    }
}

/// No row of arrivals.
pub const NOTHING: u32 = u32::MAX;

/// What arrives at neurons in each step.
#[derive(Clone, Copy, Debug)]
pub struct Arriving<'a, T> {
    /// Which row each step has; [`NOTHING`] where nothing arrives.
    pub rows: &'a [u32],
    /// Rows of numbers, one for each neuron.
    pub sums: &'a [T],
    /// Neurons.
    pub neurons: usize,
}

impl<T> Arriving<'_, T> {
    /// # Panics
    /// If there is no such row.
    pub(crate) fn check(&self) {
        let rows = self.rows.iter().filter(|&&row| row != NOTHING).max().map_or(0, |&row| row as usize + 1);
        assert!(rows * self.neurons <= self.sums.len(), "every row of arrivals exists");
    }
}

/// Neurons that add what arrives to their current, and their current to their potential, in each step, and spike when
/// the potential has come to a threshold; then both are zero.
#[derive(Clone, Copy, Debug)]
pub struct Grid<'a, T> {
    /// What arrives in each step.
    pub arriving: Arriving<'a, T>,
    /// Steps to run; what arrives later counts only for the counterweight.
    pub steps: usize,
    /// At which potential they spike.
    pub threshold: T,
    /// Step in which a counterweight arrives too: 1 less all that arrives in any step.
    pub readout: usize,
    /// Step in which neurons spike that have not, if there is one.
    pub rectifier: Option<usize>,
    /// Whether a neuron that has spiked stays silent.
    pub latch: bool,
    /// First step in which neurons may spike.
    pub first: usize,
    /// Potential at which a spike at the readout counts as early.
    pub early: Option<T>,
    /// Step whose spikes are listed first; those before are lost.
    pub sent: usize,
}

/// What neurons on a grid counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GridCounts {
    /// Pairs of a neuron and a step in which its current changed.
    pub received: u64,
    /// Spikes before the readout, and those that count as such.
    pub early: u64,
}

/// The spikes of a step.
pub trait List<T> {
    /// Their keys, and as many values.
    fn entries(&mut self) -> (&mut Vec<u32>, &mut Vec<T>);
}

impl<T> List<T> for (Vec<u32>, Vec<T>) {
    fn entries(&mut self) -> (&mut Vec<u32>, &mut Vec<T>) {
        (&mut self.0, &mut self.1)
    }
}

/// Empties lists, and makes room for all neurons to spike in each step.
pub(crate) fn begin<T>(sent: &mut [impl List<T>], neurons: usize) {
    for list in sent {
        let (keys, values) = list.entries();
        keys.clear();
        values.clear();
        // A whole register is written at a time.
        keys.reserve(neurons + MOST_LANES);
        values.reserve(neurons + MOST_LANES);
    }
}

/// Neurons that add what arrives to their potential in each step, and spike when it has come to a level.
#[derive(Clone, Copy, Debug)]
pub struct Integrators<'a, T> {
    /// What arrives in each step.
    pub arriving: Arriving<'a, T>,
    /// What arrives at each neuron in every step.
    pub current: &'a [T],
    /// The potential at which each neuron spikes.
    pub level: &'a [T],
    /// What a spike takes from the potential, and is worth.
    pub worth: &'a [T],
    /// Whether a potential of minus the level is a spike too, of the opposite sign.
    pub signed: bool,
}

/// Registers that are run at once: each step waits for the one before.
const AT_ONCE: usize = 4;

/// Neurons that are run at once.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    /// Neurons in each register.
    lanes: [usize; AT_ONCE],
}

impl Block {
    #[inline(always)]
    fn new<V: Vector>(first: usize, neurons: usize) -> Self {
        let mut lanes = [0; AT_ONCE];
        for (k, lanes) in lanes.iter_mut().enumerate() {
            *lanes = neurons.saturating_sub(first + k * V::LANES).min(V::LANES);
        }
        Self { first, lanes }
    }

    /// A bit for each neuron.
    #[inline(always)]
    fn mask(self, k: usize) -> u32 {
        (1 << self.lanes[k]) - 1
    }

    /// The block's numbers, zeros behind the last.
    ///
    /// # Safety
    /// The instruction set of `V` must be available; `from` must have a number for each neuron.
    #[inline(always)]
    unsafe fn load<V: Vector>(self, from: *const V::Scalar) -> [V; AT_ONCE] {
        // SAFETY: the caller's word.
        unsafe {
            let from = from.add(self.first);
            let mut registers = [V::zero(); AT_ONCE];
            let whole = self.lanes[AT_ONCE - 1] == V::LANES;
            for (k, register) in registers.iter_mut().enumerate() {
                if whole || self.lanes[k] == V::LANES {
                    *register = V::load(from.add(k * V::LANES));
                } else if self.lanes[k] > 0 {
                    *register = V::load_first(from.add(k * V::LANES), self.lanes[k]);
                }
            }
            registers
        }
    }

    /// # Safety
    /// As for [`Block::load`], and `to` must be writable.
    #[inline(always)]
    unsafe fn store<V: Vector>(self, registers: [V; AT_ONCE], to: *mut V::Scalar) {
        // SAFETY: the caller's word.
        unsafe {
            let to = to.add(self.first);
            for (k, register) in registers.into_iter().enumerate() {
                if self.lanes[k] == V::LANES {
                    register.store(to.add(k * V::LANES));
                } else if self.lanes[k] > 0 {
                    register.store_first(to.add(k * V::LANES), self.lanes[k]);
                }
            }
        }
    }
}

/// Lists spikes of register `k` of a block.
///
/// # Safety
/// The instruction set of `V` must be available, and there must be room in the list.
#[inline(always)]
unsafe fn list<V: Vector>(list: &mut impl List<V::Scalar>, spikes: u32, values: V, block: Block, k: usize) {
    let (keys, found) = list.entries();
    let from = keys.len();
    let to = from + spikes.count_ones() as usize;
    // SAFETY: the caller's word; `compress` writes as many elements as there are spikes.
    unsafe {
        let first = (block.first + k * V::LANES) as u32;
        values.compress(spikes, first, keys.as_mut_ptr().add(from), found.as_mut_ptr().add(from));
        keys.set_len(to);
        found.set_len(to);
    }
}

/// Runs all steps and lists the spikes of each, with their potentials.
///
/// # Safety
/// The instruction set of `V` must be available; all rows must exist, and `sent` must have room for all neurons and
/// [`MOST_LANES`] more.
#[inline(always)]
pub(crate) unsafe fn run<V: Vector<Scalar: Number>>(
    grid: &Grid<'_, V::Scalar>,
    sent: &mut [impl List<V::Scalar>],
) -> GridCounts {
    let mut counts = GridCounts::default();
    let Arriving { rows, sums, neurons } = grid.arriving;
    // SAFETY: rows exist, and there is room for each neuron's spike in a step.
    unsafe {
        let row_of = |row: u32| sums.as_ptr().add(row as usize * neurons);
        let one = V::Scalar::bit(0);
        let (one, minus) = (V::splat(one), V::splat(-one));
        let threshold = V::splat(grid.threshold);
        // Before anything arrives nothing happens.
        let begin = rows.iter().position(|&row| row != NOTHING).unwrap_or(grid.readout).min(grid.readout);
        for first in (0..neurons).step_by(AT_ONCE * V::LANES) {
            let block = Block::new::<V>(first, neurons);
            let mut total = [V::zero(); AT_ONCE];
            for &row in rows.iter().filter(|&&row| row != NOTHING) {
                let arriving = block.load::<V>(row_of(row));
                for k in 0..AT_ONCE {
                    total[k] = total[k].add(arriving[k]);
                }
            }
            let [mut current, mut potential] = [[V::zero(); AT_ONCE]; 2];
            let mut silent = [u32::MAX; AT_ONCE];
            for (step, &row) in rows.iter().enumerate().take(grid.steps).skip(begin) {
                if row != NOTHING || step == grid.readout {
                    let mut arriving = [V::zero(); AT_ONCE];
                    if row != NOTHING {
                        arriving = block.load(row_of(row));
                    }
                    for k in 0..AT_ONCE {
                        if step == grid.readout {
                            arriving[k] = arriving[k].add(one.add_product(total[k], minus));
                        }
                        let received = arriving[k].nonzero() & block.mask(k);
                        counts.received += u64::from(received.count_ones());
                        current[k] = current[k].add(arriving[k]);
                    }
                }
                let mut crossing = [0; AT_ONCE];
                for k in 0..AT_ONCE {
                    potential[k] = potential[k].add(current[k]);
                    crossing[k] = potential[k].at_least(threshold);
                }
                let rectifies = grid.rectifier == Some(step);
                if !rectifies && (step < grid.first || crossing == [0; AT_ONCE]) {
                    continue;
                }
                for k in 0..AT_ONCE {
                    let mut spikes = crossing[k];
                    if grid.latch {
                        spikes &= silent[k];
                    }
                    if rectifies {
                        spikes |= silent[k];
                    }
                    spikes &= block.mask(k);
                    if spikes == 0 {
                        continue;
                    }
                    silent[k] &= !spikes;
                    if step < grid.readout {
                        counts.early += u64::from(spikes.count_ones());
                    } else if let Some(early) = grid.early.filter(|_| step == grid.readout) {
                        let early = spikes & potential[k].at_least(V::splat(early));
                        counts.early += u64::from(early.count_ones());
                    }
                    if let Some(to) = step.checked_sub(grid.sent).and_then(|step| sent.get_mut(step)) {
                        list(to, spikes, potential[k], block, k);
                    }
                    // What a silent neuron does that crosses again makes no difference, nor what any does in the end.
                    let below = threshold.exceeds(potential[k]);
                    potential[k] = V::zero().add_product(potential[k], below);
                    current[k] = V::zero().add_product(current[k], below);
                }
            }
        }
    }
    counts
}

/// Runs all steps and lists the spikes of each, with what they are worth.
///
/// # Safety
/// As for [`run`]; current, level, worth and `potential` must have a number for each neuron.
#[inline(always)]
pub(crate) unsafe fn integrate<V: Vector<Scalar: Number>, L: List<V::Scalar>, const SIGNED: bool>(
    integrators: &Integrators<'_, V::Scalar>,
    potentials: *mut V::Scalar,
    sent: &mut [L],
) {
    let Arriving { rows, sums, neurons } = integrators.arriving;
    // SAFETY: rows exist, and there is room for each neuron's spike in a step.
    unsafe {
        let one = V::Scalar::bit(0);
        let (one, minus) = (V::splat(one), V::splat(-one));
        for first in (0..neurons).step_by(AT_ONCE * V::LANES) {
            let block = Block::new::<V>(first, neurons);
            let mut potential = block.load::<V>(potentials);
            let current = block.load::<V>(integrators.current.as_ptr());
            let level = block.load::<V>(integrators.level.as_ptr());
            let worth = block.load::<V>(integrators.worth.as_ptr());
            for (&row, to) in rows.iter().zip(&mut *sent) {
                let mut arriving = [V::zero(); AT_ONCE];
                if row != NOTHING {
                    arriving = block.load(sums.as_ptr().add(row as usize * neurons));
                }
                for k in 0..AT_ONCE {
                    let mut v = potential[k].add(current[k]);
                    if row != NOTHING {
                        v = v.add(arriving[k]);
                    }
                    // A product with 0 or 1 is exact: the difference is rounded once, at every level.
                    let mut sign = one.add_product(level[k].exceeds(v), minus);
                    if SIGNED {
                        let negated = V::zero().add_product(v, minus);
                        sign = sign.add_product(one.add_product(level[k].exceeds(negated), minus), minus);
                    }
                    let value = V::zero().add_product(sign, worth[k]);
                    let spikes = value.nonzero() & block.mask(k);
                    potential[k] = v.add_product(value, minus);
                    if spikes != 0 {
                        list(to, spikes, value, block, k);
                    }
                }
            }
            block.store(potential, potentials);
        }
    }
}
