//! The study file: TOML to [`StudySpec`], and the line of a field for messages.

use entail_schema::StudySpec;
use toml::de::{DeTable, DeValue};

use crate::error::{StudyError, StudyProblem};

/// Reads the text of a study file.
///
/// # Errors
/// A syntax error, an unknown key or a wrong type, with its line.
pub fn parse(text: &str) -> Result<StudySpec, StudyError> {
    toml::from_str(text).map_err(|error| StudyError {
        line: error.span().map(|span| line_at(text, span.start)),
        problem: StudyProblem::Syntax(error.message().to_owned()),
    })
}

/// One-based line of a byte offset.
fn line_at(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// One-based line of the field at a path such as `["arm", "conscious", "train"]`, or of the nearest table around it.
pub(crate) fn line_of(text: &str, path: &[&str]) -> Option<usize> {
    lines_along(text, path).last().copied()
}

/// As [`line_of`], but `None` when the field itself is not in the file.
pub(crate) fn exact_line_of(text: &str, path: &[&str]) -> Option<usize> {
    lines_along(text, path).get(path.len().checked_sub(1)?).copied()
}

/// The line of each part of a path, as far as the file has it.
fn lines_along(text: &str, path: &[&str]) -> Vec<usize> {
    let Ok(root) = DeTable::parse(text) else { return Vec::new() };
    let mut table: &DeTable<'_> = root.get_ref();
    let mut lines = Vec::new();
    for part in path {
        let Some((key, value)) = table.get_key_value(*part) else { break };
        lines.push(line_at(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    lines
}

#[cfg(test)]
mod tests;
