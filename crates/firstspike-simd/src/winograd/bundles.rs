//! Bundles: as many images at once as a register has lanes, one image in each. What one neuron has in them is a register, so
//! to the transforms a bundle is an image with as many times its channels; weights are the same in all lanes.

use super::{CACHED, CHAIN, LINE, Layout, POINTS, Part, Winograd, transform_inputs};
use crate::vector::Vector;
use std::ops::Range;

/// Channels of the output whose products are kept at once, at most.
const MOST_CHANNELS: usize = 64;

/// Registers from what one point has of a group of [`CHAIN`] channels to what the next has. A register more than it holds,
/// for the reason that a [`Layout`] has; a constant, so that the places of all points are one pointer's neighbours.
const APART: usize = CHAIN + 1;

/// Registers of a group of channels, at all points.
const GROUP: usize = POINTS * APART;

/// What is gone through at once. Between the transforms lies `[tile][group of channels][point][channel of the group]`.
#[derive(Clone, Copy)]
struct Steps {
    tiles: usize,
    /// Channels of the output.
    channels: usize,
}

/// Registers of a tile, of so many channels.
fn groups(channels: usize) -> usize {
    channels.div_ceil(CHAIN) * GROUP
}

impl Winograd {
    /// The same of a bundle, as one image.
    fn wide(&self, lanes: usize) -> Self {
        let widen = |[height, width, channels]: [usize; 3]| [height, width, channels * lanes];
        Self { input: widen(self.input), output: widen(self.output), pad: self.pad }
    }

    /// Two tiles are enough for each weight to be used by as many multiplications as take the time of its load; more would
    /// only take more of the cache, which the activations of a bundle need.
    fn steps<T>(&self, lanes: usize) -> Steps {
        let (all, inputs, channels) = (self.tiles(), self.input[2], self.output[2].min(MOST_CHANNELS));
        let most = (CACHED / 2 / (POINTS * (inputs + channels) * lanes * size_of::<T>())).max(2);
        Steps { tiles: all.div_ceil(all.div_ceil(most)), channels }
    }

    /// Numbers that lie between the transforms of a bundle, with the registers that outputs begin at.
    pub(crate) fn bundle_scratch<T>(&self, lanes: usize) -> usize {
        let Steps { tiles, channels } = self.steps::<T>(lanes);
        (tiles * (groups(self.input[2]) + groups(channels)) + self.output[2]) * lanes
    }
}

/// Adds the convolution of a bundle, `[row][column][channel][image]`, to the targets, or to a `bias` of each channel if there
/// is one.
///
/// # Safety
/// The instruction set of `V` must be available; bias and packed weights must have the sizes of `winograd`, targets and
/// values those of [`Vector::LANES`] images, and scratch memory what a bundle takes.
#[inline(always)]
pub(crate) unsafe fn convolve_bundle<V: Vector>(
    winograd: &Winograd,
    targets: *mut V::Scalar,
    bias: Option<*const V::Scalar>,
    weights: *const V::Scalar,
    values: *const V::Scalar,
    scratch: *mut V::Scalar,
) {
    let Steps { tiles: most, channels } = winograd.steps::<V::Scalar>(V::LANES);
    let wide = &winograd.wide(V::LANES);
    let (all, inputs, outputs) = (winograd.tiles(), winograd.input[2], winograd.output[2]);
    let rows = [inputs, channels].map(|channels| groups(channels) * V::LANES);
    let layout = Layout { tiles: most, row: rows[0], slabs: [APART * V::LANES; 2] };
    // SAFETY: the caller's word; products begin behind all transformed inputs, and registers of biases behind all products.
    unsafe {
        let products = scratch.add(most * rows[0]);
        let bias = bias.map(|bias| {
            let registers = products.add(most * rows[1]);
            for channel in 0..outputs {
                V::splat(*bias.add(channel)).store(registers.add(channel * V::LANES));
            }
            registers.cast_const()
        });
        for first in (0..all).step_by(most) {
            let tiles = first..all.min(first + most);
            for at in (0..inputs).step_by(CHAIN) {
                let group = at * V::LANES..inputs.min(at + CHAIN) * V::LANES;
                let to = scratch.add(groups(at) * V::LANES);
                transform_inputs::<V, true>(wide, layout, tiles.clone(), group, values, to);
            }
            for at in (0..outputs).step_by(channels) {
                let channels = channels.min(outputs - at);
                let block = Block { winograd, rows, tiles: tiles.clone(), at, channels };
                block.multiply_points::<V>(weights, scratch, products);
                for k in (0..channels).step_by(CHAIN) {
                    let part = Part { winograd: wide, layout, tiles: tiles.clone(), at: (at + k) * V::LANES };
                    let products = products.add(groups(k) * V::LANES);
                    part.transform_outputs::<V, true>((targets, bias), products, CHAIN.min(channels - k), rows[1]);
                }
            }
        }
    }
}

/// Some tiles, and some channels of the output from `at` on.
struct Block<'a> {
    winograd: &'a Winograd,
    /// Numbers from one tile's transformed inputs, and products, to those of the next.
    rows: [usize; 2],
    tiles: Range<usize>,
    at: usize,
    channels: usize,
}

impl Block<'_> {
    /// Sums up the products of all points.
    ///
    /// # Safety
    /// As for [`convolve_bundle`]; `inputs` must have been transformed, and there be room for products.
    #[inline(always)]
    unsafe fn multiply_points<V: Vector>(
        &self,
        weights: *const V::Scalar,
        inputs: *const V::Scalar,
        to: *mut V::Scalar,
    ) {
        let slab = self.winograd.packed::<V::Scalar>() / POINTS;
        for point in 0..POINTS {
            // SAFETY: points and tiles are those that there are; the rest is the caller's word.
            unsafe {
                let weights = weights.add(point * slab);
                let inputs = inputs.add(point * APART * V::LANES);
                let to = to.add(point * APART * V::LANES);
                let Range { start: mut t, end } = self.winograd.tiles_at(point, &self.tiles);
                while t < end {
                    let (inputs, to) = (inputs.add(t * self.rows[0]), to.add(t * self.rows[1]));
                    t += match end - t {
                        1 if V::REGISTERS >= 32 => self.multiply_row::<V, 1, 16>(weights, inputs, to),
                        2 if V::REGISTERS >= 32 => self.multiply_row::<V, 2, 8>(weights, inputs, to),
                        3 if V::REGISTERS >= 32 => self.multiply_row::<V, 3, 8>(weights, inputs, to),
                        _ if V::REGISTERS >= 32 => self.multiply_row::<V, 4, 4>(weights, inputs, to),
                        1 => self.multiply_row::<V, 1, 8>(weights, inputs, to),
                        2 | 3 => self.multiply_row::<V, 2, 4>(weights, inputs, to),
                        _ => self.multiply_row::<V, 4, 2>(weights, inputs, to),
                    };
                }
            }
        }
    }

    /// Sums up the products of `TILES` tiles at a point, `WIDTH` channels of the output at once, and returns how many tiles
    /// these were.
    ///
    /// # Safety
    /// As for [`Block::multiply_points`]; there must be so many tiles.
    #[inline(always)]
    unsafe fn multiply_row<V: Vector, const TILES: usize, const WIDTH: usize>(
        &self,
        weights: *const V::Scalar,
        inputs: *const V::Scalar,
        to: *mut V::Scalar,
    ) -> usize {
        let line = LINE / size_of::<V::Scalar>();
        let mut k = 0;
        while k < self.channels {
            let at = self.at + k;
            // SAFETY: channels are those that there are; the rest is the caller's word.
            unsafe {
                let weights = weights.add(at / line * self.winograd.input[2] * line + at % line);
                let to = to.add((groups(k / CHAIN * CHAIN) + k % CHAIN) * V::LANES);
                k += match self.channels - k {
                    left if left >= WIDTH => self.multiply::<V, TILES, WIDTH>(weights, inputs, to),
                    left if left >= 8 && WIDTH > 8 => self.multiply::<V, TILES, 8>(weights, inputs, to),
                    left if left >= 4 && WIDTH > 4 => self.multiply::<V, TILES, 4>(weights, inputs, to),
                    left if left >= 2 && WIDTH > 2 => self.multiply::<V, TILES, 2>(weights, inputs, to),
                    _ => self.multiply::<V, TILES, 1>(weights, inputs, to),
                };
            }
        }
        TILES
    }

    /// Sums up the products of `TILES` tiles with `WIDTH` channels of the output over the channels of the input, and returns
    /// how many channels these were.
    ///
    /// # Safety
    /// As for [`Block::multiply_row`]; there must be so many channels, which may begin within a line of weights, or a
    /// group of products, but then must end within it.
    #[inline(always)]
    unsafe fn multiply<V: Vector, const TILES: usize, const WIDTH: usize>(
        &self,
        weights: *const V::Scalar,
        inputs: *const V::Scalar,
        to: *mut V::Scalar,
    ) -> usize {
        let line = LINE / size_of::<V::Scalar>();
        let channels = self.winograd.input[2];
        // SAFETY: channels are below `channels`; the rest is the caller's word.
        unsafe {
            for first in (0..channels).step_by(CHAIN) {
                let inputs = inputs.add(groups(first) * V::LANES);
                let mut sums = [[V::zero(); WIDTH]; TILES];
                for channel in first..channels.min(first + CHAIN) {
                    let mut x = [V::zero(); TILES];
                    for (t, x) in x.iter_mut().enumerate() {
                        *x = V::load(inputs.add(t * self.rows[0] + (channel - first) * V::LANES));
                    }
                    for k in 0..WIDTH {
                        let weights = weights.add((k / line * channels + channel) * line + k % line);
                        let weight = V::splat(*weights);
                        for (sums, x) in sums.iter_mut().zip(x) {
                            sums[k] = sums[k].add_product(x, weight);
                        }
                    }
                }
                for (t, sums) in sums.into_iter().enumerate() {
                    for (k, sum) in sums.into_iter().enumerate() {
                        let to = to.add(t * self.rows[1] + k * V::LANES);
                        let sum = if first == 0 { sum } else { V::load(to).add(sum) };
                        sum.store(to);
                    }
                }
            }
        }
        WIDTH
    }
}
