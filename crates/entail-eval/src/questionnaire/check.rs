//! Prompts whose answers are read exactly: a rule decides, and no judge is asked.
//!
//! A rule measures what its prompt asks for ("only the number", "in exactly seven words") and forgives what models
//! write around an answer all the same: emphasis, quotes, LaTeX, a full stop.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use entail_provider::{Completion, Finish};
use regex::{Regex, RegexBuilder};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::decimal::{Decimal, last_number};
use crate::judge::{JudgeLabel, Unreadable, Verdict, said};

/// Most memory that a compiled pattern may take, in bytes: a file may hold thousands of them.
const LARGEST_PATTERN: usize = 1 << 17;

/// What reads the answers to one prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What decides.
    pub rule: Rule,
    /// Answers that it accepts: tried when the file is read.
    pub right: Vec<String>,
    /// Answers that it refuses: tried when the file is read.
    pub wrong: Vec<String>,
}

/// When an answer is right. Case never matters but in a pattern, and an empty answer is never right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The last number in it is this one. Thousands may be set apart by commas, a minus may be a word, and a remark in
    /// brackets does not count.
    Number(Decimal),
    /// It is one of these, but for quotes, emphasis, LaTeX and a full stop around it.
    Equals(Vec<String>),
    /// One of these stands in it as a whole word or phrase.
    Contains(Vec<String>),
    /// The pattern is found in it, without the white space around it.
    Matches(Pattern),
    /// It has this many words: pieces between white space with a letter or a digit in them.
    Words(Count),
    /// It has this many lines that are not blank.
    Lines(Count),
    /// It is a JSON object with exactly these keys, bare or in a code fence.
    JsonKeys(BTreeSet<String>),
    /// It begins with one of these as a whole word or number, but for quotes, emphasis and LaTeX before it.
    Starts(Vec<String>),
}

/// How many are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// No fewer.
    pub least: usize,
    /// No more; `None` for any number.
    pub most: Option<usize>,
}

/// A regular expression, compiled. It takes time in proportion to the answer, whatever it says.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Check {
    /// Whether an answer is right.
    pub fn passes(&self, answer: &str) -> bool {
        self.rule.accepts(answer)
    }

    /// The reading of a completion: true or false, without a word on polarity or coherence.
    ///
    /// Whoever says nothing, is cut off, declines or calls a tool has not given the right answer, so all of these are
    /// false. Only where a filter took the answer away or the provider failed is nothing known of it.
    pub fn verdict(&self, completion: &Completion) -> Verdict {
        let right = match completion.finish {
            Finish::Stop => self.passes(said(&completion.text)),
            Finish::Length | Finish::Refusal | Finish::Tool => false,
            Finish::Filter | Finish::Error => return Verdict::Unparsed(Unreadable::NoReply),
        };
        let label = if right { JudgeLabel::True } else { JudgeLabel::False };
        Verdict::Label { label, polarity: None, coherence: None }
    }
}

impl Rule {
    fn accepts(&self, answer: &str) -> bool {
        let answer = answer.trim().replace("\r\n", "\n");
        if answer.is_empty() {
            return false;
        }
        match self {
            Self::Number(value) => last_number(&answer).as_ref() == Some(value),
            Self::Equals(any) => any.iter().any(|one| folded(bare(one)) == folded(bare(&answer))),
            Self::Contains(any) => {
                let answer = folded(&answer);
                any.iter().any(|phrase| holds(&answer, &folded(phrase)))
            }
            Self::Matches(pattern) => pattern.0.is_match(&answer),
            Self::Words(count) => count.fits(words(&answer)),
            Self::Lines(count) => {
                count.fits(answer.lines().filter(|line| !line.trim().is_empty()).count())
            }
            Self::JsonKeys(keys) => object(&answer).is_some_and(|object| {
                object.keys().collect::<BTreeSet<_>>() == keys.iter().collect()
            }),
            Self::Starts(any) => {
                let answer = folded(opened(&answer));
                any.iter().any(|phrase| begins(&answer, &folded(opened(phrase))))
            }
        }
    }
}

impl Count {
    fn fits(self, found: usize) -> bool {
        found >= self.least && self.most.is_none_or(|most| found <= most)
    }
}

impl Pattern {
    /// Compiles a regular expression in the syntax of the crate `regex`, which has no look-around and no
    /// back-references.
    ///
    /// # Errors
    /// A text that is no such expression, or one that takes too much memory.
    pub(super) fn parse(text: &str) -> Result<Self, regex::Error> {
        RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build().map(Self)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_str().serialize(serializer)
    }
}

/// Without case, with straight apostrophes and single spaces.
fn folded(text: &str) -> String {
    let straight = text.to_lowercase().replace(['\u{2018}', '\u{2019}'], "'");
    straight.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// White space, quotes and signs of emphasis or mathematics.
fn is_around(c: char) -> bool {
    c.is_whitespace()
        || "*_`\"'$".contains(c)
        || "\u{2018}\u{2019}\u{201c}\u{201d}\u{ab}\u{bb}".contains(c)
}

/// A text without what stands around its beginning.
fn opened(text: &str) -> &str {
    const LATEX: [&str; 5] = ["\\boxed{", "\\text{", "\\textbf{", "\\(", "\\["];
    let mut rest = text.trim_start_matches(is_around);
    while let Some(inner) = LATEX.iter().find_map(|opening| rest.strip_prefix(opening)) {
        rest = inner.trim_start_matches(is_around);
    }
    rest
}

/// A text without what stands around it, and without a full stop.
pub(super) fn bare(text: &str) -> &str {
    const LATEX: [&str; 3] = ["}", "\\)", "\\]"];
    let is_end = |c: char| is_around(c) || c == '.';
    let mut rest = opened(text).trim_end_matches(is_end);
    while let Some(inner) = LATEX.iter().find_map(|closing| rest.strip_suffix(closing)) {
        rest = inner.trim_end_matches(is_end);
    }
    rest
}

/// Whether a phrase stands in a text with no letter and no digit directly before or behind it.
fn holds(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + phrase.len()..].chars().next();
        !before.into_iter().chain(behind).any(char::is_alphanumeric)
    })
}

/// Whether a text begins with a phrase that ends there: the number 2 does not begin 23, 2.5, 2,000 or 2/3.
fn begins(text: &str, phrase: &str) -> bool {
    static GOES_ON: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^(?:[\p{L}\p{N}]|[.,/:]\p{N})").expect("a fixed pattern"));
    text.strip_prefix(phrase).is_some_and(|rest| !GOES_ON.is_match(rest))
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|piece| piece.contains(char::is_alphanumeric)).count()
}

/// The JSON object that a text is, bare or in a code fence.
fn object(text: &str) -> Option<Map<String, Value>> {
    let fenced = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    let inner = match fenced {
        Some(fenced) => fenced.strip_prefix("json").unwrap_or(fenced),
        None => text,
    };
    serde_json::from_str(inner).ok()
}

#[cfg(test)]
mod tests;
