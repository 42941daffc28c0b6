//! How many spikes a scale is expected to get wrong.
//!
//! A rounding error of the membrane flips a spike only where the membrane is that close to the threshold. With input rates r, a
//! unit's drive has mean m = b + sum w r and variance s^2 = sum w^2 r (1 - r) (of pixels: their mean and variance), taking inputs as
//! independent. Rounding to the nearest integers adds an error of variance e^2 = sum d^2 q (1 - q), d the errors of the weights and q the
//! rates of their inputs while the unit is near its threshold (of a read-out, and where that was not watched, r), and a mean that the bias
//! takes back (`b' = b - sum d q`) but for its own rounding f. Up to a factor, then,
//!
//! ```text
//! wrong spikes ~ sqrt(e^2 + f^2) * density at V_th ~ sqrt(e^2 + f^2) / s / (1 + ((V_th - m) / s)^2)
//! ```
//!
//! Not the normal density but one with a heavier tail, since rates differ between images; and no `exp`, whose last bit differs
//! between machines. A unit far from its threshold (always or never firing) so weighs little, however large its weights. Neither does an
//! input that forbids a unit to fire, whatever is cut from its weight: while the unit is near its threshold, that input is silent.

use super::rounding::Covariance;
use crate::events::reached;
use crate::fold::FoldedLayer;
use crate::near_threshold::NearThreshold;
use crate::rates::{Input, LayerInputs};
use lif_chip::Chip;
use lif_graph::Connectivity;
use std::borrow::Cow;

/// A layer's drive, ready to price scales.
pub(super) struct LayerError<'a> {
    layer: &'a FoldedLayer,
    threshold: Option<f64>,
    chip: &'a Chip,
    /// What an input sum of 1 stands for where a weight of 1 stands for 1.
    unit: f64,
    /// What a unit hears by each of its weights. At some of its positions a tap hears nothing.
    inputs: Vec<Input>,
    near: Option<NearThreshold>,
    covariance: Option<Covariance>,
}

impl<'a> LayerError<'a> {
    /// `threshold` is V_th, or nothing for the read-out, where all errors weigh the same.
    pub fn new(layer: &'a FoldedLayer, inputs: &LayerInputs, threshold: Option<f64>, chip: &'a Chip, unit: f64) -> Self {
        let coverage = coverage(layer);
        let by_tap = |input: &Input| {
            let Input { mean, variance } = *input;
            coverage.iter().map(move |share| Input { mean: mean * share, variance: (variance + mean * mean * (1.0 - share)) * share })
        };
        let seen = inputs.together.as_ref();
        let (near, covariance) = (seen.and_then(NearThreshold::of), seen.map(Covariance::of));
        Self { layer, threshold, chip, unit, inputs: inputs.each.iter().flat_map(by_tap).collect(), near, covariance }
    }

    /// One of the layer's units.
    pub fn of(&self, unit: usize) -> UnitError<'_> {
        let weights = self.layer.wiring.fan_in(unit).flat_map(|(_, taps)| &self.layer.weights[taps]).map(|&weight| f64::from(weight));
        let near = match &self.near {
            Some(near) => Cow::Owned(near.rates(unit).iter().map(|&rate| Input::firing(rate.into())).collect()),
            None => Cow::Borrowed(&self.inputs[..]),
        };
        let mut error =
            UnitError { of_layer: self, weights: weights.collect(), near, bias: f64::from(self.layer.bias[unit]), importance: 1.0 };
        error.importance = self.threshold.map_or(1.0, |threshold| error.density(threshold));
        error
    }
}

/// A unit's drive.
pub(super) struct UnitError<'a> {
    of_layer: &'a LayerError<'a>,
    /// In the order of the unit's fan-in.
    weights: Vec<f64>,
    /// What it hears by each weight while it is near its threshold.
    near: Cow<'a, [Input]>,
    bias: f64,
    /// Weight of its membrane's error.
    importance: f64,
}

impl UnitError<'_> {
    fn density(&self, threshold: f64) -> f64 {
        let (mut mean, mut variance) = (self.bias, (1e-3 * threshold).powi(2));
        for (weight, input) in self.weights.iter().zip(&self.of_layer.inputs) {
            mean += weight * input.mean;
            variance += weight * weight * input.variance;
        }
        let spread = variance.sqrt();
        let distance = (threshold - mean) / spread;
        1.0 / (spread * (1.0 + distance * distance))
    }

    /// The unit's integers at `scale`.
    pub fn round(&self, scale: f64) -> Rounded {
        let LayerError { chip, covariance, .. } = self.of_layer;
        let limit = f64::from(chip.weight_max());
        let exact: Vec<f64> = self.weights.iter().map(|weight| weight / scale).collect();
        let weights: Vec<f64> = match covariance {
            Some(covariance) => covariance.round(&exact, &self.near, limit),
            None => exact.iter().map(|&exact| nearest(exact, limit)).collect(),
        };
        let errors = self.weights.iter().zip(&weights).map(|(weight, integer)| integer * scale - weight);
        let mean = errors.zip(&*self.near).map(|(error, input)| error * input.mean).sum::<f64>();
        let bias = self.in_membrane_units(self.bias - mean, scale);
        let clipped = bias.abs() > chip.bias_max() as f64 + 0.5 * f64::from(1u32 << chip.bias.exponent_max);
        Rounded { weights: weights.into_iter().map(|weight| weight as i8).collect(), bias: chip.nearest_bias(bias), clipped }
    }

    /// The expected number of wrong spikes, up to a factor that is the same for all scales.
    pub fn expected(&self, scale: f64) -> f64 {
        let LayerError { chip, unit, .. } = self.of_layer;
        let (limit, per_scale) = (f64::from(chip.weight_max()), 1.0 / scale);
        let (mut mean, mut noise) = (0.0, 0.0);
        for (weight, input) in self.weights.iter().zip(&*self.near) {
            let error = nearest(weight * per_scale, limit) * scale - weight;
            mean += error * input.mean;
            noise += error * error * input.variance;
        }
        let exact = self.bias - mean;
        let bias = chip.nearest_bias(self.in_membrane_units(exact, scale));
        let unit_of_membrane = scale * unit / f64::from(1u32 << chip.input_shift());
        let rest = f64::from(bias) * unit_of_membrane - exact;
        (noise + rest * rest).sqrt() * self.importance
    }

    fn in_membrane_units(&self, value: f64, scale: f64) -> f64 {
        value / (scale * self.of_layer.unit) * f64::from(1u32 << self.of_layer.chip.input_shift())
    }
}

/// Integers of one unit.
pub(super) struct Rounded {
    /// In the order of the unit's fan-in.
    pub weights: Vec<i8>,
    /// In membrane units, with the weights' mean error taken back.
    pub bias: i32,
    /// Whether the chip has no bias so large.
    pub clipped: bool,
}

/// The integer of at most `limit` nearest to `x`, halves away from zero. A conversion to integers cuts; on most processors that takes a
/// tenth of the time of `round`. `limit` fits `i32`.
pub(super) fn nearest(x: f64, limit: f64) -> f64 {
    let x = x.clamp(-limit, limit);
    f64::from((x + 0.5f64.copysign(x)) as i32)
}

/// For each tap, the share of the target's positions that hear a source neuron through it; 1 for a dense layer.
fn coverage(layer: &FoldedLayer) -> Vec<f64> {
    let (Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel)) = layer.wiring.connectivity else { return vec![1.0] };
    let (source, target) = (layer.wiring.source, layer.wiring.target);
    let reach =
        |inputs: u32, tap, outputs| (0..inputs).filter(|&input| reached(layer.wiring.connectivity, input, tap, outputs).is_some()).count();
    let taps = (0..kernel.size).flat_map(|ky| (0..kernel.size).map(move |kx| (ky, kx)));
    taps.map(|(ky, kx)| (reach(source.height, ky, target.height) * reach(source.width, kx, target.width)) as f64 / target.pixels() as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cutting_is_rounding(eighths in -2000i32..2000, x in -300f64..300.0) {
            // halves among them
            for x in [f64::from(eighths) / 8.0, x] {
                prop_assert_eq!(nearest(x, 127.0), x.round().clamp(-127.0, 127.0));
            }
        }
    }
}
