//! Convolutions of spikes, seen from their inputs: the outputs that a pixel's spikes reach stay in registers while all of
//! them are added, and move on with the pixel. A spike costs one load of its value for all of its targets, and there is
//! one loop for each pixel, not one for each row of taps. Sums that are not complete at the end of a row of pixels lie side by
//! side, with margins, so that pixels at the border are like all others.

use crate::convolution::Spikes;
use crate::sliding::PART;
use crate::vector::{Vector, own_register};
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
    /// The channels of outputs that are computed.
    channels: [usize; 2],
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

impl Stretch {
    /// Whether it reaches all of so many outputs.
    fn covers(self, outputs: usize) -> bool {
        let (existing, first) = self.existing(outputs);
        (existing.len(), first) == (outputs, 0)
    }

    /// Outputs that it reaches, those beyond the border too.
    fn cells(self) -> usize {
        self.count + self.taps - 1
    }

    /// Which of them exist among so many outputs, and where the first of them is.
    fn existing(self, outputs: usize) -> (Range<usize>, usize) {
        let before = self.target - (self.taps - 1) as isize;
        let first = before.min(0).unsigned_abs();
        let end = (outputs as isize - before).clamp(0, self.cells() as isize) as usize;
        (first.min(end)..end, (before + first as isize) as usize)
    }
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
        Self { input, output, kernel, blocks: blocks.collect(), above: 0, channels: [0, output[2]] }
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

    /// The same for some channels of outputs alone: each is summed up as among all, and others are not written. Allocates nothing.
    ///
    /// # Panics
    /// If there are no such channels, or they do not begin where a line of weights does.
    pub fn of_channels(&self, channels: Range<usize>) -> Self {
        assert!(channels.end <= self.output[2], "a part of the channels");
        assert!(channels.start.is_multiple_of(PART), "whole lines of weights");
        Self { channels: [channels.start, channels.end], ..self.clone() }
    }

    /// The channels of outputs that are computed.
    pub(crate) fn channels(&self) -> Range<usize> {
        self.channels[0]..self.channels[1]
    }

    /// Pixels of an image.
    pub(crate) fn pixels(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Whether the first block reaches all outputs, so that they can begin at something else than what they hold.
    pub(crate) fn begins(&self) -> bool {
        let [height, width, _] = self.output;
        self.blocks.first().is_some_and(|block| {
            let Block { rows, columns } = block.within(self.above, height);
            rows.covers(height) && columns.covers(width)
        })
    }

    /// Numbers that come out.
    pub(crate) fn targets(&self) -> usize {
        self.output.iter().product()
    }

    /// Channels of an output pixel.
    pub(crate) fn outputs(&self) -> usize {
        self.output[2]
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

    /// Parts of the input's channels that are gone through one by one, so that weights stay in the first-level cache, for so
    /// many spikes.
    pub fn parts(&self, spikes: usize) -> usize {
        self.input[2].div_ceil(self.part_of_inputs(spikes))
    }

    fn most_taps(&self) -> usize {
        self.blocks.iter().map(Block::taps).max().unwrap_or(1)
    }

    /// Registers of channels that are kept at once, at most.
    pub fn width(&self) -> usize {
        match self.most_taps() {
            // A spike is one row of weights: there is little to it, so the more at once the better.
            1 => 8,
            // Each spike is come to half as often.
            taps if self.input[2] * taps * 2 * LINE <= CACHED => 2,
            _ => 1,
        }
    }

    /// Channels of a part.
    fn part_of_inputs(&self, spikes: usize) -> usize {
        let channels = self.input[2];
        let mut part = CACHED / (self.most_taps() * self.width() * LINE);
        // Less than a few spikes take less time than a pixel, whichever cache their weights come from.
        while part < channels && spikes.saturating_mul(part) < FEW * self.pixels() * channels {
            part *= 2;
        }
        // A byte tells so many channels apart.
        part.min(1 << u8::BITS).clamp(1, channels)
    }

    /// Steps between pixels of a row, at most.
    fn furthest(&self) -> usize {
        self.blocks.iter().map(|block| block.columns.step).max().unwrap_or(0)
    }

    /// Numbers between rows of pixels, at most: for the widest block, so many registers of channels at once.
    fn between<T>(&self) -> usize {
        let cells = self.blocks.iter().map(|block| (block.rows.taps - 1) * block.columns.cells()).max().unwrap_or(0);
        (cells * self.width().min(2) + 1) * LINE / size_of::<T>()
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

/// Spikes whose keys are loaded at once.
const AHEAD: usize = 8;

/// Spikes of a pixel in a part of the channels, at least, if there are other parts.
const FEW: usize = 4;

/// Memory to spread spikes with.
#[derive(Clone, Debug, Default)]
pub struct SpreadScratch<T> {
    /// Each pixel's spikes of each part of the channels.
    visits: Vec<Visit>,
    /// The lowest byte of each key, which tells channels of a part apart.
    bytes: Vec<u8>,
    /// Sums between rows of pixels.
    between: Vec<T>,
}

impl<T: Copy + Default> SpreadScratch<T> {
    /// Finds the spikes of each part of the channels. Keeps its memory.
    ///
    /// # Panics
    /// If the keys do not ascend, or lie elsewhere than in their pixels.
    #[inline(always)]
    fn begin(&mut self, spreading: &Spreading, keys: &[u32], starts: &[u32]) {
        let ([_, _, inputs], channels) = (spreading.input, spreading.part_of_inputs(keys.len()));
        let falls = keys.iter().zip(keys.iter().skip(1)).fold(0, |falls, (a, b)| falls | u32::from(a >= b));
        assert_eq!(falls, 0, "keys ascend");
        let mut apart = false;
        for (pixel, ends) in starts.windows(2).enumerate() {
            let own = &keys[ends[0] as usize..ends[1] as usize];
            if let ([first, ..], [.., last]) = (own, own) {
                apart |= (*first as usize) < pixel * inputs || *last as usize >= (pixel + 1) * inputs;
            }
        }
        assert!(!apart, "spikes lie in their pixels");
        self.bytes.clear();
        self.bytes.extend(keys.iter().map(|&key| key as u8));
        self.bytes.resize(keys.len() + AHEAD, 0);
        let bytes = self.bytes.as_slice();
        let visit = |at: usize, end: usize| {
            let (first, _) = bytes[at..].as_chunks();
            Visit { bytes: u64::from_le_bytes(first[0]), span: (end as u64) << u32::BITS | at as u64 }
        };
        // All are written; behind a row of pixels, pixels further on are looked at.
        let (pixels, parts) = (spreading.pixels(), spreading.parts(keys.len()));
        self.visits.resize(pixels * parts + 2 * spreading.furthest(), Visit::default());
        for (whole, (&at, &end)) in self.visits.iter_mut().zip(starts.iter().zip(&starts[1..])) {
            *whole = visit(at as usize, end as usize);
        }
        // All but the last part end before the next.
        for part in 1..parts {
            let (before, next) = self.visits[(part - 1) * pixels..].split_at_mut(pixels);
            for (pixel, (before, next)) in before.iter_mut().zip(next).enumerate() {
                let ([at, end], limit) = (before.ends(), pixel * inputs + part * channels);
                let middle = at + keys[at..end].partition_point(|&key| (key as usize) < limit);
                [*before, *next] = [visit(at, middle), visit(middle, end)];
            }
        }
        let between = spreading.between::<T>();
        self.between.resize(between.max(self.between.len()), T::default());
    }
}

/// Adds spikes to the targets, or to a `bias` of each channel if there is one.
///
/// # Safety
/// The instruction set of `V` must be available; targets, bias and packed weights must have the sizes of `spreading`, which
/// begins where there is a bias ([`Spreading::begins`]), and there must be a value for each key.
#[inline(always)]
pub(crate) unsafe fn spread<V: Vector<Scalar: Default>>(
    spreading: &Spreading,
    targets: *mut V::Scalar,
    bias: Option<*const V::Scalar>,
    weights: *const V::Scalar,
    spikes: Spikes<'_, V::Scalar>,
    scratch: &mut SpreadScratch<V::Scalar>,
) {
    let ([_, _, inputs], [_, _, outputs]) = (spreading.input, spreading.output);
    let parts = spreading.parts(spikes.keys.len());
    let most = spreading.width().min(if V::REGISTERS >= 32 { 8 } else { 4 });
    let line = LINE / size_of::<V::Scalar>();
    scratch.begin(spreading, spikes.keys, spikes.starts);
    let between = scratch.between.as_mut_ptr();
    let between = between.wrapping_add(between.align_offset(LINE));
    let [mut at, end] = spreading.channels;
    while at < end {
        let left = end - at;
        // The last register may be one that the channels do not fill.
        let width = match left.div_ceil(V::LANES).min(most) {
            registers @ (1 | 2) => registers,
            3 => 2,
            4..8 => 4,
            _ => 8,
        };
        let mut before = 0;
        let mut bias = bias;
        for block in spreading.blocks.iter() {
            let block = block.within(spreading.above, spreading.output[0]);
            for part in 0..parts {
                let tile = Tile {
                    values: spikes.values,
                    visits: scratch.visits.as_ptr().wrapping_add(part * spreading.pixels()),
                    bytes: scratch.bytes.as_ptr(),
                    first: part * spreading.part_of_inputs(spikes.keys.len()),
                    targets,
                    begin: bias.take().map_or((targets.cast_const(), outputs), |bias| (bias, 0)),
                    weights,
                    between,
                    at,
                    tail: left.min(width * V::LANES) - (width - 1) * V::LANES,
                    block,
                    before,
                };
                // SAFETY: the caller's word; the tile ends where the channels do.
                unsafe {
                    match width {
                        8 => walk_points::<V, 8>(spreading, tile),
                        4 => walk_points::<V, 4>(spreading, tile),
                        2 => spread_tile::<V, 2>(spreading, tile),
                        _ => spread_tile::<V, 1>(spreading, tile),
                    }
                }
            }
            before += block.taps() * inputs * line;
        }
        at += width * V::LANES;
    }
}

/// Some channels' spikes, by a block of taps, to channels `at..` of every output pixel: some registers of them, the last with
/// `tail` channels.
#[derive(Clone, Copy)]
struct Tile<T> {
    values: *const T,
    /// The spikes of each pixel.
    visits: *const Visit,
    /// The lowest byte of each key.
    bytes: *const u8,
    /// The first channel.
    first: usize,
    targets: *mut T,
    /// What is added to, and from one pixel's to the next.
    begin: (*const T, usize),
    weights: *const T,
    /// Memory for sums between rows of pixels.
    between: *mut T,
    at: usize,
    tail: usize,
    block: Block,
    /// Weights of the blocks before.
    before: usize,
}

impl<T: Copy> Tile<T> {
    /// The weights of each register.
    fn registers<V: Vector<Scalar = T>, const WIDTH: usize>(&self, spreading: &Spreading) -> [*const T; WIDTH] {
        let line = LINE / size_of::<T>();
        let lines = spreading.rows() * line;
        std::array::from_fn(|w| {
            let at = self.at + w * V::LANES;
            self.weights
                .wrapping_add(at / line * lines + self.before + self.first * self.block.taps() * line + at % line)
        })
    }

    /// The key of a pixel's first channel.
    fn base(&self, spreading: &Spreading, pixel: usize) -> usize {
        pixel * spreading.input[2] + self.first
    }

    /// The visits to a row of pixels, from one on, each so many pixels further on.
    ///
    /// # Safety
    /// There must be such a pixel, or be one a step before.
    #[inline(always)]
    unsafe fn visits_from(&self, pixel: usize, step: usize) -> Visits {
        // SAFETY: the caller's word; behind the last pixel there are two steps more.
        unsafe {
            let at = self.visits.add(pixel);
            Visits { now: *at, next: *at.add(step), at: at.add(step), step }
        }
    }

    /// Calls `add` for each spike of a visit with its channel, counted from the first one, and its value. `base` is the first
    /// channel's key.
    ///
    /// # Safety
    /// As for [`spread`]; there must be such a pixel.
    #[inline(always)]
    unsafe fn each(&self, visit: Visit, base: usize, mut add: impl FnMut(usize, T)) {
        let (mut bytes, [mut at, end]) = (visit.bytes, visit.ends());
        if at == end {
            return;
        }
        // SAFETY: the caller's word; keys were found to be of their pixels.
        unsafe {
            loop {
                let stop = end.min(at + AHEAD);
                let more: [u8; AHEAD] = *self.bytes.add(stop).cast();
                loop {
                    add((bytes as u8).wrapping_sub(base as u8) as usize, *self.values.add(at));
                    bytes >>= u8::BITS;
                    at += 1;
                    if at == stop {
                        break;
                    }
                }
                if stop == end {
                    break;
                }
                bytes = u64::from_le_bytes(more);
            }
        }
    }
}

/// The spikes of a pixel.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
struct Visit {
    /// The lowest bytes of the first keys, the first lowest.
    bytes: u64,
    /// Where they begin, and, in the upper half, where they end.
    span: u64,
}

impl Visit {
    /// Where they begin and end.
    #[inline(always)]
    fn ends(self) -> [usize; 2] {
        [self.span as u32 as usize, (self.span >> u32::BITS) as usize]
    }
}

/// The visits to a row of pixels. Each is loaded before the spikes of the one before are added: a load whose address waits for
/// another load is late, and holds up those behind it.
struct Visits {
    now: Visit,
    next: Visit,
    at: *const Visit,
    step: usize,
}

impl Visits {
    /// Goes on to the next pixel. To be called before anything is stored: then the compiler does not move the load on to where
    /// it is needed.
    ///
    /// # Safety
    /// There must be a pixel now.
    #[inline(always)]
    unsafe fn step(&mut self) {
        // SAFETY: the caller's word; behind the last pixel there are two steps more.
        unsafe {
            self.at = self.at.add(self.step);
            self.now = self.next;
            self.next = *self.at;
        }
    }
}

/// # Safety
/// As for [`spread`]; the tile must lie within the channels and the weights.
#[inline(always)]
unsafe fn spread_tile<V: Vector, const WIDTH: usize>(spreading: &Spreading, tile: Tile<V::Scalar>) {
    // SAFETY: the caller's word.
    unsafe {
        match (tile.block.rows.taps, tile.block.columns.taps) {
            (1, 1) => walk_points::<V, WIDTH>(spreading, tile),
            (1, 2) => walk::<V, 1, 2, WIDTH>(spreading, tile),
            (1, _) => walk::<V, 1, 3, WIDTH>(spreading, tile),
            (2, 1) => walk::<V, 2, 1, WIDTH>(spreading, tile),
            (2, 2) => walk::<V, 2, 2, WIDTH>(spreading, tile),
            (2, _) => walk::<V, 2, 3, WIDTH>(spreading, tile),
            (_, 1) => walk::<V, 3, 1, WIDTH>(spreading, tile),
            (_, 2) => walk::<V, 3, 2, WIDTH>(spreading, tile),
            (_, _) => walk::<V, 3, 3, WIDTH>(spreading, tile),
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

/// A pixel's targets, and what is added to.
#[derive(Clone, Copy)]
struct Pixel<T> {
    to: *mut T,
    begin: *const T,
}

impl<T: Copy> Tile<T> {
    /// The targets of a pixel, counted row by row. It need not exist.
    #[inline(always)]
    fn pixel(&self, spreading: &Spreading, pixel: usize) -> Pixel<T> {
        let ([_, _, n], (begin, apart)) = (spreading.output, self.begin);
        Pixel {
            to: self.targets.wrapping_add(pixel.wrapping_mul(n).wrapping_add(self.at)),
            begin: begin.wrapping_add(pixel.wrapping_mul(apart).wrapping_add(self.at)),
        }
    }

    /// So many pixels further on.
    #[inline(always)]
    fn further(&self, spreading: &Spreading, Pixel { to, begin }: Pixel<T>, pixels: usize) -> Pixel<T> {
        let [_, _, n] = spreading.output;
        Pixel { to: to.wrapping_add(pixels * n), begin: begin.wrapping_add(pixels * self.begin.1) }
    }

    /// Adds registers to a pixel, the last of which may be one that the channels do not fill.
    ///
    /// # Safety
    /// The instruction set of `V` must be available, and the pixel must exist.
    #[inline(always)]
    unsafe fn add<V: Vector<Scalar = T>, const WIDTH: usize>(&self, Pixel { to, begin }: Pixel<T>, more: [V; WIDTH]) {
        // SAFETY: the caller's word.
        unsafe {
            each!(w < WIDTH, {
                let (to, begin) = (to.add(w * V::LANES), begin.add(w * V::LANES));
                if w == WIDTH - 1 && self.tail < V::LANES {
                    V::load_first(begin, self.tail).add(more[w]).store_first(to, self.tail);
                } else {
                    V::load(begin).add(more[w]).store(to);
                }
            });
        }
    }
}

/// Walks over the pixels that meet a single tap.
///
/// # Safety
/// As for [`spread_tile`]; the block must have one tap.
#[inline(always)]
unsafe fn walk_points<V: Vector, const WIDTH: usize>(spreading: &Spreading, tile: Tile<V::Scalar>) {
    let Block { rows, columns } = tile.block;
    let ([_, across, _], [height, width, _]) = (spreading.input, spreading.output);
    let line = LINE / size_of::<V::Scalar>();
    let weights: [_; WIDTH] = tile.registers::<V, WIDTH>(spreading);
    let ((down, row), (right, column)) = (rows.existing(height), columns.existing(width));
    for (i, row) in down.zip(row..) {
        let pixel = (rows.first + i * rows.step) * across + columns.first + right.start * columns.step;
        // SAFETY: the caller's word; rows and columns exist.
        unsafe {
            let mut visits = tile.visits_from(pixel, columns.step);
            let mut base = tile.base(spreading, pixel);
            let mut to = tile.pixel(spreading, row * width + column);
            for _ in right.clone() {
                let mut sums = [V::zero(); WIDTH];
                tile.each(visits.now, base, |channel, value| {
                    let value = V::splat(value);
                    each!(w < WIDTH, {
                        sums[w] = sums[w].add_product(value, V::load(weights[w].add(channel * line)));
                    });
                });
                visits.step();
                tile.add(to, sums);
                base += columns.step * spreading.input[2];
                to = tile.further(spreading, to, 1);
            }
        }
    }
}

/// Walks over the pixels that meet a block of `ROWS * COLUMNS` taps.
///
/// # Safety
/// As for [`spread_tile`]; the block must have so many taps.
#[inline(always)]
unsafe fn walk<V: Vector, const ROWS: usize, const COLUMNS: usize, const WIDTH: usize>(
    spreading: &Spreading,
    tile: Tile<V::Scalar>,
) {
    let Block { rows, columns } = tile.block;
    let ([_, across, _], [height, width, _]) = (spreading.input, spreading.output);
    let line = LINE / size_of::<V::Scalar>();
    let row_length = ROWS * COLUMNS * line;
    let weights: [_; WIDTH] = tile.registers::<V, WIDTH>(spreading);
    let ((down, above), (right, left)) = (rows.existing(height), columns.existing(width));
    // Which cells of a row of outputs have targets, and where those of the first cell would be.
    let targets = |row: usize| {
        let existing = if down.contains(&row) { right.clone() } else { 0..0 };
        let row = (above + row).wrapping_sub(down.start).wrapping_mul(width);
        (tile.pixel(spreading, row.wrapping_add(left).wrapping_sub(right.start)), existing)
    };
    // The sums that each row of taps but the first goes on with, as the row before has left them: so many registers for each
    // cell, row by row.
    let cell = WIDTH * V::LANES;
    let length = columns.cells() * cell;
    // SAFETY: the caller's word; there is memory for so many cells.
    unsafe {
        let load = |cells: *mut V::Scalar, row: usize, column: usize| -> [V; WIDTH] {
            let from = cells.add((row - 1) * length + column * cell);
            let mut registers = [V::zero(); WIDTH];
            each!(w < WIDTH, registers[w] = V::load(from.add(w * V::LANES)));
            registers
        };
        let store = |cells: *mut V::Scalar, row: usize, column: usize, registers: [V; WIDTH]| {
            let to = cells.add((row - 1) * length + column * cell);
            each!(w < WIDTH, registers[w].store(to.add(w * V::LANES)));
        };
        let none = [V::zero(); WIDTH];
        for row in 1..ROWS {
            for column in 0..columns.cells() {
                store(tile.between, row, column, none);
            }
        }
        for i in 0..rows.count {
            let (to, existing) = targets(i);
            let (begin, count) = (existing.start, existing.len());
            let mut sums = [[none; COLUMNS]; ROWS];
            each!(
                k < ROWS,
                if k > 0 {
                    each!(
                        j < COLUMNS,
                        if j > 0 {
                            sums[k][j] = load(tile.between, k, COLUMNS - 1 - j);
                        }
                    );
                }
            );
            let pixel = (rows.first + i * rows.step) * across + columns.first;
            let mut visits = tile.visits_from(pixel, columns.step);
            let mut base = tile.base(spreading, pixel);
            let mut cells = tile.between;
            let mut to = to;
            for column in 0..columns.count {
                each!(k < ROWS, sums[k][0] = if k > 0 { load(cells, k, COLUMNS - 1) } else { none });
                tile.each(visits.now, base, |channel, value| {
                    let value = V::splat(value);
                    each!(w < WIDTH, {
                        let row = own_register(weights[w].add(channel * row_length));
                        each!(
                            k < ROWS,
                            each!(j < COLUMNS, {
                                let weights = V::load(row.add((k * COLUMNS + j) * line));
                                sums[k][j][w] = sums[k][j][w].add_product(value, weights);
                            })
                        );
                    });
                });
                visits.step();
                each!(k < ROWS, {
                    if k + 1 < ROWS {
                        store(cells, k + 1, 0, sums[k][COLUMNS - 1]);
                    } else if column.wrapping_sub(begin) < count {
                        tile.add(to, sums[k][COLUMNS - 1]);
                    }
                    if COLUMNS > 2 {
                        sums[k][2] = sums[k][1];
                    }
                    if COLUMNS > 1 {
                        sums[k][1] = sums[k][0];
                    }
                });
                base += columns.step * spreading.input[2];
                cells = cells.add(cell);
                to = tile.further(spreading, to, 1);
            }
            each!(
                j < COLUMNS,
                if j > 0 {
                    let column = columns.count + COLUMNS - 1 - j;
                    each!(
                        k < ROWS,
                        if k + 1 < ROWS {
                            store(tile.between, k + 1, column, sums[k][j]);
                        } else if existing.contains(&column) {
                            tile.add(tile.further(spreading, to, column - columns.count), sums[k][j]);
                        }
                    );
                }
            );
        }
        // Behind the last pixel all rows are complete.
        for (row, left) in (rows.count..).zip((1..ROWS).rev()) {
            let (to, existing) = targets(row);
            for column in existing {
                tile.add(tile.further(spreading, to, column), load(tile.between, left, column));
            }
        }
    }
}
