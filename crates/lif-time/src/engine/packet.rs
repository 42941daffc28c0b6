//! A packet as one whole number: when it comes, and below that, what it is.
//!
//! ```text
//!   | time | number  next |      a packet comes before another one if it is the smaller number,
//!          |<--- tag ---->|      but for packets of equal times, which stay in the order in which they are
//! ```
//!
//! What moves packets about moves numbers, and half as many bytes as there would be otherwise: a narrow packet has 32 bits of time, which
//! is 2 ms, and 32 of tag. Ticks that need more have wide ones.

use std::fmt::Debug;

/// A packet on its way.
pub(super) trait Packet: Copy + Eq + Debug {
    /// Comes before all others, and is never taken.
    const BEGIN: Self;
    /// Comes after all others, and is never taken.
    const END: Self;
    /// Bits of a time; those of a tag are as many.
    const BITS: u32;

    /// `time` is when it asks for the unit that it comes to: twice the picoseconds and 1, or half a picosecond (1) more.
    fn new(time: u64, tag: u64) -> Self;

    /// Its time.
    fn time(self) -> u64;

    /// What it is.
    fn tag(self) -> u64;

    /// So many half-picoseconds later; what becomes of [`END`](Self::END) does not matter.
    fn later(self, late: u64) -> Self;

    /// Whether its time is later than the other's.
    fn is_later_than(self, other: Self) -> bool;
}

macro_rules! packet {
    ($word:ty) => {
        impl Packet for $word {
            const BEGIN: Self = 0;
            const END: Self = <$word>::MAX;
            const BITS: u32 = <$word>::BITS / 2;

            #[inline]
            fn new(time: u64, tag: u64) -> Self {
                <$word>::from(time) << <Self as Packet>::BITS | <$word>::from(tag)
            }

            #[inline]
            fn time(self) -> u64 {
                (self >> <Self as Packet>::BITS) as u64
            }

            #[inline]
            fn tag(self) -> u64 {
                (self & (<$word>::MAX >> <Self as Packet>::BITS)) as u64
            }

            #[inline]
            fn later(self, late: u64) -> Self {
                self.wrapping_add(<$word>::from(late) << <Self as Packet>::BITS)
            }

            #[inline]
            fn is_later_than(self, other: Self) -> bool {
                self > other | (<$word>::MAX >> <Self as Packet>::BITS)
            }
        }
    };
}

packet!(u64);
packet!(u128);

/// What the tag of a packet says, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    /// Bits of `next`.
    next_bits: u32,
    mask: u64,
    /// Numbers that fit beside.
    numbers: u64,
}

impl Tags {
    /// Of packets for which `next` is below `nexts`; nothing if those have no room.
    pub fn new<P: Packet>(nexts: usize) -> Option<Self> {
        let next_bits = usize::BITS - nexts.saturating_sub(1).leading_zeros();
        let numbers = 1 << P::BITS.checked_sub(next_bits)?.min(u32::BITS);
        Some(Self { next_bits, mask: (1 << next_bits) - 1, numbers })
    }

    /// How many packets of a tick can be told from each other.
    pub fn numbers(self) -> u64 {
        self.numbers
    }

    /// The same for fewer packets.
    #[cfg(test)]
    pub fn at_most(self, numbers: u64) -> Self {
        Self { numbers, ..self }
    }

    /// `number`: which of the tick's packets. `next`: behind a link its node, behind a port the number of its arrival.
    #[inline]
    pub fn tag(self, number: u32, next: u32) -> u64 {
        u64::from(number) << self.next_bits | u64::from(next)
    }

    /// Its `next`.
    #[inline]
    pub fn next(self, tag: u64) -> u32 {
        (tag & self.mask) as u32
    }

    /// Its number.
    #[inline]
    pub fn number(self, tag: u64) -> u32 {
        (tag >> self.next_bits) as u32
    }

    /// The same packet with another `next`.
    #[inline]
    pub fn with_next(self, tag: u64, next: u32) -> u64 {
        tag & !self.mask | u64::from(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn says<P: Packet>(times: [u64; 2], numbers: [u32; 2], nexts: [u32; 2]) {
        let tags = Tags::new::<P>(1000).unwrap();
        let packets = [0, 1].map(|index| P::new(times[index], tags.tag(numbers[index], nexts[index])));
        for (index, packet) in packets.into_iter().enumerate() {
            assert_eq!((packet.time(), tags.number(packet.tag()), tags.next(packet.tag())), (times[index], numbers[index], nexts[index]));
            assert_eq!(packet.later(1).time(), times[index] + 1);
            assert_eq!(tags.with_next(packet.tag(), 7), tags.tag(numbers[index], 7));
            assert!(P::END.is_later_than(packet) && packet.is_later_than(P::BEGIN));
        }
        assert_eq!(packets[0].is_later_than(packets[1]), times[0] > times[1]);
    }

    /// Often equal to another one, or next to the last that 32 bits say.
    fn some_time() -> impl Strategy<Value = u64> {
        prop_oneof![1u64..4, u64::from(u32::MAX) - 4..u64::from(u32::MAX) - 1]
    }

    proptest! {
        #[test]
        fn packets_keep_what_they_say(times in [some_time(), some_time()], numbers in [0u32..1 << 22, 0u32..9], nexts in [0u32..1000, 0u32..1000]) {
            says::<u64>(times, numbers, nexts);
            says::<u128>(times, numbers, nexts);
        }
    }

    #[test]
    fn room_is_known() {
        assert_eq!(Tags::new::<u64>(1000).unwrap().numbers(), 1 << 22);
        assert_eq!(Tags::new::<u64>(1024).unwrap().numbers(), 1 << 22);
        assert_eq!(Tags::new::<u64>(1025).unwrap().numbers(), 1 << 21);
        assert_eq!(Tags::new::<u128>(1000).unwrap().numbers(), 1 << 32);
        assert!(Tags::new::<u64>(1 << 33).is_none());
    }
}
