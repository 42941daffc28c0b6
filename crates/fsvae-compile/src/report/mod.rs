//! `--html`: report.html, one file that needs nothing else: no script, no font, no network.
//!
//! ```text
//!   +--------------------------------------------------+
//!   | what was compiled for which chip                 |
//!   +----------------------------+---------------------+
//!   | floor plan: cores, links   | limits of a core    |   only for chips whose cores stand somewhere
//!   |  (o) population (o) load   | placement, traffic  |
//!   +----------------------------+---------------------+
//!   | layers: what they are, what quantisation cost    |
//!   | schedule: who does its steps when                |
//!   +--------------------------------------------------+
//! ```

mod floor_plan;
mod tables;
mod timeline;

use fsvae_compile::IntegerLayer;
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_map::{MapError, Mapping, Schedule};

/// The whole page.
pub fn page(
    graph: &LifGraph,
    layers: &[&IntegerLayer],
    chip: &Chip,
    mapping: Option<&Mapping>,
    schedule: &Result<Schedule, MapError>,
) -> String {
    let title = format!("{} on {}", graph.name, chip.name);
    let neurons: usize = graph.populations.iter().map(|population| population.shape.neurons()).sum();
    let weights: usize = layers.iter().map(|layer| layer.weights.len()).sum();
    let facts = [
        ("chip", chip.description.clone()),
        ("neurons", neurons.to_string()),
        ("weights", weights.to_string()),
        ("steps", graph.steps.to_string()),
        ("fingerprint", graph.fingerprint()),
    ];
    let facts: String = facts.iter().map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value))).collect();
    let on_chip = mapping.map_or_else(String::new, |mapping| {
        format!("<section class=\"wide\">{}<div>{}</div></section>", floor_plan::section(graph, chip, mapping), tables::of_mapping(mapping))
    });
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl class=\"facts\">{facts}</dl>\n\
         {on_chip}\n{}\n{}</body>\n</html>\n",
        tables::of_layers(graph, layers, chip, mapping),
        timeline::section(graph, schedule),
        title = escaped(&title),
    )
}

const STYLE: &str = include_str!("style.css");

/// Text that HTML shows as it is.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A colour for each population, far from those of its neighbours: turns of the colour wheel by the golden angle.
fn hue(population: usize) -> u32 {
    (population as u32 * 1375 / 10) % 360
}
