//! The tensors that a configuration demands.

use crate::NetworkConfig;

/// All parameters and running statistics of the network with their shapes, by the names of the original program's state dictionary
/// and in the order in which data flows: encoder, latent, posterior, prior, decoder.
///
/// Linear weights are `[out, in]`, convolutions `[out, in, 3, 3]`, transposed convolutions `[in, out, 3, 3]` (the original's further axis
/// of extent 1, time, is dropped). The configuration must be sound ([`NetworkConfig::violations`] is empty).
pub fn expected_tensors(config: &NetworkConfig) -> Vec<(String, Vec<usize>)> {
    let mut list = Tensors::default();
    let (latent, bottleneck) = (config.latent, config.bottleneck());

    let inputs = std::iter::once(&config.image_channels).chain(&config.channels);
    for (i, (&from, &to)) in inputs.zip(&config.channels).enumerate() {
        list.layer(&format!("encoder.{i}"), vec![to, from, 3, 3], to);
    }
    list.layer("before_latent_layer", vec![latent, bottleneck], latent);

    for (part, input) in [("posterior", 2 * latent), ("prior", config.prior_inputs())] {
        let sizes = [input, 2 * latent, 4 * latent, config.ways * latent];
        for (i, pair) in sizes.windows(2).enumerate() {
            list.layer(&format!("{part}.layers.{i}"), vec![pair[1], pair[0]], pair[1]);
        }
    }

    list.layer("decoder_input", vec![bottleneck, latent], bottleneck);
    let widths: Vec<usize> = config.channels.iter().rev().copied().collect();
    for (i, pair) in widths.windows(2).enumerate() {
        list.layer(&format!("decoder.{i}"), vec![pair[0], pair[1], 3, 3], pair[1]);
    }
    let first = config.channels.first().copied().unwrap_or(0);
    list.layer("final_layer.0", vec![first, first, 3, 3], first);
    list.weight_and_bias("final_layer.1", vec![first, config.image_channels, 3, 3], config.image_channels);
    list.0
}

#[derive(Default)]
struct Tensors(Vec<(String, Vec<usize>)>);

impl Tensors {
    /// Weights, bias and batch norm: all layers but the last.
    fn layer(&mut self, name: &str, weight: Vec<usize>, out: usize) {
        self.weight_and_bias(name, weight, out);
        for part in ["weight", "bias", "running_mean", "running_var"] {
            self.0.push((format!("{name}.bn.{part}"), vec![out]));
        }
    }

    fn weight_and_bias(&mut self, name: &str, weight: Vec<usize>, out: usize) {
        self.0.push((format!("{name}.weight"), weight));
        self.0.push((format!("{name}.bias"), vec![out]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(config: &NetworkConfig) -> String {
        expected_tensors(config).iter().map(|(name, shape)| format!("{name} {shape:?}\n")).collect()
    }

    #[test]
    fn the_list_for_the_published_sizes() {
        insta::assert_snapshot!("fsvae", text(&NetworkConfig::fsvae(1)));
        insta::assert_snapshot!("fsvae_large", text(&NetworkConfig::fsvae_large(3)));
    }

    #[test]
    fn a_single_layer_has_no_decoder_in_the_middle() {
        let config = NetworkConfig { channels: vec![8], ..NetworkConfig::fsvae(1) };
        let list = expected_tensors(&config);
        assert!(!list.iter().any(|(name, _)| name.starts_with("decoder.")));
        assert!(list.contains(&("decoder_input.weight".into(), vec![8 * 16 * 16, 128])));
    }
}
