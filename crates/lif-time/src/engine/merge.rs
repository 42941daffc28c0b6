//! Streams of packets, each in order of time, into one.
//!
//! Two streams are merged from both ends at once: the first half of the result from their begins, the second from their ends. Neither needs the
//! other's result, so a processor works on both at a time; and what is taken is chosen without a branch that nobody could foresee. More than two
//! are merged two by two.
//!
//! ```text
//!   a ---\\
//!         >---\\         of equal times, those of the stream that stands first come first
//!   b ---/     >--- result
//!   c --------/
//! ```

use super::packet::Packet;
use std::hint::select_unpredictable;

/// Packets in order of time, between [`Packet::BEGIN`] and [`Packet::END`].
#[derive(Clone, Debug)]
pub(super) struct Stream<P> {
    packets: Vec<P>,
}

impl<P: Packet> Stream<P> {
    /// With nothing in it.
    pub fn new() -> Self {
        Self { packets: vec![P::BEGIN] }
    }

    /// The next packet, no earlier than those before it.
    #[inline]
    pub fn push(&mut self, packet: P) {
        self.packets.push(packet);
    }

    fn is_empty(&self) -> bool {
        self.packets.len() == 1
    }

    /// Takes all packets out.
    pub fn clear(&mut self) {
        self.packets.truncate(1);
    }
}

/// Merges streams, and has the memory for it.
pub(super) struct Merge<P> {
    /// Streams of a group that hold something.
    live: Vec<u32>,
    /// What two runs came to, between [`Packet::BEGIN`] and [`Packet::END`].
    results: Vec<Vec<P>>,
    /// How many of them are in use.
    used: usize,
}

/// All packets that come to a unit.
pub(super) struct Merged<'a, P> {
    /// In order.
    pub packets: &'a [P],
    /// To be added to every time: 1 if all come from late streams.
    pub late: u64,
}

/// Where packets in order lie.
#[derive(Clone, Copy)]
enum Run {
    Stream(u32),
    Result { number: usize, packets: usize },
}

impl<P: Packet> Merge<P> {
    /// With no memory yet.
    pub fn new() -> Self {
        Self { live: Vec::new(), results: Vec::new(), used: 0 }
    }

    /// All packets of some streams, given by number. At equal times those of the first stream come first, and those of `late` ones half a
    /// picosecond (1) later than they say.
    pub fn all<'a>(
        &'a mut self,
        streams: &'a mut [Stream<P>],
        early: impl Iterator<Item = u32>,
        late: impl Iterator<Item = u32>,
    ) -> Merged<'a, P> {
        self.used = 0;
        let (run, late) = match (self.group(streams, early), self.group(streams, late)) {
            (None, None) => return Merged { packets: &[], late: 0 },
            (Some(run), None) => (run, 0),
            (None, Some(run)) => (run, 1),
            (Some(early), Some(late)) => (self.two(streams, early, late, 1), 0),
        };
        let [_, packets @ .., _] = self.run(streams, run) else { unreachable!("a begin and an end") };
        Merged { packets, late }
    }

    fn group(&mut self, streams: &mut [Stream<P>], numbers: impl Iterator<Item = u32>) -> Option<Run> {
        let mut live = std::mem::take(&mut self.live);
        live.clear();
        live.extend(numbers.filter(|&number| !streams[number as usize].is_empty()));
        live.iter().for_each(|&number| streams[number as usize].push(P::END));
        let run = self.tree(streams, &live);
        self.live = live;
        run
    }

    fn tree(&mut self, streams: &[Stream<P>], live: &[u32]) -> Option<Run> {
        match *live {
            [] => None,
            [stream] => Some(Run::Stream(stream)),
            _ => {
                let (first, second) = live.split_at(live.len().div_ceil(2));
                let (first, second) = (self.tree(streams, first)?, self.tree(streams, second)?);
                Some(self.two(streams, first, second, 0))
            }
        }
    }

    fn two(&mut self, streams: &[Stream<P>], first: Run, second: Run, late: u64) -> Run {
        let number = self.used;
        self.used += 1;
        if self.results.len() == number {
            self.results.push(Vec::new());
        }
        let mut result = std::mem::take(&mut self.results[number]);
        let packets = merge(self.run(streams, first), self.run(streams, second), late, &mut result);
        self.results[number] = result;
        Run::Result { number, packets }
    }

    /// With begin and end.
    fn run<'a>(&'a self, streams: &'a [Stream<P>], run: Run) -> &'a [P] {
        match run {
            Run::Stream(number) => &streams[number as usize].packets,
            Run::Result { number, packets } => &self.results[number][..packets + 2],
        }
    }
}

/// Two runs into one, those of the second `late` later than they say; gives how many packets there are. All with begin and end.
fn merge<P: Packet>(left: &[P], right: &[P], late: u64, result: &mut Vec<P>) -> usize {
    let packets = left.len() + right.len() - 4;
    if result.len() < packets + 2 {
        result.resize(packets + 2, P::END);
    }
    let result = &mut result[..packets + 2];
    (result[0], result[packets + 1]) = (P::BEGIN, P::END);
    // of equal times the left one is the earlier one: of the first two it is taken, of the last two it is not. Times are odd, so that what is
    // late comes at the same place as if it were not
    let (mut first, mut last) = ([1, 1], [left.len() - 2, right.len() - 2]);
    let mut at = 1;
    // which of two comes next nobody can foresee
    while 2 * at <= packets {
        let (one, other) = (left[first[0]], right[first[1]]);
        let takes_other = one.is_later_than(other);
        result[at] = select_unpredictable(takes_other, other.later(late), one);
        first = [first[0] + usize::from(!takes_other), first[1] + usize::from(takes_other)];

        let (one, other) = (left[last[0]], right[last[1]]);
        let takes_one = one.is_later_than(other);
        result[packets + 1 - at] = select_unpredictable(takes_one, one, other.later(late));
        last = [last[0] - usize::from(takes_one), last[1] - usize::from(!takes_one)];
        at += 1;
    }
    if packets % 2 == 1 {
        let (one, other) = (left[first[0]], right[first[1]]);
        result[at] = select_unpredictable(one.is_later_than(other), other.later(late), one);
    }
    packets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// It is a stable sort of all packets by time, whatever was merged before.
        #[test]
        fn merging_is_sorting(
            ticks in prop::collection::vec((prop::collection::vec(prop::collection::vec(0u64..40, 0..30), 8), 0u32..9), 2),
            first in prop::sample::select(&[0, (1 << 31) - 41][..]), // near the last time that a narrow packet says
        ) {
            sorts::<u64>(&ticks, first)?;
            sorts::<u128>(&ticks, first)?;
        }
    }

    /// By tick: times by stream, from `first` on, and which of these is the first late one.
    fn sorts<P: Packet>(ticks: &[(Vec<Vec<u64>>, u32)], first: u64) -> Result<(), TestCaseError> {
        let (mut streams, mut merge) = (vec![Stream::<P>::new(); 8], Merge::new());
        for (times, early) in ticks {
            let mut tag = 0..;
            let mut expected = Vec::new();
            for ((index, stream), times) in (0..).zip(&mut streams).zip(times) {
                let mut times = times.clone();
                times.sort_unstable();
                for time in times {
                    let packet = P::new(2 * (first + time) + 1, tag.next().unwrap());
                    stream.push(packet);
                    expected.push(packet.later(u64::from(index >= *early)));
                }
            }
            expected.sort_by_key(|packet| packet.time());
            let early = (*early).min(8);
            let merged = merge.all(&mut streams, 0..early, early..8);
            let told: Vec<P> = merged.packets.iter().map(|packet| packet.later(merged.late)).collect();
            prop_assert_eq!(told, expected);
            streams.iter_mut().for_each(Stream::clear);
        }
        Ok(())
    }
}
