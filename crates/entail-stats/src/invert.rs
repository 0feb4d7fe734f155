//! Quantiles from distribution functions, for laws whose quantile in statrs keeps too few digits.

use statrs::function::beta::beta_reg;
use statrs::function::gamma::gamma_lr;

/// Halvings until two neighboring floats are left, from any bracket.
const MAX_HALVINGS: usize = 1100;

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
