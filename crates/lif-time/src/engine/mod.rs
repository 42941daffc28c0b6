//! One tick of the chip, packet by packet.
//!
//! ```text
//!   sender --> link --[buffer]--> link --[buffer]--> port --[buffer]--> server
//!   neurons,     a hop, one           ...            into the core      axon in, synapses
//!   axon out     packet at a time
//! ```
//!
//! # Rules
//! 1. A sender makes its packets in order. While one waits for its first link, the core's neurons wait, too.
//! 2. A link or port carries one packet at a time. It takes the next one only if the buffer behind it has room; who came first, goes first.
//! 3. Only the first packet of a buffer can go on. A packet with several ways to go (multicast) leaves when all its copies are on their way.
//! 4. A server takes the first packet from its port's buffer, which so has room, and is busy for as long as the packet's synapses take.
//! 5. Things that happen at the same time happen in the order of the units' numbers: senders, links, ports, servers.
//! 6. Where the chip file does not say how much room there is behind a link, there is room for everything, and a packet waits only for its own next
//!    link: no sender waits, and no packet for the one before it in a buffer (rules 1 and 3 are for buffers that can be full).
//!
//! [`fast`] does it, event by event; [`flow`] does it without events where rule 6 holds, links take time and have an order, and nobody
//! watches; [`slow`] does the same as plainly as can be, and a property test holds them together.

pub mod fast;
pub mod flow;
mod merge;
mod packet;
mod routes;
pub mod slow;
#[cfg(test)]
pub(crate) mod tests;

use crate::layout::Layout;
use crate::prices::Prices;

/// What one core has to do in a tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreWork {
    /// Its packets, in order.
    pub emissions: Vec<Emission>,
    /// Picoseconds of neurons after the last packet.
    pub tail: u64,
    /// Picoseconds that its server is busy at first, with spikes from outside the system.
    pub head: u64,
}

/// A packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emission {
    /// Picoseconds of neurons and axon out before it.
    pub before: u64,
    /// Its axon.
    pub axon: u32,
    /// The neuron that fired; at a select stage's own axon the channel whose gate did.
    pub neuron: u32,
}

/// A packet that left; times are picoseconds from the tick's begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Who sent it.
    pub core: u32,
    /// By which axon.
    pub axon: u32,
    /// For which neuron, as in [`Emission::neuron`].
    pub neuron: u32,
    /// When the core had begun to work on it.
    pub begin: u64,
    /// When it was ready.
    pub ready: u64,
    /// When it left: later, where it had to wait for room.
    pub left: u64,
}

/// What a tick came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// When the last unit was done, in picoseconds from the tick's begin.
    pub end: u64,
    /// Why then.
    pub critical: Critical,
    /// Packets that never arrived: they wait for each other in a circle.
    pub stuck: u64,
}

/// What the tick's end waited for: a core that sent, a packet's travel, a core that was busy from its arrival on.
///
/// `sent <= arrived <= end`. Where the last to be done was a sender, all three are the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Critical {
    /// The core that made the packet after which the last core was always busy.
    pub sender: u32,
    /// When the packet left.
    pub sent: u64,
    /// When the last core took it in.
    pub arrived: u64,
    /// The core that was done last.
    pub core: u32,
}

/// Of a link or port, over all ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitLoad {
    /// That crossed.
    pub packets: u64,
    /// Picoseconds that packets waited for it in sum.
    pub waited: u64,
    /// Packets behind it at most; of links without limit (rule 6) packets that waited for it at most.
    pub deepest: u32,
}

/// Sees what happens; the default sees nothing and costs nothing.
pub trait Watch {
    /// Whether it looks at packets at all; if not, a tick need not be run event by event.
    const LOOKS: bool = true;
    /// A packet of an axon crosses a link or port in this time.
    fn crossed(&mut self, _unit: u32, _axon: u32, _begin: u64, _end: u64) {}
    /// A core's server works on a packet in this time.
    fn served(&mut self, _core: u32, _axon: u32, _begin: u64, _end: u64) {}
    /// A packet left.
    fn sent(&mut self, _packet: Sent) {}
}

impl Watch for () {
    const LOOKS: bool = false;
}

/// What all engines know of the chip.
#[derive(Clone, Copy)]
pub struct Chip<'a> {
    /// The mapped graph.
    pub layout: &'a Layout,
    /// What everything takes.
    pub prices: &'a Prices,
}

impl Chip<'_> {
    /// Rule 6.
    fn unlimited(&self) -> bool {
        self.prices.link_buffer == u32::MAX
    }

    /// How long a packet crosses a link or port.
    fn crossing(&self, unit: usize) -> u64 {
        let cores = self.layout.cores.len();
        match self.layout.links.get(unit.wrapping_sub(cores)) {
            Some(link) => link.hop.time,
            None => self.prices.delivery.time,
        }
    }
}
