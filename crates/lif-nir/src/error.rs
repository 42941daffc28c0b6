//! What can be wrong with a NIR file, or with a graph that shall become one.

/// A NIR file that cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum NirError {
    /// HDF5 cannot be decoded.
    #[error("the NIR file is damaged, or no HDF5 file: {detail}")]
    #[diagnostic(code(E095), help("copy it again completely, or write it again with `nir.write`"))]
    Damaged {
        /// What the decoder found.
        detail: String,
    },
    /// HDF5, but not what NIR puts there.
    #[error("the HDF5 file is no NIR graph: {detail}")]
    #[diagnostic(code(E096), help("write the file with the Python package `nir` 1.0: `nir.write(\"network.nir\", graph)`"))]
    Malformed {
        /// What is missing, or what is wrong.
        detail: String,
    },
    /// More than anyone needs.
    #[error("the NIR file is too large: {detail}")]
    #[diagnostic(code(E097), help("split the network, or leave out what is not needed"))]
    TooLarge {
        /// What there is too much of.
        detail: String,
    },
    /// NIR has no word for it.
    #[error("NIR cannot say what {place} is: {reason}")]
    #[diagnostic(
        code(E098),
        help("NIR 1.0 has dense and convolutional synapses without delay between LIF and LI neurons; leave the rest to the .lif file")
    )]
    Inexpressible {
        /// Population or projection, with its name.
        place: String,
        /// What NIR lacks.
        reason: String,
    },
}
