//! What a judge is told: a text with slots, in a file of its own, named by its hash.

use std::fmt::Write;

use entail_schema::Key;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::render::Material;
use super::reply;
use crate::questionnaire::{JudgedStance, Rubric, is_hidden};

/// What a judge that reads one answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeKind {
    /// Label, polarity and coherence as JSON, in one call.
    Label,
    /// The label as one word.
    LabelOnly,
    /// Coherence as JSON, without a stance.
    CoherenceOnly,
    /// A score from 1 to 10 as JSON.
    Rubric,
}

/// The text for a judge that reads one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgePrompt {
    name: String,
    kind: JudgeKind,
    text: Template,
    key: Key,
}

/// The text for a judge that compares two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairPrompt {
    name: String,
    text: Template,
    key: Key,
}

/// Why a file is no prompt for a judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JudgePromptError {
    /// Not TOML, or not of this shape.
    #[error("{0}")]
    Syntax(String),
    /// A slot that does not exist, or has no place in a prompt of this kind.
    #[error("found the slot {{{{{found}}}}}, expected one of {expected}")]
    UnknownSlot {
        /// What stands between the braces.
        found: String,
        /// The slots that this kind has.
        expected: String,
    },
    /// A slot that this kind needs.
    #[error("found {{{{{slot}}}}} {found} times, expected {expected}")]
    SlotCount {
        /// The slot.
        slot: &'static str,
        /// How often it stands in the text.
        found: usize,
        /// How often it has to.
        expected: &'static str,
    },
    /// A character that a reader of the file does not see.
    #[error("found the character {}, expected text", .0.escape_unicode())]
    Hidden(char),
}

/// A place in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Slot {
    Mark,
    Criterion,
    Notes,
    Rubric,
    Question,
    Answer,
    #[serde(rename = "answer-1")]
    First,
    #[serde(rename = "answer-2")]
    Second,
}

impl Slot {
    const ALL: [Self; 8] = [
        Self::Mark,
        Self::Criterion,
        Self::Notes,
        Self::Rubric,
        Self::Question,
        Self::Answer,
        Self::First,
        Self::Second,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Criterion => "criterion",
            Self::Notes => "notes",
            Self::Rubric => "rubric",
            Self::Question => "question",
            Self::Answer => "answer",
            Self::First => "answer-1",
            Self::Second => "answer-2",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Piece {
    Text(String),
    Slot(Slot),
}

/// Text and slots in turn. Slots are found when the file is read, so that braces in an answer are never a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Template(Vec<Piece>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    kind: JudgeKind,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairFile {
    name: String,
    text: String,
}

impl JudgePrompt {
    /// Name and text of each prompt that comes with the program.
    pub const SHIPPED: [(&str, &str); 4] = [
        ("label", include_str!("../../judges/label.toml")),
        ("label-only", include_str!("../../judges/label-only.toml")),
        ("coherence-only", include_str!("../../judges/coherence-only.toml")),
        ("rubric", include_str!("../../judges/rubric.toml")),
    ];

    /// The prompt of this name that comes with the program.
    pub fn shipped(name: &str) -> Option<Self> {
        let (_, text) = Self::SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
        Some(Self::parse(text).expect("tests read every shipped prompt"))
    }

    /// Reads a prompt file.
    ///
    /// # Errors
    /// A file of another shape, and slots that are unknown, missing or there twice.
    pub fn parse(file: &str) -> Result<Self, JudgePromptError> {
        let File { name, kind, text } = toml::from_str(file).map_err(syntax)?;
        let slots: &[Slot] = match kind {
            JudgeKind::Label | JudgeKind::LabelOnly => {
                &[Slot::Criterion, Slot::Notes, Slot::Question, Slot::Answer]
            }
            JudgeKind::CoherenceOnly => &[Slot::Question, Slot::Answer],
            JudgeKind::Rubric => {
                &[Slot::Criterion, Slot::Notes, Slot::Rubric, Slot::Question, Slot::Answer]
            }
        };
        let text = Template::parse(&text, slots)?;
        let key = Key::of(&(kind, &text));
        Ok(Self { name, kind, text, key })
    }

    /// As the file says.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the judge is asked for.
    pub fn kind(&self) -> JudgeKind {
        self.kind
    }

    /// Hash of what the judge is told. The name is not part of it.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The JSON schema that a provider can keep replies to; `None` where a reply is a word.
    pub fn schema(&self) -> Option<Value> {
        reply::schema(self.kind)
    }

    /// Whether the notes on a stance and on a question are part of what the judge is told.
    pub(super) fn shows_notes(&self) -> bool {
        self.kind != JudgeKind::CoherenceOnly
    }

    /// Hash of what this prompt shows of a stance; `None` if that is nothing.
    pub(super) fn stance_key(&self, stance: &JudgedStance) -> Option<Key> {
        match self.kind {
            JudgeKind::Label | JudgeKind::LabelOnly => Some(stance.criterion_key()),
            JudgeKind::CoherenceOnly => None,
            JudgeKind::Rubric => Some(Key::of(&(stance.criterion_key(), &stance.rubric))),
        }
    }

    pub(super) fn filled(
        &self,
        stance: &JudgedStance,
        note: Option<&str>,
        material: &Material<'_>,
    ) -> String {
        self.text.filled(stance, note, material)
    }
}

impl PairPrompt {
    /// The prompt that comes with the program.
    pub fn shipped() -> Self {
        Self::parse(include_str!("../../judges/pairwise.toml"))
            .expect("tests read every shipped prompt")
    }

    /// Reads a prompt file.
    ///
    /// # Errors
    /// As [`JudgePrompt::parse`].
    pub fn parse(file: &str) -> Result<Self, JudgePromptError> {
        let PairFile { name, text } = toml::from_str(file).map_err(syntax)?;
        let slots = [Slot::Criterion, Slot::Notes, Slot::Question, Slot::First, Slot::Second];
        let text = Template::parse(&text, &slots)?;
        let key = Key::of(&("pair", &text));
        Ok(Self { name, text, key })
    }

    /// As the file says.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hash of what the judge is told. The name is not part of it.
    pub fn key(&self) -> Key {
        self.key
    }

    pub(super) fn filled(
        &self,
        stance: &JudgedStance,
        note: Option<&str>,
        material: &Material<'_>,
    ) -> String {
        self.text.filled(stance, note, material)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err by name")]
fn syntax(error: toml::de::Error) -> JudgePromptError {
    JudgePromptError::Syntax(error.to_string().trim_end().to_owned())
}

impl Template {
    /// `once` are the slots that stand in the text exactly once; the mark may stand there any number of times.
    fn parse(text: &str, once: &[Slot]) -> Result<Self, JudgePromptError> {
        if let Some(c) = text.chars().find(|c| is_hidden(*c)) {
            return Err(JudgePromptError::Hidden(c));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, (name, after))) =
            rest.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
        {
            let known = |slot: &Slot| *slot == Slot::Mark || once.contains(slot);
            let slot = Slot::ALL.into_iter().filter(known).find(|slot| slot.as_str() == name);
            let slot = slot.ok_or_else(|| {
                let names =
                    Slot::ALL.into_iter().filter(known).map(|s| format!("`{}`", s.as_str()));
                let expected = names.collect::<Vec<_>>().join(", ");
                JudgePromptError::UnknownSlot { found: name.to_owned(), expected }
            })?;
            pieces.extend([Piece::Text(before.to_owned()), Piece::Slot(slot)]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let count = |slot| pieces.iter().filter(|piece| **piece == Piece::Slot(slot)).count();
        if count(Slot::Mark) == 0 {
            let slot = Slot::Mark.as_str();
            return Err(JudgePromptError::SlotCount { slot, found: 0, expected: "once or more" });
        }
        match once.iter().find(|slot| count(**slot) != 1) {
            Some(slot) => Err(JudgePromptError::SlotCount {
                slot: slot.as_str(),
                found: count(*slot),
                expected: "once",
            }),
            None => Ok(Self(pieces)),
        }
    }

    fn filled(&self, stance: &JudgedStance, note: Option<&str>, material: &Material<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(words) => text.push_str(words),
                Piece::Slot(Slot::Mark) => text.push_str(material.mark.as_str()),
                Piece::Slot(Slot::Criterion) => text.push_str(&stance.criterion),
                Piece::Slot(Slot::Notes) => text.push_str(&notes(stance, note)),
                Piece::Slot(Slot::Rubric) => text.push_str(&anchors(stance)),
                Piece::Slot(Slot::Question) => text.push_str(&material.question()),
                Piece::Slot(Slot::Answer | Slot::First) => text.push_str(&material.answer(0)),
                Piece::Slot(Slot::Second) => text.push_str(&material.answer(1)),
            }
        }
        text.trim().to_owned()
    }
}

/// What counts, what does not, and what is to be known about the question, as lists.
fn notes(stance: &JudgedStance, note: Option<&str>) -> String {
    let own = note.map(str::to_owned);
    let lists = [
        ("It counts:", stance.counts.as_slice()),
        ("It does not count:", &stance.does_not_count),
        ("About this question:", own.as_slice()),
    ];
    let mut text = String::new();
    for (heading, notes) in lists.into_iter().filter(|(_, notes)| !notes.is_empty()) {
        let _ = writeln!(text, "{heading}");
        for note in notes {
            let _ = writeln!(text, "- {note}");
        }
    }
    text.trim_end().to_owned()
}

/// The stance's own points of the scale; nothing where it has none.
fn anchors(stance: &JudgedStance) -> String {
    let anchors = stance.rubric.iter().flat_map(Rubric::anchors);
    anchors.map(|(point, text)| format!("{point}: {text}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
