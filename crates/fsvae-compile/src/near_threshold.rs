//! What a unit hears while it is about to fire.
//!
//! Only while a membrane is near its threshold may a small error make a spike or take one. What the inputs do then is another matter than
//! what they do on the whole: an input that forbids the unit to fire, for one, is silent, and it does not matter how exactly it forbids.
//!
//! ```text
//! near:  0 < v < 2 V_th        rate of an input near the threshold:  samples in which it fires and the unit is near / those in which it is
//! ```

use crate::bits::{both, count};
use crate::coincidences::Coincidences;
use rayon::prelude::*;

/// Words of a row that are looked at, about: it is done for every weight.
const WORDS: usize = 16;
/// A unit that was near its threshold in few samples counts as many more, in which inputs fire as they do on the whole.
const MORE_SAMPLES: f32 = 2.0;

/// How often inputs fire while a unit is near its threshold, per step.
pub struct NearThreshold {
    inputs: usize,
    /// Unit by unit.
    rates: Vec<f32>,
}

impl NearThreshold {
    /// In a part of the samples, from all images and steps; nothing for a read-out, which has no threshold.
    pub fn of(seen: &Coincidences) -> Option<Self> {
        if seen.near().is_empty() {
            return None;
        }
        // odd: an image of a large layer mostly has eight words, and each of them has its turn
        let stride = (seen.fired().words() / WORDS) | 1;
        let (fired, near) = (seen.fired().every(stride), seen.near().every(stride));
        let on_the_whole: Vec<f32> = seen.fired().iter().map(|row| count(row) as f32 / seen.fired().bits() as f32).collect();
        let of_unit = |unit| {
            let near = near.row(unit);
            let samples = MORE_SAMPLES + count(near) as f32;
            let rate = |(fired, rate): (&[u64], &f32)| (both(fired, near) as f32 + MORE_SAMPLES * rate) / samples;
            fired.iter().zip(&on_the_whole).map(rate).collect::<Vec<f32>>()
        };
        Some(Self { inputs: on_the_whole.len(), rates: (0..near.len()).into_par_iter().flat_map_iter(of_unit).collect() })
    }

    /// Of each input of a unit.
    pub fn rates(&self, unit: usize) -> &[f32] {
        &self.rates[unit * self.inputs..][..self.inputs]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coincidences::Watch;
    use crate::network::{Hears, Part, Wiring};
    use lif_graph::philox::philox4x32_10;
    use lif_graph::{Connectivity, Kernel, Shape};
    use proptest::prelude::*;

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
        assert!(watched(None).is_none());
        let near = watched(Some(1.0)).unwrap();
        let close = |rates: &[f32], expected: [f32; 2]| rates.iter().zip(expected).all(|(rate, expected)| (rate - expected).abs() < 0.01);
        assert!(close(near.rates(0), [0.0, 1.0]), "{:?}", near.rates(0));
        assert!(close(near.rates(1), [0.5, 1.0]), "always near: {:?}", near.rates(1));
        assert!(close(near.rates(2), [0.5, 1.0]), "never near: {:?}", near.rates(2));
    }

    proptest! {
        /// Rates are those of a plain count over the words that are looked at; of a convolution, of the channels that the units are.
        #[test]
        fn rates_are_counted(seed: u32, steps in 1usize..40) {
            let random = |stream: usize, index: usize| philox4x32_10([index as u32, stream as u32, seed, 0], [3, 4])[0].is_multiple_of(3);
            let (source, target) = (Shape { channels: 2, height: 8, width: 8 }, Shape { channels: 3, height: 8, width: 8 });
            let connectivity = Connectivity::Conv2d(Kernel { size: 1, stride: 1, padding: 0, output_padding: 0 });
            let wiring = Wiring { name: "layer".into(), part: Part::Decoder, hears: Hears::Layer, source, target, connectivity };
            let mut images = vec![];
            let (mut fired, mut near) = (vec![vec![]; 2], vec![vec![]; 3]);
            for image in 0..20 {
                let mut watch = Watch::new(&wiring, steps, Some(1.0));
                for step in 0..steps {
                    let key = 100 * image + step;
                    let spikes: Vec<u32> = (0..128).filter(|&neuron| random(key, neuron as usize)).collect();
                    let membranes: Vec<f32> = (0..192).map(|slot| if random(key, 1000 + slot) { 0.1 } else { -0.1 }).collect();
                    watch.step(&spikes, &membranes);
                }
                images.push(watch.seen());
            }
            let seen = Coincidences::of(&images.iter().collect::<Vec<_>>()).unwrap();
            let bit = |row: &[u64], sample: usize| row[sample / 64] >> (sample % 64) & 1 == 1;
            let stride = (seen.fired().bits().div_ceil(64) / WORDS) | 1;
            for sample in (0..seen.fired().bits()).filter(|sample| (sample / 64).is_multiple_of(stride)) {
                fired.iter_mut().enumerate().for_each(|(input, bits)| bits.push(bit(seen.fired().row(input), sample)));
                near.iter_mut().enumerate().for_each(|(unit, bits)| bits.push(bit(seen.near().row(unit), sample)));
            }
            let rates = NearThreshold::of(&seen).unwrap();
            for (unit, near) in near.iter().enumerate() {
                for (input, fired) in fired.iter().enumerate() {
                    let whole = count(seen.fired().row(input)) as f32 / seen.fired().bits() as f32;
                    let samples = near.iter().filter(|near| **near).count() as f32;
                    let spikes = near.iter().zip(fired).filter(|(near, fired)| **near && **fired).count() as f32;
                    prop_assert_eq!(rates.rates(unit)[input], (spikes + MORE_SAMPLES * whole) / (samples + MORE_SAMPLES));
                }
            }
        }
    }

    /// Of a convolution, the units are its channels: at each position those are near whose membrane there is.
    #[test]
    fn channels_are_near_by_themselves() {
        let (source, target) = (Shape { channels: 1, height: 4, width: 4 }, Shape { channels: 3, height: 4, width: 4 });
        let connectivity = Connectivity::Conv2d(Kernel { size: 1, stride: 1, padding: 0, output_padding: 0 });
        let wiring = Wiring { name: "layer".into(), part: Part::Decoder, hears: Hears::Layer, source, target, connectivity };
        let mut watch = Watch::new(&wiring, 16, Some(1.0));
        // position by position, channel 1 alone is near its threshold, and that in the upper half of the picture
        let membranes: Vec<f32> = (0..48).map(|slot| if slot % 3 == 1 && slot < 24 { 1.0 } else { -1.0 }).collect();
        let upper: Vec<u32> = (0..8).collect();
        (0..16).for_each(|_| watch.step(&upper, &membranes));
        let seen = watch.seen();
        assert_eq!([0, 1, 2].map(|unit| count(seen.near().row(unit))), [0, 16 * 8, 0]);
        assert_eq!(seen.near().row(1), seen.fired().row(0));
    }
}
