//! All steps of neurons whose inputs are known: a few registers of neurons at a time go through the steps, and their spikes
//! become patterns of bits.

use crate::gates::Number;
use crate::vector::{MOST_LANES, Vector};

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

/// Where some neurons of a population mark their spikes: a bit for each step.
#[derive(Debug)]
pub struct Marks<'a> {
    /// Patterns of 64 steps, the first lowest: those of all neurons, one after the other, then of the next 64 steps.
    pub patterns: &'a mut [u64],
    /// Neurons of the population.
    pub population: usize,
    /// The first of those that are run.
    pub first: usize,
}

impl Marks<'_> {
    /// # Panics
    /// If there is no room for so many neurons and steps.
    pub(crate) fn check(&self, neurons: usize, steps: usize) {
        assert!(self.first + neurons <= self.population, "neurons of the population");
        assert!(self.patterns.len() >= self.population * steps.div_ceil(64), "patterns of all neurons");
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
    /// At which potential they spike; positive.
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
    /// Step whose spikes are marked first; those before are lost.
    pub sent: usize,
}

/// What neurons on a grid counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GridCounts {
    /// Pairs of a neuron and a step in which its current changed.
    pub received: u64,
    /// Spikes before the readout, and those that count as such.
    pub early: u64,
    /// Spikes that are marked.
    pub spikes: u64,
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
    /// What a spike takes from the potential.
    pub worth: &'a [T],
}

/// Registers that are run at once: each step waits for the one before.
const AT_ONCE: usize = 4;

/// Steps whose spikes are summed up as a number before they are marked: exact, and parts of a pattern.
const SUMMED: usize = 16;

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

    /// Marks the spikes of up to [`SUMMED`] steps, of which the first is the lowest bit of a number: those of `steps` that a
    /// neuron is not `without`.
    ///
    /// # Safety
    /// The instruction set of `V` must be available.
    #[inline(always)]
    unsafe fn mark<V: Vector>(self, without: [V; AT_ONCE], steps: u32, step: usize, marks: &mut Marks<'_>) {
        if steps == 0 {
            return;
        }
        let (word, shift) = (step / 64, step % 64);
        for (k, without) in without.into_iter().enumerate().filter(|&(k, _)| self.lanes[k] > 0) {
            let mut numbers = [0u32; MOST_LANES];
            // SAFETY: there is room for a register of numbers.
            unsafe { without.compress_integers((1 << V::LANES) - 1, numbers.as_mut_ptr()) };
            let first = marks.first + self.first + k * V::LANES;
            let patterns = &mut marks.patterns[word * marks.population + first..][..self.lanes[k]];
            for (pattern, &without) in patterns.iter_mut().zip(&numbers) {
                *pattern |= u64::from(steps & !without) << shift;
            }
            if shift + SUMMED > 64 && u64::from(steps) >> (64 - shift) != 0 {
                let patterns = &mut marks.patterns[(word + 1) * marks.population + first..][..self.lanes[k]];
                for (pattern, &without) in patterns.iter_mut().zip(&numbers) {
                    *pattern |= u64::from(steps & !without) >> (64 - shift);
                }
            }
        }
    }

    /// The sum of all neurons' counts.
    ///
    /// # Safety
    /// The instruction set of `V` must be available.
    #[inline(always)]
    unsafe fn total<V: Vector>(self, counts: [V; AT_ONCE]) -> u64 {
        let mut total = 0;
        for (counts, lanes) in counts.into_iter().zip(self.lanes) {
            let mut numbers = [0u32; MOST_LANES];
            // SAFETY: there is room for a register of numbers.
            unsafe { counts.compress_integers((1 << V::LANES) - 1, numbers.as_mut_ptr()) };
            total += numbers[..lanes].iter().map(|&count| u64::from(count)).sum::<u64>();
        }
        total
    }
}

/// Adds registers to others.
///
/// # Safety
/// The instruction set of `V` must be available.
#[inline(always)]
unsafe fn add<V: Vector>(to: &mut [V; AT_ONCE], more: [V; AT_ONCE]) {
    for (to, more) in to.iter_mut().zip(more) {
        // SAFETY: the caller's word.
        *to = unsafe { to.add(more) };
    }
}

/// What neurons that are run at once are at.
#[derive(Clone, Copy)]
struct State<V> {
    current: [V; AT_ONCE],
    potential: [V; AT_ONCE],
    /// All that has arrived.
    total: [V; AT_ONCE],
}

impl<V: Vector<Scalar: Number>> State<V> {
    /// Adds to the currents what arrives in a step, at the readout with the counterweight. Gives how many of them that changes.
    ///
    /// # Safety
    /// The instruction set of `V` must be available, and there must be such a row.
    #[inline(always)]
    unsafe fn arrive(&mut self, grid: &Grid<'_, V::Scalar>, block: Block, step: usize) -> u64 {
        let Arriving { rows, sums, neurons } = grid.arriving;
        if rows[step] == NOTHING && step != grid.readout {
            return 0;
        }
        let mut received = 0;
        // SAFETY: the caller's word.
        unsafe {
            let load = |row: u32| block.load::<V>(sums.as_ptr().add(row as usize * neurons));
            let mut arriving = [V::zero(); AT_ONCE];
            if rows[step] != NOTHING {
                arriving = load(rows[step]);
            }
            if step <= grid.readout {
                add(&mut self.total, arriving);
            }
            if step == grid.readout {
                for &row in rows[step + 1..].iter().filter(|&&row| row != NOTHING) {
                    add(&mut self.total, load(row));
                }
                let [one, minus] = [V::Scalar::bit(0), -V::Scalar::bit(0)].map(|x| V::splat(x));
                add(&mut arriving, self.total.map(|total| one.add_product(total, minus)));
            }
            for (k, arriving) in arriving.iter().enumerate() {
                received += u64::from((arriving.nonzero() & block.mask(k)).count_ones());
            }
            add(&mut self.current, arriving);
        }
        received
    }
}

/// Runs all steps and marks spikes; if `READS`, `potentials` gets that of each neuron at its last spike.
///
/// # Safety
/// The instruction set of `V` must be available; all rows must exist, and `potentials` must have a number for each
/// neuron, if `READS`.
#[inline(always)]
pub(crate) unsafe fn run<V: Vector<Scalar: Number>, const READS: bool>(
    grid: &Grid<'_, V::Scalar>,
    potentials: &mut [V::Scalar],
    marks: &mut Marks<'_>,
) -> GridCounts {
    let mut counts = GridCounts::default();
    let Arriving { rows, neurons, .. } = grid.arriving;
    // SAFETY: rows exist.
    unsafe {
        let one = V::Scalar::bit(0);
        let (one, minus) = (V::splat(one), V::splat(-one));
        let threshold = V::splat(grid.threshold);
        // Before anything arrives nothing happens.
        let begin = rows.iter().position(|&row| row != NOTHING).unwrap_or(grid.readout).min(grid.readout);
        let end = grid.steps.min(rows.len());
        let quiet = grid.readout.min(grid.rectifier.unwrap_or(end)).min(end);
        // Whether neurons may spike in all steps from the readout on, all of these spikes are sent, and nothing else is asked.
        let plain = !READS && !grid.latch && grid.early.is_none() && grid.readout >= grid.first.max(grid.sent);
        for first in (0..neurons).step_by(AT_ONCE * V::LANES) {
            let block = Block::new::<V>(first, neurons);
            let zeros = [V::zero(); AT_ONCE];
            let mut state = State { current: zeros, potential: zeros, total: zeros };
            // Before the readout neurons hardly ever spike: until one does, there is little to be kept.
            let mut next = begin;
            let mut arrived = false;
            while next < quiet {
                counts.received += state.arrive(grid, block, next);
                let mut grown = state.potential;
                add(&mut grown, state.current);
                let crosses = grown.iter().fold(0, |crosses, grown| crosses | grown.at_least(threshold));
                if crosses != 0 && next >= grid.first {
                    arrived = true;
                    break;
                }
                state.potential = grown;
                next += 1;
            }
            if plain && next == grid.readout {
                let (mut silent, mut missing) = ([one; AT_ONCE], zeros);
                for begin in (grid.readout..end).step_by(SUMMED) {
                    let steps = begin..end.min(begin + SUMMED);
                    let mut without = zeros;
                    // Neurons that have not spiked in any of the steps before have the bits of all.
                    let still_silent = |silent: V, without: V, step: usize| {
                        let all = V::splat(Number::bit(step - begin)).add(V::splat((-1.5).into()));
                        V::where_greater(without, all, silent, V::zero())
                    };
                    for step in steps.clone() {
                        counts.received += state.arrive(grid, block, step);
                        let bit = V::splat(Number::bit(step - begin));
                        let rectifies = grid.rectifier == Some(step);
                        for k in 0..AT_ONCE {
                            let grown = state.potential[k].add(state.current[k]);
                            let mut none = threshold.exceeds(grown);
                            if rectifies {
                                let silent = still_silent(silent[k], without[k], step);
                                none = none.add_product(V::zero().add_product(none, minus), silent);
                            }
                            without[k] = without[k].add_product(none, bit);
                            missing[k] = missing[k].add(none);
                            let reset = |x: V| V::where_greater(threshold, grown, x, V::zero());
                            state.potential[k] = reset(grown);
                            state.current[k] = reset(state.current[k]);
                        }
                    }
                    for (silent, &without) in silent.iter_mut().zip(&without) {
                        *silent = still_silent(*silent, without, steps.end);
                    }
                    block.mark(without, ((1u64 << steps.len()) - 1) as u32, begin - grid.sent, marks);
                }
                let looks = (end - grid.readout) * block.lanes.iter().sum::<usize>();
                counts.spikes += looks as u64 - block.total(missing);
                continue;
            }
            let mut found = zeros;
            // Ones and zeros: products with them are exact.
            let mut silent = [one; AT_ONCE];
            // Of the steps in which spikes were looked for, those without one: their bits, and how many.
            let [mut without, mut missing] = [[V::zero(); AT_ONCE]; 2];
            let (mut looked, mut looks) = (0, 0);
            for step in next..end {
                if !std::mem::take(&mut arrived) {
                    counts.received += state.arrive(grid, block, step);
                }
                let State { current, potential, .. } = &mut state;
                add(potential, *current);
                let rectifies = grid.rectifier == Some(step);
                let sent = step.checked_sub(grid.sent);
                // From the readout on, few steps are without a spike.
                let mut crosses = step >= grid.readout;
                if !crosses {
                    let crossing = potential.map(|potential| potential.at_least(threshold));
                    crosses = crossing != [0; AT_ONCE];
                }
                if rectifies || (step >= grid.first && crosses) {
                    let bit = V::splat(Number::bit(sent.unwrap_or(0) % SUMMED));
                    if let Some(sent) = sent {
                        looked |= 1 << (sent % SUMMED);
                        looks += 1;
                    }
                    for k in 0..AT_ONCE {
                        let below = threshold.exceeds(potential[k]);
                        let mut none = below;
                        if rectifies || grid.latch {
                            let mut spikes = one.add_product(below, minus);
                            if rectifies {
                                spikes = spikes.add_product(below, silent[k]);
                            }
                            if grid.latch {
                                spikes = V::zero().add_product(spikes, silent[k]);
                            }
                            none = one.add_product(spikes, minus);
                        }
                        silent[k] = V::zero().add_product(silent[k], none);
                        if step < grid.readout {
                            counts.early += u64::from((!none.nonzero() & block.mask(k)).count_ones());
                        } else if let Some(early) = grid.early.filter(|_| step == grid.readout) {
                            let early = !none.nonzero() & potential[k].at_least(V::splat(early)) & block.mask(k);
                            counts.early += u64::from(early.count_ones());
                        }
                        if sent.is_some() {
                            without[k] = without[k].add_product(none, bit);
                            missing[k] = missing[k].add(none);
                        }
                        if READS {
                            let spikes = one.add_product(none, minus);
                            found[k] = V::zero().add_product(found[k], none).add_product(potential[k], spikes);
                        }
                        // What a silent neuron does that crosses again makes no difference, nor what any does in the end.
                        let grown = potential[k];
                        potential[k] = V::where_greater(threshold, grown, grown, V::zero());
                        current[k] = V::where_greater(threshold, grown, current[k], V::zero());
                    }
                }
                if let Some(sent) = sent.filter(|sent| sent % SUMMED == SUMMED - 1 || step + 1 == end) {
                    block.mark(without, looked, sent / SUMMED * SUMMED, marks);
                    without = [V::zero(); AT_ONCE];
                    looked = 0;
                }
            }
            counts.spikes += looks * block.lanes.iter().sum::<usize>() as u64 - block.total(missing);
            if READS {
                block.store(found, potentials.as_mut_ptr());
            }
        }
    }
    counts
}

/// Runs all steps and marks spikes, and if `SIGNED` also those of the opposite sign, at minus the level. Gives how many
/// there are.
///
/// # Safety
/// The instruction set of `V` must be available; all rows must exist; current, level, worth and `potentials` must have a
/// number for each neuron.
#[inline(always)]
pub(crate) unsafe fn integrate<V: Vector<Scalar: Number>, const SIGNED: bool>(
    integrators: &Integrators<'_, V::Scalar>,
    potentials: &mut [V::Scalar],
    marks: &mut Marks<'_>,
    mut negative: Option<&mut Marks<'_>>,
) -> u64 {
    let mut count = 0;
    let Arriving { rows, sums, neurons } = integrators.arriving;
    // SAFETY: rows exist, and there is a number for each neuron.
    unsafe {
        let one = V::Scalar::bit(0);
        let (one, minus) = (V::splat(one), V::splat(-one));
        for first in (0..neurons).step_by(AT_ONCE * V::LANES) {
            let block = Block::new::<V>(first, neurons);
            let mut potential = block.load::<V>(potentials.as_ptr());
            let current = block.load::<V>(integrators.current.as_ptr());
            let level = block.load::<V>(integrators.level.as_ptr());
            let mut cost = block.load::<V>(integrators.worth.as_ptr());
            for cost in &mut cost {
                *cost = V::zero().add_product(*cost, minus);
            }
            let mut missing = [V::zero(); AT_ONCE];
            for (chunk, rows) in rows.chunks(SUMMED).enumerate() {
                let [mut without, mut without_opposite] = [[V::zero(); AT_ONCE]; 2];
                for (step, &row) in rows.iter().enumerate() {
                    let bit = V::splat(Number::bit(step));
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
                        let below = level[k].exceeds(v);
                        without[k] = without[k].add_product(below, bit);
                        missing[k] = missing[k].add(below);
                        let mut spikes = one.add_product(below, minus);
                        if SIGNED {
                            let above = level[k].exceeds(V::zero().add_product(v, minus));
                            without_opposite[k] = without_opposite[k].add_product(above, bit);
                            missing[k] = missing[k].add(above);
                            spikes = spikes.add(above).add(minus);
                        }
                        potential[k] = v.add_product(spikes, cost[k]);
                    }
                }
                let steps = ((1u64 << rows.len()) - 1) as u32;
                block.mark(without, steps, chunk * SUMMED, marks);
                if let Some(negative) = negative.as_deref_mut().filter(|_| SIGNED) {
                    block.mark(without_opposite, steps, chunk * SUMMED, negative);
                }
            }
            let looks = rows.len() * if SIGNED { 2 } else { 1 };
            count += (looks * block.lanes.iter().sum::<usize>()) as u64 - block.total(missing);
            block.store(potential, potentials.as_mut_ptr());
        }
    }
    count
}
