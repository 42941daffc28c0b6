//! Arrays for NumPy: npy files, and npz files, which are zip archives of those.

use std::io::{self, Read, Seek, SeekFrom, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// An entry: an npy file, not compressed, dated 1980-01-01.
pub(crate) fn add(
    archive: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    header: &[u8],
    mut values: impl Read,
    bytes: u64,
) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(bytes >= u64::from(u32::MAX) - 1024); // the header's bytes count, too
    archive.start_file(format!("{name}.npy"), options).map_err(io::Error::other)?;
    archive.write_all(header)?;
    io::copy(&mut values, archive).map(drop)
}

/// How an npy file of an array of this shape begins (format 1.0): magic, length of the description, description; 64 bytes or a multiple.
pub(crate) fn header(kind: &str, shape: &[u64]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(u64::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let description = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}{comma}), }}", sides.join(", "));
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

/// An archive of arrays that are in memory.
pub(crate) struct Stored<'o, W: Write + Seek>(ZipWriter<&'o mut W>);

impl<'o, W: Write + Seek> Stored<'o, W> {
    pub fn new(out: &'o mut W) -> Self {
        Self(ZipWriter::new(out))
    }

    /// Adds an array of NumPy's type `kind` with so many values.
    pub fn add(&mut self, name: &str, kind: &str, length: u64, values: &[u8]) -> io::Result<()> {
        add(&mut self.0, name, &header(kind, &[length]), values, values.len() as u64)
    }

    pub fn finish(self) -> io::Result<()> {
        self.0.finish().map(drop).map_err(io::Error::other)
    }
}

/// Keeps the first error and takes what comes after it for granted: an archive that is dropped in the middle tries to end itself, and
/// complains on stderr if it cannot.
pub(crate) struct Remembering<W> {
    out: W,
    error: Option<io::Error>,
}

impl<W> Remembering<W> {
    pub fn new(out: W) -> Self {
        Self { out, error: None }
    }

    /// The first error, or what the archive says.
    pub fn outcome(self, written: io::Result<()>) -> io::Result<()> {
        self.error.map_or(written, Err)
    }
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
        // a buffered file writes before it moves
        self.out.seek(to).or_else(|error| {
            self.error = Some(error);
            Ok(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_tuples_of_python() {
        let text = |shape: &[u64]| String::from_utf8_lossy(&header("|u1", shape)).into_owned();
        assert!(text(&[7]).contains("'shape': (7,), }"));
        assert!(text(&[2, 1, 32, 32]).contains("'shape': (2, 1, 32, 32), }"));
    }
}
