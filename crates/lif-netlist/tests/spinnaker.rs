//! The SpiNNaker netlist as a document, and against the reference interpreter.

mod rows;

use lif_chip::Chip;
use lif_graph::random::{source_spikes, well_formed_graph};
use lif_graph::*;
use lif_netlist::spinnaker::arithmetic::SMALLEST_PART;
use lif_netlist::spinnaker::machine::{Arithmetic, Machine, Spikes, Stimulus};
use lif_netlist::spinnaker::{Mode, RoleRow, Spinnaker};
use lif_netlist::{Backend, NetlistError, NetlistFile, backend};
use miette::Diagnostic;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rows::{lif, projection, weights};
use std::collections::BTreeMap;

fn chip() -> Chip {
    lif_chip::find("spinnaker").expect("in the catalogue")
}

fn membrane(bias: Vec<i32>) -> Membrane {
    let decay = Decay { multiplier: 8192, shift: 15, rounding: Rounding::Ceiling };
    Membrane { decay, input_shift: 2, bias, bits: 32 }
}

/// The FSVAE in small: a prior of one layer, 1-of-3 picks for 2 channels, a decoder of two layers, a read-out.
fn small() -> LifGraph {
    let pixels = PixelTable { levels: (0..255).map(|level| (level - 127) * 3).collect() };
    let readout = Membrane { decay: Decay { multiplier: 26_214, ..membrane(vec![]).decay }, ..membrane(vec![-64]) };
    let map = |side| Shape { channels: 1, height: side, width: side };
    let mut graph = LifGraph {
        name: "small".into(),
        steps: 4,
        populations: vec![
            lif("prior", Shape::flat(6), membrane(vec![62, -3, 281, 128, 0, 75]), 48),
            Population { name: "select".into(), shape: Shape::flat(2), model: NeuronModel::Select { ways: 3 } },
            lif("decoder", map(2), membrane(vec![20]), 40),
            lif("last", map(3), membrane(vec![0]), 40),
            Population { name: "readout".into(), shape: map(5), model: NeuronModel::Readout { membrane: readout, pixels } },
        ],
        projections: vec![],
    };
    let kernel = Kernel { size: 2, stride: 1, padding: 0, output_padding: 0 };
    projection(&mut graph, 1, 0, 1, Connectivity::Dense, weights(12));
    projection(&mut graph, 0, 1, 0, Connectivity::Pick, vec![]);
    projection(&mut graph, 1, 2, 0, Connectivity::Dense, vec![0, 25, 0, 0, -3, 0, 0, 9]);
    projection(&mut graph, 2, 3, 0, Connectivity::ConvTranspose2d(kernel), weights(4));
    projection(&mut graph, 3, 4, 0, Connectivity::ConvTranspose2d(Kernel { stride: 2, padding: 1, size: 3, ..kernel }), weights(9));
    graph
}

fn emit(graph: &LifGraph) -> Result<Vec<NetlistFile>, NetlistError> {
    backend("spinnaker")?.emit(graph, &chip())
}

fn text<'f>(files: &'f [NetlistFile], name: &str) -> &'f str {
    std::str::from_utf8(&files.iter().find(|file| file.name == name).expect("written").bytes).expect("text")
}

#[test]
fn the_netlist_of_a_small_network() {
    let files = emit(&small()).unwrap();
    let all = ["netlist.json", "placements.json", "routing_tables.json", "compressed_tables.json"];
    let all: Vec<String> = all.iter().map(|name| format!("== {name}\n{}", text(&files, name))).collect();
    insta::assert_snapshot!("small_netlist", all.join("\n"));
    let substep = Spinnaker(Mode::Substep).emit(&small(), &chip()).unwrap();
    insta::assert_snapshot!("small_substep", text(&substep, "netlist.json"));
}

#[test]
fn the_same_graph_gives_the_same_bytes() {
    assert!(emit(&small()) == emit(&small()));
}

#[test]
fn all_that_does_not_fit_is_said_at_once() {
    let mut graph = small();
    let NeuronModel::Lif { membrane: other, .. } = &mut graph.populations[2].model else { panic!("a LIF population") };
    (other.decay, other.input_shift) = (Decay { multiplier: 1, shift: 2, rounding: Rounding::Floor }, 5);
    graph.projections[0].weights[1] = -128;
    let broken = |graph: &LifGraph, name: &str| {
        assert_eq!(graph.check(), Ok(()));
        let error = backend(name).unwrap().check(graph, &chip()).unwrap_err();
        format!("error[{}]: {error}\nhelp: {}\n\n", error.code().unwrap(), error.help().unwrap())
    };
    let mut messages = broken(&graph, "spinnaker");
    // a decay of which no ticks are a step
    let mut graph = small();
    let slow = |graph: &mut LifGraph, multiplier| {
        let NeuronModel::Lif { membrane, .. } = &mut graph.populations[2].model else { panic!("a LIF population") };
        membrane.decay.multiplier = multiplier;
    };
    slow(&mut graph, 26_214);
    messages += &broken(&graph, "spinnaker");
    // steps of one tick behind steps of two
    slow(&mut graph, 24_576);
    messages += &broken(&graph, "spinnaker");
    assert_eq!(Spinnaker(Mode::Substep).check(&graph, &chip()), Ok(()));
    // weights and biases that fill a ring buffer
    let mut graph = wide(120, 137);
    messages += &broken(&graph, "spinnaker");
    graph.populations[1] = lif("out", Shape::flat(2), membrane(vec![-65_536, 0]), 40);
    messages += &broken(&graph, "spinnaker");
    // a loop that a step is too short for
    let mut graph = small();
    projection(&mut graph, 3, 3, 1, Connectivity::Dense, vec![1; 81]);
    assert_eq!(backend("spinnaker").unwrap().check(&graph, &chip()), Ok(()));
    let kernel = Kernel { size: 2, stride: 1, padding: 0, output_padding: 0 };
    graph.populations.push(lif("more", Shape { channels: 1, height: 2, width: 2 }, membrane(vec![0]), 40));
    projection(&mut graph, 3, 5, 0, Connectivity::Conv2d(kernel), weights(4));
    projection(&mut graph, 5, 2, 1, Connectivity::Dense, weights(16));
    messages += &broken(&graph, "spinnaker");
    insta::assert_snapshot!("misfits", messages);
}

/// Weights of one sign that sum up to `4 * weight * sources`.
fn wide(weight: i8, sources: u32) -> LifGraph {
    let populations = vec![
        Population { name: "in".into(), shape: Shape::flat(sources), model: NeuronModel::Source },
        lif("out", Shape::flat(2), membrane(vec![0]), 40),
    ];
    let mut graph = LifGraph { name: "wide".into(), steps: 4, populations, projections: vec![] };
    projection(&mut graph, 0, 1, 0, Connectivity::Dense, vec![weight; 2 * sources as usize]);
    graph
}

/// The fullest ring buffer that the rule allows does not saturate, and the next weight would.
#[test]
fn saturation_is_proven_impossible() {
    let graph = wide(127, 129); // 4 * 127 * 129 = 65,532
    let train = vec![vec![true; 129]; 4];
    agrees(&graph, &[(PopulationId(0), train)]).unwrap();
    assert!(emit(&wide(127, 130)).is_err());
}

#[test]
fn the_small_network_on_the_machine_is_the_interpreters() {
    agrees(&small(), &[]).unwrap();
}

/// Every spike of every step; what runs elsewhere is given.
fn agrees(graph: &LifGraph, given: &[(PopulationId, SpikeTrain)]) -> Result<(), TestCaseError> {
    let files = emit(graph).expect("it fits");
    let (seed, image) = (11, 5);
    let mut interpreter = Interpreter::new(graph, seed, image);
    for (id, train) in given {
        interpreter = interpreter.with_source(*id, train.clone());
    }
    let expected = interpreter.run();
    let train = |index: usize| (0..graph.steps as usize).map(|step| expected.spikes[step][index].clone()).collect();
    let trains: BTreeMap<String, SpikeTrain> =
        graph.populations.iter().enumerate().map(|(index, row)| (row.name.clone(), train(index))).collect();
    let machine = Machine::load(&files, &chip()).expect("it was written");
    let found = machine.run(Arithmetic::Fixed, &Stimulus { seed, image, given: &trains });
    let schedule = machine.netlist().schedule;
    for (vertex, row) in machine.netlist().vertices.iter().enumerate() {
        let Some(train) = trains.get(&row.name) else { continue };
        for (tick, spikes) in found[vertex].iter().enumerate() {
            let behind = (tick as u32 + 1).checked_sub(row.first_tick).filter(|behind| behind % schedule.ticks_per_step == 0);
            let step = behind.map(|behind| (behind / schedule.ticks_per_step) as usize).filter(|&step| step < graph.steps as usize);
            match step {
                Some(step) => {
                    let expected: Vec<u32> = (0..).zip(&train[step]).filter(|(_, fires)| **fires).map(|(neuron, _)| neuron).collect();
                    prop_assert_eq!(spikes, &expected, "{} in step {}", &row.name, step);
                }
                // first vertices run on while the last ones do their last step; between steps nobody fires
                None => prop_assert!(spikes.is_empty() || tick as u32 >= row.first_tick + schedule.steps * schedule.ticks_per_step - 1),
            }
        }
    }
    Ok(())
}

/// The same structure with integers that exist on the machine: every other graph has steps of two ticks, with a decay of 1/4, the others have steps
/// of one, with decays of 1/2 to 15/16.
fn on_spinnaker(mut graph: LifGraph) -> LifGraph {
    let two_ticks = graph.steps.is_multiple_of(2);
    for (part, population) in (1..=SMALLEST_PART).cycle().zip(&mut graph.populations) {
        let multiplier = if two_ticks { 8192 } else { (1 << 15) - (1 << (15 - part)) };
        let (NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. }) = &mut population.model else { continue };
        let unit = f64::from(1 << membrane.input_shift) / 4.0;
        membrane.bias = membrane.bias.iter().map(|&bias| (f64::from(bias) / unit) as i32).collect();
        (membrane.decay.multiplier, membrane.decay.shift, membrane.decay.rounding) = (multiplier, 15, Rounding::Ceiling);
        (membrane.input_shift, membrane.bits) = (2, 32);
        if let NeuronModel::Lif { threshold, .. } = &mut population.model {
            threshold.iter_mut().for_each(|threshold| *threshold = (f64::from(*threshold) / unit) as i32);
        }
    }
    graph.projections.iter_mut().flat_map(|projection| &mut projection.weights).for_each(|weight| *weight = (*weight).max(-127));
    graph
}

fn graph_and_spikes() -> impl Strategy<Value = (LifGraph, Vec<(PopulationId, SpikeTrain)>)> {
    let fits = |graph: &LifGraph| graph.check().is_ok() && backend("spinnaker").is_ok_and(|backend| backend.check(graph, &chip()).is_ok());
    well_formed_graph().prop_map(on_spinnaker).prop_filter("sums fit", fits).prop_flat_map(|graph| {
        let spikes = source_spikes(&graph);
        (Just(graph), spikes)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One or two ticks a step of the machine's arithmetic, on the files that were written, are the interpreter's.
    #[test]
    fn every_graph_on_the_machine_is_the_interpreters((graph, spikes) in graph_and_spikes()) {
        agrees(&graph, &spikes)?;
    }

    #[test]
    fn what_was_emitted_is_read_back((graph, _) in graph_and_spikes()) {
        let spinnaker = backend("spinnaker").unwrap();
        let files = spinnaker.emit(&graph, &chip()).unwrap();
        prop_assert_eq!(spinnaker.read_back(&files, &chip()), Ok(graph));
    }

    /// Every synapse's source slice says that its target slice hears it.
    #[test]
    fn slices_name_all_that_hear_them((graph, _) in graph_and_spikes()) {
        let mapping = Spinnaker(Mode::Buffered).map(&graph, &chip()).unwrap();
        let files = emit(&graph).unwrap();
        let texts = lif_netlist::spinnaker::texts(&files, &chip()).unwrap();
        prop_assert_eq!(mapping.slices.len(), texts.netlist.slices.len());
        let network = lif_netlist::spinnaker::network::Network::new(&graph, Mode::Buffered).unwrap();
        for edge in &network.edges {
            let slice_of = |vertex: usize, neuron: u32| {
                let shape = network.vertices[vertex].shape;
                let (pixel, channel) = (neuron % shape.pixels() as u32, neuron / shape.pixels() as u32);
                let place = [channel, pixel / shape.width, pixel % shape.width];
                texts.netlist.slices.iter().find(|slice| {
                    let ranges = [slice.channels, slice.rows, slice.columns];
                    slice.vertex == network.vertices[vertex].name && ranges.iter().zip(place).all(|(range, at)| (range[0]..range[1]).contains(&at))
                }).unwrap()
            };
            let rows = network.rows(edge);
            for source in 0..rows.count() {
                for (target, _) in rows.row(source) {
                    let (from, to) = (slice_of(edge.source, source as u32), slice_of(edge.target, target));
                    prop_assert!(from.targets.contains(&to.label), "{} to {}", &from.label, &to.label);
                }
            }
        }
    }

    /// A changed byte is an error; never a panic and never another graph.
    #[test]
    fn damage_is_an_error((graph, _) in graph_and_spikes(), file in 0usize..6, flips in prop::collection::vec(any::<(usize, u8)>(), 1..4)) {
        let spinnaker = backend("spinnaker").unwrap();
        let mut files = spinnaker.emit(&graph, &chip()).unwrap();
        let good = files.clone();
        for (place, bits) in flips {
            let place = place % files[file].bytes.len();
            files[file].bytes[place] ^= bits;
        }
        prop_assume!(files != good);
        prop_assert!(spinnaker.read_back(&files, &chip()).is_err());
        let _ = Machine::load(&files, &chip());
    }
}

/// The picks of a select stage on the machine are those of the interpreter.
#[test]
fn gates_pick_what_the_interpreter_picks() {
    let mut graph = small();
    graph.populations.truncate(2);
    graph.projections.truncate(2);
    graph.projections.remove(0); // no loop: then rounding at every tick does not matter to a spike that is forced
    graph.populations[0] = Population { name: "prior".into(), shape: Shape::flat(6), model: NeuronModel::Source };
    graph.projections[0].source = PopulationId(0);
    let train: SpikeTrain = (0..4).map(|step| (0..6).map(|neuron| (neuron * 5 + step * 3) % 4 < 2).collect()).collect();
    let files = Spinnaker(Mode::Substep).emit(&graph, &chip()).unwrap();
    let machine = Machine::load(&files, &chip()).unwrap();
    let given = BTreeMap::from([("prior".to_owned(), train.clone())]);
    let expected = Interpreter::new(&graph, 3, 2).with_source(PopulationId(0), train).run();
    for arithmetic in [Arithmetic::Fixed, Arithmetic::Real] {
        let found = steps(&machine, "select", &machine.run(arithmetic, &Stimulus { seed: 3, image: 2, given: &given }));
        let channels = |gates: &Vec<u32>| (0..2).map(|channel| gates.iter().any(|gate| gate / 3 == channel)).collect::<Vec<bool>>();
        let found: Vec<Vec<bool>> = found.iter().map(channels).collect();
        assert_eq!(found, expected.spikes.iter().map(|step| step[1].clone()).collect::<Vec<_>>());
    }
}

/// A vertex's spikes by step.
fn steps(machine: &Machine, name: &str, spikes: &Spikes) -> Vec<Vec<u32>> {
    let netlist = machine.netlist();
    let vertex = netlist.vertices.iter().position(|row| row.name == name).unwrap();
    let first = netlist.vertices[vertex].first_tick as usize - 1;
    (0..netlist.schedule.steps as usize)
        .map(|step| spikes[vertex][first + step * netlist.schedule.ticks_per_step as usize].clone())
        .collect()
}

/// Eight ways to be wrong, each found by the rule of its name; PACMAN is asked about the same in `fsvae-compile`'s tests.
#[test]
fn a_misplaced_netlist_is_refused() {
    let files = emit(&small()).unwrap();
    let mut messages = String::new();
    for (what, name, from, to) in [
        ("a chip that is not there", "placements.json", "\"x\": 0, \"y\": 0", "\"x\": 7, \"y\": 0"),
        ("a core that is the monitor's", "placements.json", "\"p\": 3", "\"p\": 1"),
        ("a core that is not there", "placements.json", "\"p\": 3", "\"p\": 18"),
        ("a core twice", "placements.json", "\"p\": 3", "\"p\": 4"),
        ("a name that no slice has", "placements.json", "select(0:1)", "select(0:2)"),
        ("a key outside of its mask", "routing_tables.json", "\"key\": 0,", "\"key\": 1,"),
        ("a link that is not there", "routing_tables.json", "\"spinnaker_route\": ", "\"spinnaker_route\": 8, \"was\": "),
        ("a route of 25 bits", "routing_tables.json", "\"spinnaker_route\": ", "\"spinnaker_route\": 16777216, \"was\": "),
        ("a route to nobody", "routing_tables.json", "\"spinnaker_route\": ", "\"spinnaker_route\": 0, \"was\": "),
        ("another route in the router", "compressed_tables.json", "\"spinnaker_route\": ", "\"spinnaker_route\": 64, \"was\": "),
    ] {
        let good = text(&files, name);
        assert!(good.contains(from), "{from}");
        let damaged: Vec<NetlistFile> = files
            .iter()
            .map(|file| {
                if file.name == name {
                    NetlistFile { name: file.name, bytes: good.replacen(from, to, 1).into_bytes() }
                } else {
                    file.clone()
                }
            })
            .collect();
        let error = backend("spinnaker").unwrap().read_back(&damaged, &chip()).unwrap_err();
        messages += &format!("{what}\nerror[{}]: {error}\n\n", error.code().unwrap());
    }
    insta::assert_snapshot!("misplaced", messages);
}

/// The properties above are worth what their graphs cover: each kind of vertex occurs often, and neurons fire.
#[test]
fn the_random_graphs_cover_every_kind_of_vertex() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..100 {
        let (graph, spikes) = graph_and_spikes().new_tree(&mut runner).expect("few rejects").current();
        let files = emit(&graph).expect("it fits");
        let machine = Machine::load(&files, &chip()).unwrap();
        let given = spikes.iter().map(|(id, train)| (graph.population(*id).name.clone(), train.clone())).collect();
        let found = machine.run(Arithmetic::Fixed, &Stimulus { seed: 11, image: 5, given: &given });
        let netlist = machine.netlist();
        let mut features: Vec<&str> = Vec::new();
        for (row, spikes) in netlist.vertices.iter().zip(&found) {
            let fires = spikes.iter().any(|neurons| !neurons.is_empty());
            features.extend(match row.role {
                RoleRow::Neurons { .. } if fires => Some("neurons that fire"),
                RoleRow::Neurons { .. } => Some("neurons"),
                RoleRow::Given { .. } => Some("given"),
                RoleRow::Clock => Some("clock"),
                RoleRow::Picks { .. } => None,
            });
        }
        features.extend(netlist.edges.iter().any(|edge| edge.delay > 1).then_some("synapses that wait"));
        features.extend(
            netlist
                .populations
                .iter()
                .any(|row| matches!(row.model, lif_netlist::spinnaker::Model::Select { .. }))
                .then_some("picks elsewhere"),
        );
        features.sort_unstable();
        features.dedup();
        features.into_iter().for_each(|feature| *seen.entry(feature).or_default() += 1);
    }
    assert_eq!(seen.len(), 6, "{seen:#?}");
    assert!(seen.values().all(|&graphs| graphs >= 5), "{seen:#?}");
}

#[test]
fn schedules_are_buffered_and_substep() {
    let mode_of = |mode| -> Result<Mode, NetlistError> {
        let files = backend("spinnaker")?.with_schedule(mode)?.emit(&small(), &chip())?;
        Ok(lif_netlist::spinnaker::texts(&files, &chip())?.netlist.schedule.mode)
    };
    assert_eq!(mode_of(lif_map::Mode::Buffered), Ok(Mode::Buffered));
    assert_eq!(mode_of(lif_map::Mode::Substep), Ok(Mode::Substep));
    assert!(matches!(mode_of(lif_map::Mode::Phased), Err(NetlistError::Schedule { .. })));
}
