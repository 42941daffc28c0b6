//! The shipped encoders and test-set statistics (`data/README.md`).

use nalgebra::{DMatrix, DVector};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::{Encoder, Gaussian, Normalisation};

/// Whose test set is the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Handwritten digits.
    Mnist,
    /// Clothes.
    FashionMnist,
}

/// An encoder, and the Gaussians of a test set in its latent space.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Which test set.
    pub set: Set,
    /// The encoder.
    pub encoder: Encoder,
    published: Gaussian,
    running: Gaussian,
}

impl Reference {
    /// The shipped reference of a data set.
    pub fn new(set: Set) -> Self {
        let file = tensors(set);
        let gaussian = |name: &str| {
            let mean = doubles(&file, &format!("{name}.mu"));
            let size = mean.len();
            let covariance = DMatrix::from_row_slice(size, size, &doubles(&file, &format!("{name}.sigma")));
            Gaussian { mean: DVector::from_vec(mean), covariance }
        };
        Self { set, encoder: Encoder::new(&file), published: gaussian("ref"), running: gaussian("ref_eval_bn") }
    }

    /// The test set, seen with the same kind of batch normalisation.
    pub fn gaussian(&self, normalisation: Normalisation) -> &Gaussian {
        match normalisation {
            Normalisation::Batch => &self.published,
            Normalisation::Running => &self.running,
        }
    }
}

/// The shipped file.
pub(crate) fn tensors(set: Set) -> SafeTensors<'static> {
    let bytes: &[u8] = match set {
        Set::Mnist => include_bytes!("../data/fad_mnist.safetensors"),
        Set::FashionMnist => include_bytes!("../data/fad_fashion.safetensors"),
    };
    SafeTensors::deserialize(bytes).expect("the shipped file is whole")
}

/// A single-precision tensor of the shipped file, row-major.
pub(crate) fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let view = view(file, name, Dtype::F32);
    view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// A double-precision tensor of the shipped file, row-major.
pub(crate) fn doubles(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let view = view(file, name, Dtype::F64);
    view.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
}

fn view<'a>(file: &SafeTensors<'a>, name: &str, dtype: Dtype) -> TensorView<'a> {
    let view = file.tensor(name).unwrap_or_else(|e| panic!("the shipped file has no {name}: {e}"));
    assert_eq!(view.dtype(), dtype, "{name}");
    view
}
