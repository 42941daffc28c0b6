//! Packets as messages, from a neuron to a core: who spoke to whom, over how many hops, and where the time went.
//!
//! ```text
//!   begin          ready        left                   arrived        taken             done
//!     |--generation--|--blocking--|-------network--------|---queue------|---processing----|
//!       neurons,       the first    hops, and waiting      other packets  axon in, synapses
//!       axon out       link is full for links and port     of the core
//! ```
//!
//! The engine tells what happens at each unit. Packets of one axon to one core take the same way and keep their order there, and a core
//! takes packets in the order in which they come through its port; so the ends are joined when the tick is over.

use crate::clock::WatchTicks;
use crate::engine::{Outcome, Sent, Watch};
use crate::layout::{Child, Layout};
use std::collections::{BTreeMap, VecDeque};

/// One packet to one core, in one tick; times are picoseconds from the tick's begin. A multicast packet is a message for each core that
/// it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// From 0.
    pub tick: u32,
    /// Its sender's end.
    pub sent: Sent,
    /// The core that it reached.
    pub to: u32,
    /// Links on its way.
    pub hops: u32,
    /// What these take if nobody else is there.
    pub shortest: u64,
    /// Synapses that it reached there.
    pub synapses: u32,
    /// When it left. A multicast packet counts as gone with its last copy; for a copy that arrived too early for that, the latest time at which it can
    /// have left.
    pub left: u64,
    /// When it was through the core's port.
    pub arrived: u64,
    /// When the core began with it.
    pub taken: u64,
    /// When its synapses were done.
    pub done: u64,
}

/// Keeps all messages of an image.
#[derive(Clone, Debug)]
pub struct Messages<'l> {
    layout: &'l Layout,
    /// By tick, and there by sender, in the order in which they left.
    pub messages: Vec<Message>,
    tick: u32,
    sent: Vec<Sent>,
    /// By core: when packets came through its port.
    arrived: Vec<VecDeque<u64>>,
    /// By core, packets that it worked on: axon, begin, end.
    served: Vec<Vec<(u32, u64, u64)>>,
}

/// The way to one core.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    hops: u32,
    shortest: u64,
}

impl<'l> Messages<'l> {
    /// None yet.
    pub fn new(layout: &'l Layout) -> Self {
        let cores = layout.cores.len();
        let (arrived, served) = (vec![VecDeque::new(); cores], vec![Vec::new(); cores]);
        Self { layout, messages: Vec::new(), tick: 0, sent: Vec::new(), arrived, served }
    }

    /// Whether a message comes from a select stage's gates, which no population has.
    pub fn from_gate(&self, message: &Message) -> bool {
        self.layout.cores[message.sent.core as usize].gate_axon == Some(message.sent.axon)
    }

    /// The ways of an axon, by number of the arrival.
    fn ways(&self, axon: u32) -> Vec<Way> {
        let Layout { axons, nodes, children, links, cores, .. } = self.layout;
        let row = axons[axon as usize];
        let mut ways = vec![Way::default(); row.reached as usize];
        let mut open = vec![(row.root, Way::default())];
        while let Some((node, way)) = open.pop() {
            let [first, end] = nodes[node as usize];
            for &Child { unit, next } in &children[first as usize..end as usize] {
                match links.get(unit as usize - cores.len()) {
                    Some(link) => open.push((next, Way { hops: way.hops + 1, shortest: way.shortest + link.hop.time })),
                    None => ways[next as usize] = way,
                }
            }
        }
        ways
    }
}

impl Watch for Messages<'_> {
    fn crossed(&mut self, unit: u32, _: u32, _: u64, end: u64) {
        if let Some(core) = unit.checked_sub(self.layout.port_unit(0)) {
            self.arrived[core as usize].push_back(end);
        }
    }

    fn served(&mut self, core: u32, axon: u32, begin: u64, end: u64) {
        // spikes from outside the system are no packets
        if axon != u32::MAX {
            self.served[core as usize].push((axon, begin, end));
        }
    }

    fn sent(&mut self, packet: Sent) {
        self.sent.push(packet);
    }
}

impl WatchTicks for Messages<'_> {
    fn begins(&mut self, tick: u32, _: u64) {
        self.tick = tick;
    }

    fn ended(&mut self, _: u32, _: &Outcome, _: u64) {
        let mut ends: BTreeMap<(u32, u32), VecDeque<[u64; 3]>> = BTreeMap::new();
        for (core, (arrived, served)) in (0..).zip(self.arrived.iter_mut().zip(&mut self.served)) {
            for ((axon, begin, end), arrived) in served.drain(..).zip(arrived.drain(..)) {
                ends.entry((axon, core)).or_default().push_back([arrived, begin, end]);
            }
        }
        let mut sent = std::mem::take(&mut self.sent);
        sent.sort_by_key(|packet| packet.core); // stable: those of a core stay in order
        let mut known: BTreeMap<u32, Vec<Way>> = BTreeMap::new();
        for packet in sent.drain(..) {
            let row = self.layout.axons[packet.axon as usize];
            let ways = known.entry(packet.axon).or_insert_with(|| self.ways(packet.axon));
            for (arrival, &Way { hops, shortest }) in (row.arrivals..).zip(&*ways) {
                let arrival = self.layout.arrivals[arrival as usize];
                let end = ends.get_mut(&(packet.axon, arrival.core)).and_then(VecDeque::pop_front);
                let [arrived, taken, done] = end.expect("a tick ends when every packet has arrived");
                self.messages.push(Message {
                    tick: self.tick,
                    sent: packet,
                    to: arrival.core,
                    hops,
                    shortest,
                    synapses: arrival.synapses + arrival.convolution,
                    left: packet.left.min(arrived - shortest),
                    arrived,
                    taken,
                    done,
                });
            }
        }
        self.sent = sent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::mapped;
    use crate::workload::Counts;
    use crate::{Clock, Schedule};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_are_what_the_profile_counts((graph, mapping, chip, spikes) in mapped()) {
            let clock = Clock::new(&graph, &mapping, &chip, Schedule::stepped(&graph)).unwrap();
            let (mut totals, mut messages) = (clock.totals(), Messages::new(&clock.layout));
            // packets that wait for each other in a circle are an error, and no messages
            let finished = clock.run(&mut clock.state(), &spikes, &mut totals, &mut messages);
            prop_assume!(finished.is_ok());
            let of = |what: fn(&Message) -> u64| messages.messages.iter().map(what).sum::<u64>();
            let counts = |what: fn(&Counts) -> u64| totals.counts.iter().flatten().map(what).sum::<u64>();
            // the random picks come from outside
            let channels = clock.layout.cores.iter().filter(|core| core.ways.is_some()).map(|core| core.region.channels);
            let picks = channels.map(|[first, end]| u64::from(end - first)).sum::<u64>() * u64::from(graph.steps);
            prop_assert_eq!(messages.messages.len() as u64 + picks, counts(|counts| counts.received));
            prop_assert_eq!(of(|message| message.synapses.into()) + picks, counts(|counts| counts.synapses + counts.convolution));
            let hops = clock.profile(&totals).unwrap().hops;
            // a multicast packet shares its first links
            prop_assert!(of(|message| message.hops.into()) == hops || mapping.chip == "spinnaker1" && of(|message| message.hops.into()) > hops);
            for message in &messages.messages {
                let Message { sent, left, shortest, arrived, taken, done, .. } = *message;
                prop_assert!(sent.begin <= sent.ready && sent.ready <= left && left <= sent.left, "{:?}", message);
                prop_assert!(left + shortest <= arrived && arrived <= taken && taken <= done, "{:?}", message);
                prop_assert!(left == sent.left || mapping.chip == "spinnaker1", "{:?}", message);
            }
        }
    }
}
