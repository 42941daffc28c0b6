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
//!            +-- log.jsonl, events.out.tfevents.fsvae (TensorBoard), report.html
//! ```
//!
//! The loop does not know what it trains ([`ModelKind`]): an FSVAE, the VAE without spikes that it is compared with, or an autoencoder for FAD.
//!
//! `evaluate` measures a finished network: errors, distances and scores (`fsvae-score`), spikes, and [`operations`]; beside it,
//! on request, the integers that it was compiled to (`lif-sim`).
//!
//! A run is a function of its settings: the order of the images, their mirroring and the random numbers of a step are computed from the
//! seed and the step's number, never carried along, so a run that was killed and resumed ends with the same bytes as one that was not, on
//! any number of threads.

mod anchors;
mod args;
mod compiled;
mod error;
mod evaluate;
mod fad;
mod fit;
mod flip;
mod folder;
mod interrupt;
mod judge;
mod learner;
mod lesson;
mod log;
mod measure;
pub mod operations;
mod report;
mod settings;
mod speed;
mod tensorboard;

pub use args::{Arguments, Command, Evaluate, Fit, ModelKind, Preset, ShowRun, Speed, Unseen};
pub use error::TrainError;
pub use settings::{LearningRateDecay, Schedule, Settings};

/// Does what the command line says.
///
/// # Errors
/// One report with code, cause and remedy, to be printed by [`fsvae_cli::run`].
pub fn run(arguments: &Arguments) -> Result<(), fsvae_cli::Report> {
    let threads = match &arguments.command {
        Command::Fit(Fit { threads, .. }) | Command::Evaluate(Evaluate { threads, .. }) | Command::Speed(Speed { threads, .. }) => *threads,
        Command::Report(_) => None,
    };
    if let Some(threads) = threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
        pool.map_err(|e| TrainError::Threads { threads, reason: e.to_string() })?;
    }
    match &arguments.command {
        Command::Fit(arguments) => fit::fit(arguments),
        Command::Evaluate(arguments) => evaluate::evaluate(arguments),
        Command::Report(arguments) => report::report(arguments),
        Command::Speed(arguments) => speed::speed(arguments),
    }
}
