//! The FSVAE's configuration and its checkpoint: everything that training leaves behind in one file, and all that compiling needs.
//!
//! ```text
//!   model.mpk = MessagePack map                                        body = MessagePack map
//!   +--------------------------------+                                 +-------------------------------------------+
//!   | "format":  "fsvae-checkpoint"  |                                 | "config":   {image_size, channels, ...}   |
//!   | "version": 1                   |                                 | "training": {dataset, seed, scores, ...}  |
//!   | "sha256":  32 bytes -----------|--- checksum of -+               | "tensors":  [{name, shape, dtype, data}]  |
//!   | "body":    bytes --------------|-----------------+-------------->|               dtype f32 | f16             |
//!   +--------------------------------+                                 |               data little-endian, C order |
//!                                                                      +-------------------------------------------+
//! ```
//!
//! The file describes itself: any MessagePack library opens it without this crate (in Python:
//! `msgpack.unpackb(msgpack.unpackb(open("model.mpk", "rb").read())["body"])`). Only the order of the first key is fixed, so
//! that the first bytes tell what the file is.
//!
//! A file is material from strangers. [`Checkpoint::from_bytes`] answers for its form: anything that is not exactly one complete,
//! undamaged checkpoint is one [`CheckpointError`], and no length in the file is trusted for an allocation. [`Checkpoint::check`]
//! answers for its meaning: the numbers are sane and the tensors are those that the configuration demands. After both, a
//! reader may index without fear.
//!
//! Networks without spikes, which the FSVAE is compared with, have the same file with another `"format"` ([`Kind`]): one kind is never taken
//! for the other.
//!
//! The crate is pure: bytes in, bytes out. It knows tensors by their names in the original program (`encoder.0.bn.weight`):
//! [`expected_tensors`] is the list, shared by the model and the compiler. That program's own files are read by [`original`].

mod ann;
mod check;
mod checkpoint;
mod config;
mod error;
mod expected;
mod file;
mod kind;
pub mod original;
mod tensor;

pub use ann::AnnConfig;
pub use checkpoint::{AnnCheckpoint, Checkpoint, CheckpointOf, TRAINING_STATE_PREFIX, TrainingRecord};
pub use config::*;
pub use error::CheckpointError;
pub use expected::expected_tensors;
pub use file::{FORMAT, MAX_RANK, MAX_TENSORS, VERSION};
pub use kind::{Kind, format_of};
pub use tensor::{NamedTensor, TensorValues};
