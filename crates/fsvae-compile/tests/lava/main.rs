//! What is emitted for Loihi, run by Lava itself (lava-nc 0.10.0): every spike of every process at every tick, and every membrane, as
//! the tick-level simulator has them.

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod lava;
#[path = "../../../lif-netlist/tests/random/mod.rs"]
mod random;
mod trace;

use cases::Case;
use fsvae_checkpoint::NetworkConfig;
use lif_chip::Chip;
use lif_graph::random::source_spikes;
use lif_graph::*;
use lif_map::Mode;
use lif_map::schedule::schedule;
use lif_netlist::loihi::{Kind, Netlist};
use lif_netlist::{NetlistFile, backend};
use proptest::prelude::{Just, Strategy};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use trace::{Given, Trace, expected, first_difference};

/// A graph on a chip at a schedule.
struct OnChip<'g> {
    graph: &'g LifGraph,
    chip: Chip,
    mode: Mode,
}

impl<'g> OnChip<'g> {
    fn new(graph: &'g LifGraph, chip: &str, mode: Mode) -> Self {
        Self { graph, chip: lif_chip::find(chip).unwrap(), mode }
    }

    fn emitted(&self) -> Vec<NetlistFile> {
        let loihi = backend("loihi").unwrap().with_schedule(self.mode).unwrap();
        let files = loihi.emit(self.graph, &self.chip).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loihi.read_back(&files, &self.chip).as_ref(), Ok(self.graph), "what was written is not what is read");
        files
    }

    fn expected(&self, netlist: &Netlist, seed: u64, images: usize, given: &Given) -> Trace {
        let schedule = schedule(self.graph, &self.chip, self.mode).unwrap();
        expected(self.graph, &schedule, netlist, seed, images, given)
    }

    /// Three seeds without a difference. Every LIF population fires, and not always.
    fn equal(&self, images: usize, given: impl Fn(u64) -> Given) {
        let (graph, files, mut lived) = (self.graph, self.emitted(), vec![[false; 2]; self.graph.populations.len()]);
        let netlist = lava::netlist(&files);
        for seed in [1, 2, 3] {
            let given = given(seed);
            let ours = self.expected(&netlist, seed, images, &given);
            let found = first_difference(&netlist, &ours, &lava::run(&files, seed, images, &given));
            assert_eq!(found, None, "{} {} {}, seed {seed}", graph.name, self.chip.name, self.mode);
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
}

fn emitted(graph: &LifGraph) -> Vec<NetlistFile> {
    OnChip::new(graph, "loihi2", Mode::Phased).emitted()
}

fn case(case: Case) {
    OnChip::new(&case.graph, "loihi2", Mode::Phased).equal(1, |seed| case.given(seed));
}

/// Stock neurons that follow each other tick by tick, image by image.
fn buffered(case: Case) {
    OnChip::new(&case.graph, "loihi2", Mode::Buffered).equal(3, |seed| case.given(seed));
}

/// Stock neurons that leak at every tick.
fn substep(case: Case) {
    let case = case.clocked();
    OnChip::new(&case.graph, "loihi1", Mode::Substep).equal(1, |seed| case.given(seed));
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

#[test]
fn the_prior_substep() {
    substep(cases::prior());
    substep(cases::recurrent());
}

#[test]
fn layers_that_are_buffered() {
    buffered(cases::shortcuts());
    buffered(cases::readout());
}

#[test]
fn a_generator_in_two_domains() {
    buffered(cases::generator());
    let case = cases::generator().clocked();
    OnChip::new(&case.graph, "loihi1", Mode::Buffered).equal(2, |_| vec![]);
}

/// Whatever graphs there are: all kinds of layers, loops and shortcuts, in every schedule.
#[test]
fn random_graphs() {
    let mut runner = TestRunner::deterministic();
    for number in 0..12 {
        let strategy = random::graphs_and_schedules().prop_flat_map(|graph| {
            let spikes = source_spikes(&graph.0);
            (Just(graph), spikes)
        });
        let ((graph, chip, mode), spikes) = strategy.new_tree(&mut runner).expect("few rejects").current();
        let on_chip = OnChip { graph: &graph, chip, mode };
        let given: Given = spikes.into_iter().map(|(source, train)| (graph.population(source).name.clone(), train)).collect();
        let files = on_chip.emitted();
        let netlist = lava::netlist(&files);
        let found = first_difference(&netlist, &on_chip.expected(&netlist, 3, 2, &given), &lava::run(&files, 3, 2, &given));
        assert_eq!(found, None, "graph {number} on {} {mode}: {}", on_chip.chip.name, graph.to_text());
    }
}

/// Compiled from a checkpoint, as a user's model is.
fn complete(chip: &str, mode: Mode, images: usize) {
    let config = NetworkConfig { channels: vec![8, 12, 16, 24], latent: 32, ways: 8, ..NetworkConfig::fsvae(1) };
    let compiled = fsvae_compile::compile(&common::checkpoint(config, 5), &lif_chip::find(chip).unwrap(), "small").unwrap();
    assert_eq!((compiled.graph.steps, compiled.graph.populations.last().unwrap().shape.pixels()), (16, 1024));
    OnChip::new(&compiled.graph, chip, mode).equal(images, |_| vec![]);
}

#[test]
fn a_complete_fsvae() {
    complete("loihi2", Mode::Phased, 1);
}

#[test]
fn a_complete_fsvae_substep() {
    complete("loihi1", Mode::Substep, 1);
}

#[test]
fn a_complete_fsvae_buffered() {
    complete("loihi2", Mode::Buffered, 2);
}

/// The equalities above are worth something: the smallest change of a netlist that can matter is seen, and where.
#[test]
fn one_weight_one_threshold_one_selector_one_phase() {
    let graph = cases::prior().graph;
    let files = emitted(&graph);
    let netlist = lava::netlist(&files);
    let ours = OnChip::new(&graph, "loihi2", Mode::Phased).expected(&netlist, 1, 1, &vec![]);
    let found = |files: &[NetlistFile]| first_difference(&netlist, &ours, &lava::run(files, 1, 1, &vec![])).expect("a difference");
    let changed = |population: &str, change: &dyn Fn(&mut i32, &mut u64)| {
        lava::with_netlist(&files, |netlist| {
            for process in &mut netlist.processes {
                if let Kind::PhasedLIF { neurons, .. } = &mut process.kind
                    && process.name == population
                {
                    change(&mut neurons.vth, &mut neurons.first_tick);
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
    refused("a later version", &lava::with_netlist(&files, |netlist| netlist.version = 3), &["."]);
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
