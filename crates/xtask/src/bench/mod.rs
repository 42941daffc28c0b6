//! `cargo xtask bench train`: our training step beside PyTorch's, in turn, in the same run. `cargo xtask bench compile`: see
//! `crates/fsvae-compile/benches/compile.rs`. `cargo xtask bench sim`: see [`sim`].

pub mod sim;

use crate::run::{cargo, output, step};
use serde_json::{Value, json};
use std::process::Command;

/// A Python environment of the bench's own. (Debian's PyTorch will not do: with it a step
/// takes ten times as long as with PyPI's.)
const ENVIRONMENT: &str = "target/rivals";
const PYTHON: &str = "target/rivals/bin/python";
const PYTORCH: &str = "torch==2.15.0";
const RIVALS: &str = "tests/rivals/train_step.py";
/// Every contestant runs so often, one after the other each time: a change of the machine's mood meets them all.
const ROUNDS: usize = 3;

/// Times the compiler.
pub fn compile(as_json: bool) -> Result<(), String> {
    let mut words = vec!["bench", "--quiet", "-p", "fsvae-compile", "--bench", "compile", "--"];
    words.extend(as_json.then_some("--json"));
    step("compiler", &mut cargo(&words))
}

/// Times a full training step of `batch` images on two threads.
pub fn train(batch: u32, as_json: bool) -> Result<(), String> {
    if !Command::new(PYTHON).args(["-c", "import torch"]).output().is_ok_and(|o| o.status.success()) {
        step("Python environment", Command::new("python3").args(["-m", "venv", ENVIRONMENT]))?;
        step("PyTorch", Command::new(PYTHON).args(["-m", "pip", "install", "--quiet", PYTORCH]))?;
    }
    step("our trainer", &mut cargo(&["build", "--release", "-p", "fsvae-train"]))?;
    let batch = batch.to_string();
    let mut results: [Vec<Value>; 3] = Default::default();
    for _ in 0..ROUNDS {
        let ours = ["run", "--quiet", "--release", "-p", "fsvae-train", "--", "speed", "--json", "--threads", "2", "--batch", &batch];
        results[0].push(json_of(&mut cargo(&ours))?);
        for (result, mode) in results[1..].iter_mut().zip(["rewritten", "original"]) {
            result.push(json_of(Command::new(PYTHON).args([RIVALS, mode, "--threads", "2", "--batch", &batch]))?);
        }
    }
    let [ours, pytorch, original] = results.map(|runs| Median::of(&runs));
    let report = json!({
        "batch": batch.parse::<u32>().ok(),
        "rounds": ROUNDS,
        "images_per_second": {"ours": ours.rate, "pytorch": pytorch.rate, "original": original.rate},
        "peak_memory_bytes": {"ours": ours.memory, "pytorch": pytorch.memory, "original": original.memory},
        "ratio_pytorch": ours.rate / pytorch.rate,
        "ratio_original": ours.rate / original.rate,
    });
    if as_json {
        println!("{report}");
        return Ok(());
    }
    println!("one training step of {batch} images on two threads, median of {ROUNDS} runs");
    for (name, median) in [("this trainer", &ours), ("PyTorch, rewritten", &pytorch), ("PyTorch, original", &original)] {
        let (rate, ratio, memory) = (median.rate, ours.rate / median.rate, median.memory / f64::from(1 << 20));
        println!("{name:20} {rate:7.1} images/s   ratio {ratio:5.2}   peak memory {memory:6.0} MiB");
    }
    Ok(())
}

/// What a contestant did in the middle of its runs.
struct Median {
    rate: f64,
    memory: f64,
}

impl Median {
    fn of(runs: &[Value]) -> Self {
        let median = |field: &str| {
            let mut values: Vec<f64> = runs.iter().filter_map(|run| run[field].as_f64()).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Self { rate: median("images_per_second"), memory: median("peak_memory_bytes") }
    }
}

fn json_of(command: &mut Command) -> Result<Value, String> {
    let text = output("bench", command)?;
    serde_json::from_str(&text).map_err(|e| format!("{command:?} printed {text:?}: {e}"))
}
