//! Networks of one idea each, with weights that make them live.

use super::trace::Given;
use lif_graph::philox::philox4x32_10;
use lif_graph::*;

/// From `low` to `high`, the same for the same place.
fn random(seed: u32, table: u32, place: usize, low: i32, high: i32) -> i32 {
    let word = philox4x32_10([place as u32, table, 0, 0], [seed, 7])[0];
    low + ((u64::from(word) * (high - low + 1) as u64) >> 32) as i32
}

/// A network in the making; every population and projection draws its own parameters.
pub struct Case {
    pub graph: LifGraph,
}

impl Case {
    pub fn new(name: &str) -> Self {
        Self { graph: LifGraph { name: name.into(), steps: 8, populations: vec![], projections: vec![] } }
    }

    fn add(mut self, name: &str, shape: Shape, model: NeuronModel) -> Self {
        self.graph.populations.push(Population { name: name.into(), shape, model });
        self
    }

    pub fn source(self, name: &str, shape: Shape) -> Self {
        self.add(name, shape, NeuronModel::Source)
    }

    pub fn select(self, name: &str, channels: u32, ways: u32) -> Self {
        self.add(name, Shape::flat(channels), NeuronModel::Select { ways })
    }

    /// Keeps a quarter of its membrane, and has a bias for each channel.
    pub fn lif(self, name: &str, shape: Shape) -> Self {
        let membrane = self.membrane(1024, shape.channels as usize);
        self.add(name, shape, NeuronModel::Lif { membrane, threshold: vec![3200] })
    }

    /// Keeps four fifths of its membrane.
    pub fn readout(self, name: &str, shape: Shape) -> Self {
        let pixels = PixelTable { levels: (0..255).map(|level| (level - 127) * 100).collect() };
        let membrane = self.membrane(3277, 1);
        self.add(name, shape, NeuronModel::Readout { membrane, pixels })
    }

    fn membrane(&self, multiplier: u32, biases: usize) -> Membrane {
        let table = self.graph.populations.len() as u32;
        let bias = (0..biases).map(|place| random(1, table, place, -900, 4000)).collect();
        Membrane { decay: Decay { multiplier, shift: 12, rounding: Rounding::TowardZero }, input_shift: 7, bias, bits: 24 }
    }

    /// With biases that a clock's synapses can bring; the first of each layer takes two of them.
    pub fn clocked(mut self) -> Self {
        for population in &mut self.graph.populations {
            if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &mut population.model {
                membrane.bias.iter_mut().for_each(|bias| *bias &= !63);
                membrane.bias[0] += if membrane.bias.len() > 1 { 8192 } else { 0 };
            }
        }
        self
    }

    /// A projection with weights of -60 to 60, all but one in `zeros` 0.
    pub fn connect(mut self, source: &str, target: &str, delay: u8, connectivity: Connectivity, zeros: usize) -> Self {
        let [source_id, target_id] = [source, target].map(|name| self.graph.find(name).expect("a population"));
        let [from, to] = [source_id, target_id].map(|id| self.graph.population(id).shape);
        let weights = match connectivity {
            Connectivity::Dense => from.neurons() * to.neurons(),
            Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => {
                (from.channels * to.channels * kernel.size * kernel.size) as usize
            }
            Connectivity::Pick => 0,
        };
        let table = self.graph.projections.len() as u32;
        let weight = |place: usize| if place.is_multiple_of(zeros) { random(2, table, place, -60, 60) as i8 } else { 0 };
        let name = format!("{source}->{target}");
        let weights = (0..weights).map(weight).collect();
        self.graph.projections.push(Projection { name, source: source_id, target: target_id, delay, connectivity, weights });
        self
    }

    pub fn dense(self, source: &str, target: &str) -> Self {
        self.connect(source, target, 0, Connectivity::Dense, 1)
    }

    /// Spikes for all sources, at two neurons of five.
    pub fn given(&self, seed: u64) -> Given {
        let sources = self.graph.populations.iter().enumerate().filter(|(_, population)| population.model == NeuronModel::Source);
        let trains = sources.map(|(index, population)| {
            let neurons = population.shape.neurons();
            let fires = |step: u32, neuron: usize| random(seed as u32 + 100, index as u32, step as usize * neurons + neuron, 0, 4) < 2;
            let train = (0..self.graph.steps).map(|step| (0..neurons).map(|neuron| fires(step, neuron)).collect()).collect();
            (population.name.clone(), train)
        });
        trains.collect()
    }
}

fn map(channels: u32, side: u32) -> Shape {
    Shape { channels, height: side, width: side }
}

/// Halves a map, or with its transposed convolution doubles it.
const STRIDE_2: Kernel = Kernel { size: 3, stride: 2, padding: 1, output_padding: 0 };

pub fn dense() -> Case {
    Case::new("dense").source("in", Shape::flat(12)).lif("out", Shape::flat(10)).dense("in", "out")
}

pub fn mostly_zero() -> Case {
    Case::new("sparse").source("in", Shape::flat(30)).lif("out", Shape::flat(10)).connect("in", "out", 0, Connectivity::Dense, 3)
}

pub fn convolution() -> Case {
    Case::new("conv").source("in", map(2, 7)).lif("out", map(3, 4)).connect("in", "out", 0, Connectivity::Conv2d(STRIDE_2), 1)
}

pub fn transposed_convolution() -> Case {
    let doubling = Connectivity::ConvTranspose2d(Kernel { output_padding: 1, ..STRIDE_2 });
    Case::new("transposed").source("in", map(3, 4)).lif("out", map(2, 8)).connect("in", "out", 0, doubling, 1)
}

pub fn readout() -> Case {
    let same = Connectivity::ConvTranspose2d(Kernel { stride: 1, ..STRIDE_2 });
    Case::new("readout").source("in", map(2, 5)).readout("out", map(1, 5)).connect("in", "out", 0, same, 1)
}

/// Projections beside longer paths, whose synapses wait: `DelayDense` and `DelaySparse`.
pub fn shortcuts() -> Case {
    let same = Connectivity::Conv2d(Kernel { stride: 1, ..STRIDE_2 });
    let case = Case::new("shortcuts").source("in", map(2, 4)).lif("a", map(2, 4)).lif("b", map(3, 4)).lif("c", Shape::flat(9));
    let case = case.connect("in", "a", 0, same, 1).connect("a", "b", 0, same, 1).connect("in", "b", 0, same, 1);
    case.dense("b", "c").dense("a", "c")
}

/// A layer that hears itself, one step later.
pub fn recurrent() -> Case {
    let case = Case::new("recurrent").source("in", Shape::flat(12)).lif("a", Shape::flat(10)).lif("b", Shape::flat(8));
    case.dense("in", "a").dense("a", "b").connect("b", "a", 1, Connectivity::Dense, 1).connect("a", "a", 1, Connectivity::Dense, 1)
}

/// The autoregressive prior: three layers, 1-of-4 picks, and the loop.
pub fn prior() -> Case {
    let case = Case::new("prior").lif("prior.0", Shape::flat(16)).lif("prior.1", Shape::flat(24)).lif("prior.2", Shape::flat(32));
    let case = case.select("select", 8, 4).connect("select", "prior.0", 1, Connectivity::Dense, 1);
    case.dense("prior.0", "prior.1").dense("prior.1", "prior.2").connect("prior.2", "select", 0, Connectivity::Pick, 1)
}

/// All of it: picks, the loop, a decoder behind it, a read-out, and a way past the decoder.
pub fn generator() -> Case {
    let doubling = Connectivity::ConvTranspose2d(Kernel { output_padding: 1, ..STRIDE_2 });
    let same = Connectivity::ConvTranspose2d(Kernel { stride: 1, ..STRIDE_2 });
    let case = prior().lif("decoder.input", map(3, 3)).lif("decoder.0", map(2, 6)).readout("readout", map(1, 6));
    let case = case.dense("select", "decoder.input").connect("decoder.input", "decoder.0", 0, doubling, 1);
    case.connect("decoder.0", "readout", 0, same, 1).dense("select", "readout")
}
