//! Two-sided critical values and p-values of the normal and of Student's t.
//!
//! The t quantile is solved here because the one in statrs 0.18 keeps only four digits at a
//! million degrees of freedom; its incomplete beta function is good to nine or more.

use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};
use statrs::function::beta::beta_reg;
use statrs::function::erf::erfc;

/// The slowest case, one degree of freedom at the last confidence before 1, takes about fifty:
/// in a tail that falls as `1/t` a step doubles `t`.
const MAX_NEWTON_STEPS: usize = 200;

/// A step below this share of `t` is the last, since each leaves about its own square.
const LAST_STEP: f64 = 1e-9;

/// `z` with `P(|Z| <= z) = confidence`.
pub(crate) fn normal_critical(confidence: f64) -> f64 {
    assert_confidence(confidence);
    // The lower tail, because the upper one rounds to 1 at the last confidences.
    normal_upper((1.0 - confidence) / 2.0)
}

/// `z` with `P(Z > z) = tail`.
pub(crate) fn normal_upper(tail: f64) -> f64 {
    -Normal::standard().inverse_cdf(tail)
}

/// `P(Z > z)`; relative precision holds far into the upper tail.
pub(crate) fn normal_tail(z: f64) -> f64 {
    0.5 * erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

/// `t` with `P(|T| <= t) = confidence` at `df >= 1` degrees of freedom, infinitely many included.
pub(crate) fn student_critical(confidence: f64, df: f64) -> f64 {
    if df.is_infinite() {
        return normal_critical(confidence);
    }
    // The two-sided p falls and is convex for t > 0, and the start lies below the root. So Newton's
    // steps climb to the root without passing it; a step back is rounding and ends the search.
    let mut t = below_student_critical(normal_critical(confidence), df);
    let alpha = 1.0 - confidence;
    let student = StudentsT::new(0.0, 1.0, df).expect("degrees of freedom are positive");
    for _ in 0..MAX_NEWTON_STEPS {
        let step = (student_two_sided(t, df) - alpha) / (2.0 * student.pdf(t));
        t += step;
        if step <= t * LAST_STEP {
            break;
        }
    }
    t
}

/// A number not above the critical value that belongs to the normal one: terms of the expansion in
/// `1 / df` (Fisher and Cornish 1960), as many as leave a positive rest. Within 0.3 % at 95 % and
/// four or more degrees of freedom.
fn below_student_critical(z: f64, df: f64) -> f64 {
    let square = z * z;
    let first = (square + 1.0) / (4.0 * df);
    let (second, third) = if z < 1.5 {
        (0.0, 0.0)
    } else {
        let third = ((3.0 * square + 19.0) * square + 17.0) * square - 15.0;
        let second = (5.0 * square + 16.0) * square + 3.0;
        (second / (96.0 * df.powi(2)), third / (384.0 * df.powi(3)))
    };
    z * (1.0 + first + second + third)
}

/// Two-sided p-values below this are tails.
const TAIL: f64 = 1e-3;

/// `P(T >= t)` at `df` degrees of freedom.
pub(crate) fn student_upper(t: f64, df: f64) -> f64 {
    let tail = student_two_sided(t, df) / 2.0;
    if t > 0.0 { tail } else { 1.0 - tail }
}

/// `P(|T| >= |t|)` at `df` degrees of freedom; relative precision holds far into the tail.
pub(crate) fn student_two_sided(t: f64, df: f64) -> f64 {
    if df.is_infinite() {
        return 2.0 * Normal::standard().cdf(-t.abs());
    }
    let square = t * t;
    // Two forms of one quantity: the first is exact in the middle, the second in the tails, where the first is a
    // difference from 1 that rounds to nothing.
    if square < df {
        let middle = 1.0 - beta_reg(0.5, df / 2.0, square / (df + square));
        if middle > TAIL {
            return middle;
        }
    }
    beta_reg(df / 2.0, 0.5, df / (df + square))
}

/// A confidence is a constant of the analysis plan, so a wrong one is a bug and not thin data.
pub(crate) fn assert_confidence(confidence: f64) {
    assert!(
        confidence > 0.0 && confidence < 1.0,
        "confidence is a share strictly between 0 and 1, got {confidence}"
    );
}

#[cfg(test)]
mod tests;
