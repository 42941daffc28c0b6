//! The schedule as a time-line: a row for each population, a box for each tick at which it does a step, coloured by step.
//!
//! ```text
//!   tick      1   2   3   4   5   6
//!   prior.0  [0]             [1]
//!   prior.1      [0]             [1]
//! ```

use super::{escaped, hue};
use lif_graph::{LifGraph, PopulationId};
use lif_map::schedule::Domain;
use lif_map::{MapError, Schedule};
use std::fmt::Write;

/// Ticks that are drawn; all others repeat them.
const TICKS: u64 = 40;
/// Width of a tick and height of a row.
const CELL: u64 = 20;
/// Room for names.
const NAMES: u64 = 190;

/// Heading and one drawing for each clock.
pub fn section(graph: &LifGraph, schedule: &Result<Schedule, MapError>) -> String {
    match schedule {
        Ok(schedule) => {
            let domains = schedule.domains.iter().enumerate().map(|(index, domain)| drawing(graph, schedule, index, domain));
            format!(
                "<h2>Schedule: {}, {} ticks an image of {} steps</h2>\n{}",
                schedule.mode,
                schedule.ticks_per_image,
                schedule.steps,
                domains.collect::<String>()
            )
        }
        Err(error) => format!("<h2>Schedule</h2>\n<p>There is none: {}.</p>\n", escaped(&error.to_string())),
    }
}

/// A row: name, colour, tick of step 0.
type Row<'g> = (&'g str, u32, u64);

fn drawing(graph: &LifGraph, schedule: &Schedule, index: usize, domain: &Domain) -> String {
    let row = |population: PopulationId, first| (&graph.population(population).name[..], hue(population.index()), first);
    let buffers = schedule.buffers.iter().filter(|buffer| buffer.domain == index).map(|buffer| row(buffer.population, buffer.first_tick));
    let members = schedule.populations.iter().enumerate().filter(|(_, timing)| timing.domain == index);
    let members = members.map(|(population, timing)| row(PopulationId::from_index(population), timing.first_tick));
    let rows: Vec<Row<'_>> = buffers.chain(members).collect();
    let shown = TICKS.min(domain.ticks_per_image);
    let mut svg = format!(
        "<p class=\"note\">{}: {} ticks a step, {}; the first {shown} of {} ticks, numbers are steps.</p>\n\
         <svg class=\"timeline\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"schedule of the {} clock\">\n",
        escaped(&domain.name),
        domain.ticks_per_step,
        domain.between.words(),
        domain.ticks_per_image,
        NAMES + TICKS * CELL,
        (rows.len() as u64 + 1) * CELL,
        escaped(&domain.name),
    );
    for tick in 1..=shown {
        let _ = writeln!(svg, "<text class=\"tick\" x=\"{}\" y=\"14\">{tick}</text>", NAMES + (tick - 1) * CELL + CELL / 2);
    }
    for (line, &(name, hue, first)) in (1..).zip(&rows) {
        let top = line * CELL;
        let _ = writeln!(svg, "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>", NAMES - 8, top + 14, escaped(name));
        for (step, tick) in (0..u64::from(schedule.steps)).map(|step| (step, first + step * domain.ticks_per_step)) {
            if tick > shown {
                break;
            }
            let left = NAMES + (tick - 1) * CELL;
            let _ = writeln!(
                svg,
                "<rect class=\"update\" x=\"{left}\" y=\"{}\" width=\"{}\" height=\"{}\" style=\"--hue:{hue};--odd:{}\"/>\
                 <text class=\"step\" x=\"{}\" y=\"{}\">{step}</text>",
                top + 1,
                CELL - 1,
                CELL - 2,
                step % 2,
                left + CELL / 2,
                top + 14,
            );
        }
    }
    svg + "</svg>\n"
}
