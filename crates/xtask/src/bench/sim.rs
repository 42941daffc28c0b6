//! `cargo xtask bench sim`: the simulator beside the rivals, in turn, in the same run.
//!
//! Part (a) is the functional engine, here. The timed engine's part stands in its own file and adds its own member to the report.

use super::{ENVIRONMENT, PYTHON, PYTORCH, json_of};
use crate::run::{cargo, step};
use serde_json::{Value, json};
use std::process::Command;

const RIVALS: &str = "tests/rivals/sample.py";
const PACKAGES: [&str; 4] = [PYTORCH, "onnx", "onnxruntime", "onnxscript"];
const WEIGHTS: &str = "target/rivals-weights.npz";
const PIXELS: &str = "target/rivals-pixels.npz";
/// Every contestant runs so often, one after the other each time.
const ROUNDS: usize = 3;
/// Images that are compared pixel by pixel before anything is timed.
const CHECKED: u64 = 16;
/// The rivals' batches and threads.
const SETTINGS: [(u32, u32); 4] = [(1, 1), (16, 1), (16, 2), (64, 2)];

/// A contestant at a setting, and its figures of all rounds.
struct Row {
    name: &'static str,
    threads: u64,
    batch: u64,
    rates: Vec<f64>,
    latencies: Vec<f64>,
}

/// The table of the functional engine.
pub fn functional(seconds: f64, as_json: bool) -> Result<(), String> {
    install()?;
    step("our simulator", &mut cargo(&["build", "--release", "-p", "fsvae-sim"]))?;
    let seconds = seconds.to_string();
    let ours = || cargo(&["run", "--quiet", "--release", "-p", "fsvae-sim", "--"]);
    let speed = || json_of(ours().args(["speed", "--json", "--threads", "2", "--seconds", &seconds, "--weights", WEIGHTS]));
    let rival = |words: &[&str]| json_of(Command::new(PYTHON).arg(RIVALS).args(words));

    let first = speed()?; // writes the weights
    let _ = std::fs::remove_file(PIXELS);
    step("pictures to compare", ours().args(["generate", "--count", &CHECKED.to_string(), "--out", PIXELS]))?;
    let checked = rival(&["check", WEIGHTS, PIXELS])?;
    if checked["largest_difference"].as_u64().is_none_or(|levels| levels > 0) {
        return Err(format!("the rivals draw another network: {checked}"));
    }

    let mut rows: Vec<Row> = Vec::new();
    let mut bounds: Vec<Value> = Vec::new();
    for round in 0..ROUNDS {
        let ours = if round == 0 { first.clone() } else { speed()? };
        bounds.push(ours["bounds"].clone());
        for row in ours["rows"].as_array().into_iter().flatten() {
            add(&mut rows, "fsvae-sim", row);
        }
        for (name, mode) in [("ONNX Runtime, dense fp32", "onnx"), ("PyTorch, dense fp32", "pytorch")] {
            for (batch, threads) in SETTINGS {
                let (batch, threads) = (batch.to_string(), threads.to_string());
                let words = [mode, WEIGHTS, "--batch", &batch, "--threads", &threads, "--seconds", &seconds];
                add(&mut rows, name, &rival(&words)?);
            }
        }
    }
    let report = report(&rows, &bounds, &first, &checked);
    if as_json {
        println!("{report}");
    } else {
        print(&rows, &report);
    }
    Ok(())
}

fn install() -> Result<(), String> {
    let works = Command::new(PYTHON).args(["-c", "import torch, onnx, onnxruntime, onnxscript"]).output();
    if works.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    step("Python environment", Command::new("python3").args(["-m", "venv", ENVIRONMENT]))?;
    step("PyTorch, ONNX Runtime", Command::new(PYTHON).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))
}

fn add(rows: &mut Vec<Row>, name: &'static str, figures: &Value) {
    let [threads, batch] = ["threads", "batch"].map(|field| figures[field].as_u64().unwrap_or(0));
    let row = match rows.iter().position(|row| (row.name, row.threads, row.batch) == (name, threads, batch)) {
        Some(index) => &mut rows[index],
        None => {
            rows.push(Row { name, threads, batch, rates: Vec::new(), latencies: Vec::new() });
            rows.last_mut().expect("just pushed")
        }
    };
    row.rates.extend(figures["images_per_second"].as_f64());
    row.latencies.extend(figures["ms_per_call"].as_f64());
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// (largest - smallest) / median.
fn spread(values: &[f64]) -> f64 {
    let [low, high] = [f64::min, f64::max].map(|extreme| values.iter().copied().reduce(extreme).unwrap_or(f64::NAN));
    (high - low) / median(values)
}

/// The best median of a contestant at this number of threads, whatever the batch.
fn best(rows: &[Row], name: &str, threads: u64) -> f64 {
    rows.iter().filter(|row| row.threads == threads && row.name.starts_with(name)).map(|row| median(&row.rates)).fold(f64::NAN, f64::max)
}

fn report(rows: &[Row], bounds: &[Value], first: &Value, checked: &Value) -> Value {
    let bound = |threads: u64| {
        let of_round = |bounds: &Value| {
            let of_threads = bounds.as_array()?.iter().find(|bound| bound["threads"] == threads)?;
            of_threads["images_per_second"].as_f64()
        };
        median(&bounds.iter().filter_map(of_round).collect::<Vec<_>>())
    };
    let latencies = rows.iter().filter(|row| (row.name, row.batch) == ("fsvae-sim", 1)).map(|row| median(&row.latencies));
    json!({
        "functional": {
            "rounds": ROUNDS,
            "kernel": first["kernel"],
            "synaptic_operations_per_image": first["synaptic_operations_per_image"],
            "rivals_checked": checked,
            "rows": rows.iter().map(|row| json!({
                "name": row.name, "threads": row.threads, "batch": row.batch,
                "images_per_second": median(&row.rates), "spread": spread(&row.rates), "ms_per_call": median(&row.latencies),
            })).collect::<Vec<_>>(),
            "bound_images_per_second": { "1": bound(1), "2": bound(2) },
            "ratio_onnxruntime": best(rows, "fsvae-sim", 2) / best(rows, "ONNX", 2),
            "ratio_pytorch": best(rows, "fsvae-sim", 2) / best(rows, "PyTorch", 2),
            "part_of_bound": { "1": best(rows, "fsvae-sim", 1) / bound(1), "2": best(rows, "fsvae-sim", 2) / bound(2) },
            "latency_ms": latencies.fold(f64::NAN, f64::min),
        },
    })
}

fn print(rows: &[Row], report: &Value) {
    println!("the shipped FSVAE, images/s, median of {ROUNDS} runs");
    for Row { name, threads, batch, rates, latencies } in rows {
        let (rate, spread, call) = (median(rates), 100.0 * spread(rates), median(latencies));
        println!("{name:26} {threads} thread(s) batch {batch:2} {rate:9.1} images/s   spread {spread:3.0} %   {call:8.2} ms a call");
    }
    let report = &report["functional"];
    for threads in ["1", "2"] {
        let (bound, part) = (&report["bound_images_per_second"][threads], report["part_of_bound"][threads].as_f64().unwrap_or(f64::NAN));
        println!(
            "widen-and-add bound, {threads} thread(s): {:.1} images/s, reached {:.0} %",
            bound.as_f64().unwrap_or(f64::NAN),
            100.0 * part
        );
    }
    let ratio = |name: &str| report[name].as_f64().unwrap_or(f64::NAN);
    println!("on two threads: {:.1} times ONNX Runtime, {:.1} times PyTorch", ratio("ratio_onnxruntime"), ratio("ratio_pytorch"));
}
