//! Step 5: the graph to the files of the chip's back-end.

use crate::CompileError;
use lif_chip::Chip;
use lif_graph::{LifGraph, NeuronModel};
use lif_map::Mode;
use lif_netlist::{NetlistFile, backend};

/// The netlist's files; none for a chip that only the simulator runs, and none for a graph that takes an image, whose currents no netlist
/// holds yet. `mode` is the schedule, the chip's own if there is none.
///
/// # Errors
/// [`CompileError::Netlist`] for a graph that does not fit the chip, or a schedule that it does not have.
pub fn emit(graph: &LifGraph, chip: &Chip, mode: Option<Mode>) -> Result<Vec<NetlistFile>, CompileError> {
    let takes_image = graph.populations.iter().any(|population| matches!(population.model, NeuronModel::Image { .. }));
    match (&chip.netlist, mode) {
        (Some(name), Some(mode)) if !takes_image => Ok(backend(name)?.with_schedule(mode)?.emit(graph, chip)?),
        (Some(name), None) if !takes_image => Ok(backend(name)?.emit(graph, chip)?),
        _ => Ok(vec![]),
    }
}
