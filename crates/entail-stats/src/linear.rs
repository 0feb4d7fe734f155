//! Small symmetric systems.

/// A pivot below this share of its diagonal entry is rounding.
const SINGULAR_SHARE: f64 = 1e-12;

/// The lower triangle `L` of `A = L L^T`, column by column: sums over the columns before then run
/// down one column after the other, side by side for all rows below and each in the same order.
#[derive(Debug)]
pub(crate) struct Cholesky {
    size: usize,
    columns: Vec<f64>,
}

impl Cholesky {
    /// Of a symmetric matrix given column by column, of which the lower triangle is read; `None`
    /// unless it is positive definite beyond rounding.
    pub(crate) fn of(matrix: Vec<f64>, size: usize) -> Option<Self> {
        assert_eq!(matrix.len(), size * size, "a matrix has size times size entries");
        let mut columns = matrix;
        let mut known = vec![0.0; size];
        for j in 0..size {
            let (before, own) = columns.split_at_mut(j * size);
            let (own, known) = (&mut own[j..size], &mut known[j..]);
            known.fill(0.0);
            for column in before.chunks_exact(size) {
                let column = &column[j..];
                let factor = column[0];
                known.iter_mut().zip(column).for_each(|(sum, x)| *sum += x * factor);
            }
            let left = own[0] - known[0];
            if left <= SINGULAR_SHARE * own[0] || left.is_nan() {
                return None;
            }
            let pivot = left.sqrt();
            own[0] = pivot;
            for (entry, known) in own.iter_mut().zip(&*known).skip(1) {
                *entry = (*entry - known) / pivot;
            }
        }
        Some(Self { size, columns })
    }

    /// `L^-1 x` in place; the sum of its squares is `x^T A^-1 x`.
    pub(crate) fn solve_lower(&self, x: &mut [f64]) {
        let mut known = vec![0.0; self.size];
        for j in 0..self.size {
            let column = &self.columns[j * self.size..][..self.size];
            let solved = (x[j] - known[j]) / column[j];
            x[j] = solved;
            let below = known[j + 1..].iter_mut().zip(&column[j + 1..]);
            below.for_each(|(sum, entry)| *sum += entry * solved);
        }
    }

    /// The same for `count` right sides at once, which stand row by row.
    pub(crate) fn solve_lower_all(&self, x: &mut [f64], count: usize) {
        assert_eq!(x.len(), self.size * count, "every right side has an entry in each row");
        let mut known = vec![0.0; count];
        for i in 0..self.size {
            let (solved, rest) = x.split_at_mut(i * count);
            known.fill(0.0);
            for (k, row) in solved.chunks_exact(count).enumerate() {
                let entry = self.columns[k * self.size + i];
                known.iter_mut().zip(row).for_each(|(sum, x)| *sum += entry * x);
            }
            let pivot = self.columns[i * (self.size + 1)];
            for (x, known) in rest[..count].iter_mut().zip(&known) {
                *x = (*x - known) / pivot;
            }
        }
    }

    /// Natural logarithm of the determinant of `A`.
    pub(crate) fn log_determinant(&self) -> f64 {
        2.0 * (0..self.size).map(|i| self.columns[i * (self.size + 1)].ln()).sum::<f64>()
    }
}

/// Sum of products.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
