//! Spikes and messages as text, in the columns of SANA-FE's traces `spikes.csv` and `messages.csv`, so that what reads those reads these. Ticks count
//! from 1 there.

use super::probe::Probes;
use lif_time::{Clock, Message, Messages, Spike};
use std::io::{self, Write};

/// `neuron,timestep`: one line for each spike.
pub(super) fn spikes(clock: &Clock<'_>, probes: &Probes, spikes: &[Spike], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"neuron,timestep\n")?;
    for spike in spikes.iter().filter(|spike| probes.holds(spike.population, spike.neuron)) {
        writeln!(out, "{}.{},{}", clock.graph.population(spike.population).name, spike.neuron, spike.step + 1)?;
    }
    Ok(())
}

/// SANA-FE 2.2.9's columns.
const COLUMNS: &str = "timestep,mid,src_neuron,src_hw,dest_hw,hops,spikes,send_timestamp,received_timestamp,processed_timestamp,\
                       generation_delay,processing_delay,network_delay,blocking_delay,min_hop_delay,messages_along_route";

/// One line for each packet and core that it reaches, of neurons that are looked at. Times are seconds, written so that no picosecond is lost; timestamps
/// count from the tick's begin. As in SANA-FE a packet is received when the core begins with it, and the network's delay ends before that, at the core's
/// port. The last column, an estimate of SANA-FE's, is empty.
pub(super) fn messages(clock: &Clock<'_>, probes: &Probes, rows: u32, messages: &Messages<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{COLUMNS}")?;
    let core = |index: u32| &clock.layout.cores[index as usize];
    // as in SANA-FE, column by column
    let hardware = |index: u32| format!("{}.{}", core(index).x * rows + core(index).y, core(index).number);
    for (number, message) in messages.messages.iter().enumerate() {
        let Message { tick, sent, to, hops, shortest, synapses, left, arrived, taken, done } = *message;
        let population = core(sent.core).population;
        if !probes.holds(population, sent.neuron) {
            continue;
        }
        let gate = if messages.from_gate(message) { "/gate" } else { "" };
        let name = &clock.graph.population(population).name;
        let (from, to) = (hardware(sent.core), hardware(to));
        write!(out, "{},{number},{name}{gate}.{},{from},{to},{hops},{synapses}", tick + 1, sent.neuron)?;
        let delays = [sent.ready - sent.begin, done - taken, arrived - left, left - sent.ready, shortest];
        for picoseconds in [left, taken, done].into_iter().chain(delays) {
            write!(out, ",{picoseconds}e-12")?;
        }
        out.write_all(b",\n")?;
    }
    Ok(())
}
