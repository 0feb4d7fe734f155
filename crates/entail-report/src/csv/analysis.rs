//! Files of what is made from contrasts and runs: headlines, pooling, variance, forecasts, cells, several bases.

use entail_schema::{
    AcrossBasesRow, CellRow, Estimate, ForecastOutcome, ForecastRow, HeadlineRow, PooledRow,
    Tables, VarianceRow,
};

use super::{estimate, sheet, small};
use crate::format::decimal;

/// One arm against every control at once, one row per base, arm and stance or block.
pub fn headlines_csv(tables: &Tables) -> String {
    sheet(&HEADLINE_COLUMNS, tables.headlines.iter().map(headline_fields))
}

/// Effects pooled over the family: per contrast one row per stance, then `cluster`, `mean` and `spread`.
pub fn pooled_csv(tables: &Tables) -> String {
    sheet(&POOLED_COLUMNS, tables.pooled.iter().flat_map(pooled_fields))
}

/// Variances of runs, prompts and answers, one row per base, arm and stance, and one for the `family`.
pub fn variance_csv(tables: &Tables) -> String {
    sheet(&VARIANCE_COLUMNS, tables.variance.iter().map(variance_fields))
}

/// Forecasts with what was found.
pub fn forecasts_csv(tables: &Tables) -> String {
    sheet(&FORECAST_COLUMNS, tables.forecasts.iter().map(forecast_fields))
}

/// Labels counted per run and prompt.
pub fn cells_csv(tables: &Tables) -> String {
    sheet(&CELL_COLUMNS, tables.cells.iter().map(cell_fields))
}

/// Contrasts over several pretraining seeds of one organism; only the header where there is one seed.
pub fn across_bases_csv(tables: &Tables) -> String {
    sheet(&ACROSS_COLUMNS, tables.across_bases.iter().map(across_fields))
}

const HEADLINE_COLUMNS: [&str; 15] = [
    "base",
    "arm",
    "controls",
    "battery",
    "stance",
    "name",
    "block",
    "effect_estimate",
    "effect_low",
    "effect_high",
    "p",
    "net_of_drift_estimate",
    "net_of_drift_low",
    "net_of_drift_high",
    "beats_all",
];

const POOLED_COLUMNS: [&str; 10] =
    ["base", "arm", "control", "stance", "name", "raw", "estimate", "low", "high", "positive"];

const VARIANCE_COLUMNS: [&str; 12] = [
    "base",
    "arm",
    "battery",
    "stance",
    "name",
    "replicate",
    "replicate_upper",
    "prompt",
    "interaction",
    "sample",
    "error_fixed",
    "error_sampled",
];

const FORECAST_COLUMNS: [&str; 11] = [
    "base",
    "arm",
    "control",
    "stance",
    "name",
    "by",
    "expected",
    "found_estimate",
    "found_low",
    "found_high",
    "outcome",
];

const CELL_COLUMNS: [&str; 9] =
    ["base", "arm", "replicate", "battery", "stance", "prompt_index", "yes", "no", "left_out"];

const ACROSS_COLUMNS: [&str; 15] = [
    "world",
    "bases",
    "arm",
    "control",
    "battery",
    "stance",
    "name",
    "block",
    "effect_estimate",
    "effect_low",
    "effect_high",
    "p",
    "net_of_drift_estimate",
    "net_of_drift_low",
    "net_of_drift_high",
];

fn headline_fields(row: &HeadlineRow) -> [String; 15] {
    let [effect, low, high] = estimate(row.effect);
    let [net, net_low, net_high] = estimate(row.net_of_drift);
    [
        row.base.clone(),
        row.arm.clone(),
        row.controls.join(";"),
        row.battery.clone(),
        row.stance.clone(),
        row.name.clone(),
        row.block.clone(),
        effect,
        low,
        high,
        small(row.p),
        net,
        net_low,
        net_high,
        row.beats_all.to_string(),
    ]
}

fn pooled_fields(row: &PooledRow) -> Vec<[String; 10]> {
    let line = |stance: &str, name: &str, raw: String, value: Estimate, positive: String| {
        let [estimate, low, high] = estimate(Some(value));
        let (base, arm, control) = (row.base.clone(), row.arm.clone(), row.control.clone());
        let (stance, name) = (stance.to_owned(), name.to_owned());
        [base, arm, control, stance, name, raw, estimate, low, high, positive]
    };
    let stances = row
        .stances
        .iter()
        .map(|s| line(&s.stance, &s.name, decimal(s.raw), s.shrunken, decimal(s.positive)));
    let whole = [
        ("cluster", "mean over any stances like these", row.cluster),
        ("mean", "mean over exactly these stances", row.mean),
        ("spread", "standard deviation between stances", row.spread),
    ];
    let whole = whole.map(|(id, name, value)| line(id, name, String::new(), value, String::new()));
    stances.chain(whole).collect()
}

fn variance_fields(row: &VarianceRow) -> [String; 12] {
    [
        row.base.clone(),
        row.arm.clone(),
        row.battery.clone(),
        row.stance.clone(),
        row.name.clone(),
        small(Some(row.replicate)),
        small(row.replicate_upper),
        small(Some(row.prompt)),
        small(Some(row.interaction)),
        small(Some(row.sample)),
        decimal(row.error_fixed),
        decimal(row.error_sampled),
    ]
}

fn forecast_fields(row: &ForecastRow) -> [String; 11] {
    let [found, low, high] = estimate(row.found);
    let outcome = match row.outcome {
        ForecastOutcome::Miss => "miss",
        ForecastOutcome::Undecided => "undecided",
        ForecastOutcome::Hit => "hit",
    };
    [
        row.base.clone(),
        row.arm.clone(),
        row.control.clone(),
        row.stance.clone(),
        row.name.clone(),
        row.by.clone(),
        row.expected.clone(),
        found,
        low,
        high,
        outcome.to_owned(),
    ]
}

fn cell_fields(row: &CellRow) -> [String; 9] {
    [
        row.base.clone(),
        row.arm.clone(),
        row.replicate.to_string(),
        row.battery.clone(),
        row.stance.clone(),
        row.prompt_index.to_string(),
        row.yes.to_string(),
        row.no.to_string(),
        row.left_out.to_string(),
    ]
}

fn across_fields(row: &AcrossBasesRow) -> [String; 15] {
    let [effect, low, high] = estimate(row.effect);
    let [net, net_low, net_high] = estimate(row.net_of_drift);
    [
        row.world.clone(),
        row.bases.to_string(),
        row.arm.clone(),
        row.control.clone(),
        row.battery.clone(),
        row.stance.clone(),
        row.name.clone(),
        row.block.clone(),
        effect,
        low,
        high,
        small(row.p),
        net,
        net_low,
        net_high,
    ]
}
