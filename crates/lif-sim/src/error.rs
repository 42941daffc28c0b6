//! Why a simulation cannot begin.

use lif_graph::Violations;

/// Errors of this crate, codes `E080` to `E083`, `E171` and `E172`; a graph that is not well formed keeps the codes of its own rules.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum SimError {
    /// The graph breaks a rule.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Graph(#[from] Violations),

    /// Spikes were given to a population that is not a source.
    #[error("spikes are given for population {population}, which is not a source of this graph")]
    #[diagnostic(code(E080), help("give spikes to populations of the model `source` only"))]
    NotASource {
        /// Its name or number.
        population: String,
    },

    /// More steps of spikes than the graph runs.
    #[error("{given} steps of spikes are given for population {population}, and an image takes {steps} steps")]
    #[diagnostic(code(E081), help("give at most {steps} steps"))]
    TooManySteps {
        /// Whose spikes.
        population: String,
        /// Steps given.
        given: usize,
        /// Steps of the graph.
        steps: u32,
    },

    /// A given spike of a neuron that does not exist.
    #[error("a spike is given for neuron {neuron} of population {population}, which has {neurons} neurons")]
    #[diagnostic(code(E082), help("number neurons from 0 to {}: (channel * height + y) * width + x", neurons - 1))]
    NoSuchNeuron {
        /// Whose spike.
        population: String,
        /// The number given.
        neuron: u32,
        /// How many there are.
        neurons: usize,
    },

    /// Pixels were given to a population that is not an image.
    #[error("pixels are given for population number {population}, which is not an image of this graph")]
    #[diagnostic(code(E171), help("give pixels to populations of the model `image` only"))]
    NotAnImage {
        /// Its number.
        population: u32,
    },

    /// An image of another size.
    #[error("an image of {given} pixels is given, and the network takes {neurons}")]
    #[diagnostic(code(E172), help("give a byte for each pixel: channel by channel, row by row"))]
    WrongPixels {
        /// Pixels given.
        given: usize,
        /// Pixels that the population has.
        neurons: usize,
    },

    /// The operating system gives no threads.
    #[error("the worker threads cannot be started: {source}")]
    #[diagnostic(code(E083), help("ask for fewer threads"))]
    Threads {
        /// Its reason.
        source: rayon::ThreadPoolBuildError,
    },
}
