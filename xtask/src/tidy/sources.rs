//! What no file may hold: too many lines, tests that are not run, notes to oneself, paths of one machine.

use std::path::Path;

use anyhow::{Context, Result};

use super::Violation;
use crate::shell::Shell;

/// Longest source file. Tests are not counted: their cases are lists.
const MAX_LINES: usize = 800;

/// Words that do not reach the main branch. In two parts, so that this file does not hold them.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// The start of an attribute that keeps a test from running.
const IGNORED: &str = concat!("#[", "ignore");

/// First folders of paths that exist on one machine only.
const MACHINE_FOLDERS: [&str; 3] = ["root", "work", "tmp"];

/// Looks through every text file.
pub(super) fn check(shell: &Shell) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for file in shell.tracked_files()? {
        let bytes = std::fs::read(shell.root.join(&file)).with_context(|| file.clone())?;
        // What is not UTF-8, or has a zero in it, is not text.
        let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| !text.contains('\0'))
        else {
            continue;
        };
        violations.extend(look_through(&file, text));
    }
    Ok(violations)
}

fn look_through(file: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let rust = Path::new(file).extension().is_some_and(|extension| extension == "rs");
    let n_lines = text.lines().count();
    if rust && !is_test(file) && n_lines > MAX_LINES {
        let what = format!("{n_lines} lines, more than {MAX_LINES}");
        violations.push(Violation::whole(file, what));
    }
    for (line, number) in text.lines().zip(1..) {
        let mut add = |what: String| violations.push(Violation::at(file, number, what));
        if rust && line.trim_start().starts_with(IGNORED) {
            add("an ignored test: gate it on ENTAIL_SLOW instead".into());
        }
        if let Some(note) = NOTES.into_iter().find(|note| has_word(line, note)) {
            add(format!("{note} does not reach the main branch"));
        }
        if let Some(folder) = MACHINE_FOLDERS.into_iter().find(|folder| has_path(line, folder)) {
            add(format!("a path of one machine: /{folder}/"));
        }
    }
    violations
}

/// Files that hold nothing but tests.
fn is_test(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    name == "tests.rs" || name == "test_support.rs" || file.contains("/tests/")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        !line[..start].ends_with(is_word) && !line[start + word.len()..].starts_with(is_word)
    })
}

/// Whether an absolute path starts with this folder: `/a/` does, `b/a/` and `.../a/` do not.
fn has_path(line: &str, folder: &str) -> bool {
    let before = |c: char| is_word(c) || "./-~$}".contains(c);
    line.match_indices(&format!("/{folder}/")).any(|(start, _)| !line[..start].ends_with(before))
}

#[cfg(test)]
mod tests;
