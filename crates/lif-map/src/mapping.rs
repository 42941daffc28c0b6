//! All steps in order, and what comes out.

use crate::load::{Load, Loads};
use crate::machine::{Machine, Topology};
use crate::partition::spread;
use crate::place::{Annealing, Hilbert, Placer, Problem, Sequential};
use crate::route::keys::{Block, keys};
use crate::route::table::Entry;
use crate::route::tree::Tree;
use crate::route::{LinkLoad, Links, compress, mesh, table};
use crate::rules::{self, Breach, CORE_RULES, MapError};
use crate::{Edge, Partition, Rates, Region, partition, traffic};
use lif_chip::{Chip, Hexagonal};
use lif_graph::LifGraph;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;

/// A graph on the cores of a system of chips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mapping {
    /// The graph's name.
    pub graph: String,
    /// The graph's fingerprint.
    pub fingerprint: String,
    /// The chip's name.
    pub chip: String,
    /// Of the annealing.
    pub seed: u64,
    /// What the spikes below were counted over.
    pub rates: RatesUsed,
    /// The system.
    pub system: System,
    /// Spikes times hops, by placement.
    pub hops: Hops,
    /// What a core has, rule by rule; limits that the chip does not state are missing.
    pub limits: Vec<Limit>,
    /// Every slice with its core, population by population.
    pub slices: Vec<PlacedSlice>,
    /// Who talks to whom.
    pub edges: Vec<Edge>,
    /// Every link that spikes take.
    pub links: Vec<LinkLoad>,
    /// Routers with entries; empty for a mesh, whose routes follow from where spikes start and end.
    pub routing_tables: Vec<RoutingTable>,
    /// The same before compression, with the entries that default routing replaces: what checkers follow.
    #[serde(skip)]
    pub complete_tables: Vec<CompleteTable>,
}

/// A router's table before compression; no key matches two entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteTable {
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
    /// Entries that the table must have.
    pub entries: Vec<Entry>,
    /// Those that say what default routing does anyway.
    pub defaultable: Vec<Entry>,
}

/// How spikes were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RatesUsed {
    /// Or every neuron was taken to fire at every step.
    pub measured: bool,
    /// Over so many steps.
    pub steps: u32,
}

/// The system and how much of it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct System {
    /// How routers are linked.
    pub topology: Topology,
    /// Columns of routers.
    pub columns: u32,
    /// Rows of routers.
    pub rows: u32,
    /// Chips of the system.
    pub chips: u32,
    /// Those with slices.
    pub chips_used: u32,
    /// Cores that neurons may use.
    pub cores: u32,
    /// Those with a slice.
    pub cores_used: u32,
}

/// Spikes times hops of three placements: the same slices, the same rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Hops {
    /// Core after core.
    pub sequential: u64,
    /// Along the space-filling curve.
    pub curve: u64,
    /// Annealed: the one that is used.
    pub annealed: u64,
}

/// A limit of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The rule.
    pub rule: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// How much a core has.
    pub limit: u64,
    /// The largest load.
    pub largest: u64,
    /// The slice that has it, the first of several.
    pub slice: u32,
    /// The load of all cores together.
    pub sum: u64,
}

/// A slice on its core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedSlice {
    /// Whose.
    pub population: String,
    /// Which neurons.
    #[serde(flatten)]
    pub region: Region,
    /// Column of its router.
    pub x: u32,
    /// Row of its router.
    pub y: u32,
    /// Number of its core there.
    pub core: u32,
    /// What it asks of the core.
    pub load: Load,
    /// Spikes that may come at one step, at worst; a multicast spike comes to all cores that listen to its slice.
    pub spikes_at_once: u64,
    /// Its keys, if it has any.
    #[serde(flatten)]
    pub keys: Option<Block>,
}

/// The table of one router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoutingTable {
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
    /// How many entries it had before compression, without those that default routing replaces.
    pub uncompressed: u32,
    /// From the first to the last, in the order in which the router looks them through.
    pub entries: Vec<Entry>,
}

/// Cuts, places and routes a graph that passes [`LifGraph::check`]. The same graph, chip, rates and seed give the same mapping on every
/// machine and any number of threads.
///
/// # Errors
/// Every breach of the first step that finds one.
pub fn map(graph: &LifGraph, chip: &Chip, rates: &Rates, seed: u64) -> Result<Mapping, MapError> {
    map_filling(graph, chip, rates, seed, Filling::Fewest)
}

/// How many of a system's cores are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filling {
    /// As few as the rules allow.
    #[default]
    Fewest,
    /// As many of the chips that these take as make the busiest core's work less: a step lasts as long as that takes.
    Spread,
}

impl From<bool> for Filling {
    /// Spread or not.
    fn from(spread: bool) -> Self {
        if spread { Self::Spread } else { Self::Fewest }
    }
}

/// [`map`] with a choice of [`Filling`].
///
/// # Errors
/// As [`map`].
pub fn map_filling(graph: &LifGraph, chip: &Chip, rates: &Rates, seed: u64, filling: Filling) -> Result<Mapping, MapError> {
    // a chip without cores to place on is refused before the work
    Machine::new(chip, 1)?;
    let loads = Loads::new(graph, chip);
    let fewest = partition(&loads)?;
    let machine = Machine::new(chip, fewest.slices.len() as u64)?;
    let partition = match filling {
        Filling::Fewest => fewest,
        Filling::Spread => spread(&loads, fewest, rates, machine.sites.len() as u64),
    };
    let edges = traffic(&loads, &partition, rates);
    let problem = Problem { machine: &machine, slices: partition.slices.len(), edges: &edges };
    let placement = Annealing.place(&problem, seed);
    let hops = Hops {
        sequential: problem.cost(&Sequential.place(&problem, seed)),
        curve: problem.cost(&Hilbert.place(&problem, seed)),
        annealed: problem.cost(&placement),
    };
    let placed = Placed { graph, chip, partition: &partition, machine: &machine, edges: &edges, placement: &placement };
    placed.buffers_hold()?;
    let Multicast { keys, links, routing_tables, complete_tables } = match &chip.hexagonal {
        Some(grid) => placed.multicast(grid, rates)?,
        None => Multicast {
            keys: vec![None; placement.len()],
            links: mesh::loads(&machine, &edges, |slice| placed.router(slice as usize)),
            routing_tables: vec![],
            complete_tables: vec![],
        },
    };
    Ok(Mapping {
        graph: graph.name.clone(),
        fingerprint: graph.fingerprint(),
        chip: chip.name.clone(),
        seed,
        rates: RatesUsed { measured: rates.is_measured(), steps: rates.steps() },
        system: placed.system(),
        hops,
        limits: placed.limits(),
        slices: placed.slices(&keys),
        edges: edges.clone(),
        links,
        routing_tables,
        complete_tables,
    })
}

struct Placed<'a> {
    graph: &'a LifGraph,
    chip: &'a Chip,
    partition: &'a Partition,
    machine: &'a Machine,
    edges: &'a [Edge],
    placement: &'a [u32],
}

struct Multicast {
    keys: Vec<Option<Block>>,
    links: Vec<LinkLoad>,
    routing_tables: Vec<RoutingTable>,
    complete_tables: Vec<CompleteTable>,
}

impl Placed<'_> {
    fn router(&self, slice: usize) -> u32 {
        self.machine.sites[self.placement[slice] as usize]
    }

    /// Router and number of a slice's core.
    fn core(&self, slice: usize) -> (u32, u32) {
        let (site, router) = (self.placement[slice], self.router(slice));
        let before = self.machine.sites.partition_point(|&other| other < router) as u32;
        (router, self.machine.routers[router as usize].first_core + site - before)
    }

    /// At worst, by slice.
    fn spikes_at_once(&self) -> Vec<u64> {
        let slices = &self.partition.slices;
        if self.chip.hexagonal.is_none() {
            return slices.iter().map(|slice| slice.load.input_axons).collect();
        }
        let mut spikes = vec![0; slices.len()];
        self.edges.iter().for_each(|edge| spikes[edge.target as usize] += slices[edge.source as usize].region.neurons());
        spikes
    }

    fn buffers_hold(&self) -> Result<(), MapError> {
        let Some(limit) = self.chip.core.spike_buffer_max.map(u64::from) else { return Ok(()) };
        let mut worst: Vec<(u32, u64)> = Vec::new(); // by population
        for (slice, spikes) in self.partition.slices.iter().zip(self.spikes_at_once()) {
            match worst.last_mut().filter(|(population, _)| *population == slice.population.0) {
                Some((_, largest)) => *largest = spikes.max(*largest),
                None => worst.push((slice.population.0, spikes)),
            }
        }
        let breach = |(population, spikes): (u32, u64)| Breach {
            rule: &rules::SPIKES_FIT_THE_BUFFER,
            place: format!("population `{}`", self.graph.populations[population as usize].name.escape_debug()),
            cause: format!("{spikes} spikes may come to a core at one step, and its buffer holds at most {limit}"),
        };
        let breaches: Vec<Breach> = worst.into_iter().filter(|&(_, spikes)| spikes > limit).map(breach).collect();
        if breaches.is_empty() { Ok(()) } else { Err(MapError::new(&self.chip.name, breaches)) }
    }

    fn multicast(&self, grid: &Hexagonal, rates: &Rates) -> Result<Multicast, MapError> {
        let slices = &self.partition.slices;
        let mut listeners: Vec<BTreeSet<(u32, u32)>> = vec![BTreeSet::new(); slices.len()];
        self.edges.iter().for_each(|edge| {
            listeners[edge.source as usize].insert(self.core(edge.target as usize));
        });
        let sends: Vec<bool> = listeners.iter().map(|cores| !cores.is_empty()).collect();
        let keys = keys(&self.chip.name, self.partition, &sends, grid.key_bits_below_neuron)?;
        let grow = |(slice, cores): (usize, &BTreeSet<(u32, u32)>)| {
            Tree::grow(self.machine, self.router(slice), &cores.iter().map(|&(router, _)| router).collect())
        };
        let trees: Vec<Tree> = listeners.par_iter().enumerate().map(grow).collect();
        let mut links = Links::new(self.machine);
        for (slice, tree) in slices.iter().zip(&trees) {
            let spikes = rates.spikes(slice.population, slice.region);
            tree.hops().for_each(|(router, direction)| links.add(router, direction, spikes));
        }
        let rows = keys.iter().zip(&trees).zip(&listeners).filter_map(|((keys, tree), cores)| Some(((*keys)?, tree, cores)));
        let passing = table::passing(self.machine, rows);
        let compressed: Vec<Vec<Entry>> = passing.par_iter().map(compress::compress).collect();
        let table = |((router, passing), entries): ((&crate::Router, &table::Passing), Vec<Entry>)| {
            let uncompressed = passing.entries.len() as u32;
            (uncompressed > 0).then_some(RoutingTable { x: router.x, y: router.y, uncompressed, entries })
        };
        let tables: Vec<RoutingTable> = self.machine.routers.iter().zip(&passing).zip(compressed).filter_map(table).collect();
        let limit = grid.routing_entries as usize;
        let breach = |table: &RoutingTable| Breach {
            rule: &rules::ROUTING_TABLES_FIT,
            place: format!("router ({}, {})", table.x, table.y),
            cause: format!("{} entries after compression, {} before, and {limit} is the limit", table.entries.len(), table.uncompressed),
        };
        let breaches: Vec<Breach> = tables.iter().filter(|table| table.entries.len() > limit).map(breach).collect();
        if !breaches.is_empty() {
            return Err(MapError::new(&self.chip.name, breaches));
        }
        let complete = |(router, table::Passing { entries, straight_on }): (&crate::Router, table::Passing)| {
            let is_passed = !entries.is_empty() || !straight_on.is_empty();
            is_passed.then_some(CompleteTable { x: router.x, y: router.y, entries, defaultable: straight_on })
        };
        let complete_tables = self.machine.routers.iter().zip(passing).filter_map(complete).collect();
        Ok(Multicast { keys, links: links.loads(), routing_tables: tables, complete_tables })
    }

    fn system(&self) -> System {
        let machine = self.machine;
        let chips: BTreeSet<u32> = (0..self.placement.len()).map(|slice| machine.chip_of(self.router(slice))).collect();
        System {
            topology: machine.topology,
            columns: machine.columns,
            rows: machine.rows,
            chips: machine.chips,
            chips_used: chips.len() as u32,
            cores: machine.sites.len() as u32,
            cores_used: self.placement.len() as u32,
        }
    }

    fn limits(&self) -> Vec<Limit> {
        let slices = &self.partition.slices;
        let limit = |rule: &rules::CoreRule| {
            let limit = (rule.limit)(self.chip)?;
            let figures = || slices.iter().map(|slice| (rule.figure)(&slice.load));
            let largest = figures().max().unwrap_or(0);
            let slice = figures().position(|figure| figure == largest).unwrap_or(0) as u32;
            Some(Limit { rule: rule.rule.name, unit: rule.unit, limit, largest, slice, sum: figures().sum() })
        };
        CORE_RULES.iter().filter_map(limit).collect()
    }

    fn slices(&self, keys: &[Option<Block>]) -> Vec<PlacedSlice> {
        let spikes = self.spikes_at_once();
        let placed = |(index, slice): (usize, &crate::Slice)| {
            let (router, core) = self.core(index);
            let router = self.machine.routers[router as usize];
            PlacedSlice {
                population: self.graph.population(slice.population).name.clone(),
                region: slice.region,
                x: router.x,
                y: router.y,
                core,
                load: slice.load,
                spikes_at_once: spikes[index],
                keys: keys[index],
            }
        };
        self.partition.slices.iter().enumerate().map(placed).collect()
    }
}
