//! What goes into a simulation and what comes out of it, in the graph's own numbering.

use lif_graph::PopulationId;

/// The spikes of one source population, from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenSpikes {
    /// A population of the model [`Source`](lif_graph::NeuronModel::Source).
    pub population: PopulationId,
    /// The neurons that fire, step by step, in any order. Steps that are missing at the end are silent.
    pub neurons: Vec<Vec<u32>>,
}

/// What to keep beyond pixels and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Every spike.
    pub events: bool,
    /// The final membranes.
    pub membranes: bool,
    /// Leave out what can change neither pixels nor any other count: neurons whose spikes nobody but select stages reads are looked at
    /// only where they are picked. Their populations ([`Engine::unread`](crate::Engine::unread)) then count 0 spikes; all other counts,
    /// synaptic operations too, are those of the whole network. Without effect where events or membranes are recorded.
    pub skip_unread: bool,
}

/// One spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// From 0.
    pub step: u32,
    /// Whose.
    pub population: PopulationId,
    /// (channel * height + y) * width + x.
    pub neuron: u32,
}

/// One simulated image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Number of the image.
    pub image: u64,
    /// The picture, `[channel][y][x]`, of [`Engine::picture`](crate::Engine::picture); empty for a graph without a read-out.
    pub pixels: Vec<u8>,
    /// Spikes of each population over all steps.
    pub spikes: Vec<u64>,
    /// Synaptic operations of each projection over all steps.
    pub synaptic_operations: Vec<u64>,
    /// Membranes after the last step, by population and neuron, if recorded; empty for populations without membranes.
    pub membranes: Vec<Vec<i32>>,
    /// Every spike in the order of (step, population, neuron), if recorded.
    pub events: Vec<Event>,
}

impl Drawing {
    /// Takes in another part of the same image: its counts, and its pixels, which are 0 here as ours are there.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.pixels.iter_mut().zip(other.pixels).for_each(|(pixel, other)| *pixel |= other);
        self.spikes.iter_mut().zip(other.spikes).for_each(|(count, other)| *count += other);
        self.synaptic_operations.iter_mut().zip(other.synaptic_operations).for_each(|(count, other)| *count += other);
        self
    }
}
