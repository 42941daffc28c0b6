//! Folders with and without a data set.

use std::fs;

use tempfile::{TempDir, tempdir};

use super::*;
use crate::Images;

/// A folder with MNIST's test files: `images` images of value 7 and these labels.
fn mnist(images: u32, labels: &[u8]) -> TempDir {
    let folder = tempdir().unwrap();
    write_mnist(folder.path(), "t10k", images, labels);
    folder
}

fn write_mnist(folder: &Path, prefix: &str, images: u32, labels: &[u8]) {
    let head = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let pixels = vec![7; images as usize * 784];
    fs::write(folder.join(format!("{prefix}-images-idx3-ubyte")), [head(&[0x0803, images, 28, 28]), pixels].concat()).unwrap();
    fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte")), [head(&[0x0801, labels.len() as u32]), labels.to_vec()].concat())
        .unwrap();
}

fn own(source: Source, folder: &Path) -> DataSet {
    DataSet { folder: Some(folder.to_owned()), unverified: true, ..DataSet::new(source) }
}

fn code(result: Result<ImageSet, DataError>) -> String {
    miette::Diagnostic::code(&result.unwrap_err()).unwrap().to_string()
}

#[test]
fn a_small_set_in_the_same_form_is_read_if_it_need_not_be_the_published_one() {
    let folder = mnist(3, &[1, 0, 9]);
    for source in [Source::Mnist, Source::FashionMnist] {
        let mut dataset = own(source, folder.path());
        let data = dataset.load(Split::Test, 28).unwrap();
        assert_eq!(data.all().unwrap(), Images { count: 3, channels: 1, height: 28, width: 28, pixels: vec![7; 3 * 784] });
        assert_eq!(data.labels(), Some(&[1, 0, 9][..]));
        assert_eq!(dataset.load(Split::Test, 32).unwrap().take([2]).unwrap().pixels, [7; 1024]);
        assert_eq!(code(dataset.load(Split::Train, 28)), "E040");
        dataset.unverified = false;
        assert_eq!(code(dataset.load(Split::Test, 28)), "E130");
    }
}

#[test]
fn the_packed_file_goes_first() {
    let folder = mnist(1, &[1]);
    fs::write(folder.path().join("t10k-labels-idx1-ubyte.gz"), b"").unwrap();
    assert_eq!(code(own(Source::Mnist, folder.path()).load(Split::Test, 28)), "E041");
}

#[test]
fn labels_must_fit_the_images() {
    assert_eq!(code(own(Source::Mnist, mnist(2, &[1]).path()).load(Split::Test, 28)), "E047");
    assert_eq!(code(own(Source::Mnist, mnist(2, &[1, 10]).path()).load(Split::Test, 28)), "E047");
}

#[test]
fn what_is_no_folder_or_no_file_is_told() {
    let folder = mnist(1, &[1]);
    let file = folder.path().join("t10k-images-idx3-ubyte");
    for source in Source::ALL {
        assert_eq!(code(own(source, &file).load(Split::Test, 28)), "E006");
    }
    fs::create_dir(folder.path().join("t10k-images-idx3-ubyte.gz")).unwrap();
    assert_eq!(code(own(Source::Mnist, folder.path()).load(Split::Test, 28)), "E002");
}

#[test]
fn the_last_training_images_are_set_apart() {
    let folder = mnist(3, &[1, 0, 9]);
    write_mnist(folder.path(), "train", 10, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let mut dataset = own(Source::Mnist, folder.path());
    let labels = |dataset: &DataSet, split| dataset.load(split, 28).map(|data| data.labels().unwrap().to_vec());
    assert_eq!(labels(&dataset, Split::Train).unwrap().len(), 10);
    assert_eq!(code(dataset.load(Split::Validation, 28)), "E134");
    dataset.validation = 4;
    assert_eq!(labels(&dataset, Split::Train).unwrap(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(labels(&dataset, Split::Validation).unwrap(), [6, 7, 8, 9]);
    assert_eq!(labels(&dataset, Split::Test).unwrap(), [1, 0, 9]);
    dataset.validation = 9;
    assert_eq!(labels(&dataset, Split::Train).unwrap(), [0]);
    dataset.validation = 10;
    let messages = [Split::Train, Split::Validation].map(|split| fsvae_cli::describe(&dataset.load(split, 28).unwrap_err(), false));
    assert_eq!(messages[0], messages[1]);
    insta::assert_snapshot!("no_validation", messages[0]);
}

#[test]
fn names_are_read_back_and_others_told() {
    for source in Source::ALL {
        assert_eq!(source.to_string().parse::<Source>().unwrap(), source);
    }
    let missing = Source::ALL.map(|source| own(source, Path::new("no/such/folder")).load(Split::Train, 32).unwrap_err());
    let unknown = "Fashion".parse::<Source>().unwrap_err();
    let messages: String = missing.iter().chain([&unknown]).map(|error| fsvae_cli::describe(error, false) + "\n").collect();
    insta::assert_snapshot!("messages", messages);
}
