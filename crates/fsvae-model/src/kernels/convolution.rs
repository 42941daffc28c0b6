//! 3x3 convolutions with padding 1 (`gather`, big picture to small) and their transposes (`scatter`, small to big).
//!
//! ```text
//!                       input are spikes                                    any input
//!   gather              lists under the taps x weights                      im2col, x weights
//!   scatter             lists x weights, col2im                             x weights, col2im
//!   weight gradient     lists, transposed, x gradient of the currents       a matrix product
//!   input gradient      a matrix product with col2im (gather) or im2col (scatter) around it
//! ```

use super::geometry::Geometry;
use super::matrix::{Matrix, multiply, transposed};
use super::spikes::SpikeLists;
use super::{TASKS, sum_of_parts};
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

/// The weights of a layer, ready for use.
///
/// They arrive as PyTorch keeps them, `[small channel][big channel][ky][kx]`: that is `[out][in]` of a convolution and `[in][out]` of a
/// transposed one.
pub struct Kernel {
    geometry: Geometry,
    transposed: bool,
    input: Input,
    /// `[small channel][column]`.
    by_small: Vec<f32>,
    /// `[column][small channel]`.
    by_column: Vec<f32>,
}

/// Buffers of one task.
#[derive(Default)]
pub struct KernelScratch {
    columns: Vec<f32>,
    lists: SpikeLists,
    under_taps: SpikeLists,
    transposed: SpikeLists,
}

impl KernelScratch {
    fn columns(&mut self, g: Geometry, pictures: usize) -> &mut [f32] {
        self.columns.resize(pictures * g.small_positions() * g.columns(), 0.0);
        &mut self.columns
    }

    fn list(&mut self, spikes: &[f32], channels: usize) {
        self.lists.clear();
        self.lists.extend(spikes, channels);
    }

    /// Lists big pictures, and their im2col.
    fn list_under_taps(&mut self, g: Geometry, big: &[f32]) {
        self.list(big, g.big_channels);
        self.under_taps.clear();
        for picture in 0..self.lists.rows() / (g.big * g.big) {
            for position in 0..g.small_positions() {
                for (inside, at) in g.under_taps(position) {
                    for (tap, at) in inside.zip(picture * g.big * g.big + at..) {
                        self.under_taps.extend_row(&self.lists, at, tap * g.big_channels);
                    }
                }
                self.under_taps.end_row();
            }
        }
    }
}

impl Kernel {
    /// A convolution, or a transposed one, with these weights.
    pub fn new(geometry: Geometry, transposed_kernel: bool, input: Input, weights: &[f32]) -> Self {
        let by_small = geometry.rows_by_small(weights);
        let by_column = transposed(&by_small, geometry.columns());
        Self { geometry, transposed: transposed_kernel, input, by_small, by_column }
    }

    /// Floats of an input picture.
    pub fn input_len(&self) -> usize {
        if self.transposed { self.geometry.small_len() } else { self.geometry.big_len() }
    }

    /// Floats of an output picture.
    pub fn output_len(&self) -> usize {
        if self.transposed { self.geometry.big_len() } else { self.geometry.small_len() }
    }

    /// Floats of the weights.
    pub fn weights_len(&self) -> usize {
        self.by_small.len()
    }

    /// Pictures whose im2col fits the cache together, at least one.
    pub fn pictures_at_a_time(&self) -> usize {
        (COLUMN_FLOATS / (self.geometry.small_positions() * self.geometry.columns())).max(1)
    }

    /// Convolves pictures.
    pub fn forward(&self, scratch: &mut KernelScratch, x: &[f32], y: &mut [f32]) {
        let n = self.pictures_at_a_time();
        for (x, y) in x.chunks(n * self.input_len()).zip(y.chunks_mut(n * self.output_len())) {
            if self.transposed { self.scatter(scratch, x, y) } else { self.gather(scratch, x, y) }
        }
    }

    /// From the gradient of the output pictures to that of the input pictures, where it is wanted; and adds that of the weights to `sum`.
    pub fn backward(&self, scratch: &mut KernelScratch, x: &[f32], dy: &[f32], mut dx: Option<&mut [f32]>, sum: &mut [f32]) {
        let n = self.pictures_at_a_time();
        for (i, (x, dy)) in x.chunks(n * self.input_len()).zip(dy.chunks(n * self.output_len())).enumerate() {
            let dx = dx.as_mut().map(|dx| &mut dx[i * n * self.input_len()..][..x.len()]);
            if self.transposed { self.scatter_backward(scratch, x, dy, dx, sum) } else { self.gather_backward(scratch, x, dy, dx, sum) }
        }
    }

    /// What [`backward`](Self::backward) summed, in the layout of the weights.
    pub fn weight_gradient(&self, sum: &[f32]) -> Vec<f32> {
        match self.transposed {
            true => self.geometry.from_rows_by_small(sum),
            false => self.geometry.from_rows_by_small(&transposed(sum, self.geometry.small_channels)),
        }
    }

    fn gather(&self, scratch: &mut KernelScratch, big: &[f32], small: &mut [f32]) {
        let (g, k, cs) = (self.geometry, self.geometry.columns(), self.geometry.small_channels);
        match self.input {
            Input::Spikes => {
                scratch.list_under_taps(g, big);
                scratch.under_taps.product(&self.by_column, cs, small, false);
            }
            Input::Real => {
                let columns = scratch.columns(g, big.len() / g.big_len());
                g.picture_to_columns(big, columns);
                multiply((small.len() / cs, k, cs), Matrix::new(columns, k), Matrix::new(&self.by_column, cs), small, false);
            }
        }
    }

    fn scatter(&self, scratch: &mut KernelScratch, small: &[f32], big: &mut [f32]) {
        let (g, k, cs) = (self.geometry, self.geometry.columns(), self.geometry.small_channels);
        scratch.columns(g, small.len() / g.small_len());
        match self.input {
            Input::Spikes => {
                scratch.list(small, cs);
                scratch.lists.product(&self.by_small, k, &mut scratch.columns, false);
            }
            Input::Real => {
                let (small, weights) = (Matrix::new(small, cs), Matrix::new(&self.by_small, k));
                multiply((scratch.columns.len() / k, cs, k), small, weights, &mut scratch.columns, false);
            }
        }
        g.columns_to_picture(&scratch.columns, big);
    }

    /// The sum is `[column][small channel]`.
    fn gather_backward(&self, scratch: &mut KernelScratch, big: &[f32], d_small: &[f32], d_big: Option<&mut [f32]>, sum: &mut [f32]) {
        let (g, k, cs) = (self.geometry, self.geometry.columns(), self.geometry.small_channels);
        let (n, positions) = (big.len() / g.big_len(), d_small.len() / cs);
        match self.input {
            Input::Spikes => {
                scratch.list_under_taps(g, big);
                scratch.transposed.transpose(&scratch.under_taps, k);
                scratch.transposed.product(d_small, cs, sum, true);
            }
            Input::Real => {
                let columns = scratch.columns(g, n);
                g.picture_to_columns(big, columns);
                multiply((k, positions, cs), Matrix::new(columns, k).transposed(), Matrix::new(d_small, cs), sum, true);
            }
        }
        if let Some(d_big) = d_big {
            let columns = scratch.columns(g, n);
            multiply((positions, cs, k), Matrix::new(d_small, cs), Matrix::new(&self.by_small, k), columns, false);
            g.columns_to_picture(columns, d_big);
        }
    }

    /// The sum is `[small channel][column]`.
    fn scatter_backward(&self, scratch: &mut KernelScratch, small: &[f32], d_big: &[f32], d_small: Option<&mut [f32]>, sum: &mut [f32]) {
        let (g, k, cs) = (self.geometry, self.geometry.columns(), self.geometry.small_channels);
        let positions = small.len() / cs;
        g.picture_to_columns(d_big, scratch.columns(g, small.len() / g.small_len()));
        match self.input {
            Input::Spikes => {
                scratch.list(small, cs);
                scratch.transposed.transpose(&scratch.lists, cs);
                scratch.transposed.product(&scratch.columns, k, sum, true);
            }
            Input::Real => {
                multiply((cs, positions, k), Matrix::new(small, cs).transposed(), Matrix::new(&scratch.columns, k), sum, true);
            }
        }
        if let Some(d_small) = d_small {
            multiply((positions, k, cs), Matrix::new(&scratch.columns, k), Matrix::new(&self.by_column, cs), d_small, false);
        }
    }
}

/// Convolves pictures, in parallel.
pub fn convolve(kernel: &Kernel, x: &[f32], y: &mut [f32]) {
    let n = kernel.pictures_at_a_time();
    x.par_chunks(n * kernel.input_len())
        .zip(y.par_chunks_mut(n * kernel.output_len()))
        .for_each_init(KernelScratch::default, |scratch, (x, y)| kernel.forward(scratch, x, y));
}

/// From the gradient of [`convolve`]'s output to that of its weights and, where wanted, of its input.
pub fn convolve_backward(kernel: &Kernel, x: &[f32], dy: &[f32], dx: Option<&mut [f32]>) -> Vec<f32> {
    let n = (x.len() / kernel.input_len()).div_ceil(TASKS).max(1);
    let tasks = x.par_chunks(n * kernel.input_len()).zip(dy.par_chunks(n * kernel.output_len()));
    let dx: Vec<Option<&mut [f32]>> = match dx {
        Some(dx) => dx.chunks_mut(n * kernel.input_len()).map(Some).collect(),
        None => (0..tasks.len()).map(|_| None).collect(),
    };
    let parts: Vec<Vec<f32>> = tasks
        .zip(dx)
        .map_init(KernelScratch::default, |scratch, ((x, dy), dx)| {
            let mut sum = vec![0.0; kernel.weights_len()];
            kernel.backward(scratch, x, dy, dx, &mut sum);
            sum
        })
        .collect();
    kernel.weight_gradient(&sum_of_parts(parts))
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
            let (gather, scatter) = (Kernel::new(g, false, input, &weights), Kernel::new(g, true, input, &weights));
            convolve(&gather, &big, &mut out);
            close(&out, &gathered)?;
            close(&convolve_backward(&scatter, &small, &big_gradient, Some(&mut out)), &of_scatter.0)?;
            close(&out, &of_scatter.1)?;
            close(&convolve_backward(&scatter, &small, &big_gradient, None), &of_scatter.0)?;
            let mut out = vec![9.0; big.len()];
            convolve(&scatter, &small, &mut out);
            close(&out, &scattered)?;
            close(&convolve_backward(&gather, &big, &small_gradient, Some(&mut out)), &of_gather.0)?;
            close(&out, &of_gather.1)?;
            close(&convolve_backward(&gather, &big, &small_gradient, None), &of_gather.0)?;
        }
    }
}
