//! Spiking networks that are no FSVAE: layers of LIF neurons, each fed by one other layer or by spikes from outside. They come from
//! [NIR files](import) and become integer graphs by the same quantiser as an FSVAE's layers.
//!
//! ```text
//!   network.nir -> NirGraph --import--> FeedForward<FoldedLayer> --quantise--> FeedForward<IntegerLayer> --lower--> LifGraph
//!                                          |
//!                                          +-- rates: how often inputs fire, measured with random spikes from outside
//! ```

pub(crate) mod exponential;
pub mod import;
pub(crate) mod rates;
mod run;

use crate::CompileError;
use crate::fold::FoldedLayer;
use crate::lower::{population, projection};
use crate::quantise::{IntegerLayer, Neuron, Scales, quantise_layer};
use lif_chip::Chip;
use lif_graph::{LifGraph, NeuronModel, Population, PopulationId, Shape};
use rates::layer_inputs;
pub use run::FloatNetwork;
use serde::Serialize;

/// A network at some stage: `L` is [`FoldedLayer`], then [`IntegerLayer`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeedForward<L> {
    /// Model steps.
    pub steps: u32,
    /// Spikes from outside.
    pub sources: Vec<Source>,
    /// Layers, those that feed others before them.
    pub layers: Vec<Placed<L>>,
}

/// Where spikes from outside come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its neurons.
    pub shape: Shape,
}

/// A layer and what it listens to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Placed<L> {
    /// Weights and biases.
    pub layer: L,
    /// What it listens to.
    pub feed: Feed,
    /// What its neurons do with that.
    pub neuron: Neuron,
}

/// What a layer listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feed {
    /// A place in [`FeedForward::sources`].
    Source(usize),
    /// A place in [`FeedForward::layers`], before the layer's own.
    Layer(usize),
}

/// Quantises every layer for `chip`. Rounding errors are weighed with the rates that inputs have when the network is fed random spikes.
///
/// # Errors
/// [`CompileError::DoesNotFit`] for a layer that fits the chip's widths at no scale.
pub fn quantise(network: &FeedForward<FoldedLayer>, chip: &Chip, scales: Scales) -> Result<FeedForward<IntegerLayer>, CompileError> {
    let inputs = layer_inputs(network);
    let quantised = network.layers.iter().zip(&inputs).map(|(placed, inputs)| {
        let layer = quantise_layer(&placed.layer, inputs, chip, scales, placed.neuron, network.steps)?;
        Ok(Placed { layer, feed: placed.feed, neuron: placed.neuron })
    });
    let layers = quantised.collect::<Result<_, CompileError>>()?;
    Ok(FeedForward { steps: network.steps, sources: network.sources.clone(), layers })
}

/// Builds the graph and checks every rule: sources first, then the layers in order.
///
/// # Errors
/// [`CompileError::Graph`] with all rules that the graph breaks.
pub fn lower(network: &FeedForward<IntegerLayer>, name: &str) -> Result<LifGraph, CompileError> {
    let sources =
        network.sources.iter().map(|source| Population { name: source.name.clone(), shape: source.shape, model: NeuronModel::Source });
    let populations: Vec<Population> = sources.chain(network.layers.iter().map(|placed| population(&placed.layer))).collect();
    let id = |feed| match feed {
        Feed::Source(index) => PopulationId::from_index(index),
        Feed::Layer(index) => PopulationId::from_index(network.sources.len() + index),
    };
    let projections = network.layers.iter().enumerate().map(|(index, placed)| {
        let (source, target) = (id(placed.feed), id(Feed::Layer(index)));
        let arrow = format!("{}->{}", populations[source.index()].name, populations[target.index()].name);
        projection(&placed.layer, arrow, source, target, 0)
    });
    let projections = projections.collect();
    let graph = LifGraph { name: name.into(), steps: network.steps, populations, projections };
    graph.check().map_err(CompileError::Graph)?;
    Ok(graph)
}
