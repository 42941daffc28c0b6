//! The float network, run event by event: the yardstick of the quantiser and of `--verify`.
//!
//! Plain f32 arithmetic in a fixed order, so a run gives the same bits on any number of threads. It runs the trained network, with
//! tdBN spelled out, and the folded one.

use crate::events::{Fanout, neuron, slot};
use crate::fold::FoldedLayer;
use crate::import::{FloatLayer, Norm};
use crate::network::{Network, PRIOR_LAYERS, Wiring};
use crate::quantise::Neuron;
use fsvae_checkpoint::NetworkConfig;
use lif_graph::{Shape, philox};

/// A float network, ready to draw images.
pub struct FloatEngine {
    config: NetworkConfig,
    layers: Vec<EngineLayer>,
}

pub(crate) struct EngineLayer {
    wiring: Wiring,
    fanout: Fanout<f32>,
    /// By slot.
    bias: Vec<f32>,
    norm: Option<Norm>,
}

/// What one layer did in one step of one image; the engine shows it as it goes.
pub struct LayerStep<'a> {
    /// Place in [`Network::layers`].
    pub layer: usize,
    /// Neurons of the layer's source that fired.
    pub input: &'a [u32],
    /// Membranes by slot, before the reset.
    pub membrane: &'a [f32],
    /// Neurons of the layer that fired.
    pub spikes: &'a [u32],
    /// The layer's neurons.
    pub shape: Shape,
}

impl LayerStep<'_> {
    /// The membrane of a neuron before the reset.
    pub fn membrane_of(&self, neuron: usize) -> f32 {
        self.membrane[slot(self.shape, neuron)]
    }
}

impl From<&Network<FoldedLayer>> for FloatEngine {
    fn from(network: &Network<FoldedLayer>) -> Self {
        let layers = network.layers.iter().map(|layer| EngineLayer::new(&layer.wiring, &layer.weights, &layer.bias, None));
        Self { config: network.config.clone(), layers: layers.collect() }
    }
}

impl From<&Network<FloatLayer>> for FloatEngine {
    fn from(network: &Network<FloatLayer>) -> Self {
        let layers = network.layers.iter().map(|layer| EngineLayer::new(&layer.wiring, &layer.weights, &layer.bias, layer.norm.clone()));
        Self { config: network.config.clone(), layers: layers.collect() }
    }
}

impl EngineLayer {
    fn new(wiring: &Wiring, weights: &[f32], bias: &[f32], norm: Option<Norm>) -> Self {
        let fanout = Fanout::new(wiring.source, wiring.target, wiring.connectivity, weights);
        let bias = (0..wiring.target.neurons()).map(|slot| bias[unit(wiring, slot)]).collect();
        Self { wiring: wiring.clone(), fanout, bias, norm }
    }

    /// A layer without batch normalisation.
    pub fn folded(layer: &FoldedLayer) -> Self {
        Self::new(&layer.wiring, &layer.weights, &layer.bias, None)
    }

    /// One whole step: input, leak, fire. `fires` holds the neurons that fired in the step before, then those of this one.
    pub fn step(&self, input: &[u32], neuron: Neuron, fires: &mut Vec<u32>, sums: &mut [f32], membrane: &mut [f32]) {
        self.integrate(input, neuron.decay, fires, sums, membrane, 0.0);
        fires.clear();
        if let Some(threshold) = neuron.threshold {
            let above = membrane.iter().enumerate().filter(|(_, v)| **v > threshold);
            fires.extend(above.map(|(slot, _)| crate::events::neuron(self.wiring.target, slot) as u32));
        }
    }

    /// One step: input, leak; fires into `spikes` unless it is the read-out (`threshold` none). Membranes are left before the reset.
    fn integrate(&self, input: &[u32], decay: f32, fired_before: &[u32], sums: &mut [f32], membrane: &mut [f32], threshold: f32) {
        sums.copy_from_slice(&self.bias);
        self.fanout.add(input, sums);
        if let Some(norm) = &self.norm {
            for (slot, sum) in sums.iter_mut().enumerate() {
                *sum = normalised(norm, unit(&self.wiring, slot), *sum, threshold);
            }
        }
        fired_before.iter().for_each(|&neuron| membrane[slot(self.wiring.target, neuron as usize)] = 0.0);
        membrane.iter_mut().zip(sums).for_each(|(v, sum)| *v = decay * *v + *sum);
    }
}

/// tdBN of one value, as [`Norm`] defines it.
fn normalised(norm: &Norm, unit: usize, x: f32, threshold: f32) -> f32 {
    let deviation = (norm.variance[unit] + Norm::EPSILON as f32).sqrt();
    norm.gamma[unit] * (norm.alpha * threshold * (x - norm.mean[unit]) / deviation) + norm.beta[unit]
}

/// The bias or norm entry that belongs to a slot.
fn unit(wiring: &Wiring, slot: usize) -> usize {
    let neuron = neuron(wiring.target, slot);
    if wiring.units() == wiring.target.neurons() { neuron } else { neuron / wiring.target.pixels() }
}

impl FloatEngine {
    /// Draws image `image` of seed `seed` with its specified picks and returns the final read-out membranes, by neuron; `observe` sees every
    /// layer at every step.
    pub fn draw(&self, seed: u64, image: u64, observe: impl FnMut(LayerStep<'_>)) -> Vec<f32> {
        let [ways, latent, components] = [self.config.ways, self.config.latent, self.config.components].map(|size| size as u32);
        let component = philox::pick(seed, image, 0, latent, components);
        self.draw_with(|step, channel| philox::pick(seed, image, step, channel, ways), component, observe)
    }

    /// The same with other picks: `pick(step, channel)` says which of a channel's neighbours is listened to; `component` counts for a prior
    /// that has some.
    pub fn draw_with(&self, pick: impl Fn(u32, u32) -> u32, component: u32, mut observe: impl FnMut(LayerStep<'_>)) -> Vec<f32> {
        let sizes = || self.layers.iter().map(|layer| layer.wiring.target.neurons());
        let mut membranes: Vec<Vec<f32>> = sizes().map(|neurons| vec![0.0; neurons]).collect();
        let mut sums = membranes.clone();
        let mut spikes: Vec<Vec<u32>> = sizes().map(|_| Vec::new()).collect();
        let (mut selected, mut heard): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let components = self.config.components as u32;
        let readout = self.layers.len() - 1;
        for step in 0..self.config.steps as u32 {
            // what the prior hears: the component, then z of the step before
            heard.clear();
            heard.extend((components > 0).then_some(component));
            heard.extend(selected.iter().map(|channel| components + channel));
            for (index, layer) in self.layers.iter().enumerate() {
                if index == PRIOR_LAYERS {
                    selected = self.select(|channel| pick(step, channel), &spikes[PRIOR_LAYERS - 1]);
                }
                let (before, rest) = spikes.split_at_mut(index);
                let input: &[u32] = match index {
                    0 => &heard,
                    PRIOR_LAYERS => &selected,
                    _ => &before[index - 1],
                };
                let fires = &mut rest[0];
                let decay = if index == readout { self.config.readout_decay } else { self.config.decay };
                layer.integrate(input, decay, fires, &mut sums[index], &mut membranes[index], self.config.threshold);
                fires.clear();
                if index != readout {
                    let above = membranes[index].iter().enumerate().filter(|(_, v)| **v > self.config.threshold);
                    fires.extend(above.map(|(slot, _)| neuron(layer.wiring.target, slot) as u32));
                }
                observe(LayerStep { layer: index, input, membrane: &membranes[index], spikes: fires, shape: layer.wiring.target });
            }
        }
        let shape = self.layers[readout].wiring.target;
        (0..shape.neurons()).map(|neuron| membranes[readout][slot(shape, neuron)]).collect()
    }

    /// The channels whose picked neighbour fired (Kamata et al. 2022, section 3.2).
    fn select(&self, pick: impl Fn(u32) -> u32, fired: &[u32]) -> Vec<u32> {
        let ways = self.config.ways as u32;
        let mut selected: Vec<u32> = fired
            .iter()
            .map(|&neuron| (neuron / ways, neuron % ways))
            .filter(|&(channel, neighbour)| pick(channel) == neighbour)
            .map(|(channel, _)| channel)
            .collect();
        selected.sort_unstable();
        selected
    }
}

/// The byte of a read-out membrane: `round((tanh(v) + 1) / 2 * 255)`.
pub fn pixel(membrane: f32) -> u8 {
    ((membrane.tanh() + 1.0) / 2.0 * 255.0).round() as u8
}
