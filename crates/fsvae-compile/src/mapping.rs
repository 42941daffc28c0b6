//! What a mapping says to people, and its file.

use crate::summary::table;
use lif_map::{Mapping, PlacedSlice};
use lif_netlist::{NetlistFile, json};

/// `mapping.json`.
pub fn file(mapping: &Mapping) -> NetlistFile {
    NetlistFile { name: "mapping.json", bytes: json::lines(mapping) }
}

/// The tables: populations, limits of a core, placements, then links and routing tables.
pub fn text(mapping: &Mapping) -> String {
    let system = &mapping.system;
    let topology = serde_json::to_value(system.topology).expect("a word");
    let rates = if mapping.rates.measured { "measured" } else { "taken as 1" };
    format!(
        "{} on {}: {} of {} cores, {} of {} chips, {} of {} x {} routers, rates {rates} over {} steps, fingerprint {}\n\n{}\n\n{}\n\n{}\n\n{}",
        mapping.graph,
        mapping.chip,
        system.cores_used,
        system.cores,
        system.chips_used,
        system.chips,
        topology.as_str().unwrap_or_default(),
        system.columns,
        system.rows,
        mapping.rates.steps,
        mapping.fingerprint,
        populations(mapping),
        limits(mapping),
        placements(mapping),
        ways(mapping),
    )
}

fn populations(mapping: &Mapping) -> String {
    let mut rows = table(&["population", "cores", "slice", "neurons", "synapses", "input axons", "output axons", "spikes at once"], 1);
    for slices in mapping.slices.chunk_by(|a, b| a.population == b.population) {
        let largest = |figure: fn(&PlacedSlice) -> u64| slices.iter().map(figure).max().unwrap_or(0).to_string();
        let side = |range: fn(&PlacedSlice) -> [u32; 2]| slices.iter().map(|slice| range(slice)[1] - range(slice)[0]).max().unwrap_or(0);
        let (channels, height, width) = (side(|s| s.region.channels), side(|s| s.region.rows), side(|s| s.region.columns));
        rows.add_row([
            slices[0].population.clone(),
            slices.len().to_string(),
            format!("{channels}x{height}x{width}"),
            largest(|slice| slice.load.neurons),
            largest(|slice| slice.load.synapses),
            largest(|slice| slice.load.input_axons),
            largest(|slice| slice.load.output_axons),
            largest(|slice| slice.spikes_at_once),
        ]);
    }
    rows.to_string()
}

fn limits(mapping: &Mapping) -> String {
    let mut rows = table(&["of each core", "there are", "used at most", "share", "on average", "fullest core"], 1);
    for limit in &mapping.limits {
        let slice = &mapping.slices[limit.slice as usize];
        rows.add_row([
            limit.unit.to_string(),
            limit.limit.to_string(),
            limit.largest.to_string(),
            format!("{:.1} %", 100.0 * limit.largest as f64 / limit.limit as f64),
            format!("{:.1}", limit.sum as f64 / mapping.slices.len() as f64),
            format!("{} at ({}, {}) core {}", slice.population, slice.x, slice.y, slice.core),
        ]);
    }
    rows.to_string()
}

fn placements(mapping: &Mapping) -> String {
    let mut rows = table(&["placement", "spikes x hops a step", "less"], 1);
    let hops = mapping.hops;
    for (name, cost) in [("sequential", hops.sequential), ("curve", hops.curve), ("annealed", hops.annealed)] {
        let less = if hops.sequential == 0 { 0.0 } else { 100.0 * (1.0 - cost as f64 / hops.sequential as f64) };
        rows.add_row([name.to_string(), per_step(mapping, cost), format!("{less:.1} %")]);
    }
    rows.to_string()
}

fn ways(mapping: &Mapping) -> String {
    let busiest = mapping.links.iter().rev().max_by_key(|link| link.spikes);
    let mut text = busiest.map_or("no spike leaves its router\n".into(), |link| {
        let direction = serde_json::to_value(link.direction).expect("a word");
        let (count, spikes) = (mapping.links.len(), per_step(mapping, link.spikes));
        let direction = direction.as_str().unwrap_or_default();
        format!("{count} links, the busiest from ({}, {}) {direction} with {spikes} spikes a step\n", link.x, link.y)
    });
    if let Some(largest) = mapping.routing_tables.iter().rev().max_by_key(|table| table.entries.len()) {
        let before: u32 = mapping.routing_tables.iter().map(|table| table.uncompressed).sum();
        let after: usize = mapping.routing_tables.iter().map(|table| table.entries.len()).sum();
        let (count, largest) = (mapping.routing_tables.len(), largest.entries.len());
        text += &format!("{count} routing tables, the largest with {largest} entries; {after} in all, {before} before compression\n");
    }
    text
}

fn per_step(mapping: &Mapping, count: u64) -> String {
    format!("{:.1}", count as f64 / f64::from(mapping.rates.steps))
}
