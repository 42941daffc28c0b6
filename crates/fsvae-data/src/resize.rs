//! Pillow's bilinear resize (`ImagingResample` with 8-bit pixels), to the bit.
//!
//! An output pixel is a weighted mean of the input pixels under a triangle around its centre. The weights are formed in double
//! precision, then rounded to integers of 22 fractional bits; all sums are integer. Rows are scaled first and rounded to bytes, then
//! columns. Source: Pillow 12, `src/libImaging/Resample.c`.
//!
//! Pillow 13 begins with the columns when the height shrinks much more than the width (its pull request 9549), which changes some
//! pixels by one; for square images it is the same as before.

/// Fractional bits of a weight: 32 of the accumulator, less 8 of a pixel and 2 to spare (Pillow's `PRECISION_BITS`).
const WEIGHT_BITS: u32 = 32 - 8 - 2;

/// The weights for one size of input and one of output.
pub struct Filter {
    /// Input height and width.
    from: (usize, usize),
    /// One window for each output column.
    columns: Vec<Window>,
    /// One window for each output row.
    rows: Vec<Window>,
}

/// What one output pixel takes along one axis.
struct Window {
    /// The first input pixel.
    first: usize,
    /// The weights of that and the following ones; their sum is 1 within the rounding.
    weights: Vec<i32>,
}

impl Filter {
    /// A filter from one (height, width) to another; no extent may be 0.
    pub fn new(from: (usize, usize), to: (usize, usize)) -> Self {
        Self { from, columns: windows(from.1, to.1), rows: windows(from.0, to.0) }
    }

    /// Scales one plane.
    pub fn apply(&self, from: &[u8], to: &mut [u8]) {
        let (height, width) = self.from;
        let mut scaled = Vec::with_capacity(height * self.columns.len());
        for row in from.chunks_exact(width) {
            scaled.extend(self.columns.iter().map(|window| window.mean(|x| row[x])));
        }
        let width = self.columns.len();
        for (window, row) in self.rows.iter().zip(to.chunks_exact_mut(width)) {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = window.mean(|y| scaled[y * width + x]);
            }
        }
    }
}

impl Window {
    fn mean(&self, pixel: impl Fn(usize) -> u8) -> u8 {
        let products = self.weights.iter().enumerate().map(|(i, weight)| weight * i32::from(pixel(self.first + i)));
        let sum = (1 << (WEIGHT_BITS - 1)) + products.sum::<i32>();
        (sum >> WEIGHT_BITS).clamp(0, 255) as u8
    }
}

/// The windows of one axis. The order of the operations is Pillow's: it decides the last bit of the weights.
fn windows(from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let window = |output: usize| {
        let center = (output as f64 + 0.5) * scale;
        // `as` cuts towards zero and takes what is below zero for zero.
        let first = (center - support + 0.5) as usize;
        let end = ((center + support + 0.5) as usize).min(from);
        let exact: Vec<f64> = (first..end).map(|input| triangle((input as f64 - center + 0.5) * (1.0 / support))).collect();
        let total: f64 = exact.iter().sum();
        let weights = exact.iter().map(|w| (0.5 + w / total * f64::from(1 << WEIGHT_BITS)) as i32).collect();
        Window { first, weights }
    };
    (0..to).map(window).collect()
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

#[cfg(test)]
mod tests;
