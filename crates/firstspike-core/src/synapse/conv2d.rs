//! A kernel shared by all pixels: plain, strided, dilated, grouped and depthwise.

use crate::aligned::Aligned;
use crate::real::Real;
use crate::shape::Geometry;
use crate::signal::SpikeList;
use crate::weights::RawWeights;
use firstspike_simd::{Level, Sliding, Taps};

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
    /// The same over an image with margins of zeros at its sides, in which every column has all of its taps.
    widened: Widened,
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
        Ok(Self { geometry, groups, weights, sliding, widened })
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

    /// Adds spikes up one by one.
    pub(super) fn gather(&self, level: Level, spikes: &SpikeList<T>, potentials: &mut [T]) {
        if self.groups == 1 {
            let SpikeList { keys, values, starts, .. } = spikes;
            T::convolve_spikes(level, &self.sliding, potentials, &self.weights, keys, values, starts);
        } else {
            self.gather_groups(level, spikes, potentials);
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

    /// Whether so many spikes take longer one by one than all neurons at once: a model of the cycles for an output pixel,
    /// from measurements of both kernels with AVX-512 at many sizes and densities. One by one, a spike costs loads of its
    /// key and its value and of a register of weights for each register of targets, and a row of taps that its spikes
    /// are found; all at once, a register of weights serves several pixels, so that multiplications are the limit.
    pub(super) fn is_dense(&self, spikes: usize) -> bool {
        let Geometry { input, output, kernel, .. } = self.geometry;
        let inputs = (kernel[0] * kernel[1] * input.channels) as f64;
        let share = spikes as f64 / input.len() as f64;
        // The image of values has to be made first.
        let image = 2.0 * (spikes as f64 + input.len() as f64 / 8.0) / output.pixels() as f64;
        if self.is_depthwise() {
            // All at once, a register serves as many channels; one by one, each spike is a loop of its own.
            return 10.0 + inputs / 16.0 + image < 4.0 * share * inputs;
        }
        let registers = self.outputs_per_group().div_ceil(16) as f64;
        let weights = size_of_val(&*self.weights);
        let uncached = if weights > 160 << 10 { 1.4 } else { 1.0 };
        let apart = if self.groups == 1 { 0.0 } else { 4.0 };
        let events = (12 * kernel[0]) as f64 + share * inputs * (1.0 + apart + 0.55 * registers) * uncached;
        let dense = 10.0 + 0.55 * inputs * registers + image;
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
