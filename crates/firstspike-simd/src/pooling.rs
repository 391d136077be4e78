//! Maximum over windows of each channel, or minimum.

use crate::sliding::{Sliding, Taps};
use crate::vector::{Vector, load, store};

/// Outputs side by side that are pooled together where there are few channels.
const PIXELS: usize = 4;

/// What is pooled.
#[derive(Clone, Copy)]
pub(crate) struct Pooling<'a, T> {
    pub sliding: &'a Sliding,
    pub values: *const T,
    /// For each channel, -0 where the minimum is taken: the maximum with all signs changed.
    pub signs: *const T,
    pub pooled: *mut T,
}

/// Pools; looks at `signs` only if `SIGNED`.
///
/// # Safety
/// The instruction set of `V` must be available; values and results must have the sizes of `sliding`, which has as many
/// channels on both sides, and all windows must have taps.
#[inline(always)]
pub(crate) unsafe fn pool<V: Vector, const SIGNED: bool>(pooling: Pooling<'_, V::Scalar>) {
    let Sliding { input: [_, width, channels], rows, columns, kernel: [_, taps], step, .. } = pooling.sliding;
    let (inputs, outputs) = (pooling.sliding.inputs(), pooling.sliding.targets());
    let narrow = *channels < 4 * V::LANES && step.is_some();
    let whole = |ox: usize| columns.get(ox).is_some_and(|column| column.count == *taps);
    let mut to = 0;
    for &down in rows {
        let mut ox = 0;
        while ox < columns.len() {
            let across = columns[ox];
            let together = narrow && whole(ox) && whole(ox + PIXELS - 1);
            let count = if together { PIXELS } else { 1 };
            // A whole register may be read and written where channels do not fill one, if what is written beyond them is of
            // outputs that come later.
            let later = !SIGNED && (!together || *channels <= V::LANES);
            let last_row = down.start + (down.count - 1) * pooling.sliding.dilation[0];
            let last_column = columns[ox + count - 1].start + (across.count - 1) * pooling.sliding.dilation[1];
            let read = (last_row * width + last_column + 1) * channels;
            let spare = (inputs - read).min(outputs - to - count * channels);
            let mut at = 0;
            while at < *channels {
                let left = channels - at;
                // SAFETY: `count` outputs exist from `to` on, and these channels of them.
                unsafe {
                    let block = Block {
                        down,
                        across,
                        at,
                        to: pooling.pooled.add(to + at),
                        step: step.unwrap_or(0) * channels,
                        tail: left,
                    };
                    if left >= 4 * V::LANES {
                        best::<V, 4, 1, false, SIGNED>(pooling, block);
                        at += 4 * V::LANES;
                        continue;
                    }
                    match (together, left >= V::LANES || (later && left + spare >= V::LANES)) {
                        (true, true) => best::<V, 1, PIXELS, false, SIGNED>(pooling, block),
                        (true, false) => best::<V, 1, PIXELS, true, SIGNED>(pooling, block),
                        (false, true) => best::<V, 1, 1, false, SIGNED>(pooling, block),
                        (false, false) => best::<V, 1, 1, true, SIGNED>(pooling, block),
                    }
                    at += V::LANES;
                }
            }
            to += count * channels;
            ox += count;
        }
    }
}

/// Outputs side by side, and registers of channels from `at` on.
struct Block<T> {
    /// Taps of the first.
    down: Taps,
    across: Taps,
    at: usize,
    to: *mut T,
    /// Numbers of input from one output to the next.
    step: usize,
    /// Channels in the last register.
    tail: usize,
}

/// # Safety
/// As for [`pool`]; `PIXELS` outputs must begin at `to`, and the channels exist. If not `TAIL`, registers must lie within
/// values and results as a whole.
#[inline(always)]
unsafe fn best<V: Vector, const WIDTH: usize, const PIXELS: usize, const TAIL: bool, const SIGNED: bool>(
    Pooling { sliding, values, signs, .. }: Pooling<'_, V::Scalar>,
    Block { down, across, at, to, step, tail }: Block<V::Scalar>,
) {
    let [_, width, channels] = sliding.input;
    // SAFETY: `Sliding` has no taps outside of the image; the rest is the caller's word.
    unsafe {
        let mut flips = [V::zero(); WIDTH];
        if SIGNED {
            for (k, flip) in flips.iter_mut().enumerate() {
                *flip = load::<V, WIDTH, TAIL>(signs.add(at), k, tail);
            }
        }
        let value = |from: *const V::Scalar, k: usize| {
            let x = load::<V, WIDTH, TAIL>(from, k, tail);
            if SIGNED { x.flip(flips[k]) } else { x }
        };
        let first = values.add((down.start * width + across.start) * channels + at);
        let mut best = [[V::zero(); WIDTH]; PIXELS];
        for (p, best) in best.iter_mut().enumerate() {
            for (k, best) in best.iter_mut().enumerate() {
                *best = value(first.add(p * step), k);
            }
        }
        // Of equals the first remains, column by column.
        for x in 0..across.count {
            for y in 0..down.count {
                let pixel = y * sliding.dilation[0] * width + x * sliding.dilation[1];
                let from = first.add(pixel * channels);
                for (p, best) in best.iter_mut().enumerate() {
                    for (k, best) in best.iter_mut().enumerate() {
                        // Of equals the first remains.
                        *best = value(from.add(p * step), k).max(*best);
                    }
                }
            }
        }
        for (p, best) in best.into_iter().enumerate() {
            for (k, best) in best.into_iter().enumerate() {
                let best = if SIGNED { best.flip(flips[k]) } else { best };
                store::<V, WIDTH, TAIL>(best, to.add(p * channels), k, tail);
            }
        }
    }
}
