//! The network that reconstructs: what its steps promise, on random networks.

mod common;
mod small;

use common::checkpoint;
use fsvae_checkpoint::{Checkpoint, NetworkConfig};
use fsvae_compile::*;
use lif_graph::{Interpreter, NeuronModel, PopulationId, SpikeTrain};
use lif_sim::{Engine, Inputs, Record};
use proptest::prelude::*;

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

fn compiled(checkpoint: &Checkpoint, target: &str) -> Compiled {
    let options = Options { purpose: Purpose::Reconstruct, ..Options::new("random") };
    compile_with(checkpoint, &lif_chip::find(target).expect("in the catalogue"), options, &[]).expect("it compiles")
}

/// Pixels that differ from each other, of an image of the network's size.
fn pixels(compiled: &Compiled, seed: u64) -> Vec<u8> {
    let count = compiled.float.layers[0].wiring.source.neurons() as u64;
    (0..count).map(|place| (place.wrapping_mul(0x9e37_79b9).wrapping_add(seed) >> 3) as u8).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The rules hold; layer after layer listens to what it listened to; currents fit the chip; the engine does what the interpreter does.
    #[test]
    fn every_network_becomes_a_graph_that_the_engine_runs(
        checkpoint in checkpoints(), target in prop::sample::select(&["loihi", "generic", "spinnaker1"][..]), seed: u64,
    ) {
        let compiled = compiled(&checkpoint, target);
        let graph = &compiled.graph;
        prop_assert_eq!(graph.check(), Ok(()));
        let names: Vec<_> = graph.populations.iter().map(|population| &population.name[..]).collect();
        prop_assert_eq!((names[0], names[1], names[names.len() - 1]), ("image", "encoder.0", "readout"));
        let layers = compiled.integer.layers.iter();
        for (layer, worst) in layers.clone().map(|layer| (&layer.wiring.name, layer.worst)) {
            prop_assert_eq!(graph.worst_cases()[graph.find(layer).unwrap().index()], worst, "{}", layer);
        }
        let posterior = graph.projections_into(graph.find("posterior.0").unwrap()).map(|(_, row)| row.name.clone()).collect::<Vec<_>>();
        prop_assert_eq!(posterior, ["encoder.output->posterior.0", "select->posterior.0"]);

        let pixels = pixels(&compiled, seed);
        let run = Interpreter::new(graph, seed, 3).with_image(PopulationId(0), &pixels).run();
        let engine = Engine::new(graph).unwrap();
        let inputs = engine.with_image(Inputs::default(), PopulationId(0), &pixels).unwrap();
        let drawing = engine.draw(&mut engine.state(), seed, 3, &inputs, Record { membranes: true, ..Record::default() });
        prop_assert_eq!(drawing.membranes, run.membranes);
        prop_assert_eq!(Some(drawing.pixels), run.pixels.last().unwrap().clone());
    }

    /// The verifier's own integer arithmetic is that of the reference interpreter, fed the same spikes.
    #[test]
    fn the_verifier_counts_what_the_interpreter_computes(checkpoint in checkpoints(), seed: u64) {
        let compiled = compiled(&checkpoint, "loihi");
        let Compiled { float, graph, .. } = &compiled;
        let (engine, pixels) = (FloatEngine::from(float), pixels(&compiled, seed));
        let verification = verify_with(&engine, graph, float.config.threshold, 1, seed, |_| pixels.clone(), || ());

        let mut trains: Vec<SpikeTrain> = vec![vec![]; float.layers.len()];
        engine.reconstruct(&pixels, seed, 0, |step| {
            trains[step.layer].push((0..step.shape.neurons()).map(|neuron| step.spikes.contains(&(neuron as u32))).collect());
        });
        let mut interpreter = Interpreter::new(graph, seed, 0).with_image(PopulationId(0), &pixels);
        for (layer, spikes) in float.layers.iter().zip(&trains) {
            interpreter = interpreter.with_forced(graph.find(&layer.wiring.name).unwrap(), spikes.clone());
        }
        let integer_run = interpreter.run();
        for (layer, agreement) in verification.layers.iter().enumerate() {
            let id = graph.find(&float.layers[layer].wiring.name).unwrap().index();
            let pairs = trains[layer].iter().zip(&integer_run.spikes).flat_map(|(float, integer)| float.iter().zip(&integer[id]));
            let (total, equal) = pairs.fold((0, 0), |(total, equal), (a, b)| (total + 1, equal + usize::from(a == b)));
            prop_assert!((agreement.agreement_percent - 100.0 * equal as f64 / total as f64).abs() < 1e-9, "{}", agreement.population);
            // a layer without a wrong spike draws the float network's picture
            prop_assert!(equal < total || agreement.picture_psnr_db.is_none());
        }
    }
}

/// The demand of `--verify`, on networks that nobody trained.
#[test]
fn random_networks_keep_their_spikes() {
    let config = NetworkConfig { image_size: 16, channels: vec![8, 16, 32], latent: 32, ways: 5, steps: 8, ..NetworkConfig::fsvae(1) };
    for (seed, target) in [(1, "loihi"), (2, "generic"), (3, "spinnaker1")] {
        let compiled = compiled(&checkpoint(config.clone(), seed), target);
        let engine = FloatEngine::from(&compiled.float);
        let shown = |image| pixels(&compiled, image);
        let verification = verify_with(&engine, &compiled.graph, compiled.float.config.threshold, 16, 1, shown, || ());
        assert!(verification.holds(), "{target} {seed}: {verification:#?}");
    }
}

/// A current is rounded to the unit of a weight, and the finest unit that fits is taken.
#[test]
fn currents_are_as_fine_as_the_chip_allows() {
    let checkpoint = checkpoint(small::small_config(), 5);
    let (loihi, generic) = (compiled(&checkpoint, "loihi"), compiled(&checkpoint, "generic"));
    for (compiled, largest) in [(&loihi, 16_383), (&generic, i64::from(i32::MAX))] {
        let layer = &compiled.integer.layers[0];
        let worst = i64::try_from(layer.worst.input.magnitude()).unwrap();
        assert!(worst <= largest, "{worst}");
        assert!(layer.weights.iter().any(|weight| weight.abs() > 60), "weights use their range");
    }
    assert_eq!((loihi.integer.layers[0].image_shift, generic.integer.layers[0].image_shift), (Some(4), Some(0)));
    assert!(matches!(loihi.graph.populations[0].model, NeuronModel::Image { shift: 4 }));
}
