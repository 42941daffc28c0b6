//! The command line.

use crate::profile::{self, ProfileArgs};
use crate::shards::Part;
use crate::{generate, reconstruct, speed};
use clap::{Args, Parser, Subcommand};
use lif_map::Mode;
use std::path::PathBuf;
use std::process::ExitCode;

/// Draws images with a compiled Fully Spiking VAE.
///
/// The network is simulated as a chip computes it: spikes of 0 or 1, 8-bit weights, integer
/// membranes. The same seed gives the same bytes on every machine, at any number of threads.
#[derive(Parser)]
#[command(name = "fsvae-sim", version, verbatim_doc_comment, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Generate(Generate),
    Reconstruct(Reconstruct),
    Speed(Speed),
    Profile(ProfileArgs),
}

/// Measures how fast images are drawn, and how fast the processor could add at best.
///
/// For 1 to N threads: 1, 16 and 64 images a call, and the bound: as many additions as there are
/// synaptic operations, each of a byte that is widened to 16 bits, from the first-level cache to
/// registers.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = EXIT_CODES)]
pub(crate) struct Speed {
    /// The compiled network, a .lif file of fsvae-compile [default: the shipped Fashion-MNIST model].
    #[arg(value_name = "MODEL")]
    pub model: Option<PathBuf>,

    /// Worker threads, at most.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,

    /// How long each way is measured.
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub seconds: f64,

    /// Writes the network's weights, biases and thresholds as arrays for NumPy as well.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,

    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Generates images and, if asked, a record of every spike.
///
/// The pictures go into one PNG file, as a square of images with 2 black pixels between them,
/// or, any number of them, into shards. A table tells how often each population fired and what
/// that cost in synaptic operations.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = EXIT_CODES, after_long_help = format!("{GENERATE_HELP}\n{EXIT_CODES}"))]
pub(crate) struct Generate {
    /// The compiled network, a .lif file of fsvae-compile [default: the shipped Fashion-MNIST model].
    #[arg(value_name = "MODEL")]
    pub model: Option<PathBuf>,

    /// How many images: number 0 to N - 1 of the seed.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub count: u64,

    /// Which images: each 64-bit seed has its own.
    ///
    /// Image j of a seed is the same whatever the count.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    /// Runs the ticks of a target that the network was compiled for: loihi1, loihi2.
    ///
    /// Slower, and the same picture unless its neurons leak at every tick (loihi1).
    #[arg(long, value_name = "TARGET")]
    pub arithmetic: Option<String>,

    /// How steps become ticks: stepped, phased, substep, buffered [default: the target's own].
    #[arg(long, value_name = "NAME", requires = "arithmetic")]
    pub schedule: Option<Mode>,

    /// The picture, a PNG file; or a folder, a pattern or an .npz file for shards (see below).
    #[arg(long, value_name = "PATH", default_value = "images.png")]
    pub out: PathBuf,

    /// Draws a part of the shards only: the Ith of N, from 1. All parts together are the whole.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Part>,

    /// Images of a shard [default: 4096, or as many as one file can hold].
    #[arg(long, value_name = "N")]
    pub shard_images: Option<u64>,

    /// Writes every spike as well; without FILE to events.csv beside the picture.
    ///
    /// A name that ends in .npz gives arrays for NumPy, any other one lines of text (see below).
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub events: Option<Option<PathBuf>>,

    /// Worker threads [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Draws through a chip, event by event: the same pictures, and what they take in time and energy.
    ///
    /// A name of `fsvae-compile --list-targets`, or a chip file (.toml); see `fsvae-sim profile`.
    #[arg(long, value_name = "CHIP")]
    pub target: Option<String>,

    /// Prints the summary as one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Draws images as the network remembers them: encoder, posterior, pick, decoder.
///
/// The picture has each image and beside it what the network made of it. Shards have the
/// reconstructions alone; their files, the events and the summary are as `fsvae-sim generate
/// --help` says.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = EXIT_CODES)]
pub(crate) struct Reconstruct {
    /// An IDX file of 28 x 28 pixels, packed or not, a PNG file, or a folder of PNG files.
    ///
    /// Images of IDX files are scaled as for training. PNG files are 8-bit grey or RGB, of exactly
    /// the network's size, and are taken in the order of their names.
    #[arg(value_name = "IMAGES")]
    pub images: PathBuf,

    /// The compiled network that reconstructs, a .reconstruct.lif file of fsvae-compile.
    #[arg(value_name = "MODEL", default_value = "model.reconstruct.lif")]
    pub model: PathBuf,

    /// How many images: the first N [default: 64, or as many as there are].
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,

    /// Seed of the picks: those of an image are addressed by the seed and by its number.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    /// The picture, a PNG file; or a folder, a pattern or an .npz file for shards.
    #[arg(long, value_name = "PATH", default_value = "reconstructions.png")]
    pub out: PathBuf,

    /// Draws a part of the shards only: the Ith of N, from 1. All parts together are the whole.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Part>,

    /// Images of a shard [default: 4096, or as many as one file can hold].
    #[arg(long, value_name = "N")]
    pub shard_images: Option<u64>,

    /// Writes every spike as well; without FILE to events.csv beside the picture.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub events: Option<Option<PathBuf>>,

    /// Worker threads [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Prints the summary as one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

const GENERATE_HELP: &str = "\
Shards:
  --out FOLDER              FOLDER/images-000000.png, images-000001.png, ...: squares of images
  --out 'out/{shard}.npz'   files of this pattern; .npz: array pixels u8, N x C x H x W
  --out FILE.npz            one file
  Memory does not grow with --count. A shard appears whole or not at all and tells what it is.
  The same command again goes on with those that are missing, after Ctrl-C, too. Image j of a
  seed is the same in whichever part, on whichever machine.
  Neurons of which only picks are read (of an FSVAE, the prior's last layer) are simulated where
  they are picked: their population's spikes are not counted; all other figures are exact.

Events:
  One entry for each spike, sorted by image, step, population and neuron.
  events.csv   header `image,step,population,neuron`; the population by name
  events.npz   image u32, step u16, population u16, neuron u32; population_names: population p
               of the arrays has the name population_names[p]; model[0] is the network's
               fingerprint (numpy.load needs no pickle)
  A neuron of a population of C x H x W has the number (c * H + y) * W + x.

Summary (--json):
  images                number of images
  images_per_second     of simulation, with the recording of the events
  spikes                of all populations together
  synaptic_operations   one for each spike and each synapse that it reaches
  populations           for each: name, neurons, spikes, synaptic_operations (of its incoming synapses)
  fingerprint           SHA-256 over all spikes and pixels: equal runs have equal fingerprints
  files                 picture and, if written, events
  arithmetic            with --arithmetic: target, schedule, ticks of an image
  of shards, in place of fingerprint and files:
  pixels_fingerprint    sum modulo 2^256 of SHA-256 over each image's number and pixels: those of
                        parts add up to that of the whole
  images_drawn          now; the others were there (images_per_second: of those drawn now, or null)
  shards                pattern, part, parts, files (of this part), drawn, found
  model, seed           what was simulated: the network's name and fingerprint, the seed

Examples:
  fsvae-sim generate                                          64 images of seed 1 into images.png
  fsvae-sim generate --seed 7 --events                        the same of seed 7, spikes in events.csv
  fsvae-sim generate model.lif --events spikes.npz --json     another model; spikes for NumPy, summary
                                                              for a script
  fsvae-sim generate --count 1000000 --out million --shard 1/8
                                                              the first of eight machines' share
";

pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done, 2 an error (error[CODE]: cause, help: remedy); no file is left half-written.";

/// Runs the command line.
pub fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    fsvae_cli::run(|| match command {
        Command::Generate(options) => Ok(match &options.target {
            Some(target) => profile::draw(&options, target)?,
            None => generate::run(&options)?,
        }),
        Command::Reconstruct(options) => Ok(reconstruct::run(options)?),
        Command::Profile(options) => Ok(profile::run(&options)?),
        Command::Speed(options) => Ok(speed::run(&options)?),
    })
}
