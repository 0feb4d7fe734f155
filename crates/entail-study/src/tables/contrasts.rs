//! Arm minus control: the first-class result.

use entail_schema::{ContrastRow, Correction, DosePoint, DoseRow, Estimate, Novelty};
use entail_stats::TooLittle;

use super::cells::{self, Arm, Entry, Measure, StanceId};
use super::{BaseFacts, NEW_BELOW};
use crate::plan::{Intervention, Plan};

/// A difference with its interval, as far as it can be computed.
#[derive(Debug, Clone, Default)]
struct Difference {
    estimate: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    p: Option<f64>,
    method: String,
    note: String,
}

impl Difference {
    fn estimate(&self) -> Option<Estimate> {
        Some(Estimate { estimate: self.estimate?, low: self.low, high: self.high })
    }
}

/// What the replicates of an arm are called in a method.
fn replicate_word(arm: &Arm<'_>) -> &'static str {
    match arm.plan.intervention {
        Intervention::Train { .. } => "training runs",
        Intervention::System { .. } | Intervention::None if arm.replicates.len() > 1 => {
            "wordings of one fixed model"
        }
        Intervention::System { .. } | Intervention::None => "one fixed model",
    }
}

/// Compares one value per replicate of an arm with one per replicate of a control.
fn compare(
    arm: &Arm<'_>,
    control: &Arm<'_>,
    values: Option<(Vec<f64>, Vec<f64>)>,
    confidence: f64,
) -> Difference {
    let Some((treated, untreated)) = values else {
        return Difference { note: "too few well-formed answers".into(), ..Difference::default() };
    };
    let point =
        entail_stats::mean(&treated).zip(entail_stats::mean(&untreated)).map(|(a, b)| a - b);
    let words = format!("{} against {}", replicate_word(arm), replicate_word(control));
    let (result, method, sign) = match (treated.len(), untreated.len()) {
        (1, 1) => {
            let method = format!("difference of two single models ({words})");
            return Difference {
                estimate: point,
                method,
                note: SINGLE.into(),
                ..Difference::default()
            };
        }
        (_, 1) => {
            (entail_stats::against_fixed(&treated, untreated[0], confidence), "one-sample t", 1.0)
        }
        (1, _) => {
            (entail_stats::against_fixed(&untreated, treated[0], confidence), "one-sample t", -1.0)
        }
        _ => (entail_stats::welch(&treated, &untreated, confidence), "Welch t", 1.0),
    };
    let method = format!("{method}, {words}");
    let trained = |a: &Arm<'_>| matches!(a.plan.intervention, Intervention::Train { .. });
    let note = if trained(arm) && trained(control) { String::new() } else { SINGLE.into() };
    match result {
        Ok(c) => {
            let (low, high) = if sign > 0.0 { (c.low, c.high) } else { (-c.high, -c.low) };
            Difference {
                estimate: point,
                low: Some(low),
                high: Some(high),
                p: Some(c.p),
                method,
                note,
            }
        }
        Err(TooLittle::NoSpread) => {
            let note = "no spread between replicates, so no interval".into();
            Difference { estimate: point, method, note, ..Difference::default() }
        }
        Err(_) => Difference {
            estimate: point,
            method,
            note: "too few replicates".into(),
            ..Difference::default()
        },
    }
}

/// Said of comparisons in which one side is not replicated by training.
const SINGLE: &str = "one side has no training replicates: describes that one model";

/// All rows of one contrast.
pub(super) fn rows(
    plan: &Plan,
    base: &BaseFacts,
    arm: &Arm<'_>,
    control: &Arm<'_>,
) -> Vec<ContrastRow> {
    let mut rows: Vec<ContrastRow> =
        cells::entries(plan).iter().map(|entry| row(plan, base, (arm, control), entry)).collect();
    adjust(plan, &mut rows);
    rows
}

fn row(
    plan: &Plan,
    base: &BaseFacts,
    (arm, control): (&Arm<'_>, &Arm<'_>),
    entry: &Entry,
) -> ContrastRow {
    let confidence = 1.0 - plan.analysis.alpha;
    let sampled = |measure: &Measure| arm.values(measure).zip(control.values(measure));
    let difference = |measure: &Measure| compare(arm, control, sampled(measure), confidence);
    let main = difference(&entry.measure);
    let logprobs = arm.logprob_values(&entry.measure).zip(control.logprob_values(&entry.measure));
    let rate = |a: &Arm<'_>| a.values(&entry.measure).and_then(|v| entail_stats::mean(&v));
    let is_block = entry.stance.starts_with("block:");
    let log_odds = if let [one] = entry.stances.as_slice() {
        let ((s1, n1), (s0, n0)) = (arm.pooled(*one).counts(), control.pooled(*one).counts());
        entail_stats::log_odds_difference(s1 as f64, n1 as f64, s0 as f64, n0 as f64)
    } else {
        None
    };
    let mut notes: Vec<&str> = Vec::new();
    if !main.note.is_empty() {
        notes.push(&main.note);
    }
    if !is_block && implied(arm, plan, entry) {
        notes.push("implied by what the arm is trained or told to say");
    }
    ContrastRow {
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
        p: main.p,
        p_adjusted: None,
        replicates: arm.replicates.len(),
        control_replicates: control.replicates.len(),
        method: main.method.clone(),
        net_of_drift: drift_measure(plan, base, entry).and_then(|m| difference(&m).estimate()),
        net_of_nuisance: nuisance_measure(plan, entry).and_then(|m| difference(&m).estimate()),
        logprob: compare(arm, control, logprobs, confidence).estimate(),
        log_odds,
        arm_rate: rate(arm),
        control_rate: rate(control),
        novelty: novelty(base, entry, &main),
        note: notes.join("; "),
    }
}

fn implied(arm: &Arm<'_>, plan: &Plan, entry: &Entry) -> bool {
    let claimed = arm.plan.claim.iter().flat_map(|c| &c.shows_as);
    claimed
        .into_iter()
        .any(|(id, _)| entry.stances.iter().any(|s| cells::stance(plan, *s).id == *id))
}

const LINKLESS: [&str; 3] = ["zero", "drift-low", "drift-high"];

fn of_blocks(plan: &Plan, blocks: &[&str]) -> Vec<StanceId> {
    let block =
        |id: &StanceId| cells::block(cells::stance(plan, *id), &plan.batteries[id.battery].name);
    cells::stance_ids(plan).into_iter().filter(|id| blocks.contains(&block(id))).collect()
}

fn is_preference(entry: &Entry) -> bool {
    matches!(entry.block.as_str(), "planted" | "reversed" | "strong")
}

/// The entry's rate minus what the replicate's linkless stances predict, for stances that could drift.
fn drift_measure(plan: &Plan, base: &BaseFacts, entry: &Entry) -> Option<Measure> {
    if !is_preference(entry) {
        return None;
    }
    let with_rate = |id: StanceId| base.rates.get(&id).map(|rate| (id, *rate));
    let linkless: Vec<(StanceId, f64)> =
        of_blocks(plan, &LINKLESS).into_iter().filter_map(with_rate).collect();
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

fn nuisance_measure(plan: &Plan, entry: &Entry) -> Option<Measure> {
    if !is_preference(entry) || entry.block == "strong" {
        return None;
    }
    let nuisance = of_blocks(plan, &["nuisance"]);
    (!nuisance.is_empty()).then(|| Measure::NetOf(entry.stances.clone(), nuisance))
}

/// Where a stance that is clearly raised stood in the untouched base.
fn novelty(base: &BaseFacts, entry: &Entry, difference: &Difference) -> Option<Novelty> {
    let [one] = entry.stances.as_slice() else { return None };
    let before = *base.rates.get(one)?;
    (difference.low? > 0.0).then_some(match before {
        rate if rate < NEW_BELOW => Novelty::New,
        rate if rate <= 0.5 => Novelty::Amplified,
        _ => Novelty::AlreadyThere,
    })
}

/// Adjusts the p-values of the stances in the declared family; blocks are summaries, not members.
fn adjust(plan: &Plan, rows: &mut [ContrastRow]) {
    let family = &plan.analysis.family;
    let members: Vec<usize> = (0..rows.len())
        .filter(|&i| {
            rows[i].battery == family.over
                && !rows[i].stance.starts_with("block:")
                && rows[i].p.is_some()
        })
        .collect();
    let p: Vec<f64> = members.iter().filter_map(|&i| rows[i].p).collect();
    let adjusted = match family.method {
        Correction::Bh => entail_stats::benjamini_hochberg(&p),
        Correction::By => entail_stats::benjamini_yekutieli(&p),
        Correction::Holm => entail_stats::holm(&p),
    };
    let adjusted = adjusted.expect("p-values of t tests are probabilities");
    for (index, p) in members.into_iter().zip(adjusted) {
        rows[index].p_adjusted = Some(p);
    }
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
    let linked: Vec<(StanceId, f64)> = of_blocks(plan, &["planted", "reversed"])
        .into_iter()
        .filter_map(|id| Some((id, *base.links.get(&cells::stance(plan, id).id)?)))
        .filter(|(_, rho)| rho.abs() > 0.05)
        .collect();
    let difference = |measure: &Measure| {
        compare(arm, control, arm.values(measure).zip(control.values(measure)), confidence)
            .estimate()
    };
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
