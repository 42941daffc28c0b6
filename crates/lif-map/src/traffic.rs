//! Who sends how many spikes to whom.

use crate::load::Loads;
use crate::{Partition, Rates};
use rayon::prelude::*;
use serde::Serialize;

/// Spikes from one slice to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// Place of the sending slice.
    pub source: u32,
    /// Place of the slice that listens; may be the same.
    pub target: u32,
    /// Spikes of those neurons of the one that reach the other, in the steps that the rates were counted over.
    pub spikes: u64,
}

/// All pairs of slices of which one reaches the other, sorted. A neuron that reaches a slice through two projections counts twice.
pub fn traffic(loads: &Loads<'_>, partition: &Partition, rates: &Rates) -> Vec<Edge> {
    let of_wire = |wire: &crate::wire::Wire| -> Vec<Edge> {
        let sources = partition.of(wire.source);
        let pairs = sources.flat_map(|source| partition.of(wire.target).map(move |target| (source, target)));
        let edge = |(source, target): (usize, usize)| {
            let spikes = wire.traffic(partition.slices[source].region, partition.slices[target].region, rates)?;
            Some(Edge { source: source as u32, target: target as u32, spikes })
        };
        pairs.filter_map(edge).collect()
    };
    let mut edges: Vec<Edge> = loads.wires.par_iter().flat_map_iter(of_wire).collect();
    edges.sort_unstable();
    edges.dedup_by(|next, kept| {
        let same = (next.source, next.target) == (kept.source, kept.target);
        kept.spikes += if same { next.spikes } else { 0 };
        same
    });
    edges
}
