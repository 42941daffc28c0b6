//! What the schedules of a chip cost, side by side.
//!
//! Updates and ticks follow from the schedules alone, synaptic operations from a few drawn images. Time and energy are a model of what
//! happens inside the cores, with the figures of the chip's file:
//!
//! ```text
//!   tick    the slowest core's updates and synaptic operations, then the barrier
//!   image   its ticks, those of all domains one after the other (of images that follow each other: as many as steps)
//!   energy  updates, active and inactive, and synaptic operations; not the spikes on their way
//! ```
//!
//! Of Loihi 2 nobody has published times and energies. Its schedules are priced with those of Loihi 1, on cores of Loihi 1, and the table
//! says so.

use crate::CompileError;
use lif_chip::{Chip, Costs};
use lif_graph::{LifGraph, PopulationId};
use lif_map::schedule::{Between, Domain, schedule};
use lif_map::{Loads, Mode, Partition, Schedule, partition};
use lif_sim::{Engine, Inputs, Record};
use serde::Serialize;

/// Images that are drawn to count synaptic operations.
const IMAGES: u64 = 4;
/// Their seed.
const SEED: u64 = 1;

/// One schedule of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduleCost {
    /// Which.
    pub schedule: Mode,
    /// Whether it draws what the graph draws, in every spike.
    pub exact: bool,
    /// Of an image, where it has the chip for itself.
    pub ticks: u64,
    /// Neurons that did something.
    pub active_updates: u64,
    /// Neurons that were looked at and left as they were.
    pub inactive_updates: u64,
    /// On average, of drawn images.
    pub synaptic_operations: u64,
    /// In picoseconds.
    pub time_ps: Option<u64>,
    /// In femtojoules.
    pub energy_fj: Option<u64>,
}

/// The schedules of a chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduleCosts {
    /// Whose times and energies they are; none if there are no cores for the graph, or the chip's ticks are not described.
    pub figures_of: Option<String>,
    /// In the order of [`Mode::ALL`], as far as the chip has them.
    pub schedules: Vec<ScheduleCost>,
}

/// The chip whose figures stand in for those that nobody has published.
const STAND_IN: &str = "loihi1";

/// Compares the schedules that a chip has for a graph. Sources are silent.
///
/// # Errors
/// [`CompileError::Simulation`] for a graph that breaks a rule.
pub fn compare(graph: &LifGraph, chip: &Chip) -> Result<ScheduleCosts, CompileError> {
    let (engine, mut sums) = (Engine::new(graph)?, vec![0; graph.projections.len()]);
    for image in 0..IMAGES {
        let drawing = engine.draw(&mut engine.state(), SEED, image, &Inputs::default(), Record::default());
        sums.iter_mut().zip(&drawing.synaptic_operations).for_each(|(sum, count)| *sum += count);
    }
    let operations: Vec<u64> = sums.into_iter().map(|sum| sum / IMAGES).collect();
    let priced = match (chip.ticks, &chip.costs) {
        // its costs are those of other ticks than the schedule's
        (None, _) => None,
        (_, Some(_)) => Some(chip.clone()),
        (_, None) => lif_chip::find(STAND_IN).ok(),
    };
    let cut = priced.as_ref().and_then(|chip| partition(&Loads::new(graph, chip)).ok());
    let price = priced
        .as_ref()
        .zip(cut.as_ref())
        .and_then(|(chip, cut)| Some(Price { graph, chip, costs: chip.costs.as_ref()?, cut, operations: &operations }));
    let cost = |mode| {
        let schedule = schedule(graph, chip, mode).ok()?;
        let updates = schedule.all_updates(graph);
        Some(ScheduleCost {
            schedule: mode,
            exact: schedule.domains.iter().all(|domain| domain.between != Between::Leak || domain.ticks_per_step == 1),
            ticks: schedule.ticks_per_image,
            active_updates: updates.active,
            inactive_updates: updates.inactive,
            synaptic_operations: operations.iter().sum(),
            time_ps: price.as_ref().map(|price| price.time_ps(&schedule)),
            energy_fj: price.as_ref().map(|price| price.energy_fj(&schedule)),
        })
    };
    Ok(ScheduleCosts {
        figures_of: price.as_ref().map(|price| price.chip.name.clone()),
        schedules: Mode::ALL.into_iter().filter_map(cost).collect(),
    })
}

/// A graph on cores that have figures.
struct Price<'a> {
    graph: &'a LifGraph,
    chip: &'a Chip,
    costs: &'a Costs,
    cut: &'a Partition,
    /// Synaptic operations of an image, by projection.
    operations: &'a [u64],
}

impl Price<'_> {
    fn energy_fj(&self, schedule: &Schedule) -> u64 {
        let energy = |cost: Option<lif_chip::Cost>| cost.and_then(|cost| cost.energy_fj).map_or(0, |energy| energy.0);
        let updates = schedule.all_updates(self.graph);
        let operations = self.operations.iter().sum::<u64>();
        updates.active * energy(self.costs.neuron_active)
            + updates.inactive * energy(self.costs.neuron_inactive)
            + operations * energy(self.costs.synapse)
    }

    /// Of one image that has the chip for itself, but where images follow each other: there an image takes as many ticks as steps.
    fn time_ps(&self, schedule: &Schedule) -> u64 {
        let domains = schedule.domains.iter().enumerate();
        domains.map(|(index, domain)| self.domain_ps(schedule, index, domain)).sum()
    }

    fn domain_ps(&self, schedule: &Schedule, index: usize, domain: &Domain) -> u64 {
        let time = |cost: Option<lif_chip::Cost>| cost.and_then(|cost| cost.time_ps).map_or(0, |time| time.0);
        let [active, inactive, synapse] = [self.costs.neuron_active, self.costs.neuron_inactive, self.costs.synapse].map(time);
        let slices: Vec<_> =
            self.cut.slices.iter().filter(|slice| schedule.populations[slice.population.index()].domain == index).collect();
        let routers = (slices.len() as u64).div_ceil(self.chip.mesh.map_or(1, |mesh| mesh.cores_per_router.into()));
        let barrier = self.costs.barrier.as_ref().map_or(0, |barrier| barrier.time(routers).0);
        let steps = u64::from(schedule.steps);
        let ticks = if domain.streams { steps } else { domain.ticks_per_image };
        let core = |tick: u64, slice: &lif_map::Slice| {
            let timing = &schedule.populations[slice.population.index()];
            let behind = tick.checked_sub(timing.first_tick).filter(|behind| behind.is_multiple_of(domain.ticks_per_step));
            let steps_now = domain.streams || behind.is_some_and(|behind| behind / domain.ticks_per_step < steps);
            let busy = steps_now || timing.decay.is_some();
            let operations = if steps_now { self.operations_a_step(slice, steps) } else { 0 };
            slice.load.neurons * if busy { active } else { inactive } + operations * synapse
        };
        (1..=ticks).map(|tick| slices.iter().map(|slice| core(tick, slice)).max().unwrap_or(0) + barrier).sum()
    }

    /// The slice's share of what arrives at its population.
    fn operations_a_step(&self, slice: &lif_map::Slice, steps: u64) -> u64 {
        let into =
            |id: PopulationId| self.graph.projections_into(id).map(|(projection, _)| self.operations[projection.index()]).sum::<u64>();
        let neurons = self.graph.population(slice.population).shape.neurons() as u64;
        into(slice.population) * slice.region.neurons() / (neurons * steps)
    }
}
