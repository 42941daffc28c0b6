//! Encoders with the statistics of a test set: the shipped ones (`data/README.md`), or those of the user.

use nalgebra::{DMatrix, DVector};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::fad::latents;
use crate::{Anchor, Encoder, Fad, Gaussian, Normalisation, anchors};

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
    /// The encoder.
    pub encoder: Encoder,
    published: Gaussian,
    running: Gaussian,
    anchors: Vec<Anchor>,
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
        let anchors = anchors(set).to_vec();
        Self { anchors, ..Self::from_parts(Encoder::new(&file), gaussian("ref"), gaussian("ref_eval_bn")) }
    }

    /// An encoder and the two Gaussians, without anchors.
    pub(crate) fn from_parts(encoder: Encoder, published: Gaussian, running: Gaussian) -> Self {
        Self { encoder, published, running, anchors: Vec::new() }
    }

    /// The reference of these test images, in batches of [`crate::BATCH`] images as [`crate::fad()`] takes them; at least two images.
    ///
    /// # Errors
    /// What the images' reader says.
    pub fn fit<E>(encoder: Encoder, test: impl IntoIterator<Item = Result<Vec<f32>, E>>) -> Result<Self, E> {
        let [published, running] = gaussians(&encoder, test)?;
        Ok(Self::from_parts(encoder, published, running))
    }

    /// [`crate::fad()`] of images that come in batches of [`crate::BATCH`].
    ///
    /// # Errors
    /// What the images' reader says.
    pub fn fad_of<E>(&self, images: impl IntoIterator<Item = Result<Vec<f32>, E>>) -> Result<Fad, E> {
        let [published, running] = gaussians(&self.encoder, images)?;
        Ok(Fad { published: published.distance(&self.published), running: running.distance(&self.running) })
    }

    /// What familiar images score: those of the shipped references, or training images and noise.
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// The scores of training images and of uniform noise.
    pub fn set_anchors(&mut self, training: Fad, noise: Fad) {
        self.anchors = vec![Anchor { images: "training images", fad: training }, Anchor { images: "uniform noise", fad: noise }];
    }

    /// The test set, seen with the same kind of batch normalisation.
    pub fn gaussian(&self, normalisation: Normalisation) -> &Gaussian {
        match normalisation {
            Normalisation::Batch => &self.published,
            Normalisation::Running => &self.running,
        }
    }
}

/// With batch and with running statistics.
fn gaussians<E>(encoder: &Encoder, images: impl IntoIterator<Item = Result<Vec<f32>, E>>) -> Result<[Gaussian; 2], E> {
    let mut points: [Vec<f32>; 2] = Default::default();
    for batch in images {
        let batch = batch?;
        for (points, kind) in points.iter_mut().zip([Normalisation::Batch, Normalisation::Running]) {
            points.extend(latents(encoder, &batch, kind));
        }
    }
    Ok(points.map(|points| Gaussian::fit(&points, encoder.latents())))
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
