//! Netlists: an integer LIF graph in the words of a chip family's own tools.
//!
//! ```text
//!                     +-- check: every rule of the chip that the graph breaks, at once
//!   LifGraph, Chip ---+
//!                     +-- emit:  NetlistFile { name, bytes }, ...      loihi/: netlist.json, arrays.npz (Lava)
//! ```
//!
//! A back-end lives in a folder of its own and knows no other back-end. It only translates: weights, thresholds and biases are
//! already integers that exist on the chip (the compiler chose them so), and what a back-end adds is structure, such as the ticks at
//! which each population is updated. It writes bytes, not files; the same graph and chip give the same bytes.
//!
//! # Loihi
//!
//! [`loihi`] lowers to the processes of Lava (lava-nc 0.10.0): `LIF`, `Dense`, `Sparse`, `RingBuffer`, and one that is not in Lava's
//! library, `PhasedLIF`. Every synapse of Lava costs one tick, so one model step of a recurrent graph takes several ticks:
//!
//! ```text
//!              tick 1      2        3             4             5             6                7        ticks_per_step = 5
//!   step 0   prior.0 -> prior.1 -> prior.2 -> select.gate -> select -----> decoder.input -> decoder.0 -> ...
//!                                     select.picks --^         |
//!   step 1                                                     +---------> prior.0 -> ...
//! ```
//!
//! A membrane must leak once a model step, not once a tick. `PhasedLIF` is `LIF` that updates only at the ticks `first_tick`,
//! `first_tick + ticks_per_step`, and so on; at all others it holds its membrane and sends nothing.

mod backend;
mod error;
pub mod json;
pub mod loihi;
mod npz;
pub mod sanafe;

pub use backend::{Backend, NetlistFile, backend};
pub use error::{Misfit, NetlistError};
