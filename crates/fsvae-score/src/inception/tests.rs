//! Against pytorch-fid, torchvision, Pillow, NumPy and SciPy (`tests/golden/inception.py`).

use super::*;
use crate::reference::{doubles, floats};
use miette::Diagnostic;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;

pub fn golden() -> SafeTensors<'static> {
    SafeTensors::deserialize(include_bytes!("../../tests/golden/inception.safetensors")).unwrap()
}

/// The script's numbers in [-1, 1): murmur3's finaliser over an index, seeded with FNV-1a of the name.
fn hashed(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let seed = name.bytes().fold(2166136261u32, |seed, byte| (seed ^ u32::from(byte)).wrapping_mul(16777619));
    (0..count as u32).map(move |i| {
        let mut x = i.wrapping_mul(0x9E3779B9).wrapping_add(seed);
        x = (x ^ (x >> 16)).wrapping_mul(0x85EBCA6B);
        x = (x ^ (x >> 13)).wrapping_mul(0xC2B2AE35);
        f64::from((x ^ (x >> 16)) >> 8) * 2f64.powi(-23) - 1.0
    })
}

/// Shape and little-endian values.
type Stored = (Vec<usize>, Vec<u8>);
/// By name.
type Tensors = BTreeMap<String, Stored>;

/// A state dictionary with the names and shapes of pytorch-fid's and the script's numbers.
fn state_dictionary(classes: usize) -> Tensors {
    let line = |line: &str| {
        let (name, shape) = line.split_once(' ').unwrap();
        let mut shape: Vec<usize> = shape.trim_matches(['[', ']']).split(", ").map(|x| x.parse().unwrap()).collect();
        if name.starts_with("fc.") {
            shape[0] = classes;
        }
        let (count, fan_in) = (shape.iter().product(), shape[1..].iter().product::<usize>() as f64);
        let scale = |x: f64| match name {
            _ if shape.len() > 1 => x * (6.0 / fan_in).sqrt(),
            _ if name.ends_with("bn.weight") => 1.0 + 0.25 * x,
            _ if name.ends_with("running_var") => 1.0 + 0.5 * x,
            _ => 0.1 * x,
        };
        let values = hashed(name, count).flat_map(|x| (scale(x) as f32).to_le_bytes()).collect();
        (name.to_owned(), (shape, values))
    };
    include_str!("../../tests/golden/inception_tensors.txt").lines().map(line).collect()
}

fn file(tensors: &Tensors) -> Vec<u8> {
    let views = tensors.iter().map(|(name, (shape, values))| (name, TensorView::new(Dtype::F32, shape.clone(), values).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

fn images() -> Vec<f32> {
    hashed("images", 2 * 32 * 32).map(|x| x as f32).collect()
}

/// The largest difference, beside the largest number.
fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0f32, |max, x| max.max(x.abs()));
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
}

#[test]
fn both_networks_answer_as_the_published_ones() {
    let golden = golden();
    for (network, classes, name) in [(Network::Fid, 1008, "fid"), (Network::Torchvision, 1000, "torchvision")] {
        let inception = Inception::from_bytes(&file(&state_dictionary(classes))).unwrap();
        assert_eq!((inception.network, inception.classes()), (network, classes));
        let seen = inception.see(&images(), 1, 32, |_| ());
        let worst = difference(&seen.logits, &floats(&golden, &format!("{name}.logits")));
        assert!(worst < 1e-5, "{name}: logits differ by {worst}");
        if network == Network::Fid {
            let worst = difference(&seen.features, &floats(&golden, "fid.features"));
            assert!(worst < 1e-5, "features differ by {worst}");
            let grey: Vec<f32> = images()[..1024].repeat(3);
            assert_eq!(inception.see(&grey, 3, 32, |_| ()).features, seen.features[..FEATURES], "grey is three equal colours");
        }
    }
}

#[test]
fn every_tensor_of_the_state_dictionary_is_used() {
    let convolutions = |network| blocks(network).iter().flatten().map(|branch| branch.chain.len() + branch.fork.len()).sum::<usize>();
    assert_eq!(5 * convolutions(Network::Fid) + 2, state_dictionary(1).len());
    assert_eq!(convolutions(Network::Fid), convolutions(Network::Torchvision));
}

#[test]
fn pictures_are_enlarged_as_pillow_and_pytorch_do() {
    let golden = golden();
    let pixels: Vec<f32> = images()[..1024].iter().map(|x| (x + 1.0) / 2.0 * 255.0).collect();
    for (filter, name) in [(Filter::Bicubic, "clean"), (Filter::Bilinear, "bilinear")] {
        let large = filter.enlarge(&pixels, 32);
        let some: Vec<f32> = (0..13 * 13).map(|i| large[i / 13 * 23 * SIDE + i % 13 * 23]).collect();
        assert!(difference(&some, &floats(&golden, name)) < 1e-6, "{name}");
        assert_eq!(filter.enlarge(&[7.0], 1), [7.0; SIDE * SIDE], "{name}: a single pixel");
    }
}

#[test]
fn the_distance_is_clean_fids() {
    let golden = golden();
    let gaussian = |name: &str| Gaussian::fit(&floats(&golden, name), 6);
    let (distance, expected) = (gaussian("frechet.a").distance(&gaussian("frechet.b")), doubles(&golden, "frechet.distance")[0]);
    assert!((distance - expected).abs() < 1e-6 * expected, "{distance} is not {expected}");
}

#[test]
fn a_wrong_file_is_one_error_that_names_the_tensor() {
    // Without the large tensors: errors come before they are read.
    let mut small = state_dictionary(1008);
    let error = |tensors: &Tensors| {
        let error = Inception::from_bytes(&file(tensors)).unwrap_err();
        format!("{}: {error}\n", error.code().unwrap())
    };
    let mut report = String::new();
    for bytes in [&b""[..], b"\x08\0\0\0\0\0\0\0not json", &file(&Tensors::from([("fc.weight".into(), (vec![1], vec![0; 4]))]))[..60]] {
        let error = Inception::from_bytes(bytes).unwrap_err();
        report += &format!("{}: {error}\n", error.code().unwrap());
    }
    let changed = |tensors: &Tensors, name: &str, change: &dyn Fn(&mut Stored)| {
        let mut tensors = tensors.clone();
        change(tensors.get_mut(name).unwrap());
        tensors
    };
    report += &error(&changed(&small, "fc.weight", &|t| *t = (vec![2, 3], vec![0; 24])));
    report += &error(&changed(&small, "Conv2d_1a_3x3.conv.weight", &|t| t.0 = vec![32, 3, 9]));
    report += &error(&changed(&small, "Conv2d_1a_3x3.bn.running_var", &|t| t.1[..4].copy_from_slice(&(-0.5f32).to_le_bytes())));
    report += &error(&changed(&small, "Conv2d_1a_3x3.bn.bias", &|t| t.1[..4].copy_from_slice(&f32::NAN.to_le_bytes())));
    small.remove("Conv2d_2a_3x3.bn.running_mean");
    report += &error(&small);
    let halves: Vec<(String, Stored)> = small.into_iter().filter(|(name, _)| name.contains("1a") || name == "fc.weight").collect();
    let views = halves.iter().map(|(name, (shape, values))| {
        let (dtype, values) = if name.contains("conv") { (Dtype::F16, &values[..values.len() / 2]) } else { (Dtype::F32, &values[..]) };
        (name, TensorView::new(dtype, shape.clone(), values).unwrap())
    });
    let inception = Inception::from_bytes(&safetensors::serialize(views, None).unwrap()).unwrap_err();
    report += &format!("{}: {inception}\n", inception.code().unwrap());
    insta::assert_snapshot!(report);
}
