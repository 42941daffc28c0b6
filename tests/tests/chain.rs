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

/// A prior of components: trained on from a model without, compiled, compared, drawn.
#[test]
fn a_prior_of_components() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("components.toml"), "[network]\ncomponents = 8\n[recipe]\nlearn = \"prior\"\n").unwrap();
    let fit = |words: &[&str]| {
        let common = ["fit", "--dataset", "fashion-mnist", "--limit", "400", "--epochs", "1"];
        run(folder.path(), "fsvae-train", &[&common, words].concat());
    };
    fit(&["--preset", "tiny", "--out", "without"]);
    fit(&["--from", "without/model.mpk", "--config", "components.toml", "--out", "run"]);
    let evaluate = ["evaluate", "run/model.mpk", "--limit", "100", "--samples", "300", "--json"];
    let rate = |pass: &str| json(&run(folder.path(), "fsvae-train", &evaluate))["firing_rates"][pass]["component"].as_f64();
    assert_eq!((rate("generation"), rate("reconstruction")), (Some(1.0 / 8.0), None), "one of them fires, when an image is drawn");
    for target in ["loihi", "generic"] {
        let words = ["run/model.mpk", "--target", target, "--verify", "--images", "8", "--json"];
        let compiled = json(&run(folder.path(), "fsvae-compile", &words));
        let layers = compiled["verification"]["layers"].as_array().unwrap();
        assert!(layers.iter().all(|layer| layer["agreement_percent"].as_f64().unwrap() >= 99.0), "{layers:?}");
        run(folder.path(), "fsvae-compile", &["run/model.mpk", "--target", target]);
        let graph = format!("model-{target}/model.lif");
        let drawn = json(&run(folder.path(), "fsvae-sim", &["generate", &graph, "--count", "4", "--json", "--out", "images.png"]));
        assert!(drawn["spikes"].as_u64().unwrap() > 0);
    }
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
}
