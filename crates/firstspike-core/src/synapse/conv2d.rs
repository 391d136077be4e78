//! A kernel shared by all pixels: plain, strided, dilated, grouped and depthwise.

use crate::real::Real;
use crate::shape::Geometry;
use crate::signal::SpikeList;
use crate::weights::RawWeights;
use firstspike_simd::{Level, Run};

/// A 2-d convolution (cross-correlation).
#[derive(Clone, Debug)]
pub struct Conv2d<T> {
    geometry: Geometry,
    groups: usize,
    /// `[ky][kx][group][c_in of the group][c_out of the group]`: with one group `[ky][kx][c_in][c_out]`, and depthwise
    /// `[ky][kx][c_out]`.
    weights: Vec<T>,
}

impl<T: Real> Conv2d<T> {
    /// Packs stored weights `[c_out][c_in / groups][ky][kx]`.
    ///
    /// # Errors
    /// If sizes contradict each other.
    pub fn new(geometry: Geometry, groups: usize, raw: RawWeights<'_>) -> Result<Self, String> {
        if let Some(fault) = geometry.fault() {
            return Err(fault);
        }
        let (inputs, outputs) = (geometry.input.channels, geometry.output.channels);
        if groups == 0 || !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            return Err(format!("{groups} groups of {inputs} and {outputs} channels"));
        }
        let (group_in, group_out) = (inputs / groups, outputs / groups);
        let taps = geometry.kernel[0] * geometry.kernel[1];
        let count = outputs * group_in * taps;
        if let Some(fault) = raw.fault(count, inputs, outputs) {
            return Err(fault);
        }
        let weights = raw.pack(count, |index| {
            let (tap, rest) = (index % taps, index / taps);
            let (i, o) = (rest % group_in, rest / group_in);
            let group = o / group_out;
            (((tap * groups + group) * group_in + i) * group_out + o % group_out, group * group_in + i, o)
        })?;
        Ok(Self { geometry, groups, weights })
    }

    /// How the kernel slides.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Output channels that an input channel reaches.
    pub(super) fn outputs_per_group(&self) -> usize {
        self.geometry.output.channels / self.groups
    }

    fn inputs_per_group(&self) -> usize {
        self.geometry.input.channels / self.groups
    }

    /// Weights of one tap: `c_in * c_out / groups` of them.
    fn tap_stride(&self) -> usize {
        self.geometry.input.channels * self.outputs_per_group()
    }

    pub(super) fn weights_mut(&mut self) -> &mut [T] {
        &mut self.weights
    }

    /// Calls `visit` for every pixel of targets that a neuron has: the first target, and the synapses' weights.
    pub(super) fn each_row(&self, neuron: usize, mut visit: impl FnMut(usize, &[T])) {
        let (input, output) = (self.geometry.input, self.geometry.output);
        let (pixel, channel) = (neuron / input.channels, neuron % input.channels);
        let (group_in, group_out) = (self.inputs_per_group(), self.outputs_per_group());
        let target = (channel / group_in) * group_out;
        for (oy, ky) in self.geometry.windows(0, pixel / input.width) {
            for (ox, kx) in self.geometry.windows(1, pixel % input.width) {
                let tap = ky * self.geometry.kernel[1] + kx;
                let row = &self.weights[tap * self.tap_stride() + channel * group_out..][..group_out];
                visit((oy * output.width + ox) * output.channels + target, row);
            }
        }
    }

    /// Calls `run` for every output pixel and every maximal run of input pixels that lie side by side and meet
    /// consecutive taps: (targets of the pixel, first tap, first pixel, pixels).
    fn each_run(&self, potentials: &mut [T], mut run: impl FnMut(&mut [T], usize, usize, usize)) {
        let (input, output, kernel) = (self.geometry.input, self.geometry.output, self.geometry.kernel);
        let contiguous = self.geometry.dilation[1] == 1;
        let columns: Vec<_> = (0..output.width).map(|ox| self.geometry.taps(1, ox)).collect();
        for (oy, row) in potentials.chunks_exact_mut(output.width * output.channels).enumerate() {
            let rows = self.geometry.taps(0, oy);
            for (acc, taps) in row.chunks_exact_mut(output.channels).zip(&columns) {
                for k in 0..rows.count {
                    let line = (rows.start + k * self.geometry.dilation[0]) * input.width;
                    let tap = (rows.first + k) * kernel[1] + taps.first;
                    if contiguous {
                        run(acc, tap, line + taps.start, taps.count);
                    } else {
                        for j in 0..taps.count {
                            run(acc, tap + j, line + taps.start + j * self.geometry.dilation[1], 1);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn gather(&self, level: Level, spikes: &SpikeList<T>, potentials: &mut [T]) {
        if self.groups == 1 {
            self.gather_runs(level, spikes, potentials);
        } else {
            self.gather_groups(level, spikes, potentials);
        }
    }

    /// Without groups: the runs of a row of outputs are found first, then accumulated in one go.
    fn gather_runs(&self, level: Level, spikes: &SpikeList<T>, potentials: &mut [T]) {
        let (input, output, kernel) = (self.geometry.input, self.geometry.output, self.geometry.kernel);
        let (keys, values) = (&spikes.keys, &spikes.values);
        let contiguous = self.geometry.dilation[1] == 1;
        let columns: Vec<_> = (0..output.width).map(|ox| self.geometry.taps(1, ox)).collect();
        let mut runs = Vec::with_capacity(output.width * kernel[0]);
        for (oy, row) in potentials.chunks_exact_mut(output.width * output.channels).enumerate() {
            let rows = self.geometry.taps(0, oy);
            runs.clear();
            for (ox, taps) in columns.iter().enumerate() {
                let target = ox * output.channels;
                for k in 0..rows.count {
                    let line = (rows.start + k * self.geometry.dilation[0]) * input.width;
                    let tap = (rows.first + k) * kernel[1] + taps.first;
                    let mut run = |tap: usize, pixel: usize, pixels: usize| {
                        let (from, to) = (spikes.starts[pixel] as usize, spikes.starts[pixel + pixels] as usize);
                        if from < to {
                            let base = (pixel * input.channels) as u32;
                            runs.push(Run { target, row: tap * input.channels, base, from, to });
                        }
                    };
                    if contiguous {
                        run(tap, line + taps.start, taps.count);
                    } else {
                        for j in 0..taps.count {
                            run(tap + j, line + taps.start + j * self.geometry.dilation[1], 1);
                        }
                    }
                }
            }
            T::accumulate_runs(level, row, output.channels, &self.weights, keys, values, &runs);
        }
    }

    fn gather_groups(&self, level: Level, spikes: &SpikeList<T>, potentials: &mut [T]) {
        let channels = self.geometry.input.channels;
        let (group_in, group_out) = (self.inputs_per_group(), self.outputs_per_group());
        let tap_stride = self.tap_stride();
        self.each_run(potentials, |acc, tap, pixel, pixels| {
            for j in 0..pixels {
                let (keys, values) = spikes.pixels(pixel + j, pixel + j + 1);
                let base = ((pixel + j) * channels) as u32;
                let weights = &self.weights[(tap + j) * tap_stride..][..tap_stride];
                if group_in == 1 {
                    for (&key, &value) in keys.iter().zip(values) {
                        let at = (key - base) as usize * group_out;
                        for (acc, &weight) in acc[at..at + group_out].iter_mut().zip(&weights[at..at + group_out]) {
                            *acc += value * weight;
                        }
                    }
                    continue;
                }
                let mut from = 0;
                while from < keys.len() {
                    let group = (keys[from] - base) as usize / group_in;
                    let end = base + ((group + 1) * group_in) as u32;
                    let to = from + keys[from..].partition_point(|&key| key < end);
                    let targets = &mut acc[group * group_out..(group + 1) * group_out];
                    let rows = &weights[group * group_in * group_out..];
                    let first = base + (group * group_in) as u32;
                    T::accumulate_spikes(level, targets, rows, group_out, &keys[from..to], first, &values[from..to]);
                    from = to;
                }
            }
        });
    }

    pub(super) fn gather_values(&self, level: Level, values: &[T], potentials: &mut [T]) {
        let channels = self.geometry.input.channels;
        let (group_in, group_out) = (self.inputs_per_group(), self.outputs_per_group());
        let tap_stride = self.tap_stride();
        self.each_run(potentials, |acc, tap, pixel, pixels| {
            let values = &values[pixel * channels..(pixel + pixels) * channels];
            let weights = &self.weights[tap * tap_stride..];
            if self.groups == 1 {
                T::accumulate_run(level, acc, weights, group_out, values);
                return;
            }
            for (values, weights) in values.chunks_exact(channels).zip(weights.chunks_exact(tap_stride)) {
                if group_in == 1 && group_out == 1 {
                    T::add_products(level, acc, values, weights);
                    continue;
                }
                let groups = acc.chunks_exact_mut(group_out).zip(values.chunks_exact(group_in));
                for ((acc, values), weights) in groups.zip(weights.chunks_exact(group_in * group_out)) {
                    T::accumulate_run(level, acc, weights, group_out, values);
                }
            }
        });
    }
}
