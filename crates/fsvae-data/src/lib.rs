//! Images: from a data set's files to the network's numbers, and from the network's numbers to a picture.
//!
//! ```text
//!   four IDX files (MNIST, Fashion-MNIST)                         ImageSet
//!   six binary batches (CIFAR-10)          --DataSet::load-->     in memory, N x C x 28 x 28 --resized--> N x C x side x side, u8
//!   folder of JPEG pictures (CelebA)       digests, splits        or names of pictures: decoded, cropped, resized when taken
//!                                                                     |
//!                                                                    take, mirror
//!                                                                     v
//!   picture.png <------grid_png------ Images <----with_floats---- Images ----floats----> [-1, 1], N x C x H x W --> network
//! ```
//!
//! The steps are those of the original FSVAE program (torchvision's `CenterCrop`, `Resize`, `ToTensor`, `2 x - 1`; `save_image`), to the
//! bit, but for the decoding of JPEG, where decoders differ by a level or two:
//!
//! - [`DataSet::load`] reads a part of a data set and refuses everything that is not exactly such a file, and, unless told otherwise,
//!   everything that is not the published one.
//! - [`ImageSet`] gives images by number, whether they are in memory or, as CelebA's 200,000, on the disk.
//! - [`Images::resized`] repeats Pillow's bilinear filter in Pillow's own integers, so that every machine trains on the same bytes.
//! - [`to_float`] and [`to_byte`] are the two scales and inverse to each other on bytes.
//! - [`grid_png`] is a function of the pixels alone: the same pictures are the same file.
//!
//! All errors are [`DataError`], codes `E040` to `E049` and `E130` to `E134`; a file that cannot be read at all keeps the code of
//! [`fsvae_cli::CliError`]. No size that a file states is trusted for an allocation.

mod celeba;
mod cifar;
mod dataset;
mod digest;
mod error;
mod grid;
mod idx;
mod image_set;
mod images;
mod jpeg;
mod mnist;
mod resize;
mod source;

pub use dataset::{DataSet, Split};
pub use error::DataError;
pub use grid::{described_grid_png, grid_png, png_description};
pub use image_set::ImageSet;
pub(crate) use images::LabelledImages;
pub use images::{Images, to_byte, to_float};
pub use mnist::idx_images;
pub use source::Source;
