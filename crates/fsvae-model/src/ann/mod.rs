//! Networks without spikes: the VAE that the paper compares the FSVAE with, and the autoencoder of its FAD (`ann_models/` of the
//! published program).
//!
//! ```text
//!   image --convolutions--> features --latent----------> mean --(+ noise * deviation)--> z --decoder_input, transposed convolutions--> tanh
//!                               +------log_variance----> deviation      (the VAE alone)
//! ```
//!
//! A layer is a 3x3 convolution of stride 2 with bias, batch norm (epsilon 1e-5, momentum 0.1) and leaky ReLU (slope 0.01); the read-out is a
//! transposed convolution of stride 1. Sizes are those of the FSVAE. Fields are named as in a checkpoint.

mod layers;
mod trainer;

use crate::images::{from_tensor, to_tensor};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use fsvae_checkpoint::AnnConfig;
use layers::{Convolved, How, Linear};
use lif_graph::philox::philox4x32_10;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use trainer::{AnnRecipe, AnnTrainer};

/// The parameters.
#[derive(Module, Debug)]
pub struct AnnNetwork {
    encoder: Vec<Convolved>,
    latent: Linear,
    log_variance: Option<Linear>,
    decoder_input: Linear,
    decoder: Vec<Convolved>,
    read_out: layers::ReadOut,
}

impl AnnNetwork {
    /// A fresh network with PyTorch's default initialisation, drawn from `seed`.
    fn new(config: &AnnConfig, seed: u64, device: &Device) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let down: Vec<usize> = std::iter::once(config.image_channels).chain(config.channels.iter().copied()).collect();
        let first = config.channels[0];
        let up: Vec<usize> = config.channels.iter().rev().copied().chain([first]).collect();
        let (latent, bottleneck) = (config.latent, config.bottleneck());
        Self {
            encoder: down.windows(2).map(|w| Convolved::down(w[0], w[1], rng, device)).collect(),
            latent: Linear::new(bottleneck, latent, rng, device),
            log_variance: config.variational.then(|| Linear::new(bottleneck, latent, rng, device)),
            decoder_input: Linear::new(latent, bottleneck, rng, device),
            decoder: up.windows(2).map(|w| Convolved::up(w[0], w[1], rng, device)).collect(),
            read_out: layers::ReadOut::new(first, config.image_channels, rng, device),
        }
    }

    /// Mean and log-variance (of a VAE), `[batch, latent]`, of images `[batch, size, size, channels]`.
    fn encode(&mut self, images: Tensor<4>, how: How) -> (Tensor<2>, Option<Tensor<2>>) {
        let x = self.encoder.iter_mut().fold(images, |x, layer| layer.forward(x, how));
        // The weights count the bottleneck channel by channel.
        let [rows, height, width, channels] = x.dims();
        let flat = x.permute([0, 3, 1, 2]).reshape([rows, channels * height * width]);
        (self.latent.forward(flat.clone()), self.log_variance.as_ref().map(|layer| layer.forward(flat)))
    }

    /// Images in [-1, 1], `[batch, size, size, channels]`, of latents `[batch, latent]`.
    fn decode(&mut self, z: Tensor<2>, side: usize, how: How) -> Tensor<4> {
        let flat = self.decoder_input.forward(z);
        let [rows, numbers] = flat.dims();
        let x = flat.reshape([rows, numbers / (side * side), side, side]).permute([0, 2, 3, 1]);
        let x = self.decoder.iter_mut().fold(x, |x, layer| layer.forward(x, how));
        self.read_out.forward(x, how).tanh()
    }
}

/// A network with its configuration.
#[derive(Clone, Debug)]
pub struct AnnModel {
    /// Its shape.
    pub config: AnnConfig,
    /// Its parameters.
    pub network: AnnNetwork,
}

impl AnnModel {
    fn device(&self) -> Device {
        self.network.latent.bias.val().device()
    }

    fn tensor(&self, numbers: &[f32]) -> Tensor<2> {
        let shape = [numbers.len() / self.config.latent, self.config.latent];
        Tensor::from_data(TensorData::new(numbers.to_vec(), shape), &self.device())
    }

    /// Images as numbers in [-1, 1], `[images, channels, height, width]`, encoded, drawn with this noise `[images, latent]` (which an
    /// autoencoder has no use for) and decoded, with running statistics.
    pub fn reconstruct(&self, pixels: &[f32], noise: &[f32]) -> Vec<f32> {
        let (mut network, how) = (self.network.clone(), How::inference(&self.device()));
        let images = to_tensor(pixels, (self.config.image_channels, self.config.image_size), &self.device());
        let (mean, log_variance) = network.encode(images, how);
        let z = drawn(mean, log_variance, || self.tensor(noise));
        from_tensor(network.decode(z, self.config.bottleneck_size(), how))
    }

    /// Images of latents `[images, latent]`: of standard normal ones they are a VAE's samples.
    pub fn decode(&self, latents: &[f32]) -> Vec<f32> {
        let how = How::inference(&self.device());
        from_tensor(self.network.clone().decode(self.tensor(latents), self.config.bottleneck_size(), how))
    }
}

/// A draw from a Gaussian by the reparameterisation of Kingma and Welling (2014); the mean itself where there is no variance.
fn drawn(mean: Tensor<2>, log_variance: Option<Tensor<2>>, noise: impl FnOnce() -> Tensor<2>) -> Tensor<2> {
    match log_variance {
        Some(log_variance) => mean + (log_variance * 0.5).exp() * noise(),
        None => mean,
    }
}

/// Standard normal numbers of images `first .. first + count` of `seed`, `[count][latent]`: those of an image are its own, wherever and with
/// whatever neighbours it is drawn. (Box and Muller, from the words of Philox that picks do not use.)
pub fn noise(seed: u64, first: u64, count: usize, latent: usize) -> Vec<f32> {
    /// Stands where picks have their time step.
    const NO_TIME_STEP: u32 = u32::MAX - 1;
    let (key, unit) = ([seed as u32, (seed >> 32) as u32], |word: u32| (f64::from(word) + 0.5) / 4_294_967_296.0);
    let number = move |image: u64, channel: u32| {
        let [a, b, ..] = philox4x32_10([channel, NO_TIME_STEP, image as u32, (image >> 32) as u32], key);
        ((-2.0 * unit(a).ln()).sqrt() * (std::f64::consts::TAU * unit(b)).cos()) as f32
    };
    (first..first + count as u64).flat_map(move |image| (0..latent as u32).map(move |channel| number(image, channel))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;

    fn config() -> AnnConfig {
        AnnConfig { image_size: 8, channels: vec![3, 4], latent: 5, ..AnnConfig::vae(32, 1) }
    }

    #[test]
    fn noise_is_normal_and_belongs_to_its_image() {
        let all = noise(3, 10, 500, 20);
        assert_eq!(all[20..40], noise(3, 11, 1, 20));
        assert_ne!(all, noise(4, 10, 500, 20));
        let mean = all.iter().sum::<f32>() / 1e4;
        let variance = all.iter().map(|x| x * x).sum::<f32>() / 1e4;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn a_picture_does_not_depend_on_its_neighbours() {
        let trainer = AnnTrainer::new(&config(), &AnnRecipe::default(), 1, &device());
        let model = trainer.valid();
        let pixels: Vec<f32> = (0..3 * 64).map(|i| (i as f32 * 0.7).sin()).collect();
        let noise = noise(1, 0, 3, 5);
        let all = model.reconstruct(&pixels, &noise);
        let close = |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(&all[64..128], &model.reconstruct(&pixels[64..128], &noise[5..10])));
        assert!(close(&model.decode(&noise)[..64], &model.decode(&noise[..5])));
        assert!(all.iter().all(|x| (-1.0..=1.0).contains(x)));
    }
}
