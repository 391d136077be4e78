//! What a spike does to its targets, for few spikes: each is added by itself.

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

/// Spikes far from each other that are added in turn.
const IN_TURN: usize = 4;

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
    // Neighbours share targets: the second waits until those that the first has changed are back in memory.
    let apart = keys.len().min(values.len()).div_ceil(IN_TURN);
    for first in 0..apart {
        for (&key, &value) in keys.iter().zip(values).skip(first).step_by(apart) {
            // SAFETY: the caller's word.
            unsafe { add::<V>(stamps, stamps.neurons[key as usize], value, targets) };
        }
    }
}

/// Adds the stamp of a neuron, from its first target on.
///
/// # Safety
/// As for [`stamp`].
#[inline(always)]
unsafe fn add<V: Vector>(
    stamps: &Stamps<V::Scalar>,
    (stamp, first): (u32, u32),
    value: V::Scalar,
    targets: *mut V::Scalar,
) {
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
