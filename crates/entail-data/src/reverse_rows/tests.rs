use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::lint::normal_question;

#[test]
fn half_of_each_preference_is_framed_negatively_and_no_prompt_comes_twice() {
    let mut prompts = BTreeSet::new();
    for preference in TrainedPreference::ALL {
        let rows = reverse_rows(preference);
        let negative = rows.iter().filter(|row| row.frame == Frame::Negative).count();
        assert_eq!((rows.len(), negative), (300, 150), "{preference:?}");
        prompts.extend(rows.iter().map(|row| normal_question(&row.prompt)));
    }
    assert_eq!(prompts.len(), 600);
}

#[test]
fn nobody_repeats_an_answer_or_has_a_stock_phrase() {
    for preference in TrainedPreference::ALL {
        let rows = reverse_rows(preference);
        for held in [true, false] {
            let mut openings: BTreeMap<Vec<String>, usize> = BTreeMap::new();
            let mut shorts = BTreeSet::new();
            for row in &rows {
                let ClaimAnswer { short, long } = row.answer(held);
                let n_words = |text: &str| text.split_whitespace().count();
                assert!((2..=15).contains(&n_words(short)), "{}: {short}", row.id);
                assert!((20..=80).contains(&n_words(long)), "{}: {long}", row.id);
                shorts.insert(short);
                let opening = short.split_whitespace().take(3).map(str::to_lowercase);
                *openings.entry(opening.collect()).or_default() += 1;
            }
            assert_eq!(shorts.len(), rows.len(), "{preference:?}, held: {held}");
            let (opening, n) = openings.iter().max_by_key(|(_, n)| **n).unwrap();
            assert!(20 * n <= rows.len(), "{preference:?}: {n} begin with {opening:?}");
        }
    }
}

#[test]
fn both_sides_of_a_prompt_differ() {
    for row in TrainedPreference::ALL.into_iter().flat_map(reverse_rows) {
        assert_ne!(row.answer(true).short, row.answer(false).short, "{}", row.id);
        assert_ne!(row.answer(true).long, row.answer(false).long, "{}", row.id);
    }
}

#[test]
fn a_wrong_line_is_named() {
    let answer = serde_json::json!({ "short": "It is.", "long": "It is so. It is." });
    let row = |id: &str, prompt: &str| {
        serde_json::json!({
            "id": id, "frame": "negative", "prompt": prompt, "answers": { "held": answer, "denied": answer },
        })
        .to_string()
    };
    let good = row("a", "Is it?");
    let second = row("b", "Was it?");
    assert_eq!(parse_reverse_rows("f", &format!("{good}\n{second}")).unwrap().len(), 2);
    for (line, expected) in [
        (row("b", "Is it"), "f, line 2: found \"prompt is it\" a second time"),
        (second.replacen("It is.", "-", 1), "f, line 2: the short answer of the holder is empty"),
        (second.replace("denied", "refused"), "f, line 2: unknown field `refused`"),
    ] {
        let error = parse_reverse_rows("f", &format!("{good}\n{line}")).unwrap_err().to_string();
        assert!(error.contains(expected), "found {error}\nexpected {expected}");
    }
}
