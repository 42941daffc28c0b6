//! Spikes as lists: a matrix of zeros and ones by the places of its ones.
//!
//! A product with such a matrix multiplies nothing: a row of the result is the sum of those rows of the other matrix that are listed.
//! That is the whole arithmetic of a layer whose input are spikes: forward with the weights, and, lists transposed, with the
//! gradient of the currents for that of the weights.
//!
//! ```text
//!   spikes [0 1 0 0 1]     weights [ w0 ]     currents
//!          [0 0 1 0 0]  x          [ w1 ]  =  [ w1 + w4 ]
//!                                  [ .. ]     [ w2      ]
//! ```

use pulp::{Simd, WithSimd};
use std::ops::Range;

/// A matrix of zeros and ones, row by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpikeLists {
    /// Where each row's list ends in `active`.
    ends: Vec<u32>,
    /// Columns of the ones.
    active: Vec<u32>,
}

impl SpikeLists {
    /// No rows.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.active.clear();
    }

    /// Appends the rows of `values`, whose entries are 0 or 1.
    pub fn extend(&mut self, values: &[f32], columns: usize) {
        for row in values.chunks_exact(columns) {
            self.extend_row_from(row, 0);
            self.end_row();
        }
    }

    /// Appends the rows of one matrix with those of another to their right, each given with its columns.
    pub fn extend_beside(&mut self, (left, moved): (&[f32], usize), (right, columns): (&[f32], usize)) {
        for (left, right) in left.chunks_exact(moved).zip(right.chunks_exact(columns)) {
            self.extend_row_from(left, 0);
            self.extend_row_from(right, moved);
            self.end_row();
        }
    }

    /// Appends to the row under construction the ones of `values`, moved right.
    #[inline(always)]
    fn extend_row_from(&mut self, values: &[f32], right: usize) {
        const BLOCK: usize = 32;
        for (b, block) in values.chunks(BLOCK).enumerate() {
            let mut mask = 0u32;
            for (i, v) in block.iter().enumerate() {
                mask |= u32::from(*v != 0.0) << i;
            }
            while mask != 0 {
                self.active.push((right + b * BLOCK) as u32 + mask.trailing_zeros());
                mask &= mask - 1;
            }
        }
    }

    /// Appends to the row under construction the columns of `other`'s row, moved right.
    #[inline(always)]
    pub fn extend_row(&mut self, other: &Self, row: usize, right: usize) {
        self.active.extend(other.row(row).iter().map(|c| c + right as u32));
    }

    /// Ends the row under construction.
    #[inline(always)]
    pub fn end_row(&mut self) {
        self.ends.push(self.active.len() as u32);
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Columns of the ones of a row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &[u32] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.active[start as usize..self.ends[row] as usize]
    }

    /// Makes `self` the transpose of `other`, which has this many columns.
    pub fn transpose(&mut self, other: &Self, columns: usize) {
        self.ends.clear();
        self.ends.resize(columns + 1, 0);
        for &c in &other.active {
            self.ends[c as usize + 1] += 1;
        }
        for c in 0..columns {
            self.ends[c + 1] += self.ends[c];
        }
        // Now `ends` holds where each list starts; filling the lists moves it to where they end.
        self.ends.truncate(columns);
        self.active.clear();
        self.active.resize(other.active.len(), 0);
        for row in 0..other.rows() {
            for &c in other.row(row) {
                let end = &mut self.ends[c as usize];
                self.active[*end as usize] = row as u32;
                *end += 1;
            }
        }
    }

    /// `out = self * matrix`, or with `add`, `out += self * matrix`; `matrix` and `out` have this many columns.
    pub fn product(&self, matrix: &[f32], columns: usize, out: &mut [f32], add: bool) {
        self.product_of_rows(0..self.rows(), matrix, columns, out, add);
    }

    /// These rows of [`product`](Self::product).
    pub fn product_of_rows(&self, rows: Range<usize>, matrix: &[f32], columns: usize, out: &mut [f32], add: bool) {
        assert_eq!(out.len(), rows.len() * columns);
        pulp::Arch::new().dispatch(Product { lists: self, rows, matrix, columns, out, add });
    }
}

struct Product<'a> {
    lists: &'a SpikeLists,
    rows: Range<usize>,
    matrix: &'a [f32],
    columns: usize,
    out: &'a mut [f32],
    add: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    /// Block of columns by block of columns: a block of sums stays in registers, a block of the matrix in the second-level cache.
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut first = 0;
        while first < self.columns {
            first += match (self.columns - first) / S::F32_LANES {
                16.. => self.block::<S, 16>(simd, first),
                8.. => self.block::<S, 8>(simd, first),
                4.. => self.block::<S, 4>(simd, first),
                2.. => self.block::<S, 2>(simd, first),
                1 => self.block::<S, 1>(simd, first),
                0 => self.rest(simd, first),
            };
        }
    }
}

impl Product<'_> {
    /// N vectors of columns of every row; gives the number of columns.
    #[inline(always)]
    fn block<S: Simd, const N: usize>(&mut self, simd: S, first: usize) -> usize {
        let width = N * S::F32_LANES;
        for (at, row) in self.rows.clone().enumerate() {
            let out = &mut self.out[at * self.columns + first..][..width];
            let out: &mut [S::f32s; N] = S::as_mut_simd_f32s(out).0.first_chunk_mut().expect("N vectors");
            let mut sum = if self.add { *out } else { [simd.splat_f32s(0.0); N] };
            for &c in self.lists.row(row) {
                let row = &self.matrix[c as usize * self.columns + first..][..width];
                let row: &[S::f32s; N] = S::as_simd_f32s(row).0.first_chunk().expect("N vectors");
                for i in 0..N {
                    sum[i] = simd.add_f32s(sum[i], row[i]);
                }
            }
            *out = sum;
        }
        width
    }

    /// The columns that do not fill a vector.
    #[inline(always)]
    fn rest<S: Simd>(&mut self, simd: S, first: usize) -> usize {
        let width = self.columns - first;
        for (at, row) in self.rows.clone().enumerate() {
            let out = &mut self.out[at * self.columns + first..][..width];
            let mut sum = if self.add { simd.partial_load_f32s(out) } else { simd.splat_f32s(0.0) };
            for &c in self.lists.row(row) {
                sum = simd.add_f32s(sum, simd.partial_load_f32s(&self.matrix[c as usize * self.columns + first..][..width]));
            }
            simd.partial_store_f32s(out, sum);
        }
        width
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn case() -> impl Strategy<Value = (usize, usize, Vec<f32>, Vec<f32>)> {
        (1usize..9, 1usize..70, 1usize..600).prop_flat_map(|(rows, inner, columns)| {
            let spikes = prop::collection::vec(prop_oneof![3 => Just(0.0f32), 1 => Just(1.0)], rows * inner);
            (Just(rows), Just(columns), spikes, prop::collection::vec(-2.0f32..2.0, inner * columns))
        })
    }

    proptest! {
        #[test]
        fn product_is_the_matrix_product_and_transpose_the_transpose((rows, columns, spikes, matrix) in case()) {
            let inner = spikes.len() / rows;
            let mut lists = SpikeLists::default();
            lists.extend(&spikes, inner);
            prop_assert_eq!(lists.rows(), rows);
            let mut expected = vec![0.0; rows * columns];
            for (r, i) in (0..rows).flat_map(|r| (0..inner).map(move |i| (r, i))) {
                for c in 0..columns {
                    expected[r * columns + c] += spikes[r * inner + i] * matrix[i * columns + c];
                }
            }
            let mut out = vec![9.0; rows * columns];
            lists.product(&matrix, columns, &mut out, false);
            prop_assert_eq!(&out, &expected);
            lists.product(&vec![1.0; inner * columns], columns, &mut out, true);
            for (r, out) in out.chunks_exact(columns).enumerate() {
                let count: f32 = spikes[r * inner..][..inner].iter().sum();
                prop_assert!(out.iter().zip(&expected[r * columns..]).all(|(o, e)| (o - e - count).abs() < 1e-3));
            }

            let transposed: Vec<f32> = (0..inner * rows).map(|i| spikes[i % rows * inner + i / rows]).collect();
            let (mut expected, mut actual) = (SpikeLists::default(), SpikeLists::default());
            expected.extend(&transposed, rows);
            actual.transpose(&lists, inner);
            prop_assert_eq!(actual, expected);
        }
    }
}
