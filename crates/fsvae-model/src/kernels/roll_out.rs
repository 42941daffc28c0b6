//! A latent stack, step by step: what it fires decides what it hears next.
//!
//! ```text
//!   for a handful of images, all steps:   [ beside_t ; z_{t-1} ] --layer--> .. --layer--> candidates_t --choose--> z_t
//! ```
//!
//! Running statistics, membranes carried along, no gradient. A handful of images goes through all steps and layers on one thread, so that
//! nobody waits for anybody; their number depends on nothing but the batch.

use super::membrane::{Lif, fire};
use super::spikes::SpikeLists;
use rayon::prelude::*;

/// Images that use a block of the weights while it is in the cache.
const IMAGES: usize = 8;

/// A fully connected layer with its tdBN as an affine map.
pub struct Layer {
    /// `[in][out]`.
    pub weights: Vec<f32>,
    /// By output.
    pub scale: Vec<f32>,
    /// By output.
    pub shift: Vec<f32>,
}

impl Layer {
    fn outputs(&self) -> usize {
        self.scale.len()
    }
}

/// A stack of layers between a latent vector and its candidates.
pub struct Stack {
    /// In order.
    pub layers: Vec<Layer>,
    /// The neuron.
    pub lif: Lif,
    /// Channels of z.
    pub latent: usize,
}

/// What one task carries from step to step.
struct State {
    held: Vec<Vec<f32>>,
    currents: Vec<f32>,
    spikes: Vec<f32>,
    lists: SpikeLists,
}

impl Stack {
    /// z of so many steps, `[steps][images][latent]`.
    ///
    /// `beside`, where there is one, is `[at least steps][images][columns]` and comes in front of z_{t-1}. `choose(step, image,
    /// candidates, z)` writes the image's z of the step.
    pub fn roll_out(
        &self,
        (steps, images): (usize, usize),
        beside: Option<(&[f32], usize)>,
        choose: impl Fn(usize, usize, &[f32], &mut [f32]) + Sync,
    ) -> Vec<f32> {
        let latent = self.latent;
        let firsts: Vec<usize> = (0..images).step_by(IMAGES).collect();
        let parts: Vec<Vec<f32>> = firsts
            .into_par_iter()
            .map(|first| {
                let count = IMAGES.min(images - first);
                let mut state = State::new(self, count);
                let mut z = vec![0.0; (steps + 1) * count * latent]; // z_0 = 0 in front
                for step in 0..steps {
                    let (before, now) = z.split_at_mut((step + 1) * count * latent);
                    let before = &before[step * count * latent..];
                    let beside = beside.map(|(x, columns)| (&x[(step * images + first) * columns..][..count * columns], columns));
                    let candidates = state.step(self, beside, before);
                    let width = candidates.len() / count;
                    for (i, (z, candidates)) in now.chunks_exact_mut(latent).zip(candidates.chunks_exact(width)).enumerate() {
                        choose(step, first + i, candidates, z);
                    }
                }
                z.split_off(count * latent)
            })
            .collect();
        let steps_of_part: Vec<_> = parts.iter().map(|z| z.chunks_exact((z.len() / steps.max(1)).max(1)).collect::<Vec<_>>()).collect();
        (0..steps).flat_map(|step| steps_of_part.iter().flat_map(move |z| z[step])).copied().collect()
    }
}

impl State {
    fn new(stack: &Stack, images: usize) -> Self {
        let held = stack.layers.iter().map(|layer| vec![0.0; images * layer.outputs()]).collect();
        Self { held, currents: Vec::new(), spikes: Vec::new(), lists: SpikeLists::default() }
    }

    /// Candidates `[images][outputs]`.
    fn step(&mut self, stack: &Stack, beside: Option<(&[f32], usize)>, z: &[f32]) -> &[f32] {
        for (i, layer) in stack.layers.iter().enumerate() {
            self.lists.clear();
            match (i, beside) {
                (0, Some(beside)) => self.lists.extend_beside(beside, (z, stack.latent)),
                (0, None) => self.lists.extend(z, stack.latent),
                _ => self.lists.extend(&self.spikes, stack.layers[i - 1].outputs()),
            }
            let (outputs, held) = (layer.outputs(), &mut self.held[i]);
            for buffer in [&mut self.currents, &mut self.spikes] {
                buffer.resize(held.len(), 0.0);
            }
            self.lists.product(&layer.weights, outputs, &mut self.currents, false);
            for ((x, spikes), held) in
                self.currents.chunks_exact(outputs).zip(self.spikes.chunks_exact_mut(outputs)).zip(held.chunks_exact_mut(outputs))
            {
                pulp::Arch::new().dispatch(|| fire(x, &layer.scale, &layer.shift, stack.lif, held, spikes));
            }
        }
        &self.spikes
    }
}
