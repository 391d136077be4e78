//! From the sums of many neurons to the values of those that spike, and to a list of these.

use crate::vector::Vector;

/// Makes every number `x` of some `x * scale + shift`, each operation rounded. Leaves the smallest and the largest of each
/// lane, or zero.
///
/// # Safety
/// The instruction set of `V` must be available, and `extremes` writable for a register each.
#[inline(always)]
pub(crate) unsafe fn scale<V: Vector>(
    numbers: &mut [V::Scalar],
    [scale, shift]: [V::Scalar; 2],
    extremes: [*mut V::Scalar; 2],
) {
    // SAFETY: as many elements are read and written as there are; the rest is the caller's word.
    unsafe {
        let (scale, shift) = (V::splat(scale), V::splat(shift));
        let mut seen = [V::zero(); 2];
        for numbers in numbers.chunks_mut(V::LANES) {
            let (at, n) = (numbers.as_mut_ptr(), numbers.len());
            let x = if n == V::LANES { V::load(at) } else { V::load_first(at, n) };
            let scaled = V::zero().add_product(x, scale).add(shift);
            if n == V::LANES {
                scaled.store(at);
                seen = [seen[0].min(scaled), seen[1].max(scaled)];
            } else {
                scaled.store_first(at, n);
                let scaled = V::load_first(at, n);
                seen = [seen[0].min(scaled), seen[1].max(scaled)];
            }
        }
        seen[0].store(extremes[0]);
        seen[1].store(extremes[1]);
    }
}

/// Makes sums the values of spikes: brings them into a range that holds zero. Writes how many spikes, values other than
/// zero, there are before each pixel, and behind the last. Leaves the smallest and the largest value of each lane, or zero.
///
/// # Safety
/// The instruction set of `V` must be available; `starts` must be writable for one element more than there are pixels,
/// `extremes` for a register each, and `channels` must divide the sums.
#[inline(always)]
pub(crate) unsafe fn rectify<V: Vector>(
    sums: &mut [V::Scalar],
    channels: usize,
    [least, most]: [V::Scalar; 2],
    starts: *mut u32,
    extremes: [*mut V::Scalar; 2],
) {
    let from = sums.as_mut_ptr();
    // SAFETY: as many elements are read and written as there are, and the rest is the caller's word.
    unsafe {
        let range = [V::splat(least), V::splat(most)];
        let mut seen = [V::zero(); 2];
        let (mut pixel, mut missing, mut count) = (0, channels, 0);
        *starts = 0;
        let mut at = 0;
        // Pixels that end where registers do are simply counted.
        while channels.is_multiple_of(V::LANES) && at < sums.len() {
            for k in (0..channels).step_by(V::LANES) {
                count += bring(from.add(at + k), V::LANES, range, &mut seen).count_ones();
            }
            at += channels;
            pixel += 1;
            *starts.add(pixel) = count;
        }
        while at < sums.len() {
            // A bit for each value, as many as a word has: registers do not care where pixels end.
            let mut left = WORD.min(sums.len() - at);
            let mut spikes = 0;
            if left == WORD {
                for k in (0..WORD).step_by(V::LANES) {
                    spikes |= u64::from(bring(from.add(at + k), V::LANES, range, &mut seen)) << k;
                }
            } else {
                for k in (0..left).step_by(V::LANES) {
                    spikes |= u64::from(bring(from.add(at + k), V::LANES.min(left - k), range, &mut seen)) << k;
                }
            }
            while missing <= left {
                count += (spikes & u64::MAX >> (WORD - missing)).count_ones();
                pixel += 1;
                *starts.add(pixel) = count;
                spikes = spikes.checked_shr(missing as u32).unwrap_or(0);
                left -= missing;
                missing = channels;
            }
            count += spikes.count_ones();
            missing -= left;
            at += WORD;
        }
        seen[0].store(extremes[0]);
        seen[1].store(extremes[1]);
    }
}

/// The same in another place: pixels of `channels` sums each become values, `apart` numbers from one pixel to the next. The
/// count before the first pixel is the one that `starts` begins with.
///
/// # Safety
/// The instruction set of `V` must be available; `to` must be writable for all pixels, `starts` for one element more than there
/// are and `extremes` for a register each; `channels` must divide the sums.
#[inline(always)]
pub(crate) unsafe fn rectify_into<V: Vector>(
    sums: &[V::Scalar],
    channels: usize,
    (to, apart): (*mut V::Scalar, usize),
    [least, most]: [V::Scalar; 2],
    starts: *mut u32,
    extremes: [*mut V::Scalar; 2],
) {
    // SAFETY: as many sums are read as there are; the rest is the caller's word.
    unsafe {
        let (least, most) = (V::splat(least), V::splat(most));
        let mut seen = [V::zero(); 2];
        let mut count = *starts;
        for (pixel, sums) in sums.chunks_exact(channels).enumerate() {
            let to = to.add(pixel * apart);
            for (k, sums) in sums.chunks(V::LANES).enumerate() {
                let (from, to, n) = (sums.as_ptr(), to.add(k * V::LANES), sums.len());
                let sum = if n == V::LANES { V::load(from) } else { V::load_first(from, n) };
                let value = sum.max(least).min(most);
                if n == V::LANES {
                    value.store(to);
                } else {
                    value.store_first(to, n);
                }
                seen = [seen[0].min(value), seen[1].max(value)];
                count += value.nonzero().count_ones();
            }
            *starts.add(pixel + 1) = count;
        }
        seen[0].store(extremes[0]);
        seen[1].store(extremes[1]);
    }
}

/// Brings the sums of a register, or its first `n`, into a range. Returns which are not zero then.
///
/// # Safety
/// The instruction set of `V` must be available, and the sums must exist.
#[inline(always)]
unsafe fn bring<V: Vector>(sums: *mut V::Scalar, n: usize, [least, most]: [V; 2], seen: &mut [V; 2]) -> u32 {
    // SAFETY: the caller's word.
    unsafe {
        let sum = if n == V::LANES { V::load(sums) } else { V::load_first(sums, n) };
        let value = sum.max(least).min(most);
        if n == V::LANES {
            value.store(sums);
        } else {
            value.store_first(sums, n);
        }
        *seen = [seen[0].min(value), seen[1].max(value)];
        value.nonzero()
    }
}

/// Bits of a word.
const WORD: usize = 64;

/// Registers that are read at once.
const AHEAD: usize = 8;

/// Writes key and value of every neuron whose value is not zero. Returns how many there are.
///
/// # Safety
/// The instruction set of `V` must be available; `keys` and `found` must be writable for `values.len() + LANES` elements.
#[inline(always)]
pub(crate) unsafe fn list<V: Vector>(values: &[V::Scalar], keys: *mut u32, found: *mut V::Scalar) -> usize {
    let (mut count, mut at) = (0, 0);
    // SAFETY: no more than `LANES` elements are written at `count <= values.len()`; the rest is the caller's word.
    unsafe {
        let from = values.as_ptr();
        // Several registers are read before any is written: each write waits to know where, and reads behind it may wait too.
        while at + AHEAD * V::LANES <= values.len() {
            let mut registers = [(V::zero(), 0); AHEAD];
            let mut any = 0;
            for (k, register) in registers.iter_mut().enumerate() {
                let vector = V::load(from.add(at + k * V::LANES));
                *register = (vector, vector.nonzero());
                any |= register.1;
            }
            // Silent neurons are often side by side.
            if any != 0 {
                for (k, &(vector, mask)) in registers.iter().enumerate() {
                    vector.compress(mask, (at + k * V::LANES) as u32, keys.add(count), found.add(count));
                    count += mask.count_ones() as usize;
                }
            }
            at += AHEAD * V::LANES;
        }
        while at < values.len() {
            let n = (values.len() - at).min(V::LANES);
            let vector = if n == V::LANES { V::load(from.add(at)) } else { V::load_first(from.add(at), n) };
            let mask = vector.nonzero();
            vector.compress(mask, at as u32, keys.add(count), found.add(count));
            count += mask.count_ones() as usize;
            at += n;
        }
    }
    count
}
