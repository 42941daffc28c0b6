//! Neurons that fire into what listens to them, image by image: their spikes never leave the cache.
//!
//! ```text
//!   forward     currents --tdBN, LIF--> spikes of one image, all steps --> the next layer's currents
//!   backward    the same again for the spikes; then gradient of those currents --> of the spikes --LIF, back through time--> of ours
//! ```
//!
//! Between two layers memory holds the currents alone, and on the way back their gradient.

use super::convolution::{Kernel, KernelScratch};
use super::membrane::{Lif, MembraneScratch, Membranes};
use super::normalisation::{self, Affine, Back, Gradients, Sums};
use super::{TASKS, buffers, sum_of_parts};
use rayon::prelude::*;
use std::ops::Range;

/// `[step][neuron]` cut into parts of so many neurons: `[part][step]`.
fn cut(values: &mut [f32], neurons: usize, part: usize) -> Vec<Vec<&mut [f32]>> {
    let mut parts: Vec<Vec<&mut [f32]>> = (0..neurons.div_ceil(part)).map(|_| Vec::new()).collect();
    for step in values.chunks_exact_mut(neurons) {
        parts.iter_mut().zip(step.chunks_mut(part)).for_each(|(part, values)| part.push(values));
    }
    parts
}

/// Neurons of a task that needs no more than whole rows of channels.
fn task_len(membranes: &Membranes) -> usize {
    (membranes.neurons / membranes.channels()).div_ceil(TASKS).max(1) * membranes.channels()
}

/// The range of task `index` among `neurons` cut into parts.
fn range(index: usize, part: usize, neurons: usize) -> Range<usize> {
    index * part..((index + 1) * part).min(neurons)
}

/// Spikes `[steps][neurons]`.
pub fn fire(membranes: &Membranes) -> Vec<f32> {
    let (neurons, part) = (membranes.neurons, task_len(membranes));
    let mut spikes = vec![0.0; membranes.steps * neurons];
    cut(&mut spikes, neurons, part).into_par_iter().enumerate().for_each_init(MembraneScratch::default, |scratch, (i, mut spikes)| {
        membranes.fire(range(i, part, neurons), scratch, &mut spikes);
    });
    spikes
}

/// From the gradient of [`fire`]'s spikes to that of currents, gamma and beta, the statistics being those of the currents.
pub fn fire_backward(membranes: &Membranes, gradient: &[f32]) -> Gradients {
    let steps: Vec<(&[f32], f32)> = gradient.chunks_exact(membranes.neurons).map(|g| (g, 1.0)).collect();
    backward(membranes, &steps)
}

/// `sum over t of decay^(steps-1-t) * spikes_t`: what a leaky read-out holds after the last step. `[neurons]`.
pub fn leaky_sum(membranes: &Membranes, decay: f32) -> Vec<f32> {
    /// Neurons whose spikes stay in the first-level cache.
    const BLOCK: usize = 512;
    let (neurons, channels) = (membranes.neurons, membranes.channels());
    let part = (BLOCK / channels).max(1) * channels;
    let mut sum = vec![0f32; neurons];
    let init = || (MembraneScratch::default(), vec![0.0; membranes.steps * part]);
    sum.par_chunks_mut(part).enumerate().with_min_len(16).for_each_init(init, |(scratch, spikes), (i, sum)| {
        let mut steps: Vec<&mut [f32]> = spikes.chunks_exact_mut(part).map(|s| &mut s[..sum.len()]).collect();
        membranes.fire(range(i, part, neurons), scratch, &mut steps);
        pulp::Arch::new().dispatch(|| {
            for spikes in &steps {
                sum.iter_mut().zip(spikes.iter()).for_each(|(s, x)| *s = decay * *s + x);
            }
        });
    });
    sum
}

/// From the gradient of [`leaky_sum`] to that of currents, gamma and beta. The gradient of the currents takes their place.
///
/// The last layer's currents are the largest tensor of a training step, and the whole forward pass is still in memory when this runs.
/// So its peak is decided here: the way back through time is gone twice, once for the sums and once for the gradient, and nothing of
/// that size is needed beside the currents.
pub fn leaky_sum_backward(population: Owned, gradient: &[f32], decay: f32) -> Gradients {
    let Owned { mut currents, steps, neurons, affine, lif } = population;
    let membranes = Membranes { currents: &currents, steps, neurons, affine, lif };
    let (channels, part) = (membranes.channels(), task_len(&membranes));
    let constant = membranes.constant();
    let block_len = membranes.block();
    let of_steps = |block: Range<usize>| -> Vec<(&[f32], f32)> {
        (0..steps).rev().map(|age| (&gradient[block.clone()], decay.powi(age as i32))).collect()
    };
    let frames = currents.len() / neurons;
    let sums: Vec<Sums> = (0..neurons.div_ceil(part))
        .into_par_iter()
        .map_init(
            || (MembraneScratch::default(), vec![0.0; frames * block_len]),
            |(scratch, d), i| {
                let mut sums = Sums::new(channels);
                for block in blocks(range(i, part, neurons), block_len) {
                    let mut d: Vec<&mut [f32]> = d.chunks_exact_mut(block_len).map(|d| &mut d[..block.len()]).collect();
                    membranes.back(block.clone(), scratch, &of_steps(block), &mut d, &mut sums);
                }
                sums
            },
        )
        .collect();
    let repeats = if constant { steps } else { 1 };
    let back = Back::new(&Sums::total(channels, &sums), affine, currents.len() / channels, repeats);
    let init = || (MembraneScratch::default(), vec![0.0; frames * block_len], vec![0.0; frames * block_len]);
    cut(&mut currents, neurons, part).into_par_iter().enumerate().for_each_init(init, |(scratch, x, d), (i, mut currents)| {
        let (task, mut unused) = (range(i, part, neurons), Sums::new(channels));
        for block in blocks(task.clone(), block_len) {
            let (at, len) = (block.start - task.start, block.len());
            for (x, currents) in x.chunks_exact_mut(len).zip(&currents) {
                x.copy_from_slice(&currents[at..][..len]);
            }
            let x = &x[..frames * len];
            let membranes = Membranes { currents: x, steps, neurons: len, affine, lif };
            let mut d: Vec<&mut [f32]> = d.chunks_exact_mut(len).take(frames).collect();
            membranes.back(0..len, scratch, &of_steps(block), &mut d, &mut unused);
            for ((currents, d), x) in currents.iter_mut().zip(d).zip(x.chunks_exact(len)) {
                back.apply(d, x);
                currents[at..][..len].copy_from_slice(d);
            }
        }
    });
    Gradients { x: currents, gamma: back.gamma, beta: back.beta }
}

/// [`Membranes`] whose currents are nobody else's.
pub struct Owned<'a> {
    /// See [`Membranes`].
    pub currents: Vec<f32>,
    /// Time steps.
    pub steps: usize,
    /// Neurons, of all images.
    pub neurons: usize,
    /// By channel.
    pub affine: &'a Affine,
    /// The neuron.
    pub lif: Lif,
}

fn blocks(neurons: Range<usize>, block: usize) -> impl Iterator<Item = Range<usize>> {
    neurons.clone().step_by(block).map(move |first| first..(first + block).min(neurons.end))
}

/// The backward pass with the gradient of each step's spikes at hand.
fn backward(membranes: &Membranes, gradient: &[(&[f32], f32)]) -> Gradients {
    let (neurons, part) = (membranes.neurons, task_len(membranes));
    let mut d = buffers::take(membranes.currents.len());
    let sums: Vec<Sums> = cut(&mut d, neurons, part)
        .into_par_iter()
        .enumerate()
        .map_init(MembraneScratch::default, |scratch, (i, mut d)| {
            let (range, mut sums) = (range(i, part, neurons), Sums::new(membranes.channels()));
            let gradient: Vec<(&[f32], f32)> = gradient.iter().map(|(g, factor)| (&g[range.clone()], *factor)).collect();
            membranes.back(range, scratch, &gradient, &mut d, &mut sums);
            sums
        })
        .collect();
    through_statistics(membranes, d, &sums)
}

fn through_statistics(membranes: &Membranes, d: Vec<f32>, sums: &[Sums]) -> Gradients {
    let repeats = if membranes.constant() { membranes.steps } else { 1 };
    let sums = Sums::total(membranes.channels(), sums);
    normalisation::backward(membranes.currents, d, &sums, membranes.affine, repeats)
}

/// Images whose spikes a kernel convolves together: as many as it likes pictures.
fn images_at_a_time(membranes: &Membranes, kernel: &Kernel) -> usize {
    (kernel.pictures_at_a_time() / membranes.steps).max(1)
}

/// Buffers of one task.
#[derive(Default)]
struct Scratch {
    membrane: MembraneScratch,
    kernel: KernelScratch,
    spikes: Vec<f32>,
    spike_gradient: Vec<f32>,
    output: Vec<f32>,
}

impl Scratch {
    /// Fills `spikes` with `[step][neuron]` of these neurons.
    fn fire(&mut self, membranes: &Membranes, neurons: Range<usize>) {
        self.spikes.resize(membranes.steps * neurons.len(), 0.0);
        let mut steps: Vec<&mut [f32]> = self.spikes.chunks_exact_mut(neurons.len()).collect();
        membranes.fire(neurons, &mut self.membrane, &mut steps);
    }
}

/// The convolution of the spikes: `[steps][images][picture]`.
pub fn convolve(membranes: &Membranes, kernel: &Kernel) -> Vec<f32> {
    let images = membranes.neurons / kernel.input_len();
    let (n, width) = (images_at_a_time(membranes, kernel), images * kernel.output_len());
    let mut y = buffers::take(membranes.steps * width);
    cut(&mut y, width, n * kernel.output_len()).into_par_iter().enumerate().for_each_init(Scratch::default, |scratch, (i, mut y)| {
        scratch.fire(membranes, range(i, n * kernel.input_len(), membranes.neurons));
        let len = y[0].len();
        scratch.output.resize(membranes.steps * len, 0.0);
        kernel.forward(&mut scratch.kernel, &scratch.spikes, &mut scratch.output);
        y.iter_mut().zip(scratch.output.chunks_exact(len)).for_each(|(y, output)| y.copy_from_slice(output));
    });
    y
}

/// From the gradient of [`convolve`]'s output to that of currents, gamma and beta, and of the weights.
pub fn convolve_backward(membranes: &Membranes, kernel: &Kernel, dy: &[f32]) -> (Gradients, Vec<f32>) {
    let (neurons, images) = (membranes.neurons, membranes.neurons / kernel.input_len());
    let per_task = images.div_ceil(TASKS).max(1) * kernel.input_len();
    let at_a_time = images_at_a_time(membranes, kernel) * kernel.input_len();
    let mut d = buffers::take(membranes.currents.len());
    let (sums, parts): (Vec<Sums>, Vec<Vec<f32>>) = cut(&mut d, neurons, per_task)
        .into_par_iter()
        .enumerate()
        .map_init(Scratch::default, |scratch, (i, mut d)| {
            let (mut sums, mut sum) = (Sums::new(membranes.channels()), vec![0.0; kernel.weights_len()]);
            let task = range(i, per_task, neurons);
            for first in task.clone().step_by(at_a_time) {
                let part = first..(first + at_a_time).min(task.end);
                let mut d: Vec<&mut [f32]> = d.iter_mut().map(|d| &mut d[part.start - task.start..part.end - task.start]).collect();
                scratch.back(membranes, kernel, part, dy, (&mut d, &mut sums, &mut sum));
            }
            (sums, sum)
        })
        .unzip();
    (through_statistics(membranes, d, &sums), kernel.weight_gradient(&sum_of_parts(parts)))
}

impl Scratch {
    fn back(
        &mut self,
        membranes: &Membranes,
        kernel: &Kernel,
        neurons: Range<usize>,
        dy: &[f32],
        (d, sums, sum): (&mut [&mut [f32]], &mut Sums, &mut [f32]),
    ) {
        let output = |at: usize| at / kernel.input_len() * kernel.output_len();
        self.output.clear();
        for dy in dy.chunks_exact(output(membranes.neurons)) {
            self.output.extend_from_slice(&dy[output(neurons.start)..output(neurons.end)]);
        }
        self.fire(membranes, neurons.clone());
        self.spike_gradient.resize(self.spikes.len(), 0.0);
        kernel.backward(&mut self.kernel, &self.spikes, &self.output, Some(&mut self.spike_gradient), sum);
        let gradient: Vec<(&[f32], f32)> = self.spike_gradient.chunks_exact(neurons.len()).map(|g| (g, 1.0)).collect();
        membranes.back(neurons, &mut self.membrane, &gradient, d, sums);
    }
}
