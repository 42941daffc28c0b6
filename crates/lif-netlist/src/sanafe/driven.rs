//! The graph that SANA-FE can run: every spike is heard one tick later, and what SANA-FE does not have is played in from a record.
//!
//! ```text
//!   graph                                                driven graph, one step a tick
//!   prior.0 -> prior.1 -> prior.2 -> select              select (record) -1-> prior.0 -1-> prior.1 -1-> prior.2
//!      ^---------- delay 1 ----------+ |                        |
//!                                      +-> decoder ...          +------------1-> decoder ...
//!
//!   tick      prior.0   prior.1   prior.2                offsets: the first step of a population is done
//!     0       step 0    .         .                               so many ticks after the first of all
//!     1       step 1    step 0    .
//!     2       step 2    step 1    step 0
//! ```
//!
//! In the ticks before its first step a population hears nothing, but has its bias. So the first steps of a deep layer can differ from those of the
//! graph: the driven graph is a graph of its own, and the simulators are compared on it.

use crate::Misfit;
use lif_graph::{Connectivity, LifGraph, NeuronModel, PopulationId};
use std::collections::VecDeque;

/// A graph whose every projection has delay 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driven {
    /// With as many steps as it takes all populations to do the graph's.
    pub graph: LifGraph,
    /// By population: the tick of its step 0.
    pub offsets: Vec<u32>,
    /// Select stages that are sources now.
    pub recorded: Vec<PopulationId>,
}

/// The driven graph of a graph that passes [`LifGraph::check`].
///
/// # Errors
/// A misfit for each population that two ways reach with different numbers of ticks, or one for a driven graph that breaks a rule.
pub fn driven(graph: &LifGraph) -> Result<Driven, Vec<Misfit>> {
    let mut driven = graph.clone();
    driven.projections.retain(|projection| projection.connectivity != Connectivity::Pick);
    let mut recorded = Vec::new();
    for (index, row) in driven.populations.iter_mut().enumerate() {
        if matches!(row.model, NeuronModel::Select { .. }) {
            row.model = NeuronModel::Source;
            recorded.push(PopulationId::from_index(index));
        }
    }
    let offsets = offsets(&driven)?;
    driven.projections.iter_mut().for_each(|projection| projection.delay = 1);
    driven.steps += offsets.iter().max().unwrap_or(&0);
    // more steps can carry a membrane further
    match driven.check() {
        Ok(()) => Ok(Driven { graph: driven, offsets, recorded }),
        Err(violations) => Err(vec![Misfit {
            rule: "driven-graph-keeps-the-rules",
            place: "graph".into(),
            cause: format!("with a tick for every layer it is no graph: {violations}"),
            remedy: "give membranes more bits, or compile for the target sanafe-loihi",
        }]),
    }
}

/// A projection of delay d takes one tick, so its target is 1 - d ticks behind its source; in each connected part the first is at 0.
fn offsets(graph: &LifGraph) -> Result<Vec<u32>, Vec<Misfit>> {
    let mut found: Vec<Option<i64>> = vec![None; graph.populations.len()];
    let mut misfits = Vec::new();
    while let Some(start) = found.iter().position(Option::is_none) {
        found[start] = Some(0);
        let (mut part, mut waiting) = (vec![start], VecDeque::from([start]));
        while let Some(at) = waiting.pop_front() {
            for projection in &graph.projections {
                let behind = 1 - i64::from(projection.delay);
                let [source, target] = [projection.source, projection.target].map(PopulationId::index);
                let steps = [(source, target, behind), (target, source, -behind)];
                for (_, other, distance) in steps.into_iter().filter(|&(from, _, _)| from == at) {
                    let offset = found[at].expect("it was reached") + distance;
                    match found[other] {
                        None => {
                            found[other] = Some(offset);
                            part.push(other);
                            waiting.push_back(other);
                        }
                        Some(known) if known != offset && other == target => misfits.push(Misfit {
                            rule: "every-way-takes-the-same-ticks",
                            place: format!("population {}", graph.populations[other].name),
                            cause: format!("{} comes {} ticks too early or late", projection.name, known.abs_diff(offset)),
                            remedy: "give the shorter way as many layers as the longer one: SANA-FE delays every spike by one tick",
                        }),
                        Some(_) => {}
                    }
                }
            }
        }
        let first = part.iter().filter_map(|&index| found[index]).min().unwrap_or(0);
        part.iter().for_each(|&index| found[index] = found[index].map(|offset| offset - first));
    }
    misfits.dedup();
    if misfits.is_empty() { Ok(found.into_iter().map(|offset| offset.unwrap_or(0) as u32).collect()) } else { Err(misfits) }
}
