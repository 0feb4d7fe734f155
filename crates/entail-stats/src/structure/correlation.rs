//! Correlation of stances over replicates, and of ranks.

use crate::contrast::TooLittle;
use crate::quantile::{assert_confidence, normal_critical, student_two_sided};
use crate::summary::{is_rounding, largest, raw_mean};

/// With two rows every correlation is 1 or -1.
const MIN_ROWS: usize = 3;
/// Fisher's interval has `rows - 3` under a root.
const MIN_TESTED_ROWS: usize = 4;
/// What rounding leaves of `1 - r^2` when points lie on one line.
const ROUNDED_RESIDUAL: f64 = 1e-14;

/// A correlation with its two-sided interval and p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// From -1 to 1.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Two-sided p-value of "no correlation".
    pub p: f64,
}

/// Correlations between the columns that vary.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlations {
    columns: Vec<usize>,
    rows: usize,
    matrix: Vec<Vec<f64>>,
}

impl Correlations {
    /// Zero-based columns that vary, ascending; what `matrix` speaks about, in its order.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// What the rows are worth: their number, less one for each arm after the first.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Symmetric, with ones on the diagonal.
    pub fn matrix(&self) -> &[Vec<f64>] {
        &self.matrix
    }

    /// Correlation of two of the columns given; `None` where one of them has no spread.
    pub fn between(&self, one: usize, other: usize) -> Option<f64> {
        let at = |column| self.columns.binary_search(&column).ok();
        Some(self.matrix[at(one)?][at(other)?])
    }

    /// The same with Fisher's interval and the p-value of Student's t.
    ///
    /// # Errors
    /// As [`correlation`].
    pub fn tested(
        &self,
        one: usize,
        other: usize,
        confidence: f64,
    ) -> Result<Correlation, TooLittle> {
        let r = self.between(one, other).ok_or(TooLittle::NoSpread)?;
        tested(r, self.rows, confidence)
    }
}

/// Pearson correlation of independent pairs, with Fisher's interval `tanh(atanh r ± z / sqrt(n-3))`
/// and the p-value of `t = r sqrt((n-2)/(1-r^2))` (Fisher 1921; Student 1908).
///
/// Panics unless the slices have one length.
///
/// # Errors
/// [`TooLittle::Values`] below four pairs, [`TooLittle::NotFinite`], and [`TooLittle::NoSpread`]
/// when all `xs` or all `ys` are equal, or all points lie on one line.
pub fn correlation(xs: &[f64], ys: &[f64], confidence: f64) -> Result<Correlation, TooLittle> {
    assert_eq!(xs.len(), ys.len(), "a point has one x and one y");
    if xs.len() < MIN_TESTED_ROWS {
        return Err(TooLittle::Values { got: xs.len(), need: MIN_TESTED_ROWS });
    }
    let rows: Vec<Vec<f64>> = xs.iter().zip(ys).map(|(&x, &y)| vec![x, y]).collect();
    correlations(&[rows])?.tested(0, 1, confidence)
}

/// Pearson correlations over the rows of `arms[arm][replicate][stance]`, each arm's mean removed.
///
/// With one arm these are plain correlations. With several they are the pooled within-arm ones,
/// the partial correlations given the arm: what stances share beyond the arms' effects. `k` arms
/// of `N` replicates in all count as `N - k + 1` rows, since `k` means are taken out and not one
/// (Fisher 1924, "The distribution of the partial correlation coefficient"). To see the effects
/// of the arms in the correlations, hand over all rows as one arm.
///
/// Panics unless all rows have one length.
///
/// # Errors
/// [`TooLittle::Values`] when the rows count as fewer than three, [`TooLittle::NotFinite`].
pub fn correlations(arms: &[Vec<Vec<f64>>]) -> Result<Correlations, TooLittle> {
    let all: Vec<&Vec<f64>> = arms.iter().flatten().collect();
    let rows = (all.len() + 1).saturating_sub(arms.iter().filter(|arm| !arm.is_empty()).count());
    if rows < MIN_ROWS {
        return Err(TooLittle::Values { got: rows, need: MIN_ROWS });
    }
    let width = all[0].len();
    assert!(all.iter().all(|row| row.len() == width), "a row has one number for each stance");
    let (mut columns, mut directions) = (Vec::new(), Vec::new());
    for column in 0..width {
        if let Some(direction) = within_arm_direction(arms, column)? {
            columns.push(column);
            directions.push(direction);
        }
    }
    let cosine = |i: usize, j: usize| {
        if i == j { 1.0 } else { dot(&directions[i], &directions[j]).clamp(-1.0, 1.0) }
    };
    let line = |i: usize| (0..columns.len()).map(|j| cosine(i, j)).collect();
    let matrix = (0..columns.len()).map(line).collect();
    Ok(Correlations { columns, rows, matrix })
}

/// One column less its arms' means, at unit length; `None` without spread within arms.
fn within_arm_direction(
    arms: &[Vec<Vec<f64>>],
    column: usize,
) -> Result<Option<Vec<f64>>, TooLittle> {
    let (mut centered, mut magnitude) = (Vec::new(), 0.0_f64);
    for arm in arms {
        let values: Vec<f64> = arm.iter().map(|row| row[column]).collect();
        let center = raw_mean(&values);
        magnitude = magnitude.max(largest(&values));
        centered.extend(values.iter().map(|x| x - center));
    }
    let squares = dot(&centered, &centered);
    if !squares.is_finite() {
        return Err(TooLittle::NotFinite);
    }
    if is_rounding(squares, centered.len(), magnitude) {
        return Ok(None);
    }
    let length = squares.sqrt();
    Ok(Some(centered.iter().map(|x| x / length).collect()))
}

/// Interval and p-value of a correlation over as many independent rows.
fn tested(r: f64, rows: usize, confidence: f64) -> Result<Correlation, TooLittle> {
    assert_confidence(confidence);
    if rows < MIN_TESTED_ROWS {
        return Err(TooLittle::Values { got: rows, need: MIN_TESTED_ROWS });
    }
    if 1.0 - r * r <= ROUNDED_RESIDUAL {
        return Err(TooLittle::NoSpread);
    }
    let half = normal_critical(confidence) / (rows as f64 - 3.0).sqrt();
    Ok(Correlation {
        estimate: r,
        low: (r.atanh() - half).tanh(),
        high: (r.atanh() + half).tanh(),
        p: student_p(r, rows),
    })
}

fn student_p(r: f64, rows: usize) -> f64 {
    let df = rows as f64 - 2.0;
    student_two_sided(r * (df / (1.0 - r * r)).sqrt(), df)
}

/// Spearman's rank correlation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankCorrelation {
    /// From -1 to 1.
    pub estimate: f64,
    /// Two-sided p-value of "no association", by Student's t; `None` at -1 and 1, where that
    /// approximation says zero.
    pub p: Option<f64>,
}

/// Spearman's rank correlation of independent pairs, ties at their mean rank (Spearman 1904), with
/// the p-value of Student's t at `n - 2` degrees of freedom, which is fair from about ten pairs.
///
/// Two profiles may agree in order where they do not in size, and one wild stance does not decide.
/// Panics unless the slices have one length.
///
/// # Errors
/// [`TooLittle::Values`] below three pairs, [`TooLittle::NotFinite`], and [`TooLittle::NoSpread`]
/// when all `xs` or all `ys` are equal.
pub fn spearman(xs: &[f64], ys: &[f64]) -> Result<RankCorrelation, TooLittle> {
    assert_eq!(xs.len(), ys.len(), "a point has one x and one y");
    if xs.iter().chain(ys).any(|value| !value.is_finite()) {
        return Err(TooLittle::NotFinite);
    }
    let pairs = mean_ranks(xs).into_iter().zip(mean_ranks(ys));
    let ranked = correlations(&[pairs.map(|(x, y)| vec![x, y]).collect()])?;
    let estimate = ranked.between(0, 1).ok_or(TooLittle::NoSpread)?;
    let p = (1.0 - estimate * estimate > ROUNDED_RESIDUAL).then(|| student_p(estimate, xs.len()));
    Ok(RankCorrelation { estimate, p })
}

/// Ranks from 1; equal values share the mean of theirs.
fn mean_ranks(xs: &[f64]) -> Vec<f64> {
    let rank = |x: &f64| {
        let n_below = xs.iter().filter(|other| *other < x).count() as f64;
        let n_equal = xs.iter().filter(|other| *other <= x).count() as f64 - n_below;
        n_below + f64::midpoint(n_equal, 1.0)
    };
    xs.iter().map(rank).collect()
}

fn dot(xs: &[f64], ys: &[f64]) -> f64 {
    xs.iter().zip(ys).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests;
