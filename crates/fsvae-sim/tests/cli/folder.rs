//! A folder to run the program in.

use lif_graph::LifGraph;
use std::path::PathBuf;

/// A folder of its own, in which the program runs.
pub struct Folder(tempfile::TempDir);

/// What a run said.
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Without the one figure that no two runs share.
    pub fn stdout_without_rate(&self) -> String {
        let lines = self.stdout.lines().map(|line| match line.split_once(" images/s, ") {
            Some((_, rest)) => format!("[rate] images/s, {rest}"),
            None => line.into(),
        });
        lines.map(|line: String| line + "\n").collect()
    }
}

impl Folder {
    /// With nothing in it.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// With one file, `model.lif`.
    pub fn with_model(graph: &LifGraph) -> Self {
        let folder = Self::empty();
        std::fs::write(folder.path("model.lif"), graph.to_bytes()).expect("written");
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Names of all files, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("a folder");
        let mut names: Vec<String> = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    /// Runs a command that must succeed.
    pub fn run(&self, command: &str) -> Output {
        let output = self.run_any(command);
        assert_eq!(output.code, Some(0), "{command}: {}", output.stderr);
        output
    }

    /// Runs a command; its words are separated by spaces.
    pub fn run_any(&self, command: &str) -> Output {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_fsvae-sim"));
        let output = program.args(command.split_whitespace()).current_dir(self.0.path()).output().expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Width, height and bytes of a picture.
    pub fn png(&self, name: &str) -> (usize, usize, Vec<u8>) {
        let file = std::io::BufReader::new(std::fs::File::open(self.path(name)).expect("a file"));
        let mut reader = png::Decoder::new(file).read_info().expect("a PNG file");
        let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut bytes).expect("a picture");
        (reader.info().width as usize, reader.info().height as usize, bytes)
    }

    /// The first `count` images of a square picture, cut out, each `[channel][y][x]`.
    pub fn pictures(&self, name: &str, count: usize, channels: usize) -> Vec<Vec<u8>> {
        let (width, _, bytes) = self.png(name);
        let columns = (width - 2) / 34;
        let cut_out = |index: usize| {
            let (top, left) = (2 + index / columns * 34, 2 + index % columns * 34);
            let pixel = |channel, y, x| bytes[((top + y) * width + left + x) * channels + channel];
            let pixel = &pixel;
            (0..channels).flat_map(|c| (0..32).flat_map(move |y| (0..32).map(move |x| pixel(c, y, x)))).collect()
        };
        (0..count).map(cut_out).collect()
    }
}
