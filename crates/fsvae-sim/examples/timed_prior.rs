//! For `cargo xtask bench timed`: writes the netlist of the shipped model's driven prior for SANA-FE, and times the same network here, spikes and
//! time together, on one thread.
//!
//! `timed_prior FOLDER IMAGES` prints `{"synaptic_operations": ..., "run_seconds": ..., "peak_bytes": ...}`.

#[path = "../tests/sanafe/prior.rs"]
mod prior;

use lif_graph::{LifGraph, NeuronModel, PopulationId};
use lif_netlist::sanafe;
use lif_sim::{Engine, GivenSpikes, Inputs, Record};
use lif_time::{Clock, Schedule, Spike};
use std::error::Error;
use std::time::Instant;

const MODEL: &[u8] = include_bytes!("../../../models/fashion-mnist/model.lif");
const SEED: u64 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, images] = &words[..] else { return Err("usage: timed_prior FOLDER IMAGES".into()) };
    let images: u64 = images.parse()?;
    let model = LifGraph::from_bytes(MODEL)?;
    let (network, spikes) = prior::prior(&model, &prior::latent(&model, SEED, 0));
    let chip = lif_chip::find("sanafe-loihi")?;
    let driven = sanafe::driven(&network).map_err(|misfits| format!("{misfits:?}"))?;
    let mapping = sanafe::map(&driven, &chip)?;
    std::fs::create_dir_all(folder)?;
    for file in sanafe::files(&network, &driven, &mapping, &chip, &spikes)? {
        std::fs::write(std::path::Path::new(folder).join(file.name), file.bytes)?;
    }
    let graph = &driven.graph;
    let engine = Engine::new(graph)?;
    let clock = Clock::new(graph, &mapping, &chip, Schedule::stepped(graph))?;
    let source = graph.populations.iter().position(|row| row.model == NeuronModel::Source).ok_or("a driven prior has a source")?;
    // some different images, so that no branch is learnt by heart
    let inputs: Vec<Inputs> = (0..16)
        .map(|image| {
            engine.inputs(&[GivenSpikes { population: PopulationId::from_index(source), neurons: prior::latent(&model, SEED, image) }])
        })
        .collect::<Result<_, _>>()?;
    let (mut state, mut timing, mut totals) = (engine.state(), clock.state(), clock.totals());
    let mut operations = 0;
    let started = Instant::now();
    for image in 0..images {
        let record = Record { events: true, ..Record::default() };
        let drawing = engine.draw(&mut state, SEED, image, &inputs[image as usize % inputs.len()], record);
        let spikes: Vec<Spike> =
            drawing.events.iter().map(|event| Spike { step: event.step, population: event.population, neuron: event.neuron }).collect();
        clock.run(&mut timing, &spikes, &mut totals, &mut ())?;
        operations += drawing.synaptic_operations.iter().sum::<u64>();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{{\"synaptic_operations\": {operations}, \"run_seconds\": {seconds}, \"peak_bytes\": {}}}", peak_bytes()?);
    Ok(())
}

/// The most memory that this process ever had, as Linux counts it.
fn peak_bytes() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the kernel does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
