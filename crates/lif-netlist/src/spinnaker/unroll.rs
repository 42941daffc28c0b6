//! A projection as synapses, source by source: the rows of the machine's synaptic memory.

use lif_graph::{Connectivity, Kernel, Projection, Shape};

/// Synapses in compressed rows, one row a source neuron, targets ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Where each row starts, and the end.
    pub starts: Vec<u32>,
    /// Target neurons.
    pub targets: Vec<u32>,
    /// Not 0; inhibitory ones are negative.
    pub weights: Vec<i32>,
}

impl Sources {
    /// From `(target, weight)` by source.
    pub fn from_rows(rows: impl Iterator<Item = impl Iterator<Item = (u32, i32)>>) -> Self {
        let mut sources = Self { starts: vec![0], ..Self::default() };
        for row in rows {
            for (target, weight) in row {
                sources.targets.push(target);
                sources.weights.push(weight);
            }
            sources.starts.push(sources.targets.len() as u32); // a rule bounds the synapses of a projection
        }
        sources
    }

    /// No synapses.
    pub fn empty(sources: usize) -> Self {
        Self { starts: vec![0; sources + 1], ..Self::default() }
    }

    /// The synapses of a source: target and weight.
    pub fn row(&self, source: usize) -> impl Iterator<Item = (u32, i32)> {
        let row = self.starts[source] as usize..self.starts[source + 1] as usize;
        self.targets[row.clone()].iter().copied().zip(self.weights[row].iter().copied())
    }

    /// How many sources.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Each row so many times, one after the other.
    pub fn repeated(&self, times: usize) -> Self {
        Self::from_rows((0..self.count()).flat_map(|source| (0..times).map(move |_| self.row(source))))
    }
}

/// The synapses of a projection that are not 0.
pub fn by_source(projection: &Projection, from: Shape, to: Shape) -> Sources {
    let weights = &projection.weights;
    match projection.connectivity {
        Connectivity::Dense => {
            let row =
                |source: usize| (0..to.neurons()).map(move |target| (target as u32, i32::from(weights[target * from.neurons() + source])));
            Sources::from_rows((0..from.neurons()).map(|source| row(source).filter(|(_, weight)| *weight != 0)))
        }
        Connectivity::Conv2d(kernel) => convolution(weights, Geometry { kernel, transposed: false, from, to }),
        Connectivity::ConvTranspose2d(kernel) => convolution(weights, Geometry { kernel, transposed: true, from, to }),
        Connectivity::Pick => Sources::from_rows((0..from.neurons() as u32).map(|source| std::iter::once((source, 1)))),
    }
}

#[derive(Clone, Copy)]
struct Geometry {
    kernel: Kernel,
    transposed: bool,
    from: Shape,
    to: Shape,
}

impl Geometry {
    /// Where in a row or column of `outputs` places an input is heard, and through which tap; ascending.
    fn reached(self, input: u32, outputs: u32) -> Vec<(u32, u32)> {
        let Kernel { size, stride, padding, .. } = self.kernel;
        let output_of = |tap: u32| {
            let output = if self.transposed {
                (input * stride + tap).checked_sub(padding)?
            } else {
                let distance = (input + padding).checked_sub(tap)?;
                distance.is_multiple_of(stride).then_some(distance / stride)?
            };
            (output < outputs).then_some((output, tap))
        };
        let mut reached: Vec<_> = (0..size).filter_map(output_of).collect();
        reached.sort_unstable();
        reached
    }
}

fn convolution(weights: &[i8], geometry: Geometry) -> Sources {
    let Geometry { kernel, transposed, from, to } = geometry;
    let rows: Vec<_> = (0..from.height).map(|y| geometry.reached(y, to.height)).collect();
    let columns: Vec<_> = (0..from.width).map(|x| geometry.reached(x, to.width)).collect();
    let (sources, targets, area) = (from.channels as usize, to.channels as usize, (kernel.size * kernel.size) as usize);
    let row_of = |(channel, y, x): (usize, usize, usize)| {
        let (rows, columns) = (&rows[y], &columns[x]);
        let synapse = move |goal: usize, (row, ky): (u32, u32), (column, kx): (u32, u32)| {
            let pair = if transposed { channel * targets + goal } else { goal * sources + channel };
            let weight = i32::from(weights[pair * area + (ky * kernel.size + kx) as usize]);
            (weight != 0).then_some(((goal * to.pixels()) as u32 + row * to.width + column, weight))
        };
        (0..targets)
            .flat_map(move |goal| rows.iter().flat_map(move |&row| columns.iter().filter_map(move |&column| synapse(goal, row, column))))
    };
    let neurons = (0..sources)
        .flat_map(|channel| (0..from.height as usize).flat_map(move |y| (0..from.width as usize).map(move |x| (channel, y, x))));
    Sources::from_rows(neurons.map(row_of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::random::well_formed_graph;
    use lif_graph::{Interpreter, LifGraph, NeuronModel, Population, PopulationId};
    use proptest::prelude::*;

    /// What a lone spike of each neuron brings to the targets, by the reference interpreter.
    fn by_interpreter(graph: &LifGraph, projection: &Projection) -> Sources {
        let [from, to] = [projection.source, projection.target].map(|id| graph.population(id).shape);
        let membrane = lif_graph::Membrane {
            decay: lif_graph::Decay { multiplier: 0, shift: 1, rounding: lif_graph::Rounding::Floor },
            input_shift: 0,
            bias: vec![0],
            bits: 32,
        };
        let populations = vec![
            Population { name: "from".into(), shape: from, model: NeuronModel::Source },
            Population { name: "to".into(), shape: to, model: NeuronModel::Lif { membrane, threshold: vec![1 << 20] } },
        ];
        let alone = Projection { source: PopulationId(0), target: PopulationId(1), delay: 0, ..projection.clone() };
        let graph = LifGraph { name: "alone".into(), steps: 1, populations, projections: vec![alone] };
        Sources::from_rows((0..from.neurons()).map(|source| {
            let train = vec![(0..from.neurons()).map(|neuron| neuron == source).collect()];
            let membranes = Interpreter::new(&graph, 1, 0).with_source(PopulationId(0), train).run().membranes[1].clone();
            let synapses: Vec<_> =
                membranes.into_iter().enumerate().filter(|(_, v)| *v != 0).map(|(target, v)| (target as u32, v)).collect();
            synapses.into_iter()
        }))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn rows_are_what_a_lone_spike_brings(graph in well_formed_graph()) {
            for projection in graph.projections.iter().filter(|projection| projection.connectivity != Connectivity::Pick) {
                let [from, to] = [projection.source, projection.target].map(|id| graph.population(id).shape);
                prop_assert_eq!(by_source(projection, from, to), by_interpreter(&graph, projection));
            }
        }
    }
}
