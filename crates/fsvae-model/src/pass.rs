//! The passes through the whole network: training, reconstruction, generation.

use crate::latent::{
    Draws, PickGradient, RollOut, draw_from_prior, mean_of_ways, pick_tensor, pick_with, roll_out_posterior, roll_out_prior, shifted,
};
use crate::layer::{on, without_gradient};
use crate::loss::{PriorLoss, mse};
use crate::network::{Network, Watch};
use crate::neuron::{Neuron, Phase};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fsvae_checkpoint::NetworkConfig;

/// A network together with all that is fixed while it is used.
#[derive(Clone, Debug)]
pub struct Model {
    /// Shape and neuron.
    pub config: NetworkConfig,
    /// How layers compute.
    pub neuron: Neuron,
    /// How the posterior learns through the picks.
    pub pick_gradient: PickGradient,
    /// The parameters.
    pub network: Network,
}

/// What one pass over a batch computed.
#[derive(Debug)]
pub struct Pass {
    /// Pre-tanh images `[batch, size, size, channels]`.
    pub pre_tanh: Tensor<4>,
    /// x^E, `[steps * batch, latent]`.
    pub encoded: Tensor<2>,
    /// What the posterior took for z_{t-1}, `[steps * batch, latent]`.
    pub posterior_previous: Tensor<2>,
    /// What the prior took for z_{t-1}.
    pub prior_previous: Tensor<2>,
    /// Posterior candidates, `[steps * batch, latent * k]`.
    pub q: Tensor<2>,
    /// Prior candidates.
    pub p: Tensor<2>,
    /// The latent spikes that were decoded, `[steps * batch, latent]`.
    pub z: Tensor<2>,
}

/// What the encoding part of a pass computed; the fields are those of [`Pass`].
#[derive(Debug)]
pub struct Posterior {
    /// x^E.
    pub encoded: Tensor<2>,
    /// What was taken for z_{t-1}.
    pub previous: Tensor<2>,
    /// Candidates.
    pub q: Tensor<2>,
    /// What was picked of them.
    pub z: Tensor<2>,
}

impl Pass {
    /// Images in [-1, 1].
    pub fn images(&self) -> Tensor<4> {
        self.pre_tanh.clone().tanh()
    }

    /// Reconstruction error against `target`, and the distance of prior and posterior.
    pub fn losses(&self, target: Tensor<4>, prior_loss: PriorLoss, config: &NetworkConfig) -> (Tensor<1>, Tensor<1>) {
        let rates = |x: &Tensor<2>| mean_of_ways(x.clone(), config.ways);
        (mse(self.images(), target), prior_loss.distance(rates(&self.q), rates(&self.p), config.steps))
    }
}

impl Model {
    /// The device that the parameters live on.
    pub fn device(&self) -> Device {
        self.network.before_latent_layer.bias.val().device()
    }

    /// The same model without gradients.
    pub fn valid(&self) -> Self {
        Self { network: self.network.valid(), ..self.clone() }
    }

    /// A pass over images `[batch, size, size, channels]` in [-1, 1]: encode, draw z from the posterior, predict it by the prior, decode.
    pub fn pass(&mut self, images: Tensor<4>, draws: &Draws, roll_out: RollOut, phase: Phase, watch: &mut dyn Watch) -> Pass {
        let Posterior { encoded, previous: posterior_previous, q, z } = self.posterior(images, draws, roll_out, phase, watch);
        let (prior_previous, p) = self.prior(z.clone(), draws, roll_out, phase);
        let (config, neuron) = (self.config.clone(), self.neuron);
        let pre_tanh = self.network.decode(z.clone(), &config, &neuron, phase, watch);
        Pass { pre_tanh, encoded, posterior_previous, prior_previous, q, p, z }
    }

    /// The encoding part of [`pass`](Self::pass).
    pub fn posterior(&mut self, images: Tensor<4>, draws: &Draws, roll_out: RollOut, phase: Phase, watch: &mut dyn Watch) -> Posterior {
        let (neuron, steps) = (self.neuron.free_of_charge(), self.config.steps);
        let encoded = self.network.encode(images, steps, &neuron, phase, watch);
        let previous = {
            let mut posterior = self.network.posterior.valid();
            let z = roll_out_posterior(&mut posterior, &without_gradient(&encoded), &draws.picks, steps, (roll_out, phase), &neuron);
            self.network.posterior.adopt(&posterior);
            on(z, &encoded.device())
        };
        let input = Tensor::cat(vec![encoded.clone(), previous.clone()], 1);
        let q = self.network.posterior.forward(input, steps, &neuron, phase);
        let z = pick_with(q.clone(), pick_tensor(&draws.picks, self.config.latent, &q.device()), self.pick_gradient);
        Posterior { encoded, previous, q, z }
    }

    /// The predicting part of [`pass`](Self::pass): what the prior took for z_{t-1}, and its candidates. No gradient flows into `z`.
    pub fn prior(&mut self, z: Tensor<2>, draws: &Draws, roll_out: RollOut, phase: Phase) -> (Tensor<2>, Tensor<2>) {
        let (config, neuron, device) = (self.config.clone(), self.neuron, self.device());
        let previous = {
            let mut prior = self.network.prior.valid();
            let z = without_gradient(&z);
            let previous = match phase {
                Phase::Training => roll_out_prior(&mut prior, &z, &draws.own, &config, roll_out, &neuron),
                Phase::Inference => {
                    let batch = z.dims()[0] / config.steps;
                    shifted(z, batch)
                }
            };
            self.network.prior.adopt(&prior);
            on(previous, &device)
        };
        let p = self.network.prior.forward(previous.clone(), config.steps, &neuron, phase);
        (previous, p)
    }

    /// Draws latent spikes from the prior, `[steps * batch, latent]`, with picks `[steps][batch][latent]`.
    pub fn sample_latent(&self, picks: &[i32], device: &Device) -> Tensor<2> {
        draw_from_prior(&self.network.prior, picks, &self.config, &self.neuron, device)
    }

    /// Pre-tanh images of latent spikes, with running statistics.
    pub fn decode(&mut self, z: Tensor<2>, watch: &mut dyn Watch) -> Tensor<4> {
        let (config, neuron) = (self.config.clone(), self.neuron);
        self.network.decode(z, &config, &neuron, Phase::Inference, watch)
    }
}
