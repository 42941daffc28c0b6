//! A proptest strategy of random well-formed graphs, for every test that says "equals the interpreter".
//!
//! A graph is built from a recipe: a list of layers, each on top of an earlier one, and some extra wires. What cannot be
//! built (a kernel larger than the picture) falls back to a dense layer, so that each recipe gives a graph and shrinking stays simple.

use crate::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// Larger layers are not built; a transposed convolution of a transposed convolution grows fast.
const MAX_LAYER: u64 = 300;

/// Graphs of 1 to 8 populations of all models, with all connectivities, delays and roundings, small enough for the interpreter.
/// They pass [`LifGraph::check`].
pub fn well_formed_graph() -> impl Strategy<Value = LifGraph> {
    let layers = vec(layer(), 0..7);
    let wires = vec(wire(), 0..4);
    (1u32..=6, (channels(), 1u32..=5, 1u32..=5), start(), layers, wires, any::<[u8; 8]>()).prop_map(
        |(steps, (channels, height, width), start, layers, wires, places)| {
            let first = Shape { channels, height, width };
            Builder::start(steps, first, start).layers(layers).wires(wires).finish(&places)
        },
    )
}

/// What the first population is.
#[derive(Clone, Copy, Debug)]
enum Start {
    Source,
    Image(u8),
    /// Neurons that fire by themselves.
    Lif,
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![2 => Just(Start::Lif), 2 => Just(Start::Source), 1 => (7u8..=12).prop_map(Start::Image)]
}

/// Membranes as wide as the worst case asks for.
pub fn with_room(mut graph: LifGraph) -> LifGraph {
    let worst_cases = graph.worst_cases();
    for (population, worst) in graph.populations.iter_mut().zip(worst_cases) {
        if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &mut population.model {
            membrane.bits = worst.membrane.bits().clamp(8, 32) as u8;
        }
    }
    graph
}

/// For each image of the graph random pixels, to be given to [`Interpreter::with_image`].
pub fn image_pixels(graph: &LifGraph) -> impl Strategy<Value = Vec<(PopulationId, Vec<u8>)>> + use<> {
    let images = graph.populations.iter().enumerate().filter(|(_, population)| matches!(population.model, NeuronModel::Image { .. }));
    let pixels = images.map(|(index, population)| (Just(PopulationId::from_index(index)), vec(any::<u8>(), population.shape.neurons())));
    pixels.collect::<Vec<_>>()
}

/// For each source of the graph random spikes for all its steps, to be given to [`Interpreter::with_source`].
pub fn source_spikes(graph: &LifGraph) -> impl Strategy<Value = Vec<(PopulationId, SpikeTrain)>> + use<> {
    let steps = graph.steps as usize;
    let sources = graph.populations.iter().enumerate().filter(|(_, population)| population.model == NeuronModel::Source);
    let trains = sources.map(|(index, population)| {
        let train = vec(vec(any::<bool>(), population.shape.neurons()), steps);
        (Just(PopulationId::from_index(index)), train)
    });
    trains.collect::<Vec<_>>()
}

/// A population and the projection that feeds it.
#[derive(Clone, Debug)]
struct Layer {
    /// Which earlier population it stands on, modulo their number.
    on: usize,
    kind: Kind,
    delay: u8,
    /// Channels of the new population, or of each group of a select stage.
    channels: u32,
    weights: Vec<i8>,
    membrane: Membrane,
    threshold: Vec<i32>,
    /// Of bias and threshold, whose values are repeated as often as it takes.
    sharing: [Sharing; 2],
    readout: bool,
}

/// Which neurons share a value of a parameter.
#[derive(Clone, Copy, Debug)]
enum Sharing {
    All,
    Channel,
    None,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The target's rows and columns.
    Dense(u32, u32),
    Conv2d(Kernel),
    ConvTranspose2d(Kernel),
    Select,
}

/// An additional dense projection; one that does not run forward in the order of building gets delay 1.
#[derive(Clone, Debug)]
struct Wire {
    from: usize,
    to: usize,
    delay: u8,
    weights: Vec<i8>,
}

/// Few, or such as fill whole bytes and vectors.
fn channels() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 1u32..=6, 1 => Just(8), 1 => Just(16), 1 => Just(32)]
}

fn layer() -> impl Strategy<Value = Layer> {
    let place = (any::<usize>(), kind(), 0u8..=1, channels());
    let sharing = prop::sample::select(&[Sharing::All, Sharing::Channel, Sharing::None][..]);
    let parameters = (weights(), membrane(), prop::array::uniform2(sharing), prop::bool::weighted(0.2));
    (place, parameters).prop_flat_map(|((on, kind, delay, channels), (weights, membrane, sharing, readout))| {
        let highest = 200i32 << membrane.input_shift;
        vec(0..=highest, 1..6).prop_map(move |threshold| {
            let (weights, membrane) = (weights.clone(), membrane.clone());
            Layer { on, kind, delay, channels, weights, membrane, threshold, sharing, readout }
        })
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        2 => Just(Kind::Dense(1, 1)),
        1 => (1u32..=3, 1u32..=3).prop_map(|(height, width)| Kind::Dense(height, width)),
        2 => kernel().prop_map(|kernel| Kind::Conv2d(Kernel { output_padding: 0, ..kernel })),
        2 => kernel().prop_map(Kind::ConvTranspose2d),
        1 => Just(Kind::Select),
    ]
}

fn kernel() -> impl Strategy<Value = Kernel> {
    (1u32..=4, 1u32..=3, 0u32..=2, 0u32..=2).prop_map(|(size, stride, padding, extra)| Kernel {
        size,
        stride,
        padding,
        output_padding: extra % stride,
    })
}

/// Of a prime length, so that repeating them does not line up with rows.
fn weights() -> impl Strategy<Value = Vec<i8>> {
    prop::sample::select(&[1usize, 7, 31, 97][..]).prop_flat_map(|length| vec(any::<i8>(), length))
}

fn membrane() -> impl Strategy<Value = Membrane> {
    let rounding = prop::sample::select(&[Rounding::TowardZero, Rounding::Floor, Rounding::Ceiling][..]);
    let decay = (0u8..=24, any::<u32>(), rounding).prop_map(|(shift, multiplier, rounding)| Decay {
        multiplier: multiplier % (1 << shift),
        shift,
        rounding,
    });
    (decay, 0u8..=10, 0u8..=8).prop_flat_map(|(decay, input_shift, spare_bits)| {
        let highest = 60i32 << input_shift;
        // `bits` is what is spare until the graph is finished
        vec(-highest..=highest, 1..6).prop_map(move |bias| Membrane { decay, input_shift, bias, bits: spare_bits })
    })
}

fn wire() -> impl Strategy<Value = Wire> {
    (any::<usize>(), any::<usize>(), 0u8..=1, weights()).prop_map(|(from, to, delay, weights)| Wire { from, to, delay, weights })
}

struct Builder {
    graph: LifGraph,
}

impl Builder {
    fn start(steps: u32, shape: Shape, start: Start) -> Self {
        let membrane =
            Membrane { decay: Decay { multiplier: 3, shift: 2, rounding: Rounding::Floor }, input_shift: 0, bias: vec![40], bits: 0 };
        let model = match start {
            Start::Source => NeuronModel::Source,
            Start::Image(shift) => NeuronModel::Image { shift },
            Start::Lif => NeuronModel::Lif { membrane, threshold: vec![70] },
        };
        let first = Population { name: "start".into(), shape, model };
        Self { graph: LifGraph { name: "random".into(), steps, populations: vec![first], projections: vec![] } }
    }

    fn layers(mut self, layers: Vec<Layer>) -> Self {
        for layer in layers {
            let firing: Vec<usize> = self.rows(|model| !matches!(model, NeuronModel::Readout { .. }));
            self.layer(firing[layer.on % firing.len()], layer);
        }
        self
    }

    fn rows(&self, wanted: impl Fn(&NeuronModel) -> bool) -> Vec<usize> {
        (0..self.graph.populations.len()).filter(|&index| wanted(&self.graph.populations[index].model)).collect()
    }

    fn layer(&mut self, source: usize, layer: Layer) {
        let from = self.graph.populations[source].shape;
        let target = self.graph.populations.len();
        let image = matches!(self.graph.populations[source].model, NeuronModel::Image { .. });
        if let Kind::Select = layer.kind {
            // the ways are what divides the source; only a flat source that fires can be picked from
            if from.height * from.width == 1 && !image {
                let ways = (1..=layer.channels).rev().find(|ways| from.channels.is_multiple_of(*ways)).unwrap_or(1);
                let shape = Shape::flat(from.channels / ways);
                self.populate(format!("select.{target}"), shape, NeuronModel::Select { ways });
                return self.connect(source, target, 0, Connectivity::Pick, &[]);
            }
        }
        let (connectivity, shape) = buildable(layer.kind, from, layer.channels);
        let fit = |values: &[i32], sharing| -> Vec<i32> {
            let length = match sharing {
                Sharing::All => 1,
                Sharing::Channel => shape.channels as usize,
                Sharing::None => shape.neurons(),
            };
            values.iter().copied().cycle().take(length).collect()
        };
        let [of_bias, of_threshold] = layer.sharing;
        let membrane = Membrane { bias: fit(&layer.membrane.bias, of_bias), ..layer.membrane.clone() };
        if layer.readout {
            let step = 3i32 << membrane.input_shift;
            let pixels = PixelTable { levels: (-127..128).map(|level| level * step).collect() };
            self.populate(format!("readout.{target}"), shape, NeuronModel::Readout { membrane, pixels });
        } else {
            let threshold = fit(&layer.threshold, of_threshold);
            self.populate(format!("lif.{target}"), shape, NeuronModel::Lif { membrane, threshold });
        }
        self.connect(source, target, if image { 0 } else { layer.delay }, connectivity, &layer.weights);
    }

    fn wires(mut self, wires: Vec<Wire>) -> Self {
        let from = self.rows(|model| !matches!(model, NeuronModel::Readout { .. }));
        let to = self.rows(|model| matches!(model, NeuronModel::Lif { .. } | NeuronModel::Readout { .. }));
        for wire in wires.iter().filter(|_| !to.is_empty()) {
            let (from, to) = (from[wire.from % from.len()], to[wire.to % to.len()]);
            let image = matches!(self.graph.populations[from].model, NeuronModel::Image { .. });
            let delay = if from >= to {
                1
            } else if image {
                0
            } else {
                wire.delay
            };
            self.connect(from, to, delay, Connectivity::Dense, &wire.weights);
        }
        self
    }

    fn populate(&mut self, name: String, shape: Shape, model: NeuronModel) {
        self.graph.populations.push(Population { name, shape, model });
    }

    fn connect(&mut self, source: usize, target: usize, delay: u8, connectivity: Connectivity, weights: &[i8]) {
        let [from, to] = [source, target].map(|index| self.graph.populations[index].shape);
        let synapses = match connectivity {
            Connectivity::Dense => from.neurons() * to.neurons(),
            Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => {
                (from.channels * to.channels * kernel.size * kernel.size) as usize
            }
            Connectivity::Pick => 0,
        };
        let name =
            format!("{}->{}#{}", self.graph.populations[source].name, self.graph.populations[target].name, self.graph.projections.len());
        let weights = weights.iter().copied().cycle().take(synapses).collect();
        let [source, target] = [source, target].map(PopulationId::from_index);
        self.graph.projections.push(Projection { name, source, target, delay, connectivity, weights });
    }

    /// Sets the membranes' widths, and moves the populations to other rows of the table.
    fn finish(mut self, places: &[u8; 8]) -> LifGraph {
        let worst_cases = self.graph.worst_cases();
        for (population, worst) in self.graph.populations.iter_mut().zip(worst_cases) {
            if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &mut population.model {
                membrane.bits = (worst.membrane.bits() as u8 + membrane.bits).clamp(8, 32);
            }
        }
        self.shuffle(places);
        self.graph
    }

    fn shuffle(&mut self, places: &[u8; 8]) {
        let mut rows: Vec<usize> = (0..self.graph.populations.len()).collect();
        rows.sort_by_key(|&row| places[row % places.len()]);
        self.graph.populations = rows.iter().map(|&row| self.graph.populations[row].clone()).collect();
        let moved = |id: PopulationId| PopulationId::from_index(rows.iter().position(|&row| row == id.index()).expect("a permutation"));
        for projection in &mut self.graph.projections {
            (projection.source, projection.target) = (moved(projection.source), moved(projection.target));
        }
    }
}

/// The connectivity and the target's shape that a kind of layer gives on `from`; dense where it gives none.
fn buildable(kind: Kind, from: Shape, channels: u32) -> (Connectivity, Shape) {
    let (connectivity, height, width) = match kind {
        Kind::Conv2d(kernel) => (Connectivity::Conv2d(kernel), kernel.convolved(from.height), kernel.convolved(from.width)),
        Kind::ConvTranspose2d(kernel) => {
            (Connectivity::ConvTranspose2d(kernel), kernel.transposed(from.height), kernel.transposed(from.width))
        }
        Kind::Dense(height, width) => (Connectivity::Dense, Some(height.into()), Some(width.into())),
        Kind::Select => (Connectivity::Dense, None, None),
    };
    match (height, width) {
        (Some(height), Some(width)) if height * width * u64::from(channels) <= MAX_LAYER => {
            (connectivity, Shape { channels, height: height as u32, width: width as u32 })
        }
        _ => (Connectivity::Dense, Shape::flat(channels * 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn random_graphs_are_well_formed(graph in well_formed_graph()) {
            prop_assert_eq!(graph.check(), Ok(()));
            prop_assert_eq!(graph.update_order().len(), graph.populations.len());
        }
    }

    /// The strategy is worth what it covers: each feature occurs often, and the networks are alive.
    #[test]
    fn every_feature_occurs() {
        let mut runner = TestRunner::deterministic();
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for _ in 0..400 {
            let graph = well_formed_graph().new_tree(&mut runner).expect("no rejects").current();
            let mut features = vec![];
            for population in &graph.populations {
                features.push(match &population.model {
                    NeuronModel::Lif { membrane, .. } => match membrane.decay.rounding {
                        Rounding::TowardZero => "lif toward zero",
                        Rounding::Floor => "lif floor",
                        Rounding::Ceiling => "lif ceiling",
                    },
                    NeuronModel::Select { .. } => "select",
                    NeuronModel::Readout { .. } => "readout",
                    NeuronModel::Source => "source",
                    NeuronModel::Image { .. } => "image",
                });
                let shape = population.shape;
                let sharing = |values: &[i32], [one, of_channel, of_neuron]: [&'static str; 3]| match values.len() {
                    1 => one,
                    length if length == shape.channels as usize => of_channel,
                    _ => of_neuron,
                };
                if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &population.model {
                    features.push(sharing(&membrane.bias, ["one bias", "bias per channel", "bias per neuron"]));
                }
                if let NeuronModel::Lif { threshold, .. } = &population.model {
                    features.push(sharing(threshold, ["one threshold", "threshold per channel", "threshold per neuron"]));
                }
            }
            for projection in &graph.projections {
                features.push(match projection.connectivity {
                    Connectivity::Dense if graph.population(projection.target).shape.pixels() > 1 => "dense into rows and columns",
                    Connectivity::Dense => "dense",
                    Connectivity::Conv2d(kernel) if kernel.stride > 1 => "strided convolution",
                    Connectivity::Conv2d(_) => "convolution",
                    Connectivity::ConvTranspose2d(kernel) if kernel.output_padding > 0 => "transposed with output padding",
                    Connectivity::ConvTranspose2d(_) => "transposed",
                    Connectivity::Pick => "pick",
                });
                let image = matches!(graph.population(projection.source).model, NeuronModel::Image { .. });
                features.extend(image.then_some("current"));
                features.extend((projection.delay == 1).then_some("delay"));
                features.extend((projection.source == projection.target).then_some("self loop"));
            }
            features.extend(petgraph::algo::is_cyclic_directed(&graph.digraph()).then_some("loop"));
            features.extend(graph.projections.iter().any(|p| p.delay == 0 && p.source > p.target).then_some("table out of order"));
            let run = Interpreter::new(&graph, 1, 2).run();
            features.extend(run.spikes.iter().flatten().flatten().any(|&fired| fired).then_some("spikes"));
            features.extend(run.membranes.iter().flatten().any(|&v| v < 0).then_some("negative membranes"));
            features.sort_unstable();
            features.dedup();
            for feature in features {
                *seen.entry(feature).or_default() += 1;
            }
        }
        assert_eq!(seen.len(), 27, "{seen:#?}");
        assert!(seen.values().all(|&graphs| graphs >= 20), "{seen:#?}");
    }
}
