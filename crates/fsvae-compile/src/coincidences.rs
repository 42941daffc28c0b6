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
//! What two rows share is a number of set bits: exact, and the same in whatever order images are seen.
//!
//! Each unit has a row too, of the samples in which its membrane was near the threshold (see `near_threshold.rs`).

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
    pub(crate) samples: u32,
    /// Input by input, as many words for each: a bit for each sample.
    pub(crate) fired: Vec<u64>,
    /// Unit by unit, likewise; nothing of a read-out, which has no threshold.
    pub(crate) near: Vec<u64>,
}

impl Coincidences {
    /// What images of one layer tell together; nothing if there are none.
    pub fn of(images: &[&Self]) -> Option<Self> {
        let first = images.first()?;
        let mut spikes = vec![0; first.spikes.len()];
        for image in images {
            spikes.iter_mut().zip(&image.spikes).for_each(|(all, more)| *all += more);
        }
        let all = |rows: fn(&Self) -> &[u64]| appended(images.iter().map(|image| (rows(image), image.samples as usize)));
        Some(Self {
            chances: images.iter().map(|image| image.chances).sum(),
            spikes,
            taps: first.taps,
            samples: images.iter().map(|image| image.samples).sum(),
            fired: all(|image| &image.fired),
            near: all(|image| &image.near),
        })
    }

    /// Inputs of a unit.
    pub fn inputs(&self) -> usize {
        self.spikes.len() * self.taps
    }

    /// Inputs of one source channel, which stand side by side.
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// Spikes of each source channel (of a dense layer: neuron), per neuron and step.
    pub fn rates(&self) -> impl Iterator<Item = f64> {
        self.spikes.iter().map(|&spikes| spikes as f64 / self.chances as f64)
    }

    fn row(&self, input: usize) -> &[u64] {
        row(&self.fired, input, self.samples as usize)
    }

    /// Covariance of the inputs in `range`, row by row. What two of many inputs have in common in few samples is partly chance, so it
    /// is shrunk: by half where samples are as many as inputs.
    pub fn covariance(&self, range: Range<usize>) -> Vec<f32> {
        let rows: Vec<&[u64]> = range.map(|input| self.row(input)).collect();
        let (inputs, samples) = (rows.len(), f64::from(self.samples));
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

/// Samples of one row.
pub fn count(row: &[u64]) -> u32 {
    row.iter().map(|word| word.count_ones()).sum()
}

/// Samples that two rows share.
pub fn both(one: &[u64], other: &[u64]) -> u32 {
    one.iter().zip(other).map(|(one, other)| (one & other).count_ones()).sum()
}

/// One of many rows of `bits` bits.
fn row(rows: &[u64], index: usize, bits: usize) -> &[u64] {
    let words = bits.div_ceil(64);
    &rows[index * words..][..words]
}

/// Rows of several matrices one behind the other, bit to bit; of each its rows and their length.
fn appended<'a>(matrices: impl Iterator<Item = (&'a [u64], usize)> + Clone) -> Vec<u64> {
    let words = matrices.clone().map(|(_, bits)| bits).sum::<usize>().div_ceil(64);
    let rows = matrices.clone().next().map_or(0, |(rows, bits)| rows.len() / bits.div_ceil(64));
    let mut all = vec![0; rows * words];
    for (index, all) in all.chunks_mut(words).enumerate() {
        let mut place = 0;
        for (rows, bits) in matrices.clone() {
            for (word, first) in row(rows, index, bits).iter().zip((place..).step_by(64)) {
                all[first / 64] |= word << (first % 64);
                if first % 64 != 0 && let Some(next) = all.get_mut(first / 64 + 1) {
                    *next |= word >> (64 - first % 64);
                }
            }
            place += bits;
        }
    }
    all
}

/// Watches the inputs of a layer while an image is drawn.
pub struct Watch<'a> {
    wiring: &'a Wiring,
    /// Positions at which a unit has its neurons, and how many are seen in a step.
    positions: usize,
    seen_positions: usize,
    step: usize,
    /// Words of one row.
    words: usize,
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
        let words = samples.div_ceil(64);
        let (channels, taps) = (wiring.channels().0, wiring.taps());
        let pixels = wiring.source.neurons() / channels;
        let seen = Coincidences {
            chances: (steps * pixels) as u64,
            spikes: vec![0; channels],
            taps,
            samples: samples as u32,
            fired: vec![0; channels * taps * words],
            near: vec![0; threshold.map_or(0, |_| wiring.units()) * words],
        };
        Self { wiring, positions, seen_positions, step: 0, words, threshold, seen, hears: vec![], pixels: vec![0..0; pixels] }
    }

    /// The next step, with the neurons of the source that fired in it and the membranes of the layer by slot, before the reset.
    pub fn step(&mut self, fired: &[u32], membranes: &[f32]) {
        self.listen(membranes);
        for source in fired.iter().map(|&source| source as usize) {
            let (channel, pixel) = (source / self.pixels.len(), source % self.pixels.len());
            self.seen.spikes[channel] += 1;
            for &(_, tap, sample) in &self.hears[self.pixels[pixel].clone()] {
                self.seen.fired[(channel * self.seen.taps + tap) * self.words + sample / 64] |= 1 << (sample % 64);
            }
        }
        self.step += 1;
    }

    /// What the positions that are seen in this step hear, and which units are near their threshold there.
    fn listen(&mut self, membranes: &[f32]) {
        let (connectivity, source, target) = (self.wiring.connectivity, self.wiring.source, self.wiring.target);
        let Self { positions, seen_positions, step, hears, pixels, words, .. } = self;
        hears.clear();
        for index in 0..*seen_positions {
            let sample = *step * *seen_positions + index;
            // of as many parts of equal size as positions are seen, one of each
            let [first, end] = [index, index + 1].map(|part| part * *positions / *seen_positions);
            let position = first + philox4x32_10([index as u32, *step as u32, 0, 0], [0, 0])[0] as usize % (end - first);
            if let Some(threshold) = self.threshold {
                let units = self.wiring.units();
                for slot in position * units..(position + 1) * units {
                    let near = (membranes[slot] - threshold).abs() < threshold;
                    let unit = neuron(target, slot) / *positions;
                    self.seen.near[unit * *words + sample / 64] |= u64::from(near) << (sample % 64);
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
        assert_eq!(seen.samples, 512);
        for input in 0..seen.inputs() {
            let rate = f64::from(count(seen.row(input))) / f64::from(seen.samples);
            assert!((0.2..0.3).contains(&rate), "each tap reaches a quarter of the positions: {rate}");
        }
    }

    /// Of a dense layer each step is seen, however many there are.
    #[test]
    fn long_runs_are_seen() {
        let wiring = wiring(Connectivity::Dense, 1, Shape { channels: 3, height: 1, width: 1 });
        let spikes: Vec<Vec<u32>> = (0..1000).map(|step| if step % 2 == 0 { vec![0, 1] } else { vec![1] }).collect();
        let seen = watched(&wiring, &spikes);
        assert_eq!(seen.samples, 1000);
        assert_eq!([0, 1].map(|input| count(seen.row(input))), [500, 1000]);
        assert_eq!(seen.rates().collect::<Vec<_>>(), [0.5, 1.0]);
    }
}
