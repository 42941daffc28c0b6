//! Reading a part of a data set from its folder.

use std::path::{Path, PathBuf};

use fsvae_cli::{CliError, read_file_limited};

use crate::{DataError, ImageSet, LabelledImages, Source, celeba, cifar, mnist};

/// A data set in a folder, and how it is to be divided.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Which one.
    pub source: Source,
    /// The folder of its files; `None` is [`Source::default_folder`].
    pub folder: Option<PathBuf>,
    /// Images of the validation split. CelebA has one of its own, of which these are the first; 0 is all of it. The others have none:
    /// these are the last of the training files, and are not learnt.
    pub validation: usize,
    /// Whether files of the same format are taken that are not the published ones.
    pub unverified: bool,
}

/// The part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose settings and models with.
    Validation,
    /// To measure with, at the very end.
    Test,
}

impl Split {
    /// Its name on the command line and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }
}

impl DataSet {
    /// The published data set in its default folder; nothing is kept from learning.
    pub fn new(source: Source) -> Self {
        Self { source, folder: None, validation: 0, unverified: false }
    }

    /// Reads a part of the data set, scaled to `side` x `side` pixels as the paper does.
    ///
    /// The files are the published ones under their published names: the IDX files of MNIST and Fashion-MNIST with `.gz` or without,
    /// the binary batches of CIFAR-10, the aligned pictures of CelebA with their partition file. If they are
    /// [`DataSet::unverified`], the number of images is free, so that a smaller set in the same form can be used.
    ///
    /// # Errors
    /// Everything that is wrong with the files; of CelebA's pictures, only that one is missing: they are decoded by [`ImageSet::take`].
    pub fn load(&self, split: Split, side: usize) -> Result<ImageSet, DataError> {
        match self.source {
            Source::Mnist | Source::FashionMnist => self.divide(split, side, mnist::load),
            Source::Cifar10 => self.divide(split, side, cifar::load),
            Source::CelebA => {
                let mut pictures = celeba::Pictures::open(self, split)?;
                if split == Split::Validation && self.validation > 0 {
                    self.check_validation(pictures.count() + 1)?;
                    pictures = pictures.first(self.validation);
                }
                Ok(ImageSet::from_pictures(pictures, side))
            }
        }
    }

    /// Divides the training files of a set that has no validation split of its own.
    fn divide(
        &self,
        split: Split,
        side: usize,
        read: fn(&Self, Files) -> Result<LabelledImages, DataError>,
    ) -> Result<ImageSet, DataError> {
        if split == Split::Test {
            return Ok(ImageSet::from_memory(read(self, Files::Test)?, side));
        }
        let mut data = read(self, Files::Train)?;
        let learnt = match (split, self.validation) {
            (Split::Train, 0) => data.images.count,
            _ => self.check_validation(data.images.count)?,
        };
        data.keep(if split == Split::Train { 0..learnt } else { learnt..data.images.count });
        Ok(ImageSet::from_memory(data, side))
    }

    /// How many of `count` images are left beside the validation split: at least one, as is the split.
    fn check_validation(&self, count: usize) -> Result<usize, DataError> {
        let left = count.checked_sub(self.validation).filter(|&left| left > 0 && self.validation > 0);
        left.ok_or(DataError::NoValidation { dataset: self.source, asked: self.validation, most: count - 1 })
    }

    /// The folder of the files.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| self.source.default_folder())
    }

    /// The first of these files of the folder that is there, with its path.
    pub(crate) fn read_first(&self, names: &[String], limit: usize) -> Result<(PathBuf, Vec<u8>), DataError> {
        for name in names {
            let path = self.folder().join(name);
            match read_file_limited(&path, limit as u64) {
                Ok(bytes) => return Ok((path, bytes)),
                Err(CliError::NotFound { .. }) => continue,
                Err(other) => return Err(other.into()),
            }
        }
        Err(self.missing(names))
    }

    pub(crate) fn missing(&self, names: &[String]) -> DataError {
        DataError::Missing { dataset: self.source, folder: self.folder(), names: names.join(" and no ") }
    }

    /// Images and labels that belong together.
    pub(crate) fn check_labels(&self, path: &Path, labels: &[u8]) -> Result<(), DataError> {
        let Some(place) = labels.iter().position(|&label| label >= Source::CLASSES) else { return Ok(()) };
        let detail = format!("label number {place} is {}; there are only {} classes", labels[place], Source::CLASSES);
        Err(DataError::WrongLabels { path: path.to_owned(), detail })
    }
}

/// Which files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Files {
    Train,
    Test,
}

#[cfg(test)]
mod tests;
