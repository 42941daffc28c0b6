//! What a unit hears while it is about to fire.
//!
//! Only while a membrane is near its threshold may a small error make a spike or take one. What the inputs do then is another matter than
//! what they do on the whole: an input that forbids the unit to fire, for one, is silent, and it does not matter how exactly it forbids.
//!
//! ```text
//! near:  0 < v < 2 V_th        rate of an input near the threshold:  samples in which it fires and the unit is near / those in which it is
//! ```

use crate::coincidences::{Coincidences, both, count};
use rayon::prelude::*;

/// Words of a row that are looked at, about: it is done for every weight.
const WORDS: usize = 16;
/// A unit that was near its threshold in few samples counts as many more, in which inputs fire as they do on the whole.
const MORE_SAMPLES: f32 = 2.0;

/// How often inputs fire while a unit is near its threshold, per step; of a read-out, which has none, on the whole.
pub struct NearThreshold {
    inputs: usize,
    /// Unit by unit, or of all units.
    rates: Vec<f32>,
}

impl NearThreshold {
    /// In a part of the samples, from all images and steps.
    pub fn of(seen: &Coincidences) -> Self {
        let all = seen.samples.div_ceil(64) as usize;
        let stride = (all / WORDS) | 1; // odd: an image of a large layer has eight words, and each of them has its turn
        let part = |rows: &[u64]| rows.chunks(all).flat_map(|row| row.iter().step_by(stride)).copied().collect::<Vec<u64>>();
        let (words, fired, near) = (all.div_ceil(stride), part(&seen.fired), part(&seen.near));
        let samples: u32 = (0..seen.samples).step_by(64 * stride).map(|first| (seen.samples - first).min(64)).sum();
        let on_the_whole: Vec<f32> = fired.chunks(words).map(|row| count(row) as f32 / samples as f32).collect();
        let of_unit = |near: &[u64]| {
            let samples = MORE_SAMPLES + count(near) as f32;
            let rate = |(fired, rate): (&[u64], &f32)| (both(fired, near) as f32 + MORE_SAMPLES * rate) / samples;
            fired.chunks(words).zip(&on_the_whole).map(rate).collect::<Vec<f32>>()
        };
        let rates: Vec<f32> = near.par_chunks(words).flat_map_iter(of_unit).collect();
        Self { inputs: on_the_whole.len(), rates: if near.is_empty() { on_the_whole } else { rates } }
    }

    /// Of each input of a unit.
    pub fn rates(&self, unit: usize) -> &[f32] {
        self.rates.get(unit * self.inputs..(unit + 1) * self.inputs).unwrap_or(&self.rates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coincidences::Watch;
    use crate::network::{Hears, Part, Wiring};
    use lif_graph::{Connectivity, Shape};

    /// Input 0 forbids unit 0, which is therefore near its threshold in the other steps alone.
    #[test]
    fn an_input_that_forbids_is_silent_near_the_threshold() {
        let shape = |channels| Shape { channels, height: 1, width: 1 };
        let (source, target, connectivity) = (shape(2), shape(3), Connectivity::Dense);
        let wiring = Wiring { name: "layer".into(), part: Part::Decoder, hears: Hears::Layer, source, target, connectivity };
        let watched = |threshold| {
            let mut watch = Watch::new(&wiring, 1000, threshold);
            for step in 0..1000 {
                let (fired, first): (&[u32], f32) = if step % 2 == 0 { (&[0, 1], -9.0) } else { (&[1], 0.5) };
                watch.step(fired, &[first, 1.9, 2.1]);
            }
            NearThreshold::of(&watch.seen())
        };
        let close = |rates: &[f32], expected: [f32; 2]| rates.iter().zip(expected).all(|(rate, expected)| (rate - expected).abs() < 0.01);
        let (near, whole) = (watched(Some(1.0)), watched(None));
        assert!(close(near.rates(0), [0.0, 1.0]), "{:?}", near.rates(0));
        assert!(close(near.rates(1), [0.5, 1.0]), "always near: {:?}", near.rates(1));
        assert_eq!(near.rates(2), whole.rates(2), "never near");
    }
}
