//! Time and energy of a mapped LIF graph on a neuromorphic chip, event by event, in whole picoseconds and femtojoules.
//!
//! The spikes are those of the functional engine: this crate does not decide who fires, it says when that is over and what it took.
//!
//! ```text
//!   LifGraph, Mapping, Chip (costs), Schedule --Clock::new--> layout: cores, links, ways
//!                                                                |
//!   recorded spikes of an image --> workload: what each core     |        per core                         between cores
//!                                   has to do in a tick, counts  |
//!                                        |                       v        axon in, synapses  (server)      port
//!                                        +------> engine: a tick, packet by packet    |                      ^
//!                                                        |                            v next tick            |
//!                                                        v                neurons, axon out  (sender) --> links, routers
//!                                 Totals --> Profile: by tick, core, population, stage, link
//! ```
//!
//! # What is modelled
//! - In a tick every core updates its neurons, one after the other, and sends; meanwhile it takes in what comes, which counts in the next tick. Its two
//!   halves do not wait for each other. The tick ends when all cores are done and the barrier has told all of them, or when the timer says so.
//! - A link carries one packet at a time; a packet goes on when the buffer behind the next link has room, and otherwise everything behind it
//!   waits, up to the neurons of the core that sends ([`engine`] has the rules). Where the chip file does not say how much room there is, no
//!   sender waits; a tick whose links take time and have an order then needs no events, if nobody watches ([`engine::flow`]).
//! - Routes are those of the mapping: row first on a mesh, multicast trees on a hexagonal grid.
//! - Energies are counts times prices. What the chip file does not say counts nothing and is named in [`Profile::not_counted`].
//!
//! Everything is an integer and ordered by (time, number of the unit), so the result is the same on every machine and at any number of threads.
//!
//! # What is not
//! Learning, the host, loading, multiplexed off-chip links (a hop is a hop), voltage and temperature. On processors (SpiNNaker) neurons and packets
//! share one core's time: they are added for overruns, but do not interrupt each other.

pub mod clock;
pub mod engine;
mod error;
mod idle;
pub mod layout;
pub mod messages;
pub mod prices;
pub mod profile;
pub mod replay;
pub mod schedule;
mod wheel;
pub mod workload;

pub use clock::{Clock, State, WatchTicks};
pub use engine::Watch;
pub use error::TimeError;
pub use idle::idle;
pub use messages::{Message, Messages};
pub use profile::{Profile, Totals};
pub use schedule::{Cadence, Schedule};

/// One spike of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spike {
    /// From 0.
    pub step: u32,
    /// Whose.
    pub population: lif_graph::PopulationId,
    /// (channel * height + y) * width + x.
    pub neuron: u32,
}
