//! Populations whose channels fill blocks of 32: a block's sums stay in registers over all spikes of a tap, its membranes over all steps.
//!
//! ```text
//!   for each block of 32 channels, for each class of positions that the same weights reach:
//!       for each tap:                                     its weights stay in the fastest cache
//!           for each position, for each step:             spikes of one source position x weights -> 2 vectors of sums
//!       after the last tap, at once:                      sums, membranes -> membranes, 32 bits of those who fired
//! ```

use super::lanes::{Isa, Vector};
use super::leak::{FloorLeak, Leak, ProductLeak, ShiftLeak, with_leak};
use crate::program::{AnyLeak, BLOCK, BlockParameters, Blocks, CHUNK, CellRows, Class, LANES, Program, Synapses, Tap, WordCell};
use crate::spikes::Spikes;
use std::ops::Range;

/// Positions that go through the taps together: their sums of 16 steps take a quarter of the smallest first-level cache.
pub(super) const RUN: usize = 8;

#[inline(always)]
pub(super) fn advance<I: Isa>(
    program: &Program,
    index: usize,
    slots: Range<usize>,
    membranes: &mut [i32],
    sums: &mut [WordCell],
    spikes: &mut [Spikes],
) {
    let population = &program.populations[index];
    let (Some(integration), Some(blocks)) = (population.integration(), &population.blocks) else { return };
    for block in 0..blocks.each {
        for class in &blocks.classes {
            for first in (0..class.places.len()).step_by(RUN) {
                let places = first..class.places.len().min(first + RUN);
                let run = Run { program, index, blocks, shift: integration.input_shift, class, block, places, slots: slots.clone() };
                with_leak!(integration.leak, leak => run.advance::<I>(leak, membranes, sums, spikes));
            }
        }
    }
    for y in 0..population.shape.height as usize {
        slots.clone().for_each(|slot| spikes[index].list_row(slot, y));
    }
}

/// Some positions of a class, one block of each, in some slots.
struct Run<'a> {
    program: &'a Program,
    index: usize,
    blocks: &'a Blocks,
    shift: u32,
    class: &'a Class,
    block: usize,
    /// In the class.
    places: Range<usize>,
    slots: Range<usize>,
}

impl Run<'_> {
    #[inline(always)]
    fn advance<I: Isa>(&self, leak: impl Leak, membranes: &mut [i32], sums: &mut [WordCell], spikes: &mut [Spikes]) {
        let steps = self.slots.len();
        for (place, sums) in self.places.clone().zip(sums.chunks_exact_mut(steps)) {
            sums.fill(self.parameters(place).first);
        }
        let last = self.class.taps.len().saturating_sub(1);
        for number in 0..last {
            for (place, sums) in self.places.clone().zip(sums.chunks_exact_mut(steps)) {
                self.hear::<I, _>(number, place, spikes, &mut Adding(sums));
            }
        }
        for (place, sums) in self.places.clone().zip(sums.chunks_exact_mut(steps)) {
            let position = self.class.places[place];
            let membranes =
                membranes[(position * self.blocks.each + self.block) * BLOCK..].first_chunk_mut().expect("a block of membranes");
            let mut fired = [0; CHUNK];
            let parameters = I::parameters(self.parameters(place), self.shift);
            let mut firing: Firing<I, _> = Firing { leak, parameters, membranes: I::membranes(membranes), sums, fired: &mut fired };
            self.hear::<I, _>(last, place, spikes, &mut firing);
            I::store(firing.membranes, membranes);
            for (slot, fired) in self.slots.clone().zip(fired) {
                spikes[self.index].put_block(slot, position, self.block, fired);
            }
        }
    }

    fn parameters(&self, place: usize) -> &BlockParameters {
        self.blocks.parameters(self.class.places[place], self.block)
    }

    /// What the spikes of a source position bring through a tap.
    #[inline(always)]
    fn hear<I: Isa, N: Neurons<I>>(&self, number: usize, place: usize, spikes: &[Spikes], neurons: &mut N) {
        let Some(&Tap { projection, number: tap }) = self.class.taps.get(number) else {
            // nothing is heard here
            return (0..self.slots.len()).for_each(|step| neurons.take(step, neurons.sums(step)));
        };
        let source = self.class.sources[place * self.class.taps.len() + number];
        let projection = &self.program.projections[projection];
        let Synapses::Cells(cells) = &projection.synapses else { return };
        let delay = usize::from(projection.delay);
        let slots = self.slots.start - delay..self.slots.end - delay;
        let rows = cells.of(tap * self.blocks.each + self.block);
        let spikes = &spikes[projection.source];
        match &cells.rows {
            CellRows::Subsets(words) => {
                let tables = words[rows].as_chunks::<16>().0;
                for (step, nibbles) in spikes.nibbles(source, slots).enumerate() {
                    let mut parts = neurons.sums(step);
                    for (table, &nibble) in tables.iter().zip(nibbles) {
                        let row = vectors::<I>(&table[usize::from(nibble & 15)]);
                        parts = [parts[0].plus(row[0]), parts[1].plus(row[1])];
                    }
                    neurons.take(step, parts);
                }
            }
            CellRows::Words(words) => {
                let rows = &words[rows];
                for (step, list) in spikes.lists(source, slots).enumerate() {
                    let mut parts = neurons.sums(step);
                    for &channel in list {
                        let row = vectors::<I>(&rows[channel as usize]);
                        parts = [parts[0].plus(row[0]), parts[1].plus(row[1])];
                    }
                    neurons.take(step, parts);
                }
            }
            CellRows::Bytes(bytes) => {
                let rows = &bytes[rows];
                for (step, list) in spikes.lists(source, slots).enumerate() {
                    let mut parts = neurons.sums(step);
                    for &channel in list {
                        let row = rows[channel as usize].0.as_chunks::<LANES>().0;
                        parts = [parts[0].plus(I::Narrow::from_bytes(&row[0])), parts[1].plus(I::Narrow::from_bytes(&row[1]))];
                    }
                    neurons.take(step, parts);
                }
            }
        }
    }
}

#[inline(always)]
fn vectors<I: Isa>(cell: &WordCell) -> [I::Narrow; 2] {
    let halves = cell.0.as_chunks::<LANES>().0;
    [I::Narrow::load(&halves[0]), I::Narrow::load(&halves[1])]
}

/// What becomes of a block's sums after a tap.
trait Neurons<I: Isa> {
    fn sums(&self, step: usize) -> [I::Narrow; 2];
    fn take(&mut self, step: usize, sums: [I::Narrow; 2]);
}

/// Before the last tap: they are kept, by step.
struct Adding<'a>(&'a mut [WordCell]);

impl<I: Isa> Neurons<I> for Adding<'_> {
    #[inline(always)]
    fn sums(&self, step: usize) -> [I::Narrow; 2] {
        vectors::<I>(&self.0[step])
    }

    #[inline(always)]
    fn take(&mut self, step: usize, sums: [I::Narrow; 2]) {
        let halves = self.0[step].0.as_chunks_mut::<LANES>().0;
        sums[0].store(&mut halves[0]);
        sums[1].store(&mut halves[1]);
    }
}

/// After the last tap: the neurons integrate them and perhaps fire.
struct Firing<'a, I: Isa, L> {
    leak: L,
    parameters: I::Parameters,
    membranes: I::Membranes,
    /// By step.
    sums: &'a [WordCell],
    /// By step.
    fired: &'a mut [u32; CHUNK],
}

impl<I: Isa, L: Leak> Neurons<I> for Firing<'_, I, L> {
    #[inline(always)]
    fn sums(&self, step: usize) -> [I::Narrow; 2] {
        vectors::<I>(&self.sums[step])
    }

    #[inline(always)]
    fn take(&mut self, step: usize, sums: [I::Narrow; 2]) {
        self.fired[step] = I::fire_block(self.leak, &self.parameters, &mut self.membranes, sums);
    }
}
