//! Many small images as one picture.

use png::{BitDepth, ColorType, Decoder, DeflateCompression, Encoder, EncodingError, Filter};
use std::io::{BufRead, Seek};

use crate::{DataError, Images};

/// Black pixels around and between the images.
const PADDING: usize = 2;
/// The most pixels of a picture: 2^28, sixteen thousand on a side.
const MAX_PIXELS: usize = 1 << 28;

/// The images in rows of `columns` as the bytes of a PNG file, laid out as torchvision's `make_grid`: 2 black pixels around
/// each image, the last row filled up with black; with fewer images than columns the picture is as narrow as they are.
///
/// Filter and compression are fixed, so equal images are equal bytes.
pub fn grid_png(images: &Images, columns: usize) -> Result<Vec<u8>, DataError> {
    described_grid_png(images, columns, None)
}

/// [`grid_png`] with a text (keyword, text, both in Latin-1) that stands before the pixels, so that [`png_description`] finds it without
/// reading those.
pub fn described_grid_png(images: &Images, columns: usize, text: Option<(&str, &str)>) -> Result<Vec<u8>, DataError> {
    let grid = Grid::new(images, columns)?;
    let mut bytes = Vec::new();
    grid.encode(images, text, &mut bytes).map_err(|e| picture(e.to_string()))?;
    Ok(bytes)
}

/// The text of this keyword in the head of a PNG file; `None` if it has none, or is no PNG file.
pub fn png_description(file: impl BufRead + Seek, keyword: &str) -> Option<String> {
    let reader = Decoder::new(file).read_info().ok()?;
    reader.info().uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == keyword).map(|chunk| chunk.text.clone())
}

struct Grid {
    columns: usize,
    width: usize,
    height: usize,
    color: ColorType,
}

impl Grid {
    fn new(images: &Images, columns: usize) -> Result<Self, DataError> {
        let color = match images.channels {
            1 => ColorType::Grayscale,
            3 => ColorType::Rgb,
            channels => return Err(picture(format!("the images have {channels} channels"))),
        };
        if columns == 0 {
            return Err(picture("it would have 0 columns".into()));
        }
        let pixels = [images.count, images.channels, images.height, images.width].into_iter().try_fold(1usize, usize::checked_mul);
        if pixels == Some(0) || pixels != Some(images.pixels.len()) {
            let Images { count, height, width, .. } = images;
            return Err(picture(format!("{count} images of {height} x {width} pixels, in {} bytes", images.pixels.len())));
        }
        let columns = columns.min(images.count);
        let rows = images.count.div_ceil(columns);
        let extent = |number: usize, size: usize| size.checked_add(PADDING)?.checked_mul(number)?.checked_add(PADDING);
        let (width, height) = (extent(columns, images.width), extent(rows, images.height));
        match (width, height, width.zip(height).and_then(|(w, h)| w.checked_mul(h))) {
            (Some(width), Some(height), Some(pixels)) if pixels <= MAX_PIXELS => Ok(Self { columns, width, height, color }),
            _ => Err(picture(format!("{} images in {columns} columns would have more than {MAX_PIXELS} pixels", images.count))),
        }
    }

    fn encode(&self, images: &Images, text: Option<(&str, &str)>, bytes: &mut Vec<u8>) -> Result<(), EncodingError> {
        let mut encoder = Encoder::new(bytes, self.width as u32, self.height as u32);
        encoder.set_color(self.color);
        encoder.set_depth(BitDepth::Eight);
        // This compressor is the png crate's own: which library another crate chooses for flate2 changes nothing.
        encoder.set_filter(Filter::Paeth);
        encoder.set_deflate_compression(DeflateCompression::FdeflateUltraFast);
        if let Some((keyword, text)) = text {
            encoder.add_text_chunk(keyword.into(), text.into())?;
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels(images))?;
        writer.finish()
    }

    /// The picture's rows, each pixel's channels side by side.
    fn pixels(&self, images: &Images) -> Vec<u8> {
        let Images { channels, height, width, .. } = *images;
        let mut picture = vec![0; self.width * self.height * channels];
        for (index, image) in images.pixels.chunks_exact(images.pixels_per_image()).enumerate() {
            let top = PADDING + index / self.columns * (height + PADDING);
            let left = PADDING + index % self.columns * (width + PADDING);
            for (channel, plane) in image.chunks_exact(height * width).enumerate() {
                for (y, row) in plane.chunks_exact(width).enumerate() {
                    let start = ((top + y) * self.width + left) * channels + channel;
                    picture[start..].iter_mut().step_by(channels).zip(row).for_each(|(to, from)| *to = *from);
                }
            }
        }
        picture
    }
}

fn picture(detail: String) -> DataError {
    DataError::Picture { detail }
}

#[cfg(test)]
mod tests;
