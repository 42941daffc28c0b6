//! A shard on the disk: a PNG file of images in rows with a text chunk, or an npz file with the entries `pixels` and `record`.

use super::{Format, Record};
use crate::Error;
use crate::npy::{Remembering, add, header, unicode};
use crate::plan::columns;
use fsvae_cli::{Action, CliError, WholeFile};
use fsvae_data::{Images, described_grid_png, png_description};
use lif_graph::Shape;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;
use zip::{ZipArchive, ZipWriter};

/// Of the text chunk.
const KEYWORD: &str = "fsvae-sim";

/// The longest record that is read: far more than the largest graph's.
const MAX_RECORD: u64 = 1 << 24;

pub(super) fn write(path: &Path, format: Format, image: Shape, pixels: Vec<u8>, record: &Record) -> Result<(), Error> {
    let from_io = |error| CliError::from_io(Action::Write, path, error);
    let mut file = WholeFile::create(path)?;
    match format {
        Format::Png => {
            let [channels, height, width] = [image.channels, image.height, image.width].map(|side| side as usize);
            let images = Images { count: record.images as usize, channels, height, width, pixels };
            let png = described_grid_png(&images, columns(record.images) as usize, Some((KEYWORD, &record.text())))?;
            file.write_all(&png).map_err(from_io)?;
        }
        Format::Npz => write_npz(&mut file, image, &pixels, record).map_err(from_io)?,
    }
    Ok(file.commit()?)
}

fn write_npz(out: &mut (impl Write + Seek), image: Shape, pixels: &[u8], record: &Record) -> io::Result<()> {
    let mut out = Remembering::new(out);
    let mut archive = ZipWriter::new(&mut out);
    let mut write = || {
        let (width, text) = unicode(&[&record.text()]);
        add(&mut archive, "record", &header(&format!("<U{width}"), &[1]), &text[..], text.len() as u64)?;
        let shape = [record.images, image.channels.into(), image.height.into(), image.width.into()];
        add(&mut archive, "pixels", &header("|u1", &shape), pixels, pixels.len() as u64)
    };
    let written = write().and_then(|()| archive.finish().map_err(io::Error::other).map(drop));
    out.outcome(written)
}

/// The record of a file; `None` if it is none of ours.
pub(super) fn read(path: &Path, format: Format) -> Option<Record> {
    let file = BufReader::new(File::open(path).ok()?);
    match format {
        Format::Png => Record::parse(&png_description(file, KEYWORD)?),
        Format::Npz => {
            let mut archive = ZipArchive::new(file).ok()?;
            let mut entry = Vec::new();
            archive.by_name("record.npy").ok()?.take(MAX_RECORD).read_to_end(&mut entry).ok()?;
            let start = 10 + usize::from(u16::from_le_bytes(*entry.get(8..)?.first_chunk()?));
            let letters = entry.get(start..)?.as_chunks::<4>().0.iter().map(|&letter| char::from_u32(u32::from_le_bytes(letter)));
            Record::parse(&letters.collect::<Option<String>>()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::LifGraph;

    #[test]
    fn a_shard_tells_what_it_is() {
        let graph = LifGraph::from_text("graph g steps 1 population in source 3x1x1").expect("a graph");
        let folder = tempfile::tempdir().expect("a folder");
        let shape = Shape { channels: 1, height: 2, width: 3 };
        let record = super::super::Run::new(&graph, 7, "").record(10..12);
        for (name, format) in [("a.png", Format::Png), ("a.npz", Format::Npz)] {
            let path = folder.path().join(name);
            write(&path, format, shape, (0..12).collect(), &record).expect("written");
            assert_eq!(read(&path, format).as_ref(), Some(&record), "{name}");
            let bytes = std::fs::read(&path).expect("a file");
            std::fs::write(&path, &bytes[..bytes.len() / 4]).expect("cut");
            let left = read(&path, format);
            assert!(left.is_none() || format == Format::Png, "an npz file has its directory at its end");
        }
        let reader = ndarray_npy::NpzReader::new(
            File::open({
                let path = folder.path().join("b.npz");
                write(&path, Format::Npz, shape, (0..12).collect(), &record).expect("written");
                path
            })
            .expect("a file"),
        );
        let pixels: ndarray::Array4<u8> = reader.expect("an archive").by_name("pixels").expect("bytes");
        assert_eq!(pixels.shape(), [2, 1, 2, 3]);
        assert_eq!(pixels[[1, 0, 1, 2]], 11);
    }
}
