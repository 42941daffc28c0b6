//! The choices that all layers share: the neuron, its surrogate derivative, and which implementation computes them.

use crate::kernels::membrane::Lif;
use crate::ops::{Convolution, Currents, Outlet};
use crate::{ops, plain};
use burn::tensor::{Device, Tensor};
use fsvae_checkpoint::NetworkConfig;
use serde::{Deserialize, Serialize};

/// Which stand-in replaces the derivative of a spike (spec: `program` is the published program's, `paper` the article's).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surrogate {
    /// 1 where |u| < 0.5: centred on 0.
    #[default]
    Program,
    /// 5 where |u - V_th| < 0.1.
    Paper,
    /// 1 where |u - V_th| < 0.5: the program's window, centred on the threshold. Not in the paper.
    Centred,
}

/// Whether tdBN normalises with the batch's statistics (and follows them), or with the running ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Batch statistics; the running estimate moves towards them.
    Training,
    /// Running statistics.
    Inference,
}

/// How every layer of a network computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neuron {
    /// The neuron.
    pub lif: Lif,
    /// How far the running statistics move towards those of a batch.
    pub momentum: f32,
    /// Our kernels (CPU), or burn's own operations.
    pub fused: bool,
}

impl Neuron {
    /// The configured neuron on this device: fused on flex, plain on any other back-end.
    pub fn new(config: &NetworkConfig, surrogate: Surrogate, detach_reset: bool, device: &Device) -> Self {
        let (window_centre, window_half_width) = match surrogate {
            Surrogate::Program => (0.0, 0.5),
            Surrogate::Paper => (config.threshold, 0.1),
            Surrogate::Centred => (config.threshold, 0.5),
        };
        let lif = Lif { decay: config.decay, threshold: config.threshold, window_centre, window_half_width, detach_reset };
        Self { lif, momentum: 0.1, fused: device.clone().inner() == Device::flex() }
    }

    /// tdBN's factor in front of the normalised current.
    pub fn gain(&self, alpha: f32) -> f32 {
        alpha * self.lif.threshold
    }

    pub(crate) fn convolution(&self, x: Tensor<4>, weight: Tensor<4>, how: Convolution) -> Tensor<4> {
        if self.fused { ops::convolution(x, weight, how) } else { plain::convolution(x, weight, how) }
    }

    pub(crate) fn linear(&self, x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        if self.fused { ops::linear(x, weight) } else { plain::linear(x, weight) }
    }

    pub(crate) fn statistics(&self, x: &Tensor<3>) -> Tensor<2> {
        if self.fused { ops::statistics(x) } else { plain::statistics(x) }
    }

    pub(crate) fn fire(&self, currents: Currents, outlet: Outlet) -> Tensor<3> {
        if self.fused { ops::fire(currents, outlet) } else { plain::fire(currents, outlet) }
    }

    pub(crate) fn fire_and_convolve(&self, currents: Currents, weight: Tensor<4>, side: usize, how: Convolution) -> Tensor<3> {
        let f = if self.fused { ops::fire_and_convolve } else { plain::fire_and_convolve };
        f(currents, weight, side, how)
    }
}
