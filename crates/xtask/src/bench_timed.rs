//! `cargo xtask bench timed`: the timed engine on the whole network, and beside SANA-FE on the same mapped prior, in turn, in the same run.

use crate::run::{cargo, output};
use crate::setup;
use serde_json::{Value, json};
use std::process::Command;

/// Every contestant runs so often, one after the other each time: a change of the machine's mood meets them all.
const ROUNDS: usize = 3;

/// Measures and prints.
pub fn timed(as_json: bool) -> Result<(), String> {
    setup::sanafe()?;
    let folder = "target/bench-sanafe";
    let ours = |program: &[&str], words: &[&str]| {
        let all = [&["run", "--quiet", "--release", "-p", "fsvae-sim"][..], program, &["--"], words].concat();
        json_of(&mut cargo(&all))
    };
    let mut runs: Vec<[Value; 3]> = Vec::new();
    for _ in 0..ROUNDS {
        let whole = ours(&["--bin", "fsvae-sim"], &["profile", "--target", "loihi1", "--count", "64", "--json"])?;
        // writes the netlist of the prior that both run
        let prior = ours(&["--example", "timed_prior"], &[folder, "200"])?;
        let mut sanafe = Command::new(setup::SANAFE_PYTHON);
        sanafe.env("PYTHONPATH", "targets/sanafe").args(["-m", "fsvae_sanafe", "--bench", folder]);
        runs.push([whole, prior, json_of(&mut sanafe)?]);
    }
    let rate =
        |value: &Value| value["synaptic_operations"].as_f64().unwrap_or(f64::NAN) / value["run_seconds"].as_f64().unwrap_or(f64::NAN);
    let wall = sorted(runs.iter().map(|run| run[0]["wall_ms_per_image"].as_f64().unwrap_or(f64::NAN)));
    let ours = sorted(runs.iter().map(|run| rate(&run[1])));
    let theirs = sorted(runs.iter().map(|run| rate(&run[2])));
    let ratios = sorted(runs.iter().map(|run| rate(&run[1]) / rate(&run[2])));
    let megabytes = |which: usize| runs.iter().filter_map(|run| run[which]["peak_bytes"].as_u64()).max().map(|bytes| bytes / 1_000_000);
    let report = json!({
        "rounds": ROUNDS,
        "whole_network_ms_per_image": wall,
        "prior_synaptic_operations_per_second": { "ours": ours, "sanafe": theirs },
        "ratio": ratios,
        "prior_peak_megabytes": { "ours": megabytes(1), "sanafe": megabytes(2) },
    });
    if as_json {
        println!("{report}");
        return Ok(());
    }
    println!("timed engine, {ROUNDS} runs: smallest, median, largest");
    println!("whole network on loihi1, all threads        {:8.2} {:8.2} {:8.2} ms an image", wall[0], wall[1], wall[2]);
    let millions =
        |rates: &[f64]| format!("{:8.1} {:8.1} {:8.1} million synaptic operations/s", rates[0] / 1e6, rates[1] / 1e6, rates[2] / 1e6);
    println!("mapped prior, this engine, one thread       {}", millions(&ours));
    println!("mapped prior, SANA-FE 2.2.9, detailed       {}", millions(&theirs));
    println!("ratio                                       {:8.1} {:8.1} {:8.1}", ratios[0], ratios[1], ratios[2]);
    let memory = |which: usize| megabytes(which).map_or_else(|| "unknown".into(), |megabytes| format!("{megabytes} MB"));
    println!("memory for the prior                        {}, SANA-FE {}", memory(1), memory(2));
    Ok(())
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn json_of(command: &mut Command) -> Result<Value, String> {
    let text = output("bench", command)?;
    serde_json::from_str(&text).map_err(|e| format!("{command:?} printed {text:?}: {e}"))
}
