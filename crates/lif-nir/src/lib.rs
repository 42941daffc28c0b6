//! Files of the Neuromorphic Intermediate Representation (NIR 1.0; Pedersen et al., Nature Communications 2024), in which snnTorch,
//! Norse, Sinabs and others exchange spiking networks.
//!
//! ```text
//!   network.nir = HDF5                                       NirGraph
//!     version              "1.0.8"                             nodes  0 input   Input   [1, 8, 8]
//!     node/type            "NIRGraph"         --read-->               1 conv    Conv2d  weight [4, 1, 3, 3] ...
//!     node/edges           (from, to) by name                         2 lif     Lif     tau, r, v_leak, v_threshold, v_reset
//!     node/nodes/conv/type "Conv2d"           <--write--              3 output  Output  [4, 4, 4]
//!     node/nodes/conv/weight, bias, ...                        edges  (0, 1) (1, 2) (2, 3)
//!                                                                  ^ export
//!                                                               LifGraph
//! ```
//!
//! A [`NirGraph`] is data: what a node means in time is NIR's differential equation, and how a compiler turns that into steps is the
//! compiler's affair. Nodes of kinds that nobody here needs keep their kind's name ([`Unit::Other`]), so that they can be refused by it.
//!
//! [`export()`] writes an integer graph down in NIR as far as NIR can say it.
//!
//! A file is material from strangers: HDF5 is decoded by the `hdf5-reader` crate with limits set, numbers are counted before they are
//! read, and edges must name nodes that exist.

mod error;
mod export;
mod graph;
mod read;
mod write;

pub use error::NirError;
pub use export::{TIME_STEP, export};
pub use graph::{Array, NirGraph, Node, Padding, Unit};
