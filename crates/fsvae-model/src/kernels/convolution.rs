//! 3x3 convolutions with padding 1 and their transposes, channels last.
//!
//! A convolution reads a big picture and writes a small one; its transpose reads the small and writes the big one. So there is one
//! geometry and two directions, `gather` (big to small) and `scatter` (small to big), and each direction exists twice:
//!
//! ```text
//!                 small (y, x)  <-- tap (ky, kx) -->  big (y*stride + ky - 1, x*stride + kx - 1)
//!
//!   *_events   input mostly zeros (spikes): for every non-zero input, add weight rows        forward, weight gradient
//!   *_dense    any input: im2col or col2im around a matrix product                           backward to the input
//! ```
//!
//! Weights arrive as PyTorch keeps them, `[small channel][big channel][ky][kx]` (that is `[out][in]` of a convolution and
//! `[in][out]` of a transposed one), and are brought into row order once a call.

use super::{TASKS, add_scaled, for_each_nonzero};
use rayon::prelude::*;

const TAPS: usize = 9;
/// Floats of an im2col buffer: it should stay in the second-level cache.
const COLUMN_FLOATS: usize = 160_000;

/// The two pictures that a 3x3 kernel with padding 1 connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Side of the big picture; `small * stride`.
    pub big: usize,
    /// Side of the small picture.
    pub small: usize,
    /// Channels of the big picture.
    pub big_channels: usize,
    /// Channels of the small picture.
    pub small_channels: usize,
    /// 1 or 2.
    pub stride: usize,
}

impl Geometry {
    /// Floats of one big picture.
    pub fn big_len(&self) -> usize {
        self.big * self.big * self.big_channels
    }

    /// Floats of one small picture.
    pub fn small_len(&self) -> usize {
        self.small * self.small * self.small_channels
    }

    /// Floats of the weights.
    pub fn weights_len(&self) -> usize {
        self.small_channels * self.big_channels * TAPS
    }

    /// The big coordinate under `tap` of small coordinate `at`, if it is inside.
    #[inline(always)]
    fn big_coordinate(&self, at: usize, tap: usize) -> Option<usize> {
        (at * self.stride + tap).checked_sub(1).filter(|&b| b < self.big)
    }

    /// The small coordinate that sees big coordinate `at` under `tap`, if there is one.
    #[inline(always)]
    fn small_coordinate(&self, at: usize, tap: usize) -> Option<usize> {
        let shifted = (at + 1).checked_sub(tap)?;
        (shifted.is_multiple_of(self.stride) && shifted / self.stride < self.small).then_some(shifted / self.stride)
    }

    /// `[small][big][tap]` to `[small][tap][big]`: the rows that a small spike adds.
    fn rows_by_small(&self, weights: &[f32]) -> Vec<f32> {
        let (cb, mut rows) = (self.big_channels, vec![0.0; weights.len()]);
        for (i, &w) in weights.iter().enumerate() {
            let (s, b, tap) = (i / (cb * TAPS), i / TAPS % cb, i % TAPS);
            rows[(s * TAPS + tap) * cb + b] = w;
        }
        rows
    }

    /// `[small][big][tap]` to `[big][tap][small]`: the rows that a big spike adds.
    fn rows_by_big(&self, weights: &[f32]) -> Vec<f32> {
        let (cb, cs, mut rows) = (self.big_channels, self.small_channels, vec![0.0; weights.len()]);
        for (i, &w) in weights.iter().enumerate() {
            let (s, b, tap) = (i / (cb * TAPS), i / TAPS % cb, i % TAPS);
            rows[(b * TAPS + tap) * cs + s] = w;
        }
        rows
    }

    /// The inverse of [`rows_by_small`](Self::rows_by_small).
    fn from_rows_by_small(&self, rows: &[f32]) -> Vec<f32> {
        let cb = self.big_channels;
        (0..rows.len()).map(|i| rows[(i / (cb * TAPS) * TAPS + i % TAPS) * cb + i / TAPS % cb]).collect()
    }

    /// The inverse of [`rows_by_big`](Self::rows_by_big).
    fn from_rows_by_big(&self, rows: &[f32]) -> Vec<f32> {
        let (cb, cs) = (self.big_channels, self.small_channels);
        (0..rows.len()).map(|i| rows[(i / TAPS % cb * TAPS + i % TAPS) * cs + i / (cb * TAPS)]).collect()
    }

    /// Calls `f(value, weight row, big row)` for each synapse row of each non-zero small value (rows counted in channels).
    #[inline(always)]
    fn synapses_of_small(&self, small: &[f32], mut f: impl FnMut(f32, usize, usize)) {
        for (position, channels) in small.chunks_exact(self.small_channels).enumerate() {
            let (y, x) = (position / self.small, position % self.small);
            for_each_nonzero(channels, |c, value| {
                for ky in 0..3 {
                    let Some(by) = self.big_coordinate(y, ky) else { continue };
                    for kx in 0..3 {
                        let Some(bx) = self.big_coordinate(x, kx) else { continue };
                        f(value, c * TAPS + ky * 3 + kx, by * self.big + bx);
                    }
                }
            });
        }
    }

    /// Calls `f(value, weight row, small row)` for each synapse row of each non-zero big value (rows counted in channels).
    #[inline(always)]
    fn synapses_of_big(&self, big: &[f32], mut f: impl FnMut(f32, usize, usize)) {
        for (position, channels) in big.chunks_exact(self.big_channels).enumerate() {
            let (y, x) = (position / self.big, position % self.big);
            for_each_nonzero(channels, |c, value| {
                for ky in 0..3 {
                    let Some(sy) = self.small_coordinate(y, ky) else { continue };
                    for kx in 0..3 {
                        let Some(sx) = self.small_coordinate(x, kx) else { continue };
                        f(value, c * TAPS + ky * 3 + kx, sy * self.small + sx);
                    }
                }
            });
        }
    }

    /// Pictures whose im2col fits the cache together, at least one.
    fn pictures_per_chunk(&self) -> usize {
        (COLUMN_FLOATS / (TAPS * self.big_channels * self.small * self.small)).max(1)
    }
}

/// Convolution of mostly-zero pictures: big `[n, big, big, big_channels]` to small `[n, small, small, small_channels]`.
pub fn gather_events(g: Geometry, weights: &[f32], big: &[f32], small: &mut [f32]) {
    let (rows, cs) = (g.rows_by_big(weights), g.small_channels);
    small.par_chunks_mut(g.small_len()).zip(big.par_chunks(g.big_len())).for_each(|(small, big)| {
        pulp::Arch::new().dispatch(|| {
            small.fill(0.0);
            g.synapses_of_big(big, |value, w, s| add_scaled(&mut small[s * cs..][..cs], &rows[w * cs..][..cs], value));
        });
    });
}

/// Transposed convolution of mostly-zero pictures: small `[n, small, small, small_channels]` to big `[n, big, big, big_channels]`.
pub fn scatter_events(g: Geometry, weights: &[f32], small: &[f32], big: &mut [f32]) {
    let (rows, cb) = (g.rows_by_small(weights), g.big_channels);
    big.par_chunks_mut(g.big_len()).zip(small.par_chunks(g.small_len())).for_each(|(big, small)| {
        pulp::Arch::new().dispatch(|| {
            big.fill(0.0);
            g.synapses_of_small(small, |value, w, b| add_scaled(&mut big[b * cb..][..cb], &rows[w * cb..][..cb], value));
        });
    });
}

/// Weight gradient of a convolution whose input `big` is mostly zeros.
pub fn gather_weight_gradient(g: Geometry, big: &[f32], small_gradient: &[f32]) -> Vec<f32> {
    let cs = g.small_channels;
    let rows = sum_over_pictures(g, big, small_gradient, |rows, big, small| {
        g.synapses_of_big(big, |value, w, s| add_scaled(&mut rows[w * cs..][..cs], &small[s * cs..][..cs], value));
    });
    g.from_rows_by_big(&rows)
}

/// Weight gradient of a transposed convolution whose input `small` is mostly zeros.
pub fn scatter_weight_gradient(g: Geometry, big_gradient: &[f32], small: &[f32]) -> Vec<f32> {
    let cb = g.big_channels;
    let rows = sum_over_pictures(g, big_gradient, small, |rows, big, small| {
        g.synapses_of_small(small, |value, w, b| add_scaled(&mut rows[w * cb..][..cb], &big[b * cb..][..cb], value));
    });
    g.from_rows_by_small(&rows)
}

/// Adds up what `accumulate(rows, big, small)` adds for each picture, in a fixed number of tasks and a fixed order.
fn sum_over_pictures(g: Geometry, big: &[f32], small: &[f32], accumulate: impl Fn(&mut [f32], &[f32], &[f32]) + Sync) -> Vec<f32> {
    let pictures = (big.len() / g.big_len()).div_ceil(TASKS).max(1);
    let partial: Vec<Vec<f32>> = big
        .par_chunks(pictures * g.big_len())
        .zip(small.par_chunks(pictures * g.small_len()))
        .map(|(big, small)| {
            let mut rows = vec![0.0; g.weights_len()];
            pulp::Arch::new().dispatch(|| {
                for (big, small) in big.chunks_exact(g.big_len()).zip(small.chunks_exact(g.small_len())) {
                    accumulate(&mut rows, big, small);
                }
            });
            rows
        })
        .collect();
    let mut sum = vec![0.0; g.weights_len()];
    for rows in &partial {
        add_scaled(&mut sum, rows, 1.0);
    }
    sum
}

/// Convolution of any pictures; the backward pass of a transposed one. Shapes as in [`gather_events`].
pub fn gather_dense(g: Geometry, weights: &[f32], big: &[f32], small: &mut [f32]) {
    let (rows, columns) = (g.rows_by_small(weights), TAPS * g.big_channels);
    let n = g.pictures_per_chunk();
    small.par_chunks_mut(n * g.small_len()).zip(big.par_chunks(n * g.big_len())).for_each_init(Vec::new, |buffer, (small, big)| {
        let positions = small.len() / g.small_channels;
        buffer.resize(positions * columns, 0.0);
        picture_to_columns(g, big, buffer);
        // small[position][cs] = sum over column of buffer[position][column] * rows[cs][column]
        multiply((positions, columns, g.small_channels), (buffer, columns, 1), (&rows, 1, columns), small);
    });
}

/// Transposed convolution of any pictures; the backward pass of a convolution. Shapes as in [`scatter_events`].
pub fn scatter_dense(g: Geometry, weights: &[f32], small: &[f32], big: &mut [f32]) {
    let (rows, columns) = (g.rows_by_small(weights), TAPS * g.big_channels);
    let n = g.pictures_per_chunk();
    big.par_chunks_mut(n * g.big_len()).zip(small.par_chunks(n * g.small_len())).for_each_init(Vec::new, |buffer, (big, small)| {
        let positions = small.len() / g.small_channels;
        buffer.resize(positions * columns, 0.0);
        multiply((positions, g.small_channels, columns), (small, g.small_channels, 1), (&rows, columns, 1), buffer);
        columns_to_picture(g, buffer, big);
    });
}

/// im2col: for each small position the nine big rows under its taps, zeros outside.
fn picture_to_columns(g: Geometry, big: &[f32], columns: &mut [f32]) {
    let cb = g.big_channels;
    for (picture, block) in big.chunks_exact(g.big_len()).zip(columns.chunks_exact_mut(g.small * g.small * TAPS * cb)) {
        for (position, taps) in block.chunks_exact_mut(TAPS * cb).enumerate() {
            for (tap, row) in taps.chunks_exact_mut(cb).enumerate() {
                match (g.big_coordinate(position / g.small, tap / 3), g.big_coordinate(position % g.small, tap % 3)) {
                    (Some(y), Some(x)) => row.copy_from_slice(&picture[(y * g.big + x) * cb..][..cb]),
                    _ => row.fill(0.0),
                }
            }
        }
    }
}

/// col2im: adds each small position's nine rows to the big rows under its taps.
fn columns_to_picture(g: Geometry, columns: &[f32], big: &mut [f32]) {
    let cb = g.big_channels;
    pulp::Arch::new().dispatch(|| {
        for (picture, block) in big.chunks_exact_mut(g.big_len()).zip(columns.chunks_exact(g.small * g.small * TAPS * cb)) {
            picture.fill(0.0);
            for (position, taps) in block.chunks_exact(TAPS * cb).enumerate() {
                for (tap, row) in taps.chunks_exact(cb).enumerate() {
                    if let (Some(y), Some(x)) =
                        (g.big_coordinate(position / g.small, tap / 3), g.big_coordinate(position % g.small, tap % 3))
                    {
                        add_scaled(&mut picture[(y * g.big + x) * cb..][..cb], row, 1.0);
                    }
                }
            }
        }
    });
}

/// `out[m][n] = sum over k of left[m][k] * right[k][n]`; `left` and `right` come with their row and column strides.
fn multiply((m, k, n): (usize, usize, usize), left: (&[f32], usize, usize), right: (&[f32], usize, usize), out: &mut [f32]) {
    assert!(m > 0 && k > 0 && n > 0 && out.len() == m * n);
    assert!((m - 1) * left.1 + (k - 1) * left.2 < left.0.len() && (k - 1) * right.1 + (n - 1) * right.2 < right.0.len());
    // SAFETY: the assertions above keep every address that the strides reach inside the three slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            left.0.as_ptr(),
            left.2 as isize,
            left.1 as isize,
            right.0.as_ptr(),
            right.2 as isize,
            right.1 as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every synapse of the geometry, by the definition: `f(weight index, small index, big index)`.
    fn each_synapse(g: Geometry, mut f: impl FnMut(usize, usize, usize)) {
        for (sy, sx) in (0..g.small).flat_map(|y| (0..g.small).map(move |x| (y, x))) {
            for (ky, kx) in (0..3).flat_map(|y| (0..3).map(move |x| (y, x))) {
                let (by, bx) = ((sy * g.stride + ky) as isize - 1, (sx * g.stride + kx) as isize - 1);
                if by < 0 || bx < 0 || by >= g.big as isize || bx >= g.big as isize {
                    continue;
                }
                for (s, b) in (0..g.small_channels).flat_map(|s| (0..g.big_channels).map(move |b| (s, b))) {
                    let small = (sy * g.small + sx) * g.small_channels + s;
                    let big = (by as usize * g.big + bx as usize) * g.big_channels + b;
                    f(((s * g.big_channels + b) * 3 + ky) * 3 + kx, small, big);
                }
            }
        }
    }

    fn close(a: &[f32], b: &[f32]) -> Result<(), TestCaseError> {
        prop_assert_eq!(a.len(), b.len());
        for (x, y) in a.iter().zip(b) {
            prop_assert!((x - y).abs() <= 1e-4 * (1.0 + y.abs()), "{} is not {}", x, y);
        }
        Ok(())
    }

    fn case() -> impl Strategy<Value = (Geometry, Vec<f32>, Vec<f32>, Vec<f32>)> {
        (1usize..5, 1usize..70, 1usize..40, 1usize..3, 1usize..4).prop_flat_map(|(small, cb, cs, stride, n)| {
            let g = Geometry { big: small * stride, small, big_channels: cb, small_channels: cs, stride };
            let value = prop_oneof![3 => Just(0.0f32), 1 => Just(1.0f32), 1 => -2.0f32..2.0];
            let floats = |len| prop::collection::vec(value.clone(), len);
            (Just(g), floats(g.weights_len()), floats(n * g.big_len()), floats(n * g.small_len()))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_kernel_equals_the_definition((g, weights, big, small) in case()) {
            let (mut small_out, mut big_out, mut gradient) = (vec![0.0; small.len()], vec![0.0; big.len()], vec![0.0; weights.len()]);
            for n in 0..small.len() / g.small_len() {
                let (s0, b0) = (n * g.small_len(), n * g.big_len());
                each_synapse(g, |w, s, b| {
                    small_out[s0 + s] += weights[w] * big[b0 + b];
                    big_out[b0 + b] += weights[w] * small[s0 + s];
                    gradient[w] += small[s0 + s] * big[b0 + b];
                });
            }
            let mut out = vec![9.0; small.len()];
            gather_events(g, &weights, &big, &mut out);
            close(&out, &small_out)?;
            gather_dense(g, &weights, &big, &mut out);
            close(&out, &small_out)?;
            let mut out = vec![9.0; big.len()];
            scatter_events(g, &weights, &small, &mut out);
            close(&out, &big_out)?;
            scatter_dense(g, &weights, &small, &mut out);
            close(&out, &big_out)?;
            close(&gather_weight_gradient(g, &big, &small), &gradient)?;
            close(&scatter_weight_gradient(g, &big, &small), &gradient)?;
        }
    }
}
