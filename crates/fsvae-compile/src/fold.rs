//! Step 2: tdBN into weights and bias. At inference tdBN is a scale and a shift of each channel's sum, and so are weights and bias:
//!
//! ```text
//! s = gamma * alpha * V_th / sqrt(variance + 1e-5)        weights' = s * weights        bias' = s * (bias - mean) + beta
//! ```
//!
//! Computed in f64 and rounded to f32 once, so that the folded network differs from the trained one by rounding alone. Decays and
//! thresholds stay what they were.

use crate::CompileError;
use crate::import::{FloatLayer, Norm};
use crate::network::{Network, Wiring};
use serde::Serialize;

/// A layer that is weights and bias only.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoldedLayer {
    /// Where it stands.
    pub wiring: Wiring,
    /// In the order of the wiring's connectivity.
    pub weights: Vec<f32>,
    /// One for each channel (convolution) or neuron (dense).
    pub bias: Vec<f32>,
}

/// Folds every layer's tdBN.
///
/// # Errors
/// [`CompileError::Overflow`] when a folded weight leaves the range of f32.
pub fn fold(network: Network<FloatLayer>) -> Result<Network<FoldedLayer>, CompileError> {
    let threshold = f64::from(network.config.threshold);
    let folded = network.map(|layer| fold_layer(layer, threshold));
    for layer in &folded.layers {
        if !layer.weights.iter().chain(&layer.bias).all(|value| value.is_finite()) {
            return Err(CompileError::Overflow { layer: layer.wiring.name.clone() });
        }
    }
    Ok(folded)
}

fn fold_layer(layer: FloatLayer, threshold: f64) -> FoldedLayer {
    let FloatLayer { wiring, mut weights, mut bias, norm } = layer;
    if let Some(norm) = norm {
        for (unit, bias) in bias.iter_mut().enumerate() {
            let scale = scale(&norm, unit, threshold);
            let shifted = scale * (f64::from(*bias) - f64::from(norm.mean[unit])) + f64::from(norm.beta[unit]);
            *bias = shifted as f32;
            for index in wiring.fan_in(unit).flat_map(|(_, taps)| taps) {
                weights[index] = (scale * f64::from(weights[index])) as f32;
            }
        }
    }
    FoldedLayer { wiring, weights, bias }
}

fn scale(norm: &Norm, unit: usize, threshold: f64) -> f64 {
    let deviation = (f64::from(norm.variance[unit]) + Norm::EPSILON).sqrt();
    f64::from(norm.gamma[unit]) * f64::from(norm.alpha) * threshold / deviation
}
