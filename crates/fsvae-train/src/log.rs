//! The run's log: one JSON object a line, flushed as it is written.

use fsvae_cli::{Action, CliError, read_file, write_file};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// An open log.jsonl.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log to go on after optimiser step `step`: lines about later steps, which a killed run wrote after its last checkpoint,
    /// go; the resumed run will write them anew.
    pub fn resume(path: &Path, step: u64) -> Result<Self, CliError> {
        if path.exists() {
            let text = read_file(path)?;
            let text = String::from_utf8_lossy(&text);
            let kept = |line: &&str| serde_json::from_str(line).is_ok_and(|entry: Value| entry["step"].as_u64().unwrap_or(0) <= step);
            let lines: Vec<&str> = text.lines().filter(kept).collect();
            write_file(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>().as_bytes())?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(|e| CliError::from_io(Action::Write, path, e))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a line.
    pub fn write(&mut self, entry: &Value) -> Result<(), CliError> {
        self.file.write_all(format!("{entry}\n").as_bytes()).map_err(|e| CliError::from_io(Action::Write, &self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn resuming_drops_later_and_torn_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = Log::resume(&path, 0).unwrap();
        for step in 1..4 {
            log.write(&json!({"event": "step", "step": step})).unwrap();
        }
        log.file.write_all(b"{\"event\": \"st").unwrap();
        let mut log = Log::resume(&path, 2).unwrap();
        log.write(&json!({"event": "resume", "step": 2})).unwrap();
        let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    }
}
