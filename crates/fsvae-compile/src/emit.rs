//! Step 5: the graph to the files of the chip's back-end.

use crate::CompileError;
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_netlist::{NetlistFile, backend};

/// The netlist's files; none for a chip that only the simulator runs.
///
/// # Errors
/// [`CompileError::Netlist`] for a graph that does not fit the chip.
pub fn emit(graph: &LifGraph, chip: &Chip) -> Result<Vec<NetlistFile>, CompileError> {
    match &chip.netlist {
        Some(name) => Ok(backend(name)?.emit(graph, chip)?),
        None => Ok(vec![]),
    }
}
