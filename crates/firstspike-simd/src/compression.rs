//! From one value per neuron to the list of those that spike.

use crate::vector::Vector;

/// Writes key and value of every neuron whose value is positive (or, if `SIGNED`, not zero), and where each pixel's begin.
/// Returns how many there are.
///
/// # Safety
/// The instruction set of `V` must be available; `keys` and `found` must be writable for `values.len() + LANES`
/// elements, `starts` for one more than there are pixels, and `channels` must divide the values.
#[inline(always)]
pub(crate) unsafe fn compress<V: Vector, const SIGNED: bool>(
    values: &[V::Scalar],
    channels: usize,
    keys: *mut u32,
    found: *mut V::Scalar,
    starts: *mut u32,
) -> usize {
    let from = values.as_ptr();
    let mut count = 0;
    // SAFETY: no more than `LANES` elements are written at `count <= values.len()`; the rest is the caller's word.
    unsafe {
        *starts = 0;
        if V::LANES.is_multiple_of(channels) && channels < V::LANES {
            // Several pixels to a register.
            let (mut at, mut pixel) = (0, 0);
            while at < values.len() {
                let n = (values.len() - at).min(V::LANES);
                let vector = if n == V::LANES { V::load(from.add(at)) } else { V::load_first(from.add(at), n) };
                let mask = if SIGNED { vector.nonzero() } else { vector.positive() };
                vector.compress(mask, at as u32, keys.add(count), found.add(count));
                for lanes in (channels..=n).step_by(channels) {
                    pixel += 1;
                    let before = if lanes == 32 { mask } else { mask & ((1 << lanes) - 1) };
                    *starts.add(pixel) = count as u32 + before.count_ones();
                }
                count += mask.count_ones() as usize;
                at += n;
            }
            return count;
        }
        for (pixel, row) in (0..values.len()).step_by(channels).enumerate() {
            let mut at = row;
            let end = row + channels;
            while at < end {
                let n = (end - at).min(V::LANES);
                let vector = if n == V::LANES { V::load(from.add(at)) } else { V::load_first(from.add(at), n) };
                let mask = if SIGNED { vector.nonzero() } else { vector.positive() };
                vector.compress(mask, at as u32, keys.add(count), found.add(count));
                count += mask.count_ones() as usize;
                at += n;
            }
            *starts.add(pixel + 1) = count as u32;
        }
        count
    }
}
