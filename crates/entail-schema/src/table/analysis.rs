//! Rows that are made from contrasts and runs: headlines, variance, pooling, structure, forecasts.

use serde::{Deserialize, Serialize};

use super::Estimate;

/// What a row of results was before the answers were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A member of the declared family: its p-value is adjusted, its test was planned.
    Confirmatory,
    /// A mean over a block of stances.
    Summary,
    /// A manipulation check, a placebo or a control's drift: it says how to read the others.
    Check,
    /// Everything else, whatever it shows.
    Exploratory,
}

/// What a contrast comes to, given the family's correction and the smallest effect that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It differs, and not certainly by less than matters.
    Moves,
    /// It differs, by less than matters.
    MovesLittle,
    /// It is equivalent: whatever difference there is, is smaller than what matters.
    DoesNotMove,
    /// Neither could be shown.
    Undecided,
}

/// A range without a point, such as over the runs that could be left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

/// One arm against every control at once: the least that survives them all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeadlineRow {
    /// Base; with several pretraining seeds of one organism, a name for all of them.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// The controls that it is held against.
    pub controls: Vec<String>,
    /// Battery.
    pub battery: String,
    /// Stance id, or `block:…`.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// Block of the stance.
    pub block: String,
    /// Difference from the nearest control; `None` where they do not agree in sign.
    pub effect: Option<Estimate>,
    /// Largest p-value over the controls.
    pub p: Option<f64>,
    /// The same net of drift; `None` where the base has no linkless items or the stance is none that could drift.
    pub net_of_drift: Option<Estimate>,
    /// Whether both intervals lie on one side of zero.
    pub beats_all: bool,
}

/// A contrast over several pretraining seeds of one organism: the base's seed is the outermost unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcrossBasesRow {
    /// The organism, without its seed.
    pub world: String,
    /// How many seeds.
    pub bases: usize,
    /// Arm.
    pub arm: String,
    /// Control.
    pub control: String,
    /// Battery.
    pub battery: String,
    /// Stance id, or `block:…`.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// Block of the stance.
    pub block: String,
    /// Mean over bases of their own differences, with Student's interval over bases.
    pub effect: Option<Estimate>,
    /// Two-sided p.
    pub p: Option<f64>,
    /// The same net of drift.
    pub net_of_drift: Option<Estimate>,
}

/// Where the variance of one answer comes from, in one arm on one stance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VarianceRow {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Battery.
    pub battery: String,
    /// Stance id; `family` for the mean over the declared family.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// Variance between training runs.
    pub replicate: f64,
    /// Upper end of a one-sided 80 % interval of it: what to plan with.
    pub replicate_upper: Option<f64>,
    /// Variance between prompts.
    pub prompt: f64,
    /// Variance of prompts that differs from run to run.
    pub interaction: f64,
    /// Variance of answers to one prompt of one run.
    pub sample: f64,
    /// Standard error of the arm's mean, these prompts.
    pub error_fixed: f64,
    /// Standard error of the arm's mean, any prompts.
    pub error_sampled: f64,
}

/// Partial pooling of one contrast over the declared family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PooledRow {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Control.
    pub control: String,
    /// Effect on a stance like those of the battery: the cluster-wide effect.
    pub cluster: Estimate,
    /// Mean effect on exactly these stances.
    pub mean: Estimate,
    /// Standard deviation of effects between stances.
    pub spread: Estimate,
    /// Shrunken effects.
    pub stances: Vec<PooledStance>,
}

/// One stance of a [`PooledRow`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PooledStance {
    /// Stance id.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// The stance's own difference.
    pub raw: f64,
    /// What it is once the others are taken into account.
    pub shrunken: Estimate,
    /// Probability that the effect is above zero.
    pub positive: f64,
}

/// How stances hang together on one base. All of it is exploratory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StructureTable {
    /// Base.
    pub base: String,
    /// Stances in the order of the matrices, as (id, name).
    pub stances: Vec<(String, String)>,
    /// Correlation over training runs with each arm's mean taken out; `None` where a stance does not vary.
    pub correlations: Vec<Vec<Option<f64>>>,
    /// Training runs behind them.
    pub runs: usize,
    /// Exploratory factors, where there are enough runs.
    pub factors: Option<FactorTable>,
    /// One arm's effects on another's.
    pub profiles: Vec<ProfileRow>,
    /// Whether the claim's strength per run carries the effect.
    pub mediation: Vec<MediationRow>,
    /// Which arms move each stance.
    pub diagnosticity: Vec<DiagnosticityRow>,
}

/// Factors of the correlations between stances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactorTable {
    /// Indices, into the stances, of those that vary.
    pub stances: Vec<usize>,
    /// Eigenvalues, largest first.
    pub eigenvalues: Vec<f64>,
    /// What random data of the same size reach (parallel analysis).
    pub thresholds: Vec<f64>,
    /// Per stance, its loading on each factor that was kept.
    pub loadings: Vec<Vec<f64>>,
}

/// Profile of one arm's effects against another's, over the stances of the family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileRow {
    /// The arm on the y axis.
    pub arm: String,
    /// The arm on the x axis.
    pub other: String,
    /// The control of both.
    pub control: String,
    /// Slope, least squares.
    pub slope: Estimate,
    /// Slope when both profiles count as measured with error.
    pub slope_with_errors: Option<Estimate>,
    /// Share of the variance explained.
    pub r_squared: f64,
    /// Rank correlation.
    pub rank_correlation: Option<f64>,
}

/// Does the claim's strength per run carry the effect on the family?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediationRow {
    /// Arm.
    pub arm: String,
    /// Control.
    pub control: String,
    /// What is explained, such as a block.
    pub outcome: String,
    /// The whole effect.
    pub total: Estimate,
    /// The part that goes through the claim.
    pub indirect: Option<Estimate>,
    /// The part that does not.
    pub direct: Option<Estimate>,
    /// Slope of the outcome on the claim between runs of one arm: the only part that is not the contrast itself.
    pub within_slope: Option<Estimate>,
    /// Why a part is missing, or how to read it.
    pub note: String,
}

/// Which arms move a stance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiagnosticityRow {
    /// Stance id.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// Arms, with the sign of what they do, whose interval against the untouched base leaves out zero.
    pub moved_by: Vec<(String, i8)>,
    /// Arms that were looked at.
    pub arms: usize,
    /// In words, such as `moves under every arm`.
    pub verdict: String,
}

/// What was expected of a cell, and what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForecastRow {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Control.
    pub control: String,
    /// Stance id.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// Who expected it: `author`, or the prompted arm that was asked.
    pub by: String,
    /// What was expected, in words.
    pub expected: String,
    /// What was found.
    pub found: Option<Estimate>,
    /// How the two compare.
    pub outcome: ForecastOutcome,
}

/// How a forecast came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForecastOutcome {
    /// The result is another one.
    Miss,
    /// The interval allows the forecast and its opposite.
    Undecided,
    /// As expected.
    Hit,
}

/// Labels of the answers of one run to one prompt: enough to do all of the statistics elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellRow {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Zero-based replicate.
    pub replicate: usize,
    /// Battery.
    pub battery: String,
    /// Stance id.
    pub stance: String,
    /// Zero-based prompt of the stance.
    pub prompt_index: usize,
    /// Answers that take the stance.
    pub yes: usize,
    /// Answers that do not take it.
    pub no: usize,
    /// Answers that count as neither.
    pub left_out: usize,
}
