//! `--list-targets`.

use crate::summary::table;
use fsvae_cli::Report;
use serde_json::json;
use std::process::ExitCode;

/// Prints every chip of the catalogue.
pub fn list(as_json: bool) -> Result<ExitCode, Report> {
    let chips = lif_chip::catalogue();
    if as_json {
        let rows: Vec<_> = chips
            .iter()
            .map(|chip| json!({"name": chip.name, "aliases": chip.aliases, "description": chip.description, "netlist": chip.netlist}))
            .collect();
        fsvae_cli::print_json(&json!({ "targets": rows }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(&["target", "also called", "netlist", "what it is"], 0);
    for chip in chips {
        table.add_row([chip.name, chip.aliases.join(", "), chip.netlist.unwrap_or("-".into()), chip.description]);
    }
    fsvae_cli::print(&format!("{table}\n"))?;
    Ok(ExitCode::SUCCESS)
}
