//! What things take on a chip: time and energy, as whole picoseconds and femtojoules.
//!
//! ```text
//!   packets in --> axon in --> synapses --> | accumulators | --> neurons --> axon out --> packets out
//!                                           |  of the next |
//!                                           |     tick     |         router --link--> router --delivery--> core
//! ```
//!
//! A figure that nobody has published is absent. Who adds up times then counts nothing for it, and has to say so.

use serde::{Deserialize, Serialize};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl Mul<u64> for $name {
            type Output = Self;
            fn mul(self, count: u64) -> Self {
                Self(self.0 * count)
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
                Self(values.map(|value| value.0).sum())
            }
        }
    };
}

unit! {
    /// A time, 1e-12 s. 64 bits hold 213 days.
    Picoseconds
}
unit! {
    /// An energy, 1e-15 J. 64 bits hold 18 kJ.
    Femtojoules
}

/// Time and energy of one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// How long it takes.
    pub time_ps: Option<Picoseconds>,
    /// What it takes from the supply.
    pub energy_fj: Option<Femtojoules>,
}

/// What each event of a chip takes; any may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// A packet comes into a core.
    pub axon_in: Option<Cost>,
    /// One weight is added to one accumulator.
    pub synapse: Option<Cost>,
    /// The same for a convolution's weight, where that has a figure of its own.
    pub convolution: Option<Cost>,
    /// A neuron is looked at and nothing has to be done: its membrane and bias are 0, and no weight came.
    pub neuron_inactive: Option<Cost>,
    /// A neuron leaks, integrates and is compared with its threshold.
    pub neuron_active: Option<Cost>,
    /// On top of that, if it fires.
    pub spike: Option<Cost>,
    /// A packet is made for one core that listens.
    pub axon_out: Option<Cost>,
    /// A packet goes from a router into one of its cores.
    pub delivery: Option<Cost>,
    /// A packet goes through a router, the first and the last of its way included.
    pub routing: Option<Cost>,
    /// A hop along a row. A link carries one packet at a time.
    pub east_west: Option<Cost>,
    /// A hop along a column; where links are diagonal, too, along any other direction.
    pub north_south: Option<Cost>,
    /// Packets that wait behind a link, and before a core; absent where nothing makes a sender wait.
    pub link_buffer: Option<u32>,
    /// All cores wait for each other before a tick ends.
    pub barrier: Option<Barrier>,
    /// Cores that are processors, and count in cycles.
    pub processor: Option<Processor>,
    /// What is taken from the supply all the time.
    pub power: Option<Power>,
}

/// How long the cores take to agree that a tick is over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Barrier {
    /// Pairs of a number of routers with neurons and a time in picoseconds, ascending.
    pub table_ps: Vec<[u64; 2]>,
    /// What holds for numbers that are not in the table.
    pub between: Between,
}

/// How a table is read where it has no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// The entry before holds.
    Step,
    /// On a straight line between the neighbours, rounded down.
    Line,
}

/// A processor's cycles for one event of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processor {
    /// Length of a cycle.
    pub cycle_ps: Picoseconds,
    /// The timer that begins a tick.
    pub timer_ps: Option<Picoseconds>,
    /// To take in a packet.
    pub axon_in_cycles: Option<u32>,
    /// To add a weight.
    pub synapse_cycles: Option<u32>,
    /// To update a neuron.
    pub neuron_cycles: Option<u32>,
    /// On top of that, if it fires.
    pub spike_cycles: Option<u32>,
    /// To send a packet.
    pub axon_out_cycles: Option<u32>,
}

/// Power that does not depend on what is done. A milliwatt is a femtojoule a picosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// Of a chip that does nothing.
    pub chip_mw: Option<u64>,
    /// More for each core with neurons.
    pub core_mw: Option<u64>,
}

impl Barrier {
    /// The time for so many routers; below the table's first entry that one holds, beyond the last that one.
    pub fn time(&self, routers: u64) -> Picoseconds {
        let after = self.table_ps.partition_point(|&[count, _]| count <= routers);
        let (before, next) = (self.table_ps[after.max(1) - 1], self.table_ps.get(after));
        let (count, time) = (before[0], before[1]);
        Picoseconds(match (self.between, next) {
            (Between::Line, Some(next)) if after > 0 => {
                let step = i128::from(next[1]) - i128::from(time);
                (i128::from(time) + step * i128::from(routers - count) / i128::from(next[0] - count)) as u64
            }
            _ => time,
        })
    }
}

type Figure = (&'static str, u64, u64, u64);

/// An hour, or a joule: no event takes more.
const MOST: u64 = 1_000_000_000_000_000;

impl Costs {
    /// Key, value, smallest and largest value of every figure.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let costs = [
            ("costs.axon_in", self.axon_in),
            ("costs.synapse", self.synapse),
            ("costs.convolution", self.convolution),
            ("costs.neuron_inactive", self.neuron_inactive),
            ("costs.neuron_active", self.neuron_active),
            ("costs.spike", self.spike),
            ("costs.axon_out", self.axon_out),
            ("costs.delivery", self.delivery),
            ("costs.routing", self.routing),
            ("costs.east_west", self.east_west),
            ("costs.north_south", self.north_south),
        ];
        let both = |(key, cost): (&'static str, Option<Cost>)| {
            let Cost { time_ps, energy_fj } = cost.unwrap_or_default();
            [(key, time_ps.map_or(0, |time| time.0), 0, MOST), (key, energy_fj.map_or(0, |energy| energy.0), 0, MOST)]
        };
        let mut figures: Vec<Figure> = costs.into_iter().flat_map(both).collect();
        figures.push(("costs.link_buffer", self.link_buffer.unwrap_or(1).into(), 1, u32::MAX.into()));
        if let Some(barrier) = &self.barrier {
            figures.push(("costs.barrier.table_ps (count of pairs)", barrier.table_ps.len() as u64, 1, 1024));
            figures.extend(barrier.table_ps.iter().map(|&[_, time]| ("costs.barrier.table_ps (time)", time, 0, MOST)));
            let next =
                |pair: &[[u64; 2]]| ("costs.barrier.table_ps (routers, ascending)", pair[1][0], pair[0][0].saturating_add(1), u64::MAX);
            figures.extend(barrier.table_ps.windows(2).map(next));
        }
        if let Some(processor) = &self.processor {
            figures.push(("costs.processor.cycle_ps", processor.cycle_ps.0, 1, 1_000_000_000));
            figures.push(("costs.processor.timer_ps", processor.timer_ps.map_or(1, |timer| timer.0), 1, MOST));
        }
        let Power { chip_mw, core_mw } = self.power.unwrap_or(Power { chip_mw: None, core_mw: None });
        figures.push(("costs.power.chip_mw", chip_mw.unwrap_or(0), 0, 1_000_000));
        figures.push(("costs.power.core_mw", core_mw.unwrap_or(0), 0, 1_000_000));
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_is_a_staircase_or_a_line() {
        let table_ps = vec![[1, 600], [2, 1000], [4, 1400], [29, 1800]];
        let at = |between, routers| Barrier { table_ps: table_ps.clone(), between }.time(routers).0;
        assert_eq!([0, 1, 2, 3, 4, 28, 29, 32].map(|routers| at(Between::Step, routers)), [600, 600, 1000, 1000, 1400, 1400, 1800, 1800]);
        assert_eq!([0, 1, 2, 3, 4, 29, 32].map(|routers| at(Between::Line, routers)), [600, 600, 1000, 1200, 1400, 1800, 1800]);
    }

    #[test]
    fn an_absent_figure_stays_absent() {
        let costs: Costs = toml::from_str("[synapse]\ntime_ps = 3500\n").unwrap();
        assert_eq!(costs.synapse, Some(Cost { time_ps: Some(Picoseconds(3500)), energy_fj: None }));
        assert_eq!(costs.spike, None);
        for wrong in ["[synapse]\ntime = 1", "[synapsis]\ntime_ps = 1", "[synapse]\ntime_ps = 1.5", "[synapse]\ntime_ps = -1"] {
            assert!(toml::from_str::<Costs>(wrong).is_err(), "{wrong}");
        }
    }
}
