//! How long the compiler takes and how much memory: the real command on one thread, from the model's file to the report of the mapped
//! network. Three runs each; the middle one counts. `cargo xtask bench compile`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::checkpoint;
use fsvae_checkpoint::NetworkConfig;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 3;

/// One run.
#[derive(Clone, Copy)]
struct Run {
    time: Duration,
    peak_bytes: u64,
}

fn run(model: &Path, target: &str) -> Run {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_fsvae-compile"))
        .arg(model)
        .args(["--target", target, "--stop-after", "map"])
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    let (mut peak_bytes, status) = (0, format!("/proc/{}/status", child.id()));
    loop {
        // the kernel's own high-water mark; the last look before the end has it
        peak_bytes = peak_bytes.max(high_water_mark(&status));
        if let Some(code) = child.try_wait().expect("a child") {
            assert!(code.success());
            return Run { time: start.elapsed(), peak_bytes };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// 0 where the system does not say.
fn high_water_mark(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).map_or(0, |kib: u64| kib << 10)
}

fn main() {
    let json = std::env::args().any(|arg| arg == "--json");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let large = folder.path().join("large.mpk");
    std::fs::write(&large, checkpoint(NetworkConfig::fsvae_large(3), 1).to_bytes()).expect("writable");
    let shipped = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/fashion-mnist/model.mpk"));
    let mut rows = vec![];
    for (name, model, target_seconds) in [("FSVAE, the shipped model", &shipped, 2.0), ("FSVAELarge, random weights", &large, 5.0)] {
        for target in ["loihi1", "loihi2", "spinnaker1"] {
            let mut runs: Vec<Run> = (0..RUNS).map(|_| run(model, target)).collect();
            runs.sort_by_key(|run| run.time);
            rows.push((name, target, runs, target_seconds));
        }
    }
    if json {
        let row = |(name, target, runs, target_seconds): &(&str, &str, Vec<Run>, f64)| {
            let seconds: Vec<f64> = runs.iter().map(|run| run.time.as_secs_f64()).collect();
            serde_json::json!({
                "network": name, "target": target, "seconds": seconds, "target_seconds": target_seconds, "peak_bytes": runs[RUNS / 2].peak_bytes,
            })
        };
        println!("{}", serde_json::Value::from(rows.iter().map(row).collect::<Vec<_>>()));
        return;
    }
    println!("from file to mapped network, one thread, middle of {RUNS} runs");
    for (name, target, runs, target_seconds) in &rows {
        let Run { time, peak_bytes } = runs[RUNS / 2];
        let spread = (runs[RUNS - 1].time - runs[0].time).as_secs_f64();
        let verdict = if time.as_secs_f64() < *target_seconds && peak_bytes < 1 << 30 { "below" } else { "NOT below" };
        println!(
            "{name:28} {target:12} {:6.2} s (spread {spread:.2})  peak {:5} MiB  {verdict} {target_seconds} s and 1 GiB",
            time.as_secs_f64(),
            peak_bytes >> 20
        );
    }
}
