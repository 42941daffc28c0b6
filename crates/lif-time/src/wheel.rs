//! What happens next: the queue of events, of which every unit has at most one.
//!
//! Events come in the order of (time, number of the unit). Time is cut into buckets of about four nanoseconds; those of the next four
//! microseconds stand in a ring, with a bit each that says whether there is anything in them, and later events wait aside.

/// Picoseconds of a bucket, as a power of two.
const WIDTH: u32 = 12;
/// Buckets, as a power of two.
const BUCKETS: u32 = 10;
/// No unit.
const NONE: u32 = u32::MAX;

/// The events to come.
#[derive(Clone, Debug)]
pub struct Wheel {
    /// By unit.
    times: Vec<u64>,
    /// By unit: who else is in its bucket.
    next: Vec<u32>,
    /// First unit of each bucket.
    first: Vec<u32>,
    /// Which buckets hold something, and which words of these bits do.
    filled: [u64; 1 << (BUCKETS - 6)],
    words: u64,
    /// When the ring begins; a multiple of its length.
    begin: u64,
    later: Vec<u32>,
}

impl Wheel {
    /// For so many units; empty.
    pub fn new(units: usize) -> Self {
        Self {
            times: vec![0; units],
            next: vec![NONE; units],
            first: vec![NONE; 1 << BUCKETS],
            filled: [0; 1 << (BUCKETS - 6)],
            words: 0,
            begin: 0,
            later: Vec::new(),
        }
    }

    /// From time 0 on. It must be empty.
    pub fn restart(&mut self) {
        debug_assert!(self.words == 0 && self.later.is_empty());
        self.begin = 0;
    }

    /// Adds an event, not before the last one that was taken, of a unit that has none.
    #[inline]
    pub fn push(&mut self, time: u64, unit: u32) {
        self.times[unit as usize] = time;
        if (time - self.begin) >> (WIDTH + BUCKETS) == 0 {
            self.insert(time, unit);
        } else {
            self.later.push(unit);
        }
    }

    #[inline]
    fn insert(&mut self, time: u64, unit: u32) {
        let bucket = ((time >> WIDTH) & ((1 << BUCKETS) - 1)) as usize;
        self.next[unit as usize] = self.first[bucket];
        self.first[bucket] = unit;
        self.filled[bucket / 64] |= 1 << (bucket % 64);
        self.words |= 1 << (bucket / 64);
    }

    /// Takes the next event.
    #[inline]
    pub fn pop(&mut self) -> Option<(u64, u32)> {
        if self.words == 0 && !self.turn() {
            return None;
        }
        let word = self.words.trailing_zeros() as usize;
        let bucket = word * 64 + self.filled[word].trailing_zeros() as usize;
        // the smallest of the bucket, and who stands before it there
        let (mut best, mut before_best) = (self.first[bucket], NONE);
        let mut key = (self.times[best as usize], best);
        let (mut before, mut unit) = (best, self.next[best as usize]);
        while unit != NONE {
            let other = (self.times[unit as usize], unit);
            if other < key {
                (best, before_best, key) = (unit, before, other);
            }
            (before, unit) = (unit, self.next[unit as usize]);
        }
        let behind = self.next[best as usize];
        if before_best == NONE {
            self.first[bucket] = behind;
            if behind == NONE {
                self.filled[word] &= !(1 << (bucket % 64));
                if self.filled[word] == 0 {
                    self.words &= !(1 << word);
                }
            }
        } else {
            self.next[before_best as usize] = behind;
        }
        Some(key)
    }

    /// Turns the ring on to the first of the later events.
    #[cold]
    fn turn(&mut self) -> bool {
        let Some(first) = self.later.iter().map(|&unit| self.times[unit as usize]).min() else { return false };
        self.begin = first >> (WIDTH + BUCKETS) << (WIDTH + BUCKETS);
        for unit in std::mem::take(&mut self.later) {
            self.push(self.times[unit as usize], unit);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    proptest! {
        /// Against the heap of the standard library; every event that is taken gives its unit a new one.
        #[test]
        fn events_come_in_order(delays in prop::collection::vec(prop_oneof![0u64..3, 0u64..5_000, 0u64..20_000_000], 1..400), units in 1u32..40) {
            let (mut wheel, mut heap) = (Wheel::new(units as usize), BinaryHeap::new());
            let mut delays = delays.into_iter();
            for unit in 0..units {
                let time = delays.next().unwrap_or(7);
                wheel.push(time, unit);
                heap.push(Reverse((time, unit)));
            }
            while let Some(Reverse((time, unit))) = heap.pop() {
                prop_assert_eq!(wheel.pop(), Some((time, unit)));
                if let Some(delay) = delays.next() {
                    wheel.push(time + delay, unit);
                    heap.push(Reverse((time + delay, unit)));
                }
            }
            prop_assert_eq!(wheel.pop(), None);
            wheel.restart();
        }
    }
}
