//! A schedule for people: its tables, and the first steps as a time-line.
//!
//! ```text
//! recurrent     1 2 3 4 5 6 7 8
//! prior.0       0 . . . . 1 . .
//! prior.1       . 0 . . . . 1 .
//! ```

use super::{Domain, Schedule};
use lif_graph::{LifGraph, PopulationId};
use std::fmt::Write;

/// Ticks of the time-line.
const TICKS: u64 = 24;

impl Schedule {
    /// Text of several lines. `graph` is the one that was scheduled.
    pub fn text(&self, graph: &LifGraph) -> String {
        let mut text =
            format!("schedule {} on {}: {} ticks an image of {} steps\n", self.mode, self.chip, self.ticks_per_image, self.steps);
        for (index, domain) in self.domains.iter().enumerate() {
            self.describe(graph, index, domain, &mut text);
        }
        let waiting = graph.projections.iter().zip(&self.waits).filter(|(_, wait)| **wait > 0);
        for (projection, wait) in waiting {
            let _ = writeln!(text, "\n{} waits {wait} ticks", projection.name);
        }
        text
    }

    fn describe(&self, graph: &LifGraph, index: usize, domain: &Domain, text: &mut String) {
        let Domain { name, between, ticks_per_step, ticks_per_image, streams } = domain;
        let between = between.words();
        let images = if *streams { "images follow each other" } else { "each image is a run of its own" };
        let _ = writeln!(text, "\n{name}: {ticks_per_step} ticks a step, {ticks_per_image} an image, {between}, {images}");
        let buffers = self.buffers.iter().filter(|buffer| buffer.domain == index);
        let buffers = buffers.map(|buffer| (format!("{} (buffered)", graph.population(buffer.population).name), buffer.first_tick, None));
        let members = self.populations.iter().enumerate().filter(|(_, timing)| timing.domain == index).map(|(population, timing)| {
            let id = PopulationId::from_index(population);
            (graph.population(id).name.clone(), timing.first_tick, Some((self.phase_and_skew(id), timing.decay)))
        });
        let rows: Vec<_> = buffers.chain(members).collect();
        let width = rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0).max(10);
        let shown = TICKS.min(*ticks_per_image);
        let ticks: String = (1..=shown).map(|tick| format!("{tick:>3}")).collect();
        let _ = writeln!(text, "{:width$}  first  phase  skew {ticks}", "population");
        for (name, first, timing) in rows {
            let (phase, skew) = timing.map_or((0, 0), |(phase_and_skew, _)| phase_and_skew);
            let steps = (1..=shown).map(|tick| match tick.checked_sub(first) {
                Some(behind) if behind.is_multiple_of(*ticks_per_step) && behind / ticks_per_step < u64::from(self.steps) => {
                    format!("{:>3}", behind / ticks_per_step)
                }
                _ => "  .".into(),
            });
            let decay = timing
                .and_then(|(_, decay)| decay)
                .map_or(String::new(), |decay| format!("  decay {}/2^{}", decay.multiplier, decay.shift));
            let _ = writeln!(text, "{name:width$}  {first:>5}  {phase:>5}  {skew:>4} {}{decay}", steps.collect::<String>());
        }
    }
}
