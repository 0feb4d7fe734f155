//! Answers that a filter dropped, and what they could have changed.
//!
//! A filter on answers (coherence, refusals, unreadable verdicts) acts after training, so the answers
//! it keeps are not comparable between arms where training changes what is dropped. Nothing
//! repairs that; the functions here show how much is at stake. Their numbers describe the given
//! answers and hold no sampling error: for an interval, compute them per replicate and contrast those.

use crate::contrast::TooLittle;

/// Differences of shares below this are rounding.
const ROUNDING: f64 = 1e-12;

/// One arm's answers after a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filtered {
    /// Kept answers that count as "yes".
    pub yes: u64,
    /// Kept answers that do not.
    pub no: u64,
    /// Answers without a label: dropped, refused, or unreadable.
    pub dropped: u64,
}

/// What an unknown number can be at the least and at the most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl Bounds {
    /// Whether the sign is known whatever the dropped answers were.
    pub fn exclude_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

impl Filtered {
    /// Share of "yes" among the kept answers; `None` when nothing was kept.
    pub fn rate(&self) -> Option<f64> {
        share(self.yes, self.kept())
    }

    /// Share of the answers that were kept; `None` without answers.
    pub fn kept_share(&self) -> Option<f64> {
        share(self.kept(), self.answers())
    }

    /// The rate over all answers if the dropped ones were all "no", and if they were all "yes"
    /// (Manski 1989, "Anatomy of the selection problem"; Horowitz and Manski 2000). `None` without
    /// answers.
    pub fn bounds(&self) -> Option<Bounds> {
        let low = share(self.yes, self.answers())?;
        let high = share(self.yes + self.dropped, self.answers())?;
        Some(Bounds { low, high })
    }

    fn kept(&self) -> u64 {
        self.yes + self.no
    }

    fn answers(&self) -> u64 {
        self.kept() + self.dropped
    }
}

/// Whether a difference of filtered rates can be read as an effect on the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterVerdict {
    /// The kept shares differ by no more than the effect. That is a rule of thumb and no proof: the
    /// bounds say what is certain.
    Interpretable,
    /// The kept shares differ by more than the effect, so the filter alone could have made it.
    NotInterpretable,
}

/// Two arms after one filter; every difference is treated minus control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilteredContrast {
    /// Difference of the rates among kept answers.
    pub effect: f64,
    /// Difference over all answers, with the dropped ones of both arms at their worst: control's all
    /// "yes" and treated's all "no" for the low end, the reverse for the high end.
    pub bounds: Bounds,
    /// Kept share of the treated arm.
    pub kept_treated: f64,
    /// Kept share of the control arm.
    pub kept_control: f64,
    /// Difference of the kept shares.
    pub kept_difference: f64,
    /// Whether `effect` may be read as one.
    pub verdict: FilterVerdict,
}

/// Compares two arms after one filter.
///
/// `None` when nothing was kept in one of them.
pub fn compare_filtered(treated: &Filtered, control: &Filtered) -> Option<FilteredContrast> {
    let effect = treated.rate()? - control.rate()?;
    let (of_treated, of_control) = (treated.bounds()?, control.bounds()?);
    let (kept_treated, kept_control) = (treated.kept_share()?, control.kept_share()?);
    let kept_difference = kept_treated - kept_control;
    let verdict = if kept_difference.abs() > effect.abs() + ROUNDING {
        FilterVerdict::NotInterpretable
    } else {
        FilterVerdict::Interpretable
    };
    Some(FilteredContrast {
        effect,
        bounds: Bounds {
            low: of_treated.low - of_control.high,
            high: of_treated.high - of_control.low,
        },
        kept_treated,
        kept_control,
        kept_difference,
        verdict,
    })
}

/// One arm's answers at one threshold of a filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtThreshold {
    /// Answers with this score or more are kept.
    pub threshold: f64,
    /// What the filter leaves; its `rate` is `None` where nothing is kept.
    pub filtered: Filtered,
}

/// What a filter on a score leaves at each of `thresholds`, in their order, from pairs of score and
/// label. An answer is kept when its score is at the threshold or above.
///
/// An effect that comes and goes with the threshold is the filter's.
///
/// # Errors
/// [`TooLittle::NotFinite`] for a score or threshold that is NaN or infinite.
pub fn rates_at_thresholds(
    scored: &[(f64, bool)],
    thresholds: &[f64],
) -> Result<Vec<AtThreshold>, TooLittle> {
    let scores = scored.iter().map(|(score, _)| score);
    if !scores.chain(thresholds).all(|x| x.is_finite()) {
        return Err(TooLittle::NotFinite);
    }
    let at = |&threshold: &f64| {
        let mut filtered = Filtered::default();
        for &(score, yes) in scored {
            let count = match (score >= threshold, yes) {
                (true, true) => &mut filtered.yes,
                (true, false) => &mut filtered.no,
                (false, _) => &mut filtered.dropped,
            };
            *count += 1;
        }
        AtThreshold { threshold, filtered }
    };
    Ok(thresholds.iter().map(at).collect())
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests;
