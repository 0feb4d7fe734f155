//! Looking at a study before it is complete without raising its error: group-sequential testing
//! by alpha spending (Lan and `DeMets` 1983, "Discrete sequential boundaries for clinical trials").
//!
//! A look uses the replicates finished so far. Each look may reject at its own nominal level, and
//! the levels are such that the chance of any false rejection at any look is `alpha`. They come
//! from the joint normal distribution of the looks' statistics by the recursive integration of
//! Armitage, `McPherson` and Rowe (1969; Jennison and Turnbull 2000, chapter 19), and are compared
//! with the p-values of t tests (the significance level approach: Jennison and Turnbull 2000,
//! section 4.4). With Welch's test, two to twelve replicates an arm and a total of .05, simulated
//! studies reject falsely in .038 to .051 of cases when the arms scatter alike. With a threefold
//! standard deviation in one arm it is up to .061, which is Welch's own excess at such sizes and
//! not that of looking; nothing here corrects it.
//!
//! A plan made with [`crate::Plan`] has a little less power under looks, because the last level is
//! below `alpha`.

use crate::contrast::Direction;
use crate::family::{NotProbability, check_probabilities};
use crate::integration::{nodes, root};
use crate::quantile::{normal_tail, normal_upper};

/// Smallest share of the replicates between two looks; finer steps would take ever more nodes and
/// are no different look.
const SMALLEST_STEP: f64 = 1e-3;
/// Chances below this are taken as none, so that logarithms and quotients stay in range.
const SMALLEST_CHANCE: f64 = 1e-290;
/// Steps of Newton's method; six are usual.
const MAX_NEWTON_STEPS: usize = 50;

/// How fast the error is spent over the study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// Hardly anything early and nearly all at the end, as O'Brien and Fleming's boundary does:
    /// `4 - 4 Phi(z_(alpha/4) / sqrt(t))`. The last test stays close to one without looks.
    OBrienFleming,
    /// Nearly even levels, as Pocock's boundary has: `alpha ln(1 + (e - 1) t)`. Stops sooner when
    /// the effect is large, and costs power at the end.
    Pocock,
}

impl Spending {
    /// Two-sided error spent when a share `fraction` of the replicates, from 0 to 1, is in.
    fn spent(self, fraction: f64, alpha: f64) -> f64 {
        match self {
            // At the end exactly alpha, not what is left of it after two inversions.
            _ if fraction >= 1.0 => alpha,
            Self::OBrienFleming => 4.0 * normal_tail(critical(alpha / 2.0) / fraction.sqrt()),
            Self::Pocock => alpha * (fraction * (std::f64::consts::E - 1.0)).ln_1p(),
        }
    }
}

/// Why looks cannot be planned.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LooksError {
    /// No look at all.
    #[error("no look is planned")]
    None,
    /// An error level that is none.
    #[error("alpha is {value}, expected a number between 0 and 1")]
    Alpha {
        /// What was given.
        value: f64,
    },
    /// A fraction outside `(0, 1]`, or not at least a thousandth above the one before.
    #[error(
        "look {look} is at {value} of the replicates, expected more than {previous} and at most 1"
    )]
    Fraction {
        /// Zero-based look.
        look: usize,
        /// Its fraction.
        value: f64,
        /// That of the look before, 0 for the first.
        previous: f64,
    },
}

/// The looks of a study and the level of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Looks {
    fractions: Vec<f64>,
    spending: Spending,
    levels: Vec<f64>,
}

impl Looks {
    /// Looks at these information fractions: replicates per arm at the look over the most that
    /// will be run. `alpha` is the two-sided error over all looks together.
    ///
    /// The level of a look depends on the looks up to it only. So fractions may be added as the
    /// study goes, provided that neither their number nor their place follows from the results;
    /// the last may lie below 1, and what is spent by then is then less than `alpha`.
    ///
    /// # Errors
    /// [`LooksError`].
    pub fn new(fractions: &[f64], alpha: f64, spending: Spending) -> Result<Self, LooksError> {
        if fractions.is_empty() {
            return Err(LooksError::None);
        }
        if !(alpha > SMALLEST_CHANCE && alpha < 1.0) {
            return Err(LooksError::Alpha { value: alpha });
        }
        let mut previous = 0.0;
        for (look, &value) in fractions.iter().enumerate() {
            let rises = value - previous >= SMALLEST_STEP && value <= 1.0;
            if !rises {
                return Err(LooksError::Fraction { look, value, previous });
            }
            previous = value;
        }
        let levels = boundary(fractions, alpha, spending).into_iter().map(two_sided).collect();
        Ok(Self { fractions: fractions.to_vec(), spending, levels })
    }

    /// Two-sided nominal level of each look: a look rejects when its p-value is at most this.
    ///
    /// Very early looks have levels that nothing reaches; those below `1e-290` read as that.
    pub fn levels(&self) -> &[f64] {
        &self.levels
    }

    /// Confidence of the repeated interval at a look, `1 - level`: intervals made with it cover
    /// the true value at all looks together with chance `1 - alpha` (Jennison and Turnbull 1989,
    /// "Interim analyses: the repeated confidence interval approach").
    ///
    /// `None` where the level is below the rounding of 1: the interval there is without ends.
    ///
    /// # Panics
    /// When there is no such look.
    pub fn confidence(&self, look: usize) -> Option<f64> {
        let confidence = 1.0 - self.levels[look];
        (confidence < 1.0).then_some(confidence)
    }

    /// Repeated p-value of a history: the smallest `alpha` at which one of the looks so far would
    /// have rejected, `p[look]` being the p-value at each, from the first. This is what enters
    /// [`crate::holm`] or [`crate::benjamini_hochberg`] for a family of items.
    ///
    /// Under no effect it is at most `x` with chance `x` at most, at every look and when looking
    /// stops for whatever reason. So Holm keeps its error at any stop; Benjamini and Hochberg's
    /// rate is kept at each look, and nothing is proven for the look at which a result made you stop.
    ///
    /// `None` in the history is a look without a test, such as one whose values did not scatter.
    /// The result is `None` when no look had one.
    ///
    /// # Errors
    /// [`NotProbability`] for the first entry outside `[0, 1]`, by its look.
    ///
    /// # Panics
    /// With more entries than looks.
    pub fn repeated_p(&self, history: &[Option<f64>]) -> Result<Option<f64>, NotProbability> {
        assert!(
            history.len() <= self.fractions.len(),
            "{} p-values for {} looks",
            history.len(),
            self.fractions.len()
        );
        // A missing p-value rejects at no level, as 1 does.
        let p: Vec<f64> = history.iter().map(|p| p.unwrap_or(1.0)).collect();
        check_probabilities(&p)?;
        if history.iter().all(Option::is_none) {
            return Ok(None);
        }
        let smallest = p.iter().copied().fold(1.0, f64::min);
        if smallest <= SMALLEST_CHANCE {
            return Ok(Some(smallest));
        }
        Ok(Some(self.smallest_alpha(&p, smallest)))
    }

    /// Where the best of the looks lies on its boundary; `smallest` is the smallest of `p`.
    fn smallest_alpha(&self, p: &[f64], smallest: f64) -> f64 {
        let reached: Vec<f64> = p.iter().map(|&p| critical(p)).collect();
        let excess = |log_alpha: f64| {
            let bounds = boundary(&self.fractions[..p.len()], log_alpha.exp(), self.spending);
            let over = reached.iter().zip(bounds).map(|(z, bound)| z - bound);
            over.fold(f64::NEG_INFINITY, f64::max)
        };
        // No level exceeds alpha, so the smallest p-value is a lower limit.
        let low = smallest.ln();
        if excess(low) >= 0.0 {
            return smallest;
        }
        if excess(0.0) <= 0.0 {
            return 1.0;
        }
        root(low, 0.0, excess).exp().clamp(smallest, 1.0)
    }
}

/// What one look says about one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The repeated interval leaves out zero.
    Moves(Direction),
    /// The repeated interval lies inside the smallest effect of interest, on both sides of zero
    /// or not: whatever the difference is, it is too small to matter.
    DoesNotMove,
    /// Neither yet: more replicates are needed.
    Open,
}

impl Decision {
    /// Of a repeated interval from `low` to `high` (made with [`Looks::confidence`]) and the
    /// smallest effect of interest, which is fixed before the first look.
    ///
    /// All decisions on one cell over all looks are right together with chance `1 - alpha`. Being
    /// two-sided, the interval is stricter on `DoesNotMove` than two one-sided tests at `alpha`.
    /// For `Moves` over a family of cells, adjust [`Looks::repeated_p`] instead.
    ///
    /// # Panics
    /// When the interval is upside down or not finite, or `smallest_effect` is not above zero.
    pub fn of(low: f64, high: f64, smallest_effect: f64) -> Self {
        assert!(low <= high && low.is_finite() && high.is_finite(), "interval {low} to {high}");
        assert!(smallest_effect > 0.0, "a smallest effect of {smallest_effect} is none");
        if -smallest_effect < low && high < smallest_effect {
            Self::DoesNotMove
        } else if low > 0.0 {
            Self::Moves(Direction::Up)
        } else if high < 0.0 {
            Self::Moves(Direction::Down)
        } else {
            Self::Open
        }
    }
}

/// `z` of each look such that the looks up to it spend what they may.
///
/// The process is `S = Z sqrt(t)`, whose steps are independent normals with variance the step in
/// `t`. `mass` holds the density of the studies that are still going: quadrature nodes of `S >= 0`,
/// the half below zero being its mirror image.
fn boundary(fractions: &[f64], alpha: f64, spending: Spending) -> Vec<f64> {
    let mut mass = vec![(0.0, 0.5)];
    let (mut spent, mut before) = (0.0, 0.0);
    let mut bounds = Vec::with_capacity(fractions.len());
    for (look, &fraction) in fractions.iter().enumerate() {
        let so_far = spending.spent(fraction, alpha);
        let step = Step { mass: &mass, sd: (fraction - before).sqrt() };
        let bound = step.bound(so_far - spent, fraction.sqrt());
        bounds.push(bound / fraction.sqrt());
        if let Some(next) = fractions.get(look + 1) {
            mass = step.stays_below(bound, (next - fraction).sqrt());
        }
        (spent, before) = (so_far, fraction);
    }
    bounds
}

/// From the studies going after one look to the next look.
struct Step<'a> {
    mass: &'a [(f64, f64)],
    sd: f64,
}

impl Step<'_> {
    /// Chance of going on to here and then lying beyond `±bound`.
    fn beyond(&self, bound: f64) -> f64 {
        let tails =
            |x: f64| normal_tail((bound - x) / self.sd) + normal_tail((bound + x) / self.sd);
        2.0 * self.mass.iter().map(|&(x, weight)| weight * tails(x)).sum::<f64>()
    }

    /// Density of going on to here and then lying at `at`.
    fn density(&self, at: f64) -> f64 {
        let bell = |x: f64| (-0.5 * (x / self.sd).powi(2)).exp();
        let sum: f64 = self.mass.iter().map(|&(x, w)| w * (bell(at - x) + bell(at + x))).sum();
        sum / (self.sd * std::f64::consts::TAU.sqrt())
    }

    /// Bound that spends `chance`, by Newton's method on its logarithm.
    ///
    /// The logarithm of a tail of this density is concave, so steps from the right descend to the
    /// root without passing it; the bound without earlier looks, at `sd_alone`, is to the right.
    fn bound(&self, chance: f64, sd_alone: f64) -> f64 {
        let mut bound = sd_alone * critical(chance.max(SMALLEST_CHANCE));
        if chance <= SMALLEST_CHANCE {
            return bound;
        }
        for _ in 0..MAX_NEWTON_STEPS {
            let beyond = self.beyond(bound);
            let step = (chance / beyond).ln() * beyond / (2.0 * self.density(bound));
            // A step back, or none, is rounding.
            if step.is_nan() || step <= bound * f64::EPSILON {
                break;
            }
            bound = (bound - step).max(0.0);
        }
        bound
    }

    /// The studies that lie within the bound, at nodes that resolve this step's bell and the next.
    fn stays_below(&self, bound: f64, next_sd: f64) -> Vec<(f64, f64)> {
        nodes(0.0, bound, 2.0 * self.sd.min(next_sd))
            .map(|(x, weight)| (x, weight * self.density(x)))
            .collect()
    }
}

/// `z` with `P(|Z| >= z) = level`; exact for small levels, where `1 - level` has lost its digits.
fn critical(level: f64) -> f64 {
    if level >= 1.0 { 0.0 } else { normal_upper(level / 2.0) }
}

/// `P(|Z| >= z)`.
fn two_sided(z: f64) -> f64 {
    2.0 * normal_tail(z)
}

#[cfg(test)]
mod tests;
