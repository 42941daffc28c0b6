//! The batch norm of tdBN: statistics of the currents, the affine map that they make, and the gradient through them.

use super::TASKS;
use rayon::prelude::*;

/// Added to the variance, as in PyTorch's batch norm.
pub const EPSILON: f32 = 1e-5;
/// Numbers that a task takes at a time.
const BLOCK: usize = 1 << 14;

/// Per channel `scale * x + shift` of a batch norm.
#[derive(Clone, Debug)]
pub struct Affine {
    /// By channel.
    pub scale: Vec<f32>,
    /// By channel.
    pub shift: Vec<f32>,
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
    gain: f32,
}

impl Affine {
    /// `gamma * (gain * (x - mean) / sqrt(variance + epsilon)) + beta`; `statistics` are all means, then all variances.
    pub fn new(gamma: &[f32], beta: &[f32], statistics: &[f32], gain: f32) -> Self {
        let (mean, variance) = statistics.split_at(gamma.len());
        let inverse_deviation: Vec<f32> = variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt()).collect();
        let scale: Vec<f32> = gamma.iter().zip(&inverse_deviation).map(|(g, i)| g * gain * i).collect();
        let shift = beta.iter().zip(mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
        Self { scale, shift, mean: mean.to_vec(), inverse_deviation, gain }
    }
}

/// Two sums by channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Sums {
    /// Zeros.
    pub fn new(channels: usize) -> Self {
        Self { first: vec![0.0; channels], second: vec![0.0; channels] }
    }

    /// Adds rows of channels.
    pub fn add_rows(&mut self, first: &[f32], second: &[f32]) {
        for (sums, values) in [(&mut self.first, first), (&mut self.second, second)] {
            for row in values.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v));
            }
        }
    }

    /// The sum of all parts, in order.
    pub fn total(channels: usize, parts: &[Self]) -> Self {
        parts.iter().fold(Self::new(channels), |mut total, part| {
            total.first.iter_mut().zip(&part.first).for_each(|(t, p)| *t += p);
            total.second.iter_mut().zip(&part.second).for_each(|(t, p)| *t += p);
            total
        })
    }
}

/// Mean and biased variance of each channel over all rows: `[2][channels]`.
pub fn statistics(x: &[f32], channels: usize) -> Vec<f32> {
    /// Rows summed in single precision before they go into the double sums.
    const SHORT: usize = 64;
    let rows = x.len() / channels;
    let task = rows.div_ceil(TASKS).max(1) * channels;
    let parts: Vec<Sums> = x
        .par_chunks(task)
        .map(|x| {
            let mut sums = Sums::new(channels);
            let (mut sum, mut square) = (vec![0f32; channels], vec![0f32; channels]);
            pulp::Arch::new().dispatch(|| {
                for short in x.chunks(SHORT * channels) {
                    sum.fill(0.0);
                    square.fill(0.0);
                    for row in short.chunks_exact(channels) {
                        for ((s, q), x) in sum.iter_mut().zip(square.iter_mut()).zip(row) {
                            *s += x;
                            *q += x * x;
                        }
                    }
                    sums.add_rows(&sum, &square);
                }
            });
            sums
        })
        .collect();
    let total = Sums::total(channels, &parts);
    let mean = total.first.iter().map(|s| s / rows as f64);
    let variance = mean.clone().zip(&total.second).map(|(m, q)| (q / rows as f64 - m * m).max(0.0));
    mean.clone().chain(variance).map(|v| v as f32).collect()
}

/// What the loss gains by a change of the currents, and of the affine parameters.
pub struct Gradients {
    /// Like the currents.
    pub x: Vec<f32>,
    /// By channel.
    pub gamma: Vec<f32>,
    /// By channel.
    pub beta: Vec<f32>,
}

/// The batch norm's backward pass as an affine map: gradient of x = `scale * d + slope * x + offset`, channel by channel.
///
/// `d` is the gradient of the normalised currents (summed over the repeats).
pub struct Back {
    /// Gradient of gamma.
    pub gamma: Vec<f32>,
    /// Gradient of beta.
    pub beta: Vec<f32>,
    tile: usize,
    scale: Vec<f32>,
    slope: Vec<f32>,
    offset: Vec<f32>,
}

impl Back {
    /// For statistics that are those of x itself, `rows` rows of channels that count `repeats` times each; `sums` are those of `d` and
    /// `d * x`.
    pub fn new(sums: &Sums, affine: &Affine, rows: usize, repeats: usize) -> Self {
        let channels = affine.scale.len();
        let repeats = repeats as f64;
        let count = repeats * rows as f64;
        let (mut gamma, mut slope, mut offset) = (vec![0f32; channels], vec![0f32; channels], vec![0f32; channels]);
        for c in 0..channels {
            let (mean, inverse, scale) = (f64::from(affine.mean[c]), f64::from(affine.inverse_deviation[c]), f64::from(affine.scale[c]));
            let sum_normalised = (sums.second[c] - mean * sums.first[c]) * inverse;
            gamma[c] = (sum_normalised * f64::from(affine.gain)) as f32;
            // dx = scale * (d - sum/count - normalised(x) * sum_normalised/count), as scale * d + slope * x + offset
            let of_x = -scale * inverse * sum_normalised / count;
            slope[c] = (repeats * of_x) as f32;
            offset[c] = (repeats * (-scale * sums.first[c] / count - of_x * mean)) as f32;
        }
        let tile = (1024 / channels).max(1) * channels;
        let tiled = |values: &[f32]| -> Vec<f32> { values.iter().copied().cycle().take(tile).collect() };
        let (scale, slope, offset) = (tiled(&affine.scale), tiled(&slope), tiled(&offset));
        Self { gamma, beta: sums.first.iter().map(|s| *s as f32).collect(), tile, scale, slope, offset }
    }

    /// `d` (whole rows of channels) becomes the gradient of `x`.
    pub fn apply(&self, d: &mut [f32], x: &[f32]) {
        pulp::Arch::new().dispatch(|| {
            for (d, x) in d.chunks_mut(self.tile).zip(x.chunks(self.tile)) {
                combine(d, x, &self.scale, &self.slope, &self.offset);
            }
        });
    }
}

/// [`Back`] for all of `x` and `d`.
pub fn backward(x: &[f32], mut d: Vec<f32>, sums: &Sums, affine: &Affine, repeats: usize) -> Gradients {
    let channels = affine.scale.len();
    let back = Back::new(sums, affine, x.len() / channels, repeats);
    let block = (BLOCK / channels).max(1) * channels;
    d.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(d, x)| back.apply(d, x));
    Gradients { x: d, gamma: back.gamma, beta: back.beta }
}

#[inline(always)]
fn combine(d: &mut [f32], x: &[f32], scale: &[f32], slope: &[f32], offset: &[f32]) {
    let len = d.len();
    let (x, scale, slope, offset) = (&x[..len], &scale[..len], &slope[..len], &offset[..len]);
    for i in 0..len {
        d[i] = scale[i] * d[i] + slope[i] * x[i] + offset[i];
    }
}
