//! Colour images: CIFAR-10's and CelebA's form, mirrored images, validation splits, broken files.

use crate::common::{run, stdout, write_cifar};
use fsvae_checkpoint::{Checkpoint, NamedTensor};
use serde_json::Value;
use std::path::Path;

/// Pictures in CelebA's form.
const CELEBA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fsvae-data/tests/golden/celeba/img_align_celeba");

/// 24 pictures: 16 to learn, 4 of the validation split, 4 of the test.
fn write_celeba(folder: &Path) {
    std::fs::create_dir_all(folder.join("img_align_celeba")).unwrap();
    let part = |picture| (picture > 16) as u8 + (picture > 20) as u8;
    for picture in 1..=24 {
        let from = Path::new(CELEBA).join(format!("{:06}.jpg", picture % 5 + 1));
        std::fs::copy(from, folder.join(format!("img_align_celeba/{picture:06}.jpg"))).unwrap();
    }
    let lines: String = (1..=24).map(|picture| format!("{picture:06}.jpg {}\r\n", part(picture))).collect();
    std::fs::write(folder.join("list_eval_partition.txt"), lines).unwrap();
}

fn checkpoint(path: &Path) -> Checkpoint {
    Checkpoint::from_bytes(&std::fs::read(path).unwrap()).unwrap()
}

fn log(folder: &Path, run: &str, event: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(run).join("log.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|entry: &Value| entry["event"] == event).collect()
}

#[test]
fn cifar_is_learnt_mirrored_and_measured_on_images_set_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_cifar(&folder.join("data/cifar-10-batches-bin"), 20);
    std::fs::write(folder.join("apart.toml"), "[schedule]\nvalidation = 12\n").unwrap();
    std::fs::write(folder.join("still.toml"), "[schedule]\nvalidation = 12\n[recipe]\nflip = false\n").unwrap();
    let fit = |config: &str, more: &str| {
        let words = "fit --dataset cifar-10 --data data --unverified-data --preset tiny --seed 3";
        stdout(folder, &format!("{words} --config {config} {more}"))
    };
    let printed = fit("apart.toml", "--out two --epochs 2 --threads 1");
    assert!(printed.contains("on 12 validation images"), "{printed}");
    let start = &log(folder, "two", "start")[0];
    assert_eq!((&start["images"], &start["settings"]["recipe"]["flip"]), (&Value::from(88), &Value::from(true)));
    let epochs = log(folder, "two", "epoch");
    assert!(epochs.len() == 2 && epochs.iter().all(|e| e["validation_images"] == 12 && e.get("test_mse").is_none()), "{epochs:?}");

    let tensors = |run: &str| -> Vec<NamedTensor> { checkpoint(&folder.join(run).join("training.mpk")).tensors };
    fit("apart.toml", "--out one --epochs 1");
    stdout(folder, "fit --resume --out one --data data --unverified-data --epochs 2 --threads 2");
    assert!(tensors("one") == tensors("two"), "the resumed run mirrors other images");
    fit("still.toml", "--out still --epochs 2");
    assert!(tensors("still") != tensors("two"), "nothing was mirrored");

    let evaluate = |split: &str| -> Value {
        let words = format!("evaluate two/model.mpk --data data --unverified-data --seed 3 --json{split}");
        serde_json::from_str(&stdout(folder, &words)).unwrap()
    };
    let (validation, test) = (evaluate(" --split validation"), evaluate(""));
    assert_eq!((&validation["split"], &validation["images"]), (&Value::from("validation"), &Value::from(12)));
    assert_eq!((&test["split"], &test["images"], test.get("fad_running")), (&Value::from("test"), &Value::from(20), None));
    let scores = checkpoint(&folder.join("two/model.mpk")).training.scores;
    // The shipped file has half precision, the run measured the full one.
    assert!((validation["reconstruction_mse"].as_f64().unwrap() - scores["validation_mse"]).abs() < 1e-3);
    assert_eq!(scores.keys().collect::<Vec<_>>(), ["validation_images", "validation_mse"]);
}

#[test]
fn celeba_is_learnt_from_its_pictures_and_a_broken_one_costs_no_progress() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_celeba(&folder.join("data"));
    std::fs::write(folder.join("small.toml"), "[schedule]\nvalidation = 3\n[recipe]\nbatch = 4\n").unwrap();
    let fit =
        "fit --dataset celeba --data data --unverified-data --preset tiny --seed 3 --config small.toml --epochs 2 --checkpoint-every 0";
    stdout(folder, &format!("{fit} --out whole --threads 1"));
    let model = checkpoint(&folder.join("whole/model.mpk"));
    assert_eq!((model.config.image_size, model.config.image_channels, model.config.channels.len()), (64, 3, 5));
    assert_eq!((model.training.images_seen, model.training.scores["validation_images"]), (32, 3.0));
    let evaluate = |split: &str| stdout(folder, &format!("evaluate whole/model.mpk --data data --unverified-data --split {split}"));
    assert!(evaluate("validation").contains("on 3 validation images of celeba"));
    assert!(evaluate("test").contains("on 4 test images of celeba") && evaluate("test").contains("no FAD"));

    // A training picture: the run ends when its turn comes.
    let picture = folder.join("data/img_align_celeba/000007.jpg");
    let sound = std::fs::read(&picture).unwrap();
    std::fs::write(&picture, &sound[..sound.len() / 2]).unwrap();
    let failed = run(folder, &format!("{fit} --out broken"));
    assert_eq!(failed.status.code(), Some(2));
    assert!(failed.stdout.is_empty());
    let message = String::from_utf8(failed.stderr).unwrap();
    assert!(message.starts_with("error[E133]: data/img_align_celeba/000007.jpg"), "{message}");
    std::fs::write(&picture, sound).unwrap();
    stdout(folder, "fit --resume --out broken --data data --unverified-data");
    let bytes = |run: &str| std::fs::read(folder.join(run).join("training.mpk")).unwrap();
    assert!(bytes("broken") == bytes("whole"), "the repaired run ends otherwise");
}

#[test]
fn every_refusal_of_a_data_set_is_one_clear_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let at = |path: &str| folder.join(path);
    for name in ["cifar", "label", "cut"] {
        write_cifar(&at(name), 16);
    }
    let mut batch = std::fs::read(at("label/data_batch_3.bin")).unwrap();
    batch[3073 * 5] = 17;
    std::fs::write(at("label/data_batch_3.bin"), &batch).unwrap();
    std::fs::write(at("cut/data_batch_2.bin"), &batch[..30_000]).unwrap();
    write_celeba(&at("celeba"));
    for (name, line) in [("seven", "000001.jpg 7"), ("missing", "000099.jpg 0"), ("outside", "../../secret.jpg 0")] {
        write_celeba(&at(name));
        let path = at(name).join("list_eval_partition.txt");
        let lines = std::fs::read_to_string(&path).unwrap().replacen("000001.jpg 0", line, 1);
        std::fs::write(path, lines).unwrap();
    }
    std::fs::write(at("apart.toml"), "[schedule]\nvalidation = 80\n").unwrap();
    std::fs::write(at("grey.toml"), "[network]\nimage_channels = 1\n").unwrap();
    stdout(folder, "fit --dataset cifar-10 --preset tiny --data cifar --unverified-data --out good --epochs 1");
    let mut report = String::new();
    for command in [
        "fit --dataset cifar-10 --preset tiny --out new --data cifar",
        "fit --dataset celeba --preset tiny --out new --data celeba",
        "fit --dataset cifar-10 --preset tiny --out new --data celeba --unverified-data",
        "fit --dataset cifar-10 --preset tiny --out new --data label --unverified-data",
        "fit --dataset cifar-10 --preset tiny --out new --data cut --unverified-data",
        "fit --dataset cifar-10 --preset tiny --out new --data cifar --unverified-data --config apart.toml",
        "fit --dataset cifar-10 --preset tiny --out new --data cifar --unverified-data --config grey.toml",
        "fit --dataset celeba --preset tiny --out new --data seven --unverified-data",
        "fit --dataset celeba --preset tiny --out new --data missing --unverified-data",
        "fit --dataset celeba --preset tiny --out new --data outside --unverified-data",
        "fit --dataset celeba --preset tiny --out new --data celeba --unverified-data --config apart.toml",
        "evaluate good/model.mpk --data cifar --unverified-data --split validation",
        "evaluate good/model.mpk --dataset mnist --data cifar",
    ] {
        let output = run(folder, command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {stderr}");
        assert!(output.stdout.is_empty() && !at("new").exists(), "{command} wrote something");
        report += &format!("$ fsvae-train {command}\n{stderr}\n");
    }
    insta::assert_snapshot!(report);
}
