//! The Loihi netlist as a document, and synapse by synapse against the reference interpreter. (That Lava runs it as the simulator does is
//! tested where Lava is: in `fsvae-compile`.)

mod common;
mod random;
mod rows;

use common::Files;
use lif_chip::Chip;
use lif_graph::*;
use lif_map::Mode;
use lif_netlist::loihi::{Injection, Kind};
use lif_netlist::{NetlistError, NetlistFile, backend};
use miette::Diagnostic;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use random::{graphs, graphs_and_schedules, scheduled};
use rows::{lif, projection, weights};
use std::collections::BTreeMap;

fn chip() -> Chip {
    lif_chip::find("loihi").expect("in the catalogue")
}

fn membrane(bias: Vec<i32>) -> Membrane {
    let decay = Decay { multiplier: 1024, shift: 12, rounding: Rounding::TowardZero };
    Membrane { decay, input_shift: 7, bias, bits: 24 }
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
            lif("prior", Shape::flat(6), membrane(vec![2000, -3, 9_000, 4096, 0, 2400]), 1536),
            Population { name: "select".into(), shape: Shape::flat(2), model: NeuronModel::Select { ways: 3 } },
            lif("decoder", map(2), membrane(vec![640]), 1280),
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
        populations: vec![lif("a", map, membrane(vec![0]), 64), lif("b", map, membrane(vec![0]), 64), lif("c", map, membrane(vec![0]), 64)],
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
        let populations = (0..length).map(|index| lif(&format!("p{index}"), Shape::flat(1), membrane(vec![200]), 1024)).collect();
        let mut graph = LifGraph { name: "chain".into(), steps: 3, populations, projections: vec![] };
        (1..length).for_each(|index| projection(&mut graph, index - 1, index, 0, Connectivity::Dense, vec![9]));
        projection(&mut graph, 0, length - 1, 0, Connectivity::Dense, vec![7]);
        graph.projections.last_mut().unwrap().name = "shortcut".into();
        graph
    };
    let files = emitted(&chain(65)).unwrap();
    let shortcut = files.netlist.processes.iter().find(|process| process.name == "shortcut").unwrap();
    assert!(matches!(shortcut.kind, Kind::Dense { delay: 63, .. }), "{shortcut:?}");
    let error = emitted(&chain(66)).err().expect("an error");
    assert_eq!(error.code().unwrap().to_string(), "E143");
    assert!(
        error.to_string().ends_with("`shortcut`: its spikes must wait 64 ticks, and synapses wait at most 63 (synapses-wait)"),
        "{error}"
    );
}

/// The small network with biases that a clock can bring.
fn clocked() -> LifGraph {
    let mut graph = small();
    for population in &mut graph.populations {
        if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &mut population.model {
            membrane.bias.iter_mut().for_each(|bias| *bias &= !63);
        }
    }
    graph
}

#[test]
fn the_netlist_of_the_other_schedules() {
    for (name, mode) in [("loihi2", Mode::Buffered), ("loihi1", Mode::Substep), ("loihi1", Mode::Buffered)] {
        let files = scheduled(mode).emit(&clocked(), &lif_chip::find(name).unwrap()).unwrap();
        insta::assert_snapshot!(format!("{mode}_{name}_netlist"), std::str::from_utf8(&files[0].bytes).unwrap());
        insta::assert_snapshot!(format!("{mode}_{name}_arrays"), Files::read(&files).arrays_as_text());
    }
}

#[test]
fn what_a_schedule_cannot_do_is_said() {
    let mut messages = String::new();
    let mut refused =
        |error: NetlistError| messages += &format!("error[{}]: {error}\nhelp: {}\n\n", error.code().unwrap(), error.help().unwrap());
    refused(backend("loihi").unwrap().with_schedule(Mode::Stepped).err().unwrap());
    refused(scheduled(Mode::Phased).check(&clocked(), &lif_chip::find("loihi1").unwrap()).unwrap_err());
    refused(scheduled(Mode::Substep).check(&small(), &chip()).unwrap_err());
    let mut other = chip();
    other.ticks.as_mut().unwrap().select = 1;
    refused(backend("loihi").unwrap().check(&small(), &other).unwrap_err());
    let mut named = clocked();
    named.projections[0].name = "prior.bias-7".into();
    refused(scheduled(Mode::Substep).check(&named, &lif_chip::find("loihi1").unwrap()).unwrap_err());
    insta::assert_snapshot!("schedules", messages);
}

proptest! {
    /// The unrolled synapses of every projection bring what the interpreter's do, twice: weights are even.
    #[test]
    fn every_projection_is_the_interpreters((graph, spikes) in graphs().prop_flat_map(|graph| {
        let sources = graph.projections.iter().map(|projection| graph.population(projection.source).shape.neurons());
        let spikes: Vec<_> = sources.map(|neurons| prop::collection::vec(any::<bool>(), neurons)).collect();
        (Just(graph), spikes)
    })) {
        let files = emitted(&graph).expect("it fits");
        for (projection, spikes) in graph.projections.iter().zip(spikes) {
            let [from, to] = [projection.source, projection.target].map(|end| graph.population(end).shape);
            let picks = projection.connectivity == Connectivity::Pick;
            let mut sums = vec![0i64; if picks { from } else { to }.neurons()];
            for (target, source, weight) in files.synapses(&projection.name) {
                prop_assert!(weight % 2 == 0);
                sums[target] += if spikes[source] { weight } else { 0 };
            }
            let expected = if picks { spikes.iter().map(|&fires| i64::from(fires)).collect() } else { brought(projection, from, to, spikes) };
            prop_assert_eq!(sums, expected.iter().map(|sum| 2 * sum).collect::<Vec<_>>(), "{}", projection.name);
        }
    }
}

/// What a projection adds to its targets when these sources fire, as the interpreter has it.
fn brought(projection: &Projection, from: Shape, to: Shape, spikes: Vec<bool>) -> Vec<i64> {
    let membrane =
        Membrane { decay: Decay { multiplier: 0, shift: 0, rounding: Rounding::Floor }, input_shift: 0, bias: vec![0], bits: 32 };
    let pixels = PixelTable { levels: (0..255).collect() };
    let populations = vec![
        Population { name: "source".into(), shape: from, model: NeuronModel::Source },
        Population { name: "sums".into(), shape: to, model: NeuronModel::Readout { membrane, pixels } },
    ];
    let wire = Projection { source: PopulationId(0), target: PopulationId(1), delay: 0, ..projection.clone() };
    let graph = LifGraph { name: "one projection".into(), steps: 1, populations, projections: vec![wire] };
    let run = Interpreter::new(&graph, 0, 0).with_source(PopulationId(0), vec![spikes]).run();
    run.membranes[1].iter().map(|&sum| sum.into()).collect()
}

proptest! {
    #[test]
    fn what_was_emitted_is_read_back((graph, chip, mode) in graphs_and_schedules()) {
        let loihi = scheduled(mode);
        let files = loihi.emit(&graph, &chip).unwrap();
        prop_assert_eq!(backend("loihi").unwrap().read_back(&files, &chip), Ok(graph));
    }

    /// A changed byte is an error; never a panic and never another graph.
    #[test]
    fn damage_is_an_error((graph, chip, mode) in graphs_and_schedules(), file in 0usize..2, flips in prop::collection::vec(any::<(usize, u8)>(), 1..4)) {
        let loihi = scheduled(mode);
        let mut files = loihi.emit(&graph, &chip).unwrap();
        let good = files.clone();
        for (place, bits) in flips {
            let place = place % files[file].bytes.len();
            files[file].bytes[place] ^= bits;
        }
        prop_assume!(files != good);
        prop_assert!(loihi.read_back(&files, &chip).is_err());
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

/// The properties above are worth what its graphs cover: each kind of process occurs often.
#[test]
fn the_random_graphs_cover_every_process() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..200 {
        let (graph, chip, mode) = graphs_and_schedules().new_tree(&mut runner).expect("few rejects").current();
        let netlist = Files::read(&scheduled(mode).emit(&graph, &chip).expect("it fits")).netlist;
        let of_kind = |kind: &Kind| match kind {
            Kind::PhasedLIF { .. } => "PhasedLIF",
            Kind::LifReset { .. } => "LIFReset",
            Kind::Lif { .. } => "LIF",
            Kind::Dense { weight_exp: 1.., .. } => "Dense with an exponent",
            Kind::Dense { delay: 0, .. } => "Dense",
            Kind::Dense { .. } => "DelayDense",
            Kind::Sparse { delay: 0, .. } => "Sparse",
            Kind::Sparse { .. } => "DelaySparse",
            Kind::RingBuffer { spikes: Injection::Picks { .. }, .. } => "picks",
            Kind::RingBuffer { spikes: Injection::Given { .. }, .. } => "given spikes",
            Kind::RingBuffer { spikes: Injection::Buffered { .. }, .. } => "buffered spikes",
            Kind::RingBuffer { spikes: Injection::Clock, .. } => "clock",
        };
        let mut features: Vec<&str> = netlist.processes.iter().map(|process| of_kind(&process.kind)).collect();
        features.extend(netlist.schedule.domains.iter().any(|domain| domain.ticks_per_step > 1).then_some("several ticks a step"));
        features.extend((netlist.schedule.domains.len() > 1).then_some("two domains"));
        features.extend((!netlist.outputs.is_empty()).then_some("output"));
        let bias_per_neuron = |population: &Population| match &population.model {
            NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } => {
                membrane.bias.len() > population.shape.channels as usize
            }
            _ => false,
        };
        features.extend(graph.populations.iter().any(bias_per_neuron).then_some("bias per neuron"));
        features.sort_unstable();
        features.dedup();
        features.into_iter().for_each(|feature| *seen.entry(feature).or_default() += 1);
    }
    assert_eq!(seen.len(), 16, "{seen:#?}");
    assert!(seen.values().all(|&graphs| graphs >= 5), "{seen:#?}");
}
