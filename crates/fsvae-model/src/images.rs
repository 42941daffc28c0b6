//! The model for those who know no tensors: images in and out as numbers in [-1, 1], `[images, channels, height, width]`, row-major.

use crate::latent::{Draws, RollOut};
use crate::neuron::Phase;
use crate::pass::Model;
use crate::trainer::{StepLosses, Trainer};
use burn::tensor::{Device, Tensor, TensorData};
use fsvae_checkpoint::NetworkConfig;
use lif_graph::philox;

/// The device that models live on: the CPU, with this crate's kernels.
pub fn device() -> Device {
    Device::flex()
}

/// The picks of images `first .. first + count` of `seed`, `[steps][count][latent]`: those of the specification, which every
/// simulator and netlist uses, so that an image means the same everywhere.
pub fn uniform_picks(config: &NetworkConfig, seed: u64, first: u64, count: usize) -> Vec<i32> {
    let mut picks = Vec::with_capacity(config.steps * count * config.latent);
    for step in 0..config.steps as u32 {
        for image in first..first + count as u64 {
            let pick = |channel| philox::pick(seed, image, step, channel, config.ways as u32) as i32;
            picks.extend((0..config.latent as u32).map(pick));
        }
    }
    picks
}

/// `[N, C, H, W]` numbers as a tensor `[N, H, W, C]`.
fn to_tensor(pixels: &[f32], config: &NetworkConfig, device: &Device) -> Tensor<4> {
    let (channels, size) = (config.image_channels, config.image_size);
    let shape = [pixels.len() / (channels * size * size), channels, size, size];
    Tensor::<4>::from_data(TensorData::new(pixels.to_vec(), shape), device).permute([0, 2, 3, 1])
}

fn from_tensor(images: Tensor<4>) -> Vec<f32> {
    crate::snapshot::values(&images.permute([0, 3, 1, 2]))
}

impl Trainer {
    /// [`Trainer::step`] on numbers.
    pub fn step_pixels(&mut self, pixels: &[f32], draws: &Draws, learning_rate: f64) -> StepLosses {
        let images = to_tensor(pixels, &self.model.config, &self.model.device());
        self.step(images, draws, learning_rate)
    }
}

impl Trainer {
    /// [`Trainer::settle`] on numbers.
    pub fn settle_pixels(&mut self, batches: impl Iterator<Item = (Vec<f32>, Draws)>) {
        let (config, device) = (self.model.config.clone(), self.model.device().inner());
        self.settle(batches.map(|(pixels, draws)| (to_tensor(&pixels, &config, &device), draws)));
    }
}

impl Model {
    /// Images encoded, drawn from the posterior with these picks and decoded, with running statistics.
    pub fn reconstruct(&self, pixels: &[f32], picks: Vec<i32>) -> Vec<f32> {
        let images = to_tensor(pixels, &self.config, &self.device());
        let draws = Draws { picks, own: Vec::new() };
        let pass = self.clone().pass(images, &draws, RollOut::Carried, Phase::Inference, &mut ());
        from_tensor(pass.images())
    }

    /// Images drawn from the prior with these picks, with running statistics.
    pub fn sample(&self, picks: &[i32]) -> Vec<f32> {
        let z = self.sample_latent(picks, &self.device());
        from_tensor(self.clone().decode(z, &mut ()).tanh())
    }
}
