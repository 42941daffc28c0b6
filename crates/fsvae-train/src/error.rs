//! What can go wrong in training, apart from files and data.

use miette::Diagnostic;
use std::path::PathBuf;
use thiserror::Error;

/// An impossible request or a training run that cannot go on.
#[derive(Debug, Error, Diagnostic)]
pub enum TrainError {
    /// The TOML file does not parse, or names something unknown, or a value has the wrong type.
    #[error("the settings in {} are not usable: {message}", path.display())]
    #[diagnostic(
        code(E051),
        help("sections are [network], [recipe] and [schedule]; log.jsonl of any run lists every setting with its value")
    )]
    Settings {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        message: String,
    },
    /// A setting is out of its range.
    #[error("impossible settings: {}", violations.join("; "))]
    #[diagnostic(code(E052), help("change these settings on the command line or in the TOML file"))]
    Impossible {
        /// One sentence each.
        violations: Vec<String>,
    },
    /// There is nothing to resume, or it was not written by `fit`.
    #[error("{} is no training run to go on with: {reason}", path.display())]
    #[diagnostic(code(E053), help("name the OUT folder of a run that was begun by `fsvae-train fit`, or begin one without --resume"))]
    NotResumable {
        /// The checkpoint.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A new run in the folder of an old one.
    #[error("{} holds a training run already", path.display())]
    #[diagnostic(code(E054), help("go on with it by --resume, or choose another folder with --out"))]
    OldRun {
        /// The folder.
        path: PathBuf,
    },
    /// The loss is infinite or not a number.
    #[error("training diverged at step {step}: the loss is {loss}")]
    #[diagnostic(code(E055), help("begin again with a smaller --learning-rate; training.mpk still holds an earlier state"))]
    Diverged {
        /// The optimiser step.
        step: u64,
        /// Its loss.
        loss: f32,
    },
    /// The network was made for other images.
    #[error("the network takes images of {expected} channels, {dataset} has {found}")]
    #[diagnostic(code(E056), help("choose a data set with --dataset that the network was trained on"))]
    OtherImages {
        /// The data set.
        dataset: String,
        /// The network's channels.
        expected: usize,
        /// The data set's channels.
        found: usize,
    },
    /// The checkpoint does not say, or says an unknown, data set.
    #[error("the model does not say which data set it learnt (it says {dataset:?})")]
    #[diagnostic(code(E057), help("name one with --dataset"))]
    UnknownDataset {
        /// What it says.
        dataset: String,
    },
    /// No thread pool of that size.
    #[error("cannot start {threads} threads: {reason}")]
    #[diagnostic(code(E058), help("use --threads with the number of cores, or leave it out"))]
    Threads {
        /// How many.
        threads: u16,
        /// What the operating system said.
        reason: String,
    },
    /// The anchors were measured on all images.
    #[error("the anchors of {dataset} were measured on {} training and {} test images; here are {} and {}", expected[0], expected[1], found[0], found[1])]
    #[diagnostic(code(E059), help("name the folder of the complete data set: --data DIR"))]
    IncompleteDataset {
        /// The data set.
        dataset: String,
        /// Training and test images of the complete one.
        expected: [usize; 2],
        /// Those that are there.
        found: [usize; 2],
    },
    /// No stored scores.
    #[error("there are no stored anchors of {dataset}")]
    #[diagnostic(code(E050), help("choose mnist or fashion-mnist with --dataset"))]
    NoAnchors {
        /// The data set.
        dataset: String,
    },
    /// No log.
    #[error("{} is no training run: it has no log.jsonl", path.display())]
    #[diagnostic(code(E191), help("name the OUT folder of `fsvae-train fit`"))]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// The autoencoder of FAD was made for other images.
    #[error(
        "the encoder takes images of {} channels and side {}, the network makes images of {} channels and side {}",
        found.0, found.1, expected.0, expected.1
    )]
    #[diagnostic(code(E196), help("fit one on the data set of the network: `fsvae-train fit --model fad-autoencoder --dataset ...`"))]
    OtherFad {
        /// Channels and side of the network's images.
        expected: (usize, usize),
        /// Those of the encoder's.
        found: (usize, usize),
    },
    /// A file that `evaluate --compiled` cannot measure.
    #[error("{} is not the compiled network: {reason}", path.display())]
    #[diagnostic(code(E200), help("compile the model again (`fsvae-compile MODEL --target ...`) and name the folder that it writes"))]
    NotCompiled {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Ctrl-C, or a request to end.
    #[error("interrupted after step {step}")]
    #[diagnostic(code(E198), help("nothing is lost; go on with `fsvae-train fit --resume --out {}`", out.display()))]
    Interrupted {
        /// Optimiser steps done.
        step: u64,
        /// The folder of the run.
        out: PathBuf,
    },
    /// Weights that are infinite or not numbers.
    #[error("training diverged at step {step}: tensor \"{tensor}\" holds a number that is not finite")]
    #[diagnostic(code(E199), help("begin again with a smaller --learning-rate; training.mpk still holds an earlier state"))]
    DivergedWeights {
        /// The optimiser step.
        step: u64,
        /// The first such tensor.
        tensor: String,
    },
}
