//! Populations whose channels fill blocks of 32: a block's sums stay in registers over all spikes of a tap, its membranes over all steps.
//!
//! ```text
//!   for each block of 32 channels, for each class of positions that the same weights reach:
//!       for each tap:                                     the weights that it often needs stay in the fastest cache
//!           for each position, for each step:             spikes of one source position x weights -> 2 vectors of sums
//!       after the last tap, at once:                      sums, membranes -> membranes, 32 bits of those who fired
//! ```

use super::lanes::{Block, Isa};
use super::leak::{HalfLeak, Leak, ProductLeak, SmallLeak, with_leak};
use crate::program::{AnyLeak, BLOCK, BlockParameters, Blocks, ByteCell, CellRows, Class, Program, Synapses, Tap, WordCell};
use crate::spikes::Spikes;
use std::ops::Range;

/// Positions that go through the taps together: their sums of 16 steps take a quarter of the smallest first-level cache.
const RUN: usize = 8;

/// Room for what a run's positions hear, and who fired: `[position][step]`.
#[derive(Debug)]
pub(crate) struct Room {
    sums: Vec<WordCell>,
    fired: Vec<u32>,
}

impl Room {
    pub fn new(slots: usize) -> Self {
        Self { sums: vec![WordCell::default(); RUN * slots], fired: vec![0; RUN * slots] }
    }
}

#[inline(always)]
pub(super) fn advance<I: Isa>(
    (program, index): (&Program, usize),
    rows: Range<usize>,
    slots: Range<usize>,
    membranes: &mut [i32],
    room: &mut Room,
    spikes: &mut [Spikes],
) {
    let population = &program.populations[index];
    let (Some(integration), Some(blocks)) = (population.integration(), &population.blocks) else { return };
    let width = population.shape.width as usize;
    for class in &blocks.classes {
        let [first, end] = [rows.start, rows.end].map(|row| class.places.partition_point(|place| *place < row * width));
        // where there are few positions, several blocks of each go together
        let together = (RUN / (end - first).max(1)).max(1);
        for first in (first..end).step_by(RUN) {
            let places = first..end.min(first + RUN);
            for first in (0..blocks.each).step_by(together) {
                let (places, numbers) = (places.clone(), first..blocks.each.min(first + together));
                let run = Run { program, index, blocks, shift: integration.input_shift, class, numbers, places, slots: slots.clone() };
                with_leak!(integration.leak, leak => run.advance::<I>(leak, membranes, room, spikes));
            }
        }
    }
    for y in rows {
        slots.clone().for_each(|slot| spikes[index].list_channels(slot, y));
    }
}

/// Some positions of a class, some blocks of each, in some slots.
struct Run<'a> {
    program: &'a Program,
    index: usize,
    blocks: &'a Blocks,
    shift: u32,
    class: &'a Class,
    /// Of the blocks.
    numbers: Range<usize>,
    /// In the class.
    places: Range<usize>,
    slots: Range<usize>,
}

impl Run<'_> {
    #[inline(always)]
    fn advance<I: Isa>(&self, leak: impl Leak, membranes: &mut [i32], Room { sums, fired }: &mut Room, spikes: &mut [Spikes]) {
        let last = self.class.taps.len().saturating_sub(1);
        for number in 0..last {
            match number {
                0 => self.hear::<I, _>(number, spikes, &mut Adding::<true> { run: self, sums }),
                _ => self.hear::<I, _>(number, spikes, &mut Adding::<false> { run: self, sums }),
            }
        }
        match last {
            0 => self.hear::<I, _>(last, spikes, &mut Firing::<_, true> { run: self, leak, membranes, sums, fired }),
            _ => self.hear::<I, _>(last, spikes, &mut Firing::<_, false> { run: self, leak, membranes, sums, fired }),
        }
        for at in self.cells() {
            let fired = &fired[at.nth * self.slots.len()..][..self.slots.len()];
            spikes[self.index].put_block(self.slots.start, at.position, at.block, fired);
        }
    }

    /// Block by block, position by position.
    #[inline(always)]
    fn cells(&self) -> impl Iterator<Item = Cell> {
        let places = &self.class.places[self.places.clone()];
        let numbered = self.numbers.clone().zip((0..).step_by(places.len()));
        numbered.flat_map(move |(block, first)| (first..).zip(places).map(move |(nth, &position)| Cell { nth, position, block }))
    }

    #[inline(always)]
    fn parameters(&self, at: Cell) -> &BlockParameters {
        self.blocks.parameters(at.position, at.block)
    }

    /// What the spikes of source positions bring through a tap, place by place and step by step.
    #[inline(always)]
    fn hear<I: Isa, N: Neurons<I>>(&self, number: usize, spikes: &[Spikes], neurons: &mut N) {
        let steps = self.slots.len();
        let taps = self.class.taps.len();
        let Some(&Tap { projection, number: tap }) = self.class.taps.get(number) else {
            // nothing is heard here
            for at in self.cells() {
                let mut state = neurons.begin(at);
                for step in 0..steps {
                    let sums = neurons.sums(&state, step);
                    neurons.take(&mut state, step, sums);
                }
                neurons.end(at, state);
            }
            return;
        };
        let projection = &self.program.projections[projection];
        let Synapses::Cells(cells) = &projection.synapses else { return };
        let delay = usize::from(projection.delay);
        let slots = self.slots.start - delay..self.slots.end - delay;
        let spikes = &spikes[projection.source];
        let places = &self.class.places[self.places.clone()];
        let sources = &self.class.sources[self.places.start * taps + number..];
        let mut nth = 0;
        for block in self.numbers.clone() {
            let rows = cells.of(tap * self.blocks.each + block);
            for (&position, &source) in places.iter().zip(sources.iter().step_by(taps)) {
                let at = Cell { nth, position, block };
                let mut state = neurons.begin(at);
                match &cells.rows {
                    CellRows::Fours(words) => {
                        hear_words::<I, N, 16, 8>(&words[rows.clone()], spikes.words(source, slots.clone()), neurons, &mut state);
                    }
                    CellRows::Eights(words) => {
                        hear_words::<I, N, 256, 4>(&words[rows.clone()], spikes.words(source, slots.clone()), neurons, &mut state);
                    }
                    CellRows::Words(words) => {
                        hear_lists::<I, N>(&words[rows.clone()], spikes.lists(source, slots.clone()), neurons, &mut state);
                    }
                    CellRows::Bytes(bytes) => {
                        hear_lists::<I, N>(&bytes[rows.clone()], spikes.lists(source, slots.clone()), neurons, &mut state);
                    }
                }
                neurons.end(at, state);
                nth += 1;
            }
        }
    }
}

/// A block at a position, and which it is of the run's.
#[derive(Clone, Copy)]
struct Cell {
    nth: usize,
    position: usize,
    block: usize,
}

/// A row of 32 weights.
trait Row {
    fn onto<B: Block>(&self, sums: B) -> B;
}

impl Row for WordCell {
    #[inline(always)]
    fn onto<B: Block>(&self, sums: B) -> B {
        sums.plus(self)
    }
}

impl Row for ByteCell {
    #[inline(always)]
    fn onto<B: Block>(&self, sums: B) -> B {
        sums.plus_bytes(&self.0)
    }
}

/// Adds in each step a row for each channel in its list.
#[inline(always)]
fn hear_lists<'a, I: Isa, N: Neurons<I>>(rows: &[impl Row], lists: impl Iterator<Item = &'a [u32]>, neurons: &mut N, state: &mut N::State) {
    for (step, list) in lists.enumerate() {
        let mut sums = neurons.sums(state, step);
        for &channel in list {
            sums = rows[channel as usize].onto(sums);
        }
        neurons.take(state, step, sums);
    }
}

/// Adds in each step the rows that the words of source channels look up, EACH times 32 / EACH bits of a word: SUBSETS = 2^(32 / EACH) rows.
#[inline(always)]
fn hear_words<I: Isa, N: Neurons<I>, const SUBSETS: usize, const EACH: usize>(
    rows: &[WordCell],
    fired: &[u32],
    neurons: &mut N,
    state: &mut N::State,
) {
    let tables = rows.as_chunks::<SUBSETS>().0.as_chunks::<EACH>().0;
    if let [table] = tables {
        for (step, &word) in fired.iter().enumerate() {
            let sums = neurons.sums(state, step);
            neurons.take(state, step, look_up::<I, SUBSETS, EACH>(sums, table, word));
        }
    } else {
        for (step, words) in fired.chunks_exact(tables.len()).enumerate() {
            let mut sums = neurons.sums(state, step);
            for (table, &word) in tables.iter().zip(words) {
                sums = look_up::<I, SUBSETS, EACH>(sums, table, word);
            }
            neurons.take(state, step, sums);
        }
    }
}

/// Adds what 32 source channels bring, some at a time. (Loops here and above, not closures: instructions of a set are inlined into no function
/// that does not demand it.)
#[inline(always)]
fn look_up<I: Isa, const SUBSETS: usize, const EACH: usize>(
    mut sums: I::Block,
    tables: &[[WordCell; SUBSETS]; EACH],
    fired: u32,
) -> I::Block {
    for (nth, table) in tables.iter().enumerate() {
        sums = sums.plus(&table[(fired >> (32 / EACH * nth)) as usize % SUBSETS]);
    }
    sums
}

/// What becomes of sums, a block at a position of the run after the other.
trait Neurons<I: Isa> {
    /// Of a block, in registers.
    type State;
    fn begin(&self, at: Cell) -> Self::State;
    fn sums(&self, state: &Self::State, step: usize) -> I::Block;
    fn take(&mut self, state: &mut Self::State, step: usize, sums: I::Block);
    fn end(&mut self, at: Cell, state: Self::State);
}

/// Before the last tap: they are kept, by position and step. In the beginning all steps' are the same.
struct Adding<'a, const BEGINNING: bool> {
    run: &'a Run<'a>,
    sums: &'a mut [WordCell],
}

impl<I: Isa, const BEGINNING: bool> Neurons<I> for Adding<'_, BEGINNING> {
    type State = (usize, I::Block);

    #[inline(always)]
    fn begin(&self, at: Cell) -> Self::State {
        (at.nth * self.run.slots.len(), I::Block::load(&self.run.parameters(at).first))
    }

    #[inline(always)]
    fn sums(&self, &(start, first): &Self::State, step: usize) -> I::Block {
        if BEGINNING { first } else { I::Block::load(&self.sums[start + step]) }
    }

    #[inline(always)]
    fn take(&mut self, &mut (start, _): &mut Self::State, step: usize, sums: I::Block) {
        sums.store(&mut self.sums[start + step]);
    }

    #[inline(always)]
    fn end(&mut self, _: Cell, _: Self::State) {}
}

/// After the last tap, which may be the first: the neurons integrate them and perhaps fire.
struct Firing<'a, L, const BEGINNING: bool> {
    run: &'a Run<'a>,
    leak: L,
    /// Of the whole population.
    membranes: &'a mut [i32],
    sums: &'a [WordCell],
    fired: &'a mut [u32],
}

struct Integrating<I: Isa> {
    /// Where its sums and spikes begin.
    start: usize,
    first: I::Block,
    parameters: I::Parameters,
    membranes: I::Membranes,
}

impl<L, const BEGINNING: bool> Firing<'_, L, BEGINNING> {
    /// Where a block's membranes are.
    #[inline(always)]
    fn place(&self, at: Cell) -> Range<usize> {
        let first = (at.position * self.run.blocks.each + at.block) * BLOCK;
        first..first + BLOCK
    }
}

impl<I: Isa, L: Leak, const BEGINNING: bool> Neurons<I> for Firing<'_, L, BEGINNING> {
    type State = Integrating<I>;

    #[inline(always)]
    fn begin(&self, at: Cell) -> Integrating<I> {
        let parameters = self.run.parameters(at);
        let membranes = self.membranes[self.place(at)].first_chunk().expect("a block of membranes");
        Integrating {
            start: at.nth * self.run.slots.len(),
            first: I::Block::load(&parameters.first),
            parameters: I::parameters(parameters, self.run.shift),
            membranes: I::membranes(membranes),
        }
    }

    #[inline(always)]
    fn sums(&self, state: &Integrating<I>, step: usize) -> I::Block {
        if BEGINNING { state.first } else { I::Block::load(&self.sums[state.start + step]) }
    }

    #[inline(always)]
    fn take(&mut self, state: &mut Integrating<I>, step: usize, sums: I::Block) {
        self.fired[state.start + step] = I::fire_block(self.leak, &state.parameters, &mut state.membranes, sums);
    }

    #[inline(always)]
    fn end(&mut self, at: Cell, state: Integrating<I>) {
        let place = self.place(at);
        I::store(state.membranes, self.membranes[place].first_chunk_mut().expect("a block of membranes"));
    }
}
