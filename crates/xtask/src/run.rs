//! Running other programs, visibly.

use std::process::Command;

/// `cargo` with these words.
pub fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words);
    command
}

/// Says what is done, does it, and turns a failure into a message.
pub fn step(name: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("\n== {name}: {command:?}");
    let status = command.status().map_err(|e| format!("{name}: cannot run {:?}: {e}", command.get_program()))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed")) }
}
