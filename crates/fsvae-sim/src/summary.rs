//! What a run did, for people and for programs.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use fsvae_cli::rate;
use lif_graph::LifGraph;
use lif_sim::Drawing;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Counts over all images, by population in the order of the graph.
pub(crate) struct Counts {
    spikes: Vec<u64>,
    /// Of the projections.
    operations: Vec<u64>,
}

/// A finished run.
pub(crate) struct Summary<'a> {
    pub graph: &'a LifGraph,
    pub seed: u64,
    pub images: u32,
    pub images_per_second: f64,
    pub counts: Counts,
    pub fingerprint: String,
    pub picture: PathBuf,
    pub events: Option<PathBuf>,
}

impl Counts {
    pub fn new(graph: &LifGraph) -> Self {
        Self { spikes: vec![0; graph.populations.len()], operations: vec![0; graph.projections.len()] }
    }

    pub fn add(&mut self, drawing: &Drawing) {
        self.spikes.iter_mut().zip(&drawing.spikes).for_each(|(sum, count)| *sum += count);
        self.operations.iter_mut().zip(&drawing.synaptic_operations).for_each(|(sum, count)| *sum += count);
    }
}

/// A line of the table.
struct Row<'a> {
    name: &'a str,
    neurons: u64,
    spikes: u64,
    operations: u64,
}

impl Summary<'_> {
    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.graph.populations.iter().zip(&self.counts.spikes).enumerate().map(|(index, (population, &spikes))| {
            let operations = self.graph.projections.iter().zip(&self.counts.operations);
            let incoming = operations.filter(|(projection, _)| projection.target.index() == index);
            Row {
                name: &population.name,
                neurons: population.shape.neurons() as u64,
                spikes,
                operations: incoming.map(|(_, count)| count).sum(),
            }
        })
    }

    fn total(&self) -> Row<'_> {
        self.rows().fold(Row { name: "all", neurons: 0, spikes: 0, operations: 0 }, |all, row| Row {
            name: all.name,
            neurons: all.neurons + row.neurons,
            spikes: all.spikes + row.spikes,
            operations: all.operations + row.operations,
        })
    }

    /// One object; the fields are explained in `fsvae-sim generate --help`.
    pub fn json(&self) -> Value {
        let total = self.total();
        let populations = self
            .rows()
            .map(|row| json!({ "name": row.name, "neurons": row.neurons, "spikes": row.spikes, "synaptic_operations": row.operations }));
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut files = json!({ "picture": text(&self.picture) });
        if let Some(events) = &self.events {
            files["events"] = json!(text(events));
        }
        json!({
            "model": { "name": self.graph.name, "fingerprint": self.graph.fingerprint() },
            "seed": self.seed,
            "images": self.images,
            "images_per_second": self.images_per_second,
            "spikes": total.spikes,
            "synaptic_operations": total.operations,
            "populations": populations.collect::<Vec<_>>(),
            "fingerprint": self.fingerprint,
            "files": files,
        })
    }

    /// A table and what else there is to say.
    pub fn text(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["population", "neurons", "spikes", "per neuron and step", "synaptic operations"]);
        for row in self.rows().chain([self.total()]) {
            let updates = row.neurons * u64::from(self.graph.steps) * u64::from(self.images);
            let rate = format!("{:.2} %", 100.0 * row.spikes as f64 / updates as f64);
            table.add_row([row.name.into(), grouped(row.neurons), grouped(row.spikes), rate, grouped(row.operations)]);
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        let (images, plural) = (grouped(self.images.into()), if self.images == 1 { "" } else { "s" });
        let mut text = format!("{images} image{plural} of seed {} by {} ({})\n", self.seed, self.graph.name, self.graph.fingerprint());
        text += &format!("{}\n{} images/s, fingerprint {}\n", table.trim_fmt(), rate(self.images_per_second), self.fingerprint);
        text += &format!("picture: {}\n", self.picture.display());
        if let Some(events) = &self.events {
            text += &format!("events:  {}\n", events.display());
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
