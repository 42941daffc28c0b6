//! Small graphs for this crate's unit tests.

use crate::*;

pub fn membrane() -> Membrane {
    Membrane { decay: Decay { multiplier: 1, shift: 2, rounding: Rounding::TowardZero }, input_shift: 0, bias: vec![0], bits: 24 }
}

pub fn lif(name: &str, neurons: u32) -> Population {
    let model = NeuronModel::Lif { membrane: membrane(), threshold: vec![10] };
    Population { name: name.into(), shape: Shape::flat(neurons), model }
}

pub fn source(name: &str, neurons: u32) -> Population {
    Population { name: name.into(), shape: Shape::flat(neurons), model: NeuronModel::Source }
}

pub fn select(name: &str, channels: u32, ways: u32) -> Population {
    Population { name: name.into(), shape: Shape::flat(channels), model: NeuronModel::Select { ways } }
}

pub fn readout(name: &str, neurons: u32) -> Population {
    let pixels = PixelTable { levels: (0..255).map(|level| (level - 127) * 4).collect() };
    Population { name: name.into(), shape: Shape::flat(neurons), model: NeuronModel::Readout { membrane: membrane(), pixels } }
}

pub fn dense(from: u32, to: u32, delay: u8, weights: Vec<i8>) -> Projection {
    let name = format!("{from}->{to}");
    Projection { name, source: PopulationId(from), target: PopulationId(to), delay, connectivity: Connectivity::Dense, weights }
}

pub fn pick(from: u32, to: u32) -> Projection {
    Projection { connectivity: Connectivity::Pick, ..dense(from, to, 0, vec![]) }
}

/// Names of projections are made unique by their number.
pub fn graph(populations: Vec<Population>, projections: Vec<Projection>) -> LifGraph {
    let mut projections = projections;
    for (index, projection) in projections.iter_mut().enumerate() {
        projection.name = format!("{index}: {}", projection.name);
    }
    LifGraph { name: "test".into(), steps: 4, populations, projections }
}

/// A source of 6, a hidden layer with a delayed loop, a select stage, a readout.
pub fn small() -> LifGraph {
    let weights = |count: i32| (0..count).map(|index| (index * 37 % 23 - 9) as i8).collect::<Vec<_>>();
    graph(
        vec![source("in", 6), lif("hidden", 6), select("pick", 2, 3), readout("out", 4)],
        vec![dense(0, 1, 0, weights(36)), dense(1, 1, 1, weights(36)), pick(1, 2), dense(2, 3, 0, weights(8))],
    )
}
