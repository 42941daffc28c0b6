//! The command line.

use clap::Parser;
use std::path::{Path, PathBuf};

/// Compile a trained FSVAE for a neuromorphic chip: 8-bit weights, integer thresholds, the chip's decays.
///
/// Writes MODEL.lif, the integer LIF graph that fsvae-sim draws images with, and the netlist of the chip's own tools.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub struct Args {
    /// The checkpoint that fsvae-train wrote (.mpk)
    #[arg(required_unless_present_any = ["list_targets", "explain"])]
    pub model: Option<PathBuf>,

    /// The chip, one of --list-targets
    #[arg(long, default_value = "loihi")]
    pub target: String,

    /// Hold weights to so many bits, sign included (4 bits are -7 to 7), for a model that was trained with `--weight-bits`
    #[arg(long, value_name = "BITS")]
    pub weight_bits: Option<u8>,

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

    /// Print what a step makes (import, fold, quantise, lower, map) and write nothing; with --json in full
    #[arg(long, value_name = "STEP", conflicts_with_all = ["verify", "out"])]
    pub stop_after: Option<String>,

    /// Print how many spikes of each layer the graph has in common with the float network, and write nothing; exit code 1 if a
    /// layer has less than 99 %
    #[arg(long, conflicts_with = "out")]
    pub verify: bool,

    /// Images to draw for --verify
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_000_000), requires = "verify")]
    pub images: u64,

    /// Seed of the images to draw for --verify
    #[arg(long, default_value_t = 1, requires = "verify")]
    pub seed: u64,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Examples:
  fsvae-compile model.mpk --target loihi        write ./model-loihi/: model.lif, netlist.json, arrays.npz
  fsvae-compile model.mpk --verify              compare the graph with the float network, layer by layer
  fsvae-compile model.mpk --stop-after fold     look at the weights with the batch normalisation in them
  fsvae-compile model.mpk --target spinnaker1 --stop-after map
                                                which neurons on which core, how full, how far their spikes go";

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
