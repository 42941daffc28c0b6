//! How a chip keeps time: what a spike costs in ticks, and what a neuron can do between two steps of the model.

use serde::Deserialize;

/// A chip whose neurons are all updated at every tick of one clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticks {
    /// Ticks from a spike to its arrival at a neuron.
    pub synapse: u32,
    /// Ticks that a synapse can wait beyond those, at most.
    pub synapse_wait_max: u32,
    /// Ticks from the spikes that a 1-of-k select stage picks from to its own: so many layers of neurons it is made of.
    pub select: u32,
    /// Whether a neuron can skip a tick: it keeps its membrane as it is and stays silent.
    pub holds: bool,
    /// Whether a neuron can clear its membrane at a fixed tick of every image.
    pub resets: bool,
}

impl Ticks {
    /// Key, value, smallest and largest value of every figure.
    pub(crate) fn figures(&self) -> Vec<(&'static str, u64, u64, u64)> {
        vec![
            ("ticks.synapse", self.synapse.into(), 1, 1 << 10),
            ("ticks.synapse_wait_max", self.synapse_wait_max.into(), 0, 1 << 16),
            ("ticks.select", self.select.into(), 1, 1 << 10),
        ]
    }
}
