//! Bundles: as many images at once as a register has lanes, one in each. Activations are `[row][column][channel][image]`,
//! a register for each neuron: no channel is too many or too few for a register, and a weight serves all images.

use crate::compression::Clip;
use crate::sliding::{Sliding, Taps};
use crate::vector::{Vector, own_register};
use std::ops::Range;

/// What is counted in a bundle, pixel by pixel and image by image.
#[derive(Debug)]
pub struct BundleCounts<'a> {
    /// How many spikes of all images there are before each pixel, and behind the last.
    pub starts: &'a mut [u32],
    /// Spikes of each image: what is counted is added.
    pub spikes: &'a mut [u64],
    /// Neurons that spike in any image, if they are wanted.
    pub active: Option<&'a mut Active>,
}

/// Neurons of a bundle that spike in any of its images.
#[derive(Clone, Debug, Default)]
pub struct Active {
    /// They, ascending.
    pub(crate) keys: Vec<u32>,
    /// Where each pixel's begin; one more than there are pixels.
    pub(crate) starts: Vec<u32>,
    /// Neurons of a pixel.
    pub(crate) channels: usize,
}

impl Active {
    /// How many there are before each pixel, and behind the last.
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Makes room for a kernel to write to: one key more than there are neurons, and where pixels begin.
    pub(crate) fn begin(&mut self, neurons: usize, pixels: usize, channels: usize) -> (*mut u32, *mut u32) {
        self.channels = channels;
        self.keys.resize(neurons + 1, 0);
        self.starts.resize(pixels + 1, 0);
        (self.keys.as_mut_ptr(), self.starts.as_mut_ptr())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// What a bundle's convolution reads and writes.
#[derive(Clone, Copy)]
pub(crate) struct Bundle<'a, T> {
    pub sliding: &'a Sliding,
    pub targets: *mut T,
    /// What the targets of each channel begin at, in place of what they hold.
    pub bias: Option<*const T>,
    pub weights: *const T,
    pub values: *const T,
    /// How many spikes of all images there are before each pixel of the input, and behind the last, if that is known.
    pub starts: Option<*const u32>,
}

impl<T> Bundle<'_, T> {
    /// Whether all images are known to be silent in some columns of what a row of outputs sees.
    ///
    /// # Safety
    /// There must be such columns, and spikes be counted before each pixel, if they are.
    #[inline(always)]
    unsafe fn is_silent(&self, down: Taps, columns: Range<usize>) -> bool {
        // SAFETY: the caller's word.
        let silent =
            |starts: *const u32, at: usize| unsafe { *starts.add(at + columns.start) == *starts.add(at + columns.end) };
        self.starts.is_some_and(|starts| self.sliding.lines(down).all(|(_, line)| silent(starts, line)))
    }
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

/// The convolution of one value per neuron and image. Returns how many multiply-adds of each image are left out, since outputs see
/// nothing that is known to spike.
///
/// # Safety
/// The instruction set of `V` must be available; targets and values must have the sizes of `sliding`, times the lanes, and
/// weights, bias and counts of spikes its sizes.
#[inline(always)]
pub(crate) unsafe fn convolve<V: Vector>(bundle: Bundle<'_, V::Scalar>) -> u64 {
    let sliding = bundle.sliding;
    let (channels, groups, outputs) = (sliding.input[2], sliding.groups(), sliding.outputs());
    let (inputs, width) = (channels / groups, sliding.width());
    // Sums that fit the registers, with the inputs of one tap and a weight.
    let many = V::REGISTERS >= 32;
    let mut left_out = 0;
    for (oy, &down) in sliding.rows.iter().enumerate() {
        for span in sliding.spans() {
            let across = sliding.columns[span.first];
            for group in 0..groups {
                let mut done = 0;
                while done < span.count {
                    let left = span.count - done;
                    let pixels = match width {
                        8.. if many && left >= 3 => 3,
                        4..8 if many && left >= 6 => 6,
                        4.. if left >= 3 => 3,
                        ..4 if left >= 6 => 6,
                        _ => 1,
                    };
                    let (column, first) = (span.first + done, across.start + done * span.step);
                    let seen = (pixels - 1) * span.step + (across.count.max(1) - 1) * sliding.dilation[1] + 1;
                    done += pixels;
                    // SAFETY: the column exists and so do its taps; no more outputs are covered than lie in the span.
                    unsafe {
                        let target = (oy * sliding.columns.len() + column) * outputs + group * width;
                        let outputs = Outputs {
                            down,
                            across,
                            values: bundle.values.add((first * channels + group * inputs) * V::LANES),
                            targets: bundle.targets.add(target * V::LANES),
                            step: span.step * channels * V::LANES,
                            group,
                        };
                        if across.count > 0 && bundle.is_silent(down, first..first + seen) {
                            begin::<V>(bundle, outputs, pixels);
                            left_out += pixels * down.count * across.count * inputs * width;
                            continue;
                        }
                        match (pixels, width) {
                            (3, 8..) if many => channels_of::<V, 3, 8>(bundle, outputs),
                            (3, _) => channels_of::<V, 3, 4>(bundle, outputs),
                            (6, 4..) => channels_of::<V, 6, 4>(bundle, outputs),
                            (6, _) => channels_of::<V, 6, 2>(bundle, outputs),
                            _ => channels_of::<V, 1, 8>(bundle, outputs),
                        }
                    }
                }
            }
        }
    }
    left_out as u64
}

/// Writes what some outputs begin at, if that is a bias.
///
/// # Safety
/// As for [`convolve`], and there must be so many outputs.
#[inline(always)]
unsafe fn begin<V: Vector>(bundle: Bundle<'_, V::Scalar>, outputs: Outputs<V::Scalar>, pixels: usize) {
    let width = bundle.sliding.width();
    let Some(bias) = bundle.bias else { return };
    // SAFETY: the caller's word.
    unsafe {
        for channel in 0..width {
            let bias = V::splat(*bias.add(outputs.group * width + channel));
            for pixel in 0..pixels {
                bias.store(outputs.targets.add((pixel * bundle.sliding.outputs() + channel) * V::LANES));
            }
        }
    }
}

/// All channels of a group of `PIXELS` outputs, `MOST` at once.
///
/// # Safety
/// As for [`convolve`], and there must be so many outputs.
#[inline(always)]
unsafe fn channels_of<V: Vector, const PIXELS: usize, const MOST: usize>(
    bundle: Bundle<'_, V::Scalar>,
    outputs: Outputs<V::Scalar>,
) {
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

/// The same of the neurons that spike in any image, in the same order: those that are zero in all add nothing.
///
/// # Safety
/// As for [`convolve`]; there must be one group, columns of taps side by side, and `keys` and `starts` those of an image:
/// no key may lie outside of its pixel.
#[inline(always)]
pub(crate) unsafe fn convolve_active<V: Vector>(bundle: Bundle<'_, V::Scalar>, keys: *const u32, starts: *const u32) {
    let sliding = bundle.sliding;
    let width = sliding.width();
    for (oy, &down) in sliding.rows.iter().enumerate() {
        for (ox, &across) in sliding.columns.iter().enumerate() {
            let pixel = oy * sliding.columns.len() + ox;
            let mut at = 0;
            while at < width {
                let left = width - at;
                // SAFETY: the pixel and its channels exist; the rest is the caller's word.
                unsafe {
                    let output = Output { down, across, first: pixel * width + at, keys, starts, at };
                    at += match left {
                        16.. if V::REGISTERS >= 32 => sum_active::<V, 16>(bundle, output),
                        8.. => sum_active::<V, 8>(bundle, output),
                        4.. => sum_active::<V, 4>(bundle, output),
                        2.. => sum_active::<V, 2>(bundle, output),
                        _ => sum_active::<V, 1>(bundle, output),
                    };
                }
            }
        }
    }
}

/// Some channels of an output.
#[derive(Clone, Copy)]
struct Output {
    down: Taps,
    across: Taps,
    /// The first of them.
    first: usize,
    /// Its channel.
    at: usize,
    keys: *const u32,
    starts: *const u32,
}

/// Sums up `WIDTH` channels of an output. Returns how many channels these were.
///
/// # Safety
/// As for [`convolve_active`], and there must be so many channels.
#[inline(always)]
unsafe fn sum_active<V: Vector, const WIDTH: usize>(
    Bundle { sliding, bias, weights, values, targets, .. }: Bundle<'_, V::Scalar>,
    Output { down, across, first, at, keys, starts }: Output,
) -> usize {
    let (channels, width) = (sliding.input[2], sliding.width());
    // SAFETY: outputs, taps and channels are those that there are; the rest is the caller's word.
    unsafe {
        let targets = targets.add(first * V::LANES);
        let mut sums = [V::zero(); WIDTH];
        for (channel, sum) in sums.iter_mut().enumerate() {
            *sum = match bias {
                Some(bias) => V::splat(*bias.add(at + channel)),
                None => V::load(targets.add(channel * V::LANES)),
            };
        }
        for (tap, line) in sliding.lines(down) {
            let pixel = line + across.start;
            let [begin, end] = [pixel, pixel + across.count].map(|pixel| *starts.add(pixel) as usize);
            // Rows of weights of taps side by side lie as their inputs do.
            let row = (tap + across.first) * channels;
            let weights = weights.wrapping_add(row * width + at).wrapping_sub(pixel * channels * width);
            for key in begin..end {
                let key = *keys.add(key) as usize;
                let value = V::load(values.add(key * V::LANES));
                let weights = own_register(weights.wrapping_add(key * width));
                for (channel, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add_product(value, V::splat(*weights.add(channel)));
                }
            }
        }
        for (channel, sum) in sums.into_iter().enumerate() {
            sum.store(targets.add(channel * V::LANES));
        }
    }
    WIDTH
}

/// What [`rectify`] writes.
#[derive(Clone, Copy)]
pub(crate) struct Counted<T> {
    pub starts: *mut u32,
    /// Those of each image.
    pub spikes: *mut T,
    /// The smallest and the largest value of each lane, or zero.
    pub extremes: [*mut T; 2],
    /// Neurons that spike in any image, and where those of each pixel begin.
    pub active: Option<(*mut u32, *mut u32)>,
}

/// Makes sums the values of spikes: brings them into a range that holds zero. Writes how many spikes of all images,
/// values other than zero, there are before each pixel, and behind the last, and what [`Counted`] says. Returns how many
/// neurons spike in any image, if these are written.
///
/// # Safety
/// The instruction set of `V` must be available; there must be room for one element more than there are pixels where
/// pixels begin, for a register of spikes and of each extreme, and for as many keys as there are neurons and one more; a
/// pixel's registers must divide the sums.
#[inline(always)]
pub(crate) unsafe fn rectify<V: Vector, const SIGNED: bool, const BOUNDED: bool, const ACTIVE: bool>(
    sums: &mut [V::Scalar],
    channels: usize,
    clip: Clip<V, SIGNED, BOUNDED>,
    Counted { starts, spikes, extremes, active }: Counted<V::Scalar>,
) -> usize {
    // SAFETY: as many elements are read and written as there are, and the rest is the caller's word.
    unsafe {
        let zero = V::zero();
        let mut seen = [zero; 2];
        let mut counts = zero;
        let (mut count, mut listed) = (0, 0);
        *starts = 0;
        let (keys, firsts) = active.unwrap_or((starts, starts));
        if ACTIVE {
            *firsts = 0;
        }
        for (pixel, sums) in sums.chunks_exact_mut(channels * V::LANES).enumerate() {
            for channel in 0..channels {
                let at = sums.as_mut_ptr().add(channel * V::LANES);
                let value = clip.clip(V::load(at));
                value.store(at);
                seen[1] = seen[1].max(value);
                let spiking = if SIGNED {
                    seen[0] = seen[0].min(value);
                    counts = counts.add(zero.exceeds(value));
                    value.nonzero()
                } else {
                    value.positive()
                };
                counts = counts.add(value.exceeds(zero));
                count += spiking.count_ones();
                if ACTIVE {
                    *keys.add(listed) = (pixel * channels + channel) as u32;
                    listed += usize::from(spiking != 0);
                }
            }
            *starts.add(pixel + 1) = count;
            if ACTIVE {
                *firsts.add(pixel + 1) = listed as u32;
            }
        }
        counts.store(spikes);
        seen[0].store(extremes[0]);
        seen[1].store(extremes[1]);
        listed
    }
}
