//! State dictionaries of the original program (github.com/kamata1729/FullySpikingVAE) as checkpoints, without Python.
//!
//! ```text
//!   model.pth = ZIP archive (torch.save)          model.safetensors
//!     data.pkl  names, shapes, strides              header (JSON)  names, shapes
//!     data/0    numbers                             numbers
//!        | pth, pickle                                | safetensors
//!        +----------------> RawTensor <---------------+      bytes in place, nothing decoded
//!                               | infer      prefix, configuration from shapes, what was inferred and what was not
//!                               v
//!                           Checkpoint (+ settings)          decoded, checked
//! ```
//!
//! A pickle is a program; the reader in `pickle` cannot call anything. No figure of a file is trusted for an allocation: only
//! tensors that the network needs are decoded, into no more elements than the file has bytes.

mod error;
mod infer;
mod pickle;
mod pth;
mod raw;
mod safetensors;

pub use error::OriginalError;
pub use infer::{Choices, Origin, Original, Setting};

use raw::Budget;

/// Reads what `torch.save(model.state_dict(), path)` writes since PyTorch 1.6; dictionaries around it are fine.
///
/// # Errors
/// All of [`OriginalError`].
pub fn from_pth(bytes: &[u8], choices: &Choices) -> Result<Original, OriginalError> {
    infer::infer(pth::tensors(bytes)?, choices, Budget::of_file(bytes))
}

/// Reads a safetensors file whose tensors have the original program's names, perhaps with something before them.
///
/// # Errors
/// All of [`OriginalError`] but those of pickles.
pub fn from_safetensors(bytes: &[u8], choices: &Choices) -> Result<Original, OriginalError> {
    infer::infer(safetensors::tensors(bytes)?, choices, Budget::of_file(bytes))
}

/// The kinds of PyTorch files that are not read: what `torch.save` wrote before 1.6.
///
/// # Errors
/// [`OriginalError::Kind`] for those, by their first bytes.
pub fn refuse_old_pytorch(bytes: &[u8]) -> Result<(), OriginalError> {
    if bytes.starts_with(b"\x80\x02") {
        return Err(OriginalError::Kind {
            kind: "a PyTorch file of the old kind (before 1.6, or with _use_new_zipfile_serialization=False)",
        });
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Err(OriginalError::Kind { kind: "a TAR archive, as PyTorch wrote before 0.2" });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
