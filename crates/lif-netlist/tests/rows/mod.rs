//! Rows of small graphs.

use lif_graph::*;

/// A population of LIF neurons with one threshold.
pub fn lif(name: &str, shape: Shape, membrane: Membrane, threshold: i32) -> Population {
    Population { name: name.into(), shape, model: NeuronModel::Lif { membrane, threshold: vec![threshold] } }
}

/// Adds a projection, called after its ends.
pub fn projection(graph: &mut LifGraph, source: u32, target: u32, delay: u8, connectivity: Connectivity, weights: Vec<i8>) {
    let [from, to] = [source, target].map(|id| graph.populations[id as usize].name.clone());
    let (source, target) = (PopulationId(source), PopulationId(target));
    graph.projections.push(Projection { name: format!("{from}->{to}"), source, target, delay, connectivity, weights });
}

/// Of both signs, none like the next.
pub fn weights(count: i32) -> Vec<i8> {
    (0..count).map(|index| (index * 37 % 41 - 17) as i8).collect()
}
