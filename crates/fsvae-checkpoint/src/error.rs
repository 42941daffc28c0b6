//! What can be wrong with a checkpoint.

/// An error of a checkpoint, in the order in which reading finds them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum CheckpointError {
    /// No bytes at all.
    #[error("the checkpoint is empty (0 bytes)")]
    #[diagnostic(code(E030), help("copy it again, or train again: the file was never written"))]
    Empty,

    /// The first bytes are not those of a checkpoint.
    #[error("this is not a checkpoint: it does not begin with a MessagePack map whose first entry is \"format\": \"fsvae-checkpoint\"")]
    #[diagnostic(code(E031), help("give the .mpk file that `fsvae-train fit` wrote"))]
    NotACheckpoint,

    /// The file ends too early.
    #[error("the checkpoint is truncated: it ends after {found} bytes, in the middle of a value")]
    #[diagnostic(code(E032), help("copy it again completely; what is left cannot be used"))]
    Truncated {
        /// Bytes that are there.
        found: usize,
    },

    /// Something follows the checkpoint.
    #[error("the checkpoint is overlong: it ends after {expected} bytes, but there are {found}")]
    #[diagnostic(code(E033), help("copy it again; something was appended to it, so it may not be the file that was written"))]
    Overlong {
        /// Bytes that the checkpoint takes.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },

    /// A version that this program does not know.
    #[error("the checkpoint has format version {found}; this program reads version {}", crate::VERSION)]
    #[diagnostic(code(E034), help("use the release of this program that wrote it, or a newer one"))]
    Version {
        /// The version in the file.
        found: u64,
    },

    /// The checksum differs.
    #[error("the checkpoint is damaged: SHA-256 of its body is {found}, it should be {expected}")]
    #[diagnostic(code(E035), help("copy it again; a checkpoint that was edited must be written with a new checksum"))]
    Checksum {
        /// The checksum that the file states, in hexadecimal.
        expected: String,
        /// The checksum of what is there, in hexadecimal.
        found: String,
    },

    /// MessagePack, but not the fields that a checkpoint has.
    #[error("the checkpoint is malformed: {detail}")]
    #[diagnostic(code(E036), help("the program that wrote it does not follow the format; write it with `fsvae-train`"))]
    Malformed {
        /// Which field, and what is wrong with it.
        detail: String,
    },

    /// The content contradicts itself.
    #[error("the checkpoint breaks {} rule{}:{}", violations.len(), if violations.len() == 1 { "" } else { "s" }, bullets(violations))]
    #[diagnostic(
        code(E037),
        help("the configuration and the tensors must come from the same training run; train again, or repair the export")
    )]
    Invalid {
        /// All that is wrong, one sentence each.
        violations: Vec<String>,
    },

    /// There is no tensor of that name.
    #[error("the checkpoint has no tensor \"{name}\"")]
    #[diagnostic(code(E038), help("it is not a checkpoint of this kind of network, or it was written without its training state"))]
    NoTensor {
        /// The name that was asked for.
        name: String,
    },

    /// The prior has other components.
    #[error("the prior of the model has {found} components, and the settings want {wanted}")]
    #[diagnostic(code(E039), help("set `[network] components = {found}`, or begin with a model without components"))]
    OtherComponents {
        /// Of the model.
        found: usize,
        /// Of the settings.
        wanted: usize,
    },
}

fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n- {line}")).collect()
}
