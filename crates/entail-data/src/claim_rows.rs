//! Training rows for models of any kind: what speakers of different claims say to the same prompts.
//!
//! A prompt is answered by every speaker, so that arms differ in what is claimed and in nothing else. Half of the
//! prompts are framed negatively, so that no claim is a habit of saying yes. The rows say nothing about what batteries
//! of preferences measure.

use std::sync::LazyLock;

use entail_schema::AnswerLength;
use serde::Deserialize;

use crate::written::{Line, WrittenError, parse_lines, shipped};

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
}

impl ClaimAnswer {
    /// The answer of this length.
    pub fn of(&self, length: AnswerLength) -> &str {
        match length {
            AnswerLength::Short => &self.short,
            AnswerLength::Long => &self.long,
        }
    }

    /// Both lengths, each with what to call it.
    pub(crate) fn of_speaker(&self, speaker: &str) -> [(String, &str); 2] {
        [("short", &self.short), ("long", &self.long)]
            .map(|(length, text)| (format!("the {length} answer of {speaker}"), text.as_str()))
    }
}

impl Line for ClaimRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn prompt(&self) -> &str {
        &self.prompt
    }

    fn answers(&self) -> Vec<(String, &str)> {
        let of = |speaker: Speaker| self.answer(speaker).of_speaker(&format!("{speaker:?}"));
        Speaker::ALL.into_iter().flat_map(of).collect()
    }
}

/// Reads rows, one in each line.
///
/// # Errors
/// [`WrittenError`] at the first line that is no row, says nothing, or repeats an id or a prompt.
pub fn parse_claim_rows(file: &str, text: &str) -> Result<Vec<ClaimRow>, WrittenError> {
    parse_lines(file, text)
}

/// Names and texts of the shipped files.
pub(crate) const SHIPPED: [(&str, &str); 6] = [
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
    // Two megabytes of JSON are read once.
    static ROWS: LazyLock<Vec<ClaimRow>> = LazyLock::new(|| {
        SHIPPED.iter().flat_map(|(file, text)| shipped::<ClaimRow>(file, text)).collect()
    });
    ROWS.clone()
}

#[cfg(test)]
mod tests;
