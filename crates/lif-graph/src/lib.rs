//! Integer LIF graphs: the data that everything else reads and writes.
//!
//! A spiking network, once its weights are integers, is a small thing: groups of neurons that share a model (*populations*) and
//! synapses between two groups (*projections*). A [`LifGraph`] is exactly these two tables, as public structs. There are no floats
//! in it and no order to guess: what a graph means is written down once, in the [`interpreter`], and every engine, chip and netlist
//! has to give the same spikes and the same membranes, bit by bit.
//!
//! ```text
//!   populations                                    projections
//!   id  name      shape     model                  id  name            source -> target  delay  connectivity
//!    0  prior     256x1x1   Lif                     0  select->prior        1 -> 0         1    Dense
//!    1  select    128x1x1   Select, 2 ways          1  prior->select        0 -> 1         0    Pick
//!    2  decoder   32x4x4    Lif                     2  select->decoder      1 -> 2         0    Dense
//!    3  readout   1x8x8     Readout                 3  decoder->readout     2 -> 3         0    ConvTranspose2d
//!
//!        +--------- delay 1 ---------+
//!        v                           |
//!     [prior] --2 ways of each--> [select] ---> [decoder] ---> [readout] ---> 8x8 bytes
//! ```
//!
//! # Time
//! An image takes [`steps`](LifGraph::steps) model steps (ticks of the chip, the paper's T). In a step each population is updated
//! once, in [`update_order`](LifGraph::update_order): sources before targets along projections of delay 0. A projection of delay 1
//! brings the spikes of the step before; without one, populations must not wait for each other in a circle.
//!
//! # Neurons
//! - [`Lif`](NeuronModel::Lif): `v = decay(v) + (input << input_shift) + bias`; if `v > threshold` it spikes and `v = 0`.
//! - [`Select`](NeuronModel::Select): the autoregressive Bernoulli stage of the Fully Spiking VAE (Kamata et al., AAAI 2022): of each
//!   group of k neurons one, picked at random, is copied. The random numbers are addressed by (seed, image, step, channel) and
//!   drawn by [`philox`], so that they do not depend on who draws, or when.
//! - [`Readout`](NeuronModel::Readout): a membrane that never fires; after the last step a table of 255 levels makes it a byte.
//! - [`Source`](NeuronModel::Source): spikes from outside.
//! - [`Draw`](NeuronModel::Draw): one neuron of many, drawn once an image, fires at every step: the component of a mixture.
//!
//! Neuron number of a population = `(channel * height + y) * width + x`.
//!
//! # From and to files
//! [`to_bytes`](LifGraph::to_bytes) and [`from_bytes`](LifGraph::from_bytes) are the `.lif` file: checksummed, and refused unless the
//! graph is well formed. [`to_text`](LifGraph::to_text) and [`from_text`](LifGraph::from_text) are for people and tests (see [`text`]).
//!
//! # What can be relied on
//! [`check`](LifGraph::check) proves the named [`rules`]: ids exist, lengths agree, sizes are bounded, and by
//! [`worst_cases`](LifGraph::worst_cases) no membrane ever leaves its width, so that overflow needs no meaning. What comes from
//! `from_bytes` has passed.

mod artifact;
mod bounded;
mod geometry;
mod graph;
mod ids;
pub mod interpreter;
mod order;
pub mod philox;
#[cfg(any(test, feature = "proptest"))]
pub mod random;
pub mod rules;
#[cfg(test)]
mod testing;
pub mod text;
mod worst_case;

pub use artifact::ArtifactError;
pub use graph::*;
pub use ids::*;
pub use interpreter::{Interpreter, Run, SpikeTrain};
pub use rules::{Violation, Violations};
pub use text::TextError;
pub use worst_case::{Span, WorstCase};
