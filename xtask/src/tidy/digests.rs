//! Committed fixtures against their recorded digests.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::Violation;
use crate::shell::Shell;

const FOLDER: &str = "fixtures/engine/";
const LIST: &str = "fixtures/engine/SHA256SUMS";

/// Files beside the fixtures that are written by hand.
const BY_HAND: [&str; 3] = ["README.md", "SHA256SUMS", "make_goldens.py"];

/// Verifies every digest, and that every fixture has one.
pub(super) fn check(shell: &Shell) -> Result<Vec<Violation>> {
    let mut files = BTreeMap::new();
    for file in shell.tracked_files()? {
        if let Some(name) = file.strip_prefix(FOLDER).filter(|name| !BY_HAND.contains(name)) {
            let bytes = std::fs::read(shell.root.join(&file)).with_context(|| file.clone())?;
            files.insert(name.to_owned(), sha256(&bytes));
        }
    }
    Ok(compare(&shell.read(LIST)?, &files))
}

/// Lower-case hexadecimal SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all text");
        text
    })
}

fn compare(list: &str, files: &BTreeMap<String, String>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut listed = Vec::new();
    for (line, number) in list.lines().zip(1..) {
        let Some((digest, name)) = line.split_once("  ") else {
            violations.push(Violation::at(LIST, number, "not a digest, two spaces and a name"));
            continue;
        };
        listed.push(name);
        match files.get(name) {
            None => violations.push(Violation::at(LIST, number, format!("there is no {name}"))),
            Some(found) if found != digest => {
                let what = format!("digest of {name} is {found}, expected {digest}");
                violations.push(Violation::at(LIST, number, what));
            }
            Some(_) => {}
        }
    }
    if listed.is_empty() {
        violations.push(Violation::whole(LIST, "no digests"));
    }
    for name in files.keys().filter(|name| !listed.contains(&name.as_str())) {
        violations.push(Violation::whole(&format!("{FOLDER}{name}"), "no digest in SHA256SUMS"));
    }
    violations
}

#[cfg(test)]
mod tests;
