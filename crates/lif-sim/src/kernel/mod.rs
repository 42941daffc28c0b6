//! The hot loops: written once over vectors of lanes, and compiled once for each instruction set.
//!
//! ```text
//!   mod      Kernel: which instruction set; Job: what it does; Work: some steps of some rows of a population
//!    |
//!    +-- blocks   32 channels of a position: sums and membranes stay in registers over all steps              (most populations)
//!    +-- rows     a row of positions, whatever its width: sums in memory                                      (all others)
//!    +-- stripes  targets of few channels: 32 neighbouring positions, four source channels looked up at once  (pictures)
//!    +-- asked    which neurons are picked, and single ones of them in single steps                           (what is picked)
//!    +-- bound    how fast the processor could add
//!          |
//!        lanes    what an instruction set must offer; leak: how membranes fade
//!          |
//!        portable plain arrays      avx2  256-bit vectors      avx512  512-bit vectors      (the last two: the only files with `unsafe`)
//! ```
//!
//! Sums wrap: exact, because [`Program`] chooses widths that hold every final value, and sums modulo 2^n do not care about what happens on the
//! way.

mod asked;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod blocks;
mod bound;
mod lanes;
mod leak;
mod portable;
mod rows;
mod stripes;

use crate::aligned::Aligned;
use crate::program::{Population, Program, Projection, Synapses, Unread, UnreadInput};
use crate::spikes::Spikes;
use asked::RECENT;
pub(crate) use asked::{Answer, Asked};
use lanes::{Isa, Sum};
use portable::Portable;
use std::ops::Range;
use stripes::Ready;

/// An instruction set to simulate with. All of them compute the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Detected),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Detected),
}

impl Kernel {
    /// What every processor can do.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// Those that this processor has, the fastest last.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let faster = [avx2::Detected::new().map(Set::Avx2), avx512::Detected::new().map(Set::Avx512)];
        #[cfg(not(target_arch = "x86_64"))]
        let faster: [Option<Set>; 0] = [];
        [Set::Portable].into_iter().chain(faster.into_iter().flatten()).map(Self).collect()
    }

    /// The fastest.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::PORTABLE)
    }

    /// `portable`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512",
        }
    }

    /// Simulates these steps of these rows. Their sources are done with them, or their population is itself among them, with a delay, and
    /// there is one slot.
    pub(crate) fn advance(self, work: Work) {
        self.run(work);
    }

    /// Adds what neurons hear through an input in a few steps, whose spikes `fired` has as bytes of 0 and 1; and says that the weights of those
    /// that come `next` are wanted soon.
    pub(crate) fn hear(self, input: &UnreadInput, asked: &mut Asked, next: &[u32], fired: [&[u8]; RECENT]) {
        self.run(asked::Hear { input, asked, next, fired });
    }

    /// Narrows down the membranes that neurons may have in the step of `slot`, by what they heard.
    pub(crate) fn narrow(self, unread: &Unread, slot: usize, asked: &mut Asked) {
        self.run(asked::Narrow { unread, slot, asked });
    }

    /// The neurons that the channels of a select stage pick in a step.
    pub(crate) fn pick(self, seed: u64, image: u64, step: u32, ways: u32, picked: &mut [u32]) {
        self.run(asked::Pick { seed, image, step, ways, picked });
    }

    /// What the engine does at its fastest, for comparison: adds rows of signed bytes, widened to 16 bits, to sums in registers, `rounds`
    /// times the bytes, whose number is a multiple of 128. Returns the sums' sum, so that nothing is left out.
    pub fn widen_and_add(self, bytes: &[i8], rounds: usize) -> i16 {
        self.run(bound::WidenAndAdd { bytes, rounds })
    }

    /// Adds up how often the neurons of each position of these rows fired in these slots.
    pub(crate) fn tally(self, spikes: &Spikes, rows: &Range<usize>, slots: Range<usize>, counts: &mut [u32]) {
        self.run(Tally { spikes, rows, slots, counts });
    }

    fn run<J: Job>(self, job: J) -> J::Outcome {
        match self.0 {
            Set::Portable => job.run::<Portable>(),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(detected) => detected.run(job),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(detected) => detected.run(job),
        }
    }
}

/// Something to do, compiled once for each instruction set. [`Job::run`] is always inlined, as instructions of a set are inlined into no function
/// that does not demand it.
trait Job {
    type Outcome;
    /// It needs [`Isa::dots`], for which a set may have instructions that are no gain elsewhere.
    const DOTS: bool = false;
    fn run<I: Isa>(self) -> Self::Outcome;
}

/// The steps of some rows of a population in some slots of a chunk.
pub(crate) struct Work<'a> {
    pub program: &'a Program,
    pub population: usize,
    pub rows: Range<usize>,
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
    Blocks(blocks::Room),
    Narrow(Buffers<i16>),
    Wide(Buffers<i32>),
}

/// Sums of a population that goes row by row.
#[derive(Debug)]
pub(crate) struct Buffers<S> {
    /// Of one row, with its margins.
    row: Aligned<S>,
    /// For each projection that is added up in stripes, what is ready for the rows in a step.
    ready: Vec<(usize, Ready)>,
}

impl Sums {
    /// Zeros for a population and a chunk of `slots` slots.
    pub fn new(population: &Population, projections: &[Projection], slots: usize) -> Self {
        if population.blocks.is_some() {
            return Self::Blocks(blocks::Room::new(slots));
        }
        let ready = population.inputs.iter().filter_map(|&input| match &projections[input].synapses {
            Synapses::Stripes(stripes) => Some((input, Ready::new(stripes))),
            _ => None,
        });
        match population.integration() {
            Some(integration) if !integration.narrow => Self::Wide(Buffers::new(population.buffer, ready)),
            _ => Self::Narrow(Buffers::new(population.buffer, ready)),
        }
    }
}

impl<S: Sum> Buffers<S> {
    fn new(row: usize, ready: impl Iterator<Item = (usize, Ready)>) -> Self {
        Self { row: Aligned::zeros(row), ready: ready.collect() }
    }
}

impl Job for Work<'_> {
    type Outcome = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Work { program, population, rows, slots, currents, membranes, sums, spikes } = self;
        let of = (program, population);
        match sums {
            Sums::Blocks(room) => blocks::advance::<I>(of, rows, slots, membranes, room, spikes),
            Sums::Narrow(sums) => rows::advance::<I, i16, I::Narrow>(of, rows, slots, currents, membranes, sums, spikes),
            Sums::Wide(sums) => rows::advance::<I, i32, I::Wide>(of, rows, slots, currents, membranes, sums, spikes),
        }
    }
}

struct Tally<'a> {
    spikes: &'a Spikes,
    rows: &'a Range<usize>,
    slots: Range<usize>,
    counts: &'a mut [u32],
}

impl Job for Tally<'_> {
    type Outcome = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        self.spikes.tally(self.rows, self.slots, self.counts);
    }
}
