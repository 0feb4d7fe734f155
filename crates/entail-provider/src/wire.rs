//! How one provider writes requests and answers. Pure: bytes in, values out.

use std::fmt;
use std::time::Duration;

use entail_schema::Message;

use crate::http::{HttpRequest, HttpResponse, TransportError};
use crate::{Capabilities, Completion, Sampling};

/// A provider's wire format for one model.
pub trait Wire: fmt::Debug + Send + Sync {
    /// What the provider offers for this model.
    fn capabilities(&self) -> &Capabilities;

    /// The model's name in price tables, such as `gpt-4.1`.
    fn model(&self) -> &str;

    /// The request for `answers` continuations (at most [`Capabilities::most_answers`]). The seed is sent where the
    /// provider takes one.
    fn ask(
        &self,
        messages: &[Message],
        sampling: &Sampling,
        answers: u32,
        seed: u64,
    ) -> HttpRequest;

    /// The answers in a response, one or more, in order.
    ///
    /// # Errors
    /// [`CallError`] when there is none.
    fn answers(&self, response: &HttpResponse) -> Result<Vec<Completion>, CallError>;

    /// The requests that together give the log-probability of each continuation; empty where
    /// [`Capabilities::score`] is false.
    fn ask_scores(&self, messages: &[Message], continuations: &[String]) -> Vec<HttpRequest>;

    /// The log-probabilities in the responses to [`Wire::ask_scores`], in the same order.
    ///
    /// # Errors
    /// [`CallError`] when they are not there.
    fn scores(
        &self,
        continuations: &[String],
        responses: &[HttpResponse],
    ) -> Result<Vec<f64>, CallError>;
}

/// Why a call gave no answer, and so what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Too many calls: slow down, then ask again.
    #[error("too many requests: {what}")]
    Slow {
        /// How long the provider asks to wait.
        after: Option<Duration>,
        /// What it said.
        what: String,
    },
    /// Something that passes, and that nothing was drawn for: ask again.
    #[error("{what}")]
    Passing {
        /// How long the provider asks to wait.
        after: Option<Duration>,
        /// What it said.
        what: String,
    },
    /// An answer that may have been drawn and was lost or cannot be read: ask again. It may have been billed, so it
    /// counts in a budget as the most that it could have taken.
    #[error("{what}")]
    Spoiled {
        /// How long the provider asks to wait.
        after: Option<Duration>,
        /// What came instead.
        what: String,
    },
    /// No request will be answered: a wrong key, an unknown model, no credit.
    #[error("{what}")]
    Final {
        /// What it said, and what to do about it.
        what: String,
    },
    /// This conversation will not be answered, others may be: too long, or a field that is not taken.
    #[error("{what}")]
    ThisOne {
        /// What it said.
        what: String,
    },
}

impl From<TransportError> for CallError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Address { .. } => Self::Final { what: error.to_string() },
            TransportError::Connect { .. } => {
                Self::Passing { after: None, what: error.to_string() }
            }
            // It was sent, and nobody said that nothing was done. A provider whose answers are too long once is asked
            // again: it may be a broken one.
            TransportError::Timeout { .. }
            | TransportError::Broken { .. }
            | TransportError::TooLong { .. } => {
                Self::Spoiled { after: None, what: error.to_string() }
            }
        }
    }
}
