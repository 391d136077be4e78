//! Numbers that begin where a cache line does: a register that is loaded across two lines takes twice as long.

use std::ops::{Deref, DerefMut};

const LINE: usize = 64;

/// A slice that begins at a cache line.
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    data: Vec<T>,
    begin: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// Zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let data = vec![T::default(); len + LINE / size_of::<T>()];
        let begin = data.as_ptr().align_offset(LINE);
        Self { data, begin, len }
    }
}

impl<T: Clone> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        let mut data = self.data.clone();
        let begin = data.as_ptr().align_offset(LINE);
        // The copy lies elsewhere: what is in front of the numbers and behind them changes places.
        if begin >= self.begin {
            data.rotate_right(begin - self.begin);
        } else {
            data.rotate_left(self.begin - begin);
        }
        Self { data, begin, len: self.len }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data[self.begin..self.begin + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[self.begin..self.begin + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_hold_the_same_and_begin_at_a_line_too() {
        for len in [0, 1, 15, 16, 1000] {
            let mut numbers: Aligned<f32> = Aligned::zeros(len);
            for (i, number) in numbers.iter_mut().enumerate() {
                *number = i as f32;
            }
            let copies = vec![numbers.clone(); 20];
            for copy in [&numbers].into_iter().chain(&copies) {
                assert_eq!(**copy, *numbers);
                assert_eq!(copy.as_ptr() as usize % LINE, 0);
            }
        }
    }
}
