//! Folders with and without a data set.

use std::fs;

use tempfile::{TempDir, tempdir};

use super::*;

/// A folder with `images` images of value 7 and these labels.
fn folder(images: u32, labels: &[u8]) -> TempDir {
    let folder = tempdir().unwrap();
    let head = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let pixels = vec![7; images as usize * 784];
    fs::write(folder.path().join("t10k-images-idx3-ubyte"), [head(&[0x0803, images, 28, 28]), pixels].concat()).unwrap();
    fs::write(folder.path().join("t10k-labels-idx1-ubyte"), [head(&[0x0801, labels.len() as u32]), labels.to_vec()].concat()).unwrap();
    folder
}

fn code(result: Result<LabelledImages, DataError>) -> String {
    miette::Diagnostic::code(&result.unwrap_err()).unwrap().to_string()
}

#[test]
fn a_small_set_in_the_same_form_is_read() {
    let folder = folder(3, &[1, 0, 9]);
    for source in Source::ALL {
        let data = load(source, Split::Test, Some(folder.path())).unwrap();
        let images = Images { count: 3, channels: 1, height: 28, width: 28, pixels: vec![7; 3 * 784] };
        assert_eq!(data, LabelledImages { images, labels: vec![1, 0, 9] });
        assert_eq!(code(load(source, Split::Train, Some(folder.path()))), "E040");
    }
}

#[test]
fn the_packed_file_goes_first() {
    let folder = folder(1, &[1]);
    fs::write(folder.path().join("t10k-labels-idx1-ubyte.gz"), b"").unwrap();
    assert_eq!(code(load(Source::Mnist, Split::Test, Some(folder.path()))), "E041");
}

#[test]
fn labels_must_fit_the_images() {
    assert_eq!(code(load(Source::Mnist, Split::Test, Some(folder(2, &[1]).path()))), "E047");
    assert_eq!(code(load(Source::Mnist, Split::Test, Some(folder(2, &[1, 10]).path()))), "E047");
}

#[test]
fn what_is_no_folder_or_no_file_is_told() {
    let folder = folder(1, &[1]);
    let file = folder.path().join("t10k-images-idx3-ubyte");
    assert_eq!(code(load(Source::Mnist, Split::Test, Some(&file))), "E006");
    fs::create_dir(folder.path().join("t10k-images-idx3-ubyte.gz")).unwrap();
    assert_eq!(code(load(Source::Mnist, Split::Test, Some(folder.path()))), "E002");
}

#[test]
fn names_are_read_back_and_others_told() {
    for source in Source::ALL {
        assert_eq!(source.to_string().parse::<Source>().unwrap(), source);
    }
    let missing = Source::ALL.map(|source| load(source, Split::Train, Some(Path::new("no/such/folder"))).unwrap_err());
    let unknown = "Fashion".parse::<Source>().unwrap_err();
    let messages: String = missing.iter().chain([&unknown]).map(|error| fsvae_cli::describe(error, false) + "\n").collect();
    insta::assert_snapshot!("messages", messages);
}
