//! Images: from a data set's files to the network's numbers, and from the network's numbers to a picture.
//!
//! ```text
//!   train-images-idx3-ubyte.gz          Images                      Images                       [f32]
//!   train-labels-idx1-ubyte.gz --load-> count x 1 x 28 x 28 -resized-> count x 1 x 32 x 32 -batch-> [-1, 1], N x C x H x W --> network
//!                                       u8                          u8                                                      |
//!                                                                                                                           v
//!   picture.png <-------------------------grid_png------------------ Images <-----------------with_floats-------------- [f32]
//! ```
//!
//! The steps are those of the original FSVAE program (torchvision's `Resize`, `ToTensor`, `2 x - 1`; `save_image`), to the bit:
//!
//! - [`load`] reads the IDX files of MNIST and Fashion-MNIST, packed or not, and refuses everything that is not exactly such a file.
//! - [`Images::resized`] repeats Pillow's bilinear filter in Pillow's own integers, so that every machine trains on the same bytes.
//! - [`to_float`] and [`to_byte`] are the two scales and inverse to each other on bytes.
//! - [`grid_png`] is a function of the pixels alone: the same pictures are the same file.
//!
//! All errors are [`DataError`], codes `E040` to `E049`; a file that cannot be read at all keeps the code of
//! [`fsvae_cli::CliError`]. No size that a file states is trusted for an allocation.

mod error;
mod grid;
mod idx;
mod images;
mod resize;
mod source;

pub use error::DataError;
pub use grid::grid_png;
pub use images::{Images, LabelledImages, to_byte, to_float};
pub use source::{Source, Split, load};
