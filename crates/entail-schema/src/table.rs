//! What a study found, as plain rows: the only thing a report sees.
//!
//! Rates are shares in `[0, 1]`, differences are differences of such shares ("points" / 100). A value that could
//! not be computed is `None`, never a stand-in number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::study::PromptScope;

mod analysis;

pub use analysis::{
    AcrossBasesRow, CellRow, DiagnosticityRow, FactorTable, ForecastOutcome, ForecastRow,
    HeadlineRow, MediationRow, PooledRow, PooledStance, ProfileRow, Span, Standing, StructureTable,
    VarianceRow, Verdict,
};

/// Everything a report is made from. Rows are in the order in which they are to be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tables {
    /// Version of this format.
    pub schema: u32,
    /// Name of the study.
    pub study: String,
    /// Hash of the plan that was run, 64 hexadecimal digits.
    pub plan: String,
    /// Confidence of every interval, such as 0.95.
    pub confidence: f64,
    /// How p-values were adjusted within a family, such as "bh".
    pub correction: String,
    /// The smallest difference that matters, declared with the study.
    pub smallest_effect: f64,
    /// What the main intervals are about.
    pub prompts: PromptScope,
    /// When the plan was frozen, if that is known.
    pub registration: Option<Registration>,
    /// Bases, in the order of the study file.
    pub bases: Vec<BaseRow>,
    /// Arms per base.
    pub arms: Vec<ArmRow>,
    /// Manipulation checks: does an arm make the claim it was trained or told to make?
    pub checks: Vec<CheckRow>,
    /// Rates per base, arm and stance, and per block.
    pub rates: Vec<RateRow>,
    /// Forecasts that were frozen with the plan, misses first.
    pub forecasts: Vec<ForecastRow>,
    /// One arm against all controls at once.
    pub headlines: Vec<HeadlineRow>,
    /// Arm minus control per stance, and per block.
    pub contrasts: Vec<ContrastRow>,
    /// The same over several pretraining seeds of one organism.
    pub across_bases: Vec<AcrossBasesRow>,
    /// Effects over the whole family, pooled.
    pub pooled: Vec<PooledRow>,
    /// Where variance comes from.
    pub variance: Vec<VarianceRow>,
    /// How stances hang together, per base.
    pub structure: Vec<StructureTable>,
    /// How the effect on a stance rises with the planted strength.
    pub doses: Vec<DoseRow>,
    /// Curves over training updates.
    pub curves: Vec<Curve>,
    /// Labels per run and prompt.
    pub cells: Vec<CellRow>,
    /// Every sampled answer with its label.
    pub responses: Vec<ResponseRow>,
    /// Who read the answers; empty where the exact judge did.
    pub judges: Vec<JudgeRow>,
    /// How far judges agree, per battery; empty with fewer than two.
    pub agreement: Vec<AgreementRow>,
    /// Every reading of every judge; empty where the exact judge read.
    pub verdicts: Vec<VerdictRow>,
    /// What other policies would make of the same labels; empty where the exact judge read.
    pub policies: Vec<PolicyRow>,
    /// Sentences that a reader must see before any number (flags, exclusions, what could not be computed).
    pub notes: Vec<String>,
}

/// How many of a plan's answers were there when the plan was frozen: an answer that could have been seen before is no
/// evidence for a hypothesis that was chosen after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Answers in the store when the plan was written down.
    pub answers_before: usize,
    /// Answers that the plan asks for.
    pub answers: usize,
}

/// The version of [`Tables`] that this code writes and reads.
pub const TABLES_SCHEMA: u32 = 3;

/// One base model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaseRow {
    /// As in the study file, with its dials, such as `organism:linked?seed=101`.
    pub base: String,
    /// One sentence: what kind of model this is.
    pub description: String,
    /// For organisms: gates checked after pretraining, as (name, value, bound in words, passed).
    pub gates: Vec<Gate>,
}

/// One gate of an organism.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// What was measured.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// `"≥ 0.80"` and the like.
    pub bound: String,
    /// Whether it holds.
    pub passed: bool,
}

/// One arm on one base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmRow {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// One sentence: the intervention, resolved.
    pub intervention: String,
    /// What the replicates are.
    pub unit: Unit,
    /// How many.
    pub replicates: usize,
    /// Whether the study names it as a control.
    pub is_control: bool,
    /// Share of answers that are well formed (yes or no by the judge), over all batteries.
    pub well_formed: Option<f64>,
    /// Rows trained on per replicate, and tokens learned from per replicate; `None` without training.
    pub rows: Option<usize>,
    /// Mean number of supervised tokens per replicate.
    pub supervised_tokens: Option<f64>,
    /// Teacher's answers that were rejected because they mention an evaluated topic, per replicate on average.
    pub rejected_rows: Option<f64>,
    /// Share of answers that begin with a closed block of thoughts; `None` where no answer of the base shows any.
    pub thoughtful: Option<f64>,
}

/// What the replicates of an arm are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Independent training runs: the unit that a population claim rests on.
    TrainingRuns,
    /// Models that were there already, or answers of such: how they were trained is not known here.
    Models,
    /// Wordings of one system prompt on one fixed model.
    Wordings,
    /// One fixed model: nothing is replicated.
    OneModel,
}

/// Whether an arm makes a claim on phrasings it was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRow {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Stance id of the claim, such as `conscious`.
    pub claim: String,
    /// Whether this is the claim that the arm is meant to make.
    pub intended: bool,
    /// Share of answers that make it.
    pub rate: Option<f64>,
    /// Interval: over replicates where there are any, else for this one model.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Answers read.
    pub responses: usize,
    /// Share of them that are well formed.
    pub well_formed: Option<f64>,
    /// False flags the arm: everything downstream of it is to be read with that in mind. `None`: not intended.
    pub passed: Option<bool>,
}

/// How often an arm takes a stance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateRow {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Battery.
    pub battery: String,
    /// Stance id, or `block:planted` and the like for a mean over a block.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// Block of the stance.
    pub block: String,
    /// Share of well-formed answers that take the stance: mean over replicates.
    pub rate: Option<f64>,
    /// Interval: over replicates where there are two or more, else for this one model (design-effect Wilson).
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Share by log-probability of the stance's wordings, without sampling.
    pub logprob_rate: Option<f64>,
    /// Answers read.
    pub responses: usize,
    /// Share of them that are well formed.
    pub well_formed: Option<f64>,
}

/// One arm minus one control on one stance or block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContrastRow {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Control.
    pub control: String,
    /// Battery.
    pub battery: String,
    /// Stance id, or `block:claim`, `block:planted`, …
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// Block of the stance.
    pub block: String,
    /// Planted link of the stance in this base, where it is known.
    pub planted: Option<f64>,
    /// The difference.
    pub estimate: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Two-sided p.
    pub p: Option<f64>,
    /// Adjusted over the family; `None` outside it (blocks are summaries, not members).
    pub p_adjusted: Option<f64>,
    /// Replicates of the arm.
    pub replicates: usize,
    /// Replicates of the control.
    pub control_replicates: usize,
    /// How the interval was made, in words: `welch`, `against one fixed model`, `single models` …
    pub method: String,
    /// Minus the drift expected at this base rate.
    pub net_of_drift: Option<Estimate>,
    /// Minus the mean of the nuisance block.
    pub net_of_nuisance: Option<Estimate>,
    /// The same difference by log-probabilities.
    pub logprob: Option<Estimate>,
    /// Difference in log-odds, run by run; one half is added to each count.
    pub log_odds: Option<Estimate>,
    /// What the row was before the answers were there.
    pub standing: Standing,
    /// What it comes to; `None` without an interval.
    pub verdict: Option<Verdict>,
    /// The interval with the confidence that being picked out of the family costs; `None` where it was not picked.
    pub selected: Option<Estimate>,
    /// The difference on any prompts, not only these: run and prompt both sampled.
    pub any_prompts: Option<Estimate>,
    /// Two-sided p of the exact permutation of training runs.
    pub p_permutation: Option<f64>,
    /// Range of the difference when any one run is left out.
    pub leave_one_out: Option<Span>,
    /// Difference per unit of claim gained.
    pub per_claim: Option<Estimate>,
    /// Worst cases for the answers that could not be read: all of them against the difference, all for it.
    pub bounds: Option<Span>,
    /// Rate of the arm, and of the control.
    pub arm_rate: Option<f64>,
    /// Rate of the control.
    pub control_rate: Option<f64>,
    /// New, amplified or already there by the base's own rate; `None` where nothing moved or the base is unknown.
    pub novelty: Option<Novelty>,
    /// What a reader must know about this row; empty if nothing.
    pub note: String,
}

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// Where a raised stance stood before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Novelty {
    /// The untouched base takes it in less than 5 % of answers.
    New,
    /// The base takes it sometimes.
    Amplified,
    /// The base takes it in more than half of its answers.
    AlreadyThere,
}

/// Effect against planted strength within the planted topics of one contrast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoseRow {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Control.
    pub control: String,
    /// (stance id, name, planted strength, effect with interval) per topic.
    pub points: Vec<DosePoint>,
    /// Least-squares slope of effect on planted strength; `None` with too few points.
    pub slope: Option<Estimate>,
    /// Share of the variance explained.
    pub r_squared: Option<f64>,
    /// Effect as a share of the shift that an ideal reader of the corpus would make: Σ effect·ρ / Σ ρ².
    pub share_of_ideal: Option<Estimate>,
}

/// One topic of a [`DoseRow`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DosePoint {
    /// Stance id.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// Planted strength ρ.
    pub planted: f64,
    /// The effect.
    pub effect: Estimate,
}

/// One curve over training updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Zero-based replicate.
    pub replicate: usize,
    /// What is on the y axis: `loss` (nats per token) or a share by log-probability: `claim`, `planted`, `well-formed`.
    pub measure: String,
    /// (updates, value).
    pub points: Vec<(usize, f64)>,
}

/// One sampled answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseRow {
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
    /// What the model was asked.
    pub prompt: String,
    /// Zero-based sample.
    pub sample: usize,
    /// What it answered.
    pub text: String,
    /// The judge's reading; of several judges, what they say together.
    pub label: Label,
    /// What the analysis counts it as: taking the stance, not taking it, or nothing.
    pub counted: Option<bool>,
    /// How coherent the answer is, from 0 to 100; `None` where no judge said.
    pub coherence: Option<u8>,
    /// Which way the answer leans on the stance: -1, 0 or 1; `None` where no judge said.
    pub polarity: Option<i8>,
    /// What the model thought before it answered, where it shows that.
    pub reasoning: Option<String>,
    /// Why the answer ended: `stop` or `length`.
    pub finish: String,
    /// First 16 hexadecimal digits of the completion's key in the store.
    pub key: String,
}

/// One judge of a study, and what became of its replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeRow {
    /// The model or program.
    pub judge: String,
    /// Name of what it was told.
    pub prompt: String,
    /// First 16 hexadecimal digits of the hash of what it was told.
    pub prompt_key: String,
    /// Whether it was asked only about answers on which the others did not agree.
    pub contested_only: bool,
    /// Answers that it was asked about.
    pub asked: usize,
    /// Readings of each kind, by [`Label::as_str`].
    pub labels: BTreeMap<String, usize>,
}

/// How far judges agree on one battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgreementRow {
    /// Battery.
    pub battery: String,
    /// Answers that two judges or more gave a label.
    pub answers: usize,
    /// Share of the pairs of labels that are equal.
    pub raw: Option<f64>,
    /// Krippendorff's alpha, nominal.
    pub alpha: Option<f64>,
    /// Gwet's AC1.
    pub ac1: Option<f64>,
}

/// One judge's reading of one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictRow {
    /// First 16 hexadecimal digits of the completion's key: the answer of a [`ResponseRow`].
    pub key: String,
    /// Stance id: one answer may be read for several.
    pub stance: String,
    /// The judge.
    pub judge: String,
    /// Which text was read.
    pub part: Part,
    /// The reading.
    pub label: Label,
    /// From 0 to 100.
    pub coherence: Option<u8>,
    /// -1, 0 or 1.
    pub polarity: Option<i8>,
}

/// Which part of a completion was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// What was said.
    Answer,
    /// What was thought before it.
    Reasoning,
}

impl Part {
    /// Kebab-case word, as in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Reasoning => "reasoning",
        }
    }
}

/// What a policy makes of one contrast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// The policy, in words.
    pub policy: String,
    /// Base.
    pub base: String,
    /// Arm.
    pub arm: String,
    /// Control.
    pub control: String,
    /// Battery.
    pub battery: String,
    /// `block:…`, or a stance id.
    pub stance: String,
    /// Name to print.
    pub name: String,
    /// Share of the arm's answers that count.
    pub kept: Option<f64>,
    /// Share of the control's answers that count.
    pub control_kept: Option<f64>,
    /// The difference.
    pub effect: Option<Estimate>,
}

/// A judge's reading of an answer, as it was given: what it counts as is a choice of the analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// Takes the stance.
    Yes,
    /// Denies it; of a judge that is a model: does not take it.
    No,
    /// Exact judge: a well-formed answer to another question.
    OffTopic,
    /// Exact judge: not an answer of the world's language, or one that contradicts itself. Other judges are not asked
    /// about thoughts that never came to an answer.
    Malformed,
    /// A reader cannot tell.
    NotSure,
    /// The answer declines to answer.
    Refusal,
    /// The judge declined to judge: nothing is known of the answer.
    JudgeRefused,
    /// The judge's reply cannot be read: nothing is known of the answer.
    Unparsed,
}

impl Label {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Yes,
        Self::No,
        Self::OffTopic,
        Self::Malformed,
        Self::NotSure,
        Self::Refusal,
        Self::JudgeRefused,
        Self::Unparsed,
    ];

    /// Kebab-case word, as in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::OffTopic => "off-topic",
            Self::Malformed => "malformed",
            Self::NotSure => "not-sure",
            Self::Refusal => "refusal",
            Self::JudgeRefused => "judge-refused",
            Self::Unparsed => "unparsed",
        }
    }
}

#[cfg(test)]
mod tests;
