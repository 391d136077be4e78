//! Depthwise convolutions: every channel has a kernel of its own, so a register of channels is multiplied by one of weights.

use crate::convolution::{Sliding, Taps, load, store};
use crate::vector::Vector;
use std::ops::Range;

/// Rows of outputs that are made for one register of channels before the next: the inputs that they share stay in the
/// first-level cache, and those of all channels in the second.
const BAND: usize = 8;

/// One register of channels: where the first is.
#[derive(Clone, Copy)]
struct Strip<T> {
    targets: *mut T,
    /// What is added to, and from one pixel's to the next.
    begin: (*const T, usize),
    weights: *const T,
    values: *const T,
    /// Channels in the last register.
    tail: usize,
}

/// Adds one value per neuron to what targets begin at, with so many numbers from one pixel's to the next, each channel to
/// its own.
///
/// # Safety
/// The instruction set of `V` must be available; targets, what they begin at, weights and values must have the sizes of `sliding`, whose groups
/// must have one input and one output.
#[inline(always)]
pub(crate) unsafe fn convolve<V: Vector>(
    sliding: &Sliding,
    targets: *mut V::Scalar,
    begin: (*const V::Scalar, usize),
    weights: *const V::Scalar,
    values: *const V::Scalar,
) {
    let all = Strip { targets, begin, weights, values, tail: 0 };
    let [height, width, _] = sliding.input;
    let fits = sliding.kernel[0] <= height && sliding.kernel[1] <= width && sliding.dilation == [1, 1];
    let step = if fits { sliding.step } else { None };
    // SAFETY: the caller's word; kernels fit into the image.
    unsafe {
        match (sliding.kernel, step) {
            ([3, 3], Some(1)) => strips::<V, 3, 1>(sliding, all),
            ([3, 3], Some(2)) => strips::<V, 3, 2>(sliding, all),
            ([5, 5], Some(1)) => strips::<V, 5, 1>(sliding, all),
            ([5, 5], Some(2)) => strips::<V, 5, 2>(sliding, all),
            _ => strips::<V, 0, 0>(sliding, all),
        }
    }
}

/// Kernels of `TAPS` rows and columns, `STEP` columns apart; any, if there are no taps.
///
/// # Safety
/// As for [`convolve`]; `TAPS` rows and columns must fit into the image.
#[inline(always)]
unsafe fn strips<V: Vector, const TAPS: usize, const STEP: usize>(sliding: &Sliding, all: Strip<V::Scalar>) {
    let (rows, channels) = (sliding.rows.len(), sliding.outputs);
    for first in (0..rows).step_by(BAND) {
        let band = first..(first + BAND).min(rows);
        for at in (0..channels).step_by(V::LANES) {
            // SAFETY: a channel that exists; the rest is the caller's word.
            unsafe {
                let strip = Strip {
                    targets: all.targets.add(at),
                    begin: (all.begin.0.add(at), all.begin.1),
                    weights: all.weights.add(at),
                    values: all.values.add(at),
                    tail: channels - at,
                };
                match (TAPS, strip.tail >= V::LANES) {
                    (0, true) => add_any::<V, false>(sliding, band.clone(), strip),
                    (0, false) => add_any::<V, true>(sliding, band.clone(), strip),
                    (_, true) => add_band::<V, TAPS, STEP, false>(sliding, band.clone(), strip),
                    (_, false) => add_band::<V, TAPS, STEP, true>(sliding, band.clone(), strip),
                }
            }
        }
    }
}

/// How many of the first outputs on an axis have all taps; one, if the first has not.
#[inline(always)]
fn alike(taps: &[Taps], all: usize) -> usize {
    taps.iter().take_while(|taps| taps.count == all).count().max(1)
}

/// Goes through rectangles of outputs that have the same taps, whose weights stay in registers: there are fewer at borders.
///
/// # Safety
/// As for [`strips`]; rows and channels must exist.
#[inline(always)]
unsafe fn add_band<V: Vector, const TAPS: usize, const STEP: usize, const TAIL: bool>(
    sliding: &Sliding,
    band: Range<usize>,
    strip: Strip<V::Scalar>,
) {
    let Sliding { columns, rows, outputs: channels, input: [height, width, _], .. } = sliding;
    let (channels, line) = (*channels, width * sliding.outputs);
    let mut oy = band.start;
    while oy < band.end {
        let down = alike(&rows[oy..band.end], TAPS);
        let mut ox = 0;
        while ox < columns.len() {
            let across = alike(&columns[ox..], TAPS);
            // Windows that overhang the image are moved into it.
            let x = columns[ox].start.min(width - TAPS);
            // SAFETY: these rows and columns of outputs exist, and so do the channels. `TAPS` rows and columns from `y` and
            // `x` on lie in the image, as do the windows that have all taps.
            unsafe {
                let weights = weights_of::<V, TAPS, TAIL>(sliding, rows[oy], columns[ox], strip);
                for (oy, rows) in rows.iter().enumerate().skip(oy).take(down) {
                    let y = rows.start.min(height - TAPS);
                    let mut from = strip.values.add(y * line + x * channels);
                    let mut outputs = Outputs::of(&strip, oy * columns.len() + ox, channels);
                    let mut left = across;
                    while left >= 4 {
                        add_pixels::<V, TAPS, STEP, 4, TAIL>(&weights, from, line, channels, outputs);
                        (from, outputs) = (from.wrapping_add(4 * STEP * channels), outputs.moved(4));
                        left -= 4;
                    }
                    while left > 0 {
                        add_pixels::<V, TAPS, STEP, 1, TAIL>(&weights, from, line, channels, outputs);
                        (from, outputs) = (from.wrapping_add(STEP * channels), outputs.moved(1));
                        left -= 1;
                    }
                }
            }
            ox += across;
        }
        oy += down;
    }
}

/// The weights of a window that is moved into the image: zero where it has no taps.
///
/// # Safety
/// As for [`strips`]; the taps must be of an output.
#[inline(always)]
unsafe fn weights_of<V: Vector, const TAPS: usize, const TAIL: bool>(
    sliding: &Sliding,
    rows: Taps,
    columns: Taps,
    strip: Strip<V::Scalar>,
) -> [[V; TAPS]; TAPS] {
    let [height, width, _] = sliding.input;
    // Which tap, if it exists, meets a row or column of the moved window.
    let tap = |taps: Taps, size: usize, at: usize| {
        let met = (taps.start.min(size - TAPS) + at).wrapping_sub(taps.start);
        (met < taps.count).then_some(taps.first + met)
    };
    // SAFETY: weights of taps that exist.
    unsafe {
        let mut weights = [[V::zero(); TAPS]; TAPS];
        for (i, weights) in weights.iter_mut().enumerate() {
            for (j, weight) in weights.iter_mut().enumerate() {
                if let (Some(ky), Some(kx)) = (tap(rows, height, i), tap(columns, width, j)) {
                    let at = (ky * TAPS + kx) * sliding.outputs;
                    *weight = load::<V, 1, TAIL>(strip.weights.add(at), 0, strip.tail);
                }
            }
        }
        weights
    }
}

/// Outputs side by side.
#[derive(Clone, Copy)]
struct Outputs<T> {
    /// Where the first is, and from one to the next.
    to: (*mut T, usize),
    /// What it begins at, and from that of one to that of the next.
    begin: (*const T, usize),
    tail: usize,
}

impl<T> Outputs<T> {
    /// Those from a pixel on.
    ///
    /// # Safety
    /// The pixel must exist.
    #[inline(always)]
    unsafe fn of(strip: &Strip<T>, pixel: usize, channels: usize) -> Self {
        let (begin, apart) = strip.begin;
        // SAFETY: the caller's word.
        unsafe {
            let to = (strip.targets.add(pixel * channels), channels);
            Self { to, begin: (begin.add(pixel * apart), apart), tail: strip.tail }
        }
    }

    /// So many pixels further.
    #[inline(always)]
    fn moved(self, pixels: usize) -> Self {
        let Self { to: (to, step), begin: (begin, apart), tail } = self;
        Self { to: (to.wrapping_add(pixels * step), step), begin: (begin.wrapping_add(pixels * apart), apart), tail }
    }

    /// What they begin at.
    ///
    /// # Safety
    /// The instruction set of `V` must be available, and the outputs must exist.
    #[inline(always)]
    unsafe fn begin<V: Vector<Scalar = T>, const COUNT: usize, const TAIL: bool>(self) -> [V; COUNT] {
        // SAFETY: the caller's word.
        unsafe {
            let mut sums = [V::zero(); COUNT];
            for (p, sum) in sums.iter_mut().enumerate() {
                *sum = load::<V, 1, TAIL>(self.begin.0.add(p * self.begin.1), 0, self.tail);
            }
            sums
        }
    }

    /// # Safety
    /// As for [`Outputs::begin`].
    #[inline(always)]
    unsafe fn store<V: Vector<Scalar = T>, const COUNT: usize, const TAIL: bool>(self, sums: [V; COUNT]) {
        for (p, sum) in sums.into_iter().enumerate() {
            // SAFETY: the caller's word.
            unsafe { store::<V, 1, TAIL>(sum, self.to.0.add(p * self.to.1), 0, self.tail) };
        }
    }
}

/// # Safety
/// `COUNT` outputs must exist, and their windows begin at `from`.
#[inline(always)]
unsafe fn add_pixels<V: Vector, const TAPS: usize, const STEP: usize, const COUNT: usize, const TAIL: bool>(
    weights: &[[V; TAPS]; TAPS],
    from: *const V::Scalar,
    line: usize,
    channels: usize,
    outputs: Outputs<V::Scalar>,
) {
    // SAFETY: the caller's word.
    unsafe {
        let mut sums: [V; COUNT] = outputs.begin::<V, COUNT, TAIL>();
        for (i, weights) in weights.iter().enumerate() {
            let from = from.add(i * line);
            for (j, &weight) in weights.iter().enumerate() {
                for (p, sum) in sums.iter_mut().enumerate() {
                    let x = load::<V, 1, TAIL>(from.add((p * STEP + j) * channels), 0, outputs.tail);
                    *sum = sum.add_product(x, weight);
                }
            }
        }
        outputs.store::<V, COUNT, TAIL>(sums);
    }
}

/// The same for whatever taps there are.
///
/// # Safety
/// As for [`convolve`]; rows and channels must exist.
#[inline(always)]
unsafe fn add_any<V: Vector, const TAIL: bool>(sliding: &Sliding, band: Range<usize>, strip: Strip<V::Scalar>) {
    let Sliding { columns, rows, kernel: [_, taps], step, .. } = sliding;
    for oy in band {
        let mut ox = 0;
        while ox < columns.len() {
            let whole = |ox: usize| columns.get(ox).is_some_and(|column| column.count == *taps);
            // SAFETY: outputs from `ox` on exist; those with all taps are at even distances.
            unsafe {
                let outputs = Outputs::of(&strip, oy * columns.len() + ox, sliding.outputs);
                match step {
                    Some(step) if whole(ox) && whole(ox + 7) => {
                        add_block::<V, 8, TAIL>(sliding, rows[oy], columns[ox], *step, strip, outputs);
                        ox += 8;
                    }
                    _ => {
                        add_block::<V, 1, TAIL>(sliding, rows[oy], columns[ox], 0, strip, outputs);
                        ox += 1;
                    }
                }
            }
        }
    }
}

/// # Safety
/// As for [`convolve`]; `COUNT` outputs must exist, their windows `step` columns apart, with the taps of the first.
#[inline(always)]
unsafe fn add_block<V: Vector, const COUNT: usize, const TAIL: bool>(
    sliding: &Sliding,
    rows: Taps,
    columns: Taps,
    step: usize,
    strip: Strip<V::Scalar>,
    outputs: Outputs<V::Scalar>,
) {
    let channels = sliding.outputs;
    // SAFETY: `Sliding` has no taps outside of the kernel or the image; the rest is the caller's word.
    unsafe {
        let mut sums: [V; COUNT] = outputs.begin::<V, COUNT, TAIL>();
        for (tap, line) in sliding.lines(rows) {
            let mut weights = strip.weights.add((tap + columns.first) * channels);
            let mut values = strip.values.add((line + columns.start) * channels);
            for _ in 0..columns.count {
                let weight = load::<V, 1, TAIL>(weights, 0, strip.tail);
                for (p, sum) in sums.iter_mut().enumerate() {
                    let x = load::<V, 1, TAIL>(values.add(p * step * channels), 0, strip.tail);
                    *sum = sum.add_product(x, weight);
                }
                weights = weights.wrapping_add(channels);
                values = values.wrapping_add(sliding.dilation[1] * channels);
            }
        }
        outputs.store::<V, COUNT, TAIL>(sums);
    }
}
