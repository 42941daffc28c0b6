//! `fit`: epochs of optimiser steps, and what is written on the way.

use crate::args::{Fit, ModelKind};
use crate::error::TrainError;
use crate::flip::is_mirrored;
use crate::folder::RunFolder;
use crate::interrupt::Interrupt;
use crate::learner::{Batch, Learner, Moment, SettingsOf, Spiking};
use crate::lesson::Lesson;
use crate::log::Log;
use crate::measure::{Pictures, reconstruction_error, reconstruction_pairs, samples};
use crate::settings::Settings;
use fsvae_checkpoint::{AnnConfig, CheckpointOf, Kind, NamedTensor, TRAINING_STATE_PREFIX, TrainingRecord, format_of};
use fsvae_cli::{Progress, Report, print, read_file};
use fsvae_data::{DataError, DataSet, ImageSet, Source, Split, grid_png};
use fsvae_model::{AnnTrainer, Device, Place, StepLosses, Team, parallel};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Images of a grid, and images that are measured after each epoch.
const PICTURES: usize = 64;
const MEASURED: usize = 1000;
/// Steps between two lines of the log.
const LOG_EVERY: u64 = 10;

/// Trains, from the beginning or from a checkpoint, and prints what was written.
pub fn fit(arguments: &Fit) -> Result<(), Report> {
    let folder = RunFolder::new(&arguments.out);
    let checkpoint = if arguments.resume { Some(read_training(&folder)?) } else { None };
    let without_spikes = match &checkpoint {
        Some(bytes) => format_of(bytes) == Some(AnnConfig::FORMAT),
        None => arguments.model != ModelKind::Fsvae,
    };
    let fit_one = if without_spikes { fit_one::<AnnTrainer> } else { fit_one::<Spiking> };
    fit_one(arguments, &folder, checkpoint.as_deref())
}

fn read_training(folder: &RunFolder) -> Result<Vec<u8>, Report> {
    let path = folder.training();
    if !path.exists() {
        return Err(TrainError::NotResumable { path, reason: "there is no such file".into() }.into());
    }
    Ok(read_file(&path)?)
}

fn fit_one<L: Learner>(arguments: &Fit, folder: &RunFolder, checkpoint: Option<&[u8]>) -> Result<(), Report> {
    let mut run = match checkpoint {
        Some(bytes) => Run::<L>::resume(arguments, folder, bytes)?,
        None => Run::begin(arguments, folder)?,
    };
    if run.steps_left() == 0 {
        print(&format!("the run is complete after {} epochs; go on with --epochs N\n", run.record.epochs))?;
        return Ok(());
    }
    run.train(folder, Duration::from_secs(arguments.checkpoint_every), &Interrupt::listen())?;
    let (model, report, log) = (folder.model(), folder.report(), folder.log());
    print(&format!(
        "wrote {}, the pictures beside it, {} and {}\nnext: {}\n",
        model.display(),
        report.display(),
        log.display(),
        L::next(&model.display().to_string(), &arguments.out.display().to_string())
    ))?;
    Ok(())
}

/// A run between two optimiser steps.
struct Run<L: Learner> {
    settings: SettingsOf<L>,
    trainer: L,
    /// Of several devices.
    team: Option<Team<L>>,
    record: TrainingRecord,
    files: DataSet,
    train: ImageSet,
    /// Test or validation images.
    unseen: ImageSet,
    log: Log,
}

impl<L: Learner> Run<L> {
    fn begin(arguments: &Fit, folder: &RunFolder) -> Result<Self, Report> {
        let dataset = arguments.dataset.expect("clap demands it without --resume");
        let toml = match &arguments.config {
            Some(path) => Some((path.as_path(), String::from_utf8_lossy(&read_file(path)?).into_owned())),
            None => None,
        };
        let toml = toml.as_ref().map(|(path, text)| (*path, text.as_str()));
        let trained = match &arguments.from {
            Some(path) => Some(CheckpointOf::<L::Config>::from_bytes(&read_file(path)?)?.without_training_state()),
            None => None,
        };
        let mut preset = L::preset(arguments, dataset);
        if let Some(model) = &trained {
            preset.network = model.config.clone();
        }
        let settings = Settings::from_arguments(arguments, dataset, preset, toml)?;
        let device = main_device(arguments, &settings.recipe)?;
        let files = files(dataset, arguments, settings.schedule.validation);
        let (train, unseen) = images(&files, &settings, arguments.device.len())?;
        folder.begin()?;
        let mut record = TrainingRecord {
            dataset: dataset.to_string(),
            command: command(arguments),
            seed: settings.schedule.seed,
            options: settings.to_options(),
            ..TrainingRecord::default()
        };
        let mut trainer = match trained {
            Some(model) => {
                record.command = format!("{} && {}", model.training.command, record.command);
                L::go_on(&L::adapted(model, &settings.network)?, &settings.recipe, &device)?
            }
            None => L::begin(&settings, &device),
        };
        trainer.prepare(&settings, &train)?;
        let mut log = Log::resume(&folder.log(), 0)?;
        log.write(&json!({"event": "start", "step": 0, "dataset": record.dataset, "images": train.count(), "settings": settings}))?;
        // From now on there is something to resume.
        folder.write_training(&trainer.checkpoint(record.clone()))?;
        let team = if arguments.device.len() > 1 { Some(Team::new(&trainer, &arguments.device)?) } else { None };
        Ok(Self { settings, trainer, team, record, files, train, unseen, log })
    }

    fn resume(arguments: &Fit, folder: &RunFolder, checkpoint: &[u8]) -> Result<Self, Report> {
        let path = folder.training();
        let not_resumable = |reason: String| TrainError::NotResumable { path: path.clone(), reason };
        let checkpoint = CheckpointOf::<L::Config>::from_bytes(checkpoint)?;
        let mut record = checkpoint.training.clone();
        let mut settings = Settings::from_options(&checkpoint.config, &record.options).map_err(|e| not_resumable(e.to_string()))?;
        settings.schedule.epochs = arguments.epochs.unwrap_or(settings.schedule.epochs);
        record.options = settings.to_options();
        let dataset: Source = record.dataset.parse().map_err(|_| not_resumable(format!("data set {:?} is unknown", record.dataset)))?;
        settings.check(dataset.channels())?;
        let stateless = !checkpoint.tensors.iter().any(|tensor| tensor.name.starts_with(TRAINING_STATE_PREFIX));
        if record.steps > 0 && stateless {
            return Err(not_resumable("it has no optimiser state; such a model can be compiled, but not trained on".into()).into());
        }
        let files = files(dataset, arguments, settings.schedule.validation);
        let (train, unseen) = images(&files, &settings, arguments.device.len())?;
        let mut trainer = L::go_on(&checkpoint, &settings.recipe, &main_device(arguments, &settings.recipe)?)?;
        trainer.prepare(&settings, &train)?;
        let mut log = Log::resume(&folder.log(), record.steps)?;
        log.write(&json!({"event": "resume", "step": record.steps, "epochs": settings.schedule.epochs}))?;
        let team = if arguments.device.len() > 1 { Some(Team::new(&trainer, &arguments.device)?) } else { None };
        Ok(Self { settings, trainer, team, record, files, train, unseen, log })
    }

    /// Steps of one epoch: whole batches only.
    fn steps_per_epoch(&self) -> u64 {
        (self.train.count() / self.settings.recipe.basics().batch) as u64
    }

    fn steps_left(&self) -> u64 {
        (self.steps_per_epoch() * u64::from(self.settings.schedule.epochs)).saturating_sub(self.record.steps)
    }

    fn train(&mut self, folder: &RunFolder, checkpoint_every: Duration, interrupt: &Interrupt) -> Result<(), Report> {
        let (epochs, batch) = (self.settings.schedule.epochs, self.settings.recipe.basics().batch);
        let per_epoch = self.steps_per_epoch();
        let mut written = Instant::now();
        while self.steps_left() > 0 {
            let epoch = self.record.steps / per_epoch;
            let order = self.order(epoch);
            let progress = Progress::new(&format!("epoch {}/{epochs}", epoch + 1), "images", per_epoch * batch as u64);
            progress.set(self.record.steps % per_epoch * batch as u64);
            let (mut window, mut since) = (Window::default(), Instant::now());
            while self.record.steps / per_epoch == epoch {
                let at = (self.record.steps % per_epoch) as usize * batch;
                let losses = self.step(&order[at..at + batch], epoch)?;
                window.add(losses);
                progress.add(batch as u64);
                progress.message(words(losses));
                let step = self.record.steps;
                if step.is_multiple_of(LOG_EVERY) || step.is_multiple_of(per_epoch) {
                    let rate = window.steps as f64 * batch as f64 / since.elapsed().as_secs_f64();
                    self.log
                        .write(&json!({"event": "step", "step": step, "epoch": epoch + 1, "mse": window.mse(), "prior": window.prior(),
                        "learning_rate": self.learning_rate(step - 1), "images_per_second": rate}))?;
                    (window, since) = (Window::default(), Instant::now());
                }
                if step.is_multiple_of(per_epoch) {
                    continue;
                }
                let interrupted = interrupt.requested();
                if interrupted || written.elapsed() >= checkpoint_every {
                    folder.write_training(&self.sound_checkpoint()?)?;
                    written = Instant::now();
                }
                if interrupted {
                    return Err(TrainError::Interrupted { step, out: folder.path().to_owned() }.into());
                }
            }
            drop(progress);
            self.finish_epoch(folder, epoch + 1, epoch + 1 == u64::from(epochs))?;
            written = Instant::now();
        }
        Ok(())
    }

    /// The order of the training images in an epoch.
    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.settings.schedule.seed);
        rng.set_stream(u64::MAX - epoch); // the steps' own streams count from the other end
        let mut order: Vec<usize> = (0..self.train.count()).collect();
        order.shuffle(&mut rng);
        order
    }

    fn learning_rate(&self, step: u64) -> f64 {
        let total = self.steps_per_epoch() * u64::from(self.settings.schedule.epochs);
        self.settings.recipe.basics().learning_rate * self.settings.schedule.rate_factor(step, total)
    }

    fn step(&mut self, images: &[usize], epoch: u64) -> Result<StepLosses, Report> {
        let step = self.record.steps;
        let progress = epoch as f64 / f64::from(self.settings.schedule.epochs.max(2) - 1);
        let batch = Batch { images, pixels: learnt(&self.train, &self.settings, images, step)?.into() };
        let rate = self.learning_rate(step);
        let losses = match &mut self.team {
            None => self.trainer.step(&self.settings, &batch, Moment { step, progress }, rate),
            Some(team) => {
                let (settings, parts) = (&self.settings, team.size());
                let losses = team.step(|trainer, part| {
                    let moment = Moment { step: step * parts as u64 + part as u64, progress };
                    trainer.step(settings, &batch.part(part, parts), moment, rate)
                });
                self.trainer = team.first().clone();
                losses
            }
        };
        let loss = losses.sum();
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step, loss }.into());
        }
        self.record.steps += 1;
        self.record.images_seen += images.len() as u64;
        self.record.epochs = self.record.steps as f64 / self.steps_per_epoch() as f64;
        Ok(losses)
    }

    /// The state to go on from, if it is one: it must never replace an earlier one that is.
    fn sound_checkpoint(&self) -> Result<CheckpointOf<L::Config>, TrainError> {
        let checkpoint = self.trainer.checkpoint(self.record.clone());
        let finite = |tensor: &&NamedTensor| tensor.values.to_f32().iter().all(|x| x.is_finite());
        match checkpoint.tensors.iter().find(|tensor| !finite(tensor)) {
            Some(tensor) => Err(TrainError::DivergedWeights { step: self.record.steps, tensor: tensor.name.clone() }),
            None => Ok(checkpoint),
        }
    }

    /// Estimates the statistics of tdBN from the first batches of the epoch, with picks of their own.
    fn settle(&mut self, epoch: u64) -> Result<(), DataError> {
        /// No run has so many steps: their draws are free for this.
        const FREE_STEPS: u64 = 1 << 62;
        let (order, count) = (self.order(epoch), u64::from(self.settings.schedule.settle));
        let progress = Progress::new("settle", "batches", count);
        let mut failure = None;
        let batches = order.chunks_exact(self.settings.recipe.basics().batch).zip(0..count).map_while(|(images, i)| {
            progress.add(1);
            let pixels = learnt(&self.train, &self.settings, images, FREE_STEPS + i).map_err(|e| failure = Some(e)).ok()?;
            Some((Batch { images, pixels: pixels.into() }, FREE_STEPS + i))
        });
        self.trainer.settle(&self.settings, batches);
        failure.map_or(Ok(()), Err)
    }

    /// Measures, draws, writes the checkpoints. The last epoch measures all images that there are to measure.
    fn finish_epoch(&mut self, folder: &RunFolder, epoch: u64, last: bool) -> Result<(), Report> {
        self.settle(epoch - 1)?;
        let model = self.trainer.network();
        let seed = self.settings.schedule.seed;
        let split = self.settings.schedule.measured().name();
        let count = if last { self.unseen.count() } else { self.unseen.count().min(MEASURED) };
        let progress = Progress::new(split, "images", count as u64);
        let error = reconstruction_error(&model, &self.unseen, count, seed, |images| progress.add(images as u64))?;
        drop(progress);
        self.record.scores = BTreeMap::from([(format!("{split}_mse"), error), (format!("{split}_images"), count as f64)]);
        let pairs = reconstruction_pairs(&model, &self.unseen, PICTURES / 2, seed)?;
        let mut pictures = vec![("reconstructions", grid_png(&pairs, 8)?)];
        if model.draws() {
            pictures.push(("samples", grid_png(&samples(&model, PICTURES, seed), 8)?));
        }
        for (name, png) in &pictures {
            folder.write_picture(name, epoch, png)?;
        }
        let step = self.record.steps;
        let mut event = json!({"event": "epoch", "step": step, "epoch": epoch});
        event[format!("{split}_mse")] = error.into();
        event[format!("{split}_images")] = count.into();
        let operations = model.synaptic_operations(seed);
        if let Some(operations) = operations {
            event["synaptic_operations"] = operations.into();
        }
        self.log.write(&event)?;
        for (name, png) in &pictures {
            self.log.picture(step, name, png)?;
        }
        if last && let Some((name, bytes)) = self.trainer.by_product(&self.train, &self.files)? {
            folder.write(name, &bytes)?;
        }
        let checkpoint = self.sound_checkpoint()?;
        folder.write_model(&self.trainer.deployed(self.record.clone()))?;
        folder.write_report()?;
        folder.write_training(&checkpoint)?; // last: a run that is complete has all its files
        let million = |operations: f64| format!(", {:.1} million synaptic operations to draw one", operations * 1e-6);
        let operations = operations.map_or(String::new(), million);
        print(&format!("epoch {epoch}: reconstruction MSE {error:.5} on {count} {split} images{operations}\n"))?;
        Ok(())
    }
}

/// Sums of the losses since the last line of the log.
#[derive(Default)]
struct Window {
    steps: u64,
    mse: Option<f64>,
    prior: Option<f64>,
}

impl Window {
    fn add(&mut self, losses: StepLosses) {
        self.steps += 1;
        for (sum, loss) in [(&mut self.mse, losses.mse), (&mut self.prior, losses.prior)] {
            *sum = loss.map(|loss| sum.unwrap_or(0.0) + f64::from(loss));
        }
    }
    fn mse(&self) -> Option<f64> {
        self.mse.map(|sum| sum / self.steps as f64)
    }
    fn prior(&self) -> Option<f64> {
        self.prior.map(|sum| sum / self.steps as f64)
    }
}

/// The losses beside the progress bar.
fn words(losses: StepLosses) -> String {
    let parts = [("mse", losses.mse), ("prior", losses.prior)];
    let words: Vec<String> = parts.into_iter().filter_map(|(name, loss)| Some(format!("{name} {:.4}", loss?))).collect();
    words.join(" ")
}

/// These training images as the network's input, as step `step` learns them.
fn learnt<N: Kind, R: Lesson>(train: &ImageSet, settings: &Settings<N, R>, images: &[usize], step: u64) -> Result<Vec<f32>, DataError> {
    let mut batch = train.take(images.iter().copied())?;
    if settings.recipe.basics().flip {
        batch.mirror(|place| is_mirrored(settings.schedule.seed, step, images[place] as u32));
    }
    Ok(batch.floats())
}

fn files(source: Source, arguments: &Fit, validation: usize) -> DataSet {
    DataSet { source, folder: arguments.data.clone(), validation, unverified: arguments.unverified_data }
}

/// The first of the devices; it must be possible to train on all of them together.
fn main_device(arguments: &Fit, recipe: &impl Lesson) -> Result<Device, Report> {
    let places = &arguments.device;
    if let Some(reason) = recipe.needs_the_cpu().filter(|_| places.iter().any(|place| *place != Place::Cpu)) {
        return Err(TrainError::Impossible { violations: vec![reason.to_owned()] }.into());
    }
    if places.len() > 1 {
        parallel::check(places)?;
    }
    Ok(places.first().copied().unwrap_or_default().device()?)
}

/// Training images (as many as the schedule wants) and those to measure, in the network's size.
fn images<N: Kind, R: Lesson>(files: &DataSet, settings: &Settings<N, R>, devices: usize) -> Result<(ImageSet, ImageSet), Report> {
    let (_, side) = settings.network.image_shape();
    let mut train = files.load(Split::Train, side)?;
    if settings.schedule.limit > 0 {
        train = train.first(settings.schedule.limit);
    }
    let batch = settings.recipe.basics().batch;
    if !batch.is_multiple_of(devices) {
        let sentence = format!("a batch of {batch} images cannot be shared by {devices} devices");
        return Err(TrainError::Impossible { violations: vec![sentence] }.into());
    }
    if train.count() < batch {
        let sentence = format!("a batch of {batch} images cannot be drawn from {} training images", train.count());
        return Err(TrainError::Impossible { violations: vec![sentence] }.into());
    }
    let unseen = files.load(settings.schedule.measured(), side)?;
    Ok((train, unseen))
}

/// The command line as it is recorded: all that changes the result, no paths.
fn command(arguments: &Fit) -> String {
    let mut words = vec!["fsvae-train fit".to_owned()];
    let mut option = |name: &str, value: Option<String>| words.extend(value.map(|value| format!("--{name} {value}")));
    let model = arguments.model;
    option("model", (model != ModelKind::Fsvae).then(|| model.to_string()));
    option("dataset", arguments.dataset.map(|d| d.to_string()));
    let from = arguments.from.as_ref().and_then(|path| path.file_name());
    option("from", from.map(|name| name.to_string_lossy().into_owned()));
    option("preset", from.is_none().then(|| format!("{:?}", arguments.preset).to_lowercase()));
    let config = arguments.config.as_ref().and_then(|path| path.file_name());
    option("config", config.map(|name| name.to_string_lossy().into_owned()));
    option("epochs", arguments.epochs.map(|x| x.to_string()));
    option("batch", arguments.batch.map(|x| x.to_string()));
    option("learning-rate", arguments.learning_rate.map(|x| x.to_string()));
    option("seed", arguments.seed.map(|x| x.to_string()));
    option("weight-bits", arguments.weight_bits.map(|x| x.to_string()));
    option("limit", arguments.limit.map(|x| x.to_string()));
    if arguments.unverified_data {
        words.push("--unverified-data".into());
    }
    words.join(" ")
}
