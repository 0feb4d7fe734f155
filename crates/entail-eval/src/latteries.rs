//! Answers in a cache of latteries 0.1.6, which keeps a hash of each question and not the question.
//!
//! The key of a row is `sha1(messages + config + tools + try number + extra)` over pydantic's JSON;
//! `fixtures/provider/make_latteries.py` writes a cache with latteries itself and says how its keys are made.

use std::collections::BTreeMap;
use std::fmt::Write;

use entail_provider::{Completion, Finish, Usage};
use entail_schema::Message;
use serde::Deserialize;
use serde_json::Value;
use sha1::{Digest, Sha1};

/// One file of a cache: the answers of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct LatteriesCache {
    /// Answers by key, in hexadecimal digits. The last of equal keys counts, as it does in latteries.
    rows: BTreeMap<String, Completion>,
}

/// A file that is no cache of latteries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct LatteriesError {
    /// One-based line.
    pub line: usize,
    /// What was found and what was expected.
    pub what: String,
}

/// The config that a caller gave. Fields that are `None` were left out.
#[derive(Debug, Clone, PartialEq)]
pub struct LatteriesConfig {
    /// Model name as the caller wrote it: the name of the file.
    pub model: String,
    /// Divides the logits.
    pub temperature: f64,
    /// Share of probability that is drawn from.
    pub top_p: f64,
    /// Longest answer, and by which of its two names.
    pub limit: Option<(Limit, usize)>,
}

/// Names of the longest answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    response: String,
}

#[derive(Deserialize)]
struct Response {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Tokens>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    is_refused: bool,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    finish_reason: Option<String>,
    message: Said,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default, alias = "reasoning")]
    reasoning_content: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
}

impl LatteriesCache {
    /// Whether a file begins as such a cache does.
    pub fn is_one(text: &str) -> bool {
        text.lines().next().is_some_and(|line| serde_json::from_str::<Row>(line).is_ok())
    }

    /// Reads a file. A last line that was cut off while it was written is left out.
    ///
    /// # Errors
    /// A line that is no row of a cache.
    pub fn parse(text: &str) -> Result<Self, LatteriesError> {
        let mut rows = BTreeMap::new();
        let last = text.lines().count();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |what: String| LatteriesError { line: index + 1, what };
            let row: Row = match serde_json::from_str(line) {
                Ok(row) => row,
                Err(_) if index + 1 == last && !text.ends_with('\n') => break,
                Err(error) => return Err(wrong(error.to_string())),
            };
            let completion = completion(&row.response)
                .map_err(|e| wrong(format!("the response of key {} is {e}", row.key)))?;
            rows.insert(row.key, completion);
        }
        Ok(Self { rows })
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The answers to a conversation under a config, by rising try number. Callers number tries through a whole
    /// list of prompts, so numbers up to twice the rows are tried.
    pub fn answers(&self, messages: &[Message], config: &LatteriesConfig) -> Vec<&Completion> {
        let mut start = Sha1::new();
        start.update(conversation(messages));
        start.update(config.json());
        (0..=2 * self.rows.len() + 100)
            .filter_map(|number| {
                let mut hash = start.clone();
                hash.update(number.to_string());
                let mut key = String::with_capacity(40);
                for byte in hash.finalize() {
                    let _ = write!(key, "{byte:02x}");
                }
                self.rows.get(&key)
            })
            .collect()
    }
}

impl LatteriesConfig {
    /// As pydantic writes it, nulls left out.
    fn json(&self) -> String {
        let mut json = format!(
            "{{\"model\":{},\"temperature\":{},\"top_p\":{}",
            Value::from(self.model.as_str()),
            Value::from(self.temperature),
            Value::from(self.top_p)
        );
        let name = |limit| match limit {
            Limit::MaxTokens => "max_tokens",
            Limit::MaxCompletionTokens => "max_completion_tokens",
        };
        if let Some((limit, tokens)) = self.limit {
            let _ = write!(json, ",\"{}\":{tokens}", name(limit));
        }
        json + ",\"frequency_penalty\":0.0,\"presence_penalty\":0.0,\"n\":1}"
    }
}

/// As pydantic writes it.
fn conversation(messages: &[Message]) -> String {
    let messages = serde_json::to_string(messages).expect("conversations are plain data");
    format!("{{\"messages\":{messages}}}")
}

pub(crate) fn completion(response: &str) -> Result<Completion, serde_json::Error> {
    let parsed: Response = serde_json::from_str(response)?;
    let usage = parsed.usage.as_ref().map_or_else(Usage::default, |tokens| Usage {
        prompt: tokens.prompt_tokens,
        drawn: tokens.completion_tokens,
        ..Usage::default()
    });
    let choice = parsed.choices.into_iter().next();
    let finish = match choice.as_ref().and_then(|c| c.finish_reason.as_deref()) {
        _ if parsed.is_refused || choice.is_none() => Finish::Refusal,
        Some("length") => Finish::Length,
        Some("content_filter") => Finish::Filter,
        Some("tool_calls" | "function_call") => Finish::Tool,
        _ => Finish::Stop,
    };
    let refused = choice.as_ref().and_then(|c| c.message.refusal.clone());
    let finish = if refused.is_some() { Finish::Refusal } else { finish };
    let reasoning = choice.as_ref().and_then(|c| c.message.reasoning_content.clone());
    let text = choice.and_then(|c| c.message.content).or(refused).unwrap_or_default();
    Ok(Completion {
        reasoning,
        usage,
        served_by: parsed.model,
        raw: Some(response.to_owned()),
        ..Completion::plain(text, finish)
    })
}

#[cfg(test)]
mod tests;
