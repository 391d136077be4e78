//! What a spike does to its targets, for few spikes: each is added by itself.

use crate::vector::Vector;
use std::ops::Range;

/// Numbers of a piece: a line of the cache of the widest registers.
const PIECE: usize = 16;

/// What a spike adds to its targets. Neurons that see the same weights share a stamp: pieces of weights over targets side by
/// side.
#[derive(Clone, Debug)]
pub struct Stamps<T> {
    targets: usize,
    /// Stamp and first target of each neuron.
    neurons: Vec<(u32, u32)>,
    /// Pieces of each stamp; one more than there are stamps.
    begins: Vec<u32>,
    pieces: Vec<Piece>,
    /// Those of a piece, and zeros behind them.
    weights: Vec<T>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Relative to the first target.
    target: u32,
    /// Targets: not more than [`PIECE`].
    count: u32,
}

impl<T: Copy + Default> Stamps<T> {
    /// Without neurons as yet.
    pub fn new(targets: usize) -> Self {
        Self { targets, neurons: Vec::new(), begins: vec![0], pieces: Vec::new(), weights: Vec::new() }
    }

    /// Adds a stamp, from stretches of weights and the targets at which they begin, relative to the first; both ascend.
    /// Gives its number.
    ///
    /// # Panics
    /// If targets do not ascend.
    pub fn add_stamp<'a>(&mut self, stretches: impl Iterator<Item = (usize, &'a [T])>) -> u32
    where
        T: 'a,
    {
        let begin = self.pieces.len();
        for (target, weights) in stretches {
            for (target, &weight) in (target as u32..).zip(weights) {
                let (at, last) = (self.pieces.len(), self.pieces[begin..].last_mut());
                let ascends = last.as_ref().is_none_or(|last| last.target + last.count <= target);
                assert!(ascends, "targets ascend");
                match last {
                    Some(last) if last.target + last.count == target && last.count < PIECE as u32 => {
                        self.weights[(at - 1) * PIECE + last.count as usize] = weight;
                        last.count += 1;
                    }
                    _ => {
                        self.pieces.push(Piece { target, count: 1 });
                        self.weights.resize((at + 1) * PIECE, T::default());
                        self.weights[at * PIECE] = weight;
                    }
                }
            }
        }
        self.begins.push(self.pieces.len() as u32);
        self.begins.len() as u32 - 2
    }

    /// Adds the next neuron.
    ///
    /// # Panics
    /// If there is no such stamp, or no such targets.
    pub fn add_neuron(&mut self, stamp: u32, first: u32) {
        let ends =
            self.pieces[self.range(stamp)].iter().map(|piece| first as usize + (piece.target + piece.count) as usize);
        assert!(ends.max().unwrap_or(0) <= self.targets, "every target exists");
        self.neurons.push((stamp, first));
    }

    /// Weights of all stamps, with zeros behind them.
    pub fn weights(&self) -> usize {
        self.weights.len()
    }
}

impl<T> Stamps<T> {
    /// The pieces of a stamp.
    #[inline(always)]
    fn range(&self, stamp: u32) -> Range<usize> {
        self.begins[stamp as usize] as usize..self.begins[stamp as usize + 1] as usize
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
        let mut at = first;
        while at < keys.len().min(values.len()) {
            // SAFETY: the caller's word.
            unsafe { add::<V>(stamps, stamps.neurons[keys[at] as usize], values[at], targets) };
            at += apart;
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
    let range = stamps.range(stamp);
    let pieces = &stamps.pieces[range.clone()];
    let Some(last) = pieces.last() else { return };
    let whole = first as usize + last.target as usize + PIECE <= stamps.targets;
    // SAFETY: `add_neuron` checked the targets, each piece has as many weights as there are numbers in it, and the last
    // is that with the last targets.
    unsafe {
        let value = V::splat(value);
        let mut from = stamps.weights.as_ptr().add(range.start * PIECE);
        for &Piece { target, count } in pieces {
            let to = targets.add(first as usize + target as usize);
            if whole {
                // What is behind the piece stays what it is: its weights are zeros.
                for at in (0..PIECE).step_by(V::LANES) {
                    V::load(to.add(at)).add_product(value, V::load(from.add(at))).store(to.add(at));
                }
            } else {
                for at in 0..count as usize {
                    let (to, from) = (to.add(at), from.add(at));
                    V::load_first(to, 1).add_product(value, V::load_first(from, 1)).store_first(to, 1);
                }
            }
            from = from.add(PIECE);
        }
    }
}
