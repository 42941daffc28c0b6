//! What a compilation says when it is done.

use crate::output::Written;
use comfy_table::{CellAlignment, Table, presets};
use fsvae_cli::CliError;
use fsvae_compile::{Compiled, IntegerLayer};
use lif_chip::Chip;
use lif_graph::{LifGraph, NeuronModel};
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

/// Prints populations and files.
pub fn print(compiled: &Compiled, chip: &Chip, files: &[Written], as_json: bool) -> Result<(), CliError> {
    if as_json { fsvae_cli::print_json(&object(compiled, chip, files)) } else { fsvae_cli::print(&text(compiled, chip, files)) }
}

fn text(compiled: &Compiled, chip: &Chip, files: &[Written]) -> String {
    let graph = &compiled.graph;
    let mut populations =
        table(&["population", "neurons", "weights", "clipped", "weight error", "threshold", "largest sum", "membrane bits"], 1);
    for population in &graph.populations {
        let mut row = vec![population.name.clone(), population.shape.neurons().to_string()];
        row.extend(match (&population.model, layer(compiled, &population.name)) {
            (NeuronModel::Select { ways }, _) => vec![format!("1 of {ways}")],
            (_, Some(layer)) => vec![
                layer.weights.len().to_string(),
                layer.clipped_weights.to_string(),
                format!("{:.2} %", 100.0 * layer.weight_error),
                thresholds(layer),
                layer.worst.input.magnitude().to_string(),
                format!("{} of {}", layer.worst.membrane.bits(), layer.membrane_bits),
            ],
            _ => vec![],
        });
        populations.add_row(row);
    }
    let mut written = table(&["wrote", "bytes"], 1);
    for file in files {
        written.add_row([file.path.display().to_string(), file.bytes.to_string()]);
    }
    let next = files.first().map(|file| format!("next: fsvae-sim generate {}\n", file.path.display())).unwrap_or_default();
    format!(
        "{} for {}: {} neurons, {} weights, {} steps, fingerprint {}\n\n{populations}\n\n{written}\n\n{next}",
        graph.name,
        chip.name,
        neurons(graph),
        weights(compiled),
        graph.steps,
        graph.fingerprint(),
    )
}

fn object(compiled: &Compiled, chip: &Chip, files: &[Written]) -> Value {
    let graph = &compiled.graph;
    let populations: Vec<Value> = graph
        .populations
        .iter()
        .map(|population| {
            let mut row = json!({"name": population.name, "neurons": population.shape.neurons()});
            if let NeuronModel::Select { ways } = population.model {
                row["ways"] = json!(ways);
            }
            if let Some(layer) = layer(compiled, &population.name) {
                row["weights"] = json!(layer.weights.len());
                row["clipped_weights"] = json!(layer.clipped_weights);
                row["weight_error"] = json!(layer.weight_error);
                row["thresholds"] = json!(layer.threshold);
                row["largest_sum"] = json!(layer.worst.input.magnitude());
                row["largest_membrane"] = json!(layer.worst.membrane.magnitude());
            }
            row
        })
        .collect();
    let files: Vec<Value> = files.iter().map(|file| json!({"path": file.path.to_string_lossy(), "bytes": file.bytes})).collect();
    json!({
        "model": graph.name,
        "target": chip.name,
        "fingerprint": graph.fingerprint(),
        "neurons": neurons(graph),
        "weights": weights(compiled),
        "clipped_weights": compiled.integer.layers.iter().map(|layer| layer.clipped_weights).sum::<usize>(),
        "steps": graph.steps,
        "populations": populations,
        "files": files,
    })
}

fn layer<'c>(compiled: &'c Compiled, population: &str) -> Option<&'c IntegerLayer> {
    compiled.integer.layers.iter().find(|layer| layer.wiring.name == population)
}

fn neurons(graph: &LifGraph) -> usize {
    graph.populations.iter().map(|population| population.shape.neurons()).sum()
}

fn weights(compiled: &Compiled) -> usize {
    compiled.integer.layers.iter().map(|layer| layer.weights.len()).sum()
}

fn thresholds(layer: &IntegerLayer) -> String {
    match (layer.threshold.iter().min(), layer.threshold.iter().max()) {
        (Some(low), Some(high)) if low == high => low.to_string(),
        (Some(low), Some(high)) => format!("{low} to {high}"),
        _ => "-".into(),
    }
}
