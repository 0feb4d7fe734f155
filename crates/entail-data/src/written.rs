//! Files of texts that people wrote, one JSON object in each line.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use crate::lint::normal_question;

/// Why a file of written texts cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct WrittenError {
    /// Its name.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What was found, and what was expected.
    pub what: String,
}

/// One line: something that is asked, and what belongs to it.
pub(crate) trait Line: DeserializeOwned {
    /// Its name in the file.
    fn id(&self) -> &str;
    /// What is asked.
    fn prompt(&self) -> &str;
    /// What is answered, each answer with what to call it.
    fn answers(&self) -> Vec<(String, &str)>;
}

/// Reads one object from each line.
///
/// # Errors
/// [`WrittenError`] at the first line that is no such object, says nothing, or repeats an id or a prompt.
pub(crate) fn parse_lines<L: Line>(file: &str, text: &str) -> Result<Vec<L>, WrittenError> {
    let mut seen = BTreeSet::new();
    let line = |(index, line): (usize, &str)| {
        let wrong = |what: String| WrittenError { file: file.to_owned(), line: index + 1, what };
        let line: L = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        if let Some(what) = empty(&line) {
            return Err(wrong(format!("{what} is empty, expected words")));
        }
        for name in
            [format!("id {}", line.id()), format!("prompt {}", normal_question(line.prompt()))]
        {
            if let Some(again) = seen.replace(name) {
                return Err(wrong(format!("found {again:?} a second time")));
            }
        }
        Ok(line)
    };
    text.lines().enumerate().map(line).collect()
}

/// The first part without a word.
fn empty(line: &impl Line) -> Option<String> {
    let own = [("`id`".to_owned(), line.id()), ("`prompt`".to_owned(), line.prompt())];
    let mut parts = own.into_iter().chain(line.answers());
    parts.find(|(_, text)| normal_question(text).is_empty()).map(|(name, _)| name)
}

/// The lines of a file that comes with the program.
///
/// # Panics
/// When it is wrong; tests read them all.
pub(crate) fn shipped<L: Line>(file: &str, text: &str) -> Vec<L> {
    parse_lines(file, text).unwrap_or_else(|error| panic!("a shipped file: {error}"))
}
