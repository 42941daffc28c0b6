//! Which inputs of a layer's units fire in the same step, and in which steps the unit is about to fire itself.
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
//! What two rows share is a number of set bits, which is exact.
//!
//! Each unit has a row too, of the samples in which its membrane was near the threshold (see `near_threshold.rs`).

use crate::bits::{Rows, both, count};
use crate::events::{heard, neuron};
use crate::network::Wiring;
use crate::rates::Input;
use lif_graph::Connectivity;
use lif_graph::philox::philox4x32_10;
use std::ops::Range;

/// Samples of one image, about: of each step as many positions, chosen at random, as make so many (of small layers all).
const SAMPLES: usize = 512;

/// What was seen of a layer's inputs in some images.
#[derive(Clone, Debug, PartialEq)]
pub struct Coincidences {
    /// Chances of each source channel to fire: images, steps and its neurons.
    chances: u64,
    /// Spikes of each source channel.
    spikes: Vec<u64>,
    /// Weights of one pair of channels.
    taps: usize,
    /// By input, a bit for each sample.
    fired: Rows,
    /// By unit, likewise; no rows of a read-out, which has no threshold.
    near: Rows,
}

impl Coincidences {
    /// What images of one layer tell together; nothing if there are none.
    pub fn of(images: &[&Self]) -> Option<Self> {
        let first = images.first()?;
        let mut spikes = vec![0; first.spikes.len()];
        for image in images {
            spikes.iter_mut().zip(&image.spikes).for_each(|(all, more)| *all += more);
        }
        let beside = |rows: fn(&Self) -> &Rows| Rows::beside(&images.iter().map(|image| rows(image)).collect::<Vec<_>>());
        Some(Self {
            chances: images.iter().map(|image| image.chances).sum(),
            spikes,
            taps: first.taps,
            fired: beside(|image| &image.fired),
            near: beside(|image| &image.near),
        })
    }

    /// Inputs of a unit.
    pub fn inputs(&self) -> usize {
        self.fired.len()
    }

    /// Inputs of one source channel, which stand side by side.
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// Spikes of each source channel (of a dense layer: neuron), per neuron and step.
    pub fn rates(&self) -> impl Iterator<Item = f64> {
        self.spikes.iter().map(|&spikes| spikes as f64 / self.chances as f64)
    }

    /// In which samples each input fired.
    pub fn fired(&self) -> &Rows {
        &self.fired
    }

    /// In which samples each unit was near its threshold; no rows of a read-out.
    pub fn near(&self) -> &Rows {
        &self.near
    }

    /// Covariance of the inputs in `range`, row by row. What two of many inputs have in common in few samples is partly chance, so it
    /// is shrunk: by half where samples are as many as inputs.
    pub fn covariance(&self, range: Range<usize>) -> Vec<f32> {
        let rows: Vec<&[u64]> = range.map(|input| self.fired.row(input)).collect();
        let (inputs, samples) = (rows.len(), self.fired.bits() as f64);
        let trust = samples / (samples + inputs as f64);
        let rates: Vec<f64> = rows.iter().map(|row| f64::from(count(row)) / samples).collect();
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
    /// Positions at which a unit has its neurons, and how many are seen in a step.
    positions: usize,
    seen_positions: usize,
    step: usize,
    threshold: Option<f32>,
    seen: Coincidences,
    /// Of this step: pixel of the source, tap through which it is heard, sample that hears it; ascending.
    hears: Vec<(usize, usize, usize)>,
    /// By pixel: its part of `hears`.
    pixels: Vec<Range<usize>>,
}

impl<'a> Watch<'a> {
    /// Of a layer that runs `steps` steps; a read-out has no threshold.
    pub fn new(wiring: &'a Wiring, steps: usize, threshold: Option<f32>) -> Self {
        let positions = if wiring.connectivity == Connectivity::Dense { 1 } else { wiring.target.pixels() };
        let seen_positions = SAMPLES.div_ceil(steps).min(positions);
        let samples = steps * seen_positions;
        let (channels, taps) = (wiring.channels().0, wiring.taps());
        let pixels = wiring.source.neurons() / channels;
        let seen = Coincidences {
            chances: (steps * pixels) as u64,
            spikes: vec![0; channels],
            taps,
            fired: Rows::zeros(channels * taps, samples),
            near: Rows::zeros(threshold.map_or(0, |_| wiring.units()), samples),
        };
        Self { wiring, positions, seen_positions, step: 0, threshold, seen, hears: vec![], pixels: vec![0..0; pixels] }
    }

    /// The next step, with the neurons of the source that fired in it and the membranes of the layer by slot, before the reset.
    pub fn step(&mut self, fired: &[u32], membranes: &[f32]) {
        self.listen(membranes);
        for source in fired.iter().map(|&source| source as usize) {
            let (channel, pixel) = (source / self.pixels.len(), source % self.pixels.len());
            self.seen.spikes[channel] += 1;
            for &(_, tap, sample) in &self.hears[self.pixels[pixel].clone()] {
                self.seen.fired.set(channel * self.seen.taps + tap, sample, true);
            }
        }
        self.step += 1;
    }

    /// What the positions that are seen in this step hear, and which units are near their threshold there.
    fn listen(&mut self, membranes: &[f32]) {
        let (connectivity, source, target) = (self.wiring.connectivity, self.wiring.source, self.wiring.target);
        let Self { positions, seen_positions, step, hears, pixels, .. } = self;
        hears.clear();
        for index in 0..*seen_positions {
            let sample = *step * *seen_positions + index;
            // of as many parts of equal size as positions are seen, one of each
            let [first, end] = [index, index + 1].map(|part| part * *positions / *seen_positions);
            let position = first + philox4x32_10([index as u32, *step as u32, 0, 0], [0, 0])[0] as usize % (end - first);
            if let Some(threshold) = self.threshold {
                let units = self.wiring.units();
                for (place, membrane) in membranes[position * units..][..units].iter().enumerate() {
                    // a dense layer has all its neurons here, whatever their shape; a convolution its channels
                    let unit = if connectivity == Connectivity::Dense { neuron(target, place) } else { place };
                    self.seen.near.set(unit, sample, (membrane - threshold).abs() < threshold);
                }
            }
            let (Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel)) = connectivity else {
                hears.push((0, 0, sample)); // each source neuron is a channel of one pixel
                continue;
            };
            let (row, column) = (position as u32 / target.width, position as u32 % target.width);
            for (ky, y) in (0..kernel.size).filter_map(|ky| Some((ky, heard(connectivity, row, ky, source.height)?))) {
                for (kx, x) in (0..kernel.size).filter_map(|kx| Some((kx, heard(connectivity, column, kx, source.width)?))) {
                    hears.push(((y * source.width + x) as usize, (ky * kernel.size + kx) as usize, sample));
                }
            }
        }
        hears.sort_unstable();
        pixels.fill(0..0);
        let mut first = 0;
        for alike in hears.chunk_by(|one, other| one.0 == other.0) {
            pixels[alike[0].0] = first..first + alike.len();
            first += alike.len();
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
        let mut watch = Watch::new(wiring, spikes.len(), None);
        spikes.iter().for_each(|fired| watch.step(fired, &[]));
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
            prop_assert_eq!(seen.fired.bits() as f64, count);
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
        let images = [watched(&wiring, &[vec![0, 1], vec![1]]), watched(&wiring, &[vec![], vec![0]])];
        let both = Coincidences::of(&images.each_ref()).unwrap();
        assert_eq!(both.rates().collect::<Vec<_>>(), [0.5, 0.5]);
        let covariance = both.covariance(0..2);
        assert_eq!(covariance, [0.25, 0.0, 0.0, 0.25]); // together in one step of four, as chance has it
        assert_eq!(Coincidences::of(&[]), None);
    }

    /// Of many positions a part is seen, and of each residue class of a stride.
    #[test]
    fn large_layers_are_sampled() {
        let kernel = Kernel { size: 3, stride: 2, padding: 1, output_padding: 1 };
        let wiring = wiring(Connectivity::ConvTranspose2d(kernel), 32, Shape { channels: 1, height: 64, width: 64 });
        let all: Vec<u32> = (0..2 * 32 * 32).collect();
        let seen = watched(&wiring, &vec![all; 16]);
        assert_eq!(seen.fired.bits(), 512);
        for input in 0..seen.inputs() {
            let rate = f64::from(count(seen.fired.row(input))) / seen.fired.bits() as f64;
            assert!((0.2..0.3).contains(&rate), "each tap reaches a quarter of the positions: {rate}");
        }
    }

    /// Of a dense layer each step is seen, however many there are.
    #[test]
    fn long_runs_are_seen() {
        let wiring = wiring(Connectivity::Dense, 1, Shape { channels: 3, height: 1, width: 1 });
        let spikes: Vec<Vec<u32>> = (0..1000).map(|step| if step % 2 == 0 { vec![0, 1] } else { vec![1] }).collect();
        let seen = watched(&wiring, &spikes);
        assert_eq!(seen.fired.bits(), 1000);
        assert_eq!([0, 1].map(|input| count(seen.fired.row(input))), [500, 1000]);
        assert_eq!(seen.rates().collect::<Vec<_>>(), [0.5, 1.0]);
    }
}
