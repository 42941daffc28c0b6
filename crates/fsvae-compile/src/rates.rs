//! What the inputs of each layer are like, measured on a few images: what the quantiser weighs rounding errors with.
//!
//! No data set is needed: the network that draws is measured on images that it draws, and the one that reconstructs on those same images.

use crate::float::{FloatEngine, in_range};
use crate::fold::FoldedLayer;
use crate::network::{Hears, Network, Purpose};
use crate::pixels::{boundaries, byte};
use rayon::prelude::*;

/// Images that are drawn for it.
pub const IMAGES: u64 = 16;
/// Their seed; `--verify` uses another one.
pub const SEED: u64 = 0x7261_7465;

/// Mean and variance of what one source neuron sends in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// A spike is 1; a pixel lies in [-1, 1].
    pub mean: f64,
    /// Around the mean.
    pub variance: f64,
}

/// Rates of inputs that were never, or always, seen to fire: they may yet.
const RATE_LIMITS: (f64, f64) = (0.005, 0.995);
/// A pixel that never changed may yet.
const LEAST_VARIANCE: f64 = 0.005;

impl Input {
    /// Of a neuron that fires at `rate` of the steps.
    pub fn firing(rate: f64) -> Self {
        let rate = rate.clamp(RATE_LIMITS.0, RATE_LIMITS.1);
        Self { mean: rate, variance: rate * (1.0 - rate) }
    }

    fn of_pixels(values: impl Iterator<Item = f32> + Clone) -> Self {
        let count = values.clone().count().max(1) as f64;
        let mean = values.clone().map(f64::from).sum::<f64>() / count;
        let variance = values.map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
        Self { mean, variance: variance.max(LEAST_VARIANCE) }
    }
}

/// What a few runs of the float network showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// One vector a layer, one entry a source channel (convolution) or neuron (dense).
    pub inputs: Vec<Vec<Input>>,
    /// The pictures that came out, a byte for each neuron of the read-out.
    pub pictures: Vec<Vec<u8>>,
}

/// Runs the network on [`IMAGES`] images: those that it draws, or `pictures`, which it reconstructs.
///
/// # Panics
/// If a network that reconstructs is given no pictures.
pub fn calibrate(network: &Network<FoldedLayer>, pictures: &[Vec<u8>]) -> Calibration {
    let engine = FloatEngine::from(network);
    let sizes: Vec<usize> = network.layers.iter().map(|layer| layer.wiring.channels().0).collect();
    let shown = |image: u64| match network.purpose {
        Purpose::Generate => &[][..],
        Purpose::Reconstruct => &pictures[image as usize % pictures.len()],
    };
    let boundaries: Vec<f64> = boundaries().collect();
    let count = |image| {
        let mut counts: Vec<Vec<u64>> = sizes.iter().map(|&size| vec![0; size]).collect();
        let readout = engine.reconstruct(shown(image), SEED, image, |step| {
            let neurons = network.layers[step.layer].wiring.source.neurons() / sizes[step.layer];
            step.input.iter().for_each(|&neuron| counts[step.layer][neuron as usize / neurons] += 1);
        });
        (counts, readout.into_iter().map(|v| byte(&boundaries, v)).collect())
    };
    let images: Vec<(Vec<Vec<u64>>, Vec<u8>)> = (0..IMAGES).into_par_iter().map(count).collect();
    let of_layer = |(index, layer): (usize, &FoldedLayer)| -> Vec<Input> {
        let neurons = layer.wiring.source.neurons() / sizes[index];
        if layer.wiring.hears == Hears::Image {
            let pixels: Vec<Vec<f32>> = (0..IMAGES).map(|image| in_range(shown(image))).collect();
            let of_channel =
                |channel: usize| Input::of_pixels(pixels.iter().flat_map(move |image| &image[channel * neurons..][..neurons]).copied());
            return (0..sizes[index]).map(of_channel).collect();
        }
        let chances = (IMAGES * network.config.steps as u64) as f64 * neurons as f64;
        let spikes = |channel: usize| images.iter().map(|(counts, _)| counts[index][channel]).sum::<u64>() as f64;
        (0..sizes[index]).map(|channel| Input::firing(spikes(channel) / chances)).collect()
    };
    let inputs = network.layers.iter().enumerate().map(of_layer).collect();
    Calibration { inputs, pictures: images.into_iter().map(|(_, picture)| picture).collect() }
}
