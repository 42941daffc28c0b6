//! What a compilation says when it is done.

use crate::Product;
use crate::output::Written;
use comfy_table::{CellAlignment, Table, presets};
use fsvae_checkpoint::original::{Origin, Setting};
use fsvae_cli::CliError;
use fsvae_compile::IntegerLayer;
use fsvae_compile::schedules::ScheduleCosts;
use lif_chip::Chip;
use lif_graph::{LifGraph, NeuronModel};
use lif_map::Mode;
use serde_json::{Value, json};

/// An empty table; columns from `numbers` on are aligned to the right.
pub fn table(header: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    if numbers > 0 {
        table.column_iter_mut().skip(numbers).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    }
    table
}

/// Prints populations, files and, where they are asked for, schedules.
pub fn print(
    products: &[Product<'_>],
    settings: &[Setting],
    chip: &Chip,
    files: &[Written],
    schedules: Option<(Mode, &ScheduleCosts)>,
    as_json: bool,
) -> Result<(), CliError> {
    if as_json {
        let mut objects = products.iter().map(|product| object(product, chip));
        let mut first = objects.next().unwrap_or_default();
        first["files"] = files.iter().map(|file| json!({"path": file.path.to_string_lossy(), "bytes": file.bytes})).collect();
        // the network that reconstructs stands beside the one that draws
        if let Some(second) = objects.next() {
            first["reconstruct"] = second;
        }
        if let Some((mode, costs)) = schedules {
            (first["schedule"], first["schedules"]) = (json!(mode), json!(costs));
        }
        return fsvae_cli::print_json(&with_settings(first, settings));
    }
    let mut text = settings_text(settings);
    products.iter().for_each(|product| text += &populations_text(product, chip));
    text += &files_text(products, files);
    text += &schedules.map_or(String::new(), |(mode, costs)| format!("\n{}", crate::schedule::table_of(mode, chip, costs)));
    fsvae_cli::print(&text)
}

/// The same for JSON: an object's member `settings`.
pub fn with_settings(mut object: Value, settings: &[Setting]) -> Value {
    if !settings.is_empty() {
        object["settings"] = json!(settings);
    }
    object
}

/// What was inferred, chosen and assumed; nothing for a file that holds its configuration.
pub fn settings_text(settings: &[Setting]) -> String {
    if settings.is_empty() {
        return String::new();
    }
    let mut rows = table(&["setting", "value", "from"], 3);
    for Setting { name, value, origin, tensor } in settings {
        let from = match (origin, tensor) {
            (Origin::Inferred, Some(tensor)) => format!("inferred from {tensor}"),
            (Origin::Inferred, None) => "inferred".into(),
            (Origin::Chosen, _) => "the command line".into(),
            (Origin::Default, _) => "default: the file does not say".into(),
        };
        rows.add_row([*name, value, &from]);
    }
    format!("{rows}\n\n")
}

fn populations_text(Product { graph, layers, .. }: &Product<'_>, chip: &Chip) -> String {
    let mut populations =
        table(&["population", "neurons", "weights", "clipped", "weight error", "threshold", "largest sum", "membrane bits"], 1);
    for population in &graph.populations {
        let mut row = vec![population.name.clone(), population.shape.neurons().to_string()];
        row.extend(match (&population.model, layer(layers, &population.name)) {
            (NeuronModel::Select { ways }, _) => vec![format!("1 of {ways}")],
            (NeuronModel::Image { shift }, _) => vec![format!("current / 2^{shift}")],
            (_, Some(layer)) => vec![
                layer.weights.len().to_string(),
                clipped(layer),
                format!("{:.2} %", 100.0 * layer.weight_error),
                thresholds(layer),
                layer.input_sum(chip).magnitude().to_string(),
                format!("{} of {}", layer.worst.membrane.bits(), layer.membrane_bits),
            ],
            _ => vec![],
        });
        populations.add_row(row);
    }
    format!(
        "{} for {}: {} neurons, {} weights, {} steps, fingerprint {}\n\n{populations}\n\n",
        graph.name,
        chip.name,
        neurons(graph),
        weights(layers),
        graph.steps,
        graph.fingerprint(),
    )
}

fn files_text(products: &[Product<'_>], files: &[Written]) -> String {
    let mut written = table(&["wrote", "bytes"], 1);
    for file in files {
        written.add_row([file.path.display().to_string(), file.bytes.to_string()]);
    }
    // what needs something from outside draws nothing by itself
    let outside = |population: &lif_graph::Population| matches!(population.model, NeuronModel::Source | NeuronModel::Image { .. });
    let generates = products.first().is_some_and(|product| !product.graph.populations.iter().any(outside));
    let next = files.first().filter(|_| generates).map(|file| format!("\nnext: fsvae-sim generate {}\n", file.path.display()));
    format!("{written}\n{}", next.unwrap_or_default())
}

fn object(Product { graph, layers, .. }: &Product<'_>, chip: &Chip) -> Value {
    let populations: Vec<Value> = graph
        .populations
        .iter()
        .map(|population| {
            let mut row = json!({"name": population.name, "neurons": population.shape.neurons()});
            if let NeuronModel::Select { ways } = population.model {
                row["ways"] = json!(ways);
            }
            if let NeuronModel::Image { shift } = population.model {
                row["shift"] = json!(shift);
            }
            if let Some(layer) = layer(layers, &population.name) {
                row["weights"] = json!(layer.weights.len());
                row["clipped_weights"] = json!(layer.clipped_weights);
                row["clipped_biases"] = json!(layer.clipped_biases);
                row["weight_error"] = json!(layer.weight_error);
                row["thresholds"] = json!(layer.threshold);
                row["largest_sum"] = json!(layer.input_sum(chip).magnitude());
                row["largest_membrane"] = json!(layer.worst.membrane.magnitude());
            }
            row
        })
        .collect();
    json!({
        "model": graph.name,
        "target": chip.name,
        "fingerprint": graph.fingerprint(),
        "neurons": neurons(graph),
        "weights": weights(layers),
        "clipped_weights": layers.iter().map(|layer| layer.clipped_weights).sum::<usize>(),
        "steps": graph.steps,
        "populations": populations,
    })
}

fn layer<'c>(layers: &[&'c IntegerLayer], population: &str) -> Option<&'c IntegerLayer> {
    layers.iter().copied().find(|layer| layer.wiring.name == population)
}

fn neurons(graph: &LifGraph) -> usize {
    graph.populations.iter().map(|population| population.shape.neurons()).sum()
}

fn weights(layers: &[&IntegerLayer]) -> usize {
    layers.iter().map(|layer| layer.weights.len()).sum()
}

/// Weights, and if there are any biases, beyond the chip's range.
pub fn clipped(layer: &IntegerLayer) -> String {
    match layer.clipped_biases {
        0 => layer.clipped_weights.to_string(),
        biases => format!("{} and {biases} biases", layer.clipped_weights),
    }
}

/// One threshold, or the range of several.
pub fn thresholds(layer: &IntegerLayer) -> String {
    match (layer.threshold.iter().min(), layer.threshold.iter().max()) {
        (Some(low), Some(high)) if low == high => low.to_string(),
        (Some(low), Some(high)) => format!("{low} to {high}"),
        _ => "-".into(),
    }
}
