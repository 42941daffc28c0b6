//! How good generated images are, by the measure of the FSVAE paper: the Frechet autoencoder distance (FAD).
//!
//! ```text
//!   5,120 images --Encoder--> latents [5120, 64] --Gaussian::fit--> mean, covariance --distance--> FAD
//!                                                   test set (shipped) mean, covariance --^
//! ```
//!
//! A fixed autoencoder's encoder maps images to 64 numbers each; a Gaussian is fitted to those of the generated images and to those of
//! the test set; FAD is the Frechet distance of the two Gaussians. As published, the encoder's batch normalisation runs with the
//! statistics of each batch of 256 images ([`Normalisation::Batch`]), which hides that a batch as a whole is off; [`Fad`] always has both
//! variants, and [`anchors()`] tells what familiar images score.
//!
//! [`remeasure()`] measures those of real images again. [`inception`] has the distance and the score that other papers use, for those who bring
//! its weights.
//!
//! Who has other images fits an autoencoder of their own to them; its encoder with the statistics of their test images is a file
//! ([`Weights`]).
//!
//! No framework is needed, so the pictures of a simulated chip can be scored like those of the network in training.

mod anchors;
mod encoder;
mod error;
mod fad;
mod frechet;
pub mod inception;
mod principal;
mod reference;
mod remeasure;
mod subset;
mod weights;

pub use anchors::{Anchor, anchors};
pub use encoder::{Encoder, Normalisation};
pub use error::{FadError, InceptionError};
pub use fad::{BATCH, Fad, GENERATED, fad};
pub use frechet::Gaussian;
pub use inception::{Inception, InceptionScore, fid, inception_score};
pub use reference::{Reference, Set};
pub use remeasure::{COMPLETE, FITTED, RealImages, Remeasured, RemeasuredAnchors, anchor_images, remeasure};
pub use weights::Weights;
