//! The kernels, written once over [`Vector`], and their dispatch.

use crate::bundles::{self, Active, Bundle, BundleCounts, Counted};
use crate::compression::{self, Clip};
use crate::convolution::{self, Spikes};
use crate::delivery::{self, Fans, Raster};
use crate::gates::{self, Circuit, FewSpikes, Found, MOST_STEPS, Patterns};
use crate::grid::{self, Grid, GridCounts, Integrators, Marks};
use crate::interleave;
use crate::level::{Isa, Level};
use crate::pooling::{self, Pooling};
use crate::sliding::Sliding;
use crate::spreading::{self, SpreadScratch, Spreading};
use crate::stamps::{self, Stamps};
use crate::vector::plain::Plain;
use crate::vector::{MOST_LANES, Vector, own_register};
use crate::winograd::{self, Winograd};

#[cfg(target_arch = "aarch64")]
use crate::vector::neon::{NeonF32, NeonF64};
#[cfg(target_arch = "x86_64")]
use crate::vector::x86::{Avx2F32, Avx2F64, Avx512F32, Avx512F64};
use std::ops::Range;

/// Spikes of an image.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a, T> {
    /// Neurons (`pixel * channels + channel`), ascending.
    pub keys: &'a [u32],
    /// Their values.
    pub values: &'a [T],
    /// Where each pixel's begin; one more than there are pixels.
    pub starts: &'a [u32],
}

/// A precision: `f32` or `f64`.
pub trait Element: Copy + 'static {
    /// A convolution of spikes: adds to `targets` (`[row][column][channel]` of the outputs) the `weights`
    /// (`[ky][kx][input channel][output channel]`) of all spikes that they see. Keys ascend, and those of pixel `p` are
    /// `starts[p]..starts[p + 1]`.
    ///
    /// # Panics
    /// If targets, bias, weights or `starts` have other sizes than `sliding`, a value is missing, `starts` leads out of the
    /// list, or there are groups.
    fn convolve_spikes(
        level: Level,
        sliding: &Sliding,
        targets: &mut [Self],
        bias: Option<&[Self]>,
        weights: &[Self],
        spikes: Listed<'_, Self>,
    );

    /// The same, from the inputs: `packed` are the weights as [`Spreading::pack`] leaves them, and `scratch` memory to work
    /// with.
    ///
    /// # Panics
    /// If targets, bias, packed weights or `starts` have other sizes than `spreading`, a value is missing, `starts` leads out of
    /// the list, keys do not ascend, or one is not of its pixel.
    fn spread_spikes(
        level: Level,
        spreading: &Spreading,
        targets: &mut [Self],
        bias: Option<&[Self]>,
        packed: &[Self],
        spikes: Listed<'_, Self>,
        scratch: &mut SpreadScratch<Self>,
    );

    /// The convolution of one value per neuron, also in groups: `packed` are the weights as [`Sliding::pack`] leaves them. Where
    /// there is a `bias` of each channel, targets begin at it, not at what they hold.
    ///
    /// # Panics
    /// If targets, bias, weights or values have other sizes than `sliding`.
    fn convolve_values(
        level: Level,
        sliding: &Sliding,
        targets: &mut [Self],
        bias: Option<&[Self]>,
        packed: &[Self],
        values: &[Self],
    );

    /// The same of 3x3 taps, with fewer multiplications: `packed` are the weights as [`Winograd::pack`] leaves them, and
    /// `scratch` memory to work with.
    ///
    /// # Panics
    /// If targets, bias, packed weights or values have other sizes than `winograd`.
    fn convolve_tiles(
        level: Level,
        winograd: &Winograd,
        targets: &mut [Self],
        bias: Option<&[Self]>,
        packed: &[Self],
        values: &[Self],
        scratch: &mut Vec<Self>,
    );

    /// Images of a bundle: numbers of a register.
    fn lanes(level: Level) -> usize;

    /// Writes the images of a bundle, planes of channels one after another, as `[pixel][channel][image]`.
    ///
    /// # Panics
    /// If they are not equally many numbers, or not those of whole planes of as many images as [`Element::lanes`].
    fn interleave(level: Level, images: &[Self], channels: usize, to: &mut [Self]);

    /// Writes an image, planes of channels one after another, as `[pixel][channel]`.
    ///
    /// # Panics
    /// If they are not equally many numbers, or planes do not divide them.
    fn interleave_planes(planes: &[Self], channels: usize, to: &mut [Self]);

    /// [`Element::convolve_values`] of a bundle: of as many images as [`Element::lanes`], numbers of a neuron side by side. `starts`
    /// has how many spikes, values other than zero, of all images there are before each pixel, and behind the last, if that is
    /// known: outputs that see none of them are what they begin at. Returns how many multiply-adds of each image that saves.
    ///
    /// # Panics
    /// If targets, bias, weights or values have other sizes than `sliding`, those of the images times the lanes, or `starts` has not
    /// one element more than there are pixels.
    fn convolve_bundle(
        level: Level,
        sliding: &Sliding,
        targets: &mut [Self],
        bias: Option<&[Self]>,
        weights: &[Self],
        values: &[Self],
        starts: Option<&[u32]>,
    ) -> u64;

    /// The same of the neurons that spike in any image alone, to the same sums.
    ///
    /// # Panics
    /// As [`Element::convolve_bundle`], if there are groups or taps apart, or neurons of another image.
    fn convolve_active(
        level: Level,
        sliding: &Sliding,
        targets: &mut [Self],
        bias: Option<&[Self]>,
        weights: &[Self],
        values: &[Self],
        active: &Active,
    );

    /// [`Element::rectify`] of a bundle.
    ///
    /// # Panics
    /// If whole pixels of all images do not divide the sums, there are more than 2^24 neurons, or counters are missing.
    fn rectify_bundle(
        level: Level,
        sums: &mut [Self],
        channels: usize,
        range: [Self; 2],
        counts: BundleCounts<'_>,
    ) -> [Self; 2];

    /// [`Element::convolve_tiles`] of a bundle. An image's results do not depend on the others.
    ///
    /// # Panics
    /// If targets, bias, packed weights or values have other sizes than `winograd`, those of the images times the lanes.
    fn convolve_bundle_tiles(
        level: Level,
        winograd: &Winograd,
        targets: &mut [Self],
        bias: Option<&[Self]>,
        packed: &[Self],
        values: &[Self],
        scratch: &mut Vec<Self>,
    );

    /// Pools one value per neuron: the maximum of the windows of `sliding`, in groups of one channel each. `signs` has -0 for
    /// channels in which the minimum is taken, 0 for the others, and nothing if there are none. Of equals the first remains.
    ///
    /// # Panics
    /// If values, results or signs have other sizes than `sliding`, or a window has no taps.
    fn pool_max(level: Level, sliding: &Sliding, values: &[Self], signs: &[Self], pooled: &mut [Self]);

    /// Makes every number `x` of some `x * scale + shift`, each operation rounded. Returns the smallest and the largest, or
    /// zero.
    fn scale(level: Level, numbers: &mut [Self], scale: Self, shift: Self) -> [Self; 2];

    /// Makes the sums of neurons, `channels` to a pixel, the values of their spikes: brings them into `range`, which holds
    /// zero. `starts` gets how many spikes, values other than zero, there are before each pixel, and behind the last.
    /// Returns the smallest and the largest value, or zero.
    ///
    /// # Panics
    /// If `channels` does not divide the sums, or `starts` has not one element more than there are pixels.
    fn rectify(level: Level, sums: &mut [Self], channels: usize, range: [Self; 2], starts: &mut [u32]) -> [Self; 2];

    /// The same in another place: the values of a pixel begin `apart` numbers behind those of the one before. Spikes are counted
    /// from the number on that `starts` begins with.
    ///
    /// # Panics
    /// If `channels` do not divide the sums or are more than `apart`, values end before the last pixel does, or `starts` is not
    /// one longer than there are pixels.
    fn rectify_into(
        level: Level,
        sums: &[Self],
        channels: usize,
        into: (&mut [Self], usize),
        range: [Self; 2],
        starts: &mut [u32],
    ) -> [Self; 2];

    /// Lists the neurons whose value is not zero: their keys and their values. What was in the lists before is lost.
    fn list(level: Level, values: &[Self], keys: &mut Vec<u32>, found: &mut Vec<Self>);

    /// Runs the steps of few-spike neurons, `channels` to a pixel, and lists those that spike: their keys, their values,
    /// their patterns, and where each pixel's begin. Returns how many inputs lie beyond the range. Rounds as if the steps
    /// were run one by one, at every level.
    ///
    /// # Panics
    /// If `channels` does not divide the inputs, or there are more than [`MOST_STEPS`] steps.
    fn few_spikes(
        level: Level,
        neuron: FewSpikes<'_, Self>,
        inputs: &[Self],
        channels: usize,
        list: Patterns<'_, Self>,
    ) -> u64;

    /// The same of at-most-one-spike circuits, with a second input for each or none.
    ///
    /// # Panics
    /// As [`Element::few_spikes`], and if second inputs or inhibitions are missing.
    fn circuits(
        level: Level,
        circuit: Circuit<'_, Self>,
        inputs: [&[Self]; 2],
        channels: usize,
        list: Patterns<'_, Self>,
    ) -> u64;

    /// Adds the spikes of each step to the row of arrivals that `steps` gives it, as far as they reach these rows of targets
    /// and a part of each. A row of arrivals has those of the first row of targets, then of the next; there must be 16
    /// numbers behind the last. `order` is memory to work with.
    ///
    /// # Panics
    /// If weights, patterns or arrivals are missing.
    #[expect(clippy::too_many_arguments, reason = "what, whereby and where to")]
    fn deliver(
        level: Level,
        fans: &Fans<Self>,
        weights: &[Self],
        raster: &Raster<'_, Self>,
        targets: Range<usize>,
        part: usize,
        steps: &[u32],
        arrivals: &mut [Self],
        order: &mut Vec<u32>,
    );

    /// Runs neurons on a grid of time and marks their spikes. Unless `potentials` is empty, it gets each neuron's potential
    /// at its last spike.
    ///
    /// # Panics
    /// If arrivals are missing, or room.
    fn run_grid(level: Level, grid: &Grid<'_, Self>, potentials: &mut [Self], marks: Marks<'_>) -> GridCounts;

    /// Runs neurons that integrate and fire, from their potentials on, and marks their spikes: where there is room for them,
    /// also those of the opposite sign, at minus the level. Gives how many there are.
    ///
    /// # Panics
    /// If arrivals are missing, or a parameter of a neuron, or room.
    fn integrate(
        level: Level,
        neurons: &Integrators<'_, Self>,
        potentials: &mut [Self],
        marks: Marks<'_>,
        negative: Option<Marks<'_>>,
    ) -> u64;

    /// Adds spikes to their targets, one by one.
    ///
    /// # Panics
    /// If there are fewer targets than stamps expect, or a neuron has no stamp.
    fn stamp(level: Level, stamps: &Stamps<Self>, keys: &[u32], values: &[Self], targets: &mut [Self]);

    /// For every spike `s`: `acc += values[s] * row`, where the row is the `acc.len()` weights from
    /// `(keys[s] - base) * stride` on. Targets from a multiple of [`ROW_PART`] on are summed up alone as among all.
    ///
    /// # Panics
    /// If `values` is shorter than `keys`, `acc` is longer than `stride`, or the weights are fewer than one row.
    fn accumulate_spikes(
        level: Level,
        acc: &mut [Self],
        weights: &[Self],
        stride: usize,
        keys: &[u32],
        base: u32,
        values: &[Self],
    );

    /// The same for a run of consecutive rows, one for each value: a dense input.
    ///
    /// # Panics
    /// If `acc` is longer than `stride`, or the weights are too few for all values.
    fn accumulate_run(level: Level, acc: &mut [Self], weights: &[Self], stride: usize, values: &[Self]);

    /// `acc += x * row`: one spike, delivered to a contiguous row of targets.
    ///
    /// # Panics
    /// If the lengths differ.
    fn add_scaled(level: Level, acc: &mut [Self], row: &[Self], x: Self);

    /// The same for all rows of targets that a spike reaches through a kernel.
    ///
    /// # Panics
    /// If a row leads beyond the targets or the weights.
    fn add_scaled_rows(level: Level, targets: &mut [Self], weights: &[Self], reach: &Reach, x: Self);
}

/// What a spike reaches through a kernel: rows of targets at even distances on two axes. Further targets are reached by
/// earlier taps, so that their weights lie before those of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Targets side by side.
    pub length: usize,
    /// Rows, on each axis.
    pub counts: [usize; 2],
    /// The first target, and that of its weight.
    pub target: usize,
    /// Where its weight is.
    pub weight: usize,
    /// Distances of targets, on each axis.
    pub target_steps: [usize; 2],
    /// Distances of weights.
    pub weight_steps: [usize; 2],
}

impl Reach {
    /// Whether all rows lie within so many targets and weights.
    fn fits(&self, targets: usize, weights: usize) -> bool {
        let [Some(down), Some(across)] = self.counts.map(|count| count.checked_sub(1)) else { return true };
        let furthest = |steps: [usize; 2]| down.checked_mul(steps[0])?.checked_add(across.checked_mul(steps[1])?);
        let end = |at: usize| at.checked_add(self.length);
        let last = furthest(self.target_steps).and_then(|steps| end(self.target.checked_add(steps)?));
        let before = furthest(self.weight_steps);
        last.is_some_and(|last| last <= targets)
            && before.is_some_and(|before| before <= self.weight)
            && end(self.weight).is_some_and(|end| end <= weights)
    }
}

/// Where the weights of the `i`-th input begin, counted in rows.
trait Rows: Copy {
    fn row(self, i: usize) -> usize;
    fn len(self) -> usize;
}

/// Rows of a sorted spike list. `last` is the last row there is: the clamp makes any key safe to follow.
#[derive(Clone, Copy)]
struct SpikeRows<'a> {
    keys: &'a [u32],
    base: u32,
    last: usize,
}

impl Rows for SpikeRows<'_> {
    #[inline(always)]
    fn row(self, i: usize) -> usize {
        let row = self.keys[i].wrapping_sub(self.base) as usize;
        debug_assert!(row <= self.last, "a spike outside of the weights");
        row.min(self.last)
    }

    #[inline(always)]
    fn len(self) -> usize {
        self.keys.len()
    }
}

/// Consecutive rows.
#[derive(Clone, Copy)]
struct RunRows(usize);

impl Rows for RunRows {
    #[inline(always)]
    fn row(self, i: usize) -> usize {
        i
    }

    #[inline(always)]
    fn len(self) -> usize {
        self.0
    }
}

/// Accumulates `width` full registers of outputs, with `SPLIT` inputs in flight so that the latency of an addition is
/// hidden where few registers are in use.
///
/// # Safety
/// The instruction set of `V` must be available; `acc` must be valid for `WIDTH * LANES` floats, `values` for as many
/// as there are rows, and `weights` for as many floats from the beginning of every row.
#[inline(always)]
unsafe fn accumulate_tile<V: Vector, R: Rows, const WIDTH: usize, const SPLIT: usize>(
    acc: *mut V::Scalar,
    weights: *const V::Scalar,
    stride: usize,
    rows: R,
    values: *const V::Scalar,
) {
    // SAFETY: all accesses stay within what the caller vouches for: `i < rows.len()`, `k < WIDTH`.
    unsafe {
        let mut sums = [[V::zero(); WIDTH]; SPLIT];
        for (k, sum) in sums[0].iter_mut().enumerate() {
            *sum = V::load(acc.add(k * V::LANES));
        }
        let mut i = 0;
        while i + SPLIT <= rows.len() {
            for (split, lane) in sums.iter_mut().enumerate() {
                let value = V::splat(*values.add(i + split));
                let row = own_register(weights.add(rows.row(i + split) * stride));
                for (k, sum) in lane.iter_mut().enumerate() {
                    *sum = sum.add_product(value, V::load(row.add(k * V::LANES)));
                }
            }
            i += SPLIT;
        }
        while i < rows.len() {
            let value = V::splat(*values.add(i));
            let row = own_register(weights.add(rows.row(i) * stride));
            for (k, sum) in sums[0].iter_mut().enumerate() {
                *sum = sum.add_product(value, V::load(row.add(k * V::LANES)));
            }
            i += 1;
        }
        for k in 0..WIDTH {
            let mut sum = sums[0][k];
            for lane in &sums[1..] {
                sum = sum.add(lane[k]);
            }
            sum.store(acc.add(k * V::LANES));
        }
    }
}

/// The outputs that do not fill a register.
///
/// # Safety
/// As for [`accumulate_tile`], with `n < LANES` floats in place of full registers.
#[inline(always)]
unsafe fn accumulate_tail<V: Vector, R: Rows>(
    acc: *mut V::Scalar,
    weights: *const V::Scalar,
    stride: usize,
    rows: R,
    values: *const V::Scalar,
    n: usize,
) {
    // SAFETY: all accesses stay within what the caller vouches for: `i < rows.len()`, and `n` floats of each row.
    unsafe {
        let mut even = V::load_first(acc, n);
        let mut odd = V::zero();
        let mut i = 0;
        while i + 2 <= rows.len() {
            let first = V::load_first(weights.add(rows.row(i) * stride), n);
            even = even.add_product(V::splat(*values.add(i)), first);
            let second = V::load_first(weights.add(rows.row(i + 1) * stride), n);
            odd = odd.add_product(V::splat(*values.add(i + 1)), second);
            i += 2;
        }
        if i < rows.len() {
            let row = V::load_first(weights.add(rows.row(i) * stride), n);
            even = even.add_product(V::splat(*values.add(i)), row);
        }
        even.add(odd).store_first(acc, n);
    }
}

/// Targets of a row that may be summed up alone: so many registers as are summed up in one chain at every level.
pub const ROW_PART: usize = 8 * MOST_LANES;

/// # Safety
/// The instruction set of `V` must be available; `values` must be valid for as many floats as there are rows, and
/// `weights` for `acc.len()` floats from the beginning of every row.
#[inline(always)]
unsafe fn accumulate<V: Vector, R: Rows>(
    acc: &mut [V::Scalar],
    weights: *const V::Scalar,
    stride: usize,
    rows: R,
    values: *const V::Scalar,
) {
    if rows.len() == 0 {
        return;
    }
    let n = acc.len();
    let acc = acc.as_mut_ptr();
    let mut at = 0;
    // SAFETY: the tiles cover `at..n` without overlap and never reach past `n`; the rest is the caller's word.
    unsafe {
        // The more of a row at once the better: it is on its way from the cache while the one before is added.
        while V::REGISTERS >= 32 && at + 16 * V::LANES <= n {
            accumulate_tile::<V, R, 16, 1>(acc.add(at), weights.add(at), stride, rows, values);
            at += 16 * V::LANES;
        }
        while at + 8 * V::LANES <= n {
            accumulate_tile::<V, R, 8, 1>(acc.add(at), weights.add(at), stride, rows, values);
            at += 8 * V::LANES;
        }
        while at + 4 * V::LANES <= n {
            accumulate_tile::<V, R, 4, 2>(acc.add(at), weights.add(at), stride, rows, values);
            at += 4 * V::LANES;
        }
        if at + 2 * V::LANES <= n {
            accumulate_tile::<V, R, 2, 4>(acc.add(at), weights.add(at), stride, rows, values);
            at += 2 * V::LANES;
        }
        if at + V::LANES <= n {
            accumulate_tile::<V, R, 1, 4>(acc.add(at), weights.add(at), stride, rows, values);
            at += V::LANES;
        }
        if at < n {
            accumulate_tail::<V, R>(acc.add(at), weights.add(at), stride, rows, values, n - at);
        }
    }
}

/// # Safety
/// The instruction set of `V` must be available; `row` must be valid for `acc.len()` floats.
#[inline(always)]
unsafe fn add_scaled<V: Vector>(acc: &mut [V::Scalar], row: *const V::Scalar, x: V::Scalar) {
    let n = acc.len();
    let acc = acc.as_mut_ptr();
    let mut at = 0;
    // SAFETY: `at + LANES <= n`, and the tail covers the remaining `n - at < LANES` floats.
    unsafe {
        let x = V::splat(x);
        while at + V::LANES <= n {
            V::load(acc.add(at)).add_product(x, V::load(row.add(at))).store(acc.add(at));
            at += V::LANES;
        }
        if at < n {
            let row = V::load_first(row.add(at), n - at);
            V::load_first(acc.add(at), n - at).add_product(x, row).store_first(acc.add(at), n - at);
        }
    }
}

/// # Safety
/// The instruction set of `V` must be available; all rows must lie within targets and weights.
#[inline(always)]
unsafe fn add_scaled_rows<V: Vector>(targets: *mut V::Scalar, weights: *const V::Scalar, reach: &Reach, x: V::Scalar) {
    let Reach { length, counts, target, weight, target_steps, weight_steps } = *reach;
    for down in 0..counts[0] {
        for across in 0..counts[1] {
            let to = target + down * target_steps[0] + across * target_steps[1];
            let from = weight - down * weight_steps[0] - across * weight_steps[1];
            // SAFETY: the caller's word.
            unsafe { add_scaled::<V>(std::slice::from_raw_parts_mut(targets.add(to), length), weights.add(from), x) }
        }
    }
}

/// Calls a kernel with the kind of [`Clip`] that a range takes.
macro_rules! clipped {
    (@ $signed:literal, $bounded:literal, $vector:ty, $range:expr, |$clip:ident| $kernel:expr) => {{
        let $clip = Clip::<$vector, $signed, $bounded>::to($range);
        $kernel
    }};
    ($vector:ty, $range:expr, |$clip:ident| $kernel:expr) => {{
        let [least, most] = $range;
        let signed = least < 0.0;
        match (signed, most.is_finite() || (signed && least.is_finite())) {
            (false, false) => clipped!(@ false, false, $vector, $range, |$clip| $kernel),
            (false, true) => clipped!(@ false, true, $vector, $range, |$clip| $kernel),
            (true, false) => clipped!(@ true, false, $vector, $range, |$clip| $kernel),
            (true, true) => clipped!(@ true, true, $vector, $range, |$clip| $kernel),
        }
    }};
}

/// Compiles the kernels for one instruction set and precision.
macro_rules! compile {
    ($module:ident, $vector:ty, $scalar:ty $(, $feature:literal)?) => {
        mod $module {
            use super::*;

            /// # Safety
            /// As for [`convolution::convolve_spikes`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn convolve_spikes(
                sliding: &Sliding,
                targets: *mut $scalar,
                bias: Option<*const $scalar>,
                weights: *const $scalar,
                spikes: Spikes<'_, $scalar>,
            ) {
                // SAFETY: the caller's word.
                unsafe { convolution::convolve_spikes::<$vector>(sliding, targets, bias, weights, spikes) }
            }

            /// # Safety
            /// As for [`spreading::spread`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn spread_spikes(
                spreading: &Spreading,
                targets: *mut $scalar,
                bias: Option<*const $scalar>,
                weights: *const $scalar,
                spikes: Spikes<'_, $scalar>,
                scratch: &mut SpreadScratch<$scalar>,
            ) {
                // SAFETY: the caller's word.
                unsafe { spreading::spread::<$vector>(spreading, targets, bias, weights, spikes, scratch) }
            }

            /// # Safety
            /// As for [`convolution::convolve_values`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn convolve_values(
                sliding: &Sliding,
                targets: *mut $scalar,
                bias: Option<*const $scalar>,
                weights: *const $scalar,
                values: *const $scalar,
            ) {
                // SAFETY: the caller's word.
                unsafe { convolution::convolve_values::<$vector>(sliding, targets, bias, weights, values) }
            }

            /// Numbers of a register.
            pub(super) const LANES: usize = <$vector>::LANES;

            /// # Safety
            /// As for [`bundles::convolve`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn convolve_bundle(bundle: Bundle<'_, $scalar>) -> u64 {
                // SAFETY: the caller's word.
                unsafe { bundles::convolve::<$vector>(bundle) }
            }

            /// # Safety
            /// As for [`bundles::convolve_active`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn convolve_active(bundle: Bundle<'_, $scalar>, keys: *const u32, starts: *const u32) {
                // SAFETY: the caller's word.
                unsafe { bundles::convolve_active::<$vector>(bundle, keys, starts) }
            }

            /// # Safety
            /// As for [`bundles::rectify`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn rectify_bundle(
                sums: &mut [$scalar],
                channels: usize,
                range: [$scalar; 2],
                counted: Counted<$scalar>,
            ) -> usize {
                // SAFETY: the caller's word.
                unsafe {
                    clipped!($vector, range, |clip| match counted.active {
                        Some(_) => bundles::rectify::<$vector, _, _, true>(sums, channels, clip, counted),
                        None => bundles::rectify::<$vector, _, _, false>(sums, channels, clip, counted),
                    })
                }
            }

            /// # Safety
            /// As for [`pooling::pool`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn pool_max(pooling: Pooling<'_, $scalar>, signed: bool) {
                // SAFETY: the caller's word.
                unsafe {
                    if signed { pooling::pool::<$vector, true>(pooling) } else { pooling::pool::<$vector, false>(pooling) }
                }
            }

            /// # Safety
            /// As for [`winograd::convolve`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn convolve_tiles(
                winograd: &Winograd,
                targets: *mut $scalar,
                bias: Option<*const $scalar>,
                weights: *const $scalar,
                values: *const $scalar,
                scratch: *mut $scalar,
            ) {
                // SAFETY: the caller's word.
                unsafe { winograd::convolve::<$vector>(winograd, targets, bias, weights, values, scratch) }
            }

            /// # Safety
            /// As for [`compression::scale`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn scale(numbers: &mut [$scalar], line: [$scalar; 2], extremes: [*mut $scalar; 2]) {
                // SAFETY: the caller's word.
                unsafe { compression::scale::<$vector>(numbers, line, extremes) }
            }

            /// # Safety
            /// As for [`winograd::convolve_bundle`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn convolve_bundle_tiles(
                winograd: &Winograd,
                targets: *mut $scalar,
                bias: Option<*const $scalar>,
                weights: *const $scalar,
                values: *const $scalar,
                scratch: *mut $scalar,
            ) {
                // SAFETY: the caller's word.
                unsafe { winograd::convolve_bundle::<$vector>(winograd, targets, bias, weights, values, scratch) }
            }

            /// # Safety
            /// As for [`compression::rectify`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn rectify(
                sums: (*const $scalar, usize),
                channels: usize,
                into: (*mut $scalar, usize),
                range: [$scalar; 2],
                starts: *mut u32,
                extremes: [*mut $scalar; 2],
            ) {
                // SAFETY: the caller's word.
                unsafe {
                    clipped!($vector, range, |clip| compression::rectify(sums, channels, into, clip, starts, extremes));
                }
            }

            /// # Safety
            /// As for [`compression::list`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn list(values: &[$scalar], keys: *mut u32, found: *mut $scalar) -> usize {
                // SAFETY: the caller's word.
                unsafe { compression::list::<$vector>(values, keys, found) }
            }

            /// # Safety
            /// As for [`gates::run`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn few_spikes(
                neuron: FewSpikes<'_, $scalar>,
                inputs: &[$scalar],
                channels: usize,
                found: Found<$scalar>,
            ) -> (usize, u64) {
                // SAFETY: the caller's word.
                unsafe { gates::run::<$vector, _, false>(neuron, [inputs, inputs], channels, found) }
            }

            /// # Safety
            /// As for [`gates::run`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn circuits(
                circuit: Circuit<'_, $scalar>,
                inputs: [&[$scalar]; 2],
                channels: usize,
                found: Found<$scalar>,
            ) -> (usize, u64) {
                // SAFETY: the caller's word.
                unsafe {
                    if circuit.second.is_empty() {
                        gates::run::<$vector, _, false>(circuit, inputs, channels, found)
                    } else {
                        gates::run::<$vector, _, true>(circuit, inputs, channels, found)
                    }
                }
            }

            /// # Safety
            /// As for [`delivery::deliver`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn deliver(
                fans: &Fans<$scalar>,
                weights: &[$scalar],
                raster: &Raster<'_, $scalar>,
                targets: (Range<usize>, usize),
                steps: &[u32],
                arrivals: &mut [$scalar],
                order: &mut Vec<u32>,
            ) {
                // SAFETY: the caller's word.
                unsafe { delivery::deliver::<$vector>(fans, weights, raster, targets, steps, arrivals, order) }
            }

            /// # Safety
            /// As for [`grid::run`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn run_grid(
                grid: &Grid<'_, $scalar>,
                potentials: &mut [$scalar],
                marks: &mut Marks<'_>,
            ) -> GridCounts {
                // SAFETY: the caller's word.
                unsafe {
                    if potentials.is_empty() {
                        grid::run::<$vector, false>(grid, potentials, marks)
                    } else {
                        grid::run::<$vector, true>(grid, potentials, marks)
                    }
                }
            }

            /// # Safety
            /// As for [`grid::integrate`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn integrate(
                neurons: &Integrators<'_, $scalar>,
                potentials: &mut [$scalar],
                marks: &mut Marks<'_>,
                negative: Option<Marks<'_>>,
            ) -> u64 {
                // SAFETY: the caller's word.
                unsafe {
                    match negative {
                        Some(mut negative) => grid::integrate::<$vector, true>(neurons, potentials, marks, Some(&mut negative)),
                        None => grid::integrate::<$vector, false>(neurons, potentials, marks, None),
                    }
                }
            }

            /// # Safety
            /// As for [`stamps::stamp`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn stamp(
                stamps: &Stamps<$scalar>,
                spikes: (&[u32], &[$scalar]),
                targets: *mut $scalar,
            ) {
                // SAFETY: the caller's word.
                unsafe { stamps::stamp::<$vector>(stamps, spikes, targets) }
            }

            /// # Safety
            /// As for [`super::accumulate`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn accumulate_spikes(
                acc: &mut [$scalar],
                weights: *const $scalar,
                stride: usize,
                rows: SpikeRows<'_>,
                values: *const $scalar,
            ) {
                // SAFETY: the caller's word.
                unsafe { accumulate::<$vector, _>(acc, weights, stride, rows, values) }
            }

            /// # Safety
            /// As for [`super::accumulate`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn accumulate_run(
                acc: &mut [$scalar],
                weights: *const $scalar,
                stride: usize,
                rows: RunRows,
                values: *const $scalar,
            ) {
                // SAFETY: the caller's word.
                unsafe { accumulate::<$vector, _>(acc, weights, stride, rows, values) }
            }

            /// # Safety
            /// As for [`super::add_scaled`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn add_scaled(acc: &mut [$scalar], row: *const $scalar, x: $scalar) {
                // SAFETY: the caller's word.
                unsafe { super::add_scaled::<$vector>(acc, row, x) }
            }

            /// # Safety
            /// As for [`super::add_scaled_rows`].
            $(#[target_feature(enable = $feature)])?
            pub(super) unsafe fn add_scaled_rows(
                targets: *mut $scalar,
                weights: *const $scalar,
                reach: &Reach,
                x: $scalar,
            ) {
                // SAFETY: the caller's word.
                unsafe { super::add_scaled_rows::<$vector>(targets, weights, reach, x) }
            }
        }
    };
}

compile!(plain_f32, Plain<f32>, f32);
compile!(plain_f64, Plain<f64>, f64);
#[cfg(target_arch = "x86_64")]
compile!(avx2_f32, Avx2F32, f32, "avx2,fma,popcnt,bmi1,bmi2,lzcnt");
#[cfg(target_arch = "x86_64")]
compile!(avx2_f64, Avx2F64, f64, "avx2,fma,popcnt,bmi1,bmi2,lzcnt");
#[cfg(target_arch = "x86_64")]
compile!(avx512_f32, Avx512F32, f32, "avx512f,popcnt,bmi1,bmi2,lzcnt");
#[cfg(target_arch = "x86_64")]
compile!(avx512_f64, Avx512F64, f64, "avx512f,popcnt,bmi1,bmi2,lzcnt");
#[cfg(target_arch = "aarch64")]
compile!(neon_f32, NeonF32, f32, "neon");
#[cfg(target_arch = "aarch64")]
compile!(neon_f64, NeonF64, f64, "neon");

/// Calls a kernel at the level's instruction set.
macro_rules! dispatch {
    ($level:expr, [$plain:ident, $avx2:ident, $avx512:ident, $neon:ident], $kernel:ident($($argument:expr),*)) => {
        // SAFETY: a level exists only where its instruction set is available (`Level` has no other constructors), and
        // the bounds were checked right before.
        unsafe {
            match $level.0 {
                Isa::Baseline => $plain::$kernel($($argument),*),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => $avx2::$kernel($($argument),*),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => $avx512::$kernel($($argument),*),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => $neon::$kernel($($argument),*),
            }
        }
    };
}

/// So many numbers of `memory`, which grows where it is too short, from the beginning of a line of the cache on.
fn of_lines<T: Copy>(memory: &mut Vec<T>, count: usize, zero: T) -> &mut [T] {
    if memory.len() < count + MOST_LANES {
        memory.resize(count + MOST_LANES, zero);
    }
    let begin = memory.as_ptr().align_offset(64).min(MOST_LANES);
    &mut memory[begin..][..count]
}

fn check_sizes(sliding: &Sliding, targets: usize, weights: usize) {
    assert_eq!(targets, sliding.targets(), "every target exists");
    assert_eq!(weights, sliding.weight_rows() * sliding.width(), "every tap has weights");
}

/// A convolution of a bundle whose sizes were checked.
fn bundle<'a, T>(
    lanes: usize,
    sliding: &'a Sliding,
    targets: &mut [T],
    bias: Option<&[T]>,
    weights: &[T],
    values: &[T],
) -> Bundle<'a, T> {
    assert_eq!(values.len(), sliding.inputs() * lanes, "every neuron has a value in every image");
    assert!(bias.is_none_or(|bias| bias.len() >= sliding.outputs()), "every channel has a bias");
    check_sizes(sliding, targets.len() / lanes, weights.len());
    assert!(targets.len().is_multiple_of(lanes), "every target exists in every image");
    let (targets, weights, values) = (targets.as_mut_ptr(), weights.as_ptr(), values.as_ptr());
    Bundle { sliding, targets, bias: bias.map(<[T]>::as_ptr), weights, values, starts: None }
}

/// The smallest and the largest number that a kernel leaves in registers.
fn extremes<T: Copy + From<f32> + PartialOrd>(kernel: impl FnOnce([*mut T; 2])) -> [T; 2] {
    let zero = T::from(0.0);
    let [mut smallest, mut largest] = [[zero; MOST_LANES]; 2];
    kernel([smallest.as_mut_ptr(), largest.as_mut_ptr()]);
    let least = smallest.into_iter().fold(zero, |a, b| if b < a { b } else { a });
    [least, largest.into_iter().fold(zero, |a, b| if b > a { b } else { a })]
}

macro_rules! element {
    ($scalar:ty, $levels:tt) => {
        impl Element for $scalar {
            fn convolve_spikes(
                level: Level,
                sliding: &Sliding,
                targets: &mut [Self],
                bias: Option<&[Self]>,
                weights: &[Self],
                Listed { keys, values, starts }: Listed<'_, Self>,
            ) {
                assert!(values.len() >= keys.len(), "every spike has a value");
                assert_eq!(sliding.groups(), 1, "spikes are added one by one where all channels see each other");
                assert_eq!(starts.len(), sliding.pixels() + 1, "every pixel's spikes begin somewhere");
                assert!(bias.is_none_or(|bias| bias.len() >= sliding.outputs()), "every channel has a bias");
                check_sizes(sliding, targets.len(), weights.len());
                let spikes = Spikes { keys, values: values.as_ptr(), starts };
                let (targets, weights) = (targets.as_mut_ptr(), weights.as_ptr());
                let bias = bias.map(<[Self]>::as_ptr);
                element!(@ level, $levels, convolve_spikes(sliding, targets, bias, weights, spikes));
            }

            fn spread_spikes(
                level: Level,
                spreading: &Spreading,
                targets: &mut [Self],
                bias: Option<&[Self]>,
                packed: &[Self],
                Listed { keys, values, starts }: Listed<'_, Self>,
                scratch: &mut SpreadScratch<Self>,
            ) {
                assert!(values.len() >= keys.len(), "every spike has a value");
                assert_eq!(starts.len(), spreading.pixels() + 1, "every pixel's spikes begin somewhere");
                assert_eq!(targets.len(), spreading.targets(), "every target exists");
                assert_eq!(packed.len(), spreading.packed::<Self>(), "every tap has weights");
                assert!(bias.is_none_or(|bias| bias.len() >= spreading.outputs()), "every channel has a bias");
                let bias = bias.filter(|bias| {
                    // Targets that the first spikes do not reach would not begin.
                    let begins = spreading.begins();
                    if !begins {
                        let (bias, channels) = (&bias[spreading.channels()], spreading.channels());
                        let pixels = targets.chunks_exact_mut(spreading.outputs());
                        pixels.for_each(|targets| targets[channels.clone()].copy_from_slice(bias));
                    }
                    begins
                });
                let spikes = Spikes { keys, values: values.as_ptr(), starts };
                let (targets, weights) = (targets.as_mut_ptr(), packed.as_ptr());
                let bias = bias.map(<[Self]>::as_ptr);
                element!(@ level, $levels, spread_spikes(spreading, targets, bias, weights, spikes, scratch));
            }

            fn convolve_values(
                level: Level,
                sliding: &Sliding,
                targets: &mut [Self],
                bias: Option<&[Self]>,
                packed: &[Self],
                values: &[Self],
            ) {
                assert_eq!(values.len(), sliding.inputs(), "every neuron has a value");
                assert!(bias.is_none_or(|bias| bias.len() >= sliding.outputs()), "every channel has a bias");
                check_sizes(sliding, targets.len(), packed.len());
                let (targets, weights) = (targets.as_mut_ptr(), packed.as_ptr());
                let bias = bias.map(<[Self]>::as_ptr);
                element!(@ level, $levels, convolve_values(sliding, targets, bias, weights, values.as_ptr()));
            }

            fn lanes(level: Level) -> usize {
                element!(# level, $levels, LANES)
            }

            fn interleave(level: Level, images: &[Self], channels: usize, to: &mut [Self]) {
                interleave::interleave(images, Self::lanes(level), channels, to);
            }

            fn interleave_planes(planes: &[Self], channels: usize, to: &mut [Self]) {
                interleave::interleave_planes(planes, channels, to);
            }

            fn convolve_bundle(
                level: Level,
                sliding: &Sliding,
                targets: &mut [Self],
                bias: Option<&[Self]>,
                weights: &[Self],
                values: &[Self],
                starts: Option<&[u32]>,
            ) -> u64 {
                let pixels = sliding.pixels();
                assert!(starts.is_none_or(|starts| starts.len() == pixels + 1), "every pixel's spikes begin somewhere");
                let bundle = bundle(Self::lanes(level), sliding, targets, bias, weights, values);
                let bundle = Bundle { starts: starts.map(<[u32]>::as_ptr), ..bundle };
                element!(@ level, $levels, convolve_bundle(bundle))
            }

            fn convolve_active(
                level: Level,
                sliding: &Sliding,
                targets: &mut [Self],
                bias: Option<&[Self]>,
                weights: &[Self],
                values: &[Self],
                active: &Active,
            ) {
                let bundle = bundle(Self::lanes(level), sliding, targets, bias, weights, values);
                assert_eq!(sliding.groups(), 1, "spikes are added one by one where all channels see each other");
                assert_eq!(sliding.dilation[1], 1, "taps side by side");
                let Active { keys, starts, channels } = active;
                assert_eq!(starts.len(), sliding.pixels() + 1, "every pixel's neurons begin somewhere");
                assert_eq!(keys.len(), starts[sliding.pixels()] as usize, "neurons of this image");
                assert_eq!(*channels, sliding.input[2], "neurons of this image");
                element!(@ level, $levels, convolve_active(bundle, keys.as_ptr(), starts.as_ptr()));
            }

            fn rectify_bundle(
                level: Level,
                sums: &mut [Self],
                channels: usize,
                range: [Self; 2],
                BundleCounts { starts, spikes, mut active }: BundleCounts<'_>,
            ) -> [Self; 2] {
                let lanes = Self::lanes(level);
                assert!(channels > 0 && sums.len().is_multiple_of(channels * lanes), "whole pixels of all images");
                let (neurons, pixels) = (sums.len() / lanes, sums.len() / (channels * lanes));
                // Counts of more would not be exact in single precision.
                assert!(neurons <= 1 << 24, "neurons that can be counted");
                assert_eq!(starts.len(), pixels + 1, "every pixel's spikes begin somewhere");
                assert_eq!(spikes.len(), lanes, "every image has a counter");
                let mut counts = [0.0; MOST_LANES];
                let (starts, counted) = (starts.as_mut_ptr(), counts.as_mut_ptr());
                let mut found = 0;
                let pointers = active.as_deref_mut().map(|active| active.begin(neurons, pixels, channels));
                let seen = extremes(|extremes| {
                    let counted = Counted { starts, spikes: counted, extremes, active: pointers };
                    found = element!(@ level, $levels, rectify_bundle(sums, channels, range, counted));
                });
                if let Some(active) = active {
                    active.keys.truncate(found);
                }
                spikes.iter_mut().zip(counts).for_each(|(spikes, count)| *spikes += count as u64);
                seen
            }

            fn pool_max(level: Level, sliding: &Sliding, values: &[Self], signs: &[Self], pooled: &mut [Self]) {
                assert_eq!(values.len(), sliding.inputs(), "every neuron has a value");
                assert_eq!(pooled.len(), sliding.targets(), "every result has room");
                assert!([sliding.groups(), sliding.input[2]] == [sliding.outputs; 2], "channels are pooled alone");
                assert!(signs.is_empty() || signs.len() == sliding.outputs, "a sign for each channel");
                let taps = sliding.rows.iter().chain(&sliding.columns);
                assert!(taps.into_iter().all(|taps| taps.count > 0), "every window has taps");
                let (values, signed) = (values.as_ptr(), !signs.is_empty());
                let pooling = Pooling { sliding, values, signs: signs.as_ptr(), pooled: pooled.as_mut_ptr() };
                element!(@ level, $levels, pool_max(pooling, signed));
            }

            fn convolve_tiles(
                level: Level,
                winograd: &Winograd,
                targets: &mut [Self],
                bias: Option<&[Self]>,
                packed: &[Self],
                values: &[Self],
                scratch: &mut Vec<Self>,
            ) {
                assert_eq!(values.len(), winograd.inputs(), "every neuron has a value");
                assert_eq!(targets.len(), winograd.targets(), "every target exists");
                assert!(bias.is_none_or(|bias| bias.len() >= winograd.outputs()), "every channel has a bias");
                assert_eq!(packed.len(), winograd.packed::<Self>(), "every tap has weights");
                let scratch = of_lines(scratch, winograd.scratch::<Self>(), 0.0).as_mut_ptr();
                let (targets, weights) = (targets.as_mut_ptr(), packed.as_ptr());
                let bias = bias.map(<[Self]>::as_ptr);
                element!(@ level, $levels, convolve_tiles(winograd, targets, bias, weights, values.as_ptr(), scratch));
            }

            fn scale(level: Level, numbers: &mut [Self], scale: Self, shift: Self) -> [Self; 2] {
                extremes(|extremes| element!(@ level, $levels, scale(numbers, [scale, shift], extremes)))
            }

            fn convolve_bundle_tiles(
                level: Level,
                winograd: &Winograd,
                targets: &mut [Self],
                bias: Option<&[Self]>,
                packed: &[Self],
                values: &[Self],
                scratch: &mut Vec<Self>,
            ) {
                let lanes = Self::lanes(level);
                assert_eq!(values.len(), winograd.inputs() * lanes, "every neuron has a value in every image");
                assert_eq!(targets.len(), winograd.targets() * lanes, "every target exists in every image");
                assert!(bias.is_none_or(|bias| bias.len() >= winograd.outputs()), "every channel has a bias");
                assert_eq!(packed.len(), winograd.packed::<Self>(), "every tap has weights");
                let scratch = of_lines(scratch, winograd.bundle_scratch::<Self>(lanes), 0.0).as_mut_ptr();
                let (targets, weights, values) = (targets.as_mut_ptr(), packed.as_ptr(), values.as_ptr());
                let bias = bias.map(<[Self]>::as_ptr);
                element!(@ level, $levels, convolve_bundle_tiles(winograd, targets, bias, weights, values, scratch));
            }

            fn rectify(
                level: Level,
                sums: &mut [Self],
                channels: usize,
                range: [Self; 2],
                starts: &mut [u32],
            ) -> [Self; 2] {
                assert!(channels > 0 && sums.len().is_multiple_of(channels), "whole pixels");
                assert_eq!(starts.len(), sums.len() / channels + 1, "every pixel's spikes begin somewhere");
                starts[0] = 0;
                let (count, to, starts) = (sums.len(), sums.as_mut_ptr(), starts.as_mut_ptr());
                let (sums, into) = ((to.cast_const(), count), (to, channels));
                extremes(|extremes| element!(@ level, $levels, rectify(sums, channels, into, range, starts, extremes)))
            }

            fn rectify_into(
                level: Level,
                sums: &[Self],
                channels: usize,
                (values, apart): (&mut [Self], usize),
                range: [Self; 2],
                starts: &mut [u32],
            ) -> [Self; 2] {
                assert!(channels > 0 && sums.len().is_multiple_of(channels) && channels <= apart, "whole pixels");
                let pixels = sums.len() / channels;
                assert_eq!(starts.len(), pixels + 1, "every pixel's spikes begin somewhere");
                assert!(pixels == 0 || values.len() >= (pixels - 1) * apart + channels, "every value has a place");
                let (into, starts) = ((values.as_mut_ptr(), apart), starts.as_mut_ptr());
                let sums = (sums.as_ptr(), sums.len());
                extremes(|extremes| element!(@ level, $levels, rectify(sums, channels, into, range, starts, extremes)))
            }

            fn list(level: Level, values: &[Self], keys: &mut Vec<u32>, found: &mut Vec<Self>) {
                keys.clear();
                found.clear();
                // A whole register is written at a time.
                keys.reserve(values.len() + MOST_LANES);
                found.reserve(values.len() + MOST_LANES);
                let (to, at) = (keys.as_mut_ptr(), found.as_mut_ptr());
                let count = element!(@ level, $levels, list(values, to, at));
                // SAFETY: there is room, and the kernel has written the first `count`.
                unsafe {
                    keys.set_len(count);
                    found.set_len(count);
                }
            }

            fn few_spikes(
                level: Level,
                neuron: FewSpikes<'_, Self>,
                inputs: &[Self],
                channels: usize,
                mut list: Patterns<'_, Self>,
            ) -> u64 {
                assert!(neuron.threshold.len() <= MOST_STEPS, "patterns that are exact");
                let found = list.begin(inputs.len(), channels);
                let (count, beyond) = element!(@ level, $levels, few_spikes(neuron, inputs, channels, found));
                list.end(count);
                beyond
            }

            fn circuits(
                level: Level,
                circuit: Circuit<'_, Self>,
                inputs: [&[Self]; 2],
                channels: usize,
                mut list: Patterns<'_, Self>,
            ) -> u64 {
                let size = circuit.input.len();
                assert!(size <= MOST_STEPS, "patterns that are exact");
                assert!(circuit.inhibition.len() >= size * size.saturating_sub(1) / 2, "an inhibition of each pair");
                assert!(circuit.second.is_empty() || inputs[0].len() == inputs[1].len(), "second inputs");
                let found = list.begin(inputs[0].len(), channels);
                let (count, beyond) = element!(@ level, $levels, circuits(circuit, inputs, channels, found));
                list.end(count);
                beyond
            }

            fn deliver(
                level: Level,
                fans: &Fans<Self>,
                weights: &[Self],
                raster: &Raster<'_, Self>,
                targets: Range<usize>,
                part: usize,
                steps: &[u32],
                arrivals: &mut [Self],
                order: &mut Vec<u32>,
            ) {
                fans.check(weights, raster, &targets, part, steps, arrivals);
                element!(@ level, $levels, deliver(fans, weights, raster, (targets, part), steps, arrivals, order));
            }

            fn run_grid(
                level: Level,
                grid: &Grid<'_, Self>,
                potentials: &mut [Self],
                mut marks: Marks<'_>,
            ) -> GridCounts {
                grid.arriving.check();
                let neurons = grid.arriving.neurons;
                assert!(potentials.is_empty() || potentials.len() == neurons, "a potential of each neuron");
                marks.check(neurons, grid.steps.saturating_sub(grid.sent));
                element!(@ level, $levels, run_grid(grid, potentials, &mut marks))
            }

            fn integrate(
                level: Level,
                neurons: &Integrators<'_, Self>,
                potentials: &mut [Self],
                mut marks: Marks<'_>,
                negative: Option<Marks<'_>>,
            ) -> u64 {
                neurons.arriving.check();
                let count = neurons.arriving.neurons;
                let parameters = [neurons.current, neurons.level, neurons.worth, potentials];
                assert!(parameters.iter().all(|numbers| numbers.len() == count), "a number for each neuron");
                for marks in std::iter::once(&marks).chain(&negative) {
                    marks.check(count, neurons.arriving.rows.len());
                }
                element!(@ level, $levels, integrate(neurons, potentials, &mut marks, negative))
            }

            fn stamp(level: Level, stamps: &Stamps<Self>, keys: &[u32], values: &[Self], targets: &mut [Self]) {
                assert!(targets.len() >= stamps.targets(), "every target exists");
                element!(@ level, $levels, stamp(stamps, (keys, values), targets.as_mut_ptr()));
            }

            #[inline]
            fn accumulate_spikes(
                level: Level,
                acc: &mut [Self],
                weights: &[Self],
                stride: usize,
                keys: &[u32],
                base: u32,
                values: &[Self],
            ) {
                assert!(values.len() >= keys.len(), "every spike has a value");
                assert!(acc.len() <= stride && acc.len() <= weights.len(), "the targets fit a row of weights");
                if acc.is_empty() {
                    return;
                }
                let rows = SpikeRows { keys, base, last: (weights.len() - acc.len()) / stride };
                element!(@ level, $levels, accumulate_spikes(acc, weights.as_ptr(), stride, rows, values.as_ptr()));
            }

            #[inline]
            fn accumulate_run(level: Level, acc: &mut [Self], weights: &[Self], stride: usize, values: &[Self]) {
                if values.is_empty() || acc.is_empty() {
                    return;
                }
                assert!(acc.len() <= stride, "the targets fit a row of weights");
                assert!((values.len() - 1) * stride + acc.len() <= weights.len(), "every value has a row");
                let rows = RunRows(values.len());
                element!(@ level, $levels, accumulate_run(acc, weights.as_ptr(), stride, rows, values.as_ptr()));
            }

            #[inline]
            fn add_scaled(level: Level, acc: &mut [Self], row: &[Self], x: Self) {
                assert_eq!(acc.len(), row.len());
                element!(@ level, $levels, add_scaled(acc, row.as_ptr(), x));
            }

            #[inline]
            fn add_scaled_rows(level: Level, targets: &mut [Self], weights: &[Self], reach: &Reach, x: Self) {
                assert!(reach.fits(targets.len(), weights.len()), "every target and every weight exists");
                let (targets, weights) = (targets.as_mut_ptr(), weights.as_ptr());
                element!(@ level, $levels, add_scaled_rows(targets, weights, reach, x));
            }
        }
    };
    (# $level:expr, [$plain:ident, $avx2:ident, $avx512:ident, $neon:ident], $constant:ident) => {
        match $level.0 {
            Isa::Baseline => $plain::$constant,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => $avx2::$constant,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => $avx512::$constant,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => $neon::$constant,
        }
    };
    (@ $level:expr, [$($module:ident),*], $kernel:ident($($argument:expr),*)) => {
        dispatch!($level, [$($module),*], $kernel($($argument),*))
    };
}

element!(f32, [plain_f32, avx2_f32, avx512_f32, neon_f32]);
element!(f64, [plain_f64, avx2_f64, avx512_f64, neon_f64]);
