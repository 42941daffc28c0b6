//! `fsvae-sim generate`: images from nothing but a seed.

use crate::cli::Generate;
use crate::events::{Encoder, EventFile, Rows};
use crate::fingerprint::{self, Fingerprint};
use crate::model;
use crate::outside::Outside;
use crate::plan::{Output, Plan, Sheet};
use crate::stream;
use crate::summary::{Counts, Summary, Table};
use crate::{Error, arithmetic};
use fsvae_cli::{Action, CliError, Progress, WholeFile};
use fsvae_data::{Images, grid_png};
use lif_graph::{LifGraph, Shape};
use lif_map::Schedule;
use lif_sim::{Batch, Drawing, Engine, Record, TickEngine};
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// Draws, writes, reports.
pub(crate) fn run(options: &Generate) -> Result<ExitCode, Error> {
    let graph = model::read(options.model.as_deref())?;
    let engine = Engine::new(&graph)?;
    let schedule = options.arithmetic.as_deref().map(|target| arithmetic::of_target(&graph, target, options.schedule)).transpose()?;
    let ticks = schedule.as_ref().map(|schedule| TickEngine::new(&graph, schedule)).transpose()?;
    let plan = Plan::new(options, &graph, engine.picture().map(|(_, shape)| shape))?;
    let simulator = Simulator { engine: &engine, ticks: ticks.as_ref().zip(schedule.as_ref()) };
    match &plan.output {
        Output::Shards(_) if ticks.is_some() => Err(Error::OnlyForOnePicture { option: "--arithmetic" }),
        Output::Shards(shards) => stream::run(options, &graph, &engine, &plan, shards, &Outside::Nothing),
        Output::Sheet(sheet) => draw_sheet(options, &graph, &simulator, plan.image, sheet, &Outside::Nothing),
    }
}

/// Who draws: the engine, or where a target's ticks are asked for the one that counts them.
pub(crate) struct Simulator<'a> {
    pub engine: &'a Engine,
    pub ticks: Option<(&'a TickEngine<'a>, &'a Schedule)>,
}

/// Draws all images into one picture.
pub(crate) fn draw_sheet(
    options: &Generate,
    graph: &LifGraph,
    simulator: &Simulator<'_>,
    image: Shape,
    plan: &Sheet,
    outside: &Outside<'_>,
) -> Result<ExitCode, Error> {
    let mut picture = WholeFile::create(&plan.picture)?;
    let mut events = plan.events.as_deref().map(EventFile::create).transpose()?;

    let started = Instant::now();
    let drawn = draw(options, graph, simulator, image, plan, events.as_mut(), outside)?;
    let images_per_second = f64::from(plan.count) / started.elapsed().as_secs_f64();

    let (images, columns) = outside.beside(drawn.images, plan.columns);
    let png = grid_png(&images, columns)?;
    picture.write_all(&png).map_err(|error| CliError::from_io(Action::Write, &plan.picture, error))?;
    if let Some(events) = events {
        events.finish(graph)?.commit()?;
    }
    picture.commit()?;
    let table = Table { graph, seed: options.seed, images: plan.count.into(), counts: drawn.counts, uncounted: Vec::new() };
    let fingerprint = drawn.fingerprint.finish();
    let schedule = simulator.ticks.map(|(_, schedule)| schedule);
    let summary = Summary { table, images_per_second, fingerprint, schedule, picture: &plan.picture, events: plan.events.as_deref() };
    if options.json {
        fsvae_cli::print_json(&summary.json())?
    } else {
        fsvae_cli::print(&summary.text())?
    }
    Ok(ExitCode::SUCCESS)
}

/// What is kept of all images.
struct Drawn {
    images: Images,
    counts: Counts,
    fingerprint: Fingerprint,
}

/// What a worker makes of one image; its events are gone then.
struct Digested {
    drawing: Drawing,
    hash: [u8; 32],
    rows: Option<Rows>,
}

fn draw(
    options: &Generate,
    graph: &LifGraph,
    simulator: &Simulator<'_>,
    image: Shape,
    plan: &Sheet,
    mut file: Option<&mut EventFile>,
    outside: &Outside<'_>,
) -> Result<Drawn, Error> {
    let encoder = plan.events.as_deref().map(|path| Encoder::new(path, graph));
    let digest = |mut drawing: Drawing| {
        let hash = fingerprint::of_image(&drawing);
        let rows = encoder.as_ref().map(|encoder| encoder.encode(drawing.image as u32, &drawing.events));
        drawing.events = Vec::new();
        Digested { drawing, hash, rows }
    };
    let [channels, height, width] = [image.channels, image.height, image.width].map(|side| side as usize);
    let mut drawn = Drawn {
        images: Images { count: plan.count as usize, channels, height, width, pixels: Vec::new() },
        counts: Counts::new(graph),
        fingerprint: Fingerprint::default(),
    };
    let progress = Progress::new("drawing", "images", plan.count.into());
    let take = |Digested { drawing, hash, rows }: Digested| -> Result<(), Error> {
        drawn.images.pixels.extend_from_slice(&drawing.pixels);
        drawn.counts.add(&drawing);
        drawn.fingerprint.add(hash);
        if let (Some(file), Some(rows)) = (&mut file, rows) {
            file.append(rows)?;
        }
        progress.add(1);
        Ok(())
    };
    let batch = Batch { seed: options.seed, images: 0..plan.count.into(), record: Record { events: true, ..Record::default() } };
    let threads = options.threads.unwrap_or(0).into();
    match simulator.ticks {
        Some((ticks, _)) => ticks.draw_batch(&batch, threads, digest, take)?,
        None => simulator.engine.workers(threads)?.draw(&batch, |image| outside.inputs(image), digest, take)?,
    }
    Ok(drawn)
}
