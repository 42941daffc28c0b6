//! Whether a file is the published one.

use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::{DataError, DataSet, Source};

/// SHA-256 of the files (IDX files: unpacked), or SHA-1 where only that is published.
///
/// MNIST and Fashion-MNIST: of files whose MD5 sums are those that several programs publish for them (`6bbc9ace898e...` and
/// `f4a8712d7a06...` for the training images). CIFAR-10: the sums of Apache MXNet, `gluon/data/vision/datasets.py`. CelebA: of the file
/// whose MD5 sum is torchvision's, `d32c9cbf5e04...`; its pictures have no published sums of their own.
const PUBLISHED: [(Source, &str, &str); 15] = [
    (Source::Mnist, "train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    (Source::Mnist, "train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    (Source::Mnist, "t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    (Source::Mnist, "t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    (Source::FashionMnist, "train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    (Source::FashionMnist, "train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    (Source::FashionMnist, "t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    (Source::FashionMnist, "t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    (Source::Cifar10, "data_batch_1.bin", "aadd24acce27caa71bf4b10992e9e7b2d74c2540"),
    (Source::Cifar10, "data_batch_2.bin", "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795"),
    (Source::Cifar10, "data_batch_3.bin", "1dd00a74ab1d17a6e7d73e185b69dbf31242f295"),
    (Source::Cifar10, "data_batch_4.bin", "aab85764eb3584312d3c7f65fd2fd016e36a258e"),
    (Source::Cifar10, "data_batch_5.bin", "26e2849e66a845b7f1e4614ae70f4889ae604628"),
    (Source::Cifar10, "test_batch.bin", "67eb016db431130d61cd03c7ad570b013799c88c"),
    (Source::CelebA, "list_eval_partition.txt", "fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7"),
];

/// Refuses a file, given in parts, that is not the data set's published file `name`; lets everything pass if the data set is unverified.
pub fn verify(dataset: &DataSet, path: &Path, name: &str, parts: &[&[u8]]) -> Result<(), DataError> {
    if dataset.unverified {
        return Ok(());
    }
    let known = PUBLISHED.iter().find(|(source, file, _)| (*source, *file) == (dataset.source, name));
    let &(_, _, expected) = known.expect("every file that is read is in the table");
    let (algorithm, found) = match expected.len() {
        40 => ("SHA-1", hex::<Sha1>(parts)),
        _ => ("SHA-256", hex::<Sha256>(parts)),
    };
    if found == expected {
        return Ok(());
    }
    Err(DataError::NotPublished { path: path.to_owned(), dataset: dataset.source, algorithm, found, expected })
}

fn hex<D: Digest>(parts: &[&[u8]]) -> String {
    let mut digest = D::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algorithms_are_those_of_their_names() {
        assert_eq!(hex::<Sha1>(&[b"a", b"bc"]), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(hex::<Sha256>(&[b"abc"]), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    /// CelebA's pictures are numbered and its parts follow each other, so the published file can be written anew.
    #[test]
    fn the_published_partition_of_celeba_is_known() {
        let part = |picture| if picture <= 162_770 { 0 } else { 1 + u8::from(picture > 182_637) };
        let text: String = (1..=202_599).map(|picture| format!("{picture:06}.jpg {}\r\n", part(picture))).collect();
        let dataset = DataSet::new(Source::CelebA);
        let verify = |text: &str| verify(&dataset, Path::new("list_eval_partition.txt"), "list_eval_partition.txt", &[text.as_bytes()]);
        verify(&text).unwrap();
        assert!(verify(&text.replacen("0\r\n", "1\r\n", 1)).is_err());
    }
}
