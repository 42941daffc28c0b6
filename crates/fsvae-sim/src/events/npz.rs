//! Events as arrays for NumPy: an npz file, which is a zip archive of npy files, here not compressed.
//!
//! `population_names` and `model`, the graph's fingerprint, are of NumPy's fixed-width unicode type, which `numpy.load` reads without pickle.

use crate::npy::{Remembering, add, header, unicode};
use lif_sim::Event;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;
use zip::ZipWriter;

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
    pub fn write(self, out: &mut (impl Write + Seek), population_names: &[&str], model: &str) -> io::Result<()> {
        let mut out = Remembering::new(out);
        let mut archive = ZipWriter::new(&mut out);
        let write = || {
            for (column, (name, kind, size)) in self.0.into_iter().zip(COLUMNS) {
                let mut column = column.into_inner().map_err(|error| error.into_error())?;
                let bytes = column.stream_position()?;
                column.rewind()?;
                add(&mut archive, name, &header(kind, &[bytes / size]), column, bytes)?;
            }
            let (width, text) = unicode(population_names);
            let names = header(&format!("<U{width}"), &[population_names.len() as u64]);
            add(&mut archive, "population_names", &names, &text[..], text.len() as u64)?;
            let (width, text) = unicode(&[model]);
            add(&mut archive, "model", &header(&format!("<U{width}"), &[1]), &text[..], text.len() as u64)
        };
        let written = write().and_then(|()| archive.finish().map_err(io::Error::other).map(drop));
        out.outcome(written)
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
        all.write(&mut bytes, &["a", "größe"], "0123456789abcdef").expect("written");
        bytes.into_inner()
    }

    #[test]
    fn what_was_written_is_read() {
        let mut reader = NpzReader::new(Cursor::new(archive())).expect("an archive");
        assert_eq!(reader.names().expect("names"), ["image", "step", "population", "neuron", "population_names", "model"]);
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
            let header = header("<u4", &[length]);
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
            let error = columns.write(&mut Cursor::new(&mut vec![0; room][..]), &["a"], "b").expect_err("no room");
            assert_eq!(error.kind(), io::ErrorKind::WriteZero, "{room} bytes");
        }
    }
}
