//! Netlists: an integer LIF graph in the words of a chip family's own tools.
//!
//! ```text
//!                     +-- check: every rule of the chip that the graph breaks, at once
//!   LifGraph, Chip ---+
//!                     +-- emit:  NetlistFile { name, bytes }, ...      loihi/:     netlist.json, arrays.npz (Lava)
//!                                                                      spinnaker/: netlist.json, placements.json, ... (sPyNNaker, NEST)
//!                                                                      sanafe/:    architecture and network in YAML (SANA-FE)
//! ```
//!
//! A back-end lives in a folder of its own and knows no other back-end. It only translates: weights, thresholds and biases are
//! already integers that exist on the chip (the compiler chose them so), and what a back-end adds is structure, such as the ticks at
//! which each population is updated. It writes bytes, not files; the same graph and chip give the same bytes.
//!
//! # Loihi
//!
//! [`loihi`] lowers to the processes of Lava (lava-nc 0.10.0): `LIF`, `LIFReset`, `Dense`, `Sparse`, `RingBuffer`, and one that is not
//! in Lava's library, `PhasedLIF`, which is `LIF` that updates only at its tick of a step and holds its membrane at all others. When each
//! process has its turn is [`lif_map`]'s schedule: `phased` for Loihi 2, `substep` for Loihi 1, or `buffered` for both.
//!
//! # SpiNNaker
//!
//! [`spinnaker`] lowers to the stock neuron of sPyNNaker (1!7.4.1), `IF_curr_delta`, whose membrane leaks at every tick. One tick
//! is exactly a step whose decay is 1/2, 3/4, 7/8 or 15/16, two are a step whose decay is 1/4. Here placements, keys and routing tables are part of the netlist.
//!
//! ```text
//!              tick 1      2                3                4                                         one tick a step, each layer a tick
//!   step 0   select ---> decoder.input -> decoder.0 ------> decoder.1 -> ...                           later than the one before it
//!   step 1               select --------> decoder.input --> decoder.0 -> ...
//! ```
//!
//! # SANA-FE
//!
//! [`sanafe`] writes architecture, network and mapping for that simulator, which takes the graph's neurons as they are.

mod backend;
mod error;
pub mod json;
pub mod loihi;
mod npz;
pub mod sanafe;
pub mod spinnaker;

pub use backend::{Backend, NetlistFile, backend};
pub use error::{Misfit, NetlistError};
