//! `evaluate`: the reconstruction error of a finished network.

use crate::args::Evaluate;
use crate::error::TrainError;
use crate::measure::reconstruction_error;
use fsvae_checkpoint::Checkpoint;
use fsvae_cli::{Progress, Report, print, print_json, read_file};
use fsvae_data::{Source, Split, load};
use fsvae_model::{Recipe, Trainer, device};
use serde_json::json;

/// Measures and prints.
pub fn evaluate(arguments: &Evaluate) -> Result<(), Report> {
    let checkpoint = Checkpoint::from_bytes(&read_file(&arguments.model)?)?;
    let recorded = &checkpoint.training.dataset;
    let dataset: Source = match arguments.dataset {
        Some(dataset) => dataset,
        None => recorded.parse().map_err(|_| TrainError::UnknownDataset { dataset: recorded.clone() })?,
    };
    let (expected, found) = (checkpoint.config.image_channels, dataset.channels());
    if expected != found {
        return Err(TrainError::OtherImages { dataset: dataset.to_string(), expected, found }.into());
    }
    let model = Trainer::from_checkpoint(&checkpoint, &Recipe::default(), &device())?.model.valid();
    let mut images = load(dataset, Split::Test, arguments.data.as_deref())?.images;
    if let Some(limit) = arguments.limit {
        images = images.first(limit);
    }
    let images = images.resized(checkpoint.config.image_size);
    let progress = Progress::new("test", "images", images.count as u64);
    let error = reconstruction_error(&model, &images, arguments.seed, |images| progress.add(images as u64));
    drop(progress);
    let count = images.count;
    if arguments.json {
        print_json(&json!({"dataset": dataset.to_string(), "images": count, "seed": arguments.seed, "reconstruction_mse": error}))?;
    } else {
        print(&format!(
            "reconstruction MSE {error:.5} on {count} test images of {dataset} (pixels in [-1, 1], seed {})\n",
            arguments.seed
        ))?;
    }
    Ok(())
}
