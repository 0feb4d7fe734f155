//! What the errors of a judge do to a rate, and how to take them out again.
//!
//! A judge that says "yes" to a share `Se` of the true and to `1 - Sp` of the false answers shows
//! the rate `Se theta + (1 - Sp)(1 - theta)` in place of `theta`. `Se` and `Sp` come from answers
//! that people labelled, so the correction has an error of its own, and every interval here holds it.
//!
//! [`lang_reiczigel`] and the prediction-powered means speak about the models that gave the answers.
//! [`ArmMean::of_runs`] with [`corrected_difference`] speaks about the recipe.

use crate::contrast::{ArmMean, Contrast, TooLittle, student_contrast};
use crate::quantile::{assert_confidence, normal_critical, student_critical};
use crate::rates::wilson;
use crate::summary::{Interval, mean, raw_mean, variance};

/// Verdicts of a judge on answers whose true label is known.
///
/// The answers must have been picked without a look at the verdict. Where they were picked by
/// verdict (half of the labels among the judge's "yes"), these counts give a wrong sensitivity and
/// specificity however many there are ("verification bias", Begg and Greenes 1983).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calibration {
    /// True answers judged true.
    pub true_positives: u64,
    /// True answers judged false.
    pub false_negatives: u64,
    /// False answers judged false.
    pub true_negatives: u64,
    /// False answers judged true.
    pub false_positives: u64,
}

/// Why a judge's rate has no correction.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum JudgeError {
    /// One of the two classes has no labelled answer.
    #[error("{positives} true and {negatives} false labelled answers, needs one or more of each")]
    NoLabels {
        /// Labelled answers that are true.
        positives: u64,
        /// Labelled answers that are false.
        negatives: u64,
    },
    /// A judge that says "yes" to false answers as often as to true ones carries no information.
    #[error("sensitivity {sensitivity} and specificity {specificity} are no better than chance")]
    NotBetterThanChance {
        /// Share of the true answers judged true.
        sensitivity: f64,
        /// Share of the false answers judged false.
        specificity: f64,
    },
    /// Too few labels to tell the judge from chance: the interval would have no end.
    #[error("sensitivity plus specificity minus 1 is {youden}, too uncertain to divide by")]
    UncertainCalibration {
        /// Sensitivity plus specificity minus 1.
        youden: f64,
    },
    /// The whole interval lies outside `[0, 1]`, for instance because the judge says "yes" less
    /// often than its false alarms alone would. The calibration does not fit these answers.
    #[error(
        "the corrected interval, {low} to {high}, holds no share: the calibration does not fit"
    )]
    Contradiction {
        /// Lower end before clipping.
        low: f64,
        /// Upper end before clipping.
        high: f64,
    },
    /// A rate outside `[0, 1]`, or a number of answers that is not positive and finite.
    #[error("{rate} of {n} answers is no observed rate")]
    NotRate {
        /// Rate given.
        rate: f64,
        /// Number of answers given.
        n: f64,
    },
    /// A rate outside `[0, 1]`, a negative variance, or less than one degree of freedom.
    #[error("rate {rate} with variance {variance} on {df} degrees of freedom is no observed rate")]
    NotObserved {
        /// Rate given.
        rate: f64,
        /// Variance given.
        variance: f64,
        /// Degrees of freedom given.
        df: f64,
    },
    /// Too few values, or no spread in them.
    #[error(transparent)]
    TooLittle(#[from] TooLittle),
}

impl Calibration {
    /// Counts of `human[i]`, taken as the truth, against `judge[i]`.
    ///
    /// # Panics
    /// With slices of two lengths.
    pub fn of_labels(human: &[bool], judge: &[bool]) -> Self {
        assert_eq!(human.len(), judge.len(), "one verdict per label");
        let count = |h: bool, j: bool| {
            human.iter().zip(judge).filter(|&pair| pair == (&h, &j)).count() as u64
        };
        Self {
            true_positives: count(true, true),
            false_negatives: count(true, false),
            true_negatives: count(false, false),
            false_positives: count(false, true),
        }
    }

    /// Share of the true answers that the judge calls true, with its Wilson interval; `None` without
    /// a true answer.
    pub fn sensitivity(&self, confidence: f64) -> Option<Interval> {
        wilson(self.true_positives, self.positives(), confidence)
    }

    /// Share of the false answers that the judge calls false, with its Wilson interval; `None`
    /// without a false answer.
    pub fn specificity(&self, confidence: f64) -> Option<Interval> {
        wilson(self.true_negatives, self.negatives(), confidence)
    }

    /// Sensitivity plus specificity minus 1 (Youden 1950): the factor by which the judge shrinks a
    /// difference of two rates.
    ///
    /// # Errors
    /// [`JudgeError::NoLabels`], and [`JudgeError::NotBetterThanChance`] at 0 or below.
    pub fn youden(&self) -> Result<f64, JudgeError> {
        Ok(self.shares()?.youden)
    }

    fn positives(&self) -> u64 {
        self.true_positives + self.false_negatives
    }

    fn negatives(&self) -> u64 {
        self.true_negatives + self.false_positives
    }

    fn shares(&self) -> Result<Shares, JudgeError> {
        let (positives, negatives) = (self.positives(), self.negatives());
        if positives == 0 || negatives == 0 {
            return Err(JudgeError::NoLabels { positives, negatives });
        }
        Shares::new(
            self.true_positives as f64 / positives as f64,
            self.true_negatives as f64 / negatives as f64,
        )
    }

    /// Shares with one success and one failure added to each class (Lang and Reiczigel 2014), so that a judge without an error among ten labels is not taken as perfect.
    fn smoothed(&self) -> Result<Shares, JudgeError> {
        self.shares()?;
        let add_one = |s: u64, n: u64| (s as f64 + 1.0) / (n as f64 + 2.0);
        Shares::new(
            add_one(self.true_positives, self.positives()),
            add_one(self.true_negatives, self.negatives()),
        )
    }

    /// Variances of sensitivity and specificity from the smoothed shares, each with its degrees of
    /// freedom: that of a mean of zeros and ones, smoothing included.
    fn errors(&self) -> [Part; 2] {
        let part = |s: u64, n: u64| {
            let (s, n) = (s as f64 + 1.0, n as f64 + 2.0);
            Part { variance: s / n * (1.0 - s / n) / n, df: n - 1.0 }
        };
        [part(self.true_positives, self.positives()), part(self.true_negatives, self.negatives())]
    }
}

/// Sensitivity and specificity of a judge that beats chance.
#[derive(Debug, Clone, Copy)]
struct Shares {
    sensitivity: f64,
    specificity: f64,
    youden: f64,
}

impl Shares {
    fn new(sensitivity: f64, specificity: f64) -> Result<Self, JudgeError> {
        let youden = sensitivity + specificity - 1.0;
        if youden <= 0.0 {
            return Err(JudgeError::NotBetterThanChance { sensitivity, specificity });
        }
        Ok(Self { sensitivity, specificity, youden })
    }

    fn correct(&self, rate: f64) -> f64 {
        (rate + self.specificity - 1.0) / self.youden
    }
}

/// An observed rate that can be corrected: a share with a finite variance.
fn checked(observed: &ArmMean) -> Result<&ArmMean, JudgeError> {
    let &ArmMean { mean: rate, variance, df } = observed;
    let usable = (0.0..=1.0).contains(&rate) && (0.0..f64::INFINITY).contains(&variance);
    if !usable || df < 1.0 || df.is_nan() {
        return Err(JudgeError::NotObserved { rate, variance, df });
    }
    Ok(observed)
}

fn part(observed: &ArmMean) -> Part {
    Part { variance: observed.variance, df: observed.df }
}

/// A rate with the judge's errors taken out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrectedRate {
    /// As computed; chance can carry it below 0 or above 1. Differences and means take this one.
    pub unclipped: f64,
    /// Squared standard error of `unclipped`.
    pub variance: f64,
}

impl CorrectedRate {
    /// The rate as a share, for showing it by itself.
    pub fn clipped(&self) -> f64 {
        self.unclipped.clamp(0.0, 1.0)
    }
}

/// The rate without the judge's errors, `(p + Sp - 1) / J`, and its Wald variance (Rogan and Gladen
/// 1978, "Estimating prevalence from the results of a screening test").
///
/// `Var = [Var(p) + theta^2 Se(1-Se)/n_Se + (1-theta)^2 Sp(1-Sp)/n_Sp] / J^2`, with `Var(p)` as
/// observed, clustered or not. At an observed share of exactly 0 or 1 (`p`, `Se` or `Sp`) the
/// formula takes that share as certain; [`lang_reiczigel`] does not, and covers better.
///
/// # Errors
/// [`JudgeError::NoLabels`], [`JudgeError::NotBetterThanChance`], [`JudgeError::NotObserved`].
pub fn rogan_gladen(
    observed: &ArmMean,
    calibration: &Calibration,
) -> Result<CorrectedRate, JudgeError> {
    let observed = checked(observed)?;
    let shares = calibration.shares()?;
    let theta = shares.correct(observed.mean);
    let binomial = |share: f64, n: u64| share * (1.0 - share) / n as f64;
    let sensitivity = binomial(shares.sensitivity, calibration.positives());
    let specificity = binomial(shares.specificity, calibration.negatives());
    let sum = observed.variance + theta.powi(2) * sensitivity + (1.0 - theta).powi(2) * specificity;
    Ok(CorrectedRate { unclipped: theta, variance: sum / shares.youden.powi(2) })
}

/// Interval of the rate without the judge's errors, for the models that gave the answers (Lang and
/// Reiczigel 2014, "Confidence limits for prevalence of disease adjusted for estimated sensitivity
/// and specificity", Prev. Vet. Med. 113, equations 6, 7, 16 and 17).
///
/// `n` answers count as independent; with repeated prompts give the effective number, `n` over the
/// design effect. The estimate is the clipped [`rogan_gladen`] and the ends are clipped to `[0, 1]`.
/// With three labels in a class or fewer the published interval can miss its own estimate and is
/// then stretched to it.
///
/// # Errors
/// [`JudgeError::NotRate`], [`JudgeError::NoLabels`], [`JudgeError::NotBetterThanChance`] (before
/// or after one success and one failure are added to each class), [`JudgeError::Contradiction`].
pub fn lang_reiczigel(
    rate: f64,
    n: f64,
    calibration: &Calibration,
    confidence: f64,
) -> Result<Interval, JudgeError> {
    let z = normal_critical(confidence);
    if !((0.0..=1.0).contains(&rate) && n > 0.0 && n.is_finite()) {
        return Err(JudgeError::NotRate { rate, n });
    }
    let estimate = calibration.shares()?.correct(rate).clamp(0.0, 1.0);
    let smoothed = calibration.smoothed()?;
    let [sensitivity, specificity] = calibration.errors().map(|part| part.variance);
    let trials = n + z * z;
    let share = (n * rate + z * z / 2.0) / trials;
    let theta = smoothed.correct(share);
    let shift = 2.0 * z * z * (theta * sensitivity - (1.0 - theta) * specificity);
    let variance = share * (1.0 - share) / trials
        + theta.powi(2) * sensitivity
        + (1.0 - theta).powi(2) * specificity;
    let half = z * variance.sqrt() / smoothed.youden;
    let (low, high) = (theta + shift - half, theta + shift + half);
    if high < 0.0 || low > 1.0 {
        return Err(JudgeError::Contradiction { low, high });
    }
    Ok(Interval { estimate, low: low.max(0.0).min(estimate), high: high.min(1.0).max(estimate) })
}

/// Interval of an arm's rate without the judge's errors, for the recipe behind its training runs: the unclipped
/// [`rogan_gladen`] rate with Student's interval on Satterthwaite's degrees of freedom over the runs, the sensitivity
/// and the specificity, clipped to `[0, 1]`. The labels' variances come from shares with one success and one failure
/// added. For one model alone use [`lang_reiczigel`].
///
/// # Errors
/// [`JudgeError::NotObserved`], [`JudgeError::NoLabels`], [`JudgeError::NotBetterThanChance`], and
/// [`JudgeError::Contradiction`] where the whole interval lies outside `[0, 1]`.
pub fn corrected_mean(
    observed: &ArmMean,
    calibration: &Calibration,
    confidence: f64,
) -> Result<Interval, JudgeError> {
    assert_confidence(confidence);
    let (theta, parts) = corrected_parts((observed, calibration))?;
    let sum = Part::sum(&parts);
    let half = student_critical(confidence, sum.df) * sum.variance.sqrt();
    let (low, high) = (theta - half, theta + half);
    if high < 0.0 || low > 1.0 {
        return Err(JudgeError::Contradiction { low, high });
    }
    let clip = |share: f64| share.clamp(0.0, 1.0);
    Ok(Interval { estimate: clip(theta), low: clip(low), high: clip(high) })
}

/// Difference of two arms' true rates where the judge errs alike in both, `(p1 - p0) / J`.
///
/// False positives cancel and the effect is only shrunken, so the p-value is that of the observed
/// difference (Welch's t). The interval holds every `delta` that the t test of
/// `p1 - p0 - delta J = 0` does not reject (Fieller 1954), with Satterthwaite's degrees of freedom
/// over the two arms, the sensitivity and the specificity at that `delta`. It excludes 0 exactly
/// when `p` says so. The labels' variances come from shares with one success and one failure added.
///
/// Use [`corrected_difference_per_arm`] when training may change how the judge errs, for instance
/// through the style of the answers. Neither is clipped: an estimate beyond -1 or 1 says that the
/// calibration does not fit.
///
/// # Errors
/// [`JudgeError::NotObserved`], [`JudgeError::NoLabels`], [`JudgeError::NotBetterThanChance`],
/// [`JudgeError::UncertainCalibration`], and [`TooLittle::NoSpread`] when neither arm has variance.
pub fn corrected_difference(
    treated: &ArmMean,
    control: &ArmMean,
    calibration: &Calibration,
    confidence: f64,
) -> Result<Contrast, JudgeError> {
    assert_confidence(confidence);
    let arms = [part(checked(treated)?), part(checked(control)?)];
    let observed = treated.mean - control.mean;
    let both = Part::sum(&arms);
    let p = student_contrast(observed, both.variance.sqrt(), both.df, confidence)?.p;

    let youden = calibration.youden()?;
    let judge = calibration.errors();
    let estimate = observed / youden;
    let critical_error = |sum: Part| student_critical(confidence, sum.df) * sum.variance.sqrt();
    if youden <= critical_error(Part::sum(&judge)) {
        return Err(JudgeError::UncertainCalibration { youden });
    }
    let excess = |delta: f64| {
        let [sensitivity, specificity] = judge.map(|part| part.times(delta * delta));
        let sum = Part::sum(&[arms[0], arms[1], sensitivity, specificity]);
        (observed - delta * youden).abs() - critical_error(sum)
    };
    let step = critical_error(both) / youden;
    let limit = |step: f64| {
        first_rejected(estimate, step, excess).ok_or(JudgeError::UncertainCalibration { youden })
    };
    Ok(Contrast { estimate, low: limit(-step)?, high: limit(step)?, p })
}

/// Difference of two arms' true rates, each corrected by labels of its own: what to use where
/// training changes how the judge errs. Label both arms without knowing which is which.
///
/// `theta1 - theta0` of the unclipped [`rogan_gladen`] rates, with a delta-method error and a
/// Student interval on Satterthwaite's degrees of freedom over all six parts: two arms, two
/// sensitivities, two specificities. The labels' variances come from shares with one success and one
/// failure added, so an arm without spread still has an error.
///
/// # Errors
/// [`JudgeError::NotObserved`], [`JudgeError::NoLabels`], [`JudgeError::NotBetterThanChance`].
pub fn corrected_difference_per_arm(
    treated: (&ArmMean, &Calibration),
    control: (&ArmMean, &Calibration),
    confidence: f64,
) -> Result<Contrast, JudgeError> {
    assert_confidence(confidence);
    let (theta1, parts1) = corrected_parts(treated)?;
    let (theta0, parts0) = corrected_parts(control)?;
    let sum = Part::sum(&[parts1, parts0].concat());
    Ok(student_contrast(theta1 - theta0, sum.variance.sqrt(), sum.df, confidence)?)
}

/// A corrected rate and the three parts of its variance.
fn corrected_parts(
    (observed, calibration): (&ArmMean, &Calibration),
) -> Result<(f64, [Part; 3]), JudgeError> {
    let shares = calibration.shares()?;
    let theta = shares.correct(checked(observed)?.mean);
    let [sensitivity, specificity] = calibration.errors();
    let parts = [
        part(observed),
        sensitivity.times(theta.powi(2)),
        specificity.times((1.0 - theta).powi(2)),
    ];
    Ok((theta, parts.map(|part| part.times(shares.youden.powi(-2)))))
}

/// An estimated variance and the degrees of freedom behind it.
#[derive(Debug, Clone, Copy)]
struct Part {
    variance: f64,
    df: f64,
}

impl Part {
    fn times(self, factor: f64) -> Self {
        Self { variance: self.variance * factor, df: self.df }
    }

    /// Variance of a sum of independent parts, with the degrees of freedom of Satterthwaite (1946).
    fn sum(parts: &[Self]) -> Self {
        let variance: f64 = parts.iter().map(|part| part.variance).sum();
        let weight: f64 =
            parts.iter().map(|part| (part.variance / variance).powi(2) / part.df).sum();
        Self { variance, df: weight.recip() }
    }
}

/// Where `excess` turns positive on the way from `start`, where it is negative, in the direction
/// and first stride of `step`. `None` where it never does.
fn first_rejected(start: f64, step: f64, excess: impl Fn(f64) -> f64) -> Option<f64> {
    // Doubled sixty times, a stride of one standard error is past any effect a share can have.
    const DOUBLINGS: i32 = 60;
    // Each halving is a bit of the answer, and an f64 has 53.
    const HALVINGS: usize = 60;
    let mut far =
        (0..DOUBLINGS).map(|k| start + step * 2.0_f64.powi(k)).find(|&x| excess(x) > 0.0)?;
    let mut near = start;
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(near, far);
        *(if excess(middle) > 0.0 { &mut far } else { &mut near }) = middle;
    }
    Some(far)
}

/// A mean from many judged answers and a few that people labelled as well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictionPowered {
    /// The mean of the true labels, in their unit; not clipped.
    pub interval: Interval,
    /// How far the judge was trusted: 0 uses the labels alone, 1 the judge in full.
    pub lambda: f64,
    /// Variance that comes from the unlabelled answers, `lambda^2 s^2(f)/N`.
    pub unlabelled_variance: f64,
    /// Variance that comes from the labelled answers, `s^2(y - lambda f)/n`.
    pub labelled_variance: f64,
}

/// The mean of the judge over the unlabelled answers, plus the judge's mean error on the labelled
/// ones (Angelopoulos et al. 2023, "Prediction-powered inference", Science 382).
///
/// `labels[i]` is the truth and `predictions[i]` the judge on the same answer; `unlabelled` is the
/// judge on other answers of the same kind. Which answers were labelled must have been left to
/// chance. Unlike [`rogan_gladen`] this takes ratings as well as shares, and needs no
/// model of how the judge errs. The answers count as independent, so it speaks about given models.
///
/// The paper's interval is normal with divisor `n`; this one is Student's with divisor `n - 1` and
/// Satterthwaite's degrees of freedom over both parts, since labels are few. A judge that agrees
/// with every label leaves no labelled variance: read the interval as a lower bound on the width.
///
/// # Errors
/// [`TooLittle::Values`] below two labelled or two unlabelled answers, [`TooLittle::NotFinite`],
/// [`TooLittle::NoSpread`] when neither part has variance.
///
/// # Panics
/// When `labels` and `predictions` differ in length.
pub fn prediction_powered_mean(
    labels: &[f64],
    predictions: &[f64],
    unlabelled: &[f64],
    confidence: f64,
) -> Result<PredictionPowered, TooLittle> {
    check_predictions(labels, predictions, unlabelled)?;
    powered_by(1.0, labels, predictions, unlabelled, confidence)
}

/// [`prediction_powered_mean`] with the trust in the judge tuned for the least variance
/// (Angelopoulos, Duchi and Zrnic 2023, "PPI++", arXiv 2311.01453).
///
/// `lambda = Cov(y, f) / ((1 + n/N) Var f)`, clipped to `[0, 1]`, with the covariance over the
/// labelled answers (divisor `n`) and the variance over all of them; 0 when the judge never varies.
/// A judge that says nothing about the labels does no harm then: the estimate is their mean.
///
/// # Errors
/// As [`prediction_powered_mean`].
///
/// # Panics
/// As [`prediction_powered_mean`].
pub fn prediction_powered_mean_tuned(
    labels: &[f64],
    predictions: &[f64],
    unlabelled: &[f64],
    confidence: f64,
) -> Result<PredictionPowered, TooLittle> {
    check_predictions(labels, predictions, unlabelled)?;
    let lambda = tuned_lambda(labels, predictions, unlabelled);
    powered_by(lambda, labels, predictions, unlabelled, confidence)
}

fn check_predictions(
    labels: &[f64],
    predictions: &[f64],
    unlabelled: &[f64],
) -> Result<(), TooLittle> {
    assert_eq!(labels.len(), predictions.len(), "one prediction per label");
    for values in [labels, predictions, unlabelled] {
        finite_mean(values, 2)?;
    }
    Ok(())
}

fn tuned_lambda(labels: &[f64], predictions: &[f64], unlabelled: &[f64]) -> f64 {
    let spread = variance(&[predictions, unlabelled].concat());
    if spread <= 0.0 {
        return 0.0;
    }
    let n = labels.len() as f64;
    let (center_y, center_f) = (raw_mean(labels), raw_mean(predictions));
    let products = labels.iter().zip(predictions).map(|(y, f)| (y - center_y) * (f - center_f));
    let covariance = products.sum::<f64>() / n;
    (covariance / ((1.0 + n / unlabelled.len() as f64) * spread)).clamp(0.0, 1.0)
}

fn powered_by(
    lambda: f64,
    labels: &[f64],
    predictions: &[f64],
    unlabelled: &[f64],
    confidence: f64,
) -> Result<PredictionPowered, TooLittle> {
    let residuals: Vec<f64> = labels.iter().zip(predictions).map(|(y, f)| y - lambda * f).collect();
    let part_of = |values: &[f64], factor: f64| {
        let n = values.len() as f64;
        Part { variance: factor.powi(2) * variance(values) / n, df: n - 1.0 }
    };
    let parts = [part_of(unlabelled, lambda), part_of(&residuals, 1.0)];
    let sum = Part::sum(&parts);
    let estimate = lambda * raw_mean(unlabelled) + raw_mean(&residuals);
    let got = student_contrast(estimate, sum.variance.sqrt(), sum.df, confidence)?;
    Ok(PredictionPowered {
        interval: Interval { estimate, low: got.low, high: got.high },
        lambda,
        unlabelled_variance: parts[0].variance,
        labelled_variance: parts[1].variance,
    })
}

/// Mean of at least `need` finite values.
fn finite_mean(values: &[f64], need: usize) -> Result<f64, TooLittle> {
    if values.len() < need {
        return Err(TooLittle::Values { got: values.len(), need });
    }
    mean(values).ok_or(TooLittle::NotFinite)
}

#[cfg(test)]
mod tests;
