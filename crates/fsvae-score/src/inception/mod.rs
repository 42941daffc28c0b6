//! Inception v3 as a judge of images: the Frechet Inception distance (FID) and the Inception score.
//!
//! ```text
//!   image [-1, 1] --0..255, grey three times--> Filter::enlarge 299x299 --blocks--> 8x8x2048 --mean--> features --linear--> logits
//!                                                                                                  |                    |
//!                                                           test set's features --Gaussians--> FID <+       score <-----+
//! ```
//!
//! Its weights are published, but in no package registry, so the user brings them: the state dictionary of one of two networks, saved as
//! safetensors with its names unchanged. The number of classes tells which ([`Network`]). Both are seen in their way of preparing images:
//!
//! | | [`Network::Fid`] | [`Network::Torchvision`] |
//! |---|---|---|
//! | file | `pt_inception-2015-12-05-6726825d.pth` of github.com/mseitzer/pytorch-fid | `inception_v3_google-0cc3c7bd.pth` of torchvision |
//! | classes | 1008 | 1000 |
//! | 299x299 by | Pillow's bicubic filter, pixels not rounded (clean-fid's mode "clean") | PyTorch's bilinear filter |
//! | pixels | (x - 128) / 128 | 0 to 255 as they are |
//! | gives | FID and an Inception score | the Inception score as the FSVAE paper has it |
//!
//! The paper's FID is clean-fid's, whose network is the first. The paper's Inception scores come from the second network, which its
//! program (`metrics/inception_score.py`) fed with pixels up to 255, although it was trained on pixels within [-1, 1]: to compare
//! with the table one must do the same. That of the first network has the original definition (Salimans et al., NeurIPS 2016, there
//! without the logits' bias).

mod architecture;
mod enlarge;
mod layers;
mod score;
mod weights;

pub use score::{InceptionScore, SCORE_BATCHES, inception_score};

use crate::{Gaussian, InceptionError};
use architecture::{Block, blocks};
use enlarge::{Filter, SIDE};
use layers::{Convolution, Map};
use rayon::prelude::*;
use weights::Weights;

/// Numbers that describe an image: channels of the last block.
const FEATURES: usize = 2048;

/// Which of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// TensorFlow's of 2015, ported: the one that FID is defined by.
    Fid,
    /// torchvision's own.
    Torchvision,
}

impl Network {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fid => "pytorch-fid",
            Self::Torchvision => "torchvision",
        }
    }

    fn filter(self) -> Filter {
        match self {
            Self::Fid => Filter::Bicubic,
            Self::Torchvision => Filter::Bilinear,
        }
    }

    /// What the network is given for a pixel from 0 to 255.
    fn input(self, pixel: f32) -> f32 {
        match self {
            Self::Fid => (pixel - 128.0) / 128.0,
            Self::Torchvision => pixel,
        }
    }
}

/// A network with its weights.
#[derive(Clone, Debug)]
pub struct Inception {
    /// Which one.
    pub network: Network,
    blocks: Vec<Block<Convolution>>,
    /// `[classes][features]`.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// What a network says of images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// `[images, 2048]`, row-major.
    pub features: Vec<f32>,
    /// `[images, classes]`, row-major.
    pub logits: Vec<f32>,
}

impl Inception {
    /// Reads a safetensors file. Further tensors (`AuxLogits.*`, `*.num_batches_tracked`) are not looked at.
    ///
    /// # Errors
    /// [`InceptionError`] names the tensor that is missing or not what the network demands.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InceptionError> {
        let weights = Weights::new(bytes)?;
        let (name, found) = ("fc.weight", weights.shape("fc.weight")?);
        let network = match found[..] {
            [1008, FEATURES] => Network::Fid,
            [1000, FEATURES] => Network::Torchvision,
            _ => {
                let expected = format!("[1008, {FEATURES}] (pytorch-fid) or [1000, {FEATURES}] (torchvision)");
                return Err(InceptionError::WrongShape { name: name.into(), expected, found });
            }
        };
        let mut channels = 3;
        let mut loaded = Vec::new();
        for block in blocks(network) {
            let (inputs, mut read) = (channels, Block::new());
            channels = 0;
            for branch in block {
                let (mut chain, mut fork, mut width) = (Vec::new(), Vec::new(), inputs);
                for spec in branch.chain {
                    let outputs = spec.outputs;
                    chain.push(Convolution::read(&weights, spec, width)?);
                    width = outputs;
                }
                channels += if branch.fork.is_empty() { width } else { branch.fork.iter().map(|spec| spec.outputs).sum() };
                for spec in branch.fork {
                    fork.push(Convolution::read(&weights, spec, width)?);
                }
                read.push(architecture::Branch { pool: branch.pool, chain, fork });
            }
            loaded.push(read);
        }
        Ok(Self { network, blocks: loaded, weight: weights.tensor(name, &found)?, bias: weights.tensor("fc.bias", &found[..1])? })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.bias.len()
    }

    /// Looks at images `[count, channels, side, side]` in [-1, 1]; of 1 channel (grey) or 3. `progress` is told of each image.
    pub fn see(&self, images: &[f32], channels: usize, side: usize, progress: impl Fn(usize) + Sync) -> Seen {
        assert!(channels == 1 || channels == 3, "images are grey or coloured");
        let seen = images.par_chunks(channels * side * side).map(|image| {
            let mut x = self.prepare(image, side);
            for block in &self.blocks {
                x = Map::side_by_side(&block.iter().flat_map(|branch| branch.apply(&x)).collect::<Vec<_>>());
            }
            let features = x.means();
            let rows = self.weight.chunks_exact(FEATURES).zip(&self.bias);
            let logit =
                |(row, bias): (&[f32], &f32)| row.iter().zip(&features).fold(f64::from(*bias), |sum, (w, x)| sum + f64::from(w * x));
            let logits: Vec<f32> = rows.map(|row| logit(row) as f32).collect();
            progress(1);
            (features, logits)
        });
        let (features, logits): (Vec<_>, Vec<_>) = seen.unzip();
        Seen { features: features.concat(), logits: logits.concat() }
    }

    /// One image as the network's input.
    fn prepare(&self, image: &[f32], side: usize) -> Map {
        let planes: Vec<Vec<f32>> = image
            .chunks_exact(side * side)
            .map(|plane| {
                let pixels: Vec<f32> = plane.iter().map(|x| (x + 1.0) / 2.0 * 255.0).collect();
                self.network.filter().enlarge(&pixels, side).iter().map(|&x| self.network.input(x)).collect()
            })
            .collect();
        let values = (0..SIDE * SIDE).flat_map(|i| [0, 1, 2].map(|c| planes[c % planes.len()][i])).collect();
        Map { height: SIDE, width: SIDE, channels: 3, values }
    }
}

/// The Frechet distance of two sets of images, each of at least two, by what [`Network::Fid`] says of them.
pub fn fid(a: &Seen, b: &Seen) -> f64 {
    Gaussian::fit(&a.features, FEATURES).distance(&Gaussian::fit(&b.features, FEATURES))
}

#[cfg(test)]
mod tests;
