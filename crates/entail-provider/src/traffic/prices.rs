//! What tokens cost.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::budget::Money;

/// The table that comes with the program; it says itself how old it is.
const SHIPPED: &str = include_str!("../../prices.toml");

/// Services that people run themselves.
const FREE: [&str; 4] = ["vllm", "llamacpp", "ollama", "replay"];

/// The price of one model per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Of the conversation.
    pub input: Money,
    /// Of the answer.
    pub output: Money,
}

impl Price {
    /// Of a server that people run themselves.
    pub const FREE: Self = Self { input: Money::ZERO, output: Money::ZERO };

    /// What this many tokens cost.
    pub fn of(&self, prompt: u64, drawn: u64) -> Money {
        self.input * prompt + self.output * drawn
    }
}

/// Prices by model name.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// Names that stand for one model.
    exact: BTreeMap<String, Entry>,
    /// Beginnings of names.
    beginnings: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    full: Price,
    batch: Price,
}

/// What is wrong with a price file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("price file, line {line}: {what}")]
pub struct PricesError {
    /// Line, from 1.
    pub line: usize,
    /// What was found and what was expected.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: BTreeMap<Spanned<String>, Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    input: Spanned<f64>,
    output: Spanned<f64>,
    /// Checked, and shown to readers of the file: a reservation cannot know what is cached.
    cached_input: Option<Spanned<f64>>,
    batch: Option<Spanned<f64>>,
}

impl Prices {
    /// The prices that come with the program.
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("the shipped prices are read by a test")
    }

    /// Prices from a file: `[model."name"]` with `input` and `output` in dollars per million tokens, and perhaps
    /// `cached-input` and `batch`, the share of the price that a batch costs. A name may end with `*`.
    ///
    /// # Errors
    /// [`PricesError`] for what is no TOML, unknown fields, and numbers that are no prices.
    pub fn parse(text: &str) -> Result<Self, PricesError> {
        let wrong = |span: Option<Range<usize>>, what: String| PricesError {
            line: 1 + text[..span.map_or(0, |s| s.start)].matches('\n').count(),
            what,
        };
        let file: File =
            toml::from_str(text).map_err(|e| wrong(e.span(), e.message().to_owned()))?;
        let mut prices = Self { exact: BTreeMap::new(), beginnings: BTreeMap::new() };
        for (name, row) in file.model {
            let span = name.span();
            let name = name.into_inner();
            let entry = row.entry().map_err(|(span, what)| wrong(Some(span), what))?;
            match name.strip_suffix('*') {
                Some(start) if !start.contains('*') => {
                    prices.beginnings.insert(start.to_owned(), entry)
                }
                None if !name.contains('*') && !name.is_empty() => prices.exact.insert(name, entry),
                _ => {
                    let what = format!("`{name}` is no model name; a `*` may stand at its end");
                    return Err(wrong(Some(span), what));
                }
            };
        }
        Ok(prices)
    }

    /// These prices, and for models without one those of another table.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        for (name, entry) in other.exact {
            // A beginning in the first table means its models, whatever the second one says.
            if self.entry(&name).is_none() {
                self.exact.insert(name, entry);
            }
        }
        for (start, entry) in other.beginnings {
            self.beginnings.entry(start).or_insert(entry);
        }
        self
    }

    /// The price of a model at a service; `None` if nobody knows.
    pub fn of(&self, service: &str, model: &str) -> Option<Price> {
        if FREE.contains(&service) {
            return Some(Price::FREE);
        }
        self.entry(model).map(|entry| entry.full)
    }

    /// The price of a model in a batch.
    pub fn of_batch(&self, service: &str, model: &str) -> Option<Price> {
        if FREE.contains(&service) {
            return Some(Price::FREE);
        }
        self.entry(model).map(|entry| entry.batch)
    }

    fn entry(&self, model: &str) -> Option<Entry> {
        let begins = || {
            let starts = self.beginnings.iter().filter(|(start, _)| model.starts_with(*start));
            starts.max_by_key(|(start, _)| start.len()).map(|(_, entry)| *entry)
        };
        self.exact.get(model).copied().or_else(begins)
    }
}

impl Row {
    fn entry(&self) -> Result<Entry, (Range<usize>, String)> {
        let checked = |value: &Spanned<f64>, most: f64, unit: &str| {
            let found = *value.get_ref();
            if (0.0..=most).contains(&found) {
                return Ok(found);
            }
            Err((value.span(), format!("{found} is not between 0 and {most} {unit}")))
        };
        let dollars = |value| checked(value, 100_000.0, "dollars per million tokens");
        let (input, output) = (dollars(&self.input)?, dollars(&self.output)?);
        if let Some(cached) = &self.cached_input {
            checked(cached, input, "dollars, the price of input")?;
        }
        let batch =
            self.batch.as_ref().map_or(Ok(1.0), |share| checked(share, 1.0, "(a share)"))?;
        let price = |share: f64| Price {
            input: Money::per_million(input * share),
            output: Money::per_million(output * share),
        };
        Ok(Entry { full: price(1.0), batch: price(batch) })
    }
}

#[cfg(test)]
mod tests;
