//! The model for those who know no tensors: images in and out as numbers in [-1, 1], `[images, channels, height, width]`, row-major.

use crate::latent::{Draws, Picks, RollOut, prior_input, shifted};
use crate::network::Watch;
use crate::neuron::Phase;
use crate::pass::{Model, Pass};
use crate::trainer::{StepLosses, Trainer};
use burn::tensor::{Device, Tensor, TensorData};
use fsvae_checkpoint::NetworkConfig;
use lif_graph::philox;

/// The device that models live on: the CPU, with this crate's kernels.
pub fn device() -> Device {
    Device::flex()
}

/// The picks of images `first .. first + count` of `seed`: those of the specification, which every simulator and netlist uses, so that
/// an image means the same everywhere. The component is drawn like a pick of step 0 in a channel behind the latent ones.
pub fn uniform_picks(config: &NetworkConfig, seed: u64, first: u64, count: usize) -> Picks {
    let mut ways = Vec::with_capacity(config.steps * count * config.latent);
    for step in 0..config.steps as u32 {
        for image in first..first + count as u64 {
            let pick = |channel| philox::pick(seed, image, step, channel, config.ways as u32) as i32;
            ways.extend((0..config.latent as u32).map(pick));
        }
    }
    let component = |image| philox::pick(seed, image, 0, config.latent as u32, config.components as u32);
    let components = if config.components > 0 { (first..first + count as u64).map(component).collect() } else { Vec::new() };
    Picks { ways, components }
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
    pub fn reconstruct(&self, pixels: &[f32], picks: Picks) -> Vec<f32> {
        from_tensor(self.clone().reconstruction(pixels, picks, &mut ()).images())
    }

    /// [`Model::reconstruct`] for somebody who looks at the spikes of all layers; `prior.*` predicts the spikes that the posterior drew.
    pub fn reconstruct_watched(&self, pixels: &[f32], picks: Picks, watch: &mut dyn Watch) -> Vec<f32> {
        let mut model = self.clone();
        let components = picks.components.clone();
        let pass = model.reconstruction(pixels, picks, watch);
        let (steps, neuron) = (self.config.steps, &self.neuron);
        let input = Tensor::cat(vec![pass.encoded.clone(), pass.posterior_previous.clone()], 1);
        model.network.posterior.show("posterior", input, steps, neuron, watch);
        let input = prior_input(&components, pass.prior_previous.clone(), &self.config);
        self.show_component(&input, watch);
        model.network.prior.show("prior", input, steps, neuron, watch);
        watch.spikes("z", &pass.z);
        from_tensor(pass.images())
    }

    /// Shows the component among the prior's inputs, if there is one.
    fn show_component(&self, prior_input: &Tensor<2>, watch: &mut dyn Watch) {
        if self.config.components > 0 {
            watch.spikes("component", &prior_input.clone().narrow(1, 0, self.config.components));
        }
    }

    fn reconstruction(&mut self, pixels: &[f32], picks: Picks, watch: &mut dyn Watch) -> Pass {
        let images = to_tensor(pixels, &self.config, &self.device());
        let draws = Draws { picks: picks.ways, own: Vec::new(), components: picks.components };
        self.pass(images, &draws, RollOut::Carried, Phase::Inference, watch)
    }

    /// Images drawn from the prior with these picks, with running statistics.
    pub fn sample(&self, picks: &Picks) -> Vec<f32> {
        let z = self.sample_latent(picks, &self.device());
        from_tensor(self.clone().decode(z, &mut ()).tanh())
    }

    /// [`Model::sample`] for somebody who looks at the spikes of all layers.
    pub fn sample_watched(&self, picks: &Picks, watch: &mut dyn Watch) -> Vec<f32> {
        let (mut model, z) = (self.clone(), self.sample_latent(picks, &self.device()));
        let batch = z.dims()[0] / self.config.steps;
        let input = prior_input(&picks.components, shifted(z.clone(), batch), &self.config);
        self.show_component(&input, watch);
        model.network.prior.show("prior", input, self.config.steps, &self.neuron, watch);
        watch.spikes("z", &z);
        from_tensor(model.decode(z, watch).tanh())
    }
}
