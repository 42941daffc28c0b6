//! Step 4: integer layers to the LIF graph.
//!
//! Besides the layers the graph has the population `select`, the 1-of-k random pick between prior and decoder, and the loop from it back
//! to the prior, which carries the previous step's spikes.
//!
//! A graph's biases belong to channels, those of `decoder.input` to neurons. So this population is lowered as flat, each neuron a
//! channel, and the transposed convolution behind it, which needs to see rows and columns, as the dense projection that it is
//! equal to.

use crate::CompileError;
use crate::events::reached;
use crate::network::{Network, PRIOR_LAYERS, Wiring};
use crate::quantise::IntegerLayer;
use lif_graph::{Connectivity, LifGraph, Membrane, NeuronModel, Population, PopulationId, Projection, Shape};

/// Builds the graph and checks every rule.
///
/// # Errors
/// [`CompileError::Graph`] with all rules that the graph breaks.
pub fn lower(network: &Network<IntegerLayer>, name: &str) -> Result<LifGraph, CompileError> {
    let Network { config, layers } = network;
    let mut populations: Vec<Population> = layers.iter().map(population).collect();
    let select = Population {
        name: "select".into(),
        shape: Shape::flat(config.latent as u32),
        model: NeuronModel::Select { ways: config.ways as u32 },
    };
    populations.insert(PRIOR_LAYERS, select);

    let id = |layer: usize| PopulationId::from_index(layer + usize::from(layer >= PRIOR_LAYERS));
    let select = PopulationId::from_index(PRIOR_LAYERS);
    let arrow = |from: PopulationId, to: PopulationId| format!("{}->{}", populations[from.index()].name, populations[to.index()].name);
    let mut projections = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let (source, delay) = match index {
            0 => (select, 1),
            PRIOR_LAYERS => (select, 0),
            _ => (id(index - 1), 0),
        };
        projections.push(projection(layer, arrow(source, id(index)), source, id(index), delay));
    }
    let last = id(PRIOR_LAYERS - 1);
    let pick =
        Projection { name: arrow(last, select), source: last, target: select, delay: 0, connectivity: Connectivity::Pick, weights: vec![] };
    projections.insert(PRIOR_LAYERS, pick);

    let graph = LifGraph { name: name.into(), steps: config.steps as u32, populations, projections };
    graph.check().map_err(CompileError::Graph)?;
    Ok(graph)
}

/// The population that a layer drives.
pub fn population(layer: &IntegerLayer) -> Population {
    let membrane = Membrane { decay: layer.decay, input_shift: layer.input_shift, bias: layer.bias.clone(), bits: layer.membrane_bits };
    let model = match &layer.pixels {
        Some(pixels) => NeuronModel::Readout { membrane, pixels: pixels.clone() },
        None => NeuronModel::Lif { membrane, threshold: layer.threshold.clone() },
    };
    let shape =
        if layer.wiring.connectivity == Connectivity::Dense { Shape::flat(layer.wiring.units() as u32) } else { layer.wiring.target };
    Population { name: layer.wiring.name.clone(), shape, model }
}

/// The layer's weights.
pub fn projection(layer: &IntegerLayer, name: String, source: PopulationId, target: PopulationId, delay: u8) -> Projection {
    let wiring = &layer.wiring;
    let flattened = hears_flat(wiring) && wiring.connectivity != Connectivity::Dense;
    let (connectivity, weights) =
        if flattened { (Connectivity::Dense, unrolled(wiring, &layer.weights)) } else { (wiring.connectivity, layer.weights.clone()) };
    Projection { name, source, target, delay, connectivity, weights }
}

/// How many weights the layer's projection has.
pub fn lowered_weights(wiring: &Wiring) -> u64 {
    if hears_flat(wiring) { wiring.source.neurons() as u64 * wiring.target.neurons() as u64 } else { wiring.weights() as u64 }
}

/// Whether the source is a flat population: everything up to `decoder.input`.
fn hears_flat(wiring: &Wiring) -> bool {
    wiring.connectivity == Connectivity::Dense || wiring.name == "decoder.0"
}

/// A convolution as a dense matrix, `[target neuron][source neuron]`.
fn unrolled(wiring: &Wiring, weights: &[i8]) -> Vec<i8> {
    let (Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel)) = wiring.connectivity else { return weights.to_vec() };
    let (source, target) = (wiring.source, wiring.target);
    let mut matrix = vec![0; source.neurons() * target.neurons()];
    let places = |inputs: u32, outputs: u32| {
        let pairs = (0..inputs).flat_map(move |input| (0..kernel.size).map(move |tap| (input, tap)));
        let reached = move |(input, tap)| Some((input, tap, reached(wiring.connectivity, input, tap, outputs)?));
        pairs.filter_map(reached).collect::<Vec<_>>()
    };
    let (rows, columns) = (places(source.height, target.height), places(source.width, target.width));
    for channel in 0..wiring.units() {
        for (origin, taps) in wiring.fan_in(channel) {
            for &(y, ky, row) in &rows {
                for &(x, kx, column) in &columns {
                    let from = origin * source.pixels() + (y * source.width + x) as usize;
                    let to = channel * target.pixels() + (row * target.width + column) as usize;
                    matrix[to * source.neurons() + from] = weights[taps.start + (ky * kernel.size + kx) as usize];
                }
            }
        }
    }
    matrix
}
