//! The float network, run event by event: the yardstick of the quantiser and of `--verify`.
//!
//! Plain f32 arithmetic in a fixed order, so a run gives the same bits on any number of threads. It runs the trained network, with
//! tdBN spelled out, and the folded one.

use crate::events::{Fanout, neuron, slot};
use crate::fold::FoldedLayer;
use crate::import::{FloatLayer, Norm};
use crate::network::{Hears, Network, Purpose, Wiring};
use crate::quantise::Neuron;
use fsvae_checkpoint::NetworkConfig;
use lif_graph::{Shape, philox, pixel_value};

/// A float network, ready to draw or to reconstruct images.
pub struct FloatEngine {
    purpose: Purpose,
    config: NetworkConfig,
    layers: Vec<EngineLayer>,
}

/// What a run takes from outside.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// `pick(step, channel)` says which of a channel's neighbours is listened to.
    pub picks: &'a dyn Fn(u32, u32) -> u32,
    /// The image to be reconstructed, in [-1, 1], neuron by neuron; empty for a network that draws.
    pub pixels: &'a [f32],
    /// A layer whose spikes are given, step by step, so that only what follows it runs.
    pub replaced: Option<Replaced<'a>>,
    /// Layers from this one on do not run; the first behind the select stage must, or nothing is picked.
    pub until: usize,
}

impl<'a> Given<'a> {
    /// The whole network runs freely.
    pub fn new(picks: &'a dyn Fn(u32, u32) -> u32, pixels: &'a [f32]) -> Self {
        Self { picks, pixels, replaced: None, until: usize::MAX }
    }
}

/// Spikes of one layer in place of those that it would fire.
#[derive(Clone, Copy)]
pub struct Replaced<'a> {
    /// Place in [`Network::layers`].
    pub layer: usize,
    /// By step, ascending.
    pub spikes: &'a [Vec<u32>],
}

pub(crate) struct EngineLayer {
    wiring: Wiring,
    fanout: Fanout<f32>,
    /// By slot.
    bias: Vec<f32>,
    /// By slot: where in the norm's tables it looks.
    units: Vec<u32>,
    norm: Option<Norm>,
    /// The norm's standard deviations.
    deviations: Vec<f32>,
}

/// What one layer did in one step of one image; the engine shows it as it goes.
pub struct LayerStep<'a> {
    /// Place in [`Network::layers`].
    pub layer: usize,
    /// Neurons of the layer's source that fired; none where the source is an image.
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
        Self { purpose: network.purpose, config: network.config.clone(), layers: layers.collect() }
    }
}

impl From<&Network<FloatLayer>> for FloatEngine {
    fn from(network: &Network<FloatLayer>) -> Self {
        let layers = network.layers.iter().map(|layer| EngineLayer::new(&layer.wiring, &layer.weights, &layer.bias, layer.norm.clone()));
        Self { purpose: network.purpose, config: network.config.clone(), layers: layers.collect() }
    }
}

impl EngineLayer {
    fn new(wiring: &Wiring, weights: &[f32], bias: &[f32], norm: Option<Norm>) -> Self {
        let fanout = Fanout::new(wiring.source, wiring.target, wiring.connectivity, weights);
        let units: Vec<u32> = (0..wiring.target.neurons()).map(|slot| unit(wiring, slot) as u32).collect();
        let bias = units.iter().map(|&unit| bias[unit as usize]).collect();
        let deviations = norm.iter().flat_map(|norm| &norm.variance).map(|variance| (variance + Norm::EPSILON as f32).sqrt()).collect();
        Self { wiring: wiring.clone(), fanout, bias, units, norm, deviations }
    }

    /// A layer without batch normalisation.
    pub fn folded(layer: &FoldedLayer) -> Self {
        Self::new(&layer.wiring, &layer.weights, &layer.bias, None)
    }

    /// One whole step: input, leak, fire. `fires` holds the neurons that fired in the step before, then those of this one.
    pub fn step(&self, input: &[u32], neuron: Neuron, fires: &mut Vec<u32>, sums: &mut [f32], membrane: &mut [f32]) {
        self.drive(input, sums, 0.0);
        self.integrate(neuron.decay, fires, sums, membrane);
        fires.clear();
        if let Some(threshold) = neuron.threshold {
            let above = membrane.iter().enumerate().filter(|(_, v)| **v > threshold);
            fires.extend(above.map(|(slot, _)| crate::events::neuron(self.wiring.target, slot) as u32));
        }
    }

    /// What the neurons of the layer get from spikes in one step, normalised.
    fn drive(&self, input: &[u32], sums: &mut [f32], threshold: f32) {
        sums.copy_from_slice(&self.bias);
        self.fanout.add(input, sums);
        self.normalise(sums, threshold);
    }

    /// What they get from an image in every step.
    fn currents(&self, pixels: &[f32], threshold: f32) -> Vec<f32> {
        let mut sums = self.bias.clone();
        self.fanout.add_values(pixels, &mut sums);
        self.normalise(&mut sums, threshold);
        sums
    }

    /// tdBN, as [`Norm`] defines it.
    fn normalise(&self, sums: &mut [f32], threshold: f32) {
        let Some(norm) = &self.norm else { return };
        for (sum, unit) in sums.iter_mut().zip(self.units.iter().map(|&unit| unit as usize)) {
            let scaled = norm.alpha * threshold * (*sum - norm.mean[unit]) / self.deviations[unit];
            *sum = norm.gamma[unit] * scaled + norm.beta[unit];
        }
    }

    /// Resets those that fired, lets all leak, adds the sums. Membranes are left before the reset.
    fn integrate(&self, decay: f32, fired_before: &[u32], sums: &[f32], membrane: &mut [f32]) {
        fired_before.iter().for_each(|&neuron| membrane[slot(self.wiring.target, neuron as usize)] = 0.0);
        membrane.iter_mut().zip(sums).for_each(|(v, sum)| *v = decay * *v + *sum);
    }
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
        self.reconstruct(&[], seed, image, observe)
    }

    /// The same for a network that takes an image: `pixels`, a byte for each neuron.
    pub fn reconstruct(&self, pixels: &[u8], seed: u64, image: u64, observe: impl FnMut(LayerStep<'_>)) -> Vec<f32> {
        let picks = self.picks(seed, image);
        self.run(Given::new(&picks, &in_range(pixels)), observe)
    }

    /// The specified picks of an image, by step and channel.
    pub fn picks(&self, seed: u64, image: u64) -> impl Fn(u32, u32) -> u32 + use<> {
        let ways = self.config.ways as u32;
        move |step, channel| philox::pick(seed, image, step, channel, ways)
    }

    /// The same with other picks.
    pub fn draw_with(&self, pick: impl Fn(u32, u32) -> u32, observe: impl FnMut(LayerStep<'_>)) -> Vec<f32> {
        self.run(Given::new(&pick, &[]), observe)
    }

    /// Runs all steps.
    ///
    /// # Panics
    /// If a network that reconstructs is given no image of its size.
    pub fn run(&self, given: Given<'_>, mut observe: impl FnMut(LayerStep<'_>)) -> Vec<f32> {
        let sizes = || self.layers.iter().map(|layer| layer.wiring.target.neurons());
        let mut membranes: Vec<Vec<f32>> = sizes().map(|neurons| vec![0.0; neurons]).collect();
        let mut sums = membranes.clone();
        let mut spikes: Vec<Vec<u32>> = sizes().map(|_| Vec::new()).collect();
        let (mut selected, mut both): (Vec<u32>, Vec<u32>) = Default::default();
        let (readout, behind_select) = (self.layers.len() - 1, self.purpose.layers_before_select(&self.config));
        let first = given.replaced.map_or(0, |replaced| replaced.layer + 1);
        if first == 0 && self.layers[0].wiring.hears == Hears::Image {
            assert_eq!(given.pixels.len(), self.layers[0].wiring.source.neurons(), "an image of the network's size");
            sums[0] = self.layers[0].currents(given.pixels, self.config.threshold);
        }
        for step in 0..self.config.steps as u32 {
            if let Some(replaced) = given.replaced {
                spikes[replaced.layer].clone_from(&replaced.spikes[step as usize]);
            }
            for (index, layer) in self.layers.iter().enumerate().take(given.until).skip(first) {
                if index == behind_select {
                    selected = self.select(|channel| (given.picks)(step, channel), &spikes[index - 1]);
                }
                let (before, rest) = spikes.split_at_mut(index);
                let input: &[u32] = match layer.wiring.hears {
                    Hears::Image => &[],
                    Hears::Layer => &before[index - 1],
                    Hears::Select | Hears::PreviousSelect => &selected,
                    Hears::LayerAndPreviousSelect => {
                        let beside = before[index - 1].iter().copied();
                        let offset = (layer.wiring.source.neurons() - self.config.latent) as u32;
                        both.clear();
                        both.extend(beside.chain(selected.iter().map(|channel| offset + channel)));
                        &both
                    }
                };
                let fires = &mut rest[0];
                let decay = layer.wiring.part.decay(&self.config);
                if layer.wiring.hears != Hears::Image {
                    layer.drive(input, &mut sums[index], self.config.threshold);
                }
                layer.integrate(decay, fires, &sums[index], &mut membranes[index]);
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

/// Bytes as the network sees them, in [-1, 1].
pub fn in_range(pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|&byte| pixel_value(byte) as f32 / 255.0).collect()
}

/// The byte of a read-out membrane: `round((tanh(v) + 1) / 2 * 255)`.
pub fn pixel(membrane: f32) -> u8 {
    ((membrane.tanh() + 1.0) / 2.0 * 255.0).round() as u8
}
