//! One arm's effects on the stances against another's.
//!
//! Effects against one control share its error: by that alone two profiles agree, with a slope
//! near 1. [`deming`] can be told; plain and rank correlations cannot, so give those profiles
//! against separate halves of the control's replicates.

use super::Coefficient;
use crate::contrast::TooLittle;
use crate::quantile::assert_confidence;
use crate::summary::{raw_mean, variance};

/// Leaving one point out has to leave two that scatter about a line.
const MIN_POINTS: usize = 4;

/// A line through points that are off in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deming {
    /// Change in `y` for one unit of `x`; 1 where both arms move the stances equally far.
    pub slope: Coefficient,
    /// Value of the line at `x = 0`, in the unit of `y`: what the arm of `y` does to every stance.
    pub intercept: Coefficient,
}

/// How far the points of two profiles are off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointErrors {
    /// Variance of the errors of `y` over that of `x`: the ratio of mean squared standard errors.
    pub ratio: f64,
    /// Correlation of a point's two errors, strictly between -1 and 1: 0 when nothing is shared,
    /// `v / sqrt(v_x v_y)` for effects against one control whose mean has error variance `v`, which
    /// is one half with equally many replicates of equal spread in all arms.
    pub correlation: f64,
}

/// Deming's line of `ys` on `xs`, both of which are estimates, with jackknife intervals (Deming
/// 1943; Linnet 1993, "Evaluation of regression procedures for methods comparison studies").
///
/// Least squares takes `xs` as exact and bends the slope towards zero by the share of their
/// variance that is error (attenuation). Here, with `q` the ratio of error variances, the slope is
/// `(d + sqrt(d^2 + 4 q s_xy^2)) / (2 s_xy)` where `d = s_yy - q s_xx`; a ratio of 1 gives
/// orthogonal regression. Correlated errors (York 1969) are made uncorrelated first: with
/// `k = r sqrt(q)` those of `y - k x` are, and its line has a slope less by `k`.
/// Intervals are Student's with `n - 2` degrees of freedom.
///
/// Panics unless the slices have one length, the ratio is positive and finite, and the
/// correlation is inside (-1, 1).
///
/// # Errors
/// [`TooLittle::Values`] below four points, [`TooLittle::NotFinite`] (also for an upright line),
/// [`TooLittle::NoSpread`] when all `xs` are equal or all points lie on one line.
pub fn deming(
    xs: &[f64],
    ys: &[f64],
    errors: PointErrors,
    confidence: f64,
) -> Result<Deming, TooLittle> {
    assert_confidence(confidence);
    assert_eq!(xs.len(), ys.len(), "a point has one x and one y");
    let PointErrors { ratio, correlation } = errors;
    assert!(
        ratio > 0.0 && ratio.is_finite(),
        "a ratio of error variances is positive, got {ratio}"
    );
    assert!(
        correlation.abs() < 1.0,
        "a correlation of errors is between -1 and 1, got {correlation}"
    );
    let n = xs.len();
    if n < MIN_POINTS {
        return Err(TooLittle::Values { got: n, need: MIN_POINTS });
    }
    let whole = line(xs, ys, errors)?;
    let without = |i: usize| line(&left_out(xs, i), &left_out(ys, i), errors);
    let parts: Vec<[f64; 2]> = (0..n).map(without).collect::<Result<_, _>>()?;
    let coefficient = |which: usize| {
        let values: Vec<f64> = parts.iter().map(|part| part[which]).collect();
        // The variance of n pseudo-values over n, which is the spread of the parts blown up.
        let error = (n as f64 - 1.0) * (variance(&values) / n as f64).sqrt();
        Coefficient::student(whole[which], error, n as f64 - 2.0, confidence)
    };
    Ok(Deming { intercept: coefficient(0)?, slope: coefficient(1)? })
}

/// Intercept and slope.
fn line(xs: &[f64], ys: &[f64], errors: PointErrors) -> Result<[f64; 2], TooLittle> {
    let shared = errors.correlation * errors.ratio.sqrt();
    let own: Vec<f64> = xs.iter().zip(ys).map(|(x, y)| y - shared * x).collect();
    let ratio = errors.ratio * (1.0 - errors.correlation.powi(2));
    let slope = shared + uncorrelated_slope(xs, &own, ratio)?;
    let line = [raw_mean(ys) - slope * raw_mean(xs), slope];
    line.iter().all(|x| x.is_finite()).then_some(line).ok_or(TooLittle::NotFinite)
}

/// Deming's slope for errors that are uncorrelated; infinite for an upright line.
fn uncorrelated_slope(xs: &[f64], ys: &[f64], ratio: f64) -> Result<f64, TooLittle> {
    let (mean_x, mean_y) = (raw_mean(xs), raw_mean(ys));
    let spread_x = variance(xs);
    if spread_x <= 0.0 {
        return Err(TooLittle::NoSpread);
    }
    let products = xs.iter().zip(ys).map(|(x, y)| (x - mean_x) * (y - mean_y));
    let both = products.sum::<f64>() / (xs.len() as f64 - 1.0);
    let difference = variance(ys) - ratio * spread_x;
    let root = difference.hypot(2.0 * ratio.sqrt() * both);
    // One quantity twice; each arm forms it without subtracting equals.
    Ok(if difference > 0.0 {
        (difference + root) / (2.0 * both)
    } else {
        2.0 * ratio * both / (root - difference)
    })
}

fn left_out(xs: &[f64], i: usize) -> Vec<f64> {
    [&xs[..i], &xs[i + 1..]].concat()
}

#[cfg(test)]
mod tests;
