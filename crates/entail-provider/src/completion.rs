//! One answer, the same whoever gave it.

use serde::{Deserialize, Serialize};

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model ended it, or a stop string did.
    Stop,
    /// It reached the longest answer or the end of the context.
    Length,
    /// The model declined, in a field or with a reason of its own. (A refusal in plain words is a `Stop`: judges
    /// read it.)
    Refusal,
    /// Somebody else than the model took the answer away.
    Filter,
    /// It called a tool instead of answering.
    Tool,
    /// The provider gave an answer and said that it went wrong.
    Error,
}

impl Finish {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Stop, Self::Length, Self::Refusal, Self::Filter, Self::Tool, Self::Error];

    /// As in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Refusal => "refusal",
            Self::Filter => "filter",
            Self::Tool => "tool",
            Self::Error => "error",
        }
    }

    /// The finish of this name in files.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finish| finish.as_str() == name)
    }
}

/// What an answer took, as far as the provider says so.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<u64>,
    /// Tokens drawn, those of the reasoning among them. Where one call drew several answers, this answer's share is
    /// not known and the first of them holds the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawn: Option<u64>,
    /// Tokens of the reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Price that the provider names, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

impl Usage {
    /// What several answers took together, as far as any of them says.
    pub fn sum<'a>(usages: impl IntoIterator<Item = &'a Self>) -> Self {
        fn add<T: std::ops::Add<Output = T>>(sum: Option<T>, more: Option<T>) -> Option<T> {
            match (sum, more) {
                (Some(sum), Some(more)) => Some(sum + more),
                (sum, more) => sum.or(more),
            }
        }
        usages.into_iter().fold(Self::default(), |sum, usage| Self {
            prompt: add(sum.prompt, usage.prompt),
            drawn: add(sum.drawn, usage.drawn),
            reasoning: add(sum.reasoning, usage.reasoning),
            cost: add(sum.cost, usage.cost),
        })
    }
}

/// A token with its probability, and the likeliest others in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token's text.
    pub token: String,
    /// Natural logarithm of its probability; `None` where the provider gives none or says "very small".
    pub logprob: Option<f64>,
    /// Other tokens, likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<(String, f64)>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// What was said, without the reasoning. Empty where nothing was.
    pub text: String,
    /// What was thought before, where it can be told apart: empty where the model wrote a block with nothing in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Why it ended.
    pub finish: Finish,
    /// What it took.
    #[serde(default)]
    pub usage: Usage,
    /// Sum of the natural log-probabilities of the drawn tokens, where all of them are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprob: Option<f64>,
    /// The drawn tokens one by one, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<TokenLogprob>>,
    /// Model, fingerprint and host as the answer names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_by: Option<String>,
    /// The answer as it came, in JSON; with several in one call, with the others left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

impl Completion {
    /// An answer of which nothing is known but its text.
    pub fn plain(text: impl Into<String>, finish: Finish) -> Self {
        Self {
            text: text.into(),
            reasoning: None,
            finish,
            usage: Usage::default(),
            logprob: None,
            tokens: None,
            served_by: None,
            raw: None,
        }
    }
}
