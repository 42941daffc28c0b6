//! The Loihi netlist as a document, and against the reference interpreter.

mod common;

use common::{Files, by_name};
use lif_chip::Chip;
use lif_graph::random::{source_spikes, well_formed_graph};
use lif_graph::*;
use lif_netlist::{NetlistError, NetlistFile, backend};
use miette::Diagnostic;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

fn chip() -> Chip {
    lif_chip::find("loihi").expect("in the catalogue")
}

fn membrane(bias: Vec<i32>) -> Membrane {
    let decay = Decay { multiplier: 1024, shift: 12, rounding: Rounding::TowardZero };
    Membrane { decay, input_shift: 7, bias, bits: 24 }
}

fn lif(name: &str, shape: Shape, bias: Vec<i32>, threshold: i32) -> Population {
    Population { name: name.into(), shape, model: NeuronModel::Lif { membrane: membrane(bias), threshold: vec![threshold] } }
}

fn projection(graph: &mut LifGraph, source: u32, target: u32, delay: u8, connectivity: Connectivity, weights: Vec<i8>) {
    let [from, to] = [source, target].map(|id| graph.populations[id as usize].name.clone());
    let (source, target) = (PopulationId(source), PopulationId(target));
    graph.projections.push(Projection { name: format!("{from}->{to}"), source, target, delay, connectivity, weights });
}

fn weights(count: i32) -> Vec<i8> {
    (0..count).map(|index| (index * 37 % 41 - 17) as i8).collect()
}

/// The FSVAE in small: a prior of one layer, 1-of-3 picks for 2 channels, a decoder of one map, a read-out.
fn small() -> LifGraph {
    let pixels = PixelTable { levels: (0..255).map(|level| (level - 127) * 100).collect() };
    let readout = Membrane { decay: Decay { multiplier: 3277, ..membrane(vec![]).decay }, ..membrane(vec![-640]) };
    let map = |side| Shape { channels: 1, height: side, width: side };
    let mut graph = LifGraph {
        name: "small".into(),
        steps: 4,
        populations: vec![
            lif("prior", Shape::flat(6), vec![2000, -3, 9_000, 4096, 0, 2400], 1536),
            Population { name: "select".into(), shape: Shape::flat(2), model: NeuronModel::Select { ways: 3 } },
            lif("decoder", map(2), vec![640], 1280),
            Population { name: "readout".into(), shape: map(4), model: NeuronModel::Readout { membrane: readout, pixels } },
        ],
        projections: vec![],
    };
    let double = Kernel { size: 3, stride: 2, padding: 1, output_padding: 1 };
    projection(&mut graph, 1, 0, 1, Connectivity::Dense, weights(12));
    projection(&mut graph, 0, 1, 0, Connectivity::Pick, vec![]);
    projection(&mut graph, 1, 2, 0, Connectivity::Dense, vec![0, 25, 0, 0, -3, 0, 0, 0]);
    projection(&mut graph, 2, 3, 0, Connectivity::ConvTranspose2d(double), weights(9));
    graph
}

fn emitted(graph: &LifGraph) -> Result<Files, NetlistError> {
    Ok(Files::read(&backend("loihi")?.emit(graph, &chip())?))
}

#[test]
fn the_netlist_of_a_small_network() {
    let files = backend("loihi").unwrap().emit(&small(), &chip()).unwrap();
    insta::assert_snapshot!("small_netlist", std::str::from_utf8(&files[0].bytes).unwrap());
    insta::assert_snapshot!("small_arrays", Files::read(&files).arrays_as_text());
}

#[test]
fn the_same_graph_gives_the_same_bytes() {
    let emit = || backend("loihi").unwrap().emit(&small(), &chip()).unwrap();
    assert!(emit() == emit());
}

#[test]
fn all_that_does_not_fit_is_said_at_once() {
    let mut graph = small();
    let NeuronModel::Lif { membrane, threshold } = &mut graph.populations[0].model else { panic!("a LIF population") };
    (membrane.decay, membrane.input_shift) = (Decay { multiplier: 1, shift: 2, rounding: Rounding::Floor }, 5);
    (membrane.bias[3], *threshold) = (4097, vec![65, 64, 64, 64, 64, 64]);
    let NeuronModel::Readout { membrane, .. } = &mut graph.populations[3].model else { panic!("a read-out") };
    (membrane.bias[0], membrane.bits) = (30_000_000, 32);
    graph.projections[0].weights[1] = -128;
    graph.projections[2].name = "select.gate".into();
    assert_eq!(graph.check(), Ok(()));
    let error = backend("loihi").unwrap().check(&graph, &chip()).unwrap_err();
    insta::assert_snapshot!("misfits", format!("error[{}]: {error}\nhelp: {}", error.code().unwrap(), error.help().unwrap()));
}

#[test]
fn a_network_that_is_too_large_is_refused_before_it_is_unrolled() {
    let map = Shape { channels: 1, height: 1024, width: 512 };
    let mut graph = LifGraph {
        name: "large".into(),
        steps: 1,
        populations: vec![lif("a", map, vec![0], 64), lif("b", map, vec![0], 64), lif("c", map, vec![0], 64)],
        projections: vec![],
    };
    let kernel = Kernel { size: 31, stride: 1, padding: 15, output_padding: 0 };
    projection(&mut graph, 0, 1, 0, Connectivity::Conv2d(kernel), vec![1; 31 * 31]);
    assert_eq!(graph.check(), Ok(()));
    let error = emitted(&graph).err().expect("an error").to_string();
    assert_eq!(
        error,
        "the graph does not fit loihi2\n\
         graph: 1572864 neurons, and the chip has 1048576 (neurons-fit-the-chip)\n\
         graph: 492470528 synapses, and the chip has 120000000 (synapses-fit-the-chip)"
    );
}

#[test]
fn a_projection_past_a_long_path_waits_and_one_past_too_long_a_path_is_refused() {
    let chain = |length: u32| {
        let populations = (0..length).map(|index| lif(&format!("p{index}"), Shape::flat(1), vec![200], 1024)).collect();
        let mut graph = LifGraph { name: "chain".into(), steps: 3, populations, projections: vec![] };
        (1..length).for_each(|index| projection(&mut graph, index - 1, index, 0, Connectivity::Dense, vec![9]));
        projection(&mut graph, 0, length - 1, 0, Connectivity::Dense, vec![7]);
        graph.projections.last_mut().unwrap().name = "shortcut".into();
        graph
    };
    agrees(&chain(65), &[]).unwrap(); // waits 63
    let error = emitted(&chain(66)).err().expect("an error").to_string();
    assert!(error.ends_with("shortcut: its spikes must wait 64 ticks, and synapses wait at most 63 (delays-exist)"), "{error}");
}

#[test]
fn the_small_network_on_lava_is_the_interpreters() {
    agrees(&small(), &[]).unwrap();
}

/// Every spike of every step and every final read-out membrane.
fn agrees(graph: &LifGraph, given: &[(PopulationId, SpikeTrain)]) -> Result<(), TestCaseError> {
    let files = emitted(graph).expect("it fits");
    let (seed, image) = (11, 5);
    let mut interpreter = Interpreter::new(graph, seed, image);
    for (id, train) in given {
        interpreter = interpreter.with_source(*id, train.clone());
    }
    let expected = interpreter.run();
    let found = common::run(&files, seed, image, &by_name(graph, given));
    let period = files.netlist.schedule.ticks_per_step as usize;
    for (index, population) in graph.populations.iter().enumerate() {
        let first = first_tick(&files, &population.name);
        for step in 0..graph.steps as usize {
            let spikes = &found.spikes[&population.name][first + step * period - 1];
            prop_assert_eq!(spikes, &expected.spikes[step][index], "{} in step {}", &population.name, step);
        }
        let of_last_tick = first + (graph.steps as usize - 1) * period == files.netlist.schedule.ticks_per_image as usize;
        if of_last_tick && matches!(population.model, NeuronModel::Lif { .. } | NeuronModel::Readout { .. }) {
            let membranes: Vec<i64> = expected.membranes[index].iter().map(|&v| v.into()).collect();
            prop_assert_eq!(&found.membranes[&population.name], &membranes, "{}", &population.name);
        }
    }
    Ok(())
}

fn first_tick(files: &Files, name: &str) -> usize {
    files.netlist.populations.iter().find(|row| row.name == name).expect("a row of the table").first_tick as usize
}

/// The same structure with integers that exist on the chip.
fn on_loihi(mut graph: LifGraph, sparse: bool) -> LifGraph {
    let chip = chip();
    for population in &mut graph.populations {
        let (NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. }) = &mut population.model else { continue };
        let unit = 128.0 / 4.0 / f64::from(1 << membrane.input_shift);
        membrane.bias = membrane.bias.iter().map(|&bias| chip.nearest_bias(f64::from(bias) * unit)).collect();
        let multiplier = 1 + membrane.decay.multiplier % 4095;
        (membrane.decay, membrane.input_shift, membrane.bits) = (Decay { multiplier, shift: 12, rounding: Rounding::TowardZero }, 7, 24);
        if let NeuronModel::Lif { threshold, .. } = &mut population.model {
            *threshold = vec![(f64::from(threshold[0]) * unit) as i32 / 64 * 64];
        }
    }
    for weight in graph.projections.iter_mut().flat_map(|projection| &mut projection.weights) {
        *weight = if sparse && *weight % 3 != 0 { 0 } else { *weight / 4 };
    }
    graph
}

fn graph_and_spikes() -> impl Strategy<Value = (LifGraph, Vec<(PopulationId, SpikeTrain)>)> {
    let graph = (well_formed_graph(), any::<bool>()).prop_map(|(graph, sparse)| on_loihi(graph, sparse));
    let fits = |graph: &LifGraph| graph.check().is_ok() && backend("loihi").is_ok_and(|loihi| loihi.check(graph, &chip()).is_ok());
    graph.prop_filter("sums fit", fits).prop_flat_map(|graph| {
        let spikes = source_spikes(&graph);
        (Just(graph), spikes)
    })
}

proptest! {
    /// Lava's arithmetic, tick by tick, on the files that were written, is the interpreter's.
    #[test]
    fn every_graph_on_lava_is_the_interpreters((graph, spikes) in graph_and_spikes()) {
        agrees(&graph, &spikes)?;
    }
}

proptest! {
    #[test]
    fn what_was_emitted_is_read_back((graph, _) in graph_and_spikes()) {
        let loihi = backend("loihi").unwrap();
        let files = loihi.emit(&graph, &chip()).unwrap();
        prop_assert_eq!(loihi.read_back(&files, &chip()), Ok(graph));
    }

    /// A changed byte is an error; never a panic and never another graph.
    #[test]
    fn damage_is_an_error((graph, _) in graph_and_spikes(), file in 0usize..2, flips in prop::collection::vec(any::<(usize, u8)>(), 1..4)) {
        let loihi = backend("loihi").unwrap();
        let mut files = loihi.emit(&graph, &chip()).unwrap();
        let good = files.clone();
        for (place, bits) in flips {
            let place = place % files[file].bytes.len();
            files[file].bytes[place] ^= bits;
        }
        prop_assume!(files != good);
        prop_assert!(loihi.read_back(&files, &chip()).is_err());
    }
}

#[test]
fn a_netlist_that_was_not_emitted_is_refused() {
    let loihi = backend("loihi").unwrap();
    let files = loihi.emit(&small(), &chip()).unwrap();
    let text = std::str::from_utf8(&files[0].bytes).unwrap();
    let mut messages = String::new();
    let mut refused = |files: &[NetlistFile]| {
        let error = loihi.read_back(files, &chip()).unwrap_err();
        messages += &format!("error[{}]: {error}\n", error.code().unwrap());
    };
    refused(&files[..1]);
    refused(&[NetlistFile { name: "netlist.json", bytes: vec![] }, files[1].clone()]);
    refused(&[files[0].clone(), NetlistFile { name: "arrays.npz", bytes: files[1].bytes[..99].to_vec() }]);
    for (from, to) in [
        ("loihi2", "loihi3"),
        ("\"vth\": 24", "\"vth\": 25"),
        ("\"first_tick\": 4,", "\"first_tick\": 5,"),
        ("\"steps\": 4", "\"steps\": 0"),
        ("\"type\": \"Dense\"", "\"type\": \"Sparse\""),
        ("populations/0-prior/bias_mant", "populations/0-prior/bias_exp"),
        ("\"target\": \"prior\"", "\"target\": \"nobody\""),
        ("\"shape\": [4, 2]", "\"shape\": [4000000000, 4000000000]"),
    ] {
        assert!(text.contains(from), "{from}");
        refused(&[NetlistFile { name: "netlist.json", bytes: text.replacen(from, to, 1).into_bytes() }, files[1].clone()]);
    }
    insta::assert_snapshot!("damaged", messages);
}

/// The properties above are worth what its graphs cover: each kind of process occurs often, and neurons fire.
#[test]
fn the_random_graphs_cover_every_process() {
    use lif_netlist::loihi::{Injection, Process};
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..200 {
        let (graph, spikes) = graph_and_spikes().new_tree(&mut runner).expect("few rejects").current();
        let files = emitted(&graph).expect("it fits");
        let mut features: Vec<&str> = files
            .netlist
            .processes
            .iter()
            .map(|process| match process {
                Process::PhasedLIF { .. } => "PhasedLIF",
                Process::Lif { .. } => "LIF",
                Process::Dense { delay: 0, .. } => "Dense",
                Process::Dense { .. } => "DelayDense",
                Process::Sparse { delay: 0, .. } => "Sparse",
                Process::Sparse { .. } => "DelaySparse",
                Process::RingBuffer { spikes: Injection::Picks { .. }, .. } => "picks",
                Process::RingBuffer { spikes: Injection::Draw { .. }, .. } => "draw",
                Process::RingBuffer { spikes: Injection::Given { .. }, .. } => "given spikes",
            })
            .collect();
        features.extend((files.netlist.schedule.ticks_per_step > 1).then_some("several ticks a step"));
        features.extend((!files.netlist.outputs.is_empty()).then_some("output"));
        let run = common::run(&files, 11, 5, &by_name(&graph, &spikes));
        let fires = |name: &str| run.spikes[name].iter().flatten().any(|&fired| fired);
        let bias_per_neuron = |population: &Population| match &population.model {
            NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } => {
                membrane.bias.len() > population.shape.channels as usize
            }
            _ => false,
        };
        features.extend(graph.populations.iter().any(bias_per_neuron).then_some("bias per neuron"));
        let lif = |population: &&Population| matches!(population.model, NeuronModel::Lif { .. });
        features.extend(graph.populations.iter().filter(lif).any(|population| fires(&population.name)).then_some("spikes"));
        features.sort_unstable();
        features.dedup();
        features.into_iter().for_each(|feature| *seen.entry(feature).or_default() += 1);
    }
    assert_eq!(seen.len(), 13, "{seen:#?}");
    assert!(seen.values().all(|&graphs| graphs >= 10), "{seen:#?}");
}
