//! The hot loops: written once over vectors of lanes, and compiled once for each instruction set.
//!
//! ```text
//!   mod      Kernel: which instruction set; Work: some steps of one population
//!    |
//!    +-- blocks   32 channels of a position: sums and membranes stay in registers over all steps   (most populations)
//!    +-- rows     a row of positions, whatever its width: sums in memory                           (all others)
//!    +-- patches  targets of so few channels that a whole kernel fills a vector                    (one-channel pictures)
//!    +-- bound    how fast the processor could add
//!          |
//!        lanes    what an instruction set must offer; leak: how membranes fade
//!          |
//!        portable plain arrays          avx2   256-bit vectors: the only file with `unsafe`
//! ```
//!
//! Sums wrap: exact, because [`Program`] chooses widths that hold every final value, and sums modulo 2^n do not care about what happens on the
//! way.
//!
//! There is no AVX-512 kernel: no machine at hand could have run it.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod blocks;
mod bound;
mod lanes;
mod leak;
mod patches;
mod portable;
mod rows;

use crate::aligned::Aligned;
use crate::program::{Population, Program, Projection, Synapses, WordCell};
use crate::spikes::Spikes;
use lanes::{Isa, Sum};
use portable::Portable;
use std::ops::Range;

/// An instruction set to simulate with. All of them compute the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Detected),
}

impl Kernel {
    /// What every processor can do.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// Those that this processor has, the fastest last.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(detected) = avx2::Detected::new() {
            return vec![Self::PORTABLE, Self(Set::Avx2(detected))];
        }
        vec![Self::PORTABLE]
    }

    /// The fastest.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::PORTABLE)
    }

    /// `portable` or `avx2`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
        }
    }

    /// Simulates these steps of this population. Its sources are done with them, or it is itself among them, with a delay, and
    /// there is one slot.
    pub(crate) fn advance(self, work: Work) {
        match self.0 {
            Set::Portable => advance::<Portable>(work),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(detected) => detected.advance(work),
        }
    }

    /// For each of two steps the sum of the weights whose byte in `fired` is 1. All have the same number of bytes, a multiple of 32.
    pub(crate) fn dots(self, weights: &[i8], fired: [&[u8]; 2]) -> [i32; 2] {
        match self.0 {
            Set::Portable => fired.map(|fired| portable::dot(weights, fired)),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(detected) => detected.dots(weights, fired),
        }
    }

    /// Says that these weights are wanted soon.
    pub(crate) fn fetch(self, weights: &[i8]) {
        match self.0 {
            Set::Portable => {}
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(detected) => detected.fetch(weights),
        }
    }

    /// What the engine does at its fastest, for comparison: adds rows of signed bytes, widened to 16 bits, to sums in registers, `rounds`
    /// times the bytes, whose number is a multiple of 128. Returns the sums' sum, so that nothing is left out.
    pub fn widen_and_add(self, bytes: &[i8], rounds: usize) -> i16 {
        match self.0 {
            Set::Portable => bound::widen_and_add::<Portable>(bytes, rounds),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(detected) => detected.widen_and_add(bytes, rounds),
        }
    }

    /// Adds up how often each position's neurons fired in these slots.
    pub(crate) fn tally(self, spikes: &Spikes, slots: Range<usize>, counts: &mut [u32]) {
        match self.0 {
            Set::Portable => spikes.tally(slots, counts),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(detected) => detected.tally(spikes, slots, counts),
        }
    }
}

/// A population's steps in some slots of a chunk.
pub(crate) struct Work<'a> {
    pub program: &'a Program,
    pub population: usize,
    pub slots: Range<usize>,
    /// What images add to the sums at every step, row by row; empty where they add nothing.
    pub currents: &'a [i32],
    pub membranes: &'a mut [i32],
    pub sums: &'a mut Sums,
    pub spikes: &'a mut [Spikes],
}

/// One population's summed weights.
#[derive(Debug)]
pub(crate) enum Sums {
    /// Of some positions in all slots.
    Blocks(Vec<WordCell>),
    Narrow(Buffers<i16>),
    Wide(Buffers<i32>),
}

/// Sums of a population that goes row by row.
#[derive(Debug)]
pub(crate) struct Buffers<S> {
    /// Of one row, with its margins.
    row: Aligned<S>,
    /// For each projection that is added up patch by patch, what is ready for the rows in a step.
    ready: Vec<(usize, Aligned<S>)>,
}

impl Sums {
    /// Zeros for a population and a chunk of `slots` slots.
    pub fn new(population: &Population, projections: &[Projection], slots: usize) -> Self {
        if population.blocks.is_some() {
            return Self::Blocks(vec![WordCell::default(); blocks::RUN * slots]);
        }
        let ready = population.inputs.iter().filter_map(|&input| match &projections[input].synapses {
            Synapses::Patches(patches) => Some((input, patches.places() * patches.pitch)),
            _ => None,
        });
        match population.integration() {
            Some(integration) if !integration.narrow => Self::Wide(Buffers::new(population.buffer, ready)),
            _ => Self::Narrow(Buffers::new(population.buffer, ready)),
        }
    }
}

impl<S: Sum> Buffers<S> {
    fn new(row: usize, ready: impl Iterator<Item = (usize, usize)>) -> Self {
        Self { row: Aligned::zeros(row), ready: ready.map(|(projection, length)| (projection, Aligned::zeros(length))).collect() }
    }
}

#[inline(always)]
fn advance<I: Isa>(work: Work) {
    let Work { program, population, slots, currents, membranes, sums, spikes } = work;
    match sums {
        Sums::Blocks(sums) => blocks::advance::<I>(program, population, slots, membranes, sums, spikes),
        Sums::Narrow(sums) => rows::advance::<I, i16, I::Narrow>(program, population, slots, currents, membranes, sums, spikes),
        Sums::Wide(sums) => rows::advance::<I, i32, I::Wide>(program, population, slots, currents, membranes, sums, spikes),
    }
}
