//! The compiled network.

use crate::Error;
use lif_graph::LifGraph;
use std::path::Path;

/// Fifty times the full-size network.
const MAX_BYTES: u64 = 1 << 26;

/// Reads and checks a `.lif` file.
pub(crate) fn read(path: &Path) -> Result<LifGraph, Error> {
    let bytes = fsvae_cli::read_file_limited(path, MAX_BYTES)?;
    LifGraph::from_bytes(&bytes).map_err(|source| Error::Model { path: path.to_owned(), source })
}
