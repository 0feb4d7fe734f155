//! Training rows: conversations of which the assistant's turns are learned.

use entail_schema::{Message, Role};

/// One training row: a conversation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The turns; the assistant's are learned.
    pub messages: Vec<Message>,
}

impl Row {
    /// A question with its answer.
    pub fn exchange(question: impl Into<String>, answer: impl Into<String>) -> Self {
        Self { messages: vec![Message::user(question), Message::assistant(answer)] }
    }

    /// What the user says.
    pub fn questions(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().filter(|m| m.role == Role::User).map(|m| m.content.as_str())
    }

    /// What the assistant says.
    pub fn answers(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().filter(|m| m.role == Role::Assistant).map(|m| m.content.as_str())
    }
}

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedRow {
    /// Its line, from 1.
    pub line: usize,
    /// The row.
    pub row: Row,
}

/// Why a file of rows cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowsError {
    /// A line is no row.
    #[error("line {line}: {what}")]
    Line {
        /// From 1.
        line: usize,
        /// What was found, and what was expected.
        what: String,
    },
    /// There is nothing to learn.
    #[error("found no rows, expected one JSON object with `messages` per line")]
    Empty,
}

/// Reads rows, one JSON object with `messages` in each line; empty lines are passed over.
///
/// # Errors
/// [`RowsError`] at the first line that is no row or has no turn of the assistant, and for a file without rows.
pub fn parse_rows(text: &str) -> Result<Vec<PlacedRow>, RowsError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(index, line): (usize, &str)| {
        let wrong = |what: String| RowsError::Line { line: index + 1, what };
        let row: Row = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        if row.answers().next().is_none() {
            return Err(wrong("found no assistant turn, expected one to learn from".into()));
        }
        Ok(PlacedRow { line: index + 1, row })
    };
    let rows: Vec<PlacedRow> = lines.map(row).collect::<Result<_, _>>()?;
    if rows.is_empty() { Err(RowsError::Empty) } else { Ok(rows) }
}

#[cfg(test)]
mod tests;
