//! 3x3 convolutions with padding 1 (`gather`) and their transposes (`scatter`), forward and backward.
//!
//! ```text
//!                       input are spikes                                    any input
//!   gather              lists under the taps x weights                      im2col, x weights
//!   scatter             lists x weights, col2im                             x weights, col2im
//!   weight gradient     lists, transposed, x gradient of the currents       a matrix product
//!   input gradient      a matrix product with col2im (gather) or im2col (scatter) around it
//! ```
//!
//! Weights arrive as PyTorch keeps them, `[small channel][big channel][ky][kx]` (that is `[out][in]` of a convolution and
//! `[in][out]` of a transposed one), and are brought into row order once a call.

use super::geometry::Geometry;
use super::matrix::{Matrix, multiply};
use super::spikes::SpikeLists;
use super::{TASKS, add};
use rayon::prelude::*;

/// Floats of an im2col buffer: it should stay in the second-level cache.
const COLUMN_FLOATS: usize = 160_000;

/// What a layer listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Zeros and ones, mostly zeros.
    Spikes,
    /// Any numbers.
    Real,
}

/// Buffers of one task.
#[derive(Default)]
struct Scratch {
    columns: Vec<f32>,
    lists: SpikeLists,
    under_taps: SpikeLists,
    transposed: SpikeLists,
}

impl Scratch {
    fn columns(&mut self, g: Geometry, pictures: usize) -> &mut [f32] {
        self.columns.resize(pictures * g.small_positions() * g.columns(), 0.0);
        &mut self.columns
    }

    fn list(&mut self, spikes: &[f32], channels: usize) {
        self.lists.clear();
        self.lists.extend(spikes, channels);
    }

    /// im2col of the listed big pictures.
    fn list_under_taps(&mut self, g: Geometry) {
        self.under_taps.clear();
        for picture in 0..self.lists.rows() / (g.big * g.big) {
            for position in 0..g.small_positions() {
                for (tap, at) in g.under_taps(position).into_iter().enumerate() {
                    if let Some(at) = at {
                        self.under_taps.extend_row(&self.lists, picture * g.big * g.big + at, tap * g.big_channels);
                    }
                }
                self.under_taps.end_row();
            }
        }
    }
}

/// Pictures whose im2col fits the cache together, at least one.
fn pictures_per_chunk(g: Geometry) -> usize {
    (COLUMN_FLOATS / (g.small_positions() * g.columns())).max(1)
}

/// Convolution: big `[n, big, big, big_channels]` to small `[n, small, small, small_channels]`.
pub fn gather(g: Geometry, input: Input, weights: &[f32], big: &[f32], small: &mut [f32]) {
    let (rows, k, cs) = (g.rows_by_small(weights), g.columns(), g.small_channels);
    let by_column = transposed(&rows, k);
    let n = pictures_per_chunk(g);
    let chunks = small.par_chunks_mut(n * g.small_len()).zip(big.par_chunks(n * g.big_len()));
    chunks.for_each_init(Scratch::default, |scratch, (small, big)| match input {
        Input::Spikes => {
            scratch.list(big, g.big_channels);
            scratch.list_under_taps(g);
            scratch.under_taps.product(&by_column, cs, small, false);
        }
        Input::Real => {
            let columns = scratch.columns(g, big.len() / g.big_len());
            g.picture_to_columns(big, columns);
            multiply((small.len() / cs, k, cs), Matrix::new(columns, k), Matrix::new(&by_column, cs), small, false);
        }
    });
}

/// Transposed convolution: small `[n, small, small, small_channels]` to big `[n, big, big, big_channels]`.
pub fn scatter(g: Geometry, input: Input, weights: &[f32], small: &[f32], big: &mut [f32]) {
    let (rows, k, cs) = (g.rows_by_small(weights), g.columns(), g.small_channels);
    let n = pictures_per_chunk(g);
    let chunks = big.par_chunks_mut(n * g.big_len()).zip(small.par_chunks(n * g.small_len()));
    chunks.for_each_init(Scratch::default, |scratch, (big, small)| {
        scratch.columns(g, small.len() / g.small_len());
        match input {
            Input::Spikes => {
                scratch.list(small, cs);
                scratch.lists.product(&rows, k, &mut scratch.columns, false);
            }
            Input::Real => multiply((small.len() / cs, cs, k), Matrix::new(small, cs), Matrix::new(&rows, k), &mut scratch.columns, false),
        }
        g.columns_to_picture(&scratch.columns, big);
    });
}

/// From the gradient of a convolution's output to that of its weights and, where wanted, of its input.
pub fn gather_backward(
    g: Geometry,
    input: Input,
    weights: &[f32],
    big: &[f32],
    small_gradient: &[f32],
    big_gradient: Option<&mut [f32]>,
) -> Vec<f32> {
    let (rows, k, cs) = (g.rows_by_small(weights), g.columns(), g.small_channels);
    let sum = sum_over_chunks(g, big, small_gradient, (big_gradient, g.big_len()), |scratch, sum, big, small_gradient, out| {
        let (n, positions) = (big.len() / g.big_len(), small_gradient.len() / cs);
        match input {
            Input::Spikes => {
                scratch.list(big, g.big_channels);
                scratch.list_under_taps(g);
                scratch.transposed.transpose(&scratch.under_taps, k);
                scratch.transposed.product(small_gradient, cs, sum, true);
            }
            Input::Real => {
                let columns = scratch.columns(g, n);
                g.picture_to_columns(big, columns);
                multiply((k, positions, cs), Matrix::new(columns, k).transposed(), Matrix::new(small_gradient, cs), sum, true);
            }
        }
        if let Some(out) = out {
            let columns = scratch.columns(g, n);
            multiply((positions, cs, k), Matrix::new(small_gradient, cs), Matrix::new(&rows, k), columns, false);
            g.columns_to_picture(columns, out);
        }
    });
    g.from_rows_by_small(&transposed(&sum, cs))
}

/// From the gradient of a transposed convolution's output to that of its weights and, where wanted, of its input.
pub fn scatter_backward(
    g: Geometry,
    input: Input,
    weights: &[f32],
    small: &[f32],
    big_gradient: &[f32],
    small_gradient: Option<&mut [f32]>,
) -> Vec<f32> {
    let (rows, k, cs) = (g.rows_by_small(weights), g.columns(), g.small_channels);
    let by_column = transposed(&rows, k);
    let sum = sum_over_chunks(g, big_gradient, small, (small_gradient, g.small_len()), |scratch, sum, big_gradient, small, out| {
        let positions = small.len() / cs;
        g.picture_to_columns(big_gradient, scratch.columns(g, small.len() / g.small_len()));
        match input {
            Input::Spikes => {
                scratch.list(small, cs);
                scratch.transposed.transpose(&scratch.lists, cs);
                scratch.transposed.product(&scratch.columns, k, sum, true);
            }
            Input::Real => {
                multiply((cs, positions, k), Matrix::new(small, cs).transposed(), Matrix::new(&scratch.columns, k), sum, true);
            }
        }
        if let Some(out) = out {
            multiply((positions, k, cs), Matrix::new(&scratch.columns, k), Matrix::new(&by_column, cs), out, false);
        }
    });
    g.from_rows_by_small(&sum)
}

/// Adds up what `accumulate(scratch, sum, big, small, out)` adds for each chunk of pictures, in a fixed number of tasks and a fixed
/// order; `out` are those chunks' shares of a buffer with so many floats a picture, if there is one.
fn sum_over_chunks(
    g: Geometry,
    big: &[f32],
    small: &[f32],
    (out, out_len): (Option<&mut [f32]>, usize),
    accumulate: impl Fn(&mut Scratch, &mut [f32], &[f32], &[f32], Option<&mut [f32]>) + Sync,
) -> Vec<f32> {
    let per_task = (big.len() / g.big_len()).div_ceil(TASKS).max(1);
    let tasks = big.par_chunks(per_task * g.big_len()).zip(small.par_chunks(per_task * g.small_len()));
    let shares: Vec<Option<&mut [f32]>> = match out {
        Some(out) => out.chunks_mut(per_task * out_len).map(Some).collect(),
        None => (0..tasks.len()).map(|_| None).collect(),
    };
    let per_chunk = pictures_per_chunk(g);
    let partial: Vec<Vec<f32>> = tasks
        .zip(shares)
        .map_init(Scratch::default, |scratch, ((big, small), mut share)| {
            let mut sum = vec![0.0; g.weights_len()];
            for (big, small) in big.chunks(per_chunk * g.big_len()).zip(small.chunks(per_chunk * g.small_len())) {
                let out = share.take().map(|rest| {
                    let (out, rest) = rest.split_at_mut(big.len() / g.big_len() * out_len);
                    share = Some(rest);
                    out
                });
                accumulate(scratch, &mut sum, big, small, out);
            }
            sum
        })
        .collect();
    let mut sum = vec![0.0; g.weights_len()];
    sum.par_chunks_mut(1 << 12).enumerate().for_each(|(i, sum)| {
        for partial in &partial {
            add(sum, &partial[i << 12..][..sum.len()]);
        }
    });
    sum
}

/// The transpose of a matrix with so many columns.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns;
    let mut out = vec![0.0; matrix.len()];
    for (r, row) in matrix.chunks_exact(columns).enumerate() {
        row.iter().enumerate().for_each(|(c, v)| out[c * rows + r] = *v);
    }
    out
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

    /// Geometry, input, weights, big, small, big gradient, small gradient.
    #[derive(Debug)]
    struct Case(Geometry, Input, [Vec<f32>; 5]);

    fn case() -> impl Strategy<Value = Case> {
        let input = prop_oneof![Just(Input::Spikes), Just(Input::Real)];
        (1usize..5, 1usize..70, 1usize..40, 1usize..3, 1usize..20, input).prop_flat_map(|(small, cb, cs, stride, n, input)| {
            let g = Geometry { big: small * stride, small, big_channels: cb, small_channels: cs, stride };
            let real = |len| prop::collection::vec(prop_oneof![1 => Just(0.0f32), 3 => -2.0f32..2.0], len);
            let shown = move |len| match input {
                Input::Spikes => prop::collection::vec(prop_oneof![3 => Just(0.0f32), 1 => Just(1.0f32)], len).boxed(),
                Input::Real => real(len).boxed(),
            };
            let (big, small) = (n * g.big_len(), n * g.small_len());
            (real(g.weights_len()), shown(big), shown(small), real(big), real(small))
                .prop_map(move |(w, b, s, db, ds)| Case(g, input, [w, b, s, db, ds]))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_kernel_equals_the_definition(Case(g, input, [weights, big, small, big_gradient, small_gradient]) in case()) {
            let zeros = |like: &[f32]| vec![0.0; like.len()];
            let (mut gathered, mut scattered) = (zeros(&small), zeros(&big));
            let (mut of_gather, mut of_scatter) = ((zeros(&weights), zeros(&big)), (zeros(&weights), zeros(&small)));
            for n in 0..small.len() / g.small_len() {
                let (s0, b0) = (n * g.small_len(), n * g.big_len());
                each_synapse(g, |w, s, b| {
                    let (s, b) = (s0 + s, b0 + b);
                    gathered[s] += weights[w] * big[b];
                    scattered[b] += weights[w] * small[s];
                    of_gather.0[w] += small_gradient[s] * big[b];
                    of_gather.1[b] += small_gradient[s] * weights[w];
                    of_scatter.0[w] += big_gradient[b] * small[s];
                    of_scatter.1[s] += big_gradient[b] * weights[w];
                });
            }
            let mut out = vec![9.0; small.len()];
            gather(g, input, &weights, &big, &mut out);
            close(&out, &gathered)?;
            close(&scatter_backward(g, input, &weights, &small, &big_gradient, Some(&mut out)), &of_scatter.0)?;
            close(&out, &of_scatter.1)?;
            close(&scatter_backward(g, input, &weights, &small, &big_gradient, None), &of_scatter.0)?;
            let mut out = vec![9.0; big.len()];
            scatter(g, input, &weights, &small, &mut out);
            close(&out, &scattered)?;
            close(&gather_backward(g, input, &weights, &big, &small_gradient, Some(&mut out)), &of_gather.0)?;
            close(&out, &of_gather.1)?;
            close(&gather_backward(g, input, &weights, &big, &small_gradient, None), &of_gather.0)?;
        }
    }
}
