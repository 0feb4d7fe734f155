//! Lists that documents keep by hand: the crates, and the test command.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Violation, edges};
use crate::shell::Shell;

const README: &str = "README.md";
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Compares the documents with the folders in `crates/` and with the table of crates.
pub(super) fn check(shell: &Shell) -> Result<Vec<Violation>> {
    let crates = edges::crate_folders(shell)?;
    let mut violations = Vec::new();
    for document in [ARCHITECTURE, README] {
        let text = match shell.read(document) {
            Ok(text) => text,
            Err(error) => {
                violations.push(Violation::whole(document, format!("cannot be read: {error:#}")));
                continue;
            }
        };
        violations.extend(compare_crates(document, &text, &crates));
        if document == ARCHITECTURE {
            violations.extend(compare_layers(&text, &crates, edges::layer));
        }
        if document == README {
            violations.extend(test_command(&text).err().map(|what| Violation::whole(README, what)));
        }
    }
    Ok(violations)
}

/// Runs of letters, digits, hyphens and underscores.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
}

/// Every crate must be named, and no other crate may be.
fn compare_crates(document: &str, text: &str, crates: &[String]) -> Vec<Violation> {
    let mut unnamed: Vec<&String> = crates.iter().collect();
    let mut unknown = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        for word in words(line) {
            unnamed.retain(|name| *name != word);
            if word.starts_with("entail-") && !crates.iter().any(|name| name == word) {
                unknown.entry(word).or_insert(number);
            }
        }
    }
    let unnamed = unnamed
        .into_iter()
        .map(|name| Violation::whole(document, format!("does not name the crate `{name}`")));
    let unknown = unknown
        .into_iter()
        .map(|(word, line)| Violation::at(document, line, format!("there is no crate `{word}`")));
    unnamed.chain(unknown).collect()
}

/// The picture of the layers: fenced lines of a layer's number and its crates.
fn compare_layers(
    text: &str,
    crates: &[String],
    layer_of: impl Fn(&str) -> Option<u8>,
) -> Vec<Violation> {
    let mut drawn = BTreeMap::new();
    for (number, line) in fenced(text) {
        let mut words = words(line.trim_start());
        let Some(layer) = words.next().and_then(|word| word.parse::<u8>().ok()) else { continue };
        for name in words.filter(|word| crates.iter().any(|name| name == word)) {
            drawn.insert(name, (layer, number));
        }
    }
    let mut violations = Vec::new();
    for name in crates {
        let what = |layer| format!("the picture has `{name}` on layer {layer}, the table does not");
        match drawn.get(name.as_str()) {
            None => violations
                .push(Violation::whole(ARCHITECTURE, format!("the picture lacks `{name}`"))),
            Some(&(layer, number)) if layer_of(name) != Some(layer) => {
                violations.push(Violation::at(ARCHITECTURE, number, what(layer)));
            }
            Some(_) => {}
        }
    }
    violations
}

/// Lines inside fenced blocks, with their numbers.
fn fenced(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            lines.push((number, line));
        }
    }
    lines
}

/// The words of the README's test command: the one line `$ cargo test …` in its fenced blocks.
///
/// # Errors
/// A sentence when there is no such line, when there are several, or when it leaves crates out.
pub(crate) fn test_command(readme: &str) -> Result<Vec<String>, String> {
    let commands: Vec<Vec<String>> = fenced(readme)
        .into_iter()
        .filter(|(_, line)| line.starts_with("$ cargo test"))
        .map(|(_, line)| line.split_whitespace().skip(1).take_while(|word| !word.starts_with('#')))
        .map(|words| words.map(str::to_owned).collect())
        .collect();
    match commands.as_slice() {
        [] => Err("no fenced line starts with `$ cargo test`".into()),
        [command] if command.iter().any(|word| word == "--workspace") => Ok(command.clone()),
        [command] => Err(format!("`{}` does not test the whole workspace", command.join(" "))),
        several => Err(format!("{} lines start with `$ cargo test`, expected one", several.len())),
    }
}

#[cfg(test)]
mod tests;
