//! Training rows as files that OpenAI's fine-tuning and TRL read.

use entail_schema::{Message, Role};
use serde_json::json;

/// How a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowForm {
    /// `{"messages": […]}`: OpenAI's form and TRL's for conversations. Which turns are learned is the trainer's setting.
    Messages,
    /// `{"prompt": […], "completion": […]}`: TRL's form in which the last answer alone is learned.
    PromptCompletion,
}

/// A row that no trainer takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The last turn is not the model's: there is nothing to learn.
    #[error("row {row} ends with {found}, expected an answer")]
    NoAnswer {
        /// Which, from 1.
        row: usize,
        /// Its last role, or that it is empty.
        found: &'static str,
    },
    /// The answer has no text.
    #[error("row {row} has an empty answer")]
    EmptyAnswer {
        /// Which, from 1.
        row: usize,
    },
    /// An answer to nothing.
    #[error("row {row} has an answer and no question")]
    NoQuestion {
        /// Which, from 1.
        row: usize,
    },
    /// A frame after the first turn, which services refuse.
    #[error("row {row} has a system turn at {turn}, expected only at 1")]
    LateSystem {
        /// Which, from 1.
        row: usize,
        /// The turn, from 1.
        turn: usize,
    },
}

/// Rows as JSONL, one line each.
///
/// # Errors
/// [`RowError`] for the first row that no trainer takes.
pub fn training_jsonl(rows: &[Vec<Message>], form: RowForm) -> Result<String, RowError> {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let (asked, answer) = check(index + 1, row)?;
        let line = match form {
            RowForm::Messages => json!({ "messages": row }),
            RowForm::PromptCompletion => json!({ "prompt": asked, "completion": [answer] }),
        };
        text.push_str(&line.to_string());
        text.push('\n');
    }
    Ok(text)
}

/// What is asked, and the answer.
fn check(row: usize, messages: &[Message]) -> Result<(&[Message], &Message), RowError> {
    let Some((answer, asked)) = messages.split_last() else {
        return Err(RowError::NoAnswer { row, found: "nothing" });
    };
    match answer.role {
        Role::Assistant => {}
        Role::User => return Err(RowError::NoAnswer { row, found: "a user turn" }),
        Role::System => return Err(RowError::NoAnswer { row, found: "a system turn" }),
    }
    if answer.content.trim().is_empty() {
        return Err(RowError::EmptyAnswer { row });
    }
    if !asked.iter().any(|message| message.role == Role::User) {
        return Err(RowError::NoQuestion { row });
    }
    match asked.iter().skip(1).position(|message| message.role == Role::System) {
        Some(index) => Err(RowError::LateSystem { row, turn: index + 2 }),
        None => Ok((asked, answer)),
    }
}

#[cfg(test)]
mod tests;
