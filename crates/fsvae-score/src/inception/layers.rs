//! The layers on one picture: convolution with batch normalisation and ReLU, the poolings, and laying maps side by side.

use super::architecture::{Branch, Pool, Spec};
use super::weights::Weights;
use crate::InceptionError;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};
use std::borrow::Cow;

/// TensorFlow's and torchvision's.
const EPSILON: f64 = 1e-3;
/// Output positions whose columns are formed at a time: they stay in the second-level cache.
const BLOCK: usize = 256;

/// Feature maps of one picture, `[height][width][channels]`.
#[derive(Clone, Debug)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Last index.
    pub channels: usize,
    /// Row-major.
    pub values: Vec<f32>,
}

impl Map {
    fn zeros(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels, values: vec![0.0; height * width * channels] }
    }

    fn at(&self, y: usize, x: usize) -> &[f32] {
        &self.values[(y * self.width + x) * self.channels..][..self.channels]
    }

    /// All channels of maps of one size.
    pub fn side_by_side(maps: &[Self]) -> Self {
        let mut all = Self::zeros(maps[0].height, maps[0].width, maps.iter().map(|map| map.channels).sum());
        for (position, mut to) in all.values.chunks_exact_mut(all.channels).enumerate() {
            for map in maps {
                let (part, rest) = to.split_at_mut(map.channels);
                part.copy_from_slice(&map.values[position * map.channels..][..map.channels]);
                to = rest;
            }
        }
        all
    }

    /// The mean of each channel.
    pub fn means(&self) -> Vec<f32> {
        let mut sums = vec![0f64; self.channels];
        self.values.chunks_exact(self.channels).for_each(|at| sums.iter_mut().zip(at).for_each(|(sum, &x)| *sum += f64::from(x)));
        sums.iter().map(|sum| (sum / (self.height * self.width) as f64) as f32).collect()
    }

    /// The input positions under a window, along one axis: none of the padding.
    fn under(at: usize, stride: usize, size: usize, padding: usize, end: usize) -> std::ops::Range<usize> {
        let first = at * stride;
        first.saturating_sub(padding)..(first + size).saturating_sub(padding).min(end)
    }

    /// Folds what lies under each 3x3 window, channel by channel, and ends with the number of positions.
    fn fold(&self, stride: usize, padding: usize, start: f32, f: fn(f32, f32) -> f32, end: impl Fn(f32, usize) -> f32) -> Self {
        let side = |side: usize| (side + 2 * padding - 3) / stride + 1;
        let mut out = Self::zeros(side(self.height), side(self.width), self.channels);
        for (position, out_at) in out.values.chunks_exact_mut(self.channels).enumerate() {
            let rows = Self::under(position / out.width, stride, 3, padding, self.height);
            let columns = Self::under(position % out.width, stride, 3, padding, self.width);
            let count = rows.len() * columns.len();
            out_at.fill(start);
            for (y, x) in rows.flat_map(|y| columns.clone().map(move |x| (y, x))) {
                out_at.iter_mut().zip(self.at(y, x)).for_each(|(out, &x)| *out = f(*out, x));
            }
            out_at.iter_mut().for_each(|out| *out = end(*out, count));
        }
        out
    }
}

impl Pool {
    fn apply(self, x: &Map) -> Map {
        match self {
            Self::Max { stride, padding } => x.fold(stride, padding, f32::NEG_INFINITY, f32::max, |max, _| max),
            Self::Average { with_padding } => {
                x.fold(1, 1, 0.0, |a, b| a + b, |sum, count| sum / if with_padding { 9.0 } else { count as f32 })
            }
        }
    }
}

impl Branch<Convolution> {
    /// The outputs of the fork, or the one of the chain.
    pub fn apply(&self, x: &Map) -> Vec<Map> {
        let start = self.pool.map_or(Cow::Borrowed(x), |pool| Cow::Owned(pool.apply(x)));
        let end = self.chain.iter().fold(start, |x, convolution| Cow::Owned(convolution.apply(&x)));
        if self.fork.is_empty() { vec![end.into_owned()] } else { self.fork.iter().map(|convolution| convolution.apply(&end)).collect() }
    }
}

/// A convolution with batch normalisation (folded in) and ReLU.
#[derive(Clone, Debug)]
pub struct Convolution {
    spec: Spec,
    /// `[outputs, tap * inputs + input]`.
    weight: DMatrix<f32>,
    bias: Vec<f32>,
}

impl Convolution {
    /// Takes `NAME.conv.weight` and `NAME.bn.*` out of a file.
    ///
    /// # Errors
    /// A tensor that is missing or not what the network demands.
    pub fn read(weights: &Weights<'_>, spec: Spec, inputs: usize) -> Result<Self, InceptionError> {
        let (outputs, [height, width]) = (spec.outputs, spec.kernel);
        let taps = height * width;
        let kernel = weights.tensor(&format!("{}.conv.weight", spec.name), &[outputs, inputs, height, width])?;
        let vector = |part: &str| weights.tensor(&format!("{}.bn.{part}", spec.name), &[outputs]);
        let (gamma, beta, mean) = (vector("weight")?, vector("bias")?, vector("running_mean")?);
        let variance = weights.variance(&format!("{}.bn.running_var", spec.name), &[outputs])?;
        let scale: Vec<f64> = gamma.iter().zip(&variance).map(|(&g, &v)| f64::from(g) / (f64::from(v) + EPSILON).sqrt()).collect();
        let weight = DMatrix::from_fn(outputs, taps * inputs, |output, at| {
            let value = kernel[(output * inputs + at % inputs) * taps + at / inputs];
            (f64::from(value) * scale[output]) as f32
        });
        let bias = (0..outputs).map(|i| (f64::from(beta[i]) - f64::from(mean[i]) * scale[i]) as f32).collect();
        Ok(Self { spec, weight, bias })
    }

    fn apply(&self, x: &Map) -> Map {
        let Spec { kernel, stride, padding, outputs, .. } = self.spec;
        let side = |axis: usize, side: usize| (side + 2 * padding[axis] - kernel[axis]) / stride + 1;
        let mut y = Map::zeros(side(0, x.height), side(1, x.width), outputs);
        let (width, rows) = (y.width, self.weight.ncols());
        let pointwise = kernel == [1, 1] && stride == 1;
        let mut columns = vec![0.0; if pointwise { 0 } else { BLOCK * rows }];
        for (block, y) in y.values.chunks_mut(BLOCK * outputs).enumerate() {
            let (first, count) = (block * BLOCK, y.len() / outputs);
            let columns = if pointwise {
                &x.values[first * rows..][..count * rows]
            } else {
                let columns = &mut columns[..count * rows];
                columns
                    .chunks_exact_mut(rows)
                    .enumerate()
                    .for_each(|(i, column)| self.column(x, (first + i) / width, (first + i) % width, column));
                columns
            };
            let columns = DMatrixView::from_slice(columns, rows, count);
            DMatrixViewMut::from_slice(y, outputs, count).gemm(1.0, &self.weight, &columns, 0.0);
            y.chunks_exact_mut(outputs).for_each(|y| y.iter_mut().zip(&self.bias).for_each(|(y, bias)| *y = (*y + bias).max(0.0)));
        }
        y
    }

    /// What lies under the kernel at output position (y, x), tap after tap.
    fn column(&self, input: &Map, y: usize, x: usize, column: &mut [f32]) {
        let Spec { kernel: [height, width], stride, padding: [above, left], .. } = self.spec;
        let inside = |at: usize, padding: usize, end: usize| at.checked_sub(padding).filter(|&at| at < end);
        let taps = (0..height).flat_map(|ky| (0..width).map(move |kx| (ky, kx)));
        for ((ky, kx), to) in taps.zip(column.chunks_exact_mut(input.channels)) {
            match (inside(y * stride + ky, above, input.height), inside(x * stride + kx, left, input.width)) {
                (Some(y), Some(x)) => to.copy_from_slice(input.at(y, x)),
                _ => to.fill(0.0),
            }
        }
    }
}
