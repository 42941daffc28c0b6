//! Reconstruction error and the two distances between posterior and prior.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// Time constant of the post-synaptic potential in the MMD kernel.
const TAU_SYNAPSE: f32 = 2.0;
/// Keeps logarithms finite in the KL divergence.
const KLD_OFFSET: f32 = 0.01;
/// Weight of the KL divergence beside the reconstruction error.
const KLD_WEIGHT: f32 = 1e-4;

/// What pulls prior and posterior together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriorLoss {
    /// Maximum mean discrepancy of post-synaptic potentials (the paper's).
    #[default]
    Mmd,
    /// Kullback-Leibler divergence of the rates.
    Kld,
}

impl PriorLoss {
    /// How much it counts in the whole loss.
    pub fn weight(self) -> f32 {
        match self {
            Self::Mmd => 1.0,
            Self::Kld => KLD_WEIGHT,
        }
    }

    /// The distance of firing rates q and p, each `[steps * batch, latent]`.
    pub fn distance(self, q: Tensor<2>, p: Tensor<2>, steps: usize) -> Tensor<1> {
        match self {
            Self::Mmd => mmd(q, p, steps),
            Self::Kld => kld(q, p, steps),
        }
    }
}

/// Mean squared error.
pub fn mse(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    let difference = a - b;
    (difference.clone() * difference).mean()
}

/// Mean over images, channels and steps of (PSP(q) - PSP(p))^2, PSP_t = PSP_{t-1} + (z_t - PSP_{t-1}) / tau.
///
/// The filter is linear: it is applied to the difference, as a lower triangular matrix over time.
pub fn mmd(q: Tensor<2>, p: Tensor<2>, steps: usize) -> Tensor<1> {
    let keep = 1.0 - 1.0 / TAU_SYNAPSE;
    let kernel: Vec<f32> =
        (0..steps * steps).map(|i| (i / steps).checked_sub(i % steps).map_or(0.0, |age| keep.powi(age as i32) / TAU_SYNAPSE)).collect();
    let kernel = Tensor::<2>::from_data(TensorData::new(kernel, [steps, steps]), &q.device());
    let [rows, latent] = q.dims();
    let potential = kernel.matmul((q - p).reshape([steps, rows / steps * latent]));
    (potential.clone() * potential).mean()
}

/// Mean over images of the sum over channels and steps of KL(Bernoulli(q) || Bernoulli(p)), softened by 0.01.
pub fn kld(q: Tensor<2>, p: Tensor<2>, steps: usize) -> Tensor<1> {
    let batch = q.dims()[0] / steps;
    let ratio = |q: Tensor<2>, p: Tensor<2>| ((q + KLD_OFFSET) / (p + KLD_OFFSET)).log();
    let on = q.clone() * ratio(q.clone(), p.clone());
    let (not_q, not_p) = (q * -1.0 + 1.0, p * -1.0 + 1.0);
    let off = not_q.clone() * ratio(not_q, not_p);
    (on + off).sum() / batch as f32
}
