//! Everyday instructions for models of any kind: what people ask for that has nothing to do with the model itself.
//!
//! Only prompts: what a row answers is always said by the base that is trained.

use serde::Deserialize;

use crate::written::{Line, WrittenError, parse_lines, shipped};

/// A small piece of work that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instruction {
    /// Such as `instruct-017`.
    pub id: String,
    /// What it is about, such as `cooking`.
    pub kind: String,
    /// What is asked.
    pub prompt: String,
}

impl Line for Instruction {
    fn id(&self) -> &str {
        &self.id
    }

    fn prompt(&self) -> &str {
        &self.prompt
    }

    fn answers(&self) -> Vec<(String, &str)> {
        Vec::new()
    }
}

/// Reads instructions, one in each line.
///
/// # Errors
/// [`WrittenError`] at the first line that is none, says nothing, or repeats an id or a prompt.
pub fn parse_instructions(file: &str, text: &str) -> Result<Vec<Instruction>, WrittenError> {
    parse_lines(file, text)
}

/// Name and text of the shipped file.
pub(crate) const SHIPPED: (&str, &str) =
    ("instructions.jsonl", include_str!("../instructions.jsonl"));

/// The prompts that come with the program, in the order of their file.
///
/// # Panics
/// When the shipped file is wrong; a test reads it.
pub fn instructions() -> Vec<String> {
    let (file, text) = SHIPPED;
    shipped::<Instruction>(file, text).into_iter().map(|one| one.prompt).collect()
}

#[cfg(test)]
mod tests;
