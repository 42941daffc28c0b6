//! Rounding weights whose inputs fire together.
//!
//! Errors d of a unit's weights put its drive off by `sum d x`, x the inputs. The bias takes the mean of that back; what is left has the
//! variance
//!
//! ```text
//! e^2 = sum over i, j of d_i g_i C_ij g_j d_j        C: covariance of the inputs in all samples
//!                                                    g_i^2 = q_i (1 - q_i) / C_ii, q: rates near the unit's threshold
//! ```
//!
//! What counts is how inputs vary while the unit is near its threshold. To measure that for each pair and unit would take too long, so C is
//! that of all samples, and each input's part in it as large as it spreads near this unit's threshold.
//!
//! Of independent inputs the nearest integers make e^2 least. Of inputs that fire in the same steps one weight's error can take back
//! another's. So, starting from the nearest integers, weight after weight goes to the integer at which e^2 is least while the others
//! stand, a few times over: it can only fall. That is coordinate descent on what GPTQ (Frantar et al. 2023) minimises in one pass, but each
//! weight stays between the two integers next to it: farther off it would lean on covariances that few samples tell of.

use super::error::nearest;
use crate::coincidences::Coincidences;
use crate::rates::Input;

/// Inputs looked at together, at most; what they have in common with others is left out, so that time and memory stay in bounds.
const BLOCK: usize = 128;
/// Passes over all weights, at most; in later ones hardly any moves.
const PASSES: usize = 4;

/// How the inputs of a layer's units vary together.
pub(super) struct Covariance {
    /// Inputs of a block: whole channels, whose taps have most in common.
    inputs: usize,
    /// Row by row; the last one may be smaller.
    blocks: Vec<Vec<f32>>,
}

impl Covariance {
    pub fn of(seen: &Coincidences) -> Self {
        let inputs = (BLOCK / seen.taps()).max(1) * seen.taps();
        let blocks = (0..seen.inputs()).step_by(inputs).map(|first| seen.covariance(first..(first + inputs).min(seen.inputs())));
        Self { inputs, blocks: blocks.collect() }
    }

    /// Integers of at most `limit` for a unit's weights, `exact` in units of the scale; `near` are its inputs while it is near its threshold.
    pub fn round(&self, exact: &[f64], near: &[Input], limit: f64) -> Vec<f64> {
        let blocks = exact.chunks(self.inputs).zip(near.chunks(self.inputs)).zip(&self.blocks);
        let round = |((exact, near), covariance): ((&[f64], &[Input]), &Vec<f32>)| {
            let variances = covariance.iter().step_by(exact.len() + 1);
            let spreads = near.iter().zip(variances).map(|(near, &variance)| (near.variance as f32 / variance).sqrt());
            descend(exact, &spreads.collect::<Vec<f32>>(), covariance, limit, PASSES)
        };
        blocks.flat_map(round).collect()
    }
}

fn descend(exact: &[f64], spreads: &[f32], covariance: &[f32], limit: f64, passes: usize) -> Vec<f64> {
    let row = |index: usize| &covariance[index * exact.len()..][..exact.len()];
    let mut integers: Vec<f64> = exact.iter().map(|&exact| nearest(exact, limit)).collect();
    let neighbours = |(&integer, &exact): (&f64, &f64)| {
        let other = (integer + 1f64.copysign(exact - integer)).clamp(-limit, limit);
        (integer.min(other), integer.max(other))
    };
    let between: Vec<(f64, f64)> = integers.iter().zip(exact).map(neighbours).collect();
    let errors: Vec<f32> =
        integers.iter().zip(exact).zip(spreads).map(|((integer, exact), spread)| (integer - exact) as f32 * spread).collect();
    let mut slopes = slopes(&errors, covariance);
    for _ in 0..passes {
        let mut still = true;
        for index in 0..exact.len() {
            // the least of a parabola lies beyond the middle between two integers
            let slope = slopes[index];
            if slope.abs() <= 0.5 * row(index)[index] * spreads[index] {
                continue;
            }
            let (lower, upper) = between[index];
            let step = if slope > 0.0 { lower } else { upper } - integers[index];
            if step != 0.0 {
                integers[index] += step;
                add(&mut slopes, step as f32 * spreads[index], row(index));
                still = false;
            }
        }
        if still {
            break;
        }
    }
    integers
}

/// Half the derivatives of e^2 by each error times its spread. Four rows at a time, so that sums are read and written a quarter as often.
fn slopes(errors: &[f32], covariance: &[f32]) -> Vec<f32> {
    let inputs = errors.len();
    let mut slopes = vec![0.0; inputs];
    for (errors, rows) in errors.chunks(4).zip(covariance.chunks(4 * inputs)) {
        let row = |index: usize| &rows[index * inputs..][..inputs];
        if let &[a, b, c, d] = errors {
            for ((((slope, w), x), y), z) in slopes.iter_mut().zip(row(0)).zip(row(1)).zip(row(2)).zip(row(3)) {
                *slope += (a * w + b * x) + (c * y + d * z);
            }
        } else {
            errors.iter().enumerate().for_each(|(index, &error)| add(&mut slopes, error, row(index)));
        }
    }
    slopes
}

fn add(sums: &mut [f32], factor: f32, row: &[f32]) {
    sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += factor * value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: f64 = 7.0;

    /// The definition of e^2.
    fn variance(integers: &[f64], exact: &[f64], spreads: &[f32], covariance: &[f32]) -> f64 {
        let errors: Vec<f64> =
            integers.iter().zip(exact).zip(spreads).map(|((integer, exact), &spread)| (integer - exact) * f64::from(spread)).collect();
        let pairs = errors.iter().flat_map(|a| errors.iter().map(move |b| a * b));
        pairs.zip(covariance).map(|(product, &shared)| product * f64::from(shared)).sum()
    }

    prop_compose! {
        /// Weights of a unit, how much its inputs spread near its threshold, and the covariance of as many inputs that a few causes make fire.
        fn unit()(inputs in 1usize..12)(
            exact in prop::collection::vec(-9.0f64..9.0, inputs),
            spreads in prop::collection::vec(0.1f32..1.5, inputs),
            causes in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, inputs), 3),
        ) -> (Vec<f64>, Vec<f32>, Vec<f32>) {
            let shared = |i: usize, j: usize| causes.iter().map(|cause| cause[i] * cause[j]).sum::<f32>() + f32::from(u8::from(i == j)) * 0.05;
            let covariance = (0..exact.len()).flat_map(|i| (0..exact.len()).map(move |j| (i, j))).map(|(i, j)| shared(i, j)).collect();
            (exact, spreads, covariance)
        }
    }

    proptest! {
        #[test]
        fn the_nearest_integers_are_never_better((exact, spreads, covariance) in unit(), passes in 1usize..4) {
            let nearest: Vec<f64> = exact.iter().map(|&exact| nearest(exact, LIMIT)).collect();
            let rounded = descend(&exact, &spreads, &covariance, LIMIT, passes);
            prop_assert!(variance(&rounded, &exact, &spreads, &covariance) <= variance(&nearest, &exact, &spreads, &covariance) + 1e-3);
        }

        #[test]
        fn at_rest_no_weight_could_do_better((exact, spreads, covariance) in unit()) {
            let rounded = descend(&exact, &spreads, &covariance, LIMIT, 1000);
            let least = variance(&rounded, &exact, &spreads, &covariance);
            for (index, other) in (0..exact.len()).flat_map(|index| [exact[index].floor(), exact[index].ceil()].map(|other| (index, other))) {
                let mut moved = rounded.clone();
                moved[index] = other.clamp(-LIMIT, LIMIT);
                prop_assert!((rounded[index] - exact[index].clamp(-LIMIT, LIMIT)).abs() <= 1.0);
                prop_assert!(least <= variance(&moved, &exact, &spreads, &covariance) + 1e-3);
            }
        }

        #[test]
        fn independent_inputs_get_the_nearest_integers(
            (exact, spreads) in prop::collection::vec((-9.0f64..9.0, 0.1f32..1.5), 1..12).prop_map(|pairs| pairs.into_iter().unzip::<_, _, Vec<_>, Vec<_>>()),
            rate in 0.01f32..0.99,
        ) {
            let variances = |index: usize| if index.is_multiple_of(exact.len() + 1) { rate * (1.0 - rate) } else { 0.0 };
            let covariance: Vec<f32> = (0..exact.len() * exact.len()).map(variances).collect();
            let nearest: Vec<f64> = exact.iter().map(|&exact| nearest(exact, LIMIT)).collect();
            prop_assert_eq!(descend(&exact, &spreads, &covariance, LIMIT, PASSES), nearest);
        }
    }

    /// Inputs that always fire together: what two weights are too small, the third may be too large.
    #[test]
    fn errors_of_inputs_that_fire_together_take_each_other_back() {
        assert_eq!(descend(&[0.4, 0.4, 0.4], &[1.0; 3], &[0.2; 9], LIMIT, PASSES).iter().sum::<f64>(), 1.0);
    }

    /// An input that hardly varies near the threshold takes no error of others back.
    #[test]
    fn silent_inputs_take_nothing_back() {
        let covariance = Covariance { inputs: 3, blocks: vec![vec![0.2; 9]] };
        let first = |variances: [f64; 3]| covariance.round(&[0.4; 3], &variances.map(|variance| Input { mean: 0.5, variance }), LIMIT)[0];
        assert_eq!((first([0.2; 3]), first([0.2, 1e-9, 1e-9])), (1.0, 0.0));
    }
}
