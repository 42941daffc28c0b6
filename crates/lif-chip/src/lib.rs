//! Neuromorphic chips as data: what a compiler must know of a chip, read from a TOML file and nothing else.
//!
//! ```text
//!   targets/<family>/<chip>.toml --Chip::from_toml--> Chip --+--> quantise: which integers exist
//!                                                            +--> lif-netlist: which limits to check
//!                                                            +--> lif-map:     how many cores, what one holds, how they are linked, how they keep time
//!                                                            +--> lif-time:    what everything takes, in time and energy
//! ```
//!
//! A chip here is a set of integer widths and counts. The arithmetic they describe is one for all chips, the one of
//! the crate `lif-graph`: `v = decay(v) + (sum of weights << shift) + bias`, spike when `v > threshold`, then `v = 0`. A
//! chip only says how wide each of these is, in which steps it exists, whether neurons share it, and how it rounds. A chip that fires at its threshold,
//! not above it, has a threshold one higher ([`Fires`]); what overflow does ([`Overflow`]) it may say, but no compiled graph ever gets there.
//!
//! Every figure in a chip file stands beside a comment with its unit and source; unknown keys are refused, so a misspelt figure
//! cannot pass unseen. The files of [`CATALOGUE`] are part of the binary.

mod catalogue;
mod chip;
mod costs;
mod error;
mod grid;
mod memory;
mod ticks;

pub use catalogue::{CATALOGUE, catalogue, find};
pub use chip::{BiasFormat, Chip, Cores, DecayFormat, Fires, MembraneFormat, Overflow, Rounding, Sharing, SynapseFormat, ThresholdFormat};
pub use costs::{Barrier, Between, Cost, Costs, Femtojoules, Picoseconds, Power, Processor};
pub use error::ChipError;
pub use grid::{Hexagonal, Mesh};
pub use memory::{AxonBlocks, Memory, Rows, SharedBy};
pub use ticks::Ticks;
