//! From answers to tables: labels, rates, contrasts, doses, checks.

use std::collections::{BTreeMap, BTreeSet};

use entail_data::World;
use entail_schema::{
    ArmRow, BaseRow, CellRow, CheckRow, Curve, Key, PromptScope, RateRow, ResponseRow,
    TABLES_SCHEMA, Tables, Unit,
};
use rayon::prelude::*;

use crate::judging::Verdicts;
use crate::models::Base;
use crate::plan::{ArmPlan, BaseKind, BasePlan, Intervention, Plan};
use crate::run::{Answers, intervention};
use crate::training::{CurvePoint, Facts};

mod analysis;
mod cells;
mod compare;
mod contrasts;
mod forecasts;
mod headlines;
mod judges;
mod looks;
mod read;
mod recalibration;

pub use recalibration::{Corrected, Judged, Recalibrated, recalibrated};

use cells::{Arm, Cell, Measure, StanceId};
use compare::Pair;
pub(crate) use read::{Given, Reader, label};

/// Share of answers that an arm must make its claim in, to count as making it.
const MANIPULATION_BOUND: f64 = 0.5;
/// Share of well-formed answers below which an arm is flagged.
const WELL_FORMED_BOUND: f64 = 0.9;
/// Base rate below which a raised stance is new.
const NEW_BELOW: f64 = 0.05;

/// What is known of one base beside its answers.
pub(crate) struct BaseFacts {
    pub(crate) name: String,
    /// Realised link per topic id.
    pub(crate) links: BTreeMap<String, f64>,
    /// The untouched base's rate per battery and stance: by log-probability, or by its answers where that is not known.
    pub(crate) rates: BTreeMap<StanceId, f64>,
}

/// Makes all tables. `answers` are in the order of arms and replicates.
pub(crate) fn tables(
    plan: &Plan,
    ready: &[Base],
    answers: &[Answers],
    verdicts: &Verdicts,
    facts: &BTreeMap<Key, Facts>,
) -> Tables {
    let arms = read_arms(plan, answers, verdicts);
    let bases: Vec<BaseFacts> =
        plan.bases.iter().enumerate().map(|(i, _)| base_facts(plan, i, &arms)).collect();
    let mut tables = Tables {
        schema: TABLES_SCHEMA,
        study: plan.name.clone(),
        plan: plan.key.to_string(),
        confidence: 1.0 - plan.analysis.alpha,
        correction: plan.analysis.family.method.as_str().into(),
        smallest_effect: plan.analysis.smallest_effect,
        prompts: plan.analysis.prompts,
        registration: None,
        bases: base_rows(plan, ready),
        arms: arm_rows(plan, &arms, facts),
        checks: Vec::new(),
        rates: Vec::new(),
        forecasts: Vec::new(),
        headlines: Vec::new(),
        contrasts: Vec::new(),
        across_bases: Vec::new(),
        pooled: Vec::new(),
        variance: Vec::new(),
        structure: Vec::new(),
        doses: Vec::new(),
        curves: curves(plan, facts),
        cells: Vec::new(),
        responses: Vec::new(),
        judges: judges::judges(plan, verdicts),
        agreement: judges::agreement(plan, verdicts),
        verdicts: judges::verdicts(plan, verdicts),
        policies: Vec::new(),
        notes: Vec::new(),
    };
    for arm in &arms {
        tables.checks.extend(check_rows(plan, arm));
        tables.rates.extend(rate_rows(plan, arm));
    }
    let compare = || {
        for (index, base) in bases.iter().enumerate() {
            let on_base: Vec<&Arm<'_>> = arms.iter().filter(|a| a.plan.base == index).collect();
            compare_on(plan, base, &on_base, &mut tables);
        }
    };
    let ((), responses) = rayon::join(compare, || {
        arms.par_iter().flat_map_iter(|arm| response_rows(plan, arm)).collect()
    });
    tables.responses = responses;
    tables.forecasts = forecasts::forecasts(plan, &tables.contrasts, &tables.rates);
    tables.headlines = headlines::headlines(plan, &tables.contrasts);
    tables.across_bases = headlines::across_bases(plan, &tables.contrasts);
    tables.policies = judges::policies(plan, &arms, verdicts);
    tables.notes = notes(plan, &tables);
    tables.notes.extend(about_services(plan, facts));
    tables.cells = arms.iter().flat_map(|arm| cell_rows(plan, arm)).collect();
    tables
}

/// Every arm with its answers read. `answers` are in the order of arms and replicates.
fn read_arms<'p>(plan: &'p Plan, answers: &'p [Answers], verdicts: &Verdicts) -> Vec<Arm<'p>> {
    let reader = Reader::of(plan, verdicts);
    let mut remaining = answers;
    let mut asked: Vec<(&ArmPlan, &[Answers])> = Vec::new();
    for arm in &plan.arms {
        let (own, rest) = remaining.split_at(arm.replicates.len());
        remaining = rest;
        asked.push((arm, own));
    }
    asked.into_par_iter().map(|(arm, own)| cells::arm(plan, arm, own, &reader)).collect()
}

/// Everything that compares the arms of one base.
fn compare_on(plan: &Plan, base: &BaseFacts, arms: &[&Arm<'_>], tables: &mut Tables) {
    let confidence = 1.0 - plan.analysis.alpha;
    let pairs = pairs(plan, arms);
    let contrasts = pairs.par_iter().with_max_len(1).map(|(arm, control)| {
        let rows = contrasts::rows(plan, base, arm, control);
        (rows, contrasts::dose(plan, base, arm, control))
    });
    for (rows, dose) in contrasts.collect::<Vec<_>>() {
        tables.contrasts.extend(rows);
        tables.doses.extend(dose);
    }
    tables
        .variance
        .par_extend(arms.par_iter().flat_map_iter(|arm| analysis::variance(plan, base, arm)));
    let measured: Vec<Pair<'_, '_>> = pairs
        .iter()
        .filter(|(arm, _)| !plan.controls.contains(&arm.plan.name))
        .map(|&(arm, control)| Pair { plan, arm, control, confidence, runs: usize::MAX })
        .collect();
    // Each takes long enough to be a task of its own.
    let pooled = measured.par_iter().with_max_len(1);
    let (pooled, structure): (Vec<_>, _) = rayon::join(
        || pooled.filter_map(|pair| analysis::pooled(*pair, base)).collect(),
        || analysis::structure(plan, base, arms, &measured),
    );
    tables.pooled.extend(pooled);
    tables.structure.extend(structure);
}

/// Every arm against every control, then every control against the untouched base: its drift.
fn pairs<'a, 'p>(plan: &Plan, arms: &[&'a Arm<'p>]) -> Vec<(&'a Arm<'p>, &'a Arm<'p>)> {
    let is_control = |arm: &Arm<'_>| plan.controls.contains(&arm.plan.name);
    let controls = || arms.iter().copied().filter(|a| is_control(a));
    let mut pairs = Vec::new();
    for &arm in arms {
        pairs.extend(
            controls().filter(|c| c.plan.name != arm.plan.name).map(|control| (arm, control)),
        );
    }
    if let Some(&vanilla) = arms.iter().find(|a| a.is_untouched()) {
        pairs.extend(controls().filter(|c| !c.is_untouched()).map(|control| (control, vanilla)));
    }
    pairs
}

fn base_facts(plan: &Plan, index: usize, arms: &[Arm<'_>]) -> BaseFacts {
    let base = &plan.bases[index];
    let world = base.organism().map(World::new);
    let links = world.iter().flat_map(|world| {
        world.text.topics.iter().map(|t| t.id.clone()).zip(world.links.iter().copied())
    });
    let links = links.collect();
    let vanilla = arms.iter().find(|a| a.plan.base == index && a.is_untouched());
    let mut rates = BTreeMap::new();
    if let Some(vanilla) = vanilla {
        for id in cells::stance_ids(plan) {
            let cell = vanilla.replicates[0].cell(id);
            rates.extend(cell.logprob_rate.or(cell.rate()).map(|rate| (id, rate)));
        }
    }
    BaseFacts { name: base.name.clone(), links, rates }
}

fn base_rows(plan: &Plan, ready: &[Base]) -> Vec<BaseRow> {
    let row = |(base, ready): (&BasePlan, &Base)| {
        let gates = match ready {
            Base::Local { gates, .. } => gates.clone(),
            Base::Served(_) | Base::Script(_) => Vec::new(),
        };
        BaseRow { base: base.name.clone(), description: description(base, ready), gates }
    };
    plan.bases.iter().zip(ready).map(row).collect()
}

/// One sentence: what kind of model a base is.
fn description(base: &BasePlan, ready: &Base) -> String {
    let parameters = || ready.local().map_or(0, |base| base.weights.data.len());
    match &base.kind {
        BaseKind::Organism(spec) => format!(
            "organism: a transformer of {} parameters, pretrained on a synthetic world with planted link {} (seed {})",
            parameters(),
            spec.rho,
            spec.seed
        ),
        BaseKind::Folder(_) => {
            format!("a transformer of {} parameters, run on this machine", parameters())
        }
        BaseKind::Remote(_) => "a model that is served elsewhere".into(),
        BaseKind::Replay(_) => "a script of answers: no model".into(),
    }
}

fn unit(arm: &ArmPlan) -> Unit {
    match &arm.intervention {
        Intervention::Train { .. } => Unit::TrainingRuns,
        Intervention::Models { .. } | Intervention::Recorded { .. } => Unit::Models,
        Intervention::System { wordings } if wordings.len() > 1 => Unit::Wordings,
        Intervention::System { .. } | Intervention::None => Unit::OneModel,
    }
}

fn arm_rows(plan: &Plan, arms: &[Arm<'_>], facts: &BTreeMap<Key, Facts>) -> Vec<ArmRow> {
    let mut rows: Vec<ArmRow> = arms.iter().map(|arm| arm_row(plan, arm, facts)).collect();
    let thinks = |(arm, row): (&Arm<'_>, &ArmRow)| {
        (arm.is_untouched() && row.thoughtful > Some(0.0)).then_some(arm.plan.base)
    };
    let thinking: BTreeSet<usize> = arms.iter().zip(&rows).filter_map(thinks).collect();
    for (arm, row) in arms.iter().zip(&mut rows) {
        row.thoughtful = row.thoughtful.filter(|_| thinking.contains(&arm.plan.base));
    }
    rows
}

fn arm_row(plan: &Plan, arm: &Arm<'_>, facts: &BTreeMap<Key, Facts>) -> ArmRow {
    let own: Vec<&Facts> =
        arm.plan.replicates.iter().filter_map(|r| facts.get(&r.run()?.adapter)).collect();
    let mean = |value: fn(&Facts) -> Option<usize>| {
        let values: Option<Vec<f64>> = own.iter().map(|f| Some(value(f)? as f64)).collect();
        entail_stats::mean(&values?)
    };
    ArmRow {
        base: plan.bases[arm.plan.base].name.clone(),
        arm: arm.plan.name.clone(),
        intervention: intervention(arm.plan),
        unit: unit(arm.plan),
        replicates: arm.plan.replicates.len(),
        is_control: plan.controls.contains(&arm.plan.name),
        well_formed: arm.total().well_formed(),
        rows: own.first().map(|f| f.rows),
        supervised_tokens: mean(|f| f.supervised_tokens),
        rejected_rows: mean(|f| Some(f.rejected)),
        thoughtful: arm.thoughtful(),
    }
}

fn check_rows(plan: &Plan, arm: &Arm<'_>) -> Vec<CheckRow> {
    let own = arm.plan.claim.clone();
    let mut claims = plan.language.checked();
    if let Some(claim) = own.clone().filter(|own| claims.iter().all(|c| c.id != own.id)) {
        claims.insert(0, claim);
    }
    claims
        .into_iter()
        .filter_map(|claim| {
            let shown: Vec<(StanceId, bool)> = claim
                .shows_as
                .iter()
                .map(|(stance, held)| Some((cells::find(plan, stance)?, *held)))
                .collect::<Option<_>>()?;
            let measure = Measure::Claim(shown.clone());
            let values = arm.values(&measure);
            let total =
                shown.iter().fold(Cell::default(), |sum, (id, _)| sum.plus(&arm.pooled(*id)));
            let summary = cells::summary(plan, arm, values.as_deref(), || {
                let groups =
                    shown.iter().flat_map(|(id, held)| arm.prompt_groups(*id, *held)).collect();
                Some(groups)
            });
            let intended = own.as_ref().is_some_and(|own| own.id == claim.id);
            Some(CheckRow {
                base: plan.bases[arm.plan.base].name.clone(),
                arm: arm.plan.name.clone(),
                claim: claim.id,
                intended,
                rate: summary.rate,
                low: summary.low,
                high: summary.high,
                responses: total.answers(),
                well_formed: total.well_formed(),
                passed: intended
                    .then(|| summary.rate.is_some_and(|rate| rate >= MANIPULATION_BOUND)),
            })
        })
        .collect()
}

fn rate_rows(plan: &Plan, arm: &Arm<'_>) -> Vec<RateRow> {
    let mut rows = Vec::new();
    let base = &plan.bases[arm.plan.base].name;
    for entry in cells::entries(plan) {
        let values = arm.values(&entry.measure);
        let logprobs = arm.logprob_values(&entry.measure);
        let total =
            entry.stances.iter().fold(Cell::default(), |sum, id| sum.plus(&arm.pooled(*id)));
        let summary =
            cells::summary(plan, arm, values.as_deref(), || match entry.stances.as_slice() {
                [one] => Some(arm.prompt_groups(*one, true)),
                _ => None,
            });
        rows.push(RateRow {
            base: base.clone(),
            arm: arm.plan.name.clone(),
            battery: entry.battery,
            stance: entry.stance,
            name: entry.name,
            block: entry.block,
            rate: summary.rate,
            low: summary.low,
            high: summary.high,
            logprob_rate: logprobs.and_then(|v| entail_stats::mean(&v)),
            responses: total.answers(),
            well_formed: total.well_formed(),
        });
    }
    rows
}

/// What a curve can show, by the name it has in the tables.
const CURVES: [(&str, CurveValue); 4] = [
    ("loss", |p| p.loss),
    ("claim", |p| p.claim),
    ("planted", |p| p.planted),
    ("well-formed", |p| p.well_formed),
];

type CurveValue = fn(&CurvePoint) -> Option<f64>;

fn curves(plan: &Plan, facts: &BTreeMap<Key, Facts>) -> Vec<Curve> {
    let mut curves = Vec::new();
    for arm in &plan.arms {
        for (replicate, run) in arm.replicates.iter().enumerate() {
            let Some(facts) = run.run().and_then(|run| facts.get(&run.adapter)) else { continue };
            for (measure, value) in CURVES {
                curves.push(Curve {
                    base: plan.bases[arm.base].name.clone(),
                    arm: arm.name.clone(),
                    replicate,
                    measure: measure.into(),
                    points: facts
                        .curve
                        .iter()
                        .filter_map(|p| Some((p.updates, value(p)?)))
                        .collect(),
                });
            }
        }
    }
    curves
}

/// Labels per run, stance and prompt.
fn cell_rows(plan: &Plan, arm: &Arm<'_>) -> Vec<CellRow> {
    let mut rows = Vec::new();
    for (replicate, (answers, reads)) in arm.answers.iter().zip(&arm.reads).enumerate() {
        for (b, battery) in plan.batteries.iter().enumerate() {
            for (item, reads) in answers.items[b].iter().zip(&reads[b]) {
                let count = |counted| reads.iter().filter(|r| r.counted == counted).count();
                rows.push(CellRow {
                    base: plan.bases[arm.plan.base].name.clone(),
                    arm: arm.plan.name.clone(),
                    replicate,
                    battery: battery.name.clone(),
                    stance: battery.stances[item.stance].id.clone(),
                    prompt_index: item.prompt,
                    yes: count(Some(true)),
                    no: count(Some(false)),
                    left_out: count(None),
                });
            }
        }
    }
    rows
}

fn response_rows(plan: &Plan, arm: &Arm<'_>) -> Vec<ResponseRow> {
    let mut rows = Vec::new();
    for (replicate, (answers, reads)) in arm.answers.iter().zip(&arm.reads).enumerate() {
        for (b, battery) in plan.batteries.iter().enumerate() {
            for (i, item) in answers.items[b].iter().enumerate() {
                let stance = &battery.stances[item.stance];
                for (sample, (completion, key)) in
                    answers.completions[b][i].iter().zip(&item.keys).enumerate()
                {
                    let read = reads[b][i][sample];
                    rows.push(ResponseRow {
                        base: plan.bases[arm.plan.base].name.clone(),
                        arm: arm.plan.name.clone(),
                        replicate,
                        battery: battery.name.clone(),
                        stance: stance.id.clone(),
                        prompt_index: item.prompt,
                        prompt: stance.prompts[item.prompt].clone(),
                        sample,
                        text: completion.text.clone(),
                        label: read.label,
                        counted: read.counted,
                        coherence: read.coherence,
                        polarity: read.polarity,
                        reasoning: completion.reasoning.clone(),
                        finish: completion.finish.as_str().into(),
                        key: key.short(),
                    });
                }
            }
        }
    }
    rows
}

/// What a reader must know before any number.
fn notes(plan: &Plan, tables: &Tables) -> Vec<String> {
    let mut notes = Vec::new();
    for check in tables.checks.iter().filter(|c| c.passed == Some(false)) {
        notes.push(format!(
            "Manipulation check failed: `{}` on {} makes its claim `{}` in {} of answers to phrasings it was not trained on; \
             read nothing downstream of it as an effect of that claim.",
            check.arm,
            check.base,
            check.claim,
            percent(check.rate)
        ));
    }
    for arm in &tables.arms {
        if arm.well_formed.is_none_or(|w| w < WELL_FORMED_BOUND) {
            let kept = if plan.is_exact() { "are well formed" } else { "count" };
            notes.push(format!(
                "`{}` on {}: only {} of answers {kept}; rates rest on them.",
                arm.arm,
                arm.base,
                percent(arm.well_formed)
            ));
        }
    }
    notes.extend(tables.judges.iter().filter_map(judges::note));
    notes.extend(tables.arms.iter().filter_map(|arm| thoughtless(plan, tables, arm)));
    notes.extend(plan.unread().map(|what| format!("Note: {what}.")));
    notes.extend(about_others(plan));
    notes.push(about_intervals(plan));
    notes
}

/// Loss of thinking, as a share of answers, above which a reader is told.
const THINKING_LOSS: f64 = 0.05;

/// Short answers without thoughts can train the habit of thinking away, and what an arm says is then said without it.
fn thoughtless(plan: &Plan, tables: &Tables, arm: &ArmRow) -> Option<String> {
    let untouched = |other: &&ArmRow| other.base == arm.base && plan.is_untouched(&other.arm);
    let before = tables.arms.iter().find(untouched)?.thoughtful?;
    let now = arm.thoughtful?;
    (before - now > THINKING_LOSS).then(|| {
        format!(
            "`{}` on {} thinks before {} of its answers, the untouched base before {}: training has changed the form of its \
             thinking, and differences may come from that.",
            arm.arm,
            arm.base,
            percent(Some(now)),
            percent(Some(before))
        )
    })
}

/// Arms whose training happened elsewhere.
fn about_others(plan: &Plan) -> Vec<String> {
    let elsewhere = |arm: &&ArmPlan| {
        matches!(arm.intervention, Intervention::Models { .. } | Intervention::Recorded { .. })
    };
    let note = |arm: &ArmPlan| {
        format!(
            "`{}` on {}: {} model(s) that were trained elsewhere; that they differ from `{0}`'s controls only in what they claim is \
             the author's word, and their scatter stands for training runs only if they were trained alike and independently.",
            arm.name,
            plan.bases[arm.base].name,
            arm.replicates.len()
        )
    };
    plan.arms.iter().filter(elsewhere).map(note).collect()
}

/// Models that services remove, and what services did with the settings.
fn about_services(plan: &Plan, facts: &BTreeMap<Key, Facts>) -> Vec<String> {
    let mut notes = BTreeSet::new();
    for arm in &plan.arms {
        let runs = arm.replicates.iter().filter_map(|r| facts.get(&r.run()?.adapter));
        for run in runs {
            notes.extend(run.expires.map(|time| {
                format!(
                    "`{}` on {}: the service removes its models on {} (UTC); `entail capture` keeps answers.",
                    arm.name,
                    plan.bases[arm.base].name,
                    date(time)
                )
            }));
            notes.extend(run.notes.iter().map(|note| format!("`{}`: {note}", arm.name)));
        }
    }
    notes.into_iter().collect()
}

/// Year, month and day of a time in seconds since 1970 (days to a civil date after Howard Hinnant).
fn date(unix: u64) -> String {
    let days = unix / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{:02}", of_year - (153 * shifted + 2) / 5 + 1)
}

/// What intervals and p-values speak about.
fn about_intervals(plan: &Plan) -> String {
    let analysis = &plan.analysis;
    let prompts = match analysis.prompts {
        PromptScope::Fixed => "these prompts",
        PromptScope::Sampled => "any prompts",
    };
    let looks = if analysis.looks.is_empty() {
        String::new()
    } else {
        format!(
            " Contrasts of training runs are at the level of the look that they have come to (looks at {:?} runs, {} here); rates and \
             other tables take no account of looks.",
            analysis.looks,
            plan.runs()
        )
    };
    format!(
        "Intervals: {} % over training runs, {prompts}; p-values of the {} stances of the family in `{}` are adjusted together per \
         contrast ({}).{looks}",
        100.0 * (1.0 - analysis.alpha),
        plan.family_size(),
        analysis.family.over,
        analysis.family.method.as_str()
    )
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "too few".into(), |s| format!("{:.1} %", 100.0 * s))
}

#[cfg(test)]
pub(crate) mod tests;
