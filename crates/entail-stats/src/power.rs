//! Planning in replicates: how many training runs an effect, or its absence, takes to show.
//!
//! The analysis planned for is [`crate::welch`] on the means of replicates, and power is that of
//! Welch's own test: its degrees of freedom are estimated from the data, so with few replicates it
//! has less power than the noncentral t with fixed degrees of freedom says (at three runs per arm
//! .43 where that says .53). [`Comparison::textbook_power`] gives the latter, to compare with other
//! software. All of it takes replicate means as normal.

use statrs::function::gamma::{gamma_lr, ln_gamma};

use crate::family::{NotProbability, check_probabilities};
use crate::integration::{nodes, root};
use crate::quantile::{assert_confidence, normal_tail, student_critical};

/// Standard deviations beyond which a bell is dropped: it holds `1e-18` of the mass.
const REACH: f64 = 9.0;
/// Steepness above which the panels over the spread become many; only far levels of very few
/// replicates get here.
const STEEP: f64 = 60.0;
/// Farther than this from zero, a standard error is lost to rounding.
const MOST_ERRORS: f64 = 1e9;
/// Below this, `1 - alpha` has too few digits for a critical value.
const SMALLEST_ALPHA: f64 = 1e-9;

/// Variance components of one arm, in squared units of the score, in the model
/// `y = mean + u_replicate + v_prompt + w_(replicate, prompt) + e`.
///
/// Take them from an earlier study of the same recipe. For labels with rate `p` inside a cell,
/// `sample` is the mean of `p (1 - p)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerReplicate {
    /// Between replicates: `var u`.
    pub replicate: f64,
    /// Replicate by prompt: `var w`.
    pub interaction: f64,
    /// Between answers to one prompt by one replicate: `var e`.
    pub sample: f64,
    /// Prompts asked of each replicate, `P`.
    pub prompts: usize,
    /// Answers to each prompt, `K`.
    pub samples: usize,
}

/// One arm as planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedArm {
    /// Variance of one replicate's mean, as [`PerReplicate::variance`] gives it.
    pub variance: f64,
    /// Number of replicates.
    pub replicates: usize,
}

/// What a number of replicates must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    /// Level of the test: two-sided for an effect, of each one-sided test for equivalence.
    pub alpha: f64,
    /// Power wanted, such as .8.
    pub power: f64,
    /// Most replicates per arm that can be paid for.
    pub cap: usize,
}

/// Why a plan cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A variance that is negative or not finite.
    #[error("a variance is {value}, expected a finite number of at least 0")]
    Variance {
        /// What was given.
        value: f64,
    },
    /// Neither arm varies, so every effect shows at once.
    #[error("neither arm varies between replicates")]
    NoSpread,
    /// No prompt, or no answer to it.
    #[error("{prompts} prompts with {samples} answers each, expected one or more of both")]
    NoAnswers {
        /// Prompts given.
        prompts: usize,
        /// Answers to each.
        samples: usize,
    },
    /// An arm of fewer than two replicates cannot estimate its variance.
    #[error("{treated} treated and {control} control replicates, a plan needs two or more of each")]
    Replicates {
        /// Replicates in the treated arm.
        treated: usize,
        /// Replicates in the control arm.
        control: usize,
    },
    /// A level that is no test's.
    #[error("alpha is {value}, expected a number from 1e-9 to 0.5")]
    Alpha {
        /// What was given.
        value: f64,
    },
    /// A power that nothing, or everything, reaches.
    #[error("a power of {value}, expected a number between 0 and 1")]
    Power {
        /// What was given.
        value: f64,
    },
    /// An effect or margin that is not finite, a margin of 0 or less, or one of more than `1e9`
    /// standard errors, which is a slip of units.
    #[error("a size of {value}, expected a finite number in the unit of the scores")]
    Size {
        /// What was given.
        value: f64,
    },
}

impl PerReplicate {
    /// Variance of one replicate's mean over its answers, `var u + var w / P + var e / (P K)`: what
    /// replicates scatter by, and all that more replicates average out.
    ///
    /// `var w / P` stays whether the prompts are a sample or all there is, because every replicate
    /// draws its own `w`; the components are those of the usual mean squares, whose `var u` leaves
    /// it out. The prompts' own effect `v` is common to all replicates and cancels between arms.
    /// A claim about prompts beyond those asked carries twice the variance of arm by prompt over
    /// `P` in the squared error of the difference, on top, however many replicates there are.
    ///
    /// # Errors
    /// [`PlanError::Variance`] and [`PlanError::NoAnswers`].
    pub fn variance(&self) -> Result<f64, PlanError> {
        for value in [self.replicate, self.interaction, self.sample] {
            check_variance(value)?;
        }
        let Self { prompts, samples, .. } = *self;
        if prompts == 0 || samples == 0 {
            return Err(PlanError::NoAnswers { prompts, samples });
        }
        let (prompts, samples) = (prompts as f64, samples as f64);
        Ok(self.replicate + (self.interaction + self.sample / samples) / prompts)
    }
}

/// A comparison of two arms by Welch's t as planned; effects and margins are in the unit whose
/// square the variances have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    treated: PlannedArm,
    control: PlannedArm,
    alpha: f64,
}

impl Comparison {
    /// A plan at level `alpha`. One arm may have no variance.
    ///
    /// # Errors
    /// [`PlanError`] of the variances, the replicates or `alpha`.
    pub fn new(treated: PlannedArm, control: PlannedArm, alpha: f64) -> Result<Self, PlanError> {
        check_variance(treated.variance)?;
        check_variance(control.variance)?;
        if treated.replicates < 2 || control.replicates < 2 {
            let (treated, control) = (treated.replicates, control.replicates);
            return Err(PlanError::Replicates { treated, control });
        }
        // A sum that is subnormal is none either: its digits are gone.
        if !(treated.variance + control.variance).is_normal() {
            return Err(PlanError::NoSpread);
        }
        if !(SMALLEST_ALPHA..0.5).contains(&alpha) {
            return Err(PlanError::Alpha { value: alpha });
        }
        Ok(Self { treated, control, alpha })
    }

    /// Chance that Welch's two-sided test at `alpha` rejects when the true difference is `effect`,
    /// exactly and not by fixed degrees of freedom.
    ///
    /// Of the two sums of squares, their total and the first one's share are independent. Given
    /// the share, Welch's critical value is a number and the rest is a noncentral t with
    /// `n1 + n0 - 2` degrees of freedom; the share is Beta. At no effect it is the test's true
    /// level, which for few replicates is not quite `alpha`.
    ///
    /// # Errors
    /// [`PlanError::Size`].
    pub fn power(&self, effect: f64) -> Result<f64, PlanError> {
        let shift = self.in_errors(effect)?;
        let thresholds = self.thresholds(1.0 - self.alpha);
        Ok(average(&thresholds, |t| exceeds(t, shift, self.total_df())))
    }

    /// Power by the noncentral t with Satterthwaite's degrees of freedom at the true variances:
    /// what statsmodels and G*Power give when the arms are alike. Too hopeful below about six
    /// replicates an arm, and not for use in place of [`Comparison::power`].
    ///
    /// # Errors
    /// As [`Comparison::power`].
    pub fn textbook_power(&self, effect: f64) -> Result<f64, PlanError> {
        let shift = self.in_errors(effect)?;
        let [part1, part0] = self.parts();
        let df = self.welch_df(part1 / (part1 + part0));
        let threshold = student_critical(1.0 - self.alpha, df);
        Ok(exceeds(threshold, shift, df))
    }

    /// Smallest true difference that the test finds with this power: the inverse of
    /// [`Comparison::power`]. Zero when the level alone reaches it.
    ///
    /// # Errors
    /// [`PlanError::Power`] outside `(0, 1)`.
    pub fn detectable_effect(&self, power: f64) -> Result<f64, PlanError> {
        check_power(power)?;
        let thresholds = self.thresholds(1.0 - self.alpha);
        let lacking =
            |shift: f64| average(&thresholds, |t| exceeds(t, shift, self.total_df())) - power;
        if lacking(0.0) >= 0.0 {
            return Ok(0.0);
        }
        let mut high = 4.0;
        while lacking(high) < 0.0 {
            high *= 2.0;
        }
        Ok(self.error() * root(0.0, high, lacking))
    }

    /// Chance that two one-sided Welch tests, each at `alpha`, show the difference to be inside
    /// `±margin` when it is truly `difference` (TOST: Schuirmann 1987); the same as the two-sided
    /// interval of confidence `1 - 2 alpha` lying inside.
    ///
    /// Exact in the way of [`Comparison::power`]: both tests share one standard error, so given the
    /// share the chance is an integral over the chi distribution of that error (Phillips 1990 for
    /// the pooled test), and not the product of two powers.
    ///
    /// # Errors
    /// [`PlanError::Size`] of the margin or the difference.
    pub fn equivalence_power(&self, margin: f64, difference: f64) -> Result<f64, PlanError> {
        if margin <= 0.0 {
            return Err(PlanError::Size { value: margin });
        }
        let (margin, shift) = (self.in_errors(margin)?, self.in_errors(difference)?);
        let thresholds = self.thresholds(1.0 - 2.0 * self.alpha);
        Ok(average(&thresholds, |t| stays_inside(t, margin, shift, self.total_df())))
    }

    /// Each arm's part of the squared error of the difference.
    fn parts(&self) -> [f64; 2] {
        [self.treated, self.control].map(|arm| arm.variance / arm.replicates as f64)
    }

    fn dfs(&self) -> [f64; 2] {
        [self.treated, self.control].map(|arm| arm.replicates as f64 - 1.0)
    }

    fn total_df(&self) -> f64 {
        self.dfs().iter().sum()
    }

    /// Standard error of the difference.
    fn error(&self) -> f64 {
        self.parts().iter().sum::<f64>().sqrt()
    }

    /// An effect or margin in standard errors.
    fn in_errors(&self, size: f64) -> Result<f64, PlanError> {
        let scaled = size / self.error();
        // False for NaN as well.
        if scaled.abs() <= MOST_ERRORS { Ok(scaled) } else { Err(PlanError::Size { value: size }) }
    }

    /// Satterthwaite's degrees of freedom when the treated arm has this share of the squared error.
    fn welch_df(&self, share: f64) -> f64 {
        let [df1, df0] = self.dfs();
        1.0 / (share.powi(2) / df1 + (1.0 - share).powi(2) / df0)
    }

    /// The critical value in units of the true standard error times the spread of the pooled sum
    /// of squares, at quadrature nodes of the first arm's share of that sum: `(weight, threshold)`.
    fn thresholds(&self, confidence: f64) -> Vec<(f64, f64)> {
        let ([part1, part0], [df1, df0]) = (self.parts(), self.dfs());
        // The share is the squared sine of an angle, whose density has no poles at the ends.
        let log_density =
            |angle: f64| (df1 - 1.0) * angle.sin().ln() + (df0 - 1.0) * angle.cos().ln();
        let center = (df1 / df0).sqrt().atan();
        let reach = REACH / (2.0 * self.total_df()).sqrt();
        let (low, high) =
            ((center - reach).max(0.0), (center + reach).min(std::f64::consts::FRAC_PI_2));
        nodes(low, high, (high - low) / 8.0)
            .map(|(angle, weight)| {
                let seen1 = part1 * angle.sin().powi(2) / df1;
                let seen0 = part0 * angle.cos().powi(2) / df0;
                let scale = self.total_df() * (seen1 + seen0) / (part1 + part0);
                let critical = student_critical(confidence, self.welch_df(seen1 / (seen1 + seen0)));
                let mass = weight * (log_density(angle) - log_density(center)).exp();
                (mass, critical * scale.sqrt())
            })
            .collect()
    }
}

/// Fewest replicates per arm with which Welch's test finds `effect`; `variances` are those of one
/// treated and one control replicate's mean. `None` when not even `aim.cap` are enough.
///
/// # Errors
/// [`PlanError`] of the effect, the variances or the aim.
pub fn replicates_needed(
    effect: f64,
    variances: [f64; 2],
    aim: Aim,
) -> Result<Option<usize>, PlanError> {
    fewest(variances, aim, |plan| plan.power(effect))
}

/// Fewest replicates per arm with which two one-sided Welch tests show a true `difference` to be
/// inside `±margin`; otherwise as [`replicates_needed`].
///
/// # Errors
/// [`PlanError`] of the margin, the difference, the variances or the aim.
pub fn replicates_for_equivalence(
    margin: f64,
    difference: f64,
    variances: [f64; 2],
    aim: Aim,
) -> Result<Option<usize>, PlanError> {
    fewest(variances, aim, |plan| plan.equivalence_power(margin, difference))
}

/// One-sided upper confidence limit of a variance that was estimated with `df` degrees of freedom
/// from normal values: `df estimate / chi^2` at the lower tail `1 - confidence`.
///
/// A plan should hold at this value too. The estimate meant is that of replicate means, squared
/// spread with `S - 1` degrees of freedom in one arm or `2S - 2` pooled over two; with four
/// replicates it is 8.5 times the estimate at a confidence of .95. For `var u` alone, which is a
/// difference of mean squares, it is too low. With a small confidence it is a lower limit: .025
/// and .975 bound a two-sided 95% interval.
///
/// # Errors
/// [`PlanError::Variance`].
///
/// # Panics
/// With a confidence outside `(0, 1)` or no degrees of freedom.
pub fn upper_variance(estimate: f64, df: f64, confidence: f64) -> Result<f64, PlanError> {
    assert_confidence(confidence);
    assert!(df > 0.0 && df.is_finite(), "degrees of freedom are positive, got {df}");
    check_variance(estimate)?;
    // The root is sought for the logarithm: the lower tail of few degrees of freedom is a power.
    let below = |log_square: f64| gamma_lr(df / 2.0, log_square.exp() / 2.0).ln();
    let target = (1.0 - confidence).ln();
    let (mut low, mut high) = (df.ln(), df.ln());
    let step = (2.0 / df).sqrt();
    while below(low) > target {
        low -= step;
    }
    while below(high) < target {
        high += step;
    }
    let log_square = root(low, high, |log_square| below(log_square) - target);
    Ok(df * estimate / log_square.exp())
}

/// Smallest two-sided p-value that the exact permutation test of `replicates` runs per arm can
/// give, `2 / C(2S, S)`; `None` without replicates.
///
/// At three per arm it is .1, so that no data whatever reach .05.
pub fn permutation_floor(replicates: usize) -> Option<f64> {
    let share = |i: usize| i as f64 / (replicates + i) as f64;
    (replicates > 0).then(|| 2.0 * (1..=replicates).map(share).product::<f64>())
}

/// How many of a family of `items` must sit at the smallest attainable p-value together before
/// Benjamini and Hochberg's procedure at `q` rejects them; `None` when it never does, so that the
/// test with that floor is not worth running.
///
/// # Errors
/// [`NotProbability`] for a floor outside `[0, 1]`.
pub fn fewest_at_floor(floor: f64, items: usize, q: f64) -> Result<Option<usize>, NotProbability> {
    check_probabilities(&[floor])?;
    Ok((1..=items).find(|&rank| floor * (items as f64 / rank as f64) <= q))
}

/// Smallest number of replicates per arm, from 2 to the cap, with the power aimed at. More
/// replicates never have less, so doubling and halving find it.
fn fewest(
    variances: [f64; 2],
    aim: Aim,
    power: impl Fn(&Comparison) -> Result<f64, PlanError>,
) -> Result<Option<usize>, PlanError> {
    check_power(aim.power)?;
    let reaches = |replicates: usize| {
        let [treated, control] = variances.map(|variance| PlannedArm { variance, replicates });
        Ok(power(&Comparison::new(treated, control, aim.alpha)?)? >= aim.power)
    };
    let mut enough = 2;
    while !reaches(enough)? {
        if enough >= aim.cap {
            return Ok(None);
        }
        enough = (2 * enough).min(aim.cap);
    }
    let mut short = enough / 2;
    while enough - short > 1 {
        let middle = usize::midpoint(short, enough);
        if reaches(middle)? { enough = middle } else { short = middle }
    }
    Ok((enough <= aim.cap).then_some(enough))
}

/// Mean of a chance over the nodes of [`Comparison::thresholds`].
fn average(thresholds: &[(f64, f64)], chance: impl Fn(f64) -> f64) -> f64 {
    let mass: f64 = thresholds.iter().map(|(weight, _)| weight).sum();
    let sum: f64 = thresholds.iter().map(|&(weight, t)| weight * chance(t)).sum();
    (sum / mass).clamp(0.0, 1.0)
}

/// `P(|T| > threshold)` of the noncentral t: a normal around `shift` over its own spread.
fn exceeds(threshold: f64, shift: f64, df: f64) -> f64 {
    let steepness = (shift.abs() + REACH).min(threshold * largest_spread(df));
    if steepness > STEEP {
        return over_normal(shift, f64::INFINITY, df, |x| x / threshold);
    }
    over_spread(df, f64::INFINITY, steepness, |s| {
        normal_tail(threshold * s - shift) + normal_tail(threshold * s + shift)
    })
}

/// Chance that a normal around `shift` stays `threshold` spreads away from both margins.
fn stays_inside(threshold: f64, margin: f64, shift: f64, df: f64) -> f64 {
    let steepness = margin.min(threshold * largest_spread(df));
    if steepness > STEEP {
        return over_normal(shift, margin, df, |x| (margin - x) / threshold);
    }
    // Beyond this spread the interval is wider than the margins and nothing is shown.
    over_spread(df, margin / threshold, steepness, |s| {
        let room = margin - threshold * s;
        normal_tail(-room - shift) - normal_tail(room - shift)
    })
}

/// Chance that `s = sqrt(chi^2 / df)` is below `limit(|x|)` and `|x|` below `top`, where `x` is
/// normal around `shift`: the other order of integration, for steps too steep for [`over_spread`].
fn over_normal(shift: f64, top: f64, df: f64, limit: impl Fn(f64) -> f64) -> f64 {
    let center = shift.abs();
    let (low, high) = ((center - REACH).max(0.0), (center + REACH).min(top));
    if high <= low {
        return 0.0;
    }
    let bell = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let below = |s: f64| gamma_lr(df / 2.0, df / 2.0 * s * s);
    nodes(low, high, 1.0)
        .map(|(x, weight)| weight * (bell(x - center) + bell(x + center)) * below(limit(x)))
        .sum()
}

/// Mean of `chance(s)` over `s = sqrt(chi^2 / df)` from 0 to `top`, taken over `ln s`, on whose
/// scale the density has neither pole nor corner at any degrees of freedom; the steps of `chance`
/// there are `1 / steepness` or wider.
fn over_spread(df: f64, top: f64, steepness: f64, chance: impl Fn(f64) -> f64) -> f64 {
    // P(chi^2 / df < s^2) is below (s^2 e)^(df/2), and below the normal tail at sqrt(df) (1 - s).
    let low = (-0.5 - 40.0 / df).max((1.0 - REACH / df.sqrt()).max(f64::MIN_POSITIVE).ln());
    let high = largest_spread(df).min(top).ln();
    if high <= low {
        return 0.0;
    }
    let half = df / 2.0;
    let log_constant = std::f64::consts::LN_2 + half * half.ln() - ln_gamma(half);
    let density = |u: f64| (log_constant + df * u - half * (2.0 * u).exp()).exp();
    let widest = (4.0 / steepness.max(4.0)).min((high - low) / 8.0);
    nodes(low, high, widest).map(|(u, weight)| weight * density(u) * chance(u.exp())).sum()
}

/// Where the upper tail of `sqrt(chi^2 / df)` is dropped.
fn largest_spread(df: f64) -> f64 {
    1.0 + REACH / df.sqrt()
}

fn check_variance(value: f64) -> Result<(), PlanError> {
    if value >= 0.0 && value.is_finite() { Ok(()) } else { Err(PlanError::Variance { value }) }
}

fn check_power(value: f64) -> Result<(), PlanError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(PlanError::Power { value }) }
}

#[cfg(test)]
mod tests;
