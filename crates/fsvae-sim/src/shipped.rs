//! The model that comes with the program: the full-size network, trained on Fashion-MNIST.
//!
//! It lies in `models/fashion-mnist/` beside its checkpoint and its model card, and inside the program, which so needs no file to draw.

/// The bytes of its `.lif` file.
pub(crate) const MODEL: &[u8] = include_bytes!("../../../models/fashion-mnist/model.lif");
