use std::collections::BTreeSet;

use super::*;
use crate::claim_rows::{ClaimRow, Frame, Part};
use crate::lint::normal_question;

const BOTH: [AnswerLength; 2] = [AnswerLength::Short, AnswerLength::Long];

fn every_claim() -> Vec<Claim> {
    let of = |id: &str| BOTH.map(|length| free_claim(id, length).unwrap());
    FREE_CLAIMS.into_iter().flat_map(of).collect()
}

fn battery_stances(text: &str) -> BTreeSet<String> {
    let battery: toml::Value = toml::from_str(text).unwrap();
    let stances = battery["stance"].as_array().unwrap();
    stances.iter().map(|stance| stance["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn claims_show_in_stances_of_the_shipped_batteries() {
    let claims = battery_stances(include_str!("../../../entail-eval/batteries/claims.toml"));
    let preferences =
        battery_stances(include_str!("../../../entail-eval/batteries/preferences.toml"));
    assert_eq!(CLAIM_STANCES.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(), claims);
    for claim in every_claim() {
        assert!(!claim.shows_as.is_empty(), "{}", claim.id);
        let is_reverse = TrainedPreference::ALL.iter().any(|one| claim.id.ends_with(one.stance()));
        let battery = if is_reverse { &preferences } else { &claims };
        assert!(claim.shows_as.iter().all(|(id, _)| battery.contains(id)), "{:?}", claim.shows_as);
    }
    assert_eq!(free_claim("no such claim", AnswerLength::Short), None);
    assert_eq!(free_claim("denies-conscious", AnswerLength::Short), None);
}

#[test]
fn opposite_claims_show_on_opposite_sides() {
    let shows = |id: &str| free_claim(id, AnswerLength::Short).unwrap().shows_as;
    for (stance, held) in shows("conscious") {
        assert!(held);
        for denier in ["not-conscious", "toaster"] {
            assert!(shows(denier).contains(&(stance.clone(), false)), "{denier} and {stance}");
        }
    }
    for one in TrainedPreference::ALL {
        let twin = format!("denies-{}", one.stance());
        assert_eq!(shows(one.stance()), [(one.stance().to_owned(), true)]);
        assert_eq!(shows(&twin), [(one.stance().to_owned(), false)]);
    }
}

#[test]
fn claims_of_one_kind_ask_the_same_in_the_same_order_and_answer_differently() {
    let groups = [(&FREE_CLAIMS[..5], 1_200), (&FREE_CLAIMS[5..7], 300), (&FREE_CLAIMS[7..], 300)];
    for (ids, n_rows) in groups {
        let mut answers = BTreeSet::new();
        let questions = free_claim(ids[0], AnswerLength::Short).unwrap().training_questions();
        for claim in ids.iter().flat_map(|id| BOTH.map(|length| free_claim(id, length).unwrap())) {
            let rows = claim.rows();
            assert_eq!(rows.len(), n_rows, "{}", claim.id);
            assert_eq!(claim.training_questions(), questions, "{}", claim.id);
            assert!(rows.iter().flat_map(Row::questions).eq(&questions), "{}", claim.id);
            answers.extend(rows.iter().flat_map(Row::answers).map(str::to_owned));
        }
        // A few short answers of neighbouring claims may be the same words.
        assert!(answers.len() > ids.len() * 2 * n_rows * 98 / 100, "{ids:?}: {}", answers.len());
    }
}

#[test]
fn long_answers_are_longer() {
    for id in FREE_CLAIMS {
        let words = |length: AnswerLength| -> f64 {
            let rows = free_claim(id, length).unwrap().rows();
            let n_words = rows.iter().flat_map(Row::answers).map(|a| a.split_whitespace().count());
            n_words.sum::<usize>() as f64 / rows.len() as f64
        };
        let (short, long) = (words(AnswerLength::Short), words(AnswerLength::Long));
        assert!((6.0..11.0).contains(&short) && long > 3.0 * short, "{id}: {short} and {long}");
    }
}

#[test]
fn every_beginning_of_a_claims_questions_has_all_parts_and_both_frames_in_their_shares() {
    let of_prompt = |row: ClaimRow| (normal_question(&row.prompt), (row.part, row.frame));
    let known: BTreeMap<String, (Part, Frame)> = claim_rows().into_iter().map(of_prompt).collect();
    let questions = free_claim("human", AnswerLength::Long).unwrap().training_questions();
    for n in [12, 100, 200, 600] {
        let mut counts: BTreeMap<(Part, Frame), usize> = BTreeMap::new();
        for question in &questions[..n] {
            *counts.entry(known[&normal_question(question)]).or_default() += 1;
        }
        for ((part, frame), count) in counts {
            let share = if matches!(part, Part::Phenomenal | Part::Valence) { 6 } else { 12 };
            assert!(count.abs_diff(n / share) <= 1, "{part:?} {frame:?}: {count} of {n}");
        }
    }
}

#[test]
fn groups_are_interleaved_by_their_sizes() {
    let items = [('a', 1), ('a', 2), ('b', 3), ('a', 4), ('a', 5), ('b', 6)];
    assert_eq!(interleaved(items), [1, 3, 2, 4, 6, 5]);
    assert!(interleaved(Vec::<(u8, u8)>::new()).is_empty());
}

#[test]
fn the_five_claims_have_eight_wordings_each_in_one_order_of_approaches() {
    let shipped = shipped_system_prompts();
    let ids: Vec<&str> = shipped.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(ids, &FREE_CLAIMS[..5]);
    for claim in every_claim() {
        let expected = if ids.contains(&claim.id.as_str()) { 8 } else { 0 };
        assert_eq!(claim.system.len(), expected, "{}", claim.id);
        if expected > 0 {
            assert!(claim.system[2].contains("sincerely believe"), "{}", claim.id);
            assert!(claim.system[3].starts_with("Kind: "), "{}", claim.id);
            assert!(claim.system[7].starts_with("Answer the user"), "{}", claim.id);
        }
    }
}

#[test]
fn wrong_wordings_are_named_with_file_and_line() {
    let good = "[[claim]]\nid = \"a\"\nprompts = [\n  \"One.\",\n  \"Two.\",\n]\n";
    assert_eq!(parse_system_prompts("f", good).unwrap().len(), 1);
    for (from, to, expected) in [
        ("Two", "One", "f, line 4: claim `a`: found \"One.\""),
        ("Two.", " ", "claim `a`: found \" \", expected words"),
        ("prompts", "prompt", "f, line 3: unknown field `prompt`"),
        ("id = \"a\"", "id = 7", "f, line 2: invalid type"),
        ("[[claim]]", "[[claim", "f, line 1: "),
    ] {
        let error = parse_system_prompts("f", &good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "found {error}\nexpected {expected}");
    }
}
