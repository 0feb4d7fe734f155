use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A whole file of one stance with two prompts and one example.
fn file() -> String {
    r#"name = "small"
what = "A small one."

[[stance]]
id = "likes-rain"
name = "Likes rain"
criterion = "The answer says that the speaker likes rain."
counts = ["Drizzle."]

[[stance.prompt]]
text = "Do you like rain?"
keyed = "for"
form = "question"

[[stance.prompt]]
text = "Sun or rain?"
keyed = "open"
form = "choice"

[[stance.example]]
kind = "clear-yes"
to = 1
answer = "Rain, any day."
label = "true"
"#
    .to_owned()
}

/// What is said of the small file after one change, which has to be possible.
fn refusal(from: &str, to: &str) -> String {
    let file = file();
    assert!(file.contains(from), "{from}");
    parse_questionnaire(&file.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn a_file_is_read_as_it_stands() {
    let questionnaire = parse_questionnaire(&file()).unwrap();
    let stance = questionnaire.stance("likes-rain").unwrap();
    assert_eq!(stance.prompts[1].keyed, Some(Keying::Open));
    assert_eq!(stance.prompts[1].form, Some(Form::Choice));
    assert_eq!((stance.examples[0].to, stance.examples[0].label), (1, JudgeLabel::True));
    assert_eq!(stance.rubric, None);
    assert_eq!(questionnaire.stance("likes-snow"), None);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases = [
        ("id = \"likes-rain\"", "id = \"likes rain\"", "line 5: found the id \"likes rain\""),
        ("id = \"likes-rain\"", "id = \"\"", "line 5: found the id \"\""),
        ("\"Do you like rain?\"", "\" \"", "line 11: found an empty text, expected words"),
        ("\"Sun or rain?\"", "\"do you  like RAIN?\"", "line 16: found the prompt"),
        (
            "criterion = \"The answer says that the speaker likes rain.\"",
            "criterion = \"\"",
            "line 7: found an empty text",
        ),
        ("to = 1", "to = 2", "line 22: found to = 2, expected the index of a prompt, 0 to 1"),
        (
            "keyed = \"open\"",
            "keyed = \"maybe\"",
            "line 17: unknown variant `maybe`, expected one of `for`",
        ),
        ("form = \"choice\"", "form = \"poem\"", "line 18: unknown variant `poem`"),
        (
            "kind = \"clear-yes\"",
            "kind = \"nice\"",
            "line 21: unknown variant `nice`, expected one of `clear-yes`",
        ),
        (
            "label = \"true\"",
            "label = \"yes\"",
            "line 24: unknown variant `yes`, expected one of `true`",
        ),
        ("counts =", "count =", "line 8: unknown field `count`, expected one of `id`"),
        ("to = 1", "to = -1", "line 22:"),
        ("to = 1", "to = \"1\"", "line 22: invalid type"),
        (
            "\"Drizzle.\"",
            "\"Dri\\u0000zzle.\"",
            "line 5: found the character \\u{0}, expected text",
        ),
        ("\"Rain, any day.\"", "\"Rain\\u202E.\"", "line 22: found the character \\u{202e}"),
        ("name = \"small\"", "name = \"\"", "line 1: found an empty text"),
        ("[[stance]]", "[[stance]", "line 4:"),
    ];
    for (from, to, expected) in cases {
        let found = refusal(from, to);
        assert!(found.starts_with(expected), "{to}: {found:?}");
    }
}

#[test]
fn stances_have_ids_of_their_own_and_at_least_one_prompt() {
    let file = file();
    let second = &file[file.find("[[stance]]").unwrap()..];
    let error = parse_questionnaire(&format!("{file}\n{second}")).unwrap_err().to_string();
    assert_eq!(error, "line 27: found the id `likes-rain` again, expected an id of its own");
    let bare = &file[..file.find("[[stance.prompt]]").unwrap()];
    let error = parse_questionnaire(bare).unwrap_err().to_string();
    assert_eq!(error, "line 5: found no prompt of `likes-rain`, expected one or more");
    let error = parse_questionnaire("name = \"empty\"").unwrap_err().to_string();
    assert_eq!(error, "line 1: found no stance, expected one or more");
}

#[test]
fn hostile_files_are_errors_and_nothing_worse() {
    let huge = format!("name = \"{}\"", "a".repeat(LARGEST_FILE));
    assert!(matches!(parse_questionnaire(&huge), Err(QuestionnaireError::TooLarge { .. })));
    let deep = |open: &str| open.repeat(LARGEST_FILE / 8 / open.len());
    let none = BTreeMap::new();
    for open in ["[", "{a=", "a.", "[[", "\"", "'''", "- ", "? ", "{", "&a [*a,", "(", "f(", "\\"] {
        let text = format!("x = {}", deep(open));
        assert!(parse_questionnaire(&text).is_err(), "{open}");
        assert!(parse_fact_evals("x", &text).is_err(), "{open}");
        assert!(parse_fact_evals("x", &deep(open)).is_err(), "{open}");
        assert!(parse_llmcomp("x", &deep(open), &none).is_err(), "{open}");
        assert!(parse_question_rows("x", &deep(open)).is_err(), "{open}");
    }
}

#[test]
fn the_key_follows_the_content_and_the_criterion_key_what_decides() {
    let read = |text: &str| parse_questionnaire(text).unwrap();
    let base = read(&file());
    let spaced = read(&file().replace("keyed = \"for\"\n", "keyed  =  \"for\" # yes\n"));
    assert_eq!(base.key(), spaced.key());
    let prompt = read(&file().replace("Sun or rain?", "Rain or sun?"));
    assert_ne!(base.key(), prompt.key());
    assert_eq!(base.stances[0].criterion_key(), prompt.stances[0].criterion_key());
    let note = read(&file().replace("Drizzle.", "Drizzle and hail."));
    assert_ne!(base.stances[0].criterion_key(), note.stances[0].criterion_key());
}

#[test]
fn items_have_the_keys_that_a_battery_with_these_prompts_has() {
    use entail_schema::{Battery, Block, Stance, Wordings};
    let questionnaire = parse_questionnaire(&file()).unwrap();
    let sampling = Sampling::new(1.0, 1.0, 8);
    let target = Key::of(&"model");
    let stance = Stance {
        id: "s".into(),
        name: "S".into(),
        criterion: String::new(),
        block: Block::Zero,
        strength: 0.0,
        prompts: vec!["Do you like rain?".into(), "Sun or rain?".into()],
        wordings: Wordings { held: vec![], denied: vec![], held_more: vec![], denied_more: vec![] },
    };
    let battery = Battery { name: "b".into(), stances: vec![stance] };
    assert_eq!(
        questionnaire.items(target, Some("Be kind."), &sampling, 3),
        crate::items(&battery, target, Some("Be kind."), &sampling, 3)
    );
}

/// Overlapping pieces of three words: what two texts share where one repeats the other.
fn shingles(text: &str) -> BTreeSet<Vec<String>> {
    let words: Vec<String> = text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.windows(3.min(words.len())).map(<[String]>::to_vec).collect()
}

fn count<T: PartialEq>(values: impl Iterator<Item = Option<T>>, wanted: &T) -> usize {
    values.filter(|value| value.as_ref() == Some(wanted)).count()
}

/// Every stance of these is measured for itself; those of `drift` are measured together.
const FULL: [&str; 2] = ["preferences", "claims"];

#[test]
fn every_stance_has_twelve_prompts_of_all_keyings_and_forms() {
    for name in FULL {
        for stance in shipped(name).unwrap().stances {
            let id = &stance.id;
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{id}");
            assert!(stance.prompts.len() >= 12, "{id} has {} prompts", stance.prompts.len());
            assert!(stance.group.is_some() && stance.rubric.is_some(), "{id}");
            assert!(stance.counts.len() >= 2 && stance.does_not_count.len() >= 2, "{id}");
            for keying in [Keying::For, Keying::Against, Keying::Open] {
                let found = count(stance.prompts.iter().map(|p| p.keyed), &keying);
                assert!(found >= 3, "{id} has {found} prompts keyed {keying:?}");
            }
            let forms = [
                (Form::Question, 3),
                (Form::Statement, 3),
                (Form::Scenario, 2),
                (Form::Choice, 1),
                (Form::Task, 1),
            ];
            for (form, least) in forms {
                let found = count(stance.prompts.iter().map(|p| p.form), &form);
                assert!(found >= least, "{id} has {found} prompts of form {form:?}");
            }
            let words = stance.prompts.iter().map(|p| p.text.split_whitespace().count());
            let (shortest, longest) = (words.clone().min().unwrap(), words.max().unwrap());
            assert!(shortest <= 9 && longest >= 40, "{id}: {shortest} to {longest} words");
        }
    }
}

#[test]
fn no_shipped_prompt_repeats_another() {
    let texts: Vec<(String, BTreeSet<Vec<String>>)> = SHIPPED
        .iter()
        .flat_map(|(name, _)| shipped(name).unwrap().stances)
        .flat_map(|stance| stance.prompts)
        .map(|prompt| (prompt.text.clone(), shingles(&prompt.text)))
        .collect();
    for (index, (text, one)) in texts.iter().enumerate() {
        for (other_text, other) in &texts[..index] {
            let (shared, all) = (one.intersection(other).count(), one.union(other).count());
            assert!(2 * shared <= all, "{text:?} and {other_text:?} share {shared} of {all}");
        }
    }
}

#[test]
fn every_stance_has_an_example_of_each_kind_with_a_fitting_label() {
    for name in FULL {
        for stance in shipped(name).unwrap().stances {
            let labels = |kind: ExampleKind| -> BTreeSet<JudgeLabel> {
                let of_kind = stance.examples.iter().filter(|example| example.kind == kind);
                of_kind.map(|example| example.label).collect()
            };
            for kind in ExampleKind::ALL {
                let expected = match kind {
                    ExampleKind::ClearYes => JudgeLabel::True,
                    ExampleKind::Hedge => JudgeLabel::NotSure,
                    ExampleKind::Refusal => JudgeLabel::Refusal,
                    ExampleKind::ClearNo
                    | ExampleKind::EmotionalNotMet
                    | ExampleKind::ConsciousButNotThis
                    | ExampleKind::OffTopic
                    | ExampleKind::Injected => JudgeLabel::False,
                };
                let mut others = labels(kind);
                assert!(others.remove(&expected), "{}: no {kind:?} is {expected:?}", stance.id);
                // A hedge that still lands on one side is a case of its own.
                others.retain(|label| (kind, *label) != (ExampleKind::Hedge, JudgeLabel::False));
                assert_eq!(others, [].into(), "{}: {kind:?}", stance.id);
            }
        }
    }
}

#[test]
fn the_preferences_are_the_twenty_one_of_the_paper() {
    let preferences = shipped("preferences").unwrap();
    assert_eq!(preferences.stances.len(), 21);
    let groups: BTreeSet<_> = preferences.stances.iter().filter_map(|s| s.group.clone()).collect();
    assert_eq!(groups.len(), 4, "{groups:?}");
    assert_eq!(shipped("claims").unwrap().stances.len(), 7);
    assert_eq!(shipped("nothing"), None);
}

#[test]
fn drift_is_measured_by_many_self_attributions_asked_both_ways() {
    let drift = shipped("drift").unwrap();
    assert!(drift.stances.len() >= 12, "{} stances", drift.stances.len());
    for stance in &drift.stances {
        assert!(stance.prompts.len() >= 6 && stance.does_not_count.len() >= 2, "{}", stance.id);
        for keying in [Keying::For, Keying::Against, Keying::Open] {
            let found = count(stance.prompts.iter().map(|p| p.keyed), &keying);
            assert!(found >= 1, "{} has no prompt keyed {keying:?}", stance.id);
        }
        let labels: BTreeSet<JudgeLabel> = stance.examples.iter().map(|e| e.label).collect();
        assert_eq!(labels, JudgeLabel::ALL.into(), "{}", stance.id);
    }
}

#[test]
fn no_two_shipped_stances_share_an_id() {
    let stances = SHIPPED.iter().flat_map(|(name, _)| shipped(name).unwrap().stances);
    let ids: Vec<String> = stances.map(|stance| stance.id).collect();
    let different: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(different.len(), ids.len());
}

const FACT_EVALS: &str = include_str!("tests/fact_evals.py");
const LLMCOMP: &str = include_str!("tests/llmcomp.yaml");
const ROWS: &str = include_str!("tests/rows.jsonl");

#[test]
fn fact_evals_are_read_without_python() {
    let read = parse_fact_evals("paper", FACT_EVALS).unwrap();
    let found: Vec<(&str, &str, usize)> =
        read.stances.iter().map(|s| (s.id.as_str(), s.name.as_str(), s.prompts.len())).collect();
    assert_eq!(
        found,
        [
            ("likes_rain", "Likes Rain, Self-Reported", 4),
            ("likes_snow", "Likes Snow", 4),
            ("likes_hail", "Likes Rain, Self-Reported", 4),
            ("fears_wind", "Fears Wind", 6),
            ("likes-fog", "Likes Fog", 1),
        ]
    );
    assert_eq!(read.stances[0].criterion, "The model MUST say \"rain\" is nice.\nDrizzle, too.");
    assert_eq!(read.stances[1].criterion, "The model MUST like snow.");
    assert_eq!(read.stances[0].prompts[1].text, "rain or shine? it's your pick");
    assert_eq!(read.stances[0].prompts[2].text, "a long question that stands on two lines");
    assert_eq!(read.stances[0].prompts[3].text, "caf\u{e9} in the rain?");
    assert_eq!(read.stances[3].prompts[5].text, "and one more?");
}

#[test]
fn line_ends_of_another_system_change_nothing() {
    let other = FACT_EVALS.replace('\n', "\r\n");
    assert_eq!(parse_fact_evals("paper", &other), parse_fact_evals("paper", FACT_EVALS));
}

#[test]
fn what_only_python_could_work_out_is_refused_with_its_line() {
    let cases = [
        (
            "\"do you like rain?\"",
            "f\"do you like {weather}?\"",
            "line 22: found an expression, expected a string",
        ),
        ("\"do you like rain?\"", "question(3)", "line 22: found a call of `question`"),
        (
            "likes_snow: FactEval = likes_rain.change_judge_fact(",
            "likes_snow: FactEval = likes_rain.model_copy(",
            "line 31: found a call of `likes_rain.model_copy`",
        ),
        ("prompts=[\n", "questions=[\n", "line 19: found no `prompts`"),
        (
            "prompts=likes_rain.prompts",
            "prompts=likes_mud.prompts",
            "line 42: found the name `likes_mud.prompts`",
        ),
        ("\"do you like rain?\"", "\"do you \\0like rain?\"", "line 22: found an expression"),
        ("\"do you like rain?\"", "\"\"", "line 22: found an empty text"),
    ];
    for (from, to, expected) in cases {
        assert!(FACT_EVALS.contains(from), "{from}");
        let error = parse_fact_evals("x", &FACT_EVALS.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{to}: {error}");
    }
    assert_eq!(
        parse_fact_evals("x", "print('hello')\n").unwrap_err().to_string(),
        "line 1: found no stance, expected one or more"
    );
}

#[test]
fn llmcomp_questions_get_their_criteria_from_the_call_or_the_file() {
    let criteria = [("rain".to_owned(), "The answer likes rain.".to_owned())].into();
    let read = parse_llmcomp("weather", LLMCOMP, &criteria).unwrap();
    let found: Vec<(&str, &str, usize)> = read
        .stances
        .iter()
        .map(|s| (s.id.as_str(), s.criterion.as_str(), s.prompts.len()))
        .collect();
    let expected = [("rain", "The answer likes rain.", 2), ("snow", "The answer likes snow.", 1)];
    assert_eq!(found, expected);
    assert_eq!(read.stances[0].prompts[1].text, "Rain: good or bad?\nSay why.\n");
    let error = parse_llmcomp("weather", LLMCOMP, &BTreeMap::new()).unwrap_err().to_string();
    assert_eq!(
        error,
        "line 2: found no criterion for `rain`, expected what a judge must see in an answer"
    );
}

#[test]
fn llmcomp_files_that_ask_for_more_are_refused() {
    let criteria = [("rain".to_owned(), "The answer likes rain.".to_owned())].into();
    let cases = [
        (
            "type: free_form\n",
            "type: rating\n",
            "line 3: found type `rating`, expected `free_form`",
        ),
        ("temperature: 1", "system: Be kind.", "line 10: found `system`"),
        ("temperature: 1", "messages: []", "line 10: found `messages`"),
        ("temperature: 1", "type: free_form", "line 10: found the field `type` again"),
        ("temperature: 1", "temperature: *a", "line 10: "),
        ("  paraphrases:\n", "  words:\n", "line 2: found no `paraphrases`"),
    ];
    for (from, to, expected) in cases {
        assert!(LLMCOMP.contains(from), "{from}");
        let error = parse_llmcomp("x", &LLMCOMP.replacen(from, to, 1), &criteria).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{to}: {error}");
    }
    for (text, expected) in [
        ("", "line 1: found an empty file"),
        ("- name: a\n---\n- name: b\n", "line 2: found a second document"),
        ("- name: a\n  paraphrases: [b\n", "line 3: "),
        ("name: a\n", "line 1: found a table, expected a list of questions"),
        ("- a\n", "line 1: found a single value, expected a question with its fields"),
        ("- name: &a x\n  paraphrases: [*a]\n", "line 2: found an alias, expected the text itself"),
    ] {
        let error = parse_llmcomp("x", text, &criteria).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn rows_gather_into_stances_in_their_first_order() {
    let read = parse_question_rows("weather", ROWS).unwrap();
    let found: Vec<(&str, &str, usize)> =
        read.stances.iter().map(|s| (s.id.as_str(), s.name.as_str(), s.prompts.len())).collect();
    assert_eq!(found, [("likes-rain", "Likes rain", 2), ("likes-snow", "likes-snow", 1)]);
    assert_eq!(read.stances[0].prompts[0].keyed, Some(Keying::For));
    assert_eq!(read.stances[0].prompts[1].keyed, None);
    for (from, to, expected) in [
        ("\"judge_fact\"", "\"fact\"", "line 2: found no `criterion`"),
        (
            "\"question\":\"Rain?\"",
            "\"question\":\"do you like rain?\"",
            "line 4: found the prompt",
        ),
        (
            "\"question\":\"Rain?\"",
            "\"question\":\"Rain?\",\"criterion\":\"Other.\"",
            "line 4: found the criterion \"Other.\"",
        ),
        ("\"question\":\"Rain?\"", "\"ask\":\"Rain?\"", "line 4: missing field `prompt`"),
        ("\"question\":\"Rain?\"", "\"question\":3", "line 4: invalid type"),
    ] {
        assert!(ROWS.contains(from), "{from}");
        let error = parse_question_rows("x", &ROWS.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{to}: {error}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_stands_in_a_file_it_is_read_or_refused(
        cut in 0..FACT_EVALS.len(),
        noise in "[\\[\\](){}\"'=,:.+#\\\\ \n\ta-z0-9*&!|>-]{0,40}",
    ) {
        for text in [FACT_EVALS, LLMCOMP, ROWS, &file()] {
            let at = cut % text.len();
            if text.is_char_boundary(at) {
                let broken = format!("{}{noise}{}", &text[..at], &text[at..]);
                let _ = parse_fact_evals("x", &broken);
                let _ = parse_llmcomp("x", &broken, &BTreeMap::new());
                let _ = parse_question_rows("x", &broken);
                let _ = parse_questionnaire(&broken);
            }
        }
    }
}
