//! Rows of positions: sums in memory, whatever the number of channels and the width of the sums.
//!
//! ```text
//!   for each row of a population, for each step:
//!       gather   weights of the spikes of its sources ------> sums        (vectors in registers over all spikes of a position)
//!       fire     sums, membranes, biases, thresholds -------> membranes, bits of those who fired; sums become 0
//! ```
//!
//! A row is taken through all steps of the chunk before the next row, so that its sums, membranes and weights stay in the fastest cache; where
//! there are [stripes], all rows are taken through a step.

use super::Buffers;
use super::lanes::{Isa, Sum, Vector, Weight, block, block_mut};
use super::leak::{HalfLeak, Leak, ProductLeak, SmallLeak, with_leak};
use super::stripes;
use crate::program::{AnyLeak, LANES, Program, Projection, Rows, Synapses};
use crate::spikes::Spikes;
use std::ops::Range;

#[inline(always)]
pub(super) fn advance<I: Isa, S: Sum, V: Vector<S>>(
    (program, index): (&Program, usize),
    rows: Range<usize>,
    slots: Range<usize>,
    currents: &[i32],
    membranes: &mut [i32],
    sums: &mut Buffers<S>,
    spikes: &mut [Spikes],
) {
    let population = &program.populations[index];
    let Some(integration) = population.integration() else { return };
    let lanes = Rows::of(population.shape).stride;
    // what stripes make ready is of one step
    let together = if sums.ready.is_empty() { slots.len() } else { 1 };
    for first in slots.clone().step_by(together) {
        let slots = first..slots.end.min(first + together);
        for (projection, ready) in &mut sums.ready {
            stripes::add::<I>(&program.projections[*projection], &rows, first, ready, spikes);
        }
        let of_rows = population.rows.iter().zip(membranes.chunks_exact_mut(lanes)).enumerate();
        for (y, (inputs, membranes)) in of_rows.take(rows.end).skip(rows.start) {
            let (bias, threshold) = integration.parameters.of_row(y);
            for slot in slots.clone() {
                for input in inputs {
                    let projection = &program.projections[input.projection];
                    let source = &spikes[projection.source];
                    gather::<S, V>(
                        projection,
                        input.source_row,
                        input.weights,
                        source,
                        slot - usize::from(projection.delay),
                        &mut sums.row,
                    );
                }
                for (projection, ready) in &mut sums.ready {
                    let row = &mut sums.row[population.left..][..Rows::of(population.shape).lanes];
                    stripes::take(&program.projections[*projection], y, ready, row);
                }
                let row = &mut sums.row[population.left..][..lanes];
                if !currents.is_empty() {
                    let currents = &currents[y * lanes..][..lanes];
                    row.iter_mut().zip(currents).for_each(|(sum, &current)| *sum = sum.plus_long(current));
                }
                let bits = spikes[index].row_mut(slot, y);
                let neurons = Neurons { shift: integration.input_shift, membranes, sums: row, bias, threshold };
                with_leak!(integration.leak, leak => fire::<I, S>(leak, neurons, bits));
                spikes[index].list_row(slot, y);
            }
        }
    }
}

/// Adds to a target row what the spikes of a source row bring.
#[inline(always)]
fn gather<S: Sum, V: Vector<S>>(projection: &Projection, y: usize, weights: usize, source: &Spikes, slot: usize, sums: &mut [S]) {
    let columns = projection.columns.iter().enumerate();
    match &projection.synapses {
        Synapses::Bytes(bytes) => {
            for (x, column) in columns {
                let list = source.list(slot, y * projection.columns.len() + x);
                add_rows::<S, V, i8>(&mut sums[column.to..], column.vectors, &bytes[weights + column.weights..], list);
            }
        }
        Synapses::Words(words) => {
            for (x, column) in columns {
                let list = source.list(slot, y * projection.columns.len() + x);
                add_rows::<S, V, i16>(&mut sums[column.to..], column.vectors, &words[weights + column.weights..], list);
            }
        }
        // a pick; stripes, which are added before; what blocks have
        Synapses::None | Synapses::Stripes(_) | Synapses::Cells(_) => {}
    }
}

/// Adds a row of weights for each channel in the list, a block of at most eight vectors at a time: so many registers hold sums.
#[inline(always)]
fn add_rows<S: Sum, V: Vector<S>, W: Weight>(sums: &mut [S], vectors: usize, weights: &[W], channels: &[u32]) {
    let stride = vectors * LANES;
    let mut first = 0;
    while first < stride {
        let sums = &mut sums[first..];
        first += LANES
            * match vectors - first / LANES {
                1 => add_block::<S, V, W, 1>(sums, first, stride, weights, channels),
                2 | 3 => add_block::<S, V, W, 2>(sums, first, stride, weights, channels),
                4 | 5 => add_block::<S, V, W, 4>(sums, first, stride, weights, channels),
                6 | 7 | 12 => add_block::<S, V, W, 6>(sums, first, stride, weights, channels),
                _ => add_block::<S, V, W, 8>(sums, first, stride, weights, channels),
            };
    }
}

/// Returns how many vectors that were.
#[inline(always)]
fn add_block<S: Sum, V: Vector<S>, W: Weight, const N: usize>(
    sums: &mut [S],
    first: usize,
    stride: usize,
    weights: &[W],
    channels: &[u32],
) -> usize {
    let sums = block_mut::<S, N>(sums);
    let mut parts: [V; N] = std::array::from_fn(|n| V::load(&sums[n]));
    for &channel in channels {
        let row = block::<W, N>(&weights[channel as usize * stride + first..]);
        for n in 0..N {
            parts[n] = parts[n].plus(W::widened::<S, V>(&row[n]));
        }
    }
    for n in 0..N {
        parts[n].store(&mut sums[n]);
    }
    N
}

/// The neurons of a row.
struct Neurons<'a, S> {
    shift: u32,
    /// In: the old membranes. Out: the new ones.
    membranes: &'a mut [i32],
    /// In: this step's summed weights. Out: 0.
    sums: &'a mut [S],
    /// Repeated as often as it takes; so the thresholds.
    bias: &'a [i32],
    threshold: &'a [i32],
}

/// `v = leak(v) + (sum << shift) + bias`; if `v > threshold` the neuron's bit is 1 and `v` is 0.
#[inline(always)]
fn fire<I: Isa, S: Sum>(leak: impl Leak, neurons: Neurons<S>, bits: &mut [u8]) {
    let Neurons { shift, membranes, sums, bias, threshold } = neurons;
    let period = bias.len();
    for ((membranes, sums), bits) in
        membranes.chunks_exact_mut(period).zip(sums.chunks_exact_mut(period)).zip(bits.chunks_exact_mut(period / 8))
    {
        let membranes = membranes.as_chunks_mut::<LANES>().0.iter_mut().zip(sums.as_chunks_mut::<LANES>().0);
        let parameters = bias.as_chunks::<LANES>().0.iter().zip(threshold.as_chunks::<LANES>().0);
        for (((membranes, sums), (bias, threshold)), bits) in membranes.zip(parameters).zip(bits.as_chunks_mut::<2>().0) {
            *bits = I::fire(leak, shift, membranes, sums, bias, threshold).to_le_bytes();
            *sums = [S::default(); LANES];
        }
    }
}
