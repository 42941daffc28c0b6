//! What is emitted for Loihi, run by Lava itself (lava-nc 0.10.0): every spike of every process at every tick, and every membrane, as
//! the reference interpreter has them.

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod lava;
mod trace;

use cases::Case;
use fsvae_checkpoint::NetworkConfig;
use lif_graph::*;
use lif_netlist::loihi::Process;
use lif_netlist::{NetlistFile, backend};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use trace::{Given, expected, first_difference};

fn emitted(graph: &LifGraph) -> Vec<NetlistFile> {
    backend("loihi").unwrap().emit(graph, &lif_chip::find("loihi").unwrap()).unwrap()
}

/// Three seeds without a difference. Every LIF population fires, and not always.
fn equal(graph: &LifGraph, given: impl Fn(u64) -> Given) {
    let (files, mut lived) = (emitted(graph), vec![[false; 2]; graph.populations.len()]);
    let netlist = lava::netlist(&files);
    for seed in [1, 2, 3] {
        let given = given(seed);
        let ours = expected(graph, &netlist, seed, 0, &given);
        assert_eq!(first_difference(&ours, &lava::run(&files, seed, &given)), None, "{}, seed {seed}", graph.name);
        for (population, lived) in graph.populations.iter().zip(&mut lived) {
            let trace = ours.iter().find(|trace| trace.name == population.name).unwrap();
            trace.spikes.iter().flatten().for_each(|&fires| lived[usize::from(fires)] = true);
        }
    }
    for (population, lived) in graph.populations.iter().zip(lived) {
        let fires = !matches!(population.model, NeuronModel::Readout { .. });
        assert_eq!(lived, [true, fires], "{}: {}", graph.name, population.name);
    }
}

fn case(case: Case) {
    equal(&case.graph, |seed| case.given(seed));
}

#[test]
fn dense_layers() {
    case(cases::dense());
    case(cases::mostly_zero());
}

#[test]
fn convolutions() {
    case(cases::convolution());
    case(cases::transposed_convolution());
}

#[test]
fn the_read_out() {
    case(cases::readout());
}

#[test]
fn synapses_that_wait() {
    case(cases::shortcuts());
}

#[test]
fn a_layer_that_hears_itself() {
    case(cases::recurrent());
}

#[test]
fn the_prior_with_its_picks() {
    case(cases::prior());
}

/// Compiled from a checkpoint, as a user's model is.
#[test]
fn a_complete_fsvae() {
    let config = NetworkConfig { channels: vec![8, 12, 16, 24], latent: 32, ways: 8, ..NetworkConfig::fsvae(1) };
    let chip = lif_chip::find("loihi").unwrap();
    let compiled = fsvae_compile::compile(&common::checkpoint(config, 5), &chip, "small").unwrap();
    assert_eq!((compiled.graph.steps, compiled.graph.populations.last().unwrap().shape.pixels()), (16, 1024));
    equal(&compiled.graph, |_| vec![]);
}

/// The equalities above are worth something: the smallest change of a netlist that can matter is seen, and where.
#[test]
fn one_weight_one_threshold_one_selector_one_phase() {
    let graph = cases::prior().graph;
    let files = emitted(&graph);
    let ours = expected(&graph, &lava::netlist(&files), 1, 0, &vec![]);
    let found = |files: &[NetlistFile]| first_difference(&ours, &lava::run(files, 1, &vec![])).expect("a difference");
    let changed = |population: &str, change: &dyn Fn(&mut i32, &mut u64)| {
        lava::with_netlist(&files, |netlist| {
            for process in &mut netlist.processes {
                if let Process::PhasedLIF { name, vth, first_tick, .. } = process
                    && name == population
                {
                    change(vth, first_tick);
                }
            }
        })
    };
    let trace = |name: &str| ours.iter().find(|trace| trace.name == name).unwrap();
    // a synapse whose source fires and whose target does not
    let (tick, source) = first_spike(&trace("prior.0").spikes);
    let target = trace("prior.1").spikes[tick + 1].iter().position(|fires| !fires).unwrap();
    let weight = lava::with_array::<i16>(&files, "projections/1-prior.0-to-prior.1/weights", |weights| weights[[target, source]] += 2);
    // just below the highest membrane that did not fire
    let highest = *trace("prior.2").membranes.iter().flatten().flatten().max().unwrap();
    assert!(highest > 0);
    let threshold = changed("prior.2", &|vth, _| *vth = (highest - 1) >> 6);
    // the gates of two ways, one of them picked first, listen to each other's picks
    let (_, picked) = first_spike(&trace("select.picks").spikes);
    let other = picked ^ 1;
    let selector = lava::with_array::<i32>(&files, "populations/3-select/picks/indices", |picks| {
        (picks[[picked]], picks[[other]]) = (other as i32, picked as i32);
    });
    let phase = changed("prior.1", &|_, first_tick| *first_tick += 1);
    let all = [("weight", weight), ("threshold", threshold), ("selector", selector), ("phase", phase)];
    let lines: Vec<String> = all.iter().map(|(what, files)| format!("{what}: {}", found(files))).collect();
    insta::assert_snapshot!("changes", lines.join("\n"));
}

/// Tick, counted from 0, and neuron.
fn first_spike(spikes: &[Vec<bool>]) -> (usize, usize) {
    let neuron = |row: &Vec<bool>| row.iter().position(|&fires| fires);
    spikes.iter().enumerate().find_map(|(tick, row)| neuron(row).map(|neuron| (tick, neuron))).unwrap()
}

/// Its spikes and picture have the fingerprint that `fsvae-sim generate --count 1 --seed 1` prints.
#[test]
fn the_shipped_model() {
    let folder = tempfile::tempdir().unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/fashion-mnist/model.lif");
    let graph = LifGraph::from_bytes(&std::fs::read(model).unwrap()).unwrap();
    lava::write(&emitted(&graph), folder.path());
    let output = lava::fsvae_lava(folder.path(), &[".", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["fingerprint"], fingerprint(&graph, 1));
}

/// That of one image, by the documentation of `fsvae-sim`.
fn fingerprint(graph: &LifGraph, seed: u64) -> String {
    let mut spikes = Vec::new();
    let run = Interpreter::new(graph, seed, 0).run();
    for (step, populations) in run.spikes.iter().enumerate() {
        for (population, neurons) in populations.iter().enumerate() {
            let fired = neurons.iter().enumerate().filter(|(_, fired)| **fired);
            spikes.extend(fired.map(|(neuron, _)| [step as u32, population as u32, neuron as u32]));
        }
    }
    let mut bytes = [0u64.to_le_bytes(), (spikes.len() as u64).to_le_bytes()].concat();
    spikes.iter().flatten().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend(run.pixels.into_iter().flatten().next().unwrap());
    Sha256::digest(Sha256::digest(bytes)).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `--compare`: the simulator's events beside Lava's.
#[test]
fn the_runner_compares() {
    let (folder, graph) = (tempfile::tempdir().unwrap(), cases::prior().graph);
    lava::write(&emitted(&graph), folder.path());
    let mut columns = vec![Vec::new(); 4];
    let run = Interpreter::new(&graph, 1, 0).run();
    for (step, populations) in run.spikes.iter().enumerate() {
        for (population, neurons) in populations.iter().enumerate() {
            let fired = neurons.iter().enumerate().filter(|(_, fired)| **fired);
            fired.for_each(|(neuron, _)| columns.iter_mut().zip([0, step, population, neuron]).for_each(|(all, new)| all.push(new)));
        }
    }
    let compare = |columns: &[Vec<usize>]| {
        let names: Vec<&str> = graph.populations.iter().map(|population| &population.name[..]).collect();
        let [image, step, population, neuron] = [0, 1, 2, 3].map(|column| columns[column].clone());
        let events = json!({"image": image, "step": step, "population": population, "neuron": neuron, "population_names": names});
        let to_npz = format!("import json, numpy; numpy.savez('events.npz', **json.loads({:?}))", events.to_string());
        assert!(lava::python(folder.path(), &["-c", &to_npz]).status.success());
        let output = lava::fsvae_lava(folder.path(), &[".", "--compare", "events.npz", "--json"]);
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), summary["differences"].clone(), summary["first_difference"].clone())
    };
    assert_eq!(compare(&columns), (Some(0), json!(0), Value::Null));
    let last = columns.iter_mut().map(|column| column.pop().unwrap()).collect::<Vec<_>>();
    let place = format!("neuron {} of {} fires in Lava and not in the simulator", last[3], graph.populations[last[2]].name);
    let (code, differences, first) = compare(&columns);
    assert_eq!((code, differences), (Some(1), json!(1)));
    assert!(first.as_str().unwrap().ends_with(&place), "{first}");
}

#[test]
fn errors_of_the_runner() {
    let (folder, files) = (tempfile::tempdir().unwrap(), emitted(&cases::prior().graph));
    let mut messages = String::new();
    let mut refused = |what: &str, files: &[NetlistFile], words: &[&str]| {
        lava::write(files, folder.path());
        let before = std::fs::read_dir(folder.path()).unwrap().count();
        let output = lava::fsvae_lava(folder.path(), words);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]), "{what}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before, "{what}: something was left behind");
        messages += &format!("{what}\n{}\n", String::from_utf8_lossy(&output.stderr));
    };
    let with = |name: &'static str, bytes: Vec<u8>| [&files[..], &[NetlistFile { name, bytes }]].concat();
    refused("no folder", &files, &["nowhere"]);
    refused("half a text", &with("netlist.json", files[0].bytes[..500].to_vec()), &["."]);
    refused("half the arrays", &with("arrays.npz", files[1].bytes[..500].to_vec()), &["."]);
    refused("a later version", &lava::with_netlist(&files, |netlist| netlist.version = 2), &["."]);
    let odd = lava::with_array::<i16>(&files, "projections/1-prior.0-to-prior.1/weights", |weights| weights[[5, 3]] += 1);
    refused("an odd weight", &odd, &["."]);
    let wires = lava::with_netlist(&files, |netlist| netlist.connections[0].to = "prior.0.a_in".into());
    refused("wires of different widths", &wires, &["."]);
    refused("no such membranes", &files, &[".", "--membranes", "prior.9"]);
    refused("no events", &files, &[".", "--compare", "netlist.json"]);
    refused("spikes for nobody", &files, &[".", "--given", "arrays.npz"]);
    refused("no place for results", &files, &[".", "--out", "nowhere/spikes.npz"]);
    refused("no time", &files, &[".", "--images", "10000", "--timeout", "3", "--out", "spikes.npz"]);
    insta::assert_snapshot!("errors", messages);
}
