//! Every way an IDX file can be wrong.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn idx_file(head: &[u32], payload: &[u8]) -> Vec<u8> {
    [head.iter().flat_map(|n| n.to_be_bytes()).collect(), payload.to_vec()].concat()
}

/// Two images with some structure, so that gzip has something to do.
fn two_images() -> (Vec<u8>, Vec<u8>) {
    let pixels: Vec<u8> = (0..2 * 784).map(|i| (i * i / 97 % 256) as u8).collect();
    (idx_file(&[0x0803, 2, 28, 28], &pixels), pixels)
}

fn read(file: &[u8]) -> Result<Vec<u8>, DataError> {
    images(Path::new("train-images-idx3-ubyte.gz"), file).map(|idx| idx.bytes)
}

fn code<T>(result: Result<T, DataError>) -> String {
    miette::Diagnostic::code(&result.err().unwrap()).unwrap().to_string()
}

#[test]
fn both_forms_are_read() {
    let (file, pixels) = two_images();
    assert_eq!(read(&file).unwrap(), pixels);
    assert_eq!(read(&gzip(&file)).unwrap(), pixels);
    let path = Path::new("labels");
    let file = idx_file(&[0x0801, 3], &[7, 0, 9]);
    let labels = labels(path, &file).unwrap();
    assert_eq!(labels.bytes, [7, 0, 9]);
    assert_eq!([labels.head, labels.bytes].concat(), file);
}

#[test]
fn every_truncation_is_told() {
    let (file, _) = two_images();
    let packed = gzip(&file);
    assert_eq!(code(read(&[])), "E041");
    for length in 1..file.len() {
        assert_eq!(code(read(&file[..length])), "E044", "{length}");
        assert_eq!(code(read(&gzip(&file[..length]))), "E044", "{length}");
    }
    for length in 1..packed.len() {
        assert_eq!(code(read(&packed[..length])), "E044", "{length}");
    }
    assert_eq!(code(read(&gzip(&[]))), "E044");
}

#[test]
fn every_appended_byte_is_told() {
    let (file, _) = two_images();
    let packed = gzip(&file);
    for extra in 0..=255 {
        assert_eq!(code(read(&[&file[..], &[extra]].concat())), "E045");
        assert_eq!(code(read(&[&packed[..], &[extra]].concat())), "E045");
        assert_eq!(code(read(&gzip(&[&file[..], &[extra]].concat()))), "E045");
    }
    assert_eq!(code(read(&[&packed[..], &packed[..]].concat())), "E045");
}

#[test]
fn a_flipped_bit_of_a_packed_file_is_told_or_changes_nothing() {
    let (file, pixels) = two_images();
    let packed = gzip(&file);
    let mut unchanged = 0;
    for bit in 0..packed.len() * 8 {
        let mut flipped = packed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = read(&flipped) {
            assert_eq!(read, pixels, "bit {bit}");
            unchanged += 1;
        }
    }
    // What gzip's checksum does not cover: time, system and hints in its first ten bytes.
    assert!(unchanged <= 56, "{unchanged}");
}

#[test]
fn a_flipped_bit_of_an_unpacked_file_is_told_in_the_head_and_a_pixel_elsewhere() {
    let (file, pixels) = two_images();
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match read(&flipped) {
            Err(_) => assert!(bit < 16 * 8),
            Ok(read) => {
                let different: Vec<usize> = (0..pixels.len()).filter(|&i| read[i] != pixels[i]).collect();
                assert_eq!(different, [bit / 8 - 16]);
            }
        }
    }
}

#[test]
fn what_a_file_states_is_not_believed() {
    for extents in [[0, 28, 28], [u32::MAX; 3], [1 << 20, 28, 28], [2, 28, 27], [2, 784, 1], [2, 0, 0]] {
        let head = [&[0x0803], &extents[..]].concat();
        assert_eq!(code(read(&idx_file(&head, &[0; 100]))), "E043", "{extents:?}");
    }
    let path = Path::new("labels");
    assert_eq!(code(labels(path, &idx_file(&[0x0801, MAX_BYTES as u32 + 1], &[0]))), "E043");
    assert_eq!(code(labels(path, &idx_file(&[0x0801, MAX_BYTES as u32], &[0]))), "E044");
    assert_eq!(code(labels(path, &two_images().0)), "E042");
    assert_eq!(code(read(&idx_file(&[0x0801, 2], &[0, 0]))), "E042");
    assert_eq!(code(read(b"\x89PNG\r\n\x1a\n")), "E042");
}

#[test]
fn a_bomb_is_not_unpacked() {
    // 64 MiB of zeros in 64 kB, behind a head that promises one image; and without a head.
    let bomb = gzip(&idx_file(&[0x0803, 1, 28, 28], &vec![0; 1 << 26]));
    assert!(bomb.len() < 1 << 17);
    assert_eq!(code(read(&bomb)), "E045");
    let mut unpacked = Unpacked::new(Path::new("bomb"), &bomb);
    assert_eq!(unpacked.take(801).unwrap().0.len(), 801);
    assert_eq!(code(read(&gzip(&vec![0; 1 << 26]))), "E042");
}

#[test]
fn the_messages_say_what_is_wrong_and_what_to_do() {
    let (file, _) = two_images();
    let packed = gzip(&file);
    let mut damaged = packed.clone();
    let checksum = packed.len() - 8;
    damaged[checksum] ^= 1;
    let wrong: [(&str, Vec<u8>); 8] = [
        ("empty", vec![]),
        ("another file", b"hello".to_vec()),
        ("wrong size", idx_file(&[0x0803, 1, 32, 32], &[0; 1024])),
        ("too many", idx_file(&[0x0803, 1_000_000, 28, 28], &[])),
        ("truncated", file[..1000].to_vec()),
        ("without checksum", packed[..checksum].to_vec()),
        ("overlong", [&file[..], b"x"].concat()),
        ("damaged", damaged),
    ];
    let messages = wrong.map(|(what, bytes)| format!("{what}:\n{}\n", fsvae_cli::describe(&read(&bytes).unwrap_err(), false)));
    insta::assert_snapshot!("messages", messages.concat());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_told(bytes in prop::collection::vec(any::<u8>(), 0..2000), head: bool, packed: bool) {
        let file = if head { idx_file(&[0x0803, 2, 28, 28], &bytes) } else { bytes.clone() };
        let result = read(&if packed { gzip(&file) } else { file });
        prop_assert_eq!(result.is_ok(), head && bytes.len() == 1568);
    }

    #[test]
    fn any_damage_to_a_packed_file_is_told_or_changes_nothing(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(),
    ) {
        let (file, pixels) = two_images();
        let mut packed = gzip(&file);
        for (place, byte) in edits {
            let place = place.index(packed.len());
            packed[place] = byte;
        }
        for file in [&packed[..], &packed[..cut.index(packed.len())]] {
            if let Ok(read) = read(file) {
                prop_assert_eq!(&read, &pixels);
            }
        }
    }
}
