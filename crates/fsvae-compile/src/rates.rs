//! What the inputs of each layer are like, measured on a few images: what the quantiser weighs rounding errors with.
//!
//! No data set is needed: the network that draws is measured on images that it draws, and the one that reconstructs on those same images.

use crate::coincidences::{Coincidences, Watch};
use crate::float::{FloatEngine, Given, in_range};
use crate::fold::FoldedLayer;
use crate::network::{Hears, Network, Purpose};
use crate::pixels::{boundaries, byte};
use lif_graph::Connectivity;
use rayon::prelude::*;

/// Images that are drawn for it.
pub const IMAGES: u64 = 16;
/// Images for dense layers up to the first behind the select stage: these have one sample a step, where convolutions have one a position.
/// Beyond [`IMAGES`] nothing behind these layers runs.
pub const LOOP_IMAGES: u64 = 48;
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

/// What is known of the inputs of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerInputs {
    /// An entry a source channel (convolution) or neuron (dense).
    pub each: Vec<Input>,
    /// Which of them fire together, and when units are near their threshold; nothing is known of pixels.
    pub(crate) together: Option<Coincidences>,
}

impl LayerInputs {
    /// Inputs of which is not known that they have anything to do with each other.
    pub fn independent(each: Vec<Input>) -> Self {
        Self { each, together: None }
    }
}

/// What a few runs of the float network showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// By layer.
    pub inputs: Vec<LayerInputs>,
    /// The pictures that came out, a byte for each neuron of the read-out.
    pub pictures: Vec<Vec<u8>>,
}

/// What one image showed.
struct Showing {
    /// Of the inputs of each layer that was watched.
    seen: Vec<Option<Coincidences>>,
    /// What came out, if the whole network ran.
    picture: Option<Vec<u8>>,
}

/// Runs the network on [`IMAGES`] images: those that it draws, or `pictures`, which it reconstructs. Dense layers up to the first behind
/// the select stage see up to [`LOOP_IMAGES`], as far as there are so many pictures.
///
/// # Panics
/// If a network that reconstructs is given no pictures.
pub fn calibrate(network: &Network<FoldedLayer>, pictures: &[Vec<u8>]) -> Calibration {
    let engine = FloatEngine::from(network);
    let shown = |image: u64| match network.purpose {
        Purpose::Generate => &[][..],
        Purpose::Reconstruct => &pictures[image as usize % pictures.len()],
    };
    let boundaries: Vec<f64> = boundaries().collect();
    let behind_select = network.purpose.layers_before_select(&network.config);
    let run = |image| {
        let whole = image < IMAGES;
        let watch = |index: usize| {
            let layer = &network.layers[index];
            let sees =
                layer.wiring.hears != Hears::Image && (whole || index <= behind_select && layer.wiring.connectivity == Connectivity::Dense);
            let threshold = (index + 1 < network.layers.len()).then_some(network.config.threshold);
            sees.then(|| Watch::new(&layer.wiring, network.config.steps, threshold))
        };
        let mut watches: Vec<Option<Watch<'_>>> = (0..network.layers.len()).map(watch).collect();
        let picks = engine.picks(SEED, image);
        let pixels = in_range(shown(image));
        let until = if whole { network.layers.len() } else { behind_select + 1 };
        let readout = engine.run(Given { until, ..Given::new(&picks, &pixels) }, |step| {
            watches[step.layer].iter_mut().for_each(|watch| watch.step(step.input, step.membrane));
        });
        let picture = whole.then(|| readout.into_iter().map(|v| byte(&boundaries, v)).collect());
        Showing { seen: watches.into_iter().map(|watch| watch.map(Watch::seen)).collect(), picture }
    };
    let count = match network.purpose {
        Purpose::Generate => LOOP_IMAGES,
        Purpose::Reconstruct => (pictures.len() as u64).clamp(IMAGES, LOOP_IMAGES),
    };
    let images: Vec<Showing> = (0..count).into_par_iter().map(run).collect();
    let of_layer = |(index, layer): (usize, &FoldedLayer)| {
        let seen: Vec<&Coincidences> = images.iter().filter_map(|image| image.seen[index].as_ref()).collect();
        if let Some(seen) = Coincidences::of(&seen) {
            return LayerInputs { each: seen.rates().map(Input::firing).collect(), together: Some(seen) };
        }
        let pixels: Vec<Vec<f32>> = (0..IMAGES).map(|image| in_range(shown(image))).collect();
        let size = layer.wiring.source.pixels();
        let channel = |channel: usize| pixels.iter().flat_map(move |image| &image[channel * size..][..size]).copied();
        LayerInputs::independent((0..layer.wiring.channels().0).map(|index| Input::of_pixels(channel(index))).collect())
    };
    let inputs = network.layers.iter().enumerate().map(of_layer).collect();
    Calibration { inputs, pictures: images.into_iter().filter_map(|image| image.picture).collect() }
}
