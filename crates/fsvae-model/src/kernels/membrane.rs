//! tdBN and LIF over all time steps: only the input currents are kept for the backward pass, which integrates the membranes anew.
//!
//! Currents lie as `[step][neuron]`, channels last in a neuron's index; constant currents (the first layer's, which always sees the same
//! image) as one `[neuron]` for all steps. Per channel the batch norm is the affine map `i = scale * x + shift`; the membrane is
//! integrated, and differentiated, block of neurons by block of neurons, so that all steps of a block stay in the first-level cache.
//!
//! Zheng et al., "Going deeper with directly-trained larger spiking neural networks", AAAI 2021 (tdBN); Wu et al., "Spatio-temporal
//! backpropagation", Front. Neurosci. 2018 (the gradient through time).

use super::normalisation::{Affine, Sums};
use std::ops::Range;

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
    /// What a spike costs: the loss rises by it with each.
    pub price: f32,
}

/// Neurons and the currents that they receive over all steps.
#[derive(Clone, Copy)]
pub struct Membranes<'a> {
    /// `[steps][neurons]`, or `[neurons]` of currents that are the same at every step.
    pub currents: &'a [f32],
    /// Time steps.
    pub steps: usize,
    /// Neurons, of all images.
    pub neurons: usize,
    /// By channel, the last index of a neuron.
    pub affine: &'a Affine,
    /// The neuron.
    pub lif: Lif,
}

/// Buffers of one task.
#[derive(Default)]
pub struct MembraneScratch {
    scale: Vec<f32>,
    shift: Vec<f32>,
    held: Vec<f32>,
    membranes: Vec<f32>,
    sum: Vec<f32>,
    sum_x: Vec<f32>,
}

impl<'a> Membranes<'a> {
    /// Channels of the batch norm.
    pub fn channels(&self) -> usize {
        self.affine.scale.len()
    }

    /// Whether the currents are the same at every step.
    pub fn constant(&self) -> bool {
        self.currents.len() == self.neurons
    }

    fn current(&self, step: usize, neurons: Range<usize>) -> &'a [f32] {
        let start = if self.constant() { 0 } else { step * self.neurons };
        &self.currents[start + neurons.start..start + neurons.end]
    }

    /// Neurons that are looked at together: whole rows of channels, about a thousand.
    pub fn block(&self) -> usize {
        (BLOCK / self.channels()).max(1) * self.channels()
    }

    fn blocks(&self, neurons: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let block = self.block();
        neurons.clone().step_by(block).map(move |first| first..(first + block).min(neurons.end))
    }

    fn prepare(&self, scratch: &mut MembraneScratch) {
        let block = self.block();
        for (tile, values) in [(&mut scratch.scale, &self.affine.scale), (&mut scratch.shift, &self.affine.shift)] {
            tile.clear();
            tile.extend(values.iter().cycle().take(block));
        }
        for buffer in [&mut scratch.held, &mut scratch.sum, &mut scratch.sum_x] {
            buffer.resize(block, 0.0);
        }
        scratch.membranes.resize(block * self.steps, 0.0);
    }

    /// Lets these neurons (whole rows of channels) fire; `spikes` has a place for each step.
    pub fn fire(&self, neurons: Range<usize>, scratch: &mut MembraneScratch, spikes: &mut [&mut [f32]]) {
        self.prepare(scratch);
        for block in self.blocks(neurons.clone()) {
            let held = &mut scratch.held[..block.len()];
            held.fill(0.0);
            for (step, spikes) in spikes.iter_mut().enumerate() {
                let (x, spikes) = (self.current(step, block.clone()), &mut spikes[block.start - neurons.start..][..block.len()]);
                let (scale, shift) = (&scratch.scale[..], &scratch.shift[..]);
                pulp::Arch::new().dispatch(|| fire(x, scale, shift, self.lif, held, spikes));
            }
        }
    }

    /// Back-propagation through time for these neurons (whole rows of channels).
    ///
    /// `spike_gradient` has each step's gradient of the spikes, to be multiplied by the number beside it. `out` has a place for each
    /// step's gradient of the normalised currents, or one place for their sum over the steps where the currents are constant. `sums`
    /// gain the sums by channel of that gradient, and of its product with the currents.
    pub fn back(
        &self,
        neurons: Range<usize>,
        scratch: &mut MembraneScratch,
        spike_gradient: &[(&[f32], f32)],
        out: &mut [&mut [f32]],
        sums: &mut Sums,
    ) {
        self.prepare(scratch);
        for block in self.blocks(neurons.clone()) {
            let (at, len) = (block.start - neurons.start, block.len());
            let (held, sum, sum_x) = (&mut scratch.held[..len], &mut scratch.sum[..len], &mut scratch.sum_x[..len]);
            let (scale, shift) = (&scratch.scale[..], &scratch.shift[..]);
            held.fill(0.0);
            for (step, membranes) in (0..self.steps).zip(scratch.membranes.chunks_exact_mut(len)) {
                let x = self.current(step, block.clone());
                pulp::Arch::new().dispatch(|| integrate(x, scale, shift, self.lif, held, membranes));
            }
            for buffer in [&mut *held, sum, sum_x] {
                buffer.fill(0.0);
            }
            for (step, membranes) in (0..self.steps).zip(scratch.membranes.chunks_exact(len)).rev() {
                let (gradient, factor) = spike_gradient[step];
                let gradient = (&gradient[at..][..len], factor);
                pulp::Arch::new().dispatch(|| step_back(membranes, gradient, self.lif, held));
                if !self.constant() {
                    out[step][at..][..len].copy_from_slice(held);
                }
                let x = self.current(step, block.clone());
                pulp::Arch::new().dispatch(|| accumulate(held, x, sum, sum_x));
            }
            if self.constant() {
                out[0][at..][..len].copy_from_slice(sum);
            }
            sums.add_rows(sum, sum_x);
        }
    }
}

/// One step of a block: spikes, and what the membranes hold after the reset and the leak.
#[inline(always)]
pub(super) fn fire(x: &[f32], scale: &[f32], shift: &[f32], lif: Lif, held: &mut [f32], spikes: &mut [f32]) {
    let len = x.len();
    let (scale, shift, held, spikes) = (&scale[..len], &shift[..len], &mut held[..len], &mut spikes[..len]);
    for i in 0..len {
        let u = held[i] + (x[i] * scale[i] + shift[i]);
        spikes[i] = if u > lif.threshold { 1.0 } else { 0.0 };
        let left = lif.decay * u;
        held[i] = if u > lif.threshold { 0.0 } else { left };
    }
}

/// One step of a block: the membranes before the reset, and after.
#[inline(always)]
fn integrate(x: &[f32], scale: &[f32], shift: &[f32], lif: Lif, held: &mut [f32], membranes: &mut [f32]) {
    let len = x.len();
    let (scale, shift, held, membranes) = (&scale[..len], &shift[..len], &mut held[..len], &mut membranes[..len]);
    for i in 0..len {
        let u = held[i] + (x[i] * scale[i] + shift[i]);
        membranes[i] = u;
        let left = lif.decay * u;
        held[i] = if u > lif.threshold { 0.0 } else { left };
    }
}

/// One step back: `after`, the gradient of the next step's membranes, becomes that of this step's, which is that of the currents.
#[inline(always)]
fn step_back(membranes: &[f32], (gradient, factor): (&[f32], f32), lif: Lif, after: &mut [f32]) {
    let len = membranes.len();
    let height = 0.5 / lif.window_half_width;
    let reset = if lif.detach_reset { 0.0 } else { lif.decay };
    let (gradient, after) = (&gradient[..len], &mut after[..len]);
    for i in 0..len {
        let u = membranes[i];
        let to_spike = factor * gradient[i] + lif.price - reset * u * after[i];
        let leak = lif.decay * after[i];
        let through_leak = if u > lif.threshold { 0.0 } else { leak };
        let spike = height * to_spike;
        let through_spike = if (u - lif.window_centre).abs() < lif.window_half_width { spike } else { 0.0 };
        after[i] = through_spike + through_leak;
    }
}

/// Adds `d` and `d * x` to the sums.
#[inline(always)]
fn accumulate(d: &[f32], x: &[f32], sum: &mut [f32], sum_x: &mut [f32]) {
    let len = d.len();
    let (x, sum, sum_x) = (&x[..len], &mut sum[..len], &mut sum_x[..len]);
    for i in 0..len {
        sum[i] += d[i];
        sum_x[i] += d[i] * x[i];
    }
}
