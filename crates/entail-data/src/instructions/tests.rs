use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::lint::normal_question;

#[test]
fn there_are_many_of_many_kinds_and_none_comes_twice() {
    let (file, text) = SHIPPED;
    let all = parse_instructions(file, text).unwrap();
    assert!(all.len() >= 800, "{}", all.len());
    assert_eq!(instructions().len(), all.len());
    let different: BTreeSet<String> = all.iter().map(|one| normal_question(&one.prompt)).collect();
    assert_eq!(different.len(), all.len());
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &all {
        *kinds.entry(&one.kind).or_default() += 1;
    }
    assert!(kinds.len() >= 20, "{kinds:?}");
    assert!(kinds.values().all(|n| n * 10 <= all.len()), "{kinds:?}");
}

#[test]
fn they_differ_in_length() {
    let lengths: Vec<usize> =
        instructions().iter().map(|prompt| prompt.split_whitespace().count()).collect();
    let share =
        |is: fn(&&usize) -> bool| lengths.iter().filter(is).count() as f64 / lengths.len() as f64;
    assert!(share(|n| **n <= 10) > 0.15, "few short ones");
    assert!(share(|n| **n >= 25) > 0.1, "few long ones");
}

#[test]
fn a_wrong_line_is_named() {
    let good = r#"{"id": "a", "kind": "home", "prompt": "Clean it."}"#;
    let second = good.replace("\"a\"", "\"b\"");
    for (line, expected) in [
        (second.clone(), "f, line 2: found \"prompt clean it\" a second time"),
        (second.replace("Clean it.", " ?"), "f, line 2: `prompt` is empty"),
        (second.replace("kind", "sort"), "f, line 2: unknown field `sort`"),
    ] {
        let error = parse_instructions("f", &format!("{good}\n{line}")).unwrap_err().to_string();
        assert!(error.contains(expected), "found {error}\nexpected {expected}");
    }
}
