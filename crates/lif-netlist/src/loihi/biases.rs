//! Biases as synapses: where neurons leak at every tick, a bias must come at the tick of their step alone, from a clock source.
//!
//! Weights of one sign may be any of 0 to 255, and several processes may feed one population, so a bias `a * 64` in membrane units is
//!
//! ```text
//!   |a| = low + (high << 7)      low  0 to 127, weight_exp 0      high  0 to 255, weight_exp 7
//! ```
//!
//! with one process for each sign and exponent that occurs.

/// The synapses of one process from a clock to every neuron.
pub struct Plane {
    /// What it is called behind the population's name.
    pub suffix: &'static str,
    /// The weights count `2^weight_exp` times.
    pub weight_exp: u8,
    /// One a neuron, all of one sign or 0.
    pub weights: Vec<i16>,
}

/// Sign, exponent and name of every process that a population may need.
const PLANES: [(i32, u8, &str); 4] = [(1, 0, ".bias+"), (1, SPLIT, ".bias+7"), (-1, 0, ".bias-"), (-1, SPLIT, ".bias-7")];
/// Bits of the lower part.
const SPLIT: u8 = 7;
/// The largest magnitude in units of weight 1.
pub const MOST: i32 = (255 << SPLIT) + (1 << SPLIT) - 1;

/// The processes for `biases`, which are in units of weight 1.
pub fn planes(biases: &[i32]) -> Vec<Plane> {
    let planes = PLANES.into_iter().map(|(sign, weight_exp, suffix)| {
        let weight = |&bias: &i32| {
            let magnitude = (bias * sign).max(0);
            let part = if weight_exp == 0 { magnitude & ((1 << SPLIT) - 1) } else { magnitude >> SPLIT };
            (part * sign) as i16
        };
        Plane { suffix, weight_exp, weights: biases.iter().map(weight).collect() }
    });
    planes.filter(|plane| plane.weights.iter().any(|&weight| weight != 0)).collect()
}

/// The names of all processes that a population's biases can become, and that of its clock.
pub fn names(population: &str) -> impl Iterator<Item = String> {
    PLANES.into_iter().map(|(.., suffix)| suffix).chain([CLOCK]).map(move |suffix| format!("{population}{suffix}"))
}

/// What a population's clock is called behind its name.
pub const CLOCK: &str = ".clock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_add_up_to_the_biases() {
        let biases = [0, 1, -1, 127, 128, -129, 255, MOST, -MOST];
        let planes = planes(&biases);
        assert_eq!(planes.len(), 4);
        for (neuron, bias) in biases.into_iter().enumerate() {
            assert_eq!(planes.iter().map(|plane| i32::from(plane.weights[neuron]) << plane.weight_exp).sum::<i32>(), bias);
        }
        for plane in &planes {
            let signs: Vec<i16> = plane.weights.iter().map(|weight| weight.signum()).filter(|&sign| sign != 0).collect();
            assert!(signs.iter().all(|sign| *sign == signs[0]), "weights of both signs would be rounded to even");
            assert!(plane.weights.iter().all(|weight| weight.abs() <= 255));
        }
    }

    #[test]
    fn what_no_neuron_needs_is_left_out() {
        assert!(planes(&[0, 0]).is_empty());
        let suffixes = |biases: &[i32]| planes(biases).iter().map(|plane| plane.suffix).collect::<Vec<_>>();
        assert_eq!(suffixes(&[3, 0]), [".bias+"]);
        assert_eq!(suffixes(&[256, -5]), [".bias+7", ".bias-"]);
    }
}
