//! The command line.

use crate::generate;
use crate::profile::{self, ProfileArgs};
use clap::{Args, Parser, Subcommand};
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
    Profile(ProfileArgs),
}

/// Generates images and, if asked, a record of every spike.
///
/// The pictures go into one PNG file, as a square of images with 2 black pixels between them.
/// A table tells how often each population fired and what that cost in synaptic operations.
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

    /// The picture, a PNG file.
    #[arg(long, value_name = "FILE", default_value = "images.png")]
    pub out: PathBuf,

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

const GENERATE_HELP: &str = "\
Events:
  One entry for each spike, sorted by image, step, population and neuron.
  events.csv   header `image,step,population,neuron`; the population by name
  events.npz   image u32, step u16, population u16, neuron u32; population_names: population p
               of the arrays has the name population_names[p] (numpy.load needs no pickle)
  A neuron of a population of C x H x W has the number (c * H + y) * W + x.

Summary (--json):
  images                number of images
  images_per_second     of simulation, with the recording of the events
  spikes                of all populations together
  synaptic_operations   one for each spike and each synapse that it reaches
  populations           for each: name, neurons, spikes, synaptic_operations (of its incoming synapses)
  fingerprint           SHA-256 over all spikes and pixels: equal runs have equal fingerprints
  files                 picture and, if written, events
  model, seed           what was simulated: the network's name and fingerprint, the seed

Examples:
  fsvae-sim generate                                          64 images of seed 1 into images.png
  fsvae-sim generate --seed 7 --events                        the same of seed 7, spikes in events.csv
  fsvae-sim generate model.lif --events spikes.npz --json     another model; spikes for NumPy, summary
                                                              for a script
";

pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done, 2 an error (error[CODE]: cause, help: remedy); no file is left half-written.";

/// Runs the command line.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    fsvae_cli::run(|| {
        Ok(match &command {
            Command::Generate(options) => match &options.target {
                Some(target) => profile::draw(options, target)?,
                None => generate::run(options)?,
            },
            Command::Profile(options) => profile::run(options)?,
        })
    })
}
