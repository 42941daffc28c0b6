//! What the hot loops ask of an instruction set, and of the numbers they add.

use super::asked::RECENT;
use super::leak::Leak;
use super::stripes::Nibbles;
use crate::program::{BLOCK, BlockParameters, LANES, Table, WordCell};

/// An instruction set.
pub(super) trait Isa {
    type Narrow: Vector<i16>;
    type Wide: Vector<i32>;
    type Block: Block;
    /// Membranes of a block of neurons, in registers and in any order.
    type Membranes: Copy;
    /// What their update needs, in the same order.
    type Parameters: Copy;

    /// The update of 16 neurons; a bit for each that fired.
    fn fire<S: Sum>(
        leak: impl Leak,
        shift: u32,
        membranes: &mut [i32; LANES],
        sums: &[S; LANES],
        bias: &[i32; LANES],
        threshold: &[i32; LANES],
    ) -> u16;

    fn membranes(from: &[i32; BLOCK]) -> Self::Membranes;
    fn store(membranes: Self::Membranes, to: &mut [i32; BLOCK]);
    fn parameters(of: &BlockParameters, shift: u32) -> Self::Parameters;

    /// The update of a block, whose sums begin at [`BlockParameters::first`]; a bit for each neuron that fired.
    fn fire_block(leak: impl Leak, parameters: &Self::Parameters, membranes: &mut Self::Membranes, sums: Self::Block) -> u32;

    /// For two rows and for each step the sum of the weights whose byte in `fired` is 1. All have the same number of bytes, a multiple of 32.
    fn dots(rows: [&[i8]; 2], fired: [&[u8]; RECENT]) -> [[i32; RECENT]; 2];

    /// For each of N columns of tables, and each of 32 positions, the sum of what its nibbles find.
    fn look_up<const N: usize>(tables: &[[Table; N]], nibbles: &[Nibbles]) -> [Self::Block; N];

    /// Says that these weights are wanted soon, though not at once.
    fn fetch(weights: &[i8]);
}

/// 16 summed weights.
pub(super) trait Vector<S>: Copy {
    fn load(from: &[S; LANES]) -> Self;
    fn from_bytes(from: &[i8; LANES]) -> Self;
    fn from_words(from: &[i16; LANES]) -> Self;
    fn plus(self, other: Self) -> Self;
    fn store(self, to: &mut [S; LANES]);
}

/// The summed weights of a block of 32 neurons.
pub(super) trait Block: Copy {
    fn load(from: &WordCell) -> Self;
    #[inline(always)]
    fn plus(self, row: &WordCell) -> Self {
        self.plus_words(&row.0)
    }
    fn plus_words(self, row: &[i16; BLOCK]) -> Self;
    fn plus_bytes(self, row: &[i8; BLOCK]) -> Self;
    #[inline(always)]
    fn store(self, to: &mut WordCell) {
        self.store_words(&mut to.0);
    }
    fn store_words(self, to: &mut [i16; BLOCK]);
}

/// A block as two vectors.
#[derive(Clone, Copy)]
pub(super) struct Pair<V>(pub [V; 2]);

impl<V: Vector<i16>> Block for Pair<V> {
    #[inline(always)]
    fn load(WordCell(from): &WordCell) -> Self {
        let halves = from.as_chunks::<LANES>().0;
        Self([V::load(&halves[0]), V::load(&halves[1])])
    }
    #[inline(always)]
    fn plus_words(self, row: &[i16; BLOCK]) -> Self {
        let halves = row.as_chunks::<LANES>().0;
        Self([self.0[0].plus(V::load(&halves[0])), self.0[1].plus(V::load(&halves[1]))])
    }
    #[inline(always)]
    fn plus_bytes(self, row: &[i8; BLOCK]) -> Self {
        let halves = row.as_chunks::<LANES>().0;
        Self([self.0[0].plus(V::from_bytes(&halves[0])), self.0[1].plus(V::from_bytes(&halves[1]))])
    }
    #[inline(always)]
    fn store_words(self, to: &mut [i16; BLOCK]) {
        let halves = to.as_chunks_mut::<LANES>().0;
        self.0[0].store(&mut halves[0]);
        self.0[1].store(&mut halves[1]);
    }
}

/// What summed weights are held in: `i16` where the worst case fits it, else `i32`.
pub(crate) trait Sum: Copy + Default {
    fn plus_long(self, current: i32) -> Self;
    fn widen(self) -> i32;
    /// The same lanes by their type, which the compiler knows.
    fn lanes(of: &[Self; LANES]) -> Lanes<'_>;
}

/// 16 sums of either width.
#[derive(Clone, Copy)]
pub(crate) enum Lanes<'a> {
    Words(&'a [i16; LANES]),
    Longs(&'a [i32; LANES]),
}

impl Sum for i16 {
    #[inline(always)]
    fn plus_long(self, current: i32) -> Self {
        self.wrapping_add(current as i16)
    }
    #[inline(always)]
    fn widen(self) -> i32 {
        i32::from(self)
    }
    #[inline(always)]
    fn lanes(of: &[Self; LANES]) -> Lanes<'_> {
        Lanes::Words(of)
    }
}

impl Sum for i32 {
    #[inline(always)]
    fn plus_long(self, current: i32) -> Self {
        self.wrapping_add(current)
    }
    #[inline(always)]
    fn widen(self) -> i32 {
        self
    }
    #[inline(always)]
    fn lanes(of: &[Self; LANES]) -> Lanes<'_> {
        Lanes::Longs(of)
    }
}

/// What weights are held in.
pub(super) trait Weight: Sized {
    fn widened<S, V: Vector<S>>(from: &[Self; LANES]) -> V;
}

impl Weight for i8 {
    #[inline(always)]
    fn widened<S, V: Vector<S>>(from: &[Self; LANES]) -> V {
        V::from_bytes(from)
    }
}

impl Weight for i16 {
    #[inline(always)]
    fn widened<S, V: Vector<S>>(from: &[Self; LANES]) -> V {
        V::from_words(from)
    }
}

/// The first N vectors of a slice.
#[inline(always)]
pub(super) fn block<T, const N: usize>(slice: &[T]) -> &[[T; LANES]; N] {
    slice[..N * LANES].as_chunks().0.try_into().expect("N vectors")
}

#[inline(always)]
pub(super) fn block_mut<T, const N: usize>(slice: &mut [T]) -> &mut [[T; LANES]; N] {
    slice[..N * LANES].as_chunks_mut().0.try_into().expect("N vectors")
}
