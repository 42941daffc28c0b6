//! An integer graph in NIR's words.
//!
//! A forward-Euler step of NIR's LIF over `dt` is `v = v + dt / tau * (v_leak - v + r I)`. With `tau = dt / (1 - decay)`, `r = tau / dt` and
//! `v_leak = 0` that is `v = decay * v + I`, our membrane. In units of weight 1, `I` is the sum of weights plus the bias, which goes
//! into the node of the synapses; the threshold is strict in both, and `v_reset = 0`. What gets lost: the rounding of the decay, and a read-out's
//! table of pixels (its membrane is NIR's LI).

use lif_graph::{Connectivity, Kernel, LifGraph, Membrane, NeuronModel, Population, Projection, Shape};

use crate::{Array, NirError, NirGraph, Node, Padding, Unit};

/// The step for which time constants are written, in seconds: that of snnTorch's files.
pub const TIME_STEP: f64 = 1e-4;

/// Writes a graph down in NIR.
///
/// # Errors
/// [`NirError::Inexpressible`] for a transposed convolution, a pick, a select stage, a delay, and a population into which no synapses or
/// several projections lead.
pub fn export(graph: &LifGraph) -> Result<NirGraph, NirError> {
    let mut exporter = Exporter::default();
    let mut last: Vec<usize> = Vec::new(); // the node at which each population's signal leaves
    for population in &graph.populations {
        let unit = neurons(population)?;
        let place = exporter.node(population.name.clone(), unit);
        last.push(place);
    }
    for (index, population) in graph.populations.iter().enumerate() {
        if population.model == NeuronModel::Source {
            continue;
        }
        let mut incoming = graph.projections.iter().filter(|projection| projection.target.index() == index);
        let (Some(projection), None) = (incoming.next(), incoming.next()) else {
            return Err(inexpressible("population", &population.name, "not exactly one projection leads into it".into()));
        };
        let source = projection.source.index();
        let synapses = synapses(graph, projection, population)?;
        let place = exporter.node(projection.name.replace('/', "_"), synapses);
        let mut from = last[source];
        if projection.connectivity == Connectivity::Dense && dims(graph.populations[source].shape).len() > 1 {
            from = exporter.follow(
                from,
                format!("{}.flatten", projection.name.replace('/', "_")),
                Unit::Flatten { start_dim: 0, end_dim: -1 },
            );
        }
        exporter.edges.push((from, place));
        exporter.edges.push((place, last[index]));
    }
    for (index, population) in graph.populations.iter().enumerate() {
        if !graph.projections.iter().any(|projection| projection.source.index() == index) {
            exporter.follow(last[index], format!("{}.output", population.name), Unit::Output { shape: dims(population.shape) });
        }
    }
    exporter.finish()
}

fn inexpressible(kind: &str, name: &str, reason: String) -> NirError {
    NirError::Inexpressible { place: format!("{kind} {name:?}"), reason }
}

#[derive(Default)]
struct Exporter {
    nodes: Vec<Node>,
    edges: Vec<(usize, usize)>,
}

impl Exporter {
    fn node(&mut self, name: String, unit: Unit) -> usize {
        self.nodes.push(Node { name, unit });
        self.nodes.len() - 1
    }

    fn follow(&mut self, from: usize, name: String, unit: Unit) -> usize {
        let to = self.node(name, unit);
        self.edges.push((from, to));
        to
    }

    /// Sorted by name, as a file is.
    fn finish(self) -> Result<NirGraph, NirError> {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by(|&a, &b| self.nodes[a].name.cmp(&self.nodes[b].name));
        if let Some(twice) = order.windows(2).find(|pair| self.nodes[pair[0]].name == self.nodes[pair[1]].name) {
            return Err(inexpressible("node", &self.nodes[twice[0]].name, "another node has the same name".into()));
        }
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
        let nodes = order.iter().map(|&old| self.nodes[old].clone()).collect();
        Ok(NirGraph { nodes, edges: self.edges.iter().map(|&(from, to)| (place[from], place[to])).collect() })
    }
}

/// A flat population's signal is a vector.
fn dims(shape: Shape) -> Vec<usize> {
    let [channels, height, width] = [shape.channels, shape.height, shape.width].map(|extent| extent as usize);
    if (height, width) == (1, 1) { vec![channels] } else { vec![channels, height, width] }
}

fn neurons(population: &Population) -> Result<Unit, NirError> {
    let dims = dims(population.shape);
    let each = |value: &dyn Fn(usize) -> f64| Array { shape: dims.clone(), values: (0..population.shape.neurons()).map(value).collect() };
    let tau = |membrane: &Membrane| {
        let decay = f64::from(membrane.decay.multiplier) / f64::from(1u32 << membrane.decay.shift);
        TIME_STEP / (1.0 - decay)
    };
    Ok(match &population.model {
        NeuronModel::Source => Unit::Input { shape: dims },
        NeuronModel::Select { .. } | NeuronModel::Draw { .. } => {
            return Err(inexpressible("population", &population.name, "it picks at random, and NIR has no random node".into()));
        }
        NeuronModel::Lif { membrane, threshold } => Unit::Lif {
            tau: each(&|_| tau(membrane)),
            r: each(&|_| tau(membrane) / TIME_STEP),
            v_leak: each(&|_| 0.0),
            v_threshold: each(&|neuron| in_weights(membrane, population.shape.value_of(threshold, neuron))),
            v_reset: each(&|_| 0.0),
        },
        NeuronModel::Readout { membrane, .. } => {
            Unit::Li { tau: each(&|_| tau(membrane)), r: each(&|_| tau(membrane) / TIME_STEP), v_leak: each(&|_| 0.0) }
        }
    })
}

/// Membrane units in units of weight 1.
fn in_weights(membrane: &Membrane, value: i32) -> f64 {
    f64::from(value) / f64::from(1u32 << membrane.input_shift)
}

fn synapses(graph: &LifGraph, projection: &Projection, target: &Population) -> Result<Unit, NirError> {
    let refuse = |reason: &str| Err(inexpressible("projection", &projection.name, reason.into()));
    if projection.delay != 0 {
        return refuse("it brings the spikes of the step before, and NIR's Delay is in seconds of no stated step");
    }
    let (NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. }) = &target.model else {
        return refuse("it is a pick, and NIR has none");
    };
    let source = graph.population(projection.source).shape;
    let weights = |shape: Vec<usize>| Array { shape, values: projection.weights.iter().map(|&weight| f64::from(weight)).collect() };
    let bias = |neuron: usize| in_weights(membrane, target.shape.value_of(&membrane.bias, neuron));
    match projection.connectivity {
        Connectivity::Pick => refuse("it is a pick, and NIR has none"),
        Connectivity::ConvTranspose2d(_) => refuse("it is a transposed convolution, and NIR has none"),
        Connectivity::Dense if dims(target.shape).len() > 1 => {
            refuse("it is dense and leads into feature maps, and NIR cannot give a vector rows and columns")
        }
        Connectivity::Dense => {
            let neurons = target.shape.neurons();
            Ok(Unit::Affine { weight: weights(vec![neurons, source.neurons()]), bias: Array::vector((0..neurons).map(bias).collect()) })
        }
        Connectivity::Conv2d(Kernel { size, stride, padding, .. }) => {
            let (channels, pixels) = (target.shape.channels as usize, target.shape.pixels());
            let uniform = (0..target.shape.neurons()).all(|neuron| bias(neuron) == bias(neuron / pixels * pixels));
            if !uniform {
                return refuse("it is a convolution with a bias for each neuron, and NIR's has one for each channel");
            }
            let [size, stride, padding] = [size, stride, padding].map(|figure| figure as usize);
            Ok(Unit::Conv2d {
                input_shape: Some([source.height as usize, source.width as usize]),
                weight: weights(vec![channels, source.channels as usize, size, size]),
                stride: [stride; 2],
                padding: Padding::Pixels([padding; 2]),
                dilation: [1; 2],
                groups: 1,
                bias: Array::vector((0..channels).map(|channel| bias(channel * pixels)).collect()),
            })
        }
    }
}
