//! How large an input sum and a membrane can become, whatever the spikes: the figures behind the rule `membrane-fits`.
//!
//! An input is largest when exactly the sources of positive weights fire, and smallest when those of negative weights do. A
//! membrane is largest when every step brings the largest input; decay is monotone, so following that one history from 0
//! for the graph's steps bounds all others. A LIF neuron keeps no more than its threshold from one step to the next.

use crate::geometry::{Axis, Taps};
use crate::{Connectivity, LifGraph, Membrane, NeuronModel, Population, PopulationId, Projection, Shape};
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
    /// The extremes of each population; sources and select stages, which hold no sums, have zeros.
    ///
    /// A dense projection's sums are exact; a convolution leaves out the taps that fall on padding and takes, for each channel,
    /// the worst position. Where several projections meet, or a membrane cannot reach its threshold, the figures are bounds that
    /// no history of spikes exceeds.
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
            NeuronModel::Select { .. } | NeuronModel::Source => return WorstCase::default(),
        };
        let inputs: Vec<_> = self.projections_into(id).map(|(_, projection)| Inputs::new(self, projection, population)).collect();
        let channels = 0..population.shape.channels as usize;
        let drives = channels.map(|channel| {
            let input = inputs.iter().fold(Span::default(), |sum, inputs| sum.plus(inputs.of_channel(channel)));
            (channel, input, drive(membrane, channel, input))
        });
        let mut input = Span::default();
        let mut extremes = Drive { low: i64::MAX, high: i64::MIN };
        let mut kept = i64::MIN; // the highest that a neuron which keeps its threshold gets
        for (channel, of_channel, drive) in drives {
            input = input.or(of_channel);
            extremes = Drive { low: extremes.low.min(drive.low), high: extremes.high.max(drive.high) };
            if let Some(threshold) = threshold {
                kept = kept.max(i64::from(membrane.decay.apply(of(threshold, channel))) + drive.high);
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

fn drive(membrane: &Membrane, channel: usize, input: Span) -> Drive {
    let bias = i64::from(of(&membrane.bias, channel));
    let shifted = |sum: i64| sum.saturating_mul(1 << membrane.input_shift).saturating_add(bias);
    Drive { low: shifted(input.low), high: shifted(input.high) }
}

/// A parameter that is one for all channels or one for each.
fn of(parameter: &[i32], channel: usize) -> i32 {
    if let [all] = parameter { *all } else { parameter[channel] }
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

/// A projection's sums of negative and of positive weights, channel by channel.
enum Inputs<'a> {
    Dense { weights: &'a [i8], sources: usize, pixels: usize },
    Convolution { weights: &'a [i8], sources: usize, targets: usize, transposed: bool, size: usize, rows: Sets, columns: Sets },
}

/// The different sets of taps of an axis.
struct Sets {
    sets: BTreeSet<Taps>,
    step: usize,
}

impl<'a> Inputs<'a> {
    fn new(graph: &LifGraph, projection: &'a Projection, target: &Population) -> Self {
        let weights = &projection.weights[..];
        let (from, to) = (graph.population(projection.source).shape, target.shape);
        match projection.connectivity {
            Connectivity::Dense => Self::Dense { weights, sources: from.neurons(), pixels: to.pixels() },
            Connectivity::Conv2d(kernel) => Self::convolution(weights, from, to, kernel, false),
            Connectivity::ConvTranspose2d(kernel) => Self::convolution(weights, from, to, kernel, true),
            Connectivity::Pick => Self::Dense { weights: &[], sources: 0, pixels: 0 },
        }
    }

    fn convolution(weights: &'a [i8], from: Shape, to: Shape, kernel: crate::Kernel, transposed: bool) -> Self {
        let sets = |input, output| {
            let axis = Axis { kernel, transposed, input, output };
            Sets { sets: axis.tap_sets(), step: axis.step() }
        };
        Self::Convolution {
            weights,
            sources: from.channels as usize,
            targets: to.channels as usize,
            transposed,
            size: kernel.size as usize,
            rows: sets(from.height, to.height),
            columns: sets(from.width, to.width),
        }
    }

    fn of_channel(&self, channel: usize) -> Span {
        match self {
            Self::Dense { weights, sources, pixels } => (channel * pixels..(channel + 1) * pixels)
                .map(|neuron| weights[neuron * sources..(neuron + 1) * sources].iter().map(|&w| Span::reaching(i64::from(w))))
                .map(|synapses| synapses.fold(Span::default(), Span::plus))
                .fold(Span::default(), Span::or),
            Self::Convolution { weights, sources, targets, transposed, size, rows, columns } => {
                let taps = size * size;
                let mut kernel = vec![Span::default(); taps]; // summed over the source channels
                for source in 0..*sources {
                    let block = if *transposed { source * targets + channel } else { channel * sources + source };
                    for (sum, &weight) in kernel.iter_mut().zip(&weights[block * taps..(block + 1) * taps]) {
                        *sum = sum.plus(Span::reaching(i64::from(weight)));
                    }
                }
                worst_position(&kernel, *size, rows, columns)
            }
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
