//! Against the original program (its golden vectors, see `crates/fsvae-model/tests/data/README.md`): the float engine, which is the
//! yardstick of `--verify`, draws what the original draws, and the compiled graph of the original's network keeps its spikes.

use fsvae_checkpoint::{Checkpoint, NetworkConfig};
use fsvae_compile::input::{self, Choices, Model};
use fsvae_compile::*;
use lif_graph::{Interpreter, Run, SpikeTrain};
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

/// Compiled from the original program's names: the whole file is given, the reader finds the parameters in it.
fn network() -> Checkpoint {
    let Ok(Model::Fsvae(checkpoint, _)) = input::read(&BYTES, &Choices::default()) else { panic!("it is an FSVAE") };
    assert_eq!(checkpoint.config, NetworkConfig { latent: 32, ways: 8, ..NetworkConfig::fsvae(1) });
    checkpoint
}

#[test]
fn the_float_engine_draws_what_the_original_draws() {
    let network = network();
    let (images, channels, steps) = (4, network.config.latent, network.config.steps);
    let picks: Vec<u32> = bytes("sample/random_index").as_chunks().0.iter().map(|index| i64::from_le_bytes(*index) as u32).collect();
    let (latent, pictures) = (floats("sample/sampled_z"), floats("sample/image"));
    let float = import(&network, Purpose::Generate).unwrap();
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

/// The stored images are reconstructed: the same latent spikes, the same picture.
#[test]
fn the_float_engine_reconstructs_what_the_original_reconstructs() {
    let network = network();
    let (channels, steps) = (network.config.latent, network.config.steps);
    let picks: Vec<u32> = bytes("eval/random_index").as_chunks().0.iter().map(|index| i64::from_le_bytes(*index) as u32).collect();
    let float = import(&network, Purpose::Reconstruct).unwrap();
    let select = Purpose::Reconstruct.layers_before_select(&network.config);
    for engine in [FloatEngine::from(&float), FloatEngine::from(&fold(float.clone()).unwrap())] {
        for image in 0..IMAGES {
            let pixels = &bytes("input/image_u8_32")[image * 1024..][..1024];
            let mut seen = std::collections::BTreeMap::from([("eval/latent_x", vec![]), ("eval/q_z", vec![]), ("eval/sampled_z", vec![])]);
            let pick = |step: u32, channel: u32| picks[(step as usize * IMAGES + image) * channels + channel as usize];
            let pixels = in_range(pixels);
            let given = Given::new(&pick, &pixels);
            let membranes = engine.run(given, |step| {
                let (name, spikes) = match step.layer {
                    layer if layer == select - PRIOR_LAYERS - 1 => ("eval/latent_x", step.spikes),
                    layer if layer == select - 1 => ("eval/q_z", step.spikes),
                    layer if layer == select => ("eval/sampled_z", step.input),
                    _ => return,
                };
                let train = seen.get_mut(name).unwrap();
                let stored = bytes(name).len() / IMAGES / steps;
                train.push((0..stored as u32).map(|neuron| spikes.contains(&neuron)).collect::<Vec<bool>>());
            });
            for (name, ours) in seen {
                assert_eq!(ours, train(&bytes(name), image), "{name}, image {image}");
            }
            let expected = &floats("eval/x_recon")[image * membranes.len()..][..membranes.len()];
            let worst = membranes.iter().zip(expected).map(|(v, pixel)| (v.tanh() - pixel).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "image {image}: {worst}");
        }
    }
}

/// Fed with the spikes that the test above found to be the original's, on the stored images with the stored picks.
#[test]
fn the_integer_network_that_reconstructs_keeps_the_originals_spikes() {
    let picks: Vec<u32> = bytes("eval/random_index").as_chunks().0.iter().map(|index| i64::from_le_bytes(*index) as u32).collect();
    let channels = network().config.latent;
    let pick = |image: u64, step: u32, channel: u32| picks[(step as usize * IMAGES + image as usize) * channels + channel as usize];
    for target in ["loihi", "generic", "spinnaker1"] {
        let options = Options { purpose: Purpose::Reconstruct, ..Options::new("golden") };
        let compiled = compile_with(&network(), &lif_chip::find(target).unwrap(), options, &[]).unwrap();
        let engine = FloatEngine::from(&compiled.float);
        let shown = |image: u64| bytes("input/image_u8_32")[image as usize * 1024..][..1024].to_vec();
        let threshold = compiled.float.config.threshold;
        let verification = verify_picking(&engine, &compiled.graph, threshold, IMAGES as u64, pick, shown, || ());
        println!(
            "{target}: {:?}",
            verification.layers.iter().map(|layer| (&layer.population, layer.agreement_percent)).collect::<Vec<_>>()
        );
        assert_eq!(verification.layers.len(), 13);
        assert!(verification.holds(), "{target}: {verification:#?}");
        assert!(verification.pixels.psnr_db.is_none_or(|psnr| psnr > 40.0), "{target}: {:#?}", verification.pixels);
    }
}

/// Running free, pictures differ; their distribution must not.
#[test]
fn both_networks_score_alike_on_their_own() {
    let compiled = compile(&network(), &lif_chip::find("loihi").unwrap(), "golden").unwrap();
    let shape = compiled.graph.populations.last().unwrap().shape;
    let run = || {
        let engine = FloatEngine::from(&compiled.float);
        free_run(&engine, &compiled.graph, &reference("fashion-mnist", shape).unwrap(), (256, 3), |_| vec![], || ()).unwrap()
    };
    let scores = run();
    println!("{scores:?}");
    for (integer, float) in [(scores.integer.published, scores.float.published), (scores.integer.running, scores.float.running)] {
        // so few images of an untrained network spread by some percent
        assert!((integer / float - 1.0).abs() < 0.15, "{scores:?}");
    }
    assert!(scores.equal_images_percent < 100.0, "they run free: {scores:?}");
    assert!(reference("celeba", shape).is_err() && reference("mnist", lif_graph::Shape::flat(7)).is_err());
}

const IMAGES: usize = 4;
const STEPS: usize = 16;

/// Stored spikes `[image][neuron][step]` of one image, as `[step][neuron]`.
fn train(stored: &[u8], image: usize) -> SpikeTrain {
    let neurons = stored.len() / IMAGES / STEPS;
    let spike = |step: usize, neuron: usize| stored[(image * neurons + neuron) * STEPS + step] != 0;
    (0..STEPS).map(|step| (0..neurons).map(|neuron| spike(step, neuron)).collect()).collect()
}

/// How many spikes were compared, and how many are equal.
#[derive(Debug, Default)]
struct Tally {
    equal: usize,
    all: usize,
}

impl Tally {
    fn percent(&self) -> f64 {
        100.0 * self.equal as f64 / self.all as f64
    }

    fn compare<'a>(&mut self, ours: impl Iterator<Item = &'a bool>, theirs: impl Iterator<Item = &'a bool>) {
        for (a, b) in ours.zip(theirs) {
            self.all += 1;
            self.equal += usize::from(a == b);
        }
    }
}

/// Spikes of the prior's layers when it hears `latent`, in double precision: those of the two hidden layers are not stored.
fn prior(layers: &[FoldedLayer], latent: &SpikeTrain) -> Vec<SpikeTrain> {
    let (decay, threshold) = (0.25, 0.2);
    let mut input: SpikeTrain = std::iter::once(vec![false; latent[0].len()]).chain(latent.iter().cloned()).take(STEPS).collect();
    let mut trains = Vec::new();
    for FoldedLayer { weights, bias, .. } in &layers[..PRIOR_LAYERS] {
        let mut membrane = vec![0f64; bias.len()];
        let step = |heard: &Vec<bool>| -> Vec<bool> {
            let rows = weights.chunks(heard.len()).zip(bias).zip(&mut membrane);
            let fires = rows.map(|((row, bias), v)| {
                let rest = if *v > threshold { 0.0 } else { *v };
                let sum: f64 = row.iter().zip(heard).filter(|(_, fired)| **fired).map(|(weight, _)| f64::from(*weight)).sum();
                *v = decay * rest + sum + f64::from(*bias);
                *v > threshold
            });
            fires.collect()
        };
        input = input.iter().map(step).collect();
        trains.push(input.clone());
    }
    trains
}

/// What `picks` select of the prior's spikes for an image.
fn picked(fired: &[Vec<bool>], picks: &[usize], image: usize) -> SpikeTrain {
    let channel = |step: usize, channel: usize| fired[step][channel * 8 + picks[(step * IMAGES + image) * 32 + channel]];
    (0..STEPS).map(|step| (0..32).map(|place| channel(step, place)).collect()).collect()
}

/// Teacher forcing: every population hears the original's spikes, its membranes are its own. Spikes that are stored as sums over the
/// feature map are heard as computed, and the difference of the sums is counted as unequal spikes.
#[test]
fn the_integer_network_keeps_the_stored_spikes() {
    let picks: Vec<usize> = bytes("sample/random_index").as_chunks().0.iter().map(|index| i64::from_le_bytes(*index) as usize).collect();
    let sampled: Vec<u8> = floats("sample/sampled_z").iter().map(|&spike| spike as u8).collect();
    let layers = fold(import(&network(), Purpose::Generate).unwrap()).unwrap().layers;
    for target in ["loihi", "generic"] {
        let graph = compile(&network(), &lif_chip::find(target).unwrap(), "golden").unwrap().graph;
        let id = |name: &str| graph.find(name).unwrap();
        let spikes = |run: &Run, name: &str| -> Vec<Vec<bool>> { run.spikes.iter().map(|step| step[id(name).index()].clone()).collect() };
        let stored = [("decoder.input", "eval/decoder_input.spikes"), ("decoder.0", "eval/decoder.0.spikes")];
        let sums = [
            ("decoder.1", "eval/decoder.1.spike_sum_hw"),
            ("decoder.2", "eval/decoder.2.spike_sum_hw"),
            ("decoder.3", "eval/final_layer.0.spike_sum_hw"),
        ];
        let mut tallies: std::collections::BTreeMap<&str, Tally> = Default::default();
        let mut compare = |name, ours: &SpikeTrain, theirs: &SpikeTrain| {
            tallies.entry(name).or_default().compare(ours.iter().flatten(), theirs.iter().flatten());
        };
        let forced = |latent: &SpikeTrain, hidden: &[SpikeTrain]| {
            let interpreter = Interpreter::new(&graph, 1, 0).with_forced(id("select"), latent.clone());
            interpreter.with_forced(id("prior.0"), hidden[0].clone()).with_forced(id("prior.1"), hidden[1].clone())
        };
        let mut channel_sums = Vec::new();
        for image in 0..IMAGES {
            // reconstruction: the prior hears what the posterior said
            let latent = train(&bytes("eval/sampled_z"), image);
            let hidden = prior(&layers, &latent);
            assert_eq!(hidden[2], train(&bytes("eval/p_z"), image), "the hidden spikes are the original's: they lead to its output");
            let mut interpreter = forced(&latent, &hidden);
            for (population, name) in stored {
                interpreter = interpreter.with_forced(id(population), train(&bytes(name), image));
            }
            let run = interpreter.run();
            compare("eval/p_z", &spikes(&run, "prior.2"), &hidden[2]);
            for (population, name) in stored {
                compare(name, &spikes(&run, population), &train(&bytes(name), image));
            }
            channel_sums
                .extend(sums.map(|(population, name)| (image, name, graph.population(id(population)).shape, spikes(&run, population))));

            // generation: it hears itself
            let latent = train(&sampled, image);
            let hidden = prior(&layers, &latent);
            assert_eq!(picked(&hidden[2], &picks, image), latent, "and here");
            compare("sample/sampled_z", &picked(&spikes(&forced(&latent, &hidden).run(), "prior.2"), &picks, image), &latent);
        }
        for (image, name, shape, ours) in channel_sums {
            let (theirs, tally) = (floats(name), tallies.entry(name).or_default());
            for (step, ours) in ours.iter().enumerate() {
                for (channel, ours) in ours.chunks(shape.pixels()).enumerate() {
                    let ours = ours.iter().filter(|&&spike| spike).count();
                    let theirs = theirs[(image * shape.channels as usize + channel) * STEPS + step] as usize;
                    tally.all += shape.pixels();
                    tally.equal += shape.pixels() - ours.abs_diff(theirs);
                }
            }
        }
        println!("{target}: {:?}", tallies.iter().map(|(name, tally)| (name, tally.percent())).collect::<Vec<_>>());
        assert_eq!(tallies.len(), 7);
        for (name, tally) in tallies {
            assert!(tally.percent() >= DEMANDED_AGREEMENT, "{target}: {name}: {:.3} %", tally.percent());
        }
    }
}
