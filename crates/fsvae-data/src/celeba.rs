//! CelebA: a folder of aligned JPEG pictures and the file that says which picture is in which part.
//!
//! ```text
//!   img_align_celeba/000001.jpg ...  178 wide, 218 high --crop--> 148 x 148 in the middle --resize--> side x side
//!   list_eval_partition.txt          000001.jpg 0               0 train, 1 validation, 2 test
//! ```
//!
//! The crop is torchvision's `CenterCrop(148)`, the resize Pillow's.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use fsvae_cli::{Action, CliError, read_file_limited};
use rayon::prelude::*;

use crate::{DataError, DataSet, Images, Split, digest, jpeg};

const HEIGHT: usize = 218;
const WIDTH: usize = 178;
const CROP: usize = 148;
const PARTITION: &str = "list_eval_partition.txt";
const FOLDER: &str = "img_align_celeba";
/// The most that a partition file may hold: 64 MiB, 25 times the published one.
const MAX_PARTITION: usize = 1 << 26;

/// The pictures of a part, not yet decoded.
#[derive(Clone, Debug)]
pub struct Pictures {
    folder: PathBuf,
    names: Vec<String>,
}

impl Pictures {
    /// Finds the pictures of a part; each must be there.
    pub fn open(dataset: &DataSet, split: Split) -> Result<Self, DataError> {
        let (path, file) = dataset.read_first(&[PARTITION.to_owned(), format!("Eval/{PARTITION}")], MAX_PARTITION)?;
        let partition = partition(&path, &file)?;
        digest::verify(dataset, &path, PARTITION, &[&file])?;
        let part = match split {
            Split::Train => 0,
            Split::Validation => 1,
            Split::Test => 2,
        };
        let names: Vec<String> = partition.into_iter().filter(|entry| entry.1 == part).map(|entry| entry.0.to_owned()).collect();
        if names.is_empty() {
            return Err(DataError::Partition { path, line: None, detail: format!("no picture has the number {part} ({})", split.name()) });
        }

        let (folder, present) = folder(dataset)?;
        let mut missing = names.iter().filter(|name| !present.contains(name.as_str()));
        if let Some(first) = missing.next() {
            return Err(DataError::MissingPictures { partition: path, picture: folder.join(first), more: missing.count() });
        }
        Ok(Self { folder, names })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The first `count` pictures.
    pub fn first(mut self, count: usize) -> Self {
        self.names.truncate(count);
        self
    }

    /// Decodes, crops and resizes these pictures.
    pub fn take(&self, indices: &[usize], side: usize) -> Result<Images, DataError> {
        // All of them, so that the error is that of the first wrong picture, whichever thread was the first to find one.
        let images: Vec<Result<Vec<u8>, DataError>> = indices.par_iter().map(|&index| self.image(index, side)).collect();
        let pixels = images.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        Ok(Images { count: indices.len(), channels: 3, height: side, width: side, pixels })
    }

    fn image(&self, index: usize, side: usize) -> Result<Vec<u8>, DataError> {
        let path = self.folder.join(&self.names[index]);
        let file = read_file_limited(&path, jpeg::MAX_BYTES as u64)?;
        let pixels = jpeg::decode(&path, &file, HEIGHT, WIDTH)?;
        Ok(cropped(&pixels).resized(side).pixels)
    }
}

/// The middle of a picture of rows of red, green, blue: as one image of three planes.
fn cropped(picture: &[u8]) -> Images {
    let (top, left) = ((HEIGHT - CROP) / 2, (WIDTH - CROP) / 2);
    let rows = picture.chunks_exact(3 * WIDTH).skip(top).take(CROP).map(|row| &row[3 * left..][..3 * CROP]);
    let plane = |channel: usize| rows.clone().flat_map(move |row| row.iter().skip(channel).step_by(3).copied());
    Images { count: 1, channels: 3, height: CROP, width: CROP, pixels: (0..3).flat_map(plane).collect() }
}

/// The lines of a partition file: a picture's name and its part.
fn partition<'a>(path: &Path, file: &'a [u8]) -> Result<Vec<(&'a str, u8)>, DataError> {
    let wrong = |line: usize, detail: String| DataError::Partition { path: path.to_owned(), line: Some(line + 1), detail };
    let mut entries = Vec::new();
    let mut seen = HashSet::new();
    for (number, line) in file.split(|&byte| byte == b'\n').enumerate() {
        let line = std::str::from_utf8(line).map_err(|_| wrong(number, "it is not text".into()))?;
        let (name, part) = match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] => continue,
            [name, part] => (name, part),
            _ => return Err(wrong(number, "it is not a name and a number".into())),
        };
        // A name leads nowhere else: no folder, no parent, no letter that a file system could take for one.
        let stem = name.strip_suffix(".jpg").filter(|stem| !stem.is_empty() && stem.len() <= 100);
        if !stem.is_some_and(|stem| stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')) {
            return Err(wrong(number, format!("{:?} is no name of a picture (letters, digits, - and _, then .jpg)", beginning(name))));
        }
        let part = match part {
            "0" => 0,
            "1" => 1,
            "2" => 2,
            _ => return Err(wrong(number, format!("the part is {:?}; it must be 0 (train), 1 (validation) or 2 (test)", beginning(part)))),
        };
        if !seen.insert(name) {
            return Err(wrong(number, format!("{name} is there a second time")));
        }
        entries.push((name, part));
    }
    Ok(entries)
}

/// What a message can show of a hostile word.
fn beginning(word: &str) -> String {
    word.chars().take(60).collect()
}

/// The folder of the pictures and the names of all its files.
fn folder(dataset: &DataSet) -> Result<(PathBuf, HashSet<String>), DataError> {
    let names = [FOLDER.to_owned(), format!("Img/{FOLDER}")];
    for path in names.iter().map(|name| dataset.folder().join(name)) {
        let from_io = |error| CliError::from_io(Action::Read, &path, error);
        let entries = match fs::read_dir(&path).map_err(from_io) {
            Err(CliError::NotFound { .. }) => continue,
            entries => entries?,
        };
        let files = entries.map(|entry| entry.map(|file| file.file_name().to_string_lossy().into_owned()));
        let files = files.collect::<Result<HashSet<String>, _>>().map_err(from_io)?;
        return Ok((path, files));
    }
    Err(dataset.missing(&names))
}

#[cfg(test)]
mod tests;
