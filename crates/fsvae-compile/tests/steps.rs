//! What each step promises, on random networks.

mod common;
mod small;

use common::checkpoint;
use fsvae_checkpoint::{Checkpoint, NetworkConfig};
use fsvae_compile::*;
use lif_chip::{Chip, Sharing};
use lif_graph::{Interpreter, NeuronModel, SpikeTrain};
use proptest::prelude::*;
use small::small_config;

/// Networks of all small sizes with random parameters.
fn checkpoints() -> impl Strategy<Value = Checkpoint> {
    let sizes = (1usize..=3, 1usize..=5, 1usize..=4, 1usize..=5, 1usize..=2, 0usize..=1);
    (sizes, prop::collection::vec(1usize..=6, 3), any::<u64>()).prop_map(
        |((depth, latent, ways, steps, image_channels, larger), widths, seed)| {
            let (channels, image_size) = (widths[..depth].to_vec(), 2 << (depth - 1 + larger));
            let decoder_decay = (larger == 1).then_some(0.75);
            checkpoint(
                NetworkConfig { image_size, image_channels, channels, latent, ways, steps, decoder_decay, ..NetworkConfig::fsvae(1) },
                seed,
            )
        },
    )
}

/// All that a float network did in one image, by layer and step.
struct FloatRun {
    membranes: Vec<Vec<Vec<f32>>>,
    spikes: Vec<Vec<Vec<bool>>>,
    readout: Vec<f32>,
}

fn run(engine: &FloatEngine, layers: usize, seed: u64, image: u64) -> FloatRun {
    let (mut membranes, mut spikes) = (vec![vec![]; layers], vec![vec![]; layers]);
    let readout = engine.draw(seed, image, |step| {
        let neurons = step.shape.neurons();
        membranes[step.layer].push((0..neurons).map(|neuron| step.membrane_of(neuron)).collect::<Vec<_>>());
        spikes[step.layer].push((0..neurons).map(|neuron| step.spikes.contains(&(neuron as u32))).collect::<Vec<_>>());
    });
    FloatRun { membranes, spikes, readout }
}

fn compiled(checkpoint: &Checkpoint, target: &str) -> (Compiled, Chip) {
    let chip = lif_chip::find(target).expect("in the catalogue");
    (compile(checkpoint, &chip, "random").expect("it compiles"), chip)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Folding changes membranes by rounding alone; the first spike that differs, if any, does so at the threshold.
    #[test]
    fn the_folded_network_is_the_trained_one(checkpoint in checkpoints(), seed: u64) {
        let float = import(&checkpoint, Purpose::Generate).unwrap();
        let folded = fold(float.clone()).unwrap();
        let count = float.layers.len();
        let (trained, folded) = (run(&FloatEngine::from(&float), count, seed, 0), run(&FloatEngine::from(&folded), count, seed, 0));
        'steps: for step in 0..checkpoint.config.steps {
            for layer in 0..count {
                let pairs = trained.membranes[layer][step].iter().zip(&folded.membranes[layer][step]);
                for (neuron, (a, b)) in pairs.enumerate() {
                    prop_assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "layer {layer} step {step} neuron {neuron}: {a} {b}");
                }
                if trained.spikes[layer][step] != folded.spikes[layer][step] {
                    break 'steps;
                }
            }
        }
    }

    /// Every integer exists on the chip, no sum leaves its width (or the layer is refused), and weights of independent inputs stand for
    /// what they stood for up to half a step.
    #[test]
    fn quantised_layers_are_the_chips(
        checkpoint in checkpoints(), target in prop::sample::select(&["loihi", "generic"][..]), narrower in 0u8..=7, independent: bool,
    ) {
        let mut chip = lif_chip::find(target).unwrap();
        chip.synapse.input_bits -= narrower;
        let folded = fold(import(&checkpoint, Purpose::Generate).unwrap()).unwrap();
        let mut inputs = calibrate(&folded, &[]).inputs;
        if independent {
            inputs = inputs.into_iter().map(|inputs| rates::LayerInputs::independent(inputs.each)).collect();
        }
        let integer = match quantise(&folded, &inputs, &chip, Scales::default()) {
            Ok(integer) => integer,
            Err(CompileError::DoesNotFit { .. }) if narrower > 4 => return Ok(()),
            Err(error) => panic!("{error}"),
        };
        for (float, layer) in folded.layers.iter().zip(&integer.layers) {
            let fires = layer.wiring.part != Part::Readout;
            let shared = chip.threshold.per == Sharing::Population || !fires;
            prop_assert_eq!(layer.scale.len(), if shared { 1 } else { layer.wiring.units() });
            prop_assert_eq!(layer.threshold.len(), if fires { layer.scale.len() } else { 0 });
            prop_assert!(layer.threshold.iter().all(|t| t % (1 << chip.threshold.shift_bits) == 0 && *t > 0));
            prop_assert!(layer.bias.iter().all(|&bias| chip.bias_parts(bias).is_some()));
            let bias = layer.bias.iter().map(|bias| bias.unsigned_abs()).max().unwrap_or(0);
            prop_assert!(i64::try_from(layer.worst.input.magnitude() + chip.bias_as_input(bias)).unwrap() <= chip.input_max());
            prop_assert!(i64::try_from(layer.worst.membrane.magnitude()).unwrap() <= chip.membrane_max());
            let mut clipped = 0;
            for unit in 0..layer.wiring.units() {
                let scale = layer.scale[if shared { 0 } else { unit }];
                for index in layer.wiring.fan_in(unit).flat_map(|(_, taps)| taps) {
                    let (exact, weight) = (f64::from(float.weights[index]) / scale, f64::from(layer.weights[index]));
                    let (limit, within) = (f64::from(chip.weight_max()), exact.abs() < f64::from(chip.weight_max()) + 0.5);
                    prop_assert!(weight.abs() <= limit);
                    if independent {
                        prop_assert!((exact.clamp(-limit, limit) - weight).abs() <= 0.5, "{}: {exact} {weight}", &layer.wiring.name);
                    }
                    clipped += usize::from(!within);
                }
            }
            prop_assert_eq!(clipped, layer.clipped_weights);
        }
    }

    /// The rules of the graph and of the chip's netlist hold for every size of network.
    #[test]
    fn every_network_becomes_a_graph_that_breaks_no_rule(checkpoint in checkpoints()) {
        for target in ["loihi", "generic"] {
            let (compiled, chip) = compiled(&checkpoint, target);
            for (layer, worst) in compiled.integer.layers.iter().map(|layer| (&layer.wiring.name, layer.worst)) {
                prop_assert_eq!(compiled.graph.worst_cases()[compiled.graph.find(layer).unwrap().index()], worst);
            }
            for Wiring { name, source, target, connectivity, .. } in compiled.integer.layers.iter().map(|layer| &layer.wiring) {
                let target_id = compiled.graph.find(name).unwrap();
                let (_, projection) = compiled.graph.projections_into(target_id).next().unwrap();
                prop_assert_eq!(&projection.connectivity, connectivity);
                prop_assert_eq!(compiled.graph.population(projection.source).shape, *source);
                prop_assert_eq!(compiled.graph.population(target_id).shape, *target);
            }
            prop_assert_eq!(compiled.graph.check(), Ok(()));
            prop_assert_eq!(emit(&compiled.graph, &chip, None).unwrap().len(), if chip.netlist.is_some() { 2 } else { 0 });
            let names: Vec<_> = compiled.graph.populations.iter().map(|population| &population.name[..]).collect();
            prop_assert_eq!(&names[..5], &["prior.0", "prior.1", "prior.2", "select", "decoder.input"]);
            prop_assert_eq!(names.last(), Some(&"readout"));
        }
    }

    /// The verifier's own integer arithmetic is that of the reference interpreter, fed the same spikes: same counts, same pictures.
    #[test]
    fn the_verifier_counts_what_the_interpreter_computes(checkpoint in checkpoints(), seed: u64) {
        let (compiled, _) = compiled(&checkpoint, "loihi");
        let Compiled { float, graph, .. } = &compiled;
        let engine = FloatEngine::from(float);
        let verification = verify(&engine, graph, float.config.threshold, 1, seed, || ());

        let float_run = run(&engine, float.layers.len(), seed, 0);
        let mut interpreter = Interpreter::new(graph, seed, 0);
        for (layer, spikes) in float.layers.iter().zip(&float_run.spikes) {
            interpreter = interpreter.with_forced(graph.find(&layer.wiring.name).unwrap(), SpikeTrain::clone(spikes));
        }
        let integer_run = interpreter.run();
        for (layer, (agreement, spikes)) in verification.layers.iter().zip(&float_run.spikes).enumerate() {
            let id = graph.find(&float.layers[layer].wiring.name).unwrap().index();
            let pairs = spikes.iter().zip(&integer_run.spikes).flat_map(|(float, integer)| float.iter().zip(&integer[id]));
            let (total, equal) = pairs.fold((0, 0), |(total, equal), (a, b)| (total + 1, equal + usize::from(a == b)));
            prop_assert!((agreement.agreement_percent - 100.0 * equal as f64 / total as f64).abs() < 1e-9);
        }
        let pixels = integer_run.pixels.last().unwrap().as_ref().unwrap();
        let equal = pixels.iter().zip(&float_run.readout).filter(|(byte, exact)| **byte == pixel(**exact)).count();
        prop_assert!((verification.pixels.equal_percent - 100.0 * equal as f64 / pixels.len() as f64).abs() < 1e-9);
    }
}

/// The demand of `--verify`, on networks that nobody trained.
#[test]
fn random_networks_keep_their_spikes() {
    let config = NetworkConfig { image_size: 16, channels: vec![8, 16, 32], latent: 32, ways: 5, steps: 8, ..NetworkConfig::fsvae(1) };
    for (seed, target) in [(1, "loihi"), (2, "loihi"), (3, "generic")] {
        let (compiled, _) = compiled(&checkpoint(config.clone(), seed), target);
        let engine = FloatEngine::from(&compiled.float);
        let verification = verify(&engine, &compiled.graph, compiled.float.config.threshold, 16, 1, || ());
        assert!(verification.holds(), "{target} {seed}: {verification:#?}");
        for layer in &verification.layers {
            assert!((0.02..0.6).contains(&layer.float_rate), "a network that is neither silent nor cramped: {layer:#?}");
        }
        assert!(verification.pixels.psnr_db.is_none_or(|psnr| psnr > 35.0), "{:#?}", verification.pixels);
    }
}

/// A bias before the batch norm is folded too.
#[test]
fn a_bias_before_tdbn_is_scaled_and_shifted() {
    let mut network = import(&checkpoint(small_config(), 5), Purpose::Generate).unwrap();
    let layer = &mut network.layers[0];
    let norm = layer.norm.as_mut().unwrap();
    (layer.weights[0], layer.bias[0]) = (0.5, 3.0);
    (norm.alpha, norm.gamma[0], norm.beta[0], norm.mean[0], norm.variance[0]) = (2.0, 1.5, 0.25, 1.0, 4.0 - 1e-5);
    let folded = fold(network).unwrap();
    // s = 1.5 * 2 * 0.2 / 2 = 0.3
    assert!((folded.layers[0].weights[0] - 0.15).abs() < 1e-7);
    assert!((folded.layers[0].bias[0] - (0.3 * (3.0 - 1.0) + 0.25)).abs() < 1e-6);
}

/// Absurd parameters give a graph (all weights clipped) or an error, never a panic.
#[test]
fn parameters_at_the_end_of_the_floats_are_no_panic() {
    for value in [f32::MAX, -f32::MAX, 1e30, 1e-38, 0.0] {
        for name in ["prior.layers.1.bn.weight", "decoder.0.weight", "decoder_input.bn.bias", "final_layer.1.weight", "final_layer.1.bias"]
        {
            let mut absurd = checkpoint(small_config(), 5);
            let tensor = absurd.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap();
            let values = vec![value; tensor.values.len()];
            *tensor = fsvae_checkpoint::NamedTensor::f32(name, tensor.shape.clone(), values);
            for target in ["loihi", "generic"] {
                if let Ok(compiled) = compile(&absurd, &lif_chip::find(target).unwrap(), "absurd") {
                    verify(&FloatEngine::from(&compiled.float), &compiled.graph, 0.2, 1, 1, || ());
                }
            }
        }
    }
}

#[test]
fn the_readout_has_no_batch_norm_and_no_threshold() {
    let (compiled, _) = compiled(&checkpoint(small_config(), 5), "loihi");
    assert_eq!(compiled.float.layers.last().unwrap().norm, None);
    let readout = compiled.graph.populations.last().unwrap();
    assert!(matches!(&readout.model, NeuronModel::Readout { membrane, .. } if membrane.decay.multiplier == 3277));
}

/// A bias beyond the chip's range becomes its end, and is counted.
#[test]
fn clipped_biases_are_told() {
    let mut layer = fold(import(&checkpoint(small_config(), 5), Purpose::Generate).unwrap()).unwrap().layers[0].clone();
    let inputs = rates::LayerInputs::independent(vec![rates::Input { mean: 0.2, variance: 0.16 }; layer.wiring.channels().0]);
    let (chip, neuron) = (lif_chip::find("loihi").unwrap(), quantise::Neuron { decay: 0.25, threshold: Some(0.2) });
    let quantised = |layer: &FoldedLayer| quantise::quantise_layer(layer, &inputs, &chip, Scales::default(), neuron, 16).unwrap();
    assert_eq!(quantised(&layer).clipped_biases, 0);
    layer.bias[1] = -1e6;
    let integer = quantised(&layer);
    assert_eq!((integer.clipped_biases, i64::from(integer.bias[1])), (1, -chip.bias_max()));
}

/// Code, cause and remedy of each refusal between a readable checkpoint and a graph.
#[test]
fn what_cannot_be_folded_or_quantised_is_an_error() {
    let mut all = String::new();
    let mut told = |error: CompileError| all += &format!("{}\n", fsvae_cli::describe(&error, false));
    let mut huge = import(&checkpoint(small_config(), 5), Purpose::Generate).unwrap();
    let norm = huge.layers[4].norm.as_mut().unwrap();
    (norm.gamma[2], norm.variance[2]) = (f32::MAX, 0.0);
    told(fold(huge).unwrap_err());

    let mut narrow = lif_chip::find("loihi").unwrap();
    narrow.synapse.input_bits = 9;
    told(compile(&checkpoint(NetworkConfig { latent: 200, ways: 1, ..small_config() }, 5), &narrow, "wide").unwrap_err());

    let layer = &fold(import(&checkpoint(small_config(), 5), Purpose::Generate).unwrap()).unwrap().layers[0];
    let inputs = rates::LayerInputs::independent(vec![rates::Input { mean: 0.2, variance: 0.16 }; layer.wiring.channels().0]);
    let neuron = quantise::Neuron { decay: 0.25, threshold: Some(1e9) };
    told(quantise::quantise_layer(layer, &inputs, &lif_chip::find("loihi").unwrap(), Scales::default(), neuron, 16).unwrap_err());

    let config = NetworkConfig { image_size: 1024, channels: vec![64, 1], latent: 1, ways: 1, steps: 1, ..small_config() };
    told(import(&checkpoint(config, 5), Purpose::Generate).unwrap_err());

    let mut damaged = checkpoint(small_config(), 5);
    damaged.tensors.pop();
    told(import(&damaged, Purpose::Generate).unwrap_err());
    insta::assert_snapshot!("refusals", all);
}

#[test]
fn a_decoder_may_have_a_decay_of_its_own() {
    let config = NetworkConfig { decay: 0.5, decoder_decay: Some(0.75), readout_decay: 0.875, ..small_config() };
    let (compiled, chip) = compiled(&checkpoint(config, 1), "loihi");
    for layer in &compiled.integer.layers {
        let decay = match layer.wiring.part {
            Part::Decoder => 0.75,
            Part::Readout => 0.875,
            _ => 0.5,
        };
        assert_eq!(f64::from(layer.decay.multiplier), decay * f64::from(1 << chip.decay.bits), "{}", layer.wiring.name);
    }
}
