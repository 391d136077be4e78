//! Depthwise convolutions: every channel has a kernel of its own, so a register of channels is multiplied by one of weights.

use crate::sliding::{Sliding, Taps};
use crate::vector::{Vector, load, store};

/// Channels of output pixels.
#[derive(Clone, Copy)]
struct Images<T> {
    targets: *mut T,
    /// What is added to, and from one pixel's to the next.
    begin: (*const T, usize),
    weights: *const T,
    values: *const T,
}

/// Adds one value per neuron to what targets begin at, with so many numbers from one pixel's to the next, each channel to
/// its own.
///
/// # Safety
/// The instruction set of `V` must be available; targets, what they begin at, weights and values must have the sizes of
/// `sliding`, whose groups must have one input and one output.
#[inline(always)]
pub(crate) unsafe fn convolve<V: Vector>(
    sliding: &Sliding,
    targets: *mut V::Scalar,
    begin: (*const V::Scalar, usize),
    weights: *const V::Scalar,
    values: *const V::Scalar,
) {
    let images = Images { targets, begin, weights, values };
    let step = if sliding.dilation[1] == 1 { sliding.step } else { None };
    // SAFETY: the caller's word; taps and steps are those of `sliding`, or any.
    unsafe {
        match (sliding.kernel, step) {
            ([3, 3], Some(1)) => rows::<V, 3, 1>(sliding, images),
            ([3, 3], Some(2)) => rows::<V, 3, 2>(sliding, images),
            ([5, 5], Some(1)) => rows::<V, 5, 1>(sliding, images),
            ([5, 5], Some(2)) => rows::<V, 5, 2>(sliding, images),
            _ => rows::<V, 0, 0>(sliding, images),
        }
    }
}

/// Goes through the outputs in the order in which they lie, with all channels of a few pixels before the next pixels:
/// strips of few channels would take what is beyond the second level of the cache, and what lies in the same sets of the
/// first, line by line. Pixels that have all taps are taken several at once. Kernels have `TAPS` rows and columns, `STEP`
/// columns apart, or any if these are zero.
///
/// # Safety
/// As for [`convolve`]; `TAPS` and `STEP` must be those of `sliding`.
#[inline(always)]
unsafe fn rows<V: Vector, const TAPS: usize, const STEP: usize>(sliding: &Sliding, images: Images<V::Scalar>) {
    let Sliding { columns, kernel: [_, taps], step, .. } = sliding;
    for (oy, &rows) in sliding.rows.iter().enumerate() {
        let mut ox = 0;
        while ox < columns.len() {
            let whole = |ox: usize| step.is_some() && columns.get(ox).is_some_and(|column| column.count == *taps);
            let block = Block { rows, columns: columns[ox], pixel: oy * columns.len() + ox };
            // SAFETY: outputs from `ox` on exist; those that have all taps lie side by side, at even distances.
            ox += unsafe {
                match (whole(ox) && whole(ox + 3), rows.count == TAPS) {
                    (true, true) if V::REGISTERS >= 32 && whole(ox + 7) => {
                        add_block::<V, TAPS, TAPS, STEP, 8>(sliding, block, images)
                    }
                    (true, true) => add_block::<V, TAPS, TAPS, STEP, 4>(sliding, block, images),
                    (true, false) => add_block::<V, 0, TAPS, STEP, 4>(sliding, block, images),
                    (false, _) => add_block::<V, 0, 0, 0, 1>(sliding, block, images),
                }
            };
        }
    }
}

/// Output pixels side by side whose taps are alike.
#[derive(Clone, Copy)]
struct Block {
    rows: Taps,
    /// Of the first pixel.
    columns: Taps,
    /// The first pixel.
    pixel: usize,
}

/// All channels of `COUNT` pixels. Gives their number.
///
/// # Safety
/// As for [`rows`]; so many outputs must have the taps of the block: as many rows and columns of them as `ROWS` and `TAPS`
/// say, `STEP` columns apart, or any where these are zero.
#[inline(always)]
unsafe fn add_block<V: Vector, const ROWS: usize, const TAPS: usize, const STEP: usize, const COUNT: usize>(
    sliding: &Sliding,
    block: Block,
    images: Images<V::Scalar>,
) -> usize {
    let channels = sliding.outputs;
    let mut at = 0;
    // SAFETY: channels that exist; the rest is the caller's word.
    unsafe {
        while at + V::LANES <= channels {
            add_register::<V, ROWS, TAPS, STEP, COUNT, false>(sliding, block, images, at);
            at += V::LANES;
        }
        if at < channels {
            add_register::<V, ROWS, TAPS, STEP, COUNT, true>(sliding, block, images, at);
        }
    }
    COUNT
}

/// # Safety
/// As for [`add_block`]; channels from `at` on must exist, a whole register of them if there is no `TAIL`.
#[inline(always)]
unsafe fn add_register<
    V: Vector,
    const ROWS: usize,
    const TAPS: usize,
    const STEP: usize,
    const COUNT: usize,
    const TAIL: bool,
>(
    sliding: &Sliding,
    Block { rows, columns, pixel }: Block,
    Images { targets, begin: (begin, apart), weights, values }: Images<V::Scalar>,
    at: usize,
) {
    let Sliding { outputs: channels, kernel: [_, kernel], input: [_, width, _], dilation: [down, across], .. } =
        *sliding;
    let tail = channels - at;
    let or = |known: usize, any: usize| if known > 0 { known } else { any };
    let (lines, taps) = (or(ROWS, rows.count), or(TAPS, columns.count));
    // From one tap to the next, and from one output to the next.
    let (across, step) = (if TAPS > 0 { 1 } else { across } * channels, or(STEP, sliding.step.unwrap_or(0)) * channels);
    // SAFETY: `Sliding` has no taps outside of the kernel or the image; the rest is the caller's word.
    unsafe {
        let begin = begin.add(pixel * apart + at);
        let mut sums = [V::zero(); COUNT];
        for (p, sum) in sums.iter_mut().enumerate() {
            *sum = load::<V, 1, TAIL>(begin.add(p * apart), 0, tail);
        }
        let weights = weights.wrapping_add((rows.first * kernel + columns.first) * channels + at);
        let values = values.wrapping_add((rows.start * width + columns.start) * channels + at);
        for i in 0..lines {
            let weights = weights.wrapping_add(i * kernel * channels);
            let values = values.wrapping_add(i * down * width * channels);
            for j in 0..taps {
                let weight = load::<V, 1, TAIL>(weights.add(j * channels), 0, tail);
                for (p, sum) in sums.iter_mut().enumerate() {
                    let x = load::<V, 1, TAIL>(values.add(j * across + p * step), 0, tail);
                    *sum = sum.add_product(x, weight);
                }
            }
        }
        let to = targets.add(pixel * channels + at);
        for (p, sum) in sums.into_iter().enumerate() {
            store::<V, 1, TAIL>(sum, to.add(p * channels), 0, tail);
        }
    }
}
