//! Plain Rust: the compiler makes of it what the processor's least common set has.

use super::asked::RECENT;
use super::lanes::{Block, Isa, Pair, Sum, Vector};
use super::leak::Leak;
use super::stripes::Nibbles;
use crate::program::{BLOCK, BlockParameters, LANES, Table, WordCell};

pub(super) struct Portable;

/// A block's parameters and its input shift.
#[derive(Clone, Copy)]
pub(super) struct Shifted {
    of: BlockParameters,
    shift: u32,
}

impl Isa for Portable {
    type Narrow = [i16; LANES];
    type Wide = [i32; LANES];
    type Block = Pair<Self::Narrow>;
    type Membranes = [i32; BLOCK];
    type Parameters = Shifted;

    #[inline(always)]
    fn fire<S: Sum>(
        leak: impl Leak,
        shift: u32,
        membranes: &mut [i32; LANES],
        sums: &[S; LANES],
        bias: &[i32; LANES],
        threshold: &[i32; LANES],
    ) -> u16 {
        let mut fired = [0; LANES];
        for lane in 0..LANES {
            let v = leak.one(membranes[lane]).wrapping_add(sums[lane].widen() << shift).wrapping_add(bias[lane]);
            let fires = v > threshold[lane];
            membranes[lane] = if fires { 0 } else { v };
            fired[lane] = u8::from(fires);
        }
        // Byte i times 2^(56 - 7 i) lands on bit 56 + i: the top byte has a bit for each of eight.
        let [low, high] = [0, 8].map(|first| {
            let eight: [u8; 8] = std::array::from_fn(|i| fired[first + i]);
            u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56
        });
        (low | high << 8) as u16
    }

    #[inline(always)]
    fn membranes(from: &[i32; BLOCK]) -> [i32; BLOCK] {
        *from
    }

    #[inline(always)]
    fn store(membranes: [i32; BLOCK], to: &mut [i32; BLOCK]) {
        *to = membranes;
    }

    #[inline(always)]
    fn parameters(of: &BlockParameters, shift: u32) -> Shifted {
        Shifted { of: *of, shift }
    }

    #[inline(always)]
    fn fire_block(leak: impl Leak, parameters: &Shifted, membranes: &mut [i32; BLOCK], Pair(sums): Pair<[i16; LANES]>) -> u32 {
        let Shifted { of: BlockParameters { rest, threshold, .. }, shift } = parameters;
        let halves = membranes.as_chunks_mut::<LANES>().0.iter_mut().zip(&sums);
        let parameters = rest.0.as_chunks::<LANES>().0.iter().zip(threshold.as_chunks::<LANES>().0);
        halves.zip(parameters).rev().fold(0, |bits, ((membranes, sums), (rest, threshold))| {
            bits << LANES | u32::from(Self::fire(leak, *shift, membranes, sums, &rest.map(i32::from), threshold))
        })
    }

    #[inline(always)]
    fn dots(rows: [&[i8]; 2], fired: [&[u8]; RECENT]) -> [[i32; RECENT]; 2] {
        let dot = |row: &[i8], fired: &[u8]| row.iter().zip(fired).map(|(&weight, &fired)| i32::from(weight) * i32::from(fired)).sum();
        rows.map(|row| fired.map(|fired| dot(row, fired)))
    }

    #[inline(always)]
    fn look_up<const N: usize>(tables: &[[Table; N]], nibbles: &[Nibbles]) -> [Self::Block; N] {
        let mut sums = [WordCell::default(); N];
        for (tables, nibbles) in tables.iter().zip(nibbles) {
            for (table, sums) in tables.iter().zip(&mut sums) {
                for (sum, &nibble) in sums.0.iter_mut().zip(nibbles) {
                    *sum = sum.wrapping_add(table.sums.0[usize::from(nibble % 16)]);
                }
            }
        }
        sums.map(|sums| Pair::load(&sums))
    }

    fn fetch(_: &[i8]) {}
}

impl Vector<i16> for [i16; LANES] {
    #[inline(always)]
    fn load(from: &[i16; LANES]) -> Self {
        *from
    }
    #[inline(always)]
    fn from_bytes(from: &[i8; LANES]) -> Self {
        from.map(i16::from)
    }
    #[inline(always)]
    fn from_words(from: &[i16; LANES]) -> Self {
        *from
    }
    #[inline(always)]
    fn plus(mut self, other: Self) -> Self {
        self.iter_mut().zip(other).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
        self
    }
    #[inline(always)]
    fn store(self, to: &mut [i16; LANES]) {
        *to = self;
    }
}

impl Vector<i32> for [i32; LANES] {
    #[inline(always)]
    fn load(from: &[i32; LANES]) -> Self {
        *from
    }
    #[inline(always)]
    fn from_bytes(from: &[i8; LANES]) -> Self {
        from.map(i32::from)
    }
    #[inline(always)]
    fn from_words(from: &[i16; LANES]) -> Self {
        from.map(i32::from)
    }
    #[inline(always)]
    fn plus(mut self, other: Self) -> Self {
        self.iter_mut().zip(other).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
        self
    }
    #[inline(always)]
    fn store(self, to: &mut [i32; LANES]) {
        *to = self;
    }
}
