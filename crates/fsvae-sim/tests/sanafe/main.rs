//! SANA-FE 2.2.9 runs our netlists: every spike is the same, every energy the same to the femtojoule, every packet has the same way and the same work, and times are compared with both of its models.
//!
//! Installed by `cargo xtask setup` under `target/sanafe`. What differs, and why, is in docs/SANA-FE.md.

mod networks;
mod prior;

use lif_chip::Chip;
use lif_graph::{LifGraph, NeuronModel, PopulationId};
use lif_netlist::sanafe::{self, Driven};
use lif_sim::{Engine, Event, GivenSpikes, Record};
use lif_time::{Clock, Messages, Schedule, Spike};
use networks::Network;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const SEED: u64 = 3;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// SANA-FE on a folder with a netlist.
fn run(folder: &Path, timing: &str) -> Value {
    let python = std::env::var_os("SANAFE_PYTHON").map_or_else(|| workspace().join("target/sanafe/bin/python"), PathBuf::from);
    let mut command = Command::new(&python);
    command.env("PYTHONPATH", workspace().join("targets/sanafe")).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.args(["-m", "fsvae_sanafe", "--timing", timing]).arg(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{} does not start ({error}): run `cargo xtask setup`", python.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one object")
}

/// What our engines say of a driven graph.
struct Ours {
    spikes: Vec<Vec<String>>,
    energy_fj: u64,
    ticks_ps: Vec<u64>,
    operations: u64,
    packets: u64,
    messages: Vec<Message>,
}

/// Tick from 1, neuron, its core, the core that it reached, hops, synapses there, picoseconds of these and until the packet was made.
type Message = (u32, String, String, String, u32, u32, u64, u64);

/// Spikes of the functional engine, timed.
fn ours(driven: &Driven, chip: &Chip, given: &[Vec<Vec<u32>>]) -> Ours {
    let graph = &driven.graph;
    let engine = Engine::new(graph).unwrap();
    let sources = (0..).map(PopulationId).zip(&graph.populations).filter(|(_, row)| row.model == NeuronModel::Source);
    let given: Vec<GivenSpikes> =
        sources.map(|(population, _)| GivenSpikes { population, neurons: given[population.index()].clone() }).collect();
    let inputs = engine.inputs(&given).unwrap();
    let drawing = engine.draw(&mut engine.state(), SEED, 0, &inputs, Record { events: true, ..Record::default() });
    let mut spikes = vec![Vec::new(); graph.steps as usize];
    for Event { step, population, neuron } in &drawing.events {
        spikes[*step as usize].push(format!("p{}.{neuron}", population.0));
    }
    spikes.iter_mut().for_each(|names| names.sort());
    let mapping = sanafe::map(driven, chip).unwrap();
    let clock = Clock::new(graph, &mapping, chip, Schedule::stepped(graph)).unwrap();
    let events: Vec<Spike> =
        drawing.events.iter().map(|event| Spike { step: event.step, population: event.population, neuron: event.neuron }).collect();
    let (mut totals, mut messages) = (clock.totals(), Messages::new(&clock.layout));
    clock.run(&mut clock.state(), &events, &mut totals, &mut messages).unwrap();
    let core = |index: u32| &clock.layout.cores[index as usize];
    let hardware = |index: u32| format!("{}.{}", core(index).x * mapping.system.rows + core(index).y, core(index).number);
    let as_tuple = |message: &lif_time::Message| {
        let (sent, times) = (message.sent, [message.done - message.taken, message.sent.ready - message.sent.begin]);
        let neuron = format!("p{}.{}", core(sent.core).population.0, sent.neuron);
        (message.tick + 1, neuron, hardware(sent.core), hardware(message.to), message.hops, message.synapses, times[0], times[1])
    };
    let mut messages: Vec<Message> = messages.messages.iter().map(as_tuple).collect();
    messages.sort();
    let profile = clock.profile(&totals).unwrap();
    Ours {
        spikes,
        energy_fj: profile.energy_fj.0,
        ticks_ps: profile.ticks.iter().map(|tick| tick.time_ps.0).collect(),
        operations: profile.populations.iter().map(|row| row.synaptic_operations).sum(),
        packets: profile.packets,
        messages,
    }
}

/// Checks a part of all messages, whatever their order.
fn same<T: Ord + std::fmt::Debug>(ours: &[Message], theirs: &[Message], part: impl Fn(&Message) -> T) {
    let [ours, theirs] = [ours, theirs].map(|messages| {
        let mut parts: Vec<T> = messages.iter().map(&part).collect();
        parts.sort();
        parts
    });
    let different = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
    assert_eq!((different, ours.len()), (None, theirs.len()));
}

/// Our time over SANA-FE's, simple and detailed.
struct Ratios {
    name: &'static str,
    simple: f64,
    detailed: f64,
    worst_tick: f64,
    /// All ticks, ours and those of the detailed model.
    picoseconds: [u64; 2],
}

fn compare(network: Network) -> Ratios {
    compare_with(network, None)
}

/// With so much room behind a link, or as the chip file says.
fn compare_with(network: Network, room: Option<u32>) -> Ratios {
    let Network { name, graph, neurons_per_core, spikes } = network;
    let mut chip = lif_chip::find("sanafe-loihi").unwrap();
    chip.core.neurons_per_core = neurons_per_core;
    let costs = chip.costs.as_mut().unwrap();
    costs.link_buffer = room.or(costs.link_buffer);
    let driven = sanafe::driven(&graph).unwrap();
    let mapping = sanafe::map(&driven, &chip).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for file in sanafe::files(&graph, &driven, &mapping, &chip, &spikes).unwrap() {
        std::fs::write(folder.path().join(file.name), file.bytes).unwrap();
    }
    let ours = ours(&driven, &chip, &spikes);
    let [simple, detailed] = ["simple", "detailed"].map(|timing| run(folder.path(), timing));
    for theirs in [&simple, &detailed] {
        let spikes: Vec<Vec<String>> = serde_json::from_value(theirs["spikes"].clone()).unwrap();
        assert_eq!(spikes, ours.spikes, "{name}");
        assert_eq!(theirs["energy_fj"], ours.energy_fj, "{name}");
        assert_eq!(theirs["synaptic_operations"], ours.operations, "{name}");
        assert_eq!(theirs["packets"], ours.packets, "{name}");
        let messages: Vec<Message> = serde_json::from_value(theirs["messages"].clone()).unwrap();
        same(&ours.messages, &messages, |(tick, neuron, from, to, hops, synapses, processing, _)| {
            (*tick, neuron.clone(), from.clone(), to.clone(), *hops, *synapses, *processing)
        });
        // a neuron that reaches several cores sends to them in another order there
        same(&ours.messages, &messages, |(tick, neuron, .., generation)| (*tick, neuron.clone(), *generation));
    }
    assert!(ours.spikes.iter().map(Vec::len).sum::<usize>() > 20, "{name} is quiet");
    let ticks = |theirs: &Value| -> Vec<u64> { serde_json::from_value(theirs["tick_ps"].clone()).unwrap() };
    let picoseconds = [&ours.ticks_ps, &ticks(&detailed)].map(|ticks| ticks.iter().sum::<u64>());
    let ratio = |theirs: &Value| picoseconds[0] as f64 / ticks(theirs).iter().sum::<u64>() as f64;
    let by_tick = ours.ticks_ps.iter().zip(ticks(&detailed)).map(|(&ours, theirs)| ours as f64 / theirs as f64);
    let worst_tick = by_tick.fold(1.0, |worst: f64, ratio| if (ratio - 1.0).abs() > (worst - 1.0).abs() { ratio } else { worst });
    Ratios { name, simple: ratio(&simple), detailed: ratio(&detailed), worst_tick, picoseconds }
}

/// The largest difference from the detailed model where both model the same: reception takes the time.
const ALIKE: f64 = 0.05;

fn check(all: Vec<(Ratios, bool)>) {
    println!("| network | of simple | of detailed | worst tick of detailed |\n|---|---|---|---|");
    all.iter().for_each(|(row, _)| println!("| {} | {:.3} | {:.3} | {:.3} |", row.name, row.simple, row.detailed, row.worst_tick));
    for (Ratios { name, simple, detailed, .. }, alike) in all {
        // the simple model knows no waiting and no travel: nothing can be faster
        assert!(simple >= 0.9999, "{name}: {simple}");
        // and the detailed one estimates waiting too high where packets of a crowd go to different cores
        assert!(detailed < 1.0 + ALIKE, "{name}: {detailed}");
        assert!(!alike || detailed > 1.0 - ALIKE, "{name}: {detailed}");
    }
}

#[test]
fn small_networks_are_the_same_in_sanafe() {
    check(networks::small().into_iter().map(|(network, alike)| (compare(network), alike)).collect());
}

#[test]
fn the_shipped_prior_is_the_same_in_sanafe() {
    let model = LifGraph::from_bytes(&std::fs::read(workspace().join("models/fashion-mnist/model.lif")).unwrap()).unwrap();
    let (graph, spikes) = prior::prior(&model, &prior::latent(&model, SEED, 0));
    // every spike of a layer goes to twelve cores at once: the crowd of docs/SANA-FE.md
    check(vec![(compare(Network { name: "prior of the shipped model", graph, neurons_per_core: 1024, spikes }), false)]);
}

/// Room for every packet changes nothing of ours in these networks. SANA-FE's detailed model gets slower where its estimate counts all
/// packets on the way (the prior), and where it does not, room changes nothing: the difference there is no effect of full buffers, either.
#[test]
fn full_buffers_are_not_what_makes_the_difference() {
    let model = LifGraph::from_bytes(&std::fs::read(workspace().join("models/fashion-mnist/model.lif")).unwrap()).unwrap();
    let small = || networks::small().into_iter().map(|(network, _)| network).find(|network| network.name == "many cores hear one").unwrap();
    let prior = || {
        let (graph, spikes) = prior::prior(&model, &prior::latent(&model, SEED, 0));
        Network { name: "prior of the shipped model", graph, neurons_per_core: 1024, spikes }
    };
    for (little, much, slower) in [(small(), small(), 1.0), (prior(), prior(), 1.2)] {
        let [little, much] = [compare(little), compare_with(much, Some(100_000_000))];
        let [[ours, theirs], [ours_with_room, theirs_with_room]] = [little.picoseconds, much.picoseconds];
        println!("{}: ours {ours}, with room {ours_with_room}; SANA-FE {theirs}, with room {theirs_with_room}", little.name);
        assert_eq!(ours_with_room, ours, "{}", little.name);
        // not quite the same from run to run
        let change = theirs_with_room as f64 / theirs as f64;
        assert!((0.95 * slower..1.15 * slower).contains(&change), "{}: {theirs_with_room} and {theirs}", little.name);
    }
}
