//! Average pooling, merged into the synapses that follow it.

use crate::real::Real;
use crate::shape::Geometry;
use crate::signal::SpikeList;

/// Mean over windows of each channel.
#[derive(Clone, Debug)]
pub struct AveragePool {
    geometry: Geometry,
    /// 1 / divisor of each window on each axis; a window's share is their product.
    shares: [Vec<f64>; 2],
}

impl AveragePool {
    /// `counted` is the padding `[top, left, bottom, right]` whose zeros count in the divisor.
    ///
    /// # Errors
    /// If the geometry makes no sense.
    pub fn new(geometry: Geometry, counted: [usize; 4]) -> Result<Self, String> {
        if let Some(fault) = geometry.fault() {
            return Err(fault);
        }
        if geometry.input.channels != geometry.output.channels {
            return Err("pooling keeps the channels".to_owned());
        }
        let shares = |axis: usize| {
            let (inputs, outputs) = if axis == 0 {
                (geometry.input.height, geometry.output.height)
            } else {
                (geometry.input.width, geometry.output.width)
            };
            let (before, after) = (counted[axis] as isize, counted[axis + 2] as isize);
            (0..outputs)
                .map(|output| {
                    let origin = (output * geometry.stride[axis]) as isize - geometry.pad[axis];
                    let taps = (0..geometry.kernel[axis]).filter(|tap| {
                        let at = origin + (tap * geometry.dilation[axis]) as isize;
                        at >= -before && at < inputs as isize + after
                    });
                    1.0 / taps.count().max(1) as f64
                })
                .collect()
        };
        let shares = [shares(0), shares(1)];
        Ok(Self { geometry, shares })
    }

    /// How the window slides.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Calls `visit` with every pooled neuron that a neuron is part of, and its share in the mean.
    pub(super) fn each_window(&self, neuron: usize, mut visit: impl FnMut(usize, f64)) {
        let (input, output) = (self.geometry.input, self.geometry.output);
        let (pixel, channel) = (neuron / input.channels, neuron % input.channels);
        for (oy, row) in self.windows(0, pixel / input.width) {
            for (ox, column) in self.windows(1, pixel % input.width) {
                visit((oy * output.width + ox) * output.channels + channel, row * column);
            }
        }
    }

    /// On one axis: the windows that an index falls into, and its share in each.
    pub(super) fn windows(&self, axis: usize, input: usize) -> impl Iterator<Item = (usize, f64)> {
        self.geometry.windows(axis, input).map(move |(output, _)| (output, self.shares[axis][output]))
    }

    /// Pools spikes into one value per pooled neuron.
    pub(super) fn pool_spikes<T: Real>(&self, spikes: &SpikeList<T>, pooled: &mut Vec<T>) {
        let channels = self.geometry.input.channels;
        self.pool(pooled, 1, |pixel, sums| {
            let (keys, values) = spikes.pixels(pixel, pixel + 1);
            for (&key, &value) in keys.iter().zip(values) {
                sums[key as usize - pixel * channels] += value;
            }
        });
    }

    /// Pools one value per neuron and image; those of a neuron lie side by side.
    pub(super) fn pool_values<T: Real>(&self, values: &[T], images: usize, pooled: &mut Vec<T>) {
        let channels = self.geometry.input.channels * images;
        self.pool(pooled, images, |pixel, sums| {
            for (sum, &value) in sums.iter_mut().zip(&values[pixel * channels..]) {
                *sum += value;
            }
        });
    }

    /// Means over windows: `add` adds a pixel to sums, one for each channel and image.
    fn pool<T: Real>(&self, pooled: &mut Vec<T>, images: usize, add: impl Fn(usize, &mut [T])) {
        let (input, output) = (self.geometry.input, self.geometry.output);
        pooled.clear();
        pooled.resize(output.len() * images, T::ZERO);
        for (pixel, row) in pooled.chunks_exact_mut(output.channels * images).enumerate() {
            let (oy, ox) = (pixel / output.width, pixel % output.width);
            let (rows, columns) = (self.geometry.taps(0, oy), self.geometry.taps(1, ox));
            for y in (0..rows.count).map(|k| rows.start + k * self.geometry.dilation[0]) {
                for x in (0..columns.count).map(|k| columns.start + k * self.geometry.dilation[1]) {
                    add(y * input.width + x, row);
                }
            }
            let share = T::from_f64(self.shares[0][oy] * self.shares[1][ox]);
            for sum in row {
                *sum = *sum * share;
            }
        }
    }
}
