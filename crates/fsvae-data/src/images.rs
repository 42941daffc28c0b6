//! Images in memory, and the two scales of their pixels.

use std::ops::Range;

use rayon::prelude::*;

use crate::resize::Filter;

/// Images of one size, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// How many.
    pub count: usize,
    /// Channels of each: 1 grey, 3 red, green, blue.
    pub channels: usize,
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
    /// The pixels, `count` x `channels` x `height` x `width`, row-major; 0 black, 255 white.
    pub pixels: Vec<u8>,
}

/// Images with their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabelledImages {
    /// The images.
    pub images: Images,
    /// One class an image, from 0 to 9.
    pub labels: Vec<u8>,
}

impl LabelledImages {
    /// These images and no others. Panics if they are not there.
    pub fn keep(&mut self, range: Range<usize>) {
        let size = self.images.pixels_per_image();
        keep(&mut self.images.pixels, range.start * size..range.end * size);
        keep(&mut self.labels, range.clone());
        self.images.count = range.len();
    }
}

fn keep(bytes: &mut Vec<u8>, range: Range<usize>) {
    bytes.truncate(range.end);
    bytes.drain(..range.start);
}

impl Images {
    /// Numbers of one image: channels x height x width.
    pub fn pixels_per_image(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The pixels of one image, channels x height x width. Panics if there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        assert!(index < self.count, "there is no image {index} of {}", self.count);
        &self.pixels[index * self.pixels_per_image()..][..self.pixels_per_image()]
    }

    /// The first `count` images, or all if there are fewer.
    pub fn first(&self, count: usize) -> Self {
        let count = count.min(self.count);
        Self { count, pixels: self.pixels[..count * self.pixels_per_image()].to_vec(), ..*self }
    }

    /// The images of these indices. Panics if there is no such image.
    pub fn take(&self, indices: &[usize]) -> Self {
        let mut pixels = Vec::with_capacity(indices.len() * self.pixels_per_image());
        indices.iter().for_each(|&index| pixels.extend_from_slice(self.image(index)));
        Self { count: indices.len(), pixels, ..*self }
    }

    /// Mirrors image j, left to right, if `mirrored(j)`.
    pub fn mirror(&mut self, mirrored: impl Fn(usize) -> bool) {
        let (size, width) = (self.pixels_per_image().max(1), self.width.max(1));
        for (_, image) in self.pixels.chunks_exact_mut(size).enumerate().filter(|(index, _)| mirrored(*index)) {
            image.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
    }

    /// All images as the network's input: see [`Images::batch`].
    pub fn floats(&self) -> Vec<f32> {
        self.batch(&(0..self.count).collect::<Vec<_>>())
    }

    /// The images of these indices as the network's input: N x C x H x W, row-major, in [-1, 1] ([`to_float`]). Panics if there is no such
    /// image.
    pub fn batch(&self, indices: &[usize]) -> Vec<f32> {
        let scale: [f32; 256] = std::array::from_fn(|byte| to_float(byte as u8));
        let mut floats = Vec::with_capacity(indices.len() * self.pixels_per_image());
        for &index in indices {
            floats.extend(self.image(index).iter().map(|&byte| scale[usize::from(byte)]));
        }
        floats
    }

    /// The network's output as images of this size ([`to_byte`]): the inverse of [`Images::batch`]. Panics unless they are whole images.
    pub fn with_floats(&self, floats: &[f32]) -> Self {
        let size = self.pixels_per_image();
        assert!(size > 0 && floats.len().is_multiple_of(size), "{} numbers are no whole images of {size}", floats.len());
        Self { count: floats.len() / size, pixels: floats.iter().map(|&x| to_byte(x)).collect(), ..*self }
    }

    /// The images scaled to `side` x `side`, bilinearly, as Pillow does: see [`Images::resized_to`].
    pub fn resized(&self, side: usize) -> Self {
        self.resized_to(side, side)
    }

    /// The images scaled to this height and width as torchvision's `Resize` does to a Pillow image: `PIL.Image.resize` with
    /// `BILINEAR`, to the bit (of Pillow 12; 13 differs for tall images). When it shrinks, the filter widens, so that every pixel counts.
    pub fn resized_to(&self, height: usize, width: usize) -> Self {
        let mut pixels = vec![0; self.count * self.channels * height * width];
        let (from, to) = (self.height * self.width, height * width);
        if from > 0 && to > 0 {
            let filter = Filter::new((self.height, self.width), (height, width));
            // Planes do not touch each other: the threads' number and order change nothing.
            pixels.par_chunks_exact_mut(to).zip(self.pixels.par_chunks_exact(from)).for_each(|(to, from)| filter.apply(from, to));
        }
        Self { height, width, pixels, ..*self }
    }
}

/// A byte in [-1, 1]: torchvision's `ToTensor` (a single-precision division by 255), then 2 x - 1.
pub fn to_float(byte: u8) -> f32 {
    2.0 * (f32::from(byte) / 255.0) - 1.0
}

/// The byte of a number in [-1, 1]: `save_image((x + 1) / 2)` of torchvision, which multiplies by 255, adds a half, clamps and cuts
/// the fraction off. What lies outside becomes black or white, a NaN black.
pub fn to_byte(x: f32) -> u8 {
    // The cast clamps to 0..=255 by itself.
    ((x + 1.0) / 2.0 * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> Images {
        Images { count, channels: 1, height: 2, width: 3, pixels: (0..count * 6).map(|i| i as u8).collect() }
    }

    #[test]
    fn the_two_scales_are_inverse_on_every_byte() {
        assert_eq!((to_float(0), to_float(255), to_float(51)), (-1.0, 1.0, -0.6));
        for byte in 0..=255 {
            assert_eq!(to_byte(to_float(byte)), byte);
        }
    }

    #[test]
    fn bytes_are_rounded_and_clamped() {
        let half = |byte: f32| byte / 255.0 * 2.0 - 1.0;
        assert_eq!([half(0.49), half(0.51), half(127.49), half(127.51), half(254.51)].map(to_byte), [0, 1, 127, 128, 255]);
        assert_eq!([0.0, -1.5, 1.5, f32::NEG_INFINITY, f32::INFINITY, f32::NAN].map(to_byte), [128, 0, 255, 0, 255, 0]);
    }

    #[test]
    fn a_batch_has_the_images_asked_for_in_that_order() {
        let images = numbered(4);
        let batch = images.batch(&[2, 0, 2]);
        assert_eq!(batch.len(), 18);
        assert_eq!(batch[..6], images.batch(&[2])[..]);
        assert_eq!(batch[6..12], (0..6).map(to_float).collect::<Vec<_>>()[..]);
        assert_eq!(images.with_floats(&batch).image(0), images.image(2));
        assert_eq!(images.with_floats(&images.batch(&[0, 1, 2, 3])), images);
        assert_eq!(images.with_floats(&[]).count, 0);
    }

    #[test]
    fn those_asked_for_are_taken_and_some_mirrored() {
        let mut images = numbered(4).take(&[3, 1]);
        assert_eq!(images.pixels, [18, 19, 20, 21, 22, 23, 6, 7, 8, 9, 10, 11]);
        assert_eq!(images.floats(), numbered(4).batch(&[3, 1]));
        images.mirror(|index| index == 1);
        assert_eq!(images.pixels, [18, 19, 20, 21, 22, 23, 8, 7, 6, 11, 10, 9]);
        images.mirror(|index| index == 1);
        assert_eq!(images, numbered(4).take(&[3, 1]));
        numbered(4).take(&[]).mirror(|_| true);
    }

    #[test]
    fn a_range_keeps_images_and_labels_together() {
        let mut data = LabelledImages { images: numbered(5), labels: vec![0, 1, 2, 3, 4] };
        data.keep(1..3);
        assert_eq!(data, LabelledImages { images: numbered(5).take(&[1, 2]), labels: vec![1, 2] });
    }

    #[test]
    fn the_first_are_the_first() {
        assert_eq!(numbered(4).first(3), numbered(3));
        assert_eq!(numbered(4).first(9), numbered(4));
        assert!(numbered(4).first(0).pixels.is_empty());
    }

    #[test]
    #[should_panic(expected = "there is no image 4 of 4")]
    fn an_image_beyond_the_last_is_a_mistake_of_the_caller() {
        numbered(4).batch(&[4]);
    }
}
