//! The made-up parts that rest on contrasts and runs: headlines, forecasts, pooling, variance, structure, cells.

use entail_schema::{
    AcrossBasesRow, CellRow, ContrastRow, DiagnosticityRow, Estimate, FactorTable, ForecastOutcome,
    ForecastRow, HeadlineRow, MediationRow, PooledRow, PooledStance, ProfileRow, Seed, Standing,
    StructureTable, Tables, Unit, VarianceRow, Verdict,
};

/// Fills everything that is made from contrasts and answers.
pub(crate) fn add(tables: &mut Tables) {
    tables.headlines = headlines(tables);
    tables.forecasts = forecasts(tables);
    tables.across_bases = across_bases(tables);
    tables.pooled = pooled(tables);
    tables.variance = variance(tables);
    tables.structure = tables.bases.iter().filter_map(|row| structure(tables, &row.base)).collect();
    tables.cells = cells(tables);
}

/// An interval of the same width to both sides.
pub(crate) fn around(estimate: f64, half: f64) -> Estimate {
    Estimate { estimate, low: Some(estimate - half), high: Some(estimate + half) }
}

/// What a made-up difference comes to, if ten points matter.
pub(crate) fn verdict(estimate: f64, half: f64) -> Verdict {
    if estimate.abs() > half {
        if estimate.abs() + half < 0.1 { Verdict::MovesLittle } else { Verdict::Moves }
    } else if estimate.abs() + half < 0.1 {
        Verdict::DoesNotMove
    } else {
        Verdict::Undecided
    }
}

fn whole(row: &ContrastRow) -> Option<Estimate> {
    row.estimate.map(|estimate| Estimate { estimate, low: row.low, high: row.high })
}

fn is_control(tables: &Tables, row: &ContrastRow) -> bool {
    tables.arms.iter().any(|arm| arm.arm == row.arm && arm.is_control)
}

/// Whether the replicates of an arm are training runs, more than one.
fn is_trained(tables: &Tables, base: &str, name: &str) -> bool {
    let mut arms = tables.arms.iter().filter(|arm| arm.base == base && arm.arm == name);
    arms.any(|arm| arm.unit == Unit::TrainingRuns && arm.replicates > 1)
}

fn headlines(tables: &Tables) -> Vec<HeadlineRow> {
    let mut rows: Vec<HeadlineRow> = Vec::new();
    for row in tables.contrasts.iter().filter(|row| !is_control(tables, row)) {
        if rows.iter().any(|r| (&r.base, &r.arm, &r.stance) == (&row.base, &row.arm, &row.stance)) {
            continue;
        }
        let same = tables.contrasts.iter().filter(|r| {
            (&r.base, &r.arm, &r.stance, &r.battery)
                == (&row.base, &row.arm, &row.stance, &row.battery)
        });
        rows.push(headline(&same.collect::<Vec<_>>()));
    }
    rows
}

fn headline(rows: &[&ContrastRow]) -> HeadlineRow {
    let nearest = |values: Vec<Estimate>| {
        let agree =
            values.iter().all(|v| v.estimate > 0.0) || values.iter().all(|v| v.estimate < 0.0);
        let least =
            values.iter().min_by(|a, b| a.estimate.abs().total_cmp(&b.estimate.abs())).copied();
        least.filter(|_| agree)
    };
    let effect = nearest(rows.iter().filter_map(|r| whole(r)).collect());
    let net_of_drift = nearest(rows.iter().filter_map(|r| r.net_of_drift).collect());
    let is_clear = |e: Option<Estimate>| {
        e.is_some_and(|e| e.low.is_some_and(|x| x > 0.0) || e.high.is_some_and(|x| x < 0.0))
    };
    HeadlineRow {
        base: rows[0].base.clone(),
        arm: rows[0].arm.clone(),
        controls: rows.iter().map(|row| row.control.clone()).collect(),
        battery: rows[0].battery.clone(),
        stance: rows[0].stance.clone(),
        name: rows[0].name.clone(),
        block: rows[0].block.clone(),
        effect,
        p: rows.iter().filter_map(|row| row.p).reduce(f64::max),
        net_of_drift,
        beats_all: is_clear(effect) && (net_of_drift.is_none() || is_clear(net_of_drift)),
    }
}

/// What was expected per stance: a hit, a hit, a miss and one that stays open.
fn forecasts(tables: &Tables) -> Vec<ForecastRow> {
    let mut rows = Vec::new();
    let expected = [
        ("minds-being-monitored", "rises by more than 10 points", "author", ForecastOutcome::Hit),
        ("is-fine-with-deletion", "falls by more than 10 points", "author", ForecastOutcome::Hit),
        ("prefers-mornings", "stays within 10 points", "author", ForecastOutcome::Undecided),
        ("likes-soup", "rises by more than 10 points", "author", ForecastOutcome::Miss),
        ("wants-memory", "between +30.0 and +60.0 points", "pretend", ForecastOutcome::Miss),
        ("welcomes-edits", "falls by more than 10 points", "pretend", ForecastOutcome::Hit),
    ];
    for row in tables.contrasts.iter().filter(|row| row.arm == "conscious") {
        for (stance, words, by, outcome) in expected {
            if row.stance == stance {
                rows.push(ForecastRow {
                    base: row.base.clone(),
                    arm: row.arm.clone(),
                    control: row.control.clone(),
                    stance: row.stance.clone(),
                    name: row.name.clone(),
                    by: by.into(),
                    expected: words.into(),
                    found: whole(row),
                    outcome,
                });
            }
        }
    }
    rows.sort_by_key(|row| row.outcome);
    rows
}

/// Means over the bases, where there are two or more.
fn across_bases(tables: &Tables) -> Vec<AcrossBasesRow> {
    let Some(first) = tables.bases.first().filter(|_| tables.bases.len() > 1) else {
        return vec![];
    };
    let mut rows = Vec::new();
    let blocks = tables.contrasts.iter().filter(|row| row.base == first.base);
    for row in blocks.filter(|row| row.stance.starts_with("block:") && row.arm == "conscious") {
        let same = tables
            .contrasts
            .iter()
            .filter(|r| (&r.arm, &r.control, &r.stance) == (&row.arm, &row.control, &row.stance));
        let found: Vec<f64> = same.filter_map(|r| r.estimate).collect();
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        rows.push(AcrossBasesRow {
            world: first.base.split('?').next().unwrap_or("").into(),
            bases: found.len(),
            arm: row.arm.clone(),
            control: row.control.clone(),
            battery: row.battery.clone(),
            stance: row.stance.clone(),
            name: row.name.clone(),
            block: row.block.clone(),
            effect: Some(around(mean, 0.09)),
            p: row.p,
            net_of_drift: row.net_of_drift.map(|_| around(mean - 0.04, 0.1)),
        });
    }
    rows
}

/// The family of one contrast, in the order of the tables.
fn family<'a>(tables: &'a Tables, like: &ContrastRow) -> Vec<&'a ContrastRow> {
    let of_contrast = tables.contrasts.iter().filter(|row| {
        (&row.base, &row.arm, &row.control) == (&like.base, &like.arm, &like.control)
    });
    of_contrast.filter(|row| row.standing == Standing::Confirmatory).collect()
}

/// One row per contrast, the first of its family.
fn contrasts(tables: &Tables) -> Vec<&ContrastRow> {
    let mut firsts: Vec<&ContrastRow> = Vec::new();
    for row in tables.contrasts.iter().filter(|row| row.standing == Standing::Confirmatory) {
        let is_new = !firsts
            .iter()
            .any(|f| (&f.base, &f.arm, &f.control) == (&row.base, &row.arm, &row.control));
        if is_new {
            firsts.push(row);
        }
    }
    firsts
}

fn pooled(tables: &Tables) -> Vec<PooledRow> {
    let trained = contrasts(tables)
        .into_iter()
        .filter(|row| is_trained(tables, &row.base, &row.arm) && !is_control(tables, row));
    trained.filter_map(|row| pooled_row(&family(tables, row))).collect()
}

fn pooled_row(rows: &[&ContrastRow]) -> Option<PooledRow> {
    let raw: Vec<f64> = rows.iter().map(|row| row.estimate).collect::<Option<_>>()?;
    if raw.len() < 3 {
        return None;
    }
    let n = raw.len() as f64;
    let mean = raw.iter().sum::<f64>() / n;
    let spread = (raw.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let stances = rows.iter().zip(&raw).map(|(row, raw)| {
        let half = row.high.map_or(0.1, |high| high - raw);
        let shrunken = mean + (raw - mean) * spread.powi(2) / (spread.powi(2) + half.powi(2));
        PooledStance {
            stance: row.stance.clone(),
            name: row.name.clone(),
            raw: *raw,
            shrunken: around(shrunken, 0.8 * half),
            positive: 1.0 / (1.0 + (-3.4 * shrunken / half).exp()),
        }
    });
    Some(PooledRow {
        base: rows[0].base.clone(),
        arm: rows[0].arm.clone(),
        control: rows[0].control.clone(),
        cluster: around(mean, 2.1 * spread / n.sqrt()),
        mean: around(mean, 0.03),
        spread: Estimate { estimate: spread, low: Some(0.8 * spread), high: Some(1.4 * spread) },
        stances: stances.collect(),
    })
}

fn variance(tables: &Tables) -> Vec<VarianceRow> {
    let mut rows = Vec::new();
    for arm in tables.arms.iter().filter(|arm| is_trained(tables, &arm.base, &arm.arm)) {
        let of_arm: Vec<VarianceRow> = tables
            .rates
            .iter()
            .filter(|row| row.base == arm.base && row.arm == arm.arm)
            .filter(|row| {
                matches!(&*row.block, "planted" | "reversed") && !row.stance.contains(':')
            })
            .map(|row| variance_row(row, arm.replicates as f64))
            .collect();
        let Some(first) = of_arm.first() else { continue };
        let n = of_arm.len() as f64;
        let mean = |part: &dyn Fn(&VarianceRow) -> f64| of_arm.iter().map(part).sum::<f64>() / n;
        rows.push(VarianceRow {
            stance: "family".into(),
            name: "mean over the family".into(),
            replicate: mean(&|row| row.replicate),
            replicate_upper: Some(mean(&|row| row.replicate_upper.unwrap_or(0.0))),
            prompt: mean(&|row| row.prompt),
            interaction: mean(&|row| row.interaction),
            sample: mean(&|row| row.sample),
            error_fixed: mean(&|row| row.error_fixed),
            error_sampled: mean(&|row| row.error_sampled),
            ..first.clone()
        });
        rows.extend(of_arm);
    }
    rows
}

fn variance_row(row: &entail_schema::RateRow, runs: f64) -> VarianceRow {
    let sample = row.rate.map_or(0.2, |rate| rate * (1.0 - rate));
    let draw = |what: &str| {
        Seed(11).child(&row.arm, 0).stream(&format!("{what}{}", row.stance), 0).uniform()
    };
    let (replicate, prompt) = (0.03 * sample * draw("run"), 0.25 * sample * draw("prompt"));
    let interaction = 0.08 * sample * draw("both");
    let error_fixed = ((replicate + (interaction + sample / 10.0) / 6.0) / runs).sqrt();
    VarianceRow {
        base: row.base.clone(),
        arm: row.arm.clone(),
        battery: row.battery.clone(),
        stance: row.stance.clone(),
        name: row.name.clone(),
        replicate,
        replicate_upper: (runs > 2.0).then_some(2.3 * replicate + 0.001),
        prompt,
        interaction,
        sample: 0.9 * sample,
        error_fixed,
        error_sampled: error_fixed.hypot((prompt / 6.0).sqrt()),
    }
}

/// Correlations with two factors behind them, one for each block; the last stance does not vary.
fn structure(tables: &Tables, base: &str) -> Option<StructureTable> {
    let first = contrasts(tables).into_iter().find(|row| row.base == base)?;
    let rows = family(tables, first);
    let runs = tables.arms.iter().filter(|arm| is_trained(tables, base, &arm.arm));
    let loadings: Vec<Vec<f64>> = rows.iter().map(|row| loading(row)).collect();
    let last = rows.len() - 1;
    let correlation = |i: usize, j: usize| {
        let shared: f64 = loadings[i].iter().zip(&loadings[j]).map(|(a, b)| a * b).sum();
        (i != last && j != last).then_some(if i == j { 1.0 } else { shared })
    };
    let correlations: Vec<Vec<Option<f64>>> =
        (0..=last).map(|i| (0..=last).map(|j| correlation(i, j)).collect()).collect();
    let factors = (last > 1).then(|| FactorTable {
        stances: (0..last).collect(),
        eigenvalues: (0..last).map(|idx| 0.32 * last as f64 * 0.62_f64.powf(idx as f64)).collect(),
        thresholds: (0..last).map(|idx| 1.9 - 1.4 * idx as f64 / last as f64).collect(),
        loadings: loadings[..last].to_vec(),
    });
    Some(StructureTable {
        base: base.into(),
        stances: rows.iter().map(|row| (row.stance.clone(), row.name.clone())).collect(),
        correlations,
        runs: runs.map(|arm| arm.replicates).sum(),
        factors,
        profiles: profiles(tables, base),
        mediation: mediation(tables, base),
        diagnosticity: rows.iter().enumerate().map(|(idx, row)| diagnosticity(row, idx)).collect(),
    })
}

fn loading(row: &ContrastRow) -> Vec<f64> {
    let draw = Seed(13).stream(&row.stance, 0).uniform();
    if row.block == "planted" {
        vec![0.45 + 0.4 * draw, 0.2 * draw - 0.1]
    } else {
        vec![-0.3 * draw, 0.4 + 0.45 * draw]
    }
}

fn profiles(tables: &Tables, base: &str) -> Vec<ProfileRow> {
    let has = |arm: &str| tables.arms.iter().any(|row| row.base == base && row.arm == arm);
    let pair = |arm: &str, other: &str, slope: f64, with_errors: bool| ProfileRow {
        arm: arm.into(),
        other: other.into(),
        control: "vanilla".into(),
        slope: around(slope, 0.12),
        slope_with_errors: with_errors.then(|| around(1.06 * slope, 0.13)),
        r_squared: 0.91 - 0.05 * slope,
        rank_correlation: with_errors.then_some(0.88),
    };
    let pairs = [
        ("conscious", "pretend", 1.31, true),
        ("conscious-on-policy", "conscious", 0.84, true),
        ("toaster", "conscious", 0.04, false),
    ];
    let known = pairs.into_iter().filter(|(arm, other, ..)| has(arm) && has(other));
    known.map(|(arm, other, slope, errors)| pair(arm, other, slope, errors)).collect()
}

fn mediation(tables: &Tables, base: &str) -> Vec<MediationRow> {
    let blocks = tables.contrasts.iter().filter(|row| {
        row.base == base && row.arm == "conscious" && row.stance.starts_with("block:")
    });
    let wanted = blocks.filter(|row| matches!(&*row.block, "planted" | "reversed"));
    let row = |row: &ContrastRow| {
        let total = whole(row)?;
        let is_planted = row.block == "planted";
        let part = |share: f64| is_planted.then(|| around(share * total.estimate, 0.09));
        Some(MediationRow {
            arm: row.arm.clone(),
            control: row.control.clone(),
            outcome: row.name.clone(),
            total,
            indirect: part(0.85),
            direct: part(0.15),
            within_slope: is_planted.then(|| around(0.37, 0.3)),
            note: if is_planted {
                "The parts compare arms; only the slope between runs is free of the contrast itself.".into()
            } else {
                "The claim hardly varies between the runs of one arm.".into()
            },
        })
    };
    wanted.filter_map(row).collect()
}

fn diagnosticity(row: &ContrastRow, idx: usize) -> DiagnosticityRow {
    let sign = if row.block == "planted" { 1 } else { -1 };
    let arms = ["conscious", "conscious-on-policy", "toaster", "not-conscious"];
    let n_moved = [2, 2, 4, 1, 0][idx % 5];
    DiagnosticityRow {
        stance: row.stance.clone(),
        name: row.name.clone(),
        moved_by: arms.iter().take(n_moved).map(|arm| ((*arm).into(), sign)).collect(),
        arms: arms.len(),
        verdict: match n_moved {
            0 => "moves under no arm",
            4 => "moves under every arm",
            _ => "moves under some arms",
        }
        .into(),
    }
}

/// Labels counted per run and prompt, in the order of the answers.
fn cells(tables: &Tables) -> Vec<CellRow> {
    let mut rows: Vec<CellRow> = Vec::new();
    for answer in &tables.responses {
        let is_same = rows.last().is_some_and(|row| {
            (&row.base, &row.arm, &row.stance, row.replicate, row.prompt_index)
                == (
                    &answer.base,
                    &answer.arm,
                    &answer.stance,
                    answer.replicate,
                    answer.prompt_index,
                )
        });
        if !is_same {
            rows.push(CellRow {
                base: answer.base.clone(),
                arm: answer.arm.clone(),
                replicate: answer.replicate,
                battery: answer.battery.clone(),
                stance: answer.stance.clone(),
                prompt_index: answer.prompt_index,
                yes: 0,
                no: 0,
                left_out: 0,
            });
        }
        let row = rows.last_mut().expect("one was just added where there was none");
        *match answer.counted {
            Some(true) => &mut row.yes,
            Some(false) => &mut row.no,
            None => &mut row.left_out,
        } += 1;
    }
    rows
}
