//! Networks that other libraries wrote (see `data/make_nir.py`): the integer graph fires as the library did.

use fsvae_compile::feedforward::FloatNetwork;
use fsvae_compile::feedforward::import::{Integrator, Time, import};
use fsvae_compile::pipeline::{NetworkStage, compile_network_until};
use fsvae_compile::{CompileError, DEMANDED_AGREEMENT, Scales, Step};
use lif_graph::{Interpreter, LifGraph, PopulationId, SpikeTrain};
use lif_nir::{Array, NirGraph, Node, Unit};
use proptest::prelude::*;
use safetensors::SafeTensors;

const STEPS: u32 = 25;
const SAMPLES: usize = 8;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).expect("it is part of the repository")
}

fn graph(name: &str) -> NirGraph {
    NirGraph::from_bytes(&file(&format!("{name}.nir"))).expect("a NIR file")
}

fn time(dt: f64, integrator: Integrator) -> Time {
    Time { steps: STEPS, dt, integrator }
}

/// The libraries and how their files are meant.
fn cases() -> [(&'static str, Time); 3] {
    [("snntorch", time(1e-4, Integrator::Euler)), ("norse", time(1e-6, Integrator::Euler)), ("sinabs", time(1.0, Integrator::Exponential))]
}

fn compiled(name: &str, time: &Time, target: &str) -> LifGraph {
    let chip = lif_chip::find(target).unwrap();
    match compile_network_until(Step::Lower, &graph(name), time, &chip, Scales::default(), name).unwrap() {
        NetworkStage::Lowered(_, graph) => graph,
        other => panic!("{other:?}"),
    }
}

/// `[sample][step][neuron]`, stored as bytes.
fn train(stored: &[u8], sample: usize) -> SpikeTrain {
    let neurons = stored.len() / SAMPLES / STEPS as usize;
    let step = |step: usize| stored[(sample * STEPS as usize + step) * neurons..][..neurons].iter().map(|&spike| spike != 0).collect();
    (0..STEPS as usize).map(step).collect()
}

/// Equal spikes in percent: of all layers when the network runs on its own, and of each layer when all hear the library's spikes.
#[derive(Debug)]
struct Agreement {
    running: f64,
    forced: Vec<f64>,
}

fn agreement(name: &str, graph: &LifGraph) -> Agreement {
    let bytes = file(&format!("{name}.safetensors"));
    let spikes = SafeTensors::deserialize(&bytes).unwrap();
    let layers: Vec<usize> = (1..graph.populations.len()).collect();
    let stored = |layer: usize, sample| train(spikes.tensor(&graph.populations[layer].name).expect("it is stored").data(), sample);
    let (mut running, mut forced) = (vec![(0, 0); layers.len()], vec![(0, 0); layers.len()]);
    for sample in 0..SAMPLES {
        let input = train(spikes.tensor("input").unwrap().data(), sample);
        let free = || Interpreter::new(graph, 0, 0).with_source(PopulationId(0), input.clone());
        let taught =
            layers.iter().fold(free(), |taught, &layer| taught.with_forced(PopulationId::from_index(layer), stored(layer, sample)));
        for (run, tallies) in [(free().run(), &mut running), (taught.run(), &mut forced)] {
            for (&layer, (equal, all)) in layers.iter().zip(tallies) {
                for (ours, theirs) in run.spikes.iter().zip(stored(layer, sample)) {
                    *equal += ours[layer].iter().zip(&theirs).filter(|(a, b)| a == b).count();
                    *all += theirs.len();
                }
            }
        }
    }
    let percent = |(equal, all): (usize, usize)| 100.0 * equal as f64 / all as f64;
    println!("{name}: layers on their own {:?}", running.iter().copied().map(percent).collect::<Vec<_>>());
    let whole = running.iter().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
    Agreement { running: percent(whole), forced: forced.into_iter().map(percent).collect() }
}

#[test]
fn imported_networks_fire_as_the_libraries_did() {
    for (name, time) in cases() {
        let network = import(&graph(name), &time).unwrap();
        let engine = FloatNetwork::from(&network);
        let bytes = file(&format!("{name}.safetensors"));
        let spikes = SafeTensors::deserialize(&bytes).unwrap();
        let (mut odd, mut all) = (0, 0);
        for sample in 0..SAMPLES {
            let stored = |name: &str| train(spikes.tensor(name).unwrap().data(), sample);
            let input = stored("input");
            let outside = |_, step: u32| (0..).zip(&input[step as usize]).filter(|(_, fires)| **fires).map(|(neuron, _)| neuron).collect();
            let mut computed: Vec<SpikeTrain> = vec![vec![]; network.layers.len()];
            engine.run(outside, |layer, _, fired| {
                let mut step = vec![false; network.layers[layer].layer.wiring.target.neurons()];
                fired.iter().for_each(|&neuron| step[neuron as usize] = true);
                computed[layer].push(step);
            });
            for (placed, ours) in network.layers.iter().zip(computed) {
                let theirs = stored(&placed.layer.wiring.name);
                all += theirs.concat().len();
                odd += ours.concat().iter().zip(theirs.concat()).filter(|(a, b)| **a != *b).count();
            }
        }
        println!("{name}: {odd} of {all} spikes differ");
        assert_eq!(odd, 0, "{name}");
    }
}

#[test]
fn integer_networks_fire_as_the_libraries_did() {
    for (name, time) in cases() {
        for target in ["generic", "loihi"] {
            let agreement = agreement(name, &compiled(name, &time, target));
            println!("{name} for {target}: {agreement:?}");
            assert_eq!(agreement.forced.len(), 2);
            assert!(agreement.forced.iter().all(|percent| *percent >= DEMANDED_AGREEMENT), "{name} for {target}: {agreement:?}");
            assert!(agreement.running >= DEMANDED_AGREEMENT, "{name} for {target}: {agreement:?}");
        }
    }
}

#[test]
fn what_does_not_map_is_refused_by_node() {
    let time = time(1e-4, Integrator::Exponential);
    let kinds = ["cuba", "pool", "reset", "taus", "silent", "double", "direct", "nothing", "li", "recurrent"];
    let refusal = |kind: &str| match import(&graph(&format!("refused_{kind}")), &time) {
        Err(error @ CompileError::Nir { .. }) => {
            format!("{kind}: {error}\n  help: {}\n", miette::Diagnostic::help(&error).expect("every refusal has a remedy"))
        }
        other => panic!("{kind}: {other:?}"),
    };
    insta::assert_snapshot!("refused", kinds.map(refusal).concat());
}

/// A small file can have one matrix heard by thousands of nodes.
#[test]
fn networks_beyond_all_bounds_are_refused() {
    let one = || Array { shape: vec![], values: vec![1.0] };
    let neurons = || Unit::If { r: one(), v_threshold: one(), v_reset: Array { shape: vec![], values: vec![0.0] } };
    let wide = |readers: usize, width: usize, side: usize| {
        let mut units = vec![Unit::Input { shape: vec![side] }];
        units.push(Unit::Linear { weight: Array { shape: vec![width, side], values: vec![0.5; width * side] } });
        units.extend((0..readers).map(|_| neurons()));
        let nodes: Vec<_> = units.into_iter().enumerate().map(|(place, unit)| Node { name: format!("{place}"), unit }).collect();
        NirGraph { edges: [(0, 1)].into_iter().chain((2..nodes.len()).map(|reader| (1, reader))).collect(), nodes }
    };
    let time = time(1.0, Integrator::Euler);
    assert_eq!(import(&wide(8, 2000, 2000), &time).unwrap().layers.len(), 8);
    let error = import(&wide(4000, 2000, 2000), &time).unwrap_err().to_string();
    assert_eq!(error, "node \"10\" (IF) cannot be compiled: with its synapses the network has more than 33554432 weights");
    let error = import(&wide(4000, 5000, 1), &time).unwrap_err();
    assert!(matches!(error, CompileError::TooLarge { .. }), "{error}");
}

/// Written as NIR and compiled again, a network keeps its spikes: weights are integers already.
#[test]
fn an_exported_network_is_the_same_network() {
    let (first, back) = (compiled("snntorch", &time(1e-4, Integrator::Euler), "generic"), time(lif_nir::TIME_STEP, Integrator::Euler));
    let bytes = lif_nir::export(&first).unwrap().to_bytes().unwrap();
    let again = NirGraph::from_bytes(&bytes).unwrap();
    let network = import(&again, &back).unwrap();
    assert_eq!(network.layers.len(), 2);
    assert!(again.nodes.iter().any(|node| matches!(node.unit, Unit::Conv2d { .. })));
    let chip = lif_chip::find("generic").unwrap();
    let NetworkStage::Lowered(_, second) = compile_network_until(Step::Lower, &again, &back, &chip, Scales::default(), "again").unwrap()
    else {
        panic!()
    };
    let bytes = file("snntorch.safetensors");
    let spikes = SafeTensors::deserialize(&bytes).unwrap();
    for sample in 0..SAMPLES {
        let input = train(spikes.tensor("input").unwrap().data(), sample);
        let run = |graph| Interpreter::new(graph, 0, 0).with_source(PopulationId(0), SpikeTrain::clone(&input)).run().spikes;
        assert_eq!(run(&first), run(&second), "sample {sample}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever the shapes, parameters and edges: a network whose graph breaks no rule, or a refusal.
    #[test]
    fn altered_networks_are_compiled_or_refused(
        name in prop::sample::select(&["snntorch", "norse", "sinabs", "refused_li", "refused_recurrent"][..]),
        edge in any::<Option<(prop::sample::Index, prop::sample::Index)>>(), swap in any::<Option<(prop::sample::Index, prop::sample::Index)>>(),
        shape in prop::collection::vec(0usize..5000, 0..4), dt in prop::sample::select(&[1e-6, 1e-4, 1.0, f64::NAN, f64::INFINITY, -1.0][..]),
    ) {
        let mut graph = graph(name);
        let places = graph.nodes.len();
        graph.edges.extend(edge.map(|(from, to)| (from.index(places), to.index(places))));
        if let Some((a, b)) = swap.map(|(a, b)| (a.index(places), b.index(places))) {
            let unit = graph.nodes[a].unit.clone();
            graph.nodes[a].unit = std::mem::replace(&mut graph.nodes[b].unit, unit);
        }
        for node in &mut graph.nodes {
            if let Unit::Input { shape: old } = &mut node.unit && shape.len() == 2 {
                old.clone_from(&shape);
            }
        }
        let time = Time { steps: 3, dt, integrator: Integrator::Euler };
        let result = compile_network_until(Step::Lower, &graph, &time, &lif_chip::find("generic").unwrap(), Scales::default(), "altered");
        if let Ok(NetworkStage::Lowered(_, graph)) = &result {
            prop_assert_eq!(graph.check(), Ok(()));
        }
        prop_assert!(matches!(
            result,
            Ok(NetworkStage::Lowered(..)) | Err(CompileError::Nir { .. } | CompileError::TooLarge { .. } | CompileError::DoesNotFit { .. })
        ), "{:?}", result);
    }
}
