//! Running other programs, visibly.

use std::process::{Command, Stdio};

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

/// Like [`step`], but for what the program prints.
pub fn output(name: &str, command: &mut Command) -> Result<String, String> {
    eprintln!("== {name}: {command:?}");
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("{name}: cannot run {:?}: {e}", command.get_program()))?;
    if output.status.success() { Ok(String::from_utf8_lossy(&output.stdout).into_owned()) } else { Err(format!("{name} failed")) }
}

/// `apt-get`, through sudo for those who are not root.
pub fn apt_get(words: &[&str]) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let mut command = Command::new(if root { "apt-get" } else { "sudo" });
    if !root {
        command.arg("apt-get");
    }
    command.args(words);
    command
}
