//! Which population does which model step in which tick.
//!
//! A tick is one round of the chip: every core updates its neurons once and sends, and the barrier (or the timer) ends it. How many ticks
//! a model step takes is a matter of the mapping ([`lif_map::schedule`](mod@lif_map::schedule) makes such schedules): here it is a row of regular cadences.
//!
//! ```text
//!               tick 0   1   2   3   4   5   6   7
//!   stepped     0        1   2   3   ...                       every population, every tick
//!   phased      0        .   .   .   1   .   .   .             first = phase, every = ticks of a step
//! ```
//!
//! In all other ticks neurons hold their membranes, an update at the price of an inactive one, or leak (`substep`), an update like any other.

use crate::TimeError;
use lif_graph::{LifGraph, PopulationId};
use lif_map::schedule::{Between, Timing};

/// The ticks of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How many.
    pub ticks: u32,
    /// By population.
    pub cadences: Vec<Cadence>,
}

/// The ticks of one population.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// The tick of step 0.
    pub first: u32,
    /// Ticks from one step to the next.
    pub every: u32,
    /// Whether its membranes leak in all other ticks; otherwise they hold.
    pub leaks: bool,
}

impl Schedule {
    /// One tick for a model step, in which every population does it.
    pub fn stepped(graph: &LifGraph) -> Self {
        Self { ticks: graph.steps, cadences: vec![Cadence { first: 0, every: 1, leaks: false }; graph.populations.len()] }
    }

    /// That of the mapping. A chip's neurons have the spikes of the graph's steps, whenever they have them.
    ///
    /// # Errors
    /// [`TimeError::Schedule`] if a part of the graph has a clock of its own: who plays the spikes to it that were kept is not known here.
    pub fn of(graph: &LifGraph, schedule: &lif_map::Schedule) -> Result<Self, TimeError> {
        let error = |cause: String| Err(TimeError::Schedule { graph: graph.name.clone(), cause });
        let [domain] = &schedule.domains[..] else {
            return error(format!("it has {} parts with clocks of their own ({})", schedule.domains.len(), schedule.mode));
        };
        let number = |ticks: u64| u32::try_from(ticks).ok();
        let leaks = domain.between == Between::Leak;
        let cadence =
            |timing: &Timing| Some(Cadence { first: number(timing.first_tick - 1)?, every: number(domain.ticks_per_step)?, leaks });
        match (number(schedule.ticks_per_image), schedule.populations.iter().map(cadence).collect()) {
            (Some(ticks), Some(cadences)) => Ok(Self { ticks, cadences }),
            _ => error("it has more ticks than 32 bits hold".into()),
        }
    }

    /// The step that a population does in a tick.
    pub fn step(&self, population: PopulationId, tick: u32, steps: u32) -> Option<u32> {
        let Cadence { first, every, .. } = self.cadences[population.index()];
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
        for (population, Cadence { first, every, .. }) in graph.populations.iter().zip(&self.cadences) {
            let last = u64::from(*first) + u64::from(*every) * u64::from(graph.steps.saturating_sub(1));
            if *every == 0 || last >= u64::from(self.ticks) {
                return error(format!("{} would do its last step in tick {last} of {}", population.name, self.ticks));
            }
        }
        Ok(())
    }
}
