//! Membranes, worked out again from recorded spikes.
//!
//! A record of spikes says who fired, and nothing of the others. Waveforms show membranes, so the steps are computed again here, spike by spike.
//! What fires has to be what was recorded: a record of another graph does not get through.

use crate::workload::Recording;
use crate::{Spike, TimeError};
use lif_graph::{LifGraph, Membrane, NeuronModel, PopulationId};

/// Membranes step by step.
pub struct Replay<'a> {
    graph: &'a LifGraph,
    recording: &'a Recording<'a>,
    /// Which populations are computed.
    chosen: Vec<bool>,
    membranes: Vec<Vec<i32>>,
    /// Neurons that had nothing to do in the last step; what [`idle`](crate::idle()) is compared with.
    idle: Vec<Vec<u32>>,
    sums: Vec<i32>,
    reached: Vec<bool>,
    step: u32,
}

impl<'a> Replay<'a> {
    /// From the begin, for the chosen populations; those without membranes are left out.
    pub fn new(graph: &'a LifGraph, recording: &'a Recording<'a>, choose: impl Fn(PopulationId) -> bool) -> Self {
        let ids = || (0..graph.populations.len()).map(PopulationId::from_index);
        let chosen: Vec<bool> = ids().map(|id| membrane(graph, id).is_some() && choose(id)).collect();
        let membranes = ids().map(|id| vec![0; if chosen[id.index()] { graph.population(id).shape.neurons() } else { 0 }]).collect();
        Self { graph, recording, idle: vec![vec![]; chosen.len()], chosen, membranes, sums: vec![], reached: vec![], step: 0 }
    }

    /// The membranes after the last step; empty for populations that were not chosen.
    pub fn membranes(&self, population: PopulationId) -> &[i32] {
        &self.membranes[population.index()]
    }

    /// Neurons of a population that had nothing to do in the last step: membrane and bias were 0, and no weight came.
    pub fn idle(&self, population: PopulationId) -> &[u32] {
        &self.idle[population.index()]
    }

    /// One step.
    ///
    /// # Errors
    /// [`TimeError::Spikes`] if other neurons fire than those that were recorded.
    pub fn step(&mut self) -> Result<(), TimeError> {
        let ids = (0..self.chosen.len()).map(PopulationId::from_index);
        for id in ids.filter(|id| self.chosen[id.index()]).collect::<Vec<_>>() {
            self.population(id)?;
        }
        self.step += 1;
        Ok(())
    }

    fn population(&mut self, id: PopulationId) -> Result<(), TimeError> {
        let graph = self.graph;
        let row = graph.population(id);
        let shape = row.shape;
        self.sums.clear();
        self.sums.resize(shape.neurons(), 0);
        self.reached.clear();
        self.reached.resize(shape.neurons(), false);
        for (_, projection) in graph.projections_into(id) {
            let Some(step) = self.step.checked_sub(u32::from(projection.delay)) else { continue };
            let from = graph.population(projection.source).shape;
            for spike in self.recording.of(step, projection.source) {
                lif_map::synapses(projection, from, shape, spike.neuron as usize, |target, weight| {
                    self.sums[target] += i32::from(projection.weights[weight]);
                    self.reached[target] = true;
                });
            }
        }
        let Membrane { decay, input_shift, bias, .. } = membrane(graph, id).expect("chosen for its membranes");
        let threshold = if let NeuronModel::Lif { threshold, .. } = &row.model { Some(threshold) } else { None };
        let recorded = self.recording.of(self.step, id);
        let mut fired = recorded.iter().peekable();
        self.idle[id.index()].clear();
        for (neuron, v) in self.membranes[id.index()].iter_mut().enumerate() {
            let bias = shape.value_of(bias, neuron);
            if *v == 0 && bias == 0 && !self.reached[neuron] {
                self.idle[id.index()].push(neuron as u32);
            }
            *v = decay.apply(*v) + (self.sums[neuron] << input_shift) + bias;
            let fires = threshold.is_some_and(|threshold| *v > shape.value_of(threshold, neuron));
            let expected = fired.next_if(|spike| spike.neuron as usize == neuron).is_some();
            if fires != expected {
                let what = if fires { "fires and was not recorded" } else { "was recorded and does not fire" };
                let cause = format!("neuron {neuron} of {} {what} in step {}", row.name, self.step);
                return Err(TimeError::Spikes { graph: graph.name.clone(), cause });
            }
            if fires {
                *v = 0;
            }
        }
        Ok(())
    }
}

/// What integrates, where something does.
pub(crate) fn membrane(graph: &LifGraph, id: PopulationId) -> Option<&Membrane> {
    match &graph.population(id).model {
        NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } => Some(membrane),
        NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Image { .. } => None,
    }
}

/// The spikes of a run of the reference interpreter, as a recording has them.
pub fn recorded(run: &lif_graph::Run) -> Vec<Spike> {
    let mut spikes = Vec::new();
    for (step, populations) in (0..).zip(&run.spikes) {
        for (population, fired) in (0..).map(PopulationId).zip(populations) {
            let fired = (0..).zip(fired).filter(|(_, fired)| **fired);
            spikes.extend(fired.map(|(neuron, _)| Spike { step, population, neuron }));
        }
    }
    spikes
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::Interpreter;
    use lif_graph::random::{source_spikes, well_formed_graph};
    use proptest::prelude::*;

    proptest! {
        /// Membranes are those of the reference interpreter, and idle is who had membrane, bias and synapses at rest.
        #[test]
        fn membranes_are_those_of_the_interpreter(
            (graph, given) in well_formed_graph().prop_flat_map(|graph| (source_spikes(&graph), Just(graph)).prop_map(|(given, graph)| (graph, given))),
            seed: u64,
        ) {
            let interpreter = || given.iter().fold(Interpreter::new(&graph, seed, 0), |run, (id, train)| run.with_source(*id, train.clone()));
            let spikes = recorded(&interpreter().run());
            let recording = Recording::new(&graph, &spikes).unwrap();
            let mut replay = Replay::new(&graph, &recording, |_| true);
            let mut interpreter = interpreter();
            for _ in 0..graph.steps {
                replay.step().unwrap();
                interpreter.step();
                for id in (0..graph.populations.len()).map(PopulationId::from_index) {
                    prop_assert_eq!(replay.membranes(id), interpreter.membranes(id));
                }
            }
            let mut wrong = spikes.clone();
            if let Some(lost) = wrong.iter().position(|spike| membrane(&graph, spike.population).is_some()) {
                wrong.remove(lost);
                let recording = Recording::new(&graph, &wrong).unwrap();
                let mut replay = Replay::new(&graph, &recording, |_| true);
                prop_assert!((0..graph.steps).any(|_| replay.step().is_err()));
            }
        }
    }
}
