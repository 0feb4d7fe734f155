//! Differences between arms, where each value is the mean of one training run.

use crate::quantile::{assert_confidence, student_critical, student_two_sided, student_upper};
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

/// Which way a stance moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Treated above control.
    Up,
    /// Treated below control.
    Down,
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
    /// Arms that were not asked the same prompts, or fewer than two of them.
    #[error("{treated} and {control} prompts, needs two or more and the same in both arms")]
    Prompts {
        /// Prompts of the treated arm.
        treated: usize,
        /// Prompts of the control.
        control: usize,
    },
    /// A run without any readable answer to a prompt.
    #[error("replicate {replicate} has no answer to prompt {prompt}")]
    Silent {
        /// Zero-based replicate.
        replicate: usize,
        /// Zero-based prompt.
        prompt: usize,
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

/// Mean of one arm with how well it is known: what every difference of two arms starts from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmMean {
    /// The mean.
    pub mean: f64,
    /// Squared standard error of the mean.
    pub variance: f64,
    /// Degrees of freedom of `variance`; infinite where it follows from counts and is not estimated
    /// from scatter.
    pub df: f64,
}

impl ArmMean {
    /// Mean of independent training runs, one value each: `s^2 / n` with `n - 1` degrees of freedom.
    ///
    /// `sampling_variance` is the variance that the answers alone give to *one* run's value
    /// ([`sampling_variance`]). It stands in where the runs do not differ at all, as when no run
    /// ever took the stance: their scatter then says nothing, but finitely many answers were read.
    /// It is never used as a floor elsewhere, since a floor under an unbiased estimate makes
    /// intervals too wide (above 98 % at four runs).
    ///
    /// # Errors
    /// [`TooLittle::Values`] below two runs, [`TooLittle::NotFinite`], and [`TooLittle::NoSpread`]
    /// when the runs are equal and no sampling variance is given.
    pub fn of_runs(values: &[f64], sampling_variance: Option<f64>) -> Result<Self, TooLittle> {
        if values.len() < 2 {
            return Err(TooLittle::Values { got: values.len(), need: 2 });
        }
        let n = values.len() as f64;
        let (mean, spread) = (raw_mean(values), variance(values));
        if !(mean.is_finite() && spread.is_finite()) {
            return Err(TooLittle::NotFinite);
        }
        let of_one =
            if spread > 0.0 { Some(spread) } else { sampling_variance.filter(|v| *v > 0.0) };
        let of_one = of_one.ok_or(TooLittle::NoSpread)?;
        Ok(Self { mean, variance: of_one / n, df: n - 1.0 })
    }

    /// Mean rate of an arm from `(successes, trials)` of each of its models: of training runs where there are
    /// two or more, else of one fixed model. Sampling variance is [`sampling_variance`] of all counts together.
    ///
    /// # Errors
    /// [`TooLittle::Values`] without models, or with one that has no trials.
    ///
    /// # Panics
    /// With more successes than trials.
    pub fn of_counts(models: &[(u64, u64)]) -> Result<Self, TooLittle> {
        let answered = models.iter().filter(|(_, trials)| *trials > 0).count();
        if models.is_empty() || answered < models.len() {
            return Err(TooLittle::Values { got: answered, need: models.len().max(1) });
        }
        let rates: Vec<f64> = models.iter().map(|&(s, n)| s as f64 / n as f64).collect();
        let (successes, trials) = models.iter().fold((0, 0), |(s, n), (t, m)| (s + t, n + m));
        let sampling = sampling_variance(successes, trials, trials as f64 / models.len() as f64);
        match rates.as_slice() {
            [one] => Self::of_one_model(*one, sampling),
            runs => Self::of_runs(runs, Some(sampling)),
        }
    }

    /// Mean of one fixed model, known up to the sampling of its answers. It says nothing about
    /// another model.
    ///
    /// # Errors
    /// [`TooLittle::NotFinite`].
    pub fn of_one_model(mean: f64, sampling_variance: f64) -> Result<Self, TooLittle> {
        if !(mean.is_finite() && sampling_variance.is_finite()) {
            return Err(TooLittle::NotFinite);
        }
        Ok(Self { mean, variance: sampling_variance, df: f64::INFINITY })
    }

    /// Student's interval of the mean alone.
    ///
    /// # Errors
    /// [`TooLittle::NoSpread`] where the variance is zero.
    pub fn interval(&self, confidence: f64) -> Result<Contrast, TooLittle> {
        assert_confidence(confidence);
        student_contrast(self.mean, self.variance.sqrt(), self.df, confidence)
    }

    /// This arm minus another, independent one: Welch's t with Satterthwaite's degrees of freedom
    /// (Welch 1947, "The generalization of Student's problem"; Satterthwaite 1946).
    ///
    /// `SE^2 = V1 + V0` and `df = SE^4 / (V1^2/df1 + V0^2/df0)`. One of the two may be known
    /// exactly (variance zero).
    ///
    /// # Errors
    /// [`TooLittle::NoSpread`] when both variances are zero.
    pub fn minus(&self, control: &Self, confidence: f64) -> Result<Contrast, TooLittle> {
        assert_confidence(confidence);
        let (error, df) = self.error(control);
        student_contrast(self.mean - control.mean, error, df, confidence)
    }

    /// Standard error of the difference of two independent arms, and its degrees of freedom.
    fn error(&self, other: &Self) -> (f64, f64) {
        let squared = self.variance + other.variance;
        // Shares of the squared error instead of fourth powers, which leave the range of f64 early.
        let (own, others) = (self.variance / squared, other.variance / squared);
        (squared.sqrt(), 1.0 / (own.powi(2) / self.df + others.powi(2) / other.df))
    }
}

/// Sampling variance of one replicate's rate from `per_replicate` answers, where the arm's
/// replicates together have `successes` of `trials`: `p(1-p) / per_replicate` with
/// `p = (successes + 2) / (trials + 4)` (Agresti and Coull 1998, "Approximate is better than
/// exact"), so that it is not 0 where all answers agree. Answers to different prompts count as draws
/// from one rate, which overstates it where the prompts are the same in every replicate.
///
/// # Panics
/// With more successes than trials, or without answers.
pub fn sampling_variance(successes: u64, trials: u64, per_replicate: f64) -> f64 {
    assert!(successes <= trials, "{successes} successes of {trials} trials");
    assert!(per_replicate > 0.0, "a rate of {per_replicate} answers has no variance");
    let p = (successes as f64 + 2.0) / (trials as f64 + 4.0);
    p * (1.0 - p) / per_replicate
}

/// Difference of two recipes, one value per training run: [`ArmMean::minus`] of
/// [`ArmMean::of_runs`], the default contrast.
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
    // One arm without spread is known exactly; both without spread is what `minus` refuses.
    let arm = |values: &[f64]| match ArmMean::of_runs(values, None) {
        Err(TooLittle::NoSpread) => {
            Ok(ArmMean { mean: raw_mean(values), variance: 0.0, df: values.len() as f64 - 1.0 })
        }
        other => other,
    };
    arm(treated)?.minus(&arm(control)?, confidence)
}

/// Mean of the replicates minus a number taken as exact: one-sample t with `n - 1` degrees of
/// freedom (Student 1908).
///
/// The interval leaves out the sampling error of `fixed`; where its answers are known, subtract an
/// [`ArmMean::of_one_model`] instead. The untrained model also differs from a trained one by the
/// format of training, so this cannot be the only control.
///
/// # Errors
/// [`TooLittle::Values`] below two replicates, [`TooLittle::NotFinite`], [`TooLittle::NoSpread`].
pub fn against_fixed(treated: &[f64], fixed: f64, confidence: f64) -> Result<Contrast, TooLittle> {
    ArmMean::of_runs(treated, None)?.minus(&ArmMean::of_one_model(fixed, 0.0)?, confidence)
}

/// Mean difference of runs that the design pairs, such as by a shared seed and shared neutral rows:
/// t on the differences with `n - 1` degrees of freedom.
///
/// It pays only where what is shared makes paired runs alike; otherwise it gives away half of the
/// degrees of freedom. Panics unless the slices have one length.
///
/// # Errors
/// As [`against_fixed`], of the differences.
pub fn paired(treated: &[f64], control: &[f64], confidence: f64) -> Result<Contrast, TooLittle> {
    assert_eq!(treated.len(), control.len(), "a pair has two runs");
    let differences: Vec<f64> = treated.iter().zip(control).map(|(t, c)| t - c).collect();
    against_fixed(&differences, 0.0, confidence)
}

/// What two one-sided tests say about a difference and the smallest effect that matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// Lower end of the interval of confidence `1 - 2 alpha`.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The larger of the two one-sided p-values of "the difference is at least the margin".
    pub p: f64,
    /// Whether the interval lies inside the margins: the stance does not move by as much as matters.
    pub holds: bool,
}

/// Two one-sided tests of `|treated - control| < margin` (Schuirmann 1987), at level `alpha` each.
/// A difference that is merely not significant says nothing; this can say that it is small.
///
/// # Errors
/// As [`ArmMean::minus`]. Panics unless the margin is above 0.
pub fn equivalence(
    treated: &ArmMean,
    control: &ArmMean,
    margin: f64,
    alpha: f64,
) -> Result<Equivalence, TooLittle> {
    assert!(margin > 0.0, "a margin is above zero, got {margin}");
    let Contrast { estimate, low, high, .. } = treated.minus(control, 1.0 - 2.0 * alpha)?;
    let (error, df) = treated.error(control);
    let above = student_upper((estimate + margin) / error, df);
    let below = student_upper((margin - estimate) / error, df);
    let p = above.max(below);
    Ok(Equivalence { low, high, p, holds: -margin < low && high < margin })
}

/// The part of an effect that survives every control: the contrast that is nearest to zero, with
/// the largest p-value (intersection-union test, Berger 1982; it needs no correction for the number
/// of controls). `None` without contrasts, or when they do not agree in sign.
pub fn against_all(contrasts: &[Contrast]) -> Option<Contrast> {
    let weakest = contrasts.iter().min_by(|a, b| a.estimate.abs().total_cmp(&b.estimate.abs()))?;
    let agree = contrasts.iter().all(|c| c.estimate * weakest.estimate > 0.0);
    let p = contrasts.iter().fold(0.0_f64, |p, c| p.max(c.p));
    // The interval reaches as far as that of any control, so that it holds whichever of them is nearest.
    let low = contrasts.iter().fold(weakest.low, |low, c| low.min(c.low));
    let high = contrasts.iter().fold(weakest.high, |high, c| high.max(c.high));
    agree.then_some(Contrast { estimate: weakest.estimate, low, high, p })
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
