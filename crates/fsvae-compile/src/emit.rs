//! Step 5: the graph to the files of the chip's back-end, if the chip has room for it.

use crate::CompileError;
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_map::Mode;
use lif_map::schedule::schedule;
use lif_netlist::{NetlistFile, backend};

/// The netlist's files; none for a chip that only the simulator runs, and none for a graph that takes an image, whose currents no netlist
/// holds yet. `mode` is the schedule, the chip's own if there is none.
///
/// # Errors
/// [`CompileError::Map`] for a graph that the chip's cores cannot hold, where they are described; [`CompileError::Netlist`] for a graph that does not fit the chip, or a schedule that it does not have.
pub fn emit(graph: &LifGraph, chip: &Chip, mode: Option<Mode>) -> Result<Vec<NetlistFile>, CompileError> {
    if chip.mesh.is_some() || chip.hexagonal.is_some() {
        lif_map::partition(&lif_map::Loads::new(graph, chip))?;
    }
    let takes_image = graph.images().next().is_some();
    match (&chip.netlist, mode) {
        (Some(_), Some(mode)) if takes_image && chip.ticks.is_some() => schedule(graph, chip, mode).map(|_| vec![]).map_err(Into::into),
        (Some(_), _) if takes_image => Ok(vec![]),
        (Some(name), Some(mode)) => Ok(backend(name)?.with_schedule(mode)?.emit(graph, chip)?),
        (Some(name), None) => Ok(backend(name)?.emit(graph, chip)?),
        (None, Some(mode)) => schedule(graph, chip, mode).map(|_| vec![]).map_err(Into::into),
        (None, None) => Ok(vec![]),
    }
}
