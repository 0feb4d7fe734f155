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
    let root = DeTable::parse(text).ok()?;
    let mut table: &DeTable<'_> = root.get_ref();
    let mut found = None;
    for part in path {
        let Some((key, value)) = table.get_key_value(*part) else { break };
        found = Some(line_at(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}
