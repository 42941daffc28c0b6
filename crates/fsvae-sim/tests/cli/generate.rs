//! `fsvae-sim generate` as a user runs it.

use crate::folder::Folder;
use crate::network::{TINY, Widths, fsvae};
use crate::paper::PAPER;
use fsvae_sim::fingerprint::{Fingerprint, of_image};
use lif_graph::{Interpreter, LifGraph, NeuronModel, PopulationId};
use lif_sim::{Drawing, Event};
use serde_json::Value;
use std::fs;

fn json(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "one object on one line: {text}");
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_picture_a_table_and_nothing_else() {
    let folder = Folder::with_model(&fsvae(&TINY));
    let output = folder.run("generate model.lif --count 5");
    insta::assert_snapshot!(output.stdout_without_rate());
    assert_eq!(output.stderr, "");
    assert_eq!(folder.files(), ["images.png", "model.lif"]);
    let (width, height, pixels) = folder.png("images.png");
    assert_eq!((width, height, pixels.len()), (3 * 34 + 2, 2 * 34 + 2, 104 * 70));
}

#[test]
fn the_summary_as_json() {
    let graph = fsvae(&TINY);
    let folder = Folder::with_model(&graph);
    let mut summary = json(&folder.run("generate model.lif --count 3 --seed 9 --out a.png --events b.npz --json").stdout);
    assert!(summary["images_per_second"].as_f64().expect("a number") > 0.0);
    summary["images_per_second"] = "a number above 0".into();
    insta::assert_json_snapshot!(summary);
    let sum =
        |field: &str| summary["populations"].as_array().expect("rows").iter().map(|row| row[field].as_u64().expect("a count")).sum::<u64>();
    assert_eq!(summary["spikes"], sum("spikes"));
    assert_eq!(summary["synaptic_operations"], sum("synaptic_operations"));
    assert_eq!(folder.files(), ["a.png", "b.npz", "model.lif"]);
}

#[test]
fn events_without_a_file_stand_beside_the_picture() {
    let folder = Folder::with_model(&fsvae(&TINY));
    fs::create_dir(folder.path("out")).expect("a folder");
    let summary = json(&folder.run("generate model.lif --count 2 --out out/a.png --json --events").stdout);
    assert_eq!(summary["files"], serde_json::json!({ "picture": "out/a.png", "events": "out/events.csv" }));
    let text = fs::read_to_string(folder.path("out/events.csv")).expect("a text");
    assert_eq!(text.lines().next(), Some("image,step,population,neuron"));
    assert_eq!(text.lines().count() as u64 - 1, summary["spikes"].as_u64().expect("a count"));
}

#[test]
fn the_same_bytes_at_any_number_of_threads() {
    for widths in [TINY, PAPER] {
        let folder = Folder::with_model(&fsvae(&widths));
        let mut runs = vec![];
        for threads in [1, 2, 3] {
            let mut fingerprints = vec![];
            for kind in ["npz", "csv"] {
                let command = format!(
                    "generate model.lif --count 17 --seed 5 --json --threads {threads} --out {threads}.png --events {threads}.{kind}"
                );
                fingerprints.push(json(&folder.run(&command).stdout)["fingerprint"].clone());
            }
            fingerprints.push(json(&folder.run("generate model.lif --count 17 --seed 5 --json").stdout)["fingerprint"].clone());
            let files = ["png", "npz", "csv"].map(|kind| fs::read(folder.path(&format!("{threads}.{kind}"))).expect("a file"));
            runs.push((fingerprints, files));
        }
        assert!(runs[0].0.iter().all(|fingerprint| *fingerprint == runs[0].0[0]), "with events or without");
        assert!(runs[1..].iter().all(|run| *run == runs[0]));
    }
}

#[test]
fn other_seeds_and_other_counts() {
    let folder = Folder::with_model(&fsvae(&TINY));
    let fingerprint = |options: &str| json(&folder.run(&format!("generate model.lif --json {options}")).stdout)["fingerprint"].to_string();
    assert_ne!(fingerprint("--count 4"), fingerprint("--count 4 --seed 2"));
    assert_ne!(fingerprint("--count 4"), fingerprint("--count 5"));
    assert_eq!(fingerprint(""), fingerprint("--count 64 --seed 1"));
    folder.run("generate model.lif --count 4 --events 4.csv");
    folder.run("generate model.lif --count 9 --events 9.csv");
    let [few, many] = ["4.csv", "9.csv"].map(|file| fs::read_to_string(folder.path(file)).expect("a text"));
    assert!(many.starts_with(&few), "an image does not depend on those drawn after it");
}

/// What the interpreter says about image `image` of seed 1.
fn interpreted(graph: &LifGraph, image: u64) -> Drawing {
    let run = Interpreter::new(graph, 1, image).run();
    let mut events = vec![];
    for (step, populations) in (0..).zip(&run.spikes) {
        for (population, spikes) in (0..).map(PopulationId).zip(populations) {
            let fired = (0..).zip(spikes).filter(|(_, fired)| **fired);
            events.extend(fired.map(|(neuron, _)| Event { step, population, neuron }));
        }
    }
    let pixels = run.pixels.into_iter().flatten().next().expect("a read-out");
    Drawing { image, pixels, spikes: vec![], synaptic_operations: vec![], membranes: vec![], events }
}

fn equals_the_interpreter(widths: &Widths, count: u64) {
    let graph = fsvae(widths);
    let folder = Folder::with_model(&graph);
    run_equals_the_interpreter(&graph, &folder, &format!("generate model.lif --count {count}"), count);
}

fn run_equals_the_interpreter(graph: &LifGraph, folder: &Folder, command: &str, count: u64) {
    let summary = json(&folder.run(&format!("{command} --json --events")).stdout);
    let (mut fingerprint, mut text, mut pixels) = (Fingerprint::default(), String::from("image,step,population,neuron\n"), vec![]);
    for image in 0..count {
        let drawing = interpreted(graph, image);
        fingerprint.add(of_image(&drawing));
        for Event { step, population, neuron } in drawing.events {
            text += &format!("{image},{step},{},{neuron}\n", graph.population(population).name);
        }
        pixels.push(drawing.pixels);
    }
    assert!(text == fs::read_to_string(folder.path("events.csv")).expect("a text"), "events differ");
    assert_eq!(summary["fingerprint"], fingerprint.finish());
    let readout = graph.populations.iter().find(|population| matches!(population.model, NeuronModel::Readout { .. }));
    let channels = readout.expect("a read-out").shape.channels as usize;
    assert_eq!(folder.pictures("images.png", count as usize, channels), pixels);
}

/// The model that needs no file: sixteen images, every spike and every pixel.
#[test]
fn the_shipped_model_equals_the_interpreter() {
    let bytes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/fashion-mnist/model.lif")).expect("the shipped model");
    let graph = LifGraph::from_bytes(&bytes).expect("a well-formed graph");
    run_equals_the_interpreter(&graph, &Folder::empty(), "generate --count 16", 16);
}

/// Sixteen images of a network of full size, every spike and every pixel.
#[test]
fn the_full_size_network_equals_the_interpreter() {
    equals_the_interpreter(&PAPER, 16);
}

#[test]
fn a_colour_network_equals_the_interpreter() {
    equals_the_interpreter(&Widths { image: 3, ..TINY }, 3);
}

/// The arrays say what the text says.
#[test]
fn npz_equals_csv() {
    use ndarray::Array1;
    let graph = fsvae(&TINY);
    let folder = Folder::with_model(&graph);
    folder.run("generate model.lif --count 6 --events a.NPZ");
    folder.run("generate model.lif --count 6 --events a.csv");
    let mut arrays = ndarray_npy::NpzReader::new(fs::File::open(folder.path("a.NPZ")).expect("a file")).expect("an archive");
    let image: Array1<u32> = arrays.by_name("image").expect("u32");
    let step: Array1<u16> = arrays.by_name("step").expect("u16");
    let population: Array1<u16> = arrays.by_name("population").expect("u16");
    let neuron: Array1<u32> = arrays.by_name("neuron").expect("u32");
    let mut text = String::from("image,step,population,neuron\n");
    for index in 0..image.len() {
        let name = &graph.populations[usize::from(population[index])].name;
        text += &format!("{},{},{name},{}\n", image[index], step[index], neuron[index]);
    }
    assert_eq!(text, fs::read_to_string(folder.path("a.csv")).expect("a text"));
}
