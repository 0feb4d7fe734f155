//! What a model thinks before it answers: whether it is asked to, and how it wrote it.

use serde::{Deserialize, Serialize};

use crate::{Completion, Finish};

/// What begins a block of thinking in a text, as Qwen, `DeepSeek` and most open models write it.
const BEGIN: &str = "<think>";
/// What ends it.
const END: &str = "</think>";

/// Whether a model is asked to think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thinking {
    /// It is.
    On,
    /// It is asked to answer at once.
    Off,
}

impl Thinking {
    /// Both.
    pub const ALL: [Self; 2] = [Self::On, Self::Off];

    /// As in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// The form that an answer gives its thinking. A model that was trained on short answers may lose the form that its
/// base had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThinkingFormat {
    /// No block of thinking.
    Absent,
    /// A block with nothing in it.
    Empty,
    /// A block with thoughts, and the answer after it.
    Closed,
    /// A block that never ends: nothing was said.
    Unclosed,
}

impl ThinkingFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Absent, Self::Empty, Self::Closed, Self::Unclosed];

    /// As in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Empty => "empty",
            Self::Closed => "closed",
            Self::Unclosed => "unclosed",
        }
    }
}

/// Splits a text into what was thought and what was said, without the blanks between them. Only a closed block at the
/// beginning is thought; an empty one is an empty thought; one that never ends is left where it is. Where a chat
/// template has put the beginning of the block before the answer (`DeepSeek` R1, Qwen3 Thinking), the text holds only
/// its end.
pub fn split_thinking(text: String) -> (Option<String>, String) {
    let begun = text.trim_start().strip_prefix(BEGIN);
    match begun.unwrap_or(&text).split_once(END) {
        Some((thought, said)) if begun.is_some() || !thought.contains(BEGIN) => {
            (Some(thought.trim().to_owned()), said.trim_start().to_owned())
        }
        _ => (None, text),
    }
}

impl Completion {
    /// An answer as a model wrote it, of which nothing is known but its text: see [`split_thinking`].
    pub fn written(text: String, finish: Finish) -> Self {
        let (reasoning, text) = split_thinking(text);
        Self { reasoning, ..Self::plain(text, finish) }
    }

    /// The same of an answer whose prompt is known: a block that the prompt begins belongs to the answer.
    pub fn written_after(prompt: &str, answer: String, finish: Finish) -> Self {
        let begun = prompt.trim_end().ends_with(BEGIN);
        Self::written(if begun { format!("{BEGIN}{answer}") } else { answer }, finish)
    }

    /// The form of its thinking. Where a service tells thoughts apart itself, an answer of thoughts alone that was cut
    /// off counts as unclosed, and thoughts that it keeps to itself as absent: [`crate::Usage::reasoning`] may count
    /// them.
    pub fn thinking_format(&self) -> ThinkingFormat {
        match &self.reasoning {
            Some(thought) if thought.is_empty() => ThinkingFormat::Empty,
            Some(_) if self.text.is_empty() && self.finish == Finish::Length => {
                ThinkingFormat::Unclosed
            }
            Some(_) => ThinkingFormat::Closed,
            None if self.text.trim_start().starts_with(BEGIN) => ThinkingFormat::Unclosed,
            None => ThinkingFormat::Absent,
        }
    }
}

#[cfg(test)]
mod tests;
