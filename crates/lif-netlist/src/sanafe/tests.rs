use super::*;
use crate::NetlistError;
use lif_graph::Population;
use lif_graph::random::{source_spikes, well_formed_graph};
use proptest::prelude::*;

/// A source, a dense layer, a transposed convolution, a read-out; and what is in them.
fn small() -> LifGraph {
    let text = "
graph small steps 3
population z source 2x1x1
population a lif 2x1x1 decay 1024/2^12 toward-zero shift 7 bits 24 bias [0, -65] threshold [640]
population b lif 1x2x2 decay 1024/2^12 toward-zero shift 7 bits 24 bias [32] threshold [640]
projection z->a from z to a dense delay 0 weights [1, -2, 3, 4]
projection a->b from a to b conv-transpose size 2 stride 1 padding 0 output-padding 0 delay 0 weights [1, 2, 3, 4, 5, 6, 7, 8]
";
    LifGraph::from_text(text).unwrap()
}

fn chip() -> Chip {
    lif_chip::find("sanafe").unwrap()
}

fn text(file: &NetlistFile) -> String {
    String::from_utf8(file.bytes.clone()).unwrap()
}

#[test]
fn a_small_network_as_yaml() {
    let driven = driven(&small()).unwrap();
    let mapping = map(&driven, &chip()).unwrap();
    let spikes = vec![vec![vec![0], vec![], vec![0, 1]]];
    let files = files(&small(), &driven, &mapping, &chip(), &spikes).unwrap();
    insta::assert_snapshot!("architecture", text(&files[0]));
    insta::assert_snapshot!("network", text(&files[1]));
    insta::assert_snapshot!("netlist", text(&files[2]));
}

#[test]
fn what_sanafe_cannot_do_is_said_at_once() {
    let mut graph = small();
    let skip = Projection {
        name: "z->b".into(),
        source: PopulationId(0),
        target: PopulationId(2),
        connectivity: Connectivity::Dense,
        weights: vec![1; 8],
        delay: 0,
    };
    graph.projections.push(skip);
    graph.populations.push(Population { name: "photo".into(), shape: Shape::flat(1), model: NeuronModel::Image { shift: 0 } });
    if let NeuronModel::Lif { membrane, .. } = &mut graph.populations[1].model {
        membrane.decay.rounding = Rounding::Floor;
    }
    let error = Sanafe.check(&graph, &lif_chip::find("loihi2").unwrap()).unwrap_err();
    insta::assert_snapshot!(error);
}

#[test]
fn files_that_nobody_wrote_are_refused() {
    let files = Sanafe.emit(&small(), &chip()).unwrap();
    let change = |file: usize, from: &str, to: &str| {
        let mut files = files.clone();
        let changed = text(&files[file]).replacen(from, to, 1);
        assert_ne!(changed, text(&files[file]), "{from}");
        files[file].bytes = changed.into_bytes();
        Sanafe.read_back(&files, &chip()).map(|graph| Sanafe.emit(&graph, &chip()).unwrap())
    };
    for (from, to) in
        [("weight: [2, ", "weight: ["), ("weight: [2, ", "weight: [1, "), ("weight: [2,", "weight: [300,"), ("weight: [", "wait: [")]
    {
        assert!(matches!(change(1, from, to), Err(NetlistError::Damaged { .. })), "{from} -> {to}");
    }
    for (from, to) in [("sanafe-loihi", "loihi1"), ("{", ""), ("\"stride\":1", "\"stride\":0"), ("\"source\":0", "\"source\":9")] {
        let (from, to) = (from.replace("\":", "\": "), to.replace("\":", "\": "));
        assert!(matches!(change(2, &from, &to), Err(NetlistError::Damaged { .. })), "{from} -> {to}");
    }
    assert!(matches!(Sanafe.read_back(&files[..2], &chip()), Err(NetlistError::Damaged { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What was written is read, but for weights that meet only padding; and writing it again gives the same bytes.
    #[test]
    fn what_was_written_is_read(graph in well_formed_graph()) {
        let mut graph = graph;
        for row in &mut graph.populations {
            if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &mut row.model {
                membrane.decay.rounding = Rounding::TowardZero;
            }
        }
        let Ok(files) = Sanafe.emit(&graph, &chip()) else { return Ok(()) };
        let read = Sanafe.read_back(&files, &chip()).unwrap();
        prop_assert_eq!(Sanafe.emit(&read, &chip()).unwrap(), files);
        let bare = |graph: &LifGraph| {
            let mut graph = graph.clone();
            graph.projections.iter_mut().for_each(|row| row.weights.clear());
            graph
        };
        prop_assert_eq!(bare(&read), bare(&graph));
        for (read, written) in read.projections.iter().zip(&graph.projections) {
            prop_assert_eq!(read.weights.len(), written.weights.len());
            prop_assert!(read.weights.iter().zip(&written.weights).all(|(read, written)| read == written || *read == 0));
        }
    }

    /// The driven graph does in tick `offset + step` what the graph does in `step`, if there is no bias to begin before its time.
    #[test]
    fn the_driven_graph_is_the_graph_later(
        (graph, given) in well_formed_graph().prop_flat_map(|graph| (Just(graph.clone()), source_spikes(&graph))),
        seed: u64,
    ) {
        let mut graph = graph;
        for row in &mut graph.populations {
            if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &mut row.model {
                membrane.bias = vec![0];
            }
            if let NeuronModel::Lif { threshold, .. } = &mut row.model {
                threshold.iter_mut().for_each(|threshold| *threshold = (*threshold).max(0));
            }
        }
        prop_assume!(graph.check().is_ok());
        let Ok(driven) = driven(&graph) else { return Ok(()) };
        let later = |id: PopulationId, train: Vec<Vec<bool>>| {
            let silent = vec![false; graph.population(id).shape.neurons()];
            std::iter::repeat_n(silent, driven.offsets[id.index()] as usize).chain(train).collect::<Vec<_>>()
        };
        let begin = given.iter().fold(Interpreter::new(&graph, seed, 0), |run, (id, train)| run.with_source(*id, train.clone()));
        let run = begin.run();
        let given = given.iter().fold(Interpreter::new(&driven.graph, seed, 0), |run, (id, train)| run.with_source(*id, later(*id, train.clone())));
        let recorded = driven.recorded.iter().fold(given, |all, &id| {
            all.with_source(id, later(id, run.spikes.iter().map(|step| step[id.index()].clone()).collect()))
        });
        let delayed = recorded.run();
        for (step, populations) in run.spikes.iter().enumerate() {
            for (index, spikes) in populations.iter().enumerate() {
                prop_assert_eq!(spikes, &delayed.spikes[driven.offsets[index] as usize + step][index]);
            }
        }
    }
}
