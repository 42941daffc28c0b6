//! The prior of a model, driven by the latent spikes of an image.

use lif_graph::*;
use lif_sim::{Engine, Inputs, Record};

/// What the select stage of a model drew for an image, step by step.
pub fn latent(model: &LifGraph, seed: u64, image: u64) -> Vec<Vec<u32>> {
    let engine = Engine::new(model).expect("a well-formed graph");
    let drawing = engine.draw(&mut engine.state(), seed, image, &Inputs::default(), Record { events: true, ..Record::default() });
    let mut latent = vec![Vec::new(); model.steps as usize];
    for event in drawing.events.iter().filter(|event| is_select(model, event.population.index())) {
        latent[event.step as usize].push(event.neuron);
    }
    latent
}

/// The prior of the shipped model, and by population and step the spikes that drive it: the latent spikes `z` (by step) of an image that it drew.
pub fn prior(model: &LifGraph, z: &[Vec<u32>]) -> (LifGraph, Vec<Vec<Vec<u32>>>) {
    let kept: Vec<usize> = (0..model.populations.len())
        .filter(|&index| model.populations[index].name.starts_with("prior") || is_select(model, index))
        .collect();
    let new = |id: PopulationId| kept.iter().position(|&index| index == id.index()).map(PopulationId::from_index);
    let mut graph = LifGraph { name: "prior".into(), projections: vec![], ..model.clone() };
    graph.populations = kept.iter().map(|&index| model.populations[index].clone()).collect();
    for projection in &model.projections {
        if let (Some(source), Some(target)) = (new(projection.source), new(projection.target)) {
            graph.projections.push(Projection { source, target, ..projection.clone() });
        }
    }
    let train = |row: &Population| if matches!(row.model, NeuronModel::Select { .. }) { z.to_vec() } else { vec![] };
    let spikes = graph.populations.iter().map(train).collect();
    (graph, spikes)
}

fn is_select(graph: &LifGraph, index: usize) -> bool {
    matches!(graph.populations[index].model, NeuronModel::Select { .. })
}
