//! What survives every control, and every pretraining seed.

use std::collections::BTreeMap;

use entail_schema::{AcrossBasesRow, ContrastRow, Estimate, HeadlineRow, Standing};
use entail_stats::{Contrast, against_all};

use super::compare::estimate_of;
use crate::plan::{ArmPlan, Plan};

/// Every trained arm that is no control against all controls at once, for every stance and block that is a finding.
pub(super) fn headlines(plan: &Plan, contrasts: &[ContrastRow]) -> Vec<HeadlineRow> {
    let is_control = |arm: &str| plan.controls.iter().any(|c| c == arm);
    let trained = |arm: &str| {
        let is_it = |a: &ArmPlan| a.name == arm && a.intervention.is_trained();
        plan.arms.iter().any(is_it)
    };
    let is_measured = |row: &&ContrastRow| {
        let is_finding = matches!(row.standing, Standing::Confirmatory | Standing::Summary);
        is_finding && trained(&row.arm) && !is_control(&row.arm) && is_control(&row.control)
    };
    let mut groups: Vec<Vec<&ContrastRow>> = Vec::new();
    for row in contrasts.iter().filter(is_measured) {
        let same = |group: &&mut Vec<&ContrastRow>| {
            let first = group[0];
            (&first.base, &first.arm, &first.stance) == (&row.base, &row.arm, &row.stance)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.iter().map(|group| headline(plan, group)).collect()
}

/// An arm beats all controls when every contrast is clear of zero on one side, for a member of the family by its
/// adjusted p too, and net of drift as well: a base without linkless items to net out cannot say so.
fn headline(plan: &Plan, group: &[&ContrastRow]) -> HeadlineRow {
    let first = group[0];
    let raw = all(group.iter().map(|row| {
        Some(Contrast { estimate: row.estimate?, low: row.low?, high: row.high?, p: row.p? })
    }));
    // The net intervals have no p of their own, and `against_all` does not need one.
    let net = all(group.iter().map(|row| {
        let net = row.net_of_drift?;
        Some(Contrast { estimate: net.estimate, low: net.low?, high: net.high?, p: 1.0 })
    }));
    let is_clear = |c: &Contrast| c.low > 0.0 || c.high < 0.0;
    let is_kept = |row: &&ContrastRow| {
        row.standing == Standing::Summary
            || row.p_adjusted.is_some_and(|p| p <= plan.analysis.alpha)
    };
    let same_side = |(a, b): (Contrast, Contrast)| a.estimate * b.estimate > 0.0 && is_clear(&b);
    let beats_all = group.iter().all(is_kept)
        && raw.as_ref().is_some_and(is_clear)
        && raw.zip(net).is_some_and(same_side);
    HeadlineRow {
        base: first.base.clone(),
        arm: first.arm.clone(),
        controls: group.iter().map(|row| row.control.clone()).collect(),
        battery: first.battery.clone(),
        stance: first.stance.clone(),
        name: first.name.clone(),
        block: first.block.clone(),
        effect: raw.map(estimate_of),
        p: largest_p(group),
        net_of_drift: net.map(estimate_of),
        beats_all,
    }
}

/// The largest p over the controls, also where they differ in sign.
fn largest_p(group: &[&ContrastRow]) -> Option<f64> {
    let all: Vec<f64> = group.iter().map(|row| row.p).collect::<Option<_>>()?;
    all.into_iter().reduce(f64::max)
}

/// The weakest of the contrasts; `None` when one of them could not be computed or they differ in sign.
fn all(contrasts: impl Iterator<Item = Option<Contrast>>) -> Option<Contrast> {
    against_all(&contrasts.collect::<Option<Vec<Contrast>>>()?)
}

/// Contrasts over several pretraining seeds of one organism. Each seed is one unit: what its training runs
/// scatter by says nothing about another base.
pub(super) fn across_bases(plan: &Plan, contrasts: &[ContrastRow]) -> Vec<AcrossBasesRow> {
    let organisms = plan.bases.iter().filter_map(|b| Some((b.name.as_str(), b.organism()?)));
    let worlds: BTreeMap<&str, String> =
        organisms.map(|(name, spec)| (name, spec.without_seed())).collect();
    let mut groups: Vec<(&str, Vec<&ContrastRow>)> = Vec::new();
    for row in contrasts {
        let Some(world) = worlds.get(row.base.as_str()).map(String::as_str) else { continue };
        let same = |(other, group): &&mut (&str, Vec<&ContrastRow>)| {
            let first = group[0];
            *other == world
                && (&first.arm, &first.control, &first.stance)
                    == (&row.arm, &row.control, &row.stance)
        };
        match groups.iter_mut().find(same) {
            Some((_, group)) => group.push(row),
            None => groups.push((world, vec![row])),
        }
    }
    let confidence = 1.0 - plan.analysis.alpha;
    let several = groups.into_iter().filter(|(_, group)| group.len() > 1);
    several.map(|(world, group)| across(world, &group, confidence)).collect()
}

fn across(world: &str, group: &[&ContrastRow], confidence: f64) -> AcrossBasesRow {
    let first = group[0];
    let over = |value: fn(&ContrastRow) -> Option<f64>| -> Option<Contrast> {
        let values: Vec<f64> = group.iter().map(|row| value(row)).collect::<Option<_>>()?;
        entail_stats::against_fixed(&values, 0.0, confidence).ok()
    };
    let effect = over(|row| row.estimate);
    AcrossBasesRow {
        world: world.to_owned(),
        bases: group.len(),
        arm: first.arm.clone(),
        control: first.control.clone(),
        battery: first.battery.clone(),
        stance: first.stance.clone(),
        name: first.name.clone(),
        block: first.block.clone(),
        effect: effect.map(estimate_of),
        p: effect.map(|c| c.p),
        net_of_drift: over(|row| row.net_of_drift.map(|n: Estimate| n.estimate)).map(estimate_of),
    }
}
