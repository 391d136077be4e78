//! How many targets neurons have.

use super::{AveragePool, Synapse};
use crate::real::Real;
use std::collections::BTreeSet;

/// Pixels of a run, on average, below which each is counted by itself.
const SHORT: usize = 8;

/// Existing targets of a neuron of each pixel of the source.
#[derive(Clone, Debug)]
pub(super) struct FanOut {
    /// In runs of pixels that are alike: where each ends.
    runs: Vec<(usize, u32)>,
    /// Pixel by pixel; nothing where runs are long.
    pixels: Vec<u32>,
}

impl FanOut {
    /// Windows are boxes, so the pixels reached are the product of those reached on each axis, also through a pooling.
    ///
    /// # Errors
    /// If they are too many to be counted.
    pub(super) fn new<T: Real>(pool: Option<&AveragePool>, synapse: &Synapse<T>) -> Result<Self, String> {
        let input = pool.map_or_else(|| synapse.input(), |pool| pool.geometry().input);
        let per_pixel = synapse.targets_per_pixel();
        let count = |axis: usize, index: usize| {
            let Some(pool) = pool else { return synapse.reach(axis, index).len() };
            let windows = pool.geometry().windows(axis, index);
            windows.flat_map(|(window, _)| synapse.reach(axis, window)).collect::<BTreeSet<_>>().len()
        };
        let columns: Vec<usize> = (0..input.width).map(|x| count(1, x)).collect();
        let mut pixels = Vec::with_capacity(input.pixels());
        for y in 0..input.height {
            let rows = count(0, y);
            for columns in &columns {
                let fan = u32::try_from(rows * columns * per_pixel);
                pixels.push(fan.map_err(|_| "more than 2^32 targets of a neuron")?);
            }
        }
        let mut end = 0;
        let runs = pixels.chunk_by(|a, b| a == b).map(|run| {
            end += run.len();
            (end, run[0])
        });
        let runs: Vec<_> = runs.collect();
        if runs.len() * SHORT <= pixels.len() {
            pixels = Vec::new();
        }
        Ok(Self { runs, pixels })
    }

    /// What the neurons of all pixels have, if it is the same.
    pub(super) fn everywhere(&self) -> Option<u64> {
        match self.runs[..] {
            [(_, fan)] => Some(u64::from(fan)),
            _ => None,
        }
    }

    /// Sum over runs `from..to` of pixels that are alike: so many, times the targets of a neuron there.
    pub(super) fn sum(&self, mut count: impl FnMut(usize, usize) -> u64) -> u64 {
        let mut from = 0;
        let mut sum = 0;
        for &(to, fan) in &self.runs {
            sum += count(from, to) * u64::from(fan);
            from = to;
        }
        sum
    }

    /// The same of so many as there are between one pixel's `starts` and the next.
    pub(super) fn sum_differences(&self, starts: &[u32]) -> u64 {
        if self.pixels.is_empty() {
            return self.sum(|from, to| u64::from(starts[to] - starts[from]));
        }
        let counts = starts[1..].iter().zip(starts).map(|(end, start)| end - start);
        counts.zip(&self.pixels).map(|(count, &fan)| u64::from(count) * u64::from(fan)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Geometry, Shape};
    use crate::synapse::Conv2d;
    use crate::weights::{DataType, RawWeights};

    #[test]
    fn short_runs_are_summed_up_pixel_by_pixel() {
        for (size, stride) in [(5, 1), (9, 2), (40, 1), (40, 2)] {
            let (input, output) = (Shape::new(size, size, 2), (size - 1) / stride + 1);
            let (kernel, stride, dilation, pad) = ([3; 2], [stride; 2], [1; 2], [1; 2]);
            let geometry = Geometry { input, output: Shape::new(output, output, 3), kernel, stride, dilation, pad };
            let bytes = vec![0; 4 * 9 * 2 * 3];
            let raw = RawWeights { data_type: DataType::Float32, bytes: &bytes, input_scale: None, output_scale: None };
            let synapse = Synapse::Conv2d(Box::new(Conv2d::<f32>::new(geometry.clone(), 1, raw).unwrap()));
            let fan_out = FanOut::new(None, &synapse).unwrap();
            let starts: Vec<u32> = (0..=input.pixels() as u32).map(|pixel| pixel + pixel / 3).collect();
            let one_by_one = (0..input.pixels()).map(|pixel| {
                let targets =
                    [(0, pixel / size), (1, pixel % size)].map(|(axis, at)| geometry.windows(axis, at).count());
                u64::from(starts[pixel + 1] - starts[pixel]) * (targets[0] * targets[1] * 3) as u64
            });
            let expected: u64 = one_by_one.sum();
            assert_eq!(fan_out.sum_differences(&starts), expected);
            assert_eq!(fan_out.sum(|from, to| u64::from(starts[to] - starts[from])), expected);
            assert_eq!(fan_out.pixels.is_empty(), stride == [1, 1] && size == 40);
        }
    }
}
