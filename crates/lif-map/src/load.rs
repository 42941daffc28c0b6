//! What a slice asks of its core.

use crate::{Division, Rates, Region, wire::Wire};
use lif_chip::Chip;
use lif_graph::{LifGraph, NeuronModel, PopulationId};
use serde::Serialize;
use std::collections::BTreeSet;

/// What one core holds, in the units of the chip's limits.
///
/// A select stage of k ways is counted as what chips need for it: for each channel k gates, each listening to a neuron and to a line of
/// random picks, and the neuron that joins them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Neurons, gates included.
    pub neurons: u64,
    /// Synapses, those of weight 0 included.
    pub synapses: u64,
    /// Synapse memory in bytes, with the chip's packing; 0 where the chip has no figure for it.
    pub memory_bytes: u64,
    /// Neurons that the core listens to, counted once for each projection; as many spikes may reach it at one step.
    pub input_axons: u64,
    /// Pairs of a neuron of the core and a core that listens to it, counted once for each projection.
    pub output_axons: u64,
    /// Different thresholds.
    pub threshold_profiles: u64,
    /// Projections that end here.
    pub synapse_profiles: u64,
}

/// A graph with all that loads follow from.
pub struct Loads<'a> {
    /// The graph.
    pub graph: &'a LifGraph,
    /// The chip.
    pub chip: &'a Chip,
    /// Of all projections whose spikes travel. An image does not: its currents are loaded before the first step, like biases.
    pub wires: Vec<Wire>,
    into: Vec<Vec<usize>>,
    out_of: Vec<Vec<usize>>,
}

/// Whether a population is an image, which has no place on a chip.
pub(crate) fn is_image(graph: &LifGraph, population: PopulationId) -> bool {
    matches!(graph.population(population).model, NeuronModel::Image { .. })
}

impl<'a> Loads<'a> {
    /// Of a graph that passes [`LifGraph::check`].
    pub fn new(graph: &'a LifGraph, chip: &'a Chip) -> Self {
        let travels = |projection: &&lif_graph::Projection| !is_image(graph, projection.source);
        let wires: Vec<Wire> = graph.projections.iter().filter(travels).map(|projection| Wire::new(graph, projection)).collect();
        let mut into = vec![vec![]; graph.populations.len()];
        let mut out_of = into.clone();
        for (index, wire) in wires.iter().enumerate() {
            into[wire.target.index()].push(index);
            out_of[wire.source.index()].push(index);
        }
        Self { graph, chip, wires, into, out_of }
    }

    /// The load of a region, where all populations are cut as `divisions` says.
    pub fn of(&self, population: PopulationId, region: Region, divisions: &[Division]) -> Load {
        let mut load = Load { neurons: region.neurons(), ..Load::default() };
        let mut bits = 0;
        let packed = |synapses, gapless| self.chip.memory.map_or(0, |memory| memory.bits(synapses, gapless));
        for &index in &self.into[population.index()] {
            let fan_in = self.wires[index].fan_in(region);
            for (synapses, neurons) in fan_in.axons {
                load.synapses += synapses * neurons;
                load.input_axons += neurons;
                bits += packed(synapses, fan_in.gapless) * neurons;
            }
            load.synapse_profiles += 1;
        }
        for &index in &self.out_of[population.index()] {
            let wire = &self.wires[index];
            load.output_axons += wire.fan_out(region, divisions[wire.target.index()]);
        }
        match &self.graph.population(population).model {
            NeuronModel::Select { ways } => {
                let gates = region.neurons() * u64::from(*ways);
                load.neurons += gates;
                // the picks, and what the gates send to their neuron
                load.synapses += 2 * gates;
                load.input_axons += 2 * gates;
                bits += 2 * gates * packed(1, true);
                load.output_axons += gates;
                load.threshold_profiles = 2;
                load.synapse_profiles += 2;
            }
            NeuronModel::Lif { threshold, .. } => load.threshold_profiles = self.thresholds(population, region, threshold),
            NeuronModel::Readout { .. } => load.threshold_profiles = 1,
            NeuronModel::Source | NeuronModel::Image { .. } => {}
        }
        load.memory_bytes = bits.div_ceil(8);
        load
    }

    /// Synaptic operations of a region in all steps that spikes were counted in, if the neurons of each source fire alike.
    pub(crate) fn operations(&self, population: PopulationId, region: Region, rates: &Rates) -> u64 {
        let of_wire = |&index: &usize| {
            let wire = &self.wires[index];
            let shape = self.graph.population(wire.source).shape;
            let synapses: u64 = wire.fan_in(region).axons.iter().map(|(synapses, neurons)| synapses * neurons).sum();
            u128::from(synapses) * u128::from(rates.spikes(wire.source, Region::whole(shape))) / shape.neurons() as u128
        };
        self.into[population.index()].iter().map(of_wire).sum::<u128>().try_into().unwrap_or(u64::MAX)
    }

    fn thresholds(&self, population: PopulationId, region: Region, values: &[i32]) -> u64 {
        let shape = self.graph.population(population).shape;
        let channels = region.channels[0] as usize..region.channels[1] as usize;
        if values.len() == 1 {
            return 1;
        }
        if values.len() == shape.channels as usize {
            return values[channels].iter().collect::<BTreeSet<_>>().len() as u64;
        }
        let (rows, columns) = (region.rows, region.columns);
        let places = channels.flat_map(|c| (rows[0]..rows[1]).flat_map(move |y| (columns[0]..columns[1]).map(move |x| (c, y, x))));
        let neuron = |(c, y, x): (usize, u32, u32)| (c * shape.height as usize + y as usize) * shape.width as usize + x as usize;
        places.map(|place| values[neuron(place)]).collect::<BTreeSet<_>>().len() as u64
    }
}
