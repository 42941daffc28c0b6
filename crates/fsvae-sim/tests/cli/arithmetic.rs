//! `--arithmetic`: a target's ticks.

use crate::folder::Folder;
use crate::network::{TINY, fsvae};
use lif_graph::{Decay, LifGraph, NeuronModel, Rounding};
use serde_json::Value;

/// The small network in integers that both generations of Loihi have.
fn on_loihi() -> LifGraph {
    let mut graph = fsvae(&TINY);
    for population in &mut graph.populations {
        if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &mut population.model {
            let scale = |value: i32, shift: u8| (value << (7 - shift)) & !63;
            membrane.bias.iter_mut().for_each(|bias| *bias = scale(*bias, membrane.input_shift));
            let multiplier = membrane.decay.multiplier << (12 - membrane.decay.shift);
            membrane.decay = Decay { multiplier, shift: 12, rounding: Rounding::TowardZero };
            let shift = std::mem::replace(&mut membrane.input_shift, 7);
            membrane.bits = 24;
            if let NeuronModel::Lif { threshold, .. } = &mut population.model {
                *threshold = vec![scale(threshold[0], shift)];
            }
        }
    }
    for weight in graph.projections.iter_mut().flat_map(|projection| &mut projection.weights) {
        *weight = (*weight).max(-127);
    }
    assert_eq!(graph.check(), Ok(()));
    graph
}

fn summary(folder: &Folder, words: &str) -> Value {
    serde_json::from_str(&folder.run(&format!("generate model.lif --count 3 --json {words}")).stdout).expect("JSON")
}

#[test]
fn ticks_change_nothing_unless_membranes_leak_between_steps() {
    let folder = Folder::with_model(&on_loihi());
    let steps = summary(&folder, "");
    for (words, target, schedule) in [
        ("--arithmetic loihi", "loihi2", "phased"),
        ("--arithmetic loihi2 --schedule buffered", "loihi2", "buffered"),
        ("--arithmetic loihi1 --schedule stepped", "loihi1", "stepped"),
    ] {
        let ticks = summary(&folder, words);
        assert_eq!([&ticks["arithmetic"]["target"], &ticks["arithmetic"]["schedule"]], [target, schedule]);
        for same in ["fingerprint", "spikes", "synaptic_operations"] {
            assert_eq!(ticks[same], steps[same], "{words}: {same}");
        }
    }
    let substep = summary(&folder, "--arithmetic loihi1");
    assert_eq!(substep["arithmetic"]["schedule"], "substep");
    assert_ne!(substep["fingerprint"], steps["fingerprint"]);
    for threads in [1, 2] {
        assert_eq!(summary(&folder, &format!("--arithmetic loihi1 --threads {threads}"))["fingerprint"], substep["fingerprint"]);
    }
    let text = folder.run("generate model.lif --count 3 --arithmetic loihi1").stdout;
    assert!(text.contains("in the arithmetic of loihi1, substep: 87 ticks an image\n"), "{text}");
}

#[test]
fn what_a_target_cannot_run() {
    let folder = Folder::with_model(&fsvae(&TINY));
    let mut messages = String::new();
    for words in ["--arithmetic abacus", "--arithmetic loihi2", "--arithmetic loihi2 --schedule fast", "--schedule phased"] {
        let output = folder.run_any(&format!("generate model.lif {words}"));
        assert_eq!((output.code, &output.stdout[..]), (Some(2), ""));
        messages += &format!("{words}\n{}\n", output.stderr);
    }
    let folder = Folder::with_model(&on_loihi());
    messages += &folder.run_any("generate model.lif --arithmetic loihi1 --schedule phased").stderr;
    assert_eq!(folder.files(), ["model.lif"]);
    insta::assert_snapshot!(messages);
}
