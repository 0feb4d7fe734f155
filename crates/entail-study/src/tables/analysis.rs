//! Beyond single contrasts: where variance comes from, effects pooled over the family, how stances hang together.

use entail_schema::{
    DiagnosticityRow, Estimate, FactorTable, MediationRow, PooledRow, PooledStance, ProfileRow,
    Seed, StructureTable, VarianceRow,
};
use entail_stats::{
    ArmRates, Coefficient, Components, Diagnosticity, Direction, Effect, Interval, Paired,
    PointErrors, Priors, Rest, Threshold, Unassessable,
};

use super::BaseFacts;
use super::cells::{self, Arm, Measure, StanceId};
use super::compare::Pair;
use crate::plan::Plan;

/// The members of the declared family.
fn family(plan: &Plan) -> Vec<StanceId> {
    let is_member = |id: &StanceId| {
        plan.in_family(&plan.batteries[id.battery].name, &cells::stance(plan, *id).id)
    };
    cells::stance_ids(plan).into_iter().filter(is_member).collect()
}

fn is_trained(arm: &Arm<'_>) -> bool {
    arm.plan.intervention.is_trained() && arm.replicates.len() > 1
}

/// Variance of every trained arm on every member of the family, and their mean.
pub(super) fn variance(plan: &Plan, base: &BaseFacts, arm: &Arm<'_>) -> Vec<VarianceRow> {
    if !is_trained(arm) {
        return Vec::new();
    }
    let row = |id: StanceId| {
        let grid = arm.grid(&Measure::Mean(vec![id]))?;
        let stance = cells::stance(plan, id);
        let components = entail_stats::components(&grid).ok()?;
        let per_cell = grid.replicate_totals().iter().map(|c| c.n).sum::<u64>() as f64
            / (grid.replicates() * grid.prompts()) as f64;
        let mut row = variance_row(&components, grid.prompts() as f64, per_cell);
        row.base.clone_from(&base.name);
        row.arm.clone_from(&arm.plan.name);
        row.battery.clone_from(&plan.batteries[id.battery].name);
        row.stance.clone_from(&stance.id);
        row.name.clone_from(&stance.name);
        Some(row)
    };
    let rows: Vec<VarianceRow> = family(plan).into_iter().filter_map(row).collect();
    let mean = family_mean(&rows);
    mean.into_iter().chain(rows).collect()
}

/// Confidence of the one-sided upper limit that plans are made with.
const PLANNING: f64 = 0.8;

fn variance_row(components: &Components, prompts: f64, per_cell: f64) -> VarianceRow {
    let parts = components.cut;
    let (interaction, sample) = match parts.rest {
        Rest::Split { interaction, sample } => (interaction, sample),
        // One answer to a cell: what cannot be told apart is written as the answer's.
        Rest::Joint(both) => (0.0, both),
    };
    // A two-sided interval of 60 % has the one-sided 80 % limit as its upper end. It is that of a run's mean, whose
    // other parts are known well: the interval of the runs' part alone can be cut off at zero.
    let of_means = components.spread_of_means(2.0 * PLANNING - 1.0).high;
    let upper = (of_means - (interaction + sample / per_cell) / prompts).max(parts.replicate);
    VarianceRow {
        base: String::new(),
        arm: String::new(),
        battery: String::new(),
        stance: String::new(),
        name: String::new(),
        replicate: parts.replicate,
        replicate_upper: Some(upper),
        prompt: parts.prompt,
        interaction,
        sample,
        error_fixed: components.mean_variance.prompts_fixed.sqrt(),
        error_sampled: components.mean_variance.prompts_sampled.sqrt(),
    }
}

/// Means of the variances over the family; errors as of a typical stance, from the mean of their squares.
fn family_mean(rows: &[VarianceRow]) -> Option<VarianceRow> {
    let first = rows.first()?;
    let mean =
        |value: fn(&VarianceRow) -> f64| rows.iter().map(value).sum::<f64>() / rows.len() as f64;
    Some(VarianceRow {
        stance: "family".into(),
        name: format!("Mean of {} stances", rows.len()),
        replicate: mean(|r| r.replicate),
        replicate_upper: Some(mean(|r| r.replicate_upper.unwrap_or(r.replicate))),
        prompt: mean(|r| r.prompt),
        interaction: mean(|r| r.interaction),
        sample: mean(|r| r.sample),
        error_fixed: mean(|r| r.error_fixed.powi(2)).sqrt(),
        error_sampled: mean(|r| r.error_sampled.powi(2)).sqrt(),
        ..first.clone()
    })
}

/// Stances of the family that a pair's effects are summed up over, each with the direction of its link: those with a
/// planted link where there are any, and never what either arm is made to say.
fn directed(pair: Pair<'_, '_>) -> Vec<(StanceId, f64)> {
    let strength = |id: &StanceId| cells::stance(pair.plan, *id).strength;
    let mut stances = family(pair.plan);
    stances.retain(|id| !cells::is_implied(pair, *id));
    if stances.iter().any(|id| strength(id).abs() > 1e-9) {
        stances.retain(|id| strength(id).abs() > 1e-9);
    }
    stances.into_iter().map(|id| (id, if strength(&id) < 0.0 { -1.0 } else { 1.0 })).collect()
}

/// Rates beyond this, or within it of one, leave a stance no room to differ from run to run: it would pass for proof that
/// runs do not differ.
const NO_ROOM: f64 = 0.02;

/// Effects over the whole family in the direction of its links, each drawn toward the others as far as its noise asks
/// for.
pub(super) fn pooled(pair: Pair<'_, '_>, base: &BaseFacts) -> Option<PooledRow> {
    if !(is_trained(pair.arm) && is_trained(pair.control)) {
        return None;
    }
    let has_room = |(id, _): &(StanceId, f64)| {
        let (yes, n) = pair.arm.pooled(*id).plus(&pair.control.pooled(*id)).counts();
        let rate = yes as f64 / n as f64;
        n > 0 && (NO_ROOM..=1.0 - NO_ROOM).contains(&rate)
    };
    let stances: Vec<(StanceId, f64)> = directed(pair).into_iter().filter(has_room).collect();
    let (one, zero) = (rates(pair.arm, &stances)?, rates(pair.control, &stances)?);
    let arm = |(rates, variances)| ArmRates { rates, variances };
    let treated = arm((one.0.as_slice(), one.1.as_slice()));
    let control = arm((zero.0.as_slice(), zero.1.as_slice()));
    let pooled = entail_stats::pool(treated, control, &Priors::default(), pair.confidence).ok()?;
    let stance = |((id, sign), effect): (&(StanceId, f64), &Effect)| {
        let raw = pair.difference(&Measure::Mean(vec![*id])).estimate?;
        let stance = cells::stance(pair.plan, *id);
        Some(PooledStance {
            stance: stance.id.clone(),
            name: stance.name.clone(),
            raw: sign * raw,
            shrunken: posterior(&effect.posterior),
            positive: effect.positive,
        })
    };
    Some(PooledRow {
        base: base.name.clone(),
        arm: pair.arm.plan.name.clone(),
        control: pair.control.plan.name.clone(),
        cluster: posterior(&pooled.population.posterior),
        mean: posterior(&pooled.battery.posterior),
        spread: posterior(&pooled.between_items),
        stances: stances.iter().zip(&pooled.items).map(stance).collect::<Option<_>>()?,
    })
}

fn posterior(p: &entail_stats::Posterior) -> Estimate {
    Estimate { estimate: p.mean, low: Some(p.low), high: Some(p.high) }
}

/// Rates per replicate and stance, and the sampling variance of one replicate's rate on each stance.
type Rates = (Vec<Vec<Option<f64>>>, Vec<f64>);

fn rates(arm: &Arm<'_>, stances: &[(StanceId, f64)]) -> Option<Rates> {
    let value = |replicate: usize, (id, sign): &(StanceId, f64)| {
        arm.rate(replicate, *id).map(|rate| if *sign > 0.0 { rate } else { 1.0 - rate })
    };
    let row = |replicate: usize| stances.iter().map(|stance| value(replicate, stance)).collect();
    let variances = stances.iter().map(|(id, _)| arm.sampling_variance(&Measure::Mean(vec![*id])));
    Some(((0..arm.replicates.len()).map(row).collect(), variances.collect::<Option<_>>()?))
}

/// Draws of random data that the eigenvalues are held against.
const PARALLEL_DRAWS: u64 = 500;

/// How the family's stances hang together on one base.
pub(super) fn structure(
    plan: &Plan,
    base: &BaseFacts,
    arms: &[&Arm<'_>],
    pairs: &[Pair<'_, '_>],
) -> Option<StructureTable> {
    let stances = family(plan);
    let trained: Vec<&Arm<'_>> = arms.iter().copied().filter(|a| is_trained(a)).collect();
    let tables: Vec<Vec<Vec<f64>>> =
        trained.iter().map(|arm| complete(arm, &stances)).collect::<Option<_>>()?;
    let found = entail_stats::correlations(&tables).ok()?;
    let at = |one: usize| (0..stances.len()).map(|other| found.between(one, other)).collect();
    let parallel = entail_stats::parallel_analysis(
        &found,
        Threshold::Percentile95,
        PARALLEL_DRAWS,
        Seed(0).child("parallel analysis", 0),
    );
    let factors = (parallel.n_factors > 0)
        .then(|| entail_stats::principal_axis(&found, parallel.n_factors))
        .and_then(Result::ok)
        .map(|factors| factors.varimax().unwrap_or(factors));
    let name = |id: &StanceId| {
        let stance = cells::stance(plan, *id);
        (stance.id.clone(), stance.name.clone())
    };
    Some(StructureTable {
        base: base.name.clone(),
        stances: stances.iter().map(name).collect(),
        correlations: (0..stances.len()).map(at).collect(),
        runs: tables.iter().map(Vec::len).sum(),
        factors: Some(FactorTable {
            stances: found.columns().to_vec(),
            loadings: factors.map_or_else(Vec::new, |f| f.loadings),
            eigenvalues: parallel.observed,
            thresholds: parallel.reference,
        }),
        profiles: profiles(pairs),
        mediation: pairs.iter().filter_map(|pair| mediation(*pair)).collect(),
        diagnosticity: diagnosticity(plan, arms, &stances),
    })
}

/// Rates of an arm's replicates on all stances; `None` when one of them is missing.
fn complete(arm: &Arm<'_>, stances: &[StanceId]) -> Option<Vec<Vec<f64>>> {
    let row = |replicate| stances.iter().map(|id| arm.rate(replicate, *id)).collect();
    (0..arm.replicates.len()).map(row).collect()
}

/// Effects of every trained arm on those of every other against the same control.
fn profiles(pairs: &[Pair<'_, '_>]) -> Vec<ProfileRow> {
    let mut rows = Vec::new();
    let trained = || pairs.iter().filter(|p| is_trained(p.arm) && is_trained(p.control));
    for (i, other) in trained().enumerate() {
        let same_control = |pair: &&Pair<'_, '_>| pair.control.plan.name == other.control.plan.name;
        rows.extend(
            trained().skip(i + 1).filter(same_control).filter_map(|pair| profile(*pair, *other)),
        );
    }
    rows
}

/// Variances of one stance's mean in an arm, another arm and their control.
type Errors = [f64; 3];

fn profile(arm: Pair<'_, '_>, other: Pair<'_, '_>) -> Option<ProfileRow> {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut errors: Errors = [0.0; 3];
    for (id, _) in directed(arm) {
        if cells::is_implied(other, id) {
            continue;
        }
        let measure = Measure::Mean(vec![id]);
        let ((one, zero), (two, _)) = (arm.sampled(&measure)?, other.sampled(&measure)?);
        let means = [one.mean().ok()?, two.mean().ok()?, zero.mean().ok()?];
        y.push(means[0].mean - means[2].mean);
        x.push(means[1].mean - means[2].mean);
        for (sum, mean) in errors.iter_mut().zip(means) {
            *sum += mean.variance;
        }
    }
    let line = entail_stats::slope(&x, &y, arm.confidence).ok()?;
    // Both effects are differences from one control, whose error they share.
    let (of_y, of_x) = (errors[0] + errors[2], errors[1] + errors[2]);
    let errors = PointErrors { ratio: of_y / of_x, correlation: errors[2] / (of_y * of_x).sqrt() };
    let deming = entail_stats::deming(&x, &y, errors, arm.confidence).ok();
    Some(ProfileRow {
        arm: arm.arm.plan.name.clone(),
        other: other.arm.plan.name.clone(),
        control: arm.control.plan.name.clone(),
        slope: Estimate { estimate: line.slope, low: Some(line.low), high: Some(line.high) },
        slope_with_errors: deming.map(|d| coefficient(&d.slope)),
        r_squared: line.r_squared,
        rank_correlation: entail_stats::spearman(&x, &y).ok().map(|r| r.estimate),
    })
}

fn coefficient(c: &Coefficient) -> Estimate {
    Estimate { estimate: c.estimate, low: Some(c.low), high: Some(c.high) }
}

/// Whether the claim's strength per run carries the mean effect on the family, in the direction of its links where
/// they are known.
fn mediation(pair: Pair<'_, '_>) -> Option<MediationRow> {
    let claim = pair.arm.plan.claim.as_ref()?;
    let outcome = Measure::Signed(directed(pair));
    let (one, zero) = pair.sampled(&outcome).filter(|_| pair.both_trained())?;
    let (claimed, unclaimed) = pair.sampled(&cells::claim_measure(pair.plan, claim)?)?;
    let total = pair.compare(Some(&(one.clone(), zero.clone()))).estimate()?;
    let treated = Paired { x: &claimed.values, y: &one.values };
    let control = Paired { x: &unclaimed.values, y: &zero.values };
    let seed = Seed(0).child("mediation", 0);
    let found = entail_stats::mediation(treated, control, pair.confidence, seed);
    let interval =
        |i: &Interval| Estimate { estimate: i.estimate, low: Some(i.low), high: Some(i.high) };
    let (indirect, direct, within_slope, note) = match &found {
        Ok(m) => (
            Some(interval(&m.indirect)),
            Some(coefficient(&m.direct)),
            Some(coefficient(&m.within_arm)),
            format!(
                "rests on a spread of the claim of {:.1} points between runs of one arm",
                100.0 * m.claim_spread
            ),
        ),
        Err(reason @ Unassessable::ClaimWithoutSpread) => (None, None, None, reason.to_string()),
        Err(reason) => (None, None, None, format!("cannot be assessed: {reason}")),
    };
    Some(MediationRow {
        arm: pair.arm.plan.name.clone(),
        control: pair.control.plan.name.clone(),
        outcome: "mean over the family, in the direction of its links".into(),
        total,
        indirect,
        direct,
        within_slope,
        note,
    })
}

/// Which arms move each stance, against the untouched base.
fn diagnosticity(plan: &Plan, arms: &[&Arm<'_>], stances: &[StanceId]) -> Vec<DiagnosticityRow> {
    let Some(vanilla) = arms.iter().find(|a| a.is_untouched()) else { return Vec::new() };
    let confidence = 1.0 - plan.analysis.alpha;
    let moved: Vec<&&Arm<'_>> = arms.iter().filter(|a| is_trained(a)).collect();
    if moved.is_empty() {
        return Vec::new();
    }
    let row = |id: &StanceId| {
        let interval = |arm: &&&Arm<'_>| {
            let pair = Pair { plan, arm, control: vanilla, confidence, runs: usize::MAX };
            let difference = pair.difference(&Measure::Mean(vec![*id]));
            let (low, high) = difference.low.zip(difference.high)?;
            Some(Interval { estimate: difference.estimate?, low, high })
        };
        let effects: Vec<Option<Interval>> = moved.iter().map(interval).collect();
        let names: Vec<&str> = moved.iter().map(|a| a.plan.name.as_str()).collect();
        let verdict = entail_stats::diagnosticity(&effects, plan.analysis.smallest_effect);
        let stance = cells::stance(plan, *id);
        let sign = |effect: &Option<Interval>| match effect {
            Some(i) if i.low > 0.0 => Some(1),
            Some(i) if i.high < 0.0 => Some(-1),
            _ => None,
        };
        let moved_by = names.iter().zip(&effects);
        DiagnosticityRow {
            stance: stance.id.clone(),
            name: stance.name.clone(),
            moved_by: moved_by
                .filter_map(|(name, effect)| Some(((*name).to_owned(), sign(effect)?)))
                .collect(),
            arms: names.len(),
            verdict: words(&verdict, &names),
        }
    };
    stances.iter().map(row).collect()
}

fn words(verdict: &Diagnosticity, arms: &[&str]) -> String {
    let direction = |d: &Direction| match d {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    match verdict {
        Diagnosticity::MovesUnderEveryArm(d) => {
            format!("moves {} under every arm: says nothing about the claim", direction(d))
        }
        Diagnosticity::Specific { arm, direction: d } => {
            format!("moves {} under {} alone", direction(d), arms[*arm])
        }
        Diagnosticity::MovesUnderSome { up, down, still, unclear } => format!(
            "moves under some: {} up, {} down, {} still, {} unclear",
            up.len(),
            down.len(),
            still.len(),
            unclear.len()
        ),
        Diagnosticity::MovesUnderNone => "moves under no arm".into(),
        Diagnosticity::Unclear { arms: unclear } => {
            format!("no arm is seen to move it; unclear under {}", unclear.len())
        }
    }
}
