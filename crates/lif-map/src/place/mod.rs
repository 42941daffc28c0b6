//! Step 2: slices to cores.
//!
//! What is to be small is the cost: spikes times hops, summed over all pairs of slices that talk. A placer takes a [`Problem`] and gives a
//! core for each slice; [`PLACERS`] has all of them, and one test suite asks the same of each.

mod anneal;
mod curve;
#[cfg(test)]
mod tests;

pub use anneal::Annealing;
pub use curve::{Hilbert, curve};

use crate::{Edge, Machine};

/// What is to be placed where.
pub struct Problem<'a> {
    /// The system; has at least as many sites as there are slices.
    pub machine: &'a Machine,
    /// How many slices.
    pub slices: usize,
    /// Who talks to whom.
    pub edges: &'a [Edge],
}

impl Problem<'_> {
    /// Spikes times hops.
    pub fn cost(&self, placement: &[u32]) -> u64 {
        let router = |slice: u32| self.machine.sites[placement[slice as usize] as usize];
        self.edges.iter().map(|edge| edge.spikes * self.machine.hops(router(edge.source), router(edge.target))).sum()
    }
}

/// A way of placing slices.
pub trait Placer: Sync {
    /// For reports.
    fn name(&self) -> &'static str;

    /// The site of each slice, all different; the same for the same problem and seed on every machine and any number of threads.
    fn place(&self, problem: &Problem<'_>, seed: u64) -> Vec<u32>;
}

/// All placers, from the simplest to the best.
pub const PLACERS: [&dyn Placer; 3] = [&Sequential, &Hilbert, &Annealing];

/// Slice after slice, router after router, row after row: what the others are measured against.
pub struct Sequential;

impl Placer for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn place(&self, problem: &Problem<'_>, _: u64) -> Vec<u32> {
        (0..problem.slices as u32).collect()
    }
}
