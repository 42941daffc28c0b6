//! The page's tables.

use super::{escaped, hue};
use crate::summary::{clipped, thresholds};
use fsvae_compile::IntegerLayer;
use lif_chip::Chip;
use lif_graph::{LifGraph, NeuronModel};
use lif_map::Mapping;

/// A table; cells are HTML already.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let header: String = header.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    let row = |cells: Vec<String>| format!("<tr>{}</tr>\n", cells.iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>());
    format!("<table><thead><tr>{header}</tr></thead><tbody>\n{}</tbody></table>\n", rows.map(row).collect::<String>())
}

/// A share from 0 to 1 as a bar.
fn bar(share: f64) -> String {
    format!("<span class=\"bar\"><i style=\"--share:{:.3}\"></i></span>", share.clamp(0.0, 1.0))
}

/// Limits of a core, placements, traffic.
pub fn of_mapping(mapping: &Mapping) -> String {
    let system = &mapping.system;
    let share = |limit: &lif_map::Limit| limit.largest as f64 / limit.limit as f64;
    let limits = mapping.limits.iter().map(|limit| {
        let percent = format!("{:.1} %", 100.0 * share(limit));
        vec![limit.unit.into(), limit.limit.to_string(), limit.largest.to_string(), percent, bar(share(limit))]
    });
    let hops = mapping.hops;
    let per_step = |count: u64| format!("{:.1}", count as f64 / f64::from(mapping.rates.steps));
    let less = |cost: u64| if hops.sequential == 0 { 0.0 } else { 1.0 - cost as f64 / hops.sequential as f64 };
    let placements = [("sequential", hops.sequential), ("space-filling curve", hops.curve), ("annealed (used)", hops.annealed)];
    let placements = placements.into_iter().map(|(name, cost)| vec![name.into(), per_step(cost), format!("{:.1} %", 100.0 * less(cost))]);
    let mut busiest: Vec<_> = mapping.links.iter().collect();
    busiest.sort_by_key(|link| std::cmp::Reverse(link.spikes));
    let links = busiest.iter().take(5).map(|link| {
        let heat = link.spikes as f64 / busiest[0].spikes.max(1) as f64;
        vec![format!("({}, {}) {:?}", link.x, link.y, link.direction), per_step(link.spikes), bar(heat)]
    });
    let tables: usize = mapping.routing_tables.iter().map(|table| table.entries.len()).sum();
    let routing = if mapping.routing_tables.is_empty() {
        String::new()
    } else {
        let before: u32 = mapping.routing_tables.iter().map(|table| table.uncompressed).sum();
        format!("<p>{} routing tables with {tables} entries in all, {before} before compression.</p>", mapping.routing_tables.len())
    };
    format!(
        "<h2>System</h2><p>{} of {} cores, {} of {} chips.</p><h2>Limits of a core</h2>{}<h2>Placement</h2>{}<h2>Busiest of {} links</h2>{}{routing}",
        system.cores_used,
        system.cores,
        system.chips_used,
        system.chips,
        table(&["of each core", "limit", "fullest", "share", ""], limits),
        table(&["placement", "spikes x hops a step", "less"], placements),
        mapping.links.len(),
        table(&["link", "spikes a step", ""], links),
    )
}

/// Populations, and what quantisation did to their weights.
pub fn of_layers(graph: &LifGraph, layers: &[&IntegerLayer], chip: &Chip, mapping: Option<&Mapping>) -> String {
    let rows = graph.populations.iter().enumerate().map(|(index, population)| {
        let shape = population.shape;
        let cores = mapping
            .map_or("-".into(), |mapping| mapping.slices.iter().filter(|slice| slice.population == population.name).count().to_string());
        let name = format!("<span class=\"dot\" style=\"background:hsl({} 60% 55%)\"></span>{}", hue(index), escaped(&population.name));
        let mut row = vec![name, format!("{} x {} x {}", shape.channels, shape.height, shape.width), shape.neurons().to_string(), cores];
        let layer = layers.iter().find(|layer| layer.wiring.name == population.name);
        row.extend(match (layer, &population.model) {
            (Some(layer), _) => quantised(layer, chip),
            (None, NeuronModel::Select { ways }) => vec![format!("1 of {ways}")],
            (None, _) => vec!["from outside".into()],
        });
        row.resize(COLUMNS.len(), String::new());
        row
    });
    format!("<h2>Layers</h2>{}", table(&COLUMNS, rows))
}

const COLUMNS: [&str; 12] = [
    "population",
    "shape",
    "neurons",
    "cores",
    "weights",
    "scale",
    "clipped",
    "weight error",
    "threshold",
    "largest sum",
    "membrane bits",
    "of its width",
];

fn quantised(layer: &IntegerLayer, chip: &Chip) -> Vec<String> {
    let (low, high) = layer.scale.iter().fold((f64::INFINITY, 0.0f64), |(low, high), &scale| (low.min(scale), high.max(scale)));
    let scale = if low == high { format!("{low:.2e}") } else { format!("{low:.2e} to {high:.2e}") };
    let bits = layer.worst.membrane.bits();
    vec![
        layer.weights.len().to_string(),
        scale,
        clipped(layer),
        format!("{:.2} %", 100.0 * layer.weight_error),
        thresholds(layer),
        format!("{} of {}", layer.worst.input.magnitude(), chip.input_max()),
        format!("{bits} of {}", layer.membrane_bits),
        bar(f64::from(bits) / f64::from(layer.membrane_bits)),
    ]
}
