//! What can be wrong with weights that a user brings.

use miette::Diagnostic;
use thiserror::Error;

/// A file of Inception weights that cannot be used.
#[derive(Clone, Debug, PartialEq, Error, Diagnostic)]
pub enum InceptionError {
    /// Not the format.
    #[error("the Inception weights are no safetensors file: {reason}")]
    #[diagnostic(code(E100), help("convert the state dictionary with `safetensors.torch.save_file`, names unchanged; see the README"))]
    NotSafetensors {
        /// What the parser said.
        reason: String,
    },
    /// A tensor is not there.
    #[error("the Inception weights have no tensor \"{name}\"")]
    #[diagnostic(code(E101), help("convert the whole state dictionary of one of the two networks that the README names, names unchanged"))]
    NoTensor {
        /// Its name in the state dictionary.
        name: String,
    },
    /// A tensor of another network.
    #[error("tensor \"{name}\" of the Inception weights has the shape {found:?}; it must be {expected}")]
    #[diagnostic(code(E102), help("use one of the two networks that the README names; others look alike, but are not what is published"))]
    WrongShape {
        /// Its name.
        name: String,
        /// What the network demands.
        expected: String,
        /// What is there.
        found: Vec<usize>,
    },
    /// Not single precision.
    #[error("tensor \"{name}\" of the Inception weights is of type {found}; it must be F32")]
    #[diagnostic(code(E103), help("convert it to single precision (`tensor.float()`) before it is saved"))]
    WrongType {
        /// Its name.
        name: String,
        /// The type that is there.
        found: String,
    },
    /// A NaN, an infinity or a negative variance.
    #[error("tensor \"{name}\" of the Inception weights holds {value}")]
    #[diagnostic(code(E104), help("convert the published file again; no number of it is like that"))]
    WrongValue {
        /// Its name.
        name: String,
        /// The first such number.
        value: f32,
    },
}

/// A file with an encoder and its reference statistics that cannot be used.
#[derive(Clone, Debug, PartialEq, Error, Diagnostic)]
pub enum FadError {
    /// Not the format.
    #[error("this is no file of an encoder and its reference statistics: {reason}")]
    #[diagnostic(code(E194), help("give the fad.safetensors that `fsvae-train fit --model fad-autoencoder` wrote after its last epoch"))]
    NotSafetensors {
        /// What the parser said.
        reason: String,
    },
    /// A tensor is missing or odd.
    #[error("tensor \"{tensor}\" of the encoder's file {what}")]
    #[diagnostic(code(E195), help("give the fad.safetensors that `fsvae-train fit --model fad-autoencoder` wrote, or fit one again"))]
    Wrong {
        /// Its name.
        tensor: String,
        /// What is wrong with it.
        what: String,
    },
}
