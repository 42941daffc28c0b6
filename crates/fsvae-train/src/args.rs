//! The command line.

use clap::{Args, Parser, Subcommand};
use fsvae_data::Source;
use fsvae_model::Place;
use std::path::PathBuf;

/// Trains the Fully Spiking Variational Autoencoder.
#[derive(Debug, Parser)]
#[command(name = "fsvae-train", version, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network; --resume goes on after a kill
    Fit(Fit),
    /// Measure a trained network on images that it did not learn: reconstruction error, FAD of images drawn with its prior, firing rates,
    /// operations; FID on request
    Evaluate(Evaluate),
    /// Make a page of a training run for a browser: curves, pictures, settings, scores
    Report(ShowRun),
    /// Measure how fast this machine trains the paper's network
    Speed(Speed),
}

/// `fit`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
OUT holds, whenever it is looked at:
  training.mpk                  everything that --resume needs
  model.mpk                     the network at the end of the last complete epoch, for fsvae-compile
  log.jsonl                     one JSON object a line: start, resume, step, epoch
  events.out.tfevents.fsvae     the same numbers and the pictures, for TensorBoard
  report.html                   the same as one page for a browser
  samples-EPOCH.png             images drawn with the prior
  reconstructions-EPOCH.png     pairs of images that are not learnt and their reconstructions
  fad.safetensors               of an autoencoder, after the last epoch: for evaluate --fad")]
pub struct Fit {
    /// What is trained: the spiking VAE, the VAE without spikes that the paper compares it with, or an autoencoder to measure FAD with on your own
    /// images (evaluate --fad)
    #[arg(long, value_enum, default_value = "fsvae", conflicts_with = "resume")]
    pub model: ModelKind,
    /// The images to learn
    #[arg(long, required_unless_present = "resume", conflicts_with = "resume")]
    pub dataset: Option<Source>,
    /// Folder of the data set's files [default: where its package puts them]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Take files in the data set's format that are not the published ones: your own images
    #[arg(long)]
    pub unverified_data: bool,
    /// Where to begin with the settings: the paper's network, or one small enough to try things out
    #[arg(long, value_enum, default_value = "paper", conflicts_with = "resume")]
    pub preset: Preset,
    /// Begin with the weights of this model; its network is the preset's in place of --preset
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["resume", "preset"])]
    pub from: Option<PathBuf>,
    /// TOML file with settings that differ from the preset's: sections network, recipe, schedule
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub config: Option<PathBuf>,
    /// Folder for everything that is written
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Go on from OUT/training.mpk, with its settings
    #[arg(long)]
    pub resume: bool,
    /// Passes over the training images; with --resume, a longer or shorter run than was begun
    #[arg(long)]
    pub epochs: Option<u32>,
    /// Images of an optimiser step
    #[arg(long, conflicts_with = "resume")]
    pub batch: Option<usize>,
    /// AdamW's step size
    #[arg(long, conflicts_with = "resume")]
    pub learning_rate: Option<f64>,
    /// Learn with weights of so many bits (8 to 2), best from a model that was trained without
    #[arg(long, value_name = "BITS", conflicts_with = "resume", value_parser = clap::value_parser!(u8).range(2..=8))]
    pub weight_bits: Option<u8>,
    /// Seed of everything random
    #[arg(long, conflicts_with = "resume")]
    pub seed: Option<u64>,
    /// Learn only the first N training images
    #[arg(long, value_name = "N", conflicts_with = "resume", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Seconds between writings of training.mpk; 0 writes after every step
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub checkpoint_every: u64,
    /// Where to compute: cpu, cuda, cuda:NUMBER, wgpu or wgpu:NUMBER; several CUDA devices, separated by commas, share each batch
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_delimiter = ',')]
    pub device: Vec<Place>,
    /// Threads [default: one for each core]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// `evaluate`.
#[derive(Clone, Debug, Args)]
pub struct Evaluate {
    /// The network
    #[arg(required_unless_present = "anchors")]
    pub model: Option<PathBuf>,
    /// No network: measure the scores of real images that others are compared with again, and print them beside the stored ones
    #[arg(long, conflicts_with_all = ["model", "compiled", "limit", "samples", "seed", "seeds", "inception", "fad"])]
    pub anchors: bool,
    /// The folder where fsvae-compile put MODEL: the integers are measured beside it, with the same images and picks
    #[arg(long, value_name = "DIR")]
    pub compiled: Option<PathBuf>,
    /// The images [default: the data set that the network learnt; with --anchors, fashion-mnist]
    #[arg(long)]
    pub dataset: Option<Source>,
    /// Folder of the data set's files [default: where its package puts them]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Take files in the data set's format that are not the published ones: your own images
    #[arg(long)]
    pub unverified_data: bool,
    /// Which images of it: those of the test, or those that were set apart when the network was trained
    #[arg(long, value_enum, default_value = "test")]
    pub split: Unseen,
    /// Use only the first N of these images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Images drawn for the Frechet autoencoder distance (FAD), in batches of 256; 0 skips it. Scores of different numbers cannot be compared
    #[arg(long, value_name = "N", default_value_t = fsvae_score::GENERATED as u32, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub samples: u32,
    /// Seed of all picks
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Draw anew for FAD with so many seeds, the first being --seed, and print mean and standard deviation
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub seeds: u32,
    /// Inception weights, for the Frechet Inception distance (FID) and the Inception score: the state dictionary, as safetensors, of
    /// pytorch-fid's pt_inception-2015-12-05-6726825d.pth (FID and score) or of torchvision's inception_v3_google-0cc3c7bd.pth (the score as
    /// the paper has it)
    #[arg(long, value_name = "FILE")]
    pub inception: Option<PathBuf>,
    /// Measure FAD with this autoencoder, which `fit --model fad-autoencoder` wrote, in place of the published one
    #[arg(long, value_name = "FILE")]
    pub fad: Option<PathBuf>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Where to compute: cpu, cuda, cuda:NUMBER, wgpu or wgpu:NUMBER
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: Place,
    /// Threads [default: one for each core]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// `report`.
#[derive(Clone, Debug, Args)]
pub struct ShowRun {
    /// The OUT folder of `fit`; the run may still be going on
    pub run: PathBuf,
    /// Where the page goes [default: report.html in that folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `speed`.
#[derive(Clone, Debug, Args)]
pub struct Speed {
    /// Images of an optimiser step
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub batch: u64,
    /// Steps that are timed, after one that is not
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub steps: u64,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Where to compute: cpu, cuda, cuda:NUMBER, wgpu or wgpu:NUMBER
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: Place,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// Images that are not learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Unseen {
    /// To measure with, at the very end
    Test,
    /// To choose settings and models with: `[schedule] validation = N`
    Validation,
}

/// What can be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ModelKind {
    /// The Fully Spiking VAE
    Fsvae,
    /// The paper's VAE without spikes
    AnnVae,
    /// The autoencoder in whose latent space FAD is measured
    FadAutoencoder,
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(clap::ValueEnum::to_possible_value(self).expect("none is skipped").get_name())
    }
}

/// Settings to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// 16 images a step, widths 8 to 16, latent 16, 4 time steps: an epoch takes seconds, the pictures are poor
    Tiny,
    /// The published network and recipe, but for the posterior's roll-out, which takes T steps instead of T^2
    Paper,
}
