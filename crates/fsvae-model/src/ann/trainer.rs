//! Training of the networks without spikes.

use super::layers::How;
use super::{AnnModel, AnnNetwork, drawn};
use crate::images::to_tensor;
use crate::loss::mse;
use crate::optimiser::{Optimiser, Stride};
use crate::parallel::{Replica, spread};
use crate::snapshot;
use crate::trainer::{StepLosses, normal};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use fsvae_checkpoint::{AnnCheckpoint, AnnConfig, CheckpointError, TrainingRecord};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What the network learns with. Defaults are those of the published program (`main_ann_vae.py`, `main_ann_ae.py`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnnRecipe {
    /// Images of a step.
    pub batch: usize,
    /// AdamW's step size.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay (PyTorch's default).
    pub weight_decay: f32,
    /// Weight of the Kullback-Leibler divergence beside the mean squared error; the published program takes 1 / batches of an epoch,
    /// which for MNIST's 60,000 images is this. An autoencoder has none.
    pub kl_weight: f64,
    /// Whether each image is mirrored, left to right, with probability 1/2.
    pub flip: bool,
}

impl Default for AnnRecipe {
    fn default() -> Self {
        Self { batch: 250, learning_rate: 1e-3, weight_decay: 1e-2, kl_weight: 1.0 / 240.0, flip: false }
    }
}

impl AnnRecipe {
    /// The noise of optimiser step `step`, `[batch, latent]`: a function of seed and step alone.
    pub fn noise(&self, config: &AnnConfig, seed: u64, step: u64, batch: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(step + 1);
        (0..batch * config.latent).map(|_| normal(&mut rng)).collect()
    }
}

/// A model in training.
#[derive(Clone, Debug)]
pub struct AnnTrainer {
    /// The model, with gradients.
    pub model: AnnModel,
    /// What it learns with.
    pub recipe: AnnRecipe,
    optimiser: Optimiser,
}

impl AnnTrainer {
    /// A fresh model on this device (which is made differentiable).
    pub fn new(config: &AnnConfig, recipe: &AnnRecipe, seed: u64, device: &Device) -> Self {
        let network = AnnNetwork::new(config, seed, &device.clone().autodiff());
        Self { model: AnnModel { config: config.clone(), network }, recipe: recipe.clone(), optimiser: Optimiser::default() }
    }

    /// A model from a checkpoint; with its optimiser's state where the checkpoint has it.
    ///
    /// # Errors
    /// [`CheckpointError`] when the checkpoint does not fit its own configuration.
    pub fn from_checkpoint(checkpoint: &AnnCheckpoint, recipe: &AnnRecipe, device: &Device) -> Result<Self, CheckpointError> {
        checkpoint.check()?;
        let mut trainer = Self::new(&checkpoint.config, recipe, 0, device);
        trainer.model.network = snapshot::restore(trainer.model.network, checkpoint)?;
        trainer.optimiser = Optimiser::restored(checkpoint, device)?;
        Ok(trainer)
    }

    /// The model without gradients.
    pub fn valid(&self) -> AnnModel {
        AnnModel { config: self.model.config.clone(), network: self.model.network.valid() }
    }

    /// Everything that is needed to go on.
    pub fn checkpoint(&self, training: TrainingRecord) -> AnnCheckpoint {
        let mut checkpoint = self.deployed(training);
        let state = self.optimiser.tensors(&checkpoint.tensors);
        checkpoint.tensors.extend(state);
        checkpoint
    }

    /// The model for use: without the optimiser's state.
    pub fn deployed(&self, training: TrainingRecord) -> AnnCheckpoint {
        let config = self.model.config.clone();
        AnnCheckpoint { training, tensors: snapshot::tensors(&self.model.network, &config), config }
    }

    /// One optimiser step on images as numbers in [-1, 1], `[batch, channels, height, width]`, with noise `[batch, latent]`. The loss called
    /// prior is the Kullback-Leibler divergence from the standard normal, not weighted.
    pub fn step_pixels(&mut self, pixels: &[f32], noise: &[f32], learning_rate: f64) -> StepLosses {
        let device = self.model.device();
        let how = How::training(&device);
        let (mse, divergence) = self.losses(pixels, noise, how);
        let value = |loss: Tensor<1>| loss.into_scalar::<f32>();
        let losses = StepLosses { mse: Some(value(mse.clone())), prior: divergence.clone().map(value) };
        let loss = match divergence {
            Some(divergence) => mse + divergence * self.recipe.kl_weight,
            None => mse,
        };
        let gradients = GradientsParams::from_grads(loss.backward(), &self.model.network);
        let stride = Stride { fused: how.fused, weight_decay: self.recipe.weight_decay, learning_rate };
        self.model.network = self.optimiser.update(self.model.network.clone(), gradients, stride);
        losses
    }

    fn losses(&mut self, pixels: &[f32], noise: &[f32], how: How) -> (Tensor<1>, Option<Tensor<1>>) {
        let config = &self.model.config;
        let images = to_tensor(pixels, (config.image_channels, config.image_size), &self.model.device());
        let noise = self.model.tensor(noise);
        let side = config.bottleneck_size();
        let network = &mut self.model.network;
        let (mean, log_variance) = network.encode(images.clone(), how);
        let divergence = log_variance.clone().map(|log_variance| divergence(mean.clone(), log_variance));
        let z = drawn(mean, log_variance, || noise);
        (mse(network.decode(z, side, how), images), divergence)
    }

    /// Estimates the running statistics anew, as the plain mean of those of these batches of images and noise.
    pub fn settle_pixels(&mut self, batches: impl Iterator<Item = (Vec<f32>, Vec<f32>)>) {
        let mut copy = Self { model: self.valid(), recipe: self.recipe.clone(), optimiser: Optimiser::default() };
        let how = How::training(&self.model.device());
        for (i, (pixels, noise)) in batches.enumerate() {
            copy.losses(&pixels, &noise, How { momentum: 1.0 / (i + 1) as f32, ..how });
        }
        let (mine, theirs) = (&mut self.model.network, &copy.model.network);
        let layers = mine.encoder.iter_mut().zip(&theirs.encoder).chain(mine.decoder.iter_mut().zip(&theirs.decoder));
        layers.for_each(|(mine, theirs)| mine.adopt(theirs));
    }
}

impl Replica for AnnTrainer {
    fn replica(&self, device: &Device) -> Self {
        let network = spread(self.model.network.clone(), device);
        let model = AnnModel { config: self.model.config.clone(), network };
        Self { model, recipe: self.recipe.clone(), optimiser: self.optimiser.on(device) }
    }
}

/// Kullback-Leibler divergence of Gaussians from the standard normal: summed over the latent, mean over images.
fn divergence(mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<1> {
    let [images, _] = mean.dims();
    let terms = log_variance.clone().exp() + mean.clone() * mean - log_variance - 1.0;
    terms.sum() * (0.5 / images as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;
    use crate::snapshot::values;

    fn config() -> AnnConfig {
        AnnConfig { image_size: 8, channels: vec![6, 8], latent: 5, ..AnnConfig::vae(32, 1) }
    }

    fn pixels(images: usize) -> Vec<f32> {
        (0..images * 64).map(|i| if (i / 64 + i % 8) % 3 == 0 { 0.8 } else { -0.9 }).collect()
    }

    #[test]
    fn it_learns_both_ways_and_goes_on_from_its_checkpoint_to_the_bit() {
        for variational in [true, false] {
            let recipe = AnnRecipe { learning_rate: 1e-2, ..AnnRecipe::default() };
            let mut trainer = AnnTrainer::new(&AnnConfig { variational, ..config() }, &recipe, 1, &device());
            let step = |trainer: &mut AnnTrainer, step: u64| {
                let noise = trainer.recipe.noise(&trainer.model.config, 1, step, 6);
                trainer.step_pixels(&pixels(6), &noise, trainer.recipe.learning_rate)
            };
            let first = step(&mut trainer, 0);
            assert_eq!(first.prior.is_some(), variational);
            for i in 1..40 {
                step(&mut trainer, i);
            }
            let record = TrainingRecord { steps: 40, ..TrainingRecord::default() };
            let checkpoint = AnnCheckpoint::from_bytes(&trainer.checkpoint(record.clone()).to_bytes()).unwrap();
            let mut resumed = AnnTrainer::from_checkpoint(&checkpoint, &recipe, &device()).unwrap();
            let last = step(&mut trainer, 40);
            assert!(last.mse.unwrap() < 0.5 * first.mse.unwrap(), "{first:?} {last:?}");
            assert_eq!(step(&mut resumed, 40), last);
            assert!(resumed.checkpoint(record.clone()) == trainer.checkpoint(record));
        }
    }

    #[test]
    fn kernels_and_burns_own_operations_agree() {
        let trainer = AnnTrainer::new(&config(), &AnnRecipe::default(), 1, &device());
        let noise = trainer.recipe.noise(&config(), 1, 0, 4);
        let how = How::training(&device());
        let both = [true, false].map(|fused| {
            let (mse, kl) = trainer.clone().losses(&pixels(4), &noise, How { fused, ..how });
            [values(&mse)[0], values(&kl.unwrap())[0]]
        });
        assert!(both[0].iter().zip(both[1]).all(|(a, b)| (a - b).abs() < 1e-5), "{both:?}");
    }

    #[test]
    fn the_divergence_is_the_formula() {
        let tensor = |numbers: [f32; 4]| Tensor::<1>::from_floats(numbers, &device()).reshape([2, 2]);
        let (mean, log_variance) = ([0.0, 1.0, -2.0, 0.5], [0.0, 0.5, -1.0, 1.0]);
        let expected: f32 = mean.iter().zip(&log_variance).map(|(m, l): (&f32, &f32)| 0.5 * (l.exp() + m * m - l - 1.0)).sum::<f32>() / 2.0;
        assert!((values(&divergence(tensor(mean), tensor(log_variance)))[0] - expected).abs() < 1e-6);
        assert_eq!(values(&divergence(tensor([0.0; 4]), tensor([0.0; 4]))), [0.0]);
    }

    #[test]
    fn settling_finds_the_statistics_of_the_batches() {
        let mut trainer = AnnTrainer::new(&config(), &AnnRecipe::default(), 1, &device());
        let noise = trainer.recipe.noise(&config(), 1, 0, 4);
        trainer.settle_pixels(std::iter::repeat_n((pixels(4), noise.clone()), 3));
        // With these statistics, inference on that very batch is nearly what training makes of it.
        let how = How::training(&device());
        let (training, _) = trainer.clone().losses(&pixels(4), &noise, how);
        let (inference, _) = trainer.clone().losses(&pixels(4), &noise, How::inference(&device()));
        let (training, inference) = (values(&training)[0], values(&inference)[0]);
        assert!((training - inference).abs() < 0.05 * training, "{training} {inference}");
    }
}
