//! The Loihi back-end: `netlist.json` (processes, connections, schedule) and `arrays.npz` (integers).
//!
//! The arithmetic is that of lava-nc 0.10.0, `proc/lif/models.py`, in the graph's terms:
//!
//! ```text
//!   Lava    u = a << 6     v = toward_zero(v * (4096 - dv) / 4096) + u + (bias_mant << bias_exp)     s = v > (vth << 6)     v[s] = 0
//!   graph   weight = a / 2     decay = (4096 - dv) / 2^12, toward zero     bias = bias_mant << bias_exp     threshold = vth << 6
//! ```
//!
//! Lava's weights are twice the graph's, because weights of both signs are floored to even.

mod arrays;
mod biases;
mod netlist;
mod processes;
mod read_back;
mod rules;
mod unroll;

pub use netlist::{
    Bias, Connection, Injection, Kind, Model, Netlist, Neurons, Output, Pattern, PopulationRow, Process, ProjectionRow, ScheduleRow,
    UnrolledKernel,
};

use crate::{Backend, NetlistError, NetlistFile, json};
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_map::schedule::schedule;
use lif_map::{Mode, Schedule};

/// Writes netlists for Lava.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loihi {
    /// The schedule; the chip's own ([`Mode::of`]) where there is none.
    pub mode: Option<Mode>,
}

/// The file of processes and connections.
pub const NETLIST_FILE: &str = "netlist.json";
/// The file of weights, biases and pixel levels.
pub const ARRAYS_FILE: &str = "arrays.npz";
/// What the netlist says that it is.
const FORMAT: &str = "lif-netlist/loihi";
/// Changes when a reader of older netlists would misread newer ones.
const VERSION: u32 = 2;

impl Loihi {
    /// When each population has its turn, after all rules.
    fn checked(&self, graph: &LifGraph, chip: &Chip) -> Result<Schedule, NetlistError> {
        let schedule = schedule(graph, chip, self.mode.unwrap_or(Mode::of(chip)))?;
        rules::check(graph, chip, &schedule)?;
        Ok(schedule)
    }
}

impl Backend for Loihi {
    fn name(&self) -> &'static str {
        "loihi"
    }

    fn with_schedule(&self, mode: Mode) -> Result<Box<dyn Backend>, NetlistError> {
        match mode {
            Mode::Stepped => Err(NetlistError::Schedule { backend: self.name(), mode, possible: "phased, substep, buffered" }),
            _ => Ok(Box::new(Self { mode: Some(mode) })),
        }
    }

    fn check(&self, graph: &LifGraph, chip: &Chip) -> Result<(), NetlistError> {
        self.checked(graph, chip).map(drop)
    }

    fn emit(&self, graph: &LifGraph, chip: &Chip) -> Result<Vec<NetlistFile>, NetlistError> {
        let schedule = self.checked(graph, chip)?;
        let (netlist, arrays) = processes::lower(graph, chip, &schedule)?;
        Ok(vec![NetlistFile { name: NETLIST_FILE, bytes: json::lines(&netlist) }, NetlistFile { name: ARRAYS_FILE, bytes: arrays }])
    }

    fn read_back(&self, files: &[NetlistFile], chip: &Chip) -> Result<LifGraph, NetlistError> {
        let (graph, mode) = read_back::graph(files, chip)?;
        graph.check().map_err(|violations| damaged(NETLIST_FILE, violations))?;
        // whatever was read, only a netlist that this graph gives again says this graph and nothing else
        for (written, found) in (Self { mode: Some(mode) }).emit(&graph, chip)?.iter().zip(files_of(files)?) {
            if written.bytes != found.bytes {
                return Err(damaged(found.name, "its parts do not agree with each other"));
            }
        }
        Ok(graph)
    }
}

fn damaged(file: &'static str, cause: impl ToString) -> NetlistError {
    NetlistError::Damaged { file, cause: cause.to_string() }
}

/// Both files, in the order in which they are written.
fn files_of(files: &[NetlistFile]) -> Result<[&NetlistFile; 2], NetlistError> {
    let find = |name| files.iter().find(|file| file.name == name).ok_or_else(|| damaged(name, "it is missing"));
    Ok([find(NETLIST_FILE)?, find(ARRAYS_FILE)?])
}
