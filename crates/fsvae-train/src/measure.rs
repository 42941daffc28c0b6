//! Looking at a network: how well it reconstructs, what it draws.

use crate::operations;
use fsvae_checkpoint::Kind;
use fsvae_cli::Progress;
use fsvae_data::{DataError, ImageSet, Images};
use fsvae_model::{AnnModel, Model, SpikeCounts, ann, uniform_picks};

/// Images of one pass; fixed, so that the sums do not depend on the caller.
const BATCH: usize = 100;
/// Images whose spikes are all in memory at once.
const WATCHED: usize = BATCH / 4;

/// A network that turns images and random numbers into images; image j of a seed has random numbers of its own.
pub trait Pictures {
    /// Channels and side of its images.
    fn shape(&self) -> (usize, usize);
    /// What it makes of images as numbers in [-1, 1], the first of which is image `first` of `seed`.
    fn reconstructed(&self, pixels: &[f32], seed: u64, first: u64) -> Vec<f32>;
    /// Whether it can draw images of its own.
    fn draws(&self) -> bool;
    /// The images `first .. first + count` of `seed`, drawn with its prior.
    fn drawn(&self, seed: u64, first: u64, count: usize) -> Vec<f32>;
    /// Synaptic operations that drawing an image takes, on average over a few of `seed`, if it has spikes.
    fn synaptic_operations(&self, _seed: u64) -> Option<f64> {
        None
    }
}

/// Running statistics, exact step-by-step roll-out: what the network does once it is deployed.
impl Pictures for Model {
    fn shape(&self) -> (usize, usize) {
        self.config.image_shape()
    }

    fn reconstructed(&self, pixels: &[f32], seed: u64, first: u64) -> Vec<f32> {
        self.reconstruct(pixels, uniform_picks(&self.config, seed, first, pixels.len() / pixels_per_image(self)))
    }

    fn draws(&self) -> bool {
        true
    }

    fn drawn(&self, seed: u64, first: u64, count: usize) -> Vec<f32> {
        self.sample(&uniform_picks(&self.config, seed, first, count))
    }

    fn synaptic_operations(&self, seed: u64) -> Option<f64> {
        let mut counts = SpikeCounts::new(&self.config);
        counts.images = WATCHED;
        self.sample_watched(&uniform_picks(&self.config, seed, 0, WATCHED), &mut counts);
        Some(operations::generation(&self.config, &counts).layers.iter().map(|layer| layer.synaptic_additions).sum())
    }
}

impl Pictures for AnnModel {
    fn shape(&self) -> (usize, usize) {
        self.config.image_shape()
    }

    fn reconstructed(&self, pixels: &[f32], seed: u64, first: u64) -> Vec<f32> {
        self.reconstruct(pixels, &ann::noise(seed, first, pixels.len() / pixels_per_image(self), self.config.latent))
    }

    fn draws(&self) -> bool {
        self.config.variational
    }

    fn drawn(&self, seed: u64, first: u64, count: usize) -> Vec<f32> {
        self.decode(&ann::noise(seed, first, count, self.config.latent))
    }
}

fn pixels_per_image(network: &impl Pictures) -> usize {
    let (channels, side) = network.shape();
    channels * side * side
}

/// Mean squared error of the reconstructions of the first `count` images, pixels in [-1, 1].
pub fn reconstruction_error(
    network: &impl Pictures,
    images: &ImageSet,
    count: usize,
    seed: u64,
    progress: impl Fn(usize),
) -> Result<f64, DataError> {
    let (mut squares, mut numbers) = (0.0, 0);
    reconstruct(network, images, count, seed, |pixels, reconstructed| {
        squares += pixels.iter().zip(reconstructed).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        numbers += pixels.len();
        progress(pixels.len() / pixels_per_image(network));
    })?;
    Ok(squares / numbers as f64)
}

/// Numbers of the reconstructions of the first `count` images.
pub fn reconstructions(network: &impl Pictures, images: &ImageSet, count: usize, seed: u64) -> Result<Vec<f32>, DataError> {
    let mut numbers = Vec::with_capacity(count * pixels_per_image(network));
    reconstruct(network, images, count, seed, |_, reconstructed| numbers.extend_from_slice(reconstructed))?;
    Ok(numbers)
}

/// Shows the first `count` images beside their reconstructions, a few at a time.
fn reconstruct(
    network: &impl Pictures,
    images: &ImageSet,
    count: usize,
    seed: u64,
    mut see: impl FnMut(&[f32], &[f32]),
) -> Result<(), DataError> {
    for first in (0..count).step_by(BATCH) {
        let pixels = images.take(first..count.min(first + BATCH))?.floats();
        see(&pixels, &network.reconstructed(&pixels, seed, first as u64));
    }
    Ok(())
}

/// The first images, each with its reconstruction to its right, as one list of images.
pub fn reconstruction_pairs(network: &impl Pictures, images: &ImageSet, count: usize, seed: u64) -> Result<Images, DataError> {
    let images = images.take(0..count.min(images.count()))?;
    let pixels = images.floats();
    let reconstructed = network.reconstructed(&pixels, seed, 0);
    let size = images.pixels_per_image();
    let pairs: Vec<f32> = pixels.chunks(size).zip(reconstructed.chunks(size)).flat_map(|(a, b)| [a, b].concat()).collect();
    Ok(images.with_floats(&pairs))
}

/// Numbers of `count` images drawn with the prior.
pub fn drawn(network: &impl Pictures, count: usize, seed: u64, progress: impl Fn(usize)) -> Vec<f32> {
    let mut images = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let batch = BATCH.min(count - first);
        images.extend(network.drawn(seed, first as u64, batch));
        progress(batch);
    }
    images
}

/// Images drawn with the prior.
pub fn samples(network: &impl Pictures, count: usize, seed: u64) -> Images {
    let (channels, side) = network.shape();
    let none = Images { count: 0, channels, height: side, width: side, pixels: Vec::new() };
    none.with_floats(&drawn(network, count, seed, |_| ()))
}

/// The spikes of reconstructing these images and of drawing as many, each with its own picks of `seed`.
pub fn spikes_of(model: &Model, images: &Images, seed: u64) -> (SpikeCounts, SpikeCounts) {
    let (mut reconstruction, mut generation) = (SpikeCounts::new(&model.config), SpikeCounts::new(&model.config));
    let progress = Progress::new("count spikes", "images", images.count as u64);
    for chunk in (0..images.count).collect::<Vec<_>>().chunks(WATCHED) {
        let picks = uniform_picks(&model.config, seed, chunk[0] as u64, chunk.len());
        model.sample_watched(&picks, &mut generation);
        model.reconstruct_watched(&images.batch(chunk), picks, &mut reconstruction);
        progress.add(chunk.len() as u64);
    }
    (reconstruction.images, generation.images) = (images.count, images.count);
    (reconstruction, generation)
}
