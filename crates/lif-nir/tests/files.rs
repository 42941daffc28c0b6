//! Files that Python's `nir` package wrote, damaged ones, and what is written here.

use lif_graph::random::well_formed_graph;
use lif_nir::{Array, NirError, NirGraph, Node, Padding, Unit, export};
use proptest::prelude::*;
use std::sync::LazyLock;

static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fsvae-compile/tests/data/snntorch.nir");
    std::fs::read(path).expect("it is part of the repository")
});

#[test]
fn a_file_of_snntorch() {
    let graph = NirGraph::from_bytes(&FILE).unwrap();
    let short = |unit: &Unit| format!("{unit:?}").chars().take(150).collect::<String>();
    let nodes: String = graph.nodes.iter().map(|node| format!("{}: {}\n", node.name, short(&node.unit))).collect();
    insta::assert_snapshot!("snntorch", format!("{nodes}{:?}\n", graph.edges));
    let again = NirGraph::from_bytes(&graph.to_bytes().unwrap()).unwrap();
    assert_eq!(again, graph);
    assert_eq!(again.to_bytes(), graph.to_bytes());
}

#[test]
fn every_unit_survives_the_file() {
    let array = |shape: &[usize]| Array { shape: shape.into(), values: (0..shape.iter().product()).map(|x| x as f64 / 3.0).collect() };
    let conv = |padding, input_shape| Unit::Conv2d {
        input_shape,
        weight: array(&[2, 1, 3, 3]),
        stride: [1, 2],
        padding,
        dilation: [1, 1],
        groups: 1,
        bias: array(&[2]),
    };
    let units = vec![
        conv(Padding::Pixels([1, 2]), None),
        conv(Padding::Word("same".into()), Some([4, 5])),
        Unit::Affine { weight: array(&[2, 3]), bias: array(&[2]) },
        Unit::Flatten { start_dim: 0, end_dim: -1 },
        Unit::If { r: array(&[2]), v_threshold: array(&[2]), v_reset: array(&[2]) },
        Unit::Input { shape: vec![1, 4, 5] },
        Unit::Li { tau: array(&[]), r: array(&[]), v_leak: array(&[]) },
        Unit::Lif { tau: array(&[2, 1, 1]), r: array(&[2]), v_leak: array(&[2]), v_threshold: array(&[2]), v_reset: array(&[2]) },
        Unit::Linear { weight: array(&[2, 3]) },
        Unit::Output { shape: vec![2] },
    ];
    let nodes = units.into_iter().enumerate().map(|(place, unit)| Node { name: format!("{place}"), unit }).collect();
    for edges in [vec![(0, 1), (1, 2), (9, 0)], vec![]] {
        let graph = NirGraph { nodes: Vec::clone(&nodes), edges };
        assert_eq!(NirGraph::from_bytes(&graph.to_bytes().unwrap()).as_ref(), Ok(&graph));
    }
}

#[test]
fn every_truncation_is_an_error() {
    for length in (0..FILE.len()).step_by(64) {
        assert!(NirGraph::from_bytes(&FILE[..length]).is_err(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn flipped_bits_are_no_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = FILE.clone();
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = NirGraph::from_bytes(&bytes);
    }
}

/// The one connection of an FSVAE's decoder that NIR does not know.
#[test]
fn transposed_convolutions_are_refused_by_name() {
    let text = "
graph g steps 1
population in source 1x2x2
population map lif 1x4x4 decay 1/2^2 floor shift 0 bits 20 bias [5] threshold [9]
projection up from in to map conv-transpose size 2 stride 2 padding 0 output-padding 0 delay 0 weights [1, 2, 3, 4]
";
    let error = export(&lif_graph::LifGraph::from_text(text).unwrap()).unwrap_err().to_string();
    assert!(error.contains("up") && error.contains("it is a transposed convolution, and NIR has none"), "{error}");
}

proptest! {
    /// What can be said is written and read again; what cannot is refused.
    #[test]
    fn random_graphs_are_exported_or_refused(graph in well_formed_graph()) {
        match export(&graph) {
            Ok(nir) => prop_assert_eq!(NirGraph::from_bytes(&nir.to_bytes().unwrap()), Ok(nir)),
            Err(NirError::Inexpressible { .. }) => {}
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}
