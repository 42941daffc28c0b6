//! What familiar images score, so that a number means something.
//!
//! Measured once with the published protocol (5,120 images each, Pillow's resize) by an independent implementation.

use serde::Serialize;

use crate::{Fad, Set};

/// A kind of images and its score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Anchor {
    /// Which images.
    pub images: &'static str,
    /// Their score.
    #[serde(flatten)]
    pub fad: Fad,
}

/// From perfect to hopeless.
pub fn anchors(set: Set) -> [Anchor; 6] {
    let [training, autoencoder, blurred, cut, gaussian, noise] = match set {
        Set::FashionMnist => FASHION,
        Set::Mnist => MNIST,
    };
    let anchor = |images, (published, running)| Anchor { images, fad: Fad { published, running } };
    [
        anchor("training images", training),
        anchor("training images through the metric's own autoencoder", autoencoder),
        anchor("training images cut to 64 principal components", cut),
        anchor("training images blurred 3x3", blurred),
        anchor("a Gaussian fitted to the pixels", gaussian),
        anchor("uniform noise", noise),
    ]
}

type Row = (f64, f64);
/// Published and running variant, in the order of the pattern above.
const FASHION: [Row; 6] = [(0.926, 0.934), (1.307, 1.536), (13.705, 26.813), (6.487, 16.221), (19.105, 60.320), (219.214, 604.905)];
/// Published and running variant, in the order of the pattern above.
const MNIST: [Row; 6] = [(2.894, 3.063), (3.307, 3.514), (28.178, 70.755), (13.129, 42.975), (40.422, 115.520), (239.793, 723.600)];
