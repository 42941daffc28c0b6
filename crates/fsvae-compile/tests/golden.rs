//! Against the original program (its golden vectors, see `crates/fsvae-model/tests/data/README.md`): the float engine, which is the
//! yardstick of `--verify`, draws what the original draws, and the compiled graph of the original's network keeps its spikes.

use fsvae_checkpoint::{Checkpoint, NamedTensor, NetworkConfig, TrainingRecord, expected_tensors};
use fsvae_compile::*;
use safetensors::SafeTensors;
use std::sync::LazyLock;

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fsvae-model/tests/data/golden_fsvae_small.safetensors");
    std::fs::read(path).expect("the golden vectors are part of the repository")
});

fn bytes(name: &str) -> Vec<u8> {
    let vectors = SafeTensors::deserialize(&BYTES).expect("a safetensors file");
    vectors.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}")).data().to_vec()
}

fn floats(name: &str) -> Vec<f32> {
    bytes(name).as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

fn network() -> Checkpoint {
    let config = NetworkConfig { latent: 32, ways: 8, ..NetworkConfig::fsvae(1) };
    let tensors = expected_tensors(&config).into_iter().map(|(name, shape)| {
        let values = floats(&format!("param/{name}"));
        NamedTensor::f32(name, shape, values)
    });
    Checkpoint { tensors: tensors.collect(), config, training: TrainingRecord::default() }
}

#[test]
fn the_float_engine_draws_what_the_original_draws() {
    let network = network();
    let (images, channels, steps) = (4, network.config.latent, network.config.steps);
    let picks: Vec<u32> = bytes("sample/random_index").as_chunks().0.iter().map(|index| i64::from_le_bytes(*index) as u32).collect();
    let (latent, pictures) = (floats("sample/sampled_z"), floats("sample/image"));
    let float = import(&network).unwrap();
    for engine in [FloatEngine::from(&float), FloatEngine::from(&fold(float).unwrap())] {
        for image in 0..images {
            let mut sampled = vec![vec![false; steps]; channels];
            let mut step = 0;
            let membranes = engine.draw_with(
                |step, channel| picks[(step as usize * images + image) * channels + channel as usize],
                |seen| {
                    if seen.layer == PRIOR_LAYERS {
                        seen.input.iter().for_each(|&channel| sampled[channel as usize][step] = true);
                        step += 1;
                    }
                },
            );
            let expected = &latent[image * channels * steps..][..channels * steps];
            assert!(sampled.concat().iter().zip(expected).all(|(&fired, &value)| f32::from(u8::from(fired)) == value), "image {image}");
            let expected = &pictures[image * membranes.len()..][..membranes.len()];
            let worst = membranes.iter().zip(expected).map(|(v, pixel)| (v.tanh() - pixel).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "image {image}: {worst}");
        }
    }
}

#[test]
fn the_originals_network_keeps_its_spikes() {
    for target in ["loihi", "generic"] {
        let compiled = compile(&network(), &lif_chip::find(target).unwrap(), "golden").unwrap();
        let engine = FloatEngine::from(&compiled.float);
        let verification = verify(&engine, &compiled.graph, compiled.float.config.threshold, 16, 1, || ());
        assert!(verification.holds(), "{target}: {verification:#?}");
        assert!(verification.pixels.psnr_db.is_none_or(|psnr| psnr > 45.0), "{target}: {:#?}", verification.pixels);
    }
}
