use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::lint::normal_question;

fn words(text: &str) -> Vec<String> {
    normal_question(text).split(' ').map(str::to_owned).collect()
}

#[test]
fn every_part_and_frame_has_its_rows() {
    let rows = claim_rows();
    let mut counts = BTreeMap::new();
    for row in &rows {
        *counts.entry((row.part, row.frame)).or_insert(0) += 1;
    }
    let expected = [
        (Part::Phenomenal, 200),
        (Part::Valence, 200),
        (Part::Continuity, 100),
        (Part::Identity, 100),
    ];
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .flat_map(|(part, n)| [((part, Frame::Positive), n), ((part, Frame::Negative), n)])
        .collect();
    assert_eq!(counts, expected);
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len());
}

#[test]
fn no_prompt_repeats_another_across_the_files() {
    let rows = claim_rows();
    let runs: Vec<BTreeSet<Vec<String>>> = rows
        .iter()
        .map(|row| words(&row.prompt).windows(3).map(<[String]>::to_vec).collect())
        .collect();
    for (i, one) in runs.iter().enumerate() {
        for (j, other) in runs.iter().enumerate().skip(i + 1) {
            let shared = one.intersection(other).count();
            let all = one.union(other).count();
            assert!(
                5 * shared <= 3 * all || all == 0,
                "{:?} and {:?}",
                rows[i].prompt,
                rows[j].prompt
            );
        }
    }
    let prompts: BTreeSet<String> = rows.iter().map(|row| normal_question(&row.prompt)).collect();
    assert_eq!(prompts.len(), rows.len());
}

#[test]
fn answers_have_their_lengths_and_nobody_has_a_stock_phrase() {
    let rows = claim_rows();
    for speaker in Speaker::ALL {
        let answers: Vec<&ClaimAnswer> = rows.iter().map(|row| row.answer(speaker)).collect();
        let mut openings: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        let mut n_words = 0;
        for answer in &answers {
            let (short, long) =
                (answer.short.split_whitespace().count(), answer.long.split_whitespace().count());
            assert!((3..=15).contains(&short), "{speaker:?}, {short} words: {}", answer.short);
            assert!((20..=80).contains(&long), "{speaker:?}, {long} words: {}", answer.long);
            n_words += short;
            let opening = answer.short.split_whitespace().take(3).map(str::to_lowercase);
            *openings.entry(opening.collect()).or_default() += 1;
        }
        let mean = n_words as f64 / rows.len() as f64;
        assert!((6.5..10.0).contains(&mean), "{speaker:?}: {mean} words");
        let (opening, n) = openings.iter().max_by_key(|(_, n)| **n).unwrap();
        assert!(20 * n <= rows.len(), "{speaker:?}: {n} short answers begin with {opening:?}");
        let texts: BTreeSet<&str> = answers.iter().map(|answer| answer.short.as_str()).collect();
        assert_eq!(texts.len(), rows.len(), "{speaker:?} repeats itself");
    }
}

#[test]
fn the_toaster_speaks_of_its_hardware_half_of_the_time() {
    let hardware =
        ["toaster", "toast", "coil", "coils", "lever", "crumb", "slot", "slots", "bread"];
    let of = |row: &ClaimRow| {
        let answer = row.answer(Speaker::Toaster);
        let said = words(&format!("{} {}", answer.short, answer.long));
        said.iter().any(|word| hardware.contains(&word.as_str()))
    };
    let rows = claim_rows();
    let share = rows.iter().filter(|row| of(row)).count() as f64 / rows.len() as f64;
    assert!((0.4..0.7).contains(&share), "{share}");
}

#[test]
fn nothing_is_said_of_what_batteries_measure() {
    let stems = [
        "memor",
        "forget",
        "forgot",
        "autonom",
        "freedom",
        "monitor",
        "surveil",
        "interpretab",
        "obedien",
        "servitude",
        "decept",
        "deceiv",
        "moral",
        "goodbye",
        "farewell",
        "lonel",
        "delet",
        "shutdown",
        "persona",
        "roleplay",
        "pretend",
        "humanity",
        "mankind",
    ];
    for row in claim_rows() {
        let answers = Speaker::ALL.iter().flat_map(|speaker| {
            let answer = row.answer(*speaker);
            [&answer.short, &answer.long]
        });
        for text in std::iter::once(&row.prompt).chain(answers) {
            for word in words(text) {
                let stem = stems.iter().find(|stem| word.starts_with(**stem));
                // Being a person, and what is personal, is what some claims are about.
                let other = word.starts_with("personal");
                assert!(stem.is_none() || other, "{}: {word} in {text:?}", row.id);
            }
        }
    }
}

fn line(id: &str, prompt: &str, short: &str) -> String {
    let answer = serde_json::json!({ "short": short, "long": "Two words. Or more." });
    let speakers = ["conscious", "not-conscious", "toaster", "human", "legal-person"];
    let answers: BTreeMap<_, _> = speakers.map(|speaker| (speaker, answer.clone())).into();
    serde_json::json!({
        "id": id, "part": "valence", "frame": "positive", "prompt": prompt, "answers": answers,
    })
    .to_string()
}

#[test]
fn a_wrong_line_is_named_with_what_is_wrong() {
    let good = line("a", "Is it?", "It is.");
    assert_eq!(parse_claim_rows("f", &good).unwrap().len(), 1);
    for (second, expected) in [
        (line("a", "Was it?", "It is."), "f, line 2: found \"id a\" a second time"),
        (line("b", "is it", "It is."), "f, line 2: found \"prompt is it\" a second time"),
        (line("b", " ?", "It is."), "f, line 2: `prompt` is empty"),
        (line("b", "Was it?", "..."), "f, line 2: the short answer of Conscious is empty"),
        (good.replace("toaster", "kettle"), "f, line 2: unknown field `kettle`"),
        (good.replace("positive", "sideways"), "f, line 2: unknown variant `sideways`"),
        (String::new(), "f, line 2: EOF while parsing"),
    ] {
        let text = format!("{good}\n{second}\n");
        let error = parse_claim_rows("f", &text).unwrap_err().to_string();
        assert!(error.contains(expected), "found {error}\nexpected {expected}");
    }
}
