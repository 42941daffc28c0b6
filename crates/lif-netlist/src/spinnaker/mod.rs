//! The SpiNNaker back-end, for sPyNNaker 1!7.4.1, its tool PACMAN, and NEST.
//!
//! | file | what stands in it |
//! |---|---|
//! | `netlist.json` | vertices, edges, slices with keys, constants and phases in the machine's bits; the graph's tables |
//! | `arrays.npz` | thresholds by neuron; the graph's weights, biases and levels |
//! | `synapses.npz` | the synapses of every edge: the rows of the machine's memory |
//! | `placements.json` | which slice on which core, as PACMAN writes it |
//! | `routing_tables.json` | what every router does with every key, complete, as PACMAN writes and checks it |
//! | `compressed_tables.json` | what the routers are loaded with: the same in fewer entries, in order |
//!
//! [`network`] takes the graph apart, [`plan`] gives everybody a tick, [`arithmetic`] is what a neuron computes, [`rings`] proves that no ring
//! buffer saturates, [`machine`] runs the files tick by tick as the machine does, and [`checks`] follows every key through the tables.

pub mod arithmetic;
pub mod checks;
mod emit;
pub mod machine;
mod netlist;
pub mod network;
pub mod plan;
mod read_back;
pub mod rings;
mod rules;
pub mod unroll;

pub use netlist::{
    EdgeRow, Keys, MembraneRow, Model, Netlist, Pattern, Place, Placement, PopulationRow, ProjectionRow, RoleRow, Root, Schedule, SliceRow,
    System, Table, TableEntry, VertexRow, WorstRing,
};
pub use read_back::{Texts, texts};
pub use rules::{MAX_DELAY, RING_ENTRIES};

use crate::{Backend, NetlistError, NetlistFile};
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_map::{Mapping, Rates};
use read_back::{damaged, file};
use rules::Suited;
use serde::{Deserialize, Serialize};

/// What runs on the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// All that random picks do not depend on; the picked spikes are played to it. Exact.
    #[default]
    Buffered,
    /// All that fires. A membrane leaks by a root of its decay at every tick, and that is rounded.
    Substep,
}

/// Writes netlists for SpiNNaker.
pub struct Spinnaker(
    /// What is to run on the machine.
    pub Mode,
);

/// Vertices, edges and slices.
pub const NETLIST_FILE: &str = "netlist.json";
/// Parameters by neuron, and the graph's.
pub const ARRAYS_FILE: &str = "arrays.npz";
/// Rows of synapses.
pub const SYNAPSES_FILE: &str = "synapses.npz";
/// PACMAN's placements.
pub const PLACEMENTS_FILE: &str = "placements.json";
/// PACMAN's routing tables, before compression.
pub const TABLES_FILE: &str = "routing_tables.json";
/// The routing tables that are loaded.
pub const COMPRESSED_TABLES_FILE: &str = "compressed_tables.json";

/// Every file, in the order in which they are written.
const FILES: [&str; 6] = [NETLIST_FILE, ARRAYS_FILE, SYNAPSES_FILE, PLACEMENTS_FILE, TABLES_FILE, COMPRESSED_TABLES_FILE];

/// Of the annealing.
const SEED: u64 = 0x7370_696e;

impl Spinnaker {
    /// The slices of what runs on the machine on their cores, as [`emit`](Backend::emit) places them.
    ///
    /// # Errors
    /// Those of [`check`](Backend::check), and [`NetlistError::Map`] if the cores cannot hold it.
    pub fn map(&self, graph: &LifGraph, chip: &Chip) -> Result<Mapping, NetlistError> {
        mapping(&rules::check(graph, chip, self.0)?, chip)
    }
}

/// Every neuron is taken to fire at every step, so that the same structure is always placed the same way.
fn mapping(suited: &Suited<'_>, chip: &Chip) -> Result<Mapping, NetlistError> {
    let structure = suited.network.structure();
    Ok(lif_map::map(&structure, chip, &Rates::unit(&structure), SEED)?)
}

impl Backend for Spinnaker {
    fn name(&self) -> &'static str {
        "spinnaker"
    }

    fn with_schedule(&self, mode: lif_map::Mode) -> Result<Box<dyn Backend>, NetlistError> {
        match mode {
            lif_map::Mode::Buffered => Ok(Box::new(Self(Mode::Buffered))),
            lif_map::Mode::Substep => Ok(Box::new(Self(Mode::Substep))),
            lif_map::Mode::Stepped | lif_map::Mode::Phased => {
                Err(NetlistError::Schedule { backend: self.name(), mode, possible: "buffered (its own), substep" })
            }
        }
    }

    fn check(&self, graph: &LifGraph, chip: &Chip) -> Result<(), NetlistError> {
        rules::check(graph, chip, self.0).map(drop)
    }

    fn emit(&self, graph: &LifGraph, chip: &Chip) -> Result<Vec<NetlistFile>, NetlistError> {
        let suited = rules::check(graph, chip, self.0)?;
        let files = emit::files(&suited, &mapping(&suited, chip)?)?;
        checks::check(&texts(&files, chip)?, chip)?;
        Ok(files)
    }

    fn read_back(&self, files: &[NetlistFile], chip: &Chip) -> Result<LifGraph, NetlistError> {
        let texts = texts(files, chip)?;
        checks::check(&texts, chip)?;
        let graph = read_back::graph(files, &texts.netlist)?;
        graph.check().map_err(|violations| damaged(NETLIST_FILE, violations))?;
        // whatever was read, only a netlist that this graph gives again says this graph and nothing else
        let written = Self(texts.netlist.schedule.mode).emit(&graph, chip)?;
        for (written, name) in written.iter().zip(FILES) {
            if written.bytes != file(files, name)?.bytes {
                return Err(damaged(name, "its parts do not agree with each other"));
            }
        }
        Ok(graph)
    }
}
