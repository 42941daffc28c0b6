//! Step 5: the graph to the files of the chip's back-end.

use crate::CompileError;
use lif_chip::Chip;
use lif_graph::{LifGraph, NeuronModel};
use lif_netlist::{NetlistFile, backend};

/// The netlist's files; none for a chip that only the simulator runs, and none for a graph that takes an image, whose currents no netlist
/// holds yet.
///
/// # Errors
/// [`CompileError::Netlist`] for a graph that does not fit the chip.
pub fn emit(graph: &LifGraph, chip: &Chip) -> Result<Vec<NetlistFile>, CompileError> {
    let takes_image = graph.populations.iter().any(|population| matches!(population.model, NeuronModel::Image { .. }));
    match &chip.netlist {
        Some(name) if !takes_image => Ok(backend(name)?.emit(graph, chip)?),
        _ => Ok(vec![]),
    }
}
