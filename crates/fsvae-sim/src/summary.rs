//! What a run did, for people and for programs.

use crate::shards::{Part, Shards};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use fsvae_cli::rate;
use lif_graph::{LifGraph, PopulationId};
use lif_map::Schedule;
use lif_sim::Drawing;
use serde_json::{Value, json};
use std::path::Path;

/// Counts over all images, by population in the order of the graph.
pub(crate) struct Counts {
    spikes: Vec<u64>,
    /// Of the projections.
    operations: Vec<u64>,
}

/// What the table shows.
pub(crate) struct Table<'a> {
    pub graph: &'a LifGraph,
    pub seed: u64,
    pub images: u64,
    pub counts: Counts,
    /// Populations whose spikes were not counted.
    pub uncounted: Vec<PopulationId>,
}

/// A finished picture.
pub(crate) struct Summary<'a> {
    pub table: Table<'a>,
    pub images_per_second: f64,
    pub fingerprint: String,
    /// With a target's ticks.
    pub schedule: Option<&'a Schedule>,
    pub picture: &'a Path,
    pub events: Option<&'a Path>,
}

/// Finished shards.
pub(crate) struct StreamSummary<'a> {
    pub table: Table<'a>,
    /// Of the images drawn now.
    pub images_per_second: Option<f64>,
    /// Images drawn now.
    pub drawn: u64,
    /// Shards that were there.
    pub found: u64,
    pub pixels_fingerprint: String,
    pub shards: &'a Shards,
}

impl Counts {
    pub fn new(graph: &LifGraph) -> Self {
        Self { spikes: vec![0; graph.populations.len()], operations: vec![0; graph.projections.len()] }
    }

    pub fn add(&mut self, drawing: &Drawing) {
        self.add_totals(&drawing.spikes, &drawing.synaptic_operations);
    }

    /// Adds the counts of some images, by population and by projection.
    pub fn add_totals(&mut self, spikes: &[u64], operations: &[u64]) {
        self.spikes.iter_mut().zip(spikes).for_each(|(sum, count)| *sum += count);
        self.operations.iter_mut().zip(operations).for_each(|(sum, count)| *sum += count);
    }
}

/// A line of the table.
struct Row<'a> {
    name: &'a str,
    neurons: u64,
    /// `None` where they were not counted.
    spikes: Option<u64>,
    operations: u64,
}

impl Table<'_> {
    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.graph.populations.iter().zip(&self.counts.spikes).enumerate().map(|(index, (population, &spikes))| {
            let operations = self.graph.projections.iter().zip(&self.counts.operations);
            let incoming = operations.filter(|(projection, _)| projection.target.index() == index);
            Row {
                name: &population.name,
                neurons: population.shape.neurons() as u64,
                spikes: (!self.uncounted.contains(&PopulationId::from_index(index))).then_some(spikes),
                operations: incoming.map(|(_, count)| count).sum(),
            }
        })
    }

    fn total(&self) -> Row<'_> {
        self.rows().fold(Row { name: "all", neurons: 0, spikes: Some(0), operations: 0 }, |all, row| Row {
            name: all.name,
            neurons: all.neurons + row.neurons,
            spikes: all.spikes.map(|sum| sum + row.spikes.unwrap_or(0)),
            operations: all.operations + row.operations,
        })
    }

    /// The members that picture and shards share.
    fn json(&self) -> Value {
        let total = self.total();
        let populations = self
            .rows()
            .map(|row| json!({ "name": row.name, "neurons": row.neurons, "spikes": row.spikes, "synaptic_operations": row.operations }));
        json!({
            "model": { "name": self.graph.name, "fingerprint": self.graph.fingerprint() },
            "seed": self.seed,
            "images": self.images,
            "spikes": total.spikes,
            "synaptic_operations": total.operations,
            "populations": populations.collect::<Vec<_>>(),
        })
    }

    /// A headline and the table.
    fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["population", "neurons", "spikes", "per neuron and step", "synaptic operations"]);
        for row in self.rows().chain([self.total()]) {
            let updates = row.neurons as f64 * f64::from(self.graph.steps) * self.images as f64;
            let rate = |spikes| format!("{:.2} %", 100.0 * spikes as f64 / updates);
            let uncounted = || "not counted".to_string();
            let (spikes, rate) = (row.spikes.map_or_else(uncounted, grouped), row.spikes.map_or_else(String::new, rate));
            table.add_row([row.name.into(), grouped(row.neurons), spikes, rate, grouped(row.operations)]);
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        let (images, plural) = (grouped(self.images), if self.images == 1 { "" } else { "s" });
        let (name, model) = (&self.graph.name, self.graph.fingerprint());
        format!("{images} image{plural} of seed {} by {name} ({model})\n{}\n", self.seed, table.trim_fmt())
    }
}

impl Summary<'_> {
    /// One object; the fields are explained in `fsvae-sim generate --help`.
    pub fn json(&self) -> Value {
        let mut json = self.table.json();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        json["images_per_second"] = json!(self.images_per_second);
        json["fingerprint"] = json!(self.fingerprint);
        if let Some(Schedule { chip, mode, ticks_per_image, .. }) = self.schedule {
            json["arithmetic"] = json!({ "target": chip, "schedule": mode, "ticks": ticks_per_image });
        }
        json["files"] = json!({ "picture": text(self.picture) });
        if let Some(events) = self.events {
            json["files"]["events"] = json!(text(events));
        }
        json
    }

    /// A table and what else there is to say.
    pub fn text(&self) -> String {
        let mut text = self.table.text();
        if let Some(Schedule { chip, mode, ticks_per_image, .. }) = self.schedule {
            text += &format!("in the arithmetic of {chip}, {mode}: {ticks_per_image} ticks an image\n");
        }
        text += &format!("{} images/s, fingerprint {}\n", rate(self.images_per_second), self.fingerprint);
        text += &format!("picture: {}\n", self.picture.display());
        if let Some(events) = self.events {
            text += &format!("events:  {}\n", events.display());
        }
        text
    }
}

impl StreamSummary<'_> {
    /// One object, as above.
    pub fn json(&self) -> Value {
        let mut json = self.table.json();
        let Part { part, parts } = self.shards.part;
        let files = self.shards.of_part();
        json["images_per_second"] = json!(self.images_per_second);
        json["images_drawn"] = json!(self.drawn);
        json["pixels_fingerprint"] = json!(self.pixels_fingerprint);
        json["shards"] = json!({
            "pattern": self.shards.pattern(), "part": part, "parts": parts, "files": files, "drawn": files - self.found, "found": self.found,
        });
        json
    }

    /// A table and what else there is to say.
    pub fn text(&self) -> String {
        let mut text = self.table.text();
        if let Some(per_second) = self.images_per_second {
            text += &format!("{} images/s, ", rate(per_second));
        }
        text += &format!("pixels fingerprint {}\n", self.pixels_fingerprint);
        let files = self.shards.of_part();
        text += &format!("shards:  {} ({} drawn, {} found)\n", self.shards.pattern(), grouped(files - self.found), grouped(self.found));
        let Part { part, parts } = self.shards.part;
        if parts > 1 {
            text += &format!("part:    {part} of {parts}; the whole has {} shards\n", grouped(self.shards.total()));
        }
        text
    }
}

/// With commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_thousands() {
        assert_eq!([0, 999, 1000, 1234567, 12345678].map(grouped), ["0", "999", "1,000", "1,234,567", "12,345,678"]);
    }
}
