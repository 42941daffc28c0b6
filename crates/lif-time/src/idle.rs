//! Who has nothing to do in a step: membrane and bias are 0, and no weight came. Chips update such a neuron at a lower price.
//!
//! Hardly any neuron of a trained network ever rests, so this looks at as little as it can: populations with biases of 0 at all, places in
//! them that no spike reaches in some step, and then the membranes of the neurons without bias there, and of no others.

use crate::TimeError;
use crate::replay::membrane;
use crate::workload::{Idle, Recording};
use lif_graph::{Connectivity, Kernel, LifGraph, Membrane, NeuronModel, PopulationId, Shape};

/// Of a whole recording.
///
/// # Errors
/// [`TimeError::Spikes`] if a neuron that was looked at fires and was not recorded, or the other way round.
pub fn idle(graph: &LifGraph, recording: &Recording<'_>) -> Result<Idle, TimeError> {
    let mut idle = Idle::default();
    for id in (0..graph.populations.len()).map(PopulationId::from_index) {
        let may_rest = membrane(graph, id).is_some_and(|membrane| membrane.bias.contains(&0));
        if may_rest && graph.steps > 0 {
            Population { graph, recording, id, shape: graph.population(id).shape }.add_to(&mut idle)?;
        }
    }
    Ok(idle)
}

struct Population<'a> {
    graph: &'a LifGraph,
    recording: &'a Recording<'a>,
    id: PopulationId,
    shape: Shape,
}

impl Population<'_> {
    fn add_to(&self, idle: &mut Idle) -> Result<(), TimeError> {
        let Membrane { decay, input_shift, bias, .. } = membrane(self.graph, self.id).expect("asked before");
        let row = self.graph.population(self.id);
        let threshold = if let NeuronModel::Lif { threshold, .. } = &row.model { Some(threshold) } else { None };
        let reached: Vec<Vec<bool>> = (0..self.graph.steps).map(|step| self.reached(step)).collect();
        let quiet = |neuron: usize| reached.iter().any(|places| !places[neuron % self.shape.pixels()]);
        let tracked: Vec<usize> =
            (0..self.shape.neurons()).filter(|&neuron| self.shape.value_of(bias, neuron) == 0 && quiet(neuron)).collect();
        if tracked.is_empty() {
            return Ok(());
        }
        idle.neurons.resize_with(self.graph.steps as usize, Vec::new);
        let mut membranes = vec![0i32; tracked.len()];
        for (step, places) in (0..).zip(&reached) {
            let rests = &mut idle.neurons[step as usize];
            rests.resize_with(self.graph.populations.len(), Vec::new);
            for (&neuron, v) in tracked.iter().zip(&mut membranes) {
                if *v == 0 && !places[neuron % self.shape.pixels()] {
                    rests[self.id.index()].push(neuron as u32);
                }
                *v = decay.apply(*v) + (self.sum(step, neuron) << input_shift);
                let fires = threshold.is_some_and(|threshold| *v > self.shape.value_of(threshold, neuron));
                let spikes = self.recording.of(step, self.id);
                if fires != spikes.binary_search_by_key(&(neuron as u32), |spike| spike.neuron).is_ok() {
                    let what = if fires { "fires and was not recorded" } else { "was recorded and does not fire" };
                    let cause = format!("neuron {neuron} of {} {what} in step {step}", row.name);
                    return Err(TimeError::Spikes { graph: self.graph.name.clone(), cause });
                }
                if fires {
                    *v = 0;
                }
            }
        }
        Ok(())
    }

    /// Which places, whatever the channel, some spike reaches.
    fn reached(&self, step: u32) -> Vec<bool> {
        let mut reached = vec![false; self.shape.pixels()];
        for (_, projection) in self.graph.projections_into(self.id) {
            let Some(step) = step.checked_sub(u32::from(projection.delay)) else { continue };
            let from = self.graph.population(projection.source).shape;
            let spikes = self.recording.of(step, projection.source);
            match projection.connectivity {
                Connectivity::Pick => {}
                Connectivity::Dense if spikes.is_empty() => {}
                Connectivity::Dense => reached.fill(true),
                Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => {
                    let transposed = matches!(projection.connectivity, Connectivity::ConvTranspose2d(_));
                    let mut seen = vec![false; from.pixels()];
                    spikes.iter().for_each(|spike| seen[spike.neuron as usize % from.pixels()] = true);
                    for place in (0..from.pixels()).filter(|&place| seen[place]) {
                        let (row, column) = (place / from.width as usize, place % from.width as usize);
                        for y in reach(kernel, transposed, row, self.shape.height) {
                            for x in reach(kernel, transposed, column, self.shape.width) {
                                reached[y * self.shape.width as usize + x] = true;
                            }
                        }
                    }
                }
            }
        }
        reached
    }

    /// The weights that come to one neuron.
    fn sum(&self, step: u32, neuron: usize) -> i32 {
        let mut sum = 0;
        for (_, projection) in self.graph.projections_into(self.id) {
            let Some(step) = step.checked_sub(u32::from(projection.delay)) else { continue };
            let from = self.graph.population(projection.source).shape;
            let weight =
                |source| lif_map::synapse(projection, from, self.shape, source, neuron).map_or(0, |place| projection.weights[place]);
            let spikes = self.recording.of(step, projection.source).iter();
            sum += spikes.map(|spike| i32::from(weight(spike.neuron as usize))).sum::<i32>();
        }
        sum
    }
}

/// Target places along one axis that a source place reaches.
fn reach(kernel: Kernel, transposed: bool, place: usize, side: u32) -> impl Iterator<Item = usize> {
    let (place, size, stride, padding) = (place as i64, i64::from(kernel.size), i64::from(kernel.stride), i64::from(kernel.padding));
    let targets = move |tap: i64| {
        if transposed {
            Some(place * stride + tap - padding)
        } else {
            Some(place + padding - tap).filter(|at| at % stride == 0).map(|at| at / stride)
        }
    };
    (0..size).filter_map(targets).filter(move |at| (0..i64::from(side)).contains(at)).map(|at| at as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{Replay, recorded};
    use lif_graph::Interpreter;
    use lif_graph::random::{source_spikes, well_formed_graph};
    use proptest::prelude::*;

    proptest! {
        /// Those that the replay of every membrane finds.
        #[test]
        fn idle_neurons_are_those_of_the_replay(
            (graph, given) in well_formed_graph().prop_flat_map(|graph| (source_spikes(&graph), Just(graph)).prop_map(|(given, graph)| (graph, given))),
            silent: bool,
        ) {
            let mut graph = graph;
            for row in &mut graph.populations {
                if let NeuronModel::Lif { membrane, .. } = &mut row.model {
                    membrane.bias.iter_mut().step_by(2).for_each(|bias| *bias = 0);
                }
            }
            prop_assume!(graph.check().is_ok());
            let sources = |run, (id, train): &(PopulationId, Vec<Vec<bool>>)| if silent { run } else { Interpreter::with_source(run, *id, train.clone()) };
            let spikes = recorded(&given.iter().fold(Interpreter::new(&graph, 1, 0), sources).run());
            let recording = Recording::new(&graph, &spikes).unwrap();
            let found = idle(&graph, &recording).unwrap();
            let mut replay = Replay::new(&graph, &recording, |_| true);
            for step in 0..graph.steps {
                replay.step().unwrap();
                for id in (0..graph.populations.len()).map(PopulationId::from_index) {
                    prop_assert_eq!(found.of(step, id), replay.idle(id));
                }
            }
        }
    }
}
