//! The files of a run. Each is written whole, so that a kill at any moment leaves a run that can go on.

use crate::error::TrainError;
use crate::report;
use fsvae_checkpoint::{CheckpointOf, Kind};
use fsvae_cli::{Report, create_folder, write_file};
use std::path::{Path, PathBuf};

/// The encoder and the reference statistics that an autoencoder leaves.
pub const FAD: &str = "fad.safetensors";

/// A run's folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The run in this folder, which need not exist.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes the folder for a new run; refuses one that holds a run.
    pub fn begin(&self) -> Result<(), Report> {
        if self.training().exists() || self.model().exists() || self.log().exists() {
            return Err(TrainError::OldRun { path: self.path.clone() }.into());
        }
        Ok(create_folder(&self.path)?)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The state to go on from.
    pub fn training(&self) -> PathBuf {
        self.path.join("training.mpk")
    }

    /// The network to use.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.mpk")
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.path.join("log.jsonl")
    }

    /// The page that shows the run.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// Writes the page.
    pub fn write_report(&self) -> Result<(), Report> {
        Ok(write_file(self.report(), report::page(&self.path)?.as_bytes())?)
    }

    /// Writes another file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Report> {
        Ok(write_file(self.path.join(name), bytes)?)
    }

    /// Writes the state to go on from.
    pub fn write_training(&self, checkpoint: &CheckpointOf<impl Kind>) -> Result<(), Report> {
        Ok(write_file(self.training(), &checkpoint.to_bytes())?)
    }

    /// Writes the network for use, weights in half precision.
    pub fn write_model(&self, checkpoint: &CheckpointOf<impl Kind>) -> Result<(), Report> {
        Ok(write_file(self.model(), &checkpoint.clone().to_half().to_bytes())?)
    }

    /// Writes `NAME-EPOCH.png`.
    pub fn write_picture(&self, name: &str, epoch: u64, png: &[u8]) -> Result<(), Report> {
        Ok(write_file(self.path.join(format!("{name}-{epoch:03}.png")), png)?)
    }
}
