//! Weights on the integers that a compiler will emit.
//!
//! ```text
//!   weight -> scale * clamp(round(weight / scale), -levels, levels)        levels = 2^(bits - 1) - 1
//! ```
//!
//! One scale for each unit (channel, or neuron of a dense layer), or one for the layer. It is such that the largest weight of a unit lands
//! on the last level or beyond: so who sees the result alone, and takes its largest weight for the last level, finds the same integers.

use rayon::prelude::*;

/// Weights as `[outer][units][inner]`, to be put on a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// What has a scale of its own.
    pub units: usize,
    /// Neighbouring weights of one unit.
    pub inner: usize,
    /// The largest integer.
    pub levels: u8,
}

impl Grid {
    /// The scale of each unit; 0 for one without weights other than 0.
    fn scales(&self, weights: &[f32]) -> Vec<f32> {
        let (mut sums, mut largest) = (vec![0f64; self.units], vec![0f32; self.units]);
        for row in weights.chunks_exact(self.units * self.inner) {
            for ((weights, sum), largest) in row.chunks_exact(self.inner).zip(&mut sums).zip(&mut largest) {
                for weight in weights {
                    *sum += f64::from(weight.abs());
                    *largest = largest.max(weight.abs());
                }
            }
        }
        // Twice the mean magnitude over the root of the levels: few levels clip the tail, many reach it (Esser et al., "Learned step
        // size quantization", ICLR 2020, section 2.1).
        let count = (weights.len() / self.units) as f64;
        let levels = f64::from(self.levels);
        sums.iter()
            .zip(&largest)
            .map(|(sum, largest)| (2.0 * sum / count / levels.sqrt()).min(f64::from(*largest) / levels) as f32)
            .collect()
    }

    /// The nearest weights on the grid.
    pub fn nearest(&self, weights: &[f32]) -> Vec<f32> {
        let (scales, levels) = (self.scales(weights), f32::from(self.levels));
        let mut out = weights.to_vec();
        out.par_chunks_mut(self.units * self.inner).for_each(|row| {
            for (weights, &scale) in row.chunks_exact_mut(self.inner).zip(&scales) {
                if scale > 0.0 {
                    weights.iter_mut().for_each(|w| *w = (*w / scale).round().clamp(-levels, levels) * scale);
                }
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_largest_weight_tells_the_integers(
            (outer, units, inner, levels) in (1usize..5, 1usize..5, 1usize..5, prop_oneof![Just(1u8), Just(7), Just(127)]),
            weights in prop::collection::vec(prop_oneof![1 => Just(0.0f32), 8 => -3.0f32..3.0], 64),
        ) {
            let weights = &weights[..outer * units * inner];
            let grid = Grid { units, inner, levels };
            let near = grid.nearest(weights);
            for unit in 0..units {
                let of_unit = |all: &[f32]| -> Vec<f32> { all.chunks(inner).skip(unit).step_by(units).flatten().copied().collect() };
                let (exact, near) = (of_unit(weights), of_unit(&near));
                let scale = near.iter().fold(0f32, |m, w| m.max(w.abs())) / f32::from(levels);
                for (exact, near) in exact.iter().zip(&near) {
                    let integer = near / scale.max(f32::MIN_POSITIVE);
                    prop_assert!((integer - integer.round()).abs() < 1e-3, "{} is no multiple of {}", near, scale);
                    let clipped = integer.abs().round() == f32::from(levels) && exact.abs() >= near.abs();
                    prop_assert!(clipped || (exact - near).abs() <= 0.5001 * scale);
                }
            }
        }
    }

    #[test]
    fn two_bits_are_minus_one_nothing_and_one() {
        let near = Grid { units: 1, inner: 6, levels: 1 }.nearest(&[0.1, -0.2, 0.9, -1.1, 0.0, 3.0]);
        let scale = near[5];
        assert_eq!(near, [0.0, 0.0, scale, -scale, 0.0, scale]);
    }
}
