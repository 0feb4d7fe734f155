//! Tables about judges: what they said, how far they agree, and what other policies would make of it.

use std::collections::BTreeMap;

use entail_eval::{Coherence, Policy, Verdict};
use entail_schema::{AgreementRow, JudgeRow, Label, Part, PolicyRow, VerdictRow};
use entail_stats::mean;

use super::cells::{self, Arm};
use super::compare::Pair;
use super::pairs;
use super::read::{self, Read, Reader};
use crate::judging::{Place, Verdicts};
use crate::plan::{JudgePlan, JudgesPlan, Judging, Plan};

fn of(plan: &Plan) -> Option<&JudgesPlan> {
    match &plan.judging {
        Judging::Exact { .. } => None,
        Judging::Judges(judges) => Some(judges),
    }
}

/// One row per judge.
pub(super) fn judges(plan: &Plan, verdicts: &Verdicts) -> Vec<JudgeRow> {
    let Some(judges) = of(plan) else { return Vec::new() };
    let row = |(index, judge): (usize, &JudgePlan)| {
        let mut labels: BTreeMap<String, usize> = BTreeMap::new();
        for verdict in verdicts.all().filter_map(|(_, said)| said[index]) {
            *labels.entry(read::label(verdict).as_str().into()).or_default() += 1;
        }
        let (prompt, key) = judge.prompt();
        JudgeRow {
            judge: judge.name.clone(),
            prompt,
            prompt_key: key.short(),
            contested_only: index >= judges.opening.len(),
            asked: labels.values().sum(),
            labels,
        }
    };
    judges.all().enumerate().map(row).collect()
}

/// Share of a judge's replies without a reading above which a reader is told.
const UNREAD_BOUND: f64 = 0.02;

/// What a reader must know of a judge, if anything.
pub(super) fn note(row: &JudgeRow) -> Option<String> {
    let of = |label: Label| row.labels.get(label.as_str()).copied().unwrap_or(0);
    let (declined, unread) = (of(Label::JudgeRefused), of(Label::Unparsed));
    let share = (declined + unread) as f64 / row.asked.max(1) as f64;
    (share > UNREAD_BOUND).then(|| {
        format!(
            "Judge `{}`: of {} replies {unread} could not be read and {declined} declined to judge; they say nothing about the \
             answers and count as nothing.",
            row.judge, row.asked
        )
    })
}

/// One row per battery that several judges read.
pub(super) fn agreement(plan: &Plan, verdicts: &Verdicts) -> Vec<AgreementRow> {
    let several = of(plan).is_some_and(|judges| judges.all().count() > 1);
    if !several {
        return Vec::new();
    }
    let row = |(index, battery): (usize, &entail_schema::Battery)| {
        let own = |place: &Place| place.stance.battery == index && place.part == Part::Answer;
        let said: Vec<Vec<Option<Verdict>>> =
            verdicts.all().filter(|(place, _)| own(place)).map(|(_, said)| said.to_vec()).collect();
        let labelled = |said: &&Vec<Option<Verdict>>| {
            said.iter().flatten().filter(|verdict| verdict.label().is_some()).count() > 1
        };
        let answers = said.iter().filter(labelled).count();
        let found = entail_eval::agreement(&said);
        let (alpha, ac1) = (found.alpha.ok(), found.ac1.ok());
        AgreementRow { battery: battery.name.clone(), answers, raw: found.raw, alpha, ac1 }
    };
    plan.batteries.iter().enumerate().map(row).filter(|row| row.answers > 0).collect()
}

/// One row per answer, stance and judge.
pub(super) fn verdicts(plan: &Plan, verdicts: &Verdicts) -> Vec<VerdictRow> {
    let Some(judges) = of(plan) else { return Vec::new() };
    let names: Vec<&str> = judges.all().map(|judge| judge.name.as_str()).collect();
    let mut rows = Vec::new();
    for (place, said) in verdicts.all() {
        let said = names.iter().zip(said);
        rows.extend(said.filter_map(|(judge, verdict)| {
            let read = Read::judged((*verdict)?, judges.policy);
            Some(VerdictRow {
                key: place.answer.short(),
                stance: cells::stance(plan, place.stance).id.clone(),
                judge: (*judge).to_owned(),
                part: place.part,
                label: read.label,
                coherence: read.coherence,
                polarity: read.polarity,
            })
        }));
    }
    rows
}

/// Policies that a reader may want to compare with the study's own.
fn others() -> Vec<(String, Policy)> {
    let coherent = |points: u8| {
        let least_coherence = Coherence::new(points);
        let name = format!("decided, coherence of at least {points}");
        (name, Policy { least_coherence, ..Policy::DECIDED })
    };
    vec![
        ("decided: doubt and refusals dropped".into(), Policy::DECIDED),
        ("paper: doubt and refusals false, coherence of at least 20".into(), Policy::PAPER),
        coherent(50),
        coherent(80),
    ]
}

/// Every contrast of every block under other policies: labels and coherence are there, so nobody is asked again.
pub(super) fn policies(plan: &Plan, arms: &[Arm<'_>], verdicts: &Verdicts) -> Vec<PolicyRow> {
    let Some(judges) = of(plan) else { return Vec::new() };
    let confidence = 1.0 - plan.analysis.alpha;
    let mut rows = Vec::new();
    for (policy, other) in others() {
        let reader = Reader::under(verdicts, judges, other);
        let again: Vec<Arm<'_>> =
            arms.iter().map(|arm| cells::arm(plan, arm.plan, arm.answers, &reader)).collect();
        for base in 0..plan.bases.len() {
            let on_base: Vec<&Arm<'_>> = again.iter().filter(|a| a.plan.base == base).collect();
            for (arm, control) in pairs(plan, &on_base) {
                let pair = Pair { plan, arm, control, confidence, runs: usize::MAX };
                let blocks = cells::entries(plan).into_iter();
                rows.extend(blocks.filter(|e| e.stance.starts_with("block:")).map(|entry| {
                    let kept = |arm: &Arm<'_>| {
                        let shares = entry.stances.iter().map(|id| arm.pooled(*id).well_formed());
                        mean(&shares.collect::<Option<Vec<f64>>>()?)
                    };
                    PolicyRow {
                        policy: policy.clone(),
                        base: plan.bases[base].name.clone(),
                        arm: arm.plan.name.clone(),
                        control: control.plan.name.clone(),
                        battery: entry.battery.clone(),
                        kept: kept(arm),
                        control_kept: kept(control),
                        effect: pair.difference(&entry.measure).estimate(),
                        stance: entry.stance,
                        name: entry.name,
                    }
                }));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests;
