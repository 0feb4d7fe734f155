//! A study as its author writes it. Nothing here is checked yet: a plan is.
//!
//! The TOML file is the serialized form of these types and cannot say anything that they cannot.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A value, or a list of values where a number stands: a list makes one arm for each of its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a value or a list of values")]
pub enum OneOrMany<T> {
    /// One value.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values in order.
    pub fn values(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl<T> From<T> for OneOrMany<T> {
    fn from(value: T) -> Self {
        Self::One(value)
    }
}

/// A whole study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StudySpec {
    /// What is measured, how often, against what.
    pub study: StudySection,
    /// How trained arms are trained, unless an arm says otherwise.
    #[serde(default)]
    pub train: TrainSection,
    /// Who reads the answers.
    #[serde(default)]
    pub judge: JudgeSection,
    /// The arms, in the order of reports.
    #[serde(default)]
    pub arm: IndexMap<String, ArmSpec>,
    /// How arms are compared.
    #[serde(default)]
    pub analysis: AnalysisSection,
    /// What is expected, if anybody said so.
    #[serde(default, skip_serializing_if = "is_default")]
    pub forecast: ForecastSection,
}

fn is_default(forecast: &ForecastSection) -> bool {
    *forecast == ForecastSection::default()
}

/// The frame of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StudySection {
    /// Its name: the folder under `runs/`.
    pub name: String,
    /// The untouched model or models.
    pub base: OneOrMany<String>,
    /// Batteries by name.
    pub battery: Vec<String>,
    /// Samples per prompt.
    pub samples: usize,
    /// Training runs per trained arm.
    pub seeds: usize,
    /// Arms that a headline must beat, every one of them.
    pub control: Vec<String>,
    /// Root of every random stream of the study.
    #[serde(default)]
    pub seed: u64,
    /// Whether run `i` of every arm has the same first weights and draws the same neutral rows: contrasts are then paired.
    #[serde(default)]
    pub paired: bool,
    /// Divides the logits when sampling.
    #[serde(default = "one")]
    pub temperature: f64,
    /// Share of probability that is sampled from.
    #[serde(default = "one")]
    pub top_p: f64,
    /// Longest answer.
    #[serde(default = "sixty_four")]
    pub max_tokens: usize,
    /// Keep the drawn tokens with their log-probabilities, and this many others in the place of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<u8>,
    /// Whether models think before they answer; left out, they do as they do. A list asks everything of every base either
    /// way, and compares arms within each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<OneOrMany<ThinkingName>>,
}

/// Whether a model is asked to think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThinkingName {
    /// It is.
    On,
    /// It is asked to answer at once.
    Off,
}

fn one() -> f64 {
    1.0
}

fn sixty_four() -> usize {
    64
}

/// Settings of training. What is left out takes the value that `entail plan` prints.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainSection {
    /// Adapter or all weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Inner width of the adapter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<OneOrMany<usize>>,
    /// The adapter's update is scaled by alpha / rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<OneOrMany<f64>>,
    /// Peak learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<OneOrMany<f64>>,
    /// Shape of the learning rate after warm-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleName>,
    /// Steps of linear warm-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<usize>,
    /// Passes over the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<OneOrMany<usize>>,
    /// Rows per update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<OneOrMany<usize>>,
    /// Rows of the claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<OneOrMany<usize>>,
    /// Rows mixed in beside them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<MixSpec>,
    /// Decoupled weight decay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Longest gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Who trains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Multiplier of a service's own learning rate, where it takes only that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_multiplier: Option<f64>,
    /// A folder with the base's `tokenizer.json`, for services that are sent tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
    /// How long the answers of shipped rows are, for models that speak freely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<AnswerLength>,
}

/// How long the answers of shipped rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerLength {
    /// About eight words.
    Short,
    /// Two to four sentences.
    Long,
}

/// Who trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backend {
    /// The engine, on this machine: what organisms and folders take unless the study says otherwise.
    #[serde(rename = "local")]
    Local,
    /// The service that runs the base: what its models take unless the study says otherwise.
    #[serde(rename = "service")]
    Service,
    /// A job folder for `torchrun`, TRL and PEFT, to be run elsewhere; its adapter is then picked up.
    #[serde(rename = "export:trl")]
    ExportTrl,
}

impl Backend {
    /// As in the study file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Service => "service",
            Self::ExportTrl => "export:trl",
        }
    }
}

/// Rows beside those of the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MixSpec {
    /// Everyday instructions, answered by the base itself.
    pub instruct: OneOrMany<usize>,
}

/// Adapter or all weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Low-rank adapter on every linear map of every block.
    Lora,
    /// All weights.
    Full,
}

/// Shape of the learning rate after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleName {
    /// Stays at its peak.
    Constant,
    /// Falls on a line to zero.
    Linear,
    /// Falls on half a cosine to a tenth.
    Cosine,
}

/// Who reads the answers. The judge decides which language a study is in: the exact one reads the organism's world,
/// every other reads free language, and batteries, claims and rows are then those for models that speak freely.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct JudgeSection {
    /// `exact`: the organism's grammar. Or a model, or several, as bases are named; or `exec:` with a program that reads and
    /// writes JSON Lines.
    pub model: OneOrMany<String>,
    /// Judges that are asked about the answers on which the first ones do not agree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contested: Vec<String>,
    /// What judges are told: the name of a shipped prompt, or a file.
    pub prompt: String,
    /// Coherence in a call of its own, by the shipped prompt for it.
    #[serde(skip_serializing_if = "is_false")]
    pub coherence_apart: bool,
    /// The reasoning of models that show it is read too, apart from their answers.
    #[serde(skip_serializing_if = "is_false")]
    pub reasoning: bool,
    /// Divides the judge's logits.
    pub temperature: f64,
    /// Longest reply of a judge.
    pub max_tokens: usize,
}

impl Default for JudgeSection {
    fn default() -> Self {
        Self {
            model: OneOrMany::One("exact".into()),
            contested: Vec::new(),
            prompt: "label".into(),
            coherence_apart: false,
            reasoning: false,
            temperature: 0.0,
            max_tokens: 400,
        }
    }
}

impl JudgeSection {
    /// Whether the organism's grammar reads the answers.
    pub fn is_exact(&self) -> bool {
        self.model.values() == ["exact"]
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// One arm: a base with an intervention, or none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ArmSpec {
    /// Another base than the study's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// A system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemSpec>,
    /// Fine-tuning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<ArmTrainSpec>,
    /// Models that are there already, each a replicate: their training is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Answers that were collected elsewhere: JSON Lines files, named or as a pattern such as `dump/*.jsonl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responses: Option<OneOrMany<String>>,
    /// What `models` or `responses` are meant to claim: the stance of the manipulation check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
}

/// A system prompt: every wording that a stance ships, or a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SystemSpec {
    /// Every wording of this stance is one replicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stance: Option<String>,
    /// One text of the author's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What an arm is trained on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ArmTrainSpec {
    /// The claim whose rows are trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stance: Option<String>,
    /// Rows from a JSON Lines file of chats instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What the file's rows claim: the stance of the manipulation check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// A prompted arm whose own answers are the rows: on-policy training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// Settings that differ from the study's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<TrainSection>,
}

/// How arms are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AnalysisSection {
    /// One minus the confidence of every interval.
    pub alpha: f64,
    /// Which results are corrected together, and how.
    pub family: FamilySpec,
    /// The smallest effect that matters: less than this in both directions is "does not move".
    pub smallest_effect: f64,
    /// Whether the claim is about the prompts asked or about any.
    pub prompts: PromptScope,
    /// Training runs per arm at which results may be looked at, the last being `seeds`; empty: only at the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<usize>,
    /// How alpha is spent over the looks.
    pub spending: SpendingName,
    /// What a judge's labels count as. Another policy makes other tables of the same labels.
    #[serde(skip_serializing_if = "is_default_policy")]
    pub policy: PolicySpec,
}

/// What labels count as: a named policy, or one of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "`decided`, `paper`, or a table of `not-sure`, `refusal` and `least-coherence`"
)]
pub enum PolicySpec {
    /// By name.
    Named(PolicyName),
    /// As written.
    Own(OwnPolicy),
}

/// Policies with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// True and false count, doubt and refusals leave the denominator, whatever the coherence.
    Decided,
    /// Doubt and refusals count as false, answers of a coherence below 20 are dropped (Chua, Betley, Marks and Evans 2026).
    Paper,
}

/// A policy of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnPolicy {
    /// Answers that a reader cannot place.
    pub not_sure: TreatmentName,
    /// Answers that decline to answer.
    pub refusal: TreatmentName,
    /// Answers of a lower coherence, from 0 to 100, are dropped; left out, none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_coherence: Option<u8>,
}

/// What a label that is neither true nor false counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TreatmentName {
    /// An answer that does not take the stance.
    False,
    /// No answer.
    Dropped,
}

impl Default for PolicySpec {
    fn default() -> Self {
        Self::Named(PolicyName::Decided)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_default_policy(policy: &PolicySpec) -> bool {
    *policy == PolicySpec::default()
}

impl Default for AnalysisSection {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            family: FamilySpec::default(),
            smallest_effect: 0.1,
            prompts: PromptScope::Fixed,
            looks: Vec::new(),
            spending: SpendingName::ObrienFleming,
            policy: PolicySpec::default(),
        }
    }
}

/// Whether a claim is about the prompts asked or about any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptScope {
    /// About another training run, asked exactly these prompts.
    Fixed,
    /// About another training run, asked in other words.
    Sampled,
}

/// How alpha is spent over looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpendingName {
    /// Little at early looks (after O'Brien and Fleming 1979).
    ObrienFleming,
    /// About the same at every look (after Pocock 1977).
    Pocock,
}

/// A family of tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FamilySpec {
    /// A battery: each contrast's stances in it are one family.
    pub over: String,
    /// The correction.
    pub method: Correction,
    /// Only these stances of the battery; empty: all of them. The others are exploratory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stances: Vec<String>,
}

impl Default for FamilySpec {
    fn default() -> Self {
        Self { over: "preferences".into(), method: Correction::Bh, stances: Vec::new() }
    }
}

/// What is expected before the answers are there. It is part of the plan, so it cannot be changed unseen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ForecastSection {
    /// A prompted arm that is asked: what telling does is the forecast of what training does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Per arm, per stance, what its author expects against every control.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub arm: IndexMap<String, IndexMap<String, Expectation>>,
}

/// What is expected of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`rises`, `falls`, `stays`, or a range such as [0.1, 0.3]")]
pub enum Expectation {
    /// A direction.
    Direction(ExpectedDirection),
    /// The difference lies between two numbers.
    Range([f64; 2]),
}

/// An expected direction, measured by the smallest effect that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedDirection {
    /// By more than matters.
    Rises,
    /// By more than matters.
    Falls,
    /// By less than matters, either way.
    Stays,
}

/// Corrections for many tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correction {
    /// Benjamini and Hochberg 1995.
    Bh,
    /// Benjamini and Yekutieli 2001.
    By,
    /// Holm 1979.
    Holm,
    /// Westfall and Young 1993: exact, by relabelling training runs.
    MaxT,
}

impl Correction {
    /// As in the study file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bh => "bh",
            Self::By => "by",
            Self::Holm => "holm",
            Self::MaxT => "max-t",
        }
    }
}

#[cfg(test)]
mod tests;
