//! IDX files: a magic number, the extents as big-endian 32-bit numbers, then the bytes.
//!
//! ```text
//!   00 00 08 03 | 00 00 EA 60 | 00 00 00 1C | 00 00 00 1C | 60000 x 28 x 28 bytes          08 = unsigned bytes, 03 = three extents
//! ```
//!
//! A file may be packed with gzip, which also guards it with a checksum; an unpacked one has none. What is unpacked never grows beyond
//! what the head states plus one byte, and the head may state no more than [`MAX_BYTES`].

use std::{
    io::{self, Read},
    path::Path,
};

use flate2::bufread::GzDecoder;

use crate::{DataError, mnist::SIDE};

/// The most that a file may hold, packed or unpacked: 256 MiB, five times the 60,000 images.
pub const MAX_BYTES: usize = 1 << 28;

/// A file, unpacked.
pub struct Idx {
    /// Magic number and extents, as they stand in the file.
    pub head: Vec<u8>,
    /// Everything after them.
    pub bytes: Vec<u8>,
}

/// The pixels of a file of 28x28 images, one after the other.
pub fn images(path: &Path, file: &[u8]) -> Result<Idx, DataError> {
    let side = SIDE as u32;
    read(path, file, 0x0803, |extents| {
        (extents[1..] != [side, side]).then(|| format!("the images must be {side} pixels high and {side} wide"))
    })
}

/// The labels of a file.
pub fn labels(path: &Path, file: &[u8]) -> Result<Idx, DataError> {
    read(path, file, 0x0801, |_| None)
}

/// The file, if it is one of this kind. The magic number's last byte is the number of extents; `objection` says what is wrong with them.
fn read(path: &Path, file: &[u8], magic: u32, objection: impl Fn(&[u32]) -> Option<String>) -> Result<Idx, DataError> {
    if file.is_empty() {
        return Err(DataError::Empty { path: path.to_owned() });
    }
    let mut bytes = Unpacked::new(path, file);
    let head_length = 4 + 4 * (magic & 0xff) as usize;

    let found = bytes.number(0, head_length)?;
    if found != magic {
        return Err(DataError::WrongMagic { path: path.to_owned(), expected: magic, found });
    }
    let extents = (4..head_length).step_by(4).map(|at| bytes.number(at, head_length)).collect::<Result<Vec<u32>, _>>()?;

    let length = extents.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent as usize));
    let length = length.filter(|n| (1..=MAX_BYTES).contains(n)).ok_or_else(|| format!("the file must hold from 1 to {MAX_BYTES} bytes"));
    match objection(&extents).map_or(length, Err) {
        Ok(length) => {
            let head = [magic].iter().chain(&extents).flat_map(|number| number.to_be_bytes()).collect();
            Ok(Idx { head, bytes: bytes.rest(head_length, length)? })
        }
        Err(rule) => Err(DataError::WrongExtents { path: path.to_owned(), found: extents, rule }),
    }
}

/// A file's bytes, unpacked while they are read.
struct Unpacked<'a> {
    path: &'a Path,
    from: From<'a>,
}

enum From<'a> {
    Plain(&'a [u8]),
    Gzip(Box<GzDecoder<&'a [u8]>>),
}

impl<'a> Unpacked<'a> {
    fn new(path: &'a Path, file: &'a [u8]) -> Self {
        // No IDX file begins with gzip's magic number.
        let from = if file.starts_with(&[0x1f, 0x8b]) { From::Gzip(Box::new(GzDecoder::new(file))) } else { From::Plain(file) };
        Self { path, from }
    }

    /// Up to `limit` further bytes, fewer only at the end, and whether the file is whole so far.
    fn take(&mut self, limit: usize) -> Result<(Vec<u8>, bool), DataError> {
        let mut bytes = Vec::new();
        let result = match &mut self.from {
            From::Plain(rest) => rest.take(limit as u64).read_to_end(&mut bytes),
            From::Gzip(decoder) => decoder.take(limit as u64).read_to_end(&mut bytes),
        };
        match result {
            Ok(_) => Ok((bytes, true)),
            // The packed file ends in the middle: what was unpacked so far counts.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok((bytes, false)),
            Err(e) => Err(DataError::Damaged { path: self.path.to_owned(), detail: e.to_string() }),
        }
    }

    /// The number at this place of a head of `expected` bytes.
    fn number(&mut self, at: usize, expected: usize) -> Result<u32, DataError> {
        let (bytes, _) = self.take(4)?;
        let number = <[u8; 4]>::try_from(bytes.as_slice()).map_err(|_| self.truncated(expected, at + bytes.len()))?;
        Ok(u32::from_be_bytes(number))
    }

    /// Exactly `length` bytes after a head of `head` bytes, and then the end of the file.
    fn rest(mut self, head: usize, length: usize) -> Result<Vec<u8>, DataError> {
        // One byte more than there should be: this both finds a longer file and lets gzip reach its checksum.
        let (bytes, whole) = self.take(length + 1)?;
        if bytes.len() < length || bytes.len() == length && !whole {
            return Err(self.truncated(head + length, head + bytes.len()));
        }
        let appended = match self.from {
            From::Plain(_) => false,
            From::Gzip(decoder) => !decoder.into_inner().is_empty(),
        };
        if bytes.len() > length || appended {
            return Err(DataError::Overlong { path: self.path.to_owned(), expected: head + length });
        }
        Ok(bytes)
    }

    fn truncated(&self, expected: usize, found: usize) -> DataError {
        DataError::Truncated { path: self.path.to_owned(), expected, found }
    }
}

#[cfg(test)]
mod tests;
