//! `fsvae-train`: from images to a checkpoint.
//!
//! ```text
//!   images (fsvae-data)      settings: preset < TOML < options
//!            \                    |
//!             v                   v
//!   fit:  epochs of steps  --  Trainer::step (fsvae-model)
//!            |                    |
//!            |                    +-> training.mpk   every minute, whole or not at all: --resume goes on from here
//!            +-- end of an epoch --> model.mpk, samples-EPOCH.png, reconstructions-EPOCH.png
//!            +-- log.jsonl
//! ```
//!
//! `evaluate` measures a finished network: errors, distances and scores (`fsvae-score`), spikes, and [`operations`].
//!
//! A run is a function of its settings: the order of the images, their mirroring and the random numbers of a step are computed from the
//! seed and the step's number, never carried along, so a run that was killed and resumed ends with the same bytes as one that was not, on
//! any number of threads.

mod anchors;
mod args;
mod components;
mod error;
mod evaluate;
mod fit;
mod flip;
mod folder;
mod judge;
mod log;
mod measure;
pub mod operations;
mod settings;
mod speed;

pub use args::{Arguments, Command, Evaluate, Fit, Preset, Speed, Unseen};
pub use error::TrainError;
pub use settings::{LearningRateDecay, Schedule, Settings};

/// Does what the command line says.
///
/// # Errors
/// One report with code, cause and remedy, to be printed by [`fsvae_cli::run`].
pub fn run(arguments: &Arguments) -> Result<(), fsvae_cli::Report> {
    let (Command::Fit(Fit { threads, .. }) | Command::Evaluate(Evaluate { threads, .. }) | Command::Speed(Speed { threads, .. })) =
        &arguments.command;
    if let Some(threads) = *threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
        pool.map_err(|e| TrainError::Threads { threads, reason: e.to_string() })?;
    }
    match &arguments.command {
        Command::Fit(arguments) => fit::fit(arguments),
        Command::Evaluate(arguments) => evaluate::evaluate(arguments),
        Command::Speed(arguments) => speed::speed(arguments),
    }
}
