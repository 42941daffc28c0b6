//! `--explain CODE`: what the rules behind an error code demand.

use fsvae_cli::Report;
use fsvae_compile::CompileError;
use serde_json::json;
use std::process::ExitCode;

/// A rule in words; what to do about a graph's rule depends on the place, and its error says so.
struct Row {
    code: &'static str,
    name: &'static str,
    reason: &'static str,
    remedy: Option<&'static str>,
}

/// Prints the rules of a code.
pub fn print(code: &str, as_json: bool) -> Result<ExitCode, Report> {
    let rows: Vec<Row> = all().filter(|row| row.code.eq_ignore_ascii_case(code)).collect();
    if rows.is_empty() {
        let mut known: Vec<&str> = all().map(|row| row.code).collect();
        known.dedup();
        return Err(CompileError::UnknownCode { code: code.into(), known: known.join(", ") }.into());
    }
    if as_json {
        let rules = rows.iter().map(|row| json!({"code": row.code, "rule": row.name, "reason": row.reason, "remedy": row.remedy}));
        fsvae_cli::print_json(&json!({ "rules": rules.collect::<Vec<_>>() }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for row in rows {
        let line = |what: &str, text: Option<&str>| text.map(|text| format!("  {what}: {text}\n")).unwrap_or_default();
        fsvae_cli::print(&format!("{} {}\n{}{}", row.code, row.name, line("why", Some(row.reason)), line("help", row.remedy)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The rules of graphs, then those of mappings.
fn all() -> impl Iterator<Item = Row> {
    let of_graphs = lif_graph::rules::RULES.iter().chain(lif_graph::rules::RANGE_RULES);
    let of_graphs = of_graphs.map(|rule| Row { code: rule.code, name: rule.name, reason: rule.reason, remedy: None });
    let row =
        |rule: &'static lif_map::rules::Rule| Row { code: rule.code, name: rule.name, reason: rule.reason, remedy: Some(rule.remedy) };
    of_graphs.chain(lif_map::rules::rules().map(row))
}
