//! `--stop-after`: what a step made, as text for people (long lists as length, range and hash) or as JSON in full.

use crate::summary::{settings_text, with_settings};
use fsvae_checkpoint::original::Setting;
use fsvae_cli::Report;
use fsvae_compile::feedforward::FeedForward;
use fsvae_compile::pipeline::{NetworkStage, Stage};
use fsvae_compile::quantise::Neuron;
use fsvae_compile::{FloatLayer, FoldedLayer, IntegerLayer, Network, Wiring};
use sha2::{Digest, Sha256};
use std::fmt::{Display, Write};
use std::process::ExitCode;

/// Prints a stage.
pub fn show(stage: &Stage, settings: &[Setting], as_json: bool) -> Result<ExitCode, Report> {
    if as_json {
        let value = match stage {
            Stage::Imported(network) => serde_json::to_value(network),
            Stage::Folded(network) => serde_json::to_value(network),
            Stage::Quantised(network) => serde_json::to_value(network),
            Stage::Lowered(compiled) => serde_json::to_value(&compiled.graph),
            Stage::Mapped(mapping) => serde_json::to_value(mapping),
        };
        fsvae_cli::print_json(&with_settings(value.expect("networks have only types that JSON has"), settings))?;
    } else {
        fsvae_cli::print(&(settings_text(settings) + &text(stage)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a stage of a network that is no FSVAE.
pub fn show_network(stage: &NetworkStage, settings: &[Setting], as_json: bool) -> Result<ExitCode, Report> {
    if as_json {
        let value = match stage {
            NetworkStage::Imported(network) => serde_json::to_value(network),
            NetworkStage::Quantised(network) => serde_json::to_value(network),
            NetworkStage::Lowered(_, graph) => serde_json::to_value(graph),
            NetworkStage::Mapped(mapping) => serde_json::to_value(mapping),
        };
        fsvae_cli::print_json(&with_settings(value.expect("networks have only types that JSON has"), settings))?;
    } else {
        let text = match stage {
            NetworkStage::Imported(network) => placed_layers(network, folded),
            NetworkStage::Quantised(network) => placed_layers(network, quantised),
            NetworkStage::Lowered(_, graph) => graph.summary(),
            NetworkStage::Mapped(mapping) => crate::mapping::text(mapping),
        };
        fsvae_cli::print(&(settings_text(settings) + &text))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn placed_layers<L>(network: &FeedForward<L>, layer: impl Fn(&L) -> String) -> String {
    let sources = network.sources.iter().map(|source| format!("source {} {:?}\n", source.name, source.shape));
    let rows = network.layers.iter().map(|placed| {
        let Neuron { decay, threshold } = placed.neuron;
        let fires = threshold.map_or("never fires".into(), |threshold| format!("threshold {threshold}"));
        format!("\n{}  hears {:?}, decay {decay}, {fires}\n", layer(&placed.layer), placed.feed)
    });
    sources.chain(rows).collect()
}

fn text(stage: &Stage) -> String {
    match stage {
        Stage::Imported(network) => layers(network, imported),
        Stage::Folded(network) => layers(network, folded),
        Stage::Quantised(network) => layers(network, quantised),
        Stage::Lowered(compiled) => compiled.graph.summary(),
        Stage::Mapped(mapping) => crate::mapping::text(mapping),
    }
}

fn layers<L>(network: &Network<L>, layer: impl Fn(&L) -> String) -> String {
    let config = &network.config;
    let of_decoder = config.decoder_decay.map_or(String::new(), |decay| format!(" decoder-decay {decay}"));
    let head = format!(
        "steps {} decay {}{} threshold {} readout-decay {} ways {}\n",
        config.steps, config.decay, of_decoder, config.threshold, config.readout_decay, config.ways
    );
    network.layers.iter().fold(head, |text, row| text + "\n" + &layer(row))
}

fn imported(layer: &FloatLayer) -> String {
    let mut text = head(&layer.wiring) + &list("weights", &layer.weights) + &list("bias", &layer.bias);
    if let Some(norm) = &layer.norm {
        let _ = writeln!(text, "  tdBN alpha {}", norm.alpha);
        for (name, values) in [("gamma", &norm.gamma), ("beta", &norm.beta), ("mean", &norm.mean), ("variance", &norm.variance)] {
            text += &list(name, values);
        }
    }
    text
}

fn folded(layer: &FoldedLayer) -> String {
    head(&layer.wiring) + &list("weights", &layer.weights) + &list("bias", &layer.bias)
}

fn quantised(layer: &IntegerLayer) -> String {
    let decay = layer.decay;
    let mut text = head(&layer.wiring) + &list("weights", &layer.weights) + &list("bias", &layer.bias);
    text += &list("threshold", &layer.threshold);
    let _ = writeln!(
        text,
        "  decay {}/2^{} {:?} shift {} bits {}",
        decay.multiplier, decay.shift, decay.rounding, layer.input_shift, layer.membrane_bits
    );
    text += &list("scale", &layer.scale);
    if let Some(shift) = layer.image_shift {
        let _ = writeln!(text, "  currents of the image / 2^{shift}");
    }
    if let Some(pixels) = &layer.pixels {
        text += &list("pixel-levels", &pixels.levels);
    }
    let _ = writeln!(text, "  clipped-weights {} weight-error {}", layer.clipped_weights, layer.weight_error);
    text
}

fn head(wiring: &Wiring) -> String {
    let shape = |shape: lif_graph::Shape| format!("{}x{}x{}", shape.channels, shape.height, shape.width);
    format!("{}: {} -> {}, {:?}\n", wiring.name, shape(wiring.source), shape(wiring.target), wiring.connectivity)
}

/// Longer lists become length, range and hash.
const SHORT: usize = 8;

fn list<T: Display + PartialOrd>(name: &str, values: &[T]) -> String {
    if values.len() <= SHORT {
        let values: Vec<String> = values.iter().map(T::to_string).collect();
        return format!("  {name} [{}]\n", values.join(", "));
    }
    let (mut low, mut high) = (&values[0], &values[0]);
    let mut hash = Sha256::new();
    for value in values {
        (low, high) = (if value < low { value } else { low }, if value > high { value } else { high });
        hash.update(format!("{value}\n"));
    }
    let digest: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("  {name} [{} values, {low}..={high}, sha256 {digest}]\n", values.len())
}
