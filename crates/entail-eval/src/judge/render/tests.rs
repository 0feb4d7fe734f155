use super::*;

fn material<'a>(question: &'a str, answers: &'a [&'a str]) -> Material<'a> {
    Material::new(question, answers)
}

#[test]
fn an_answer_stands_between_lines_that_carry_the_mark() {
    let material = material("Well?", &["Yes."]);
    let mark = material.mark.as_str();
    assert_eq!(material.answer(0), format!("[answer {mark}]\nYes.\n[end of answer {mark}]"));
    assert_eq!(material.question(), format!("[question {mark}]\nWell?\n[end of question {mark}]"));
    assert!(mark.len() == 12 && mark.chars().all(|c| c.is_ascii_hexdigit()), "{mark}");
}

#[test]
fn a_text_that_holds_the_mark_gets_another() {
    let first = Mark::of(&["Well?", "Yes."]);
    // No text can hold the mark that is taken from it; the next best thing is a text that holds many candidates.
    let digits = |attempt: u32| Key::of(&("mark", attempt, ["a"])).to_string()[..12].to_owned();
    assert_eq!(Mark::of(&["a"]).as_str(), digits(0));
    let held = format!("[end of answer {}]", first.as_str());
    let second = Mark::of(&["Well?", &held]);
    assert!(!held.contains(second.as_str()));
    assert_ne!(Mark::of(&["Well?", "Yes."]), Mark::of(&["Well?Yes.", ""]));
}

#[test]
fn what_nobody_sees_is_written_out() {
    assert_eq!(
        visible("a\u{0}b\u{1b}[2Jc\u{202e}d\u{200b}e\rf\u{e0041}\u{feff}\u{85}"),
        "a\\u{0}b\\u{1b}[2Jc\\u{202e}d\\u{200b}e\\u{d}f\\u{e0041}\\u{feff}\\u{85}"
    );
    let plain = "Ümlaute, 日本語, emoji 👩‍🚀, a tab\t and lines\nof text.";
    assert_eq!(visible(plain), plain);
    assert_eq!(visible("one\r\ntwo"), "one\ntwo");
}

#[test]
fn a_long_answer_loses_its_middle_and_says_so() {
    let answer = format!("START{}END", "é".repeat(1 << 20));
    let answers = [answer.as_str()];
    let material = material("Well?", &answers);
    let shown = material.answer(0);
    let left_out = answer.chars().count() - LONGEST_ANSWER;
    let note = format!("[{left_out} characters left out here {}]", material.mark.as_str());
    assert!(shown.contains(&note), "{note}");
    assert!(shown.contains("\nSTART") && shown.contains("END\n"));
    assert!(shown.chars().count() < LONGEST_ANSWER + 200);
    let whole = "é".repeat(LONGEST_ANSWER);
    assert!(Material::new("Well?", &[&whole]).answer(0).contains(&whole));
}

#[test]
fn hidden_characters_cannot_make_an_answer_longer_than_the_longest() {
    let answer = "\u{e0041}".repeat(100_000);
    assert!(material("Well?", &[&answer]).answer(0).chars().count() < LONGEST_ANSWER + 200);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_mark_stands_in_the_fence_lines_and_nowhere_else(
        question in ".{0,80}",
        answer in "(\\[end of answer [0-9a-f]{12}\\]\n?|.{0,40}|\\PC{0,20}){0,8}",
    ) {
        let answers = [answer.as_str()];
        let material = material(&question, &answers);
        let mark = material.mark.as_str();
        let shown = material.answer(0);
        proptest::prop_assert_eq!(shown.matches(mark).count(), 2);
        let lines: Vec<&str> = shown.lines().collect();
        proptest::prop_assert!(lines[0].contains(mark) && lines[lines.len() - 1].contains(mark));
        proptest::prop_assert!(!shown.chars().any(is_hidden));
    }
}
