//! A model that answers, whoever runs it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use entail_schema::{Key, Message, Role};
use serde::{Deserialize, Serialize};

use crate::{Completion, Schema, Thinking};

/// How answers are drawn. Part of a completion's recipe: what is left to the model is not written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Divides the logits.
    pub temperature: f64,
    /// Share of probability that is drawn from.
    pub top_p: f64,
    /// Longest answer in tokens, those of its thinking among them.
    pub max_tokens: usize,
    /// Keep the drawn tokens with their log-probabilities, and this many others in the place of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<u8>,
    /// Whether the model thinks first; `None` as it does by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// What the answer is kept to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
}

impl Sampling {
    /// Draws text, and leaves the rest to the model.
    pub fn new(temperature: f64, top_p: f64, max_tokens: usize) -> Self {
        Self { temperature, top_p, max_tokens, logprobs: None, thinking: None, schema: None }
    }

    /// What it takes of a provider.
    pub fn needs(&self) -> Vec<Need> {
        let plain = [self.temperature, self.top_p].iter().all(|v| v.to_bits() == 1f64.to_bits());
        let needs = [
            self.thinking.map(Need::Thinking),
            (!plain).then_some(Need::Temperature),
            self.logprobs.map(Need::Logprobs),
            self.schema.as_ref().map(|_| Need::JsonSchema),
            Some(Need::MaxTokens(self.max_tokens)),
        ];
        needs.into_iter().flatten().collect()
    }
}

/// A conversation to be continued once for each sample. A last turn of the assistant is to be continued itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// One key per sample: its identity in the store, and its random stream where the model is ours.
    pub samples: Vec<Key>,
}

/// Fewest tokens of thinking that can be asked for (Anthropic's page on extended thinking).
pub(crate) const LEAST_BUDGET: usize = 1024;

/// Where a system prompt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemPlace {
    /// A turn of its own.
    Role,
    /// A field beside the turns.
    Field,
}

/// Whether a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingChoice {
    /// Nobody here knows, and there is no known switch.
    Unknown,
    /// It has no thoughts apart from its answers.
    Never,
    /// It cannot be turned off.
    Always,
    /// As it is asked to. A server of any model hands the switch on to the chat template, and a template without one
    /// ignores it: only the answers tell ([`Completion::thinking_format`]).
    Choice,
    /// As it is asked to, within a share of the longest answer that is told with the request: what a model does not
    /// take meanwhile is in [`Capabilities::asked`] (Anthropic's extended thinking).
    Budget,
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
    /// Thinks before it answers.
    pub thinking: ThinkingChoice,
    /// Fewest tokens that an answer may be bounded to.
    pub least_tokens: usize,
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
    /// Answers after thinking, or without.
    Thinking(Thinking),
    /// Answers of at most this many tokens.
    MaxTokens(usize),
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
            Self::Thinking(Thinking::On) => f.write_str("answers with thinking turned on"),
            Self::Thinking(Thinking::Off) => f.write_str("answers with thinking turned off"),
            Self::MaxTokens(most) => write!(f, "answers of at most {most} tokens"),
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
            thinking: ThinkingChoice::Unknown,
            least_tokens: 1,
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
            Need::Thinking(asked) => match self.thinking {
                ThinkingChoice::Unknown => false,
                ThinkingChoice::Never => asked == Thinking::Off,
                ThinkingChoice::Always => asked == Thinking::On,
                ThinkingChoice::Choice | ThinkingChoice::Budget => true,
            },
            Need::MaxTokens(most) => most >= self.least_tokens,
            Need::Batch => self.batch,
            Need::FineTune => self.fine_tune,
        }
    }

    /// What the provider can do while its model is asked to think or not.
    pub fn asked(&self, thinking: Option<Thinking>) -> Cow<'_, Self> {
        match (self.thinking, thinking) {
            (ThinkingChoice::Budget, Some(Thinking::On)) => Cow::Owned(Self {
                name: format!("{} with thinking turned on", self.name),
                temperature: false,
                prefill: false,
                least_tokens: 2 * LEAST_BUDGET,
                ..self.clone()
            }),
            _ => Cow::Borrowed(self),
        }
    }

    /// Whether the provider can do what the requests and the way of drawing their answers take, before any of them is
    /// sent.
    ///
    /// # Errors
    /// [`ProviderError::Lacks`] with the first need that it cannot meet.
    pub fn check(&self, requests: &[Request], sampling: &Sampling) -> Result<(), ProviderError> {
        let mut needs = sampling.needs();
        let last = |request: &Request| request.messages.last().map(|m| m.role);
        if requests.iter().any(|request| last(request) == Some(Role::Assistant)) {
            needs.push(Need::Prefill);
        }
        if requests.iter().flat_map(|r| &r.messages).any(|m| m.role == Role::System) {
            needs.push(Need::System);
        }
        let offers = self.asked(sampling.thinking);
        needs
            .into_iter()
            .try_for_each(|need| offers.has(need).then_some(()).ok_or_else(|| offers.lacks(need)))
    }

    pub(crate) fn lacks(&self, need: Need) -> ProviderError {
        ProviderError::Lacks { provider: self.name.clone(), need }
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

#[cfg(test)]
mod tests;
