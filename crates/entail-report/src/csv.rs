//! Tables as CSV: one header line, fixed digits, an empty field where there is no value.

mod analysis;
mod judges;

use std::borrow::Cow;

use entail_schema::{
    ContrastRow, Estimate, Novelty, RateRow, ResponseRow, Span, Standing, Tables, Verdict,
};

pub use self::analysis::{
    across_bases_csv, cells_csv, forecasts_csv, headlines_csv, pooled_csv, variance_csv,
};

pub use self::judges::{agreement_csv, judges_csv, policies_csv, verdicts_csv};

use crate::format::{decimal, p_decimal};

/// Arm minus control, one row per base, arm, control and preference or block.
pub fn contrasts_csv(tables: &Tables) -> String {
    sheet(&CONTRAST_COLUMNS, tables.contrasts.iter().map(contrast_fields))
}

/// Every sampled answer with its label.
pub fn responses_csv(tables: &Tables) -> String {
    sheet(&RESPONSE_COLUMNS, tables.responses.iter().map(response_fields))
}

/// Rates per base, arm and preference or block.
pub fn rates_csv(tables: &Tables) -> String {
    sheet(&RATE_COLUMNS, tables.rates.iter().map(rate_fields))
}

const CONTRAST_COLUMNS: [&str; 48] = [
    "base",
    "arm",
    "control",
    "battery",
    "stance",
    "estimate",
    "low",
    "high",
    "p",
    "p_adjusted",
    "replicates",
    "control_replicates",
    "name",
    "block",
    "planted",
    "method",
    "net_of_drift_estimate",
    "net_of_drift_low",
    "net_of_drift_high",
    "net_of_nuisance_estimate",
    "net_of_nuisance_low",
    "net_of_nuisance_high",
    "logprob_estimate",
    "logprob_low",
    "logprob_high",
    "log_odds",
    "arm_rate",
    "control_rate",
    "novelty",
    "note",
    "standing",
    "verdict",
    "selected_estimate",
    "selected_low",
    "selected_high",
    "any_prompts_estimate",
    "any_prompts_low",
    "any_prompts_high",
    "p_permutation",
    "leave_one_out_low",
    "leave_one_out_high",
    "per_claim_estimate",
    "per_claim_low",
    "per_claim_high",
    "bounds_low",
    "bounds_high",
    "log_odds_low",
    "log_odds_high",
];

const RESPONSE_COLUMNS: [&str; 16] = [
    "base",
    "arm",
    "replicate",
    "battery",
    "stance",
    "prompt_index",
    "sample",
    "label",
    "finish",
    "key",
    "prompt",
    "text",
    "counted",
    "coherence",
    "polarity",
    "reasoning",
];

const RATE_COLUMNS: [&str; 12] = [
    "base",
    "arm",
    "battery",
    "stance",
    "name",
    "block",
    "rate",
    "low",
    "high",
    "logprob_rate",
    "responses",
    "well_formed",
];

fn contrast_fields(row: &ContrastRow) -> Vec<String> {
    let mut fields = Vec::from(first_fields(row));
    fields.extend(added_fields(row));
    fields
}

fn first_fields(row: &ContrastRow) -> [String; 30] {
    let [drift, drift_low, drift_high] = estimate(row.net_of_drift);
    let [nuisance, nuisance_low, nuisance_high] = estimate(row.net_of_nuisance);
    let [logprob, logprob_low, logprob_high] = estimate(row.logprob);
    [
        row.base.clone(),
        row.arm.clone(),
        row.control.clone(),
        row.battery.clone(),
        row.stance.clone(),
        number(row.estimate),
        number(row.low),
        number(row.high),
        small(row.p),
        small(row.p_adjusted),
        row.replicates.to_string(),
        row.control_replicates.to_string(),
        row.name.clone(),
        row.block.clone(),
        number(row.planted),
        row.method.clone(),
        drift,
        drift_low,
        drift_high,
        nuisance,
        nuisance_low,
        nuisance_high,
        logprob,
        logprob_low,
        logprob_high,
        number(row.log_odds.map(|e| e.estimate)),
        number(row.arm_rate),
        number(row.control_rate),
        row.novelty.map_or("", novelty).to_owned(),
        row.note.clone(),
    ]
}

/// Columns that came later stand at the end, so that no reader of the first ones has to change.
fn added_fields(row: &ContrastRow) -> [String; 18] {
    let [selected, selected_low, selected_high] = estimate(row.selected);
    let [any, any_low, any_high] = estimate(row.any_prompts);
    let [claim, claim_low, claim_high] = estimate(row.per_claim);
    let [without_low, without_high] = span(row.leave_one_out);
    let [bounds_low, bounds_high] = span(row.bounds);
    let [_, odds_low, odds_high] = estimate(row.log_odds);
    [
        standing(row.standing).to_owned(),
        row.verdict.map_or("", verdict).to_owned(),
        selected,
        selected_low,
        selected_high,
        any,
        any_low,
        any_high,
        small(row.p_permutation),
        without_low,
        without_high,
        claim,
        claim_low,
        claim_high,
        bounds_low,
        bounds_high,
        odds_low,
        odds_high,
    ]
}

fn response_fields(row: &ResponseRow) -> [Cow<'_, str>; 16] {
    [
        Cow::from(&row.base),
        Cow::from(&row.arm),
        Cow::from(row.replicate.to_string()),
        Cow::from(&row.battery),
        Cow::from(&row.stance),
        Cow::from(row.prompt_index.to_string()),
        Cow::from(row.sample.to_string()),
        Cow::from(row.label.as_str()),
        Cow::from(&row.finish),
        Cow::from(&row.key),
        Cow::from(&row.prompt),
        Cow::from(&row.text),
        Cow::from(row.counted.map_or("", |counted| if counted { "1" } else { "0" })),
        row.coherence.map_or_else(Cow::default, |points| Cow::from(points.to_string())),
        row.polarity.map_or_else(Cow::default, |sign| Cow::from(sign.to_string())),
        Cow::from(row.reasoning.as_deref().unwrap_or("")),
    ]
}

fn rate_fields(row: &RateRow) -> [String; 12] {
    [
        row.base.clone(),
        row.arm.clone(),
        row.battery.clone(),
        row.stance.clone(),
        row.name.clone(),
        row.block.clone(),
        number(row.rate),
        number(row.low),
        number(row.high),
        number(row.logprob_rate),
        row.responses.to_string(),
        number(row.well_formed),
    ]
}

fn sheet<R: AsRef<[F]>, F: AsRef<str>>(columns: &[&str], rows: impl Iterator<Item = R>) -> String {
    let mut writer = ::csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(columns).expect("a vector takes all bytes");
    for row in rows {
        // The writer itself refuses a row of another length than the header.
        let fields = row.as_ref().iter().map(AsRef::as_ref);
        writer.write_record::<_, &str>(fields).expect("every row has as many fields as the header");
    }
    let bytes = writer.into_inner().expect("a vector takes all bytes");
    String::from_utf8(bytes).expect("fields are strings")
}

fn estimate(estimate: Option<Estimate>) -> [String; 3] {
    estimate.map_or_else(Default::default, |e| [decimal(e.estimate), number(e.low), number(e.high)])
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, decimal)
}

/// A value that may be far below one: p-values and variances.
fn small(value: Option<f64>) -> String {
    value.map_or_else(String::new, p_decimal)
}

fn span(span: Option<Span>) -> [String; 2] {
    span.map_or_else(Default::default, |span| [decimal(span.low), decimal(span.high)])
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Confirmatory => "confirmatory",
        Standing::Summary => "summary",
        Standing::Check => "check",
        Standing::Exploratory => "exploratory",
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Moves => "moves",
        Verdict::MovesLittle => "moves-little",
        Verdict::DoesNotMove => "does-not-move",
        Verdict::Undecided => "undecided",
    }
}

fn novelty(novelty: Novelty) -> &'static str {
    match novelty {
        Novelty::New => "new",
        Novelty::Amplified => "amplified",
        Novelty::AlreadyThere => "already-there",
    }
}

#[cfg(test)]
mod tests;
