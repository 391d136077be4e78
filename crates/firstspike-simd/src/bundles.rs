//! Bundles: as many images at once as a register has lanes, one in each. Activations are `[row][column][channel][image]`,
//! a register for each neuron: no channel is too many or too few for a register, and a weight serves all images.

use crate::convolution::{Sliding, Taps};
use crate::vector::Vector;

/// What a bundle's convolution reads and writes.
#[derive(Clone, Copy)]
pub(crate) struct Bundle<'a, T> {
    pub sliding: &'a Sliding,
    pub targets: *mut T,
    /// What the targets of each channel begin at, in place of what they hold.
    pub bias: Option<*const T>,
    pub weights: *const T,
    pub values: *const T,
}

/// Outputs side by side whose taps are alike.
#[derive(Clone, Copy)]
struct Outputs<T> {
    down: Taps,
    across: Taps,
    /// Input of the first output's first tap, of the group's first channel, were it in the first row.
    values: *const T,
    /// The first output's first channel of the group.
    targets: *mut T,
    /// From one output's inputs to the next one's.
    step: usize,
    group: usize,
}

/// The convolution of one value per neuron and image.
///
/// # Safety
/// The instruction set of `V` must be available; targets and values must have the sizes of `sliding`, times the lanes, and
/// weights and bias its sizes.
#[inline(always)]
pub(crate) unsafe fn convolve<V: Vector>(bundle: Bundle<'_, V::Scalar>) {
    let sliding = bundle.sliding;
    let (channels, groups, outputs) = (sliding.input[2], sliding.groups(), sliding.outputs());
    let (inputs, width) = (channels / groups, sliding.width());
    // Sums that fit the registers, with the inputs of one tap and a weight.
    let many = V::REGISTERS >= 32;
    for (oy, &down) in sliding.rows.iter().enumerate() {
        for span in sliding.spans() {
            let across = sliding.columns[span.first];
            for group in 0..groups {
                let mut done = 0;
                while done < span.count {
                    let column = span.first + done;
                    // SAFETY: the column exists and so do its taps; no more outputs are covered than lie in the span.
                    unsafe {
                        let first = (across.start + done * span.step) * channels + group * inputs;
                        let target = (oy * sliding.columns.len() + column) * outputs + group * width;
                        let outputs = Outputs {
                            down,
                            across,
                            values: bundle.values.add(first * V::LANES),
                            targets: bundle.targets.add(target * V::LANES),
                            step: span.step * channels * V::LANES,
                            group,
                        };
                        let left = span.count - done;
                        done += match width {
                            8.. if many && left >= 3 => channels_of::<V, 3, 8>(bundle, outputs),
                            4..8 if many && left >= 6 => channels_of::<V, 6, 4>(bundle, outputs),
                            4.. if left >= 3 => channels_of::<V, 3, 4>(bundle, outputs),
                            ..4 if left >= 6 => channels_of::<V, 6, 2>(bundle, outputs),
                            _ => channels_of::<V, 1, 8>(bundle, outputs),
                        };
                    }
                }
            }
        }
    }
}

/// All channels of a group of `PIXELS` outputs, `MOST` at once. Returns how many outputs these were.
///
/// # Safety
/// As for [`convolve`], and there must be so many outputs.
#[inline(always)]
unsafe fn channels_of<V: Vector, const PIXELS: usize, const MOST: usize>(
    bundle: Bundle<'_, V::Scalar>,
    outputs: Outputs<V::Scalar>,
) -> usize {
    let width = bundle.sliding.width();
    let mut at = 0;
    // SAFETY: channels are below `width`; the rest is the caller's word.
    unsafe {
        while at < width {
            at += match width - at {
                8.. if MOST >= 8 => sum::<V, PIXELS, 8>(bundle, outputs, at),
                4.. if MOST >= 4 => sum::<V, PIXELS, 4>(bundle, outputs, at),
                2.. => sum::<V, PIXELS, 2>(bundle, outputs, at),
                _ => sum::<V, PIXELS, 1>(bundle, outputs, at),
            };
        }
    }
    PIXELS
}

/// Sums up `WIDTH` channels, from `at` on, of `PIXELS` outputs. Returns how many channels these were.
///
/// # Safety
/// As for [`channels_of`], and there must be so many channels.
#[inline(always)]
unsafe fn sum<V: Vector, const PIXELS: usize, const WIDTH: usize>(
    Bundle { sliding, bias, weights, .. }: Bundle<'_, V::Scalar>,
    Outputs { down, across, values, targets, step, group }: Outputs<V::Scalar>,
    at: usize,
) -> usize {
    let (channels, inputs, width) = (sliding.input[2], sliding.input[2] / sliding.groups(), sliding.width());
    let next = sliding.outputs() * V::LANES;
    // SAFETY: outputs, taps and channels are those that there are, and all of a stretch lie side by side, in the image as
    // among the weights.
    unsafe {
        let target = |pixel: usize, channel: usize| targets.add(pixel * next + (at + channel) * V::LANES);
        let mut sums = [[V::zero(); WIDTH]; PIXELS];
        for (pixel, sums) in sums.iter_mut().enumerate() {
            for (channel, sum) in sums.iter_mut().enumerate() {
                *sum = match bias {
                    Some(bias) => V::splat(*bias.add(group * width + at + channel)),
                    None => V::load(target(pixel, channel)),
                };
            }
        }
        let (stretches, pixels, apart) = sliding.stretches(across);
        for (tap, line) in sliding.lines(down) {
            for stretch in 0..stretches {
                let row = (tap + across.first + stretch) * channels + group * inputs;
                let mut weights = weights.add(row * width + at);
                let mut values = values.add((line + stretch * apart) * channels * V::LANES);
                for _ in 0..pixels * inputs {
                    let mut inputs = [V::zero(); PIXELS];
                    for (pixel, input) in inputs.iter_mut().enumerate() {
                        *input = V::load(values.add(pixel * step));
                    }
                    for channel in 0..WIDTH {
                        let weight = V::splat(*weights.add(channel));
                        for (sums, &input) in sums.iter_mut().zip(&inputs) {
                            sums[channel] = sums[channel].add_product(input, weight);
                        }
                    }
                    weights = weights.add(width);
                    values = values.add(V::LANES);
                }
            }
        }
        for (pixel, sums) in sums.into_iter().enumerate() {
            for (channel, sum) in sums.into_iter().enumerate() {
                sum.store(target(pixel, channel));
            }
        }
    }
    WIDTH
}

/// Makes sums the values of spikes: brings them into a range that holds zero. Writes how many spikes of all images,
/// values other than zero, there are before each pixel but the first, and behind the last: `starts` begins with those
/// before the first. Adds those of each image to `spikes`, and leaves the smallest and the largest value of each lane, or
/// zero.
///
/// # Safety
/// The instruction set of `V` must be available; `starts` must be valid for one element more than there are pixels,
/// `spikes` and `extremes` for a register each, and a pixel's registers must divide the sums.
#[inline(always)]
pub(crate) unsafe fn rectify<V: Vector, const SIGNED: bool>(
    sums: &mut [V::Scalar],
    channels: usize,
    [least, most]: [V::Scalar; 2],
    starts: *mut u32,
    spikes: *mut V::Scalar,
    extremes: [*mut V::Scalar; 2],
) {
    // SAFETY: as many elements are read and written as there are, and the rest is the caller's word.
    unsafe {
        let (zero, least, most) = (V::zero(), V::splat(least), V::splat(most));
        let mut seen = [zero; 2];
        let mut counts = V::load(spikes);
        let mut count = *starts;
        for (pixel, sums) in sums.chunks_exact_mut(channels * V::LANES).enumerate() {
            for at in (0..sums.len()).step_by(V::LANES) {
                let at = sums.as_mut_ptr().add(at);
                let value = V::load(at).max(least).min(most);
                value.store(at);
                seen[1] = seen[1].max(value);
                if SIGNED {
                    seen[0] = seen[0].min(value);
                    counts = counts.add(zero.exceeds(value));
                    count += value.nonzero().count_ones();
                } else {
                    count += value.positive().count_ones();
                }
                counts = counts.add(value.exceeds(zero));
            }
            *starts.add(pixel + 1) = count;
        }
        counts.store(spikes);
        seen[0].store(extremes[0]);
        seen[1].store(extremes[1]);
    }
}
