//! One optimiser step after another: the model, AdamW's moments, and the random numbers of each step.

use crate::latent::{Draws, PickGradient, RollOut, mean_of_ways};
use crate::loss::{PriorLoss, mse};
use crate::network::Network;
use crate::neuron::{Neuron, Phase, Precision, Surrogate};
use crate::optimiser::{Optimiser, Stride};
use crate::parallel::{Replica, spread};
use crate::pass::Model;
use crate::snapshot;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use fsvae_checkpoint::{Checkpoint, CheckpointError, NetworkConfig, TrainingRecord};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What the network learns with. Defaults are the published recipe, but for the roll-out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Images of a step.
    pub batch: usize,
    /// AdamW's step size.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f32,
    /// The stand-in for the derivative of a spike.
    pub surrogate: Surrogate,
    /// Stop the gradient at the reset. Not in the paper.
    pub detach_reset: bool,
    /// Which candidates learn from a pick.
    pub pick_gradient: PickGradient,
    /// How z_<t is rolled out.
    pub roll_out: RollOut,
    /// Learn with weights of so many bits, from 2 to 8: forward with the integers that a compiler will emit. Not in the paper.
    pub weight_bits: Option<u8>,
    /// One scale for the integers of a layer, for chips with one threshold for each population.
    pub one_weight_scale: bool,
    /// What a million synaptic operations of prior and decoder cost, in the loss, for an image that is learnt; latent spikes are free. On the
    /// CPU. Not in the paper.
    pub operations_price: f32,
    /// What of the network learns.
    pub learn: Learn,
    /// What pulls prior and posterior together.
    pub prior_loss: PriorLoss,
    /// Whether the prior sometimes sees its own output.
    pub scheduled_sampling: bool,
    /// Probability of that, at the first and at the last epoch.
    pub scheduled_probability: [f64; 2],
    /// First step at which it happens.
    pub scheduled_from: usize,
    /// Whether each image is mirrored, left to right, with probability 1/2 (the paper: for CIFAR-10 and CelebA).
    pub flip: bool,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            batch: 250,
            learning_rate: 1e-3,
            weight_decay: 1e-3,
            surrogate: Surrogate::Program,
            detach_reset: false,
            pick_gradient: PickGradient::Picked,
            roll_out: RollOut::Carried,
            weight_bits: None,
            one_weight_scale: false,
            operations_price: 0.0,
            learn: Learn::All,
            prior_loss: PriorLoss::Mmd,
            scheduled_sampling: true,
            scheduled_probability: [0.1, 0.3],
            scheduled_from: 5,
            flip: false,
        }
    }
}

impl Recipe {
    /// The random numbers of optimiser step `step`: a function of seed and step alone, so that a resumed run draws the same.
    pub fn draws(&self, config: &NetworkConfig, seed: u64, step: u64, batch: usize, probability: f64) -> Draws {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(step + 1);
        let picks = (0..config.steps * batch * config.latent).map(|_| rng.random_range(0..config.ways as i32)).collect();
        let own = (0..config.steps.saturating_sub(1))
            .map(|t| {
                let hit = self.scheduled_sampling && t >= self.scheduled_from && rng.random::<f64>() < probability;
                hit.then(|| (0..batch * config.latent).map(|_| normal(&mut rng)).collect())
            })
            .collect();
        Draws { picks, own }
    }
}

/// A standard normal number (Box and Muller).
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    ((-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()) as f32
}

/// What of the network learns. Anything but all of it is not in the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learn {
    /// Everything together.
    #[default]
    All,
    /// Encoder, posterior and decoder: the loss is the reconstruction error alone.
    Autoencoder,
    /// The prior, on latent spikes of a network that stays as it is (with its running statistics, as it will be deployed).
    Prior,
}

/// The losses of one step; those that count for what [`Learn`]s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLosses {
    /// Mean squared reconstruction error of images in [-1, 1].
    pub mse: Option<f32>,
    /// Distance of prior and posterior, not weighted.
    pub prior: Option<f32>,
}

impl StepLosses {
    /// Their sum, not weighted.
    pub fn sum(&self) -> f32 {
        self.mse.unwrap_or(0.0) + self.prior.unwrap_or(0.0)
    }
}

/// A model in training.
#[derive(Clone, Debug)]
pub struct Trainer {
    /// The model, with gradients.
    pub model: Model,
    /// What it learns with.
    pub recipe: Recipe,
    optimiser: Optimiser,
}

impl Trainer {
    /// A fresh model on this device (which is made differentiable).
    pub fn new(config: &NetworkConfig, recipe: &Recipe, seed: u64, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let mut neuron = Neuron::new(config, recipe.surrogate, recipe.detach_reset, &device);
        if let Some(bits) = recipe.weight_bits {
            neuron.precision = Precision::Integer { bits, one_scale: recipe.one_weight_scale };
        }
        let network = Network::new(config, seed, &device);
        let pick_gradient = recipe.pick_gradient;
        Self {
            model: Model { config: config.clone(), neuron, pick_gradient, network },
            recipe: recipe.clone(),
            optimiser: Optimiser::default(),
        }
    }

    /// A model from a checkpoint; with its optimiser's state where the checkpoint has it.
    ///
    /// # Errors
    /// [`CheckpointError`] when the checkpoint does not fit its own configuration.
    pub fn from_checkpoint(checkpoint: &Checkpoint, recipe: &Recipe, device: &Device) -> Result<Self, CheckpointError> {
        let mut trainer = Self::new(&checkpoint.config, recipe, 0, device);
        trainer.model.network = snapshot::restore(trainer.model.network, checkpoint)?;
        trainer.optimiser = Optimiser::restored(checkpoint, device)?;
        Ok(trainer)
    }

    /// Everything that is needed to go on, or (without the optimiser's state) to use the model.
    pub fn checkpoint(&self, training: TrainingRecord) -> Checkpoint {
        let mut tensors = snapshot::tensors(&self.model.network, &self.model.config);
        let state = self.optimiser.tensors(&tensors);
        tensors.extend(state);
        Checkpoint { config: self.model.config.clone(), training, tensors }
    }

    /// The model for use: without the optimiser's state, with the weights that count.
    pub fn deployed(&self, training: TrainingRecord) -> Checkpoint {
        let model = self.model.valid();
        let network = model.network.rounded(&model.neuron);
        Checkpoint { config: model.config.clone(), training, tensors: snapshot::tensors(&network, &model.config) }
    }

    /// One optimiser step on images `[batch, size, size, channels]` in [-1, 1].
    pub fn step(&mut self, images: Tensor<4>, draws: &Draws, learning_rate: f64) -> StepLosses {
        let images = if images.device().is_autodiff() { images } else { Tensor::from_inner(images) };
        let (losses, gradients) = self.gradients(images, draws);
        self.update(gradients, learning_rate);
        losses
    }

    /// The losses of a batch and the gradient of their sum (and of what spikes cost, which is in no loss that is reported).
    ///
    /// # Panics
    /// If operations have a price on a device without our kernels.
    pub fn gradients(&mut self, images: Tensor<4>, draws: &Draws) -> (StepLosses, GradientsParams) {
        let (model, recipe) = (&mut self.model, &self.recipe);
        let (how, config) = ((recipe.roll_out, Phase::Training), model.config.clone());
        assert!(model.neuron.fused || recipe.operations_price == 0.0, "only our kernels reckon with the price of operations");
        model.neuron.price_of_an_operation = recipe.operations_price * 1e-6 / images.dims()[0] as f32;
        let rates = |candidates: Tensor<2>| mean_of_ways(candidates, config.ways);
        let distance = |q, p| recipe.prior_loss.distance(rates(q), rates(p), config.steps);
        let (mse, prior) = match recipe.learn {
            Learn::All => {
                let pass = model.pass(images.clone(), draws, how.0, how.1, &mut ());
                (Some(mse(pass.images(), images)), Some(distance(pass.q, pass.p)))
            }
            Learn::Autoencoder => {
                let posterior = model.posterior(images.clone(), draws, how.0, how.1, &mut ());
                let neuron = model.neuron;
                let pre_tanh = model.network.decode(posterior.z, &config, &neuron, Phase::Training, &mut ());
                (Some(mse(pre_tanh.tanh(), images)), None)
            }
            Learn::Prior => {
                let posterior = model.valid().posterior(images.inner(), draws, RollOut::Carried, Phase::Inference, &mut ());
                let (_, p) = model.prior(posterior.z, draws, how.0, how.1);
                (None, Some(distance(Tensor::from_inner(posterior.q), p)))
            }
        };
        model.neuron.price_of_an_operation = 0.0;
        let value = |loss: &Option<Tensor<1>>| loss.clone().map(|loss| loss.into_scalar());
        let losses = StepLosses { mse: value(&mse), prior: value(&prior) };
        let parts = [mse, prior.map(|prior| prior * recipe.prior_loss.weight())];
        let loss = parts.into_iter().flatten().reduce(|sum, part| sum + part).expect("something learns");
        (losses, GradientsParams::from_grads(loss.backward(), &model.network))
    }

    /// Estimates the running statistics anew, as the plain mean of those of these batches (each at the weights as they are now): what the
    /// deployed network is folded with. In training they are a moving average over weights that change. Not in the paper.
    pub fn settle(&mut self, batches: impl Iterator<Item = (Tensor<4>, Draws)>) {
        let mut model = self.model.valid();
        for (i, (images, draws)) in batches.enumerate() {
            model.neuron.momentum = 1.0 / (i + 1) as f32;
            model.pass(images, &draws, RollOut::Carried, Phase::Training, &mut ());
        }
        match self.recipe.learn {
            Learn::Prior => self.model.network.prior.adopt(&model.network.prior),
            _ => self.model.network.adopt(&model.network),
        }
    }

    /// AdamW on every parameter that has a gradient.
    pub fn update(&mut self, gradients: GradientsParams, learning_rate: f64) {
        let stride = Stride { fused: self.model.neuron.fused, weight_decay: self.recipe.weight_decay, learning_rate };
        self.model.network = self.optimiser.update(self.model.network.clone(), gradients, stride);
    }
}

impl Replica for Trainer {
    fn replica(&self, device: &Device) -> Self {
        let mut replica = self.clone();
        replica.model.network = spread(replica.model.network, device);
        replica.model.neuron.fused = device.clone().inner() == Device::flex();
        replica.optimiser = self.optimiser.on(device);
        replica
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheduled_sampling_begins_late_and_strikes_with_its_probability() {
        let (config, recipe) = (NetworkConfig::fsvae(1), Recipe::default());
        let hits = |probability| -> Vec<bool> { recipe.draws(&config, 1, 0, 1, probability).own.iter().map(Option::is_some).collect() };
        assert_eq!(hits(0.0), [false; 15]);
        assert_eq!(hits(1.0), [[false; 5].as_slice(), &[true; 10]].concat());
        let struck = (0..500).flat_map(|step| recipe.draws(&config, 1, step, 1, 0.3).own).flatten().count();
        assert!((1350..1650).contains(&struck), "{struck} of 5000");
    }

    #[test]
    fn the_draws_of_a_step_are_its_own() {
        let (config, recipe) = (NetworkConfig::fsvae(1), Recipe::default());
        let draws = |seed, step| recipe.draws(&config, seed, step, 2, 0.3);
        assert_eq!(draws(1, 7), draws(1, 7));
        assert!(draws(1, 7).picks != draws(1, 8).picks && draws(1, 7).picks != draws(2, 7).picks);
        let picks = draws(1, 7).picks;
        assert!(picks.len() == 16 * 2 * 128 && (0..20).all(|way| picks.contains(&way)));
    }
}
