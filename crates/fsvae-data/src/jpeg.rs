//! JPEG pictures, decoded to the same bytes on every machine.
//!
//! The decoder is compiled without its routines for particular processors and is told to refuse what it could only guess. Its inverse
//! cosine transform and its interpolation of colours round otherwise than libjpeg's, which Pillow uses: resized pictures differ by at most
//! 2 of 255 levels, by 0.2 in the mean (celeba/tests.rs).

use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

use crate::DataError;

/// The most that a picture may hold, packed: 1 MiB, a hundred times a picture of CelebA.
pub const MAX_BYTES: usize = 1 << 20;
/// Scans of a progressive picture: each costs the time of a whole picture; encoders make about ten.
const MAX_SCANS: usize = 64;
/// The largest extent that a header can state: what is too large is told here and not by the decoder.
const LARGEST: usize = u16::MAX as usize;
/// The end marker (EOI).
const END: [u8; 2] = [0xff, 0xd9];

/// The pixels of a picture of exactly this size: rows of red, green, blue.
pub fn decode(path: &Path, file: &[u8], height: usize, width: usize) -> Result<Vec<u8>, DataError> {
    let wrong = |detail: String| DataError::WrongPicture { path: path.to_owned(), height, width, detail };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(LARGEST)
        .set_max_height(LARGEST)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(|e| wrong(e.to_string()))?;
    // Before any memory is taken for what the header states.
    let found = decoder.info().map(|info| (usize::from(info.height), usize::from(info.width)));
    if found != Some((height, width)) {
        let (height, width) = found.unwrap_or_default();
        return Err(wrong(format!("it is {width} pixels wide and {height} high")));
    }
    // Once it has begun the last block, the decoder does without the rest. Within the data 0xff is never followed by 0xd9.
    if !file.windows(2).any(|marker| marker == END) {
        return Err(wrong("it is truncated: there is no end marker".into()));
    }
    let pixels = decoder.decode().map_err(|e| wrong(e.to_string()))?;
    if pixels.len() != height * width * 3 {
        return Err(wrong(format!("it has {} bytes of pixels", pixels.len())));
    }
    Ok(pixels)
}
