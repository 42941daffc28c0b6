//! The Fully Spiking Variational Autoencoder (Kamata, Mukuta, Harada, AAAI 2022).
//!
//! ```text
//!   image --encoder--> x^E_t --posterior (with z_<t)--> q --pick 1 of k--> z_t --decoder--> read-out --tanh--> image
//!                                 prior (z_<t) ------> p --pick 1 of k--^  (when generating)
//! ```
//!
//! Field names are the original program's state-dict names, so that a tensor's path is its name in a checkpoint.

use crate::kernels::roll_out;
use crate::layer::{Direction, ReadOut, Source, SpikingConvolution, SpikingLinear};
use crate::neuron::{Neuron, Phase};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use fsvae_checkpoint::NetworkConfig;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Three spiking layers that map what is known of earlier steps to k candidates a latent channel.
#[derive(Module, Debug)]
pub struct LatentStack {
    /// In order.
    pub layers: Vec<SpikingLinear>,
}

/// Membranes of a [`LatentStack`] between the steps of a roll-out.
pub type LatentState = Vec<Option<Tensor<2>>>;

impl LatentStack {
    fn new(inputs: usize, config: &NetworkConfig, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let widths = [inputs, 2 * config.latent, 4 * config.latent, config.ways * config.latent];
        Self { layers: widths.windows(2).map(|w| SpikingLinear::new(w[0], w[1], 2.0, rng, device)).collect() }
    }

    /// `[steps * batch, in]` to `[steps * batch, latent * k]`, channel by channel k neighbours.
    pub fn forward(&mut self, x: Tensor<2>, steps: usize, neuron: &Neuron, phase: Phase) -> Tensor<2> {
        let fan_outs: Vec<usize> = self.layers.iter().skip(1).map(SpikingLinear::outputs).chain([0]).collect();
        let priced = fan_outs.into_iter().map(|fan_out| neuron.feeding(fan_out as f32));
        self.layers.iter_mut().zip(priced).fold(x, |x, (layer, neuron)| layer.forward(x, steps, &neuron, phase))
    }

    /// [`forward`](Self::forward) with running statistics, for somebody who looks at each layer's spikes: `NAME.layers.0`, ...
    pub(crate) fn show(&mut self, name: &str, x: Tensor<2>, steps: usize, neuron: &Neuron, watch: &mut dyn Watch) {
        self.layers.iter_mut().enumerate().fold(x, |x, (i, layer)| {
            let spikes = layer.forward(x, steps, neuron, Phase::Inference);
            watch.spikes(&format!("{name}.layers.{i}"), &spikes);
            spikes
        });
    }

    /// One step with running statistics, `[batch, in]` to `[batch, latent * k]`.
    pub fn step(&self, x: Tensor<2>, state: &mut LatentState, neuron: &Neuron) -> Tensor<2> {
        state.resize(self.layers.len(), None);
        self.layers.iter().zip(state).fold(x, |x, (layer, held)| layer.step(x, held, neuron))
    }

    /// The stack with its running statistics, for the roll-out's kernel.
    pub(crate) fn frozen(&self, latent: usize, neuron: &Neuron) -> roll_out::Stack {
        roll_out::Stack { layers: self.layers.iter().map(|layer| layer.frozen(neuron)).collect(), lif: neuron.lif, latent }
    }

    pub(crate) fn adopt(&mut self, other: &Self) {
        self.layers.iter_mut().zip(&other.layers).for_each(|(mine, theirs)| mine.adopt(theirs));
    }
}

/// The whole network.
#[derive(Module, Debug)]
pub struct Network {
    /// Stride-2 convolutions.
    pub encoder: Vec<SpikingConvolution>,
    /// Bottleneck to latent.
    pub before_latent_layer: SpikingLinear,
    /// p(z_t | z_<t).
    pub prior: LatentStack,
    /// q(z_t | x_<=t, z_<t).
    pub posterior: LatentStack,
    /// Latent to bottleneck.
    pub decoder_input: SpikingLinear,
    /// Stride-2 transposed convolutions.
    pub decoder: Vec<SpikingConvolution>,
    /// One more of these, and the read-out.
    pub final_layer: (SpikingConvolution, ReadOut),
}

impl Network {
    /// A fresh network with PyTorch's default initialisation, drawn from `seed`.
    pub fn new(config: &NetworkConfig, seed: u64, device: &Device) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let down: Vec<usize> = std::iter::once(config.image_channels).chain(config.channels.iter().copied()).collect();
        let up: Vec<usize> = config.channels.iter().rev().copied().collect();
        let first = config.channels[0];
        let layers = |direction, widths: &[usize], rng: &mut ChaCha8Rng| {
            widths.windows(2).map(|w| SpikingConvolution::new(direction, w[0], w[1], rng, device)).collect()
        };
        Self {
            encoder: layers(Direction::Down, &down, rng),
            before_latent_layer: SpikingLinear::new(config.bottleneck(), config.latent, 1.0, rng, device),
            prior: LatentStack::new(config.latent, config, rng, device),
            posterior: LatentStack::new(2 * config.latent, config, rng, device),
            decoder_input: SpikingLinear::new(config.latent, config.bottleneck(), 1.0, rng, device),
            decoder: layers(Direction::Up, &up, rng),
            final_layer: (
                SpikingConvolution::new(Direction::Up, first, first, rng, device),
                ReadOut::new(first, config.image_channels, rng, device),
            ),
        }
    }

    /// The same network with the weights that count in place of those that learn.
    pub(crate) fn rounded(mut self, neuron: &Neuron) -> Self {
        let put = |weight: &mut Param<Tensor<4>>, rounded: Tensor<4>| *weight = Param::from_tensor(rounded);
        for layer in self.encoder.iter_mut().chain(&mut self.decoder).chain([&mut self.final_layer.0]) {
            let rounded = layer.rounded(neuron);
            put(&mut layer.weight, rounded);
        }
        let rounded = self.final_layer.1.rounded(neuron);
        put(&mut self.final_layer.1.weight, rounded);
        let stacks = self.prior.layers.iter_mut().chain(&mut self.posterior.layers);
        for layer in stacks.chain([&mut self.before_latent_layer, &mut self.decoder_input]) {
            layer.weight = Param::from_tensor(layer.rounded(neuron));
        }
        self
    }

    /// Takes over the running statistics of a copy that was used without gradients.
    pub(crate) fn adopt(&mut self, other: &Self) {
        let layers = |mine: &mut [SpikingConvolution], theirs: &[SpikingConvolution]| {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| mine.adopt(theirs));
        };
        layers(&mut self.encoder, &other.encoder);
        layers(&mut self.decoder, &other.decoder);
        self.before_latent_layer.adopt(&other.before_latent_layer);
        self.prior.adopt(&other.prior);
        self.posterior.adopt(&other.posterior);
        self.decoder_input.adopt(&other.decoder_input);
        self.final_layer.0.adopt(&other.final_layer.0);
    }

    /// Spikes x^E `[steps * batch, latent]` of images `[batch, size, size, channels]`, shown at every step.
    pub fn encode(&mut self, images: Tensor<4>, steps: usize, neuron: &Neuron, phase: Phase, watch: &mut dyn Watch) -> Tensor<2> {
        let (first, others) = self.encoder.split_first_mut().expect("an encoder has layers");
        let mut population = first.listen(Source::Image(images), steps, neuron, phase);
        watch.pictures("encoder.0", &|| population.spikes(neuron));
        for (i, layer) in (1..).zip(others) {
            population = layer.listen(Source::Population(Box::new(population)), steps, neuron, phase);
            watch.pictures(&format!("encoder.{i}"), &|| population.spikes(neuron));
        }
        let x = population.spikes(neuron);
        // The weights count the bottleneck channel by channel.
        let [rows, height, width, channels] = x.dims();
        let flat = x.permute([0, 3, 1, 2]).reshape([rows, channels * height * width]);
        let x = self.before_latent_layer.forward(flat, steps, neuron, phase);
        watch.spikes("before_latent_layer", &x);
        x
    }

    /// Pre-tanh images `[batch, size, size, channels]` of latent spikes `[steps * batch, latent]`.
    pub fn decode(&mut self, z: Tensor<2>, config: &NetworkConfig, neuron: &Neuron, phase: Phase, watch: &mut dyn Watch) -> Tensor<4> {
        let (steps, side) = (config.steps, config.bottleneck_size());
        let neuron = &neuron.of_decoder(config);
        let priced: Vec<Neuron> = fan_outs_of_decoder(config).into_iter().map(|fan_out| neuron.feeding(fan_out)).collect();
        let [first, inner @ .., last] = &priced[..] else { unreachable!("a decoder has at least these two layers") };
        let flat = self.decoder_input.forward(z, steps, first, phase);
        watch.spikes("decoder_input", &flat);
        let [rows, neurons] = flat.dims();
        let mut source = Source::Spikes(flat.reshape([rows, neurons / (side * side), side, side]).permute([0, 2, 3, 1]));
        for ((i, layer), priced) in self.decoder.iter_mut().enumerate().zip(inner) {
            let population = layer.listen(source, steps, priced, phase);
            watch.pictures(&format!("decoder.{i}"), &|| population.spikes(neuron));
            source = Source::Population(Box::new(population));
        }
        let population = self.final_layer.0.listen(source, steps, last, phase);
        watch.pictures("final_layer.0", &|| population.spikes(neuron));
        self.final_layer.1.forward(population, config.readout_decay, neuron)
    }
}

/// Synapses of a neuron, layer by layer of those of the decoder that fire: the mean over its picture, as there are fewer at the edges.
fn fan_outs_of_decoder(config: &NetworkConfig) -> Vec<f32> {
    // along an axis the taps of stride 2 lose one at one end, those of stride 1 one at either
    let mean = |side: usize, lost: usize| ((3 * side - lost) as f32 / side as f32).powi(2);
    let targets = config.channels.iter().rev().skip(1).chain([&config.channels[0]]);
    let sides = std::iter::successors(Some(config.bottleneck_size()), |side| Some(2 * side));
    let ups = targets.zip(sides).map(|(&channels, side)| mean(side, 1) * channels as f32);
    ups.chain([mean(config.image_size, 2) * config.image_channels as f32]).collect()
}

/// Somebody who looks at the spikes of inner layers as they pass: firing rates, golden vectors.
pub trait Watch {
    /// Spikes `[steps * batch, height, width, channels]`, for those who ask.
    fn pictures(&mut self, layer: &str, spikes: &dyn Fn() -> Tensor<4>);
    /// Spikes `[steps * batch, neurons]`.
    fn spikes(&mut self, layer: &str, spikes: &Tensor<2>);
}

/// Nobody looks.
impl Watch for () {
    fn pictures(&mut self, _: &str, _: &dyn Fn() -> Tensor<4>) {}
    fn spikes(&mut self, _: &str, _: &Tensor<2>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_feed_fewer() {
        // 2x2 to 128 channels, 4x4 to 64, 8x8 to 32, 16x16 to 32; 32x32 to the picture
        let taps = |reached: f32, side: f32| (reached / side).powi(2);
        let expected = [128.0 * taps(5.0, 2.0), 64.0 * taps(11.0, 4.0), 32.0 * taps(23.0, 8.0), 32.0 * taps(47.0, 16.0), taps(94.0, 32.0)];
        assert_eq!(fan_outs_of_decoder(&NetworkConfig::fsvae(1)), expected);
    }
}
