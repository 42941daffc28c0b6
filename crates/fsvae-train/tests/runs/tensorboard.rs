//! TensorBoard itself reads what a run wrote: the log's numbers, each once, and the pictures.

use crate::common::{FIT, RESUME, command, stderr, stdout, workplace};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// By TensorBoard's own reader, which checks both checksums of each record.
fn read(run: &Path) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join("target/tensorboard/bin/python");
    assert!(python.exists(), "TensorBoard is not installed: run `cargo xtask setup` first");
    let output = Command::new(python).arg(root.join("tests/oracles/tensorboard_events.py")).arg(run).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_killed_and_resumed_run_is_there_once() {
    let folder = workplace(1600, 30);
    let (folder, run) = (folder.path(), folder.path().join("run"));
    let words = format!("{FIT} --out run --checkpoint-every 0");
    let mut child = command(folder, &words).stdout(Stdio::null()).spawn().unwrap();
    while !std::fs::read_to_string(run.join("log.jsonl")).is_ok_and(|log| log.contains("\"step\":130}")) {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    stdout(folder, &format!("{RESUME} --out run"));

    let log = std::fs::read_to_string(run.join("log.jsonl")).unwrap();
    let log: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen = read(&run);
    let mut tags = Vec::new();
    for (event, field, tag) in [
        ("step", "images_per_second", "train/images_per_second"),
        ("step", "learning_rate", "train/learning_rate"),
        ("step", "mse", "train/mse"),
        ("step", "prior", "train/prior"),
        ("epoch", "test_mse", "test/mse"),
        ("epoch", "synaptic_operations", "generation/synaptic_operations"),
    ] {
        let logged = log.iter().filter(|entry| entry["event"] == event);
        let logged: Vec<(u64, f32)> =
            logged.map(|entry| (entry["step"].as_u64().unwrap(), entry[field].as_f64().unwrap() as f32)).collect();
        let points = seen["scalars"][tag].as_array().unwrap_or_else(|| panic!("{tag} is not there: {seen}"));
        let points: Vec<(u64, f32)> = points.iter().map(|p| (p[0].as_u64().unwrap(), p[1].as_f64().unwrap() as f32)).collect();
        assert_eq!(points, logged, "{tag}");
        tags.push(tag);
    }
    assert_eq!(seen["scalars"].as_object().unwrap().len(), tags.len());
    for tag in ["samples", "reconstructions"] {
        let pictures: Vec<&Value> = seen["images"][tag].as_array().unwrap().iter().collect();
        assert_eq!(pictures.iter().map(|p| p[0].as_u64().unwrap()).collect::<Vec<_>>(), [100, 200], "{tag}");
        assert!(pictures.iter().all(|p| p[1].as_u64().unwrap() > 8 * 32 && p[1] == p[2]), "{tag}: {pictures:?}");
    }
}
