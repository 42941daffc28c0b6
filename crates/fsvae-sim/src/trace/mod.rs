//! Files that show an image on the chip: waveforms, a timeline, spikes, a raster, a report.
//!
//! ```text
//!   timed engine --Watch--> Timeline --+--> perfetto  run.json         packets and stages, to the picosecond
//!                                      +--> waves --> vcd, fst         spikes, membranes, busy cores
//!                 --Watch--> Messages -----> sanafe    messages.csv     who sent to whom, and how long it took
//!   recorded spikes -------------------+--> sanafe    spikes.csv
//!                                      +--> npz       spikes.npz       t, core, population, neuron
//!                                      +--> raster    raster.png
//!   Profile, pictures -----------------+--> report    report.html
//! ```
//!
//! Every file is tried before the work begins and appears whole or not at all. They are of the first image.

mod fst;
mod npz;
mod perfetto;
mod probe;
pub(crate) mod raster;
mod record;
pub(crate) mod report;
mod sanafe;
mod vcd;
mod waves;

pub(crate) use probe::Probes;
pub(crate) use record::Timeline;

use crate::Error;
use fsvae_cli::{Action, CliError, WholeFile};
use lif_time::{Clock, Messages, Spike};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a file is, by its name's ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Vcd,
    Fst,
    Perfetto,
    Csv,
    Messages,
    Npz,
    Raster,
}

/// Which files.
pub(crate) struct Wanted<'a> {
    /// Waveforms and timelines.
    pub traces: &'a [PathBuf],
    /// Spikes.
    pub events: Option<&'a Path>,
    /// Packets.
    pub messages: Option<&'a Path>,
    /// A picture of the spikes.
    pub raster: Option<&'a Path>,
}

/// Files in the making.
pub(crate) struct Traces {
    files: Vec<(Kind, PathBuf, WholeFile)>,
}

impl Traces {
    /// Begins all files; nothing is seen of them before [`commit`](Self::commit).
    ///
    /// # Errors
    /// [`Error::TraceKind`] for an ending that means nothing, and [`Error::File`].
    pub fn create(wanted: &Wanted<'_>) -> Result<Self, Error> {
        let &Wanted { traces, events, messages, raster } = wanted;
        let ending = |path: &Path| path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
        let mut kinds: Vec<(Kind, &Path)> = Vec::new();
        for path in traces {
            let kind = match ending(path).as_str() {
                "vcd" => Kind::Vcd,
                "fst" => Kind::Fst,
                "json" => Kind::Perfetto,
                _ => return Err(Error::TraceKind { path: path.clone() }),
            };
            kinds.push((kind, path));
        }
        kinds.extend(events.map(|path| (if ending(path) == "npz" { Kind::Npz } else { Kind::Csv }, path)));
        kinds.extend(messages.map(|path| (Kind::Messages, path)));
        kinds.extend(raster.map(|path| (Kind::Raster, path)));
        let file = |(kind, path): (Kind, &Path)| Ok((kind, path.to_owned(), WholeFile::create(path)?));
        Ok(Self { files: kinds.into_iter().map(file).collect::<Result<_, Error>>()? })
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Times an image again, this time watched, and writes them.
    ///
    /// # Errors
    /// [`Error::File`], and what the timed engine says to the spikes.
    pub fn write(&mut self, clock: &Clock<'_>, rows: u32, probes: &Probes, spikes: &[Spike]) -> Result<(), Error> {
        let timeline = &mut Timeline::new(clock, |population| probes.touches(population));
        if self.files.iter().any(|(kind, ..)| matches!(kind, Kind::Vcd | Kind::Fst | Kind::Perfetto)) {
            clock.run(&mut clock.state(), spikes, &mut clock.totals(), timeline)?;
        }
        for (kind, path, file) in &mut self.files {
            let from_io = |error| Error::File(CliError::from_io(Action::Write, path, error));
            match kind {
                Kind::Vcd => vcd::write(&waves::waves(clock, probes, spikes, timeline)?, file).map_err(from_io)?,
                Kind::Fst => fst::write(&waves::waves(clock, probes, spikes, timeline)?, file).map_err(from_io)?,
                Kind::Perfetto => perfetto::write(clock, timeline, file).map_err(from_io)?,
                Kind::Csv => sanafe::spikes(clock, probes, spikes, file).map_err(from_io)?,
                Kind::Messages => {
                    let mut messages = Messages::new(&clock.layout);
                    clock.run(&mut clock.state(), spikes, &mut clock.totals(), &mut messages)?;
                    sanafe::messages(clock, probes, rows, &messages, file).map_err(from_io)?;
                }
                Kind::Npz => npz::write(clock, probes, spikes, file).map_err(from_io)?,
                Kind::Raster => {
                    let png = raster::png(clock.graph, probes, spikes).map_err(|error| from_io(std::io::Error::other(error)))?;
                    file.write_all(&png).map_err(from_io)?;
                }
            }
        }
        Ok(())
    }

    /// Gives the files their names.
    pub fn commit(self) -> Result<Vec<PathBuf>, Error> {
        self.files.into_iter().map(|(_, path, file)| file.commit().map(|()| path).map_err(Error::File)).collect()
    }
}
