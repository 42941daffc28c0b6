//! Events as arrays for NumPy: an npz file, which is a zip archive of npy files, here not compressed.
//!
//! `population_names` is an array of NumPy's fixed-width unicode type, which `numpy.load` reads without pickle.

use lif_sim::Event;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Name, NumPy's name of the type, and bytes of a value.
const COLUMNS: [(&str, &str, u64); 4] = [("image", "<u4", 4), ("step", "<u2", 2), ("population", "<u2", 2), ("neuron", "<u4", 4)];

/// The parts of the columns that one image adds. The rules of graphs keep steps and populations within 16 bits.
pub(super) fn columns(image: u32, events: &[Event]) -> Vec<Vec<u8>> {
    vec![
        image.to_le_bytes().repeat(events.len()),
        events.iter().flat_map(|event| (event.step as u16).to_le_bytes()).collect(),
        events.iter().flat_map(|event| (event.population.0 as u16).to_le_bytes()).collect(),
        events.iter().flat_map(|event| event.neuron.to_le_bytes()).collect(),
    ]
}

/// The columns so far: temporary files without names, which vanish with the program.
pub(super) struct Columns([BufWriter<File>; COLUMNS.len()]);

impl Columns {
    /// Empty ones on the disk of `path`.
    pub fn beside(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = if folder.starts_with("/dev") { std::env::temp_dir() } else { folder.to_owned() };
        let column = || tempfile::tempfile_in(&folder).map(BufWriter::new);
        Ok(Self([column()?, column()?, column()?, column()?]))
    }

    pub fn append(&mut self, parts: &[Vec<u8>]) -> io::Result<()> {
        self.0.iter_mut().zip(parts).try_for_each(|(column, part)| column.write_all(part))
    }

    /// The whole archive. Its entries bear the date 1980-01-01, so that equal events are equal bytes.
    pub fn write(self, out: &mut (impl Write + Seek), population_names: &[&str]) -> io::Result<()> {
        let mut out = Remembering { out, error: None };
        let mut archive = ZipWriter::new(&mut out);
        let write = || {
            for (column, (name, kind, size)) in self.0.into_iter().zip(COLUMNS) {
                let mut column = column.into_inner().map_err(|error| error.into_error())?;
                let bytes = column.stream_position()?;
                column.rewind()?;
                add(&mut archive, name, &header(kind, bytes / size), column, bytes)?;
            }
            let (width, text) = unicode(population_names);
            let header = header(&format!("<U{width}"), population_names.len() as u64);
            add(&mut archive, "population_names", &header, &text[..], text.len() as u64)
        };
        let written = write().and_then(|()| archive.finish().map_err(io::Error::other).map(drop));
        out.error.map_or(written, Err)
    }
}

/// An archive of arrays that are in memory.
pub(crate) struct Stored<'o, W: Write + Seek>(ZipWriter<&'o mut W>);

impl<'o, W: Write + Seek> Stored<'o, W> {
    pub fn new(out: &'o mut W) -> Self {
        Self(ZipWriter::new(out))
    }

    /// Adds an array of NumPy's type `kind` with so many values.
    pub fn add(&mut self, name: &str, kind: &str, length: u64, values: &[u8]) -> io::Result<()> {
        add(&mut self.0, name, &header(kind, length), values, values.len() as u64)
    }

    pub fn finish(self) -> io::Result<()> {
        self.0.finish().map(drop).map_err(io::Error::other)
    }
}

fn add(archive: &mut ZipWriter<impl Write + Seek>, name: &str, header: &[u8], mut values: impl Read, bytes: u64) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(bytes >= u64::from(u32::MAX) - 1024); // the header's bytes count, too
    archive.start_file(format!("{name}.npy"), options).map_err(io::Error::other)?;
    archive.write_all(header)?;
    io::copy(&mut values, archive).map(drop)
}

/// How an npy file of a one-dimensional array begins (format 1.0): magic, length of the description, description; 64 bytes or a multiple.
fn header(kind: &str, length: u64) -> Vec<u8> {
    let description = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({length},), }}");
    let start = b"\x93NUMPY\x01\x00";
    let padded = (start.len() + 2 + description.len() + 1).next_multiple_of(64) - start.len() - 2;
    let mut header = start.to_vec();
    header.extend((padded as u16).to_le_bytes());
    header.extend(format!("{description:<width$}\n", width = padded - 1).bytes());
    header
}

/// Texts as NumPy's `U` type: all of one width, in UTF-32, filled up with zeros.
pub(crate) fn unicode(texts: &[&str]) -> (usize, Vec<u8>) {
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let padded = |text: &&str| text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width).collect::<Vec<u32>>();
    (width, texts.iter().flat_map(padded).flat_map(u32::to_le_bytes).collect())
}

/// Keeps the first error and takes what comes after it for granted: an archive that is dropped in the middle tries to end itself, and
/// complains on stderr if it cannot.
struct Remembering<W> {
    out: W,
    error: Option<io::Error>,
}

impl<W: Write> Write for Remembering<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.error.is_none()
            && let Err(error) = self.out.write_all(bytes)
        {
            self.error = Some(error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // the file's owner flushes it
    }
}

impl<W: Seek> Seek for Remembering<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if self.error.is_some() {
            return Ok(0);
        }
        self.out.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::PopulationId;
    use ndarray::{Array1, array};
    use ndarray_npy::NpzReader;
    use std::io::Cursor;

    fn archive() -> Vec<u8> {
        let mut all = Columns::beside(&std::env::temp_dir().join("x.npz")).expect("temporary files");
        for image in [3, 70_000] {
            let events = [(1, 0, 9), (65_534, 4_095, 1 << 24)];
            let events = events.map(|(step, population, neuron)| Event { step, population: PopulationId(population), neuron });
            all.append(&columns(image, &events)).expect("written");
        }
        let mut bytes = Cursor::new(vec![]);
        all.write(&mut bytes, &["a", "größe"]).expect("written");
        bytes.into_inner()
    }

    #[test]
    fn what_was_written_is_read() {
        let mut reader = NpzReader::new(Cursor::new(archive())).expect("an archive");
        assert_eq!(reader.names().expect("names"), ["image", "step", "population", "neuron", "population_names"]);
        let image: Array1<u32> = reader.by_name("image").expect("u32");
        let step: Array1<u16> = reader.by_name("step").expect("u16");
        let population: Array1<u16> = reader.by_name("population").expect("u16");
        let neuron: Array1<u32> = reader.by_name("neuron").expect("u32");
        assert_eq!(image, array![3, 3, 70_000, 70_000]);
        assert_eq!(step, array![1, 65_534, 1, 65_534]);
        assert_eq!(population, array![0, 4_095, 0, 4_095]);
        assert_eq!(neuron, array![9, 1 << 24, 9, 1 << 24]);
    }

    #[test]
    fn names_are_unicode_of_one_width() {
        let (width, bytes) = unicode(&["ab", "größe"]);
        assert_eq!((width, bytes.len()), (5, 40));
        assert_eq!(bytes[..12], [97, 0, 0, 0, 98, 0, 0, 0, 0, 0, 0, 0]);
        let whole = archive();
        assert!(whole.windows(bytes.len()).any(|window| window == unicode(&["a", "größe"]).1));
        let text = b"{'descr': '<U5', 'fortran_order': False, 'shape': (2,), }";
        assert!(whole.windows(text.len()).any(|window| window == text));
    }

    #[test]
    fn headers_are_aligned() {
        for length in [0, 9, 1_000_000_000_000] {
            let header = header("<u4", length);
            assert_eq!(header.len() % 64, 0);
            assert_eq!(usize::from(header[8]), header.len() - 10);
            assert_eq!(header.last(), Some(&b'\n'));
        }
    }

    #[test]
    fn the_same_events_are_the_same_bytes_whatever_the_clock_says() {
        assert_eq!(archive(), archive());
        assert_eq!(archive()[10..14], [0, 0, 0x21, 0], "1980-01-01 00:00");
    }

    #[test]
    fn the_first_error_is_the_one_that_is_reported() {
        for room in [0, 10, 100, 500] {
            let columns = Columns::beside(&std::env::temp_dir().join("x.npz")).expect("temporary files");
            let error = columns.write(&mut Cursor::new(&mut vec![0; room][..]), &["a"]).expect_err("no room");
            assert_eq!(error.kind(), io::ErrorKind::WriteZero, "{room} bytes");
        }
    }
}
