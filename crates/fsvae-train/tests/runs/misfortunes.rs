//! What becomes of a run that is interrupted, runs out of disk or diverges: a clear end, and never a lost checkpoint.

use crate::common::{FIT, RESUME, command, run, stderr, stdout, training, workplace};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn bytes(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("training.mpk")).unwrap()
}

fn leftovers(run: &Path) -> Vec<String> {
    let names = std::fs::read_dir(run).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".part-")).collect()
}

#[test]
fn an_interrupted_run_says_how_to_go_on_and_goes_on() {
    let folder = workplace(1600, 20);
    let folder = folder.path();
    stdout(folder, &format!("{FIT} --out whole"));
    for signal in ["INT", "TERM"] {
        let name = format!("stopped-{signal}");
        let out = folder.join(&name);
        // Nothing but the interrupt writes a checkpoint in the middle of an epoch.
        let mut child = command(folder, &format!("{FIT} --out {name} --checkpoint-every 100000"));
        let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while !std::fs::read_to_string(out.join("log.jsonl")).is_ok_and(|log| log.contains("\"step\":10}")) {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.starts_with("error[E198]: interrupted after step ") && message.contains("--resume --out"), "{message}");
        let steps = training(&out).unwrap().training.steps;
        assert!((10..100).contains(&steps), "{steps}");
        stdout(folder, &format!("{RESUME} --out {name}"));
        assert!(bytes(&out) == bytes(&folder.join("whole")), "the run ends otherwise than one that was not interrupted");
    }
}

/// Runs the command with files that cannot grow beyond so many bytes, in steps of 512.
fn with_small_files(folder: &Path, bytes: u64, words: &str) -> Output {
    // An ignored signal stays ignored: the program gets an error, as it does from a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
    let mut shell = Command::new("sh");
    shell.current_dir(folder).args(["-c", &script, env!("CARGO_BIN_EXE_fsvae-train")]).args(words.split_whitespace());
    shell.output().unwrap()
}

#[test]
fn a_full_disk_costs_no_checkpoint() {
    let folder = workplace(320, 20);
    let folder = folder.path();
    stdout(folder, &format!("{FIT} --out whole --epochs 3"));
    let (out, size) = (folder.join("full"), bytes(&folder.join("whole")).len() as u64);
    // The checkpoint at the beginning has no optimiser state yet; the next one does not fit.
    let output = with_small_files(folder, size - 1024, &format!("{FIT} --out full --epochs 3 --checkpoint-every 0"));
    assert!(stderr(&output).starts_with("error[E004]: cannot write full/training.mpk"), "{}", stderr(&output));
    let before = bytes(&out);
    assert_eq!(training(&out).unwrap().training.steps, 0);
    // From no room at all to room for everything but the checkpoint.
    for room in [512, 8192, size / 4, size - 1024] {
        let output = with_small_files(folder, room, &format!("{RESUME} --out full"));
        assert_eq!(output.status.code(), Some(2), "{room}: {}", stderr(&output));
        assert!(stderr(&output).starts_with("error[E004]: cannot write full/"), "{room}: {}", stderr(&output));
        assert!(bytes(&out) == before, "{room}: the checkpoint is another one");
        assert_eq!(leftovers(&out), [""; 0]);
    }
    stdout(folder, &format!("{RESUME} --out full"));
    for file in ["model.mpk", "samples-003.png", "training.mpk"] {
        let read = |run: &str| std::fs::read(folder.join(run).join(file)).unwrap();
        assert!(read("full") == read("whole"), "{file} differs");
    }
    let steps = |run: &str| -> Vec<u64> {
        let log = std::fs::read_to_string(folder.join(run).join("log.jsonl")).unwrap();
        let entries = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        entries.filter(|entry| entry["event"] == "step").map(|entry| entry["step"].as_u64().unwrap()).collect()
    };
    assert_eq!(steps("full"), steps("whole"), "no step is logged twice");
}

#[test]
fn a_run_that_diverges_ends_and_leaves_numbers() {
    let folder = workplace(160, 20);
    let folder = folder.path();
    for (name, options) in [
        ("loss", "--learning-rate 1e39"),
        ("weights", "--learning-rate 1e39 --checkpoint-every 0"),
        ("ann", "--model ann-vae --learning-rate 1e30"),
    ] {
        let output = run(folder, &format!("{FIT} {options} --out {name}"));
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {message}");
        let code = if name == "weights" { "error[E199]: training diverged" } else { "error[E055]: training diverged" };
        assert!(message.starts_with(code) && message.contains("smaller --learning-rate"), "{name}: {message}");
        if name != "ann" {
            assert_eq!(training(&folder.join(name)).unwrap().training.steps, 0);
        }
        assert!(!folder.join(name).join("model.mpk").exists());
    }
}

#[test]
fn devices_that_this_program_cannot_use_are_refused() {
    let folder = workplace(64, 16);
    let folder = folder.path();
    stdout(folder, &format!("{FIT} --out good --epochs 1"));
    std::fs::write(folder.join("sparse.toml"), "[recipe]\noperations_price = 1e-3\n").unwrap();
    let mut report = String::new();
    for words in [
        format!("{FIT} --out new --config sparse.toml --device cuda"),
        format!("{FIT} --out new --device cpu,cpu"),
        format!("{FIT} --out new --device cuda:0,cuda:0"),
        format!("{RESUME} --out good --epochs 2 --device cuda:0,wgpu:0"),
        format!("{FIT} --out new --device gpu"),
    ] {
        let output = run(folder, &words);
        assert_eq!(output.status.code(), Some(2), "{words}: {}", stderr(&output));
        assert!(output.stdout.is_empty() && !folder.join("new").exists(), "{words} wrote something");
        report += &format!("$ fsvae-train {words}\n{}\n", stderr(&output));
    }
    insta::assert_snapshot!(report);
}
