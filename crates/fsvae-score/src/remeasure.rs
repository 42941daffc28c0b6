//! Measuring the anchors that need only real data again, to compare them with the stored ones.
//!
//! The other anchors need the random numbers, the fitted components or the decoder of the program that measured them. For Fashion-MNIST the 5,120 training
//! images are known ([`anchor_images`]), and all agrees to three digits. MNIST's were another random choice, which is not known: its
//! rows of training images differ by what the choice makes, about 2 %.

use crate::principal::Components;
use crate::subset::shuffled;
use crate::{Fad, GENERATED, Reference, Set, anchors, fad};
use serde::Serialize;
use std::ops::Range;

/// Pixels of an image.
const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE;
/// Images of a complete data set.
pub const COMPLETE: [usize; 2] = [60_000, 10_000];
/// The training images whose mean and principal components are taken.
pub const FITTED: Range<usize> = 0..20_000;

/// The real images that the anchors are made of, 32x32 in [-1, 1].
#[derive(Clone, Debug)]
pub struct RealImages {
    /// The training images [`anchor_images`].
    pub training: Vec<f32>,
    /// The training images [`FITTED`].
    pub fitted: Vec<f32>,
    /// All test images.
    pub test: Vec<f32>,
}

/// A score beside the one that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Remeasured<T> {
    /// Which images.
    pub images: &'static str,
    /// By an independent implementation.
    pub stored: T,
    /// Now.
    pub measured: T,
}

/// All scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemeasuredAnchors {
    /// Frechet autoencoder distances.
    pub fad: Vec<Remeasured<Fad>>,
    /// Mean squared errors of test images in [-1, 1].
    pub reconstruction_mse: Vec<Remeasured<f64>>,
}

/// Numbers of the training images that the anchors are measured on, in their order.
pub fn anchor_images() -> Vec<usize> {
    shuffled(COMPLETE[0] as u32, GENERATED)
}

/// Measures all anchors that need only real data.
pub fn remeasure(set: Set, images: &RealImages) -> RemeasuredAnchors {
    let reference = Reference::new(set);
    let components = Components::fit(&images.fitted, PIXELS, 128);
    let [training, _, _, blurred_3x3, ..] = anchors(set);
    let again = |images: &'static str, stored: Fad, now: &[f32]| Remeasured { images, stored, measured: fad(&reference, now) };
    let first = &images.test[..1024 * PIXELS];
    let error = |kept: usize| {
        let squares = components.cut(&images.test, kept).iter().zip(&images.test).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        squares / images.test.len() as f64
    };
    let (stored_first, [mean, components_32, components_64, components_128]) = match set {
        Set::FashionMnist => (FASHION_FIRST, FASHION_ERRORS),
        Set::Mnist => (MNIST_FIRST, MNIST_ERRORS),
    };
    let error_of = |images, stored, kept| Remeasured { images, stored, measured: error(kept) };
    RemeasuredAnchors {
        fad: vec![
            again("the first 1,024 test images", stored_first, first),
            again(training.images, training.fad, &images.training),
            again(blurred_3x3.images, blurred_3x3.fad, &blurred(&images.training)),
        ],
        reconstruction_mse: vec![
            error_of("the mean training image", mean, 0),
            error_of("cut to 32 principal components", components_32, 32),
            error_of("cut to 64 principal components", components_64, 64),
            error_of("cut to 128 principal components", components_128, 128),
        ],
    }
}

const FASHION_FIRST: Fad = Fad { published: 2.622, running: 2.729 };
const FASHION_ERRORS: [f64; 4] = [0.308715, 0.036561, 0.022376, 0.011711];
const MNIST_FIRST: Fad = Fad { published: 16.742, running: 18.920 };
const MNIST_ERRORS: [f64; 4] = [0.227208, 0.043219, 0.019336, 0.006793];

/// The mean of each pixel and its neighbours; outside it is black.
fn blurred(images: &[f32]) -> Vec<f32> {
    let at = |image: &[f32], y: usize, x: usize| image[y * SIDE + x] + 1.0;
    let around = |at: usize| at.saturating_sub(1)..(at + 2).min(SIDE);
    let blur = |image: &[f32]| {
        let sum = |y: usize, x: usize| around(y).flat_map(|y| around(x).map(move |x| (y, x))).map(|(y, x)| at(image, y, x)).sum::<f32>();
        (0..PIXELS).map(|i| sum(i / SIDE, i % SIDE) / 9.0 - 1.0).collect::<Vec<f32>>()
    };
    images.chunks_exact(PIXELS).flat_map(blur).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fsvae_data::{DataSet, Images, Source, Split};

    #[test]
    fn the_anchors_of_real_data_are_the_stored_ones_to_three_digits() {
        let images = |split| -> Images {
            let images = DataSet::new(Source::FashionMnist).load(split, SIDE).expect("cargo xtask setup installs Fashion-MNIST");
            images.all().unwrap()
        };
        let (train, test) = (images(Split::Train), images(Split::Test));
        assert_eq!([train.count, test.count], COMPLETE);
        let real = RealImages {
            training: train.batch(&anchor_images()),
            fitted: train.batch(&FITTED.collect::<Vec<_>>()),
            test: test.batch(&(0..test.count).collect::<Vec<_>>()),
        };
        let again = remeasure(Set::FashionMnist, &real);
        let close = |measured: f64, stored: f64| (measured - stored).abs() < 1e-3 * stored;
        for Remeasured { images, stored, measured } in again.fad {
            assert!(close(measured.published, stored.published) && close(measured.running, stored.running), "{images}: {measured:?}");
        }
        for Remeasured { images, stored, measured } in again.reconstruction_mse {
            assert!(close(measured, stored), "{images}: {measured}");
        }
    }

    #[test]
    fn a_white_dot_is_spread_over_its_neighbours() {
        let mut image = vec![-1.0; PIXELS];
        image[0] = 1.0;
        let blurred = blurred(&image);
        let bright: Vec<usize> = (0..PIXELS).filter(|&i| blurred[i] > -0.9).collect();
        assert_eq!(bright, [0, 1, SIDE, SIDE + 1]);
        assert!((blurred[0] - (2.0 / 9.0 - 1.0)).abs() < 1e-6);
    }
}
