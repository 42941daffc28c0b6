//! The shape of the networks that are compiled again and again.

use fsvae_checkpoint::NetworkConfig;

/// Large enough for every kind of layer, small enough for the reference interpreter.
pub fn small_config() -> NetworkConfig {
    NetworkConfig { image_size: 8, channels: vec![3, 5], latent: 4, ways: 3, steps: 4, ..NetworkConfig::fsvae(1) }
}
