//! `fsvae-sim reconstruct`: images in, and what the network makes of them out.

use crate::cli::{Generate, Reconstruct};
use crate::generate::{Simulator, draw_sheet};
use crate::originals::Wanted;
use crate::outside::Outside;
use crate::plan::{Output, Plan, Sheet, same_file};
use crate::{Error, model, stream};
use lif_graph::{LifGraph, NeuronModel, PopulationId, Shape};
use lif_sim::Engine;
use std::path::Path;
use std::process::ExitCode;

/// Images where nobody says how many.
const DEFAULT_COUNT: u64 = 64;

/// Reads, draws, writes, reports.
pub(crate) fn run(options: Reconstruct) -> Result<ExitCode, Error> {
    let graph = model::read(Some(&options.model))?;
    let engine = Engine::new(&graph)?;
    let (population, shape) = image_of(&graph, engine.picture().map(|(_, shape)| shape))?;
    let wanted = options.count.unwrap_or(DEFAULT_COUNT);
    let images = Wanted { network: &graph.name, shape, count: wanted }.read(&options.images)?;
    let found = images.count as u64;
    let count = options.count.unwrap_or(found.min(DEFAULT_COUNT));
    if count > found {
        return Err(Error::TooFewOriginals { count, found });
    }
    let images = images.first(count as usize);
    let originals = options.images.clone();
    let options = drawing(options, count);
    let plan = Plan::with_input(&options, &graph, engine.picture().map(|(_, shape)| shape))?;
    spares(&originals, &plan.output)?;
    let outside = Outside::Originals { engine: &engine, population, images };
    match &plan.output {
        Output::Shards(shards) => stream::run(&options, &graph, &engine, &plan, shards, &outside),
        Output::Sheet(sheet) => draw_sheet(&options, &graph, &Simulator { engine: &engine, ticks: None }, plan.image, sheet, &outside),
    }
}

/// Nothing is written over the images, nor among them, where the next run would take it for one.
fn spares(originals: &Path, output: &Output) -> Result<(), Error> {
    let written = match output {
        Output::Shards(shards) => vec![(shards.path(0), "a shard")],
        Output::Sheet(Sheet { picture, events, .. }) => std::iter::once((picture.clone(), "the picture"))
            .chain(events.clone().map(|events| (events, "the file of the events")))
            .collect(),
    };
    let folder = |path: &Path| path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    let hits = |path: &Path| same_file(originals, path) || originals.is_dir() && same_file(originals, &folder(path));
    match written.into_iter().find(|(path, _)| hits(path)) {
        Some((path, second)) => Err(Error::SameFile { path, first: "one of the images", second }),
        None => Ok(()),
    }
}

/// What `generate` would be told.
fn drawing(options: Reconstruct, count: u64) -> Generate {
    let Reconstruct { images: _, model, count: _, seed, out, shard, shard_images, events, threads, json } = options;
    let model = Some(model);
    Generate { model, count, seed, arithmetic: None, schedule: None, out, shard, shard_images, events, threads, target: None, json }
}

/// The one population that takes an image, of the picture's shape.
fn image_of(graph: &LifGraph, picture: Option<Shape>) -> Result<(PopulationId, Shape), Error> {
    let error = |reason: String| Error::NoImageInput { network: graph.name.clone(), reason };
    if let Some(source) = graph.populations.iter().find(|population| population.model == NeuronModel::Source) {
        return Err(error(format!("its population {} takes spikes from outside", source.name)));
    }
    let mut images = graph.images();
    match (images.next(), images.next()) {
        (Some((id, population)), None) if picture.is_none_or(|shape| shape == population.shape) => Ok((id, population.shape)),
        (Some(_), None) => Err(error("its picture has another size than its image".into())),
        (None, _) => Err(error("it takes no image".into())),
        (Some(_), Some(_)) => Err(error("it takes several images".into())),
    }
}
