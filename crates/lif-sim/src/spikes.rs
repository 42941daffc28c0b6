//! Who fired: one bit a neuron and step.
//!
//! A population's rows of positions lie one after the other, and in a row the bits in the order of its lanes (see
//! [`program`](crate::program)): bit `x * channels + channel`. Whoever adds up weights spike by spike wants the channels of a position as
//! numbers, or 32 of them as a word, step by step; a population with such readers keeps these [lists](Spikes::list) and
//! [words](Spikes::words) beside the bits, position by position.

use crate::program::Rows;
use lif_graph::Shape;
use std::ops::Range;

/// The spikes of one population in the steps of a chunk.
#[derive(Clone, Debug)]
pub(crate) struct Spikes {
    shape: Shape,
    slots: usize,
    row_bytes: usize,
    /// From a slot to the next: an odd number of cache lines, so that a position's bits in several slots do not compete for the same place of the
    /// cache.
    slot_bytes: usize,
    /// `[slot][row][byte]`; slot 0 is the step before the chunk.
    bits: Vec<u8>,
    lists: Option<Lists>,
    /// `[position][slot][32 channels]`; empty where nobody reads them.
    words: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Lists {
    /// Room for the channels of a position, and for eight more, because they are written by eights.
    room: usize,
    /// `[position][slot][nth]`.
    channels: Vec<u32>,
    /// `[position][slot]`.
    counts: Vec<u32>,
}

/// What is kept beside the bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Readers {
    pub lists: bool,
    /// Only where channels fill whole words.
    pub words: bool,
}

impl Readers {
    /// What both want.
    pub fn join(&mut self, other: Self) {
        *self = Self { lists: self.lists || other.lists, words: self.words || other.words };
    }
}

impl Spikes {
    /// Silence in `slots` slots.
    pub fn new(shape: Shape, slots: usize, readers: Readers) -> Self {
        let (rows, row_bytes) = (shape.height as usize, Rows::of(shape).stride / 8);
        let slot_bytes = (rows * row_bytes).div_ceil(64).next_multiple_of(2) * 64 + 64;
        let room = shape.channels as usize + 8;
        let lists = || Lists { room, channels: vec![0; slots * shape.pixels() * room], counts: vec![0; slots * shape.pixels()] };
        let words = if readers.words { slots * shape.neurons() / 32 } else { 0 };
        Self {
            shape,
            slots,
            row_bytes,
            slot_bytes,
            bits: vec![0; slots * slot_bytes],
            lists: readers.lists.then(lists),
            words: vec![0; words],
        }
    }

    fn row_start(&self, slot: usize, y: usize) -> usize {
        slot * self.slot_bytes + y * self.row_bytes
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The bits of a row.
    #[inline]
    pub fn row(&self, slot: usize, y: usize) -> &[u8] {
        &self.bits[self.row_start(slot, y)..][..self.row_bytes]
    }

    /// The bits of a row, to be written; [`Spikes::list_row`] must follow.
    #[inline]
    pub fn row_mut(&mut self, slot: usize, y: usize) -> &mut [u8] {
        let start = self.row_start(slot, y);
        &mut self.bits[start..][..self.row_bytes]
    }

    /// Sets the bit of a neuron given by row and lane.
    pub fn set(&mut self, slot: usize, y: usize, lane: usize) {
        self.row_mut(slot, y)[lane / 8] |= 1 << (lane % 8);
    }

    /// Whether a neuron of a flat population fired.
    pub fn contains(&self, slot: usize, lane: usize) -> bool {
        self.row(slot, 0)[lane / 8] >> (lane % 8) & 1 == 1
    }

    /// Forgets the spikes of a slot.
    pub fn clear(&mut self, slot: usize) {
        let (start, end) = (self.row_start(slot, 0), self.row_start(slot + 1, 0));
        self.bits[start..end].fill(0);
        (0..self.shape.height as usize).for_each(|y| self.list_row(slot, y));
    }

    /// Takes the spikes of a slot of another population of this shape.
    pub fn copy(&mut self, slot: usize, given: &Self, given_slot: usize) {
        let from = given.row_start(given_slot, 0)..given.row_start(given_slot + 1, 0);
        let to = self.row_start(slot, 0);
        self.bits[to..][..from.len()].copy_from_slice(&given.bits[from]);
        (0..self.shape.height as usize).for_each(|y| self.list_row(slot, y));
    }

    /// The last slot of a chunk is the step before the next.
    pub fn carry(&mut self, last: usize) {
        let from = self.row_start(last, 0)..self.row_start(last + 1, 0);
        self.bits.copy_within(from, 0);
        (0..self.shape.height as usize).for_each(|y| self.list_row(0, y));
    }

    /// The channels that fired at a position, ascending. Panics if this population keeps no lists.
    #[inline(always)]
    pub fn list(&self, slot: usize, position: usize) -> &[u32] {
        let lists = self.lists.as_ref().expect("lists are kept for their readers");
        let place = position * self.slots + slot;
        &lists.channels[place * lists.room..][..lists.counts[place] as usize]
    }

    /// [`Spikes::list`] of these slots.
    #[inline(always)]
    pub fn lists(&self, position: usize, slots: Range<usize>) -> impl Iterator<Item = &[u32]> {
        let lists = self.lists.as_ref().expect("lists are kept for their readers");
        let places = position * self.slots + slots.start..position * self.slots + slots.end;
        places.map(|place| &lists.channels[place * lists.room..][..lists.counts[place] as usize])
    }

    /// The bits of a position's channels, 32 in a word, slot by slot. Panics if this population keeps no words.
    #[inline(always)]
    pub fn words(&self, position: usize, slots: Range<usize>) -> &[u32] {
        let words = self.words_of_position();
        let first = position * self.slots * words;
        &self.words[first + slots.start * words..first + slots.end * words]
    }

    /// Writes the bits of 32 channels of a position in the slots from `first` on; [`Spikes::list_channels`] must follow. Only for populations whose
    /// channels are a multiple.
    #[inline(always)]
    pub fn put_block(&mut self, first: usize, position: usize, block: usize, fired: &[u32]) {
        let each = self.words_of_position();
        let mut bits = &mut self.bits[first * self.slot_bytes + 4 * (position * each + block)..];
        for fired in fired {
            bits[..4].copy_from_slice(&fired.to_le_bytes());
            bits = bits.get_mut(self.slot_bytes..).unwrap_or_default();
        }
        if !self.words.is_empty() {
            let words = &mut self.words[(position * self.slots + first) * each + block..];
            match each {
                1 => words[..fired.len()].copy_from_slice(fired),
                _ => fired.iter().enumerate().for_each(|(slot, &fired)| words[slot * each] = fired),
            }
        }
    }

    /// Brings what is kept beside a row's bits up to date.
    #[inline]
    pub fn list_row(&mut self, slot: usize, y: usize) {
        if !self.words.is_empty() {
            let (start, slots, width, each) = (self.row_start(slot, y), self.slots, self.shape.width as usize, self.words_of_position());
            let row = &self.bits[start..][..self.row_bytes];
            for (x, fired) in row.chunks_exact(4 * each).take(width).enumerate() {
                let words = &mut self.words[((y * width + x) * slots + slot) * each..][..each];
                words.iter_mut().zip(fired.as_chunks::<4>().0).for_each(|(word, four)| *word = u32::from_le_bytes(*four));
            }
        }
        self.list_channels(slot, y);
    }

    /// Brings the lists of a row up to date, after [`Spikes::put_block`].
    ///
    /// Eight channels at a time and without a branch that could be mispredicted: eight numbers are stored, and those beyond the spikes
    /// are overwritten by the next eight.
    #[inline]
    pub fn list_channels(&mut self, slot: usize, y: usize) {
        let (start, slots) = (self.row_start(slot, y), self.slots);
        let (channels, width) = (self.shape.channels as usize, self.shape.width as usize);
        let row = &self.bits[start..][..self.row_bytes];
        let Some(lists) = &mut self.lists else { return };
        for x in 0..width {
            let place = (y * width + x) * slots + slot;
            let list = &mut lists.channels[place * lists.room..][..lists.room];
            let mut count = 0;
            if channels.is_multiple_of(8) {
                for (base, &byte) in (0..).step_by(8).zip(&row[x * channels / 8..][..channels / 8]) {
                    let eight: &mut [u32; 8] = (&mut list[count..count + 8]).try_into().expect("eight");
                    for (channel, &place) in eight.iter_mut().zip(&PLACES[usize::from(byte)]) {
                        *channel = base + u32::from(place);
                    }
                    count += usize::from(COUNTS[usize::from(byte)]);
                }
            } else {
                for channel in 0..channels {
                    let lane = x * channels + channel;
                    list[count] = channel as u32;
                    count += usize::from(row[lane / 8] >> (lane % 8) & 1);
                }
            }
            lists.counts[place] = count as u32;
        }
    }

    /// Words of a position's channels. Only for populations whose channels fill whole words.
    #[inline(always)]
    fn words_of_position(&self) -> usize {
        self.shape.channels as usize / 32
    }

    /// Bytes of a position's channels. Only for populations whose channels fill whole bytes.
    #[inline(always)]
    pub fn bytes_of_position(&self) -> usize {
        debug_assert!(self.shape.channels.is_multiple_of(8));
        self.shape.channels as usize / 8
    }

    /// Adds up how often the neurons of each position of these rows fired in these slots. `counts` has a place for each position of all rows.
    #[inline(always)]
    pub fn tally(&self, rows: &Range<usize>, slots: Range<usize>, counts: &mut [u32]) {
        let width = self.shape.width as usize;
        if !self.shape.channels.is_multiple_of(8) {
            let mut add = |position: usize| counts[position] += u32::from(rows.contains(&(position / width)));
            slots.for_each(|slot| self.for_each(slot, |position, _| add(position)));
            return;
        }
        for slot in slots {
            for (y, counts) in counts.chunks_exact_mut(width).enumerate().take(rows.end).skip(rows.start) {
                let row = self.row(slot, y);
                match self.bytes_of_position() {
                    4 => add_ones(row.as_chunks::<4>().0, counts, |&four| u32::from_le_bytes(four).count_ones()),
                    8 => add_ones(row.as_chunks::<8>().0, counts, |&eight| u64::from_le_bytes(eight).count_ones()),
                    bytes => add_ones(row.chunks_exact(bytes), counts, |fired| {
                        let (eights, rest) = fired.as_chunks::<8>();
                        let ones = |eight: &[u8; 8]| u64::from_le_bytes(*eight).count_ones();
                        eights.iter().map(ones).sum::<u32>() + rest.iter().map(|byte| byte.count_ones()).sum::<u32>()
                    }),
                }
            }
        }
    }

    /// Calls `with` for each spike of a slot, by position and channel, ascending.
    pub fn for_each(&self, slot: usize, mut with: impl FnMut(usize, u32)) {
        let (channels, width) = (self.shape.channels as usize, self.shape.width as usize);
        for y in 0..self.shape.height as usize {
            let row = self.row(slot, y);
            let mut lane = 0;
            for position in y * width..(y + 1) * width {
                let mut channel = 0;
                while channel < channels {
                    // the rest of the byte, or of the position
                    let here = (8 - lane % 8).min(channels - channel);
                    let mut byte = (row[lane / 8] >> (lane % 8)) & (0xff >> (8 - here));
                    while byte != 0 {
                        with(position, channel as u32 + byte.trailing_zeros());
                        byte &= byte - 1;
                    }
                    channel += here;
                    lane += here;
                }
            }
        }
    }
}

#[inline(always)]
fn add_ones<T>(positions: impl IntoIterator<Item = T>, counts: &mut [u32], ones: impl Fn(T) -> u32) {
    counts.iter_mut().zip(positions).for_each(|(count, fired)| *count += ones(fired));
}

/// Numbers of the bits that are set in a byte, ascending; zeros after them.
static PLACES: [[u8; 8]; 256] = {
    let mut places = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                places[byte][count] = bit as u8;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    places
};

/// How many bits are set in a byte.
static COUNTS: [u8; 256] = {
    let mut counts = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        counts[byte] = (byte as u8).count_ones() as u8;
        byte += 1;
    }
    counts
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_lists_say_the_same() {
        for channels in [1, 3, 8, 13, 24, 32, 64] {
            let shape = Shape { channels, height: 2, width: 5 };
            let words = channels.is_multiple_of(32);
            let mut spikes = Spikes::new(shape, 2, Readers { lists: true, words });
            let fired = |position: usize, channel: u32| (position * 7 + channel as usize * 5).is_multiple_of(3);
            let mut expected = vec![];
            for position in 0..10 {
                for channel in (0..channels).filter(|&channel| fired(position, channel)) {
                    spikes.set(1, position / 5, position % 5 * channels as usize + channel as usize);
                    expected.push((position, channel));
                }
            }
            (0..2).for_each(|y| spikes.list_row(1, y));
            let lists: Vec<_> = (0..10).flat_map(|p| spikes.list(1, p).iter().map(move |&c| (p, c))).collect();
            let mut each = vec![];
            spikes.for_each(1, |position, channel| each.push((position, channel)));
            assert_eq!((&lists, &each), (&expected, &expected), "{channels} channels");
            assert!((0..10).all(|p| spikes.lists(p, 1..2).eq([spikes.list(1, p)])), "{channels} channels");
            if words {
                let of = |position| {
                    spikes
                        .words(position, 1..2)
                        .iter()
                        .zip(0..)
                        .flat_map(|(word, nth)| (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| 32 * nth + bit))
                };
                let from_words: Vec<_> = (0..10).flat_map(|p| of(p).map(move |channel| (p, channel))).collect();
                assert_eq!(from_words, expected, "{channels} channels");
            }
            spikes.carry(1);
            assert_eq!(spikes.list(0, 0), spikes.list(1, 0));
            spikes.clear(1);
            assert!((0..10).all(|position| spikes.list(1, position).is_empty()));
        }
    }
}
