//! Networks without spikes from outside: the ANN VAE and the autoencoder for FAD, on colour images.

use crate::common::{run, stderr, stdout, write_cifar};
use fsvae_checkpoint::AnnCheckpoint;
use serde_json::Value;
use std::path::Path;

const FIT: &str = "fit --dataset cifar-10 --data data --unverified-data --preset tiny --seed 3";

fn evaluate(folder: &Path, words: &str) -> Value {
    serde_json::from_str(&stdout(folder, &format!("evaluate {words} --data data --unverified-data --json"))).unwrap()
}

fn number(value: &Value, field: &str) -> f64 {
    value[field].as_f64().unwrap_or_else(|| panic!("{field} of {value}"))
}

#[test]
fn the_vae_learns_resumes_and_is_measured_with_an_autoencoder_that_was_fitted_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_cifar(&folder.join("data"), 80);

    // The VAE: the same bytes whether it runs through or is resumed, on any number of threads.
    let printed = stdout(folder, &format!("{FIT} --model ann-vae --out vae --epochs 4 --threads 1"));
    assert!(printed.contains("next: fsvae-train evaluate vae/model.mpk"), "{printed}");
    stdout(folder, &format!("{FIT} --model ann-vae --out halves --epochs 2"));
    stdout(folder, "fit --resume --out halves --data data --unverified-data --epochs 4 --threads 2");
    let checkpoint = |run: &str| AnnCheckpoint::from_bytes(&std::fs::read(folder.join(run)).unwrap()).unwrap();
    assert!(checkpoint("vae/training.mpk").tensors == checkpoint("halves/training.mpk").tensors);
    let model = checkpoint("vae/model.mpk");
    model.check().unwrap();
    assert_eq!(
        model.training.command,
        "fsvae-train fit --model ann-vae --dataset cifar-10 --preset tiny --epochs 4 --seed 3 --unverified-data"
    );
    let log = std::fs::read_to_string(folder.join("vae/log.jsonl")).unwrap();
    let steps: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|e: &Value| e["event"] == "step").collect();
    assert!(steps.iter().all(|step| number(step, "prior") > 0.0), "the divergence is logged");
    assert!(number(steps.last().unwrap(), "mse") < 0.7 * number(&steps[0], "mse"), "no progress");
    assert!(folder.join("vae/samples-004.png").exists() && folder.join("vae/report.html").exists());

    // The autoencoder: no samples, but an encoder and statistics.
    let printed = stdout(folder, &format!("{FIT} --model fad-autoencoder --out fad --epochs 3"));
    assert!(printed.contains("fad/report.html"), "{printed}");
    assert!(!folder.join("fad/samples-003.png").exists() && folder.join("fad/reconstructions-003.png").exists());
    let plain = evaluate(folder, "vae/model.mpk --samples 200 --seed 3"); // the noise that `fit` measured with
    assert!(plain.get("fad_published").is_none(), "no encoder is shipped for such images");
    let scores = evaluate(folder, "vae/model.mpk --samples 200 --fad fad/fad.safetensors --seeds 2");
    let anchors = scores["fad_anchors"].as_array().unwrap();
    assert_eq!((&anchors[0]["images"], &anchors[1]["images"]), (&Value::from("training images"), &Value::from("uniform noise")));
    // Training images are like the test images; samples of so small a network are not quite.
    for variant in ["published", "running"] {
        let (samples, training) = (number(&scores, &format!("fad_{variant}")), number(&anchors[0], variant));
        assert!(training < samples, "{variant}: {scores}");
    }
    assert!(number(&anchors[0], "running") < 0.1 * number(&anchors[1], "running"), "{anchors:?}");

    let recorded = checkpoint("vae/model.mpk").training.scores["test_mse"];
    assert!((number(&plain, "reconstruction_mse") - recorded).abs() < 1e-3, "fit measured {recorded}: {plain}");
    let operations = &plain["operations"];
    assert!(number(&operations["reconstruction"], "multiplications") > number(&operations["generation"], "multiplications"));
    assert!(plain.get("firing_rates").is_none());
    let of_autoencoder = evaluate(folder, "fad/model.mpk");
    assert!(number(&of_autoencoder, "reconstruction_mse") > 0.0 && of_autoencoder.get("fad_published").is_none());

    let mut report = String::new();
    for words in [
        "evaluate vae/model.mpk --data data --unverified-data --fad vae/model.mpk",
        "evaluate vae/model.mpk --data data --unverified-data --fad data/missing",
        "fit --model ann-vae --dataset cifar-10 --data data --unverified-data --preset tiny --weight-bits 4 --out new",
        "fit --dataset cifar-10 --data data --unverified-data --from vae/model.mpk --out new",
        "fit --model ann-vae --dataset cifar-10 --data data --unverified-data --config wrong.toml --out new",
        "report data",
    ] {
        std::fs::write(folder.join("wrong.toml"), "[recipe]\nsurrogate = \"paper\"\n").unwrap();
        let output = run(folder, words);
        assert_eq!(output.status.code(), Some(2), "{words}: {}", stderr(&output));
        assert!(output.stdout.is_empty() && !folder.join("new").exists(), "{words} wrote something");
        report += &format!("$ fsvae-train {words}\n{}\n", stderr(&output));
    }
    insta::assert_snapshot!(report);
}
