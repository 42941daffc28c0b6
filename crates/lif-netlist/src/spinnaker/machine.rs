//! The machine itself, slow and obvious: reads a netlist's files and runs them tick by tick, ring buffer by ring buffer.
//!
//! With [`Arithmetic::Fixed`] it computes what the binaries of sPyNNaker compute, with [`Arithmetic::Real`] what NEST does: a leak in
//! doubles that loses nothing. It is what the tests compare the tools with, and how `--schedule substep`, whose fixed arithmetic rounds at
//! every tick, is predicted.

use super::arithmetic::{Neuron, RING_MAX};
use super::netlist::{Netlist, RoleRow, Root};
use super::read_back::{damaged, file};
use super::{ARRAYS_FILE, NETLIST_FILE, SYNAPSES_FILE, texts};
use crate::npz::StoredArrays;
use crate::{NetlistError, NetlistFile};
use lif_chip::Chip;
use lif_graph::{SpikeTrain, philox};
use std::collections::BTreeMap;

/// How membranes are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// s16.15, floored.
    Fixed,
    /// Doubles.
    Real,
}

/// A netlist that is loaded.
pub struct Machine {
    netlist: Netlist,
    /// By vertex, then neuron; empty for sources.
    thresholds: Vec<Vec<i32>>,
    edges: Vec<Edge>,
}

struct Edge {
    source: usize,
    target: usize,
    delay: usize,
    starts: Vec<u32>,
    post: Vec<u32>,
    weight: Vec<i32>,
}

/// What fired: `[vertex][tick - 1]`, neurons ascending.
pub type Spikes = Vec<Vec<Vec<u32>>>;

/// Where spike sources get their spikes.
pub struct Stimulus<'a> {
    /// Of the picks.
    pub seed: u64,
    /// Of the picks.
    pub image: u64,
    /// `[step][neuron]` of populations that run elsewhere; those without an entry are silent.
    pub given: &'a BTreeMap<String, SpikeTrain>,
}

impl Machine {
    /// Loads the files that [`emit`](crate::Backend::emit) wrote for this chip.
    ///
    /// # Errors
    /// [`NetlistError::Damaged`] for files that it did not write.
    pub fn load(files: &[NetlistFile], chip: &Chip) -> Result<Self, NetlistError> {
        let netlist = texts(files, chip)?.netlist;
        bounded(&netlist)?;
        let mut arrays = StoredArrays::new(ARRAYS_FILE, &file(files, ARRAYS_FILE)?.bytes)?;
        let mut synapses = StoredArrays::new(SYNAPSES_FILE, &file(files, SYNAPSES_FILE)?.bytes)?;
        let mut thresholds = Vec::new();
        for row in &netlist.vertices {
            let of_vertex: Vec<i32> = match &row.role {
                RoleRow::Neurons { thresholds, .. } => arrays.read(thresholds)?,
                _ => vec![],
            };
            if matches!(row.role, RoleRow::Neurons { .. }) && of_vertex.len() != row.neurons {
                return Err(damaged(ARRAYS_FILE, format!("the thresholds of {}", row.name)));
            }
            thresholds.push(of_vertex);
        }
        let vertex = |name: &str| {
            let found = netlist.vertices.iter().position(|row| row.name == name);
            found.ok_or_else(|| damaged(NETLIST_FILE, format!("there is no vertex {name:?}")))
        };
        let mut edges = Vec::new();
        for row in &netlist.edges {
            let [starts, post, weight] = ["starts", "post", "weight"].map(|part| format!("{}/{part}", row.synapses));
            let (source, target) = (vertex(&row.source)?, vertex(&row.target)?);
            let (starts, post): (Vec<u32>, Vec<u32>) = (synapses.read(&starts)?, synapses.read(&post)?);
            let weight: Vec<i32> = synapses.read(&weight)?;
            let ends = starts.first() == Some(&0) && starts.last().copied() == Some(post.len() as u32) && starts.is_sorted();
            let fits = starts.len() == netlist.vertices[source].neurons + 1
                && post.len() == weight.len()
                && post.iter().all(|&neuron| (neuron as usize) < netlist.vertices[target].neurons);
            if !ends || !fits || row.delay == 0 {
                return Err(damaged(SYNAPSES_FILE, format!("the synapses of {}", row.name)));
            }
            edges.push(Edge { source, target, delay: row.delay as usize, starts, post, weight });
        }
        Ok(Self { netlist, thresholds, edges })
    }

    /// The netlist.
    pub fn netlist(&self) -> &Netlist {
        &self.netlist
    }

    /// One image, from membranes of 0.
    pub fn run(&self, arithmetic: Arithmetic, stimulus: &Stimulus<'_>) -> Spikes {
        let ticks = self.netlist.schedule.ticks_per_image as usize;
        let mut spikes: Spikes = vec![vec![vec![]; ticks]; self.netlist.vertices.len()];
        let mut fixed: Vec<Vec<i32>> = self.thresholds.iter().map(|thresholds| vec![0; thresholds.len()]).collect();
        let mut real: Vec<Vec<f64>> = self.thresholds.iter().map(|thresholds| vec![0.0; thresholds.len()]).collect();
        for tick in 0..ticks {
            for (vertex, row) in self.netlist.vertices.iter().enumerate() {
                let RoleRow::Neurons { constants, leak, .. } = &row.role else {
                    spikes[vertex][tick] = self.source(vertex, tick, stimulus);
                    continue;
                };
                let rings = self.rings(vertex, tick, &spikes);
                let thresholds = &self.thresholds[vertex];
                let fires = |neuron: &usize| -> bool {
                    let (sums, threshold) = (rings[*neuron], thresholds[*neuron]);
                    match arithmetic {
                        Arithmetic::Fixed => {
                            let saturated = sums.map(|sum| sum.min(RING_MAX) as u16);
                            Neuron { constants: *constants, threshold }.tick(&mut fixed[vertex][*neuron], saturated[0], saturated[1])
                        }
                        Arithmetic::Real => {
                            let threshold = f64::from(threshold.saturating_sub(1)) / f64::from(1u32 << constants.unit_shift) + NEAR;
                            let v = &mut real[vertex][*neuron];
                            *v = *v * leak.value() + f64::from(sums[0]) - f64::from(sums[1]);
                            let fires = *v >= threshold;
                            *v = if fires { 0.0 } else { *v };
                            fires
                        }
                    }
                };
                spikes[vertex][tick] = (0..row.neurons).filter(fires).map(|neuron| neuron as u32).collect();
            }
        }
        spikes
    }

    /// What a source sends at a tick.
    fn source(&self, vertex: usize, tick: usize, stimulus: &Stimulus<'_>) -> Vec<u32> {
        let (row, schedule) = (&self.netlist.vertices[vertex], self.netlist.schedule);
        let Some(behind) = (tick as u32 + 1).checked_sub(row.first_tick) else { return vec![] };
        let step = behind / schedule.ticks_per_step;
        if behind % schedule.ticks_per_step != 0 || step >= schedule.steps {
            return vec![];
        }
        match &row.role {
            RoleRow::Given { population } => {
                let train = stimulus.given.get(population).and_then(|train| train.get(step as usize));
                let fired = train.into_iter().flatten().enumerate().filter(|(_, fires)| **fires);
                fired.map(|(neuron, _)| neuron as u32).collect()
            }
            RoleRow::Picks { ways } => {
                let channels = 0..row.neurons as u32 / ways;
                channels.map(|channel| channel * ways + philox::pick(stimulus.seed, stimulus.image, step, channel, *ways)).collect()
            }
            RoleRow::Clock | RoleRow::Neurons { .. } => vec![0],
        }
    }

    /// The sums of each sign that reach each neuron of a vertex at a tick.
    fn rings(&self, vertex: usize, tick: usize, spikes: &Spikes) -> Vec<[u32; 2]> {
        let mut rings = vec![[0u32; 2]; self.netlist.vertices[vertex].neurons];
        for edge in self.edges.iter().filter(|edge| edge.target == vertex) {
            let Some(then) = tick.checked_sub(edge.delay) else { continue };
            for &source in &spikes[edge.source][then] {
                let row = edge.starts[source as usize] as usize..edge.starts[source as usize + 1] as usize;
                for (&post, &weight) in edge.post[row.clone()].iter().zip(&edge.weight[row]) {
                    let ring = &mut rings[post as usize][usize::from(weight < 0)];
                    *ring = ring.saturating_add(weight.unsigned_abs());
                }
            }
        }
        rings
    }
}

/// Figures that no network has would overflow here, or fill the memory.
fn bounded(netlist: &Netlist) -> Result<(), NetlistError> {
    const MOST_TICKS: u32 = 1 << 20;
    let schedule = netlist.schedule;
    let fits = |row: &super::VertexRow| match &row.role {
        RoleRow::Neurons { constants, leak, .. } => {
            constants.ring_shift < 16 && constants.unit_shift < 16 && leak.shift <= 24 && leak.ticks > 0
        }
        RoleRow::Picks { ways } => *ways > 0,
        RoleRow::Given { .. } | RoleRow::Clock => true,
    };
    let all = schedule.ticks_per_step > 0 && schedule.ticks_per_image <= MOST_TICKS && netlist.vertices.iter().all(fits);
    if all { Ok(()) } else { Err(damaged(NETLIST_FILE, "it has figures that no network has")) }
}

/// What NEST's thresholds lie above the graph's, which are strict.
pub const NEAR: f64 = 1e-9;

impl Root {
    /// In doubles.
    pub fn value(self) -> f64 {
        let decay = f64::from(self.multiplier) / f64::from(1u32 << self.shift);
        if self.ticks == 1 { decay } else { decay.powf(1.0 / f64::from(self.ticks)) }
    }
}
