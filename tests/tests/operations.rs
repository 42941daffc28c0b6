//! Operations as `evaluate` counts them are those of the simulated graph.

use fsvae_checkpoint::Checkpoint;
use fsvae_model::{LayerSpikes, SpikeCounts};
use fsvae_train::operations;
use lif_graph::{LifGraph, NeuronModel};
use lif_sim::{Engine, Record};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/fashion-mnist/");
const IMAGES: u64 = 3;

/// The tensors' name of the layer that drives a population.
fn layer(population: &str, decoders: usize) -> String {
    match population.split_once('.') {
        None if population == "select" => "z".into(),
        None => "final_layer.1".into(),
        Some(("prior", number)) => format!("prior.layers.{number}"),
        Some((_, "input")) => "decoder_input".into(),
        Some((_, number)) if number.parse() == Ok(decoders) => "final_layer.0".into(),
        Some(_) => population.into(),
    }
}

#[test]
fn additions_of_generation_are_the_simulators_synaptic_operations() {
    let config = Checkpoint::from_bytes(&std::fs::read(format!("{MODEL}model.mpk")).unwrap()).unwrap().config;
    let graph = LifGraph::from_bytes(&std::fs::read(format!("{MODEL}model.lif")).unwrap()).unwrap();
    let name = |population: usize| layer(&graph.populations[population].name, config.channels.len() - 1);
    let mut counts = SpikeCounts::new(&config);
    counts.images = IMAGES as usize;
    for (index, population) in graph.populations.iter().enumerate().filter(|(_, p)| !matches!(p.model, NeuronModel::Readout { .. })) {
        let empty = vec![vec![0; population.shape.pixels()]; config.steps];
        counts.layers.insert(name(index), LayerSpikes { neurons: population.shape.neurons(), counts: empty });
    }

    let engine = Engine::new(&graph).unwrap();
    let (mut state, inputs) = (engine.state(), engine.inputs(&[]).unwrap());
    let mut simulated = vec![0; graph.projections.len()];
    for image in 0..IMAGES {
        let drawing = engine.draw(&mut state, 1, image, &inputs, Record { events: true, ..Record::default() });
        simulated.iter_mut().zip(&drawing.synaptic_operations).for_each(|(sum, count)| *sum += count);
        for event in &drawing.events {
            let places = graph.population(event.population).shape.pixels();
            let layer = counts.layers.get_mut(&name(event.population.index())).unwrap();
            layer.counts[event.step as usize][event.neuron as usize % places] += 1;
        }
    }

    let counted = operations::generation(&config, &counts);
    let mut compared = 0;
    for (projection, &simulated) in graph.projections.iter().zip(&simulated) {
        let target = name(projection.target.index());
        if target != "z" {
            let layer = counted.layers.iter().find(|layer| layer.layer == target).unwrap();
            assert!(simulated > 0 && (layer.synaptic_additions * IMAGES as f64 - simulated as f64).abs() < 0.5, "{target}");
            compared += 1;
        }
    }
    assert_eq!(compared, counted.layers.len());
}
