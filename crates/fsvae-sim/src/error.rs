//! Why a command cannot do its work.

use fsvae_cli::CliError;
use fsvae_data::DataError;
use lif_chip::ChipError;
use lif_graph::ArtifactError;
use lif_map::MapError;
use lif_sim::SimError;
use lif_time::TimeError;
use std::path::PathBuf;

/// Errors of this program: its own have the codes `E084` to `E089`, `E170`, `E173`, `E177`, `E178` and `E180` to `E186`, those of others keep theirs.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] CliError),

    /// The simulation cannot begin.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Simulation(#[from] SimError),

    /// There is no such chip, or its file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Chip(#[from] ChipError),

    /// The network does not fit the chip, or the chip cannot keep a schedule.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Map(#[from] MapError),

    /// The network cannot be timed on the chip.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Time(#[from] TimeError),

    /// The picture cannot be made.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Picture(#[from] DataError),

    /// The network is not in a target's integers.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Netlist(#[from] lif_netlist::NetlistError),

    /// A target of which nobody has said how it keeps time.
    #[error("the arithmetic of {target} cannot be run tick by tick: its chip file has no section `ticks`")]
    #[diagnostic(
        code(E145),
        help("leave --arithmetic out: the network's own integers are simulated step by step; or choose loihi1 or loihi2")
    )]
    NoTicks {
        /// The target.
        target: String,
    },

    /// The model's file is not a well-formed graph.
    #[error("{}: {source}", path.display())]
    #[diagnostic(forward(source))]
    Model {
        /// The file as it was given.
        path: PathBuf,
        /// What is wrong with it.
        source: ArtifactError,
    },

    /// A graph that draws nothing, or nothing that a PNG file can show.
    #[error("the network {network} draws no picture: {reason}")]
    #[diagnostic(code(E084), help("give a compiled decoder; its read-out has 1 channel (grey) or 3 (colour)"))]
    NoPicture {
        /// Name of the graph.
        network: String,
        /// What is missing.
        reason: String,
    },

    /// A graph that waits for spikes from outside.
    #[error("the network {network} cannot generate by itself: its population {population} takes spikes or an image from outside")]
    #[diagnostic(code(E085), help("compile the model with its prior, which makes the latent spikes"))]
    NeedsInput {
        /// Name of the graph.
        network: String,
        /// Its first source.
        population: String,
    },

    /// No images, or more than one picture can hold.
    #[error("{count} images cannot be drawn into this output: it holds at most {limit}, and at least 1")]
    #[diagnostic(code(E086), help("choose a --count of 1 to {limit}, or draw more into shards: --out FOLDER"))]
    Count {
        /// How many were asked for.
        count: u64,
        /// How many there may be.
        limit: u64,
    },

    /// What is given to be reconstructed is no image.
    #[error("{} is no image to reconstruct: {detail}", path.display())]
    #[diagnostic(code(E170), help("give an IDX file of 28 x 28 pixels, an 8-bit PNG file, grey or RGB, or a folder of such PNG files"))]
    NoOriginal {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },

    /// An image of another size than the network's.
    #[error("{} has {found}, and the network {network} takes {expected}", path.display())]
    #[diagnostic(code(E173), help("scale the images (channels x rows x columns), or give the network that was compiled for their size"))]
    OriginalSize {
        /// The file.
        path: PathBuf,
        /// Its channels, rows and columns.
        found: String,
        /// Name of the graph.
        network: String,
        /// Its image's channels, rows and columns.
        expected: String,
    },

    /// Fewer images than asked for.
    #[error("{count} images are asked for, and there are {found}")]
    #[diagnostic(code(E177), help("choose a --count of 1 to {found}"))]
    TooFewOriginals {
        /// How many were asked for.
        count: u64,
        /// How many there are.
        found: u64,
    },

    /// A graph that does not begin with an image.
    #[error("the network {network} reconstructs nothing: {reason}")]
    #[diagnostic(code(E178), help("give the network that fsvae-compile writes beside the other one: model.reconstruct.lif"))]
    NoImageInput {
        /// Name of the graph.
        network: String,
        /// What is missing.
        reason: String,
    },

    /// Two files of one name.
    #[error("{} is {first} and {second} at once", path.display())]
    #[diagnostic(code(E087), help("give each file a name of its own (MODEL, --out FILE, --events FILE)"))]
    SameFile {
        /// The name.
        path: PathBuf,
        /// What it is.
        first: &'static str,
        /// What it also is.
        second: &'static str,
    },

    /// `--events model.lif`: the model was taken for the file of the events.
    #[error("the events would be written to {}, which has the name of a model", path.display())]
    #[diagnostic(code(E088), help("put MODEL before --events, or name the file of the events: --events events.csv"))]
    EventsOverModel {
        /// The name.
        path: PathBuf,
    },

    /// `generate --target` with `--events`.
    #[error("--events and --target do not go together")]
    #[diagnostic(
        code(E155),
        help("draw without --target: the spikes are the same; their times on the chip are in `fsvae-sim profile --trace`")
    )]
    EventsOfATarget,

    /// A trace of an unknown kind.
    #[error("nothing is known of traces that are called {}", path.display())]
    #[diagnostic(code(E156), help("end the name in .vcd or .fst for waveforms, or in .json for Perfetto"))]
    TraceKind {
        /// The name.
        path: PathBuf,
    },

    /// A probe that names no neurons.
    #[error("the probe {probe:?} names no neurons of the network")]
    #[diagnostic(code(E157), help("give POPULATION, POPULATION:NEURON or POPULATION:FIRST..END; there are (with neurons): {populations}"))]
    Probe {
        /// As it was given.
        probe: String,
        /// All, with their sizes.
        populations: String,
    },

    /// A graph whose spikes of a single image would fill the memory.
    #[error("the network {network} has up to {spikes} spikes an image, and {limit} is the limit")]
    #[diagnostic(code(E089), help("give a compiled FSVAE; the largest published one stays far below this limit"))]
    TooManySpikes {
        /// Name of the graph.
        network: String,
        /// Neurons times steps.
        spikes: u64,
        /// The most there may be.
        limit: u64,
    },

    /// Ctrl-C.
    #[error("interrupted: {whole} of {of} shards are whole in {}", folder.display())]
    #[diagnostic(code(E180), help("the same command again goes on with those that are missing"))]
    Interrupted {
        /// Shards that are there.
        whole: u64,
        /// Shards of this part.
        of: u64,
        /// Where they are.
        folder: PathBuf,
    },

    /// A file stands where a shard is meant.
    #[error("{} is there already and is no shard of this run (model, seed, --count and --shard-images)", path.display())]
    #[diagnostic(code(E181), help("choose another --out, or move that file away"))]
    ForeignShard {
        /// The file.
        path: PathBuf,
    },

    /// Events of shards.
    #[error("events are not written beside shards: those of a million images are terabytes")]
    #[diagnostic(code(E182), help("draw the images of interest into one picture: --out images.png --events"))]
    EventsOfShards,

    /// A pattern that names no format, or whose number stands in a folder's name.
    #[error("{pattern} names no shards")]
    #[diagnostic(code(E183), help("let the file's name hold {{shard}} and end in .png or .npz: --out 'out/{{shard}}.npz'"))]
    ShardFormat {
        /// As it was given.
        pattern: String,
    },

    /// Too many images for a file.
    #[error("a shard of {images} images cannot be written: it holds at most {limit}, and at least 1")]
    #[diagnostic(code(E184), help("choose --shard-images of 1 to {limit}, and a pattern or a folder for several shards"))]
    ShardImages {
        /// How many were asked for.
        images: u64,
        /// How many there may be.
        limit: u64,
    },

    /// An option that has no meaning with one picture.
    #[error("{option} is for shards, and --out names one picture")]
    #[diagnostic(code(E185), help("name a folder or a pattern: --out FOLDER, --out 'out/{{shard}}.npz'"))]
    OnlyForShards {
        /// The option.
        option: &'static str,
    },

    /// A target's ticks or times, for shards.
    #[error("{option} is for one picture, and --out names shards")]
    #[diagnostic(code(E186), help("leave {option} out, or draw the images of interest into one picture: --out images.png"))]
    OnlyForOnePicture {
        /// The option.
        option: &'static str,
    },
}
