//! The FSVAE as a trainable model, in [burn](https://burn.dev).
//!
//! ```text
//!   images            Network (network.rs, layer.rs)                              what each layer does (ops)
//!     |                                                                           [steps * batch, height, width, channels]
//!     v                                                                              |  convolution of spikes
//!   encoder --x^E--> posterior --q--> pick 1 of k --z--> decoder --> read-out        |  channel statistics
//!                        ^                 |                            |            v  tdBN + LIF over all steps, one op
//!                        +---- z_<t -------+--> prior --p          tanh |         spikes
//!                             (latent.rs)             |                 v
//!                                      distance(q, p) + mean squared error (loss.rs) --> Trainer (trainer.rs): AdamW, checkpoints
//! ```
//!
//! burn carries the tensors, the automatic differentiation and AdamW. On the CPU the layers run on this crate's own kernels
//! ([`kernels`], made known to burn in [`ops`]): inputs are spikes, so a convolution is a product of lists of spikes with a matrix, summed
//! in registers; neurons fire straight into the layer that listens to them, image by image, so that spikes are never stored, and the
//! backward pass computes them again. [`plain`] states the same operations in burn's own vocabulary: it is the oracle of the kernels,
//! and what runs on every other of burn's back-ends.
//!
//! Rows are time-major and channels come last everywhere inside; [`images`] is the door for those who bring pixels as numbers.
//!
//! Whatever is random is given in ([`Draws`]); a step is a function of its arguments, with the same bits on any number of threads.

pub mod counting;
pub mod images;
pub mod kernels;
pub mod latent;
pub mod layer;
pub mod loss;
pub mod network;
pub mod neuron;
pub mod ops;
pub mod pass;
pub mod plain;
pub mod snapshot;
pub mod trainer;

pub use counting::{LayerSpikes, SpikeCounts};
pub use images::{device, uniform_picks};
pub use latent::{Draws, PickGradient, Picks, RollOut};
pub use loss::PriorLoss;
pub use neuron::{Neuron, Phase, Precision, Surrogate};
pub use pass::{Model, Pass};
pub use trainer::{Learn, Recipe, StepLosses, Trainer};
