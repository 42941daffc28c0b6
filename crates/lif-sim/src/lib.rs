//! Event-driven simulation of integer LIF graphs: which neurons fire in which step, and the picture that they draw.
//!
//! Work is done where spikes are: a spike adds the weights of its synapses to the sums of their targets, and then every neuron
//! leaks, integrates and perhaps fires.
//!
//! ```text
//!   LifGraph --Engine::new--> program: flat arrays, a spike's weights side by side; stages: loops, and what follows them
//!                                |
//!            seed, image ------> | draw:  for each stage, for 32 channels or a row of a population, for each step      (a loop: step by step)
//!            given spikes -----> |          gather    spikes of its sources x weights -> sums     (kernel)
//!                                |          fire      sums -> membranes -> bits of spikes         (kernel)
//!                                v
//!             Drawing: pixels, spikes, synaptic operations, membranes, events
//! ```
//!
//! The hot loops are written once and compiled for each instruction set ([`Kernel`]); which one runs changes no bit. Neurons whose spikes nobody
//! but select stages reads may be skipped where they are not picked ([`Record::skip_unread`]); that changes no other figure.
//!
//! The result is that of the reference interpreter in [`lif_graph`], spike by spike, membrane by membrane, and does not depend on the
//! number of threads: integers only, and picks addressed by (seed, image, step, channel).
//!
//! Many images are drawn by many threads, an image a thread ([`Workers`]); a single one by two, half the picture each, where that
//! leaves notably less to each and only pixels and counts are kept: what both halves need of the layers below is computed twice, so that neither waits
//! for the other.
//!
//! How a chip spreads the steps over ticks is simulated by [`ticks`].
//!
//! # Synaptic operations
//! One synaptic operation is one pair of a spike and a synapse that exists: one weight added to one target's sum. Taps of a
//! kernel that would fall outside the target (padding) are no synapses; a synapse of weight 0 counts; a pick has no weights and
//! costs none, nor do the currents of an image, which are computed once and outside. An operation counts in the step in which it is added, so a delayed projection does not count the last step's spikes.
//!
//! ```
//! use lif_graph::*;
//! use lif_sim::{Engine, GivenSpikes, Record};
//!
//! let graph = LifGraph {
//!     name: "two neurons".into(),
//!     steps: 2,
//!     populations: vec![
//!         Population { name: "in".into(), shape: Shape::flat(1), model: NeuronModel::Source },
//!         Population {
//!             name: "out".into(),
//!             shape: Shape::flat(1),
//!             model: NeuronModel::Lif {
//!                 membrane: Membrane {
//!                     decay: Decay { multiplier: 1, shift: 2, rounding: Rounding::TowardZero },
//!                     input_shift: 0,
//!                     bias: vec![0],
//!                     bits: 16,
//!                 },
//!                 threshold: vec![10],
//!             },
//!         },
//!     ],
//!     projections: vec![Projection {
//!         name: "in->out".into(),
//!         source: PopulationId(0),
//!         target: PopulationId(1),
//!         delay: 0,
//!         connectivity: Connectivity::Dense,
//!         weights: vec![9],
//!     }],
//! };
//! let engine = Engine::new(&graph)?;
//! let inputs = engine.inputs(&[GivenSpikes { population: PopulationId(0), neurons: vec![vec![0], vec![0]] }])?;
//! let drawing = engine.draw(&mut engine.state(), 1, 0, &inputs, Record { membranes: true, ..Record::default() });
//! assert_eq!(drawing.spikes, [2, 1]); // 9 stays below the threshold; 9 / 4 + 9 passes it
//! assert_eq!(drawing.synaptic_operations, [2]);
//! assert_eq!(drawing.membranes[1], [0]);
//! # Ok::<(), lif_sim::SimError>(())
//! ```

mod aligned;
mod batch;
mod currents;
mod drawing;
mod error;
mod functional;
mod kernel;
mod picks;
mod program;
mod spikes;
pub mod ticks;

pub use batch::{Batch, Workers};
pub use drawing::{Drawing, Event, GivenSpikes, Record};
pub use error::SimError;
pub use functional::{Engine, Inputs, State};
pub use kernel::Kernel;
pub use ticks::{TickEngine, TickView};
