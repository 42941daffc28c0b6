//! What the hot loops ask of an instruction set, and of the numbers they add.

use super::leak::Leak;
use crate::program::{BLOCK, BlockParameters, LANES};

/// An instruction set.
pub(super) trait Isa {
    type Narrow: Vector<i16>;
    type Wide: Vector<i32>;
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
    fn fire_block(leak: impl Leak, parameters: &Self::Parameters, membranes: &mut Self::Membranes, sums: [Self::Narrow; 2]) -> u32;
}

/// 16 summed weights.
pub(super) trait Vector<S>: Copy {
    fn load(from: &[S; LANES]) -> Self;
    fn from_bytes(from: &[i8; LANES]) -> Self;
    fn from_words(from: &[i16; LANES]) -> Self;
    fn plus(self, other: Self) -> Self;
    fn store(self, to: &mut [S; LANES]);
}

/// What summed weights are held in: `i16` where the worst case fits it, else `i32`.
pub(crate) trait Sum: Copy + Default {
    fn plus(self, other: Self) -> Self;
    fn plus_current(self, current: i32) -> Self;
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
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn plus_current(self, current: i32) -> Self {
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
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn plus_current(self, current: i32) -> Self {
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
