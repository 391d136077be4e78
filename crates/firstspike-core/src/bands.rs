//! Bands: the rows of a layer's outputs in parts, each of which a thread may compute.

use rayon::prelude::*;
use std::ops::Range;

/// How rows of outputs are cut into bands: all of them are of one size, but the last may be smaller. What is computed must
/// not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bands {
    /// Rows in all.
    rows: usize,
    /// Rows of a band.
    size: usize,
}

impl Bands {
    /// At most so many, which begin at multiples of `step` rows.
    pub(crate) fn new(rows: usize, most: usize, step: usize) -> Self {
        let size = rows.div_ceil(most.max(1)).next_multiple_of(step).max(1);
        Self { rows, size: size.min(rows.max(1)) }
    }

    /// How many there are.
    pub(crate) fn count(self) -> usize {
        self.rows.div_ceil(self.size).max(1)
    }

    /// Elements of a band, given those of a row.
    pub(crate) fn elements(self, row: usize) -> usize {
        self.size * row
    }

    /// Does the work of all bands, on the threads of the current pool if there are several: each gets the kernel for its
    /// rows, which `part` cuts out of that for all, its part of `targets`, and memory of its own.
    pub(crate) fn run<K: Sync, T: Send, S: Default + Send>(
        self,
        (kernel, part): (&K, impl Fn(&K, Range<usize>) -> K + Sync),
        targets: &mut [T],
        memory: &mut Vec<S>,
        work: impl Fn(&K, &mut [T], &mut S) + Sync,
    ) {
        let count = self.count();
        if memory.len() < count {
            memory.resize_with(count, S::default);
        }
        if count == 1 {
            work(kernel, targets, &mut memory[0]);
            return;
        }
        let elements = self.elements(targets.len() / self.rows);
        let bands = targets.par_chunks_mut(elements).zip(memory).enumerate().with_max_len(1);
        bands.for_each(|(band, (targets, memory))| {
            let first = band * self.size;
            work(&part(kernel, first..self.rows.min(first + self.size)), targets, memory);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_cover_all_rows() {
        let sizes = (1..30).flat_map(|rows| (0..6).flat_map(move |most| [1, 4].map(|step| (rows, most, step))));
        for (rows, most, step) in sizes {
            let (mut targets, mut memory) = (vec![usize::MAX; 3 * rows], Vec::<usize>::new());
            let part = |_: &_, rows| rows;
            Bands::new(rows, most, step).run((&(0..rows), part), &mut targets, &mut memory, |rows, targets, calls| {
                assert!(!rows.is_empty() && rows.start.is_multiple_of(step));
                assert_eq!(targets.len(), 3 * rows.len());
                *calls += 1;
                targets.chunks_mut(3).zip(rows.clone()).for_each(|(row, at)| row.fill(at));
            });
            assert_eq!(targets, (0..3 * rows).map(|i| i / 3).collect::<Vec<_>>());
            assert!(memory.len() <= most.max(1) && memory.iter().all(|&calls| calls == 1));
        }
    }
}
