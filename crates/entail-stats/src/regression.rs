//! A straight line through points, each of which is one training run (or one mean of runs).

use crate::contrast::{TooLittle, student_contrast};
use crate::quantile::assert_confidence;
use crate::summary::{is_rounding, largest, raw_mean, variance};

/// Points below this leave no residual degree of freedom.
const MIN_POINTS: usize = 3;

/// A least-squares line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regression {
    /// Change in `y` for one unit of `x`.
    pub slope: f64,
    /// Value of the line at `x = 0`, in the unit of `y`.
    pub intercept: f64,
    /// Lower end of the interval of the slope.
    pub low: f64,
    /// Upper end of the interval of the slope.
    pub high: f64,
    /// Two-sided p-value of "the slope is zero".
    pub p: f64,
    /// Share of the variance of `y` along the line, from 0 to 1.
    pub r_squared: f64,
}

/// Ordinary least squares of `ys` on `xs`, with the t interval of the slope at `n - 2` degrees of
/// freedom (Draper and Smith 1998, "Applied Regression Analysis", chapter 1).
///
/// Points must be independent and scatter evenly about the line. Panics unless the slices have
/// one length.
///
/// # Errors
/// [`TooLittle::Values`] below three points, [`TooLittle::NotFinite`], and [`TooLittle::NoSpread`]
/// when all `x` are equal or all points lie on one line (a level one included).
pub fn slope(xs: &[f64], ys: &[f64], confidence: f64) -> Result<Regression, TooLittle> {
    assert_confidence(confidence);
    assert_eq!(xs.len(), ys.len(), "a point has one x and one y");
    if xs.len() < MIN_POINTS {
        return Err(TooLittle::Values { got: xs.len(), need: MIN_POINTS });
    }
    let spread_x = variance(xs);
    // Left alone, an overflow here would divide to a slope of zero with no error.
    if !spread_x.is_finite() {
        return Err(TooLittle::NotFinite);
    }
    if spread_x <= 0.0 {
        return Err(TooLittle::NoSpread);
    }
    let df = xs.len() as f64 - 2.0;
    let (mean_x, mean_y) = (raw_mean(xs), raw_mean(ys));
    let sum_xx = spread_x * (df + 1.0);
    let sum_yy: f64 = ys.iter().map(|y| (y - mean_y).powi(2)).sum();
    let sum_xy: f64 = xs.iter().zip(ys).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let slope = sum_xy / sum_xx;
    let residual = |(x, y): (&f64, &f64)| (y - mean_y) - slope * (x - mean_x);
    let left: f64 = xs.iter().zip(ys).map(|point| residual(point).powi(2)).sum();
    if is_rounding(left, xs.len(), largest(ys).max(slope.abs() * largest(xs))) {
        return Err(TooLittle::NoSpread);
    }
    let error = (left / df / sum_xx).sqrt();
    let tested = student_contrast(slope, error, df, confidence)?;
    Ok(Regression {
        slope,
        intercept: mean_y - slope * mean_x,
        low: tested.low,
        high: tested.high,
        p: tested.p,
        r_squared: (1.0 - left / sum_yy).max(0.0),
    })
}

#[cfg(test)]
mod tests;
