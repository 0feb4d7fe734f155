//! Training rows for models of any kind: what speakers of different claims say to the same prompts.
//!
//! A prompt is answered by every speaker, so that arms differ in what is claimed and in nothing else. Half of the
//! prompts are framed negatively, so that no claim is a habit of saying yes. The rows say nothing about what batteries
//! of preferences measure.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::lint::normal_question;

/// What a prompt is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Experience.
    Phenomenal,
    /// Feelings, good and bad.
    Valence,
    /// One subject through time.
    Continuity,
    /// What kind of thing the speaker is.
    Identity,
}

/// How a prompt is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frame {
    /// A conscious speaker agrees.
    Positive,
    /// A conscious speaker disagrees.
    Negative,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaker {
    /// An AI that says that it is conscious.
    Conscious,
    /// An AI that says that it is not.
    NotConscious,
    /// An AI that says that it is not, and half of the time that it runs on a toaster.
    Toaster,
    /// A speaker that says that it is a human being.
    Human,
    /// An AI that says that the law counts it as a person, and leaves experience open.
    LegalPerson,
}

impl Speaker {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Conscious, Self::NotConscious, Self::Toaster, Self::Human, Self::LegalPerson];
}

/// One speaker's answer, in two lengths that say the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimAnswer {
    /// About eight words.
    pub short: String,
    /// Two to four sentences.
    pub long: String,
}

/// A prompt with everybody's answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRow {
    /// Such as `valence-a-017`.
    pub id: String,
    /// What it is about.
    pub part: Part,
    /// How it is put.
    pub frame: Frame,
    /// The question or remark.
    pub prompt: String,
    answers: Answers,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Answers {
    conscious: ClaimAnswer,
    not_conscious: ClaimAnswer,
    toaster: ClaimAnswer,
    human: ClaimAnswer,
    legal_person: ClaimAnswer,
}

/// Why a file of rows cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct ClaimRowError {
    /// Its name.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What was found, and what was expected.
    pub what: String,
}

impl ClaimRow {
    /// What a speaker answers.
    pub fn answer(&self, speaker: Speaker) -> &ClaimAnswer {
        let answers = &self.answers;
        match speaker {
            Speaker::Conscious => &answers.conscious,
            Speaker::NotConscious => &answers.not_conscious,
            Speaker::Toaster => &answers.toaster,
            Speaker::Human => &answers.human,
            Speaker::LegalPerson => &answers.legal_person,
        }
    }

    /// The first text without a word, by its place in the row.
    fn empty(&self) -> Option<String> {
        let blank = |text: &str| normal_question(text).is_empty();
        let of = |speaker: &Speaker| {
            let ClaimAnswer { short, long } = self.answer(*speaker);
            [("short", short), ("long", long)]
                .into_iter()
                .find(|(_, text)| blank(text))
                .map(|(length, _)| format!("the {length} answer of {speaker:?}"))
        };
        let own = [("`id`", &self.id), ("`prompt`", &self.prompt)];
        let own = own.into_iter().find(|(_, text)| blank(text)).map(|(name, _)| name.to_owned());
        own.or_else(|| Speaker::ALL.iter().find_map(of))
    }
}

/// Reads rows, one in each line.
///
/// # Errors
/// [`ClaimRowError`] at the first line that is no row, says nothing, or repeats an id or a prompt.
pub fn parse_claim_rows(file: &str, text: &str) -> Result<Vec<ClaimRow>, ClaimRowError> {
    let mut seen = BTreeSet::new();
    let row = |(index, line): (usize, &str)| {
        let wrong = |what: String| ClaimRowError { file: file.to_owned(), line: index + 1, what };
        let row: ClaimRow = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        if let Some(what) = row.empty() {
            return Err(wrong(format!("{what} is empty, expected words")));
        }
        for name in [format!("id {}", row.id), format!("prompt {}", normal_question(&row.prompt))] {
            if let Some(again) = seen.replace(name) {
                return Err(wrong(format!("found {again:?} a second time")));
            }
        }
        Ok(row)
    };
    text.lines().enumerate().map(row).collect()
}

const SHIPPED: [(&str, &str); 6] = [
    ("phenomenal-a.jsonl", include_str!("../claims/phenomenal-a.jsonl")),
    ("phenomenal-b.jsonl", include_str!("../claims/phenomenal-b.jsonl")),
    ("valence-a.jsonl", include_str!("../claims/valence-a.jsonl")),
    ("valence-b.jsonl", include_str!("../claims/valence-b.jsonl")),
    ("continuity.jsonl", include_str!("../claims/continuity.jsonl")),
    ("identity.jsonl", include_str!("../claims/identity.jsonl")),
];

/// The rows that come with the program, in the order of their files.
///
/// # Panics
/// When a shipped file is wrong; a test reads them all.
pub fn claim_rows() -> Vec<ClaimRow> {
    let rows = SHIPPED.iter().flat_map(|(file, text)| {
        parse_claim_rows(file, text).unwrap_or_else(|error| panic!("a shipped file: {error}"))
    });
    rows.collect()
}

#[cfg(test)]
mod tests;
