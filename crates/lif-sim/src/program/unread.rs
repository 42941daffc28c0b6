//! Neurons whose spikes nobody reads but select stages, which read one in k: their weights neuron by neuron, so that single
//! neurons can be asked in single steps whether they fire (see [`picks`](crate::picks)).

use super::{AnyLeak, CHUNK, Rows, engine_place};
use crate::aligned::Aligned;
use lif_graph::{Connectivity, Decay, LifGraph, NeuronModel, PopulationId, WorstCase};

/// Bytes that a row of weights is filled up to.
const ROW: usize = 32;

/// A flat LIF population with dense inputs from flat populations, all of whose targets are select stages.
#[derive(Debug)]
pub(crate) struct Unread {
    pub inputs: Vec<UnreadInput>,
    pub leak: AnyLeak,
    pub input_shift: u32,
    pub neurons: Vec<Neuron>,
}

/// Parameters of one neuron.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neuron {
    pub bias: i32,
    pub threshold: i32,
    /// No history takes the membrane below this.
    pub lowest: i32,
}

/// A projection, by target neuron.
#[derive(Debug)]
pub(crate) struct UnreadInput {
    pub source: usize,
    pub delay: u8,
    weights: Aligned<i8>,
    /// Bytes of a neuron's row.
    pub stride: usize,
}

impl UnreadInput {
    /// The weights of a neuron's synapses, in the order of the source's lanes, with zeros at the end.
    #[inline(always)]
    pub fn row(&self, neuron: usize) -> &[i8] {
        &self.weights[neuron * self.stride..][..self.stride]
    }
}

impl Unread {
    /// `None` for a population that has other readers, or one whose inputs have a picture's shape.
    pub fn new(graph: &LifGraph, id: PopulationId, worst: &WorstCase) -> Option<Self> {
        let population = graph.population(id);
        let NeuronModel::Lif { membrane, threshold } = &population.model else { return None };
        let flat = |id: PopulationId| graph.population(id).shape.pixels() == 1;
        let mut readers = graph.projections.iter().filter(|projection| projection.source == id).peekable();
        let picked = readers.peek().is_some() && readers.all(|projection| projection.connectivity == Connectivity::Pick);
        let image = |id: PopulationId| matches!(graph.population(id).model, NeuronModel::Image { .. });
        let mut inputs = graph.projections_into(id).map(|(_, projection)| projection);
        let dense = inputs.all(|p| p.connectivity == Connectivity::Dense && flat(p.source) && p.source != id && !image(p.source));
        if !(picked && dense && flat(id) && graph.steps as usize <= CHUNK) {
            return None;
        }
        let shape = population.shape;
        let inputs: Vec<_> = graph.projections_into(id).map(|(_, projection)| input(graph, projection)).collect();
        let neurons = (0..shape.neurons()).map(|neuron| {
            let negative = |input: &UnreadInput| input.row(neuron).iter().map(|&weight| i64::from(weight.min(0))).sum::<i64>();
            let bias = shape.value_of(&membrane.bias, neuron);
            let drive = (inputs.iter().map(negative).sum::<i64>() << membrane.input_shift) + i64::from(bias);
            Neuron { bias, threshold: shape.value_of(threshold, neuron), lowest: lowest(membrane.decay, drive.min(0), worst, graph.steps) }
        });
        let neurons = neurons.collect();
        Some(Self { inputs, leak: AnyLeak::new(membrane.decay, worst), input_shift: membrane.input_shift.into(), neurons })
    }
}

/// Where the lowest drive, step after step, takes a membrane.
fn lowest(decay: Decay, drive: i64, worst: &WorstCase, steps: u32) -> i32 {
    let mut v = 0i64;
    for _ in 0..steps {
        v = (i64::from(decay.apply(v as i32)) + drive).min(v).max(worst.membrane.low);
    }
    v as i32
}

fn input(graph: &LifGraph, projection: &lif_graph::Projection) -> UnreadInput {
    let (from, to) = (graph.population(projection.source).shape, graph.population(projection.target).shape);
    let (sources, stride) = (from.neurons(), Rows::of(from).stride.next_multiple_of(ROW));
    let mut weights = Aligned::zeros(to.neurons() * stride);
    for target in 0..to.neurons() {
        for source in 0..sources {
            weights[target * stride + engine_place(from, source).1] = projection.weights[target * sources + source];
        }
    }
    UnreadInput { source: projection.source.index(), delay: projection.delay, weights, stride }
}
