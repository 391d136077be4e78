//! Memory that begins where a cache line does.

use std::alloc::{GlobalAlloc, Layout, System};

/// Bytes of a line.
const LINE: usize = 64;

/// Bytes from which on memory begins at a line: less of it is no image, nor a layer of neurons.
const LARGE: usize = 4096;

/// The memory of the system, of which large pieces begin at a cache line, so that no register of an image is loaded or
/// stored across two lines. Results do not depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines;

impl Lines {
    /// What the system is asked for.
    fn layout(layout: Layout) -> Layout {
        if layout.size() < LARGE { layout } else { layout.align_to(LINE).unwrap_or(layout) }
    }
}

// SAFETY: the system allocates; it is given back what it gave with the layout that it was asked for, since that follows
// from the caller's. A greater alignment serves a smaller one.
unsafe impl GlobalAlloc for Lines {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word; sizes remain.
        unsafe { System.alloc(Self::layout(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word; sizes remain.
        unsafe { System.alloc_zeroed(Self::layout(layout)) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's word; the memory was asked for with this layout.
        unsafe { System.dealloc(at, Self::layout(layout)) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's word: the size is not zero and fits a layout. Where the alignment changes, what fits into both
        // pieces is copied from one to the other, which is another; the old one is given back unless there is no new one.
        unsafe {
            let asked = Self::layout(layout);
            let changed = Layout::from_size_align_unchecked(size, layout.align());
            if Self::layout(changed).align() == asked.align() {
                return System.realloc(at, asked, size);
            }
            let to = self.alloc(changed);
            if !to.is_null() {
                to.copy_from_nonoverlapping(at, size.min(layout.size()));
                self.dealloc(at, layout);
            }
            to
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pieces_begin_at_lines_and_keep_what_they_hold() {
        for sizes in [[10, 100], [10, 5000], [5000, 10], [5000, 100_000], [100_000, 5000]] {
            let layout = Layout::from_size_align(sizes[0], 4).unwrap();
            // SAFETY: sizes are not zero, bytes lie within them, and layouts are those of the pieces.
            unsafe {
                let from = Lines.alloc(layout);
                assert!(sizes[0] < LARGE || from.align_offset(LINE) == 0);
                for at in 0..sizes[0] {
                    from.add(at).write(at as u8);
                }
                let to = Lines.realloc(from, layout, sizes[1]);
                assert!(sizes[1] < LARGE || to.align_offset(LINE) == 0);
                assert!((0..sizes[0].min(sizes[1])).all(|at| to.add(at).read() == at as u8));
                let layout = Layout::from_size_align(sizes[1], 4).unwrap();
                Lines.dealloc(to, layout);
                let zeros = Lines.alloc_zeroed(layout);
                assert!((0..sizes[1]).all(|at| zeros.add(at).read() == 0));
                Lines.dealloc(zeros, layout);
            }
        }
    }
}
