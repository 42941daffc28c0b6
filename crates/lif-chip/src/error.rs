//! What can be wrong with a chip or with its name.

use miette::Diagnostic;
use thiserror::Error;

/// A chip file that cannot be used, or a name that no chip has.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum ChipError {
    /// Not TOML, a key is missing, or a key is unknown.
    #[error("the chip file {file} cannot be read: {cause}")]
    #[diagnostic(code(E070), help("the keys and their meaning are those of targets/loihi/loihi2.toml: correct the file after that model"))]
    Syntax {
        /// Name of the file.
        file: String,
        /// The reader's words, with the line.
        cause: String,
    },
    /// A figure that no integer chip can have.
    #[error("{key} is {value} in the chip file {file}, but must lie in {least} to {most}")]
    #[diagnostic(code(E071), help("correct the figure; the comment beside it names its source"))]
    Figure {
        /// Name of the file.
        file: String,
        /// The key, with its section.
        key: &'static str,
        /// What the file says.
        value: u64,
        /// Smallest figure that is possible.
        least: u64,
        /// Largest figure that is possible.
        most: u64,
    },
    /// Weights of a width that the chip does not have.
    #[error("{chip} has no weights of {bits} bits")]
    #[diagnostic(code(E074), help("choose from 2 to {most} bits, sign included"))]
    WeightBits {
        /// The chip.
        chip: String,
        /// What was asked for.
        bits: u8,
        /// The most that it has.
        most: u8,
    },
    /// No chip of that name.
    #[error("there is no target {name:?}")]
    #[diagnostic(code(E060), help("known targets: {known}"))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// All names, with commas.
        known: String,
    },
}
