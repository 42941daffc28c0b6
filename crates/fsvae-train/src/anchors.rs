//! `evaluate --anchors`: the scores of real images, measured again.

use crate::args::Evaluate;
use crate::error::TrainError;
use crate::evaluate::{reference_set, table};
use fsvae_cli::{Report, print, print_json};
use fsvae_data::{DataSet, Images, Source, Split};
use fsvae_score::{COMPLETE, FITTED, RealImages, Remeasured, RemeasuredAnchors, anchor_images, remeasure};
use serde_json::json;

/// The side of the images whose scores are stored.
const SIDE: usize = 32;

/// Measures the anchors that need only real data, and prints them beside the stored ones.
pub fn remeasure_anchors(arguments: &Evaluate) -> Result<(), Report> {
    let dataset = arguments.dataset.unwrap_or(Source::FashionMnist);
    let set = reference_set(dataset, SIDE).ok_or(TrainError::NoAnchors { dataset: dataset.to_string() })?;
    let (folder, unverified) = (arguments.data.clone(), arguments.unverified_data);
    let files = DataSet { source: dataset, folder, validation: 0, unverified };
    let part = |split| -> Result<Images, Report> { Ok(files.load(split, SIDE)?.all()?) };
    let (training, test) = (part(Split::Train)?, part(Split::Test)?);
    let found = [training.count, test.count];
    if found != COMPLETE {
        return Err(TrainError::IncompleteDataset { dataset: dataset.to_string(), expected: COMPLETE, found }.into());
    }
    let images = RealImages {
        training: training.batch(&anchor_images()),
        fitted: training.batch(&FITTED.collect::<Vec<_>>()),
        test: test.batch(&(0..test.count).collect::<Vec<_>>()),
    };
    let anchors = remeasure(set, &images);
    if arguments.json {
        print_json(&json!({"dataset": dataset.to_string(), "anchors": anchors}))?;
        return Ok(());
    }
    print(&text(&anchors))?;
    Ok(())
}

fn text(anchors: &RemeasuredAnchors) -> String {
    let number = |x: f64| format!("{x:.4}");
    let fad = anchors.fad.iter().map(|Remeasured { images, stored, measured }| {
        [(*images).to_owned(), number(stored.published), number(measured.published), number(stored.running), number(measured.running)]
    });
    let error = anchors
        .reconstruction_mse
        .iter()
        .map(|Remeasured { images, stored, measured }| [(*images).to_owned(), number(*stored), number(*measured)]);
    let fad = table(["FAD of", "published: stored", "measured", "running: stored", "measured"], fad);
    fad + "\n" + &table(["MSE of test images, as", "stored", "measured"], error)
}
