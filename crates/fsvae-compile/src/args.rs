//! The command line.

use clap::Parser;
use fsvae_checkpoint::original;
use fsvae_compile::feedforward::import::Integrator;
use fsvae_compile::input::Choices;
use fsvae_compile::quantise::{Choice, Scales};
use fsvae_compile::{CompileError, Purpose, Step};
use lif_chip::Sharing;
use lif_map::Mode;
use std::path::{Path, PathBuf};

/// Compile a trained FSVAE for a neuromorphic chip: 8-bit weights, integer thresholds, the chip's decays.
///
/// Writes MODEL.lif, the integer LIF graph that fsvae-sim draws images with, MODEL.reconstruct.lif, the one that it reconstructs images
/// with, and the netlist of the chip's own tools. Other spiking networks are compiled from NIR files.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub struct Args {
    /// A checkpoint of fsvae-train (.mpk), a state dictionary of the original program (.pth, .safetensors), or a NIR file
    #[arg(required_unless_present_any = ["list_targets", "explain"])]
    pub model: Option<PathBuf>,

    /// The chip, one of --list-targets
    #[arg(long, default_value = "loihi")]
    pub target: String,

    /// How model steps become ticks of the chip (phased, substep, buffered), and a table of what each costs [default: the chip's own]
    #[arg(long, value_name = "NAME", conflicts_with = "verify")]
    pub schedule: Option<Mode>,

    /// Hold weights to so many bits, sign included (4 bits are -7 to 7), for a model that was trained with `--weight-bits`
    #[arg(long, value_name = "BITS")]
    pub weight_bits: Option<u8>,

    /// Only one of the two networks [default: both; with --verify and --stop-after: generate]
    #[arg(long, value_name = "NAME")]
    pub network: Option<Purpose>,

    /// How the scale of weights is chosen
    #[arg(long, value_name = "HOW", default_value = "error")]
    pub scales: ScaleChoice,

    /// Percentile of the magnitudes of weights that --scales percentile still holds [default: 99.9]
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    pub percentile: Option<f64>,

    /// Which weights share a scale [default: as fine as the chip allows]
    #[arg(long, value_name = "WHAT")]
    pub scale_per: Option<ScalePer>,

    /// Folder for the results, created if need be [default: ./<MODEL>-<TARGET>]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// List the chips and exit
    #[arg(long)]
    pub list_targets: bool,

    /// Print what an error code demands, and why, and exit
    #[arg(long, value_name = "CODE", conflicts_with = "list_targets")]
    pub explain: Option<String>,

    /// Also map the graph onto the chip's cores, and write mapping.json: slices, cores, links, routing tables
    #[arg(long, conflicts_with_all = ["verify", "stop_after"])]
    pub map: bool,

    /// Use idle cores of the chips that the graph takes: the populations with most to do are cut further, so that steps are shorter
    #[arg(long, requires = "map")]
    pub spread: bool,

    /// Print what a step makes (import, fold, quantise, lower, schedule, map) and write nothing; with --json in full
    #[arg(long, value_name = "STEP", conflicts_with_all = ["verify", "out"])]
    pub stop_after: Option<String>,

    /// Print how many spikes of each layer the graph has in common with the float network, and write nothing; exit code 1 if a
    /// layer has less than 99 %
    #[arg(long, conflicts_with = "out")]
    pub verify: bool,

    /// With --verify: also let both networks run on their own, with the same picks, and print the Frechet autoencoder distance of so many images of each; the
    /// paper's number takes minutes
    #[arg(long, value_name = "IMAGES", num_args = 0..=1, default_missing_value = "5120", value_parser = clap::value_parser!(u64).range(2..=1_000_000), requires = "verify")]
    pub verify_fad: Option<u64>,

    /// Images to draw for --verify
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_000_000), requires = "verify")]
    pub images: u64,

    /// Seed of the images to draw for --verify
    #[arg(long, default_value_t = 1, requires = "verify")]
    pub seed: u64,

    /// Time steps [.pth, .safetensors: from the file, else 16; NIR: 16]
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..))]
    pub steps: Option<u16>,

    /// What remains of a membrane after a step [.pth, .safetensors: 0.25]
    #[arg(long, value_name = "TAU", allow_negative_numbers = true)]
    pub decay: Option<f32>,

    /// Firing threshold [.pth, .safetensors: 0.2]
    #[arg(long, value_name = "V_TH", allow_negative_numbers = true)]
    pub threshold: Option<f32>,

    /// What remains of the read-out's membrane after a step [.pth, .safetensors: from the file, else 0.8]
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    pub readout_decay: Option<f32>,

    /// Length of a step in the unit of a NIR file's time constants [NIR: 1e-4]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub dt: Option<f64>,

    /// How a NIR file's differential equations become steps [NIR: euler]
    #[arg(long, value_name = "NAME")]
    pub integrator: Option<Integrator>,

    /// Write the graph in other formats as well, several with commas
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', conflicts_with_all = ["stop_after", "verify"])]
    pub emit: Vec<Emit>,

    /// Also write report.html: floor plan, load, traffic, layers, what quantisation cost; one file that needs no network
    #[arg(long, conflicts_with_all = ["stop_after", "verify"])]
    pub html: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What `--emit` can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Emit {
    /// The Neuromorphic Intermediate Representation, MODEL.nir.
    Nir,
    /// A drawing for Graphviz, MODEL.dot.
    Dot,
    /// The whole graph as text, MODEL.txt.
    Text,
}

/// How scales are chosen, as a word.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum ScaleChoice {
    /// Fewest expected wrong spikes on calibration images
    Error,
    /// No weight is clipped
    MinMax,
    /// A few large weights are clipped: see --percentile
    Percentile,
}

/// Who shares a scale, as a word.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum ScalePer {
    /// All weights of a layer
    Layer,
    /// All weights of an output channel (dense: neuron)
    Channel,
}

impl Args {
    /// How weights are scaled.
    pub fn scales(&self) -> Scales {
        let choice = match self.scales {
            ScaleChoice::Error => Choice::Error,
            ScaleChoice::MinMax => Choice::MinMax,
            ScaleChoice::Percentile => Choice::Percentile(self.percentile.unwrap_or(99.9)),
        };
        let per = self.scale_per.map(|per| match per {
            ScalePer::Layer => Sharing::Population,
            ScalePer::Channel => Sharing::Channel,
        });
        Scales { choice, per }
    }

    /// Options that go with others only.
    ///
    /// # Errors
    /// [`CompileError::Option`] for one that would do nothing.
    pub fn refuse_what_is_not_used(&self, last: Option<Step>) -> Result<(), CompileError> {
        let other_scales = self.percentile.is_some() && !matches!(self.scales, ScaleChoice::Percentile);
        let early = self.schedule.is_some() && last.is_some_and(|step| step != Step::Schedule);
        let unused = [
            (other_scales, "--percentile", "any --scales but percentile", "add --scales percentile, or leave it out"),
            (early, "--schedule", "a --stop-after other than schedule", "stop after schedule, or leave it out"),
        ];
        match unused.into_iter().find(|(unused, ..)| *unused) {
            Some((_, option, file, remedy)) => Err(CompileError::Option { option, file, remedy }),
            None => Ok(()),
        }
    }

    /// The figures that the file may not hold.
    pub fn choices(&self) -> Choices {
        let fsvae = original::Choices {
            steps: self.steps.map(usize::from),
            decay: self.decay,
            threshold: self.threshold,
            readout_decay: self.readout_decay,
        };
        Choices { fsvae, dt: self.dt, integrator: self.integrator }
    }
}

const EXAMPLES: &str = "\
Examples:
  fsvae-compile model.mpk --target loihi        write ./model-loihi/: model.lif, model.reconstruct.lif, netlist.json, arrays.npz
  fsvae-compile model.mpk --target loihi1 --html --emit dot
                                                the same for Loihi 1, with a report to look at and a drawing for Graphviz
  fsvae-compile model.mpk --schedule buffered   prior and decoder with a clock each, and what schedules cost
  fsvae-compile model.mpk --verify              compare the graph with the float network, layer by layer
  fsvae-compile model.mpk --stop-after fold     look at the weights with the batch normalisation in them
  fsvae-compile model.mpk --target spinnaker1 --stop-after map
                                                which neurons on which core, how full, how far their spikes go
  fsvae-compile best.pth                        a checkpoint of the original program; what was inferred is printed
  fsvae-compile net.nir --steps 25 --dt 1e-4    a network of snnTorch (Norse: --dt 1e-6; Sinabs: --dt 1 --integrator exponential)";

/// What the graph and its file are called: the model's file name without its extension, control characters replaced.
pub fn model_name(model: &Path) -> String {
    let stem = model.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    if name.is_empty() { "model".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn names_come_from_files() {
        assert_eq!(model_name(Path::new("runs/a.b.mpk")), "a.b");
        assert_eq!(model_name(Path::new("a\nb.mpk")), "a_b");
        assert_eq!(model_name(Path::new("..")), "model");
    }
}
