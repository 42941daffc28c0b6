//! Where a spike goes: the synapses of one source neuron.

use lif_graph::{Connectivity, Kernel, Projection, Shape};

/// A projection from its sources' side.
pub enum Fan {
    /// Weights `[source][target]`.
    Dense { weights: Vec<i8>, targets: usize },
    /// A convolution of either kind.
    Kernel { weights: Vec<i8>, from: Shape, to: Shape, rows: Vec<Vec<Tap>>, columns: Vec<Vec<Tap>>, size: usize },
    /// Every neuron to the lane of its number.
    Pick,
}

/// A target's place along one axis, and the place in the kernel.
#[derive(Clone, Copy)]
pub struct Tap {
    target: usize,
    tap: usize,
}

impl Fan {
    /// Turns a projection around.
    pub fn new(projection: &Projection, from: Shape, to: Shape) -> Self {
        let weights = &projection.weights;
        match projection.connectivity {
            Connectivity::Pick => Self::Pick,
            Connectivity::Dense => {
                let (sources, targets) = (from.neurons(), to.neurons());
                let turned = (0..sources).flat_map(|source| (0..targets).map(move |target| weights[target * sources + source]));
                Self::Dense { weights: turned.collect(), targets }
            }
            Connectivity::Conv2d(kernel) => Self::kernel(weights, kernel, false, from, to),
            Connectivity::ConvTranspose2d(kernel) => Self::kernel(weights, kernel, true, from, to),
        }
    }

    /// Weights become `[source channel][ky][kx][target channel]`.
    fn kernel(weights: &[i8], kernel: Kernel, transposed: bool, from: Shape, to: Shape) -> Self {
        let (sources, targets, size) = (from.channels as usize, to.channels as usize, kernel.size as usize);
        let weight = |source, tap, target| {
            let pair = if transposed { source * targets + target } else { target * sources + source };
            weights[pair * size * size + tap]
        };
        let taps = (0..sources).flat_map(|source| (0..size * size).map(move |tap| (source, tap)));
        let turned = taps.flat_map(|(source, tap)| (0..targets).map(move |target| weight(source, tap, target))).collect();
        let axis = |inputs: u32, outputs: u32| (0..inputs).map(|source| reached(kernel, transposed, source, outputs)).collect();
        let (rows, columns) = (axis(from.height, to.height), axis(from.width, to.width));
        Self::Kernel { weights: turned, from, to, rows, columns, size }
    }

    /// Adds the weights of a neuron's synapses to the sums of their targets.
    pub fn add(&self, neuron: u32, sums: &mut [i32]) {
        let neuron = neuron as usize;
        match self {
            Self::Pick => sums[neuron] += 1,
            Self::Dense { weights, targets } => {
                let row = &weights[neuron * targets..(neuron + 1) * targets];
                sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += i32::from(weight));
            }
            Self::Kernel { weights, from, to, rows, columns, size } => {
                let (channel, place) = (neuron / from.pixels(), neuron % from.pixels());
                let (y, x) = (place / from.width as usize, place % from.width as usize);
                let (channels, pixels, width) = (to.channels as usize, to.pixels(), to.width as usize);
                for row in &rows[y] {
                    for column in &columns[x] {
                        let tap = (channel * size + row.tap) * size + column.tap;
                        let position = row.target * width + column.target;
                        let targets = sums[position..].iter_mut().step_by(pixels);
                        targets.zip(&weights[tap * channels..][..channels]).for_each(|(sum, &weight)| *sum += i32::from(weight));
                    }
                }
            }
        }
    }

    /// How many synapses a neuron has; a pick has no weights and counts none.
    pub fn synapses(&self, neuron: u32) -> u64 {
        match self {
            Self::Pick => 0,
            Self::Dense { targets, .. } => *targets as u64,
            Self::Kernel { from, to, rows, columns, .. } => {
                let place = neuron as usize % from.pixels();
                let taps = rows[place / from.width as usize].len() * columns[place % from.width as usize].len();
                taps as u64 * u64::from(to.channels)
            }
        }
    }
}

/// The targets that a source reaches along one axis.
fn reached(kernel: Kernel, transposed: bool, source: u32, targets: u32) -> Vec<Tap> {
    let meets = |tap: u32| {
        let target = if transposed {
            (source * kernel.stride + tap).checked_sub(kernel.padding)?
        } else {
            let distance = (source + kernel.padding).checked_sub(tap)?;
            distance.is_multiple_of(kernel.stride).then_some(distance / kernel.stride)?
        };
        (target < targets).then_some(Tap { target: target as usize, tap: tap as usize })
    };
    (0..kernel.size).filter_map(meets).collect()
}
