//! The network in floating point, the yardstick of its integer graph.

use super::{Feed, FeedForward, Placed};
use crate::float::EngineLayer;
use crate::fold::FoldedLayer;

/// A network made ready to run.
pub struct FloatNetwork<'n> {
    network: &'n FeedForward<FoldedLayer>,
    engine: Vec<EngineLayer>,
}

impl<'n> From<&'n FeedForward<FoldedLayer>> for FloatNetwork<'n> {
    fn from(network: &'n FeedForward<FoldedLayer>) -> Self {
        Self { network, engine: network.layers.iter().map(|placed| EngineLayer::folded(&placed.layer)).collect() }
    }
}

impl FloatNetwork<'_> {
    /// Runs all steps from membranes of 0. `outside(source, step)` gives the neurons of a source that fire; `observe` sees, layer by layer
    /// in each step, the layer's place, the neurons that it heard and those that fired.
    pub fn run(&self, outside: impl Fn(usize, u32) -> Vec<u32>, mut observe: impl FnMut(usize, &[u32], &[u32])) {
        let Self { network, engine } = self;
        let silent = |placed: &Placed<FoldedLayer>| vec![0f32; placed.layer.wiring.target.neurons()];
        let mut membranes: Vec<Vec<f32>> = network.layers.iter().map(silent).collect();
        let mut sums = membranes.clone();
        let mut spikes: Vec<Vec<u32>> = vec![Vec::new(); engine.len()];
        for step in 0..network.steps {
            let outside: Vec<Vec<u32>> = (0..network.sources.len()).map(|source| outside(source, step)).collect();
            for (index, placed) in network.layers.iter().enumerate() {
                let (before, rest) = spikes.split_at_mut(index);
                let input = match placed.feed {
                    Feed::Source(source) => &outside[source],
                    Feed::Layer(layer) => &before[layer],
                };
                engine[index].step(input, placed.neuron, &mut rest[0], &mut sums[index], &mut membranes[index]);
                observe(index, input, &rest[0]);
            }
        }
    }
}
