//! From one value per neuron to the list of those that spike.

use crate::vector::Vector;

/// Writes key and value of every neuron whose value is positive (or, if `SIGNED`, not zero), and where each pixel's begin.
/// Returns how many there are. What is not listed becomes zero.
///
/// # Safety
/// The instruction set of `V` must be available; `keys` and `found` must be writable for `values.len() + LANES`
/// elements, `starts` for one more than there are pixels, and `channels` must divide the values.
#[inline(always)]
pub(crate) unsafe fn compress<V: Vector, const SIGNED: bool>(
    values: &mut [V::Scalar],
    channels: usize,
    keys: *mut u32,
    found: *mut V::Scalar,
    starts: *mut u32,
) -> usize {
    let from = values.as_mut_ptr();
    let mut count = 0;
    // SAFETY: no more than `LANES` elements are written at `count <= values.len()`; the rest is the caller's word.
    unsafe {
        *starts = 0;
        // Registers do not care where pixels end.
        let (mut at, mut pixel, mut end) = (0, 0, channels);
        while at < values.len() {
            let n = (values.len() - at).min(V::LANES);
            let vector = if n == V::LANES { V::load(from.add(at)) } else { V::load_first(from.add(at), n) };
            let mask = if SIGNED { vector.nonzero() } else { vector.positive() };
            if !SIGNED {
                let rectified = vector.positive_part();
                if n == V::LANES { rectified.store(from.add(at)) } else { rectified.store_first(from.add(at), n) }
            }
            vector.compress(mask, at as u32, keys.add(count), found.add(count));
            while end <= at + n {
                pixel += 1;
                let before = u64::from(mask) & ((1 << (end - at)) - 1);
                *starts.add(pixel) = count as u32 + before.count_ones();
                end += channels;
            }
            count += mask.count_ones() as usize;
            at += n;
        }
        count
    }
}
