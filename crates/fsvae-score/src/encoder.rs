//! The encoder in whose latent space distances are measured: four strided convolutions and a linear layer.
//!
//! conv 3x3, stride 2, padding 1 -> batch norm (eps 1e-5) -> leaky ReLU (0.01), as often as there are layers (four for 32x32 images: 32, 64,
//! 128, 256 channels); the 2x2 bottleneck in C, H, W order; linear to the latent. (metrics/ of the published program.)

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;
use safetensors::SafeTensors;

use crate::reference::floats;

const TAPS: usize = 9;
const EPSILON: f64 = 1e-5;
const SLOPE: f32 = 0.01;
/// Images whose im2col matrix one task builds.
const CHUNK: usize = 16;

/// Which statistics batch normalisation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalisation {
    /// Those of the batch at hand: the published protocol.
    Batch,
    /// The running ones: an image's latent does not depend on its neighbours.
    Running,
}

/// The encoder's parameters.
#[derive(Clone, Debug)]
pub struct Encoder {
    side: usize,
    blocks: Vec<Block>,
    /// `[latent, bottleneck]`, columns in channels-last order.
    latent: DMatrix<f32>,
    latent_bias: Vec<f32>,
}

/// What a layer is made of, in a checkpoint's order: see [`Encoder::from_parts`].
pub(crate) type Parts = ([usize; 2], Vec<f32>, Vec<f32>, [Vec<f32>; 4]);

/// `[count, channels, places]` to `[count, places, channels]`.
fn channels_last(images: &[f32], channels: usize, places: usize) -> Vec<f32> {
    if channels == 1 {
        return images.to_vec();
    }
    let of_image = |image: &[f32]| -> Vec<f32> { (0..channels * places).map(|at| image[at % channels * places + at / channels]).collect() };
    images.chunks_exact(channels * places).flat_map(of_image).collect()
}

#[derive(Clone, Debug)]
struct Block {
    inputs: usize,
    /// `[outputs, tap * inputs + input]`.
    weight: DMatrix<f32>,
    bias: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

impl Encoder {
    /// Takes the parameters `encoder.{i}.conv|bn.*` and `latent.*` out of a file. Panics if they are not there: the files are our own.
    pub(crate) fn new(file: &SafeTensors<'_>) -> Self {
        let block = |i: usize| {
            let tensor = |name: &str| floats(file, &format!("encoder.{i}.{name}"));
            let (bias, weight) = (tensor("conv.bias"), tensor("conv.weight"));
            let shape = [bias.len(), weight.len() / bias.len() / TAPS];
            (shape, weight, bias, ["weight", "bias", "running_mean", "running_var"].map(|name| tensor(&format!("bn.{name}"))))
        };
        Self::from_parts(32, (0..4).map(block).collect(), (floats(file, "latent.weight"), floats(file, "latent.bias")))
    }

    /// Side of the images; of each layer `[outputs, inputs]`, weights, bias and batch norm (weight, bias, running mean and variance); weights and
    /// bias of the latent. All sizes must fit each other.
    pub(crate) fn from_parts(side: usize, blocks: Vec<Parts>, (weight, latent_bias): (Vec<f32>, Vec<f32>)) -> Self {
        let blocks: Vec<Block> = blocks.into_iter().map(Block::new).collect();
        let (latents, width) = (latent_bias.len(), weight.len() / latent_bias.len());
        let channels = blocks.last().expect("an encoder has layers").bias.len();
        let area = width / channels;
        // Activations are channels last here; the weights count channel by channel.
        let latent = DMatrix::from_fn(latents, width, |row, at| weight[row * width + at % channels * area + at / channels]);
        Self { side, blocks, latent, latent_bias }
    }

    /// Numbers of a latent.
    pub fn latents(&self) -> usize {
        self.latent_bias.len()
    }

    /// Side of the images.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Channels of the images.
    pub fn channels(&self) -> usize {
        self.blocks[0].inputs
    }

    /// Numbers of an image.
    pub fn pixels(&self) -> usize {
        self.channels() * self.side * self.side
    }

    /// Latents `[count, latents]` of one batch of images `[count, channels, side, side]` in [-1, 1], row-major.
    pub fn encode(&self, images: &[f32], normalisation: Normalisation) -> Vec<f32> {
        let mut side = self.side;
        let mut x = channels_last(images, self.channels(), side * side);
        for block in &self.blocks {
            x = block.forward(&x, side, normalisation);
            side /= 2;
        }
        let width = self.latent.ncols();
        let mut out = &self.latent * DMatrixView::from_slice(&x, width, x.len() / width);
        out.column_iter_mut().for_each(|mut column| column.iter_mut().zip(&self.latent_bias).for_each(|(y, bias)| *y += bias));
        out.as_slice().to_vec()
    }
}

impl Block {
    fn new(([outputs, inputs], weight, bias, [gamma, beta, mean, variance]): Parts) -> Self {
        let weight = DMatrix::from_fn(outputs, TAPS * inputs, |output, at| {
            let (tap, input) = (at / inputs, at % inputs);
            weight[(output * inputs + input) * TAPS + tap]
        });
        Self { inputs, weight, bias, gamma, beta, mean, variance }
    }

    /// `[n, side, side, inputs]` to `[n, side / 2, side / 2, outputs]`.
    fn forward(&self, x: &[f32], side: usize, normalisation: Normalisation) -> Vec<f32> {
        let (outputs, half) = (self.bias.len(), side / 2);
        let (picture, result) = (side * side * self.inputs, half * half * outputs);
        let mut y = vec![0.0; x.len() / picture * result];
        y.par_chunks_mut(CHUNK * result).zip(x.par_chunks(CHUNK * picture)).for_each(|(y, x)| {
            let columns = self.columns(x, side);
            let product = &self.weight * columns;
            y.copy_from_slice(product.as_slice());
            y.chunks_exact_mut(outputs).for_each(|y| y.iter_mut().zip(&self.bias).for_each(|(y, bias)| *y += bias));
        });
        let (scale, shift) = self.affine(&y, normalisation);
        y.par_chunks_mut(outputs).for_each(|y| {
            for ((y, scale), shift) in y.iter_mut().zip(&scale).zip(&shift) {
                let normalised = *y * scale + shift;
                *y = if normalised > 0.0 { normalised } else { SLOPE * normalised };
            }
        });
        y
    }

    /// im2col: a column for each output position, its nine input positions' channels one after another.
    fn columns(&self, x: &[f32], side: usize) -> DMatrix<f32> {
        let (inputs, half) = (self.inputs, side / 2);
        let pictures = x.len() / (side * side * inputs);
        let mut columns = DMatrix::zeros(TAPS * inputs, pictures * half * half);
        for (position, column) in columns.as_mut_slice().chunks_exact_mut(TAPS * inputs).enumerate() {
            let (picture, row, across) = (position / (half * half), position / half % half, position % half);
            for (tap, to) in column.chunks_exact_mut(inputs).enumerate() {
                let (Some(y), Some(x_at)) = ((2 * row + tap / 3).checked_sub(1), (2 * across + tap % 3).checked_sub(1)) else { continue };
                if y < side && x_at < side {
                    to.copy_from_slice(&x[((picture * side + y) * side + x_at) * inputs..][..inputs]);
                }
            }
        }
        columns
    }

    /// Batch normalisation as factor and summand of each channel.
    fn affine(&self, y: &[f32], normalisation: Normalisation) -> (Vec<f32>, Vec<f32>) {
        let channels = self.bias.len();
        let rows = y.len() / channels;
        (0..channels)
            .map(|channel| {
                let (mean, variance) = match normalisation {
                    Normalisation::Running => (f64::from(self.mean[channel]), f64::from(self.variance[channel])),
                    Normalisation::Batch => {
                        let values = || y.iter().skip(channel).step_by(channels).map(|&v| f64::from(v));
                        let mean = values().sum::<f64>() / rows as f64;
                        (mean, values().map(|v| (v - mean).powi(2)).sum::<f64>() / rows as f64)
                    }
                };
                let scale = f64::from(self.gamma[channel]) / (variance + EPSILON).sqrt();
                (scale as f32, (f64::from(self.beta[channel]) - mean * scale) as f32)
            })
            .unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{Set, tensors};

    #[test]
    fn latents_are_those_of_the_published_encoder() {
        for set in [Set::FashionMnist, Set::Mnist] {
            let file = tensors(set);
            let (encoder, images) = (Encoder::new(&file), floats(&file, "test.x"));
            for (normalisation, name) in
                [(Normalisation::Running, "test.latent_eval_bn"), (Normalisation::Batch, "test.latent_batchstat_bn_b16")]
            {
                let (ours, theirs) = (encoder.encode(&images, normalisation), floats(&file, name));
                let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(ours.len() == theirs.len() && worst < 2e-4, "{set:?} {name}: {worst}");
            }
        }
    }
}
