//! Convolutions over images of `[row][column][channel]`: an output pixel's sums stay in registers from the first tap to
//! the last.

use crate::depthwise;
use crate::sliding::{Sliding, Span, Taps};
use crate::vector::{Vector, load, own_register, store};

/// Spikes, sorted by key (`pixel * channels + channel`), and where each pixel's begin.
#[derive(Clone, Copy)]
pub(crate) struct Spikes<'a, T> {
    pub keys: &'a [u32],
    /// As many as keys.
    pub values: *const T,
    pub starts: &'a [u32],
}

/// Channels `at..` of every output pixel, `WIDTH` registers of them, the last with `tail` channels if `TAIL`.
#[derive(Clone, Copy)]
struct Tile<T> {
    targets: *mut T,
    /// What is added to, and from one pixel's to the next.
    begin: (*const T, usize),
    weights: *const T,
    at: usize,
    tail: usize,
}

/// Covers the channels of an output pixel with tiles, as wide as possible; the tile outermost, so that its weights stay
/// in cache.
macro_rules! tiles {
    ($vector:ty, $sliding:expr, $channels:expr, $tile:expr, $most:expr, $kernel:ident($argument:expr), [$($width:literal, $split:literal);*]) => {{
        let lanes = <$vector>::LANES;
        let [begin, n] = $channels;
        let mut tile = $tile;
        tile.at = begin;
        while tile.at < n {
            let registers = (n - tile.at).div_ceil(lanes).min($most);
            $(
                if registers >= $width {
                    let whole = tile.at + $width * lanes <= n;
                    tile.tail = n.saturating_sub(tile.at + ($width - 1) * lanes);
                    // SAFETY: the caller's word; the tile ends where the channels do.
                    unsafe {
                        if whole {
                            $kernel::<$vector, $width, $split, false>($sliding, tile, $argument);
                        } else {
                            $kernel::<$vector, $width, $split, true>($sliding, tile, $argument);
                        }
                    }
                    tile.at += $width * lanes;
                    continue;
                }
            )*
        }
    }};
}

/// Which part of a kernel is gone through before the next.
#[derive(Clone, Copy)]
struct Part {
    /// Rows and columns of taps.
    taps: [usize; 2],
    /// Registers of channels, at most.
    registers: usize,
}

impl Part {
    /// A part whose weights stay in the first-level cache if it can be, else one for which much is done at each pixel.
    fn of<V: Vector>(sliding: &Sliding, spikes: usize) -> Self {
        let [rows, columns] = sliding.kernel;
        let registers = sliding.outputs.div_ceil(V::LANES).min(4);
        let bytes = |taps: usize| taps * sliding.input[2] * registers * V::LANES * size_of::<V::Scalar>();
        if bytes(rows * columns) <= 40 << 10 {
            Self { taps: [rows, columns], registers }
        } else if bytes(columns) <= 64 << 10 {
            Self { taps: [1, columns], registers }
        } else if spikes >= 24 * sliding.pixels() {
            Self { taps: [1, 1], registers }
        } else {
            Self { taps: [rows, columns], registers: 8 }
        }
    }
}

/// Adds spikes to the targets, or to a `bias` of each channel if there is one.
///
/// # Safety
/// The instruction set of `V` must be available; targets, bias, weights and `starts` must have the sizes of `sliding`, and
/// there must be a value for each key. Keys may be anything: their rows are clamped to those there are.
#[inline(always)]
pub(crate) unsafe fn convolve_spikes<V: Vector>(
    sliding: &Sliding,
    targets: *mut V::Scalar,
    bias: Option<*const V::Scalar>,
    weights: *const V::Scalar,
    spikes: Spikes<'_, V::Scalar>,
) {
    let part = Part::of::<V>(sliding, spikes.keys.len());
    let begin = bias.map_or((targets.cast_const(), sliding.outputs), |bias| (bias, 0));
    let tile = Tile { targets, begin, weights, at: 0, tail: 0 };
    tiles!(V, sliding, [0, sliding.outputs], tile, part.registers, spikes_tile((spikes, part)), [8, 1; 4, 2; 3, 2; 2, 4; 1, 4]);
}

/// # Safety
/// As for [`convolve_spikes`]; the tile must lie within the channels.
#[inline(always)]
unsafe fn spikes_tile<V: Vector, const WIDTH: usize, const SPLIT: usize, const TAIL: bool>(
    sliding: &Sliding,
    tile: Tile<V::Scalar>,
    (spikes, part): (Spikes<'_, V::Scalar>, Part),
) {
    let (inputs, n) = (sliding.input[2], sliding.outputs);
    let last = sliding.weight_rows() - 1;
    // SAFETY: rows of weights are clamped to those there are, `starts` and `keys` are indexed with checks, and targets
    // lie within `rows * columns * n`.
    unsafe {
        let weights = tile.weights.add(tile.at);
        let (mut begin, mut apart) = tile.begin;
        for ky in (0..sliding.kernel[0]).step_by(part.taps[0]) {
            for kx in (0..sliding.kernel[1]).step_by(part.taps[1]) {
                let (mut to, mut from) = (tile.targets.add(tile.at), begin.add(tile.at));
                for &rows in &sliding.rows {
                    let rows = rows.within(ky, part.taps[0], sliding.dilation[0]);
                    for &columns in &sliding.columns {
                        let columns = columns.within(kx, part.taps[1], sliding.dilation[1]);
                        let (stretches, pixels, step) = sliding.stretches(columns);
                        let mut sums = [[V::zero(); WIDTH]; SPLIT];
                        for (k, sum) in sums[0].iter_mut().enumerate() {
                            *sum = load::<V, WIDTH, TAIL>(from, k, tile.tail);
                        }
                        for (tap, line) in sliding.lines(rows) {
                            for j in 0..stretches {
                                let pixel = line + columns.start + j * step;
                                let offset = ((tap + columns.first + j) * inputs).wrapping_sub(pixel * inputs);
                                let from = spikes.starts[pixel] as usize;
                                let keys = &spikes.keys[from..spikes.starts[pixel + pixels] as usize];
                                let values = spikes.values.add(from);
                                let add = |lane: &mut [V; WIDTH], i: usize| {
                                    let row = (*keys.get_unchecked(i) as usize).wrapping_add(offset);
                                    debug_assert!(row <= last, "a spike outside of its pixel");
                                    let (value, row) =
                                        (V::splat(*values.add(i)), own_register(weights.add(row.min(last) * n)));
                                    for (k, sum) in lane.iter_mut().enumerate() {
                                        *sum = sum.add_product(value, load::<V, WIDTH, TAIL>(row, k, tile.tail));
                                    }
                                };
                                let mut i = 0;
                                while i + SPLIT <= keys.len() {
                                    for (split, lane) in sums.iter_mut().enumerate() {
                                        add(lane, i + split);
                                    }
                                    i += SPLIT;
                                }
                                // The rest goes to different sums too, so that none waits for another.
                                for lane in sums.iter_mut().take(SPLIT - 1) {
                                    if i < keys.len() {
                                        add(lane, i);
                                        i += 1;
                                    }
                                }
                            }
                        }
                        for k in 0..WIDTH {
                            let mut sum = sums[0][k];
                            for lane in &sums[1..] {
                                sum = sum.add(lane[k]);
                            }
                            store::<V, WIDTH, TAIL>(sum, to, k, tile.tail);
                        }
                        (to, from) = (to.add(n), from.add(apart));
                    }
                }
                // Other parts are added to this one.
                (begin, apart) = (tile.targets, n);
            }
        }
    }
}

/// Calls a kernel of so many pixels, `$most` at most.
macro_rules! blocks {
    ($most:ident, $pixels:ident, $kernel:ident::<$vector:ty, $width:ident, $tail:ident>$arguments:tt) => {
        blocks!(@ $most, $pixels, $kernel, $vector, $width, $tail, $arguments,
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
    };
    (@ $most:ident, $pixels:ident, $kernel:ident, $vector:ty, $width:ident, $tail:ident, $arguments:tt,
        [$($count:literal),*]) => {
        match $pixels {
            $($count if const { $count <= $most } => $kernel::<$vector, $width, $count, $tail>$arguments,)*
            _ => unreachable!("blocks have some pixels, and not too many"),
        }
    };
}

/// Adds one value per neuron to the targets, or to a `bias` of each channel if there is one: a dense convolution. Each row
/// of weights, which lie in panels, serves several output pixels.
///
/// # Safety
/// The instruction set of `V` must be available; targets, bias, weights and values must have the sizes of `sliding`.
#[inline(always)]
pub(crate) unsafe fn convolve_values<V: Vector>(
    sliding: &Sliding,
    targets: *mut V::Scalar,
    bias: Option<*const V::Scalar>,
    weights: *const V::Scalar,
    values: *const V::Scalar,
) {
    let begin = bias.map_or((targets.cast_const(), sliding.outputs), |bias| (bias, 0));
    let (inputs, outputs) = (sliding.group_inputs(), sliding.width());
    if sliding.is_depthwise() {
        // SAFETY: the caller's word.
        unsafe { depthwise::convolve::<V>(sliding, targets, begin, weights, values) };
        return;
    }
    for group in 0..sliding.groups() {
        // SAFETY: the group's first output, row of weights and input.
        let (targets, begin, weights, values) = unsafe {
            (
                targets.add(group * outputs),
                (begin.0.add(group * outputs), begin.1),
                weights.add(group * sliding.group_rows() * outputs),
                values.add(group * inputs),
            )
        };
        let tile = Tile { targets, begin, weights, at: 0, tail: 0 };
        if V::REGISTERS >= 32 {
            tiles!(V, sliding, sliding.channels, tile, 4, values_tile(values), [4, 6; 3, 6; 2, 8; 1, 14]);
        } else {
            tiles!(V, sliding, sliding.channels, tile, 2, values_tile(values), [2, 4; 1, 8]);
        }
    }
}

/// Weights of a tile of channels.
#[derive(Clone, Copy)]
struct Panel<T> {
    /// Those of the first tap and input channel.
    weights: *const T,
    /// From those of one input channel to those of the next.
    width: usize,
}

/// # Safety
/// As for [`convolve_values`]; the tile must lie within the channels.
#[inline(always)]
unsafe fn values_tile<V: Vector, const WIDTH: usize, const PIXELS: usize, const TAIL: bool>(
    sliding: &Sliding,
    mut tile: Tile<V::Scalar>,
    values: *const V::Scalar,
) {
    let columns: &[Taps] = &sliding.columns;
    let (first, width) = sliding.panel::<V::Scalar>(tile.at);
    // SAFETY: the panel begins behind those before, and the tile lies within it.
    let weights = unsafe { tile.weights.add(first * sliding.group_rows() + tile.at - first) };
    let panel = Panel { weights, width };
    if let (true, Some(&rows)) = (sliding.pointwise, sliding.rows.first()) {
        // One long row: blocks of pixels need not end where rows do.
        let span = Span { first: 0, count: sliding.rows.len() * columns.len(), step: 1 };
        let own = |ox: usize| [rows, Taps { first: 0, count: 1, start: ox }];
        // SAFETY: the pixels of all rows lie one after the other, as those of the input do; the rest is the caller's word.
        unsafe { values_span::<V, WIDTH, PIXELS, TAIL>(sliding, tile, panel, 0, span, own, values) };
        return;
    }
    let [ky_size, kx_size] = sliding.taps_at_once::<V::Scalar>();
    for ky in (0..sliding.kernel[0]).step_by(ky_size) {
        for kx in (0..sliding.kernel[1]).step_by(kx_size) {
            for (oy, rows) in sliding.rows.iter().enumerate() {
                let rows = rows.within(ky, ky_size, sliding.dilation[0]);
                let part = |ox: usize| [rows, columns[ox].within(kx, kx_size, sliding.dilation[1])];
                for &span in sliding.spans.iter() {
                    let begin = oy * columns.len();
                    // SAFETY: the caller's word.
                    unsafe {
                        values_span::<V, WIDTH, PIXELS, TAIL>(sliding, tile, panel, begin, span, part, values);
                    };
                }
            }
            // Other parts are added to this one.
            tile.begin = (tile.targets.cast_const(), sliding.outputs);
        }
    }
}

/// # Safety
/// As for [`values_tile`]; the pixels of the span, from that at `begin` on, must exist, and have all `taps` at the same distance.
#[inline(always)]
unsafe fn values_span<V: Vector, const WIDTH: usize, const PIXELS: usize, const TAIL: bool>(
    sliding: &Sliding,
    tile: Tile<V::Scalar>,
    panel: Panel<V::Scalar>,
    begin: usize,
    Span { first, count, step }: Span,
    taps: impl Fn(usize) -> [Taps; 2],
    values: *const V::Scalar,
) {
    let mut ox = first;
    // Blocks of even sizes: small ones wait for their own sums.
    let mut blocks = count.div_ceil(PIXELS);
    while blocks > 0 {
        let pixels = (first + count - ox).div_ceil(blocks);
        let [rows, columns] = taps(ox);
        let block = Block { rows, columns, step: step * sliding.input[2], pixel: begin + ox };
        // SAFETY: the caller's word.
        unsafe {
            blocks!(PIXELS, pixels, values_block::<V, WIDTH, TAIL>(sliding, tile, panel, block, values));
        }
        ox += pixels;
        blocks -= 1;
    }
}

/// Pixels of a block, at most.
const MOST_PIXELS: usize = 16;

/// Output pixels side by side whose taps are alike.
#[derive(Clone, Copy)]
struct Block {
    rows: Taps,
    /// Of the first pixel.
    columns: Taps,
    /// Numbers of input from one pixel to the next.
    step: usize,
    /// The first pixel.
    pixel: usize,
}

/// # Safety
/// As for [`convolve_values`]; `PIXELS` output pixels must have the taps of `block`.
#[inline(always)]
unsafe fn values_block<V: Vector, const WIDTH: usize, const PIXELS: usize, const TAIL: bool>(
    sliding: &Sliding,
    tile: Tile<V::Scalar>,
    Panel { weights, width }: Panel<V::Scalar>,
    Block { rows, columns, step, pixel }: Block,
    values: *const V::Scalar,
) {
    let (inputs, n) = (sliding.input[2], sliding.outputs);
    let group_inputs = sliding.group_inputs();
    let (stretches, pixels, stride) = sliding.stretches(columns);
    // SAFETY: `Sliding` has no taps outside of the image; the rest is the caller's word.
    unsafe {
        let to = tile.targets.add(pixel * n + tile.at);
        let (begin, apart) = tile.begin;
        let begin = begin.add(pixel * apart + tile.at);
        let mut sums = [[V::zero(); WIDTH]; PIXELS];
        for (p, lane) in sums.iter_mut().enumerate() {
            for (k, sum) in lane.iter_mut().enumerate() {
                *sum = load::<V, WIDTH, TAIL>(begin.add(p * apart), k, tile.tail);
            }
        }
        for (tap, line) in sliding.lines(rows) {
            for j in 0..stretches {
                let x = values.add((line + columns.start + j * stride) * inputs);
                let mut row = weights.add((tap + columns.first + j) * group_inputs * width);
                // An address for every third pixel: those between are one and two steps further on, for which there are addressing
                // modes, and no other calculation is left.
                let mut thirds: [_; MOST_PIXELS.div_ceil(3)] = std::array::from_fn(|k| x.wrapping_add(3 * k * step));
                for _ in 0..pixels * group_inputs {
                    let mut weights = [V::zero(); WIDTH];
                    for (k, weight) in weights.iter_mut().enumerate() {
                        *weight = load::<V, WIDTH, TAIL>(row, k, tile.tail);
                    }
                    for (p, lane) in sums.iter_mut().enumerate() {
                        let value = V::splat(*thirds[p / 3].add(p % 3 * step));
                        for (sum, &weight) in lane.iter_mut().zip(&weights) {
                            *sum = sum.add_product(value, weight);
                        }
                    }
                    for x in &mut thirds[..PIXELS.div_ceil(3)] {
                        *x = own_register(x.wrapping_add(1));
                    }
                    row = row.add(width);
                }
            }
        }
        for (p, lane) in sums.into_iter().enumerate() {
            for (k, sum) in lane.into_iter().enumerate() {
                store::<V, WIDTH, TAIL>(sum, to.add(p * n), k, tile.tail);
            }
        }
    }
}
