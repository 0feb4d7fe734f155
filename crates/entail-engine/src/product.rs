//! Matrix products: the one place that calls the `gemm` crate, and the crate's only `unsafe`.
//!
//! [`rows_product`] issues a product in fixed row tiles so that what a row's result is does not depend on how
//! many other rows are in the batch or on its place among them: the crate picks its blocking from the shape, and
//! the shape of a tile never changes. [`product`] is the plain call, for products whose inner dimension is the
//! batch itself (weight gradients), where the batch is part of the recipe anyway.

use crate::real::Real;

/// Rows in one tile of [`rows_product`]. Shorter batches are padded with zeros up to it.
pub(crate) const ROW_TILE: usize = 64;

/// A read-only matrix over a slice: entry `(i, j)` is at `i * row_stride + j * col_stride`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// `rows × cols`, row-major and dense.
    pub(crate) fn dense(data: &'a [T], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// `rows × cols` whose rows start `row_stride` apart.
    ///
    /// # Panics
    /// When the last entry lies outside `data`.
    pub(crate) fn strided(data: &'a [T], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(fits(data.len(), rows, cols, row_stride), "a {rows}x{cols} matrix fits its slice");
        Self { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// The rows from `row` on of a row-major matrix. Without columns there may be no entries to point at.
    fn rows_from(self, row: usize) -> Self {
        let start = if self.cols == 0 { 0 } else { row * self.row_stride };
        Self { data: &self.data[start..], rows: self.rows - row, ..self }
    }

    /// The transpose, without moving anything.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// A writable row-major matrix over a slice.
#[derive(Debug)]
pub(crate) struct MatrixMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a, T> MatrixMut<'a, T> {
    /// `rows × cols`, dense.
    pub(crate) fn dense(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// `rows × cols` whose rows start `row_stride` apart.
    ///
    /// # Panics
    /// When the last entry lies outside `data`.
    pub(crate) fn strided(data: &'a mut [T], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(fits(data.len(), rows, cols, row_stride), "a {rows}x{cols} matrix fits its slice");
        Self { data, rows, cols, row_stride }
    }
}

fn fits(len: usize, rows: usize, cols: usize, row_stride: usize) -> bool {
    cols <= row_stride && (rows == 0 || cols == 0 || (rows - 1) * row_stride + cols <= len)
}

/// Whether a product overwrites its destination or adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    /// `destination = scale * left * right`
    Overwrite,
    /// `destination += scale * left * right`
    Add,
}

/// `destination (+)= scale * left * right`, in one call.
///
/// # Panics
/// When the shapes do not chain: that is a bug of the caller.
pub(crate) fn product<T: Real>(
    destination: MatrixMut<'_, T>,
    left: Matrix<'_, T>,
    right: Matrix<'_, T>,
    scale: T,
    into: Into,
) {
    let MatrixMut { data, rows, cols, row_stride } = destination;
    let (m, n, k) = (left.rows, right.cols, left.cols);
    assert_eq!((rows, cols, right.rows), (m, n, k), "the shapes of a product chain");
    if m == 0 || n == 0 {
        return;
    }
    let read = into == Into::Add;
    // SAFETY: every pointer covers its matrix, since `strided` checked that the last entry is inside the slice;
    // the destination is borrowed mutably, so it overlaps neither operand.
    #[expect(unsafe_code, reason = "the product crate takes raw pointers")]
    #[expect(clippy::cast_possible_wrap, reason = "strides are below isize::MAX, as slices are")]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            data.as_mut_ptr(),
            1,
            row_stride as isize,
            read,
            left.data.as_ptr(),
            left.col_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.col_stride as isize,
            right.row_stride as isize,
            if read { T::ONE } else { T::ZERO },
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// `destination (+)= scale * left * right` in tiles of [`ROW_TILE`] rows of `left` (which must be row-major).
///
/// A row's result depends on that row and on `right` alone, bit for bit.
pub(crate) fn rows_product<T: Real>(
    destination: MatrixMut<'_, T>,
    left: Matrix<'_, T>,
    right: Matrix<'_, T>,
    scale: T,
    into: Into,
) {
    assert_eq!(left.col_stride, 1, "row tiles need row-major rows");
    let MatrixMut { data, rows, cols: n, row_stride: stride } = destination;
    assert_eq!(rows, left.rows, "a product has a row for each row of its left side");
    let k = left.cols;
    if n == 0 {
        return;
    }
    let full = rows - rows % ROW_TILE;
    for start in (0..full).step_by(ROW_TILE) {
        let tile = MatrixMut::strided(&mut data[start * stride..], ROW_TILE, n, stride);
        let rows = Matrix { rows: ROW_TILE, ..left.rows_from(start) };
        product(tile, rows, right, scale, into);
    }
    if full < rows {
        let rest = rows - full;
        let mut padded = vec![T::ZERO; ROW_TILE * (k + n)];
        let (left_pad, out_pad) = padded.split_at_mut(ROW_TILE * k);
        for (i, row) in left_pad.chunks_exact_mut(k.max(1)).take(rest).enumerate() {
            row.copy_from_slice(&left.rows_from(full + i).data[..k]);
        }
        for (i, row) in out_pad.chunks_exact_mut(n).take(rest).enumerate() {
            row.copy_from_slice(&data[(full + i) * stride..][..n]);
        }
        let rows = Matrix::dense(left_pad, ROW_TILE, k);
        product(MatrixMut::dense(&mut *out_pad, ROW_TILE, n), rows, right, scale, into);
        for (i, row) in out_pad.chunks_exact(n).take(rest).enumerate() {
            data[(full + i) * stride..][..n].copy_from_slice(row);
        }
    }
}

#[cfg(test)]
mod tests;
