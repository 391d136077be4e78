//! From numbers one after another to those of all channels, or of all images, side by side: how images begin.

/// Rows and columns of a block that is turned at once.
const SIDE: usize = 4;

/// Numbers of which a block can be turned.
pub(crate) trait Turn: Copy {
    /// Writes the first numbers of some rows as columns: those of the first column from `to` on, of the next `stride` later.
    ///
    /// # Safety
    /// [`SIDE`] numbers of each row must be readable, and of each column writable.
    #[inline]
    unsafe fn turn(rows: [*const Self; SIDE], to: *mut Self, stride: usize) {
        for column in 0..SIDE {
            for (index, row) in rows.iter().enumerate() {
                // SAFETY: the caller's word.
                unsafe { *to.add(column * stride + index) = *row.add(column) };
            }
        }
    }
}

impl Turn for f64 {}

impl Turn for f32 {
    #[cfg(target_arch = "x86_64")]
    #[inline]
    unsafe fn turn(rows: [*const Self; SIDE], to: *mut Self, stride: usize) {
        use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
        // SAFETY: SSE is part of x86-64; the rest is the caller's word.
        unsafe {
            let [mut a, mut b, mut c, mut d] = rows.map(|row| _mm_loadu_ps(row));
            _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
            for (column, numbers) in [a, b, c, d].into_iter().enumerate() {
                _mm_storeu_ps(to.add(column * stride), numbers);
            }
        }
    }
}

/// Writes the numbers of some images, planes of channels one after another, as `[pixel][channel][image]`.
///
/// # Panics
/// If they are not equally many, or planes do not divide an image.
pub(crate) fn interleave<T: Turn>(images: &[T], count: usize, channels: usize, to: &mut [T]) {
    assert_eq!(images.len(), to.len(), "every number has a place");
    assert!(count > 0 && channels > 0 && to.len().is_multiple_of(count * channels), "whole planes of every image");
    let pixels = to.len() / (count * channels);
    let (from, at, stride) = (images.as_ptr(), to.as_mut_ptr(), channels * count);
    let (turned, blocks) = (count / SIDE * SIDE, pixels / SIDE * SIDE);
    for channel in 0..channels {
        let plane = |image: usize| (image * channels + channel) * pixels;
        for pixel in (0..blocks).step_by(SIDE) {
            for image in (0..turned).step_by(SIDE) {
                // SAFETY: there are so many more pixels of each of so many more images, and as many places as numbers.
                unsafe {
                    let rows = std::array::from_fn(|row| from.add(plane(image + row) + pixel));
                    T::turn(rows, at.add((pixel * channels + channel) * count + image), stride);
                }
            }
        }
        for image in 0..count {
            let done = if image < turned { blocks } else { 0 };
            for pixel in done..pixels {
                to[(pixel * channels + channel) * count + image] = images[plane(image) + pixel];
            }
        }
    }
}

/// Writes planes of channels one after another as `[pixel][channel]`.
///
/// # Panics
/// If they are not equally many numbers, or planes do not divide them.
pub(crate) fn interleave_planes<T: Turn>(planes: &[T], channels: usize, to: &mut [T]) {
    assert_eq!(planes.len(), to.len(), "every number has a place");
    assert!(channels > 0 && to.len().is_multiple_of(channels), "whole planes");
    let pixels = to.len() / channels;
    let (from, at) = (planes.as_ptr(), to.as_mut_ptr());
    // Where there are fewer channels than a block has, the next pixels write over what comes after them.
    let behind = SIDE.saturating_sub(channels).div_ceil(channels);
    let blocks = pixels.saturating_sub(behind) / SIDE * SIDE;
    for pixel in (0..blocks).step_by(SIDE) {
        let mut channel = 0;
        while channel < channels {
            // The last block may take some channels once more.
            channel = channel.min(channels.saturating_sub(SIDE));
            // SAFETY: there are so many more pixels of each channel, and places for them, also for those behind.
            unsafe {
                let rows = std::array::from_fn(|row| from.add((channel + row).min(channels - 1) * pixels + pixel));
                T::turn(rows, at.add(pixel * channels + channel), channels);
            }
            channel += SIDE;
        }
    }
    for channel in 0..channels {
        for pixel in blocks..pixels {
            to[pixel * channels + channel] = planes[channel * pixels + pixel];
        }
    }
}

/// The numbers themselves, if both precisions are the same.
pub fn same_precision<A: 'static, B: 'static>(numbers: &[A]) -> Option<&[B]> {
    let same = std::any::TypeId::of::<A>() == std::any::TypeId::of::<B>();
    // SAFETY: both are one type.
    same.then(|| unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), numbers.len()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Turn + PartialEq + std::fmt::Debug + From<u16>>() {
        for (count, channels, pixels) in [(16, 1, 49), (16, 3, 5), (8, 2, 8), (4, 1, 3), (2, 3, 10), (5, 2, 6)] {
            let images: Vec<T> = (0..(count * channels * pixels) as u16).map(T::from).collect();
            let mut to = vec![T::from(u16::MAX); images.len()];
            interleave(&images, count, channels, &mut to);
            for (place, &number) in to.iter().enumerate() {
                let (image, neuron) = (place % count, place / count);
                let (pixel, channel) = (neuron / channels, neuron % channels);
                assert_eq!(number, images[(image * channels + channel) * pixels + pixel]);
            }
        }
    }

    #[test]
    fn numbers_of_a_neuron_lie_side_by_side() {
        check::<f32>();
        check::<f64>();
    }

    fn check_planes<T: Turn + PartialEq + std::fmt::Debug + From<u16>>() {
        for channels in 1..12 {
            for pixels in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30] {
                let planes: Vec<T> = (0..channels * pixels).map(T::from).collect();
                let mut to = vec![T::from(u16::MAX); planes.len()];
                interleave_planes(&planes, usize::from(channels), &mut to);
                let (channels, pixels) = (usize::from(channels), usize::from(pixels));
                for (neuron, &number) in to.iter().enumerate() {
                    assert_eq!(number, planes[neuron % channels * pixels + neuron / channels]);
                }
            }
        }
    }

    #[test]
    fn numbers_of_a_pixel_lie_side_by_side() {
        check_planes::<f32>();
        check_planes::<f64>();
    }

    #[test]
    #[should_panic(expected = "whole planes")]
    fn planes_must_be_whole() {
        interleave(&[0.0f32; 12], 4, 2, &mut [0.0; 12]);
    }

    #[test]
    fn precisions_are_told_apart() {
        assert_eq!(same_precision::<f32, f32>(&[1.0, 2.0]), Some(&[1.0, 2.0][..]));
        assert_eq!(same_precision::<f64, f32>(&[1.0]), None);
    }
}
