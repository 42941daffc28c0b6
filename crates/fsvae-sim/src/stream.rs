//! `fsvae-sim generate` into shards: any number of images in constant memory.

use crate::cli::Generate;
use crate::interrupt;
use crate::outside::Outside;
use crate::plan::Plan;
use crate::shards::{PixelsFingerprint, Record, Run, Shards};
use crate::summary::{Counts, StreamSummary};
use crate::{Error, summary};
use fsvae_cli::Progress;
use lif_graph::LifGraph;
use lif_sim::{Batch, Drawing, Engine, Workers};
use std::process::ExitCode;
use std::time::Instant;

/// Draws the shards that are missing, and reports on all of this part.
pub(crate) fn run(
    options: &Generate,
    graph: &LifGraph,
    engine: &Engine,
    plan: &Plan,
    shards: &Shards,
    outside: &Outside<'_>,
) -> Result<ExitCode, Error> {
    interrupt::listen();
    fsvae_cli::create_folder(shards.folder())?;
    let progress = Progress::new("drawing", "images", shards.images_of_part());
    let one_run = Run::new(graph, options.seed, &outside.identity());
    let there = shards.there(&one_run)?;
    let mut whole = Whole { counts: Counts::new(graph), pixels: PixelsFingerprint::default(), images: 0, shards: 0 };
    there.values().for_each(|record| whole.add(record));
    let (found, before) = (whole.shards, whole.images);
    progress.set(before);
    let workers = engine.workers(options.threads.unwrap_or(0).into())?;
    let started = Instant::now();
    for number in shards.numbers().filter(|number| !there.contains_key(number)) {
        let mut record = one_run.record(shards.range(number));
        let pixels = draw(options, &workers, plan, &mut record, &progress, outside).map_err(|error| match error {
            Error::Interrupted { .. } => Error::Interrupted { whole: whole.shards, of: shards.of_part(), folder: shards.folder() },
            other => other,
        })?;
        shards.write(number, plan.image, pixels, &record)?;
        whole.add(&record);
    }
    let drawn = whole.images - before;
    let images_per_second = if drawn == 0 { None } else { Some(drawn as f64 / started.elapsed().as_secs_f64()) };
    drop(progress);
    let summary = StreamSummary {
        table: summary::Table { graph, seed: options.seed, images: whole.images, counts: whole.counts, uncounted: engine.unread() },
        images_per_second,
        drawn,
        found,
        pixels_fingerprint: whole.pixels.text(),
        shards,
    };
    if options.json {
        fsvae_cli::print_json(&summary.json())?
    } else {
        fsvae_cli::print(&summary.text())?
    }
    Ok(ExitCode::SUCCESS)
}

/// What all shards that are whole have together.
struct Whole {
    counts: Counts,
    pixels: PixelsFingerprint,
    images: u64,
    shards: u64,
}

impl Whole {
    fn add(&mut self, record: &Record) {
        self.counts.add_totals(&record.spikes, &record.synaptic_operations);
        self.pixels.add(&record.pixels);
        self.images += record.images;
        self.shards += 1;
    }
}

/// The pixels of a shard; its record gets the counts.
fn draw(
    options: &Generate,
    workers: &Workers,
    plan: &Plan,
    record: &mut Record,
    progress: &Progress,
    outside: &Outside<'_>,
) -> Result<Vec<u8>, Error> {
    let digest = |drawing: Drawing| {
        let hash = PixelsFingerprint::of_image(drawing.image, &drawing.pixels);
        (drawing, hash)
    };
    let mut pixels = Vec::with_capacity(record.images as usize * plan.image.neurons());
    let batch = Batch {
        seed: options.seed,
        images: record.first..record.first + record.images,
        record: lif_sim::Record { skip_unread: true, ..lif_sim::Record::default() },
    };
    workers.draw(
        &batch,
        |image| outside.inputs(image),
        digest,
        |(drawing, hash)| -> Result<(), Error> {
            if interrupt::asked() {
                return Err(Error::Interrupted { whole: 0, of: 0, folder: Default::default() });
            }
            pixels.extend_from_slice(&drawing.pixels);
            record.add(&drawing, &hash);
            progress.add(1);
            Ok(())
        },
    )?;
    Ok(pixels)
}
