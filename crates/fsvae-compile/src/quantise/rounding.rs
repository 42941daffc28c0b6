//! Rounding weights whose inputs fire together.
//!
//! Errors d of a unit's weights put its drive off by `sum d x`, x the inputs. The bias takes the mean of that back; what is left has the
//! variance
//!
//! ```text
//! e^2 = sum over i, j of d_i C_ij d_j          C: covariance of the inputs
//! ```
//!
//! Of independent inputs the nearest integers make it least. Of inputs that fire in the same steps one weight's error can take back
//! another's. So, starting from the nearest integers, weight after weight goes to the integer at which e^2 is least while the others
//! stand, until none moves. That is coordinate descent on what GPTQ (Frantar et al. 2023) minimises in one pass; it can only improve.

use super::error::nearest;
use crate::coincidences::Coincidences;

/// Inputs looked at together; what they have in common with others is left out, so that time and memory stay in bounds.
const BLOCK: usize = 1024;
/// Passes over all weights, at most. Most units stand still before.
const PASSES: usize = 16;

/// How the inputs of a layer's units vary together.
pub(super) struct Covariance {
    /// Of [`BLOCK`] inputs each (the last of fewer), row by row.
    blocks: Vec<Vec<f32>>,
}

impl Covariance {
    pub fn of(seen: &Coincidences) -> Self {
        let first_inputs = (0..seen.inputs()).step_by(BLOCK);
        Self { blocks: first_inputs.map(|first| seen.covariance(first..(first + BLOCK).min(seen.inputs()))).collect() }
    }

    /// Integers of at most `limit` for a unit's weights, `exact` in units of the scale.
    pub fn round(&self, exact: &[f64], limit: f64) -> Vec<f64> {
        exact.chunks(BLOCK).zip(&self.blocks).flat_map(|(exact, covariance)| descend(exact, covariance, limit)).collect()
    }
}

fn descend(exact: &[f64], covariance: &[f32], limit: f64) -> Vec<f64> {
    let row = |index: usize| &covariance[index * exact.len()..][..exact.len()];
    let mut integers: Vec<f64> = exact.iter().map(|&exact| nearest(exact, limit)).collect();
    let mut slopes = vec![0.0; exact.len()]; // half the derivative of e^2 by each integer
    for (index, error) in integers.iter().zip(exact).map(|(integer, exact)| integer - exact).enumerate() {
        add(&mut slopes, error, row(index));
    }
    for _ in 0..PASSES {
        let mut still = true;
        for index in 0..exact.len() {
            let best = nearest(integers[index] - slopes[index] / f64::from(row(index)[index]), limit);
            let step = best - integers[index];
            if step != 0.0 {
                integers[index] = best;
                add(&mut slopes, step, row(index));
                still = false;
            }
        }
        if still {
            break;
        }
    }
    integers
}

fn add(sums: &mut [f64], factor: f64, row: &[f32]) {
    sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += factor * f64::from(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: f64 = 7.0;

    /// The definition of e^2.
    fn variance(integers: &[f64], exact: &[f64], covariance: &[f32]) -> f64 {
        let errors: Vec<f64> = integers.iter().zip(exact).map(|(integer, exact)| integer - exact).collect();
        let pairs = errors.iter().flat_map(|a| errors.iter().map(move |b| a * b));
        pairs.zip(covariance).map(|(product, &shared)| product * f64::from(shared)).sum()
    }

    prop_compose! {
        /// Weights of a unit, and the covariance of as many inputs that a few causes make fire.
        fn unit()(inputs in 1usize..12)(
            exact in prop::collection::vec(-9.0f64..9.0, inputs),
            causes in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, inputs), 3),
        ) -> (Vec<f64>, Vec<f32>) {
            let shared = |i: usize, j: usize| causes.iter().map(|cause| cause[i] * cause[j]).sum::<f32>() + f32::from(u8::from(i == j)) * 0.05;
            let covariance = (0..exact.len()).flat_map(|i| (0..exact.len()).map(move |j| (i, j))).map(|(i, j)| shared(i, j)).collect();
            (exact, covariance)
        }
    }

    proptest! {
        #[test]
        fn no_single_weight_could_do_better((exact, covariance) in unit()) {
            let rounded = descend(&exact, &covariance, LIMIT);
            let least = variance(&rounded, &exact, &covariance);
            let nearest: Vec<f64> = exact.iter().map(|&exact| nearest(exact, LIMIT)).collect();
            prop_assert!(least <= variance(&nearest, &exact, &covariance) + 1e-4);
            for (index, other) in (0..exact.len()).flat_map(|index| (-7..=7).map(move |other| (index, f64::from(other)))) {
                let mut moved = rounded.clone();
                moved[index] = other;
                prop_assert!(least <= variance(&moved, &exact, &covariance) + 1e-4);
            }
        }

        #[test]
        fn independent_inputs_get_the_nearest_integers(exact in prop::collection::vec(-9.0f64..9.0, 1..12), rate in 0.01f32..0.99) {
            let variances = |index: usize| if index.is_multiple_of(exact.len() + 1) { rate * (1.0 - rate) } else { 0.0 };
            let covariance: Vec<f32> = (0..exact.len() * exact.len()).map(variances).collect();
            let nearest: Vec<f64> = exact.iter().map(|&exact| nearest(exact, LIMIT)).collect();
            prop_assert_eq!(descend(&exact, &covariance, LIMIT), nearest);
        }
    }

    /// Two inputs that always fire together: what one weight is too large, the other may be too small.
    #[test]
    fn errors_of_inputs_that_fire_together_take_each_other_back() {
        assert_eq!(descend(&[0.4, 0.4, 0.4], &[0.2; 9], LIMIT).iter().sum::<f64>(), 1.0);
    }
}
