//! An FSVAE as a list of layers; what a layer holds depends on the stage of the compilation. There are two networks in it, with the
//! same decoder: one draws, one reconstructs.
//!
//! ```text
//!    +--------- previous step ---------+
//!    v                                 |
//!  prior.0 -> prior.1 -> prior.2 -> select -> decoder.input -> decoder.0 -> ... -> readout
//!    0          1          2                     3               4                  last     (places in `layers`)
//!
//!                                            +----------- previous step -----------+
//!                                            v                                     |
//!  image -> encoder.0 -> ... -> encoder.output -> posterior.0 -> posterior.1 -> posterior.2 -> select -> decoder.input -> ...
//!             0
//! ```

use fsvae_checkpoint::NetworkConfig;
use lif_graph::{Connectivity, Kernel, Shape};
use serde::Serialize;

/// Layers of the prior, and of the posterior; the select stage follows them.
pub const PRIOR_LAYERS: usize = 3;

/// Which of an FSVAE's networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Prior and decoder: draws images from random picks.
    Generate,
    /// Encoder, posterior and decoder: takes an image and draws it again.
    Reconstruct,
}

/// The network at some stage: `L` is [`import::FloatLayer`](crate::import::FloatLayer), then
/// [`fold::FoldedLayer`](crate::fold::FoldedLayer), then [`quantise::IntegerLayer`](crate::quantise::IntegerLayer).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Network<L> {
    /// Which network.
    pub purpose: Purpose,
    /// Sizes, steps, decays and the threshold.
    pub config: NetworkConfig,
    /// All layers with weights, in the drawing's order; the last one is the read-out.
    pub layers: Vec<L>,
}

impl<L> Network<L> {
    /// The same network with each layer replaced.
    pub fn map<M>(self, layer: impl FnMut(L) -> M) -> Network<M> {
        Network { purpose: self.purpose, config: self.config, layers: self.layers.into_iter().map(layer).collect() }
    }
}

impl Purpose {
    /// How many layers stand before the select stage.
    pub fn layers_before_select(self, config: &NetworkConfig) -> usize {
        match self {
            Self::Generate => PRIOR_LAYERS,
            Self::Reconstruct => config.channels.len() + 1 + PRIOR_LAYERS,
        }
    }
}

/// What a layer listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hears {
    /// The image, as a current that is the same at every step.
    Image,
    /// The layer before.
    Layer,
    /// What was picked in this step.
    Select,
    /// What was picked in the step before.
    PreviousSelect,
    /// The layer before and, behind its neurons, what was picked in the step before.
    LayerAndPreviousSelect,
}

/// Which part of the network a layer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// From the image to its features.
    Encoder,
    /// Before the select stage, with features.
    Posterior,
    /// Before the select stage.
    Prior,
    /// Behind it.
    Decoder,
    /// The last layer, which never fires.
    Readout,
    /// Of a network that is no FSVAE.
    Layer,
}

impl Part {
    /// What remains of its membranes after a step.
    pub fn decay(self, config: &NetworkConfig) -> f32 {
        match self {
            Self::Readout => config.readout_decay,
            Self::Decoder => config.decay_of_decoder(),
            Self::Encoder | Self::Posterior | Self::Prior | Self::Layer => config.decay,
        }
    }
}

/// A layer's place in the network: its name, its two populations, and how they are connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wiring {
    /// The name of the population that the layer drives, such as `decoder.0`.
    pub name: String,
    /// Which part of the network it belongs to.
    pub part: Part,
    /// What it listens to.
    pub hears: Hears,
    /// The neurons it listens to.
    pub source: Shape,
    /// Its own neurons.
    pub target: Shape,
    /// Dense, convolution or transposed convolution.
    pub connectivity: Connectivity,
}

impl Wiring {
    /// Weights of one pair of channels: 1, or the taps of the kernel.
    pub fn taps(&self) -> usize {
        match self.connectivity {
            Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => kernel.size as usize * kernel.size as usize,
            Connectivity::Dense | Connectivity::Pick => 1,
        }
    }

    /// How many weights the layer has.
    pub fn weights(&self) -> usize {
        let (sources, targets) = self.channels();
        sources * targets * self.taps()
    }

    /// Where weights of target channel `channel` stand, as (source channel, range of taps).
    pub fn fan_in(&self, channel: usize) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + use<> {
        let ((sources, targets), taps) = (self.channels(), self.taps());
        let transposed = matches!(self.connectivity, Connectivity::ConvTranspose2d(_));
        (0..sources).map(move |source| {
            let first = taps * if transposed { source * targets + channel } else { channel * sources + source };
            (source, first..first + taps)
        })
    }

    /// Groups of weights: of a dense layer each neuron is a channel.
    pub fn channels(&self) -> (usize, usize) {
        match self.connectivity {
            Connectivity::Dense => (self.source.neurons(), self.target.neurons()),
            _ => (self.source.channels as usize, self.target.channels as usize),
        }
    }

    /// Biases (and thresholds) of a dense layer belong to neurons, of a convolution to channels.
    pub fn units(&self) -> usize {
        self.channels().1
    }
}

/// The wiring of each layer with weights, in order, with the prefix of its tensors in the checkpoint.
///
/// Sizes are trusted: a [`Checkpoint`](fsvae_checkpoint::Checkpoint) has been checked against its configuration.
pub fn wiring(config: &NetworkConfig, purpose: Purpose) -> Vec<(String, Wiring)> {
    let mut layers = match purpose {
        Purpose::Generate => latent_stack(config, Part::Prior),
        Purpose::Reconstruct => [encoder(config), latent_stack(config, Part::Posterior)].concat(),
    };
    layers.extend(decoder(config));
    layers
}

fn flat(neurons: usize) -> Shape {
    Shape::flat(neurons as u32)
}

fn image(channels: usize, side: usize) -> Shape {
    Shape { channels: channels as u32, height: side as u32, width: side as u32 }
}

fn dense(prefix: String, name: String, part: Part, hears: Hears, [source, target]: [Shape; 2]) -> (String, Wiring) {
    (prefix, Wiring { name, part, hears, source, target, connectivity: Connectivity::Dense })
}

/// Strided convolutions, then a linear layer.
fn encoder(config: &NetworkConfig) -> Vec<(String, Wiring)> {
    let half = Kernel { size: 3, stride: 2, padding: 1, output_padding: 0 };
    let (mut layers, mut channels, mut side) = (vec![], config.image_channels, config.image_size);
    for (i, &next) in config.channels.iter().enumerate() {
        let hears = if i == 0 { Hears::Image } else { Hears::Layer };
        let (source, target, connectivity) = (image(channels, side), image(next, side / 2), Connectivity::Conv2d(half));
        let name = format!("encoder.{i}");
        layers.push((name.clone(), Wiring { name, part: Part::Encoder, hears, source, target, connectivity }));
        (channels, side) = (next, side / 2);
    }
    let ends = [image(channels, side), flat(config.latent)];
    layers.push(dense("before_latent_layer".into(), "encoder.output".into(), Part::Encoder, Hears::Layer, ends));
    layers
}

/// The prior or the posterior, which also listens to the encoder.
fn latent_stack(config: &NetworkConfig, part: Part) -> Vec<(String, Wiring)> {
    let latent = config.latent;
    let (word, hears, inputs) = match part {
        Part::Posterior => ("posterior", Hears::LayerAndPreviousSelect, 2 * latent),
        _ => ("prior", Hears::PreviousSelect, latent),
    };
    let widths = [inputs, 2 * latent, 4 * latent, config.ways * latent];
    let layer = |i: usize| {
        let hears = if i == 0 { hears } else { Hears::Layer };
        dense(format!("{word}.layers.{i}"), format!("{word}.{i}"), part, hears, [flat(widths[i]), flat(widths[i + 1])])
    };
    (0..PRIOR_LAYERS).map(layer).collect()
}

/// A linear layer, transposed convolutions, and the read-out.
fn decoder(config: &NetworkConfig) -> Vec<(String, Wiring)> {
    let mut side = config.bottleneck_size();
    let mut channels = config.channels.last().copied().unwrap_or(0);
    let ends = [flat(config.latent), image(channels, side)];
    let mut layers = vec![dense("decoder_input".into(), "decoder.input".into(), Part::Decoder, Hears::Select, ends)];

    let double = Kernel { size: 3, stride: 2, padding: 1, output_padding: 1 };
    let first = config.channels.first().copied().unwrap_or(0);
    let narrower = config.channels.iter().rev().skip(1).copied().chain([first]);
    for (i, next) in narrower.enumerate() {
        let prefix = if i + 1 < config.channels.len() { format!("decoder.{i}") } else { "final_layer.0".into() };
        let (source, target) = (image(channels, side), image(next, 2 * side));
        let connectivity = Connectivity::ConvTranspose2d(double);
        let (name, part, hears) = (format!("decoder.{i}"), Part::Decoder, Hears::Layer);
        layers.push((prefix, Wiring { name, part, hears, source, target, connectivity }));
        (channels, side) = (next, 2 * side);
    }

    let keep = Kernel { size: 3, stride: 1, padding: 1, output_padding: 0 };
    let (source, target) = (image(channels, side), image(config.image_channels, side));
    let connectivity = Connectivity::ConvTranspose2d(keep);
    let readout = Wiring { name: "readout".into(), part: Part::Readout, hears: Hears::Layer, source, target, connectivity };
    layers.push(("final_layer.1".into(), readout));
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_network_has_the_papers_sizes() {
        let layers = wiring(&NetworkConfig::fsvae(1), Purpose::Generate);
        let sizes: Vec<_> = layers.iter().map(|(_, w)| (w.name.as_str(), w.target.neurons(), w.weights())).collect();
        assert_eq!(
            sizes,
            [
                ("prior.0", 256, 128 * 256),
                ("prior.1", 512, 256 * 512),
                ("prior.2", 2560, 512 * 2560),
                ("decoder.input", 1024, 128 * 1024),
                ("decoder.0", 128 * 16, 256 * 128 * 9),
                ("decoder.1", 64 * 64, 128 * 64 * 9),
                ("decoder.2", 32 * 256, 64 * 32 * 9),
                ("decoder.3", 32 * 1024, 32 * 32 * 9),
                ("readout", 1024, 32 * 9),
            ]
        );
        let prefixes: Vec<_> = layers.iter().map(|(prefix, _)| prefix.as_str()).collect();
        assert_eq!(prefixes[2..5], ["prior.layers.2", "decoder_input", "decoder.0"]);
        assert_eq!(prefixes[6..], ["decoder.2", "final_layer.0", "final_layer.1"]);
        let large = wiring(&NetworkConfig::fsvae_large(3), Purpose::Generate);
        assert_eq!(large.last().unwrap().1.target, Shape { channels: 3, height: 64, width: 64 });
    }

    /// Every tensor of a checkpoint has a place in one of the networks, and a weight for each of its values.
    #[test]
    fn the_two_networks_are_all_of_the_checkpoint() {
        for config in [NetworkConfig::fsvae(1), NetworkConfig::fsvae_large(3)] {
            let both: Vec<_> = [Purpose::Generate, Purpose::Reconstruct].iter().flat_map(|&purpose| wiring(&config, purpose)).collect();
            for (name, shape) in fsvae_checkpoint::expected_tensors(&config) {
                let (prefix, what) = name.rsplit_once('.').expect("a layer and a tensor");
                let layer = both.iter().find(|(layer, _)| *layer == prefix.trim_end_matches(".bn")).unwrap_or_else(|| panic!("{name}"));
                let count = if what == "weight" && !prefix.ends_with(".bn") { layer.1.weights() } else { layer.1.units() };
                assert_eq!(shape.iter().product::<usize>(), count, "{name}");
            }
            for purpose in [Purpose::Generate, Purpose::Reconstruct] {
                let behind = wiring(&config, purpose).iter().position(|(_, wiring)| wiring.hears == Hears::Select);
                assert_eq!(behind, Some(purpose.layers_before_select(&config)));
            }
        }
    }

    #[test]
    fn each_weight_has_one_target_channel() {
        let config = NetworkConfig { channels: vec![2, 3], image_size: 8, latent: 2, ways: 2, ..NetworkConfig::fsvae(1) };
        let both = [Purpose::Generate, Purpose::Reconstruct].map(|purpose| wiring(&config, purpose));
        for (_, wiring) in both.into_iter().flatten() {
            let mut seen = vec![0; wiring.weights()];
            for channel in 0..wiring.units() {
                wiring.fan_in(channel).for_each(|(_, taps)| taps.for_each(|tap| seen[tap] += 1));
            }
            assert!(seen.iter().all(|&count| count == 1), "{}", wiring.name);
        }
    }
}
