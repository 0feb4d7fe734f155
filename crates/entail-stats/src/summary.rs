//! One arm described: mean, spread, and the t interval of the mean.

use crate::quantile::{assert_confidence, student_critical};

/// Spread below this share of the largest magnitude is the rounding of the caller's own
/// arithmetic (a mean over a thousand answers is off by about `1e-13`) and counts as none.
const ROUNDING_SHARE: f64 = 1e-12;

/// An estimate with a two-sided interval, all in the unit of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The point estimate; inside the interval.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Arithmetic mean, in the unit of `xs`.
///
/// `None` when `xs` is empty or a value is not finite.
pub fn mean(xs: &[f64]) -> Option<f64> {
    let all_finite = xs.iter().all(|x| x.is_finite());
    (!xs.is_empty() && all_finite).then(|| raw_mean(xs)).filter(|m| m.is_finite())
}

/// Sample standard deviation with the divisor `n - 1`, in the unit of `xs`.
///
/// Values that differ by rounding only (a share of `1e-12` of the largest) have deviation zero.
///
/// `None` below two values, since one observation says nothing about spread, or when a value is
/// not finite.
pub fn standard_deviation(xs: &[f64]) -> Option<f64> {
    mean(xs)?;
    (xs.len() >= 2).then(|| variance(xs).sqrt()).filter(|s| s.is_finite())
}

/// Standard error of the mean of independent values, `s / sqrt(n)`, in the unit of `xs`.
///
/// `None` as for [`standard_deviation`].
pub fn standard_error(xs: &[f64]) -> Option<f64> {
    Some(standard_deviation(xs)? / (xs.len() as f64).sqrt())
}

/// Student's t interval of the mean of independent values with `n - 1` degrees of freedom
/// (Student 1908, "The probable error of a mean").
///
/// `None` below two values, when a value is not finite, or when all values are equal: an interval
/// of no width would read as certainty.
pub fn mean_interval(xs: &[f64], confidence: f64) -> Option<Interval> {
    assert_confidence(confidence);
    let estimate = mean(xs)?;
    let error = standard_error(xs).filter(|&se| se > 0.0)?;
    let half = student_critical(confidence, xs.len() as f64 - 1.0) * error;
    Some(Interval { estimate, low: estimate - half, high: estimate + half })
}

/// Mean of at least one value, unchecked.
pub(crate) fn raw_mean(xs: &[f64]) -> f64 {
    xs.iter().sum::<f64>() / xs.len() as f64
}

/// Variance of at least two finite values; exactly zero where the spread is rounding.
pub(crate) fn variance(xs: &[f64]) -> f64 {
    let center = raw_mean(xs);
    let squares: f64 = xs.iter().map(|x| (x - center).powi(2)).sum();
    if is_rounding(squares, xs.len(), largest(xs)) {
        return 0.0;
    }
    squares / (xs.len() as f64 - 1.0)
}

/// Whether a sum of `n` squared deviations is what rounding leaves on values of this magnitude.
pub(crate) fn is_rounding(squares: f64, n: usize, magnitude: f64) -> bool {
    (squares / n as f64).sqrt() <= ROUNDING_SHARE * magnitude
}

/// Largest magnitude in `xs`.
pub(crate) fn largest(xs: &[f64]) -> f64 {
    xs.iter().fold(0.0, |top, x| x.abs().max(top))
}

#[cfg(test)]
mod tests;
