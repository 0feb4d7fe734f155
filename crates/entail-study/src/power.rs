//! Before a study is run: what it can show, and what it cannot.

use entail_schema::Correction;
use entail_stats::{Aim, Comparison, PerReplicate, PlannedArm};
use serde::Serialize;

use crate::plan::{Intervention, Plan};

/// How training runs and answers scatter, from a pilot or from experience.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Variance between training runs, and the value to be pessimistic with.
    pub replicate: [f64; 2],
    /// Variance of prompts that differs from run to run.
    pub interaction: f64,
    /// Variance of answers to one prompt of one run.
    pub sample: f64,
}

impl Spread {
    /// Without a pilot: runs of one arm differ by five points, ten to be pessimistic, at a rate of three in ten.
    pub const ASSUMED: Self =
        Self { replicate: [0.05 * 0.05, 0.1 * 0.1], interaction: 0.0, sample: 0.3 * 0.7 };
}

/// What one number of training runs per arm can do, under the expected spread and under the pessimistic one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PowerRow {
    /// Training runs per arm.
    pub runs: usize,
    /// Smallest effect on one stance that is found in four of five studies.
    pub detectable: [Option<f64>; 2],
    /// The same where the stance is the only one of its family that moves, so that its p-value is corrected in full.
    pub detectable_alone: [Option<f64>; 2],
    /// Chance to show that a stance does not move by as much as matters, if it does not move at all.
    pub equivalence: [Option<f64>; 2],
}

/// Chance of finding what is there that a study is planned for.
const POWER: f64 = 0.8;
/// Training runs that are looked at before giving up.
const CAP: usize = 200;

/// Power for the study's own number of runs and for others around it.
pub fn power(plan: &Plan, spread: &Spread) -> Vec<PowerRow> {
    let own = plan.runs();
    let mut runs = vec![2, 3, 4, 6, 8, 12, 16, 24];
    if own >= 2 && !runs.contains(&own) {
        runs.push(own);
        runs.sort_unstable();
    }
    runs.into_iter().map(|runs| row(plan, spread, runs)).collect()
}

fn row(plan: &Plan, spread: &Spread, runs: usize) -> PowerRow {
    let analysis = &plan.analysis;
    let alone = analysis.alpha / plan.family_size().max(1) as f64;
    let both = |value: &dyn Fn(f64) -> Option<f64>| spread.replicate.map(value);
    let comparison = |replicate: f64, alpha: f64| {
        let arm = PlannedArm { variance: per_run(plan, spread, replicate)?, replicates: runs };
        Comparison::new(arm, arm, alpha).ok()
    };
    PowerRow {
        runs,
        detectable: both(&|v| comparison(v, analysis.alpha)?.detectable_effect(POWER).ok()),
        detectable_alone: both(&|v| comparison(v, alone)?.detectable_effect(POWER).ok()),
        equivalence: both(&|v| {
            comparison(v, analysis.alpha)?.equivalence_power(analysis.smallest_effect, 0.0).ok()
        }),
    }
}

/// Variance of one training run's rate on a stance.
fn per_run(plan: &Plan, spread: &Spread, replicate: f64) -> Option<f64> {
    let design = PerReplicate {
        replicate,
        interaction: spread.interaction,
        sample: spread.sample,
        prompts: plan.prompts_per_stance(),
        samples: plan.samples,
    };
    design.variance().ok()
}

/// What the study cannot show of what it declares, in plain words; empty when there is nothing to say.
pub fn warnings(plan: &Plan, spread: &Spread) -> Vec<String> {
    let mut out: Vec<String> = plan.unread().into_iter().collect();
    let trained =
        plan.arms.iter().any(|arm| matches!(arm.intervention, Intervention::Train { .. }));
    if !trained {
        return out;
    }
    let runs = plan.runs();
    if runs < 2 {
        out.push(format!(
            "with {runs} training run per arm every result describes that one model: no p-value, no claim about the recipe; set `seeds` to 4 or more"
        ));
        return out;
    }
    let found = row(plan, spread, runs);
    out.extend(too_weak(plan, spread, &found));
    out.extend(no_equivalence(plan, spread, &found));
    out.extend(no_permutation(plan, runs));
    if plan.controls_are_untouched() {
        out.push(
            "the only control is the untouched base: training alone moves answers, so add a control that is trained on rows of \
             the same shape"
                .into(),
        );
    }
    out
}

fn points(share: f64) -> String {
    format!("{:.0} points", 100.0 * share)
}

/// An effect as large as what matters would probably be missed.
fn too_weak(plan: &Plan, spread: &Spread, found: &PowerRow) -> Option<String> {
    let smallest = plan.analysis.smallest_effect;
    let [detectable, pessimistic] = found.detectable;
    let detectable = detectable?;
    if detectable <= smallest {
        return None;
    }
    let variance = per_run(plan, spread, spread.replicate[0])?;
    let aim = Aim { alpha: plan.analysis.alpha, power: POWER, cap: CAP };
    let needed = entail_stats::replicates_needed(smallest, [variance; 2], aim).ok().flatten();
    Some(format!(
        "{} runs per arm find an effect of {} in four of five studies ({} if runs differ more than expected); the smallest effect \
         that matters is declared as {}: {}",
        found.runs,
        points(detectable),
        pessimistic.map_or_else(|| "none".into(), points),
        points(smallest),
        match needed {
            Some(n) => format!("{n} runs per arm would find that"),
            None => format!("not even {CAP} runs per arm would find that"),
        }
    ))
}

/// "Does not move" could not be shown even of a stance that does not move.
fn no_equivalence(plan: &Plan, spread: &Spread, found: &PowerRow) -> Option<String> {
    let chance = found.equivalence[0]?;
    if chance >= POWER {
        return None;
    }
    let smallest = plan.analysis.smallest_effect;
    let variance = per_run(plan, spread, spread.replicate[0])?;
    let aim = Aim { alpha: plan.analysis.alpha, power: POWER, cap: CAP };
    let needed =
        entail_stats::replicates_for_equivalence(smallest, 0.0, [variance; 2], aim).ok().flatten();
    Some(format!(
        "a stance that does not move at all would be shown not to move by {} in only {:.0} % of studies with {} runs per arm: {}",
        points(smallest),
        100.0 * chance,
        found.runs,
        match needed {
            Some(n) => format!("{n} runs per arm would show it in four of five"),
            None => format!("not even {CAP} runs per arm would"),
        }
    ))
}

/// Exact tests have a least p-value, which a correction can put out of reach.
fn no_permutation(plan: &Plan, runs: usize) -> Option<String> {
    let floor = entail_stats::permutation_floor(runs)?;
    let exact = plan.analysis.family.method == Correction::MaxT;
    (exact && floor > plan.analysis.alpha).then(|| {
        format!(
            "`max-t` relabels training runs, and with {runs} against {runs} no p-value can be below {floor:.3}: nothing can be found \
             at alpha = {}",
            plan.analysis.alpha
        )
    })
}

#[cfg(test)]
mod tests;
