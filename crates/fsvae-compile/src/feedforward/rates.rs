//! How often the inputs of each layer fire. What spikes will come from outside nobody knows yet, so random ones are tried.

use super::{FeedForward, FloatNetwork};
use crate::fold::FoldedLayer;
use crate::rates::{IMAGES, Input, LayerInputs, SEED};
use lif_graph::Shape;
use lif_graph::philox::philox4x32_10;
use rayon::prelude::*;

/// Chance of a spike from outside, per neuron and step.
const SOURCE_RATE: f64 = 0.2;

/// What the neurons do that each layer listens to, layer by layer. Which of them fire together is left open: of random spikes from outside it
/// would be chance.
pub fn layer_inputs(network: &FeedForward<FoldedLayer>) -> Vec<LayerInputs> {
    let sizes: Vec<usize> = network.layers.iter().map(|placed| placed.layer.wiring.channels().0).collect();
    let engine = FloatNetwork::from(network);
    let counts: Vec<_> = (0..IMAGES as u32).into_par_iter().map(|image| count(network, &engine, &sizes, image)).collect();
    let rates = network.layers.iter().enumerate().map(|(index, placed)| {
        let neurons = placed.layer.wiring.source.neurons() / sizes[index];
        let chances = (IMAGES * u64::from(network.steps)) as f64 * neurons as f64;
        let spikes = |unit: usize| counts.iter().map(|counts| counts[index][unit]).sum::<u64>() as f64;
        LayerInputs::independent((0..sizes[index]).map(|unit| Input::firing(spikes(unit) / chances)).collect())
    });
    rates.collect()
}

fn count(network: &FeedForward<FoldedLayer>, engine: &FloatNetwork<'_>, sizes: &[usize], image: u32) -> Vec<Vec<u64>> {
    let mut counts: Vec<Vec<u64>> = sizes.iter().map(|&size| vec![0; size]).collect();
    let outside = |source: usize, step| random_spikes(network.sources[source].shape, source, image, step);
    engine.run(outside, |layer, heard, _| {
        let per_unit = network.layers[layer].layer.wiring.source.neurons() / sizes[layer];
        heard.iter().for_each(|&neuron| counts[layer][neuron as usize / per_unit] += 1);
    });
    counts
}

/// The neurons of a source that fire in a step, if nobody says which.
pub fn random_spikes(shape: Shape, source: usize, image: u32, step: u32) -> Vec<u32> {
    let limit = (SOURCE_RATE * f64::from(u32::MAX)) as u32;
    let fires = |&neuron: &u32| philox4x32_10([neuron, step, image, source as u32], [SEED as u32, (SEED >> 32) as u32])[0] < limit;
    (0..shape.neurons() as u32).filter(fires).collect()
}
