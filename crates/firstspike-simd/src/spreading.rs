//! Convolutions of spikes, seen from their inputs: the outputs that a pixel's spikes reach stay in registers while all of
//! them are added, and move on with the pixel. A spike costs one load of its value for all of its targets, and there is
//! one loop for each pixel, not one for each row of taps.

use crate::convolution::Spikes;
use crate::vector::{Vector, prefetch};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a row of packed weights: a line of the cache.
const LINE: usize = 64;

/// How the spikes of an image spread over outputs `[row][column][channel]`.
///
/// Taps are taken in blocks that fit the registers. With a stride, each block has every so-manieth tap, and meets every
/// so-manieth pixel: what is left is a convolution without a stride.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spreading {
    /// Height, width and channels.
    input: [usize; 3],
    output: [usize; 3],
    kernel: [usize; 2],
    /// Of all outputs.
    blocks: Arc<[Block]>,
    /// Rows of outputs above these.
    above: usize,
}

/// Taps that are added at once, and the pixels that meet them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    rows: Stretch,
    columns: Stretch,
}

impl Block {
    fn taps(&self) -> usize {
        self.rows.taps * self.columns.taps
    }

    /// Pixels that meet it.
    fn pixels(&self) -> usize {
        self.rows.count * self.columns.count
    }

    /// For some rows of outputs: meets the pixels alone that reach them.
    fn within(self, above: usize, height: usize) -> Self {
        let Stretch { first, step, count, taps, target, .. } = self.rows;
        let target = target - above as isize;
        let skipped = target.min(0).unsigned_abs().min(count);
        let end = (height as isize + taps as isize - 1 - target).max(0) as usize;
        let rows = Stretch {
            first: first + skipped * step,
            count: count.min(end).saturating_sub(skipped),
            target: target + skipped as isize,
            ..self.rows
        };
        Self { rows, ..self }
    }
}

/// A block on one axis: input `first + i * step` meets tap `tap + k * step` at output `target + i - k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    first: usize,
    step: usize,
    /// How many inputs.
    count: usize,
    tap: usize,
    /// How many taps.
    taps: usize,
    target: isize,
}

/// The blocks of one axis.
fn stretches(inputs: usize, kernel: usize, stride: usize, pad: isize) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for phase in 0..stride.min(kernel) {
        // Taps `phase`, `phase + stride`, ... meet inputs `first`, `first + stride`, ...
        let taps = (kernel - phase).div_ceil(stride);
        let first = (phase as isize - pad).rem_euclid(stride as isize) as usize;
        let target = (first as isize + pad - phase as isize) / stride as isize;
        let count = inputs.saturating_sub(first).div_ceil(stride);
        let mut done = 0;
        while done < taps && count > 0 {
            let now = match taps - done {
                4 => 2,
                left => left.min(3),
            };
            let (tap, target) = (phase + done * stride, target - done as isize);
            stretches.push(Stretch { first, step: stride, count, tap, taps: now, target });
            done += now;
        }
    }
    stretches
}

impl Spreading {
    /// A kernel that begins `pad` before the first row and column.
    ///
    /// # Panics
    /// If anything but the padding is zero.
    pub fn new(input: [usize; 3], output: [usize; 3], kernel: [usize; 2], stride: [usize; 2], pad: [isize; 2]) -> Self {
        let sizes = input.into_iter().chain(output).chain(kernel).chain(stride);
        assert!(sizes.into_iter().all(|size| size > 0), "an empty convolution");
        let columns = stretches(input[1], kernel[1], stride[1], pad[1]);
        let rows = stretches(input[0], kernel[0], stride[0], pad[0]);
        let blocks = rows.iter().flat_map(|&rows| columns.iter().map(move |&columns| Block { rows, columns }));
        Self { input, output, kernel, blocks: blocks.collect(), above: 0 }
    }

    /// The same for some rows of outputs alone: each is summed up as among all. Allocates nothing.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn band(&self, rows: Range<usize>) -> Self {
        let [height, width, channels] = self.output;
        assert!(rows.start <= rows.end && rows.end <= height, "a part of the outputs");
        Self { output: [rows.len(), width, channels], above: self.above + rows.start, ..self.clone() }
    }

    /// Pixels of an image.
    pub(crate) fn pixels(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Numbers that come out.
    pub(crate) fn targets(&self) -> usize {
        self.output.iter().product()
    }

    /// Rows of packed weights of each line of output channels: so many channels as a line of the cache holds.
    fn rows(&self) -> usize {
        self.blocks.iter().map(Block::taps).sum::<usize>() * self.input[2]
    }

    /// How often a pixel is come to, and how many targets each channel of outputs has for a spike, on average over the
    /// pixels: what the work is made of.
    pub fn work(&self) -> [f64; 2] {
        let pixels = self.pixels() as f64;
        let visits = |block: &Block| block.pixels() as f64 / pixels;
        let all = self.blocks.iter();
        [all.clone().map(visits).sum(), all.map(|block| visits(block) * block.taps() as f64).sum()]
    }

    /// Registers of channels that are kept at once, at most, and parts of the input's channels that are gone through one by
    /// one, so that weights stay in the first-level cache.
    pub fn parts(&self) -> [usize; 2] {
        let most = self.blocks.iter().map(Block::taps).max().unwrap_or(1);
        let width = match most {
            // A spike is one row of weights: there is little to it, so the more at once the better.
            1 => 8,
            // Each spike is come to half as often.
            _ if self.input[2] * most * 2 * LINE <= CACHED => 2,
            _ => 1,
        };
        [width, self.input[2].div_ceil(Self::part(most, width))]
    }

    /// So many channels of the input at once that their weights stay in the cache.
    fn part(taps: usize, width: usize) -> usize {
        (CACHED / (taps * width * LINE)).max(1)
    }

    /// How many packed weights there are.
    pub fn packed<T>(&self) -> usize {
        let lanes = LINE / size_of::<T>();
        self.output[2].div_ceil(lanes) * self.rows() * lanes
    }

    /// Packs weights `[ky][kx][input channel][output channel]`.
    ///
    /// # Panics
    /// If there are other numbers of weights.
    pub fn pack<T: Copy>(&self, weights: &[T], packed: &mut [T]) {
        let lanes = LINE / size_of::<T>();
        let ([_, _, inputs], [_, _, outputs]) = (self.input, self.output);
        assert_eq!(weights.len(), self.kernel[0] * self.kernel[1] * inputs * outputs, "every tap has weights");
        assert_eq!(packed.len(), self.packed::<T>(), "room for all weights");
        let mut rows = packed.chunks_exact_mut(lanes);
        for line in (0..outputs).step_by(lanes) {
            let channels = line..outputs.min(line + lanes);
            for Block { rows: ky, columns: kx } in self.blocks.iter() {
                for input in 0..inputs {
                    for y in (0..ky.taps).map(|k| ky.tap + k * ky.step) {
                        for x in (0..kx.taps).map(|k| kx.tap + k * kx.step) {
                            let tap = y * self.kernel[1] + x;
                            let from = &weights[(tap * inputs + input) * outputs..][..outputs][channels.clone()];
                            let Some(row) = rows.next() else { return };
                            row[..from.len()].copy_from_slice(from);
                        }
                    }
                }
            }
        }
    }
}

/// Bytes of weights that stay in the first-level cache, beside all else.
const CACHED: usize = 40 << 10;

/// Bytes of weights that do not stay in the second level.
const FAR: usize = 1 << 20;

/// Adds spikes to the targets.
///
/// # Safety
/// The instruction set of `V` must be available; targets and packed weights must have the sizes of `spreading`, there must
/// be a value for each key, and a cursor for each pixel. Keys may be anything: a pixel's list ends at the first one that
/// is not of the pixel.
#[inline(always)]
pub(crate) unsafe fn spread<V: Vector>(
    spreading: &Spreading,
    targets: *mut V::Scalar,
    weights: *const V::Scalar,
    spikes: Spikes<'_, V::Scalar>,
    cursors: &mut [u32],
) {
    let ([_, _, inputs], [_, _, outputs]) = (spreading.input, spreading.output);
    let most = spreading.parts()[0].min(if V::REGISTERS >= 32 { 8 } else { 4 });
    let line = LINE / size_of::<V::Scalar>();
    let mut at = 0;
    while at < outputs {
        let left = outputs - at;
        // The last register may be one that the channels do not fill.
        let width = match left.div_ceil(V::LANES).min(most) {
            registers @ (1 | 2) => registers,
            3 => 2,
            4..8 => 4,
            _ => 8,
        };
        let whole = left >= width * V::LANES;
        // Weights that the second level of the cache does not hold come while those of the part before are used: of one register
        // they lie one after another.
        let far = width == 1 && spreading.packed::<V::Scalar>() * size_of::<V::Scalar>() > FAR;
        let mut before = 0;
        for block in spreading.blocks.iter() {
            let block = block.within(spreading.above, spreading.output[0]);
            // So many channels at once that their weights stay in the cache.
            let some = Spreading::part(block.taps(), width).min(inputs);
            for first in (0..inputs).step_by(some) {
                let part = Part { spikes, first, limit: inputs.min(first + some) };
                let next = at / line * spreading.rows() * line + before + part.limit * block.taps() * line;
                let tile = Tile {
                    targets,
                    weights,
                    at,
                    tail: left.saturating_sub((width - 1) * V::LANES),
                    block,
                    before,
                    next: weights.wrapping_add(next),
                    share: if far { (some * block.taps()).div_ceil(block.pixels().max(1)) } else { 0 },
                };
                // SAFETY: the caller's word; the tile ends where the channels do.
                unsafe {
                    match (width, whole) {
                        (8, false) => walk::<V, 1, 1, 8, true>(spreading, tile, part, cursors),
                        (8, true) => walk::<V, 1, 1, 8, false>(spreading, tile, part, cursors),
                        (4, false) => walk::<V, 1, 1, 4, true>(spreading, tile, part, cursors),
                        (4, true) => walk::<V, 1, 1, 4, false>(spreading, tile, part, cursors),
                        (2, false) => spread_tile::<V, 2, true>(spreading, tile, part, cursors),
                        (2, true) => spread_tile::<V, 2, false>(spreading, tile, part, cursors),
                        (_, false) => spread_tile::<V, 1, true>(spreading, tile, part, cursors),
                        (_, true) => spread_tile::<V, 1, false>(spreading, tile, part, cursors),
                    }
                }
            }
            before += block.taps() * inputs * line;
        }
        at += width * V::LANES;
    }
}

/// A block of taps to channels `at..` of every output pixel, `WIDTH` registers of them, the last with `tail` channels if
/// `TAIL`.
#[derive(Clone, Copy)]
struct Tile<T> {
    targets: *mut T,
    weights: *const T,
    at: usize,
    tail: usize,
    block: Block,
    /// Weights of the blocks before.
    before: usize,
    /// Those of the next part, and lines of them for each pixel to fetch.
    next: *const T,
    share: usize,
}

/// Spikes of the channels from `first` on that are below `limit`.
#[derive(Clone, Copy)]
struct Part<'a, T> {
    spikes: Spikes<'a, T>,
    first: usize,
    limit: usize,
}

/// # Safety
/// As for [`spread`]; the tile must lie within the channels and the weights, and parts must come one after another.
#[inline(always)]
unsafe fn spread_tile<V: Vector, const WIDTH: usize, const TAIL: bool>(
    spreading: &Spreading,
    tile: Tile<V::Scalar>,
    part: Part<'_, V::Scalar>,
    cursors: &mut [u32],
) {
    let taps = (tile.block.rows.taps, tile.block.columns.taps);
    // SAFETY: the caller's word.
    unsafe {
        match taps {
            (1, 1) => walk::<V, 1, 1, WIDTH, TAIL>(spreading, tile, part, cursors),
            (1, 2) => walk::<V, 1, 2, WIDTH, TAIL>(spreading, tile, part, cursors),
            (1, _) => walk::<V, 1, 3, WIDTH, TAIL>(spreading, tile, part, cursors),
            (2, 1) => walk::<V, 2, 1, WIDTH, TAIL>(spreading, tile, part, cursors),
            (2, 2) => walk::<V, 2, 2, WIDTH, TAIL>(spreading, tile, part, cursors),
            (2, _) => walk::<V, 2, 3, WIDTH, TAIL>(spreading, tile, part, cursors),
            (_, 1) => walk::<V, 3, 1, WIDTH, TAIL>(spreading, tile, part, cursors),
            (_, 2) => walk::<V, 3, 2, WIDTH, TAIL>(spreading, tile, part, cursors),
            (_, _) => walk::<V, 3, 3, WIDTH, TAIL>(spreading, tile, part, cursors),
        }
    }
}

/// Does something for each of at most eight indices: loops over registers must not be left to the compiler, since what it
/// does not unroll goes through memory.
macro_rules! each {
    ($index:ident < $count:expr, $body:expr) => {
        if 0 < $count {
            let $index = 0;
            $body;
        }
        if 1 < $count {
            let $index = 1;
            $body;
        }
        if 2 < $count {
            let $index = 2;
            $body;
        }
        if 3 < $count {
            let $index = 3;
            $body;
        }
        if 4 < $count {
            let $index = 4;
            $body;
        }
        if 5 < $count {
            let $index = 5;
            $body;
        }
        if 6 < $count {
            let $index = 6;
            $body;
        }
        if 7 < $count {
            let $index = 7;
            $body;
        }
    };
}

/// Walks over the pixels that meet a block of `ROWS * COLUMNS` taps.
///
/// # Safety
/// As for [`spread_tile`]; the block must have so many taps.
#[inline(always)]
unsafe fn walk<V: Vector, const ROWS: usize, const COLUMNS: usize, const WIDTH: usize, const TAIL: bool>(
    spreading: &Spreading,
    tile: Tile<V::Scalar>,
    Part { spikes, first, limit }: Part<'_, V::Scalar>,
    cursors: &mut [u32],
) {
    let Block { rows, columns } = tile.block;
    let ([_, across, inputs], [height, width, n]) = (spreading.input, spreading.output);
    let line = LINE / size_of::<V::Scalar>();
    let row_length = ROWS * COLUMNS * line;
    let lines = spreading.rows() * line;
    let existing = |column: isize| (column as usize) < width;
    // SAFETY: channels are below `limit`, spikes and cursors are indexed with checks, and targets
    // are read and written at rows and columns that exist only.
    unsafe {
        let weights: [_; WIDTH] = std::array::from_fn(|k| {
            let at = tile.at + k * V::LANES;
            tile.weights.add(at / line * lines + tile.before + at % line)
        });
        for i in 0..rows.count {
            // Outputs that the first column of pixels meets at the first tap of each row; nothing above or below the image.
            let reached: [_; ROWS] = std::array::from_fn(|k| {
                let row = (rows.target + i as isize - k as isize) as usize;
                (row < height).then(|| tile.targets.add(row * width * n + tile.at))
            });
            let load = |row: Option<*mut V::Scalar>, column: isize| -> [V; WIDTH] {
                let mut registers = [V::zero(); WIDTH];
                if let Some(row) = row
                    && existing(column)
                {
                    let from = row.add(column as usize * n);
                    each!(w < WIDTH, {
                        let from = from.add(w * V::LANES);
                        let last = TAIL && w == WIDTH - 1;
                        registers[w] = if last { V::load_first(from, tile.tail) } else { V::load(from) };
                    });
                }
                registers
            };
            let store = |row: Option<*mut V::Scalar>, column: isize, registers: [V; WIDTH]| {
                if let Some(row) = row
                    && existing(column)
                {
                    let to = row.add(column as usize * n);
                    each!(w < WIDTH, {
                        let to = to.add(w * V::LANES);
                        let last = TAIL && w == WIDTH - 1;
                        if last { registers[w].store_first(to, tile.tail) } else { registers[w].store(to) }
                    });
                }
            };
            let mut sums = [[[V::zero(); WIDTH]; COLUMNS]; ROWS];
            each!(k < ROWS, {
                if COLUMNS > 1 {
                    sums[k][1] = load(reached[k], columns.target - 1);
                }
                if COLUMNS > 2 {
                    sums[k][2] = load(reached[k], columns.target - 2);
                }
            });
            let mut pixel = (rows.first + i * rows.step) * across + columns.first;
            // Each pixel fetches its share of the next part's weights.
            let mut ahead = tile.next.wrapping_add(i * columns.count * tile.share * line);
            for column in (columns.target..).take(columns.count) {
                each!(k < ROWS, sums[k][0] = load(reached[k], column));
                let to = spikes.starts[pixel + 1];
                let begin = if first == 0 { spikes.starts[pixel] } else { cursors[pixel] };
                let keys = &spikes.keys[begin as usize..to as usize];
                let values = spikes.values.add(begin as usize);
                let base = pixel * inputs;
                for _ in 0..tile.share {
                    prefetch(ahead);
                    ahead = ahead.wrapping_add(line);
                }
                let mut done = 0;
                for &key in keys {
                    let channel = (key as usize).wrapping_sub(base);
                    if channel >= limit {
                        break;
                    }
                    let row = channel * row_length;
                    let value = V::splat(*values.add(done));
                    each!(w < WIDTH, {
                        let row = weights[w].add(row);
                        each!(
                            k < ROWS,
                            each!(j < COLUMNS, {
                                let weights = V::load(row.add((k * COLUMNS + j) * line));
                                sums[k][j][w] = sums[k][j][w].add_product(value, weights);
                            })
                        );
                    });
                    done += 1;
                }
                if limit < inputs {
                    cursors[pixel] = begin + done as u32;
                }
                each!(k < ROWS, {
                    store(reached[k], column - (COLUMNS - 1) as isize, sums[k][COLUMNS - 1]);
                    if COLUMNS > 2 {
                        sums[k][2] = sums[k][1];
                    }
                    if COLUMNS > 1 {
                        sums[k][1] = sums[k][0];
                    }
                });
                pixel += columns.step;
            }
            let last = columns.target + columns.count as isize;
            each!(k < ROWS, {
                if COLUMNS > 1 {
                    store(reached[k], last - 1, sums[k][1]);
                }
                if COLUMNS > 2 {
                    store(reached[k], last - 2, sums[k][2]);
                }
            });
        }
    }
}
