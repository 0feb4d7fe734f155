//! Whether the strength of the claim in a replicate carries that of the preference.
//!
//! Arms are assigned, the claim's strength is not: a path from claim to preference is seen only as
//! their association over replicates of one arm. Whatever moves both (how far training went) adds
//! to it, and sampling error of the claim's rate takes from it.

use entail_schema::Seed;

use super::{Coefficient, quantile};
use crate::contrast::TooLittle;
use crate::quantile::{assert_confidence, normal_critical};
use crate::summary::{Interval, is_rounding, largest, raw_mean};

/// The ends of a 95 % interval are then off by about a fiftieth of its width.
const DRAWS: usize = 20_000;

/// One arm's replicates, as two numbers each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired<'a> {
    /// What is thought to carry: the claim's rate in each replicate.
    pub x: &'a [f64],
    /// What is thought to be carried: the preference's rate in the same replicates.
    pub y: &'a [f64],
}

/// Effects of an arm on the preference, with and without the way through the claim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mediation {
    /// `a`: effect of the arm on the claim.
    pub on_claim: Coefficient,
    /// `b`: preference on claim among replicates of one arm, as [`within_arm_slope`] has it.
    pub within_arm: Coefficient,
    /// `c`: effect of the arm on the preference.
    pub total: Coefficient,
    /// `c' = c - a b`: the same at equal strength of the claim.
    pub direct: Coefficient,
    /// `a b` with the Monte-Carlo interval; the one to report.
    pub indirect: Interval,
    /// `a b` with Sobel's normal interval, which takes the skewed product as symmetric.
    pub sobel: Interval,
    /// `a b / c`; `None` when the interval of the total effect includes zero, since a share of
    /// perhaps nothing is no number. Negative or above 1 when direct and indirect effects oppose.
    pub share: Option<f64>,
    /// Standard deviation of the claim within arms, which `b` rests on.
    pub claim_spread: f64,
}

/// Why mediation has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unassessable {
    /// Every replicate of an arm shows the claim equally strongly, as at a ceiling: claim and arm
    /// are then one thing, and no data of these arms can tell their effects apart.
    #[error("the claim does not vary between replicates of one arm")]
    ClaimWithoutSpread,
    /// The data fall short otherwise.
    #[error(transparent)]
    TooLittle(#[from] TooLittle),
}

/// Slope of `y` on `x` over replicates, each arm with a mean of its own and all with one slope
/// (analysis of covariance: Fisher 1932), with Student's interval at `N - k - 1` degrees of freedom
/// for `k` arms that have replicates.
///
/// Panics unless an arm has as many `x` as `y`.
///
/// # Errors
/// [`TooLittle::Values`] when no degree of freedom is left, [`TooLittle::NotFinite`], and
/// [`TooLittle::NoSpread`] when `x` does not vary within arms or `y` lies on the lines.
pub fn within_arm_slope(arms: &[Paired<'_>], confidence: f64) -> Result<Coefficient, TooLittle> {
    assert_confidence(confidence);
    Within::of(arms)?.slope(confidence)
}

/// Simple mediation between two arms by least squares (Baron and Kenny 1986, "The
/// moderator-mediator variable distinction"): claim on arm, preference on arm and claim.
///
/// The interval of `a b` comes from 20,000 draws of `a` and `b` (Preacher and Selig
/// 2012, "Advantages of Monte Carlo confidence intervals for indirect effects"), each from Student's t about its estimate and not from a normal, since replicates are few.
/// Sobel's is `a b ± z sqrt(a^2 s_b^2 + b^2 s_a^2)` (Sobel 1982). Errors are taken as equal in both
/// arms; with as many replicates in each, unequal ones change the degrees of freedom only.
///
/// Panics unless an arm has as many `x` as `y`.
///
/// # Errors
/// [`Unassessable::ClaimWithoutSpread`]; [`TooLittle::Replicates`] when an arm has fewer than two,
/// [`TooLittle::NotFinite`], and [`TooLittle::NoSpread`] when preferences lie on the lines.
pub fn mediation(
    treated: Paired<'_>,
    control: Paired<'_>,
    confidence: f64,
    seed: Seed,
) -> Result<Mediation, Unassessable> {
    assert_confidence(confidence);
    let (n1, n0) = (treated.x.len(), control.x.len());
    if n1 < 2 || n0 < 2 {
        return Err(TooLittle::Replicates { treated: n1, control: n0 }.into());
    }
    let within = Within::of(&[treated, control])?;
    if within.sum_xx <= 0.0 {
        return Err(Unassessable::ClaimWithoutSpread);
    }
    let df = (n1 + n0) as f64 - 2.0;
    let shares = 1.0 / n1 as f64 + 1.0 / n0 as f64;
    let effect = |difference: f64, squares: f64| {
        Coefficient::student(difference, (squares / df * shares).sqrt(), df, confidence)
    };
    let on_claim = effect(raw_mean(treated.x) - raw_mean(control.x), within.sum_xx)?;
    let total = effect(raw_mean(treated.y) - raw_mean(control.y), within.sum_yy)?;
    let path = within.slope(confidence)?;
    let product = on_claim.estimate * path.estimate;
    // The slope's error at the distance of the arms' claims adds to that of their difference.
    let residual = path.error * within.sum_xx.sqrt();
    let direct_error = (residual * shares.sqrt()).hypot(on_claim.estimate * path.error);
    let direct =
        Coefficient::student(total.estimate - product, direct_error, df - 1.0, confidence)?;
    let total_is_clear = total.low > 0.0 || total.high < 0.0;
    Ok(Mediation {
        indirect: product_interval(&on_claim, &path, n1 + n0, confidence, seed),
        sobel: sobel(&on_claim, &path, confidence),
        share: total_is_clear.then(|| product / total.estimate),
        claim_spread: (within.sum_xx / df).sqrt(),
        within_arm: path,
        on_claim,
        total,
        direct,
    })
}

/// Sums over replicates of squared and multiplied distances from the arms' means.
#[derive(Debug)]
struct Within {
    /// Zero where only rounding is left.
    sum_xx: f64,
    /// As `sum_xx`.
    sum_yy: f64,
    slope: f64,
    /// Sum of squared distances from the parallel lines.
    left: f64,
    df: f64,
}

impl Within {
    fn of(arms: &[Paired<'_>]) -> Result<Self, TooLittle> {
        let (mut xs, mut ys, mut n_means) = (Vec::new(), Vec::new(), 0);
        let (mut largest_x, mut largest_y) = (0.0_f64, 0.0_f64);
        for arm in arms.iter().filter(|arm| !arm.x.is_empty() || !arm.y.is_empty()) {
            assert_eq!(arm.x.len(), arm.y.len(), "a replicate has one x and one y");
            xs.extend(centered(arm.x));
            ys.extend(centered(arm.y));
            n_means += 1;
            (largest_x, largest_y) = (largest_x.max(largest(arm.x)), largest_y.max(largest(arm.y)));
        }
        let n = xs.len();
        if n < n_means + 2 {
            return Err(TooLittle::Values { got: n, need: n_means + 2 });
        }
        let sum = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(x, y)| x * y).sum();
        let (sum_xx, sum_xy, sum_yy): (f64, f64, f64) =
            (sum(&xs, &xs), sum(&xs, &ys), sum(&ys, &ys));
        if !(sum_xx.is_finite() && sum_yy.is_finite()) {
            return Err(TooLittle::NotFinite);
        }
        let or_zero = |sum: f64, top: f64| if is_rounding(sum, n, top) { 0.0 } else { sum };
        let slope = sum_xy / sum_xx;
        let left: f64 = xs.iter().zip(&ys).map(|(x, y)| (y - slope * x).powi(2)).sum();
        Ok(Self {
            sum_xx: or_zero(sum_xx, largest_x),
            sum_yy: or_zero(sum_yy, largest_y),
            left: or_zero(left, largest_y.max(slope.abs() * largest_x)),
            slope,
            df: (n - n_means - 1) as f64,
        })
    }

    fn slope(&self, confidence: f64) -> Result<Coefficient, TooLittle> {
        if self.sum_xx <= 0.0 {
            return Err(TooLittle::NoSpread);
        }
        let error = (self.left / self.df / self.sum_xx).sqrt();
        Coefficient::student(self.slope, error, self.df, confidence)
    }
}

fn centered(xs: &[f64]) -> impl Iterator<Item = f64> {
    let center = raw_mean(xs);
    xs.iter().map(move |x| x - center)
}

fn sobel(a: &Coefficient, b: &Coefficient, confidence: f64) -> Interval {
    let estimate = a.estimate * b.estimate;
    let error = (a.estimate * b.error).hypot(b.estimate * a.error);
    let half = normal_critical(confidence) * error;
    Interval { estimate, low: estimate - half, high: estimate + half }
}

/// Quantiles of products of draws; `n` replicates leave `n - 2` and `n - 3` degrees of freedom.
fn product_interval(
    a: &Coefficient,
    b: &Coefficient,
    n: usize,
    confidence: f64,
    seed: Seed,
) -> Interval {
    let mut stream = seed.stream("indirect effect", 0);
    let mut student = |df: usize| {
        // Two squared normals make an exponential, which costs one logarithm instead of two draws.
        let exponentials: f64 = (0..df / 2).map(|_| -2.0 * (1.0 - stream.uniform()).ln()).sum();
        let odd = if df % 2 == 1 { stream.normal().powi(2) } else { 0.0 };
        stream.normal() / ((exponentials + odd) / df as f64).sqrt()
    };
    let mut product =
        |_| (a.estimate + a.error * student(n - 2)) * (b.estimate + b.error * student(n - 3));
    let mut products: Vec<f64> = (0..DRAWS).map(&mut product).collect();
    products.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Interval {
        estimate: a.estimate * b.estimate,
        low: quantile(&products, tail),
        high: quantile(&products, 1.0 - tail),
    }
}

#[cfg(test)]
mod tests;
