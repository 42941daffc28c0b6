//! The shipped models: small, whole, and what their cards say.

use fsvae_checkpoint::{Checkpoint, TRAINING_STATE_PREFIX};
use fsvae_compile::{Compiled, FloatEngine, compile, verify};
use lif_graph::{Interpreter, LifGraph};
use lif_sim::{Engine, Event, Record};
use std::path::PathBuf;

const MODELS: [&str; 2] = ["fashion-mnist", "mnist"];

fn read(model: &str, file: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../models")).join(model).join(file);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn compiled(model: &str) -> (Checkpoint, Compiled) {
    let checkpoint = Checkpoint::from_bytes(&read(model, "model.mpk")).unwrap();
    let compiled = compile(&checkpoint, &lif_chip::find("loihi").unwrap(), "model").unwrap();
    (checkpoint, compiled)
}

#[test]
fn the_shipped_graph_is_the_compiled_checkpoint() {
    for model in MODELS {
        let (checkpoint, compiled) = compiled(model);
        assert!(compiled.graph.to_bytes() == read(model, "model.lif"), "{model}: compile model.mpk for loihi again");
        assert!(read(model, "model.mpk").len() < 12 << 20);
        assert!(checkpoint.tensors.iter().all(|tensor| !tensor.name.starts_with(TRAINING_STATE_PREFIX)));
        assert_eq!(LifGraph::from_bytes(&read(model, "model.lif")).unwrap(), compiled.graph);
    }
}

#[test]
fn the_card_says_how_the_model_came_to_be() {
    for model in MODELS {
        let (checkpoint, _) = compiled(model);
        let card = String::from_utf8(read(model, "README.md")).unwrap();
        let training = &checkpoint.training;
        let measured = training.scores.iter().filter(|(name, _)| name.ends_with("_mse"));
        let scores: Vec<String> = measured.map(|(_, score)| format!("{score:.5}")).collect();
        assert!(!scores.is_empty(), "{model}: nobody measured it");
        let counts = [format!("{} images", training.images_seen), format!("{} epochs", training.epochs)];
        for fact in scores.into_iter().chain(counts).chain([training.command.clone()]) {
            assert!(card.contains(&fact), "{model}: the card does not say {fact:?}");
        }
    }
}

#[test]
fn every_layer_of_the_graph_agrees_with_the_float_network() {
    for model in MODELS {
        let (checkpoint, compiled) = compiled(model);
        let engine = FloatEngine::from(&compiled.float);
        let verification = verify(&engine, &compiled.graph, checkpoint.config.threshold, 64, 1, || ());
        assert!(verification.holds(), "{model}: {:#?}", verification.layers);
    }
}

/// Placed by measured rates, spikes go 40 % less far than core by core in order, and where they go does not depend on threads.
#[test]
fn spikes_have_short_ways() {
    for model in MODELS {
        for target in ["loihi1", "loihi2"] {
            let chip = lif_chip::find(target).unwrap();
            let graph = compile(&Checkpoint::from_bytes(&read(model, "model.mpk")).unwrap(), &chip, "model").unwrap().graph;
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| fsvae_compile::map(&graph, &chip)).unwrap()
            };
            let mapping = on(1);
            assert!(mapping.rates.measured);
            assert!(10 * mapping.hops.annealed <= 6 * mapping.hops.sequential, "{model} on {target}: {:?}", mapping.hops);
            assert_eq!(mapping, on(3));
        }
    }
}

#[test]
fn the_engine_is_the_interpreter_on_16_images() {
    for model in MODELS {
        let graph = LifGraph::from_bytes(&read(model, "model.lif")).unwrap();
        let engine = Engine::new(&graph).unwrap();
        let inputs = engine.inputs(&[]).unwrap();
        let record = Record { events: true, membranes: true, ..Record::default() };
        for image in 0..16 {
            let drawing = engine.draw(&mut engine.state(), 1, image, &inputs, record);
            let run = Interpreter::new(&graph, 1, image).run();
            assert!(drawing.membranes == run.membranes, "{model}: a final membrane of image {image} differs");
            assert_eq!(Some(drawing.pixels), run.pixels.into_iter().flatten().next(), "{model}: image {image}");
            let mut fired = run.spikes;
            for Event { step, population, neuron } in drawing.events {
                let spike = &mut fired[step as usize][population.index()][neuron as usize];
                assert!(std::mem::take(spike), "{model}: image {image} has a spike too many");
            }
            assert!(fired.iter().flatten().flatten().all(|fired| !fired), "{model}: image {image} lacks a spike");
        }
    }
}
