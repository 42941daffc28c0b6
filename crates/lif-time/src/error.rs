//! What stands against timing a graph.

use miette::Diagnostic;
use thiserror::Error;

/// A graph that cannot be timed.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum TimeError {
    /// A chip file without times and energies.
    #[error("{chip} has no times and energies")]
    #[diagnostic(
        code(E150),
        help("choose a target whose file has a section `costs`, such as loihi1 or sanafe-loihi, or add one with your own figures")
    )]
    NoCosts {
        /// The chip.
        chip: String,
    },
    /// A mapping of another graph or for another chip.
    #[error("the mapping is not one of {graph} on {chip}: {cause}")]
    #[diagnostic(code(E151), help("map the graph that is timed onto the chip that it is timed on"))]
    Mapping {
        /// The graph.
        graph: String,
        /// The chip.
        chip: String,
        /// What does not fit.
        cause: String,
    },
    /// Spikes that the graph cannot have.
    #[error("the recorded spikes are not those of {graph}: {cause}")]
    #[diagnostic(code(E152), help("record the spikes of the graph that is timed, in the order of step, population and neuron"))]
    Spikes {
        /// The graph.
        graph: String,
        /// The first that is wrong.
        cause: String,
    },
    /// A schedule that does not suit the graph.
    #[error("the schedule does not suit {graph}: {cause}")]
    #[diagnostic(code(E153), help("give every population its ticks within the schedule"))]
    Schedule {
        /// The graph.
        graph: String,
        /// What is wrong.
        cause: String,
    },
    /// Packets that wait for each other in a circle.
    #[error("{waiting} packets wait for each other in a circle, in tick {tick}")]
    #[diagnostic(code(E154), help("larger buffers (costs.link_buffer) or routes without circles help; dimension-order routes have none"))]
    Deadlock {
        /// Those that did not arrive.
        waiting: u64,
        /// When.
        tick: u32,
    },
    /// Sums that 64 bits do not hold: 213 days, or 18 kJ.
    #[error("after {images} images time or energy are more than 64 bits hold")]
    #[diagnostic(code(E158), help("draw fewer images, or look at the figures of the chip file"))]
    TooMuch {
        /// Images so far.
        images: u64,
    },
}
