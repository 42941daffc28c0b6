//! The generator half of an FSVAE as a list of layers; what a layer holds depends on the stage of the compilation.
//!
//! ```text
//!    +--------- previous step ---------+
//!    v                                 |       [component], if the prior has some, is heard by prior.0 beside it
//!  prior.0 -> prior.1 -> prior.2 -> select -> decoder.input -> decoder.0 -> ... -> readout
//!    0          1          2                     3               4                  last     (places in `layers`)
//! ```

use fsvae_checkpoint::NetworkConfig;
use lif_graph::{Connectivity, Kernel, Shape};
use serde::Serialize;

/// Layers of the prior; the select stage follows them.
pub const PRIOR_LAYERS: usize = 3;

/// The network at some stage: `L` is [`import::FloatLayer`](crate::import::FloatLayer), then
/// [`fold::FoldedLayer`](crate::fold::FoldedLayer), then [`quantise::IntegerLayer`](crate::quantise::IntegerLayer).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Network<L> {
    /// Sizes, steps, decays and the threshold.
    pub config: NetworkConfig,
    /// All layers with weights, in the drawing's order; the last one is the read-out.
    pub layers: Vec<L>,
}

impl<L> Network<L> {
    /// The same network with each layer replaced.
    pub fn map<M>(self, layer: impl FnMut(L) -> M) -> Network<M> {
        Network { config: self.config, layers: self.layers.into_iter().map(layer).collect() }
    }
}

/// Which part of the network a layer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Before the select stage.
    Prior,
    /// Behind it.
    Decoder,
    /// The last layer, which never fires.
    Readout,
    /// Of a network that is no FSVAE.
    Layer,
}

/// A layer's place in the network: its name, its two populations, and how they are connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wiring {
    /// The name of the population that the layer drives, such as `decoder.0`.
    pub name: String,
    /// Which part of the network it belongs to.
    pub part: Part,
    /// The neurons it listens to.
    pub source: Shape,
    /// So many of them, the first ones, are a prior's components, of which exactly one fires.
    #[serde(skip_serializing_if = "is_zero")]
    pub drawn: usize,
    /// Its own neurons.
    pub target: Shape,
    /// Dense or transposed convolution.
    pub connectivity: Connectivity,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
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
pub fn wiring(config: &NetworkConfig) -> Vec<(String, Wiring)> {
    let flat = |neurons: usize| Shape::flat(neurons as u32);
    let image = |channels: usize, side: usize| Shape { channels: channels as u32, height: side as u32, width: side as u32 };
    let dense = |prefix: String, name: String, part, source, target| {
        (prefix, Wiring { name, part, source, drawn: 0, target, connectivity: Connectivity::Dense })
    };
    let (latent, k) = (config.latent, config.ways);

    let widths = [config.prior_inputs(), 2 * latent, 4 * latent, k * latent];
    let mut layers: Vec<_> = (0..PRIOR_LAYERS)
        .map(|i| dense(format!("prior.layers.{i}"), format!("prior.{i}"), Part::Prior, flat(widths[i]), flat(widths[i + 1])))
        .collect();
    layers[0].1.drawn = config.components;

    let mut side = config.bottleneck_size();
    let mut channels = config.channels.last().copied().unwrap_or(0);
    layers.push(dense("decoder_input".into(), "decoder.input".into(), Part::Decoder, flat(latent), image(channels, side)));

    let double = Kernel { size: 3, stride: 2, padding: 1, output_padding: 1 };
    let first = config.channels.first().copied().unwrap_or(0);
    let narrower = config.channels.iter().rev().skip(1).copied().chain([first]);
    for (i, next) in narrower.enumerate() {
        let prefix = if i + 1 < config.channels.len() { format!("decoder.{i}") } else { "final_layer.0".into() };
        let (source, target) = (image(channels, side), image(next, 2 * side));
        let connectivity = Connectivity::ConvTranspose2d(double);
        layers.push((prefix, Wiring { name: format!("decoder.{i}"), part: Part::Decoder, source, drawn: 0, target, connectivity }));
        (channels, side) = (next, 2 * side);
    }

    let keep = Kernel { size: 3, stride: 1, padding: 1, output_padding: 0 };
    let (source, target) = (image(channels, side), image(config.image_channels, side));
    let connectivity = Connectivity::ConvTranspose2d(keep);
    let readout = Wiring { name: "readout".into(), part: Part::Readout, source, drawn: 0, target, connectivity };
    layers.push(("final_layer.1".into(), readout));
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_network_has_the_papers_sizes() {
        let layers = wiring(&NetworkConfig::fsvae(1));
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
        assert_eq!(wiring(&NetworkConfig::fsvae_large(3)).last().unwrap().1.target, Shape { channels: 3, height: 64, width: 64 });
    }

    #[test]
    fn each_weight_has_one_target_channel() {
        for (_, wiring) in wiring(&NetworkConfig { channels: vec![2, 3], image_size: 8, latent: 2, ways: 2, ..NetworkConfig::fsvae(1) }) {
            let mut seen = vec![0; wiring.weights()];
            for channel in 0..wiring.units() {
                wiring.fan_in(channel).for_each(|(_, taps)| taps.for_each(|tap| seen[tap] += 1));
            }
            assert!(seen.iter().all(|&count| count == 1), "{}", wiring.name);
        }
    }
}
