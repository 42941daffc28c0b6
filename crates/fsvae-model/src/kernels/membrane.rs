//! tdBN and LIF over all time steps, fused: only the input currents are kept for the backward pass.
//!
//! Currents lie as `[step][row][channel]`, a row being one neuron position of one image. Per channel the batch norm is the affine map
//! `i = scale * x + shift`; the membrane is integrated, and differentiated, block of neurons by block of neurons, so that all T steps of
//! a block stay in the first-level cache.
//!
//! Zheng et al., "Going deeper with directly-trained larger spiking neural networks", AAAI 2021 (tdBN); Wu et al., "Spatio-temporal
//! backpropagation", Front. Neurosci. 2018 (the gradient through time).

use super::TASKS;
use rayon::prelude::*;

/// Added to the variance, as in PyTorch's batch norm.
pub const EPSILON: f32 = 1e-5;
/// Neurons of a block.
const BLOCK: usize = 1024;

/// The neuron and the stand-in for its derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lif {
    /// What remains of the membrane after a step.
    pub decay: f32,
    /// Fires above it.
    pub threshold: f32,
    /// Middle of the window in which the surrogate derivative is not zero.
    pub window_centre: f32,
    /// Half the width of that window; its height is 1 / (2 * half width).
    pub window_half_width: f32,
    /// Whether the gradient stops at the reset term `1 - o`.
    pub detach_reset: bool,
}

/// How a block of currents is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Time steps.
    pub steps: usize,
    /// Channels, the last index.
    pub channels: usize,
}

/// Per channel `scale * x + shift` of a batch norm.
pub struct Affine {
    /// By channel.
    pub scale: Vec<f32>,
    /// By channel.
    pub shift: Vec<f32>,
    /// 1 / sqrt(variance + epsilon), by channel.
    pub inverse_deviation: Vec<f32>,
}

impl Affine {
    /// `gamma * (gain * (x - mean) / sqrt(variance + epsilon)) + beta`; `statistics` are all means, then all variances.
    pub fn new(gamma: &[f32], beta: &[f32], statistics: &[f32], gain: f32) -> Self {
        let (mean, variance) = statistics.split_at(gamma.len());
        let inverse_deviation: Vec<f32> = variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt()).collect();
        let scale: Vec<f32> = gamma.iter().zip(&inverse_deviation).map(|(g, i)| g * gain * i).collect();
        let shift = beta.iter().zip(mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
        Self { scale, shift, inverse_deviation }
    }
}

/// Mean and biased variance of each channel over all rows: `[2][channels]`.
pub fn statistics(x: &[f32], channels: usize) -> Vec<f32> {
    /// Rows summed in single precision before they go into the double sums.
    const SHORT: usize = 64;
    let rows = x.len() / channels;
    let chunk = rows.div_ceil(TASKS).max(1) * channels;
    let partial: Vec<(Vec<f64>, Vec<f64>)> = x
        .par_chunks(chunk)
        .map(|chunk| {
            pulp::Arch::new().dispatch(|| {
                let (mut sum, mut square) = (vec![0f64; channels], vec![0f64; channels]);
                let (mut s, mut q) = (vec![0f32; channels], vec![0f32; channels]);
                for short in chunk.chunks(SHORT * channels) {
                    s.fill(0.0);
                    q.fill(0.0);
                    for row in short.chunks_exact(channels) {
                        for ((s, q), x) in s.iter_mut().zip(q.iter_mut()).zip(row) {
                            *s += x;
                            *q += x * x;
                        }
                    }
                    for c in 0..channels {
                        sum[c] += f64::from(s[c]);
                        square[c] += f64::from(q[c]);
                    }
                }
                (sum, square)
            })
        })
        .collect();
    let (sum, square) = add_pairs(partial, channels);
    let mean = sum.iter().map(|s| s / rows as f64);
    let variance = mean.clone().zip(&square).map(|(m, q)| (q / rows as f64 - m * m).max(0.0));
    mean.clone().chain(variance).map(|v| v as f32).collect()
}

fn add_pairs(partial: Vec<(Vec<f64>, Vec<f64>)>, channels: usize) -> (Vec<f64>, Vec<f64>) {
    partial.into_iter().fold((vec![0.0; channels], vec![0.0; channels]), |mut total, part| {
        for c in 0..channels {
            total.0[c] += part.0[c];
            total.1[c] += part.1[c];
        }
        total
    })
}

/// A raw view of `[step][neuron]` that tasks write at disjoint neurons.
#[derive(Clone, Copy)]
struct Columns {
    start: *mut f32,
    neurons: usize,
}
// SAFETY: tasks only touch the columns of their own block, which no other task touches.
unsafe impl Send for Columns {}
// SAFETY: as above.
unsafe impl Sync for Columns {}

impl Columns {
    /// SAFETY: the caller's block `[first, first + len)` is inside the neurons and nobody else's, `step` is inside the buffer.
    unsafe fn row<'a>(self, step: usize, first: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(step * self.neurons + first), len) }
    }
}

/// Whole rows of channels that make a block of about [`BLOCK`] neurons.
fn block_len(channels: usize) -> usize {
    (BLOCK / channels).max(1) * channels
}

fn tile(values: &[f32], len: usize) -> Vec<f32> {
    values.iter().copied().cycle().take(len).collect()
}

/// Spikes of the currents `x`; `spikes` has the same layout.
pub fn forward(x: &[f32], affine: &Affine, lif: Lif, layout: Layout, spikes: &mut [f32]) {
    assert_eq!(x.len(), spikes.len());
    let neurons = x.len() / layout.steps;
    let block = block_len(layout.channels);
    let (scale, shift) = (tile(&affine.scale, block), tile(&affine.shift, block));
    let out = Columns { start: spikes.as_mut_ptr(), neurons };
    (0..neurons.div_ceil(block)).into_par_iter().for_each_init(Vec::new, |membrane: &mut Vec<f32>, index| {
        let (first, len) = (index * block, block.min(neurons - index * block));
        membrane.clear();
        membrane.resize(len, 0.0);
        pulp::Arch::new().dispatch(|| {
            for step in 0..layout.steps {
                let x = &x[step * neurons + first..][..len];
                // SAFETY: blocks are disjoint and inside the buffer.
                let out = unsafe { out.row(step, first, len) };
                let (scale, shift, membrane) = (&scale[..len], &shift[..len], &mut membrane[..len]);
                for i in 0..len {
                    let u = membrane[i] + (x[i] * scale[i] + shift[i]);
                    let fires = u > lif.threshold;
                    out[i] = if fires { 1.0 } else { 0.0 };
                    membrane[i] = if fires { 0.0 } else { lif.decay * u };
                }
            }
        });
    });
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

/// The backward pass: from the gradient of the spikes to that of currents, gamma and beta, the statistics being functions of `x`.
pub fn backward(x: &[f32], spike_gradient: &[f32], affine: &Affine, statistics: &[f32], gain: f32, lif: Lif, layout: Layout) -> Gradients {
    assert_eq!(x.len(), spike_gradient.len());
    let (neurons, channels) = (x.len() / layout.steps, layout.channels);
    let block = block_len(channels);
    let (scale, shift) = (tile(&affine.scale, block), tile(&affine.shift, block));
    let mut current = vec![0f32; x.len()];
    let columns = Columns { start: current.as_mut_ptr(), neurons };
    let blocks = neurons.div_ceil(block);
    let per_task = blocks.div_ceil(TASKS).max(1);
    let partial: Vec<(Vec<f64>, Vec<f64>)> = (0..blocks.div_ceil(per_task))
        .into_par_iter()
        .map(|task| {
            let mut total = (vec![0f64; channels], vec![0f64; channels]);
            let mut scratch = BlockScratch::new(layout.steps, block);
            for index in task * per_task..((task + 1) * per_task).min(blocks) {
                let (first, len) = (index * block, block.min(neurons - index * block));
                pulp::Arch::new().dispatch(|| {
                    scratch.integrate(|step| &x[step * neurons + first..][..len], &scale[..len], &shift[..len], lif);
                    for step in (0..layout.steps).rev() {
                        let at = step * neurons + first;
                        // SAFETY: blocks are disjoint and inside the buffer.
                        let out = unsafe { columns.row(step, first, len) };
                        scratch.step_back(step, &x[at..][..len], &spike_gradient[at..][..len], out, lif);
                    }
                });
                for (i, (s, q)) in scratch.sum.iter().zip(&scratch.sum_x).take(len).enumerate() {
                    total.0[i % channels] += f64::from(*s);
                    total.1[i % channels] += f64::from(*q);
                }
            }
            total
        })
        .collect();
    let (sum, sum_x) = add_pairs(partial, channels);
    through_statistics(x, current, (&sum, &sum_x), affine, &statistics[..channels], gain)
}

/// The batch norm's own backward pass, in place on the gradient of its output.
fn through_statistics(
    x: &[f32],
    mut current: Vec<f32>,
    (sum, sum_x): (&[f64], &[f64]),
    affine: &Affine,
    mean: &[f32],
    gain: f32,
) -> Gradients {
    let channels = sum.len();
    let count = (x.len() / channels) as f64;
    let (mut gamma, mut slope, mut offset) = (vec![0f32; channels], vec![0f32; channels], vec![0f32; channels]);
    for c in 0..channels {
        let (mean, inverse, scale) = (f64::from(mean[c]), f64::from(affine.inverse_deviation[c]), f64::from(affine.scale[c]));
        let sum_normalised = (sum_x[c] - mean * sum[c]) * inverse;
        gamma[c] = (sum_normalised * f64::from(gain)) as f32;
        // dx = scale * (d - sum/count - normalised(x) * sum_normalised/count), as scale * d + slope * x + offset
        slope[c] = (-scale * inverse * sum_normalised / count) as f32;
        offset[c] = (-scale * sum[c] / count + scale * mean * inverse * sum_normalised / count) as f32;
    }
    let block = block_len(channels);
    let (scale, slope, offset) = (tile(&affine.scale, block), tile(&slope, block), tile(&offset, block));
    current.par_chunks_mut(block).zip(x.par_chunks(block)).with_min_len(16).for_each(|(d, x)| {
        pulp::Arch::new().dispatch(|| {
            let len = d.len();
            let (scale, slope, offset, x) = (&scale[..len], &slope[..len], &offset[..len], &x[..len]);
            for i in 0..len {
                d[i] = scale[i] * d[i] + slope[i] * x[i] + offset[i];
            }
        });
    });
    Gradients { x: current, gamma, beta: sum.iter().map(|s| *s as f32).collect() }
}

/// One block's membranes over all steps, and what flows back through them.
struct BlockScratch {
    block: usize,
    membranes: Vec<f32>,
    held: Vec<f32>,
    carried: Vec<f32>,
    sum: Vec<f32>,
    sum_x: Vec<f32>,
}

impl BlockScratch {
    fn new(steps: usize, block: usize) -> Self {
        let zeros = || vec![0.0; block];
        Self { block, membranes: vec![0.0; steps * block], held: zeros(), carried: zeros(), sum: zeros(), sum_x: zeros() }
    }

    /// Recomputes the membranes of all steps; clears the sums.
    #[inline(always)]
    fn integrate<'a>(&mut self, x: impl Fn(usize) -> &'a [f32], scale: &[f32], shift: &[f32], lif: Lif) {
        for sums in [&mut self.held, &mut self.carried, &mut self.sum, &mut self.sum_x] {
            sums.fill(0.0);
        }
        let len = scale.len();
        let held = &mut self.held[..len];
        for (step, membranes) in self.membranes.chunks_exact_mut(self.block).enumerate() {
            let (x, shift, membranes) = (&x(step)[..len], &shift[..len], &mut membranes[..len]);
            for i in 0..len {
                let u = held[i] + (x[i] * scale[i] + shift[i]);
                membranes[i] = u;
                held[i] = if u > lif.threshold { 0.0 } else { lif.decay * u };
            }
        }
    }

    /// One step of back-propagation through time: writes the gradient of the (normalised) current and adds it to the sums.
    #[inline(always)]
    fn step_back(&mut self, step: usize, x: &[f32], spike_gradient: &[f32], out: &mut [f32], lif: Lif) {
        let len = out.len();
        let height = 0.5 / lif.window_half_width;
        let reset = if lif.detach_reset { 0.0 } else { lif.decay };
        let membranes = &self.membranes[step * self.block..][..len];
        let (carried, sum, sum_x) = (&mut self.carried[..len], &mut self.sum[..len], &mut self.sum_x[..len]);
        let (x, spike_gradient) = (&x[..len], &spike_gradient[..len]);
        for i in 0..len {
            let (u, after) = (membranes[i], carried[i]); // after: gradient of the next step's membrane
            let to_spike = spike_gradient[i] - reset * u * after;
            let through_leak = if u > lif.threshold { 0.0 } else { lif.decay * after };
            let through_spike = if (u - lif.window_centre).abs() < lif.window_half_width { height * to_spike } else { 0.0 };
            let d = through_spike + through_leak;
            carried[i] = d;
            out[i] = d;
            sum[i] += d;
            sum_x[i] += d * x[i];
        }
    }
}

/// `sum over t of decay^(steps-1-t) * x_t`: what a leaky read-out holds after the last step. `x` is `[step][neuron]`.
pub fn leaky_sum(x: &[f32], steps: usize, decay: f32) -> Vec<f32> {
    let neurons = x.len() / steps;
    let mut sum = vec![0f32; neurons];
    sum.par_chunks_mut(BLOCK).enumerate().for_each(|(index, sum)| {
        pulp::Arch::new().dispatch(|| {
            for step in 0..steps {
                let x = &x[step * neurons + index * BLOCK..][..sum.len()];
                for (s, x) in sum.iter_mut().zip(x) {
                    *s = decay * *s + x;
                }
            }
        });
    });
    sum
}

/// The gradient of [`leaky_sum`]: the same for every step but for the factor.
pub fn leaky_sum_backward(gradient: &[f32], steps: usize, decay: f32) -> Vec<f32> {
    let mut out = vec![0f32; gradient.len() * steps];
    out.par_chunks_mut(gradient.len()).enumerate().for_each(|(step, out)| {
        let factor = decay.powi((steps - 1 - step) as i32);
        for (o, g) in out.iter_mut().zip(gradient) {
            *o = factor * g;
        }
    });
    out
}
