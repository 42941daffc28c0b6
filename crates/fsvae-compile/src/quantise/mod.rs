//! Step 3: floats to the chip's integers. From here on nothing but integers.
//!
//! A LIF neuron with reset to zero does not change when weights, bias and threshold are all divided by one scale. So a layer (or,
//! where the chip has more thresholds than one, a channel or, if dense, a neuron) is divided by the scale that puts its weights into 8 bits:
//!
//! ```text
//! weight = round(w / scale)      threshold = V_th / scale      bias = b / scale      (the last two in membrane units)
//! ```
//!
//! The threshold is the figure that the chip rounds most, and rounding it would move every neuron's rate. So the scale is what gives
//! way: it is chosen such that the threshold is an integer that exists.
//!
//! Which scale? A fine one clips the few largest weights, a coarse one rounds all. The candidates run from full range to clipping at a
//! quarter of it, and the one with the fewest expected wrong spikes wins (see `error.rs`). Then the layer's worst case is
//! computed, and as long as a sum or a membrane could leave its width on the chip, the scale grows.

mod error;

use crate::CompileError;
use crate::fold::FoldedLayer;
use crate::lower::{population, projection, split};
use crate::network::{Network, Wiring};
use crate::pixels::{boundaries, pixel_table};
use error::LayerError;
use lif_chip::{Chip, Sharing};
use lif_graph::{Decay, LifGraph, NeuronModel, PixelTable, Population, PopulationId, Projection, Rounding, Shape, WorstCase};
use rayon::prelude::*;
use serde::Serialize;
use std::ops::Range;

/// A layer in the chip's integers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IntegerLayer {
    /// Where it stands.
    pub wiring: Wiring,
    /// In the order of the wiring's connectivity; -127 to 127.
    pub weights: Vec<i8>,
    /// In membrane units; one for each channel (convolution) or neuron (dense).
    pub bias: Vec<i32>,
    /// In membrane units; one, or as many as biases. The read-out has none.
    pub threshold: Vec<i32>,
    /// The leak.
    pub decay: Decay,
    /// Weight 1 in membrane units, as a power of two.
    pub input_shift: u8,
    /// Width of the membrane in bits, sign included.
    pub membrane_bits: u8,
    /// The read-out's.
    pub pixels: Option<PixelTable>,
    /// What a weight of 1 stands for; one, or as many as biases.
    pub scale: Vec<f64>,
    /// Root mean square of the weights' rounding and clipping errors, relative to that of the weights.
    pub weight_error: f64,
    /// Weights beyond the range of the chip's, which became its end.
    pub clipped_weights: usize,
    /// How large its sums and membranes can become.
    #[serde(skip)]
    pub worst: WorstCase,
}

/// Candidates per halving of the scale.
const FINENESS: i32 = 8;
/// How far clipping is tried: to a quarter of the range.
const CLIPPING: i32 = 2 * FINENESS;
/// How much coarser than full range a scale may get before the layer is refused.
const COARSEST: f64 = 128.0;

/// What the neurons of a layer do with their sums.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Neuron {
    /// What remains of the membrane after a step.
    pub decay: f32,
    /// V_th; none for a read-out, which never fires.
    pub threshold: Option<f32>,
}

/// Quantises every layer for `chip`; `rates` are those of [`input_rates`](crate::rates::input_rates).
///
/// # Errors
/// [`CompileError::DoesNotFit`] for a layer that fits the chip's widths at no scale.
pub fn quantise(network: &Network<FoldedLayer>, rates: &[Vec<f64>], chip: &Chip) -> Result<Network<IntegerLayer>, CompileError> {
    let (config, last) = (&network.config, network.layers.len() - 1);
    let layers = network.layers.par_iter().enumerate().map(|(index, layer)| {
        let neuron = if index == last {
            Neuron { decay: config.readout_decay, threshold: None }
        } else {
            Neuron { decay: config.decay, threshold: Some(config.threshold) }
        };
        quantise_layer(layer, &rates[index], chip, neuron, config.steps as u32)
    });
    Ok(Network { config: config.clone(), layers: layers.collect::<Result<_, _>>()? })
}

/// Quantises one layer; `rates` has an entry for each source channel (convolution) or neuron (dense).
///
/// # Errors
/// [`CompileError::DoesNotFit`] if it fits the chip's widths at no scale.
pub fn quantise_layer(layer: &FoldedLayer, rates: &[f64], chip: &Chip, neuron: Neuron, steps: u32) -> Result<IntegerLayer, CompileError> {
    Job { layer, rates, chip, neuron, steps }.quantise()
}

/// One layer to be quantised.
struct Job<'a> {
    layer: &'a FoldedLayer,
    rates: &'a [f64],
    chip: &'a Chip,
    neuron: Neuron,
    steps: u32,
}

impl Job<'_> {
    fn quantise(&self) -> Result<IntegerLayer, CompileError> {
        let error = LayerError::new(self.layer, self.rates, self.neuron.threshold.map(f64::from), self.chip);
        let groups = self.groups();
        let full: Vec<f64> = groups.iter().map(|units| self.full_range(units.clone())).collect();
        let mut finest = root_of_two(-CLIPPING); // of the candidates, relative to full range
        loop {
            let mut candidates: Vec<f64> = (-CLIPPING..=0).rev().map(root_of_two).filter(|&ratio| ratio >= finest).collect();
            if candidates.is_empty() {
                candidates.push(finest);
            }
            let best = |(units, full): (&Range<usize>, &f64)| {
                let scales = candidates.iter().map(|ratio| self.existing_scale(full * ratio));
                let costs = scales.map(|scale| (units.clone().map(|unit| error.expected(unit, scale)).sum::<f64>(), scale));
                costs.reduce(|best, next| if next.0 < best.0 { next } else { best }).map_or(*full, |(_, scale)| scale)
            };
            let scales: Vec<f64> = groups.par_iter().zip(&full).map(best).collect();
            let layer = self.at_scales(&groups, &scales, &error);
            if layer.fits(self.chip) {
                return Ok(layer);
            }
            let used = scales.iter().zip(&full).map(|(scale, full)| scale / full).fold(f64::INFINITY, f64::min);
            finest = finest.max(used) * root_of_two(FINENESS / 4);
            if finest > COARSEST {
                return Err(layer.refusal(self.chip));
            }
        }
    }

    /// Units that share a threshold, and so a scale. The read-out shares one for the sake of its table.
    fn groups(&self) -> Vec<Range<usize>> {
        let units = self.layer.wiring.units();
        match self.chip.threshold.per {
            Sharing::Channel if self.neuron.threshold.is_some() => (0..units).map(|unit| unit..unit + 1).collect(),
            _ => std::iter::once(0..units).collect(),
        }
    }

    /// The scale that clips no weight and leaves the threshold (of a read-out: the last pixel level) some way below the membrane's end.
    fn full_range(&self, units: Range<usize>) -> f64 {
        let weights = units.flat_map(|unit| self.layer.wiring.fan_in(unit)).flat_map(|(_, taps)| &self.layer.weights[taps]);
        let largest = weights.fold(0.0f64, |largest, &weight| largest.max(f64::from(weight).abs()));
        let fires = self.neuron.threshold.is_some();
        let landmark = self.neuron.threshold.map_or_else(|| boundaries().last().unwrap_or(1.0), f64::from);
        let room = self.chip.membrane_max() as f64 / 4.0;
        let room = if fires { room.min((self.chip.threshold_mantissa_max() << self.chip.threshold.shift_bits) as f64) } else { room };
        (largest / f64::from(self.chip.weight_max())).max(landmark * self.one() / room)
    }

    /// Weight 1 in membrane units.
    fn one(&self) -> f64 {
        f64::from(1u32 << self.chip.input_shift())
    }

    /// The mantissa nearest to a threshold at a scale.
    fn mantissa(&self, threshold: f32, scale: f64) -> i64 {
        let step = f64::from(1u32 << self.chip.threshold.shift_bits);
        let exact = f64::from(threshold) * self.one() / (scale * step);
        (exact.round() as i64).clamp(1, self.chip.threshold_mantissa_max())
    }

    /// The nearest scale at which the threshold exists on the chip.
    fn existing_scale(&self, scale: f64) -> f64 {
        let Some(threshold) = self.neuron.threshold else { return scale };
        f64::from(threshold) * self.one() / (self.mantissa(threshold, scale) << self.chip.threshold.shift_bits) as f64
    }

    fn at_scales(&self, groups: &[Range<usize>], scales: &[f64], error: &LayerError<'_>) -> IntegerLayer {
        let mut weights = vec![0i8; self.layer.weights.len()];
        let mut bias = vec![0i32; self.layer.bias.len()];
        for (unit, scale) in groups.iter().zip(scales).flat_map(|(units, &scale)| units.clone().map(move |unit| (unit, scale))) {
            for index in self.layer.wiring.fan_in(unit).flat_map(|(_, taps)| taps) {
                weights[index] = error.rounded(self.layer.weights[index], scale) as i8;
            }
            bias[unit] = error.bias(unit, scale);
        }
        let integer = |threshold: f32| {
            scales.iter().map(|&scale| (self.mantissa(threshold, scale) << self.chip.threshold.shift_bits) as i32).collect()
        };
        let layer = IntegerLayer {
            wiring: self.layer.wiring.clone(),
            weights,
            bias,
            threshold: self.neuron.threshold.map_or_else(Vec::new, integer),
            decay: decay_of(self.neuron.decay, self.chip),
            input_shift: self.chip.input_shift(),
            membrane_bits: self.chip.membrane.bits,
            pixels: self.neuron.threshold.is_none().then(|| pixel_table(scales[0] / self.one())),
            scale: scales.to_vec(),
            weight_error: 0.0,
            clipped_weights: 0,
            worst: WorstCase::default(),
        };
        let worst = worst_case(&layer, self.steps);
        let (weight_error, clipped_weights) = (layer.weight_error(self.layer), layer.clipped_weights(self.layer, self.chip));
        IntegerLayer { weight_error, clipped_weights, worst, ..layer }
    }
}

impl IntegerLayer {
    fn fits(&self, chip: &Chip) -> bool {
        i128::from(self.worst.input.magnitude()) <= i128::from(chip.input_max())
            && i128::from(self.worst.membrane.magnitude()) <= i128::from(self.membrane_max(chip))
    }

    /// A read-out must also stay below the largest threshold, so that it can be a LIF neuron that never fires.
    fn membrane_max(&self, chip: &Chip) -> i64 {
        let largest_threshold = chip.threshold_mantissa_max() << chip.threshold.shift_bits;
        if self.pixels.is_some() { chip.membrane_max().min(largest_threshold) } else { chip.membrane_max() }
    }

    fn refusal(&self, chip: &Chip) -> CompileError {
        CompileError::DoesNotFit {
            layer: self.wiring.name.clone(),
            chip: chip.name.clone(),
            input: self.worst.input.magnitude(),
            input_max: chip.input_max(),
            membrane: self.worst.membrane.magnitude(),
            membrane_max: self.membrane_max(chip),
        }
    }

    /// The scale of a channel (convolution) or neuron (dense).
    fn scale_of(&self, unit: usize) -> f64 {
        if let [all] = self.scale[..] { all } else { self.scale[unit] }
    }

    fn clipped_weights(&self, float: &FoldedLayer, chip: &Chip) -> usize {
        let end = f64::from(chip.weight_max()) + 0.5;
        let beyond = |unit: usize| {
            let limit = end * self.scale_of(unit);
            let weights = self.wiring.fan_in(unit).flat_map(|(_, taps)| &float.weights[taps]);
            weights.filter(|&&weight| f64::from(weight).abs() >= limit).count()
        };
        (0..self.wiring.units()).map(beyond).sum()
    }

    fn weight_error(&self, float: &FoldedLayer) -> f64 {
        let (mut error, mut total) = (0.0, 0.0);
        for unit in 0..self.wiring.units() {
            let scale = self.scale_of(unit);
            for index in self.wiring.fan_in(unit).flat_map(|(_, taps)| taps) {
                let exact = f64::from(float.weights[index]);
                error += (f64::from(self.weights[index]) * scale - exact).powi(2);
                total += exact * exact;
            }
        }
        if total > 0.0 { (error / total).sqrt() } else { 0.0 }
    }
}

/// The largest sums of a layer, as the rules of the graph compute them.
fn worst_case(layer: &IntegerLayer, steps: u32) -> WorstCase {
    let mut sources = vec![(layer.wiring.source, NeuronModel::Source)];
    let mut projections = vec![projection(layer, "input".into(), PopulationId(1), PopulationId(0), 0)];
    if layer.wiring.drawn > 0 {
        let (drawn, others) = (layer.wiring.drawn, layer.wiring.source.neurons() - layer.wiring.drawn);
        sources = vec![(Shape::flat(others as u32), NeuronModel::Source), (Shape::flat(drawn as u32), NeuronModel::Draw { channel: 0 })];
        let (of_drawn, of_others) = split(&layer.weights, drawn, others);
        let of = |id, weights| Projection { source: PopulationId(id), weights, ..projections[0].clone() };
        projections = vec![of(1, of_others), of(2, of_drawn)];
    }
    let source = |(shape, model)| Population { name: "source".into(), shape, model };
    let populations = std::iter::once(population(layer)).chain(sources.into_iter().map(source)).collect();
    LifGraph { name: String::new(), steps, populations, projections }.worst_cases()[0]
}

/// The chip's decay nearest to a float.
fn decay_of(decay: f32, chip: &Chip) -> Decay {
    let unity = f64::from(1u32 << chip.decay.bits);
    let multiplier = (f64::from(decay) * unity).round().clamp(0.0, unity - 1.0) as u32;
    let rounding = match chip.decay.rounding {
        lif_chip::Rounding::TowardZero => Rounding::TowardZero,
        lif_chip::Rounding::Floor => Rounding::Floor,
        lif_chip::Rounding::Ceiling => Rounding::Ceiling,
    };
    Decay { multiplier, shift: chip.decay.bits, rounding }
}

/// `2^(power / 8)`, from square roots and products alone: the same on every machine, unlike `powf`.
fn root_of_two(power: i32) -> f64 {
    let eighth = 2f64.sqrt().sqrt().sqrt();
    let magnitude = (0..power.unsigned_abs()).fold(1.0, |product, _| product * eighth);
    if power < 0 { 1.0 / magnitude } else { magnitude }
}
