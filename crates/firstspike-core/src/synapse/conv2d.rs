//! A kernel shared by all pixels: plain, strided, dilated, grouped and depthwise.

use crate::aligned::Aligned;
use crate::real::Real;
use crate::shape::{Geometry, Shape};
use crate::signal::SpikeList;
use crate::weights::RawWeights;
use firstspike_simd::{Level, Listed, Reach, Sliding, Spreading, Taps};

/// A 2-d convolution (cross-correlation).
#[derive(Clone, Debug)]
pub struct Conv2d<T> {
    geometry: Geometry,
    groups: usize,
    /// `[ky][kx][group][c_in of the group][c_out of the group]`: with one group `[ky][kx][c_in][c_out]`, and depthwise
    /// `[ky][kx][c_out]`.
    weights: Aligned<T>,
    /// How it slides over an image.
    sliding: Sliding,
    /// How spikes spread from their inputs, where that is faster.
    spread: Option<Spread<T>>,
    /// The same over an image with margins of zeros at its sides, in which every column has all of its taps.
    widened: Widened,
    /// What the first channel of each row and of each column reaches on its axis.
    reach: [Vec<Windows>; 2],
}

/// Windows that a row or a column of pixels falls into: at even distances, as the taps are that it falls on, which
/// descend.
#[derive(Clone, Copy, Debug, Default)]
struct Windows {
    count: usize,
    first: usize,
    step: usize,
    tap: usize,
    tap_step: usize,
}

impl Windows {
    fn new(mut windows: impl Iterator<Item = (usize, usize)>) -> Self {
        let Some((first, tap)) = windows.next() else { return Self::default() };
        let Some((second, next)) = windows.next() else { return Self { count: 1, first, tap, ..Self::default() } };
        Self { count: 2 + windows.count(), first, step: second - first, tap, tap_step: tap - next }
    }
}

/// Weights once more, in the order in which spikes meet them.
#[derive(Clone, Debug)]
struct Spread<T> {
    spreading: Spreading,
    packed: Aligned<T>,
    /// Cycles for each pixel, and for each spike.
    cycles: [f64; 2],
}

impl<T: Real> Spread<T> {
    /// Nothing for kernels that it does not suit: where an input has one tap only, it is as well to stay with the output.
    fn new(geometry: &Geometry, groups: usize) -> Option<Self> {
        let Geometry { input, output, kernel, stride, dilation, pad } = *geometry;
        let taps = kernel[0].div_ceil(stride[0]) * kernel[1].div_ceil(stride[1]);
        if groups != 1 || dilation != [1, 1] || taps < 2 {
            return None;
        }
        let sizes = |shape: Shape| [shape.height, shape.width, shape.channels];
        let spreading = Spreading::new(sizes(input), sizes(output), kernel, stride, pad);
        let packed = Aligned::zeros(spreading.packed::<T>());
        let registers = output.channels.div_ceil(64 / size_of::<T>()) as f64;
        let ([visits, targets], [width, parts]) = (spreading.work(), spreading.parts());
        let width = registers.min(width as f64);
        // A pixel's loop ends where the processor does not expect it, and its targets are loaded and stored.
        let pixel = visits * (registers / width).ceil() * parts as f64 * (12.0 + 6.0 * width);
        let spike = registers * (0.5 * visits + 0.92 * targets);
        Some(Self { spreading, packed, cycles: [pixel, spike] })
    }
}

/// Images with margins.
#[derive(Clone, Debug)]
struct Widened {
    sliding: Sliding,
    /// Zeros before each row.
    left: usize,
    /// Columns.
    width: usize,
}

impl Widened {
    fn new(geometry: &Geometry, groups: usize) -> Self {
        let [_, kernel] = geometry.kernel;
        let [_, stride] = geometry.stride;
        let [_, dilation] = geometry.dilation;
        let left = geometry.pad[1].max(0) as usize;
        // Where the first column's window begins; crops begin inside.
        let begin = (left as isize - geometry.pad[1]) as usize;
        let end = begin + (geometry.output.width - 1) * stride + (kernel - 1) * dilation + 1;
        let width = end.max(left + geometry.input.width);
        if width > 2 * geometry.input.width + 16 {
            // Margins would be most of the image: columns without some of their taps are slower, but few count.
            let columns = (0..geometry.output.width).map(|ox| geometry.taps(1, ox));
            let sliding = sliding(geometry, groups, geometry.input.width, columns.collect());
            return Self { sliding, left: 0, width: geometry.input.width };
        }
        let columns = (0..geometry.output.width).map(|ox| Taps { first: 0, count: kernel, start: begin + ox * stride });
        let sliding = sliding(geometry, groups, width, columns.collect());
        Self { sliding, left, width }
    }

    /// An image of zeros, to be filled row by row.
    fn blank<'a, T: Real>(&self, image: &'a mut Vec<T>) -> &'a mut [T] {
        image.clear();
        image.resize(self.sliding.inputs(), T::ZERO);
        image
    }
}

/// A kernel over images of another width.
fn sliding(geometry: &Geometry, groups: usize, width: usize, columns: Vec<Taps>) -> Sliding {
    let rows = (0..geometry.output.height).map(|oy| geometry.taps(0, oy)).collect();
    let input = [geometry.input.height, width, geometry.input.channels];
    Sliding::new(input, geometry.output.channels, groups, geometry.kernel, geometry.dilation, rows, columns)
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
        let columns = (0..geometry.output.width).map(|ox| geometry.taps(1, ox)).collect();
        let sliding = sliding(&geometry, groups, geometry.input.width, columns);
        let widened = Widened::new(&geometry, groups);
        let spread = Spread::new(&geometry, groups);
        let Geometry { input, .. } = geometry;
        let reach = [(0, input.height), (1, input.width)]
            .map(|(axis, count)| (0..count).map(|at| Windows::new(geometry.windows(axis, at))).collect());
        let mut conv = Self { geometry, groups, weights, sliding, spread, widened, reach };
        conv.change_weights(|_| ());
        Ok(conv)
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

    fn is_depthwise(&self) -> bool {
        self.inputs_per_group() == 1 && self.outputs_per_group() == 1
    }

    /// Weights of one tap: `c_in * c_out / groups` of them.
    fn tap_stride(&self) -> usize {
        self.geometry.input.channels * self.outputs_per_group()
    }

    pub(super) fn change_weights(&mut self, change: impl FnOnce(&mut [T])) {
        change(&mut self.weights);
        if let Some(Spread { spreading, packed, .. }) = &mut self.spread {
            spreading.pack(&self.weights, packed);
        }
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

    /// Adds one spike to the potentials of its targets.
    pub(super) fn deliver(&self, level: Level, neuron: usize, value: T, potentials: &mut [T]) {
        let Geometry { input, output, kernel, .. } = self.geometry;
        let (pixel, channel) = (neuron / input.channels, neuron % input.channels);
        let (rows, columns) = (self.reach[0][pixel / input.width], self.reach[1][pixel % input.width]);
        let (length, tap) = (self.outputs_per_group(), self.tap_stride());
        let group = if self.groups == 1 { 0 } else { channel / self.inputs_per_group() };
        let reach = Reach {
            length,
            counts: [rows.count, columns.count],
            target: (rows.first * output.width + columns.first) * output.channels + group * length,
            weight: (rows.tap * kernel[1] + columns.tap) * tap + channel * length,
            target_steps: [rows.step * output.width * output.channels, columns.step * output.channels],
            weight_steps: [rows.tap_step * kernel[1] * tap, columns.tap_step * tap],
        };
        T::add_scaled_rows(level, potentials, &self.weights, &reach, value);
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

    /// Adds spikes up one by one.
    pub(super) fn gather(&self, level: Level, spikes: &SpikeList<T>, potentials: &mut [T], cursors: &mut Vec<u32>) {
        let listed = Listed { keys: &spikes.keys, values: &spikes.values, starts: &spikes.starts };
        if self.groups != 1 {
            self.gather_groups(level, spikes, potentials);
        } else if let Some(Spread { spreading, packed, .. }) = &self.spread {
            T::spread_spikes(level, spreading, potentials, packed, listed, cursors);
        } else {
            T::convolve_spikes(level, &self.sliding, potentials, &self.weights, listed);
        }
    }

    /// Adds spikes up with all neurons that did not spike.
    pub(super) fn gather_dense(
        &self,
        level: Level,
        spikes: &SpikeList<T>,
        values: Option<&[T]>,
        potentials: &mut [T],
        image: &mut Vec<T>,
    ) {
        if let Some(values) = values {
            self.gather_values(level, values, potentials, image);
            return;
        }
        let Geometry { input, .. } = self.geometry;
        let image_row = self.widened.width * input.channels;
        let begin = self.widened.left * input.channels;
        let rows = self.widened.blank(image).chunks_exact_mut(image_row);
        for (y, row) in rows.enumerate() {
            let (keys, values) = spikes.pixels(y * input.width, (y + 1) * input.width);
            let row = &mut row[begin..begin + input.width * input.channels];
            let base = (y * row.len()) as u32;
            for (&key, &value) in keys.iter().zip(values) {
                row[(key - base) as usize] = value;
            }
        }
        T::convolve_values(level, &self.widened.sliding, potentials, &self.weights, image);
    }

    /// Whether so many spikes take longer one by one than all neurons at once: a model of the cycles of both, from
    /// measurements of the kernels with AVX-512 at many sizes and densities.
    ///
    /// One by one, a spike costs a load of weights for each register of targets; all at once, a register of weights serves
    /// several pixels, so that multiplications are the limit.
    pub(super) fn is_dense(&self, spikes: usize) -> bool {
        let Geometry { input, output, kernel, .. } = self.geometry;
        let (pixels, spikes) = (output.pixels() as f64, spikes as f64);
        let inputs = (kernel[0] * kernel[1] * input.channels) as f64;
        // Of an output pixel that sees them.
        let seen = spikes / input.len() as f64 * inputs;
        // The image of values has to be made first.
        let image = 2.0 * (spikes + input.len() as f64 / 8.0);
        if self.is_depthwise() {
            // All at once, a register serves as many channels; one by one, each spike is a loop of its own.
            return pixels * (10.0 + inputs / 16.0) + image < pixels * 4.0 * seen;
        }
        let registers = self.outputs_per_group().div_ceil(64 / size_of::<T>()) as f64;
        // Beyond the second level of the cache weights come more slowly, but fewer of them if not all neurons spike.
        let far = size_of_val(&*self.weights) > 1 << 20;
        let dense = pixels * (10.0 + 0.55 * inputs * registers * if far { 1.4 } else { 1.0 }) + image;
        let events = if let Some(Spread { cycles: [pixel, spike], .. }) = self.spread {
            input.pixels() as f64 * pixel + spikes * spike * if far { 1.2 } else { 1.0 }
        } else {
            // A row of taps takes some cycles to find its spikes.
            let apart = if self.groups == 1 { 0.0 } else { 4.0 };
            let uncached = if size_of_val(&*self.weights) > 160 << 10 { 1.4 } else { 1.0 };
            pixels * ((12 * kernel[0]) as f64 + seen * (1.0 + apart + 0.55 * registers) * uncached)
        };
        dense < events
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

    pub(super) fn gather_values(&self, level: Level, values: &[T], potentials: &mut [T], image: &mut Vec<T>) {
        let Geometry { input, .. } = self.geometry;
        let image_row = self.widened.width * input.channels;
        if self.widened.width == input.width {
            T::convolve_values(level, &self.widened.sliding, potentials, &self.weights, values);
            return;
        }
        let begin = self.widened.left * input.channels;
        let length = input.width * input.channels;
        let rows = self.widened.blank(image).chunks_exact_mut(image_row);
        for (row, from) in rows.zip(values.chunks_exact(length)) {
            row[begin..begin + length].copy_from_slice(from);
        }
        T::convolve_values(level, &self.widened.sliding, potentials, &self.weights, image);
    }
}
