//! What can be wrong with a state dictionary of the original program.

/// A state dictionary that gives no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum OriginalError {
    /// The container cannot be read.
    #[error("the {container} file is damaged: {detail}")]
    #[diagnostic(code(E090), help("copy it again completely; if it was so written, save it again"))]
    Damaged {
        /// PyTorch or safetensors.
        container: &'static str,
        /// What its reader found.
        detail: String,
    },

    /// A PyTorch file of a kind that is not read.
    #[error("this is {kind}, which is not read")]
    #[diagnostic(code(E091), help("load it in PyTorch and save the parameters anew: `torch.save(model.state_dict(), \"model.pth\")`"))]
    Kind {
        /// What it is.
        kind: &'static str,
    },

    /// A pickle that asks for more than a state dictionary needs. Nothing was executed.
    #[error("data.pkl, at byte {at}, asks for {what}, which a state dictionary does not need; nothing in it was executed")]
    #[diagnostic(
        code(E092),
        help("save the parameters and nothing else: `torch.save(model.state_dict(), \"model.pth\")`; do not load a file you do not trust")
    )]
    Pickle {
        /// Where in the pickle.
        at: usize,
        /// What it asks for.
        what: String,
    },

    /// One tensor cannot be read.
    #[error("tensor \"{name}\" cannot be read: {detail}")]
    #[diagnostic(code(E093), help("save it as a plain float32 tensor: `{{name: t.detach().cpu().float().contiguous()}}` for all tensors"))]
    Tensor {
        /// Its name in the file.
        name: String,
        /// Why.
        detail: String,
    },

    /// The tensors are not those of an FSVAE.
    #[error("the tensors are not those of an FSVAE: {detail}")]
    #[diagnostic(
        code(E094),
        help(
            "the names must be those of the original program's FSVAE or FSVAELarge (`encoder.0.weight` to `final_layer.1.bias`), and figures that \
             are given within their ranges: decays from 0 up to but not 1, a threshold above 0, at least one step"
        )
    )]
    NotAnFsvae {
        /// What is missing or contradicts itself.
        detail: String,
    },
}
