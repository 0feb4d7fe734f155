//! A model that answers, whoever runs it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use entail_schema::{Key, Message};
use serde::{Deserialize, Serialize};

use crate::Completion;

/// How answers are drawn. Part of a completion's recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Divides the logits.
    pub temperature: f64,
    /// Share of probability that is drawn from.
    pub top_p: f64,
    /// Longest answer in tokens.
    pub max_tokens: usize,
    /// Keep the drawn tokens with their log-probabilities, and this many others in the place of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<u8>,
}

/// A conversation to be continued once for each sample. A last turn of the assistant is to be continued itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// One key per sample: its identity in the store, and its random stream where the model is ours.
    pub samples: Vec<Key>,
}

/// Where a system prompt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemPlace {
    /// A turn of its own.
    Role,
    /// A field beside the turns.
    Field,
}

/// What a provider can do.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked by name")]
#[derive(Debug, Clone, PartialEq)]
pub struct Capabilities {
    /// Who it is, to print.
    pub name: String,
    /// Most answers in one call.
    pub most_answers: u32,
    /// Takes a seed, though few promise the same answer for it.
    pub seed: bool,
    /// Takes a temperature and a top-p.
    pub temperature: bool,
    /// Most alternatives per drawn token; `None` without log-probabilities.
    pub logprobs: Option<u8>,
    /// Gives log-probabilities of a given text.
    pub score: bool,
    /// Continues a last turn of the assistant.
    pub prefill: bool,
    /// Where a system prompt goes; `None` if there is no place.
    pub system: Option<SystemPlace>,
    /// Keeps an answer to a JSON schema.
    pub json_schema: bool,
    /// Takes many requests as one cheaper job.
    pub batch: bool,
    /// Stores files.
    pub files: bool,
    /// Trains.
    pub fine_tune: bool,
}

/// Something that a study needs of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A temperature or top-p other than one.
    Temperature,
    /// Log-probabilities of drawn tokens with this many alternatives.
    Logprobs(u8),
    /// Log-probabilities of a given text.
    Score,
    /// A continued turn of the assistant.
    Prefill,
    /// A system prompt.
    System,
    /// Answers kept to a JSON schema.
    JsonSchema,
    /// Batches.
    Batch,
    /// Training.
    FineTune,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Temperature => f.write_str("a temperature or top-p other than 1"),
            Self::Logprobs(0) => f.write_str("log-probabilities of drawn tokens"),
            Self::Logprobs(k) => {
                write!(f, "log-probabilities of drawn tokens with {k} alternatives")
            }
            Self::Score => f.write_str("log-probabilities of a given text"),
            Self::Prefill => f.write_str("a continued turn of the assistant"),
            Self::System => f.write_str("a system prompt"),
            Self::JsonSchema => f.write_str("answers kept to a JSON schema"),
            Self::Batch => f.write_str("batches"),
            Self::FineTune => f.write_str("fine-tuning"),
        }
    }
}

impl Capabilities {
    /// One plain answer to a call and nothing else: what is more than that is added by name.
    pub fn none(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            most_answers: 1,
            seed: false,
            temperature: false,
            logprobs: None,
            score: false,
            prefill: false,
            system: None,
            json_schema: false,
            batch: false,
            files: false,
            fine_tune: false,
        }
    }

    /// Whether the provider can do this.
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::Temperature => self.temperature,
            Need::Logprobs(k) => self.logprobs.is_some_and(|most| k <= most),
            Need::Score => self.score,
            Need::Prefill => self.prefill,
            Need::System => self.system.is_some(),
            Need::JsonSchema => self.json_schema,
            Need::Batch => self.batch,
            Need::FineTune => self.fine_tune,
        }
    }
}

/// Why a model gave no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The conversation does not fit.
    #[error("a conversation of {tokens} tokens leaves no room in the context of {context}")]
    ContextOverflow {
        /// Tokens of the conversation.
        tokens: usize,
        /// Longest context.
        context: usize,
    },
    /// The model cannot read the conversation.
    #[error("the conversation cannot be turned into tokens")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A scripted model has no line for this.
    #[error("the script has no answer to {question:?}")]
    NoAnswer {
        /// The last turn of the conversation.
        question: String,
    },
    /// The provider cannot do what is asked.
    #[error("{provider} does not offer {need}")]
    Lacks {
        /// Who.
        provider: String,
        /// What.
        need: Need,
    },
    /// A remote provider said no, for a reason that asking again does not change, or gave no answer for too long.
    #[error("{provider}: {what}")]
    Remote {
        /// Who.
        provider: String,
        /// What it said and what to do about it.
        what: String,
    },
    /// The next request could cost more than is left.
    #[error(
        "the budget is used up: {what}; what was answered is kept, and a larger --budget goes on from there"
    )]
    Budget {
        /// Spent, reserved, and the limit.
        what: String,
    },
    /// A price is needed for the budget and there is none.
    #[error("no price for `{model}`: a budget in money needs one; add it to the price file")]
    NoPrice {
        /// The model.
        model: String,
    },
    /// Ctrl-C.
    #[error("stopped")]
    Cancelled,
}

/// Takes an answer as soon as it is there. Called from several threads, once for each key.
pub type Deliver<'a> = dyn Fn(Key, Completion) + Sync + 'a;

/// A model that answers.
pub trait Provider: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// One completion per sample of each request, handed over in any order as they come.
    ///
    /// # Errors
    /// [`ProviderError`] when a conversation cannot be answered at all; the others may have been delivered. A
    /// strange answer is not an error.
    fn complete(
        &self,
        requests: &[Request],
        sampling: &Sampling,
        deliver: &Deliver<'_>,
    ) -> Result<(), ProviderError>;

    /// Natural log-probability of each continuation as the beginning of the next answer.
    ///
    /// # Errors
    /// As [`Provider::complete`]; [`ProviderError::Lacks`] where [`Capabilities::score`] is false.
    fn score(
        &self,
        messages: &[Message],
        continuations: &[String],
    ) -> Result<Vec<f64>, ProviderError>;
}

/// The answers of [`Provider::complete`] in the order of the requests.
///
/// # Errors
/// As [`Provider::complete`].
///
/// # Panics
/// When the provider returns well without having delivered every sample.
pub fn complete_in_order(
    provider: &dyn Provider,
    requests: &[Request],
    sampling: &Sampling,
) -> Result<Vec<Vec<Completion>>, ProviderError> {
    let delivered = Mutex::new(BTreeMap::new());
    provider.complete(requests, sampling, &|key, completion| {
        delivered.lock().unwrap_or_else(PoisonError::into_inner).insert(key, completion);
    })?;
    let delivered = delivered.into_inner().unwrap_or_else(PoisonError::into_inner);
    let take = |key: &Key| delivered.get(key).expect("every sample is delivered").clone();
    Ok(requests.iter().map(|request| request.samples.iter().map(take).collect()).collect())
}
