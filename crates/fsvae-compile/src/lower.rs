//! Step 4: integer layers to the LIF graph.
//!
//! Besides the layers the graph has the population `select`, the 1-of-k random pick between prior and decoder, and the loop from it back
//! to the prior, which carries the previous step's spikes. A prior of several components has one more, `component`, at the end of the table:
//! the first layer's weights are shared out between it and `select`.
//!
//! Shapes and weights are the network's own. The biases of `decoder.input`, a dense layer that the next one sees as feature maps, belong
//! to neurons; all other populations of feature maps have one for each channel.

use crate::CompileError;
use crate::network::{Network, PRIOR_LAYERS};
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
    if config.components > 0 {
        // the random number beside those of the select stage's channels
        let model = NeuronModel::Draw { channel: config.latent as u32 };
        populations.push(Population { name: "component".into(), shape: Shape::flat(config.components as u32), model });
    }

    let id = |layer: usize| PopulationId::from_index(layer + usize::from(layer >= PRIOR_LAYERS));
    let select = PopulationId::from_index(PRIOR_LAYERS);
    let arrow = |from: PopulationId, to: PopulationId| format!("{}->{}", populations[from.index()].name, populations[to.index()].name);
    let mut projections = Vec::new();
    let component = PopulationId::from_index(layers.len() + 1);
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
    if config.components > 0 {
        let (of_component, of_z) = split(&layers[0].weights, config.components, config.latent);
        projections[0].weights = of_z;
        let (name, target) = (arrow(component, id(0)), id(0));
        let connectivity = Connectivity::Dense;
        projections.push(Projection { name, source: component, target, delay: 0, connectivity, weights: of_component });
    }

    let graph = LifGraph { name: name.into(), steps: config.steps as u32, populations, projections };
    graph.check().map_err(CompileError::Graph)?;
    Ok(graph)
}

/// The weights of a matrix's first columns, and of the others.
pub fn split(weights: &[i8], first: usize, others: usize) -> (Vec<i8>, Vec<i8>) {
    let rows = || weights.chunks(first + others);
    (rows().flat_map(|row| &row[..first]).copied().collect(), rows().flat_map(|row| &row[first..]).copied().collect())
}

/// The population that a layer drives.
pub fn population(layer: &IntegerLayer) -> Population {
    let membrane = Membrane { decay: layer.decay, input_shift: layer.input_shift, bias: layer.bias.clone(), bits: layer.membrane_bits };
    let model = match &layer.pixels {
        Some(pixels) => NeuronModel::Readout { membrane, pixels: pixels.clone() },
        None => NeuronModel::Lif { membrane, threshold: layer.threshold.clone() },
    };
    Population { name: layer.wiring.name.clone(), shape: layer.wiring.target, model }
}

/// The layer's weights.
pub fn projection(layer: &IntegerLayer, name: String, source: PopulationId, target: PopulationId, delay: u8) -> Projection {
    Projection { name, source, target, delay, connectivity: layer.wiring.connectivity, weights: layer.weights.clone() }
}
