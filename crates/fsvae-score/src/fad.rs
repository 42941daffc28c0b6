//! The Frechet autoencoder distance of a set of images.

use serde::Serialize;

use crate::{Encoder, Gaussian, Normalisation, Reference};

/// Images of a batch: with [`Normalisation::Batch`] it is part of the measure.
pub const BATCH: usize = 256;
/// Images that the paper generates: 20 batches.
pub const GENERATED: usize = 20 * BATCH;

/// Both variants of the distance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fad {
    /// With the statistics of each batch, as published.
    pub published: f64,
    /// With running statistics.
    pub running: f64,
}

/// The distance of `images` `[count, channels, side, side]` in [-1, 1] from the reference's test set; at least two images.
///
/// Sampling error falls with the count: compare scores of equal counts only ([`GENERATED`] is the paper's).
pub fn fad(reference: &Reference, images: &[f32]) -> Fad {
    let distance = |normalisation| {
        let latents = latents(&reference.encoder, images, normalisation);
        Gaussian::fit(&latents, reference.encoder.latents()).distance(reference.gaussian(normalisation))
    };
    Fad { published: distance(Normalisation::Batch), running: distance(Normalisation::Running) }
}

/// Latents of images, batch by batch.
pub(crate) fn latents(encoder: &Encoder, images: &[f32], normalisation: Normalisation) -> Vec<f32> {
    images.chunks(BATCH * encoder.pixels()).flat_map(|batch| encoder.encode(batch, normalisation)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Set;
    use crate::reference::{doubles, tensors};
    use fsvae_data::{DataSet, Images, Source, Split};

    fn fashion(split: Split) -> Images {
        let images = DataSet::new(Source::FashionMnist).load(split, 32).expect("cargo xtask setup installs Fashion-MNIST");
        images.all().unwrap()
    }

    #[test]
    fn the_test_set_is_its_own_reference() {
        let score = fad(&Reference::new(Set::FashionMnist), &fashion(Split::Test).floats());
        assert!(score.published.abs() < 1e-3 && score.running.abs() < 1e-3, "{score:?}");
    }

    #[test]
    fn the_first_1024_test_images_score_what_the_published_program_gives_them() {
        let file = tensors(Set::FashionMnist);
        let expected = doubles(&file, "test.first1024.fad")[0];
        let score = fad(&Reference::new(Set::FashionMnist), &fashion(Split::Test).first(1024).floats());
        assert!((score.published - expected).abs() < 1e-3 * expected, "{} is not {expected}", score.published);
    }
}
