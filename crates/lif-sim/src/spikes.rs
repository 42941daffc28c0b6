//! Who fired: one bit a neuron and step.
//!
//! A population's rows of positions lie one after the other, and in a row the bits in the order of its lanes (see
//! [`program`](crate::program)): bit `x * channels + channel`. Whoever adds up weights spike by spike wants the channels of a position as
//! numbers; a population with such readers keeps these [lists](Spikes::list) beside the bits.

use crate::program::Rows;
use lif_graph::Shape;
use std::ops::Range;

/// The spikes of one population in the steps of a chunk.
#[derive(Clone, Debug)]
pub(crate) struct Spikes {
    shape: Shape,
    row_bytes: usize,
    /// `[slot][row][byte]`; slot 0 is the step before the chunk.
    bits: Vec<u8>,
    lists: Option<Lists>,
}

#[derive(Clone, Debug)]
struct Lists {
    /// Room for the channels of a position, and for eight more, because they are written by eights.
    room: usize,
    /// `[slot][position][nth]`.
    channels: Vec<u32>,
    /// `[slot][position]`.
    counts: Vec<u32>,
}

impl Spikes {
    /// Silence in `slots` slots.
    pub fn new(shape: Shape, slots: usize, listed: bool) -> Self {
        let (rows, row_bytes) = (shape.height as usize, Rows::of(shape).stride / 8);
        let room = shape.channels as usize + 8;
        let lists = || Lists { room, channels: vec![0; slots * shape.pixels() * room], counts: vec![0; slots * shape.pixels()] };
        Self { shape, row_bytes, bits: vec![0; slots * rows * row_bytes], lists: listed.then(lists) }
    }

    fn row_start(&self, slot: usize, y: usize) -> usize {
        (slot * self.shape.height as usize + y) * self.row_bytes
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.bits.len() / (self.shape.height as usize * self.row_bytes)
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
        let pixels = self.shape.pixels();
        if let Some(lists) = &mut self.lists {
            lists.counts[slot * pixels..][..pixels].fill(0);
        }
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
        let place = slot * self.shape.pixels() + position;
        &lists.channels[place * lists.room..][..lists.counts[place] as usize]
    }

    /// Brings the lists of a row up to date.
    ///
    /// Eight channels at a time and without a branch that could be mispredicted: eight numbers are stored, and those beyond the spikes
    /// are overwritten by the next eight.
    #[inline]
    pub fn list_row(&mut self, slot: usize, y: usize) {
        let start = self.row_start(slot, y);
        let Some(lists) = &mut self.lists else { return };
        let (channels, width) = (self.shape.channels as usize, self.shape.width as usize);
        let row = &self.bits[start..][..self.row_bytes];
        let first = slot * self.shape.pixels() + y * width;
        for x in 0..width {
            let list = &mut lists.channels[(first + x) * lists.room..][..lists.room];
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
            lists.counts[first + x] = count as u32;
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
        let (bytes, width) = (self.bytes_of_position(), self.shape.width as usize);
        for slot in slots {
            for (y, counts) in counts.chunks_exact_mut(width).enumerate() {
                for (count, fired) in counts.iter_mut().zip(self.row(slot, y).chunks_exact(bytes)) {
                    let (fours, rest) = fired.as_chunks::<4>();
                    *count += fours.iter().map(|&four| u32::from_le_bytes(four).count_ones()).sum::<u32>();
                    *count += rest.iter().map(|byte| byte.count_ones()).sum::<u32>();
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
            let mut spikes = Spikes::new(shape, 2, true);
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
            spikes.carry(1);
            assert_eq!(spikes.list(0, 0), spikes.list(1, 0));
            spikes.clear(1);
            assert!((0..10).all(|position| spikes.list(1, position).is_empty()));
        }
    }
}
