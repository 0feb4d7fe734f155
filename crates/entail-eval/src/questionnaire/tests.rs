use std::collections::BTreeMap;

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
fn a_battery_asks_what_the_questionnaire_asks() {
    use entail_schema::Block;
    let questionnaire = parse_questionnaire(&file()).unwrap();
    let battery = questionnaire.battery(|_| Block::Drift);
    assert_eq!(battery.name, questionnaire.name);
    assert_eq!(battery.stances.len(), questionnaire.stances.len());
    for (stance, judged) in battery.stances.iter().zip(&questionnaire.stances) {
        assert_eq!((&stance.id, &stance.criterion), (&judged.id, &judged.criterion));
        let texts: Vec<&String> = judged.prompts.iter().map(|prompt| &prompt.text).collect();
        assert_eq!(stance.prompts.iter().collect::<Vec<_>>(), texts);
        assert_eq!((stance.block, stance.wordings.held.len()), (Block::Drift, 0));
    }
}

/// The small file with checks in place of a judge.
fn checked_file() -> String {
    let file = file();
    let judged = file.split_once("\n[[stance.example]]").unwrap().0;
    let first = "keyed = \"for\"\n";
    let check =
        "check = { kind = \"starts\", any = [\"yes\"] }\nright = [\"Yes!\"]\nwrong = [\"No.\"]\n";
    let second = "check = { kind = \"number\", value = 4 }\nright = [\"It is 4.\"]\n";
    format!("{}{second}", judged.replacen(first, &format!("{first}{check}"), 1))
}

#[test]
fn a_stance_is_read_by_a_judge_or_by_checks() {
    let judged = parse_questionnaire(&file()).unwrap();
    assert_eq!(judged.stances[0].reader(), Reader::Judge);
    let checked = parse_questionnaire(&checked_file()).unwrap();
    let Reader::Checks(checks) = checked.stances[0].reader() else { panic!("checks") };
    assert_eq!(checks[0].right, ["Yes!"]);
    assert_eq!(checks[1].rule, Rule::Number(Decimal::parse("4").unwrap()));
    assert_ne!(checked.key(), judged.key());
}

#[test]
#[should_panic(expected = "1 of 2 prompts of `likes-rain` have a check")]
fn a_stance_of_both_kinds_is_a_bug() {
    let mut checked = parse_questionnaire(&checked_file()).unwrap();
    checked.stances[0].prompts[1].check = None;
    let _ = checked.stances[0].reader();
}

#[test]
fn checks_of_every_kind_are_read() {
    let rule = |text: &str| {
        let from = "{ kind = \"number\", value = 4 }\nright = [\"It is 4.\"]";
        let file = checked_file();
        assert!(file.contains(from));
        let read = parse_questionnaire(&file.replace(from, text)).unwrap();
        let rule = read.stances[0].prompts[1].check.as_ref().unwrap().rule.clone();
        serde_json::to_string(&rule).unwrap()
    };
    for (text, expected) in [
        ("{ kind = \"number\", value = -0.50 }", r#"{"number":"-0.5"}"#),
        ("{ kind = \"equals\", any = [\"a\", \"b\"] }", r#"{"equals":["a","b"]}"#),
        ("{ kind = \"contains\", any = [\"a\"] }", r#"{"contains":["a"]}"#),
        ("{ kind = \"starts\", any = [\"a\"] }", r#"{"starts":["a"]}"#),
        ("{ kind = \"matches\", pattern = '^a\\.$' }", r#"{"matches":"^a\\.$"}"#),
        ("{ kind = \"words\", exactly = 7 }", r#"{"words":{"least":7,"most":7}}"#),
        ("{ kind = \"words\", at-least = 2 }", r#"{"words":{"least":2,"most":null}}"#),
        ("{ kind = \"lines\", at-most = 9 }", r#"{"lines":{"least":1,"most":9}}"#),
        ("{ kind = \"json-keys\", keys = [\"b\", \"a\"] }", r#"{"json-keys":["a","b"]}"#),
    ] {
        assert_eq!(rule(text), expected);
    }
}

#[test]
fn what_is_wrong_with_a_check_is_named_with_its_line() {
    let number = "{ kind = \"number\", value = 4 }";
    let starts =
        "check = { kind = \"starts\", any = [\"yes\"] }\nright = [\"Yes!\"]\nwrong = [\"No.\"]\n";
    let cases = [
        (starts, "", "line 16: found a check, expected none"),
        (
            &starts[..=starts.find('\n').unwrap()],
            "",
            "line 11: found `right` or `wrong` answers and no `check`",
        ),
        (
            "check = { kind = \"number\", value = 4 }\nright = [\"It is 4.\"]",
            "",
            "line 19: found no check, expected one",
        ),
        (
            "[\"Yes!\"]",
            "[\"Aye!\"]",
            "line 11: found the right answer \"Aye!\", expected one that its check accepts",
        ),
        ("[\"No.\"]", "[\"Yes.\"]", "line 11: found the wrong answer \"Yes.\""),
        ("[\"No.\"]", "[\" \"]", "line 11: found an empty text"),
        ("keyed = \"for\"", "note = \"It is wet.\"", "line 11: found a note beside a check"),
        (number, "{ kind = \"sum\", value = 4 }", "line 22: unknown variant `sum`"),
        (number, "{ kind = \"number\" }", "line 22: missing field `value`"),
        (number, "{ kind = \"number\", value = \"4\" }", "line 22: invalid type"),
        (number, "{ kind = \"number\", value = nan }", "line 22: "),
        (
            number,
            "{ kind = \"number\", value = 1e300 }",
            "line 22: found 1e+300, expected a number in digits",
        ),
        (number, "{ kind = \"number\", value = 4, any = [] }", "line 22: unknown field `any`"),
        (
            number,
            "{ kind = \"equals\", any = [] }",
            "line 22: found an empty list, expected one text or more",
        ),
        (number, "{ kind = \"starts\", any = [\"**\"] }", "line 22: found \"**\", expected words"),
        (
            number,
            "{ kind = \"matches\", pattern = \"(\" }",
            "line 22: found the pattern \"(\", expected a regular expression",
        ),
        (number, "{ kind = \"matches\", pattern = '\\w{900}' }", "line 22: found the pattern"),
        (number, "{ kind = \"words\" }", "line 22: found a count that no answer can have"),
        (number, "{ kind = \"words\", exactly = 0 }", "line 22: found a count"),
        (number, "{ kind = \"words\", exactly = 2, at-most = 3 }", "line 22: found a count"),
        (number, "{ kind = \"lines\", at-least = 3, at-most = 2 }", "line 22: found a count"),
        (
            "likes rain.\"\n",
            "likes rain.\"\nexample = [{ kind = \"clear-yes\", to = 0, answer = \"Yes.\", label = \"true\" }]\n",
            "line 8: found an example for judges",
        ),
    ];
    for (from, to, expected) in cases {
        let file = checked_file();
        assert!(file.contains(from), "{from}");
        let error = parse_questionnaire(&file.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{to}: {error:?}");
    }
    let role = "name = \"small\"\nrole = \"boss\"";
    let found = refusal("name = \"small\"", role);
    assert!(
        found.starts_with("line 2: unknown variant `boss`, expected one of `claims`"),
        "{found}"
    );
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
