//! FAD in the latent space of an autoencoder of one's own: its encoder with the statistics of the test images, in one file.

use crate::error::TrainError;
use fsvae_cli::{Progress, Report};
use fsvae_data::{DataSet, ImageSet, Images, Split};
use fsvae_model::AnnTrainer;
use fsvae_score::{BATCH, GENERATED, Reference, Weights};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Encodes the test images (and, as anchors, training images and noise) with the encoder of this autoencoder.
pub fn reference(trainer: &AnnTrainer, train: &ImageSet, files: &DataSet) -> Result<Vec<u8>, Report> {
    let config = trainer.valid().config;
    let tensors = trainer.deployed(Default::default()).tensors;
    let weights = tensors.into_iter().filter(|t| t.name.starts_with("encoder.") || t.name.starts_with("latent."));
    let weights = Weights::new(weights.map(|t| (t.name, t.shape, t.values.to_f32())));
    let test = files.load(Split::Test, config.image_size)?;
    if test.count() < 2 {
        return Err(TrainError::Impossible { violations: vec!["a distribution has at least two test images".to_owned()] }.into());
    }
    let pixels = config.image_channels * config.image_size.pow(2);
    let noise = |seed: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        move |count: usize| -> Vec<f32> { (0..count * pixels).map(|_| rng.random_range(-1.0..1.0)).collect() }
    };
    let anchored = train.count().min(GENERATED);
    let progress = Progress::new("reference", "images", (test.count() + 2 * anchored) as u64);
    let mut reference = Reference::fit(weights.encoder()?, batches(&test, test.count(), &progress))?;
    if anchored > 1 {
        let training = reference.fad_of(batches(train, anchored, &progress))?;
        let mut noise = noise(1);
        let noise = reference.fad_of((0..anchored).step_by(BATCH).map(|first| {
            progress.add(BATCH.min(anchored - first) as u64);
            Ok::<_, fsvae_data::DataError>(noise(BATCH.min(anchored - first)))
        }))?;
        reference.set_anchors(training, noise);
    }
    Ok(weights.with(&reference))
}

/// The first images as the encoder takes them, a few at a time.
fn batches(images: &ImageSet, count: usize, progress: &Progress) -> impl Iterator<Item = Result<Vec<f32>, fsvae_data::DataError>> {
    (0..count).step_by(BATCH).map(move |first| {
        let batch = first..count.min(first + BATCH);
        progress.add(batch.len() as u64);
        images.take(batch).map(|images: Images| images.floats())
    })
}
