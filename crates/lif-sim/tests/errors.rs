//! What the engine refuses.

use lif_graph::{LifGraph, PopulationId};
use lif_sim::{Batch, Engine, GivenSpikes, Inputs, Record, SimError};
use miette::Diagnostic;

fn engine() -> Engine {
    let text = "graph g steps 2
        population in source 3x1x1
        population out lif 1x1x1 decay 0/2^0 floor shift 0 bits 8 bias [0] threshold [0]
        projection p from in to out dense delay 0 weights [1, 1, 1]";
    Engine::new(&LifGraph::from_text(text).expect("a graph")).expect("a well-formed graph")
}

fn given(population: u32, neurons: Vec<Vec<u32>>) -> (String, String) {
    let error = engine().inputs(&[GivenSpikes { population: PopulationId(population), neurons }]).expect_err("an error");
    (error.code().expect("a code").to_string(), error.to_string())
}

#[test]
fn spikes_that_the_graph_cannot_take() {
    let message = |code: &str, text: &str| (code.to_string(), text.to_string());
    assert_eq!(given(1, vec![]), message("E080", "spikes are given for population out, which is not a source of this graph"));
    assert_eq!(given(9, vec![]), message("E080", "spikes are given for population number 9, which is not a source of this graph"));
    assert_eq!(
        given(0, vec![vec![], vec![], vec![]]),
        message("E081", "3 steps of spikes are given for population in, and an image takes 2 steps")
    );
    assert_eq!(given(0, vec![vec![3]]), message("E082", "a spike is given for neuron 3 of population in, which has 3 neurons"));
}

#[test]
fn pixels_that_the_graph_cannot_take() {
    let text = "graph g steps 1
        population photo image 3x1x1 shift 0
        population out lif 1x1x1 decay 0/2^0 floor shift 0 bits 16 bias [0] threshold [0]
        projection p from photo to out dense delay 0 weights [1, 1, 1]";
    let engine = Engine::new(&LifGraph::from_text(text).expect("a graph")).expect("a well-formed graph");
    let error = |population: u32, pixels: &[u8]| {
        let error = engine.with_image(Inputs::default(), PopulationId(population), pixels).expect_err("an error");
        (error.code().expect("a code").to_string(), error.to_string())
    };
    let not_an_image =
        |number| ("E171".to_string(), format!("pixels are given for population number {number}, which is not an image of this graph"));
    assert_eq!(error(1, &[0]), not_an_image(1));
    assert_eq!(error(7, &[0]), not_an_image(7));
    assert_eq!(error(0, &[0, 1]), ("E172".to_string(), "an image of 2 pixels is given, and the network takes 3".to_string()));
}

#[test]
fn graphs_that_break_a_rule() {
    let graph = LifGraph::from_text("graph g steps 0 population in source 3x1x1").expect("a graph");
    let error = Engine::new(&graph).expect_err("an error");
    assert_eq!(error.code().expect("a code").to_string(), "E021");
}

/// Repeated and unsorted spikes are one spike each.
#[test]
fn given_spikes_may_be_in_any_order() {
    let engine = engine();
    let inputs = |neurons: Vec<u32>| engine.inputs(&[GivenSpikes { population: PopulationId(0), neurons: vec![neurons] }]).expect("spikes");
    let draw =
        |inputs: &Inputs| engine.draw(&mut engine.state(), 0, 0, inputs, Record { events: true, membranes: true, ..Record::default() });
    assert_eq!(draw(&inputs(vec![2, 0, 2])), draw(&inputs(vec![0, 2])));
    assert_eq!(draw(&inputs(vec![2, 0, 2])).spikes, [2, 1]);
}

#[test]
fn the_taker_can_stop_a_batch() {
    let engine = engine();
    let batch = Batch { seed: 1, images: 0..u64::MAX, record: Record::default() };
    let mut taken = vec![];
    let result = engine.workers(2).expect("threads").draw(
        &batch,
        |_| Inputs::default(),
        |drawing| drawing.image,
        |image| {
            taken.push(image);
            if image == 11 { Err(SimError::NotASource { population: "enough".into() }) } else { Ok(()) }
        },
    );
    assert!(result.is_err());
    assert_eq!(taken, (0..12).collect::<Vec<u64>>());
}
