//! `speed`: how fast this machine trains.

use crate::args::Speed;
use fsvae_checkpoint::NetworkConfig;
use fsvae_cli::{Progress, Report, print, print_json};
use fsvae_model::{Recipe, Trainer};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::time::Instant;

/// Scheduled sampling at its most frequent: the dearest steps of a run.
const PROBABILITY: f64 = 0.3;

/// Times whole training steps of the paper's network on random images: roll-outs, losses, backward pass, AdamW.
pub fn speed(arguments: &Speed) -> Result<(), Report> {
    let (config, batch) = (NetworkConfig::fsvae(1), arguments.batch as usize);
    let recipe = Recipe { batch, ..Recipe::default() };
    let mut trainer = Trainer::new(&config, &recipe, 1, &arguments.device.device()?);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pixels: Vec<f32> = (0..batch * 32 * 32).map(|_| rng.random_range(-1.0..1.0)).collect();
    let progress = Progress::new("steps", "steps", arguments.steps + 1);
    let mut seconds = Vec::new();
    for step in 0..=arguments.steps {
        let draws = recipe.draws(&config, 1, step, batch, PROBABILITY);
        let start = Instant::now();
        trainer.step_pixels(&pixels, &draws, recipe.learning_rate);
        seconds.push(start.elapsed().as_secs_f64());
        progress.add(1);
    }
    drop(progress);
    let timed = &mut seconds[1..]; // the first step fills the caches and the buffers
    timed.sort_by(f64::total_cmp);
    let rate = batch as f64 / timed[timed.len() / 2];
    let memory = peak_memory();
    if arguments.json {
        print_json(&json!({"batch": batch, "steps": arguments.steps, "images_per_second": rate, "peak_memory_bytes": memory}))?;
    } else {
        let memory = memory.map_or_else(|| "unknown".into(), |bytes| format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20)));
        print(&format!("{rate:.1} images/s (median of {} steps of {batch} images), peak memory {memory}\n", arguments.steps))?;
    }
    Ok(())
}

/// The most memory that this process had, in bytes; only Linux tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
