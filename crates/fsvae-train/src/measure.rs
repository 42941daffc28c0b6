//! Looking at a network: how well it reconstructs, what it draws.

use fsvae_cli::Progress;
use fsvae_data::{DataError, ImageSet, Images};
use fsvae_model::{Model, SpikeCounts, uniform_picks};

/// Images of one pass; fixed, so that the sums do not depend on the caller.
const BATCH: usize = 100;

/// Mean squared error of the reconstructions of the first `count` images, pixels in [-1, 1], each with its own picks of `seed`.
///
/// Running statistics, exact step-by-step roll-out: what the network does once it is deployed.
pub fn reconstruction_error(model: &Model, images: &ImageSet, count: usize, seed: u64, progress: impl Fn(usize)) -> Result<f64, DataError> {
    let (mut squares, mut numbers) = (0.0, 0);
    reconstruct(model, images, count, seed, |pixels, reconstructed| {
        squares += pixels.iter().zip(reconstructed).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        numbers += pixels.len();
        progress(pixels.len() / pixels_per_image(model));
    })?;
    Ok(squares / numbers as f64)
}

/// Numbers of the reconstructions of the first `count` images, each with its own picks of `seed`.
pub fn reconstructions(model: &Model, images: &ImageSet, count: usize, seed: u64) -> Result<Vec<f32>, DataError> {
    let mut numbers = Vec::with_capacity(count * pixels_per_image(model));
    reconstruct(model, images, count, seed, |_, reconstructed| numbers.extend_from_slice(reconstructed))?;
    Ok(numbers)
}

fn pixels_per_image(model: &Model) -> usize {
    model.config.image_channels * model.config.image_size.pow(2)
}

/// Shows the first `count` images beside their reconstructions, a few at a time.
fn reconstruct(model: &Model, images: &ImageSet, count: usize, seed: u64, mut see: impl FnMut(&[f32], &[f32])) -> Result<(), DataError> {
    for first in (0..count).step_by(BATCH) {
        let chunk = first..count.min(first + BATCH);
        let pixels = images.take(chunk.clone())?.floats();
        let picks = uniform_picks(&model.config, seed, first as u64, chunk.len());
        see(&pixels, &model.reconstruct(&pixels, picks));
    }
    Ok(())
}

/// The first images, each with its reconstruction to its right, as one list of images.
pub fn reconstruction_pairs(model: &Model, images: &ImageSet, count: usize, seed: u64) -> Result<Images, DataError> {
    let images = images.take(0..count.min(images.count()))?;
    let pixels = images.floats();
    let reconstructed = model.reconstruct(&pixels, uniform_picks(&model.config, seed, 0, images.count));
    let size = images.pixels_per_image();
    let pairs: Vec<f32> = pixels.chunks(size).zip(reconstructed.chunks(size)).flat_map(|(a, b)| [a, b].concat()).collect();
    Ok(images.with_floats(&pairs))
}

/// Numbers of `count` images drawn with the spiking prior: image j has the picks of image j of `seed`.
pub fn drawn(model: &Model, count: usize, seed: u64, progress: impl Fn(usize)) -> Vec<f32> {
    let mut images = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let batch = BATCH.min(count - first);
        images.extend(model.sample(&uniform_picks(&model.config, seed, first as u64, batch)));
        progress(batch);
    }
    images
}

/// Images drawn with the spiking prior.
pub fn samples(model: &Model, count: usize, seed: u64) -> Images {
    let (channels, side) = (model.config.image_channels, model.config.image_size);
    let none = Images { count: 0, channels, height: side, width: side, pixels: Vec::new() };
    none.with_floats(&drawn(model, count, seed, |_| ()))
}

/// The spikes of reconstructing these images and of drawing as many, each with its own picks of `seed`.
pub fn spikes_of(model: &Model, images: &Images, seed: u64) -> (SpikeCounts, SpikeCounts) {
    let (mut reconstruction, mut generation) = (SpikeCounts::new(&model.config), SpikeCounts::new(&model.config));
    let progress = Progress::new("count spikes", "images", images.count as u64);
    // Their spikes are all in memory at once.
    for chunk in (0..images.count).collect::<Vec<_>>().chunks(BATCH / 4) {
        let picks = uniform_picks(&model.config, seed, chunk[0] as u64, chunk.len());
        model.sample_watched(&picks, &mut generation);
        model.reconstruct_watched(&images.batch(chunk), picks, &mut reconstruction);
        progress.add(chunk.len() as u64);
    }
    (reconstruction.images, generation.images) = (images.count, images.count);
    (reconstruction, generation)
}
