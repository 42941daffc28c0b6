//! Large buffers that are used again.
//!
//! A step's tensors are far larger than what an allocator keeps for reuse: it takes them from the operating system and gives them back,
//! which clears every page anew. At batch 250 that costs a third of a training step. So the buffers of currents and of their gradients,
//! which every step needs in the same sizes, come from here and return to here.

use std::sync::{Mutex, PoisonError};

/// Buffers below this many floats are left to the allocator.
const LARGE: usize = 1 << 18;
/// Buffers that are kept; more than a step has alive.
const KEPT: usize = 24;

/// The one given back last comes last.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// A buffer of this many floats with anything in it.
pub fn take(len: usize) -> Vec<f32> {
    let found = (len >= LARGE).then(|| {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |b: &Vec<f32>| (len..=2 * len).contains(&b.capacity());
        let best = (0..free.len()).filter(|&i| fits(&free[i])).min_by_key(|&i| free[i].capacity())?;
        Some(free.remove(best))
    });
    match found.flatten() {
        Some(mut buffer) => {
            buffer.resize(len, 0.0);
            buffer
        }
        None => vec![0.0; len],
    }
}

/// Keeps a buffer for the next who [`take`]s.
pub fn give_back(buffer: Vec<f32>) {
    if buffer.capacity() >= LARGE {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() == KEPT {
            free.remove(0);
        }
        free.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, as all tests of a process share the buffers; no other takes large ones.
    #[test]
    fn a_large_buffer_comes_back_and_few_are_kept() {
        let len = 3 * LARGE;
        let buffer = vec![7.0; len + 1];
        let address = buffer.as_ptr();
        give_back(buffer);
        let again = take(len);
        assert_eq!((again.as_ptr(), again.len()), (address, len));
        let other = take(len);
        assert_ne!(other.as_ptr(), address, "it is taken");
        give_back(again);
        assert_eq!(take(len / 3).len(), len / 3, "one much too large is left alone");
        let again = take(len - 1);
        assert_eq!((again.as_ptr(), again.len()), (address, len - 1));
        (0..2 * KEPT).for_each(|_| give_back(Vec::with_capacity(len)));
        assert_eq!(FREE.lock().unwrap().len(), KEPT);
    }
}
