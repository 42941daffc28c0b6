//! Spikes as arrays for NumPy: `t`, `core`, `population`, `neuron`, one entry a spike, and the names that the numbers stand for.

use super::probe::Probes;
use crate::npy::{Stored, unicode};
use lif_time::{Clock, Spike};
use std::io::{self, Seek, Write};

/// The whole archive.
pub(super) fn write(clock: &Clock<'_>, probes: &Probes, spikes: &[Spike], out: &mut (impl Write + Seek)) -> io::Result<()> {
    let chosen: Vec<&Spike> = spikes.iter().filter(|spike| probes.holds(spike.population, spike.neuron)).collect();
    let column = |of: &dyn Fn(&Spike) -> u32| chosen.iter().flat_map(|spike| of(spike).to_le_bytes()).collect::<Vec<u8>>();
    let mut archive = Stored::new(out);
    let length = chosen.len() as u64;
    archive.add("t", "<u4", length, &column(&|spike| spike.step))?;
    archive.add("core", "<u4", length, &column(&|spike| clock.layout.places[spike.population.index()][spike.neuron as usize].core))?;
    archive.add("population", "<u4", length, &column(&|spike| spike.population.0))?;
    archive.add("neuron", "<u4", length, &column(&|spike| spike.neuron))?;
    let names: Vec<&str> = clock.graph.populations.iter().map(|row| &row.name[..]).collect();
    let (width, text) = unicode(&names);
    archive.add("population_names", &format!("<U{width}"), names.len() as u64, &text)?;
    let cores = clock.layout.cores.iter().flat_map(|core| [core.x, core.y, core.number]).flat_map(u32::to_le_bytes).collect::<Vec<u8>>();
    archive.add("core_x_y_number", "<u4", 3 * clock.layout.cores.len() as u64, &cores)?;
    archive.finish()
}
