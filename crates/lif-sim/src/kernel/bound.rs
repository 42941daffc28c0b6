//! How fast a processor could add: the engine's work without its bookkeeping.

use super::Job;
use super::lanes::{Block, Isa};
use crate::program::{BLOCK, WordCell};

pub(super) struct WidenAndAdd<'a> {
    pub bytes: &'a [i8],
    pub rounds: usize,
}

impl Job for WidenAndAdd<'_> {
    type Outcome = i16;

    #[inline(always)]
    fn run<I: Isa>(self) -> i16 {
        let mut parts = [I::Block::load(&WordCell::default()); 4];
        for _ in 0..self.rounds {
            for rows in std::hint::black_box(self.bytes).as_chunks::<BLOCK>().0.as_chunks::<4>().0 {
                parts.iter_mut().zip(rows).for_each(|(part, row)| *part = part.plus_bytes(row));
            }
        }
        let mut sums = [WordCell::default(); 4];
        parts.iter().zip(&mut sums).for_each(|(part, sums)| part.store(sums));
        sums.iter().flat_map(|WordCell(sums)| sums).fold(0, |total: i16, &sum| total.wrapping_add(sum))
    }
}
