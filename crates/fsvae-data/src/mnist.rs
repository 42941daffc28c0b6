//! MNIST and Fashion-MNIST: four IDX files, packed or not.

use std::path::Path;

use crate::dataset::Files;
use crate::{DataError, DataSet, Images, LabelledImages, digest, idx};

/// Side of the images before resizing, in pixels.
pub const SIDE: usize = 28;

/// The images of an IDX file, packed or not, of MNIST's size, whoever made it.
pub fn idx_images(path: &Path) -> Result<Images, DataError> {
    let pixels = idx::images(path, &fsvae_cli::read_file_limited(path, idx::MAX_BYTES as u64)?)?.bytes;
    Ok(Images { count: pixels.len() / (SIDE * SIDE), channels: 1, height: SIDE, width: SIDE, pixels })
}

/// Images and labels, which must be as many.
pub fn load(dataset: &DataSet, files: Files) -> Result<LabelledImages, DataError> {
    let prefix = match files {
        Files::Train => "train",
        Files::Test => "t10k",
    };
    let read = |kind: &str| {
        let name = format!("{prefix}-{kind}-ubyte");
        let (path, file) = dataset.read_first(&[format!("{name}.gz"), name.clone()], idx::MAX_BYTES)?;
        Ok::<_, DataError>((name, path, file))
    };

    let (name, path, file) = read("images-idx3")?;
    let images = idx::images(&path, &file)?;
    digest::verify(dataset, &path, &name, &[&images.head, &images.bytes])?;
    let pixels = images.bytes;
    let images = Images { count: pixels.len() / (SIDE * SIDE), channels: 1, height: SIDE, width: SIDE, pixels };

    let (name, path, file) = read("labels-idx1")?;
    let labels = idx::labels(&path, &file)?;
    if labels.bytes.len() != images.count {
        let detail = format!("{} labels for {} images", labels.bytes.len(), images.count);
        return Err(DataError::WrongLabels { path, detail });
    }
    dataset.check_labels(&path, &labels.bytes)?;
    digest::verify(dataset, &path, &name, &[&labels.head, &labels.bytes])?;
    Ok(LabelledImages { images, labels: labels.bytes })
}
