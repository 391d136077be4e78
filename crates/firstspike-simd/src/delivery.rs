//! Spikes to their targets, those of all steps at once: each neuron is gone to once for all of its spikes, and targets in
//! parts whose arrivals stay in the cache.

use crate::gates::Number;
use crate::grid::NOTHING;
use crate::vector::{MOST_LANES, Vector, own_register};
use std::ops::Range;

/// Spikes of a population: a bit for each neuron and step.
#[derive(Clone, Copy, Debug)]
pub struct Raster<'a, T> {
    /// Patterns of 64 steps, the first lowest: those of all neurons, one after the other, then of the next 64 steps.
    pub patterns: &'a [u64],
    /// The same of spikes that count negative; empty where there are none.
    pub negative: &'a [u64],
    /// What a spike is worth: that of all neurons, or of each.
    pub worth: &'a [T],
}

/// Targets that a row or a column of neurons reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span<T> {
    /// The row of targets; of columns, the first target within each row.
    pub to: usize,
    /// Targets side by side; of rows always 1.
    pub count: usize,
    /// Where their weights begin.
    pub weight: usize,
    /// What weights are multiplied by.
    pub share: T,
}

/// Which targets the neurons of a population reach: those of their row, in rows of targets, and those of their column in
/// each of these.
///
/// The weights from channel `c` to a row and a column of targets begin at the sum of what both spans say and `c * stride`.
/// Where channels are in groups, those of each reach targets of their own in each pixel.
#[derive(Clone, Debug)]
pub struct Fans<T> {
    rows: Vec<Vec<Span<T>>>,
    width: usize,
    channels: [usize; 2],
    groups: usize,
    stride: usize,
    /// Rows of targets.
    height: usize,
    weights: usize,
    parts: Vec<Part<T>>,
    /// Whether every neuron reaches all targets, of which there is one row, with the same share.
    everywhere: bool,
}

/// Targets from one column to another, in every row.
#[derive(Clone, Debug)]
struct Part<T> {
    length: usize,
    /// Spans of columns of neurons, cut off where the part ends, and columns of these.
    spans: Vec<(usize, Span<T>)>,
}

impl<T: Copy + PartialEq> Fans<T> {
    /// `rows` and `columns` have the spans of each row and column of neurons, ascending; `channels` are those of an input
    /// and an output pixel, `targets` the numbers of rows and in each row, which is delivered to in `parts`.
    ///
    /// # Panics
    /// If a span leads beyond the targets or so many weights, or the parts of groups are no whole pixels.
    #[expect(clippy::too_many_arguments, reason = "all of a geometry")]
    pub fn new(
        channels: [usize; 2],
        groups: usize,
        stride: usize,
        targets: [usize; 2],
        rows: Vec<Vec<Span<T>>>,
        columns: &[Vec<Span<T>>],
        weights: usize,
        parts: &[Range<usize>],
    ) -> Self {
        let [inputs, outputs] = channels;
        assert!(inputs > 0 && groups > 0, "neurons in groups");
        assert!(inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups), "uneven groups");
        let beside = (groups - 1) * (outputs / groups);
        let end = |spans: &[Vec<Span<T>>], end: fn(&Span<T>) -> usize| spans.iter().flatten().map(end).max();
        assert!(end(&rows, |row| row.to).is_none_or(|to| to < targets[0]), "every row of targets exists");
        let reached = end(columns, |column| column.to + column.count);
        assert!(reached.is_none_or(|end| end + beside <= targets[1]), "every target exists");
        if let (Some(row), Some(column)) = (end(&rows, |row| row.weight), end(columns, |c| c.weight + c.count)) {
            assert!(row + column + (inputs - 1) * stride <= weights, "every weight exists");
        }
        let part = |part: &Range<usize>| {
            assert!(part.end <= targets[1], "every target exists");
            let whole = |at: usize| groups == 1 || at.is_multiple_of(outputs);
            assert!(whole(part.start) && whole(part.end), "whole pixels");
            let all = columns.iter().enumerate().flat_map(|(x, spans)| spans.iter().map(move |&span| (x, span)));
            let cut = all.filter_map(|(x, span)| {
                if groups > 1 {
                    assert!(span.to % outputs + span.count + beside <= outputs, "targets of a pixel");
                }
                let (from, to) = (span.to.max(part.start), (span.to + span.count).min(part.end));
                let weight = span.weight + from.saturating_sub(span.to);
                (from < to).then(|| (x, Span { to: from - part.start, count: to - from, weight, share: span.share }))
            });
            let mut spans: Vec<_> = cut.collect();
            // Neighbours reach the same targets, and a sum that was just stored is slow to load where it lay elsewhere in a
            // register: those that are further apart come one after the other.
            let whole = |(_, span): &(usize, Span<T>)| (span.count + MOST_LANES).div_ceil(outputs);
            let apart = spans.iter().map(whole).max().unwrap_or(1);
            spans.sort_by_key(|(x, _)| (x % apart, *x));
            Part { length: part.len(), spans }
        };
        let parts = parts.iter().map(part).collect();
        let all = |spans: &[Vec<Span<T>>], whole: fn(&Span<T>) -> (usize, usize), reached: (usize, usize)| {
            let share = spans.iter().flatten().map(|span| span.share).next();
            spans
                .iter()
                .all(|spans| matches!(spans[..], [ref span] if whole(span) == reached && Some(span.share) == share))
        };
        let everywhere = groups == 1
            && targets[0] == 1
            && all(&rows, |row| (row.to, row.count), (0, 1))
            && all(columns, |column| (column.to, column.count), (0, targets[1]));
        Self { rows, width: columns.len(), channels, groups, stride, height: targets[0], weights, parts, everywhere }
    }
}

impl<T: Copy> Fans<T> {
    /// Neurons.
    pub(crate) fn neurons(&self) -> usize {
        self.rows.len() * self.width * self.channels[0]
    }

    /// # Panics
    /// If the arguments of [`deliver`] do not fit each other.
    pub(crate) fn check(
        &self,
        weights: &[T],
        raster: &Raster<'_, T>,
        rows: &Range<usize>,
        part: usize,
        steps: &[u32],
        arrivals: &[T],
    ) {
        assert_eq!(weights.len(), self.weights, "every weight exists");
        let words = raster.patterns.len();
        assert_eq!(words, self.neurons() * steps.len().div_ceil(64), "patterns of all neurons");
        assert!(raster.negative.is_empty() || raster.negative.len() == words, "patterns of all neurons");
        assert!(raster.worth.len() == 1 || raster.worth.len() == self.neurons(), "worths of all neurons");
        assert!(rows.end <= self.height, "every row of targets exists");
        let last = steps.iter().filter(|&&row| row != NOTHING).max().map_or(0, |&row| row as usize + 1);
        let sums = last * rows.len() * self.parts[part].length;
        assert!(sums + MOST_LANES <= arrivals.len(), "every row of arrivals exists");
    }
}

/// Where spikes go.
struct Arrivals<'a, T> {
    steps: &'a [u32],
    /// Those of 64 steps that have a row: a bit for each.
    arriving: u64,
    targets: Range<usize>,
    /// Numbers from a row of targets to the next.
    length: usize,
    sums: *mut T,
    weights: *const T,
}

/// Adds the spikes of each step to the row of arrivals that it has, as far as they reach some rows of targets and a part
/// of these.
///
/// # Safety
/// The instruction set of `V` must be available, and `fans` must have checked the arguments.
#[inline(always)]
pub(crate) unsafe fn deliver<V: Vector<Scalar: Number>>(
    fans: &Fans<V::Scalar>,
    weights: &[V::Scalar],
    raster: &Raster<'_, V::Scalar>,
    (targets, part): (Range<usize>, usize),
    steps: &[u32],
    arrivals: &mut [V::Scalar],
    order: &mut Vec<u32>,
) {
    if fans.everywhere && raster.negative.is_empty() && raster.worth.len() == 1 && !targets.is_empty() {
        // SAFETY: the caller's word.
        unsafe { deliver_everywhere::<V>(fans, weights, raster, part, steps, arrivals, order) };
        return;
    }
    let inputs = fans.channels[0];
    let Part { length, spans } = &fans.parts[part];
    let words = raster.patterns.chunks_exact(fans.neurons()).map(|patterns| (patterns, false));
    let negative = raster.negative.chunks_exact(fans.neurons()).map(|patterns| (patterns, true));
    let (weights, sums) = (weights.as_ptr(), arrivals.as_mut_ptr());
    for (word, (patterns, negative)) in words.enumerate().chain(negative.enumerate()) {
        let steps = &steps[word * 64..];
        let arrivals =
            Arrivals { steps, arriving: arriving(steps), targets: targets.clone(), length: *length, sums, weights };
        for (y, rows) in fans.rows.iter().enumerate() {
            let rows = &rows[rows.partition_point(|row| row.to < targets.start)..];
            let rows = &rows[..rows.partition_point(|row| row.to < targets.end)];
            if rows.is_empty() {
                continue;
            }
            for &(x, ref span) in spans {
                let first = (y * fans.width + x) * inputs;
                let worth = &raster.worth[if raster.worth.len() == 1 { 0..1 } else { first..first + inputs }];
                let pixel = (&patterns[first..first + inputs], worth, negative);
                // SAFETY: all weights and targets exist, as was checked.
                unsafe {
                    match (span.count / V::LANES, span.count % V::LANES) {
                        (0, _) => spread::<V, 0, true>(fans, pixel, rows, span, &arrivals),
                        (1, 0) => spread::<V, 1, false>(fans, pixel, rows, span, &arrivals),
                        (1, _) => spread::<V, 1, true>(fans, pixel, rows, span, &arrivals),
                        (2, _) => spread::<V, 2, true>(fans, pixel, rows, span, &arrivals),
                        (3, _) => spread::<V, 3, true>(fans, pixel, rows, span, &arrivals),
                        _ => spread::<V, { usize::MAX }, true>(fans, pixel, rows, span, &arrivals),
                    }
                }
            }
        }
    }
}

/// The same where every neuron reaches all targets: step by step, so that sums stay in registers over all spikes of a step.
/// `order` is memory for the spikes in this order.
///
/// # Safety
/// As for [`deliver`], and all spikes must be worth the same.
#[inline(always)]
unsafe fn deliver_everywhere<V: Vector<Scalar: Number>>(
    fans: &Fans<V::Scalar>,
    weights: &[V::Scalar],
    raster: &Raster<'_, V::Scalar>,
    part: usize,
    steps: &[u32],
    arrivals: &mut [V::Scalar],
    order: &mut Vec<u32>,
) {
    let Part { length, spans } = &fans.parts[part];
    let Some(((_, column), row)) = spans.first().zip(fans.rows.first()) else { return };
    let lines = steps.iter().filter(|&&row| row != NOTHING).max().map_or(0, |&row| row as usize + 1);
    // Where the spikes of each step end, and then where their weights begin.
    order.clear();
    order.resize(lines + 1, 0);
    each_spike(fans, spans, raster, steps, |line, _| order[line + 1] += 1);
    for line in 0..lines {
        order[line + 1] += order[line];
    }
    let count = order[lines] as usize;
    order.resize(lines + 1 + count, 0);
    let (ends, weights_of) = order.split_at_mut(lines + 1);
    each_spike(fans, spans, raster, steps, |line, weight| {
        weights_of[ends[line] as usize] = weight as u32;
        ends[line] += 1;
    });
    // SAFETY: weights and arrivals exist, as was checked.
    unsafe {
        let value = V::splat(raster.worth[0] * column.share * row[0].share);
        let mut begin = 0;
        for (line, &end) in ends[..lines].iter().enumerate() {
            let spikes = &weights_of[begin..end as usize];
            begin = end as usize;
            let to = arrivals.as_mut_ptr().add(line * length);
            let mut at = 0;
            while at < *length && !spikes.is_empty() {
                let (to, from) = (to.add(at), weights.as_ptr().add(at));
                at += match *length - at {
                    left if left >= 8 * V::LANES => sum_up::<V, 8, false>(spikes, value, from, to, 0),
                    left if left >= 4 * V::LANES => sum_up::<V, 4, false>(spikes, value, from, to, 0),
                    left if left >= V::LANES => sum_up::<V, 1, false>(spikes, value, from, to, 0),
                    left => sum_up::<V, 1, true>(spikes, value, from, to, left),
                };
            }
        }
    }
}

/// Calls `visit` with the row of arrivals and the weights' place of each spike that has a row.
#[inline(always)]
fn each_spike<T: Copy>(
    fans: &Fans<T>,
    spans: &[(usize, Span<T>)],
    raster: &Raster<'_, T>,
    steps: &[u32],
    mut visit: impl FnMut(usize, usize),
) {
    let inputs = fans.channels[0];
    for (word, patterns) in raster.patterns.chunks_exact(fans.neurons()).enumerate() {
        let steps = &steps[word * 64..];
        let arriving = arriving(steps);
        for (y, rows) in fans.rows.iter().enumerate() {
            for (x, span) in spans {
                let patterns = &patterns[(y * fans.width + x) * inputs..][..inputs];
                for (channel, pattern) in patterns.iter().enumerate() {
                    let mut pattern = pattern & arriving;
                    while pattern != 0 {
                        let line = steps[pattern.trailing_zeros() as usize];
                        pattern &= pattern - 1;
                        visit(line as usize, rows[0].weight + span.weight + channel * fans.stride);
                    }
                }
            }
        }
    }
}

/// The first 64 of some steps that have a row: a bit for each.
#[inline(always)]
fn arriving(steps: &[u32]) -> u64 {
    let rows = steps.iter().take(64).enumerate();
    rows.fold(0, |bits, (step, &row)| bits | u64::from(row != NOTHING) << step)
}

/// Adds weights, from these places on, to `WIDTH` registers of targets, or if `TAIL` to so many targets that do not fill
/// one. Returns how many these are.
///
/// # Safety
/// The instruction set of `V` must be available, and there must be so many weights and targets.
#[inline(always)]
unsafe fn sum_up<V: Vector, const WIDTH: usize, const TAIL: bool>(
    places: &[u32],
    value: V,
    weights: *const V::Scalar,
    to: *mut V::Scalar,
    tail: usize,
) -> usize {
    // SAFETY: the caller's word.
    unsafe {
        let load = |from: *const V::Scalar| if TAIL { V::load_first(from, tail) } else { V::load(from) };
        let mut sums = [V::zero(); WIDTH];
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum = load(to.add(k * V::LANES));
        }
        for &place in places {
            let row = own_register(weights.add(place as usize));
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = sum.add_product(value, load(row.add(k * V::LANES)));
            }
        }
        for (k, sum) in sums.into_iter().enumerate() {
            let to = to.add(k * V::LANES);
            if TAIL { sum.store_first(to, tail) } else { sum.store(to) }
        }
    }
    if TAIL { tail } else { WIDTH * V::LANES }
}

/// Adds the spikes of a pixel's neurons to a span of targets, `WHOLE` registers of them (of [`usize::MAX`] as many as there
/// are) and, if `REST`, what does not fill one.
///
/// # Safety
/// As for [`deliver`]; patterns and worths must be those of the neurons (or one worth of all), and the span that long.
#[inline(always)]
unsafe fn spread<V: Vector<Scalar: Number>, const WHOLE: usize, const REST: bool>(
    fans: &Fans<V::Scalar>,
    (patterns, worth, negative): (&[u64], &[V::Scalar], bool),
    rows: &[Span<V::Scalar>],
    span: &Span<V::Scalar>,
    arrivals: &Arrivals<'_, V::Scalar>,
) {
    let [inputs, outputs] = fans.channels;
    let whole = if WHOLE == usize::MAX { span.count / V::LANES } else { WHOLE };
    let rest = span.count % V::LANES;
    for (channel, &pattern) in patterns.iter().enumerate() {
        let mut pattern = pattern & arrivals.arriving;
        if pattern == 0 {
            continue;
        }
        let worth = worth[if worth.len() == 1 { 0 } else { channel }] * span.share;
        let worth = if negative { -worth } else { worth };
        let group = if fans.groups == 1 { 0 } else { channel * fans.groups / inputs * (outputs / fans.groups) };
        let weight = span.weight + channel * fans.stride;
        while pattern != 0 {
            let step = arrivals.steps[pattern.trailing_zeros() as usize];
            pattern &= pattern - 1;
            let line = step as usize * arrivals.targets.len();
            for row in rows {
                let to = (line + row.to - arrivals.targets.start) * arrivals.length + span.to + group;
                // SAFETY: the caller's word.
                unsafe {
                    let (to, from) = (arrivals.sums.add(to), arrivals.weights.add(row.weight + weight));
                    let value = V::splat(worth * row.share);
                    for at in (0..whole).map(|register| register * V::LANES) {
                        V::load(to.add(at)).add_product(value, V::load(from.add(at))).store(to.add(at));
                    }
                    if REST && rest > 0 {
                        // Zero is added to the rest of the register: it is faster to store a whole one, and to load it soon.
                        let (to, weights) = (to.add(whole * V::LANES), V::load_first(from.add(whole * V::LANES), rest));
                        V::load(to).add_product(value, weights).store(to);
                    }
                }
            }
        }
    }
}
