//! The arithmetic of one training step on the CPU: slices in, slices out.
//!
//! Every kernel divides its work by size, never by the number of threads, and adds partial sums in a fixed order: the result has the
//! same bits at any thread count. `pulp` runs each of them with the widest vectors that the processor has.

pub mod adamw;
pub mod buffers;
pub mod convolution;
pub mod dense;
pub mod fused;
pub mod geometry;
pub mod grid;
pub mod matrix;
pub mod membrane;
pub mod normalisation;
pub mod roll_out;
pub mod spikes;

use rayon::prelude::*;

/// Parts that a sum over all rows is made of: few enough to add up, many enough to share.
const TASKS: usize = 16;

/// `destination += source`, in blocks that fit vector registers whole.
#[inline(always)]
fn add(destination: &mut [f32], source: &[f32]) {
    const BLOCK: usize = 32;
    let (blocks, rest) = destination.as_chunks_mut::<BLOCK>();
    let (source_blocks, source_rest) = source.as_chunks::<BLOCK>();
    for (d, s) in blocks.iter_mut().zip(source_blocks) {
        for i in 0..BLOCK {
            d[i] += s[i];
        }
    }
    for (d, s) in rest.iter_mut().zip(source_rest) {
        *d += s;
    }
}

/// The sum of equally long parts, in order.
fn sum_of_parts(parts: Vec<Vec<f32>>) -> Vec<f32> {
    const BLOCK: usize = 1 << 12;
    let mut parts = parts.into_iter();
    let (mut sum, rest) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
    sum.par_chunks_mut(BLOCK).enumerate().for_each(|(i, sum)| {
        for part in &rest {
            add(sum, &part[i * BLOCK..][..sum.len()]);
        }
    });
    sum
}
