//! Which population does which model step in which tick.
//!
//! A tick is one round of the chip: every core updates its neurons once and sends, and the barrier (or the timer) ends it. How many ticks
//! a model step takes is a matter of the mapping: a plain schedule here is a row of regular cadences.
//!
//! ```text
//!               tick 0   1   2   3   4   5   6   7
//!   stepped     0        1   2   3   ...                       every population, every tick
//!   phased      0        .   .   .   1   .   .   .             first = phase, every = ticks of a step
//!   buffered    .        .   0   1   2   3   ...               first = place in the pipeline, every = 1
//! ```

use crate::TimeError;
use lif_graph::{LifGraph, PopulationId};

/// The ticks of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How many.
    pub ticks: u32,
    /// By population.
    pub cadences: Vec<Cadence>,
}

/// The ticks of one population; in all others its neurons hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// The tick of step 0.
    pub first: u32,
    /// Ticks from one step to the next.
    pub every: u32,
}

impl Schedule {
    /// One tick for a model step, in which every population does it.
    pub fn stepped(graph: &LifGraph) -> Self {
        Self { ticks: graph.steps, cadences: vec![Cadence { first: 0, every: 1 }; graph.populations.len()] }
    }

    /// The step that a population does in a tick.
    pub fn step(&self, population: PopulationId, tick: u32, steps: u32) -> Option<u32> {
        let Cadence { first, every } = self.cadences[population.index()];
        let since = tick.checked_sub(first)?;
        (since.is_multiple_of(every) && since / every < steps).then_some(since / every)
    }

    /// Whether every population of the graph does every step.
    ///
    /// # Errors
    /// [`TimeError::Schedule`].
    pub fn check(&self, graph: &LifGraph) -> Result<(), TimeError> {
        let error = |cause| Err(TimeError::Schedule { graph: graph.name.clone(), cause });
        if self.cadences.len() != graph.populations.len() {
            return error(format!("it has {} populations, and the graph {}", self.cadences.len(), graph.populations.len()));
        }
        for (population, Cadence { first, every }) in graph.populations.iter().zip(&self.cadences) {
            let last = u64::from(*first) + u64::from(*every) * u64::from(graph.steps.saturating_sub(1));
            if *every == 0 || last >= u64::from(self.ticks) {
                return error(format!("{} would do its last step in tick {last} of {}", population.name, self.ticks));
            }
        }
        Ok(())
    }
}
