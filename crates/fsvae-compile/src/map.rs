//! Step 5: the graph to the chip's cores, so that spikes have short ways: the graph is simulated to see who fires how often,
//! on random spikes where it takes spikes from outside, on the calibration's pictures where it takes an image.

use crate::CompileError;
use crate::feedforward::rates::random_spikes;
use lif_chip::Chip;
use lif_graph::{LifGraph, NeuronModel, PopulationId};
use lif_map::{Filling, Mapping, Rates};
use lif_sim::{Engine, GivenSpikes, Inputs, Record};
use rayon::prelude::*;

/// Images that are drawn to count spikes.
const IMAGES: u64 = 16;
/// Their seed, and that of the annealing.
const SEED: u64 = 0x6d61_7070;

/// Maps a graph that passes [`LifGraph::check`].
///
/// # Errors
/// [`CompileError::Map`] with every rule of the chip that cannot be kept.
pub fn map(graph: &LifGraph, chip: &Chip) -> Result<Mapping, CompileError> {
    map_with(graph, chip, &[], Filling::Fewest)
}

/// The same for a graph that takes an image: `pictures` are some that it may see; without any it sees none.
///
/// # Errors
/// Those of [`map`], and [`CompileError::Simulation`] for pictures of another size.
pub fn map_with(graph: &LifGraph, chip: &Chip, pictures: &[Vec<u8>], filling: Filling) -> Result<Mapping, CompileError> {
    // longer trains than these are not needed to see who fires often
    let images = IMAGES.min(u64::from(lif_map::MAX_STEPS / graph.steps)).max(1);
    let rates = Rates::measured(graph, graph.steps * images as u32, &spike_counts(graph, images, pictures)?)?;
    Ok(lif_map::map_filling(graph, chip, &rates, SEED, filling)?)
}

/// Spikes of every neuron, by population, in `images` images; sources fire at random, images are `pictures` in turn.
///
/// # Errors
/// [`CompileError::Simulation`] for a graph that breaks a rule, or pictures of another size.
pub fn spike_counts(graph: &LifGraph, images: u64, pictures: &[Vec<u8>]) -> Result<Vec<Vec<u32>>, CompileError> {
    let engine = Engine::new(graph)?;
    let shown: Vec<Inputs> = match graph.images().next() {
        Some((image, _)) => pictures.iter().map(|pixels| engine.with_image(Inputs::default(), image, pixels)).collect::<Result<_, _>>()?,
        None => vec![],
    };
    let sources: Vec<_> =
        (0..).map(PopulationId::from_index).zip(&graph.populations).filter(|(_, row)| row.model == NeuronModel::Source).collect();
    let given = |image| -> Vec<GivenSpikes> {
        let train = |source: usize, shape| (0..graph.steps).map(|step| random_spikes(shape, source, image, step)).collect();
        sources
            .iter()
            .enumerate()
            .map(|(source, &(population, row))| GivenSpikes { population, neurons: train(source, row.shape) })
            .collect()
    };
    let zeros = || graph.populations.iter().map(|population| vec![0u32; population.shape.neurons()]).collect::<Vec<_>>();
    let draw = |image| {
        let inputs = match shown.get(image as usize % shown.len().max(1)) {
            Some(shown) => shown.clone(),
            None => engine.inputs(&given(image as u32)).expect("the sources are the graph's, and the steps"),
        };
        let mut counts = zeros();
        let drawing = engine.draw(&mut engine.state(), SEED, image, &inputs, Record { events: true, ..Record::default() });
        drawing.events.iter().for_each(|event| counts[event.population.index()][event.neuron as usize] += 1);
        counts
    };
    let add = |mut sum: Vec<Vec<u32>>, counts: Vec<Vec<u32>>| {
        sum.iter_mut().flatten().zip(counts.iter().flatten()).for_each(|(sum, count)| *sum += count);
        sum
    };
    Ok((0..images).into_par_iter().map(draw).reduce(zeros, add))
}
