//! The choices that all layers share: the neuron, its surrogate derivative, and which implementation computes them.

use crate::kernels::grid::Grid;
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

/// Weights as they are, or as the integers of a chip. Not in the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// As they are.
    #[default]
    Float,
    /// Signed integers of so many bits, with one scale for each channel or neuron, or one for the layer.
    Integer {
        /// Sign included, from 2 to 8.
        bits: u8,
        /// Whether a layer has one scale.
        one_scale: bool,
    },
}

/// How every layer of a network computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neuron {
    /// The neuron.
    pub lif: Lif,
    /// How far the running statistics move towards those of a batch.
    pub momentum: f32,
    /// What the weights are rounded to before they are used.
    pub precision: Precision,
    /// Our kernels (CPU), or burn's own operations.
    pub fused: bool,
    /// What a synaptic operation of prior or decoder costs: the loss rises by it with each. Only our kernels reckon with it.
    pub price_of_an_operation: f32,
}

impl Neuron {
    /// The configured neuron on this device: fused on flex, plain on any other back-end.
    pub fn new(config: &NetworkConfig, surrogate: Surrogate, detach_reset: bool, device: &Device) -> Self {
        let (window_centre, window_half_width) = match surrogate {
            Surrogate::Program => (0.0, 0.5),
            Surrogate::Paper => (config.threshold, 0.1),
            Surrogate::Centred => (config.threshold, 0.5),
        };
        let lif = Lif { decay: config.decay, threshold: config.threshold, window_centre, window_half_width, detach_reset, price: 0.0 };
        Self {
            lif,
            momentum: 0.1,
            precision: Precision::Float,
            fused: device.clone().inner() == Device::flex(),
            price_of_an_operation: 0.0,
        }
    }

    /// The same with the decoder's decay.
    pub fn of_decoder(self, config: &NetworkConfig) -> Self {
        Self { lif: Lif { decay: config.decay_of_decoder(), ..self.lif }, ..self }
    }

    /// The same in encoder and posterior, which do not draw.
    pub fn free_of_charge(self) -> Self {
        Self { price_of_an_operation: 0.0, ..self }
    }

    /// The same for neurons that feed so many others each.
    pub fn feeding(self, fan_out: f32) -> Self {
        Self { lif: Lif { price: self.price_of_an_operation * fan_out, ..self.lif }, ..self }
    }

    /// tdBN's factor in front of the normalised current.
    pub fn gain(&self, alpha: f32) -> f32 {
        alpha * self.lif.threshold
    }

    pub(crate) fn convolution(&self, x: Tensor<4>, weight: Tensor<4>, how: Convolution) -> Tensor<4> {
        if self.fused { ops::convolution(x, weight, how) } else { plain::convolution(x, weight, how) }
    }

    /// The weights that count; `units` and `inner` as in [`Grid`].
    pub(crate) fn rounded<const D: usize>(&self, weight: Tensor<D>, (units, inner): (usize, usize)) -> Tensor<D> {
        let Precision::Integer { bits, one_scale } = self.precision else { return weight };
        let levels = (1 << (bits - 1)) - 1;
        let (units, inner) = if one_scale { (1, weight.shape().num_elements()) } else { (units, inner) };
        let grid = Grid { units, inner, levels };
        if self.fused { ops::on_grid(weight, grid) } else { plain::on_grid(weight, grid) }
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
