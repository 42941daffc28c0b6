//! Images that are to be reconstructed: from an IDX file, a PNG file or a folder of PNG files.

use crate::Error;
use fsvae_cli::{Action, CliError};
use fsvae_data::{Images, idx_images};
use lif_graph::Shape;
use png::{BitDepth, ColorType, Decoder};
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// What a PNG file begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The first bytes of an IDX file, and of a packed one.
const IDX: [&[u8]; 2] = [&[0, 0, 8], &[0x1f, 0x8b]];

/// The most that a PNG file may hold.
const MAX_BYTES: u64 = 1 << 26;

/// A network's name, the shape of the images that it takes, and how many are read at most.
pub(crate) struct Wanted<'a> {
    pub network: &'a str,
    pub shape: Shape,
    pub count: u64,
}

impl Wanted<'_> {
    /// The first images, as large as the network's.
    pub fn read(&self, path: &Path) -> Result<Images, Error> {
        if path.is_dir() {
            return self.folder(path);
        }
        let mut head = Vec::new();
        let begun = File::open(path).and_then(|file| file.take(4).read_to_end(&mut head));
        begun.map_err(|error| CliError::from_io(Action::Read, path, error))?;
        if IDX.iter().any(|magic| head.starts_with(magic)) {
            let images = idx_images(path)?;
            let images = images.first(self.at_most(images.count));
            if images.channels != self.shape.channels as usize {
                self.check(path, [images.channels, images.height, images.width])?;
            }
            return Ok(images.resized_to(self.shape.height as usize, self.shape.width as usize));
        }
        Ok(self.images(1, self.png(path)?))
    }

    fn images(&self, count: usize, pixels: Vec<u8>) -> Images {
        let [channels, height, width] = [self.shape.channels, self.shape.height, self.shape.width].map(|side| side as usize);
        Images { count, channels, height, width, pixels }
    }

    fn at_most(&self, found: usize) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX).min(found)
    }

    fn folder(&self, path: &Path) -> Result<Images, Error> {
        let from_io = |error| CliError::from_io(Action::Read, path, error);
        let entries = fs::read_dir(path).map_err(from_io)?.map(|entry| entry.map(|entry| entry.path()));
        let mut files = entries.collect::<Result<Vec<PathBuf>, _>>().map_err(from_io)?;
        files.retain(|file| file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")));
        files.sort();
        if files.is_empty() {
            return Err(no_original(path, "the folder holds no PNG files"));
        }
        files.truncate(self.at_most(files.len()));
        let mut pixels = Vec::with_capacity(files.len() * self.shape.neurons());
        for file in &files {
            pixels.extend(self.png(file)?);
        }
        Ok(self.images(files.len(), pixels))
    }

    /// The pixels of a PNG file, channel by channel.
    fn png(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let bytes = fsvae_cli::read_file_limited(path, MAX_BYTES)?;
        if !bytes.starts_with(PNG) {
            return Err(no_original(path, "it is neither an IDX nor a PNG file"));
        }
        let damaged = |error: png::DecodingError| no_original(path, &error.to_string());
        let mut reader = Decoder::new(Cursor::new(&bytes)).read_info().map_err(damaged)?;
        let info = reader.info();
        let channels = match (info.color_type, info.bit_depth) {
            (ColorType::Grayscale, BitDepth::Eight) => 1,
            (ColorType::Rgb, BitDepth::Eight) => 3,
            (color, depth) => return Err(no_original(path, &format!("its pixels are {color:?} of {} bits", depth as u8))),
        };
        // before any memory is taken for what the head states
        self.check(path, [channels, info.height as usize, info.width as usize])?;
        let mut pixels = vec![0; self.shape.neurons()];
        reader.next_frame(&mut pixels).map_err(damaged)?;
        Ok((0..channels).flat_map(|channel| pixels.iter().skip(channel).step_by(channels).copied()).collect())
    }

    fn check(&self, path: &Path, found: [usize; 3]) -> Result<(), Error> {
        let expected = [self.shape.channels, self.shape.height, self.shape.width].map(|side| side as usize);
        if found == expected {
            return Ok(());
        }
        let text = |[channels, height, width]: [usize; 3]| format!("{channels} x {height} x {width}");
        Err(Error::OriginalSize { path: path.to_owned(), found: text(found), network: self.network.into(), expected: text(expected) })
    }
}

fn no_original(path: &Path, detail: &str) -> Error {
    Error::NoOriginal { path: path.to_owned(), detail: detail.into() }
}
