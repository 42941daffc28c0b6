//! The whole chain through the real commands: images, checkpoint, graph and netlist, pictures and events.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A command of the workspace; `cargo test --workspace` builds them all beside this test.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join(name);
    assert!(path.exists(), "{name} is not built: run the tests of the whole workspace, `cargo test --release --workspace`");
    path
}

fn run(folder: &Path, name: &str, words: &[&str]) -> Output {
    let output = Command::new(binary(name)).current_dir(folder).args(words).output().unwrap();
    assert!(output.status.success(), "{name} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("--json prints one object")
}

#[test]
fn from_images_to_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    run(
        folder.path(),
        "fsvae-train",
        &["fit", "--dataset", "fashion-mnist", "--preset", "tiny", "--limit", "800", "--epochs", "1", "--out", "run"],
    );
    run(folder.path(), "fsvae-compile", &["run/model.mpk", "--target", "loihi"]);
    let netlist: Value = serde_json::from_slice(&at("model-loihi/netlist.json")).unwrap();
    assert!(netlist["processes"].as_array().is_some_and(|processes| processes.len() > 10));
    assert!(at("model-loihi/arrays.npz").starts_with(b"PK"));

    let generate = |threads: &str, picture: &str, events: &str| {
        let words = [
            "generate",
            "model-loihi/model.lif",
            "--count",
            "4",
            "--seed",
            "1",
            "--json",
            "--threads",
            threads,
            "--out",
            picture,
            "--events",
            events,
        ];
        json(&run(folder.path(), "fsvae-sim", &words))
    };
    let (one, two) = (generate("1", "one.png", "one.npz"), generate("2", "two.png", "two.npz"));
    assert!(at("one.png") == at("two.png") && at("one.npz") == at("two.npz"), "the number of threads changes the files");
    assert_eq!(one["fingerprint"], two["fingerprint"]);
    assert_eq!(one["images"], 4);
    assert!(one["spikes"].as_u64().unwrap() > 0 && one["synaptic_operations"].as_u64() > one["spikes"].as_u64());

    let verified = run(folder.path(), "fsvae-compile", &["run/model.mpk", "--target", "loihi", "--verify", "--images", "4", "--json"]);
    let layers = json(&verified)["verification"]["layers"].as_array().unwrap().clone();
    assert!(layers.len() >= 8 && layers.iter().all(|layer| layer["agreement_percent"].as_f64().unwrap() >= 99.0));

    // The integers are measured beside the network that they were compiled from, on the same images with the same picks.
    let evaluate = ["evaluate", "run/model.mpk", "--compiled", "model-loihi", "--limit", "100", "--samples", "300", "--json"];
    let scores = json(&run(folder.path(), "fsvae-train", &evaluate));
    let number = |pointer: &str| scores.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} of {scores}"));
    for score in ["reconstruction_mse", "fad_published", "fad_running"] {
        let relative = number(&format!("/compiled/{score}")) / number(&format!("/{score}")) - 1.0;
        assert!((relative - number(&format!("/compiled/relative/{score}"))).abs() < 1e-12, "{score}: {scores}");
        assert!(relative != 0.0 && relative.abs() < 0.1, "{score}: {scores}");
    }
    let table = String::from_utf8(run(folder.path(), "fsvae-train", &evaluate[..evaluate.len() - 1]).stdout).unwrap();
    assert!(table.contains("compiled: reconstruction MSE") && table.contains("compiled: FAD published"), "{table}");

    // The two files the wrong way round.
    let lif = |name: &str| folder.path().join("model-loihi").join(name);
    std::fs::copy(lif("model.reconstruct.lif"), lif("model.lif")).unwrap();
    let refused = Command::new(binary("fsvae-train")).current_dir(folder.path()).args(evaluate).output().unwrap();
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains("error[E200]") && message.contains("it takes an image instead of drawing one"), "{message}");
}
