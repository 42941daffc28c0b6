//! Networks without spikes: the VAE that the paper compares the FSVAE with, and the autoencoder in whose latent space FAD is measured.

use serde::{Deserialize, Serialize};

use crate::check::{image_violations, parameter_violations};
use crate::expected::Tensors;
use crate::kind::Kind;

/// What such a network looks like: encoder and decoder of an FSVAE's sizes with ordinary batch norm and leaky ReLU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnConfig {
    /// Side of the square input image in pixels; a power of two.
    pub image_size: usize,
    /// Image channels: 1 grey, 3 colour.
    pub image_channels: usize,
    /// Encoder widths, one stride-2 layer each; the decoder mirrors them.
    pub channels: Vec<usize>,
    /// Numbers of a latent.
    pub latent: usize,
    /// Whether the encoder gives mean and log-variance of a Gaussian (a VAE), or the latent itself (an autoencoder).
    pub variational: bool,
}

impl AnnConfig {
    /// The paper's ANN VAE for images of this side, 32 or 64.
    pub fn vae(image_size: usize, image_channels: usize) -> Self {
        let channels = if image_size == 64 { vec![32, 64, 128, 256, 512] } else { vec![32, 64, 128, 256] };
        Self { image_size, image_channels, channels, latent: 128, variational: true }
    }

    /// The autoencoder of the paper's FAD: latent 64 for grey images, 128 for coloured ones.
    pub fn autoencoder(image_size: usize, image_channels: usize) -> Self {
        let latent = if image_channels == 1 { 64 } else { 128 };
        Self { latent, variational: false, ..Self::vae(image_size, image_channels) }
    }

    /// Side of the encoder's last feature map; 0 when there are more layers than the image can be halved.
    pub fn bottleneck_size(&self) -> usize {
        self.image_size.checked_shr(self.channels.len() as u32).unwrap_or(0)
    }

    /// Numbers of the flattened bottleneck: last width times its area.
    pub fn bottleneck(&self) -> usize {
        self.channels.last().copied().unwrap_or(0).saturating_mul(self.bottleneck_size().saturating_pow(2))
    }
}

impl Kind for AnnConfig {
    const FORMAT: &'static str = "ann-checkpoint";

    fn image_shape(&self) -> (usize, usize) {
        (self.image_channels, self.image_size)
    }

    fn violations(&self) -> Vec<String> {
        let mut found = image_violations(self.image_size, self.image_channels, &self.channels, self.bottleneck_size());
        if !(1..=4096).contains(&self.latent) {
            found.push(format!("config: latent is {}; it must be from 1 to 4096", self.latent));
        }
        if found.is_empty() {
            found = parameter_violations(self.expected_tensors());
        }
        found
    }

    /// Names and shapes as in an FSVAE ([`expected_tensors`](crate::expected_tensors)).
    fn expected_tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut list = Tensors::default();
        let (latent, bottleneck) = (self.latent, self.bottleneck());
        let inputs = std::iter::once(&self.image_channels).chain(&self.channels);
        for (i, (&from, &to)) in inputs.zip(&self.channels).enumerate() {
            list.layer(&format!("encoder.{i}"), vec![to, from, 3, 3], to);
        }
        list.weight_and_bias("latent", vec![latent, bottleneck], latent);
        if self.variational {
            list.weight_and_bias("log_variance", vec![latent, bottleneck], latent);
        }
        list.weight_and_bias("decoder_input", vec![bottleneck, latent], bottleneck);
        let widths: Vec<usize> = self.channels.iter().rev().chain(self.channels.first()).copied().collect();
        for (i, pair) in widths.windows(2).enumerate() {
            list.layer(&format!("decoder.{i}"), vec![pair[0], pair[1], 3, 3], pair[1]);
        }
        let first = self.channels.first().copied().unwrap_or(0);
        list.weight_and_bias("read_out", vec![first, self.image_channels, 3, 3], self.image_channels);
        list.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AnnCheckpoint, Checkpoint, NamedTensor, TrainingRecord};

    #[test]
    fn the_tensors_of_the_published_sizes() {
        let text = |config: AnnConfig| -> String {
            assert_eq!(config.violations(), Vec::<String>::new());
            config.expected_tensors().iter().map(|(name, shape)| format!("{name} {shape:?}\n")).collect()
        };
        insta::assert_snapshot!("ann_vae", text(AnnConfig::vae(32, 1)));
        insta::assert_snapshot!("ann_autoencoder_large", text(AnnConfig::autoencoder(64, 3)));
    }

    #[test]
    fn impossible_sizes_are_named() {
        let wild = AnnConfig { image_size: 30, image_channels: 0, channels: Vec::new(), latent: 0, variational: true };
        insta::assert_snapshot!("wild_ann", wild.violations().join("\n"));
    }

    #[test]
    fn one_kind_is_not_taken_for_the_other() {
        let config = AnnConfig { image_size: 4, channels: vec![2], latent: 3, ..AnnConfig::vae(32, 1) };
        let tensor = |(name, shape): (String, Vec<usize>)| NamedTensor::f32(name, shape.clone(), vec![0.5; shape.iter().product()]);
        let tensors = config.expected_tensors().into_iter().map(tensor).collect();
        let ann = AnnCheckpoint { config, training: TrainingRecord::default(), tensors };
        ann.check().unwrap();
        assert_eq!(AnnCheckpoint::from_bytes(&ann.to_bytes()), Ok(ann.clone()));
        let error = Checkpoint::from_bytes(&ann.to_bytes()).unwrap_err();
        assert_eq!(miette::Diagnostic::code(&error).unwrap().to_string(), "E190");
        insta::assert_snapshot!("another_kind", error.to_string());
    }
}
