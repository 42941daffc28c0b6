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
//! quarter of it (in small layers from somewhat coarser ones), and the one with the fewest expected wrong spikes wins (see `error.rs`), or
//! [`Choice`] says otherwise. At that scale weights are rounded such that errors of inputs that fire together take each other back (see
//! `rounding.rs`). What counts of errors is what they do while a unit is near its threshold (see `near_threshold.rs`). Then the layer's worst case is computed, and as long as a sum or a membrane could leave its width on the chip, the
//! scale grows.
//!
//! The first layer of a network that reconstructs hears pixels. Its currents are computed outside the chip, once an image, and enter in
//! units of weight 1 like a sum of spikes. So for it the scale of the weights is not that unit: currents are `sum of weight * pixel / 2^shift`, and the
//! shift is the least (the finest unit) at which they fit the chip.

mod choice;
mod error;
mod rounding;

pub use choice::{Choice, Scales};

use crate::CompileError;
use crate::fold::FoldedLayer;
use crate::lower::{population, projection};
use crate::network::{Hears, Network, Part, Wiring};
use crate::pixels::{boundaries, pixel_table};
use crate::rates::LayerInputs;
use error::LayerError;
use lif_chip::{Chip, Sharing};
use lif_graph::{Decay, LifGraph, NeuronModel, PixelTable, Population, PopulationId, Rounding, Span, WorstCase};
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
    /// Where the source is an image: fraction bits of its currents.
    pub image_shift: Option<u8>,
    /// Root mean square of the weights' rounding and clipping errors, relative to that of the weights.
    pub weight_error: f64,
    /// Weights beyond the range of the chip's.
    pub clipped_weights: usize,
    /// Biases beyond the range of the chip's, which became its end.
    pub clipped_biases: usize,
    /// How large its sums and membranes can become.
    #[serde(skip)]
    pub worst: WorstCase,
}

/// Steps per halving of the scale: the finest grid of candidates.
const FINENESS: i32 = 64;
/// Between the candidates of a layer with many weights: an eighth of a halving.
const STRIDE: usize = 8;
/// How far clipping is tried: to a quarter of the range.
const CLIPPING: i32 = 2 * FINENESS;
/// In a layer of so few weights rounding errors do not average out, and some scales happen to round all of them well: many are tried.
const FEW_WEIGHTS: usize = 4096;
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

/// Quantises every layer for `chip`; `inputs` are those of [`calibrate`](crate::rates::calibrate).
///
/// # Errors
/// [`CompileError::DoesNotFit`] for a layer that fits the chip's widths at no scale, and what [`Scales::check`] refuses.
pub fn quantise(
    network: &Network<FoldedLayer>,
    inputs: &[LayerInputs],
    chip: &Chip,
    scales: Scales,
) -> Result<Network<IntegerLayer>, CompileError> {
    let config = &network.config;
    let layers = network.layers.par_iter().enumerate().map(|(index, layer)| {
        let part = layer.wiring.part;
        let neuron = Neuron { decay: part.decay(config), threshold: (part != Part::Readout).then_some(config.threshold) };
        quantise_layer(layer, &inputs[index], chip, scales, neuron, config.steps as u32)
    });
    Ok(Network { purpose: network.purpose, config: config.clone(), layers: layers.collect::<Result<_, _>>()? })
}

/// Quantises one layer.
///
/// # Errors
/// [`CompileError::DoesNotFit`] if it fits the chip's widths at no scale, [`CompileError::ThresholdOutOfReach`] if that would round all weights to 0, and what [`Scales::check`] refuses.
pub fn quantise_layer(
    layer: &FoldedLayer,
    inputs: &LayerInputs,
    chip: &Chip,
    scales: Scales,
    neuron: Neuron,
    steps: u32,
) -> Result<IntegerLayer, CompileError> {
    scales.check(chip)?;
    let job = |image_shift| Job { layer, inputs, chip, scales, neuron, steps, image_shift };
    if layer.wiring.hears != Hears::Image {
        return job(None).quantise();
    }
    let fits = |shift: &u8| job(Some(*shift)).fits_at_full_range();
    job((0..=MAX_IMAGE_SHIFT).find(fits).or(Some(MAX_IMAGE_SHIFT))).quantise()
}

/// Fraction bits of a current, at most: 2^24 times the range of a pixel is more than any sum of weights.
const MAX_IMAGE_SHIFT: u8 = 24;

/// A scale to try.
struct Priced {
    /// To full range.
    ratio: f64,
    scale: f64,
    /// Expected wrong spikes, up to a factor.
    cost: f64,
}

/// One layer to be quantised.
struct Job<'a> {
    layer: &'a FoldedLayer,
    inputs: &'a LayerInputs,
    chip: &'a Chip,
    scales: Scales,
    neuron: Neuron,
    steps: u32,
    image_shift: Option<u8>,
}

impl Job<'_> {
    fn quantise(&self) -> Result<IntegerLayer, CompileError> {
        self.threshold_is_in_reach()?;
        let error = self.error();
        let groups = self.groups();
        let full: Vec<f64> = groups.iter().map(|units| self.full_range(units.clone())).collect();
        let priced: Vec<Vec<Priced>> = groups.par_iter().zip(&full).map(|(units, &full)| self.priced(units, full, &error)).collect();
        let mut finest = root_of_two(-CLIPPING); // of the candidates, relative to full range
        loop {
            let best = |(priced, full): (&Vec<Priced>, &f64)| {
                let left = priced.iter().filter(|candidate| candidate.ratio >= finest);
                let best = left.reduce(|best, next| if next.cost < best.cost { next } else { best });
                best.map_or_else(|| self.existing_scale(full * finest), |best| best.scale)
            };
            let scales: Vec<f64> = priced.iter().zip(&full).map(best).collect();
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

    /// Scales to try for some units, with what they are expected to cost.
    fn priced(&self, units: &Range<usize>, full: f64, error: &LayerError<'_>) -> Vec<Priced> {
        let candidates = self.candidates(units, full);
        let scales: Vec<f64> = candidates.iter().map(|ratio| self.existing_scale(full * ratio)).collect();
        let of_unit = |unit| {
            let error = error.of(unit);
            scales.iter().map(|&scale| error.expected(scale)).collect()
        };
        let by_unit: Vec<Vec<f64>> = units.clone().into_par_iter().map(of_unit).collect();
        let cost = |index: usize| by_unit.iter().map(|costs| costs[index]).sum();
        candidates.into_iter().zip(scales).enumerate().map(|(index, (ratio, scale))| Priced { ratio, scale, cost: cost(index) }).collect()
    }

    /// At the scale at which the chip's largest threshold is the layer's, some weight must be left.
    fn threshold_is_in_reach(&self) -> Result<(), CompileError> {
        let largest = self.layer.weights.iter().fold(0.0f64, |largest, &weight| largest.max(f64::from(weight).abs()));
        let Some(threshold) = self.neuron.threshold.map(f64::from).filter(|_| largest > 0.0) else { return Ok(()) };
        let limit = 2.0 * self.threshold_max() * self.unit() / self.one();
        if threshold / largest <= limit {
            return Ok(());
        }
        let (layer, chip) = (self.layer.wiring.name.clone(), self.chip.name.clone());
        Err(CompileError::ThresholdOutOfReach { layer, chip, ratio: threshold / largest, limit })
    }

    /// The largest threshold on the chip that leaves membranes some room, in membrane units.
    fn threshold_max(&self) -> f64 {
        let room = self.chip.membrane_max() as f64 / 4.0;
        room.min((self.chip.threshold_mantissa_max() << self.chip.threshold.shift_bits) as f64)
    }

    fn error(&self) -> LayerError<'_> {
        LayerError::new(self.layer, self.inputs, self.neuron.threshold.map(f64::from), self.chip, self.unit())
    }

    /// What an input of 1 stands for where a weight of 1 stands for 1: itself, or of an image one 255th, `2^shift` times.
    fn unit(&self) -> f64 {
        self.image_shift.map_or(1.0, |shift| f64::from(1u32 << shift) / 255.0)
    }

    fn fits_at_full_range(&self) -> bool {
        let groups = self.groups();
        let scales: Vec<f64> = groups.iter().map(|units| self.existing_scale(self.full_range(units.clone()))).collect();
        self.at_scales(&groups, &scales, &self.error()).fits(self.chip)
    }

    /// Scales to try, relative to full range, the coarsest first.
    fn candidates(&self, units: &Range<usize>, full: f64) -> Vec<f64> {
        match self.scales.choice {
            Choice::Error if self.neuron.threshold.is_some() && self.layer.weights.len() <= FEW_WEIGHTS => {
                // coarser ones, down to 5/6 of the range, at which the largest weight is a whole number: weights that are integers already
                // have one that loses nothing
                let most = self.chip.weight_max();
                let coarser = ((most * 5 / 6).max(1)..most).map(|largest| f64::from(most) / f64::from(largest));
                coarser.chain((-CLIPPING..=0).rev().map(root_of_two)).collect()
            }
            Choice::Error => (-CLIPPING..=0).rev().step_by(STRIDE).map(root_of_two).collect(),
            Choice::MinMax => vec![1.0],
            Choice::Percentile(percent) => {
                let weights = units.clone().flat_map(|unit| self.layer.wiring.fan_in(unit)).flat_map(|(_, taps)| &self.layer.weights[taps]);
                let largest = choice::percentile(weights.map(|weight| weight.abs()).collect(), percent);
                vec![(f64::from(largest) / f64::from(self.chip.weight_max()) / full).clamp(root_of_two(-CLIPPING), 1.0)]
            }
        }
    }

    /// Units that share a threshold, and so a scale. The read-out shares one for the sake of its table.
    fn groups(&self) -> Vec<Range<usize>> {
        let units = self.layer.wiring.units();
        match self.scales.per.unwrap_or(self.chip.threshold.per) {
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
        let room = if fires { self.threshold_max() } else { self.chip.membrane_max() as f64 / 4.0 };
        (largest / f64::from(self.chip.weight_max())).max(landmark * self.one() / room / self.unit())
    }

    /// Weight 1 in membrane units.
    fn one(&self) -> f64 {
        f64::from(1u32 << self.chip.input_shift())
    }

    /// The mantissa nearest to a threshold at a scale.
    fn mantissa(&self, threshold: f32, scale: f64) -> i64 {
        let step = f64::from(1u32 << self.chip.threshold.shift_bits);
        let exact = f64::from(threshold) * self.one() / (scale * self.unit() * step);
        (exact.round() as i64).clamp(1, self.chip.threshold_mantissa_max())
    }

    /// The nearest scale at which the threshold exists on the chip.
    fn existing_scale(&self, scale: f64) -> f64 {
        let Some(threshold) = self.neuron.threshold else { return scale };
        let integer = (self.mantissa(threshold, scale) << self.chip.threshold.shift_bits) as f64;
        f64::from(threshold) * self.one() / integer / self.unit()
    }

    fn at_scales(&self, groups: &[Range<usize>], scales: &[f64], error: &LayerError<'_>) -> IntegerLayer {
        let mut weights = vec![0i8; self.layer.weights.len()];
        let (mut bias, mut clipped_biases) = (vec![0i32; self.layer.bias.len()], 0);
        let units = groups.iter().zip(scales).flat_map(|(units, &scale)| units.clone().map(move |unit| (unit, scale)));
        let units: Vec<(usize, f64)> = units.collect();
        let rounded: Vec<_> = units.par_iter().map(|&(unit, scale)| (unit, error.of(unit).round(scale))).collect();
        for (unit, rounded) in rounded {
            let indices = self.layer.wiring.fan_in(unit).flat_map(|(_, taps)| taps);
            indices.zip(rounded.weights).for_each(|(index, weight)| weights[index] = weight);
            (bias[unit], clipped_biases) = (rounded.bias, clipped_biases + usize::from(rounded.clipped));
        }
        let integer = |threshold: f32| scales.iter().map(|&scale| self.chip.threshold_of(self.mantissa(threshold, scale)) as i32).collect();
        let layer = IntegerLayer {
            wiring: self.layer.wiring.clone(),
            weights,
            bias,
            threshold: self.neuron.threshold.map_or_else(Vec::new, integer),
            decay: decay_of(self.neuron.decay, self.chip),
            input_shift: self.chip.input_shift(),
            membrane_bits: self.chip.membrane.bits,
            pixels: self.neuron.threshold.is_none().then(|| pixel_table(scales[0] * self.unit() / self.one())),
            scale: scales.to_vec(),
            image_shift: self.image_shift,
            weight_error: 0.0,
            clipped_weights: 0,
            clipped_biases,
            worst: WorstCase::default(),
        };
        let worst = worst_case(&layer, self.steps);
        let (weight_error, clipped_weights) = (layer.weight_error(self.layer), layer.clipped_weights(self.layer, self.chip));
        IntegerLayer { weight_error, clipped_weights, worst, ..layer }
    }
}

impl IntegerLayer {
    fn fits(&self, chip: &Chip) -> bool {
        i128::from(self.input_sum(chip).magnitude()) <= i128::from(chip.input_max())
            && i128::from(self.worst.membrane.magnitude()) <= i128::from(self.membrane_max(chip))
    }

    /// Of weights that reach a neuron in one update, with the bias where synapses bring it.
    pub fn input_sum(&self, chip: &Chip) -> Span {
        let bias = self.bias.iter().map(|bias| bias.unsigned_abs()).max().unwrap_or(0);
        self.worst.input.widened(chip.bias_as_input(bias))
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
            input: self.input_sum(chip).magnitude(),
            input_max: chip.input_max(),
            membrane: self.worst.membrane.magnitude(),
            membrane_max: self.membrane_max(chip),
            input_bits: self.input_sum(chip).bits() + chip.synapse.mixed_sign_step.trailing_zeros(),
            membrane_bits: self.worst.membrane.bits(),
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
    let model = layer.image_shift.map_or(NeuronModel::Source, |shift| NeuronModel::Image { shift });
    let source = Population { name: "source".into(), shape: layer.wiring.source, model };
    let projection = projection(layer, "input".into(), PopulationId(0), PopulationId(1), 0);
    let graph = LifGraph { name: String::new(), steps, populations: vec![source, population(layer)], projections: vec![projection] };
    graph.worst_cases()[1]
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

/// `2^(power / 64)`, from square roots and products alone: the same on every machine, unlike `powf`.
fn root_of_two(power: i32) -> f64 {
    let (wholes, rest) = (power.unsigned_abs() as i32 / 8, power.unsigned_abs() as i32 % 8);
    let eighth = 2f64.sqrt().sqrt().sqrt();
    let sixty_fourth = eighth.sqrt().sqrt().sqrt();
    let magnitude = (0..wholes).fold(1.0, |product, _| product * eighth) * (0..rest).fold(1.0, |product, _| product * sixty_fourth);
    if power < 0 { 1.0 / magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coincidences::{Coincidences, Watch};
    use crate::events::Fanout;
    use crate::network::Part;
    use crate::rates::Input;
    use lif_graph::philox::philox4x32_10;
    use lif_graph::{Connectivity, Kernel, Shape};

    /// A number in [0, 1).
    fn random(stream: u32, index: usize) -> f64 {
        f64::from(philox4x32_10([index as u32, stream, 0, 0], [1, 2])[0]) / 4_294_967_296.0
    }

    /// Rounded together, weights put what drives the units off by less, in layers of every kind and of more inputs than a block has.
    #[test]
    fn rounding_together_keeps_drives() {
        let kernel = Kernel { size: 3, stride: 2, padding: 1, output_padding: 1 };
        let shape = |channels, side| Shape { channels, height: side, width: side };
        for (source, target, connectivity) in [
            (shape(300, 1), shape(8, 1), Connectivity::Dense),
            (shape(40, 8), shape(6, 4), Connectivity::Conv2d(kernel)),
            (shape(40, 4), shape(6, 8), Connectivity::ConvTranspose2d(kernel)),
        ] {
            let wiring = Wiring { name: "layer".into(), part: Part::Layer, hears: Hears::Layer, source, target, connectivity };
            let weights: Vec<f32> = (0..wiring.weights()).map(|index| random(0, index) as f32 - 0.5).collect();
            let layer = FoldedLayer { bias: vec![0.0; wiring.units()], weights, wiring };
            // neurons of five causes, each of which makes most of its neurons fire in some steps
            let fires =
                |step: usize, neuron: usize| random(1, 5 * step + neuron % 5) < 0.5 && random(2, step * source.neurons() + neuron) < 0.8;
            let fired = |step| (0..source.neurons()).filter(|&neuron| fires(step, neuron)).map(|neuron| neuron as u32).collect();
            let spikes: Vec<Vec<u32>> = (0..400).map(fired).collect();
            let mut watch = Watch::new(&layer.wiring, 200, None);
            spikes[..200].iter().for_each(|fired| watch.step(fired, &[]));
            let seen = Coincidences::of(&[&watch.seen()]).unwrap();
            let together = LayerInputs { each: seen.rates().map(Input::firing).collect(), together: Some(seen) };
            let independent = LayerInputs::independent(together.each.clone());

            let neuron = Neuron { decay: 0.5, threshold: Some(1.0) };
            let chip = lif_chip::find("generic").unwrap().with_weight_bits(4).unwrap();
            let scales = Scales { choice: Choice::MinMax, per: Some(Sharing::Population) };
            let off_by = |inputs: &LayerInputs| {
                let rounded = quantise_layer(&layer, inputs, &chip, scales, neuron, 16).unwrap();
                let errors = layer
                    .weights
                    .iter()
                    .zip(&rounded.weights)
                    .map(|(exact, &integer)| f32::from(integer) * rounded.scale[0] as f32 - exact);
                let fanout = Fanout::new(source, target, connectivity, &errors.collect::<Vec<f32>>());
                let mut drives: Vec<Vec<f32>> = vec![];
                for fired in &spikes[200..] {
                    let mut sums = vec![0.0f32; target.neurons()];
                    fanout.add(fired, &mut sums);
                    drives.push(sums);
                }
                // the bias takes back what is always the same
                let units = target.channels as usize;
                let of_unit = |unit| drives.iter().flat_map(move |sums| sums.iter().skip(unit).step_by(units)).copied();
                let variance = |unit| {
                    let count = of_unit(unit).count() as f32;
                    let mean = of_unit(unit).sum::<f32>() / count;
                    of_unit(unit).map(|drive| (drive - mean).powi(2)).sum::<f32>() / count
                };
                (0..units).map(variance).sum::<f32>()
            };
            let (joint, apart) = (off_by(&together), off_by(&independent));
            assert!(joint < 0.7 * apart, "{connectivity:?}: {joint} {apart}");
        }
    }
}
