//! CIFAR-10: the binary version, five training batches and one for the test.
//!
//! ```text
//!   data_batch_1.bin: 10,000 times   label | 32 x 32 red | 32 x 32 green | 32 x 32 blue        1 + 3072 bytes
//! ```
//!
//! Source: <https://www.cs.toronto.edu/~kriz/cifar.html>.

use crate::dataset::Files;
use crate::{DataError, DataSet, Images, LabelledImages, digest, idx};

/// Side of the images, in pixels.
const SIDE: usize = 32;
const PIXELS: usize = 3 * SIDE * SIDE;
const RECORD: usize = 1 + PIXELS;
/// Where the published archive has its files.
const FOLDER: &str = "cifar-10-batches-bin";

/// All batches of a part, one behind the other.
pub fn load(dataset: &DataSet, files: Files) -> Result<LabelledImages, DataError> {
    let names: &[&str] = match files {
        Files::Train => &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
        Files::Test => &["test_batch.bin"],
    };
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for name in names {
        let (path, file) = dataset.read_first(&[name.to_string(), format!("{FOLDER}/{name}")], idx::MAX_BYTES)?;
        if file.is_empty() {
            return Err(DataError::Empty { path });
        }
        if !file.len().is_multiple_of(RECORD) {
            return Err(DataError::Truncated { path, expected: file.len().next_multiple_of(RECORD), found: file.len() });
        }
        let records = file.chunks_exact(RECORD);
        let batch: Vec<u8> = records.clone().map(|record| record[0]).collect();
        dataset.check_labels(&path, &batch)?;
        digest::verify(dataset, &path, name, &[&file])?;
        labels.extend(batch);
        pixels.reserve_exact(records.len() * PIXELS);
        records.for_each(|record| pixels.extend_from_slice(&record[1..]));
    }
    let images = Images { count: labels.len(), channels: 3, height: SIDE, width: SIDE, pixels };
    Ok(LabelledImages { images, labels })
}

#[cfg(test)]
mod tests;
