//! How fast a processor could add: the engine's work without its bookkeeping.

use super::lanes::{Isa, Vector, block};
use crate::program::LANES;

#[inline(always)]
pub(super) fn widen_and_add<I: Isa>(bytes: &[i8], rounds: usize) -> i16 {
    let mut parts = [I::Narrow::load(&[0; LANES]); 8];
    for _ in 0..rounds {
        for row in std::hint::black_box(bytes).chunks_exact(8 * LANES) {
            let row = block::<i8, 8>(row);
            for n in 0..8 {
                parts[n] = parts[n].plus(I::Narrow::from_bytes(&row[n]));
            }
        }
    }
    let mut sums = [[0; LANES]; 8];
    parts.iter().zip(&mut sums).for_each(|(part, sums)| part.store(sums));
    sums.as_flattened().iter().fold(0, |total: i16, &sum| total.wrapping_add(sum))
}
