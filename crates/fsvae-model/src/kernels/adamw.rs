//! AdamW in one sweep over parameter, gradient and moments.
//!
//! Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019; the order of operations is PyTorch's and burn's.

use rayon::prelude::*;

/// Parameters of a task.
const BLOCK: usize = 1 << 14;

/// How far a step goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Step size.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// How much of the first moment remains.
    pub beta_1: f32,
    /// How much of the second moment remains.
    pub beta_2: f32,
    /// Keeps the denominator from 0.
    pub epsilon: f32,
    /// This is the `time`-th step, counted from 1.
    pub time: usize,
}

impl AdamW {
    /// Moves the parameters, follows with the moments.
    pub fn step(&self, parameters: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        assert!([gradient.len(), first.len(), second.len()] == [parameters.len(); 3]);
        let correction = |beta: f32| 1.0 - f64::from(beta).powi(self.time as i32);
        let (first_correction, second_correction) = (correction(self.beta_1) as f32, correction(self.beta_2) as f32);
        let factors = Factors {
            keep: (1.0 - self.learning_rate * f64::from(self.weight_decay)) as f32,
            rate: self.learning_rate as f32,
            first_correction,
            second_correction,
            of: *self,
        };
        let blocks = parameters.par_chunks_mut(BLOCK).zip(gradient.par_chunks(BLOCK));
        blocks.zip(first.par_chunks_mut(BLOCK)).zip(second.par_chunks_mut(BLOCK)).for_each(|(((p, g), m), v)| {
            pulp::Arch::new().dispatch(|| factors.step(p, g, m, v));
        });
    }
}

/// What is the same for all parameters.
struct Factors {
    keep: f32,
    rate: f32,
    first_correction: f32,
    second_correction: f32,
    of: AdamW,
}

impl Factors {
    #[inline(always)]
    fn step(&self, parameters: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let len = parameters.len();
        let (gradient, first, second) = (&gradient[..len], &mut first[..len], &mut second[..len]);
        let AdamW { beta_1, beta_2, epsilon, .. } = self.of;
        for i in 0..len {
            let g = gradient[i];
            first[i] = beta_1 * first[i] + (1.0 - beta_1) * g;
            second[i] = beta_2 * second[i] + (1.0 - beta_2) * (g * g);
            let deviation = (second[i] / self.second_correction).sqrt() + epsilon;
            parameters[i] = self.keep * parameters[i] - self.rate * (first[i] / self.first_correction / deviation);
        }
    }
}
