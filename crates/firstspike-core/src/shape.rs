//! Shapes of populations, and the geometry that convolutions and poolings share.

use firstspike_simd::Taps;

/// `[height][width][channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels of each pixel.
    pub channels: usize,
}

impl Shape {
    /// `height` by `width` pixels of `channels`.
    pub fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// Neurons.
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Pixels.
    pub fn pixels(self) -> usize {
        self.height * self.width
    }
}

/// A window that slides over an image: input index = `output * stride + tap * dilation - pad` on each axis.
/// Arrays are `[vertical, horizontal]`. Taps that fall outside of the input do not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// What the window slides over.
    pub input: Shape,
    /// One pixel for each place of the window.
    pub output: Shape,
    /// Taps per axis.
    pub kernel: [usize; 2],
    /// Step between neighbouring windows.
    pub stride: [usize; 2],
    /// Step between neighbouring taps.
    pub dilation: [usize; 2],
    /// Padding before the first row and column; negative crops.
    pub pad: [isize; 2],
}

/// Whether `to` has every index below `n` once.
pub(crate) fn is_permutation(to: &[u32], n: usize) -> bool {
    let mut missing = vec![true; n];
    to.len() == n && to.iter().all(|&index| missing.get_mut(index as usize).is_some_and(std::mem::take))
}

impl Geometry {
    fn extent(shape: Shape, axis: usize) -> usize {
        if axis == 0 { shape.height } else { shape.width }
    }

    /// Whether each output pixel sees the input pixel of the same place alone.
    pub(crate) fn is_pointwise(&self) -> bool {
        let size = |shape: Shape| [shape.height, shape.width];
        (self.kernel, self.stride, self.pad) == ([1, 1], [1, 1], [0, 0]) && size(self.input) == size(self.output)
    }

    /// Why the geometry makes no sense, if it makes none.
    pub(crate) fn fault(&self) -> Option<String> {
        for (what, pair) in [("kernel", self.kernel), ("stride", self.stride), ("dilation", self.dilation)] {
            if pair.contains(&0) {
                return Some(format!("{what} {pair:?} has a zero"));
            }
        }
        if self.input.is_empty() || self.output.is_empty() {
            return Some(format!("empty shapes: {:?} to {:?}", self.input, self.output));
        }
        None
    }

    /// The existing taps of window `output` on an axis.
    pub(crate) fn taps(&self, axis: usize, output: usize) -> Taps {
        let (n, dilation) = (Self::extent(self.input, axis) as isize, self.dilation[axis] as isize);
        let origin = (output * self.stride[axis]) as isize - self.pad[axis];
        // The first tap at or after input 0, and the first one past the end.
        let first = if origin >= 0 { 0 } else { (-origin + dilation - 1) / dilation };
        let past = if origin >= n { 0 } else { (n - origin + dilation - 1) / dilation };
        let past = past.min(self.kernel[axis] as isize);
        if past <= first {
            return Taps { first: 0, count: 0, start: 0 };
        }
        Taps { first: first as usize, count: (past - first) as usize, start: (origin + first * dilation) as usize }
    }

    /// The windows that input index `input` falls into on an axis, each with the tap it falls on; windows ascending.
    pub(crate) fn windows(&self, axis: usize, input: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (stride, dilation) = (self.stride[axis] as isize, self.dilation[axis] as isize);
        let position = input as isize + self.pad[axis];
        // From the first window whose last tap reaches so far to the last one that has begun by then.
        let first = (position - (self.kernel[axis] as isize - 1) * dilation + stride - 1).div_euclid(stride);
        let last = position.div_euclid(stride).min(Self::extent(self.output, axis) as isize - 1);
        (first.max(0)..=last).filter_map(move |output| {
            let offset = position - output * stride;
            (dilation == 1 || offset % dilation == 0).then(|| (output as usize, (offset / dilation) as usize))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn geometries()(
            input in 1usize..12, output in 1usize..14, kernel in 1usize..6, stride in 1usize..4,
            dilation in 1usize..4, pad in -3isize..5,
        ) -> Geometry {
            Geometry {
                input: Shape::new(input, 1, 1), output: Shape::new(output, 1, 1),
                kernel: [kernel, 1], stride: [stride, 1], dilation: [dilation, 1], pad: [pad, 0],
            }
        }
    }

    proptest! {
        #[test]
        fn taps_and_windows_are_the_definition(geometry in geometries()) {
            let mut pairs = Vec::new();
            for output in 0..geometry.output.height {
                for tap in 0..geometry.kernel[0] {
                    let at = (output * geometry.stride[0] + tap * geometry.dilation[0]) as isize - geometry.pad[0];
                    if at >= 0 && (at as usize) < geometry.input.height {
                        pairs.push((at as usize, output, tap));
                    }
                }
            }
            let mut by_taps = Vec::new();
            for output in 0..geometry.output.height {
                let taps = geometry.taps(0, output);
                by_taps.extend((0..taps.count).map(|k| (taps.start + k * geometry.dilation[0], output, taps.first + k)));
            }
            prop_assert_eq!(&by_taps, &pairs);
            let mut by_windows: Vec<_> = (0..geometry.input.height)
                .flat_map(|input| geometry.windows(0, input).map(move |(output, tap)| (input, output, tap)))
                .collect();
            by_windows.sort_unstable();
            pairs.sort_unstable();
            prop_assert_eq!(by_windows, pairs);
        }
    }
}
