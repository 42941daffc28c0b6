//! A chip file's costs as plain numbers.

use lif_chip::{Barrier, Chip, Cost, Costs, Picoseconds};

/// Time in picoseconds and energy in femtojoules of one event; 0 where the chip file has no figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Picoseconds.
    pub time: u64,
    /// Femtojoules.
    pub energy: u64,
}

/// What everything takes on one chip.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of lif_chip::Costs")]
pub struct Prices {
    pub axon_in: Price,
    pub synapse: Price,
    pub convolution: Price,
    pub neuron_inactive: Price,
    pub neuron_active: Price,
    pub spike: Price,
    pub axon_out: Price,
    pub delivery: Price,
    pub routing: Price,
    pub east_west: Price,
    pub north_south: Price,
    /// Packets behind a link; `u32::MAX` where nothing makes a sender wait.
    pub link_buffer: u32,
    /// By routers with neurons.
    pub barrier: Option<Barrier>,
    /// Where a timer begins the ticks.
    pub timer: Option<u64>,
    /// Milliwatts, or femtojoules a picosecond, of a chip and of a core with neurons.
    pub power: [u64; 2],
    /// Figures that the chip file does not have, and that so count nothing.
    pub absent: Vec<String>,
}

impl Prices {
    /// Of a chip; none if its file has no costs at all.
    pub fn new(chip: &Chip) -> Option<Self> {
        let costs = chip.costs.as_ref()?;
        let mut absent = Vec::new();
        let processor = costs.processor.as_ref();
        let mut price = |name: &str, cost: Option<Cost>, cycles: Option<u32>| {
            let Cost { time_ps, energy_fj } = cost.unwrap_or_default();
            let counted = processor.zip(cycles).map(|(processor, cycles)| processor.cycle_ps * u64::from(cycles));
            let time = time_ps.or(counted);
            let mut missing = |what: &str, found: bool| {
                if !found {
                    absent.push(format!("{what} of {name}"));
                }
            };
            missing("time", time.is_some());
            // a chip with power figures has its energy there
            missing("energy", energy_fj.is_some() || costs.power.is_some());
            Price { time: time.unwrap_or_default().0, energy: energy_fj.unwrap_or_default().0 }
        };
        let cycles = |of: fn(&lif_chip::Processor) -> Option<u32>| processor.and_then(of);
        let synapse = price("synapse", costs.synapse, cycles(|p| p.synapse_cycles));
        let neuron_active = price("neuron_active", costs.neuron_active, cycles(|p| p.neuron_cycles));
        let optional = |cost: Option<Cost>| {
            let Cost { time_ps, energy_fj } = cost.unwrap_or_default();
            Price { time: time_ps.unwrap_or_default().0, energy: energy_fj.unwrap_or_default().0 }
        };
        Some(Self {
            axon_in: price("axon_in", costs.axon_in, cycles(|p| p.axon_in_cycles)),
            synapse,
            convolution: costs.convolution.map_or(synapse, |cost| optional(Some(cost))),
            neuron_inactive: costs.neuron_inactive.map_or(neuron_active, |cost| optional(Some(cost))),
            neuron_active,
            spike: price("spike", costs.spike, cycles(|p| p.spike_cycles)),
            axon_out: price("axon_out", costs.axon_out, cycles(|p| p.axon_out_cycles)),
            delivery: optional(costs.delivery),
            routing: optional(costs.routing),
            east_west: price("east_west", costs.east_west, None),
            north_south: price("north_south", costs.north_south, None),
            link_buffer: costs.link_buffer.unwrap_or(u32::MAX),
            barrier: costs.barrier.clone(),
            timer: processor.and_then(|processor| processor.timer_ps).map(|Picoseconds(time)| time),
            power: [costs.power.and_then(|power| power.chip_mw), costs.power.and_then(|power| power.core_mw)].map(|mw| mw.unwrap_or(0)),
            absent: absents(costs, absent),
        })
    }
}

fn absents(costs: &Costs, mut absent: Vec<String>) -> Vec<String> {
    if costs.link_buffer.is_none() {
        absent.push("link_buffer".into());
    }
    if costs.barrier.is_none() && costs.processor.is_none_or(|processor| processor.timer_ps.is_none()) {
        absent.push("barrier".into());
    }
    absent
}
