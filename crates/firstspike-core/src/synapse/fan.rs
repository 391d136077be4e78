//! What the neurons of a projection reach, row by row and column by column: how spikes of many steps find their targets.

use super::{AveragePool, Conv2d, Projection, Synapse};
use crate::real::Real;
use firstspike_simd::{Fans, Span};
use std::ops::Range;

/// Synapses from each row and each column of neurons, and their weights.
#[derive(Clone, Debug)]
pub(crate) struct Fan<T> {
    pub fans: Fans<T>,
    /// Weights in an order of their own; nothing where the synapse has them in the same.
    weights: Option<Vec<T>>,
}

/// How weights are counted.
struct Kernel<T> {
    /// Channels of an input and an output pixel.
    channels: [usize; 2],
    groups: usize,
    /// Weights of a channel.
    stride: usize,
    rows: Vec<Vec<Span<T>>>,
    columns: Vec<Vec<Span<T>>>,
}

impl<T: Real> Fan<T> {
    /// Nothing if the synapses see rows of targets in another way than as so many, with so many numbers each.
    pub(crate) fn of(projection: &Projection<T>, targets: [usize; 2], parts: &[Range<usize>]) -> Option<Self> {
        let (kernel, weights) = match &projection.synapse {
            Synapse::Dense(dense) => {
                let (input, outputs) = (dense.input(), dense.outputs());
                let rows = |y: usize| {
                    let weight = |row: usize| y * input.width * input.channels * outputs + row * targets[1];
                    (0..targets[0]).map(|row| span(row, 1, weight(row))).collect()
                };
                let columns = |x: usize| vec![span(0, targets[1], x * input.channels * outputs)];
                let kernel = Kernel {
                    channels: [input.channels, targets[1]],
                    groups: 1,
                    stride: outputs,
                    rows: (0..input.height).map(rows).collect(),
                    columns: (0..input.width).map(columns).collect(),
                };
                (kernel, None)
            }
            Synapse::Conv2d(conv) => {
                let output = conv.geometry().output;
                if [output.height, output.width * output.channels] != targets {
                    return None;
                }
                let (kernel, weights) = convolution(conv);
                (kernel, Some(weights))
            }
            Synapse::Identity(shape) => {
                if [shape.height, shape.width * shape.channels] != targets {
                    return None;
                }
                let kernel = Kernel {
                    channels: [shape.channels; 2],
                    groups: shape.channels,
                    stride: 0,
                    rows: (0..shape.height).map(|y| vec![span(y, 1, 0)]).collect(),
                    columns: (0..shape.width).map(|x| vec![span(x * shape.channels, 1, 0)]).collect(),
                };
                (kernel, Some(vec![T::ONE]))
            }
        };
        let Kernel { channels, groups, stride, mut rows, mut columns } = kernel;
        if let Some(pool) = &projection.pool {
            rows = pooled(pool, 0, &rows);
            columns = pooled(pool, 1, &columns);
        }
        let count = weights.as_ref().map_or_else(|| projection.dense_weights().len(), Vec::len);
        let fans = Fans::new(channels, groups, stride, targets, rows, &columns, count, parts);
        Some(Self { fans, weights })
    }

    /// The weights that spans count.
    pub(crate) fn weights<'a>(&'a self, projection: &'a Projection<T>) -> &'a [T] {
        self.weights.as_deref().unwrap_or_else(|| projection.dense_weights())
    }
}

impl<T: Real> Projection<T> {
    /// The weights of a dense synapse.
    fn dense_weights(&self) -> &[T] {
        match &self.synapse {
            Synapse::Dense(dense) => dense.weights(),
            _ => &[],
        }
    }
}

fn span<T: Real>(to: usize, count: usize, weight: usize) -> Span<T> {
    Span { to, count, weight, share: T::ONE }
}

/// The spans of neurons before a pooling, from those behind it.
fn pooled<T: Real>(pool: &AveragePool, axis: usize, behind: &[Vec<Span<T>>]) -> Vec<Vec<Span<T>>> {
    let input = pool.geometry().input;
    let before = |at: usize| {
        let windows = pool.windows(axis, at).flat_map(|(window, share)| {
            behind[window].iter().map(move |span| Span { share: span.share * T::from_f64(share), ..*span })
        });
        let mut spans: Vec<_> = windows.collect();
        spans.sort_by_key(|span| span.to);
        spans
    };
    (0..if axis == 0 { input.height } else { input.width }).map(before).collect()
}

/// Weights `[ky][input channel][kx][output channel of its group]`. Where a neuron reaches neighbouring pixels, those of
/// its taps are side by side: the last tap first, and of taps a stride apart.
fn convolution<T: Real>(conv: &Conv2d<T>) -> (Kernel<T>, Vec<T>) {
    let geometry = conv.geometry();
    let (input, output, [height, width]) = (geometry.input, geometry.output, geometry.kernel);
    let (channels, across) = (input.channels, conv.outputs_per_group());
    let groups = output.channels / across;
    let mut order: Vec<usize> = (0..width).rev().collect();
    order.sort_by_key(|tap| tap % geometry.stride[1]);
    let mut places = vec![0; width];
    for (place, tap) in order.into_iter().enumerate() {
        places[tap] = place;
    }
    let stride = width * across;

    let mut weights = vec![T::ZERO; height * channels * stride];
    // A pair of an input and an output that each tap joins, if there is one.
    let joined = |axis: usize, tap: usize| {
        let inputs = if axis == 0 { input.height } else { input.width };
        (0..inputs).find_map(|at| {
            let mut windows = geometry.windows(axis, at);
            windows.find(|&(_, own)| own == tap).map(|(window, _)| (at, window))
        })
    };
    for (ky, rows) in (0..height).map(|ky| (ky, joined(0, ky))) {
        for (kx, columns) in (0..width).map(|kx| (kx, joined(1, kx))) {
            let (Some((iy, oy)), Some((ix, ox))) = (rows, columns) else { continue };
            for channel in 0..channels {
                conv.each_row((iy * input.width + ix) * channels + channel, |target, row| {
                    if target / output.channels == oy * output.width + ox {
                        let place = ((ky * channels + channel) * width + places[kx]) * across;
                        weights[place..place + across].copy_from_slice(row);
                    }
                });
            }
        }
    }

    let row = |y: usize| geometry.windows(0, y).map(|(oy, ky)| span(oy, 1, ky * channels * stride)).collect();
    let column = |x: usize| {
        let mut spans: Vec<Span<T>> = Vec::new();
        for (ox, kx) in geometry.windows(1, x) {
            let (to, weight) = (ox * output.channels, places[kx] * across);
            match spans.last_mut() {
                Some(last) if groups == 1 && (last.to + last.count, last.weight + last.count) == (to, weight) => {
                    last.count += across;
                }
                _ => spans.push(span(to, across, weight)),
            }
        }
        spans
    };
    let rows = (0..input.height).map(row).collect();
    let columns = (0..input.width).map(column).collect();
    (Kernel { channels: [channels, output.channels], groups, stride, rows, columns }, weights)
}
