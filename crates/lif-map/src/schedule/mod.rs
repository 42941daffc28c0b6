//! When: the ticks at which every population does its steps.
//!
//! The graph counts model steps, and in a step a spike passes through every layer. A chip counts ticks, and each synapse takes at least
//! one. So a step of a loop takes as many ticks as the longest loop has stages, and its populations take turns:
//!
//! ```text
//!              tick 1      2        3             4             5             6                7         5 ticks a step
//!   step 0   prior.0 -> prior.1 -> prior.2 -> select.gate -> select -----> decoder.input -> decoder.0 -> ...
//!   step 1                                                     +---------> prior.0 -> ...
//! ```
//!
//! A membrane leaks once a step, not once a tick. What its neurons do at the other ticks is the [`Mode`]:
//!
//! | mode       | between two steps a neuron                                          | equal to the graph                     |
//! |------------|---------------------------------------------------------------------|----------------------------------------|
//! | `stepped`  | does not exist: spikes take no time (the ideal, for comparison)     | yes, by definition                     |
//! | `phased`   | holds its membrane                                                  | yes                                    |
//! | `substep`  | leaks by a root of its decay; a clock source sends its bias         | not always: every tick rounds          |
//! | `buffered` | as above in the recurrent part; the feed-forward part runs apart, one tick a step, its inputs buffered | as above |
//!
//! [`schedule`] gives a [`Schedule`]: the first tick of every population, the wait of every projection, the [`Domain`]s that each have
//! their own clock. It is a pure function of graph, chip and mode. What a chip cannot do in a mode is an error with the codes E140 to
//! E144 ([`rules`]).

mod domains;
mod offsets;
mod roots;
mod text;
mod updates;

pub use updates::Updates;

use crate::rules::{self, Breach, MapError};
use lif_chip::{Chip, Ticks};
use lif_graph::{Decay, LifGraph, NeuronModel, PopulationId, Projection, ProjectionId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How model steps become ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A tick is a step and spikes arrive in the tick in which they are sent: no chip, but what all others are compared with.
    Stepped,
    /// Neurons are updated at their tick of a step and hold their membranes at all others.
    Phased,
    /// Neurons are updated at every tick and leak a little each time.
    Substep,
    /// The feed-forward part has a clock of its own, one tick a step; the recurrent part is phased, or sub-stepped where neurons cannot
    /// hold.
    Buffered,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Stepped, Self::Phased, Self::Substep, Self::Buffered];

    /// What a chip is scheduled in unless something else is asked for.
    pub fn of(chip: &Chip) -> Self {
        match chip.ticks {
            None => Self::Stepped,
            Some(Ticks { holds: true, .. }) => Self::Phased,
            Some(_) => Self::Substep,
        }
    }

    /// The word on a command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stepped => "stepped",
            Self::Phased => "phased",
            Self::Substep => "substep",
            Self::Buffered => "buffered",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| format!("there is no schedule {name:?}; schedules: {}", known()))
    }
}

/// When every population of a graph does its steps on a chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// How it was made.
    pub mode: Mode,
    /// The chip's name.
    pub chip: String,
    /// Model steps of an image.
    pub steps: u32,
    /// Ticks from the beginning of an image to its last update, those of all domains together.
    pub ticks_per_image: u64,
    /// The parts of the graph that each have a clock, in the order in which they run.
    pub domains: Vec<Domain>,
    /// By [`PopulationId`].
    pub populations: Vec<Timing>,
    /// By [`ProjectionId`]: ticks that its synapses wait beyond those that every synapse takes.
    pub waits: Vec<u64>,
    /// Populations whose spikes are kept until a later domain runs, with that domain, in order.
    pub buffers: Vec<Buffer>,
}

/// A part of the graph with a clock of its own; its ticks are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// `network`, `recurrent` or `feed-forward`.
    pub name: String,
    /// What its neurons do between their steps.
    pub between: Between,
    /// Ticks from one step to the next.
    pub ticks_per_step: u64,
    /// Ticks from the beginning of an image to its last update.
    pub ticks_per_image: u64,
    /// Whether one image follows the other: the next one begins `steps * ticks_per_step` ticks later, while the last layers still do the
    /// steps of this one. Otherwise each image is a run of its own.
    pub streams: bool,
}

/// What neurons do at the ticks at which they have no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Between {
    /// There are no such ticks. Membranes are cleared before the first step of an image.
    Nothing,
    /// They hold their membranes.
    Hold,
    /// They leak.
    Leak,
}

impl Between {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "a step a tick",
            Self::Hold => "membranes are held between steps",
            Self::Leak => "membranes leak at every tick",
        }
    }
}

/// When a population does its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Index of its domain.
    pub domain: usize,
    /// The tick of step 0, counted from 1; step s is `s * ticks_per_step` ticks later.
    pub first_tick: u64,
    /// What a membrane keeps of itself at every tick, where it leaks between steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<Decay>,
}

/// Spikes of one domain that are played again in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffer {
    /// Whose spikes.
    pub population: PopulationId,
    /// Index of the domain that hears them.
    pub domain: usize,
    /// The tick there of step 0.
    pub first_tick: u64,
}

impl Schedule {
    /// The domain of a population.
    pub fn domain(&self, population: PopulationId) -> &Domain {
        &self.domains[self.populations[population.index()].domain]
    }

    /// The tick within a step at which a population is updated, from 0, and how many steps it lags behind the first.
    pub fn phase_and_skew(&self, population: PopulationId) -> (u64, u64) {
        let behind = self.populations[population.index()].first_tick - 1;
        let beat = self.domain(population).ticks_per_step;
        (behind % beat, behind / beat)
    }

    /// Ticks from a source's step to the step of its target that hears it, in the target's domain.
    pub fn latency(&self, graph: &LifGraph, projection: ProjectionId) -> u64 {
        let Projection { source, target, delay, .. } = *graph.projection(projection);
        self.populations[target.index()].first_tick + u64::from(delay) * self.domain(target).ticks_per_step
            - self.heard_from(source, target)
    }

    /// The graph with decays that keep no less of a membrane in a step than the schedule's ticks do together: its
    /// [worst cases](LifGraph::worst_cases) bound those of the schedule. (Every tick's rounding takes something away, too.)
    pub fn bounding(&self, graph: &LifGraph) -> LifGraph {
        let mut graph = graph.clone();
        for (population, timing) in graph.populations.iter_mut().zip(&self.populations) {
            if let (NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. }, Some(decay)) =
                (&mut population.model, timing.decay)
            {
                membrane.decay = roots::power_of(decay, self.domains[timing.domain].ticks_per_step);
            }
        }
        graph
    }

    /// The tick of a source's step 0 in the domain of its target.
    fn heard_from(&self, source: PopulationId, target: PopulationId) -> u64 {
        let domain = self.populations[target.index()].domain;
        let buffer = self.buffers.iter().find(|buffer| buffer.population == source && buffer.domain == domain);
        buffer.map_or(self.populations[source.index()].first_tick, |buffer| buffer.first_tick)
    }
}

/// Schedules a graph that passes [`LifGraph::check`].
///
/// # Errors
/// Every rule of [`rules::SCHEDULE_RULES`] that is broken.
pub fn schedule(graph: &LifGraph, chip: &Chip, mode: Mode) -> Result<Schedule, MapError> {
    if mode == Mode::Stepped {
        return Ok(stepped(graph, chip));
    }
    let Some(ticks) = chip.ticks else {
        let cause = format!("its file has no section `ticks`, and {mode} counts them");
        return Err(MapError::one(&chip.name, &rules::TICKS_ARE_KNOWN, &chip.name, cause));
    };
    let mut breaches = Vec::new();
    if mode == Mode::Phased && !ticks.holds {
        let cause = "its neurons are updated at every tick".into();
        breaches.push(Breach { rule: &rules::NEURONS_HOLD, place: chip.name.clone(), cause });
    }
    let parts = if mode == Mode::Buffered { domains::split(graph) } else { domains::whole(graph) };
    if mode == Mode::Buffered && parts.streams() && !ticks.resets {
        let cause = "its membranes cannot be cleared between images".into();
        breaches.push(Breach { rule: &rules::NEURONS_RESET, place: chip.name.clone(), cause });
    }
    let leaks = mode == Mode::Substep || mode == Mode::Buffered && !ticks.holds;
    let schedule = parts.timed(&Job { graph, chip, ticks, mode, leaks }, &mut breaches);
    for (projection, &wait) in graph.projections.iter().zip(&schedule.waits) {
        if wait > u64::from(ticks.synapse_wait_max) {
            let cause = format!("its spikes must wait {wait} ticks, and synapses wait at most {}", ticks.synapse_wait_max);
            breaches.push(Breach { rule: &rules::SYNAPSES_WAIT, place: format!("projection `{}`", projection.name), cause });
        }
    }
    if breaches.is_empty() { Ok(schedule) } else { Err(MapError::new(&chip.name, breaches)) }
}

fn stepped(graph: &LifGraph, chip: &Chip) -> Schedule {
    let ticks_per_image = graph.steps.into();
    let domain = Domain { name: "network".into(), between: Between::Nothing, ticks_per_step: 1, ticks_per_image, streams: false };
    Schedule {
        mode: Mode::Stepped,
        chip: chip.name.clone(),
        steps: graph.steps,
        ticks_per_image,
        domains: vec![domain],
        populations: vec![Timing { domain: 0, first_tick: 1, decay: None }; graph.populations.len()],
        waits: vec![0; graph.projections.len()],
        buffers: vec![],
    }
}

/// What is to be scheduled.
struct Job<'a> {
    graph: &'a LifGraph,
    chip: &'a Chip,
    ticks: Ticks,
    mode: Mode,
    /// Whether neurons leak between steps.
    leaks: bool,
}

impl Job<'_> {
    /// Ticks from a source's update to the earliest update of its target that hears it.
    fn stages(&self, projection: &Projection) -> u64 {
        match self.graph.population(projection.target).model {
            NeuronModel::Select { .. } => u64::from(self.ticks.synapse) * u64::from(self.ticks.select),
            _ => self.ticks.synapse.into(),
        }
    }
}
