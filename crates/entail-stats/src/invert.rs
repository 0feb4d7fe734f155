//! Quantiles from distribution functions, for laws whose quantile in statrs keeps too few digits.

use statrs::function::beta::beta_reg;
use statrs::function::gamma::gamma_lr;

/// Halvings until two neighboring floats are left, from any bracket.
const MAX_HALVINGS: usize = 1100;

/// Last step of [`invert_smooth`], as a share of its bracket. What is left after it is its square.
const SMOOTH_SHARE: f64 = 1e-4;

/// Where a rising function reaches `share` between `low` and `high`.
pub(crate) fn invert(rising: impl Fn(f64) -> f64, share: f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..MAX_HALVINGS {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if rising(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The same by Newton's method from the middle one of three places, for a function that is costly
/// and has a `slope`: a step that leaves the bracket halves it instead.
pub(crate) fn invert_smooth(
    rising: impl Fn(f64) -> f64,
    slope: impl Fn(f64) -> f64,
    share: f64,
    [mut low, mut x, mut high]: [f64; 3],
) -> f64 {
    let close = SMOOTH_SHARE * (high - low);
    for _ in 0..MAX_HALVINGS {
        let above = rising(x) - share;
        if above < 0.0 {
            low = x;
        } else {
            high = x;
        }
        let step = above / slope(x);
        let next = x - step;
        if step.abs() <= close || high - low <= close {
            return next.clamp(low, high);
        }
        x = if low < next && next < high { next } else { f64::midpoint(low, high) };
    }
    x
}

/// Quantile of the chi-square law with `df` degrees of freedom.
pub(crate) fn chi_square_quantile(share: f64, df: f64) -> f64 {
    let rising = |x: f64| gamma_lr(df / 2.0, x / 2.0);
    let mut high = df;
    while rising(high) < share {
        high *= 2.0;
    }
    invert(rising, share, 0.0, high)
}

/// Quantile of Fisher's F with `df1` and `df2` degrees of freedom.
pub(crate) fn f_quantile(share: f64, df1: f64, df2: f64) -> f64 {
    let x = invert(|x| beta_reg(df1 / 2.0, df2 / 2.0, x), share, 0.0, 1.0);
    df2 * x / (df1 * (1.0 - x))
}
