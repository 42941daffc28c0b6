//! Which tick belongs to which population and step.
//!
//! A projection of delay 0 must arrive in the tick in which its target updates, and takes one tick, so each population stands at
//! least one tick behind its sources. Loops are closed by projections of delay 1, which bring one step's spikes to the next step: a
//! step takes as many ticks as the longest of them. Where spikes would arrive too early, their synapses delay them.
//!
//! ```text
//!   offset(target) = max over delay 0 of  offset(source) + 1                    (2 for a select stage: gates, then their OR)
//!   ticks per step = max over delay 1 of  offset(source) + 1 - offset(target)   (at least 1)
//!   step s of a population is tick  1 + offset + s * ticks per step
//! ```

use lif_graph::{LifGraph, NeuronModel, Projection};
use serde::{Deserialize, Serialize};

/// The longest delay of Lava's DelayDense and DelaySparse, in ticks.
pub const MAX_SYNAPSE_DELAY: u64 = 63;

/// How model steps become ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Model steps of an image.
    pub steps: u32,
    /// Ticks from one update of a membrane to the next.
    pub ticks_per_step: u64,
    /// The tick, counted from 1, in which the last population has done the last step.
    pub ticks_per_image: u64,
}

/// The schedule with every row of the graph in it.
pub struct Plan {
    /// The figures that hold for all.
    pub schedule: Schedule,
    /// By population: the tick of its first update, counted from 1. A select stage's gates update one tick earlier.
    pub first_ticks: Vec<u64>,
    /// By projection: ticks that its synapses wait beyond the one that every synapse takes.
    pub waits: Vec<u64>,
}

impl Plan {
    /// Plans a graph that passes [`LifGraph::check`].
    pub fn new(graph: &LifGraph) -> Self {
        let mut first_ticks = vec![1u64; graph.populations.len()];
        for id in graph.update_order() {
            let sources = graph.projections_into(id).filter(|(_, projection)| projection.delay == 0);
            let after = sources.map(|(_, projection)| first_ticks[projection.source.index()] + stages(graph, projection));
            first_ticks[id.index()] = after.max().unwrap_or(1);
        }
        let spans = graph
            .projections
            .iter()
            .filter(|projection| projection.delay == 1)
            .map(|projection| (first_ticks[projection.source.index()] + 1).saturating_sub(first_ticks[projection.target.index()]));
        let ticks_per_step = spans.max().unwrap_or(1).max(1);
        let wait = |projection: &Projection| {
            let arrival = first_ticks[projection.source.index()] + stages(graph, projection);
            first_ticks[projection.target.index()] + u64::from(projection.delay) * ticks_per_step - arrival
        };
        let waits = graph.projections.iter().map(wait).collect();
        let last = first_ticks.iter().max().unwrap_or(&1);
        let ticks_per_image = last + ticks_per_step * u64::from(graph.steps.saturating_sub(1));
        Self { schedule: Schedule { steps: graph.steps, ticks_per_step, ticks_per_image }, first_ticks, waits }
    }
}

/// Ticks from a source's update to the earliest update of its target.
fn stages(graph: &LifGraph, projection: &Projection) -> u64 {
    match graph.population(projection.target).model {
        NeuronModel::Select { .. } => 2,
        _ => 1,
    }
}
