//! Dense matrix products.

use rayon::prelude::*;

/// A matrix in a slice: its numbers, and how far apart neighbours in a column and in a row lie.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row by row.
    pub fn new(values: &'a [f32], columns: usize) -> Self {
        Self { values, row_stride: columns, column_stride: 1 }
    }

    /// Its transpose.
    pub fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.values.len()
    }
}

/// `out = left * right`, or with `add`, `out += left * right`; `left` is m x k, `right` k x n. On one thread.
pub fn multiply((m, k, n): (usize, usize, usize), left: Matrix, right: Matrix, out: &mut [f32], add: bool) {
    assert!(m > 0 && k > 0 && n > 0 && out.len() == m * n && left.holds(m, k) && right.holds(k, n));
    // SAFETY: the assertion keeps every address that the strides reach inside the three slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            add,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// The transpose of a matrix with so many columns.
pub fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns;
    let mut out = vec![0.0; matrix.len()];
    out.par_chunks_mut(TILE * rows).enumerate().for_each(|(i, out)| {
        for row in (0..rows).step_by(TILE) {
            let from = &matrix[row * columns + i * TILE..];
            let (height, width) = (TILE.min(rows - row), out.len() / rows);
            if (height, width) == (TILE, TILE) {
                pulp::Arch::new().dispatch(|| turn_tile(from, columns, &mut out[row..], rows));
            } else {
                (0..width).for_each(|c| (0..height).for_each(|r| out[c * rows + row + r] = from[r * columns + c]));
            }
        }
    });
    out
}

/// Side of a tile: its rows and its columns fill whole cache lines.
const TILE: usize = 16;

/// One whole tile; both matrices begin at its corner.
#[inline(always)]
fn turn_tile(from: &[f32], columns: usize, to: &mut [f32], rows: usize) {
    let mut tile = [[0f32; TILE]; TILE];
    for (r, from) in from.chunks(columns).take(TILE).enumerate() {
        let from: &[f32; TILE] = from.first_chunk().expect("a whole tile");
        (0..TILE).for_each(|c| tile[c][r] = from[c]);
    }
    for (to, tile) in to.chunks_mut(rows).zip(&tile) {
        to[..TILE].copy_from_slice(tile);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_become_columns(rows in 1usize..70, columns in 1usize..70) {
            let matrix: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let found = transposed(&matrix, columns);
            for (r, c) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                prop_assert_eq!(found[c * rows + r], matrix[r * columns + c]);
            }
        }
    }
}
