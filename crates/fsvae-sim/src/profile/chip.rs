//! The chip that is asked for, and the network on its cores.

use crate::Error;
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_map::{Filling, Mapping, Rates};
use lif_sim::{Batch, Drawing, Engine, Inputs, Record, SimError};

/// A chip file is a page; a longer one is something else.
const MAX_BYTES: u64 = 1 << 20;

/// Images that are drawn to see who fires how often.
const IMAGES: u64 = 16;

/// Their seed, and that of the annealing: those of `fsvae-compile`, so that the mapping is the same.
const SEED: u64 = 0x6d61_7070;

/// By name, or from a file.
pub(super) fn find(target: &str) -> Result<Chip, Error> {
    if !target.ends_with(".toml") {
        return Ok(lif_chip::find(target)?);
    }
    let bytes = fsvae_cli::read_file_limited(target, MAX_BYTES)?;
    Ok(Chip::from_toml(target, &String::from_utf8_lossy(&bytes))?)
}

/// Maps a network that draws by itself, with the rates of a few images.
pub(super) fn map(graph: &LifGraph, engine: &Engine, chip: &Chip, filling: Filling, threads: usize) -> Result<Mapping, Error> {
    let images = IMAGES.min(u64::from(lif_map::MAX_STEPS / graph.steps)).max(1);
    let mut counts: Vec<Vec<u32>> = graph.populations.iter().map(|population| vec![0; population.shape.neurons()]).collect();
    let batch = Batch { seed: SEED, images: 0..images, record: Record { events: true, ..Record::default() } };
    let take = |drawing: Drawing| -> Result<(), SimError> {
        drawing.events.iter().for_each(|event| counts[event.population.index()][event.neuron as usize] += 1);
        Ok(())
    };
    let inputs = Inputs::default();
    engine.workers(threads)?.draw(&batch, |_| &inputs, |drawing| drawing, take)?;
    let rates = Rates::measured(graph, graph.steps * images as u32, &counts)?;
    Ok(lif_map::map_filling(graph, chip, &rates, SEED, filling)?)
}
