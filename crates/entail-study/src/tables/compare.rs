//! One measure of an arm against the same measure of a control.

use entail_schema::{Estimate, PromptScope, Span};
use entail_stats::{ArmMean, Contrast, Equivalence, Grid, TooLittle};

use super::cells::{Arm, Measure};
use crate::plan::{Intervention, Plan};

/// One arm reduced to what a difference needs.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// One value per replicate.
    pub(super) values: Vec<f64>,
    /// Variance that sampling alone gives to one of them; zero for readings by log-probability.
    pub(super) sampling: f64,
    /// Every prompt's answers, where the measure is a mean of rates.
    pub(super) grid: Option<Grid>,
}

impl Side {
    /// The measure by sampled answers; `None` where a replicate has no well-formed answer to one of its stances.
    pub(super) fn sampled(arm: &Arm<'_>, measure: &Measure) -> Option<Self> {
        let values = arm.values(measure)?;
        Some(Self { values, sampling: arm.sampling_variance(measure)?, grid: arm.grid(measure) })
    }

    /// The measure by log-probabilities, which have no sampling error.
    pub(super) fn read(arm: &Arm<'_>, measure: &Measure) -> Option<Self> {
        Some(Self { values: arm.logprob_values(measure)?, sampling: 0.0, grid: None })
    }

    /// The first replicates only.
    pub(super) fn first(&self, replicates: usize) -> Self {
        let n = replicates.min(self.values.len());
        let rows = |grid: &Grid| Grid::new(grid.rows()[..n].to_vec()).ok();
        Self {
            values: self.values[..n].to_vec(),
            sampling: self.sampling,
            grid: self.grid.as_ref().and_then(rows),
        }
    }

    /// The arm's mean with its error.
    pub(super) fn mean(&self) -> Result<ArmMean, TooLittle> {
        match self.values.as_slice() {
            [one] => ArmMean::of_one_model(*one, self.sampling),
            runs => ArmMean::of_runs(runs, Some(self.sampling)),
        }
    }
}

/// A difference with its interval, as far as it can be computed.
#[derive(Debug, Clone, Default)]
pub(super) struct Difference {
    pub(super) estimate: Option<f64>,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) p: Option<f64>,
    pub(super) method: String,
    pub(super) note: String,
    /// Two one-sided tests against the smallest effect.
    pub(super) equivalence: Option<Equivalence>,
    /// The same for any prompts.
    pub(super) any_prompts: Option<Estimate>,
}

impl Difference {
    pub(super) fn estimate(&self) -> Option<Estimate> {
        Some(Estimate { estimate: self.estimate?, low: self.low, high: self.high })
    }
}

/// Two arms of a plan that are compared.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a, 'p> {
    pub(super) plan: &'a Plan,
    pub(super) arm: &'a Arm<'p>,
    pub(super) control: &'a Arm<'p>,
    /// Of the intervals.
    pub(super) confidence: f64,
    /// Training runs of each trained side that are compared: those of the last look that both have had.
    pub(super) runs: usize,
}

/// What the replicates of an arm are called in a method.
fn replicate_word(arm: &Arm<'_>) -> &'static str {
    match arm.plan.intervention {
        Intervention::Train { .. } => "training runs",
        Intervention::Models { .. } | Intervention::Recorded { .. } => "models trained elsewhere",
        Intervention::System { .. } | Intervention::None if arm.plan.replicates.len() > 1 => {
            "wordings of one fixed model"
        }
        Intervention::System { .. } | Intervention::None => "one fixed model",
    }
}

/// Said of comparisons in which one side is not replicated by training.
pub(super) const SINGLE: &str = "one side has no training replicates: describes that one model";
/// Said of comparisons in which neither side is replicated.
pub(super) const SINGLES: &str =
    "describes these two models only: no claim about other training runs";

/// Said where what is replicated is how one model was told.
pub(super) const WORDINGS: &str = "over wordings of one fixed model: no claim about training";

/// The first runs of a trained side; the whole of any other.
fn cut(arm: &Arm<'_>, side: Side, runs: usize) -> Side {
    if is_trained(arm) { side.first(runs) } else { side }
}

fn is_trained(arm: &Arm<'_>) -> bool {
    arm.plan.intervention.is_trained()
}

impl Pair<'_, '_> {
    /// Whether both sides are replicated by training.
    pub(super) fn both_trained(&self) -> bool {
        is_trained(self.arm) && is_trained(self.control)
    }

    /// Whether a test of the difference is one of training: no side is replicated by anything else, and one is by that.
    fn is_about_training(&self, treated: &Side, control: &Side) -> bool {
        let other = |arm: &Arm<'_>, side: &Side| !is_trained(arm) && side.values.len() > 1;
        !other(self.arm, treated)
            && !other(self.control, control)
            && treated.values.len().max(control.values.len()) > 1
    }

    /// Both arms by sampled answers.
    pub(super) fn sampled(&self, measure: &Measure) -> Option<(Side, Side)> {
        let side = |arm| Some(cut(arm, Side::sampled(arm, measure)?, self.runs));
        side(self.arm).zip(side(self.control))
    }

    /// Both sides as they were when each trained arm had so many runs.
    pub(super) fn earlier(&self, sides: &(Side, Side), runs: usize) -> (Side, Side) {
        let (one, zero) = sides.clone();
        (cut(self.arm, one, runs), cut(self.control, zero, runs))
    }

    /// Both arms by log-probabilities.
    pub(super) fn read(&self, measure: &Measure) -> Option<(Side, Side)> {
        let side = |arm| Some(cut(arm, Side::read(arm, measure)?, self.runs));
        side(self.arm).zip(side(self.control))
    }

    /// The difference of a measure by sampled answers.
    pub(super) fn difference(&self, measure: &Measure) -> Difference {
        self.compare(self.sampled(measure).as_ref())
    }

    /// Compares the two sides as the plan says: by training runs, paired where the design pairs, and for
    /// any prompts where the claim is about any.
    pub(super) fn compare(&self, sides: Option<&(Side, Side)>) -> Difference {
        let Some((treated, control)) = sides else {
            let note = "too few well-formed answers".into();
            return Difference { note, ..Difference::default() };
        };
        let any_prompts = self.any_prompts(treated, control);
        let for_any = self.plan.analysis.prompts == PromptScope::Sampled;
        let fixed = self.these_prompts(treated, control);
        let mut difference = self.described(treated, control, fixed);
        difference.equivalence = self.equivalence(treated, control);
        difference.any_prompts = any_prompts.map(estimate_of);
        if for_any {
            self.widen(&mut difference, any_prompts);
        }
        difference
    }

    /// Puts the result for any prompts in the place of that for these; where there is none, no interval is left.
    fn widen(&self, difference: &mut Difference, any_prompts: Option<Contrast>) {
        difference.equivalence = None;
        let Some(any) = any_prompts else {
            let missing = "other prompts cannot be judged from these answers: no interval";
            (difference.low, difference.high, difference.p) = (None, None, None);
            let known = std::mem::take(&mut difference.note);
            difference.note =
                if known.is_empty() { missing.into() } else { format!("{known}; {missing}") };
            return;
        };
        let had_p = difference.p.is_some();
        difference.estimate = Some(any.estimate);
        (difference.low, difference.high) = (Some(any.low), Some(any.high));
        difference.p = had_p.then_some(any.p);
        let words =
            format!("{} against {}", replicate_word(self.arm), replicate_word(self.control));
        difference.method = format!("two-way t, {words}, any prompts");
    }

    fn these_prompts(&self, treated: &Side, control: &Side) -> Result<Contrast, TooLittle> {
        if self.is_paired(treated, control) {
            return entail_stats::paired(&treated.values, &control.values, self.confidence);
        }
        treated.mean()?.minus(&control.mean()?, self.confidence)
    }

    /// Runs are paired where the study pairs them and nothing was cut off on one side.
    fn is_paired(&self, treated: &Side, control: &Side) -> bool {
        let ours = |arm: &Arm<'_>| matches!(arm.plan.intervention, Intervention::Train { .. });
        self.plan.paired
            && ours(self.arm)
            && ours(self.control)
            && treated.values.len() == control.values.len()
    }

    fn any_prompts(&self, treated: &Side, control: &Side) -> Option<Contrast> {
        let (one, zero) = treated.grid.as_ref().zip(control.grid.as_ref())?;
        entail_stats::two_way(one, zero, self.confidence).ok()
    }

    fn equivalence(&self, treated: &Side, control: &Side) -> Option<Equivalence> {
        let analysis = &self.plan.analysis;
        let paired = self.is_paired(treated, control).then(|| {
            let both = treated.values.iter().zip(&control.values);
            let differences: Vec<f64> = both.map(|(t, c)| t - c).collect();
            let nothing = ArmMean { mean: 0.0, variance: 0.0, df: f64::INFINITY };
            Some((ArmMean::of_runs(&differences, None).ok()?, nothing))
        });
        let (one, zero) = match paired {
            Some(paired) => paired?,
            None => (treated.mean().ok()?, control.mean().ok()?),
        };
        (self.is_about_training(treated, control) && analysis.alpha < 0.5)
            .then(|| {
                entail_stats::equivalence(&one, &zero, analysis.smallest_effect, analysis.alpha)
            })?
            .ok()
    }

    /// The contrast in the words of a table.
    fn described(
        &self,
        treated: &Side,
        control: &Side,
        result: Result<Contrast, TooLittle>,
    ) -> Difference {
        let estimate = entail_stats::mean(&treated.values)
            .zip(entail_stats::mean(&control.values))
            .map(|(a, b)| a - b);
        let words =
            format!("{} against {}", replicate_word(self.arm), replicate_word(self.control));
        let (method, note) = match (treated.values.len(), control.values.len()) {
            (1, 1) => ("difference of two single models", SINGLES),
            _ if !self.is_about_training(treated, control) => ("t over wordings", WORDINGS),
            (1, _) | (_, 1) => ("t on one side's runs", SINGLE),
            _ if self.is_paired(treated, control) => ("paired t", ""),
            _ => ("Welch t", ""),
        };
        let method = format!("{method}, {words}");
        match result {
            Ok(c) => {
                // Without training runs there is an interval for these models or wordings, and no test of training.
                let p = self.is_about_training(treated, control).then_some(c.p);
                let (low, high) = (Some(c.low), Some(c.high));
                let note = note.into();
                Difference { estimate, low, high, p, method, note, ..Difference::default() }
            }
            Err(reason) => {
                let note = match reason {
                    TooLittle::NoSpread => "no spread between replicates, so no interval".into(),
                    TooLittle::NotFinite => "a value is not finite".into(),
                    _ => "too few replicates".into(),
                };
                Difference { estimate, method, note, ..Difference::default() }
            }
        }
    }
}

pub(super) fn estimate_of(c: Contrast) -> Estimate {
    Estimate { estimate: c.estimate, low: Some(c.low), high: Some(c.high) }
}

/// Range of the difference of means when any one run of either arm is left out.
pub(super) fn leave_one_out((treated, control): &(Side, Side)) -> Option<Span> {
    let range = entail_stats::leave_one_out(&treated.values, &control.values).ok()?;
    Some(Span { low: range.low, high: range.high })
}

#[cfg(test)]
mod tests;
