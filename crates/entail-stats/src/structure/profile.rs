//! One arm's effects on the stances against another's.

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

/// Deming's line of `ys` on `xs`, both of which are estimates, with jackknife intervals (Deming
/// 1943; Linnet 1993, "Evaluation of regression procedures for methods comparison studies").
///
/// Least squares takes `xs` as exact and bends the slope towards zero by the share of their
/// variance that is error (attenuation). `error_ratio` is the variance of the errors of `ys` over
/// that of `xs`: the ratio of the mean squared standard errors; 1 gives orthogonal regression.
/// The slope is `(d + sqrt(d^2 + 4 q s_xy^2)) / (2 s_xy)` with `q` the ratio and
/// `d = s_yy - q s_xx`. Intervals are Student's with `n - 2` degrees of freedom.
///
/// Panics unless the slices have one length and the ratio is positive and finite.
///
/// # Errors
/// [`TooLittle::Values`] below four points, [`TooLittle::NotFinite`] (also for an upright line),
/// [`TooLittle::NoSpread`] when all `xs` are equal or all points lie on one line.
pub fn deming(
    xs: &[f64],
    ys: &[f64],
    error_ratio: f64,
    confidence: f64,
) -> Result<Deming, TooLittle> {
    assert_confidence(confidence);
    assert_eq!(xs.len(), ys.len(), "a point has one x and one y");
    assert!(
        error_ratio > 0.0 && error_ratio.is_finite(),
        "a ratio of error variances is positive, got {error_ratio}"
    );
    let n = xs.len();
    if n < MIN_POINTS {
        return Err(TooLittle::Values { got: n, need: MIN_POINTS });
    }
    let whole = line(xs, ys, error_ratio)?;
    let without = |i: usize| line(&left_out(xs, i), &left_out(ys, i), error_ratio);
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
fn line(xs: &[f64], ys: &[f64], error_ratio: f64) -> Result<[f64; 2], TooLittle> {
    let (mean_x, mean_y) = (raw_mean(xs), raw_mean(ys));
    let spread_x = variance(xs);
    if spread_x <= 0.0 {
        return Err(TooLittle::NoSpread);
    }
    let products = xs.iter().zip(ys).map(|(x, y)| (x - mean_x) * (y - mean_y));
    let both = products.sum::<f64>() / (xs.len() as f64 - 1.0);
    let difference = variance(ys) - error_ratio * spread_x;
    let root = difference.hypot(2.0 * error_ratio.sqrt() * both);
    // One quantity twice; each arm forms it without subtracting equals.
    let slope = if difference > 0.0 {
        (difference + root) / (2.0 * both)
    } else {
        2.0 * error_ratio * both / (root - difference)
    };
    let line = [mean_y - slope * mean_x, slope];
    line.iter().all(|x| x.is_finite()).then_some(line).ok_or(TooLittle::NotFinite)
}

fn left_out(xs: &[f64], i: usize) -> Vec<f64> {
    [&xs[..i], &xs[i + 1..]].concat()
}

#[cfg(test)]
mod tests;
