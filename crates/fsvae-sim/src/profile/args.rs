//! The command line of `profile`.

use clap::Args;
use lif_map::Mode;
use std::path::PathBuf;

/// Draws images on a chip, event by event, and says what that takes: time, energy, and why.
///
/// The network is mapped onto the chip's cores; then every packet of every spike is followed from
/// core to core, through routers and links that carry one packet at a time. The spikes are those of
/// `generate`, always. Times are whole picoseconds, energies whole femtojoules, and both are the
/// same on every machine, at any number of threads.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = super::super::cli::EXIT_CODES, after_long_help = format!("{PROFILE_HELP}\n{}", super::super::cli::EXIT_CODES))]
pub(crate) struct ProfileArgs {
    /// The compiled network, a .lif file of fsvae-compile [default: the shipped Fashion-MNIST model].
    #[arg(value_name = "MODEL")]
    pub model: Option<PathBuf>,

    /// The chip: a name of `fsvae-compile --list-targets`, or a chip file (.toml) of your own.
    #[arg(long, value_name = "CHIP", default_value = "loihi1")]
    pub target: String,

    /// How many images: number 0 to N - 1 of the seed.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub count: u64,

    /// Which images, as for `generate`.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    /// The same images on another chip, too, and how the two compare; may be given several times.
    #[arg(long, value_name = "CHIP")]
    pub what_if: Vec<String>,

    /// Use idle cores of the chips that the network takes: the populations with most to do are cut further, so that steps
    /// are shorter.
    #[arg(long)]
    pub spread: bool,

    /// The ticks of a step: stepped (one tick, in which every population does it), phased (neurons hold their membranes
    /// until their turn) or substep (they leak meanwhile). The spikes are those of `stepped`, always.
    #[arg(long, value_name = "MODE", default_value = "stepped", conflicts_with_all = ["trace", "events", "messages", "raster", "report"])]
    pub schedule: Mode,

    /// Traces of the first image: .vcd and .fst are waveforms of spikes, membranes and busy cores (GTKWave, Surfer);
    /// .json is a timeline for ui.perfetto.dev. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub trace: Vec<PathBuf>,

    /// The spikes of the first image: .npz has the arrays t, core, population and neuron, any other name the columns
    /// of SANA-FE's spike trace.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,

    /// The packets of the first image, in the columns of SANA-FE's message trace: who sent to which core, over how
    /// many hops, and how long each part took. A line for each core that a packet reaches; timestamps begin anew with
    /// every tick.
    #[arg(long, value_name = "FILE")]
    pub messages: Option<PathBuf>,

    /// A raster plot of the first image, a PNG file.
    #[arg(long, value_name = "FILE")]
    pub raster: Option<PathBuf>,

    /// Only these neurons in traces, events, messages and raster: POPULATION, POPULATION:NEURON or POPULATION:FIRST..END; may be
    /// given several times.
    #[arg(long, value_name = "PROBE")]
    pub probe: Vec<String>,

    /// A report in one HTML file: pictures, raster, energy, time, and the floor plan over time.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Worker threads [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Prints one JSON object instead of tables.
    #[arg(long)]
    pub json: bool,
}

const PROFILE_HELP: &str = "\
What is printed (--json has all of it, in picoseconds and femtojoules):
  time_ps_per_image, energy_fj_per_image    all ticks, barriers included
  spikes, synaptic_operations               those of `generate`, all images together
  wall_ms_per_image                         how long this program took, spikes included
  stages, populations, ticks, cores, links  where time and energy went; of each tick the critical
                                            path: until the packet left, its travel, the work from
                                            its arrival on, the barrier
  not_counted                               figures that the chip file does not have

Examples:
  fsvae-sim profile --target loihi1                        one image of the shipped network
  fsvae-sim profile --target sanafe-loihi --count 100 --json
  fsvae-sim profile --target loihi1 --schedule substep     what the ticks between a neuron's steps take
  fsvae-sim profile --target loihi1 --spread               spread over more cores of the same chips
  fsvae-sim profile --target loihi1 --what-if mine.toml    the same on a chip with other figures
  fsvae-sim profile --count 16 --report out.html           a page with pictures, raster and floor plan
  fsvae-sim profile --trace run.fst --probe decoder.0:0..8 waveforms of eight neurons and their cores
  fsvae-sim profile --messages m.csv --probe prior.0       who the first layer speaks to, and how long it takes
";
