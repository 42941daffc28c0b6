//! What is emitted for SpiNNaker, in the hands of the real tools: PACMAN and sPyNNaker 1!7.4.1, NEST 3.10, and the binary of the
//! machine in an emulator.

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod tools;

use fsvae_checkpoint::{Checkpoint, NetworkConfig};
use fsvae_compile::{FloatEngine, compile, verify};
use lif_graph::philox::philox4x32_10;
use lif_graph::{Interpreter, LifGraph, SpikeTrain};
use lif_map::Mode;
use lif_netlist::spinnaker::arithmetic::{Constants, Neuron, SMALLEST_PART};
use lif_netlist::spinnaker::machine::{Arithmetic, Machine, Spikes, Stimulus};
use lif_netlist::spinnaker::{Netlist, RoleRow, VertexRow};
use lif_netlist::{NetlistFile, backend};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tools::Environment;

fn chip() -> lif_chip::Chip {
    lif_chip::find("spinnaker").unwrap()
}

/// Latent 32, k 8, 32x32 images, 16 steps.
fn small_config() -> NetworkConfig {
    NetworkConfig { channels: vec![8, 12, 16, 24], latent: 32, ways: 8, ..NetworkConfig::fsvae(1) }
}

/// The same with a decoder that loses a quarter of its membranes in a step, which is one tick and not two.
fn slower_config() -> NetworkConfig {
    NetworkConfig { decoder_decay: Some(0.75), ..small_config() }
}

fn tiny_config() -> NetworkConfig {
    NetworkConfig { image_size: 8, channels: vec![3, 5], latent: 4, ways: 3, steps: 4, ..NetworkConfig::fsvae(1) }
}

fn compiled(config: NetworkConfig, name: &str) -> LifGraph {
    compile(&common::checkpoint(config, 5), &chip(), name).unwrap().graph
}

fn emitted(graph: &LifGraph, mode: Mode) -> Vec<NetlistFile> {
    backend("spinnaker").unwrap().with_schedule(mode).unwrap().emit(graph, &chip()).unwrap()
}

fn shipped() -> Checkpoint {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/fashion-mnist/model.mpk");
    Checkpoint::from_bytes(&std::fs::read(path).unwrap()).unwrap()
}

/// Placements and routing tables of three networks, one of them on three boards: not a word from PACMAN.
#[test]
fn pacman_accepts_what_we_place_and_route() {
    let folder = tempfile::tempdir().unwrap();
    let graphs = [
        compiled(small_config(), "small"),
        compile(&shipped(), &chip(), "shipped").unwrap().graph,
        compiled(NetworkConfig::fsvae_large(3), "large"),
    ];
    let mut words = vec!["-m", "fsvae_spinnaker.pacman_check"];
    for graph in &graphs {
        let texts: Vec<NetlistFile> = emitted(graph, Mode::Buffered).into_iter().filter(|file| file.name.ends_with(".json")).collect();
        std::fs::create_dir(folder.path().join(&graph.name)).unwrap();
        tools::write(&texts, &folder.path().join(&graph.name));
        words.push(&graph.name);
    }
    let (_, reports) = tools::json_of(Environment::Spynnaker, folder.path(), &words);
    for (graph, report) in graphs.iter().zip(reports.as_array().unwrap()) {
        assert_eq!(report["problems"], json!([]), "{}", graph.name);
        println!("{}: {report}", graph.name);
    }
}

/// The small FSVAE on sPyNNaker's virtual board, with both kinds of decays: cores, rows of synapses, parameters and binaries are those of the netlist.
#[test]
fn spynnaker_maps_the_small_network() {
    for (config, ring_shift) in [(small_config(), 1), (slower_config(), 2)] {
        let (folder, graph) = (tempfile::tempdir().unwrap(), compiled(config, "small"));
        tools::write(&emitted(&graph, Mode::Buffered), folder.path());
        tools::write_events(&graph, &trains(&graph, 1), &folder.path().join("events.npz"));
        let words = ["-m", "fsvae_spinnaker", ".", "--engine", "virtual", "--events", "events.npz", "--json"];
        let (code, summary) = tools::json_of(Environment::Spynnaker, folder.path(), &words);
        assert_eq!((code, &summary["first_differences"]), (Some(0), &json!([])));
        println!("{}", summary["compared"]);
        let netlist: Netlist = serde_json::from_slice(&std::fs::read(folder.path().join("netlist.json")).unwrap()).unwrap();
        assert_eq!(summary["compared"]["placements"], json!(netlist.slices.len()));
        assert_eq!(summary["compared"]["synapses"], json!(netlist.edges.iter().map(|edge| edge.count).sum::<usize>()));
        assert_eq!(summary["compared"]["binaries"], json!(netlist.slices.len()));
        let shift_of = |row: &VertexRow| match &row.role {
            RoleRow::Neurons { constants, .. } => Some(constants.ring_shift),
            _ => None,
        };
        assert!(netlist.vertices.iter().filter_map(shift_of).all(|shift| shift == ring_shift));
        let computing =
            netlist.slices.iter().filter(|slice| netlist.vertices.iter().any(|row| row.name == slice.vertex && is_neurons(row)));
        // nine of a neuron and its threshold; of a core its tick and that of its inputs
        let parameters = computing.map(|slice| 10 * (slice.neurons[1] - slice.neurons[0] + 1) + 2).sum::<u32>();
        assert_eq!(summary["compared"]["parameters"], json!(parameters));
    }
}

fn is_neurons(row: &VertexRow) -> bool {
    matches!(row.role, RoleRow::Neurons { .. })
}

/// The comparison above is worth something: one weight, one target, one threshold, one core, and it says which.
#[test]
fn spynnaker_has_another_network_than_a_changed_one() {
    let (folder, graph) = (tempfile::tempdir().unwrap(), compiled(tiny_config(), "tiny"));
    tools::write(&emitted(&graph, Mode::Buffered), folder.path());
    tools::write_events(&graph, &trains(&graph, 1), &folder.path().join("events.npz"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spinnaker/altered.py");
    let (_, words) = tools::json_of(Environment::Spynnaker, folder.path(), &[script, ".", "events.npz"]);
    let words = words.as_object().unwrap();
    assert_eq!(words["nothing"], json!([]));
    for (change, said) in ["weight", "target", "threshold", "placement"].into_iter().zip(["bits", "bits", "thresholds", "was asked for"]) {
        let differences = words[change].as_array().unwrap();
        assert!(differences.len() == 1 && differences[0].as_str().unwrap().contains(said), "{change}: {differences:?}");
    }
}

/// What every population fires in image 0, by the reference interpreter.
fn trains(graph: &LifGraph, seed: u64) -> BTreeMap<String, SpikeTrain> {
    let run = Interpreter::new(graph, seed, 0).run();
    let train = |population: usize| run.spikes.iter().map(|step| step[population].clone()).collect();
    graph.populations.iter().enumerate().map(|(index, population)| (population.name.clone(), train(index))).collect()
}

/// NEST's spikes of image 0.
fn in_nest(
    files: &[NetlistFile],
    graph: &LifGraph,
    trains: &BTreeMap<String, SpikeTrain>,
    seed: u64,
    threads: &str,
) -> (Netlist, Spikes, Value) {
    let folder = tempfile::tempdir().unwrap();
    tools::write(files, folder.path());
    tools::write_events(graph, trains, &folder.path().join("events.npz"));
    let seed = seed.to_string();
    let words =
        ["-m", "fsvae_spinnaker", ".", "--events", "events.npz", "--seed", &seed, "--threads", threads, "--out", "spikes.npz", "--json"];
    let (code, summary) = tools::json_of(Environment::Nest, folder.path(), &words);
    assert_eq!(code, Some(0), "{summary}");
    let netlist: Netlist = serde_json::from_slice(&files[0].bytes).unwrap();
    let spikes = tools::read_spikes(&netlist, &folder.path().join("spikes.npz"));
    (netlist, spikes, summary)
}

/// Our machine in real numbers and NEST: the same spikes at the same ticks; every vertex fires. Gives how many spikes there were.
fn equals_nest(graph: &LifGraph, mode: Mode, seed: u64, threads: &str) -> usize {
    let (files, given) = (emitted(graph, mode), trains(graph, seed));
    let machine = Machine::load(&files, &chip()).unwrap();
    let ours = machine.run(Arithmetic::Real, &Stimulus { seed, image: 0, given: &given });
    let (netlist, nests, summary) = in_nest(&files, graph, &given, seed, threads);
    let mut all = 0;
    for (vertex, row) in netlist.vertices.iter().enumerate().filter(|(vertex, _)| tools::is_computed(&netlist, *vertex)) {
        let last = (row.first_tick + netlist.schedule.steps * netlist.schedule.ticks_per_step - 1) as usize;
        let count = ours[vertex].iter().take(last).map(Vec::len).sum::<usize>();
        assert!(count > 0, "{} is silent", row.name);
        for tick in 0..last.min(netlist.schedule.ticks_per_image as usize) {
            assert_eq!(ours[vertex][tick], nests[vertex][tick], "{}, seed {seed}, tick {}", row.name, tick + 1);
        }
        all += count;
    }
    println!("{} {mode}, seed {seed}: {all} spikes in {} s, no difference", graph.name, summary["seconds"]);
    all
}

/// Three seeds, and one of them with two threads.
fn three_seeds(config: NetworkConfig, mode: Mode, ticks_per_step: u32) {
    let graph = compiled(config, "small");
    let netlist: Netlist = serde_json::from_slice(&emitted(&graph, mode)[0].bytes).unwrap();
    assert_eq!(netlist.schedule.ticks_per_step, ticks_per_step);
    let counts = [1, 2, 3].map(|seed| equals_nest(&graph, mode, seed, "1"));
    assert_eq!(equals_nest(&graph, mode, 1, "2"), counts[0]);
}

#[test]
fn nest_runs_the_decoder() {
    three_seeds(small_config(), Mode::Buffered, 2);
    three_seeds(slower_config(), Mode::Buffered, 1);
}

#[test]
fn nest_runs_the_whole_loop() {
    three_seeds(small_config(), Mode::Substep, 4);
}

/// At full size: decoder and whole loop.
#[test]
fn nest_runs_the_shipped_model() {
    let graph = compile(&shipped(), &chip(), "shipped").unwrap().graph;
    equals_nest(&graph, Mode::Buffered, 1, "2");
    equals_nest(&graph, Mode::Substep, 1, "2");
}

/// The machine's own code, in an emulator, with the constants of both schedules: 35,000 steps, each with its membrane and its spike.
#[test]
fn the_binary_computes_what_we_say() {
    if !tools::has_emulator() {
        println!("left out: there is no emulator for this machine (unicorn)");
        return;
    }
    let others = [Constants::root(8192, 15, 4), Constants::root(26_214, 15, 3), Constants::GATE];
    let cases: Vec<Constants> = (1..=SMALLEST_PART).map(Constants::losing).chain(others).collect();
    let random = |case: usize, step: u32| philox4x32_10([step, case as u32, 0, 0], [7, 7]);
    let of_case = |(case, constants): (usize, &Constants)| {
        let inputs: Vec<[u16; 2]> = (0..5000u32)
            .map(|step| {
                let [a, b, c, _] = random(case, step);
                // mostly what a network has, and now and then all that a ring buffer holds
                let bits = if c.is_multiple_of(8) { 16 } else { 11 };
                if c % 4 == 3 { [0, 0] } else { [(a >> (32 - bits)) as u16, (b >> (32 - bits)) as u16] }
            })
            .collect();
        (*constants, 600 << constants.unit_shift, inputs)
    };
    let cases: Vec<(Constants, i32, Vec<[u16; 2]>)> = cases.iter().enumerate().map(of_case).collect();
    let told: Vec<Value> = cases
        .iter()
        .map(|(constants, threshold, inputs)| {
            let shifted: Vec<[u32; 2]> = inputs.iter().map(|sums| sums.map(|sum| u32::from(sum) << constants.ring_shift)).collect();
            json!({"tau_m": constants.tau_m, "cm": constants.cm, "threshold": threshold, "inputs": shifted})
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cases.json"), serde_json::to_vec(&told).unwrap()).unwrap();
    let (_, found) = tools::json_of(Environment::Spynnaker, folder.path(), &["-m", "fsvae_spinnaker.arm", "cases.json"]);
    let (mut steps, mut spikes) = (0, 0);
    for ((constants, threshold, inputs), found) in cases.iter().zip(found.as_array().unwrap()) {
        assert_eq!((&found["r"], &found["exp_tc"]), (&json!(constants.r), &json!(constants.exp_tc)), "{constants:?}");
        let (neuron, mut v) = (Neuron { constants: *constants, threshold: *threshold }, 0);
        for (sums, theirs) in inputs.iter().zip(found["steps"].as_array().unwrap()) {
            let fires = neuron.tick(&mut v, sums[0], sums[1]);
            assert_eq!(&json!([v, fires]), theirs, "{constants:?}, step {steps}");
            (steps, spikes) = (steps + 1, spikes + u32::from(fires));
        }
    }
    println!("{steps} steps, {spikes} spikes");
    assert!(steps == 35_000 && (1000..34_000).contains(&spikes));
}

/// The shipped model in the machine's arithmetic fires as the float network does, and no ring buffer can saturate.
#[test]
fn the_shipped_model_agrees_with_its_floats() {
    let compiled = compile(&shipped(), &chip(), "shipped").unwrap();
    let engine = FloatEngine::from(&compiled.float);
    let verification = verify(&engine, &compiled.graph, compiled.float.config.threshold, 4, 1, || {});
    for layer in &verification.layers {
        println!("{}: {:.3} %", layer.population, layer.agreement_percent);
    }
    assert!(verification.holds(), "{verification:#?}");
    let netlist: Netlist = serde_json::from_slice(&emitted(&compiled.graph, Mode::Buffered)[0].bytes).unwrap();
    for row in &netlist.vertices {
        if let RoleRow::Neurons { worst_ring, .. } = &row.role {
            println!("{}: at most {} excitatory and {} inhibitory of 65535", row.name, worst_ring.excitatory, worst_ring.inhibitory);
        }
    }
}

/// The command, as a user runs it: six files beside the graph, in a folder of the target's name; and the runner's errors.
#[test]
fn the_command_and_the_runner() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.mpk"), common::checkpoint(tiny_config(), 5).to_bytes()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fsvae-compile"));
    let output = command.current_dir(folder.path()).args(["tiny.mpk", "--target", "spinnaker", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let netlist = folder.path().join("tiny-spinnaker");
    let mut names: Vec<String> =
        std::fs::read_dir(&netlist).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected = [
        "arrays.npz",
        "compressed_tables.json",
        "netlist.json",
        "placements.json",
        "routing_tables.json",
        "synapses.npz",
        "tiny.lif",
        "tiny.reconstruct.lif",
    ];
    assert_eq!(names, expected);

    // the picture that NEST's spikes give is that of the graph's integers for the same spikes
    let graph = LifGraph::from_bytes(&std::fs::read(netlist.join("tiny.lif")).unwrap()).unwrap();
    tools::write_events(&graph, &trains(&graph, 1), &folder.path().join("events.npz"));
    let words = ["-m", "fsvae_spinnaker", "tiny-spinnaker", "--events", "events.npz", "--out", "spikes.npz", "--json"];
    let (code, _) = tools::json_of(Environment::Nest, folder.path(), &words);
    assert_eq!(code, Some(0));
    let rows: Netlist = serde_json::from_slice(&std::fs::read(netlist.join("netlist.json")).unwrap()).unwrap();
    assert_eq!(tools::picture(&folder.path().join("spikes.npz"), "readout"), picture_of(&graph, &rows, &folder.path().join("spikes.npz")));

    let mut messages = String::new();
    let mut refused = |what: &str, words: &[&str]| {
        let output = tools::python(Environment::Nest, folder.path(), &[&["-m", "fsvae_spinnaker"][..], words].concat());
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]), "{what}");
        messages += &format!("{what}\n{}\n", String::from_utf8_lossy(&output.stderr));
    };
    refused("no folder", &["nowhere", "--events", "events.npz"]);
    refused("no spikes for the picks", &["tiny-spinnaker"]);
    refused("no events", &["tiny-spinnaker", "--events", "tiny-spinnaker/netlist.json"]);
    refused("no place for results", &["tiny-spinnaker", "--events", "events.npz", "--out", "nowhere/spikes.npz"]);
    refused("more images than were drawn", &["tiny-spinnaker", "--events", "events.npz", "--images", "3"]);
    let mut longer = trains(&graph, 1);
    longer.values_mut().for_each(|train| train.push(train[0].clone()));
    tools::write_events(&graph, &longer, &folder.path().join("longer.npz"));
    refused("a step too many", &["tiny-spinnaker", "--events", "longer.npz"]);
    let another = compiled(NetworkConfig { steps: 3, ..tiny_config() }, "another");
    tools::write_events(&another, &trains(&another, 1), &folder.path().join("another.npz"));
    refused("spikes of another network", &["tiny-spinnaker", "--events", "another.npz"]);
    refused("no sPyNNaker here", &["tiny-spinnaker", "--events", "events.npz", "--engine", "virtual"]);
    for (what, from, to) in
        [("no schedule", "\"schedule\"", "\"shedule\""), ("an unknown role", "\"role\": \"clock\"", "\"role\": \"clerk\"")]
    {
        let text = std::fs::read_to_string(netlist.join("netlist.json")).unwrap();
        std::fs::write(netlist.join("netlist.json"), text.replacen(from, to, 1)).unwrap();
        refused(what, &["tiny-spinnaker", "--events", "events.npz"]);
        std::fs::write(netlist.join("netlist.json"), text).unwrap();
    }
    std::fs::write(netlist.join("synapses.npz"), &std::fs::read(netlist.join("synapses.npz")).unwrap()[..300]).unwrap();
    refused("half the synapses", &["tiny-spinnaker", "--events", "events.npz"]);
    std::fs::write(netlist.join("netlist.json"), "{\"format\": \"lif-netlist/spinnaker\", \"version\": 2}").unwrap();
    refused("a later version", &["tiny-spinnaker"]);
    insta::assert_snapshot!("errors", messages);
}

/// The read-out's bytes, by the reference interpreter, when the layer before it fires as it did in a file of spikes.
fn picture_of(graph: &LifGraph, netlist: &Netlist, path: &std::path::Path) -> Vec<u8> {
    let spikes = tools::read_spikes(netlist, path);
    let readout = graph.find("readout").unwrap();
    let (_, projection) = graph.projections_into(readout).next().unwrap();
    let source = graph.population(projection.source);
    let vertex = netlist.vertices.iter().position(|row| row.name == source.name).unwrap();
    let (first, beat) = (netlist.vertices[vertex].first_tick as usize - 1, netlist.schedule.ticks_per_step as usize);
    let step =
        |step: usize| (0..source.shape.neurons() as u32).map(|neuron| spikes[vertex][first + step * beat].contains(&neuron)).collect();
    let train = (0..graph.steps as usize).map(step).collect();
    Interpreter::new(graph, 1, 0).with_forced(projection.source, train).run().pixels[readout.index()].clone().unwrap()
}
