//! A tick without events, where buffers have no limit (rule 6 of [`engine`](super)).
//!
//! What happens at a link then follows from the packets that come to it, and from nothing behind it. So the links are taken in an order in which
//! each comes after those that it hears from, and each at once: the packets that come to it stand in streams, one from each sender or link before it,
//! already in order; they are merged and go on, each into the stream of the unit behind. A core comes last, with its port and its server.
//!
//! ```text
//!   sender ==stream==\\
//!   sender ==stream===>> link ==stream==>> link ==stream==\\
//!   link   ==stream==//       \\==stream==>> port and server   ...
//! ```
//!
//! A tick that is too long, or has too many packets, for narrow ones (see `packet.rs`) is done again with wide ones, and so are all later ticks.

use super::merge::{Merge, Merged, Stream};
use super::packet::{Packet, Tags};
use super::routes::Routes;
use super::{Chip, CoreWork, Critical, Outcome, UnitLoad};
use std::hint::select_unpredictable;

/// The working memory of one thread.
pub struct Flow<'c> {
    chip: Chip<'c>,
    routes: Routes,
    /// While no tick was too much for it.
    narrow: Option<Packets<u64>>,
    /// Once one was.
    wide: Option<Packets<u128>>,
    /// By unit up to the ports, over all ticks so far.
    pub loads: Vec<UnitLoad>,
    /// The same before this tick.
    before: Vec<UnitLoad>,
}

/// Packets of a tick, on their way.
struct Packets<P> {
    tags: Tags,
    streams: Vec<Stream<P>>,
    /// Streams out of the link at hand.
    out: Vec<Stream<P>>,
    merge: Merge<P>,
    /// By packet that a port has carried: until when it stands in the queue.
    leaves: Vec<u64>,
    /// By packet of the tick: what it brings.
    brings: Vec<u64>,
    /// By core: its first packet.
    first: Vec<u32>,
}

/// A tick has more packets, or takes longer, than a kind of packet can say.
struct TooNarrow;

impl<'c> Flow<'c> {
    /// For this chip, if its buffers have no limit, its links take time, and they can be put in order.
    pub fn new(chip: Chip<'c>) -> Option<Self> {
        if !chip.unlimited() || chip.layout.links.iter().any(|link| link.hop.time == 0) {
            return None;
        }
        let routes = Routes::new(chip)?;
        let loads = vec![UnitLoad::default(); chip.layout.server_unit(0) as usize];
        Some(Self { chip, narrow: Packets::new(&routes), wide: None, routes, before: loads.clone(), loads })
    }

    /// One tick; `work` by core.
    ///
    /// # Panics
    /// If `work` is that of another layout.
    pub fn tick(&mut self, work: &[CoreWork]) -> Outcome {
        let Self { chip, routes, narrow, wide, loads, before } = self;
        if let Some(packets) = narrow {
            before.clone_from(loads);
            if let Ok(outcome) = (Tick { chip: *chip, routes, packets, loads }).run(work) {
                return outcome;
            }
            *narrow = None;
            std::mem::swap(loads, before);
        }
        let packets = wide.get_or_insert_with(|| Packets::new(routes).expect("64 bits say all"));
        (Tick { chip: *chip, routes, packets, loads }).run(work).unwrap_or_else(|TooNarrow| unreachable!("64 bits say all"))
    }
}

impl<P: Packet> Packets<P> {
    /// Nothing if packets of this kind cannot say where they go.
    fn new(routes: &Routes) -> Option<Self> {
        Some(Self {
            tags: Tags::new::<P>(routes.nexts)?,
            streams: vec![Stream::new(); routes.streams()],
            out: vec![Stream::new(); routes.widest()],
            merge: Merge::new(),
            leaves: Vec::new(),
            brings: Vec::new(),
            first: Vec::new(),
        })
    }
}

/// One tick.
struct Tick<'t, 'c, P> {
    chip: Chip<'c>,
    routes: &'t Routes,
    packets: &'t mut Packets<P>,
    loads: &'t mut [UnitLoad],
}

impl<P: Packet> Tick<'_, '_, P> {
    fn run(&mut self, work: &[CoreWork]) -> Result<Outcome, TooNarrow> {
        let mut outcome = Outcome::default();
        let Packets { streams, brings, first, .. } = &mut *self.packets;
        streams.iter_mut().for_each(Stream::clear);
        brings.clear();
        first.clear();
        for (core, work) in (0..).zip(work) {
            let done = self.send(core, work)?;
            if done > outcome.end {
                (outcome.end, outcome.critical) = (done, Critical { sender: core, sent: done, arrived: done, core });
            }
        }
        for &unit in &self.routes.order {
            self.link(unit)?;
        }
        for (core, head) in (0..).zip(work.iter().map(|work| work.head)) {
            let (done, number, arrived) = self.receive(core, head);
            if done > outcome.end {
                let critical = match number {
                    None => Critical { sender: core, sent: 0, arrived, core },
                    Some(number) => {
                        let first = &self.packets.first;
                        let sender = first.partition_point(|&first| first <= number) - 1;
                        let until = &work[sender].emissions[..=(number - first[sender]) as usize];
                        Critical { sender: sender as u32, sent: until.iter().map(|emission| emission.before).sum(), arrived, core }
                    }
                };
                (outcome.end, outcome.critical) = (done, critical);
            }
        }
        Ok(outcome)
    }

    /// A sender's packets; gives when its neurons are done.
    fn send(&mut self, core: u32, work: &CoreWork) -> Result<u64, TooNarrow> {
        let Packets { tags, streams, brings, first, .. } = &mut *self.packets;
        first.push(brings.len() as u32);
        if (brings.len() + work.emissions.len()) as u64 > tags.numbers() {
            return Err(TooNarrow);
        }
        let mut now = 0;
        let out = &mut streams[self.routes.out_of(core)];
        for emission in &work.emissions {
            now += emission.before;
            let axon = emission.axon as usize;
            self.routes.ways.go_on(*tags, out, 2 * now + 1, tags.tag(brings.len() as u32, 0), self.routes.starts[axon]);
            brings.push(self.routes.brings[axon]);
        }
        fits::<P>(2 * now + 1)?;
        Ok(now + work.tail)
    }

    /// All packets of a link.
    fn link(&mut self, unit: u32) -> Result<(), TooNarrow> {
        let ways = &self.routes.ways;
        let Packets { tags, streams, out, merge, .. } = &mut *self.packets;
        let tags = *tags;
        let lanes = self.routes.out_of(unit);
        let out = &mut out[..lanes.len()];
        out.swap_with_slice(&mut streams[lanes.clone()]);
        // Doubled times: things of equal times happen in the order of the units' numbers (rule 5), so the end of a crossing, 2 * time + 1, comes
        // after what a smaller unit sends, 2 * time + 1, and before what a larger one sends, 2 * time + 2.
        let [smaller, larger] = self.routes.into(unit as usize).map(|streams| streams.iter().copied());
        let Merged { packets, late } = merge.all(streams, smaller, larger);
        let crossing = 2 * self.chip.crossing(unit as usize);
        let load = &mut self.loads[unit as usize];
        // no branch that depends on whether the link is free, which nobody can foresee
        let (mut free, mut waited) = (0, 0);
        // packets that wait, and when the first of them goes on; those that have gone on since are taken out when it matters
        let (mut waiting, mut goes_on) = (0, 0);
        for packet in packets {
            let comes = packet.time() + late;
            let asks = (comes - 1) | 1;
            let idle = comes > free;
            let start = asks.max(free);
            waited += start - asks;
            free = start + crossing;
            waiting = select_unpredictable(idle, 0, waiting + 1);
            goes_on = select_unpredictable(idle, free, goes_on);
            if waiting > load.deepest {
                while goes_on < comes {
                    (goes_on, waiting) = (goes_on + crossing, waiting - 1);
                }
                load.deepest = load.deepest.max(waiting);
            }
            let tag = packet.tag();
            ways.go_on(tags, out, free, tag, tags.next(tag));
        }
        load.packets += packets.len() as u64;
        load.waited += waited / 2;
        out.swap_with_slice(&mut streams[lanes]);
        fits::<P>(free)
    }

    /// All packets of a core: when its server is done, and which packet began the time that it has been busy since, and when.
    fn receive(&mut self, core: u32, head: u64) -> (u64, Option<u32>, u64) {
        let port = self.chip.layout.port_unit(core as usize) as usize;
        let crossing = self.chip.prices.delivery.time;
        let routes = self.routes;
        let Packets { tags, streams, merge, leaves, brings, .. } = &mut *self.packets;
        let tags = *tags;
        let from_all = routes.into(port).into_iter().flatten().copied();
        let Merged { packets, .. } = merge.all(streams, from_all, std::iter::empty());
        if leaves.len() < packets.len() {
            leaves.resize(packets.len(), 0);
        }
        let leaves = &mut leaves[..packets.len()];
        let load = &mut self.loads[port];
        let (mut crossed, mut waited, mut queued) = (0, 0, 0);
        let (mut free, mut busy, mut since) = (head, u64::from(head > 0), (u32::MAX, 0));
        for (index, packet) in packets.iter().enumerate() {
            let (asks, tag) = (packet.time() >> 1, packet.tag());
            let start = asks.max(crossed);
            waited += start - asks;
            crossed = start + crossing;
            let number = tags.number(tag);
            let idle = crossed >= free + busy;
            // what is taken at once no other that comes at this time sees
            leaves[index] = select_unpredictable(idle, 2 * crossed, 2 * free + 1);
            queued = select_unpredictable(idle, index, queued);
            since = (select_unpredictable(idle, number, since.0), select_unpredictable(idle, crossed, since.1));
            if index + 1 - queued > load.deepest as usize {
                while leaves[queued] <= 2 * crossed && queued < index {
                    queued += 1;
                }
                load.deepest = load.deepest.max((index + 1 - queued) as u32);
            }
            free = crossed.max(free) + routes.service(brings[number as usize], tags.next(tag));
            busy = 1;
        }
        load.packets += packets.len() as u64;
        load.waited += waited;
        (free, (since.0 != u32::MAX).then_some(since.0), since.1)
    }
}

/// Whether packets can say a time, and half a picosecond more. Times of what one unit sends only grow: the last one tells of all.
fn fits<P: Packet>(time: u64) -> Result<(), TooNarrow> {
    if time < u64::MAX >> (u64::BITS - P::BITS) { Ok(()) } else { Err(TooNarrow) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::unlimited;
    use super::super::{Emission, slow};
    use super::*;
    use crate::{Clock, Schedule};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever makes a tick too much for narrow packets, it is done as `slow` does it, as are the ticks before and behind it, and no load counts twice.
        #[test]
        fn a_tick_too_much_changes_nothing((graph, mapping, chip, _) in unlimited(1), too_long: bool) {
            let clock = Clock::new(&graph, &mapping, &chip, Schedule::stepped(&graph)).unwrap();
            let Clock { layout, prices, .. } = &clock;
            let chip = Chip { layout, prices };
            let Some(mut flow) = Flow::new(chip) else { return Ok(()) };
            // by every axon a packet
            let mut works = vec![vec![CoreWork::default(); layout.cores.len()]; 3];
            for (axon, row) in (0..).zip(&layout.axons) {
                for (tick, work) in works.iter_mut().enumerate() {
                    let before = if too_long && tick == 1 { 1 << 31 } else { 7 };
                    work[row.sender as usize].emissions.push(Emission { before, axon, neuron: 0 });
                }
            }
            let packets = layout.axons.len() as u64;
            prop_assume!(packets > 1);
            let mut sums = flow.loads.clone();
            for (tick, work) in works.iter().enumerate() {
                if tick == 1 && !too_long {
                    let narrow = flow.narrow.as_mut().unwrap();
                    narrow.tags = narrow.tags.at_most(packets - 1);
                }
                let (outcome, loads, _) = slow::tick(chip, work);
                prop_assert_eq!(flow.tick(work), outcome);
                for (sum, load) in sums.iter_mut().zip(loads) {
                    *sum = UnitLoad { packets: sum.packets + load.packets, waited: sum.waited + load.waited, deepest: sum.deepest.max(load.deepest) };
                }
                prop_assert_eq!(&flow.loads, &sums);
                prop_assert_eq!((flow.narrow.is_some(), flow.wide.is_some()), (tick == 0, tick > 0));
            }
        }
    }
}
