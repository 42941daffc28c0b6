//! CelebA against Pillow (golden/celeba.py), and every way its files can be wrong.

use std::io::Cursor;

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::{ImageSet, Source};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn own(folder: &Path) -> DataSet {
    DataSet { folder: Some(folder.to_owned()), unverified: true, ..DataSet::new(Source::CelebA) }
}

fn golden() -> DataSet {
    own(&Path::new(GOLDEN).join("celeba"))
}

/// A copy of the golden data set, to be spoilt.
fn copy() -> TempDir {
    let folder = tempdir().unwrap();
    let (from, to) = (Path::new(GOLDEN).join("celeba"), folder.path());
    fs::create_dir(to.join(FOLDER)).unwrap();
    fs::copy(from.join(PARTITION), to.join(PARTITION)).unwrap();
    for name in (1..=5).map(|number| format!("{number:06}.jpg")) {
        fs::copy(from.join(FOLDER).join(&name), to.join(FOLDER).join(&name)).unwrap();
    }
    folder
}

fn message(result: Result<impl Sized, DataError>, folder: &TempDir) -> String {
    let error = result.err().expect("this is wrong");
    fsvae_cli::describe(&error, false).replace(&folder.path().display().to_string(), "DIR")
}

fn code(result: Result<impl Sized, DataError>) -> String {
    miette::Diagnostic::code(&result.err().expect("this is wrong")).unwrap().to_string()
}

#[test]
fn crop_and_resize_are_pillows() {
    let golden = fs::read_to_string(format!("{GOLDEN}/celeba.txt")).unwrap();
    assert_eq!(golden.lines().count(), 4);
    for line in golden.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let value = |i: u32| ((i + 1).wrapping_mul(2_654_435_761) >> 13) as u8;
        let pixel = |i: u32| if words[2] == "noise" { value(i) } else { 255 * (value(i) & 1) };
        let picture: Vec<u8> = (0..(HEIGHT * WIDTH * 3) as u32).map(pixel).collect();
        let resized = cropped(&picture).resized(words[3].parse().unwrap());
        let digest = Sha256::digest(interleaved(&resized));
        assert_eq!(digest.iter().map(|b| format!("{b:02x}")).collect::<String>(), words[4], "{line}");
    }
}

/// Rows of red, green, blue, as Pillow has them.
fn interleaved(image: &Images) -> Vec<u8> {
    let plane = image.height * image.width;
    (0..plane).flat_map(|i| (0..3).map(move |channel| image.pixels[channel * plane + i])).collect()
}

#[test]
fn decoded_pictures_are_pillows_but_for_a_few_levels() {
    let parts = [Split::Train, Split::Validation, Split::Test].map(|split| golden().load(split, 64).unwrap());
    assert_eq!(parts.each_ref().map(ImageSet::count), [3, 1, 1]);
    assert_eq!(parts[0].labels(), None);
    let images = parts.iter().flat_map(|part| (0..part.count()).map(|index| part.take([index]).unwrap()));
    for (number, image) in images.enumerate() {
        let file = fs::read(format!("{GOLDEN}/celeba/{:06}.png", number + 1)).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
        let mut pillow = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pillow).unwrap();
        assert_eq!((image.channels, image.height, image.width), (3, 64, 64));
        let differences: Vec<u8> = interleaved(&image).iter().zip(&pillow).map(|(a, b)| a.abs_diff(*b)).collect();
        let mean = differences.iter().map(|&d| f64::from(d)).sum::<f64>() / differences.len() as f64;
        let most = differences.iter().max().unwrap();
        assert!(*most <= 2 && mean < 0.25, "picture {number}: mean {mean}, most {most}");
    }
}

#[test]
fn images_are_the_same_in_any_company_on_any_threads() {
    let train = golden().load(Split::Train, 64).unwrap();
    let one_by_one: Vec<u8> = [2, 0, 1, 2].iter().flat_map(|&index| train.take([index]).unwrap().pixels).collect();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| train.take([2, 0, 1, 2]).unwrap()).pixels, one_by_one);
    }
    assert_eq!(train.clone().first(2).all().unwrap(), train.take(0..2).unwrap());
}

#[test]
fn the_official_folders_and_line_endings_are_found() {
    let folder = copy();
    for (part, content) in [("Eval", PARTITION), ("Img", FOLDER)] {
        fs::create_dir(folder.path().join(part)).unwrap();
        fs::rename(folder.path().join(content), folder.path().join(part).join(content)).unwrap();
    }
    let all = |split| own(folder.path()).load(split, 64).unwrap().all().unwrap();
    assert_eq!(all(Split::Test), golden().load(Split::Test, 64).unwrap().all().unwrap());
    fs::write(folder.path().join("Eval").join(PARTITION), "000005.jpg 2\n000004.jpg 2").unwrap();
    assert_eq!(all(Split::Test).count, 2);
}

#[test]
fn the_validation_split_is_the_published_one_or_its_beginning() {
    let folder = copy();
    fs::write(folder.path().join(PARTITION), "000001.jpg 1\n000002.jpg 0\n000003.jpg 1\n").unwrap();
    let count = |validation, split| DataSet { validation, ..own(folder.path()) }.load(split, 64).map(|set| set.count());
    assert_eq!([0, 1, 2].map(|n| count(n, Split::Validation).unwrap()), [2, 1, 2]);
    assert_eq!([0, 1, 2].map(|n| count(n, Split::Train).unwrap()), [1; 3]);
    assert_eq!(message(count(3, Split::Validation), &folder).lines().count(), 2);
    assert_eq!(code(count(3, Split::Validation)), "E134");
}

#[test]
fn hostile_and_broken_partitions_are_told() {
    let folder = copy();
    let mut messages = String::new();
    let long = format!("{}.jpg 0", "x".repeat(1 << 20));
    for text in [
        "000001.jpg 7\n",
        "000001.jpg -1\n",
        "000001.jpg 0 0\n",
        "000001.jpg\n",
        "000001.jpg 0\n\n000001.jpg 2\n",
        "../../etc/passwd 0\n",
        "../img_align_celeba/000001.jpg 0\n",
        "/etc/passwd.jpg 0\n",
        "..\\000001.jpg 0\n",
        "C:000001.jpg 0\n",
        ".jpg 0\n",
        "000001.png 0\n",
        "",
        "000001.jpg 2\n",
        "000001.jpg 0\n000009.jpg 0\n000002.jpg 0\n000010.jpg 0\n",
        &long,
    ] {
        fs::write(folder.path().join(PARTITION), text).unwrap();
        let message = message(own(folder.path()).load(Split::Train, 64), &folder);
        messages += &format!("{:?}\n{message}\n", text.chars().take(60).collect::<String>());
    }
    fs::write(folder.path().join(PARTITION), b"000001.jpg 0\n\xff\xfe 0\n").unwrap();
    messages += &message(own(folder.path()).load(Split::Train, 64), &folder);
    fs::write(folder.path().join(PARTITION), "000001.jpg 0\n").unwrap();
    messages += &message(DataSet { unverified: false, ..own(folder.path()) }.load(Split::Train, 64), &folder);
    insta::assert_snapshot!("partitions", messages);
}

#[test]
fn the_folder_of_pictures_must_be_one() {
    let folder = copy();
    fs::remove_dir_all(folder.path().join(FOLDER)).unwrap();
    assert_eq!(code(own(folder.path()).load(Split::Train, 64)), "E040");
    fs::write(folder.path().join(FOLDER), "").unwrap();
    assert_eq!(code(own(folder.path()).load(Split::Train, 64)), "E006");
}

/// The first training picture replaced by this file.
fn with_picture(folder: &TempDir, file: &[u8]) -> Result<Images, DataError> {
    fs::write(folder.path().join(FOLDER).join("000001.jpg"), file).unwrap();
    own(folder.path()).load(Split::Train, 64).unwrap().take([1, 0, 2])
}

#[test]
fn pictures_that_are_none_are_told() {
    let folder = copy();
    let jpeg = fs::read(folder.path().join(FOLDER).join("000001.jpg")).unwrap();
    let size = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap() + 5;
    let sized = |height: u16, width: u16| {
        let bytes = [height.to_be_bytes(), width.to_be_bytes()].concat();
        [&jpeg[..size], &bytes, &jpeg[size + 4..]].concat()
    };
    assert!(with_picture(&folder, &sized(218, 178)).is_ok());
    let mut messages = String::new();
    for (what, file) in [
        ("empty", vec![]),
        ("another format", b"\x89PNG\r\n\x1a\n".to_vec()),
        ("the head alone", jpeg[..size].to_vec()),
        ("half of it", jpeg[..jpeg.len() / 2].to_vec()),
        ("higher", sized(219, 178)),
        ("as large as can be", sized(65535, 65535)),
        ("nothing", sized(0, 178)),
        ("too large a file", vec![0xff; jpeg::MAX_BYTES + 1]),
    ] {
        messages += &format!("{what}:\n{}\n", message(with_picture(&folder, &file), &folder));
    }
    fs::remove_file(folder.path().join(FOLDER).join("000001.jpg")).unwrap();
    messages += &format!("gone:\n{}\n", message(own(folder.path()).load(Split::Train, 64), &folder));
    insta::assert_snapshot!("pictures", messages);
}

#[test]
fn of_several_wrong_pictures_the_first_is_told() {
    let folder = copy();
    for name in ["000002.jpg", "000003.jpg"] {
        fs::write(folder.path().join(FOLDER).join(name), "").unwrap();
    }
    let train = own(folder.path()).load(Split::Train, 64).unwrap();
    for _ in 0..20 {
        assert!(message(train.take([0, 2, 1]), &folder).contains("000003.jpg"));
    }
}

#[test]
fn every_truncation_of_a_picture_is_told() {
    for name in ["000001", "000005"] {
        let path = format!("{GOLDEN}/celeba/{FOLDER}/{name}.jpg");
        let file = fs::read(&path).unwrap();
        let decode = |length: usize| jpeg::decode(Path::new(&path), &file[..length], HEIGHT, WIDTH);
        let accepted: Vec<usize> = (0..=file.len()).filter(|&length| decode(length).is_ok()).collect();
        assert_eq!(accepted, [file.len()]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_damage_to_a_picture_is_told_or_gives_a_picture(
        progressive: bool, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), head: bool,
    ) {
        let path = format!("{GOLDEN}/celeba/{FOLDER}/00000{}.jpg", if progressive { 5 } else { 1 });
        let mut file = fs::read(&path).unwrap();
        let length = if head { 700 } else { file.len() };
        edits.into_iter().for_each(|(place, byte)| file[place.index(length)] = byte);
        if let Ok(pixels) = jpeg::decode(Path::new(&path), &file, HEIGHT, WIDTH) {
            prop_assert_eq!(pixels.len(), HEIGHT * WIDTH * 3);
        }
    }

    #[test]
    fn any_text_is_a_partition_of_plain_names_or_told(text in "([a-z./\\\\ 012]{0,12}(\\.jpg [0-3])?\r?\n){0,4}") {
        if let Ok(entries) = partition(Path::new("list"), text.as_bytes()) {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            prop_assert_eq!(entries.len(), lines.count());
            for (name, part) in entries {
                prop_assert!(part <= 2 && !name.contains(['/', '\\', ' ']) && !name.starts_with('.') && name.ends_with(".jpg"));
            }
        }
    }
}
