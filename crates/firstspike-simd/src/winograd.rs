//! Dense convolutions with 3x3 taps by minimal filtering: F(4x4, 3x3) of Lavin & Gray 2015 (arXiv 1509.09308). A tile of
//! 4x4 outputs takes 36 multiplications for each pair of channels, where the definition takes 144. Where one or two rows or
//! columns of outputs are left, tiles have two: F(2, 3) on that axis, at some of the same points.

mod bundles;

use crate::vector::Vector;
pub(crate) use bundles::convolve_bundle;
use std::hint::select_unpredictable;
use std::ops::Range;

/// Outputs of a tile on an axis.
const TILE: usize = 4;

/// Taps on an axis.
const TAPS: usize = 3;

/// Inputs of a tile on an axis: as many points as polynomials are evaluated at.
const PATCH: usize = TILE + TAPS - 1;

/// The same of a narrow tile, which has two outputs.
const NARROW: usize = 4;

/// Products of a tile, for each pair of channels.
const POINTS: usize = PATCH * PATCH;

/// Polynomials are evaluated at 0, ±A, ±B and infinity: fractions near 1, whose powers are exact. The usual 1 and 2 have
/// three times the error. Those of narrow tiles are evaluated at 0, ±A and infinity.
const A: f64 = 0.75;
const B: f64 = 1.5;

/// Channels of the input that are summed up before the sum joins others: errors grow with the length of a chain.
const CHAIN: usize = 16;

/// Bytes of a row of packed weights: a line of the cache.
const LINE: usize = 64;

/// Registers of channels of the output that are kept at once, at most.
const MOST_WIDTH: usize = 4;

/// Bytes of transformed inputs and products that stay in the second-level cache.
const CACHED: usize = 512 << 10;

/// A dense convolution with 3x3 taps, without strides, dilations and groups, in tiles.
///
/// In single precision an output's error is at most 1.5e-6 times the largest output of the layer, for rectified inputs and
/// random weights; mostly it is below 1e-6, as that of the definition is. Unlike the definition this errs as much where an
/// output is small: one that sees zeros alone is zero only if all inputs of its tile are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Winograd {
    /// Height, width and channels.
    input: [usize; 3],
    output: [usize; 3],
    pad: [isize; 2],
}

/// Tiles of an axis; the last may be narrow.
#[derive(Clone, Copy)]
struct Axis {
    wide: usize,
    narrow: usize,
}

/// Where a tile is, among tiles, and on which axes it is narrow: rows, columns.
#[derive(Clone, Copy)]
struct Tile {
    at: [usize; 2],
    narrow: [bool; 2],
}

/// Which point the k-th of `N` is.
const fn point_of<const N: usize>(k: usize) -> usize {
    if N == NARROW && k == NARROW - 1 { PATCH - 1 } else { k }
}

/// Where numbers lie between the transforms: for each point a slab of all tiles that are gone through at once.
#[derive(Clone, Copy)]
struct Layout {
    /// Tiles at once.
    tiles: usize,
    /// Channels of transformed inputs of a tile: whole lines.
    row: usize,
    /// Numbers of a slab of transformed inputs, and of one of products. A line more than it holds, since what lies at
    /// distances of powers of two gets into each other's way in a cache.
    slabs: [usize; 2],
}

impl Winograd {
    /// Rows of outputs of a tile.
    pub const ROWS: usize = TILE;

    /// A kernel that begins `pad` before the first row and column (negative: behind it).
    ///
    /// # Panics
    /// If anything but the padding is zero.
    pub fn new(input: [usize; 3], output: [usize; 3], pad: [isize; 2]) -> Self {
        assert!(input.into_iter().chain(output).all(|size| size > 0), "an empty convolution");
        Self { input, output, pad }
    }

    /// The same for some rows of outputs alone, which must begin and end where tiles do, or where all outputs end: each is
    /// summed up as among all.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn band(&self, rows: Range<usize>) -> Self {
        let ([height, width, channels], [down, across]) = (self.output, self.pad);
        assert!(rows.start < rows.end && rows.end <= height, "a part of the outputs");
        let ends = |row: usize| row.is_multiple_of(TILE) || row == height;
        assert!(ends(rows.start) && ends(rows.end), "whole tiles");
        let pad = [down - rows.start as isize, across];
        Self { input: self.input, output: [rows.len(), width, channels], pad }
    }

    /// Numbers in an image.
    pub(crate) fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    /// Channels of an output pixel.
    pub(crate) fn outputs(&self) -> usize {
        self.output[2]
    }

    /// Numbers that come out.
    pub(crate) fn targets(&self) -> usize {
        self.output.iter().product()
    }

    /// Tiles that cover the outputs.
    pub fn tiles(&self) -> usize {
        self.output[0].div_ceil(TILE) * self.output[1].div_ceil(TILE)
    }

    /// Multiplications for each pair of channels: the points of all tiles.
    pub fn multiplications(&self) -> usize {
        let [rows, columns] = self.axes().map(|Axis { wide, narrow }| wide * PATCH + narrow * NARROW);
        rows * columns
    }

    fn axes(&self) -> [Axis; 2] {
        let [height, width, _] = self.output;
        [height, width].map(|size| match size % TILE {
            1 | 2 => Axis { wide: size / TILE, narrow: 1 },
            _ => Axis { wide: size.div_ceil(TILE), narrow: 0 },
        })
    }

    /// Where each kind of tile ends, which come in this order: narrow in width, in neither, in height, in both. Those that
    /// have a point then lie side by side.
    fn kinds(&self) -> [usize; 4] {
        let [rows, columns] = self.axes();
        let (first, second) = (rows.wide * columns.narrow, rows.wide * columns.wide);
        [first, first + second, first + second + rows.narrow * columns.wide, self.tiles()]
    }

    fn tile(&self, index: usize) -> Tile {
        let ([rows, columns], kinds) = (self.axes(), self.kinds());
        match index {
            _ if index < kinds[0] => Tile { at: [index, columns.wide], narrow: [false, true] },
            _ if index < kinds[1] => {
                let index = index - kinds[0];
                Tile { at: [index / columns.wide, index % columns.wide], narrow: [false, false] }
            }
            _ if index < kinds[2] => Tile { at: [rows.wide, index - kinds[1]], narrow: [true, false] },
            _ => Tile { at: [rows.wide, columns.wide], narrow: [true, true] },
        }
    }

    /// Which of some tiles have a point: indices among these.
    fn tiles_at(&self, point: usize, some: &Range<usize>) -> Range<usize> {
        let kinds = self.kinds();
        let narrow = |point: usize| (0..NARROW).any(|k| point_of::<NARROW>(k) == point);
        let all = match (narrow(point / PATCH), narrow(point % PATCH)) {
            (true, true) => 0..kinds[3],
            (false, true) => 0..kinds[1],
            (true, false) => kinds[0]..kinds[2],
            (false, false) => kinds[0]..kinds[1],
        };
        let [first, last] = [all.start, all.end].map(|index| index.clamp(some.start, some.end) - some.start);
        first..last
    }

    /// Rows of outputs whose tiles go through the transforms together, about: weights are read once for each such block.
    pub fn rows_at_once<T>(&self) -> usize {
        let across = self.output[1].div_ceil(TILE);
        (self.layout::<T>().tiles / across).max(1) * TILE
    }

    /// How many packed weights there are.
    pub fn packed<T>(&self) -> usize {
        let lanes = LINE / size_of::<T>();
        POINTS * self.output[2].div_ceil(lanes) * self.input[2] * lanes
    }

    /// Transforms and packs weights `[ky][kx][input channel][output channel]` to
    /// `[point][line of output channels][input channel][output channel of the line]`, given how numbers become doubles and
    /// are rounded.
    ///
    /// # Panics
    /// If there are other numbers of weights.
    pub fn pack<T: Copy>(&self, weights: &[T], packed: &mut [T], exact: impl Fn(T) -> f64, round: impl Fn(f64) -> T) {
        let lanes = LINE / size_of::<T>();
        let ([_, _, inputs], [_, _, outputs]) = (self.input, self.output);
        assert_eq!(weights.len(), TAPS * TAPS * inputs * outputs, "every tap has weights");
        assert_eq!(packed.len(), self.packed::<T>(), "room for all weights");
        // The polynomial of the taps at each point, over the product of the point's distances from all others.
        let [a, b] = [A * A, B * B];
        let point = |x: f64, distances: f64| [1.0, x, x * x].map(|power| power / distances);
        let points = [
            point(0.0, a * b),
            point(A, 2.0 * a * (a - b)),
            point(-A, 2.0 * a * (a - b)),
            point(B, 2.0 * b * (b - a)),
            point(-B, 2.0 * b * (b - a)),
            [0.0, 0.0, 1.0],
        ];
        let slab = packed.len() / POINTS;
        for (input, output) in (0..inputs).flat_map(|input| (0..outputs).map(move |output| (input, output))) {
            let weight = |y: usize, x: usize| exact(weights[((y * TAPS + x) * inputs + input) * outputs + output]);
            let at = (output / lanes * inputs + input) * lanes + output % lanes;
            for (i, down) in points.iter().enumerate() {
                let row: [f64; TAPS] = std::array::from_fn(|x| (0..TAPS).map(|y| down[y] * weight(y, x)).sum());
                for (j, across) in points.iter().enumerate() {
                    let sum = row.iter().zip(across).map(|(weight, power)| weight * power).sum();
                    packed[(i * PATCH + j) * slab + at] = round(sum);
                }
            }
        }
    }

    fn layout<T>(&self) -> Layout {
        let lanes = LINE / size_of::<T>();
        let (tiles, row, width) = (self.tiles(), self.input[2].next_multiple_of(lanes), MOST_WIDTH * lanes);
        let most = (CACHED / (POINTS * (row + width) * size_of::<T>())).max(12);
        let tiles = tiles.div_ceil(tiles.div_ceil(most)).next_multiple_of(6).min(tiles);
        Layout { tiles, row, slabs: [row, width].map(|length| tiles * length + lanes) }
    }

    /// Numbers that lie between the transforms.
    pub(crate) fn scratch<T>(&self) -> usize {
        POINTS * self.layout::<T>().slabs.iter().sum::<usize>()
    }
}

/// Adds the convolution of one value per neuron to the targets, or to a `bias` of each channel if there is one.
///
/// # Safety
/// The instruction set of `V` must be available; targets, bias, packed weights, values and scratch memory must have the sizes of
/// `winograd`.
#[inline(always)]
pub(crate) unsafe fn convolve<V: Vector>(
    winograd: &Winograd,
    targets: *mut V::Scalar,
    bias: Option<*const V::Scalar>,
    weights: *const V::Scalar,
    values: *const V::Scalar,
    scratch: *mut V::Scalar,
) {
    let targets = (targets, bias);
    let layout = winograd.layout::<V::Scalar>();
    let (all, outputs) = (winograd.tiles(), winograd.output[2]);
    for first in (0..all).step_by(layout.tiles) {
        let tiles = first..all.min(first + layout.tiles);
        // SAFETY: the caller's word; slabs of products begin behind all of transformed inputs, and a block of channels
        // begins where the channels do not end.
        unsafe {
            let products = scratch.add(POINTS * layout.slabs[0]);
            let channels = 0..winograd.input[2];
            transform_inputs::<V, false>(winograd, layout, tiles.clone(), channels, values, scratch);
            let mut at = 0;
            while at < outputs {
                let part = Part { winograd, layout, tiles: tiles.clone(), at };
                let registers = (outputs - at).div_ceil(V::LANES);
                let width = if V::REGISTERS >= 32 && registers >= 4 {
                    part.run::<V, 4, 6>(targets, weights, scratch, products)
                } else if V::REGISTERS >= 32 && registers >= 2 {
                    part.run::<V, 2, 8>(targets, weights, scratch, products)
                } else if registers >= 2 {
                    part.run::<V, 2, 4>(targets, weights, scratch, products)
                } else {
                    part.run::<V, 1, 8>(targets, weights, scratch, products)
                };
                at += width * V::LANES;
            }
        }
    }
}

/// Coefficients of the transforms are exact in both precisions.
#[inline(always)]
unsafe fn constant<V: Vector>(x: f64) -> V {
    // SAFETY: the caller's word.
    unsafe { V::splat((x as f32).into()) }
}

/// Inputs of one axis: for each point the product of the distances from all other points, as a polynomial. At the points of a
/// narrow tile weights lack what their distances from ±B divided them by.
///
/// # Safety
/// The instruction set of `V` must be available.
#[inline(always)]
unsafe fn inputs_at_points<V: Vector, const N: usize>(x: [V; N]) -> [V; N] {
    let [a, b] = [A * A, B * B];
    let mut points = x;
    // SAFETY: the caller's word.
    unsafe {
        if N == NARROW {
            let even = V::zero().add_product(x[2], constant(a - b));
            points[0] = V::zero().add_product(x[2], constant(-b)).add_product(x[0], constant(a * b));
            points[1] = even.add_product(x[1], constant(A * (a - b)));
            points[2] = even.add_product(x[1], constant(-A * (a - b)));
            points[3] = x[3].add_product(x[1], constant(-a));
            return points;
        }
        let (square_a, square_b) = (constant(-a), constant(-b));
        let (sum, product) = (constant(-a - b), constant(a * b));
        let (even_a, odd_a) = (x[4].add_product(x[2], square_b), x[3].add_product(x[1], square_b));
        let (even_b, odd_b) = (x[4].add_product(x[2], square_a), x[3].add_product(x[1], square_a));
        points[0] = x[4].add_product(x[2], sum).add_product(x[0], product);
        points[1] = even_a.add_product(odd_a, constant(A));
        points[2] = even_a.add_product(odd_a, constant(-A));
        points[3] = even_b.add_product(odd_b, constant(B));
        points[4] = even_b.add_product(odd_b, constant(-B));
        points[5] = x[5].add_product(x[3], sum).add_product(x[1], product);
    }
    points
}

/// Outputs of one axis, four or two: powers of the points.
///
/// # Safety
/// The instruction set of `V` must be available.
#[inline(always)]
unsafe fn outputs_of_points<V: Vector, const N: usize>(m: [V; N]) -> [V; TILE] {
    // SAFETY: the caller's word.
    unsafe {
        let minus = constant(-1.0);
        let (even_a, odd_a) = (m[1].add(m[2]), m[1].add_product(m[2], minus));
        if N == NARROW {
            return [m[0].add(even_a), m[3].add_product(odd_a, constant(A)), V::zero(), V::zero()];
        }
        let (even_b, odd_b) = (m[3].add(m[4]), m[3].add_product(m[4], minus));
        let powers = |start: V, a: V, b: V, power: i32| {
            start.add_product(a, constant(A.powi(power))).add_product(b, constant(B.powi(power)))
        };
        [
            m[0].add(even_a).add(even_b),
            powers(V::zero(), odd_a, odd_b, 1),
            powers(V::zero(), even_a, even_b, 2),
            powers(m[5], odd_a, odd_b, 3),
        ]
    }
}

/// Transforms some channels of the inputs of some tiles: to `[point][tile][channel]`. Those of a bundle are whole registers.
///
/// # Safety
/// As for [`convolve`]; `to` is the scratch memory.
#[inline(always)]
unsafe fn transform_inputs<V: Vector, const BUNDLE: bool>(
    winograd: &Winograd,
    layout: Layout,
    tiles: Range<usize>,
    some: Range<usize>,
    values: *const V::Scalar,
    to: *mut V::Scalar,
) {
    let [height, width, channels] = winograd.input;
    for (t, index) in tiles.enumerate() {
        let Tile { at, narrow } = winograd.tile(index);
        let origin = |axis: usize| (at[axis] * TILE) as isize - winograd.pad[axis];
        let (top, left) = (origin(0), origin(1));
        // Rows and columns of the patch that exist.
        let existing = |origin: isize, size: usize| {
            let within = |at: isize| at.clamp(0, PATCH as isize) as usize;
            within(-origin)..within(size as isize - origin)
        };
        let (rows, columns) = (existing(top, height), existing(left, width));
        // Meant for pixels that exist only: others may lie anywhere.
        let corner = values.wrapping_offset((top * width as isize + left) * channels as isize);
        for at in some.clone().step_by(V::LANES) {
            let patch = Patch {
                corner: corner.wrapping_add(at),
                steps: [width * channels, channels],
                rows: rows.clone(),
                columns: columns.clone(),
                tail: channels - at,
            };
            // SAFETY: the caller's word; a row of transformed inputs is at least as long as the channels' registers.
            unsafe {
                let to = to.add(t * layout.row + at - some.start);
                if BUNDLE || patch.tail >= V::LANES {
                    patch.transform_of::<V, true>(narrow, to, layout.slabs[0]);
                } else {
                    patch.transform_of::<V, false>(narrow, to, layout.slabs[0]);
                }
            }
        }
    }
}

/// A register of channels of the inputs of a tile.
struct Patch<T> {
    /// The first, which may not exist.
    corner: *const T,
    /// From one row, and one column, to the next.
    steps: [usize; 2],
    rows: Range<usize>,
    columns: Range<usize>,
    /// Channels there are.
    tail: usize,
}

impl<T> Patch<T> {
    /// # Safety
    /// As for [`Patch::transform`].
    #[inline(always)]
    unsafe fn transform_of<V: Vector<Scalar = T>, const FULL: bool>(&self, narrow: [bool; 2], to: *mut T, slab: usize) {
        let whole = self.rows.len() == PATCH && self.columns.len() == PATCH;
        // SAFETY: the caller's word.
        unsafe {
            match narrow {
                [false, false] if whole && FULL => self.transform::<V, PATCH, PATCH, true, FULL>(to, slab),
                [false, false] => self.transform::<V, PATCH, PATCH, false, FULL>(to, slab),
                [false, true] => self.transform::<V, PATCH, NARROW, false, FULL>(to, slab),
                [true, false] => self.transform::<V, NARROW, PATCH, false, FULL>(to, slab),
                [true, true] => self.transform::<V, NARROW, NARROW, false, FULL>(to, slab),
            }
        }
    }

    /// # Safety
    /// The instruction set of `V` must be available, and pixels that exist readable for what there is of a register; all
    /// must exist if `WHOLE`, and fill a register if `FULL`. `to` must be writable for a register at the beginning of each slab.
    #[inline(always)]
    unsafe fn transform<
        V: Vector<Scalar = T>,
        const ROWS: usize,
        const COLUMNS: usize,
        const WHOLE: bool,
        const FULL: bool,
    >(
        &self,
        to: *mut T,
        slab: usize,
    ) {
        // SAFETY: only pixels that exist are read; the rest is the caller's word.
        unsafe {
            let zeros = V::zero();
            let mut half = [[V::zero(); COLUMNS]; ROWS];
            for j in 0..COLUMNS {
                let mut column = [V::zero(); ROWS];
                for (i, x) in column.iter_mut().enumerate() {
                    let from = self.corner.wrapping_add(i * self.steps[0] + j * self.steps[1]);
                    // No branches: tiles at borders are many where images are small.
                    let exists = WHOLE || self.rows.contains(&i) & self.columns.contains(&j);
                    let from = select_unpredictable(exists, from, (&raw const zeros).cast());
                    *x = if FULL { V::load(from) } else { V::load_first(from, self.tail) };
                }
                for (row, x) in half.iter_mut().zip(inputs_at_points(column)) {
                    row[j] = x;
                }
            }
            for (i, row) in half.into_iter().enumerate() {
                for (j, x) in inputs_at_points(row).into_iter().enumerate() {
                    x.store(to.add((point_of::<ROWS>(i) * PATCH + point_of::<COLUMNS>(j)) * slab));
                }
            }
        }
    }
}

/// Some tiles, and channels of the outputs from `at` on.
struct Part<'a> {
    winograd: &'a Winograd,
    layout: Layout,
    tiles: Range<usize>,
    at: usize,
}

impl Part<'_> {
    /// Sums up `WIDTH` registers of channels, `TILES` tiles at once, and returns how many registers these were.
    ///
    /// # Safety
    /// As for [`convolve`]; `inputs` must have been transformed, and there be room for products. Lines of weights must
    /// begin before the last of `WIDTH` registers does.
    #[inline(always)]
    unsafe fn run<V: Vector, const WIDTH: usize, const TILES: usize>(
        &self,
        targets: (*mut V::Scalar, Option<*const V::Scalar>),
        weights: *const V::Scalar,
        inputs: *const V::Scalar,
        products: *mut V::Scalar,
    ) -> usize {
        let line = LINE / size_of::<V::Scalar>();
        let (channels, row) = (self.winograd.input[2], self.layout.row);
        let lines = self.winograd.output[2].div_ceil(line);
        // SAFETY: points, lines and tiles are those that there are; the rest is the caller's word.
        unsafe {
            for point in 0..POINTS {
                let weights: [_; WIDTH] = std::array::from_fn(|k| {
                    let at = self.at + k * V::LANES;
                    weights.add((point * lines + at / line) * channels * line + at % line)
                });
                let inputs = inputs.add(point * self.layout.slabs[0]);
                let products = products.add(point * self.layout.slabs[1]);
                let Range { start: mut t, end } = self.winograd.tiles_at(point, &self.tiles);
                while t < end {
                    let (inputs, to) = (inputs.add(t * row), products.add(t * WIDTH * V::LANES));
                    t += match end - t {
                        left if left >= TILES => multiply::<V, WIDTH, TILES>(weights, inputs, row, channels, to),
                        left if left >= 4 => multiply::<V, WIDTH, 4>(weights, inputs, row, channels, to),
                        2 | 3 => multiply::<V, WIDTH, 2>(weights, inputs, row, channels, to),
                        _ => multiply::<V, WIDTH, 1>(weights, inputs, row, channels, to),
                    };
                }
            }
            self.transform_outputs::<V, false>(targets, products, WIDTH, WIDTH * V::LANES);
        }
        WIDTH
    }

    /// Transforms the products, `registers` of each tile and `row` numbers from one to the next, and adds them to the
    /// targets. Those of a bundle are whole registers.
    ///
    /// # Safety
    /// As for [`Part::run`].
    #[inline(always)]
    unsafe fn transform_outputs<V: Vector, const BUNDLE: bool>(
        &self,
        (targets, bias): (*mut V::Scalar, Option<*const V::Scalar>),
        products: *const V::Scalar,
        registers: usize,
        row: usize,
    ) {
        let [height, width, n] = self.winograd.output;
        for (t, index) in self.tiles.clone().enumerate() {
            let Tile { at: [top, left], narrow } = self.winograd.tile(index);
            let (top, left) = (top * TILE, left * TILE);
            let (rows, columns) = (TILE.min(height - top), TILE.min(width - left));
            for k in 0..registers {
                let at = self.at + k * V::LANES;
                // SAFETY: pixels lie within the outputs, and channels are below `n`.
                unsafe {
                    let from = products.add(t * row + k * V::LANES);
                    let to = targets.add((top * width + left) * n + at);
                    let steps = [width * n, n];
                    let begin = bias.map_or((to.cast_const(), steps), |bias| (bias.add(at), [0, 0]));
                    let place = Place { steps, rows, columns, tail: n - at };
                    let slab = self.layout.slabs[1];
                    if BUNDLE || place.tail >= V::LANES {
                        place.transform_of::<V, true>(narrow, to, begin, from, slab);
                    } else {
                        place.transform_of::<V, false>(narrow, to, begin, from, slab);
                    }
                }
            }
        }
    }
}

/// Where a tile's outputs go.
struct Place {
    /// From one row, and one column, to the next.
    steps: [usize; 2],
    /// Rows and columns that exist.
    rows: usize,
    columns: usize,
    /// Channels there are.
    tail: usize,
}

impl Place {
    /// # Safety
    /// As for [`Place::transform`].
    #[inline(always)]
    unsafe fn transform_of<V: Vector, const FULL: bool>(
        &self,
        narrow: [bool; 2],
        to: *mut V::Scalar,
        begin: (*const V::Scalar, [usize; 2]),
        from: *const V::Scalar,
        slab: usize,
    ) {
        // SAFETY: the caller's word.
        unsafe {
            match narrow {
                [false, false] if self.rows == TILE && self.columns == TILE && FULL => {
                    self.transform::<V, PATCH, PATCH, true, FULL>(to, begin, from, slab);
                }
                [false, false] => self.transform::<V, PATCH, PATCH, false, FULL>(to, begin, from, slab),
                [false, true] => self.transform::<V, PATCH, NARROW, false, FULL>(to, begin, from, slab),
                [true, false] => self.transform::<V, NARROW, PATCH, false, FULL>(to, begin, from, slab),
                [true, true] => self.transform::<V, NARROW, NARROW, false, FULL>(to, begin, from, slab),
            }
        }
    }

    /// # Safety
    /// The instruction set of `V` must be available, and pixels that exist valid for what there is of a register: for all
    /// of it if `FULL`, and so what they begin at; all must exist if `WHOLE`. `from` must be readable for a register at the
    /// beginning of each slab.
    #[inline(always)]
    unsafe fn transform<V: Vector, const ROWS: usize, const COLUMNS: usize, const WHOLE: bool, const FULL: bool>(
        &self,
        to: *mut V::Scalar,
        (begin, apart): (*const V::Scalar, [usize; 2]),
        from: *const V::Scalar,
        slab: usize,
    ) {
        // SAFETY: only pixels that exist are touched; the rest is the caller's word.
        unsafe {
            let mut half = [[V::zero(); COLUMNS]; TILE];
            for j in 0..COLUMNS {
                let mut column = [V::zero(); ROWS];
                for (i, m) in column.iter_mut().enumerate() {
                    *m = V::load(from.add((point_of::<ROWS>(i) * PATCH + point_of::<COLUMNS>(j)) * slab));
                }
                for (row, y) in half.iter_mut().zip(outputs_of_points(column)) {
                    row[j] = y;
                }
            }
            let mut nowhere = V::zero();
            let nowhere: *mut V::Scalar = (&raw mut nowhere).cast();
            for (i, row) in half.into_iter().enumerate().take(ROWS + 1 - TAPS) {
                for (j, y) in outputs_of_points(row).into_iter().enumerate().take(COLUMNS + 1 - TAPS) {
                    let exists = WHOLE || (i < self.rows && j < self.columns);
                    let to =
                        select_unpredictable(exists, to.wrapping_add(i * self.steps[0] + j * self.steps[1]), nowhere);
                    let begin = begin.wrapping_add(i * apart[0] + j * apart[1]);
                    let begin = select_unpredictable(exists, begin, nowhere.cast_const());
                    if FULL {
                        V::load(begin).add(y).store(to);
                    } else {
                        V::load_first(begin, self.tail).add(y).store_first(to, self.tail);
                    }
                }
            }
        }
    }
}

/// Products of `TILES` tiles with `WIDTH` registers of weights, summed up over the channels of the input. Returns how many
/// tiles these were.
///
/// # Safety
/// The instruction set of `V` must be available; there must be so many tiles, `row` numbers from one to the next, and a line
/// of weights for each channel.
#[inline(always)]
unsafe fn multiply<V: Vector, const WIDTH: usize, const TILES: usize>(
    weights: [*const V::Scalar; WIDTH],
    inputs: *const V::Scalar,
    row: usize,
    channels: usize,
    to: *mut V::Scalar,
) -> usize {
    let line = LINE / size_of::<V::Scalar>();
    // SAFETY: channels are below `channels`; the rest is the caller's word.
    unsafe {
        for first in (0..channels).step_by(CHAIN) {
            let mut sums = [[V::zero(); WIDTH]; TILES];
            for channel in first..channels.min(first + CHAIN) {
                let mut factors = [V::zero(); WIDTH];
                for (factor, weights) in factors.iter_mut().zip(weights) {
                    *factor = V::load(weights.add(channel * line));
                }
                for (t, sums) in sums.iter_mut().enumerate() {
                    let value = V::splat(*inputs.add(t * row + channel));
                    for (sum, factor) in sums.iter_mut().zip(factors) {
                        *sum = sum.add_product(value, factor);
                    }
                }
            }
            for (t, sums) in sums.into_iter().enumerate() {
                for (k, sum) in sums.into_iter().enumerate() {
                    let to = to.add((t * WIDTH + k) * V::LANES);
                    let sum = if first == 0 { sum } else { V::load(to).add(sum) };
                    sum.store(to);
                }
            }
        }
    }
    TILES
}
