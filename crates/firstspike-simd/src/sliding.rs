//! How a kernel slides over an image of `[row][column][channel]`: which taps meet which pixels, and how weights lie.

use std::ops::{Deref, Range};
use std::sync::Arc;

/// The taps of one output on one axis that exist: `first..first + count`, the first at input `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taps {
    /// First tap that exists.
    pub first: usize,
    /// How many exist; they are consecutive.
    pub count: usize,
    /// Row or column of the input that the first one meets.
    pub start: usize,
}

impl Taps {
    /// Those among `count` taps from `first` on.
    #[inline(always)]
    pub(crate) fn within(self, first: usize, count: usize, dilation: usize) -> Self {
        let begin = self.first.max(first);
        let end = (self.first + self.count).min(first + count);
        if begin >= end {
            // No input is met: none beyond the image either.
            return Self { count: 0, ..self };
        }
        Self { first: begin, count: end - begin, start: self.start + (begin - self.first) * dilation }
    }
}

/// From one column of outputs that has all taps to the next, if these lie side by side and their windows at even distances.
fn step(columns: &[Taps], kernel: usize) -> Option<usize> {
    let whole = |taps: &Taps| taps.count == kernel;
    let inner = &columns[columns.iter().position(whole)?..=columns.iter().rposition(whole)?];
    let begin = inner[0].start;
    let step = inner.get(1).map_or(Some(1), |second| second.start.checked_sub(begin))?;
    let even = inner.iter().enumerate().all(|(index, taps)| whole(taps) && taps.start == begin + index * step);
    even.then_some(step)
}

/// The taps of each row, or of each column, of outputs; a part of those of all, for a band of them.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    all: Arc<[Taps]>,
    part: Range<usize>,
}

impl Axis {
    fn new(all: Vec<Taps>) -> Self {
        Self { part: 0..all.len(), all: all.into() }
    }

    /// Those of a part of these outputs.
    fn part(&self, part: Range<usize>) -> Self {
        assert!(part.start <= part.end && part.end <= self.len(), "a part of the outputs");
        Self { all: Arc::clone(&self.all), part: self.part.start + part.start..self.part.start + part.end }
    }
}

impl Deref for Axis {
    type Target = [Taps];

    #[inline(always)]
    fn deref(&self) -> &[Taps] {
        &self.all[self.part.clone()]
    }
}

impl<'a> IntoIterator for &'a Axis {
    type Item = &'a Taps;
    type IntoIter = std::slice::Iter<'a, Taps>;

    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// How a kernel slides over an image. Making one checks that no tap lies outside, so that kernels need not.
#[derive(Clone, Debug)]
pub struct Sliding {
    /// Height, width and channels.
    pub(crate) input: [usize; 3],
    /// Channels of an output pixel.
    pub(crate) outputs: usize,
    /// Those of them that are computed, of each group.
    pub(crate) channels: [usize; 2],
    /// Groups of channels: those of an output see those of the same group of the input.
    groups: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) rows: Axis,
    pub(crate) columns: Axis,
    pub(crate) spans: Arc<[Span]>,
    /// From one column of outputs that has all taps to the next, if that is even.
    pub(crate) step: Option<usize>,
    /// Whether each output pixel sees the input pixel of the same place alone.
    pub(crate) pointwise: bool,
}

/// Channels of outputs that a [part](Sliding::of_channels) begins at a multiple of: panels end there, and lines of the cache.
pub const PART: usize = 64;

/// Bytes of a row of weights in a panel: as many as the registers of the widest tile hold.
const PANEL: usize = 256;

/// Bytes of weights that stay in the second-level cache while all pixels meet them.
const NEAR: usize = 512 << 10;

/// Columns of outputs side by side whose taps are alike and meet inputs at even distances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub first: usize,
    pub count: usize,
    /// From an input of one column to that of the next.
    pub step: usize,
}

/// The spans of an axis.
fn spans(columns: &[Taps]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (at, pair) in columns.iter().enumerate() {
        let Some(before) = at.checked_sub(1).map(|before| columns[before]) else {
            spans.push(Span { first: 0, count: 1, step: 0 });
            continue;
        };
        let alike = (before.first, before.count) == (pair.first, pair.count);
        let step = pair.start.checked_sub(before.start).filter(|_| alike);
        match (spans.last_mut(), step) {
            (Some(last), Some(step)) if last.count == 1 || last.step == step => {
                (last.count, last.step) = (last.count + 1, step);
            }
            _ => spans.push(Span { first: at, count: 1, step: 0 }),
        }
    }
    spans
}

impl Sliding {
    /// `rows` and `columns` have the taps of each row and column of outputs.
    ///
    /// # Panics
    /// If there are no channels, or a tap lies outside of the kernel or the image.
    pub fn new(
        input: [usize; 3],
        outputs: usize,
        groups: usize,
        kernel: [usize; 2],
        dilation: [usize; 2],
        rows: Vec<Taps>,
        columns: Vec<Taps>,
    ) -> Self {
        assert!(input[2] > 0 && outputs > 0 && dilation[0] > 0 && dilation[1] > 0, "an empty convolution");
        assert!(groups > 0 && input[2].is_multiple_of(groups) && outputs.is_multiple_of(groups), "uneven groups");
        for (axis, taps) in [(0, &rows), (1, &columns)] {
            for tap in taps.iter().filter(|tap| tap.count > 0) {
                assert!(tap.first + tap.count <= kernel[axis], "a tap outside of the kernel");
                assert!(tap.start + (tap.count - 1) * dilation[axis] < input[axis], "a tap outside of the image");
            }
        }
        let (spans, step) = (spans(&columns).into(), step(&columns, kernel[1]));
        let own = |(at, taps): (usize, &Taps)| (taps.count, taps.start) == (1, at);
        let pointwise = kernel == [1, 1]
            && [rows.len(), columns.len()] == [input[0], input[1]]
            && [&rows, &columns].into_iter().all(|taps| taps.iter().enumerate().all(own));
        let [rows, columns] = [rows, columns].map(Axis::new);
        let channels = [0, outputs / groups];
        Self { input, outputs, channels, groups, kernel, dilation, rows, columns, spans, step, pointwise }
    }

    /// The same for some channels of outputs alone, where values of all neurons are added up: each is summed up as among all, and
    /// others are not written. Allocates nothing.
    ///
    /// # Panics
    /// If there are groups or no such channels, or their weights do not begin a cache line further on.
    pub fn of_channels(&self, channels: Range<usize>) -> Self {
        assert!(self.groups == 1 && channels.end <= self.outputs, "a part of the channels");
        assert!(channels.start.is_multiple_of(PART), "whole lines of weights");
        Self { channels: [channels.start, channels.end], ..self.clone() }
    }

    /// The same for some rows of outputs alone: each is summed up as among all. Allocates nothing.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn band(&self, rows: Range<usize>) -> Self {
        Self { rows: self.rows.part(rows), ..self.clone() }
    }

    /// The same for several images whose numbers lie side by side, as if they were channels: each has groups of its own.
    /// Allocates nothing.
    pub fn bundled(&self, images: usize) -> Self {
        let [height, width, channels] = self.input;
        let (input, groups) = ([height, width, channels * images], self.groups * images);
        Self { input, outputs: self.outputs * images, groups, ..self.clone() }
    }

    /// Numbers in an image.
    pub fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    /// Pixels of an image.
    pub(crate) fn pixels(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Numbers that come out.
    pub fn targets(&self) -> usize {
        self.rows.len() * self.columns.len() * self.outputs
    }

    /// Rows of weights: one for each tap and input channel.
    pub(crate) fn weight_rows(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.input[2]
    }

    /// Channels of an output pixel.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Numbers of a row of weights: channels of a group of outputs.
    pub(crate) fn width(&self) -> usize {
        self.outputs / self.groups
    }

    /// Groups of channels.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// Channels of a group of inputs.
    pub(crate) fn group_inputs(&self) -> usize {
        self.input[2] / self.groups
    }

    /// Rows of weights of a group: one for each tap and input channel of it.
    pub(crate) fn group_rows(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.group_inputs()
    }

    /// Whether a channel of outputs sees that of the same number alone.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.group_inputs() == 1 && self.width() == 1
    }

    /// The panel that a channel of a group of outputs is in: its first channel, and how many it has.
    #[inline(always)]
    pub(crate) fn panel<T>(&self, channel: usize) -> (usize, usize) {
        let most = PANEL / size_of::<T>();
        let first = channel / most * most;
        (first, most.min(self.width() - first))
    }

    /// Rows and columns of taps whose weights in a panel are used for all pixels before those of others, so that they stay in the
    /// second-level cache.
    #[inline(always)]
    pub(crate) fn taps_at_once<T>(&self) -> [usize; 2] {
        let [rows, columns] = self.kernel;
        let bytes = self.group_inputs() * self.panel::<T>(0).1 * size_of::<T>();
        if rows * columns * bytes <= NEAR {
            [rows, columns]
        } else if columns * bytes <= NEAR {
            [1, columns]
        } else {
            [1, 1]
        }
    }

    /// Whether weights `[ky][kx][group][input channel of it][output channel of it]` lie in panels as they are.
    pub fn is_packed<T>(&self) -> bool {
        self.is_depthwise() || self.groups == 1 && self.outputs <= PANEL / size_of::<T>()
    }

    /// Packs such weights into panels, some channels of outputs each, which dense kernels go through one after another:
    /// `[group][panel][ky][kx][input channel of the group][output channel of the panel]`. Those of depthwise convolutions stay.
    ///
    /// # Panics
    /// If there are other numbers of weights.
    pub fn pack<T: Copy>(&self, weights: &[T], packed: &mut [T]) {
        assert_eq!(weights.len(), self.weight_rows() * self.width(), "every tap has weights");
        assert_eq!(packed.len(), weights.len(), "room for all weights");
        if self.is_packed::<T>() {
            packed.copy_from_slice(weights);
            return;
        }
        let (inputs, outputs) = (self.group_inputs(), self.width());
        let mut at = 0;
        for group in 0..self.groups {
            let mut channel = 0;
            while channel < outputs {
                let (first, width) = self.panel::<T>(channel);
                for row in 0..self.group_rows() {
                    let row = row / inputs * self.input[2] + group * inputs + row % inputs;
                    packed[at..at + width].copy_from_slice(&weights[row * outputs + first..][..width]);
                    at += width;
                }
                channel += width;
            }
        }
    }

    /// Columns of outputs side by side whose taps are alike.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The taps of a row of kernel that meet pixels side by side, in weights as in the image: how many stretches of
    /// them, pixels in each, and from the beginning of one to that of the next.
    #[inline(always)]
    pub(crate) fn stretches(&self, columns: Taps) -> (usize, usize, usize) {
        if self.dilation[1] == 1 && self.groups == 1 {
            (1, columns.count, 0)
        } else {
            (columns.count, 1, self.dilation[1])
        }
    }

    /// The rows of kernel that an output row has: tap of their first column, and first pixel of the input row they meet.
    #[inline(always)]
    pub(crate) fn lines(&self, rows: Taps) -> impl Iterator<Item = (usize, usize)> {
        let (kernel, width, step) = (self.kernel[1], self.input[1], self.dilation[0]);
        (0..rows.count).map(move |k| ((rows.first + k) * kernel, (rows.start + k * step) * width))
    }
}
