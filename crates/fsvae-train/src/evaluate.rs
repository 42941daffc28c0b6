//! `evaluate`: the scores of a finished network.

use crate::args::{Evaluate, Unseen};
use crate::error::TrainError;
use crate::measure::{drawn, reconstruction_error};
use fsvae_checkpoint::Checkpoint;
use fsvae_cli::{Progress, Report, print, print_json, read_file};
use fsvae_data::{DataSet, ImageSet, Source, Split};
use fsvae_model::{Model, Recipe, Trainer, device};
use fsvae_score::{Fad, Reference, Set, anchors, fad};
use serde_json::json;

/// Measures and prints.
pub fn evaluate(arguments: &Evaluate) -> Result<(), Report> {
    let checkpoint = Checkpoint::from_bytes(&read_file(&arguments.model)?)?;
    let dataset = dataset(arguments, &checkpoint)?;
    let set = reference_set(dataset, &checkpoint);
    if arguments.samples == 1 {
        return Err(TrainError::Impossible { violations: vec!["--samples 1: a distribution has at least two images".into()] }.into());
    }
    let model = Trainer::from_checkpoint(&checkpoint, &Recipe::default(), &device())?.model.valid();
    let (split, images) = images(arguments, dataset, &checkpoint)?;
    let (split, count) = (split.name(), images.count());
    let error = {
        let progress = Progress::new("reconstruct", "images", count as u64);
        reconstruction_error(&model, &images, count, arguments.seed, |images| progress.add(images as u64))?
    };
    let score = set.filter(|_| arguments.samples > 0).map(|set| score(&model, set, arguments));
    if arguments.json {
        let mut result =
            json!({"dataset": dataset.to_string(), "split": split, "images": count, "seed": arguments.seed, "reconstruction_mse": error});
        if let (Some(set), Some(score)) = (set, score) {
            result["samples"] = arguments.samples.into();
            result["fad_published"] = score.published.into();
            result["fad_running"] = score.running.into();
            result["fad_anchors"] = json!(anchors(set));
        }
        print_json(&result)?;
        return Ok(());
    }
    print(&format!("reconstruction MSE {error:.5} on {count} {split} images of {dataset} (pixels in [-1, 1])\n"))?;
    match (set, score) {
        (Some(set), Some(score)) => print(&table(set, score, arguments.samples))?,
        (None, _) => print("no FAD: its encoders are for 32x32 images of MNIST and Fashion-MNIST\n")?,
        _ => {}
    }
    Ok(())
}

/// The data set that was asked for, or that the network learnt.
fn dataset(arguments: &Evaluate, checkpoint: &Checkpoint) -> Result<Source, TrainError> {
    let recorded = &checkpoint.training.dataset;
    let dataset = match arguments.dataset {
        Some(dataset) => dataset,
        None => recorded.parse().map_err(|_| TrainError::UnknownDataset { dataset: recorded.clone() })?,
    };
    let (expected, found) = (checkpoint.config.image_channels, dataset.channels());
    if expected == found { Ok(dataset) } else { Err(TrainError::OtherImages { dataset: dataset.to_string(), expected, found }) }
}

/// The reference of FAD, if there is one for such images.
fn reference_set(dataset: Source, checkpoint: &Checkpoint) -> Option<Set> {
    let set = match dataset {
        Source::Mnist => Set::Mnist,
        Source::FashionMnist => Set::FashionMnist,
        Source::Cifar10 | Source::CelebA => return None,
    };
    (checkpoint.config.image_size == 32).then_some(set)
}

/// The images that were asked for. Which ones were set apart for validation, the model knows.
fn images(arguments: &Evaluate, source: Source, checkpoint: &Checkpoint) -> Result<(Split, ImageSet), Report> {
    let split = match arguments.split {
        Unseen::Test => Split::Test,
        Unseen::Validation => Split::Validation,
    };
    let validation = checkpoint.training.options.get("schedule.validation").and_then(|count| count.parse().ok()).unwrap_or(0);
    let (folder, unverified) = (arguments.data.clone(), arguments.unverified_data);
    let images = DataSet { source, folder, validation, unverified }.load(split, checkpoint.config.image_size)?;
    let limit = arguments.limit.map_or(images.count(), |limit| limit as usize);
    Ok((split, images.first(limit)))
}

fn score(model: &Model, set: Set, arguments: &Evaluate) -> Fad {
    let progress = Progress::new("draw", "images", arguments.samples as u64);
    let images = drawn(model, arguments.samples as usize, arguments.seed, |images| progress.add(images as u64));
    fad(&Reference::new(set), &images)
}

/// The score among its anchors, best first.
fn table(set: Set, score: Fad, samples: u32) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_header(["FAD of", "published", "running"]);
    let mut rows: Vec<(String, Fad)> = anchors(set).iter().map(|anchor| (anchor.images.to_owned(), anchor.fad)).collect();
    rows.push((format!("{samples} images of this network"), score));
    rows.sort_by(|a, b| a.1.published.total_cmp(&b.1.published));
    for (images, fad) in rows {
        table.add_row([images, format!("{:.2}", fad.published), format!("{:.2}", fad.running)]);
    }
    format!("{table}\n")
}
