//! How often the inputs of each layer fire, measured on a few drawn images: what the quantiser weighs rounding errors with.

use crate::float::FloatEngine;
use crate::fold::FoldedLayer;
use crate::network::Network;
use rayon::prelude::*;

/// Images that are drawn for it.
pub const IMAGES: u64 = 16;
/// Their seed; `--verify` uses another one.
pub const SEED: u64 = 0x7261_7465;

/// Spikes per step of each neuron that a layer listens to; one vector a layer, one entry a source channel (convolution) or neuron
/// (dense).
pub fn input_rates(network: &Network<FoldedLayer>) -> Vec<Vec<f64>> {
    let engine = FloatEngine::from(network);
    let sizes: Vec<usize> = network.layers.iter().map(|layer| layer.wiring.channels().0).collect();
    let count = |image| {
        let mut counts: Vec<Vec<u64>> = sizes.iter().map(|&size| vec![0; size]).collect();
        engine.draw(SEED, image, |step| {
            let neurons = network.layers[step.layer].wiring.source.neurons() / sizes[step.layer];
            step.input.iter().for_each(|&neuron| counts[step.layer][neuron as usize / neurons] += 1);
        });
        counts
    };
    let images: Vec<_> = (0..IMAGES).into_par_iter().map(count).collect();
    network
        .layers
        .iter()
        .enumerate()
        .map(|(index, layer)| {
            let neurons = layer.wiring.source.neurons() / sizes[index];
            let chances = (IMAGES * network.config.steps as u64) as f64 * neurons as f64;
            (0..sizes[index]).map(|channel| images.iter().map(|counts| counts[index][channel]).sum::<u64>() as f64 / chances).collect()
        })
        .collect()
}
