//! Networks without spikes: every synapse multiplies and adds, whatever the image.

use super::wiring::{Layer, Maps, Source, Synapses};
use super::{LayerOperations, Operations};
use fsvae_checkpoint::AnnConfig;

/// What reconstructing an image takes: encoder, the latent's layers (of a VAE two), decoder.
pub fn ann_reconstruction(config: &AnnConfig) -> Operations {
    let mut layers = encoder(config);
    layers.extend(decoder(config));
    Operations::of_ann(layers)
}

/// What drawing an image takes: the decoder. (An autoencoder's decodes any latent.)
pub fn ann_generation(config: &AnnConfig) -> Operations {
    Operations::of_ann(decoder(config))
}

fn layer(name: String, from: Maps, to: Maps, synapses: Synapses) -> Layer {
    Layer { name, from, to, synapses, sources: vec![Source::Image], fires: true }
}

fn encoder(config: &AnnConfig) -> Vec<Layer> {
    let mut from = Maps { channels: config.image_channels, side: config.image_size };
    let mut layers = Vec::new();
    for (i, &channels) in config.channels.iter().enumerate() {
        let to = Maps { channels, side: from.side / 2 };
        layers.push(layer(format!("encoder.{i}"), from, to, Synapses::Down));
        from = to;
    }
    let flat = Maps { channels: config.bottleneck(), side: 1 };
    let latent = Maps { channels: config.latent, side: 1 };
    let heads = if config.variational { &["latent", "log_variance"][..] } else { &["latent"] };
    layers.extend(heads.iter().map(|name| layer((*name).to_owned(), flat, latent, Synapses::Dense)));
    layers
}

fn decoder(config: &AnnConfig) -> Vec<Layer> {
    let latent = Maps { channels: config.latent, side: 1 };
    let flat = Maps { channels: config.bottleneck(), side: 1 };
    let mut layers = vec![layer("decoder_input".to_owned(), latent, flat, Synapses::Dense)];
    let widths: Vec<usize> = config.channels.iter().rev().chain(config.channels.first()).copied().collect();
    let mut from = Maps { channels: widths[0], side: config.bottleneck_size() };
    for (i, &channels) in widths[1..].iter().enumerate() {
        let to = Maps { channels, side: 2 * from.side };
        layers.push(layer(format!("decoder.{i}"), from, to, Synapses::Up { stride: 2 }));
        from = to;
    }
    let image = Maps { channels: config.image_channels, side: config.image_size };
    layers.push(layer("read_out".to_owned(), from, image, Synapses::Up { stride: 1 }));
    layers
}

impl Operations {
    fn of_ann(layers: Vec<Layer>) -> Self {
        let layers = layers.iter().map(|layer| {
            let products = (layer.from.channels * layer.fan_outs().iter().sum::<usize>()) as f64;
            let biases = layer.to.neurons() as f64;
            LayerOperations { layer: layer.name.clone(), synaptic_additions: products, neuron_additions: biases, multiplications: products }
        });
        Self::sum(layers.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_counted_one_by_one() {
        let config = AnnConfig { image_size: 4, channels: vec![2], latent: 3, ..AnnConfig::vae(32, 1) };
        // Down: outputs at 2x2 places see 2 or 3 rows and columns of the picture: (2 + 3)^2 pixels for each of 2 channels.
        // Up: of 4 positions along an axis, each of 2 inputs reaches 3, but for the one whose tap falls off the picture: 5.
        fn of(operations: &Operations) -> Vec<(&str, f64)> {
            operations.layers.iter().map(|layer| (layer.layer.as_str(), layer.multiplications)).collect()
        }
        let all = ann_reconstruction(&config);
        let expected = [("encoder.0", 50.0), ("latent", 24.0), ("log_variance", 24.0), ("decoder_input", 24.0), ("decoder.0", 100.0)];
        assert_eq!(of(&all)[..5], expected);
        assert_eq!(of(&all)[5], ("read_out", 200.0), "(2 + 3 + 3 + 2)^2 places and taps of 2 channels");
        assert_eq!(of(&ann_generation(&config))[..], of(&all)[3..]);
        assert_eq!(all.additions - all.multiplications, (8 + 3 + 3 + 8 + 32 + 16) as f64, "biases");
    }
}
