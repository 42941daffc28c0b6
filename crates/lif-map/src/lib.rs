//! Maps integer LIF graphs onto the cores of neuromorphic chips: which core holds which neurons, and which way their spikes take.
//!
//! ```text
//!   LifGraph, Chip --partition--> slices --traffic--> edges --place--> a core for each slice --route--> Mapping
//!                    every rule           spikes from              spikes times hops          links, keys,
//!                    of a core kept       slice to slice           as few as can be           routing tables
//! ```
//!
//! 1. [`partition()`] cuts every population into boxes of channels, rows and columns, as few as keep all limits of a core
//!    ([`rules`]): neurons, synapse memory with the chip's packing, axons in and out, profiles. A slice has a core of its own. [`Filling::Spread`] takes more
//!    of them, those that the chips have anyhow.
//! 2. [`traffic()`] counts the spikes between slices, from measured [`Rates`] or as if every neuron always fired.
//! 3. [`place`] gives every slice a core of the smallest system of chips that has enough ([`Machine`]): along a space-filling curve, then
//!    annealed.
//! 4. [`route`] follows the spikes: row by row and column by column on a mesh, by multicast trees with compressed routing tables on SpiNNaker.
//!
//! ```text
//!      decoder.0, 128x4x4          cut along channels and rows       placed
//!      +-------------+              +------+------+
//!      |             |              | 0    | 1    |                  . 0 1 .
//!      |             |   ------->   +------+------+   ------->       . 2 3 .
//!      |             |              | 2    | 3    |                  . . . .
//!      +-------------+              +------+------+
//! ```
//!
//! [`map()`] does all of it. *When* each population has its turn is another table, the [`schedule`](mod@schedule). Each step is a pure function of what stands before it, and integers only. Nothing here depends on the
//! value of a weight: the same structure gives the same slices. What cannot be is an error that names every broken rule with figure,
//! limit and remedy ([`MapError`], codes E110 to E118 and E140 to E144).

mod load;
mod machine;
mod mapping;
mod partition;
pub mod place;
mod rates;
mod region;
pub mod route;
pub mod rules;
pub mod schedule;
mod synapses;
mod traffic;
mod wire;

pub use load::{Load, Loads};
pub use machine::{Direction, Machine, Router, Topology};
pub use mapping::{CompleteTable, Filling, Hops, Limit, Mapping, PlacedSlice, RatesUsed, RoutingTable, System, map, map_filling};
pub use partition::{Partition, Slice, partition};
pub use rates::{MAX_STEPS, Rates};
pub use region::{Division, Region};
pub use rules::MapError;
pub use schedule::{Mode, Schedule};
pub use synapses::{synapse, synapses};
pub use traffic::{Edge, traffic};
pub use wire::{FanIn, Wire};
