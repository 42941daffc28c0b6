//! Runs, kills, resumes, refusals.

use crate::common::{self, stderr, workplace};
use fsvae_checkpoint::Checkpoint;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

fn command(folder: &Path, words: &[&str]) -> Command {
    common::command(folder, &words.join(" "))
}

fn run(folder: &Path, words: &[&str]) -> Output {
    command(folder, words).output().unwrap()
}

/// Trained floats, and so digests, may differ between kinds of processors.
fn without_digests(text: &str) -> String {
    let digests = text.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 64);
    digests.fold(text.to_owned(), |text, digest| text.replace(digest, "<digest>"))
}

const FIT: [&str; 10] = ["fit", "--dataset", "mnist", "--data", "data", "--unverified-data", "--preset", "tiny", "--seed", "3"];

fn fit<'a>(more: &[&'a str]) -> Vec<&'a str> {
    FIT.iter().copied().chain(more.iter().copied()).collect()
}

#[test]
fn a_killed_run_ends_with_the_bytes_of_an_undisturbed_one() {
    const STEPS_PER_EPOCH: u64 = 100;
    let folder = workplace(16 * STEPS_PER_EPOCH as usize, 100);
    let undisturbed = run(folder.path(), &fit(&["--out", "a", "--threads", "1"]));
    assert!(undisturbed.status.success(), "{}", stderr(&undisturbed));

    let steps = || {
        let bytes = std::fs::read(folder.path().join("b/training.mpk")).ok()?;
        Some(Checkpoint::from_bytes(&bytes).expect("a checkpoint is whole at any moment").training.steps)
    };
    let kill_at = |words: &[&str], step: u64| {
        let mut child = command(folder.path(), words).stdout(std::process::Stdio::null()).spawn().unwrap();
        while steps().is_none_or(|s| s < step) {
            assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_ne!(steps().unwrap() % STEPS_PER_EPOCH, 0, "the kill should fall into the middle of an epoch");
    };
    kill_at(&fit(&["--out", "b", "--threads", "2", "--checkpoint-every", "0"]), 7);
    kill_at(&["fit", "--resume", "--out", "b", "--data", "data", "--unverified-data", "--checkpoint-every", "0"], STEPS_PER_EPOCH + 11);
    let resume = ["fit", "--resume", "--out", "b", "--data", "data", "--unverified-data", "--threads", "2"];
    let resumed = run(folder.path(), &resume);
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    let again = run(folder.path(), &resume);
    assert!(String::from_utf8_lossy(&again.stdout).starts_with("the run is complete after 2 epochs"), "{}", stderr(&again));
    for file in ["training.mpk", "model.mpk", "samples-001.png", "samples-002.png", "reconstructions-002.png"] {
        let read = |run: &str| std::fs::read(folder.path().join(run).join(file)).unwrap();
        assert!(read("a") == read("b"), "{file} differs");
    }
    let leftovers = std::fs::read_dir(folder.path().join("b")).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    // A kill can leave the part of a file that was being written, under a name of its own.
    let mut names: Vec<String> = leftovers.filter(|name| !name.starts_with(".part-")).collect();
    names.sort();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn it_learns_and_says_what_it_wrote() {
    let folder = workplace(320, 60);
    let output = run(folder.path(), &fit(&["--out", "run", "--epochs", "4"]));
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("next: fsvae-compile run/model.mpk --target loihi"));
    let log = std::fs::read_to_string(folder.path().join("run/log.jsonl")).unwrap();
    let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let errors: Vec<f64> = events.iter().filter(|e| e["event"] == "step").map(|e| e["mse"].as_f64().unwrap()).collect();
    assert!(errors.len() >= 8 && errors.last().unwrap() < &(0.7 * errors[0]), "no progress: {errors:?}");

    let model = Checkpoint::from_bytes(&std::fs::read(folder.path().join("run/model.mpk")).unwrap()).unwrap();
    model.check().unwrap();
    assert_eq!((model.training.steps, model.training.epochs, model.training.images_seen), (80, 4.0, 1280));
    assert_eq!(model.training.command, "fsvae-train fit --dataset mnist --preset tiny --epochs 4 --seed 3 --unverified-data");
    let words =
        ["evaluate", "run/model.mpk", "--data", "data", "--unverified-data", "--json", "--seed", "3", "--samples", "300", "--seeds", "3"];
    let measured = run(folder.path(), &words);
    assert!(measured.status.success(), "{}", stderr(&measured));
    let measured: serde_json::Value = serde_json::from_slice(&measured.stdout).unwrap();
    // The shipped file has half precision, the run measured the full one.
    assert!((measured["reconstruction_mse"].as_f64().unwrap() - model.training.scores["test_mse"]).abs() < 1e-3);
    assert!(measured["fad_published"].as_f64().unwrap() > 1.0 && measured["fad_running"].as_f64().unwrap() > 1.0);
    assert_eq!(measured["fad_anchors"].as_array().unwrap().len(), 6);
    assert!(measured["fad_reconstructions"]["published"].as_f64().unwrap() > 1.0);
    let seeds = &measured["fad_seeds"];
    assert_eq!(seeds["seeds"], serde_json::json!([3, 4, 5]));
    assert_eq!(seeds["published"]["scores"][0], measured["fad_published"], "the first seed is --seed");
    assert!(seeds["running"]["std"].as_f64().unwrap() > 0.0);

    let rates = |pass: &str| measured["firing_rates"][pass].as_object().unwrap().clone();
    let (reconstruction, generation) = (rates("reconstruction"), rates("generation"));
    assert!(
        reconstruction.contains_key("encoder.0")
            && reconstruction.contains_key("posterior.layers.2")
            && !reconstruction.contains_key("prior.layers.0")
    );
    assert!(generation.contains_key("prior.layers.0") && generation.contains_key("decoder.0") && !generation.contains_key("encoder.0"));
    assert!(reconstruction.values().chain(generation.values()).all(|rate| (0.0..=1.0).contains(&rate.as_f64().unwrap())));
    let operations = &measured["operations"];
    for pass in ["reconstruction", "generation"] {
        let of = |part: &serde_json::Value, name: &str| part[name].as_f64().unwrap();
        let (ours, published) = (&operations[pass], &operations["published_counting"][pass]);
        assert!(of(ours, "additions") > of(ours, "multiplications") && of(ours, "multiplications") > 0.0);
        assert!(
            of(published, "additions") > 250.0 * of(ours, "additions"),
            "{pass}: the published counting is of a batch, and counts more"
        );
    }
}

#[test]
fn every_refusal_is_one_clear_error_and_leaves_nothing() {
    let folder = workplace(64, 16);
    let at = |path: &str| folder.path().join(path);
    std::fs::write(at("recipe.toml"), "[recipe]\nbatsh = 3\n").unwrap();
    std::fs::write(at("file"), "").unwrap();
    std::fs::create_dir(at("empty")).unwrap();
    std::fs::create_dir(at("torn")).unwrap();
    std::fs::write(at("torn/training.mpk"), b"\x84\xa6format").unwrap();
    let good = run(folder.path(), &fit(&["--out", "good", "--epochs", "1"]));
    assert!(good.status.success(), "{}", stderr(&good));
    let whole = std::fs::read(at("good/training.mpk")).unwrap();
    for (name, bytes) in [
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("long", [&whole[..], b"x"].concat()),
        ("flipped", whole.iter().enumerate().map(|(i, b)| if i == whole.len() / 3 { b ^ 1 } else { *b }).collect()),
    ] {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("training.mpk"), bytes).unwrap();
    }
    std::fs::create_dir(at("stateless")).unwrap();
    std::fs::copy(at("good/model.mpk"), at("stateless/training.mpk")).unwrap();
    let resume = |run: &'static str| vec!["fit", "--resume", "--data", "data", "--out", run];
    let mut report = String::new();
    for words in [
        fit(&["--out", "new", "--config", "recipe.toml"]),
        fit(&["--out", "new", "--config", "missing.toml"]),
        fit(&["--out", "new", "--batch", "65"]),
        fit(&["--out", "new", "--batch", "0", "--learning-rate=-1", "--epochs", "0"]),
        fit(&["--out", "good"]),
        fit(&["--out", "file/new"]),
        fit(&["--out", "new", "--threads", "0", "--limit", "1"]),
        vec!["fit", "--dataset", "mnist", "--data", "empty", "--out", "new"],
        resume("empty"),
        resume("torn"),
        resume("cut"),
        resume("long"),
        resume("flipped"),
        resume("stateless"),
        vec!["evaluate", "file", "--data", "data"],
        vec!["evaluate", "good/model.mpk", "--data", "empty"],
        vec!["evaluate", "good/model.mpk", "--data", "data", "--samples", "1"],
        vec!["evaluate", "good/model.mpk", "--data", "data", "--inception", "file"],
        vec!["evaluate", "--data", "data"],
        vec!["evaluate", "--anchors", "--dataset", "mnist", "--data", "data", "--unverified-data"],
    ] {
        let output = run(folder.path(), &words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty() && !at("new").exists(), "{words:?} wrote something");
        report += &format!("$ fsvae-train {}\n{}\n", words.join(" "), without_digests(&stderr(&output)));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn the_anchors_of_real_data_are_the_stored_ones_to_three_digits() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["evaluate", "--anchors", "--dataset", "fashion-mnist", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let close = |row: &serde_json::Value, measured: &serde_json::Value, stored: &serde_json::Value| {
        let (measured, stored) = (measured.as_f64().unwrap(), stored.as_f64().unwrap());
        assert!((measured - stored).abs() < 1e-3 * stored, "{row}");
    };
    let (fad, errors) = (report["anchors"]["fad"].as_array().unwrap(), report["anchors"]["reconstruction_mse"].as_array().unwrap());
    assert_eq!((fad.len(), errors.len()), (3, 4));
    for row in fad {
        for variant in ["published", "running"] {
            close(row, &row["measured"][variant], &row["stored"][variant]);
        }
    }
    errors.iter().for_each(|row| close(row, &row["measured"], &row["stored"]));
}
