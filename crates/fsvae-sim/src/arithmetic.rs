//! `--arithmetic TARGET`: a target's own integers and ticks.

use crate::Error;
use lif_graph::LifGraph;
use lif_map::schedule::schedule;
use lif_map::{Mode, Schedule};

/// The schedule of a graph that was compiled for the target.
///
/// # Errors
/// [`Error::NoTicks`] for a target that counts no ticks; whatever the target says to the graph's integers.
pub(crate) fn of_target(graph: &LifGraph, target: &str, mode: Option<Mode>) -> Result<Schedule, Error> {
    let chip = lif_chip::find(target)?;
    if chip.ticks.is_none() {
        return Err(Error::NoTicks { target: chip.name });
    }
    if let Some(name) = &chip.netlist {
        let backend = lif_netlist::backend(name)?;
        match mode {
            Some(mode) if mode != Mode::Stepped => backend.with_schedule(mode)?.check(graph, &chip)?,
            _ => backend.check(graph, &chip)?,
        }
    }
    Ok(schedule(graph, &chip, mode.unwrap_or(Mode::of(&chip)))?)
}
