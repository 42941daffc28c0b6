//! `--verify`: the table of agreement.

use crate::args::Args;
use crate::summary::{settings_text, table, with_settings};
use fsvae_checkpoint::Checkpoint;
use fsvae_checkpoint::original::Setting;
use fsvae_cli::{Progress, Report};
use fsvae_compile::{
    Compiled, DEMANDED_AGREEMENT, FloatEngine, FreeRun, Purpose, Verification, boundaries, byte, free_run, import, reference, verify_with,
};
use lif_chip::Chip;
use serde_json::json;
use std::process::ExitCode;

/// Draws the images, prints the table; exit code 1 if a layer agrees too little. A network that reconstructs is shown the images that
/// the other one draws.
pub fn run(checkpoint: &Checkpoint, compiled: &Compiled, settings: &[Setting], chip: &Chip, args: &Args) -> Result<ExitCode, Report> {
    let engine = FloatEngine::from(&compiled.float);
    let draws = match compiled.float.purpose {
        Purpose::Generate => None,
        Purpose::Reconstruct => Some(FloatEngine::from(&import(checkpoint, Purpose::Generate)?)),
    };
    let boundaries: Vec<f64> = boundaries().collect();
    let shown = |image| match &draws {
        None => vec![],
        Some(engine) => engine.draw(args.seed, image, |_| ()).into_iter().map(|v| byte(&boundaries, v)).collect(),
    };
    // refused before the work
    let picture = compiled.float.layers.last().map_or(lif_graph::Shape::flat(1), |readout| readout.wiring.target);
    let scored = args.verify_fad.map(|images| Ok::<_, Report>((images, reference(&checkpoint.training.dataset, picture)?))).transpose()?;

    let progress = Progress::new("verify", "images", args.images);
    let threshold = compiled.float.config.threshold;
    let verification = verify_with(&engine, &compiled.graph, threshold, args.images, args.seed, shown, || progress.add(1));
    drop(progress);
    let free = match scored {
        None => None,
        Some((images, reference)) => {
            let progress = Progress::new("running free", "images", images);
            Some(free_run(&engine, &compiled.graph, &reference, (images, args.seed), shown, || progress.add(1))?)
        }
    };
    if args.json {
        let mut object = json!({
            "model": compiled.graph.name,
            "target": chip.name,
            "network": compiled.float.purpose,
            "fingerprint": compiled.graph.fingerprint(),
            "demanded_agreement_percent": DEMANDED_AGREEMENT,
            "holds": verification.holds(),
            "verification": verification,
        });
        if let Some(free) = &free {
            object["free_run"] = json!(free);
        }
        fsvae_cli::print_json(&with_settings(object, settings))?;
    } else {
        let free = free.map_or_else(String::new, |free| free_text(&free));
        fsvae_cli::print(&(settings_text(settings) + &text(compiled, chip, &verification) + &free))?;
    }
    Ok(if verification.holds() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn free_text(run: &FreeRun) -> String {
    let mut rows = table(&["running free", "FAD published", "FAD running statistics"], 1);
    for (name, fad) in [("float network", run.float), ("integer graph", run.integer)] {
        rows.add_row([name.to_string(), format!("{:.3}", fad.published), format!("{:.3}", fad.running)]);
    }
    let change = |of: fn(&fsvae_score::Fad) -> f64| format!("{:+.2} %", 100.0 * (of(&run.integer) / of(&run.float) - 1.0));
    rows.add_row(["change".to_string(), change(|fad| fad.published), change(|fad| fad.running)]);
    format!(
        "\n{rows}\n{} images of seed {} with the same picks; {:.2} % are equal byte for byte\n",
        run.images, run.seed, run.equal_images_percent
    )
}

fn text(compiled: &Compiled, chip: &Chip, verification: &Verification) -> String {
    let mut layers =
        table(&["layer", "neurons", "float rate", "integer rate", "agreement", "missed", "extra", "membrane error", "picture"], 1);
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
            decibels(layer.picture_psnr_db),
        ]);
    }
    let pixels = &verification.pixels;
    let psnr = pixels.psnr_db.map_or("no difference".into(), |psnr| format!("{psnr:.1} dB"));
    let shown = if compiled.float.purpose == Purpose::Reconstruct { ", reconstructed" } else { "" };
    let seed = verification.seed.map_or_else(String::new, |seed| format!(" of seed {seed}"));
    let answer = if verification.holds() { "every layer" } else { "NOT every layer" };
    format!(
        "{} for {}: {} images{seed}{shown}, each layer fed with the float network's spikes\n\n{layers}\n\n\
         pixels: {:.2} % equal, largest difference {}, {psnr}\n{answer} agrees on at least {DEMANDED_AGREEMENT} % of its spikes\n",
        compiled.graph.name, chip.name, verification.images, pixels.equal_percent, pixels.largest_difference,
    )
}

/// Of pictures drawn from a layer's integer spikes.
fn decibels(psnr: Option<f64>) -> String {
    psnr.map_or("equal".into(), |psnr| format!("{psnr:.1} dB"))
}
