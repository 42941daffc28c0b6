//! Every spike, on the disk: as lines of text or as NumPy's arrays.
//!
//! ```text
//!   worker threads            |  the main thread, image by image
//!   events --Encoder--> Rows  |  EventFile::append --> file (csv), or one temporary file a column (npz) --finish--> file
//! ```
//!
//! Nothing but the images in work is in memory, however many spikes there are.

mod csv;
pub(crate) mod npz;

use fsvae_cli::{Action, CliError, WholeFile};
use lif_graph::LifGraph;
use lif_sim::Event;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The two kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Npz,
}

impl Format {
    /// By the name's ending.
    fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("npz") => Self::Npz,
            _ => Self::Csv,
        }
    }
}

/// From events to bytes; shared by all threads.
pub(crate) struct Encoder {
    format: Format,
    /// Of the populations, as they stand in a line of text.
    names: Vec<String>,
}

/// The encoded events of one image: a text, or a part of each column.
pub(crate) struct Rows(Vec<Vec<u8>>);

impl Encoder {
    /// For the events of `graph` in a file of this name.
    pub fn new(path: &Path, graph: &LifGraph) -> Self {
        Self { format: Format::of(path), names: graph.populations.iter().map(|population| csv::field(&population.name)).collect() }
    }

    /// The events of one image.
    pub fn encode(&self, image: u32, events: &[Event]) -> Rows {
        Rows(match self.format {
            Format::Csv => vec![csv::lines(image, events, &self.names)],
            Format::Npz => npz::columns(image, events),
        })
    }
}

/// A file of events in the making.
pub(crate) struct EventFile {
    path: PathBuf,
    file: WholeFile,
    /// Columns that wait until the file begins, which needs their length.
    columns: Option<npz::Columns>,
}

impl EventFile {
    /// Begins a file; nothing is seen of it before [`WholeFile::commit`].
    pub fn create(path: &Path) -> Result<Self, CliError> {
        let mut file = WholeFile::create(path)?;
        let from_io = |error| CliError::from_io(Action::Write, path, error);
        let columns = match Format::of(path) {
            Format::Npz => Some(npz::Columns::beside(path).map_err(from_io)?),
            Format::Csv => {
                file.write_all(csv::HEADER).map_err(from_io)?;
                None
            }
        };
        Ok(Self { path: path.to_owned(), file, columns })
    }

    /// Adds the events of the next image.
    pub fn append(&mut self, Rows(rows): Rows) -> Result<(), CliError> {
        let written = match &mut self.columns {
            Some(columns) => columns.append(&rows),
            None => rows.iter().try_for_each(|text| self.file.write_all(text)),
        };
        written.map_err(|error| self.error(error))
    }

    /// The whole file, to be committed.
    pub fn finish(mut self, graph: &LifGraph) -> Result<WholeFile, CliError> {
        if let Some(columns) = self.columns.take() {
            let names: Vec<&str> = graph.populations.iter().map(|population| &population.name[..]).collect();
            columns.write(&mut self.file, &names, &graph.fingerprint()).map_err(|error| self.error(error))?;
        }
        Ok(self.file)
    }

    fn error(&self, error: io::Error) -> CliError {
        CliError::from_io(Action::Write, &self.path, error)
    }
}
