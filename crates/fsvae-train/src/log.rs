//! The run's log: one JSON object a line, flushed as it is written; its numbers go to TensorBoard as well.

use crate::tensorboard::{self, Board};
use fsvae_cli::{Action, CliError, read_file, write_file};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// An open log.jsonl, with the event file beside it.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    board: Board,
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
        let board = Board::resume(&path.with_file_name(tensorboard::NAME), step)?;
        Ok(Self { path: path.to_owned(), file, board })
    }

    /// Adds a line.
    pub fn write(&mut self, entry: &Value) -> Result<(), CliError> {
        self.file.write_all(format!("{entry}\n").as_bytes()).map_err(|e| CliError::from_io(Action::Write, &self.path, e))?;
        self.board.scalars(entry["step"].as_u64().unwrap_or(0), scalars(entry))
    }

    /// Shows a picture to TensorBoard.
    pub fn picture(&mut self, step: u64, name: &str, png: &[u8]) -> Result<(), CliError> {
        self.board.picture(step, name, png)
    }
}

/// The numbers of a line that make a curve, by TensorBoard's tags.
fn scalars(entry: &Value) -> Vec<(String, f64)> {
    let tag = |name: &str| match entry["event"].as_str()? {
        "step" if ["mse", "prior", "learning_rate", "images_per_second"].contains(&name) => Some(format!("train/{name}")),
        "epoch" if name == "synaptic_operations" => Some(format!("generation/{name}")),
        "epoch" => Some(format!("{}/mse", name.strip_suffix("_mse")?)),
        _ => None,
    };
    entry.as_object().into_iter().flatten().filter_map(|(name, value)| Some((tag(name)?, value.as_f64()?))).collect()
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

    #[test]
    fn the_numbers_that_make_curves_have_tags() {
        let step =
            json!({"event": "step", "step": 3, "epoch": 1, "mse": 0.5, "prior": null, "learning_rate": 0.1, "images_per_second": 9.0});
        let tags = |entry| scalars(&entry).into_iter().map(|(tag, value)| format!("{tag} {value}")).collect::<Vec<_>>().join(", ");
        assert_eq!(tags(step), "train/images_per_second 9, train/learning_rate 0.1, train/mse 0.5");
        assert_eq!(tags(json!({"event": "epoch", "step": 3, "epoch": 1, "test_mse": 0.25, "test_images": 10})), "test/mse 0.25");
        let sparse = json!({"event": "epoch", "step": 3, "epoch": 1, "synaptic_operations": 35e6});
        assert_eq!(tags(sparse), "generation/synaptic_operations 35000000");
        assert_eq!(tags(json!({"event": "resume", "step": 3, "epochs": 1})), "");
    }
}
