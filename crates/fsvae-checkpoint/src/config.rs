//! The numbers that determine a network's shape and its neurons: all that is needed besides the tensors.

use serde::{Deserialize, Serialize};

/// What an FSVAE looks like (Kamata, Mukuta, Harada, AAAI 2022).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Side of the square input image in pixels: 32 (FSVAE) or 64 (FSVAELarge); a power of two times 2.
    pub image_size: usize,
    /// Image channels: 1 grey, 3 colour.
    pub image_channels: usize,
    /// Encoder widths, one stride-2 layer each; the decoder mirrors them.
    pub channels: Vec<usize>,
    /// Latent channels (the paper's L).
    pub latent: usize,
    /// Neighbours a latent spike is picked from (the paper's k).
    pub ways: usize,
    /// Time steps (the paper's T).
    pub steps: usize,
    /// What remains of the membrane after a step (tau).
    pub decay: f32,
    /// The same in the decoder's layers, where it is another than `decay`. Not in the paper, which has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder_decay: Option<f32>,
    /// Firing threshold (V_th), strict.
    pub threshold: f32,
    /// What remains of the read-out membrane after a step.
    pub readout_decay: f32,
}

impl NetworkConfig {
    /// The paper's network for 32x32 images: widths 32, 64, 128, 256, latent 128, k 20, T 16.
    pub fn fsvae(image_channels: usize) -> Self {
        Self {
            image_size: 32,
            image_channels,
            channels: vec![32, 64, 128, 256],
            latent: 128,
            ways: 20,
            steps: 16,
            decay: 0.25,
            decoder_decay: None,
            threshold: 0.2,
            readout_decay: 0.8,
        }
    }

    /// The paper's network for 64x64 images (CelebA): one more layer of 512.
    pub fn fsvae_large(image_channels: usize) -> Self {
        Self { image_size: 64, channels: vec![32, 64, 128, 256, 512], ..Self::fsvae(image_channels) }
    }

    /// What remains of the membranes of the decoder's layers after a step.
    pub fn decay_of_decoder(&self) -> f32 {
        self.decoder_decay.unwrap_or(self.decay)
    }

    /// Side of the encoder's last feature map; 0 when there are more layers than the image can be halved.
    pub fn bottleneck_size(&self) -> usize {
        self.image_size.checked_shr(self.channels.len() as u32).unwrap_or(0)
    }

    /// Neurons of the flattened bottleneck: last width times its area.
    pub fn bottleneck(&self) -> usize {
        self.channels.last().copied().unwrap_or(0).saturating_mul(self.bottleneck_size().saturating_pow(2))
    }
}
