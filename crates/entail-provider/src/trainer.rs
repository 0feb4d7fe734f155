//! Training that somebody else does, as one call that survives being killed.

use entail_schema::{Key, Message};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Settings that remote trainers share; each uses those it knows and says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoteSettings {
    /// Passes over the rows.
    pub epochs: usize,
    /// Rows per update.
    pub batch: usize,
    /// Peak learning rate, where the trainer takes one.
    pub rate: f64,
    /// Multiplier of the trainer's own learning rate, where it takes only that; `None`: its choice.
    pub rate_multiplier: Option<f64>,
    /// Inner width of the adapter, where the trainer takes one.
    pub rank: usize,
    /// Whether the rate falls on a line to zero; else it is constant.
    pub linear: bool,
    /// Seed of the adapter's first weights, where the trainer takes one.
    pub init_seed: u64,
}

/// Rows as tokens, for trainers that take nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Ids.
    pub tokens: Vec<u32>,
    /// Whether each is learned.
    pub learned: Vec<bool>,
}

/// One training run to be made.
#[derive(Debug)]
pub struct TrainingJob<'a> {
    /// Key of the recipe: a job with this key is made once, whatever happens on the way.
    pub key: Key,
    /// A few words that people recognise it by: study and arm.
    pub label: &'a str,
    /// The base at the trainer.
    pub base: &'a str,
    /// Conversations, in the order in which they are drawn.
    pub rows: &'a [Vec<Message>],
    /// The batches of all epochs as indices of rows, for trainers that are driven step by step.
    pub batches: &'a [Vec<usize>],
    /// The rows as tokens, where the study has the base's tokenizer.
    pub tokens: Option<&'a [TokenRow]>,
    /// Settings.
    pub settings: RemoteSettings,
}

/// A model in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// After this many updates.
    pub step: u64,
    /// Its name at the provider.
    pub model: String,
}

/// One point of a training curve, as the provider counts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingPoint {
    /// Updates done.
    pub step: u64,
    /// Loss of the batch in nats per token, by the provider's own way of counting tokens.
    pub loss: Option<f64>,
    /// Share of tokens predicted, by the same.
    pub accuracy: Option<f64>,
    /// Loss in nats per learned token, all learned tokens of the batch alike, where every token's loss is known.
    #[serde(default)]
    pub token_loss: Option<f64>,
}

/// What a trainer made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainedModel {
    /// Model name by which a study asks it, such as `openai:ft:…` or `tinker://…/sampler_weights/…`.
    pub model: String,
    /// Id of the job at the provider.
    pub job: String,
    /// Models in between that are kept.
    pub checkpoints: Vec<Checkpoint>,
    /// The curve.
    pub curve: Vec<TrainingPoint>,
    /// Tokens that were paid for, if the provider says so.
    pub trained_tokens: Option<u64>,
    /// When the provider removes it, in seconds since 1970, if it says so.
    pub expires: Option<u64>,
    /// Settings as the provider resolved them, and what it ignored: plain words.
    pub notes: Vec<String>,
}

/// Why training gave no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainerError {
    /// The trainer or its service said no.
    #[error("{provider}: {what}")]
    Refused {
        /// Who.
        provider: String,
        /// What it said and what to do about it.
        what: String,
    },
    /// The job ended without a model.
    #[error("{provider}: job {job} ended as {status}: {what}")]
    Failed {
        /// Who.
        provider: String,
        /// The job.
        job: String,
        /// Its last status.
        status: String,
        /// The provider's reason.
        what: String,
    },
    /// Rows as tokens are needed and there are none.
    #[error(
        "{provider} takes tokens: name a folder with the base's tokenizer.json as `tokenizer` in [train]"
    )]
    NoTokens {
        /// Who.
        provider: String,
    },
    /// The log could not be read or written: nothing is begun that could not be found again.
    #[error("the training log cannot be read or written")]
    Log(#[source] LogError),
    /// Ctrl-C. The job goes on where it runs; the same command finds it.
    #[error("stopped while a training job runs; the same command finds it again")]
    Cancelled,
}

/// What keeps a [`JobLog`] from being read or written, in the words of whoever holds it.
pub type LogError = Box<dyn std::error::Error + Send + Sync>;

/// What a trainer writes down on its way, kept by the caller under the job's key.
pub trait JobLog: Sync {
    /// What was recorded last, by an earlier process perhaps; `None` where nothing was.
    ///
    /// # Errors
    /// When it cannot be read. Nothing may be begun then: it may have been begun before.
    fn recorded(&self) -> Result<Option<String>, LogError>;

    /// Keeps a state. It is durable when this returns.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn record(&self, state: &str) -> Result<(), LogError>;

    /// Tells people how far it is.
    fn tell(&self, done: u64, total: u64, what: &str);

    /// Whether to stop waiting.
    fn cancelled(&self) -> bool;
}

/// The state that was recorded last. One that cannot be understood is an error: a newer program may have begun a job
/// that this one would begin again.
pub(crate) fn last_state<T: DeserializeOwned>(log: &dyn JobLog) -> Result<Option<T>, TrainerError> {
    let text = log.recorded().map_err(TrainerError::Log)?;
    let state = text.map(|text| serde_json::from_str(&text)).transpose();
    state.map_err(|error| TrainerError::Log(error.into()))
}

/// A service that trains.
pub trait Trainer: Send + Sync {
    /// Trains, or finds what an earlier process began, and waits for the end.
    ///
    /// # Errors
    /// [`TrainerError`]. Calling again with the same job and log goes on where it stopped and never begins a second
    /// job.
    fn train(&self, job: &TrainingJob<'_>, log: &dyn JobLog) -> Result<TrainedModel, TrainerError>;
}

#[cfg(test)]
pub(crate) mod test_support;
