//! How large an input sum and a membrane can become, whatever the spikes: the figures behind the rule `membrane-fits`.
//!
//! An input is largest when exactly the sources of positive weights fire, and smallest when those of negative weights do. A
//! membrane is largest when every step brings the largest input; decay is monotone, so following that one history from 0
//! for the graph's steps bounds all others. A LIF neuron keeps no more than its threshold from one step to the next.

use crate::geometry::{Axis, Taps};
use crate::{Connectivity, Kernel, LifGraph, Membrane, NeuronModel, PopulationId, Projection, Shape, current, pixel_value};
use std::collections::BTreeSet;

/// Smallest and largest value that a quantity can take; holds 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// At most 0.
    pub low: i64,
    /// At least 0.
    pub high: i64,
}

impl Span {
    /// The largest absolute value.
    pub fn magnitude(self) -> u64 {
        self.low.unsigned_abs().max(self.high.unsigned_abs())
    }

    /// The narrowest signed width with `|value| < 2^(bits - 1)`.
    pub fn bits(self) -> u32 {
        65 - self.magnitude().leading_zeros()
    }

    /// With values of up to this size, of either sign, added.
    pub fn widened(self, by: u64) -> Self {
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        self.plus(Self { low: -by, high: by })
    }

    /// From 0 to `value`.
    fn reaching(value: i64) -> Self {
        Self { low: value.min(0), high: value.max(0) }
    }

    fn plus(self, other: Self) -> Self {
        Self { low: self.low.saturating_add(other.low), high: self.high.saturating_add(other.high) }
    }

    fn or(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

/// The extremes of one population.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorstCase {
    /// Raw sum of weights in one step, before the input shift; partial sums in any order lie inside too.
    pub input: Span,
    /// Membrane units, before the reset.
    pub membrane: Span,
}

impl LifGraph {
    /// The extremes of each population; sources, images and select stages, which hold no sums, have zeros.
    ///
    /// A dense projection's sums are exact; a convolution leaves out the taps that fall on padding and takes, for each channel,
    /// the worst position. There, where a source feeds several projections, and where a membrane cannot reach its threshold, the
    /// figures are bounds that no history of spikes exceeds.
    ///
    /// Only for graphs that pass [`check`](Self::check); may panic on others.
    pub fn worst_cases(&self) -> Vec<WorstCase> {
        (0..self.populations.len()).map(|index| self.worst_case(PopulationId::from_index(index))).collect()
    }

    fn worst_case(&self, id: PopulationId) -> WorstCase {
        let population = self.population(id);
        let (membrane, threshold) = match &population.model {
            NeuronModel::Lif { membrane, threshold } => (membrane, Some(threshold)),
            NeuronModel::Readout { membrane, .. } => (membrane, None),
            NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Image { .. } => return WorstCase::default(),
        };
        let shape = population.shape;
        let inputs: Vec<_> = self.projections_into(id).map(|(_, projection)| Inputs::new(self, projection, shape)).collect();
        let mut input = Span::default();
        let mut extremes = Drive { low: i64::MAX, high: i64::MIN };
        let mut kept = i64::MIN; // the highest that a neuron which keeps its threshold gets
        for neuron in 0..shape.neurons() {
            let of_neuron = inputs.iter().fold(Span::default(), |sum, inputs| sum.plus(inputs.of_neuron(neuron)));
            let drive = drive(membrane, shape.value_of(&membrane.bias, neuron), of_neuron);
            input = input.or(of_neuron);
            extremes = Drive { low: extremes.low.min(drive.low), high: extremes.high.max(drive.high) };
            if let Some(threshold) = threshold {
                kept = kept.max(i64::from(membrane.decay.apply(shape.value_of(threshold, neuron))).saturating_add(drive.high));
            }
        }
        let mut span = integrated(membrane, extremes, self.steps);
        if threshold.is_some() {
            span.high = span.high.min(kept.max(0));
        }
        WorstCase { input, membrane: span }
    }
}

/// What one step adds to the membrane, at least and at most.
#[derive(Clone, Copy)]
struct Drive {
    low: i64,
    high: i64,
}

fn drive(membrane: &Membrane, bias: i32, input: Span) -> Drive {
    let shifted = |sum: i64| sum.saturating_mul(1 << membrane.input_shift).saturating_add(i64::from(bias));
    Drive { low: shifted(input.low), high: shifted(input.high) }
}

/// Where the lowest and the highest drive, step after step, take a membrane.
fn integrated(membrane: &Membrane, drive: Drive, steps: u32) -> Span {
    let follow = |drive: i64| {
        let mut v = 0i64;
        for _ in 0..steps {
            // once outside 32 bits the rule is broken and the exact figure has no meaning
            let Ok(old) = i32::try_from(v) else { break };
            let new = i64::from(membrane.decay.apply(old)).saturating_add(drive);
            // the other end may be 0 at any time (start, reset), so the extremes never turn back
            let further = if drive < 0 { new.min(v) } else { new.max(v) };
            if further == v {
                break;
            }
            v = further;
        }
        v
    };
    Span::reaching(follow(drive.low)).or(Span::reaching(follow(drive.high)))
}

/// A projection's sums of negative and of positive weights, and what becomes of them if its source is an image.
struct Inputs<'a> {
    sums: Sums<'a>,
    image: Option<u8>,
}

enum Sums<'a> {
    Dense {
        weights: &'a [i8],
        sources: usize,
    },
    /// By channel: its worst position.
    Convolution {
        spans: Vec<Span>,
        pixels: usize,
    },
    Pick,
}

/// The different sets of taps of an axis.
struct Sets {
    sets: BTreeSet<Taps>,
    step: usize,
}

impl<'a> Inputs<'a> {
    fn new(graph: &LifGraph, projection: &'a Projection, to: Shape) -> Self {
        let weights = &projection.weights[..];
        let source = graph.population(projection.source);
        let from = source.shape;
        let sums = match projection.connectivity {
            Connectivity::Dense => Sums::Dense { weights, sources: from.neurons() },
            Connectivity::Conv2d(kernel) => Sums::convolution(weights, from, to, kernel, false),
            Connectivity::ConvTranspose2d(kernel) => Sums::convolution(weights, from, to, kernel, true),
            Connectivity::Pick => Sums::Pick,
        };
        let image = if let NeuronModel::Image { shift } = source.model { Some(shift) } else { None };
        Self { sums, image }
    }

    /// A pixel may have either sign, so with an image every weight counts for both extremes.
    fn of_neuron(&self, neuron: usize) -> Span {
        let span = self.sums.of_neuron(neuron);
        let Some(shift) = self.image else { return span };
        let largest = pixel_value(u8::MAX) * (span.high - span.low);
        Span { low: current(-largest, shift), high: current(largest, shift) }
    }
}

impl Sums<'_> {
    fn convolution(weights: &[i8], from: Shape, to: Shape, kernel: Kernel, transposed: bool) -> Self {
        let sets = |input, output| {
            let axis = Axis { kernel, transposed, input, output };
            Sets { sets: axis.tap_sets(), step: axis.step() }
        };
        let (rows, columns) = (sets(from.height, to.height), sets(from.width, to.width));
        let (sources, targets, size) = (from.channels as usize, to.channels as usize, kernel.size as usize);
        let of_channel = |channel| {
            let mut taps = vec![Span::default(); size * size]; // summed over the source channels
            for source in 0..sources {
                let block = if transposed { source * targets + channel } else { channel * sources + source };
                for (sum, &weight) in taps.iter_mut().zip(&weights[block * size * size..]) {
                    *sum = sum.plus(Span::reaching(i64::from(weight)));
                }
            }
            worst_position(&taps, size, &rows, &columns)
        };
        Self::Convolution { spans: (0..targets).map(of_channel).collect(), pixels: to.pixels() }
    }

    fn of_neuron(&self, neuron: usize) -> Span {
        match self {
            Self::Dense { weights, sources } => {
                let synapses = weights[neuron * sources..(neuron + 1) * sources].iter().map(|&weight| i64::from(weight));
                Span { low: synapses.clone().map(|weight| weight.min(0)).sum(), high: synapses.map(|weight| weight.max(0)).sum() }
            }
            Self::Convolution { spans, pixels } => spans[neuron / pixels],
            Self::Pick => Span::default(),
        }
    }
}

/// The largest sums of a kernel's taps over all pairs of a row set and a column set.
fn worst_position(kernel: &[Span], size: usize, rows: &Sets, columns: &Sets) -> Span {
    let mut worst = Span::default();
    for row_set in &rows.sets {
        let mut line = vec![Span::default(); size];
        for row in (0..row_set.count).map(|n| row_set.first + n * rows.step) {
            for (sum, &tap) in line.iter_mut().zip(&kernel[row * size..]) {
                *sum = sum.plus(tap);
            }
        }
        for column_set in &columns.sets {
            let chosen = (0..column_set.count).map(|n| line[column_set.first + n * columns.step]);
            worst = worst.or(chosen.fold(Span::default(), Span::plus));
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_widens_both_ends() {
        let span = Span { low: -3, high: 5 };
        assert_eq!(span.widened(2), Span { low: -5, high: 7 });
        assert_eq!(span.widened(u64::MAX), Span { low: i64::MIN, high: i64::MAX });
    }

    /// A bias counts together with the weights of its own neuron.
    #[test]
    fn extremes_are_those_of_single_neurons() {
        let text = "graph g steps 1
             population in source 1x1x1
             population p lif 1x1x2 decay 0/2^0 floor shift 0 bits 16 bias [-100, 50] threshold [1000, 20]
             projection x from in to p dense delay 0 weights [100, 7]";
        let worst = LifGraph::from_text(text).expect("a graph").worst_cases()[1];
        assert_eq!(worst, WorstCase { input: Span { low: 0, high: 100 }, membrane: Span { low: -100, high: 57 } });
    }

    /// Black and white pixels are of either sign: 255 * (3 + 5) / 4 = 510, whichever signs the weights have.
    #[test]
    fn an_image_drives_both_ways() {
        let text = "graph g steps 1
             population picture image 2x1x1 shift 2
             population p lif 1x1x1 decay 0/2^0 floor shift 0 bits 16 bias [0] threshold [1000]
             projection x from picture to p dense delay 0 weights [3, -5]";
        let worst = LifGraph::from_text(text).expect("a graph").worst_cases()[1];
        assert_eq!(worst.input, Span { low: -510, high: 510 });
    }
}
