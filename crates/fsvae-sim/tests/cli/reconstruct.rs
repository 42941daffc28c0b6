//! `reconstruct`: images in, and beside them what the network makes of them.

use crate::folder::Folder;
use lif_graph::*;
use lif_sim::{Engine, Inputs, Record};
use std::fs;

/// Image, eight neurons, a pick of one in two, picture: 32 x 32, of this many channels.
fn network(channels: u32) -> LifGraph {
    let shape = Shape { channels, height: 32, width: 32 };
    let membrane = |input_shift| Membrane {
        decay: Decay { multiplier: 1024, shift: 12, rounding: Rounding::TowardZero },
        input_shift,
        bias: vec![0],
        bits: 32,
    };
    let population = |name: &str, shape, model| Population { name: name.into(), shape, model };
    let neurons = shape.neurons();
    let projection = |name: &str, source, target, connectivity, count: usize| Projection {
        name: name.into(),
        source: PopulationId(source),
        target: PopulationId(target),
        delay: 0,
        connectivity,
        weights: (0..count).map(|index| ((index * index + index / 7) % 23) as i8 - 9).collect(),
    };
    LifGraph {
        name: "memory".into(),
        steps: 8,
        populations: vec![
            population("image", shape, NeuronModel::Image { shift: 8 }),
            population("code", Shape::flat(8), NeuronModel::Lif { membrane: membrane(0), threshold: vec![40] }),
            population("select", Shape::flat(4), NeuronModel::Select { ways: 2 }),
            population(
                "picture",
                shape,
                NeuronModel::Readout { membrane: membrane(2), pixels: PixelTable { levels: (0..255).map(|level| level - 128).collect() } },
            ),
        ],
        projections: vec![
            projection("image->code", 0, 1, Connectivity::Dense, 8 * neurons),
            projection("code->select", 1, 2, Connectivity::Pick, 0),
            projection("select->picture", 2, 3, Connectivity::Dense, 4 * neurons),
        ],
    }
}

fn pixels(image: usize, size: usize) -> Vec<u8> {
    (0..size).map(|pixel| ((pixel * (image + 3) + image * 77) % 256) as u8).collect()
}

fn write_png(folder: &Folder, name: &str, color: png::ColorType, side: u32, data: &[u8]) {
    let mut encoder = png::Encoder::new(fs::File::create(folder.path(name)).expect("a file"), side, side);
    encoder.set_color(color);
    encoder.write_header().expect("a head").write_image_data(data).expect("pixels");
}

/// `model.reconstruct.lif` and a folder `in` of `count` grey pictures.
fn folder_with_pictures(count: usize) -> Folder {
    let folder = Folder::empty();
    fs::write(folder.path("model.reconstruct.lif"), network(1).to_bytes()).expect("written");
    fs::create_dir(folder.path("in")).expect("a folder");
    for image in 0..count {
        write_png(&folder, &format!("in/{image:02}.png"), png::ColorType::Grayscale, 32, &pixels(image, 1024));
    }
    folder
}

/// What the engine makes of image `image`.
fn reconstruction(graph: &LifGraph, seed: u64, image: u64, pixels: &[u8]) -> Vec<u8> {
    let engine = Engine::new(graph).expect("well formed");
    let inputs = engine.with_image(Inputs::default(), PopulationId(0), pixels).expect("an image");
    engine.draw(&mut engine.state(), seed, image, &inputs, Record::default()).pixels
}

#[test]
fn each_original_is_beside_its_reconstruction() {
    let folder = folder_with_pictures(5);
    folder.run("reconstruct in --seed 9");
    let pairs = folder.pictures("reconstructions.png", 10, 1);
    let mut distinct = std::collections::BTreeSet::new();
    for (image, pair) in pairs.chunks(2).enumerate() {
        let original = pixels(image, 1024);
        assert!(pair[0] == original, "original {image}");
        assert!(pair[1] == reconstruction(&network(1), 9, image as u64, &original), "reconstruction {image}");
        distinct.insert(&pair[1]);
    }
    assert!(distinct.len() > 2, "the network of this test looks at its images");
}

#[test]
fn a_colour_picture() {
    let folder = Folder::empty();
    fs::write(folder.path("colour.lif"), network(3).to_bytes()).expect("written");
    let interleaved = pixels(1, 3072);
    let planes: Vec<u8> = (0..3).flat_map(|channel| interleaved.iter().skip(channel).step_by(3).copied()).collect();
    write_png(&folder, "one.png", png::ColorType::Rgb, 32, &interleaved);
    folder.run("reconstruct one.png colour.lif --out both.png");
    let pair = folder.pictures("both.png", 2, 3);
    assert!(pair[0] == planes);
    assert!(pair[1] == reconstruction(&network(3), 1, 0, &planes));
}

#[test]
fn shards_and_parts_have_the_same_reconstructions() {
    let folder = folder_with_pictures(7);
    folder.run("reconstruct in --out all.npz");
    folder.run("reconstruct in --out out --shard-images 2 --shard 1/2 --threads 1");
    folder.run("reconstruct in --out out --shard-images 2 --shard 2/2 --threads 2");
    let file = fs::File::open(folder.path("all.npz")).expect("a file");
    let all: ndarray::Array4<u8> = ndarray_npy::NpzReader::new(file).expect("npz").by_name("pixels").expect("pixels");
    assert_eq!(all.shape(), [7, 1, 32, 32]);
    for (image, drawn) in all.outer_iter().enumerate() {
        let expected = reconstruction(&network(1), 1, image as u64, &pixels(image, 1024));
        assert!(drawn.iter().copied().eq(expected.iter().copied()), "{image}");
        let shard = folder.pictures(&format!("out/images-{:06}.png", image / 2), 1 + image % 2, 1);
        assert!(shard[image % 2] == expected, "{image}");
    }
    // shards of other images are not taken for these
    write_png(&folder, "in/00.png", png::ColorType::Grayscale, 32, &pixels(50, 1024));
    let error = folder.run_any("reconstruct in --out out --shard-images 2");
    assert!(error.stderr.starts_with("error[E181]"), "{}", error.stderr);
}

#[test]
fn idx_files_are_scaled_and_packed_or_not() {
    let folder = folder_with_pictures(0);
    let mut idx = vec![0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28];
    idx.extend((0..3).flat_map(|image| pixels(image, 784)));
    fs::write(folder.path("idx"), &idx).expect("written");
    folder.run("reconstruct idx --count 2 --out two.png");
    let plain = fsvae_data::Images { count: 3, channels: 1, height: 28, width: 28, pixels: idx[16..].to_vec() }.resized(32);
    let pairs = folder.pictures("two.png", 4, 1);
    assert!(pairs[0] == plain.image(0) && pairs[2] == plain.image(1));
    assert!(pairs[3] == reconstruction(&network(1), 1, 1, plain.image(1)));
}

#[test]
fn no_more_is_read_than_is_asked_for() {
    let folder = folder_with_pictures(2);
    fs::write(folder.path("in/99.png"), "no picture").expect("written");
    folder.run("reconstruct in --count 2");
    assert!(folder.run_any("reconstruct in").stderr.starts_with("error[E170]"));
}

#[test]
fn what_cannot_be_reconstructed() {
    let folder = folder_with_pictures(2);
    write_png(&folder, "small.png", png::ColorType::Grayscale, 28, &pixels(0, 784));
    write_png(&folder, "alpha.png", png::ColorType::GrayscaleAlpha, 32, &pixels(0, 2048));
    fs::write(folder.path("text.png"), "no picture").expect("written");
    let whole = fs::read(folder.path("in/00.png")).expect("a file");
    fs::write(folder.path("cut.png"), &whole[..whole.len() / 2]).expect("written");
    fs::create_dir(folder.path("empty")).expect("a folder");
    fs::write(folder.path("alone.lif"), crate::network::fsvae(&crate::network::TINY).to_bytes()).expect("written");
    let before = folder.files();
    let mut text = String::new();
    for command in [
        "none.png",
        "small.png",
        "alpha.png",
        "text.png",
        "cut.png",
        "empty",
        "in --count 3",
        "in --count 0",
        "in alone.lif",
        "in/00.png --out in/00.png",
        "in/00.png --events in/00.png",
        "in --out in/more.png",
        "in --events in/00.png",
        "in --out in/{shard}.png",
        "in/00.png --out in/00.npz --events in/00.png",
        "in --out images.png --shard 1/2",
    ] {
        let output = folder.run_any(&format!("reconstruct {command}"));
        assert_eq!((output.code, &output.stdout[..]), (Some(2), ""), "{command}: {}", output.stderr);
        assert_eq!(folder.files(), before, "{command}");
        text += &format!("$ reconstruct {command}\n{}\n", output.stderr);
    }
    insta::assert_snapshot!(text);
}
