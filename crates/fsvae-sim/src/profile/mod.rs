//! `fsvae-sim profile`: images on a chip, with time and energy; and `fsvae-sim generate --target`, which draws through it.

mod args;
mod chip;
mod text;

pub(crate) use args::ProfileArgs;

use crate::cli::Generate;
use crate::fingerprint::{self, Fingerprint};
use crate::plan::{Output, Plan};
use crate::trace::{Probes, Traces, Wanted, report};
use crate::{Error, model};
use fsvae_cli::{Action, CliError, Progress, WholeFile};
use fsvae_data::{Images, grid_png};
use lif_graph::{LifGraph, Shape};
use lif_map::schedule::schedule;
use lif_map::{Filling, Mapping, Mode};
use lif_sim::{Batch, Drawing, Engine, Event, Inputs, Record};
use lif_time::{Clock, Profile, Schedule, Spike, State, TimeError, Totals};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Pictures that a report shows at most.
const REPORTED: u64 = 64;

/// What is to be drawn.
struct Run<'a> {
    graph: &'a LifGraph,
    engine: &'a Engine,
    seed: u64,
    count: u64,
    threads: usize,
    filling: Filling,
    schedule: Mode,
}

/// A chip's share of the answer.
pub(super) struct Timed {
    pub mapping: Mapping,
    pub profile: Profile,
    /// Of the functional engine, all images together.
    pub spikes: u64,
    pub synaptic_operations: u64,
    /// Of one image, spikes included, all threads at work.
    pub wall: Duration,
    /// Of one image in one thread, without the spikes.
    pub timing: Duration,
    pub fingerprint: String,
    pixels: Vec<u8>,
}

/// `profile`.
pub(crate) fn run(options: &ProfileArgs) -> Result<ExitCode, Error> {
    let graph = model::read(options.model.as_deref())?;
    let targets: Vec<_> =
        std::iter::once(&options.target).chain(&options.what_if).map(|target| chip::find(target)).collect::<Result<_, _>>()?;
    let engine = draws_alone(&graph)?;
    let threads = options.threads.unwrap_or(0).into();
    let run = Run {
        graph: &graph,
        engine: &engine,
        seed: options.seed,
        count: options.count,
        threads,
        filling: options.spread.into(),
        schedule: options.schedule,
    };
    let mut shows = Shows::create(options, &graph)?;
    let mut timed = vec![run.on(&targets[0], Some(&mut shows))?];
    for chip in &targets[1..] {
        timed.push(run.on(chip, None)?);
    }
    let files = shows.commit()?;
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    if options.json {
        let mut summary = summary(&run, &timed);
        summary["files"] = json!(names);
        fsvae_cli::print_json(&summary)?;
    } else {
        let written = if names.is_empty() { String::new() } else { format!("written: {}\n", names.join(", ")) };
        fsvae_cli::print(&format!("{}{written}", text::all(&run.describe(), &timed)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `generate --target`: pictures as without, and what they took.
pub(crate) fn draw(options: &Generate, target: &str) -> Result<ExitCode, Error> {
    let graph = model::read(options.model.as_deref())?;
    let chip = chip::find(target)?;
    let engine = draws_alone(&graph)?;
    let plan = Plan::new(options, &graph, engine.picture().map(|(_, shape)| shape))?;
    let Output::Sheet(sheet) = plan.output else { return Err(Error::OnlyForOnePicture { option: "--target" }) };
    if sheet.events.is_some() {
        return Err(Error::EventsOfATarget);
    }
    let mut picture = WholeFile::create(&sheet.picture)?;
    let threads = options.threads.unwrap_or(0).into();
    let (count, schedule) = (sheet.count.into(), Mode::Stepped);
    let run = Run { graph: &graph, engine: &engine, seed: options.seed, count, threads, filling: Filling::Fewest, schedule };
    let mut timed = run.on(&chip, None)?;
    let png = grid_png(&images(plan.image, sheet.count, std::mem::take(&mut timed.pixels)), sheet.columns)?;
    picture.write_all(&png).map_err(|error| CliError::from_io(Action::Write, &sheet.picture, error))?;
    picture.commit()?;
    if options.json {
        let mut summary = summary(&run, &[timed]);
        summary["files"] = json!({ "picture": sheet.picture.to_string_lossy() });
        fsvae_cli::print_json(&summary)?;
    } else {
        let text = text::all(&run.describe(), &[timed]);
        fsvae_cli::print(&format!("{text}picture: {}\n", sheet.picture.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn images(shape: Shape, count: u32, pixels: Vec<u8>) -> Images {
    let [channels, height, width] = [shape.channels, shape.height, shape.width].map(|side| side as usize);
    Images { count: count as usize, channels, height, width, pixels }
}

/// The engine of a graph that needs no spikes from outside.
fn draws_alone(graph: &LifGraph) -> Result<Engine, Error> {
    crate::plan::needs_nothing(graph)?;
    Ok(Engine::new(graph)?)
}

impl Run<'_> {
    /// Writes what is to be seen of the first image, on a chip of so many rows.
    fn show(&self, clock: &Clock<'_>, rows: u32, profile: &Profile, pixels: &[u8], shows: &mut Shows) -> Result<(), Error> {
        if shows.traces.is_empty() && shows.report.is_none() {
            return Ok(());
        }
        let record = Record { events: true, ..Record::default() };
        let drawing = self.engine.draw(&mut self.engine.state(), self.seed, 0, &Inputs::default(), record);
        let spikes: Vec<Spike> = drawing.events.iter().map(spike).collect();
        if !shows.traces.is_empty() {
            shows.traces.write(clock, rows, &shows.probes, &spikes)?;
        }
        if let Some((path, file)) = &mut shows.report {
            let picture = self.engine.picture().filter(|(_, shape)| [1, 3].contains(&shape.channels));
            let shown = self.count.min(REPORTED) as u32;
            let pictures = picture.map(|(_, shape)| {
                let pixels = pixels[..shape.neurons() * shown as usize].to_vec();
                grid_png(&images(shape, shown, pixels), (f64::from(shown).sqrt().ceil() as usize).max(1))
            });
            let title = format!("{} on {}", self.describe(), clock.chip);
            let contents = report::Contents { title, pictures: pictures.transpose()?, profile, spikes: &spikes };
            let html = report::html(clock, &contents)?;
            file.write_all(&html).map_err(|error| CliError::from_io(Action::Write, path, error))?;
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let plural = if self.count == 1 { "" } else { "s" };
        format!("{} image{plural} of seed {} by {} ({})", self.count, self.seed, self.graph.name, self.graph.fingerprint())
    }

    /// Maps, draws and times.
    fn on(&self, chip: &lif_chip::Chip, shows: Option<&mut Shows>) -> Result<Timed, Error> {
        if chip.costs.is_none() {
            return Err(TimeError::NoCosts { chip: chip.name.clone() }.into());
        }
        let mapping = chip::map(self.graph, self.engine, chip, self.filling, self.threads)?;
        let schedule = Schedule::of(self.graph, &schedule(self.graph, chip, self.schedule)?)?;
        let clock = Clock::new(self.graph, &mapping, chip, schedule)?;
        let states: Mutex<Vec<State<'_>>> = Mutex::default();
        let digest = |drawing: Drawing| {
            let spikes: Vec<Spike> = drawing.events.iter().map(spike).collect();
            let mut state = states.lock().expect("no thread panics while it holds this").pop().unwrap_or_else(|| clock.state());
            let (started, mut totals) = (Instant::now(), clock.totals());
            let outcome = clock.run(&mut state, &spikes, &mut totals, &mut ());
            let timing = started.elapsed();
            states.lock().expect("no thread panics while it holds this").push(state);
            (outcome.map(|()| totals), timing, fingerprint::of_image(&drawing), Drawing { events: vec![], ..drawing })
        };
        let mut sum = clock.totals();
        let (mut spikes, mut operations, mut timing, mut hash, mut pixels) = (0, 0, Duration::ZERO, Fingerprint::default(), vec![]);
        let progress = Progress::new(&format!("on {}", chip.name), "images", self.count);
        let take = |(outcome, time, of_image, drawing): (Result<Totals, TimeError>, Duration, [u8; 32], Drawing)| -> Result<(), Error> {
            sum.add(outcome?);
            spikes += drawing.spikes.iter().sum::<u64>();
            operations += drawing.synaptic_operations.iter().sum::<u64>();
            timing += time;
            hash.add(of_image);
            pixels.extend_from_slice(&drawing.pixels);
            progress.add(1);
            Ok(())
        };
        let record = Record { events: true, ..Record::default() };
        let batch = Batch { seed: self.seed, images: 0..self.count, record };
        let started = Instant::now();
        let inputs = Inputs::default();
        self.engine.workers(self.threads)?.draw(&batch, |_| &inputs, digest, take)?;
        let each = |whole: Duration| whole.div_f64(self.count as f64);
        let (wall, timing) = (each(started.elapsed()), each(timing));
        let profile = clock.profile(&sum)?;
        if let Some(shows) = shows {
            self.show(&clock, mapping.system.rows, &profile, &pixels, shows)?;
        }
        Ok(Timed { profile, spikes, synaptic_operations: operations, wall, timing, fingerprint: hash.finish(), pixels, mapping })
    }
}

/// Files that show the first image, and the report.
struct Shows {
    traces: Traces,
    probes: Probes,
    report: Option<(PathBuf, WholeFile)>,
}

impl Shows {
    fn create(options: &ProfileArgs, graph: &LifGraph) -> Result<Self, Error> {
        let probes = Probes::new(graph, &options.probe)?;
        let [events, messages, raster] = [&options.events, &options.messages, &options.raster].map(Option::as_deref);
        let traces = Traces::create(&Wanted { traces: &options.trace, events, messages, raster })?;
        let report = options.report.as_ref().map(|path| Ok::<_, Error>((path.clone(), WholeFile::create(path)?))).transpose()?;
        Ok(Self { traces, probes, report })
    }

    fn commit(self) -> Result<Vec<PathBuf>, Error> {
        let mut files = self.traces.commit()?;
        if let Some((path, file)) = self.report {
            file.commit()?;
            files.push(path);
        }
        Ok(files)
    }
}

fn spike(event: &Event) -> Spike {
    Spike { step: event.step, population: event.population, neuron: event.neuron }
}

/// The first chip's profile, with what else there is to say, and the others under `what_if`.
fn summary(run: &Run<'_>, timed: &[Timed]) -> Value {
    let one = |timed: &Timed| {
        let mut value = serde_json::to_value(&timed.profile).expect("a profile has only names and numbers");
        value["spikes"] = json!(timed.spikes);
        value["synaptic_operations"] = json!(timed.synaptic_operations);
        value["wall_ms_per_image"] = json!(timed.wall.as_secs_f64() * 1e3);
        value["timing_ms_per_image"] = json!(timed.timing.as_secs_f64() * 1e3);
        value["fingerprint"] = json!(timed.fingerprint);
        value["system"] = serde_json::to_value(&timed.mapping.system).expect("a system has only names and numbers");
        value
    };
    let mut value = one(&timed[0]);
    value["model"] = json!({ "name": run.graph.name, "fingerprint": run.graph.fingerprint() });
    value["seed"] = json!(run.seed);
    value["schedule"] = json!(run.schedule);
    value["what_if"] = timed[1..].iter().map(one).collect();
    value
}
