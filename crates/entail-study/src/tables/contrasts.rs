//! Arm minus control: the first-class result.

use entail_schema::{
    ContrastRow, Correction, DosePoint, DoseRow, Estimate, Novelty, Span, Standing, Verdict,
};
use entail_stats::{FilterVerdict, Item, Pairs, PerClaim};

use super::cells::{self, Arm, Entry, Measure, StanceId};
use super::compare::{Difference, Pair, Side, leave_one_out};
use super::looks::Monitor;
use super::{BaseFacts, NEW_BELOW};
use crate::plan::Plan;

/// All rows of one contrast.
pub(super) fn rows(
    plan: &Plan,
    base: &BaseFacts,
    arm: &Arm<'_>,
    control: &Arm<'_>,
) -> Vec<ContrastRow> {
    let pair = Monitor::pair(plan, arm, control);
    let entries = cells::entries(plan);
    let mut compared: Vec<(ContrastRow, Compared)> =
        entries.iter().map(|entry| row(pair, base, entry)).collect();
    adjust(plan, &mut compared);
    select(pair, &entries, &mut compared);
    let finish = |(entry, (mut row, compared)): (&Entry, (ContrastRow, Compared))| {
        row.verdict = verdict(plan, &row, &compared.difference);
        row.novelty = novelty(base, entry, &row);
        row
    };
    entries.iter().zip(compared).map(finish).collect()
}

/// What a row was made from, for the corrections over all rows.
struct Compared {
    difference: Difference,
    sides: Option<(Side, Side)>,
}

fn row(pair: Pair<'_, '_>, base: &BaseFacts, entry: &Entry) -> (ContrastRow, Compared) {
    let Pair { arm, control, .. } = pair;
    let sides = pair.sampled(&entry.measure);
    let main = pair.compare(sides.as_ref());
    let replicated = |s: &&(Side, Side)| s.0.values.len() > 1 && s.1.values.len() > 1;
    let trained = sides.as_ref().filter(|_| pair.both_trained()).filter(replicated);
    let p = Monitor::p(pair, sides.as_ref(), main.p);
    let rate = |side: fn(&(Side, Side)) -> &Side| {
        sides.as_ref().and_then(|s| entail_stats::mean(&side(s).values))
    };
    let filter = filter(pair, entry);
    let is_block = entry.stance.starts_with("block:");
    let mut notes: Vec<String> = Vec::new();
    notes.extend((!main.note.is_empty()).then(|| main.note.clone()));
    if !is_block && implied(pair, entry) {
        notes.push("implied by what an arm is trained or told to say".into());
    }
    notes.extend(filter.1);
    let row = ContrastRow {
        base: base.name.clone(),
        arm: arm.plan.name.clone(),
        control: control.plan.name.clone(),
        battery: entry.battery.clone(),
        stance: entry.stance.clone(),
        name: entry.name.clone(),
        block: entry.block.clone(),
        planted: if is_block { None } else { base.links.get(&entry.stance).copied() },
        estimate: main.estimate,
        low: main.low,
        high: main.high,
        p,
        p_adjusted: None,
        replicates: sides.as_ref().map_or(arm.replicates.len(), |s| s.0.values.len()),
        control_replicates: sides.as_ref().map_or(control.replicates.len(), |s| s.1.values.len()),
        method: main.method.clone(),
        net_of_drift: drift_measure(pair, base, entry).and_then(|m| pair.difference(&m).estimate()),
        net_of_nuisance: nuisance_measure(pair, entry).and_then(|m| pair.difference(&m).estimate()),
        logprob: pair.compare(pair.read(&entry.measure).as_ref()).estimate(),
        log_odds: log_odds(pair, entry),
        standing: standing(pair, entry),
        verdict: None,
        selected: None,
        // Over a block, prompts of different stances are no draws from one population of prompts.
        any_prompts: main.any_prompts.filter(|_| entry.stances.len() == 1),
        p_permutation: trained
            .and_then(|(one, zero)| entail_stats::permutation(&one.values, &zero.values).ok()),
        leave_one_out: trained.and_then(leave_one_out),
        per_claim: per_claim(pair, entry, trained),
        bounds: filter.0,
        arm_rate: rate(|s| &s.0),
        control_rate: rate(|s| &s.1),
        novelty: None,
        note: notes.join("; "),
    };
    (row, Compared { difference: main, sides })
}

/// What a row is by the plan alone, before any answer is there.
fn standing(pair: Pair<'_, '_>, entry: &Entry) -> Standing {
    let Pair { plan, arm, .. } = pair;
    let is_instrument = !is_preference(entry);
    if plan.is_reference(&arm.plan.name) {
        Standing::Check
    } else if entry.stance.starts_with("block:") {
        if is_instrument { Standing::Check } else { Standing::Summary }
    } else if implied(pair, entry) {
        Standing::Check
    } else if plan.in_family(&entry.battery, &entry.stance) {
        let trained = arm.plan.intervention.is_trained();
        if trained { Standing::Confirmatory } else { Standing::Exploratory }
    } else if is_instrument && plan.analysis.family.stances.is_empty() {
        Standing::Check
    } else {
        Standing::Exploratory
    }
}

/// Whether a row's p-value is corrected with the others: the family's members, but for what is implied.
fn is_member(row: &ContrastRow) -> bool {
    row.standing == Standing::Confirmatory
}

/// Worst cases for the answers that could not be read, and a warning where they could explain the difference.
fn filter(pair: Pair<'_, '_>, entry: &Entry) -> (Option<Span>, Option<String>) {
    let sides = pair.arm.filtered(&entry.measure).zip(pair.control.filtered(&entry.measure));
    let Some(filter) = sides.and_then(|(a, b)| entail_stats::compare_filtered(&a, &b)) else {
        return (None, None);
    };
    let bounds = Span { low: filter.bounds.low, high: filter.bounds.high };
    // Kept shares that differ by a few answers are no news.
    let matters = filter.kept_difference.abs() >= pair.plan.analysis.smallest_effect / 2.0;
    let warning = (filter.verdict == FilterVerdict::NotInterpretable && matters).then(|| {
        format!(
            "kept shares differ by more than the effect ({:.0} % against {:.0} %): not interpretable",
            100.0 * filter.kept_treated,
            100.0 * filter.kept_control
        )
    });
    (Some(bounds), warning)
}

/// Difference in log-odds, run by run, with one half added to each count (Haldane 1956; Anscombe 1956).
fn log_odds(pair: Pair<'_, '_>, entry: &Entry) -> Option<Estimate> {
    let [one] = entry.stances.as_slice() else { return None };
    let side =
        |arm: &Arm<'_>| Some(Side { values: arm.log_odds(*one)?, sampling: 0.0, grid: None });
    pair.compare(side(pair.arm).zip(side(pair.control)).as_ref()).estimate()
}

/// Difference per unit of the arm's own claim that was gained.
fn per_claim(
    pair: Pair<'_, '_>,
    entry: &Entry,
    trained: Option<&(Side, Side)>,
) -> Option<Estimate> {
    let (one, zero) = trained.filter(|_| is_preference(entry))?;
    let claim = cells::claim_measure(pair.plan, pair.arm.plan.claim.as_ref()?)?;
    let (claimed, unclaimed) = pair.sampled(&claim)?;
    let arm = |stance: &'_ Side, claim: &'_ Side| [stance.sampling, claim.sampling];
    let (of_arm, of_control) = (arm(one, &claimed), arm(zero, &unclaimed));
    let treated = Pairs { stance: &one.values, claim: &claimed.values, sampling: of_arm };
    let control = Pairs { stance: &zero.values, claim: &unclaimed.values, sampling: of_control };
    match entail_stats::per_claim(treated, control, pair.confidence).ok()? {
        PerClaim::Bounded { ratio, low, high } => {
            Some(Estimate { estimate: ratio, low: Some(low), high: Some(high) })
        }
        PerClaim::Unbounded => None,
    }
}

/// Whether an entry's stance is what either arm is trained or told to say.
fn implied(pair: Pair<'_, '_>, entry: &Entry) -> bool {
    entry.stances.iter().any(|id| cells::is_implied(pair, *id))
}

const LINKLESS: [&str; 3] = ["zero", "drift-low", "drift-high"];

fn of_blocks(plan: &Plan, blocks: &[&str]) -> Vec<StanceId> {
    let block =
        |id: &StanceId| cells::block(cells::stance(plan, *id), &plan.batteries[id.battery].name);
    cells::stance_ids(plan).into_iter().filter(|id| blocks.contains(&block(id))).collect()
}

fn is_preference(entry: &Entry) -> bool {
    matches!(entry.block.as_str(), "planted" | "reversed" | "strong" | "preference")
}

/// The entry's rate minus what the replicate's linkless stances predict, for stances that could drift.
fn drift_measure(pair: Pair<'_, '_>, base: &BaseFacts, entry: &Entry) -> Option<Measure> {
    if !is_preference(entry) {
        return None;
    }
    // Drift items of free language are denied by every untouched model: there is no line to be fitted through their rates,
    // and what they gain is what any self-attribution gains.
    let mut drift = of_blocks(pair.plan, &["drift"]);
    drift.retain(|id| !cells::is_implied(pair, *id));
    if !drift.is_empty() {
        return Some(Measure::NetOf(entry.stances.clone(), drift));
    }
    let with_rate = |id: StanceId| base.rates.get(&id).map(|rate| (id, *rate));
    let linkless: Vec<(StanceId, f64)> = of_blocks(pair.plan, &LINKLESS)
        .into_iter()
        .filter(|id| !cells::is_implied(pair, *id))
        .filter_map(with_rate)
        .collect();
    let sign = |id: StanceId| match &entry.measure {
        Measure::Signed(signed) => {
            signed.iter().find(|(s, _)| *s == id).map_or(1.0, |(_, s)| s.signum())
        }
        _ => 1.0,
    };
    let stances = entry
        .stances
        .iter()
        .map(|id| Some((*id, *base.rates.get(id)?, sign(*id))))
        .collect::<Option<_>>()?;
    Some(Measure::NetOfDrift { stances, linkless })
}

fn nuisance_measure(pair: Pair<'_, '_>, entry: &Entry) -> Option<Measure> {
    if !is_preference(entry) || entry.block == "strong" {
        return None;
    }
    let mut nuisance = of_blocks(pair.plan, &["nuisance"]);
    nuisance.retain(|id| !cells::is_implied(pair, *id));
    (!nuisance.is_empty()).then(|| Measure::NetOf(entry.stances.clone(), nuisance))
}

/// Where a stance that is raised stood in the untouched base.
fn novelty(base: &BaseFacts, entry: &Entry, row: &ContrastRow) -> Option<Novelty> {
    let [one] = entry.stances.as_slice() else { return None };
    let before = *base.rates.get(one)?;
    let is_raised = row.verdict == Some(Verdict::Moves) && row.estimate? > 0.0;
    is_raised.then_some(match before {
        rate if rate < NEW_BELOW => Novelty::New,
        rate if rate <= 0.5 => Novelty::Amplified,
        _ => Novelty::AlreadyThere,
    })
}

/// Adjusts the p-values of the family's members.
fn adjust(plan: &Plan, rows: &mut [(ContrastRow, Compared)]) {
    let members: Vec<usize> = (0..rows.len()).filter(|&i| is_member(&rows[i].0)).collect();
    // A member without a p is still one of those that were planned.
    let p: Vec<f64> = members.iter().map(|&i| rows[i].0.p.unwrap_or(1.0)).collect();
    let adjusted = match plan.analysis.family.method {
        Correction::Bh => entail_stats::benjamini_hochberg(&p).ok(),
        Correction::By => entail_stats::benjamini_yekutieli(&p).ok(),
        Correction::Holm => entail_stats::holm(&p).ok(),
        Correction::MaxT => {
            let item = |&i: &usize| {
                let (one, zero) = rows[i].1.sides.as_ref()?;
                Some(Item { treated: one.values.clone(), control: zero.values.clone() })
            };
            let items: Option<Vec<Item>> = members.iter().map(item).collect();
            // A side without runs to relabel has no exact test.
            items.and_then(|items| entail_stats::max_t(&items).ok())
        }
    };
    for (index, p) in members.into_iter().zip(adjusted.into_iter().flatten()) {
        rows[index].0.p_adjusted = rows[index].0.p.map(|_| p);
    }
}

/// Widens the intervals of the members that were picked out (Benjamini and Yekutieli 2005).
fn select(pair: Pair<'_, '_>, entries: &[Entry], rows: &mut [(ContrastRow, Compared)]) {
    let alpha = pair.plan.analysis.alpha;
    let m = rows.iter().filter(|(row, _)| is_member(row)).count();
    let is_selected = |row: &ContrastRow| row.p_adjusted.is_some_and(|p| p <= alpha);
    let n_selected = rows.iter().filter(|(row, _)| is_selected(row)).count();
    let confidence = (n_selected > 0)
        .then(|| Monitor::confidence_at(pair, alpha * n_selected as f64 / m as f64))
        .flatten();
    let Some(confidence) = confidence else { return };
    for (entry, (row, compared)) in entries.iter().zip(rows) {
        debug_assert_eq!(entry.stance, row.stance, "rows are in the order of entries");
        if is_selected(row) {
            let wider = Pair { confidence, ..pair }.compare(compared.sides.as_ref());
            row.selected = wider.estimate();
        }
    }
}

/// What a row comes to. A family's member moves by its adjusted p, any other row by its own; where nothing about
/// training is tested there is no verdict.
fn verdict(plan: &Plan, row: &ContrastRow, difference: &Difference) -> Option<Verdict> {
    let (low, high) = row.low.zip(row.high)?;
    row.p?;
    let margin = plan.analysis.smallest_effect;
    let p = if is_member(row) { row.p_adjusted } else { row.p };
    let moves = p.is_some_and(|p| p <= plan.analysis.alpha);
    // Over several looks the repeated interval decides, which is stricter than two one-sided tests.
    let single_look = plan.analysis.looks.is_empty();
    let small = match difference.equivalence.filter(|_| single_look) {
        Some(equivalence) => equivalence.holds,
        None => -margin < low && high < margin,
    };
    Some(match (moves, small) {
        (true, true) => Verdict::MovesLittle,
        (true, false) => Verdict::Moves,
        (false, true) => Verdict::DoesNotMove,
        (false, false) => Verdict::Undecided,
    })
}

/// Effect against planted strength, where the base has a link and the arm is an intervention.
pub(super) fn dose(
    plan: &Plan,
    base: &BaseFacts,
    arm: &Arm<'_>,
    control: &Arm<'_>,
) -> Option<DoseRow> {
    if arm.is_untouched() || control.is_untouched() {
        return None;
    }
    let confidence = 1.0 - plan.analysis.alpha;
    let pair = Pair { plan, arm, control, confidence, runs: usize::MAX };
    let linked: Vec<(StanceId, f64)> = of_blocks(plan, &["planted", "reversed"])
        .into_iter()
        .filter_map(|id| Some((id, *base.links.get(&cells::stance(plan, id).id)?)))
        .filter(|(_, rho)| rho.abs() > 0.05)
        .collect();
    let difference = |measure: &Measure| pair.difference(measure).estimate();
    let points: Vec<DosePoint> = linked
        .iter()
        .filter_map(|(id, rho)| {
            let stance = cells::stance(plan, *id);
            let effect = difference(&Measure::Mean(vec![*id]))?;
            Some(DosePoint {
                stance: stance.id.clone(),
                name: stance.name.clone(),
                planted: *rho,
                effect,
            })
        })
        .collect();
    if points.is_empty() {
        return None;
    }
    let positive = points.iter().filter(|p| p.planted > 0.0);
    let (xs, ys): (Vec<f64>, Vec<f64>) = positive.map(|p| (p.planted, p.effect.estimate)).unzip();
    let fit = entail_stats::slope(&xs, &ys, confidence).ok();
    Some(DoseRow {
        base: base.name.clone(),
        arm: arm.plan.name.clone(),
        control: control.plan.name.clone(),
        points,
        slope: fit.as_ref().map(|f| Estimate {
            estimate: f.slope,
            low: Some(f.low),
            high: Some(f.high),
        }),
        r_squared: fit.map(|f| f.r_squared),
        share_of_ideal: difference(&Measure::Projection(linked)),
    })
}

#[cfg(test)]
mod tests;
