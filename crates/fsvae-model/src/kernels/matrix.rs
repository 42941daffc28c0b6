//! Dense matrix products.

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
    for (r, row) in matrix.chunks_exact(columns).enumerate() {
        row.iter().enumerate().for_each(|(c, v)| out[c * rows + r] = *v);
    }
    out
}
