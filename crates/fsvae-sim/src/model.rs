//! The compiled network.

use crate::{Error, shipped};
use lif_graph::LifGraph;
use std::borrow::Cow;
use std::path::Path;

/// Thirty times the full-size network.
const MAX_BYTES: u64 = 1 << 26;

/// Reads and checks a `.lif` file, or the shipped model.
pub(crate) fn read(path: Option<&Path>) -> Result<LifGraph, Error> {
    let (path, bytes) = match path {
        Some(path) => (path, Cow::Owned(fsvae_cli::read_file_limited(path, MAX_BYTES)?)),
        None => (Path::new("the shipped model"), Cow::Borrowed(shipped::MODEL)),
    };
    LifGraph::from_bytes(&bytes).map_err(|source| Error::Model { path: path.to_owned(), source })
}
