//! The program `fsvae-sim`: a compiled network draws images, spike by spike.
//!
//! ```text
//!   model.lif --> LifGraph --> Engine (lif-sim) --- image 0, 1, 2, ... on all processors ---+
//!                                                                                           |
//!        pixels of each image <------------------ in the order of the images ---------------+
//!        spikes of each image          |                                                    |
//!                                      v                                                    v
//!        images.png        events.csv or events.npz                      Summary: counts, fingerprint
//! ```
//!
//! With `--arithmetic TARGET` lif-sim's tick-level simulator stands in for the engine.
//!
//! Image `j` of seed `s` is the same whatever is drawn beside it, on every machine and at any number of threads: the network has
//! only integers, and its random picks are addressed by (seed, image, step, channel). So the files are the same bytes, too, and the
//! [`fingerprint`] proves it from one line to the next.
//!
//! `reconstruct` does the same with a network that takes images: image `j` of a file goes in, and comes out again.
//!
//! `profile` and `generate --target` draw the same images through a chip: the network is mapped onto its cores (lif-map), and the spikes of
//! each image are followed as packets (lif-time).
//!
//! What a run holds in memory is bounded by the picture; events go to the disk while they are made. Every path is tried before the
//! first image is drawn, and no file appears unless all of it has been written. More images than one picture holds go to shards (`shards`), one
//! after the other, or machine beside machine.

mod arithmetic;
mod cli;
mod error;
mod events;
pub mod fingerprint;
mod generate;
mod interrupt;
mod model;
mod npy;
mod originals;
mod outside;
mod plan;
mod profile;
mod reconstruct;
mod shards;
mod shipped;
mod speed;
mod stream;
mod summary;
mod trace;

pub use cli::main;
pub use error::Error;
