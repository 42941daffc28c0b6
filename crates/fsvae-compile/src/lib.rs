//! Compiles a trained FSVAE to an integer LIF graph, and for a chip to its netlist.
//!
//! ```text
//!   model.mpk, .pth, .safetensors (Checkpoint; see [`input`])
//!      |  import     the network that draws, or the one that reconstructs, as trained  Network<FloatLayer>
//!      |  fold       tdBN into weights and bias                                        Network<FoldedLayer>
//!      |  calibrate  what inputs do, which fire together, and while units are near V_th Calibration
//!      |  quantise   8-bit weights, integer thresholds, biases and decays of the chip  Network<IntegerLayer>
//!      |  lower      populations and projections, all rules checked                    LifGraph
//!      |-- schedule  the ticks of every population; what each schedule costs           Schedule
//!      |-- map       slices on cores, links, routing tables, from measured spikes      Mapping
//!      v  emit       model.lif, and the files of the chip's back-end                   bytes
//!
//!   network.nir      another spiking network goes its own, shorter way: see [`feedforward`]
//!   verify           the graph against the float network, layer by layer: how many spikes are the same?
//! ```
//!
//! Each step is a pure function in the file of its name, and each takes only what the step before it gives, so they cannot be called in
//! the wrong order; [`pipeline`] calls them all. The same checkpoint and chip give the same bytes on every machine and with any number of
//! threads: floats are added in a fixed order, nothing that differs between mathematical libraries (`exp`, `ln`, `tanh`) decides
//! about an integer, and from `quantise` on there are only integers.
//!
//! Why it works: a LIF neuron that resets to zero fires the same spikes when its weights, bias and threshold are all multiplied by
//! one number. So weights may be scaled into 8 bits, and what is lost is rounding alone (see [the module](mod@quantise)).

mod bits;
mod coincidences;
mod emit;
mod error;
mod events;
pub mod feedforward;
mod float;
mod fold;
mod free_run;
mod import;
pub mod input;
mod lower;
mod map;
mod near_threshold;
mod network;
pub mod pipeline;
mod pixels;
pub mod quantise;
pub mod rates;
pub mod schedules;
mod verify;

pub use emit::emit;
pub use error::CompileError;
pub use float::{FloatEngine, Given, LayerStep, Replaced, in_range, pixel};
pub use fold::{FoldedLayer, fold};
pub use free_run::{FreeRun, free_run, reference};
pub use import::{FloatLayer, Norm, import};
pub use lower::lower;
pub use map::{map, map_with, spike_counts};
pub use network::{Hears, Network, PRIOR_LAYERS, Part, Purpose, Wiring, wiring};
pub use pipeline::{Compiled, Options, Step, compile, compile_with};
pub use pixels::{boundaries, byte, pixel_table};
pub use quantise::{IntegerLayer, Scales, quantise};
pub use rates::{Calibration, calibrate};
pub use verify::{DEMANDED_AGREEMENT, LayerAgreement, PixelAgreement, Verification, verify, verify_picking, verify_with};
