//! Eigenvalues of small symmetric matrices.

/// Convergence is quadratic: matrices of twenty columns take under ten sweeps.
const MAX_SWEEPS: usize = 60;

/// Eigenvalues in descending order, and the unit vectors that belong to them.
#[derive(Debug)]
pub(super) struct Eigen {
    pub(super) values: Vec<f64>,
    /// `vectors[k]` belongs to `values[k]`; its entry of largest magnitude is positive.
    pub(super) vectors: Vec<Vec<f64>>,
}

/// Eigenvalues and vectors of a symmetric matrix with finite entries.
pub(super) fn symmetric_eigen(matrix: &[Vec<f64>]) -> Eigen {
    let n = matrix.len();
    let mut a = matrix.to_vec();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(i == j)).collect()).collect();
    diagonalize(&mut a, &mut vectors);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j][j].total_cmp(&a[i][i]));
    Eigen {
        values: order.iter().map(|&k| a[k][k]).collect(),
        vectors: order.iter().map(|&k| positive_at_peak(&vectors[k])).collect(),
    }
}

/// Its eigenvalues alone, in descending order.
pub(super) fn symmetric_eigenvalues(matrix: &[Vec<f64>]) -> Vec<f64> {
    let mut a = matrix.to_vec();
    diagonalize(&mut a, &mut vec![Vec::new(); matrix.len()]);
    let mut values: Vec<f64> = a.iter().enumerate().map(|(k, row)| row[k]).collect();
    values.sort_by(|x, y| y.total_cmp(x));
    values
}

/// Cyclic Jacobi rotations (Golub and Van Loan 2013, "Matrix Computations", section 8.5). What they
/// do to the rows of the matrix they do to the vectors too, of whatever length these are.
fn diagonalize(a: &mut [Vec<f64>], vectors: &mut [Vec<f64>]) {
    let n = a.len();
    let total: f64 = a.iter().flatten().map(|x| x * x).sum();
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..n).flat_map(|i| a[i][..i].iter()).map(|x| x * x).sum();
        if off <= total * f64::EPSILON.powi(2) {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                annihilate(a, vectors, p, q);
            }
        }
    }
}

/// Turns rows and columns `p < q` of `a` so that `a[p][q]` becomes zero.
fn annihilate(a: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    if a[p][q].abs() < f64::MIN_POSITIVE {
        return;
    }
    let tau = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
    for row in a.iter_mut() {
        (row[p], row[q]) = turn(row[p], row[q]);
    }
    for rows in [a, vectors] {
        let (above, below) = rows.split_at_mut(q);
        for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
            (*x, *y) = turn(*x, *y);
        }
    }
}

/// The vector or its negative, so that the first entry of largest magnitude is positive.
pub(super) fn positive_at_peak(vector: &[f64]) -> Vec<f64> {
    let peak = vector.iter().fold(0.0_f64, |top, &x| if x.abs() > top.abs() { x } else { top });
    vector.iter().map(|x| x * peak.signum()).collect()
}

#[cfg(test)]
mod tests;
