//! `--verify`: the table of agreement.

use crate::args::Args;
use crate::summary::{settings_text, table, with_settings};
use fsvae_checkpoint::original::Setting;
use fsvae_cli::{Progress, Report};
use fsvae_compile::{Compiled, DEMANDED_AGREEMENT, FloatEngine, Verification, verify};
use lif_chip::Chip;
use serde_json::json;
use std::process::ExitCode;

/// Draws the images, prints the table; exit code 1 if a layer agrees too little.
pub fn run(compiled: &Compiled, settings: &[Setting], chip: &Chip, args: &Args) -> Result<ExitCode, Report> {
    let progress = Progress::new("verify", "images", args.images);
    let engine = FloatEngine::from(&compiled.float);
    let threshold = compiled.float.config.threshold;
    let verification = verify(&engine, &compiled.graph, threshold, args.images, args.seed, || progress.add(1));
    drop(progress);
    if args.json {
        let object = json!({
            "model": compiled.graph.name,
            "target": chip.name,
            "fingerprint": compiled.graph.fingerprint(),
            "demanded_agreement_percent": DEMANDED_AGREEMENT,
            "holds": verification.holds(),
            "verification": verification,
        });
        fsvae_cli::print_json(&with_settings(object, settings))?;
    } else {
        fsvae_cli::print(&(settings_text(settings) + &text(compiled, chip, &verification)))?;
    }
    Ok(if verification.holds() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn text(compiled: &Compiled, chip: &Chip, verification: &Verification) -> String {
    let mut layers = table(&["layer", "neurons", "float rate", "integer rate", "agreement", "missed", "extra", "membrane error"], 1);
    for layer in &verification.layers {
        layers.add_row([
            layer.population.clone(),
            layer.neurons.to_string(),
            format!("{:.4}", layer.float_rate),
            format!("{:.4}", layer.integer_rate),
            format!("{:.3} %", layer.agreement_percent),
            format!("{:.2} %", layer.missed_percent),
            format!("{:.2} %", layer.extra_percent),
            format!("{:.3} V_th", layer.membrane_error),
        ]);
    }
    let pixels = &verification.pixels;
    let psnr = pixels.psnr_db.map_or("no difference".into(), |psnr| format!("{psnr:.1} dB"));
    let answer = if verification.holds() { "every layer" } else { "NOT every layer" };
    format!(
        "{} for {}: {} images of seed {}, each layer fed with the float network's spikes\n\n{layers}\n\n\
         pixels: {:.2} % equal, largest difference {}, {psnr}\n{answer} agrees on at least {DEMANDED_AGREEMENT} % of its spikes\n",
        compiled.graph.name, chip.name, verification.images, verification.seed, pixels.equal_percent, pixels.largest_difference,
    )
}
