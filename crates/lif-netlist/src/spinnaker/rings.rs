//! How full a ring buffer can get: per neuron and tick, from the weights of each sign.

use super::netlist::WorstRing;
use super::network::{Network, Origin, Role};
use super::unroll::Sources;

/// By vertex the largest sums that one tick can bring, whatever fires; zeros for spike sources. `rows` are those of the edges.
///
/// All spikes that can meet in a tick are taken to meet. Of the gates of a select channel one is picked, so only one of them counts.
pub fn worst(network: &Network<'_>, rows: &[Sources]) -> Vec<WorstRing> {
    let of_vertex = |vertex: usize| {
        let mut sums = vec![[0u64; 2]; network.vertices[vertex].shape.neurons()];
        if !matches!(network.vertices[vertex].role, Role::Neurons { .. }) {
            return WorstRing::default();
        }
        for (edge, rows) in network.edges.iter().zip(rows).filter(|(edge, _)| edge.target == vertex) {
            let ways = if let Origin::Gates(_, ways) = edge.origin { ways as usize } else { 1 };
            for (target, weight) in (0..rows.count()).step_by(ways).flat_map(|source| rows.row(source)) {
                sums[target as usize][usize::from(weight < 0)] += u64::from(weight.unsigned_abs());
            }
        }
        let largest = |sign: usize| {
            let largest = sums.iter().map(|sums| sums[sign]).max().unwrap_or(0);
            (largest, sums.iter().position(|sums| sums[sign] == largest).unwrap_or(0) as u32)
        };
        let ((excitatory, excitatory_neuron), (inhibitory, inhibitory_neuron)) = (largest(0), largest(1));
        WorstRing { excitatory, excitatory_neuron, inhibitory, inhibitory_neuron }
    };
    (0..network.vertices.len()).map(of_vertex).collect()
}
