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

/// The random numbers of one training step.
#[derive(Clone, Debug, PartialEq)]
pub struct Draws {
    /// Which neighbour each latent channel listens to: `[steps][batch][latent]`, in `0..k`.
    pub picks: Vec<i32>,
    /// Scheduled sampling: at step t, where there is noise `[batch][latent]`, the prior's own output is its next input.
    pub own: Vec<Option<Vec<f32>>>,
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
    /// As `mean`, divided by twice the probability of what was drawn. The two derivatives above are those of a spike train that is its own
    /// mean and see no cost in the noise of the picks; this one is on average E[loss | spike] - E[loss | silence] exactly, where the loss is quadratic
    /// in the spike and both can be drawn (the trapezoid rule; Liu et al., Bridging Discrete and Backpropagation, NeurIPS 2023); where all k agree it is half
    /// of `mean`. Not in the paper.
    SecondOrder,
}

/// [`pick`] with a choice of its gradient.
pub fn pick_with(candidates: Tensor<2>, picks: Tensor<2, Int>, gradient: PickGradient) -> Tensor<2> {
    let picked = pick(candidates.clone(), picks.clone());
    match gradient {
        PickGradient::Picked => picked,
        PickGradient::Mean | PickGradient::SecondOrder => {
            let [_, neurons] = candidates.dims();
            let [_, latent] = picks.dims();
            let (mean, picked) = (mean_of_ways(candidates, neurons / latent), picked.detach());
            let rate = mean.clone().detach();
            let through = mean - rate.clone();
            let through = match gradient {
                PickGradient::SecondOrder => {
                    let silent = |x: Tensor<2>| x * -1.0 + 1.0;
                    let drawn = picked.clone() * rate.clone() + silent(picked.clone()) * silent(rate); // at least 1/k
                    through / (drawn * 2.0)
                }
                _ => through,
            };
            through + picked // exactly the picked spikes: what is added is 0
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
        let z = posterior.frozen(latent, neuron).roll_out((steps - 1, batch), Some(&beside), choose_picked(picks, batch));
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

/// z_1 .. z_T `[steps * batch, latent]` drawn from the prior, with picks `[steps][batch][latent]`.
pub fn draw_from_prior(prior: &LatentStack, picks: &[i32], config: &NetworkConfig, neuron: &Neuron, device: &Device) -> Tensor<2> {
    let (steps, latent) = (config.steps, config.latent);
    let batch = picks.len() / (steps * latent);
    if neuron.fused {
        let z = prior.frozen(latent, neuron).roll_out((steps, batch), None, choose_picked(picks, batch));
        return Tensor::from_data(TensorData::new(z, [steps * batch, latent]), device);
    }
    let picks = pick_tensor(picks, latent, device);
    let mut state = LatentState::new();
    let mut z = vec![Tensor::zeros([batch, latent], device)];
    for t in 0..steps {
        let candidates = prior.step(z[t].clone(), &mut state, neuron);
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

/// The prior's input under scheduled sampling: z_{t-1}, or here and there its own thresholded output.
pub fn roll_out_prior(
    prior: &mut LatentStack,
    z: &Tensor<2>,
    own: &[Option<Vec<f32>>],
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
        let mut rolled = prior.frozen(latent, neuron).roll_out((last + 1, batch), None, choose);
        rolled.extend_from_slice(&taught[rolled.len()..rows * latent - batch * latent]);
        return delayed(rolled, batch, latent, &z.device());
    }
    let mut previous = vec![Tensor::zeros([batch, latent], &z.device())];
    let mut state = LatentState::new();
    for t in 0..config.steps - 1 {
        let noise = own.get(t).and_then(Option::as_ref);
        let candidates = match how {
            RollOut::Carried if t <= last => Some(prior.step(previous[t].clone(), &mut state, neuron)),
            RollOut::Prefix if noise.is_some() => {
                let prefix = Tensor::cat(previous.clone(), 0);
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
