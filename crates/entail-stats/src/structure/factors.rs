//! Exploratory factors: how many there are, and which stances load on them.
//!
//! Twenty stances on twelve replicates give a singular matrix and loadings that another twelve
//! replicates would change much. Parallel analysis takes the number of rows into account; the
//! loadings themselves are a description.

use entail_schema::Seed;

use super::correlation::{Correlations, correlations};
use super::matrix::{Eigen, positive_at_peak, symmetric_eigen, symmetric_eigenvalues};
use super::quantile;

/// Share of a stance's variance that is its own, at least, as in R's `factanal`.
const MIN_UNIQUENESS: f64 = 0.005;
/// Added to the eigenvalues for the start only, which a singular matrix would not have.
const START_RIDGE: f64 = 1e-3;
/// Change of communalities that counts as none.
const SETTLED_COMMUNALITY: f64 = 1e-12;
const MAX_STEPS: usize = 10_000;
/// Radians of a rotation that count as none.
const SETTLED_ANGLE: f64 = 1e-13;
const MAX_SWEEPS: usize = 1000;

/// Why there are no factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FactorError {
    /// No factor, or as many as columns that vary.
    #[error(
        "{asked} factors of {columns} columns that vary, needs one or more and fewer than columns"
    )]
    Count {
        /// Factors asked for.
        asked: usize,
        /// Columns that vary.
        columns: usize,
    },
    /// The numbers still change: often a sign of one factor too many.
    #[error("no fixed point after {steps} steps")]
    NotConverged {
        /// Steps taken.
        steps: usize,
    },
}

/// What an observed eigenvalue has to exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// The mean of those of random data (Horn 1965); finds a factor in nothing rather often.
    Mean,
    /// Their 95th percentile (Glorfeld 1995).
    Percentile95,
}

/// Observed eigenvalues beside those of data without factors.
#[derive(Debug, Clone, PartialEq)]
pub struct ParallelAnalysis {
    /// Eigenvalues of the correlation matrix, descending; their sum is the number of columns.
    pub observed: Vec<f64>,
    /// Threshold of each.
    pub reference: Vec<f64>,
    /// Leading eigenvalues above their thresholds.
    pub n_factors: usize,
}

/// Number of factors by parallel analysis (Horn 1965, "A rationale and test for the number of
/// factors in factor analysis"): eigenvalues of the correlation matrix count as long as each
/// exceeds those of `draws` tables of independent normal numbers with as many rows and columns.
///
/// Tables have [`Correlations::rows`] rows, so removed means of arms are allowed for.
///
/// # Panics
/// Without draws.
pub fn parallel_analysis(
    correlations: &Correlations,
    threshold: Threshold,
    draws: u64,
    seed: Seed,
) -> ParallelAnalysis {
    assert!(draws > 0, "a reference needs random tables");
    let width = correlations.columns().len();
    let observed = symmetric_eigenvalues(correlations.matrix());
    let random: Vec<Vec<f64>> =
        (0..draws).map(|draw| random_eigenvalues(correlations.rows(), width, seed, draw)).collect();
    let reference: Vec<f64> = (0..width)
        .map(|rank| summarise(random.iter().map(|values| values[rank]).collect(), threshold))
        .collect();
    let n_factors =
        observed.iter().zip(&reference).take_while(|(seen, by_chance)| seen > by_chance);
    ParallelAnalysis { n_factors: n_factors.count(), observed, reference }
}

fn random_eigenvalues(rows: usize, width: usize, seed: Seed, draw: u64) -> Vec<f64> {
    let mut stream = seed.stream("parallel analysis", draw);
    let table = (0..rows).map(|_| (0..width).map(|_| stream.normal()).collect()).collect();
    let random = correlations(&[table]).expect("normal numbers in as many rows as were observed");
    symmetric_eigenvalues(random.matrix())
}

fn summarise(mut values: Vec<f64>, threshold: Threshold) -> f64 {
    match threshold {
        Threshold::Mean => values.iter().sum::<f64>() / values.len() as f64,
        Threshold::Percentile95 => {
            values.sort_by(f64::total_cmp);
            quantile(&values, 0.95)
        }
    }
}

/// Loadings of stances on factors that are uncorrelated and have unit variance.
///
/// Factors stand in descending order of their share; in each the loading of largest magnitude is
/// positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// Columns that vary, as in [`Correlations::columns`]; the others have no loadings.
    pub columns: Vec<usize>,
    /// `loadings[i][factor]` is the correlation of stance `columns[i]` with the factor.
    pub loadings: Vec<Vec<f64>>,
    /// Share of each stance's variance that the factors carry: its squared loadings' sum.
    pub communalities: Vec<f64>,
    /// Share of the variance of all these stances that each factor carries.
    pub shares: Vec<f64>,
    /// Columns whose own variance would be nothing or negative (Heywood cases), held at 0.005.
    /// Their communality may exceed 1, and the factors are to be mistrusted: too many for the rows.
    pub improper: Vec<usize>,
}

/// Principal-axis factoring, iterated to its fixed point (Harman 1976, "Modern Factor Analysis",
/// chapter 8): communalities replace the ones on the diagonal, the leading eigenvectors give
/// loadings, those give communalities. The start is the squared multiple correlations.
///
/// A step is a gradient step of length one on the sum of squared residual correlations, so the
/// fixed point is the minimum-residual solution (Harman and Jones 1966) under the bound on own
/// variances. That makes it comparable with `minres` elsewhere, and it needs no inverse of the
/// matrix, which maximum likelihood does and which fewer replicates than stances do not have.
///
/// # Errors
/// [`FactorError`].
pub fn principal_axis(
    correlations: &Correlations,
    n_factors: usize,
) -> Result<Factors, FactorError> {
    let columns = correlations.columns();
    if n_factors == 0 || n_factors >= columns.len() {
        return Err(FactorError::Count { asked: n_factors, columns: columns.len() });
    }
    let mut reduced = correlations.matrix().to_vec();
    let mut communalities = squared_multiple_correlations(&symmetric_eigen(&reduced));
    for _ in 0..MAX_STEPS {
        for (i, communality) in communalities.iter().enumerate() {
            reduced[i][i] = *communality;
        }
        let loadings = leading_loadings(&symmetric_eigen(&reduced), n_factors);
        let carried = loadings.iter().map(|row| squares(row).min(1.0 - MIN_UNIQUENESS));
        let next: Vec<f64> = carried.collect();
        let change = |(new, old): (&f64, &f64)| (new - old).abs();
        let moved = next.iter().zip(&communalities).map(change).fold(0.0, f64::max);
        communalities = next;
        if moved <= SETTLED_COMMUNALITY {
            return Ok(Factors::arranged(columns, &loadings));
        }
    }
    Err(FactorError::NotConverged { steps: MAX_STEPS })
}

/// `1 - 1 / (R + ridge)^-1_ii`, what the other columns say about each.
fn squared_multiple_correlations(eigen: &Eigen) -> Vec<f64> {
    let inverse_diagonal = |i: usize| -> f64 {
        let parts = eigen.values.iter().zip(&eigen.vectors);
        parts.map(|(value, vector)| vector[i].powi(2) / (value.max(0.0) + START_RIDGE)).sum()
    };
    let n = eigen.values.len();
    (0..n).map(|i| (1.0 - 1.0 / inverse_diagonal(i)).clamp(0.0, 1.0 - MIN_UNIQUENESS)).collect()
}

/// `loadings[i][k] = sqrt(value_k) vector_k[i]`; a factor of negative variance is none.
fn leading_loadings(eigen: &Eigen, n_factors: usize) -> Vec<Vec<f64>> {
    let loading = |i: usize, k: usize| eigen.values[k].max(0.0).sqrt() * eigen.vectors[k][i];
    let n = eigen.values.len();
    (0..n).map(|i| (0..n_factors).map(|k| loading(i, k)).collect()).collect()
}

impl Factors {
    /// The same factor space turned so that each stance loads on few factors: varimax (Kaiser
    /// 1958, "The varimax criterion for analytic rotation in factor analysis"), with Kaiser's
    /// normalisation, so that each stance weighs the same however small its communality.
    ///
    /// # Errors
    /// [`FactorError::NotConverged`].
    pub fn varimax(&self) -> Result<Self, FactorError> {
        // A stance without loadings has no direction and keeps its zeros.
        let length = |h: &f64| if *h > 0.0 { h.sqrt() } else { 1.0 };
        let lengths: Vec<f64> = self.communalities.iter().map(length).collect();
        let rows = self.loadings.iter().zip(&lengths);
        let mut unit: Vec<Vec<f64>> = rows.map(|(row, length)| scaled(row, 1.0 / length)).collect();
        rotate_to_varimax(&mut unit)?;
        let rows = unit.iter().zip(&lengths);
        let turned: Vec<Vec<f64>> = rows.map(|(row, length)| scaled(row, *length)).collect();
        Ok(Self { improper: self.improper.clone(), ..Self::arranged(&self.columns, &turned) })
    }

    /// Factors in descending order of share, each with its sign.
    fn arranged(columns: &[usize], loadings: &[Vec<f64>]) -> Self {
        let n_factors = loadings[0].len();
        let factor = |k: usize| loadings.iter().map(|row| row[k]).collect::<Vec<f64>>();
        let mut factors: Vec<Vec<f64>> =
            (0..n_factors).map(|k| positive_at_peak(&factor(k))).collect();
        factors.sort_by(|a, b| squares(b).total_cmp(&squares(a)));
        let loadings: Vec<Vec<f64>> =
            (0..columns.len()).map(|i| factors.iter().map(|factor| factor[i]).collect()).collect();
        let communalities: Vec<f64> = loadings.iter().map(|row| squares(row)).collect();
        let held = |(column, h): (&usize, &f64)| (*h >= 1.0 - MIN_UNIQUENESS).then_some(*column);
        Self {
            columns: columns.to_vec(),
            shares: factors.iter().map(|f| squares(f) / columns.len() as f64).collect(),
            improper: columns.iter().zip(&communalities).filter_map(held).collect(),
            loadings,
            communalities,
        }
    }
}

/// Turns pairs of factors to their best angle until none moves.
fn rotate_to_varimax(loadings: &mut [Vec<f64>]) -> Result<(), FactorError> {
    let n_factors = loadings[0].len();
    for _ in 0..MAX_SWEEPS {
        let mut widest = 0.0_f64;
        for j in 0..n_factors {
            for k in j + 1..n_factors {
                let angle = varimax_angle(loadings, j, k);
                widest = widest.max(angle.abs());
                let (sine, cosine) = angle.sin_cos();
                for row in loadings.iter_mut() {
                    let (x, y) = (row[j], row[k]);
                    (row[j], row[k]) = (cosine * x + sine * y, cosine * y - sine * x);
                }
            }
        }
        if widest <= SETTLED_ANGLE {
            return Ok(());
        }
    }
    Err(FactorError::NotConverged { steps: MAX_SWEEPS })
}

/// Angle that maximises the variance of squared loadings of two factors (Kaiser 1958, equation 16).
fn varimax_angle(loadings: &[Vec<f64>], j: usize, k: usize) -> f64 {
    let n = loadings.len() as f64;
    let (mut sum_u, mut sum_v, mut sum_difference, mut sum_product) = (0.0, 0.0, 0.0, 0.0);
    for row in loadings {
        let u = row[j].powi(2) - row[k].powi(2);
        let v = 2.0 * row[j] * row[k];
        sum_u += u;
        sum_v += v;
        sum_difference += u * u - v * v;
        sum_product += 2.0 * u * v;
    }
    let up = sum_product - 2.0 * sum_u * sum_v / n;
    let along = sum_difference - (sum_u * sum_u - sum_v * sum_v) / n;
    up.atan2(along) / 4.0
}

fn scaled(xs: &[f64], factor: f64) -> Vec<f64> {
    xs.iter().map(|x| x * factor).collect()
}

fn squares(xs: &[f64]) -> f64 {
    xs.iter().map(|x| x * x).sum()
}

#[cfg(test)]
mod tests;
