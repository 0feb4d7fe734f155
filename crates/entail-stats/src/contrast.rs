//! Differences between arms, where each value is the mean of one training run.

use crate::quantile::{assert_confidence, student_critical, student_two_sided};
use crate::summary::{raw_mean, variance};

/// A difference with its two-sided interval and p-value; all but `p` in the unit of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// Treated minus control.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Two-sided p-value of "no difference".
    pub p: f64,
}

/// Why a comparison has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLittle {
    /// An arm has fewer than two replicates, so nothing tells how far runs of one recipe differ.
    #[error(
        "{treated} treated and {control} control replicates, a contrast needs two or more of each"
    )]
    Replicates {
        /// Replicates in the treated arm.
        treated: usize,
        /// Replicates in the control arm.
        control: usize,
    },
    /// A function of one list got too few values.
    #[error("{got} values, needs {need} or more")]
    Values {
        /// Values given.
        got: usize,
        /// Values needed.
        need: usize,
    },
    /// Nothing scatters (equal values within each arm, equal `x`, or points on one line), so
    /// there is no error estimate. Spread of a `1e-12` share of the largest value is rounding.
    #[error("no spread to estimate an error from")]
    NoSpread,
    /// A value, or a result on the way, is infinite or NaN.
    #[error("a value is not finite")]
    NotFinite,
}

/// Difference of two means without assuming equal variances: Welch's t with Satterthwaite's
/// degrees of freedom (Welch 1947, "The generalization of Student's problem"; Satterthwaite 1946).
///
/// `d = mean(treated) - mean(control)`, `SE^2 = v1/n1 + v0/n0`, and
/// `df = SE^4 / ((v1/n1)^2/(n1-1) + (v0/n0)^2/(n0-1))`. One arm may have no spread.
///
/// # Errors
/// [`TooLittle::Replicates`] when an arm has fewer than two values, [`TooLittle::NotFinite`], and
/// [`TooLittle::NoSpread`] when both arms have none: the difference is then known but its error is
/// not, whether or not the arms agree.
pub fn welch(treated: &[f64], control: &[f64], confidence: f64) -> Result<Contrast, TooLittle> {
    assert_confidence(confidence);
    if treated.len() < 2 || control.len() < 2 {
        return Err(TooLittle::Replicates { treated: treated.len(), control: control.len() });
    }
    let (n1, n0) = (treated.len() as f64, control.len() as f64);
    let (part1, part0) = (variance(treated) / n1, variance(control) / n0);
    let error_squared = part1 + part0;
    // Shares of the squared error instead of fourth powers, which leave the range of f64 early.
    let (share1, share0) = (part1 / error_squared, part0 / error_squared);
    let df = 1.0 / (share1.powi(2) / (n1 - 1.0) + share0.powi(2) / (n0 - 1.0));
    let estimate = raw_mean(treated) - raw_mean(control);
    student_contrast(estimate, error_squared.sqrt(), df, confidence)
}

/// Mean of the replicates minus a number taken as exact: one-sample t with `n - 1` degrees of
/// freedom (Student 1908).
///
/// For a control that has no replicates, such as the untrained model. The interval leaves out the
/// sampling error of `fixed`, so measure that one with many answers. The untrained model also
/// differs from a trained one by the format of training, so this cannot be the only control.
///
/// # Errors
/// [`TooLittle::Values`] below two replicates, [`TooLittle::NotFinite`], [`TooLittle::NoSpread`].
pub fn against_fixed(treated: &[f64], fixed: f64, confidence: f64) -> Result<Contrast, TooLittle> {
    assert_confidence(confidence);
    if treated.len() < 2 {
        return Err(TooLittle::Values { got: treated.len(), need: 2 });
    }
    let n = treated.len() as f64;
    let error = (variance(treated) / n).sqrt();
    student_contrast(raw_mean(treated) - fixed, error, n - 1.0, confidence)
}

/// Interval and p-value of an estimate whose standard error has `df` degrees of freedom.
pub(crate) fn student_contrast(
    estimate: f64,
    error: f64,
    df: f64,
    confidence: f64,
) -> Result<Contrast, TooLittle> {
    // An infinity or NaN in the input arrives here through a mean, an overflow through a square.
    if !(estimate.is_finite() && error.is_finite()) {
        return Err(TooLittle::NotFinite);
    }
    if error <= 0.0 {
        return Err(TooLittle::NoSpread);
    }
    let half = student_critical(confidence, df) * error;
    let p = student_two_sided(estimate / error, df);
    Ok(Contrast { estimate, low: estimate - half, high: estimate + half, p })
}

#[cfg(test)]
mod tests;
