//! From the sums of many neurons to the values of those that spike, and to a list of these.

use crate::vector::{Vector, prefetch};

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

/// A range that values are brought into, which holds zero. `SIGNED`: it holds negative values too. `BOUNDED`: it ends at other than
/// infinity; if it holds no negative values, that is about its upper end.
#[derive(Clone, Copy)]
pub(crate) struct Clip<V, const SIGNED: bool, const BOUNDED: bool>([V; 2]);

impl<V: Vector, const SIGNED: bool, const BOUNDED: bool> Clip<V, SIGNED, BOUNDED> {
    /// # Safety
    /// The instruction set of `V` must be available.
    #[inline(always)]
    pub(crate) unsafe fn to(range: [V::Scalar; 2]) -> Self {
        // SAFETY: the caller's word.
        Self(range.map(|end| unsafe { V::splat(end) }))
    }

    /// # Safety
    /// The instruction set of `V` must be available.
    #[inline(always)]
    pub(crate) unsafe fn clip(self, sum: V) -> V {
        let Self([least, most]) = self;
        // SAFETY: the caller's word.
        unsafe {
            match (SIGNED, BOUNDED) {
                (_, true) => sum.max(least).min(most),
                (false, false) => sum.max(least),
                (true, false) => sum,
            }
        }
    }
}

/// Makes sums the values of spikes: brings them into a range that holds zero. The values of a pixel's `channels` go to `to`, `apart`
/// numbers behind those of the pixel before, which may be where the sums are. Writes how many spikes, values other than zero,
/// there are before each pixel but the first, counted from the number on that `starts` begins with, and behind the last. Leaves
/// the smallest and the largest value of each lane, or zero.
///
/// # Safety
/// The instruction set of `V` must be available; `count` sums must be readable and the values of their pixels writable, `starts`
/// writable for one element more than there are pixels, `extremes` for a register each, and `channels` must divide `count`.
#[inline(always)]
pub(crate) unsafe fn rectify<V: Vector, const SIGNED: bool, const BOUNDED: bool>(
    (from, count): (*const V::Scalar, usize),
    channels: usize,
    (to, apart): (*mut V::Scalar, usize),
    clip: Clip<V, SIGNED, BOUNDED>,
    starts: *mut u32,
    extremes: [*mut V::Scalar; 2],
) {
    // SAFETY: as many elements are read and written as there are, and the rest is the caller's word.
    unsafe {
        let mut seen = [V::zero(); 2];
        let (mut pixel, mut missing, mut spikes_before) = (0, channels, *starts);
        let (mut at, mut put) = (0, 0);
        // What others lie between does not look like a row to the processor: it is told where it goes on, some lines further.
        let ahead = if apart == channels { 0 } else { apart * (FURTHER / channels).max(1) };
        // Pixels that end where registers do, or do not lie side by side, are simply counted.
        while (channels.is_multiple_of(V::LANES) || apart != channels) && at < count {
            let whole = channels - channels % V::LANES;
            for k in (0..whole).step_by(V::LANES) {
                if ahead > 0 {
                    prefetch(to.wrapping_add(put + k + ahead).cast_const());
                }
                spikes_before += bring(from.add(at + k), to.add(put + k), V::LANES, clip, &mut seen).count_ones();
            }
            if whole < channels {
                let (from, to) = (from.add(at + whole), to.add(put + whole));
                spikes_before += bring(from, to, channels - whole, clip, &mut seen).count_ones();
            }
            (at, put) = (at + channels, put + apart);
            pixel += 1;
            *starts.add(pixel) = spikes_before;
        }
        while at < count {
            // A bit for each value, as many as a word has: registers do not care where pixels end.
            let mut left = WORD.min(count - at);
            let mut spikes = 0;
            let (from, to) = (from.add(at), to.add(at));
            if left == WORD {
                for k in (0..WORD).step_by(V::LANES) {
                    spikes |= u64::from(bring(from.add(k), to.add(k), V::LANES, clip, &mut seen)) << k;
                }
            } else {
                for k in (0..left).step_by(V::LANES) {
                    let n = V::LANES.min(left - k);
                    spikes |= u64::from(bring(from.add(k), to.add(k), n, clip, &mut seen)) << k;
                }
            }
            while missing <= left {
                spikes_before += (spikes & u64::MAX >> (WORD - missing)).count_ones();
                pixel += 1;
                *starts.add(pixel) = spikes_before;
                spikes = spikes.checked_shr(missing as u32).unwrap_or(0);
                left -= missing;
                missing = channels;
            }
            spikes_before += spikes.count_ones();
            missing -= left;
            at += WORD;
        }
        seen[0].store(extremes[0]);
        seen[1].store(extremes[1]);
    }
}

/// Brings the sums of a register, or its first `n`, into a range. Returns which are not zero then.
///
/// # Safety
/// The instruction set of `V` must be available, the sums must exist, and there be room for values.
#[inline(always)]
unsafe fn bring<V: Vector, const SIGNED: bool, const BOUNDED: bool>(
    from: *const V::Scalar,
    to: *mut V::Scalar,
    n: usize,
    clip: Clip<V, SIGNED, BOUNDED>,
    seen: &mut [V; 2],
) -> u32 {
    // SAFETY: the caller's word.
    unsafe {
        let sum = if n == V::LANES { V::load(from) } else { V::load_first(from, n) };
        let value = clip.clip(sum);
        if n == V::LANES {
            value.store(to);
        } else {
            value.store_first(to, n);
        }
        if SIGNED {
            seen[0] = seen[0].min(value);
        }
        seen[1] = seen[1].max(value);
        value.nonzero()
    }
}

/// Values between those that are written and those whose place is fetched.
const FURTHER: usize = 1024;

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
