//! Which inputs of a layer's units fire in the same step.
//!
//! A unit of a dense layer hears all its source neurons; one of a convolution hears, at each position, a patch of them. So the inputs
//! of a unit are numbered as its weights are, source by source and tap by tap, and a sample is one step at one position:
//!
//! ```text
//!              samples: image, step, position ->
//! input 0      0 1 1 0 0 1 ...     source channel 0, tap 0
//! input 1      0 0 1 0 0 1 ...     source channel 0, tap 1
//! ...
//! ```
//!
//! What two rows share is a number of set bits: exact, and the same in whatever order images are seen.

use crate::events::reached;
use crate::network::Wiring;
use crate::rates::Input;
use lif_graph::Connectivity;
use std::ops::Range;

/// Samples of one image, at most (of small layers fewer): positions are passed over, others in each step, as far as it takes.
const MOST_SAMPLES: usize = 512;

/// What was seen of a layer's inputs in some images.
#[derive(Clone, Debug, PartialEq)]
pub struct Coincidences {
    /// Chances of each source channel to fire: images, steps and its neurons.
    chances: u64,
    /// Spikes of each source channel.
    spikes: Vec<u64>,
    samples: u32,
    /// By input; a bit for each sample.
    fired: Vec<Vec<u64>>,
}

impl Coincidences {
    /// Inputs of a unit.
    pub fn inputs(&self) -> usize {
        self.fired.len()
    }

    /// Spikes of each source channel (of a dense layer: neuron), per neuron and step.
    pub fn rates(&self) -> impl Iterator<Item = f64> {
        self.spikes.iter().map(|&spikes| spikes as f64 / self.chances as f64)
    }

    /// What two of them tell together.
    pub fn and(mut self, other: Self) -> Self {
        self.chances += other.chances;
        self.spikes.iter_mut().zip(other.spikes).for_each(|(all, more)| *all += more);
        self.samples += other.samples;
        self.fired.iter_mut().zip(other.fired).for_each(|(all, more)| all.extend(more));
        self
    }

    /// Covariance of the inputs in `range`, row by row. What two of many inputs have in common in few samples is partly chance, so it
    /// is shrunk: by half where samples are as many as inputs.
    pub fn covariance(&self, range: Range<usize>) -> Vec<f32> {
        let rows = &self.fired[range];
        let (inputs, samples) = (rows.len(), f64::from(self.samples));
        let trust = samples / (samples + inputs as f64);
        let both = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
        let rates: Vec<f64> = rows.iter().map(|row| f64::from(both(row, row)) / samples).collect();
        let mut covariance = vec![0.0; inputs * inputs];
        for (i, row) in rows.iter().enumerate() {
            for (j, other) in rows[..i].iter().enumerate() {
                let shared = trust * (f64::from(both(row, other)) / samples - rates[i] * rates[j]);
                covariance[i * inputs + j] = shared as f32;
                covariance[j * inputs + i] = shared as f32;
            }
            covariance[i * inputs + i] = Input::firing(rates[i]).variance as f32;
        }
        covariance
    }
}

/// Watches the inputs of a layer while an image is drawn.
pub struct Watch<'a> {
    wiring: &'a Wiring,
    /// Positions at which a unit has its neurons.
    positions: usize,
    /// One position in so many is seen in a step. Odd, so that it passes over no residue class of a stride.
    every: usize,
    step: usize,
    /// By pixel of the source: its part of `reached`.
    pixels: Vec<[usize; 2]>,
    /// Tap, and sample of this step.
    reached: Vec<(usize, usize)>,
    seen: Coincidences,
}

impl<'a> Watch<'a> {
    /// Of a layer that runs `steps` steps.
    pub fn new(wiring: &'a Wiring, steps: usize) -> Self {
        let positions = if wiring.connectivity == Connectivity::Dense { 1 } else { wiring.target.pixels() };
        let every = (steps * positions).div_ceil(MOST_SAMPLES) | 1;
        let samples: usize = (0..steps).map(|step| (0..positions).filter(|position| (position + step) % every == 0).count()).sum();
        let words = (steps * positions.div_ceil(every)).div_ceil(64);
        let (channels, taps) = (wiring.channels().0, wiring.taps());
        let seen = Coincidences {
            chances: (steps * wiring.source.neurons() / channels) as u64,
            spikes: vec![0; channels],
            samples: samples as u32,
            fired: vec![vec![0; words]; channels * taps],
        };
        Self { wiring, positions, every, step: 0, pixels: vec![], reached: vec![], seen }
    }

    /// The next step, with the neurons of the source that fired in it.
    pub fn step(&mut self, fired: &[u32]) {
        self.reach();
        let (pixels, taps) = (self.pixels.len(), self.wiring.taps());
        for neuron in fired.iter().map(|&neuron| neuron as usize) {
            let (channel, pixel) = (neuron / pixels, neuron % pixels);
            self.seen.spikes[channel] += 1;
            let [first, end] = self.pixels[pixel];
            for &(tap, sample) in &self.reached[first..end] {
                self.seen.fired[channel * taps + tap][sample / 64] |= 1 << (sample % 64);
            }
        }
        self.step += 1;
    }

    /// Which samples of this step hear each pixel, and through which tap.
    fn reach(&mut self) {
        let sample = |position| self.step * self.positions.div_ceil(self.every) + position / self.every;
        let (Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel)) = self.wiring.connectivity else {
            // each source neuron is a channel of one pixel
            (self.pixels, self.reached) = (vec![[0, 1]], vec![(0, sample(0))]);
            return;
        };
        let (source, target) = (self.wiring.source, self.wiring.target);
        self.pixels.clear();
        self.reached.clear();
        let reached = |from, tap, outputs| reached(self.wiring.connectivity, from, tap, outputs).map(|to| (tap, to));
        for (y, x) in (0..source.height).flat_map(|y| (0..source.width).map(move |x| (y, x))) {
            let first = self.reached.len();
            for (ky, row) in (0..kernel.size).filter_map(|ky| reached(y, ky, target.height)) {
                for (kx, column) in (0..kernel.size).filter_map(|kx| reached(x, kx, target.width)) {
                    let position = (row * target.width + column) as usize;
                    if (position + self.step).is_multiple_of(self.every) {
                        self.reached.push(((ky * kernel.size + kx) as usize, sample(position)));
                    }
                }
            }
            self.pixels.push([first, self.reached.len()]);
        }
    }

    /// What was seen.
    pub fn seen(self) -> Coincidences {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Hears, Part};
    use lif_graph::{Kernel, Shape};
    use proptest::prelude::*;

    fn wiring(connectivity: Connectivity, side: u32, target: Shape) -> Wiring {
        let source = Shape { channels: 2, height: side, width: side };
        Wiring { name: "layer".into(), part: Part::Decoder, hears: Hears::Layer, source, target, connectivity }
    }

    fn watched(wiring: &Wiring, spikes: &[Vec<u32>]) -> Coincidences {
        let mut watch = Watch::new(wiring, spikes.len());
        spikes.iter().for_each(|fired| watch.step(fired));
        watch.seen()
    }

    proptest! {
        /// Weighted by any weights, covariances sum to the variance of what a unit is driven with.
        #[test]
        fn variances_of_drives_are_what_covariances_say(
            transposed: bool, stride in 1u32..3,
            fired in prop::collection::vec(prop::collection::vec(any::<bool>(), 2 * 16), 4), weights in prop::collection::vec(-9i8..9, 18),
        ) {
            let kernel = Kernel { size: 3, stride, padding: 1, output_padding: if transposed { stride - 1 } else { 0 } };
            let (connectivity, side) = if transposed { (Connectivity::ConvTranspose2d(kernel), 4 * stride) } else { (Connectivity::Conv2d(kernel), 4 / stride) };
            let wiring = wiring(connectivity, 4, Shape { channels: 1, height: side, width: side });
            let spikes: Vec<Vec<u32>> = fired.iter().map(|fired| (0..32).filter(|&neuron| fired[neuron as usize]).collect()).collect();
            let fanout = crate::events::Fanout::new(wiring.source, wiring.target, connectivity, &weights);
            let drives: Vec<f64> = spikes.iter().flat_map(|spikes| {
                let mut sums = vec![0i32; wiring.target.neurons()];
                fanout.add(spikes, &mut sums);
                sums
            }).map(f64::from).collect();
            let count = drives.len() as f64;
            let mean = drives.iter().sum::<f64>() / count;
            let variance = drives.iter().map(|drive| (drive - mean).powi(2)).sum::<f64>() / count;

            let seen = watched(&wiring, &spikes);
            prop_assert_eq!(f64::from(seen.samples), count);
            let covariance = seen.covariance(0..18);
            let trust = count / (count + 18.0);
            let mut told = 0.0;
            for (i, j) in (0..18).flat_map(|i| (0..18).map(move |j| (i, j))) {
                let shared = f64::from(covariance[i * 18 + j]) / if i == j { 1.0 } else { trust };
                told += f64::from(weights[i]) * f64::from(weights[j]) * shared;
            }
            // inputs that never fired may yet
            prop_assert!(told >= variance - 0.01 && told <= variance + 18.0 * 81.0 * 0.005 + 0.01, "{} {}", told, variance);
        }
    }

    #[test]
    fn images_add_up() {
        let wiring = wiring(Connectivity::Dense, 1, Shape { channels: 3, height: 1, width: 1 });
        let both = watched(&wiring, &[vec![0, 1], vec![1]]).and(watched(&wiring, &[vec![], vec![0]]));
        assert_eq!(both.rates().collect::<Vec<_>>(), [0.5, 0.5]);
        let covariance = both.covariance(0..2);
        assert_eq!(covariance, [0.25, 0.0, 0.0, 0.25]); // together in one step of four, as chance has it
    }

    /// Of many positions a part is seen, and of each residue class of a stride.
    #[test]
    fn large_layers_are_sampled() {
        let kernel = Kernel { size: 3, stride: 2, padding: 1, output_padding: 1 };
        let wiring = wiring(Connectivity::ConvTranspose2d(kernel), 32, Shape { channels: 1, height: 64, width: 64 });
        let all: Vec<u32> = (0..2 * 32 * 32).collect();
        let seen = watched(&wiring, &vec![all; 16]);
        assert!((256..=512).contains(&seen.samples), "{}", seen.samples);
        let rates = seen.fired.iter().map(|row| row.iter().map(|word| word.count_ones()).sum::<u32>() as f64 / f64::from(seen.samples));
        for rate in rates {
            assert!((0.2..0.3).contains(&rate), "each tap reaches a quarter of the positions: {rate}");
        }
    }
}
