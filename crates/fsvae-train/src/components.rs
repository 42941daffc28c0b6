//! Which component of the prior each training image belongs to.
//!
//! The images are cut in two halves of equal size where they differ most, each half again, and so on: as many parts as there are components,
//! each as likely as the others. Whoever draws an image then needs no weights, only a number from 0 to `components - 1`.
//!
//! ```text
//!                  all images                      cut at the median of the first principal component
//!            dark  /        \  bright                                  (power iteration)
//!            narrow/ \wide   ...
//!                 0   1    2   3     component
//! ```
//!
//! What an image is here: its means over 8x8 places, by channel, as bytes. Sums are of whole numbers or in a fixed order: the parts are the
//! same on every machine.

use fsvae_data::{DataError, ImageSet};
use rayon::prelude::*;

/// Places along a side.
const SIDE: usize = 8;
/// Rounds of power iteration; the direction need not be exact.
const ROUNDS: usize = 20;
/// Images that are held in memory whole.
const CHUNK: usize = 1000;

/// The component of every image; nothing where there are no components. `components` is 0 or a power of two.
///
/// # Errors
/// [`DataError`] for a picture that cannot be read.
pub fn components(images: &ImageSet, components: usize) -> Result<Vec<u32>, DataError> {
    if components == 0 {
        return Ok(Vec::new());
    }
    let points = points(images)?;
    let mut parts: Vec<Vec<u32>> = vec![(0..images.count() as u32).collect()];
    while parts.len() < components {
        parts = parts.into_par_iter().flat_map_iter(|part| halves(&points, part)).collect();
    }
    let mut component = vec![0; images.count()];
    for (number, part) in parts.iter().enumerate() {
        part.iter().for_each(|&image| component[image as usize] = number as u32);
    }
    Ok(component)
}

/// All images, `[image][channel][place]`.
struct Points {
    bytes: Vec<u8>,
    width: usize,
}

impl Points {
    fn of(&self, image: u32) -> &[u8] {
        &self.bytes[image as usize * self.width..][..self.width]
    }
}

fn points(images: &ImageSet) -> Result<Points, DataError> {
    let (mut bytes, count) = (Vec::new(), images.count());
    for first in (0..count).step_by(CHUNK) {
        let chunk = images.take(first..count.min(first + CHUNK))?;
        let (height, width) = (chunk.height, chunk.width);
        for picture in chunk.pixels.chunks_exact(height * width) {
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let (rows, columns) = (bounds(y, height), bounds(x, width));
                    let pixels = rows.len() * columns.len();
                    let sum: usize = rows.flat_map(|row| &picture[row * width..][columns.clone()]).map(|&byte| usize::from(byte)).sum();
                    bytes.push((sum / pixels) as u8);
                }
            }
        }
    }
    Ok(Points { width: bytes.len() / count, bytes })
}

/// Rows (or columns) of a place; at least one.
fn bounds(place: usize, side: usize) -> std::ops::Range<usize> {
    let first = place * side / SIDE;
    first..((place + 1) * side / SIDE).max(first + 1)
}

/// Cut at the median of the first principal component; of equal images those with the smaller number come first.
fn halves(points: &Points, mut part: Vec<u32>) -> [Vec<u32>; 2] {
    let direction = direction(points, &part);
    part.sort_by_cached_key(|&image| {
        let place: f64 = points.of(image).iter().zip(&direction).map(|(&byte, d)| f64::from(byte) * d).sum();
        (ordered(place), image)
    });
    let upper = part.split_off(part.len() / 2);
    [part, upper]
}

/// An integer that compares as the number does.
fn ordered(number: f64) -> i64 {
    let bits = number.to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// In which these images differ most.
fn direction(points: &Points, part: &[u32]) -> Vec<f64> {
    let count = part.len().max(1) as f64;
    let mut mean = vec![0.0; points.width];
    part.iter().for_each(|&image| mean.iter_mut().zip(points.of(image)).for_each(|(m, &byte)| *m += f64::from(byte)));
    mean.iter_mut().for_each(|m| *m /= count);
    // Anything that is orthogonal to nothing in particular.
    let mut direction: Vec<f64> = (0..points.width).map(|i| 1.0 + (i * 7 % 11) as f64).collect();
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; points.width];
        for &image in part {
            let difference = || points.of(image).iter().zip(&mean).map(|(&byte, m)| f64::from(byte) - m);
            let along: f64 = difference().zip(&direction).map(|(x, d)| x * d).sum();
            next.iter_mut().zip(difference()).for_each(|(n, x)| *n += along * x);
        }
        let length = next.iter().map(|n| n * n).sum::<f64>().sqrt();
        if length == 0.0 {
            break; // all the same
        }
        direction = next.into_iter().map(|n| n / length).collect();
    }
    direction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(bytes: &[[u8; 2]]) -> Points {
        Points { bytes: bytes.concat(), width: 2 }
    }

    #[test]
    fn the_cut_is_where_the_images_differ_most() {
        // Two clouds that differ in the first byte; the second is noise.
        let clouds = points(&[[10, 5], [200, 6], [12, 9], [201, 1], [11, 7], [199, 5]]);
        let mut parts = halves(&clouds, (0..6).collect()).map(|mut part| {
            part.sort();
            part
        });
        parts.sort();
        assert_eq!(parts, [vec![0, 2, 4], vec![1, 3, 5]]);
    }

    #[test]
    fn equal_images_are_still_cut_in_halves() {
        let same = points(&[[7, 7]; 5]);
        assert_eq!(halves(&same, (0..5).collect()), [vec![0, 1], vec![2, 3, 4]]);
        assert_eq!(halves(&same, vec![3]), [vec![], vec![3]]);
    }

    #[test]
    fn numbers_are_ordered_as_integers() {
        let numbers = [f64::NEG_INFINITY, -2.0, -1.0, -0.0, 0.0, 1e-300, 1.0, 3.0];
        assert!(numbers.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
    }

    #[test]
    fn places_cover_every_pixel_once() {
        for side in [4, 8, 12, 32, 64] {
            let covered: Vec<usize> = (0..SIDE).flat_map(|place| bounds(place, side)).collect();
            assert!((0..side).all(|pixel| covered.contains(&pixel)), "{side}");
            assert!(side < SIDE || covered.len() == side);
        }
    }
}
