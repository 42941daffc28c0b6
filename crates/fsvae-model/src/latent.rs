//! Autoregressive Bernoulli spike sampling (Kamata et al., section 3.2) and the roll-outs that feed the two latent stacks.
//!
//! Row `t * batch + n` of a latent tensor is step t of image n; "previous" tensors hold z_{t-1} in row t, zeros at t = 0.

use crate::network::{LatentStack, LatentState};
use crate::neuron::{Neuron, Phase};
use crate::snapshot::values;
use burn::tensor::{Device, Int, Tensor, TensorData};
use fsvae_checkpoint::NetworkConfig;
use serde::{Deserialize, Serialize};

/// How the posterior's z_<t are rolled out before the pass that has the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollOut {
    /// Step by step with running statistics, membranes carried along: O(T).
    #[default]
    Carried,
    /// The original program's: the whole prefix anew at every step, with the prefix's own batch statistics, which also move the
    /// running ones: O(T^2).
    Prefix,
}

/// The random numbers that deployed networks draw, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picks {
    /// Which neighbour each latent channel listens to: `[steps][batch][latent]`, in `0..k`.
    pub ways: Vec<i32>,
    /// The prior's component, by image; empty for a prior that has none.
    pub components: Vec<u32>,
}

/// The random numbers of one training step, and the components that its images belong to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draws {
    /// Which neighbour each latent channel listens to: `[steps][batch][latent]`, in `0..k`.
    pub picks: Vec<i32>,
    /// Scheduled sampling: at step t, where there is noise `[batch][latent]`, the prior's own output is its next input.
    pub own: Vec<Option<Vec<f32>>>,
    /// The prior's component, by image; empty for a prior that has none.
    pub components: Vec<u32>,
}

/// What the prior hears in front of z: for each image, in so many steps, a one at its component. `[steps * batch, components]`
fn one_hot(components: &[u32], steps: usize, config: &NetworkConfig) -> Vec<f32> {
    let mut rows = vec![0.0; components.len() * config.components];
    for (image, &component) in components.iter().enumerate() {
        rows[image * config.components + component as usize] = 1.0;
    }
    rows.repeat(steps)
}

/// The prior's input: the component, if it has some, then what it takes for z_{t-1}, `[steps * batch, latent]`.
pub fn prior_input(components: &[u32], previous: Tensor<2>, config: &NetworkConfig) -> Tensor<2> {
    if config.components == 0 {
        return previous;
    }
    let [rows, _] = previous.dims();
    let beside = TensorData::new(one_hot(components, rows / components.len(), config), [rows, config.components]);
    Tensor::cat(vec![Tensor::from_data(beside, &previous.device()), previous], 1)
}

/// The spike of the picked neighbour: `candidates` `[rows, latent * k]`, picks `[rows, latent]`.
pub fn pick(candidates: Tensor<2>, picks: Tensor<2, Int>) -> Tensor<2> {
    let [rows, neurons] = candidates.dims();
    let [_, latent] = picks.dims();
    candidates.reshape([rows, latent, neurons / latent]).gather(2, picks.unsqueeze_dim(2)).reshape([rows, latent])
}

/// Which candidates learn from what became of the picked one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PickGradient {
    /// The picked one alone: the derivative of what was computed (the paper's).
    #[default]
    Picked,
    /// All k, each a k-th: the same derivative on average over the picks, with less noise. Not in the paper.
    Mean,
}

/// [`pick`] with a choice of its gradient.
pub fn pick_with(candidates: Tensor<2>, picks: Tensor<2, Int>, gradient: PickGradient) -> Tensor<2> {
    let picked = pick(candidates.clone(), picks.clone());
    match gradient {
        PickGradient::Picked => picked,
        PickGradient::Mean => {
            let [_, neurons] = candidates.dims();
            let [_, latent] = picks.dims();
            let mean = mean_of_ways(candidates, neurons / latent);
            (mean.clone() - mean.detach()) + picked.detach() // exactly the picked spikes: the difference is 0
        }
    }
}

/// Picks as a tensor `[steps * batch, latent]`.
pub fn pick_tensor(picks: &[i32], latent: usize, device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(picks.to_vec(), [picks.len() / latent, latent]), device)
}

/// z_t in row t to z_{t-1} in row t.
pub fn shifted(z: Tensor<2>, batch: usize) -> Tensor<2> {
    let [rows, latent] = z.dims();
    let first = Tensor::zeros([batch, latent], &z.device());
    if rows == batch { first } else { Tensor::cat(vec![first, z.narrow(0, 0, rows - batch)], 0) }
}

/// Rows of step `t`.
fn at(x: &Tensor<2>, t: usize, batch: usize) -> Tensor<2> {
    x.clone().narrow(0, t * batch, batch)
}

/// Rolls z_1 .. z_{T-1} out of the posterior and gives the previous-step tensor `[steps * batch, latent]`.
///
/// `x` are the encoder's spikes `[steps * batch, latent]`. Everything here is without gradient; with [`RollOut::Prefix`] in training the
/// stack's running statistics move.
pub fn roll_out_posterior(
    posterior: &mut LatentStack,
    x: &Tensor<2>,
    picks: &[i32],
    steps: usize,
    how: (RollOut, Phase),
    neuron: &Neuron,
) -> Tensor<2> {
    let [rows, latent] = x.dims();
    let batch = rows / steps;
    let prefix_again = how == (RollOut::Prefix, Phase::Training);
    if neuron.fused && !prefix_again {
        let beside = values(x);
        let z = posterior.frozen(latent, neuron).roll_out((steps - 1, batch), Some((&beside, latent)), choose_picked(picks, batch));
        return delayed(z, batch, latent, &x.device());
    }
    let picks = pick_tensor(picks, latent, &x.device());
    let mut previous = vec![Tensor::zeros([batch, latent], &x.device())];
    let mut state = LatentState::new();
    for t in 0..steps - 1 {
        let candidates = if prefix_again {
            let prefix = x.clone().narrow(0, 0, (t + 1) * batch);
            let input = Tensor::cat(vec![prefix, Tensor::cat(previous.clone(), 0)], 1);
            at(&posterior.forward(input, t + 1, neuron, Phase::Training), t, batch)
        } else {
            posterior.step(Tensor::cat(vec![at(x, t, batch), previous[t].clone()], 1), &mut state, neuron)
        };
        previous.push(pick(candidates, picks.clone().narrow(0, t * batch, batch)));
    }
    Tensor::cat(previous, 0)
}

/// z_1 .. z_T `[steps * batch, latent]` drawn from the prior.
pub fn draw_from_prior(prior: &LatentStack, picks: &Picks, config: &NetworkConfig, neuron: &Neuron, device: &Device) -> Tensor<2> {
    let (steps, latent, components) = (config.steps, config.latent, &picks.components);
    let picks = &picks.ways;
    let batch = picks.len() / (steps * latent);
    if neuron.fused {
        let beside = one_hot(components, steps, config);
        let beside = (config.components > 0).then_some((&beside[..], config.components));
        let z = prior.frozen(latent, neuron).roll_out((steps, batch), beside, choose_picked(picks, batch));
        return Tensor::from_data(TensorData::new(z, [steps * batch, latent]), device);
    }
    let picks = pick_tensor(picks, latent, device);
    let mut state = LatentState::new();
    let mut z = vec![Tensor::zeros([batch, latent], device)];
    for t in 0..steps {
        let candidates = prior.step(prior_input(components, z[t].clone(), config), &mut state, neuron);
        z.push(pick(candidates, picks.clone().narrow(0, t * batch, batch)));
    }
    Tensor::cat(z.split_off(1), 0)
}

/// [`pick`] for the roll-out's kernel; picks `[steps][batch][latent]`.
fn choose_picked(picks: &[i32], batch: usize) -> impl Fn(usize, usize, &[f32], &mut [f32]) {
    move |step, image, candidates, z| {
        let (latent, ways) = (z.len(), candidates.len() / z.len());
        let picks = &picks[(step * batch + image) * latent..][..latent];
        for ((z, candidates), pick) in z.iter_mut().zip(candidates.chunks_exact(ways)).zip(picks) {
            *z = candidates[*pick as usize];
        }
    }
}

/// z_1 .. z_{T-1} as numbers to z_{t-1} in row t, zeros in front.
fn delayed(mut z: Vec<f32>, batch: usize, latent: usize, device: &Device) -> Tensor<2> {
    z.splice(0..0, std::iter::repeat_n(0.0, batch * latent));
    let rows = z.len() / latent;
    Tensor::from_data(TensorData::new(z, [rows, latent]), device)
}

/// What the prior takes for z_{t-1} under scheduled sampling: it, or here and there the prior's own thresholded output.
pub fn roll_out_prior(
    prior: &mut LatentStack,
    z: &Tensor<2>,
    Draws { own, components, .. }: &Draws,
    config: &NetworkConfig,
    how: RollOut,
    neuron: &Neuron,
) -> Tensor<2> {
    let [rows, latent] = z.dims();
    let batch = rows / config.steps;
    let Some(last) = own.iter().rposition(Option::is_some) else {
        return shifted(z.clone(), batch);
    };
    if neuron.fused && how == RollOut::Carried {
        let taught = values(z);
        let choose = |step: usize, image: usize, candidates: &[f32], z: &mut [f32]| {
            let row = (step * batch + image) * latent;
            match own.get(step).and_then(Option::as_ref) {
                None => z.copy_from_slice(&taught[row..][..latent]),
                Some(noise) => {
                    let noise = &noise[image * latent..][..latent];
                    for ((z, candidates), noise) in z.iter_mut().zip(candidates.chunks_exact(config.ways)).zip(noise) {
                        let rate = candidates.iter().sum::<f32>() / config.ways as f32;
                        *z = f32::from(u8::from(rate + noise * 1e-3 > 0.5));
                    }
                }
            }
        };
        let beside = one_hot(components, last + 1, config);
        let beside = (config.components > 0).then_some((&beside[..], config.components));
        let mut rolled = prior.frozen(latent, neuron).roll_out((last + 1, batch), beside, choose);
        rolled.extend_from_slice(&taught[rolled.len()..rows * latent - batch * latent]);
        return delayed(rolled, batch, latent, &z.device());
    }
    let mut previous = vec![Tensor::zeros([batch, latent], &z.device())];
    let mut state = LatentState::new();
    for t in 0..config.steps - 1 {
        let noise = own.get(t).and_then(Option::as_ref);
        let candidates = match how {
            RollOut::Carried if t <= last => Some(prior.step(prior_input(components, previous[t].clone(), config), &mut state, neuron)),
            RollOut::Prefix if noise.is_some() => {
                let prefix = prior_input(components, Tensor::cat(previous.clone(), 0), config);
                Some(at(&prior.forward(prefix, t + 1, neuron, Phase::Training), t, batch))
            }
            _ => None,
        };
        previous.push(match (noise, candidates) {
            (Some(noise), Some(candidates)) => {
                let noise = Tensor::<2>::from_data(TensorData::new(noise.clone(), [batch, latent]), &z.device());
                (mean_of_ways(candidates, config.ways) + noise * 1e-3).greater_elem(0.5).float()
            }
            _ => at(z, t, batch),
        });
    }
    Tensor::cat(previous, 0)
}

/// Firing rate of each group of k neighbours: `[rows, latent * k]` to `[rows, latent]`.
pub fn mean_of_ways(candidates: Tensor<2>, ways: usize) -> Tensor<2> {
    let [rows, neurons] = candidates.dims();
    candidates.reshape([rows, neurons / ways, ways]).mean_dim(2).reshape([rows, neurons / ways])
}
