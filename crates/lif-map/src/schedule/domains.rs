//! The parts of a graph that have a clock each, and the times in them.
//!
//! What a delayed projection ends in remembers the step before, and so does all that leads there: that is the recurrent part, which needs
//! several ticks a step. Behind it there are no delays, no loops, and a tick a step is enough.
//!
//! ```text
//!          recurrent                           feed-forward
//!     +--------------------+   spikes of     +-----------------------------+
//!     | prior -> select -+ | -- select, -->  | decoder -> ... -> read-out  |
//!     |   ^--------------+ |   buffered      |  tick s + 1   tick s + l    |
//!     +--------------------+                 +-----------------------------+
//! ```

use super::offsets::{Edge, offsets, ticks_per_step};
use super::roots::root;
use super::{Between, Buffer, Domain, Job, Schedule, Timing};
use crate::rules::{self, Breach};
use lif_graph::{Decay, LifGraph, NeuronModel, PopulationId, Rounding};

/// A partition of the populations.
pub struct Parts {
    parts: Vec<Part>,
    /// By population: its part.
    part_of: Vec<usize>,
}

struct Part {
    name: &'static str,
    /// Whether images follow each other without a pause; only where nothing remembers the step before.
    streams: bool,
}

/// One part.
pub fn whole(graph: &LifGraph) -> Parts {
    Parts { parts: vec![Part { name: "network", streams: false }], part_of: vec![0; graph.populations.len()] }
}

/// The recurrent part and the feed-forward part, as far as the graph has them.
pub fn split(graph: &LifGraph) -> Parts {
    let mut remembers = vec![false; graph.populations.len()];
    let delayed = graph.projections.iter().filter(|projection| projection.delay > 0);
    let mut waiting: Vec<PopulationId> = delayed.map(|projection| projection.target).collect();
    while let Some(target) = waiting.pop() {
        if !std::mem::replace(&mut remembers[target.index()], true) {
            waiting.extend(graph.projections_into(target).map(|(_, projection)| projection.source));
        }
    }
    let recurrent = remembers.contains(&true).then_some(Part { name: "recurrent", streams: false });
    let forward = remembers.contains(&false).then_some(Part { name: "feed-forward", streams: true });
    let second = usize::from(recurrent.is_some());
    let part_of = remembers.iter().map(|&remembers| if remembers { 0 } else { second }).collect();
    Parts { parts: recurrent.into_iter().chain(forward).collect(), part_of }
}

impl Parts {
    /// Whether images follow each other in one of them.
    pub fn streams(&self) -> bool {
        self.parts.iter().any(|part| part.streams)
    }

    /// The schedule; decays without a root are added to `breaches`.
    pub fn timed(&self, job: &Job<'_>, breaches: &mut Vec<Breach>) -> Schedule {
        let graph = job.graph;
        let mut schedule = Schedule {
            mode: job.mode,
            chip: job.chip.name.clone(),
            steps: graph.steps,
            ticks_per_image: 0,
            domains: vec![],
            populations: vec![Timing { domain: 0, first_tick: 1, decay: None }; graph.populations.len()],
            waits: vec![],
            buffers: vec![],
        };
        for (index, part) in self.parts.iter().enumerate() {
            let domain = self.domain(index, part, job, &mut schedule, breaches);
            schedule.ticks_per_image += domain.ticks_per_image;
            schedule.domains.push(domain);
        }
        let ids = (0..).map(lif_graph::ProjectionId).zip(&graph.projections);
        schedule.waits = ids.map(|(id, projection)| schedule.latency(graph, id) - job.stages(projection)).collect();
        schedule
    }

    fn domain(&self, index: usize, part: &Part, job: &Job<'_>, schedule: &mut Schedule, breaches: &mut Vec<Breach>) -> Domain {
        let graph = job.graph;
        let members: Vec<PopulationId> = self.members(index).collect();
        let place = |id: PopulationId| members.iter().position(|&member| member == id);
        let leaks = job.leaks && !part.streams;
        let integrates = |id: &PopulationId| matches!(graph.population(*id).model, NeuronModel::Lif { .. } | NeuronModel::Readout { .. });
        // a bias that a clock source sends takes a tick, too
        let clocked = |id: &PopulationId| if leaks && integrates(id) { job.ticks.synapse.into() } else { 0 };
        let mut least: Vec<u64> = members.iter().map(clocked).collect();
        let mut edges = Vec::new();
        for projection in &graph.projections {
            let Some(target) = place(projection.target) else { continue };
            let stages = job.stages(projection);
            match place(projection.source) {
                Some(source) => edges.push(Edge { source, target, stages, delay: projection.delay }),
                None => {
                    least[target] = least[target].max(stages);
                    let buffer = Buffer { population: projection.source, domain: index, first_tick: 1 };
                    if !schedule.buffers.contains(&buffer) {
                        schedule.buffers.push(buffer);
                    }
                }
            }
        }
        let ticks_per_step = ticks_per_step(&least, &edges);
        let offsets = offsets(&least, &edges, ticks_per_step).expect("so many ticks are enough");
        for (&id, offset) in members.iter().zip(&offsets) {
            let decay = if leaks { self.leak(id, ticks_per_step, job, breaches) } else { None };
            schedule.populations[id.index()] = Timing { domain: index, first_tick: offset + 1, decay };
        }
        let last = offsets.iter().max().map_or(0, |last| last + 1);
        let ticks_per_image = last + ticks_per_step * u64::from(graph.steps.saturating_sub(1));
        let between = match (part.streams, leaks) {
            (true, _) => Between::Nothing,
            (false, true) => Between::Leak,
            (false, false) => Between::Hold,
        };
        Domain { name: part.name.into(), between, ticks_per_step, ticks_per_image, streams: part.streams }
    }

    fn members(&self, part: usize) -> impl Iterator<Item = PopulationId> {
        self.part_of.iter().enumerate().filter(move |(_, of)| **of == part).map(|(index, _)| PopulationId::from_index(index))
    }

    fn leak(&self, id: PopulationId, ticks: u64, job: &Job<'_>, breaches: &mut Vec<Breach>) -> Option<Decay> {
        let population = job.graph.population(id);
        let (NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. }) = &population.model else { return None };
        let (decay, unity) = (membrane.decay, 1u64 << membrane.decay.shift);
        let rounds = ticks > 1 && decay.rounding != Rounding::TowardZero;
        let slow = root(decay, ticks).filter(|_| !rounds);
        if slow.is_none() {
            let what = if rounds {
                "does not round toward zero, so every tick would add to it".into()
            } else {
                format!("is 1 in {} bits", decay.shift)
            };
            let cause = format!("its decay {}/{unity} spread over {ticks} ticks {what}", decay.multiplier);
            breaches.push(Breach { rule: &rules::DECAYS_HAVE_ROOTS, place: format!("population `{}`", population.name), cause });
        }
        slow
    }
}
