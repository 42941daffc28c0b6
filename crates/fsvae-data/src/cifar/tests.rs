//! Every way a batch of CIFAR-10 can be wrong.

use std::{fs, path::Path};

use proptest::prelude::*;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::Split;

/// Batches of `count` images each, with other pixels in each batch.
fn batches(folder: &Path, count: usize) {
    for (number, name) in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"].iter().enumerate()
    {
        let record =
            |image: usize| [(image % 10) as u8].into_iter().chain((0..PIXELS).map(move |i| (i / 1024 * 50 + 10 * number + image) as u8));
        fs::write(folder.join(format!("{name}.bin")), (0..count).flat_map(record).collect::<Vec<u8>>()).unwrap();
    }
}

fn own(folder: &TempDir) -> DataSet {
    DataSet { folder: Some(folder.path().to_owned()), unverified: true, ..DataSet::new(crate::Source::Cifar10) }
}

fn code(dataset: &DataSet, split: Split) -> String {
    miette::Diagnostic::code(&dataset.load(split, SIDE).unwrap_err()).unwrap().to_string()
}

#[test]
fn all_batches_are_read_in_their_order() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join(FOLDER)).unwrap();
    batches(&folder.path().join(FOLDER), 2);
    let train = own(&folder).load(Split::Train, SIDE).unwrap();
    assert_eq!((train.count(), train.labels().unwrap()), (10, &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1][..]));
    let image = train.take([7]).unwrap();
    assert_eq!((image.channels, image.height, image.width), (3, 32, 32));
    let planes: Vec<u8> = [31, 81, 131].iter().flat_map(|&value| [value; 1024]).collect();
    assert_eq!(image.pixels, planes);
    assert_eq!(own(&folder).load(Split::Test, 64).unwrap().take([1]).unwrap().pixels[..4096], [51; 4096]);

    let set_apart = DataSet { validation: 3, ..own(&folder) };
    assert_eq!(set_apart.load(Split::Train, SIDE).unwrap().all().unwrap(), train.take(0..7).unwrap());
    assert_eq!(set_apart.load(Split::Validation, SIDE).unwrap().all().unwrap(), train.take(7..10).unwrap());
}

#[test]
fn what_is_no_batch_is_told() {
    let folder = tempdir().unwrap();
    batches(folder.path(), 2);
    let (path, dataset) = (folder.path().join("test_batch.bin"), own(&folder));
    let whole = fs::read(&path).unwrap();
    let mut label = whole.clone();
    label[RECORD] = 10;
    let mut messages = String::new();
    for (what, file) in [
        ("empty", vec![]),
        ("cut", whole[..whole.len() - 1].to_vec()),
        ("longer", [&whole[..], b"x"].concat()),
        ("wrong label", label),
        ("the archive", b"\x1f\x8b\x08\x00".to_vec()),
    ] {
        fs::write(&path, file).unwrap();
        let message = fsvae_cli::describe(&dataset.load(Split::Test, SIDE).unwrap_err(), false);
        messages += &format!("{what}:\n{message}\n");
    }
    fs::write(&path, &whole).unwrap();
    let published = DataSet { unverified: false, ..dataset.clone() };
    messages += &format!("not the published one:\n{}", fsvae_cli::describe(&published.load(Split::Test, SIDE).unwrap_err(), false));
    insta::assert_snapshot!("messages", messages.replace(&folder.path().display().to_string(), "DIR"));
    fs::remove_file(folder.path().join("data_batch_4.bin")).unwrap();
    assert_eq!(code(&dataset, Split::Train), "E040");
    assert!(dataset.load(Split::Test, SIDE).is_ok());
}

#[test]
fn an_endless_batch_is_not_read() {
    let folder = tempdir().unwrap();
    let file = fs::File::create(folder.path().join("test_batch.bin")).unwrap();
    file.set_len(1 << 40).unwrap(); // a hole, no blocks
    assert_eq!(code(&own(&folder), Split::Test), "E005");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_images_or_told(length in 0usize..3 * RECORD, whole: bool, values in prop::collection::vec(any::<u8>(), 50)) {
        let length = if whole { length.next_multiple_of(RECORD) } else { length };
        let file: Vec<u8> = (0..length).map(|i| values[i % values.len()] % 11).collect();
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("test_batch.bin"), &file).unwrap();
        let sound = length > 0 && length.is_multiple_of(RECORD) && file.iter().step_by(RECORD).all(|&label| label < 10);
        match own(&folder).load(Split::Test, SIDE) {
            Ok(set) => {
                prop_assert!(sound);
                let pixels: Vec<u8> = file.chunks(RECORD).flat_map(|record| record[1..].to_vec()).collect();
                prop_assert_eq!(set.all().unwrap().pixels, pixels);
            }
            Err(_) => prop_assert!(!sound),
        }
    }
}
