//! Small symmetric systems.

/// A pivot below this share of its diagonal entry is rounding.
const SINGULAR_SHARE: f64 = 1e-12;

/// The lower triangle `L` of `A = L L^T`, row by row.
#[derive(Debug)]
pub(crate) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Of a symmetric matrix given row by row, of which the lower triangle is read; `None` unless
    /// it is positive definite beyond rounding.
    pub(crate) fn of(matrix: &[f64], size: usize) -> Option<Self> {
        assert_eq!(matrix.len(), size * size, "a matrix has size times size entries");
        let mut lower = matrix.to_vec();
        for i in 0..size {
            for j in 0..=i {
                let (row_i, row_j) = (&lower[i * size..], &lower[j * size..]);
                let known: f64 = row_i[..j].iter().zip(&row_j[..j]).map(|(a, b)| a * b).sum();
                let left = lower[i * size + j] - known;
                if j < i {
                    lower[i * size + j] = left / lower[j * size + j];
                } else if left > SINGULAR_SHARE * lower[i * size + i] {
                    lower[i * size + i] = left.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Self { size, lower })
    }

    /// `L^-1 x` in place; the sum of its squares is `x^T A^-1 x`.
    pub(crate) fn solve_lower(&self, x: &mut [f64]) {
        for i in 0..self.size {
            let (known, rest) = x.split_at_mut(i);
            let row = &self.lower[i * self.size..];
            let sum: f64 = row[..i].iter().zip(known).map(|(a, b)| a * *b).sum();
            rest[0] = (rest[0] - sum) / row[i];
        }
    }

    /// Natural logarithm of the determinant of `A`.
    pub(crate) fn log_determinant(&self) -> f64 {
        2.0 * (0..self.size).map(|i| self.lower[i * (self.size + 1)].ln()).sum::<f64>()
    }
}

/// Sum of products.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
