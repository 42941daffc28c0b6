//! What can go wrong between a readable checkpoint and a graph.

use fsvae_checkpoint::CheckpointError;
use fsvae_checkpoint::original::OriginalError;
use lif_graph::Violations;
use lif_map::MapError;
use lif_netlist::NetlistError;
use lif_nir::NirError;
use lif_sim::SimError;
use miette::Diagnostic;
use thiserror::Error;

/// A model that cannot be compiled.
#[derive(Debug, Error, Diagnostic)]
pub enum CompileError {
    /// The checkpoint does not hold a network.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of the original program does not hold a network.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Original(#[from] OriginalError),
    /// A NIR file cannot be read, or the graph not be written as one.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NirFile(#[from] NirError),
    /// The chip's back-end cannot write the graph.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Netlist(#[from] NetlistError),
    /// The chip's cores cannot hold the graph.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Map(#[from] MapError),
    /// The graph cannot be simulated to measure how often its neurons fire.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Simulation(#[from] SimError),
    /// A step of that name does not exist.
    #[error("there is no step {name:?} to stop after")]
    #[diagnostic(code(E061), help("the steps, in order: {known}"))]
    UnknownStep {
        /// The name that was given.
        name: String,
        /// All names, with commas.
        known: String,
    },
    /// No rule has that code.
    #[error("there are no rules with the code {code:?}")]
    #[diagnostic(code(E067), help("codes with rules: {known}; other errors say all there is to say when they occur"))]
    UnknownCode {
        /// The code that was given.
        code: String,
        /// All codes, with commas.
        known: String,
    },
    /// The graph would take more memory than any network worth compiling.
    #[error("the network is too large: it has {neurons} neurons, and {limit} is the limit")]
    #[diagnostic(code(E062), help("train a network of fewer channels or smaller images"))]
    TooLarge {
        /// How many it has.
        neurons: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// Folding leaves the range of f32.
    #[error("folding the batch normalisation of {layer} gives weights beyond the range of 32-bit floats")]
    #[diagnostic(code(E064), help("a channel's running variance is close to 0 and its scale huge: train on, or from another seed"))]
    Overflow {
        /// The layer.
        layer: String,
    },
    /// No scale makes a layer fit.
    #[error(
        "{layer} does not fit {chip} at any weight scale: its input sum can reach {input} (limit {input_max}), its membrane {membrane} \
         (limit {membrane_max})"
    )]
    #[diagnostic(
        code(E065),
        help(
            "it fits a chip whose input sums have {input_bits} bits and whose membranes have {membrane_bits} (--list-targets); or train a network \
             with that much fewer or smaller inputs to {layer}"
        )
    )]
    DoesNotFit {
        /// The layer.
        layer: String,
        /// The chip.
        chip: String,
        /// Largest sum of weights.
        input: u64,
        /// The chip's limit for it.
        input_max: i64,
        /// Largest membrane.
        membrane: u64,
        /// The chip's limit for it.
        membrane_max: i64,
        /// Width that its sums need on the chip, sign included.
        input_bits: u32,
        /// Width that its membranes need, sign included.
        membrane_bits: u32,
    },
    /// A threshold beside which all weights are nothing.
    #[error(
        "the threshold of {layer} is {ratio:.3e} times its largest weight, and on {chip} it can be {limit:.3e} times: all weights would be 0"
    )]
    #[diagnostic(
        code(E063),
        help("lower the layer's threshold or train with larger weights; or choose a target with wider thresholds and membranes")
    )]
    ThresholdOutOfReach {
        /// The layer.
        layer: String,
        /// The chip.
        chip: String,
        /// Threshold over largest weight.
        ratio: f64,
        /// The largest at which a weight is left.
        limit: f64,
    },
    /// A data set whose images cannot be scored.
    #[error("there is no Frechet autoencoder distance for images of {dataset:?}")]
    #[diagnostic(code(E176), help("leave --verify-fad out; references exist for mnist and fashion-mnist, grey images of 32 x 32 pixels"))]
    NoReference {
        /// The data set that the network was trained on.
        dataset: String,
    },
    /// A chip that has no place for the scale of a channel.
    #[error("weights cannot have a scale for each channel on {chip}: its populations have one threshold")]
    #[diagnostic(
        code(E174),
        help("leave --scale-per out, or choose a target whose thresholds differ between channels (generic, spinnaker1)")
    )]
    ScalePerChannel {
        /// The chip.
        chip: String,
    },
    /// A result that would take the model's place.
    #[error("{} is the model itself", path.display())]
    #[diagnostic(code(E179), help("choose another folder: --out DIR"))]
    WouldOverwrite {
        /// The file.
        path: std::path::PathBuf,
    },
    /// A share of all weights that is none.
    #[error("{percent} is no percentile")]
    #[diagnostic(code(E175), help("choose 0 to 100, such as 99.9: that share of the weights is within the range"))]
    Percentile {
        /// What was asked for.
        percent: f64,
    },
    /// A node of a NIR network that has no counterpart here.
    #[error("{node} cannot be compiled: {reason}")]
    #[diagnostic(code(E069), help("{remedy}"))]
    Nir {
        /// The node, with its kind.
        node: String,
        /// What does not map.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// An option that the file has no use for.
    #[error("{option} has no meaning for {file}")]
    #[diagnostic(code(E068), help("{remedy}"))]
    Option {
        /// The option.
        option: &'static str,
        /// The kind of file.
        file: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The network's size breaks a rule of the graph.
    #[error("the network gives a graph that breaks a rule")]
    #[diagnostic(code(E066), help("the rules bound names, sizes and sums; rename or shrink what is named above"))]
    Graph(#[source] Violations),
}
