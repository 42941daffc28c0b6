//! The kinds of networks that `fit` trains, as its loop sees them.

use crate::args::{Fit, ModelKind};
use crate::lesson::Lesson;
use crate::measure::Pictures;
use crate::settings::Settings;
use fsvae_checkpoint::{AnnConfig, CheckpointError, CheckpointOf, Kind, NetworkConfig, TrainingRecord};
use fsvae_cli::Report;
use fsvae_data::{DataError, DataSet, ImageSet, Source};
use fsvae_model::{AnnModel, AnnRecipe, AnnTrainer, Device, Draws, Model, Recipe, Replica, StepLosses, Trainer};
use std::borrow::Cow;

/// The settings of a kind.
pub type SettingsOf<L> = Settings<<L as Learner>::Config, <L as Learner>::Recipe>;

/// Where a run stands: its random numbers follow from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Optimiser steps done.
    pub step: u64,
    /// From 0 in the first epoch to 1 in the last.
    pub progress: f64,
}

/// Images of a step.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// Their numbers among the training images.
    pub images: &'a [usize],
    /// As the network sees them, numbers in [-1, 1], `[images, channels, height, width]`.
    pub pixels: Cow<'a, [f32]>,
}

impl<'a> Batch<'a> {
    /// One of so many equal parts.
    pub fn part(&'a self, part: usize, parts: usize) -> Self {
        let [images, pixels] = [self.images.len() / parts, self.pixels.len() / parts];
        Self { images: &self.images[part * images..][..images], pixels: Cow::Borrowed(&self.pixels[part * pixels..][..pixels]) }
    }
}

/// A network in training.
pub trait Learner: Replica {
    /// What it looks like.
    type Config: Kind;
    /// What it learns with.
    type Recipe: Lesson;
    /// What becomes of it.
    type Network: Pictures;

    /// The settings to begin with.
    fn preset(arguments: &Fit, dataset: Source) -> SettingsOf<Self>;
    /// A model to begin with, made to fit the settings.
    fn adapted(mut model: CheckpointOf<Self::Config>, network: &Self::Config) -> Result<CheckpointOf<Self::Config>, CheckpointError> {
        model.config = network.clone();
        Ok(model)
    }
    /// With fresh weights.
    fn begin(settings: &SettingsOf<Self>, device: &Device) -> Self;
    /// With the weights (and the optimiser's state, if it is there) of a checkpoint.
    fn go_on(checkpoint: &CheckpointOf<Self::Config>, recipe: &Self::Recipe, device: &Device) -> Result<Self, CheckpointError>;
    /// Learns about the training images what the steps will need.
    fn prepare(&mut self, _settings: &SettingsOf<Self>, _train: &ImageSet) -> Result<(), DataError> {
        Ok(())
    }
    /// One optimiser step.
    fn step(&mut self, settings: &SettingsOf<Self>, batch: &Batch<'_>, moment: Moment, learning_rate: f64) -> StepLosses;
    /// Estimates running statistics anew from batches, each with a step's number for its random numbers.
    fn settle<'a>(&mut self, settings: &SettingsOf<Self>, batches: impl Iterator<Item = (Batch<'a>, u64)>);
    /// The network as it is now.
    fn network(&self) -> Self::Network;
    /// Everything that is needed to go on.
    fn checkpoint(&self, record: TrainingRecord) -> CheckpointOf<Self::Config>;
    /// The network for use.
    fn deployed(&self, record: TrainingRecord) -> CheckpointOf<Self::Config>;
    /// What else is made of the finished network: the name of a file and its bytes.
    fn by_product(&self, _train: &ImageSet, _files: &DataSet) -> Result<Option<(&'static str, Vec<u8>)>, Report> {
        Ok(None)
    }
    /// What to do with the finished network.
    fn next(model: &str, run: &str) -> String;
}

/// An FSVAE in training.
#[derive(Clone, Debug)]
pub struct Spiking {
    trainer: Trainer,
}

impl Spiking {
    fn draws(&self, settings: &Settings, batch: &Batch<'_>, step: u64, probability: f64) -> Draws {
        settings.recipe.draws(&settings.network, settings.schedule.seed, step, batch.images.len(), probability)
    }
}

impl Replica for Spiking {
    fn replica(&self, device: &Device) -> Self {
        Self { trainer: self.trainer.replica(device) }
    }
}

impl Learner for Spiking {
    type Config = NetworkConfig;
    type Recipe = Recipe;
    type Network = Model;

    fn preset(arguments: &Fit, dataset: Source) -> Settings {
        Settings::preset(arguments.preset, dataset)
    }

    fn begin(settings: &Settings, device: &Device) -> Self {
        Self { trainer: Trainer::new(&settings.network, &settings.recipe, settings.schedule.seed, device) }
    }

    fn go_on(checkpoint: &CheckpointOf<NetworkConfig>, recipe: &Recipe, device: &Device) -> Result<Self, CheckpointError> {
        Ok(Self { trainer: Trainer::from_checkpoint(checkpoint, recipe, device)? })
    }

    fn step(&mut self, settings: &Settings, batch: &Batch<'_>, moment: Moment, learning_rate: f64) -> StepLosses {
        let [first, last] = settings.recipe.scheduled_probability;
        let draws = self.draws(settings, batch, moment.step, first + (last - first) * moment.progress);
        self.trainer.step_pixels(&batch.pixels, &draws, learning_rate)
    }

    fn settle<'a>(&mut self, settings: &Settings, batches: impl Iterator<Item = (Batch<'a>, u64)>) {
        let this = self.clone();
        self.trainer.settle_pixels(batches.map(|(batch, step)| {
            let draws = this.draws(settings, &batch, step, 0.0);
            (batch.pixels.into_owned(), draws)
        }));
    }

    fn network(&self) -> Model {
        self.trainer.model.valid()
    }

    fn checkpoint(&self, record: TrainingRecord) -> CheckpointOf<NetworkConfig> {
        self.trainer.checkpoint(record)
    }

    fn deployed(&self, record: TrainingRecord) -> CheckpointOf<NetworkConfig> {
        self.trainer.deployed(record)
    }

    fn next(model: &str, _: &str) -> String {
        format!("fsvae-compile {model} --target loihi")
    }
}

impl Learner for AnnTrainer {
    type Config = AnnConfig;
    type Recipe = AnnRecipe;
    type Network = AnnModel;

    fn preset(arguments: &Fit, dataset: Source) -> SettingsOf<Self> {
        Settings::ann_preset(arguments.preset, dataset, arguments.model != ModelKind::FadAutoencoder)
    }

    fn begin(settings: &SettingsOf<Self>, device: &Device) -> Self {
        Self::new(&settings.network, &settings.recipe, settings.schedule.seed, device)
    }

    fn go_on(checkpoint: &CheckpointOf<AnnConfig>, recipe: &AnnRecipe, device: &Device) -> Result<Self, CheckpointError> {
        Self::from_checkpoint(checkpoint, recipe, device)
    }

    fn step(&mut self, settings: &SettingsOf<Self>, batch: &Batch<'_>, moment: Moment, learning_rate: f64) -> StepLosses {
        self.step_pixels(&batch.pixels, &noise(settings, batch, moment.step), learning_rate)
    }

    fn settle<'a>(&mut self, settings: &SettingsOf<Self>, batches: impl Iterator<Item = (Batch<'a>, u64)>) {
        self.settle_pixels(batches.map(|(batch, step)| {
            let noise = noise(settings, &batch, step);
            (batch.pixels.into_owned(), noise)
        }));
    }

    fn network(&self) -> AnnModel {
        self.valid()
    }

    fn checkpoint(&self, record: TrainingRecord) -> CheckpointOf<AnnConfig> {
        AnnTrainer::checkpoint(self, record)
    }

    fn deployed(&self, record: TrainingRecord) -> CheckpointOf<AnnConfig> {
        AnnTrainer::deployed(self, record)
    }

    fn by_product(&self, train: &ImageSet, files: &DataSet) -> Result<Option<(&'static str, Vec<u8>)>, Report> {
        if self.model.config.variational {
            return Ok(None);
        }
        Ok(Some((crate::folder::FAD, crate::fad::reference(self, train, files)?)))
    }

    fn next(model: &str, run: &str) -> String {
        format!("fsvae-train evaluate {model}, or fsvae-train report {run}")
    }
}

fn noise(settings: &SettingsOf<AnnTrainer>, batch: &Batch<'_>, step: u64) -> Vec<f32> {
    settings.recipe.noise(&settings.network, settings.schedule.seed, step, batch.images.len())
}
