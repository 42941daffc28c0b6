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
//! [`loihi`] lowers to the processes of Lava (lava-nc 0.10.0): `LIF`, `LIFReset`, `Dense`, `Sparse`, `RingBuffer`, and one that is not
//! in Lava's library, `PhasedLIF`, which is `LIF` that updates only at its tick of a step and holds its membrane at all others. When each
//! process has its turn is [`lif_map`]'s schedule: `phased` for Loihi 2, `substep` for Loihi 1, or `buffered` for both.

mod backend;
mod error;
pub mod json;
pub mod loihi;
mod npz;

pub use backend::{Backend, NetlistFile, backend};
pub use error::{Misfit, NetlistError};
