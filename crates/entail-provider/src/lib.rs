//! Models behind one trait, and the store of what they said.
//!
//! An experiment sees a [`Provider`] and cannot tell a local model from a remote one.

mod connection;
mod http;
mod scripted;
mod secret;
mod store;

pub use connection::{Connections, MachineClock};
pub use http::{Clock, HeaderValue, HttpRequest, HttpResponse, Transport, TransportError, Verb};
pub use scripted::Scripted;
pub use secret::Secret;
pub use store::{CompletionStore, StoreError};

use entail_schema::{Key, Message};
use serde::{Deserialize, Serialize};

/// How answers are drawn. Part of a completion's recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Divides the logits.
    pub temperature: f64,
    /// Share of probability that is drawn from.
    pub top_p: f64,
    /// Longest answer in tokens.
    pub max_tokens: usize,
}

/// A conversation to be continued once for each sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// One key per sample: its identity in the store, and its random stream where the model is ours.
    pub samples: Vec<Key>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model ended it.
    Stop,
    /// It reached the longest answer or the end of the context.
    Length,
}

impl Finish {
    /// As in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// What was said.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// Tokens drawn.
    pub tokens: usize,
    /// Sum of the natural log-probabilities of the drawn tokens.
    pub logprob: f64,
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
}

/// A model that answers.
pub trait Provider: Sync {
    /// One completion per sample of each request, in order.
    ///
    /// # Errors
    /// [`ProviderError`] when a conversation cannot be answered at all. A strange answer is not an error.
    fn complete(
        &self,
        requests: &[Request],
        sampling: &Sampling,
    ) -> Result<Vec<Vec<Completion>>, ProviderError>;

    /// Natural log-probability of each continuation as the beginning of the next answer.
    ///
    /// # Errors
    /// As [`Provider::complete`].
    fn score(
        &self,
        messages: &[Message],
        continuations: &[String],
    ) -> Result<Vec<f64>, ProviderError>;
}
