//! Adding up the weights of the neurons that fired, for float and for integer weights alike.
//!
//! Sums are held position by position, channels last ("slots"), so that each spike adds contiguous rows:
//!
//! ```text
//! neuron = channel * pixels + position          slot = position * channels + channel
//! ```

use lif_graph::{Connectivity, Kernel, Shape};
use std::ops::{AddAssign, Mul};

/// A layer's weights, arranged by source.
pub struct Fanout<W> {
    source: Shape,
    target: Shape,
    connectivity: Connectivity,
    /// Dense: `[source neuron][slot]`. Convolutions: `[source channel][tap][target channel]`.
    rows: Vec<W>,
}

impl<W: Copy + Default> Fanout<W> {
    /// Arranges `weights`, which stand in the order that `connectivity` names.
    pub fn new(source: Shape, target: Shape, connectivity: Connectivity, weights: &[W]) -> Self {
        let mut rows = vec![W::default(); weights.len()];
        let (from, to) = (source.channels as usize, target.channels as usize);
        for (index, &weight) in weights.iter().enumerate() {
            let place = match connectivity {
                Connectivity::Dense => {
                    let (neuron, origin) = (index / source.neurons(), index % source.neurons());
                    origin * target.neurons() + slot(target, neuron)
                }
                Connectivity::Conv2d(kernel) => {
                    let taps = (kernel.size * kernel.size) as usize;
                    let (channels, tap) = (index / taps, index % taps);
                    ((channels % from) * taps + tap) * to + channels / from
                }
                Connectivity::ConvTranspose2d(kernel) => {
                    let taps = (kernel.size * kernel.size) as usize;
                    let (channels, tap) = (index / taps, index % taps);
                    ((channels / to) * taps + tap) * to + channels % to
                }
                Connectivity::Pick => index,
            };
            rows[place] = weight;
        }
        Self { source, target, connectivity, rows }
    }

    /// Adds the weights of every neuron in `spikes` to the slots of its targets.
    pub fn add<S: Copy + AddAssign + From<W>>(&self, spikes: &[u32], sums: &mut [S]) {
        spikes.iter().for_each(|&neuron| self.each_row(neuron as usize, |to, row| add_row(&mut sums[to..to + row.len()], row)));
    }

    /// Adds the weights of every neuron times its value.
    pub fn add_values<S: Copy + AddAssign + Mul<Output = S> + From<W>>(&self, values: &[S], sums: &mut [S]) {
        for (neuron, &value) in values.iter().enumerate() {
            self.each_row(neuron, |to, row| {
                sums[to..to + row.len()].iter_mut().zip(row).for_each(|(sum, &weight)| *sum += value * weight.into());
            });
        }
    }

    /// Shows every row of a neuron's weights with the first slot that it is for.
    #[inline]
    fn each_row(&self, neuron: usize, mut each: impl FnMut(usize, &[W])) {
        match self.connectivity {
            Connectivity::Dense => {
                let width = self.target.neurons();
                each(0, &self.rows[neuron * width..][..width]);
            }
            Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => self.each_patch_row(kernel, neuron, each),
            Connectivity::Pick => {}
        }
    }

    #[inline]
    fn each_patch_row(&self, kernel: Kernel, neuron: usize, mut each: impl FnMut(usize, &[W])) {
        let (channel, position) = (neuron / self.source.pixels(), neuron % self.source.pixels());
        let (y, x) = (position as u32 / self.source.width, position as u32 % self.source.width);
        let width = self.target.channels as usize;
        for ky in 0..kernel.size {
            let Some(row) = reached(self.connectivity, y, ky, self.target.height) else { continue };
            for kx in 0..kernel.size {
                let Some(column) = reached(self.connectivity, x, kx, self.target.width) else { continue };
                let tap = (channel as u32 * kernel.size + ky) * kernel.size + kx;
                let to = (row * self.target.width + column) as usize * width;
                each(to, &self.rows[tap as usize * width..][..width]);
            }
        }
    }
}

fn add_row<W: Copy, S: Copy + AddAssign + From<W>>(sums: &mut [S], row: &[W]) {
    sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += weight.into());
}

/// Where a neuron's sum is held.
pub fn slot(shape: Shape, neuron: usize) -> usize {
    (neuron % shape.pixels()) * shape.channels as usize + neuron / shape.pixels()
}

/// The neuron whose sum a slot holds.
pub fn neuron(shape: Shape, slot: usize) -> usize {
    (slot % shape.channels as usize) * shape.pixels() + slot / shape.channels as usize
}

/// The output row that input row `input` reaches through row `tap` of the kernel, if there is one (columns likewise).
pub fn reached(connectivity: Connectivity, input: u32, tap: u32, outputs: u32) -> Option<u32> {
    let output = match connectivity {
        Connectivity::ConvTranspose2d(kernel) => fine(kernel, input, tap)?,
        Connectivity::Conv2d(kernel) => coarse(kernel, input, tap)?,
        Connectivity::Dense | Connectivity::Pick => return None,
    };
    (output < outputs).then_some(output)
}

/// The input row that output row `output` hears through row `tap` of the kernel, if there is one (columns likewise).
pub fn heard(connectivity: Connectivity, output: u32, tap: u32, inputs: u32) -> Option<u32> {
    let input = match connectivity {
        Connectivity::Conv2d(kernel) => fine(kernel, output, tap)?,
        Connectivity::ConvTranspose2d(kernel) => coarse(kernel, output, tap)?,
        Connectivity::Dense | Connectivity::Pick => return None,
    };
    (input < inputs).then_some(input)
}

/// From the side that a stride makes coarse to the fine one.
fn fine(kernel: Kernel, coarse: u32, tap: u32) -> Option<u32> {
    (coarse * kernel.stride + tap).checked_sub(kernel.padding)
}

/// And back.
fn coarse(kernel: Kernel, fine: u32, tap: u32) -> Option<u32> {
    let distance = (fine + kernel.padding).checked_sub(tap)?;
    distance.is_multiple_of(kernel.stride).then_some(distance / kernel.stride)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slots_and_neurons_are_inverse() {
        let shape = Shape { channels: 3, height: 2, width: 5 };
        assert!((0..30).all(|index| neuron(shape, slot(shape, index)) == index));
        assert_eq!(slot(shape, 11), 4); // channel 1, position 1
    }

    proptest! {
        #[test]
        fn who_reaches_is_heard(transposed: bool, stride in 1u32..4, padding in 0u32..3, size in 1u32..6, inputs in 1u32..9, outputs in 1u32..20) {
            let kernel = Kernel { size, stride, padding, output_padding: 0 };
            let connectivity = if transposed { Connectivity::ConvTranspose2d(kernel) } else { Connectivity::Conv2d(kernel) };
            for (input, output) in (0..inputs).flat_map(|input| (0..outputs).map(move |output| (input, output))) {
                for tap in 0..size {
                    let reaches = reached(connectivity, input, tap, outputs) == Some(output);
                    prop_assert_eq!(heard(connectivity, output, tap, inputs) == Some(input), reaches);
                }
            }
        }

        /// PyTorch's definition of a transposed convolution, written as four loops.
        #[test]
        fn a_transposed_convolution_is_what_its_definition_says(
            stride in 1u32..3, fired in prop::collection::vec(any::<bool>(), 2 * 9), weights in prop::collection::vec(-127i8..=127, 2 * 3 * 9),
        ) {
            let kernel = Kernel { size: 3, stride, padding: 1, output_padding: stride - 1 };
            let side = 3 * stride;
            let (source, target) = (Shape { channels: 2, height: 3, width: 3 }, Shape { channels: 3, height: side, width: side });
            let fanout = Fanout::new(source, target, Connectivity::ConvTranspose2d(kernel), &weights);
            let spikes: Vec<u32> = (0..18).filter(|&neuron| fired[neuron as usize]).collect();
            let mut sums = vec![0i32; target.neurons()];
            fanout.add(&spikes, &mut sums);
            let mut expected = vec![0i32; target.neurons()];
            for &spike in &spikes {
                let (channel, y, x) = (spike / 9, spike % 9 / 3, spike % 3);
                for to in 0..3 {
                    for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                        let (row, column) = (i64::from(y * stride + ky) - 1, i64::from(x * stride + kx) - 1);
                        if (0..i64::from(side)).contains(&row) && (0..i64::from(side)).contains(&column) {
                            let neuron = (to * side + row as u32) * side + column as u32;
                            expected[slot(target, neuron as usize)] += i32::from(weights[((channel * 3 + to) * 9 + ky * 3 + kx) as usize]);
                        }
                    }
                }
            }
            prop_assert_eq!(sums, expected);
        }
    }
}
