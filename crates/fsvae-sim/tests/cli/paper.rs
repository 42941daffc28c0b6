//! The published network.

use crate::network::Widths;

/// Its sizes.
pub const PAPER: Widths = Widths { latent: 128, maps: [256, 128, 64, 32, 32], image: 1 };
