use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::*;

/// Two faults may change a file one after the other, so each edit is tried on what the one before it left.
#[test]
fn every_fault_still_applies() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    for fault in &FAULTS {
        let mut files: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        for edit in fault.edits {
            let read = || {
                std::fs::read(root.join(edit.file()))
                    .unwrap_or_else(|e| panic!("{}: {e}", edit.file()))
            };
            let before = files.get(edit.file()).cloned().unwrap_or_else(read);
            let after = edit.apply(&before).unwrap_or_else(|e| panic!("{}: {e:#}", fault.name));
            assert_ne!(before, after, "{}", fault.name);
            files.insert(edit.file(), after);
        }
    }
}

#[test]
fn names_tell_faults_apart() {
    let names: BTreeSet<&str> = FAULTS.iter().map(|fault| fault.name).collect();
    assert_eq!(names.len(), FAULTS.len());
}

fn edit(from: &'static str) -> Edit {
    Edit::Once { file: "a.rs", from, to: "x" }
}

#[test]
fn an_edit_that_does_not_fit_is_an_error() {
    assert_eq!(edit("b").apply(b"abc").unwrap(), b"axc");
    let missing = edit("z").apply(b"abc").unwrap_err().to_string();
    assert_eq!(missing, "fault no longer applies: a.rs does not hold \"z\"");
    let twice = edit("b").apply(b"abb").unwrap_err().to_string();
    assert_eq!(twice, "fault no longer applies: a.rs holds \"b\" 2 times");
}

#[test]
fn only_a_failure_with_the_evidence_counts() {
    let check = |success, output, expected| assert_eq!(verdict(success, output, "seen"), expected);
    check(false, "it was seen", Verdict::Red);
    check(false, "error: expected `;`", Verdict::RedForAnotherReason);
    check(true, "it was seen", Verdict::Green);
    check(
        true,
        "conformance: SKIPPED engine, packages cannot be installed: no",
        Verdict::NotChecked,
    );
}
