//! How fast a processor could add: the engine's work without its bookkeeping.

use super::lanes::{Block, Isa};
use crate::program::{BLOCK, WordCell};

#[inline(always)]
pub(super) fn widen_and_add<I: Isa>(bytes: &[i8], rounds: usize) -> i16 {
    let mut parts = [I::Block::load(&WordCell::default()); 4];
    for _ in 0..rounds {
        for rows in std::hint::black_box(bytes).as_chunks::<BLOCK>().0.as_chunks::<4>().0 {
            parts.iter_mut().zip(rows).for_each(|(part, row)| *part = part.plus_bytes(row));
        }
    }
    let mut sums = [WordCell::default(); 4];
    parts.iter().zip(&mut sums).for_each(|(part, sums)| part.store(sums));
    sums.iter().flat_map(|WordCell(sums)| sums).fold(0, |total: i16, &sum| total.wrapping_add(sum))
}
