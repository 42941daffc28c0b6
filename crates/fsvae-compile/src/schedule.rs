//! `--schedule` and `--stop-after schedule`: the ticks of every population, and the table of what schedules cost.

use crate::summary::table;
use fsvae_cli::Report;
use fsvae_compile::CompileError;
use fsvae_compile::schedules::{ScheduleCosts, compare};
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_map::Mode;
use lif_map::schedule::schedule;
use serde_json::json;
use std::process::ExitCode;

/// Prints the schedule of a graph, and what its chip's schedules cost.
pub fn show(graph: &LifGraph, chip: &Chip, mode: Option<Mode>, as_json: bool) -> Result<ExitCode, Report> {
    let mode = mode.unwrap_or(Mode::of(chip));
    let schedule = schedule(graph, chip, mode).map_err(CompileError::from)?;
    let costs = compare(graph, chip)?;
    if as_json {
        fsvae_cli::print_json(&json!({ "schedule": schedule, "schedules": costs }))?;
    } else {
        fsvae_cli::print(&format!("{}\n{}", schedule.text(graph), table_of(mode, chip, &costs)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Schedules side by side; the chosen one has a mark.
pub fn table_of(mode: Mode, chip: &Chip, costs: &ScheduleCosts) -> String {
    let mut rows = table(&["schedule of an image", "exact", "ticks", "updates", "active", "synaptic operations", "time", "energy"], 2);
    for cost in &costs.schedules {
        let mark = if cost.schedule == mode { " *" } else { "" };
        rows.add_row([
            format!("{}{mark}", cost.schedule),
            if cost.exact { "yes" } else { "no" }.into(),
            cost.ticks.to_string(),
            (cost.active_updates + cost.inactive_updates).to_string(),
            cost.active_updates.to_string(),
            cost.synaptic_operations.to_string(),
            cost.time_ps.map_or("-".into(), |time| format!("{:.3} ms", time as f64 / 1e9)),
            cost.energy_fj.map_or("-".into(), |energy| format!("{:.1} uJ", energy as f64 / 1e9)),
        ]);
    }
    let figures = match &costs.figures_of {
        Some(name) if *name == chip.name => format!("time and energy inside the cores: a model with the figures of {name}'s chip file"),
        Some(name) => format!(
            "time and energy inside the cores: a model with the figures of {name}, as if on its cores; nobody has published those of {}",
            chip.name
        ),
        None => "no times and energies: the chip's ticks are not described, or the graph does not fit the cores of a chip that has figures"
            .into(),
    };
    format!("{rows}\n\n* chosen; {figures}\n")
}
