//! Who fired: one bit a neuron and step.
//!
//! A population's rows of positions lie one after the other, and in a row the bits in the order of its lanes (see
//! [`program`](crate::program)): bit `x * channels + channel`. Whoever adds up weights spike by spike wants the channels of a position as
//! numbers, or which of each four channels fire; a population with such readers keeps these [lists](Spikes::list) and
//! [nibbles](Spikes::nibbles) beside the bits, position by position.

use crate::program::Rows;
use lif_graph::Shape;
use std::ops::Range;

/// The spikes of one population in the steps of a chunk.
#[derive(Clone, Debug)]
pub(crate) struct Spikes {
    shape: Shape,
    slots: usize,
    row_bytes: usize,
    /// `[slot][row][byte]`; slot 0 is the step before the chunk.
    bits: Vec<u8>,
    lists: Option<Lists>,
    /// `[position][slot][four channels]`; empty where nobody reads them.
    nibbles: Vec<u8>,
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
    /// Only where channels fill whole bytes.
    pub nibbles: bool,
}

impl Readers {
    /// What both want.
    pub fn join(&mut self, other: Self) {
        *self = Self { lists: self.lists || other.lists, nibbles: self.nibbles || other.nibbles };
    }
}

impl Spikes {
    /// Silence in `slots` slots.
    pub fn new(shape: Shape, slots: usize, readers: Readers) -> Self {
        let (rows, row_bytes) = (shape.height as usize, Rows::of(shape).stride / 8);
        let room = shape.channels as usize + 8;
        let lists = || Lists { room, channels: vec![0; slots * shape.pixels() * room], counts: vec![0; slots * shape.pixels()] };
        let nibbles = if readers.nibbles { slots * shape.neurons() / 4 } else { 0 };
        Self {
            shape,
            slots,
            row_bytes,
            bits: vec![0; slots * rows * row_bytes],
            lists: readers.lists.then(lists),
            nibbles: vec![0; nibbles],
        }
    }

    fn row_start(&self, slot: usize, y: usize) -> usize {
        (slot * self.shape.height as usize + y) * self.row_bytes
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
        let Lists { room, channels, counts } = self.lists.as_ref().expect("lists are kept for their readers");
        let places = position * self.slots + slots.start..position * self.slots + slots.end;
        let lists = channels[places.start * room..places.end * room].chunks_exact(*room);
        lists.zip(&counts[places]).map(|(list, &count)| &list[..count as usize])
    }

    /// Which of each four channels of a position fired, in these slots. Panics if this population keeps no nibbles.
    #[inline(always)]
    pub fn nibbles(&self, position: usize, slots: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let fours = self.shape.channels as usize / 4;
        let first = position * self.slots * fours;
        self.nibbles[first + slots.start * fours..first + slots.end * fours].chunks_exact(fours)
    }

    /// Writes the bits of 32 channels of a position; [`Spikes::list_row`] must follow. Only for populations whose channels are a multiple.
    #[inline(always)]
    pub fn put_block(&mut self, slot: usize, position: usize, block: usize, fired: u32) {
        let bytes = self.bytes_of_position();
        self.bits[(slot * self.shape.pixels() + position) * bytes + 4 * block..][..4].copy_from_slice(&fired.to_le_bytes());
    }

    /// Brings the lists of a row up to date.
    ///
    /// Eight channels at a time and without a branch that could be mispredicted: eight numbers are stored, and those beyond the spikes
    /// are overwritten by the next eight.
    #[inline]
    pub fn list_row(&mut self, slot: usize, y: usize) {
        let (start, slots) = (self.row_start(slot, y), self.slots);
        let (channels, width) = (self.shape.channels as usize, self.shape.width as usize);
        let row = &self.bits[start..][..self.row_bytes];
        if !self.nibbles.is_empty() {
            let (bytes, fours) = (channels / 8, channels / 4);
            for (x, fired) in row.chunks_exact(bytes).take(width).enumerate() {
                let nibbles = &mut self.nibbles[((y * width + x) * slots + slot) * fours..][..fours];
                for (pair, &byte) in nibbles.as_chunks_mut::<2>().0.iter_mut().zip(fired) {
                    *pair = [byte & 15, byte >> 4];
                }
            }
        }
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

    /// Bytes of a position's channels. Only for populations whose channels fill whole bytes.
    #[inline(always)]
    pub fn bytes_of_position(&self) -> usize {
        debug_assert!(self.shape.channels.is_multiple_of(8));
        self.shape.channels as usize / 8
    }

    /// Adds up how often each position's neurons fired in these slots.
    #[inline(always)]
    pub fn tally(&self, slots: Range<usize>, counts: &mut [u32]) {
        if !self.shape.channels.is_multiple_of(8) {
            slots.for_each(|slot| self.for_each(slot, |position, _| counts[position] += 1));
            return;
        }
        let width = self.shape.width as usize;
        for slot in slots {
            for (y, counts) in counts.chunks_exact_mut(width).enumerate() {
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
        for channels in [1, 3, 8, 13, 24] {
            let shape = Shape { channels, height: 2, width: 5 };
            let nibbles = channels.is_multiple_of(8);
            let mut spikes = Spikes::new(shape, 2, Readers { lists: true, nibbles });
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
            if nibbles {
                let of = |position| {
                    spikes.nibbles(position, 1..2).flatten().zip(0..).flat_map(|(nibble, four)| {
                        (0..4).filter(move |member| nibble >> member & 1 == 1).map(move |member| 4 * four + member)
                    })
                };
                let from_nibbles: Vec<_> = (0..10).flat_map(|p| of(p).map(move |channel| (p, channel))).collect();
                assert_eq!(from_nibbles, expected, "{channels} channels");
            }
            spikes.carry(1);
            assert_eq!(spikes.list(0, 0), spikes.list(1, 0));
            spikes.clear(1);
            assert!((0..10).all(|position| spikes.list(1, position).is_empty()));
        }
    }
}
