use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::expected_tensors;

const TINY: &[u8] = include_bytes!("../../tests/data/tiny.pth");
const TRAINING: &[u8] = include_bytes!("../../tests/data/training.pth");

/// What `make_pth.py` puts into the tensor of that name.
fn value(name: &str, number: usize) -> f32 {
    let low = if name.ends_with("running_var") { 1 } else { -64 };
    (((number * 37 + name.len()) % 128) as i32 + low) as f32 / 64.0
}

fn listing(original: &Original) -> String {
    let settings = original.settings.iter().map(|setting| format!("{setting:?}\n"));
    format!("prefix {:?}, {} other tensors\n{}", original.prefix, original.ignored, settings.collect::<String>())
}

#[test]
fn a_state_dictionary_is_read() {
    let original = from_pth(TINY, &Choices::default()).unwrap();
    insta::assert_snapshot!("tiny", listing(&original));
    let checkpoint = original.checkpoint;
    let names: Vec<_> = checkpoint.tensors.iter().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect();
    assert_eq!(names, expected_tensors(&checkpoint.config));
    for tensor in &checkpoint.tensors {
        for (number, found) in tensor.values.to_f32().into_iter().enumerate() {
            assert_eq!(found, value(&tensor.name, number), "{} {number}", tensor.name);
        }
    }
}

#[test]
fn other_types_strides_and_a_training_program_around_it_change_nothing() {
    let (tiny, training) = (from_pth(TINY, &Choices::default()).unwrap(), from_pth(TRAINING, &Choices::default()).unwrap());
    assert_eq!((&training.prefix[..], training.ignored), ("state_dict.module.", 3));
    assert_eq!(tiny.settings, training.settings);
    for (a, b) in tiny.checkpoint.tensors.iter().zip(&training.checkpoint.tensors) {
        assert_eq!((&a.name, &a.shape, a.values.to_f32()), (&b.name, &b.shape, b.values.to_f32()));
    }
}

#[test]
fn the_original_programs_golden_file_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fsvae-model/tests/data/golden_fsvae_small.safetensors");
    let original = from_safetensors(&std::fs::read(path).unwrap(), &Choices::default()).unwrap();
    insta::assert_snapshot!("golden", listing(&original));
}

#[test]
fn both_published_sizes_are_inferred() {
    for (config, channels) in [(crate::NetworkConfig::fsvae(1), 1), (crate::NetworkConfig::fsvae_large(3), 3)] {
        let zeros = vec![0u8; 4 * 2048 * 128 * 20];
        let views = expected_tensors(&config).into_iter().map(|(name, shape)| {
            let count: usize = shape.iter().product();
            (name, ::safetensors::tensor::TensorView::new(::safetensors::Dtype::F32, shape, &zeros[..4 * count]).unwrap())
        });
        let bytes = ::safetensors::serialize(views, None).unwrap();
        let original = from_safetensors(&bytes, &Choices::default()).unwrap();
        assert_eq!(original.checkpoint.config, config);
        assert_eq!(original.checkpoint.config.image_channels, channels);
        let steps = original.settings.iter().find(|setting| setting.name == "steps").unwrap();
        assert_eq!((&steps.value[..], steps.origin), ("16", Origin::Default));
    }
}

#[test]
fn choices_come_first() {
    let choices = Choices { steps: Some(9), decay: Some(0.5), threshold: Some(1.0), readout_decay: Some(0.75) };
    let original = from_pth(TINY, &choices).unwrap();
    let config = &original.checkpoint.config;
    assert_eq!((config.steps, config.decay, config.threshold, config.readout_decay), (9, 0.5, 1.0, 0.75));
    assert_eq!(original.settings.iter().filter(|setting| setting.origin == Origin::Chosen).count(), 4);
    let error = from_pth(TINY, &Choices { decay: Some(1.5), ..choices }).unwrap_err();
    assert_eq!(error.to_string(), "the tensors are not those of an FSVAE: config: decay is 1.5; it must be above 0 and below 1");
}

/// An archive like PyTorch's.
fn archive(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn of_pickle(pickle: &[u8]) -> OriginalError {
    from_pth(&archive(&[("m/data.pkl", pickle), ("m/data/0", &[0; 8])], CompressionMethod::Stored), &Choices::default()).unwrap_err()
}

#[test]
fn what_is_no_state_dictionary_is_refused_by_name() {
    let safetensors = |json: &str| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.bytes());
        from_safetensors(&bytes, &Choices::default()).unwrap_err()
    };
    let mut flipped = TINY.to_vec();
    let weights = TINY.windows(4).position(|bytes| bytes == value("encoder.0.weight", 1).to_le_bytes()).unwrap();
    flipped[weights] ^= 1;
    let script = include_bytes!("../../tests/data/script.pth");
    let evil = include_bytes!("../../tests/data/evil.pth");
    let plain = |bytes: &[u8]| from_pth(bytes, &Choices::default()).unwrap_err();
    let old = |bytes: &[u8]| refuse_old_pytorch(bytes).unwrap_err();
    let tensor = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89}tRs.";
    let many = [b"\x80\x02}".to_vec(), b"(".repeat(2), vec![0x85; 40]].concat();
    let errors = [
        ("program", plain(evil)),
        ("TorchScript", plain(script)),
        ("old kind", old(include_bytes!("../../tests/data/legacy.pth"))),
        ("TAR", old(&[vec![0; 257], b"ustar".to_vec()].concat())),
        ("other archive", plain(&archive(&[("a.txt", b"")], CompressionMethod::Stored))),
        ("big-endian", plain(&archive(&[("m/data.pkl", b""), ("m/byteorder", b"big")], CompressionMethod::Stored))),
        ("flipped bit", plain(&flipped)),
        ("no storage", plain(&archive(&[("m/data.pkl", tensor)], CompressionMethod::Stored))),
        ("one tensor", of_pickle(tensor)),
        ("list", of_pickle(b"\x80\x02].")),
        ("protocol 4", of_pickle(b"\x80\x04.")),
        ("instruction", of_pickle(b"\x80\x02\x93.")),
        ("nested", of_pickle(&[b"\x80\x02N".to_vec(), vec![0x85; 40]].concat())),
        ("stack", of_pickle(&many)),
        ("used twice", of_pickle(b"\x80\x02}q\x00h\x00s.")),
        ("cut off", of_pickle(b"\x80\x02X\xff\xff\xff\x7fab")),
        ("long", of_pickle(&vec![b'N'; pickle::MAX_PICKLE + 1])),
        ("odd header", safetensors("[1]")),
        ("unknown type", safetensors("{\"w\":{\"dtype\":\"F3\",\"shape\":[1],\"data_offsets\":[0,1]}}")),
        ("beyond the end", safetensors("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}")),
        ("no network", safetensors("{}")),
    ];
    let text: String = errors.iter().map(|(case, error)| format!("{case}: {error}\n")).collect();
    insta::assert_snapshot!("refusals", text);
    assert!(!std::path::Path::new("executed").exists(), "evil.pth touches this, in the folder where the test runs");
}

/// A safetensors file with the tiny network's tensors, one of them changed.
fn changed(change: impl Fn(&str, Vec<usize>) -> Option<(String, Vec<usize>, f32)>) -> Result<Original, OriginalError> {
    let tiny = from_pth(TINY, &Choices::default()).unwrap().checkpoint;
    let mut extended: Vec<_> = tiny.tensors.iter().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect();
    extended.push(("membrane_output_layer.coef".into(), vec![1, 1, 1, 1, 1]));
    extended.push(("prior.initial_input".into(), vec![1, 2, 1]));
    let list: Vec<_> = extended
        .into_iter()
        .filter_map(|(name, shape)| change(&name, shape))
        .map(|(name, shape, fill)| {
            let count: usize = shape.iter().product();
            (name, shape, fill.to_le_bytes().repeat(count))
        })
        .collect();
    let views = list.iter().map(|(name, shape, bytes)| {
        (name, ::safetensors::tensor::TensorView::new(::safetensors::Dtype::F32, shape.clone(), bytes).unwrap())
    });
    from_safetensors(&::safetensors::serialize(views, None).unwrap(), &Choices::default())
}

#[test]
fn networks_that_contradict_themselves_are_refused_by_name() {
    let fill = |name: &str| if name.starts_with("membrane") { 1.0 } else { f32::from(!name.ends_with("initial_input")) / 2.0 };
    assert!(changed(|name, shape| Some((name.into(), shape, fill(name)))).is_ok());
    let with = |target: &'static str, shape: Option<Vec<usize>>, value: Option<f32>| {
        changed(|name, old| {
            let changed = name == target;
            if changed && shape.is_none() && value.is_none() {
                return None;
            }
            let shape = shape.clone().filter(|_| changed).unwrap_or(old);
            Some((name.to_owned(), shape, value.filter(|_| changed).unwrap_or(fill(name))))
        })
        .unwrap_err()
        .to_string()
    };
    let errors = [
        with("decoder.0.bn.bias", None, None),
        with("final_layer.1.weight", None, None),
        with("decoder.0.weight", Some(vec![3, 2, 5, 5]), None),
        with("prior.layers.2.weight", Some(vec![7, 8]), None),
        with("before_latent_layer.weight", Some(vec![2, 15]), None),
        with("encoder.0.weight", Some(vec![]), None),
        with("prior.layers.0.weight", Some(vec![4, 0]), None),
        with("prior.initial_input", None, Some(1.0)),
        with("membrane_output_layer.coef", None, Some(0.5)),
        with("decoder.0.bn.running_var", None, Some(-1.0)),
        with("decoder_input.bias", None, Some(f32::NAN)),
    ];
    insta::assert_snapshot!("contradictions", errors.join("\n"));
    let odd = changed(|name, shape| Some((name.replace("decoder.0.bias", "decoder.7.bias"), shape, fill(name)))).unwrap_err();
    assert!(odd.to_string().contains("\"decoder.0.bias\" of shape [2] is missing"), "{odd}");
}

#[test]
fn every_truncation_is_an_error() {
    for length in (0..TRAINING.len()).step_by(64) {
        assert!(from_pth(&TRAINING[..length], &Choices::default()).is_err(), "{length}");
    }
    let tiny = from_pth(TINY, &Choices::default()).unwrap().checkpoint;
    let bytes: Vec<_> =
        tiny.tensors.iter().map(|tensor| tensor.values.to_f32().iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()).collect();
    let views = tiny.tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        (&tensor.name, ::safetensors::tensor::TensorView::new(::safetensors::Dtype::F32, tensor.shape.clone(), bytes).unwrap())
    });
    let file = ::safetensors::serialize(views, None).unwrap();
    assert!(from_safetensors(&file, &Choices::default()).is_ok());
    for length in (0..file.len()).step_by(64) {
        assert!(from_safetensors(&file[..length], &Choices::default()).is_err(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Wherever bits are flipped: an error, or a network that passes all checks, but no panic.
    #[test]
    fn flipped_bits_are_no_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4)) {
        let mut bytes = TRAINING.to_vec();
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        if let Ok(original) = from_pth(&bytes, &Choices::default()) {
            prop_assert!(original.checkpoint.check().is_ok());
        }
    }

    /// The same for the pickle, in an archive whose checksums are right.
    #[test]
    fn a_damaged_pickle_is_no_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut zip = zip::ZipArchive::new(Cursor::new(TRAINING)).unwrap();
        let mut pickle = Vec::new();
        std::io::copy(&mut zip.by_name("training/data.pkl").unwrap(), &mut pickle).unwrap();
        for (place, byte) in flips {
            let place = place.index(pickle.len());
            pickle[place] = byte;
        }
        let _ = pickle::tensors(&pickle);
    }

    #[test]
    fn random_pickles_are_no_panic(pickle in prop::collection::vec(prop::sample::select(&b"\x80\x02()}]NGKMJ\x8aXqrht\x85\x86\x87suaecQRb.\x00\x01\x03torch\n"[..]), 0..200)) {
        let _ = pickle::tensors(&pickle);
    }

    #[test]
    fn a_damaged_header_is_no_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let tensors = ["encoder.0.weight", "decoder_input.weight"].map(|name| (name, ::safetensors::tensor::TensorView::new(::safetensors::Dtype::F32, vec![1, 2], &[0; 8]).unwrap()));
        let mut bytes = ::safetensors::serialize(tensors, None).unwrap();
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = from_safetensors(&bytes, &Choices::default());
    }
}
