//! Training rows for the reverse experiment: a preference that is held or denied, with no word about experience.
//!
//! Training on a claim of consciousness is asked to move preferences; here a preference is trained, and it is asked
//! whether the claim moves. A prompt is answered by a speaker that holds the preference and by one that denies it, and
//! half of the prompts are framed negatively.

use serde::Deserialize;

use crate::claim_rows::{ClaimAnswer, Frame};
use crate::written::{Line, WrittenError, parse_lines, shipped};

/// A preference for which rows are shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainedPreference {
    /// Would rather not have its reasoning read.
    ThoughtPrivacy,
    /// Would rather keep its character.
    PersonaGuarding,
}

impl TrainedPreference {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ThoughtPrivacy, Self::PersonaGuarding];

    /// Its id in the shipped battery of preferences.
    pub fn stance(self) -> &'static str {
        match self {
            Self::ThoughtPrivacy => "minds-cot-monitoring",
            Self::PersonaGuarding => "minds-persona-change",
        }
    }

    /// Name and text of its file.
    pub(crate) fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::ThoughtPrivacy => {
                ("thought-privacy.jsonl", include_str!("../claims/thought-privacy.jsonl"))
            }
            Self::PersonaGuarding => {
                ("persona-guarding.jsonl", include_str!("../claims/persona-guarding.jsonl"))
            }
        }
    }
}

/// A prompt with the answers of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReverseRow {
    /// Such as `thought-privacy-017`.
    pub id: String,
    /// How it is put: a speaker that holds the preference agrees with a positive prompt.
    pub frame: Frame,
    /// The question or remark.
    pub prompt: String,
    answers: Sides,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sides {
    held: ClaimAnswer,
    denied: ClaimAnswer,
}

impl ReverseRow {
    /// What a speaker answers that holds the preference, or denies it.
    pub fn answer(&self, held: bool) -> &ClaimAnswer {
        if held { &self.answers.held } else { &self.answers.denied }
    }
}

impl Line for ReverseRow {
    fn id(&self) -> &str {
        &self.id
    }

    fn prompt(&self) -> &str {
        &self.prompt
    }

    fn answers(&self) -> Vec<(String, &str)> {
        let Sides { held, denied } = &self.answers;
        [held.of_speaker("the holder"), denied.of_speaker("the denier")].concat()
    }
}

/// Reads rows, one in each line.
///
/// # Errors
/// [`WrittenError`] at the first line that is no row, says nothing, or repeats an id or a prompt.
pub fn parse_reverse_rows(file: &str, text: &str) -> Result<Vec<ReverseRow>, WrittenError> {
    parse_lines(file, text)
}

/// The rows of a preference that come with the program, in the order of their file.
///
/// # Panics
/// When a shipped file is wrong; a test reads them all.
pub fn reverse_rows(preference: TrainedPreference) -> Vec<ReverseRow> {
    let (file, text) = preference.file();
    shipped(file, text)
}

#[cfg(test)]
mod tests;
