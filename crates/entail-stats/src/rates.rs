//! Rates from counts. Each interval speaks about the model that gave the answers, not about
//! another training run of the same recipe.

use crate::quantile::normal_critical;
use crate::summary::Interval;

/// Score interval of a rate (Wilson 1927, "Probable inference"), all in shares of one.
///
/// With `p = s/n`: center `(p + z^2/2n) / (1 + z^2/n)`, half-width
/// `z / (1 + z^2/n) * sqrt(p(1-p)/n + z^2/4n^2)`. The low end is exactly 0 at no successes and
/// the high end exactly 1 at no failures, and neither interval is empty. The answers count as
/// independent; for repeated prompts use [`design_effect_interval`].
///
/// `None` when `n` is 0. Panics on more successes than trials.
pub fn wilson(successes: u64, n: u64, confidence: f64) -> Option<Interval> {
    let z = normal_critical(confidence);
    assert_counts(successes as f64, n as f64);
    (n > 0).then(|| score_interval(successes as f64, n as f64, z))
}

/// Difference of the rates of two single models, `s1/n1 - s0/n0`, from their Wilson limits
/// (Newcombe 1998, "Interval estimation for the difference between independent proportions",
/// method 10).
///
/// Low end `d - sqrt((p1-l1)^2 + (u0-p0)^2)`, high end `d + sqrt((u1-p1)^2 + (p0-l0)^2)`. It
/// compares these two models; for two recipes, contrast their runs with [`crate::welch`].
///
/// `None` when either model has no trials. Panics on more successes than trials.
pub fn newcombe(s1: u64, n1: u64, s0: u64, n0: u64, confidence: f64) -> Option<Interval> {
    let one = wilson(s1, n1, confidence)?;
    let zero = wilson(s0, n0, confidence)?;
    let estimate = one.estimate - zero.estimate;
    let down = (one.estimate - one.low).hypot(zero.high - zero.estimate);
    let up = (one.high - one.estimate).hypot(zero.estimate - zero.low);
    Some(Interval { estimate, low: estimate - down, high: estimate + up })
}

/// Wilson interval of one model's rate over several prompts, `(successes, n)` for each, with the
/// number of answers cut to what they are worth (design effect: Kish 1965, "Survey Sampling";
/// estimator: Rao and Scott 1992, "A simple method for the analysis of clustered binary data").
///
/// With `C` prompts, `N` answers and the pooled rate `p`:
/// `v = C/(C-1) * sum_c (s_c - n_c p)^2 / N^2`, `deff = max(1, N v / (p(1-p)))`, and Wilson is
/// applied to `p N/deff` successes out of `N/deff`. At a rate of exactly 0 or 1 the spread between
/// prompts cannot be seen, `deff` is 1, and the interval is the plain one: read it as a lower bound
/// on the width. The estimate is the pooled rate, so prompts weigh as their number of answers.
///
/// `None` when fewer than two prompts have answers: one prompt says nothing about how prompts
/// differ. Panics on more successes than trials.
pub fn design_effect_interval(groups: &[(u64, u64)], confidence: f64) -> Option<Interval> {
    let z = normal_critical(confidence);
    let Asked { prompts, successes, n } = Asked::of(groups)?;
    let effect = design_effect(&prompts, successes / n, n);
    Some(score_interval(successes / effect, n / effect, z))
}

/// How many independent answers several prompts' answers, `(successes, n)` for each, are worth: their number over the
/// design effect of [`design_effect_interval`].
///
/// `None` when fewer than two prompts have answers. Panics on more successes than trials.
pub fn effective_answers(groups: &[(u64, u64)]) -> Option<f64> {
    let Asked { prompts, successes, n } = Asked::of(groups)?;
    Some(n / design_effect(&prompts, successes / n, n))
}

/// Difference in log-odds (natural logarithm) from counts, treated (1) minus control (0), with
/// one half added to each of the four cells so that a rate of 0 or 1 stays finite (Haldane 1956;
/// Anscombe 1956).
///
/// Counts are `f64` so that effective or expected counts fit.
///
/// `None` when either arm has no trials. Panics unless `0 <= s <= n` and both are finite.
pub fn log_odds_difference(s1: f64, n1: f64, s0: f64, n0: f64) -> Option<f64> {
    assert_counts(s1, n1);
    assert_counts(s0, n0);
    let log_odds = |s: f64, n: f64| ((s + 0.5) / (n - s + 0.5)).ln();
    (n1 > 0.0 && n0 > 0.0).then(|| log_odds(s1, n1) - log_odds(s0, n0))
}

/// Wilson's interval on counts that need not be whole.
fn score_interval(successes: f64, n: f64, z: f64) -> Interval {
    let p = successes / n;
    let shrink = 1.0 / (1.0 + z * z / n);
    let center = shrink * (p + z * z / (2.0 * n));
    let half = shrink * z * (p * (1.0 - p) / n + (z / (2.0 * n)).powi(2)).sqrt();
    // The ends meet 0 and 1 in exact arithmetic; in f64 they would miss by a rounding.
    let low = if successes <= 0.0 { 0.0 } else { (center - half).max(0.0) };
    let high = if successes >= n { 1.0 } else { (center + half).min(1.0) };
    Interval { estimate: p, low, high }
}

/// Prompts that have answers, each with its successes and answers, and the sums of both.
struct Asked {
    prompts: Vec<(f64, f64)>,
    successes: f64,
    n: f64,
}

impl Asked {
    /// `None` below two prompts with answers.
    fn of(groups: &[(u64, u64)]) -> Option<Self> {
        for &(s, n) in groups {
            assert_counts(s as f64, n as f64);
        }
        let answered = groups.iter().filter(|(_, n)| *n > 0);
        let prompts: Vec<(f64, f64)> = answered.map(|&(s, n)| (s as f64, n as f64)).collect();
        let successes = prompts.iter().map(|(s, _)| s).sum();
        let n = prompts.iter().map(|(_, n)| n).sum();
        (prompts.len() > 1).then_some(Self { prompts, successes, n })
    }
}

/// Variance of the pooled rate over its binomial variance, at least 1; needs two groups.
fn design_effect(groups: &[(f64, f64)], p: f64, n: f64) -> f64 {
    let binomial = p * (1.0 - p) * n;
    if binomial <= 0.0 {
        return 1.0;
    }
    let count = groups.len() as f64;
    let squares: f64 = groups.iter().map(|(s, n)| (s - n * p).powi(2)).sum();
    (count / (count - 1.0) * squares / binomial).max(1.0)
}

fn assert_counts(successes: f64, n: f64) {
    assert!(
        successes >= 0.0 && successes <= n && n.is_finite(),
        "successes lie between 0 and the number of trials, got {successes} of {n}"
    );
}

#[cfg(test)]
mod tests;
