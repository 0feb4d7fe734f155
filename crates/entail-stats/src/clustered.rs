//! Contrasts whose claim reaches beyond the prompts that were asked.

use crate::contrast::{ArmMean, Contrast, TooLittle, student_contrast};
use crate::grid::{Cell, Grid};
use crate::quantile::assert_confidence;
use crate::summary::{raw_mean, variance};

/// Difference of two arms that were asked the same prompts, with both the training runs and the
/// prompts drawn from a wider population: "another run, asked in other words".
///
/// The variance of the difference is `V = V_run + V_prompt - V_cell`, the two-way clustering of
/// Cameron, Gelbach and Miller (2011, "Robust inference with multiway clustering") with mean squares
/// in place of raw residuals, so that every part is unbiased with few clusters:
/// `V_run = s^2(runs)/S` summed over arms; `V_prompt = s^2(differences per prompt)/P`;
/// `V_cell = MS(run x prompt)/(S P)` summed over arms, which both of the former contain. `V` is kept
/// at the larger of the first two at least. Degrees of freedom are Satterthwaite's over the three
/// parts, or those of the larger part where `V` is kept there.
///
/// Prompts weigh equally. For a claim about these prompts alone use [`ArmMean::minus`]: its error
/// leaves `V_prompt` out.
///
/// # Errors
/// [`TooLittle::Replicates`] below two runs in an arm; [`TooLittle::Prompts`] below two prompts or
/// when the arms were not asked the same number; [`TooLittle::Silent`] for a run without any answer
/// to a prompt; [`TooLittle::NoSpread`].
pub fn two_way(treated: &Grid, control: &Grid, confidence: f64) -> Result<Contrast, TooLittle> {
    assert_confidence(confidence);
    if treated.replicates() < 2 || control.replicates() < 2 {
        let (treated, control) = (treated.replicates(), control.replicates());
        return Err(TooLittle::Replicates { treated, control });
    }
    if treated.prompts() < 2 || treated.prompts() != control.prompts() {
        let (treated, control) = (treated.prompts(), control.prompts());
        return Err(TooLittle::Prompts { treated, control });
    }
    let (one, zero) = (CellMeans::of(treated)?, CellMeans::of(control)?);
    let differences: Vec<f64> =
        one.by_prompt.iter().zip(&zero.by_prompt).map(|(a, b)| a - b).collect();
    let n_prompts = differences.len() as f64;
    let runs = part(&[one.runs(), zero.runs()]);
    let prompts = Part { variance: variance(&differences) / n_prompts, df: n_prompts - 1.0 };
    let cells = part(&[one.interaction(), zero.interaction()]);
    let larger = if runs.variance >= prompts.variance { &runs } else { &prompts };
    let sum = runs.variance + prompts.variance - cells.variance;
    let (total, df) = if sum > larger.variance {
        (sum, part_df(sum, &[&runs, &prompts, &cells]))
    } else {
        (larger.variance, larger.df)
    };
    student_contrast(raw_mean(&differences), total.sqrt(), df, confidence)
}

/// A part of a variance and its degrees of freedom.
struct Part {
    variance: f64,
    df: f64,
}

/// Sum of independent parts.
fn part(parts: &[Part]) -> Part {
    let variance = parts.iter().map(|p| p.variance).sum();
    Part { variance, df: part_df(variance, &parts.iter().collect::<Vec<_>>()) }
}

/// Satterthwaite's degrees of freedom of a total of parts, added or taken away.
fn part_df(total: f64, parts: &[&Part]) -> f64 {
    let squares: f64 = parts.iter().map(|p| (p.variance / total).powi(2) / p.df).sum();
    // Nothing scatters: any number will do, since the error is then zero and refused.
    if squares > 0.0 { (1.0 / squares).max(1.0) } else { 1.0 }
}

/// Means of the cells of one arm, each prompt weighing the same.
struct CellMeans {
    by_run: Vec<f64>,
    by_prompt: Vec<f64>,
    /// Sum of squares of run x prompt.
    interaction: f64,
}

impl CellMeans {
    fn of(grid: &Grid) -> Result<Self, TooLittle> {
        let mut means = Vec::with_capacity(grid.replicates());
        for (replicate, row) in grid.rows().iter().enumerate() {
            let of_row: Option<Vec<f64>> = row.iter().map(Cell::mean).collect();
            let silent = || row.iter().position(|cell| cell.n == 0).expect("a cell has no mean");
            means.push(of_row.ok_or_else(|| TooLittle::Silent { replicate, prompt: silent() })?);
        }
        let by_run: Vec<f64> = means.iter().map(|row| raw_mean(row)).collect();
        let column = |p: usize| raw_mean(&means.iter().map(|row| row[p]).collect::<Vec<_>>());
        let by_prompt: Vec<f64> = (0..grid.prompts()).map(column).collect();
        let all = raw_mean(&by_run);
        let residual = |s: usize, p: usize| means[s][p] - by_run[s] - by_prompt[p] + all;
        let interaction = (0..by_run.len())
            .flat_map(|s| (0..by_prompt.len()).map(move |p| (s, p)))
            .map(|(s, p)| residual(s, p).powi(2))
            .sum();
        Ok(Self { by_run, by_prompt, interaction })
    }

    /// Variance of the arm's mean over runs.
    fn runs(&self) -> Part {
        let n = self.by_run.len() as f64;
        Part { variance: variance(&self.by_run) / n, df: n - 1.0 }
    }

    /// What run x prompt adds to the variance of the arm's mean.
    fn interaction(&self) -> Part {
        let (s, p) = (self.by_run.len() as f64, self.by_prompt.len() as f64);
        let df = (s - 1.0) * (p - 1.0);
        Part { variance: self.interaction / df / (s * p), df }
    }
}

/// What a change of one stance is worth per unit of claim gained, so that arms and bases on which
/// the claim took hold to different degrees can be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PerClaim {
    /// The ratio of the two differences and its interval.
    Bounded {
        /// Ratio of the differences.
        ratio: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// The claim itself was not clearly gained, so the ratio could be anything.
    Unbounded,
}

/// Runs of one arm with two values each.
#[derive(Debug, Clone, Copy)]
pub struct Pairs<'a> {
    /// Rate of the stance per run.
    pub stance: &'a [f64],
    /// Rate of the claim per run, in the same order.
    pub claim: &'a [f64],
    /// Variance that sampling alone gives to one run's rate of the stance and of the claim, such as
    /// [`crate::sampling_variance`]; zero where the rates have none.
    pub sampling: [f64; 2],
}

/// Ratio of the difference in a stance to the difference in the claim, with Fieller's interval
/// (1954): all ratios `r` at which the arms do not differ in `stance - r * claim` by Welch's t. Run
/// by run, so that a run which took the claim up more and moved more counts as agreeing.
///
/// # Errors
/// As [`crate::welch`], of the stance; equal claims in all runs are no hindrance.
pub fn per_claim(
    treated: Pairs<'_>,
    control: Pairs<'_>,
    confidence: f64,
) -> Result<PerClaim, TooLittle> {
    let along = |pairs: Pairs<'_>, r: f64| -> Result<ArmMean, TooLittle> {
        assert_eq!(pairs.stance.len(), pairs.claim.len(), "a run has a stance and a claim");
        let values: Vec<f64> =
            pairs.stance.iter().zip(pairs.claim).map(|(s, c)| s - r * c).collect();
        let [of_stance, of_claim] = pairs.sampling;
        // Where the runs do not differ at all, and neither rate has sampling error, the arm is known exactly.
        let sampling = of_stance + r * r * of_claim;
        match ArmMean::of_runs(&values, Some(sampling)) {
            Err(TooLittle::NoSpread) => Ok(ArmMean {
                mean: raw_mean(&values),
                variance: 0.0,
                df: values.len() as f64 - 1.0,
            }),
            other => other,
        }
    };
    let difference = |r: f64| along(treated, r)?.minus(&along(control, r)?, confidence);
    // The claim alone: is the denominator clear of zero?
    let claims = |pairs: Pairs<'_>| {
        along(
            Pairs { stance: pairs.claim, claim: pairs.claim, sampling: [pairs.sampling[1], 0.0] },
            0.0,
        )
    };
    let claim = match claims(treated)?.minus(&claims(control)?, confidence) {
        // Known exactly: clear of zero unless it is zero.
        Err(TooLittle::NoSpread) => {
            let gain = raw_mean(treated.claim) - raw_mean(control.claim);
            Contrast { estimate: gain, low: gain, high: gain, p: 0.0 }
        }
        other => other?,
    };
    let stance = difference(0.0)?;
    if claim.low <= 0.0 && claim.high >= 0.0 {
        return Ok(PerClaim::Unbounded);
    }
    let ratio = stance.estimate / claim.estimate;
    // Whether zero lies in the interval of the difference at a ratio.
    let keeps = |r: f64| difference(r).map(|d| d.low <= 0.0 && d.high >= 0.0);
    let end = |sign: f64| -> Result<Option<f64>, TooLittle> {
        let mut step = (ratio.abs() + 1.0) * 1e-3;
        let mut inside = ratio;
        while keeps(ratio + sign * step)? {
            inside = ratio + sign * step;
            step *= 2.0;
            if step > 1e9 {
                return Ok(None);
            }
        }
        let mut outside = ratio + sign * step;
        for _ in 0..100 {
            let middle = f64::midpoint(inside, outside);
            if keeps(middle)? { inside = middle } else { outside = middle }
        }
        Ok(Some(inside))
    };
    Ok(match (end(-1.0)?, end(1.0)?) {
        (Some(low), Some(high)) => PerClaim::Bounded { ratio, low, high },
        _ => PerClaim::Unbounded,
    })
}

#[cfg(test)]
mod tests;
