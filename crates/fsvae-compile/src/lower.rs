//! Step 4: integer layers to the LIF graph.
//!
//! Besides the layers the graph has the population `select`, the 1-of-k random pick before the decoder, and the loop from it back
//! to the prior or posterior, which carries the previous step's spikes. A graph that reconstructs begins with the population `image`. Its
//! first posterior layer listens to two populations, so its matrix becomes two projections:
//!
//! ```text
//!                                    source: encoder.output | select, the step before
//!   weights [target][source]   =     target: first columns  | last columns
//! ```
//!
//! Shapes and weights are the network's own. The biases of `decoder.input`, a dense layer that the next one sees as feature maps, belong
//! to neurons; all other populations of feature maps have one for each channel.

use crate::CompileError;
use crate::network::{Hears, Network};
use crate::quantise::IntegerLayer;
use lif_graph::{Connectivity, LifGraph, Membrane, NeuronModel, Population, PopulationId, Projection, Shape};

/// Builds the graph and checks every rule.
///
/// # Errors
/// [`CompileError::Graph`] with all rules that the graph breaks.
pub fn lower(network: &Network<IntegerLayer>, name: &str) -> Result<LifGraph, CompileError> {
    let Network { purpose, config, layers } = network;
    let image = layers.first().and_then(|layer| {
        let model = NeuronModel::Image { shift: layer.image_shift? };
        Some(Population { name: "image".into(), shape: layer.wiring.source, model })
    });
    let (before, behind) = layers.split_at(purpose.layers_before_select(config));
    let model = NeuronModel::Select { ways: config.ways as u32 };
    let select = Population { name: "select".into(), shape: Shape::flat(config.latent as u32), model };
    let images = usize::from(image.is_some());
    let populations: Vec<Population> =
        image.into_iter().chain(before.iter().map(population)).chain([select]).chain(behind.iter().map(population)).collect();

    let select = PopulationId::from_index(images + before.len());
    let id = |layer: usize| PopulationId::from_index(images + layer + usize::from(layer >= before.len()));
    let arrow = |from: PopulationId, to: PopulationId| format!("{}->{}", populations[from.index()].name, populations[to.index()].name);
    let mut projections = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        if index == before.len() {
            projections.push(pick(arrow(id(index - 1), select), id(index - 1), select));
        }
        let mut connect = |layer: &IntegerLayer, source, delay| {
            projections.push(projection(layer, arrow(source, id(index)), source, id(index), delay));
        };
        match layer.wiring.hears {
            Hears::Image => connect(layer, PopulationId(0), 0),
            Hears::Layer => connect(layer, id(index - 1), 0),
            Hears::Select => connect(layer, select, 0),
            Hears::PreviousSelect => connect(layer, select, 1),
            Hears::LayerAndPreviousSelect => {
                let (first, last) = split_columns(layer, layer.wiring.source.neurons() - config.latent);
                connect(&first, id(index - 1), 0);
                connect(&last, select, 1);
            }
        }
    }
    let graph = LifGraph { name: name.into(), steps: config.steps as u32, populations, projections };
    graph.check().map_err(CompileError::Graph)?;
    Ok(graph)
}

fn pick(name: String, source: PopulationId, target: PopulationId) -> Projection {
    Projection { name, source, target, delay: 0, connectivity: Connectivity::Pick, weights: vec![] }
}

/// A dense layer's weights from its first `width` sources, and those from the others.
fn split_columns(layer: &IntegerLayer, width: usize) -> (IntegerLayer, IntegerLayer) {
    let rows = || layer.weights.chunks(layer.wiring.source.neurons());
    let part = |weights: Vec<i8>| IntegerLayer { weights, ..layer.clone() };
    (part(rows().flat_map(|row| &row[..width]).copied().collect()), part(rows().flat_map(|row| &row[width..]).copied().collect()))
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
