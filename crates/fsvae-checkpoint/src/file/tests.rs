//! Every way a file can be wrong.

use half::f16;
use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::{Checkpoint, NamedTensor, NetworkConfig, TensorValues};

fn small() -> Checkpoint {
    let tensors = vec![
        NamedTensor::f32("a.weight", [2, 1], vec![1.5, -2.0]),
        NamedTensor { name: "b".into(), shape: vec![], values: TensorValues::F16(vec![f16::from_f32(0.25)]) },
    ];
    let training = TrainingRecord {
        dataset: "fashion-mnist".into(),
        seed: u64::MAX,
        epochs: 0.5,
        options: [("batch".to_owned(), "250".to_owned())].into(),
        scores: [("test_mse".to_owned(), 0.031)].into(),
        ..TrainingRecord::default()
    };
    Checkpoint { config: NetworkConfig::fsvae(1), training, tensors }
}

/// A file around any body, with the right checksum.
fn envelope(version: u64, body: &[u8]) -> Vec<u8> {
    let sha256 = Sha256::digest(body);
    rmp_serde::to_vec_named(&Envelope { format: FORMAT, version, sha256: Bytes::new(&sha256), body: Bytes::new(body) }).unwrap()
}

fn body_of(bytes: &[u8]) -> Vec<u8> {
    rmp_serde::from_slice::<Envelope>(bytes).unwrap().body.to_vec()
}

fn code(bytes: &[u8]) -> String {
    miette::Diagnostic::code(&Checkpoint::from_bytes(bytes).unwrap_err()).unwrap().to_string()
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(Checkpoint::from_bytes(&small().to_bytes()), Ok(small()));
}

#[test]
fn the_bytes_are_those_of_version_1() {
    // A change of this digest is a change of the format: old files must stay readable, or the version must rise.
    assert_eq!(hex(&Sha256::digest(small().to_bytes())), "4edd1c5305fd761806cd39688f665c92cbf1cfb49b76504913bc7c2573cdcb9b");
}

#[test]
fn every_truncation_is_told() {
    let bytes = small().to_bytes();
    assert_eq!(code(&[]), "E030");
    for length in 1..bytes.len() {
        assert_eq!(Checkpoint::from_bytes(&bytes[..length]), Err(CheckpointError::Truncated { found: length }));
    }
}

#[test]
fn every_appended_byte_is_told() {
    let bytes = small().to_bytes();
    for extra in 0..=255 {
        assert_eq!(code(&[&bytes[..], &[extra]].concat()), "E033");
    }
}

#[test]
fn every_flipped_bit_is_told() {
    let bytes = small().to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Checkpoint::from_bytes(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn other_files_and_other_versions_are_told() {
    for other in [&b"\x89PNG\r\n\x1a\n"[..], b"hello", b"\x80", b"\x84\xa6formax", &[0], &[0x93, 1, 2, 3]] {
        let expected = if other == b"\x80" { "E032" } else { "E031" };
        assert_eq!(code(other), expected, "{other:?}");
    }
    let body = body_of(&small().to_bytes());
    assert_eq!(Checkpoint::from_bytes(&envelope(2, &body)), Err(CheckpointError::Version { found: 2 }));
    assert_eq!(code(&envelope(u64::MAX, b"anything")), "E034");
    // A later version may have further fields and still be told as such.
    let mut later = envelope(7, &body);
    later[0] += 1;
    later.extend(b"\xa3new\xc0");
    assert_eq!(code(&later), "E034");
}

#[derive(Serialize)]
struct Body<T> {
    config: NetworkConfig,
    training: TrainingRecord,
    tensors: T,
}

fn with_tensors(tensors: impl Serialize) -> Vec<u8> {
    let body = Body { config: NetworkConfig::fsvae(1), training: TrainingRecord::default(), tensors };
    envelope(VERSION, &rmp_serde::to_vec_named(&body).unwrap())
}

#[derive(Serialize)]
struct Raw {
    name: &'static str,
    shape: Vec<u64>,
    dtype: &'static str,
    #[serde(with = "serde_bytes")]
    data: Vec<u8>,
}

#[test]
fn hostile_tensors_are_told() {
    let detail = |shape: &[u64], dtype, bytes| {
        let raw = Raw { name: "x", shape: shape.to_vec(), dtype, data: vec![0; bytes] };
        match Checkpoint::from_bytes(&with_tensors([raw])) {
            Err(CheckpointError::Malformed { detail }) => detail,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(detail(&[2, 2], "f32", 15), "tensor \"x\" has shape [2, 2] of f32, which does not fit its 15 bytes");
    assert_eq!(
        detail(&[1 << 32, 1 << 32], "f16", 0),
        "tensor \"x\" has shape [4294967296, 4294967296] of f16, which does not fit its 0 bytes"
    );
    assert_eq!(detail(&[u64::MAX], "f32", 4), "tensor \"x\" has shape [18446744073709551615] of f32, which does not fit its 4 bytes");
    assert_eq!(detail(&[1], "i64", 8), "tensor \"x\" has dtype \"i64\"; it must be f32 or f16");
    assert_eq!(detail(&[1; 9], "f32", 4), "the body: a sequence has more than 8 items");
}

#[test]
fn hostile_bodies_with_the_right_checksum_are_told() {
    // An array, a string and a binary that claim 4 GiB; a map of maps without end; nothing; a million empty tensors.
    for body in
        [&b"\xdd\xff\xff\xff\xff"[..], b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", &[0x81; 100_000], &[0x91; 100_000], b"", b"\xc1"]
    {
        assert_eq!(code(&envelope(VERSION, body)), "E036", "{:?}", &body[..body.len().min(5)]);
    }
    assert_eq!(code(&with_tensors(vec![0u8; 1_000_000])), "E036");
    let many: Vec<_> = (0..MAX_TENSORS + 1).map(|_| Raw { name: "", shape: vec![], dtype: "f16", data: vec![0, 0] }).collect();
    assert_eq!(code(&with_tensors(many)), "E036");
    let mut longer = body_of(&small().to_bytes());
    longer.push(0);
    assert_eq!(code(&envelope(VERSION, &longer)), "E036");
}

fn any_values() -> impl Strategy<Value = NamedTensor> {
    let values = prop_oneof![
        prop::collection::vec(any::<f32>(), 0..20).prop_map(TensorValues::F32),
        prop::collection::vec(any::<u16>().prop_map(f16::from_bits), 0..20).prop_map(TensorValues::F16),
    ];
    (".{0,12}", values).prop_map(|(name, values)| NamedTensor { name, shape: vec![1, values.len()], values })
}

proptest! {
    #[test]
    fn any_checkpoint_survives_the_file_bit_for_bit(
        tensors in prop::collection::vec(any_values(), 0..5), seed: u64, epochs: f64, dataset: String,
        options: std::collections::BTreeMap<String, String>, channels in prop::collection::vec(any::<usize>(), 0..5), decay: f32,
        decoder_decay: Option<f32>,
    ) {
        let config = NetworkConfig { channels, decay, decoder_decay, ..NetworkConfig::fsvae(3) };
        let training = TrainingRecord { dataset, seed, epochs, options, ..TrainingRecord::default() };
        let bytes = Checkpoint { config, training, tensors }.to_bytes();
        let back = Checkpoint::from_bytes(&bytes).unwrap();
        // Bytes, not values: NaN is not equal to itself.
        prop_assert_eq!(back.to_bytes(), bytes);
        let _ = back.check();
    }

    #[test]
    fn any_cut_flip_or_extension_of_any_file_is_told(
        tensors in prop::collection::vec(any_values(), 0..5), dataset in ".{0,400}",
        place: prop::sample::Index, bit in 0u8..8, extra in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        let training = TrainingRecord { dataset, ..TrainingRecord::default() };
        let bytes = Checkpoint { config: NetworkConfig::fsvae(1), training, tensors }.to_bytes();
        let place = place.index(bytes.len());
        let mut flipped = bytes.clone();
        flipped[place] ^= 1u8 << bit;
        for wrong in [&bytes[..place], &flipped, &[&bytes[..], &extra].concat()] {
            prop_assert!(Checkpoint::from_bytes(wrong).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_or_told(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Checkpoint::from_bytes(&bytes).is_err());
        prop_assert!(Checkpoint::from_bytes(&envelope(VERSION, &bytes)).is_err());
    }

    #[test]
    fn a_damaged_body_with_the_right_checksum_never_panics(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut body = body_of(&small().to_bytes());
        for (place, byte) in edits {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(checkpoint) = Checkpoint::from_bytes(&envelope(VERSION, &body)) {
            let _ = checkpoint.check();
        }
    }
}
