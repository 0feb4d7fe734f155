//! Judges against people who labelled the same answers, and every rate and difference with the judges' errors taken out.

use std::collections::BTreeMap;

use entail_eval::{
    Agreement, HumanLabel, Policy, Recalibration, Verdict, people_agree, recalibrate,
};
use entail_schema::{Key, Part};
use entail_stats::{
    Calibration, Interval, JudgeError, corrected_difference, corrected_mean, effective_answers,
    lang_reiczigel, sampling_variance,
};

use super::cells::{self, Arm, Entry, Measure};
use super::compare::{Pair, Side};
use super::{pairs, read_arms};
use crate::error::RunError;
use crate::judging::{Source, Verdicts, judge};
use crate::plan::{JudgesPlan, Judging, Plan, StanceId};
use crate::run::{Workshop, kept_answers};

/// What people's labels say about the judges of a study, and about its results.
#[derive(Debug, Clone)]
pub struct Recalibrated {
    /// What labels count as: the study's policy.
    pub policy: Policy,
    /// Of every interval.
    pub confidence: f64,
    /// How far people agree where several labelled.
    pub people: Agreement,
    /// Every judge of the study, and where there are several what they say together, last.
    pub judges: Vec<Judged>,
    /// Rates of arms, by block and stance.
    pub rates: Vec<Corrected>,
    /// Differences of arms and their controls.
    pub differences: Vec<Corrected>,
}

/// One judge against people.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Its name.
    pub judge: String,
    /// What was found.
    pub found: Recalibration,
}

/// A rate or a difference as it was judged, and without the errors of the judges.
#[derive(Debug, Clone, PartialEq)]
pub struct Corrected {
    /// The base.
    pub base: String,
    /// The arm.
    pub arm: String,
    /// What is taken off, of a difference.
    pub control: Option<String>,
    /// The battery.
    pub battery: String,
    /// Id of the stance, or `block:` and the block.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// As it was judged; `None` with too few answers.
    pub raw: Option<f64>,
    /// Interval of `raw`, where it has one.
    pub raw_interval: Option<[f64; 2]>,
    /// Without the errors of the judges; why not, where it cannot be had.
    pub corrected: Result<Interval, JudgeError>,
}

/// Compares the judges of a study with people, from what is in the store: nobody is asked. Rates and differences are
/// corrected by what the judges say together, as if they erred alike in every arm and about every stance. A study
/// whose answers a grammar reads has no judges, and nothing to correct.
///
/// # Errors
/// [`RunError::Unfinished`] where answers or verdicts of the study are not in the store; when it cannot be read.
pub fn recalibrated(
    plan: &Plan,
    labels: &[HumanLabel],
    workshop: Workshop<'_>,
) -> Result<Option<Recalibrated>, RunError> {
    let Judging::Judges(judges) = &plan.judging else { return Ok(None) };
    let (answers, missing) = kept_answers(plan, workshop)?;
    if missing > 0 {
        return Err(RunError::Unfinished { what: "answers", missing });
    }
    let (verdicts, _) = judge(plan, &answers, Source::Kept, workshop)?;
    let confidence = 1.0 - plan.analysis.alpha;
    let judged = judged(plan, judges, labels, &verdicts, confidence);
    let calibration = judged.last().expect("a study has a judge").found.calibration;
    let arms = read_arms(plan, &answers, &verdicts);
    let correction = Correction { plan, calibration, confidence };
    let entries: Vec<Entry> =
        cells::entries(plan).into_iter().filter(|entry| is_judged(judges, entry)).collect();
    Ok(Some(Recalibrated {
        policy: judges.policy,
        confidence,
        people: people_agree(labels),
        judges: judged,
        rates: correction.rates(&arms, &entries),
        differences: correction.differences(&arms, &entries),
    }))
}

/// Whether judges read all of an entry, and it is a share of their labels.
fn is_judged(judges: &JudgesPlan, entry: &Entry) -> bool {
    let by_judge = |id: &StanceId| {
        let prompts = &judges.questionnaires[id.battery].stances[id.stance].prompts;
        prompts.iter().all(|prompt| prompt.check.is_none())
    };
    matches!(entry.measure, Measure::Mean(_)) && entry.stances.iter().all(by_judge)
}

/// Each judge against people, then all of them together.
fn judged(
    plan: &Plan,
    judges: &JudgesPlan,
    labels: &[HumanLabel],
    verdicts: &Verdicts,
    confidence: f64,
) -> Vec<Judged> {
    let places = || verdicts.all().filter(|(place, _)| place.part == Part::Answer);
    let against = |judge: &str, said: BTreeMap<(String, Key), Verdict>| Judged {
        judge: judge.to_owned(),
        found: recalibrate(labels, &said, judges.policy, confidence),
    };
    let id = |stance: StanceId| cells::stance(plan, stance).id.clone();
    let names: Vec<&str> = judges.all().map(|judge| judge.name.as_str()).collect();
    let mut all: Vec<Judged> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let said = places()
            .filter_map(|(place, said)| Some(((id(place.stance), place.answer), said[index]?)));
        all.push(against(name, said.collect()));
    }
    if names.len() > 1 {
        let said = places().filter_map(|(place, _)| {
            Some(((id(place.stance), place.answer), verdicts.together(*place)?))
        });
        all.push(against("together", said.collect()));
    }
    all
}

/// What is needed to take the errors of the judges out.
#[derive(Clone, Copy)]
struct Correction<'a> {
    plan: &'a Plan,
    calibration: Calibration,
    confidence: f64,
}

impl Correction<'_> {
    fn rates(self, arms: &[Arm<'_>], entries: &[Entry]) -> Vec<Corrected> {
        let of = |arm: &Arm<'_>| -> Vec<Corrected> {
            entries.iter().filter_map(|entry| self.rate(arm, entry)).collect()
        };
        arms.iter().flat_map(of).collect()
    }

    /// The rate of an arm; `None` where it has no answers that count.
    fn rate(self, arm: &Arm<'_>, entry: &Entry) -> Option<Corrected> {
        let side = Side::sampled(arm, &entry.measure)?;
        let groups = || match entry.stances.as_slice() {
            [one] => Some(arm.prompt_groups(*one, true)),
            _ => None,
        };
        let raw = cells::summary(self.plan, arm, Some(&side.values), groups);
        let corrected = match side.values.as_slice() {
            [one] => {
                let n = effective(arm, &entry.stances, *one)?;
                lang_reiczigel(*one, n, &self.calibration, self.confidence)
            }
            _ => side
                .mean()
                .map_err(JudgeError::from)
                .and_then(|mean| corrected_mean(&mean, &self.calibration, self.confidence)),
        };
        Some(Corrected {
            base: self.plan.bases[arm.plan.base].name.clone(),
            arm: arm.plan.name.clone(),
            control: None,
            battery: entry.battery.clone(),
            stance: entry.stance.clone(),
            name: entry.name.clone(),
            raw: raw.rate,
            raw_interval: raw.low.zip(raw.high).map(|(low, high)| [low, high]),
            corrected,
        })
    }

    fn differences(self, arms: &[Arm<'_>], entries: &[Entry]) -> Vec<Corrected> {
        let mut rows = Vec::new();
        for base in 0..self.plan.bases.len() {
            let on_base: Vec<&Arm<'_>> = arms.iter().filter(|a| a.plan.base == base).collect();
            for (arm, control) in pairs(self.plan, &on_base) {
                rows.extend(
                    entries.iter().filter_map(|entry| self.difference(arm, control, entry)),
                );
            }
        }
        rows
    }

    /// The difference of two arms; `None` where one of them has no answers that count.
    fn difference(self, arm: &Arm<'_>, control: &Arm<'_>, entry: &Entry) -> Option<Corrected> {
        let confidence = self.confidence;
        let pair = Pair { plan: self.plan, arm, control, confidence, runs: usize::MAX };
        let (treated, other) = pair.sampled(&entry.measure)?;
        let raw = pair.difference(&entry.measure);
        let means = treated.mean().and_then(|treated| Ok((treated, other.mean()?)));
        let corrected = means.map_err(JudgeError::from).and_then(|(treated, other)| {
            corrected_difference(&treated, &other, &self.calibration, confidence)
        });
        Some(Corrected {
            base: self.plan.bases[arm.plan.base].name.clone(),
            arm: arm.plan.name.clone(),
            control: Some(control.plan.name.clone()),
            battery: entry.battery.clone(),
            stance: entry.stance.clone(),
            name: entry.name.clone(),
            raw: raw.estimate,
            raw_interval: raw.low.zip(raw.high).map(|(low, high)| [low, high]),
            corrected: corrected.map(|c| Interval {
                estimate: c.estimate,
                low: c.low,
                high: c.high,
            }),
        })
    }
}

/// How many independent answers the mean rate of one model over some stances is worth. The answers to a stance are
/// worth their number over the design effect of their prompts; stances are fixed, so their variances add up. `None`
/// where a stance has no answers.
fn effective(arm: &Arm<'_>, stances: &[StanceId], rate: f64) -> Option<f64> {
    let (mut variance, mut answers) = (0.0, 0);
    for id in stances {
        let (successes, trials) = arm.pooled(*id).counts();
        if trials == 0 {
            return None;
        }
        let worth = effective_answers(&arm.prompt_groups(*id, true)).unwrap_or(trials as f64);
        variance += sampling_variance(successes, trials, worth);
        answers += trials;
    }
    variance /= (stances.len() as f64).powi(2);
    // Drawn a little to the middle, as in the variance: a rate of exactly 0 or 1 has a worth too.
    let share = (rate * answers as f64 + 2.0) / (answers as f64 + 4.0);
    Some(share * (1.0 - share) / variance)
}
