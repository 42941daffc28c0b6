//! The small networks that both simulators run, one for every kind of bottleneck.

use lif_graph::*;

/// Deterministic numbers for weights and spikes.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: i32) -> i32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (((self.0 >> 32) * limit as u64) >> 32) as i32
    }
}

/// What is compared.
pub struct Network {
    pub name: &'static str,
    pub graph: LifGraph,
    /// At most so many neurons on a core, so that small networks have many cores.
    pub neurons_per_core: u32,
    /// By population, then by step: who fires, of the sources.
    pub spikes: Vec<Vec<Vec<u32>>>,
}

fn source(name: &str, neurons: u32) -> Population {
    Population { name: name.into(), shape: Shape::flat(neurons), model: NeuronModel::Source }
}

/// A layer that fires now and then; every third neuron has no bias, and so may rest.
fn lif(name: &str, shape: Shape, fan_in: u32, random: &mut Random) -> Population {
    let spread = (128.0 * 20.0 * f64::from(fan_in).sqrt()) as i32;
    let bias = (0..shape.channels).map(|channel| if channel % 3 == 0 { 0 } else { random.below(spread) - spread / 3 }).collect();
    let membrane =
        Membrane { decay: Decay { multiplier: 1024, shift: 12, rounding: Rounding::TowardZero }, input_shift: 7, bias, bits: 24 };
    Population { name: name.into(), shape, model: NeuronModel::Lif { membrane, threshold: vec![spread] } }
}

fn dense(graph: &LifGraph, source: u32, target: u32, random: &mut Random) -> Projection {
    let neurons = |id: u32| graph.populations[id as usize].shape.neurons();
    wire(source, target, Connectivity::Dense, neurons(source) * neurons(target), random)
}

fn wire(source: u32, target: u32, connectivity: Connectivity, count: usize, random: &mut Random) -> Projection {
    let weights = (0..count).map(|_| (random.below(101) - 45) as i8).collect();
    Projection {
        name: format!("{source}->{target}"),
        source: PopulationId(source),
        target: PopulationId(target),
        delay: 0,
        connectivity,
        weights,
    }
}

fn trains(graph: &LifGraph, percent: i32, random: &mut Random) -> Vec<Vec<Vec<u32>>> {
    let train = |row: &Population, random: &mut Random| {
        let step = |random: &mut Random| (0..row.shape.neurons() as u32).filter(|_| random.below(100) < percent).collect();
        (0..graph.steps).map(|_| step(random)).collect()
    };
    let of = |row: &Population, random: &mut Random| if row.model == NeuronModel::Source { train(row, random) } else { vec![] };
    graph.populations.iter().map(|row| of(row, random)).collect()
}

/// Dense layers of these sizes, the first from outside.
fn layers(name: &'static str, sizes: &[u32], neurons_per_core: u32, percent: i32) -> Network {
    let mut random = Random(sizes.iter().map(|&size| u64::from(size)).sum());
    let mut graph = LifGraph { name: name.into(), steps: 12, populations: vec![source("in", sizes[0])], projections: vec![] };
    for (index, pair) in sizes.windows(2).enumerate() {
        graph.populations.push(lif(&format!("layer.{index}"), Shape::flat(pair[1]), pair[0], &mut random));
        let projection = dense(&graph, index as u32, index as u32 + 1, &mut random);
        graph.projections.push(projection);
    }
    let spikes = trains(&graph, percent, &mut random);
    Network { name, graph, neurons_per_core, spikes }
}

/// A dense layer and two transposed convolutions, as the decoder has them.
fn decoder() -> Network {
    let mut random = Random(5);
    let square = |channels, side| Shape { channels, height: side, width: side };
    let mut graph = LifGraph { name: "decoder".into(), steps: 12, populations: vec![source("z", 16)], projections: vec![] };
    graph.populations.push(lif("input", square(12, 2), 16, &mut random));
    graph.populations.push(lif("up.0", square(8, 4), 30, &mut random));
    graph.populations.push(lif("up.1", square(6, 8), 20, &mut random));
    let up = Connectivity::ConvTranspose2d(Kernel { size: 3, stride: 2, padding: 1, output_padding: 1 });
    graph.projections =
        vec![dense(&graph, 0, 1, &mut random), wire(1, 2, up, 12 * 8 * 9, &mut random), wire(2, 3, up, 8 * 6 * 9, &mut random)];
    let spikes = trains(&graph, 30, &mut random);
    Network { name: "decoder", graph, neurons_per_core: 48, spikes }
}

/// Small ones, each with another thing that takes the time; and whether both simulators model that the same way.
pub fn small() -> Vec<(Network, bool)> {
    vec![
        (layers("one core a layer", &[24, 48, 48, 24], 1024, 25), true),
        (layers("wide layers, many cores", &[64, 256, 256], 32, 20), true),
        (layers("one core hears many", &[256, 16], 16, 40), true),
        (layers("many cores hear one", &[16, 256], 8, 40), false),
        (layers("hardly a spike", &[32, 64, 64, 32], 32, 8), true),
        (layers("many spikes", &[96, 96, 96], 24, 90), false),
        (decoder(), false),
    ]
}
