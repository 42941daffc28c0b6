//! Arrays that begin at a cache line, so that no vector of theirs lies across two.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// A slice of fixed length.
#[derive(Debug, Default)]
pub(crate) struct Aligned<T> {
    /// With a part of a line to spare.
    data: Vec<T>,
    start: usize,
    length: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `length` times the default value.
    pub fn zeros(length: usize) -> Self {
        let spare = LINE / size_of::<T>();
        let data = vec![T::default(); length + spare];
        // `align_offset` may decline to answer; then the array is right all the same, only slower.
        let start = data.as_ptr().align_offset(LINE).min(spare);
        Self { data, start, length }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.data[self.start..][..self.length]
    }
}

impl<T> DerefMut for Aligned<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[self.start..][..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_line_and_has_its_length() {
        for length in [0, 1, 7, 1000] {
            let mut bytes = Aligned::<i8>::zeros(length);
            let words = Aligned::<i32>::zeros(length);
            bytes.fill(3);
            assert_eq!((bytes.len(), words.len()), (length, length));
            assert!(bytes.as_ptr().addr().is_multiple_of(LINE) && words.as_ptr().addr().is_multiple_of(LINE));
        }
    }
}
