//! Spikes as text, in the columns of SANA-FE's trace `spikes.csv`, so that what reads that reads this. Ticks count from 1 there.

use super::probe::Probes;
use lif_time::{Clock, Spike};
use std::io::{self, Write};

/// `neuron,timestep`: one line for each spike.
pub(super) fn spikes(clock: &Clock<'_>, probes: &Probes, spikes: &[Spike], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"neuron,timestep\n")?;
    for spike in spikes.iter().filter(|spike| probes.holds(spike.population, spike.neuron)) {
        writeln!(out, "{}.{},{}", clock.graph.population(spike.population).name, spike.neuron, spike.step + 1)?;
    }
    Ok(())
}
