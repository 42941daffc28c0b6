//! The arithmetic of one training step on the CPU: slices in, slices out.
//!
//! Every kernel divides its work by size, never by the number of threads, and adds partial sums in a fixed order: the result has the
//! same bits at any thread count. `pulp` runs each of them with the widest vectors that the processor has.

pub mod convolution;
pub mod membrane;

/// Rows that one task takes where a sum over all rows is wanted: few enough to share, many enough to be worth a task.
const TASKS: usize = 16;

/// `destination += value * source`, in blocks that fit vector registers whole.
#[inline(always)]
fn add_scaled(destination: &mut [f32], source: &[f32], value: f32) {
    const BLOCK: usize = 32;
    let (blocks, rest) = destination.as_chunks_mut::<BLOCK>();
    let (source_blocks, source_rest) = source.as_chunks::<BLOCK>();
    for (d, s) in blocks.iter_mut().zip(source_blocks) {
        for i in 0..BLOCK {
            d[i] += value * s[i];
        }
    }
    for (d, s) in rest.iter_mut().zip(source_rest) {
        *d += value * s;
    }
}

/// Calls `f(index, value)` for every entry that is not zero, in order: spike trains are mostly zeros.
#[inline(always)]
fn for_each_nonzero(values: &[f32], mut f: impl FnMut(usize, f32)) {
    const BLOCK: usize = 32;
    for (b, block) in values.chunks(BLOCK).enumerate() {
        let mut mask = 0u32;
        for (i, v) in block.iter().enumerate() {
            mask |= u32::from(*v != 0.0) << i;
        }
        while mask != 0 {
            let i = mask.trailing_zeros() as usize;
            f(b * BLOCK + i, block[i]);
            mask &= mask - 1;
        }
    }
}
