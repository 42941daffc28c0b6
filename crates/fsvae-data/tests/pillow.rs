//! The resize against Pillow itself: golden/pillow_resize.txt, written by golden/pillow_resize.py.

use std::{fmt::Write, path::Path};

use fsvae_data::{DataSet, Images, Source, Split};
use sha2::{Digest, Sha256};

const GOLDEN: &str = include_str!("golden/pillow_resize.txt");

fn pixel(kind: &str, i: u32) -> u8 {
    let noise = ((i + 1).wrapping_mul(2_654_435_761) >> 13) as u8;
    if kind == "noise" { noise } else { 255 * (noise & 1) }
}

fn extents(text: &str) -> (usize, usize) {
    let (height, width) = text.split_once('x').unwrap();
    (height.parse().unwrap(), width.parse().unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn every_pixel_is_pillows() {
    // Everything that is not a row of pixels is computed again, and the whole must be the golden file.
    let mut ours = String::new();
    for line in GOLDEN.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [kind, from, "->", to] => {
                let ((height, width), to) = (extents(from), extents(to));
                let pixels = (0..(height * width) as u32).map(|i| pixel(kind, i)).collect();
                let resized = Images { count: 1, channels: 1, height, width, pixels }.resized_to(to.0, to.1);
                writeln!(ours, "{line}").unwrap();
                resized.pixels.chunks(to.1).for_each(|row| writeln!(ours, "{}", hex(row)).unwrap());
            }
            ["sha256", ..] => writeln!(ours, "{line}").unwrap(),
            _ => (),
        }
    }
    assert_eq!(ours, GOLDEN);
}

/// Needs the package dataset-fashion-mnist.
#[test]
fn all_images_of_fashion_mnist_are_pillows() {
    for (name, split, count) in [("train", Split::Train, 60_000), ("test", Split::Test, 10_000)] {
        let data = DataSet::new(Source::FashionMnist).load(split, 32).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(data.count(), count);
        for class in 0..10 {
            assert_eq!(data.labels().unwrap().iter().filter(|&&label| label == class).count(), count / 10);
        }
        let digest = hex(&Sha256::digest(data.all().unwrap().pixels));
        assert!(GOLDEN.lines().any(|line| line == format!("sha256 fashion-mnist {name} 32 {digest}")), "{name}: {digest}");
    }
}

#[test]
fn the_package_and_the_default_folder_have_the_same_name() {
    assert_eq!(Source::FashionMnist.default_folder(), Path::new("/usr/share/datasets/fashion-mnist"));
}
