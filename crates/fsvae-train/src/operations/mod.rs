//! Additions and multiplications of an image: what the deployed network does, and what the paper's program counts.
//!
//! # What is counted
//! The network as `fsvae-compile` lowers it, neuron by neuron `v = decay(v) + sum + bias`, step by step:
//!
//! | | additions | multiplications |
//! |---|---|---|
//! | a spike | one for each synapse that it reaches (`synaptic`) | none |
//! | the image, which the first convolution sees unchanged at every step | one for each pair of a pixel and a synapse, once an image (`synaptic`) | the same number |
//! | a neuron, in each step, whether anything arrives or not | two: sum and bias to the membrane (`neuron`) | one: the leak |
//!
//! A synapse exists where a tap of the kernel meets a neuron: taps over the padding are none, taps of weight 0 are. Read-out membranes are
//! neurons that never fire. Batch normalisation is folded into weights and biases. Comparisons with thresholds, random picks and the
//! final tanh (a table) are neither additions nor multiplications. The synaptic additions of generation are what `fsvae-sim` calls
//! synaptic operations. A reconstruction needs encoder, posterior and decoder, a generated image prior and decoder; latent spikes of the
//! last step reach the decoder, but no further step of the prior.
//!
//! `paper` has the other counting. In a network without spikes every synapse multiplies and adds once an image, and a bias is an addition;
//! batch normalisation is folded there, too, and activations are neither.

mod ann;
mod paper;
mod wiring;

use fsvae_checkpoint::NetworkConfig;
use fsvae_model::SpikeCounts;
use serde::Serialize;
use wiring::{Layer, Source, Synapses};

pub use ann::{ann_generation, ann_reconstruction};
pub use paper::{Published, Totals, published};

/// Operations of one layer for one image, on average.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerOperations {
    /// Its name.
    pub layer: String,
    /// Weights added.
    pub synaptic_additions: f64,
    /// Sums and biases added to membranes.
    pub neuron_additions: f64,
    /// Leaks, and pixels times weights.
    pub multiplications: f64,
}

/// Operations of one image, on average.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operations {
    /// All layers.
    pub additions: f64,
    /// All layers.
    pub multiplications: f64,
    /// One by one.
    pub layers: Vec<LayerOperations>,
}

/// From counted spikes to what reconstructing an image takes.
pub fn reconstruction(config: &NetworkConfig, counts: &SpikeCounts) -> Operations {
    Operations::of(wiring::reconstruction(config), counts)
}

/// From counted spikes to what drawing an image takes.
pub fn generation(config: &NetworkConfig, counts: &SpikeCounts) -> Operations {
    Operations::of(wiring::generation(config), counts)
}

impl Operations {
    fn of(layers: Vec<Layer>, counts: &SpikeCounts) -> Self {
        Self::sum(layers.iter().map(|layer| layer.operations(counts)).collect())
    }

    fn sum(layers: Vec<LayerOperations>) -> Self {
        let additions = layers.iter().map(|layer| layer.synaptic_additions + layer.neuron_additions).sum();
        Self { additions, multiplications: layers.iter().map(|layer| layer.multiplications).sum(), layers }
    }
}

impl Layer {
    fn operations(&self, counts: &SpikeCounts) -> LayerOperations {
        let fan_outs = self.fan_outs();
        let pixels = || (self.from.channels * fan_outs.iter().sum::<usize>()) as f64;
        let of_image: f64 = self.sources.iter().filter(|source| **source == Source::Image).map(|_| pixels()).sum();
        let of_spikes: u64 = self.sources.iter().map(|source| self.weights_added(source, &fan_outs, counts)).sum();
        let updates = (self.to.neurons() * counts.steps) as f64;
        LayerOperations {
            layer: self.name.clone(),
            synaptic_additions: of_image + of_spikes as f64 / counts.images as f64,
            neuron_additions: 2.0 * updates,
            multiplications: of_image + updates,
        }
    }

    /// By the spikes of one source, for all images.
    fn weights_added(&self, source: &Source, fan_outs: &[usize], counts: &SpikeCounts) -> u64 {
        let (name, steps) = match source {
            Source::Image => return 0,
            Source::Spikes(name) => (name, counts.steps),
            Source::Previous(name) => (name, counts.steps - 1),
        };
        // Fully connected layers hear a picture's places all alike.
        let of_place = |place: usize| fan_outs[if self.synapses == Synapses::Dense { 0 } else { place }] as u64;
        let of_step = |step: &Vec<u64>| -> u64 { step.iter().enumerate().map(|(place, count)| count * of_place(place)).sum() };
        counts.layers[name].counts[..steps].iter().map(of_step).sum()
    }

    /// Synapses of a neuron at each place of the source.
    fn fan_outs(&self) -> Vec<usize> {
        let side = self.from.side;
        let reached: Vec<usize> = (0..side).map(|at| self.reached(at)).collect();
        match self.synapses {
            Synapses::Dense => vec![self.to.neurons()],
            _ => (0..side * side).map(|place| reached[place / side] * reached[place % side] * self.to.channels).collect(),
        }
    }

    /// Along one axis: the taps through which position `at` of the source reaches a position of the target that exists.
    fn reached(&self, at: usize) -> usize {
        let target = |tap: usize| match self.synapses {
            Synapses::Dense => None,
            // at = 2 target + tap - 1
            Synapses::Down => (at + 1).checked_sub(tap).filter(|twice| twice.is_multiple_of(2)).map(|twice| twice / 2),
            // target = stride at + tap - 1
            Synapses::Up { stride } => (stride * at + tap).checked_sub(1),
        };
        (0..3).filter_map(target).filter(|&target| target < self.to.side).count()
    }
}

#[cfg(test)]
mod tests;
