//! Writing the results: all files or none.

use fsvae_cli::{Action, CliError, WholeFile, create_folder};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that was written.
pub struct Written {
    /// Where.
    pub path: PathBuf,
    /// How large, in bytes.
    pub bytes: usize,
}

/// Writes files into `folder`, which is created if need be. Every file is complete before the first gets its name;
/// on an error nothing is left behind, not even a folder that was not there before.
pub fn write(folder: &Path, files: Vec<(String, Vec<u8>)>) -> Result<Vec<Written>, CliError> {
    let files: Vec<(PathBuf, Vec<u8>)> = files.into_iter().map(|(name, bytes)| (folder.join(name), bytes)).collect();

    let created = first_missing(folder);
    create_folder(folder)?;
    let result = write_all(&files);
    if let (Err(_), Some(created)) = (&result, created) {
        // only empty folders go; should one not go, it is empty all the same
        folder.ancestors().take_while(|folder| folder.starts_with(&created)).for_each(|folder| drop(std::fs::remove_dir(folder)));
    }
    result?;
    Ok(files.into_iter().map(|(path, bytes)| Written { path, bytes: bytes.len() }).collect())
}

fn write_all(files: &[(PathBuf, Vec<u8>)]) -> Result<(), CliError> {
    let mut parts = Vec::new();
    for (path, bytes) in files {
        let mut part = WholeFile::create(path)?;
        part.write_all(bytes).and_then(|()| part.flush()).map_err(|error| CliError::from_io(Action::Write, path, error))?;
        parts.push(part);
    }
    parts.into_iter().try_for_each(WholeFile::commit)
}

/// The topmost folder of a path that does not exist yet.
fn first_missing(folder: &Path) -> Option<PathBuf> {
    let missing = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    missing.last().map(Path::to_owned)
}
