use super::*;

/// A rule, with answers that it accepts and others that it refuses.
fn check(rule: Rule, right: &[&str], wrong: &[&str]) {
    let check = Check { rule, right: Vec::new(), wrong: Vec::new() };
    for answer in right {
        assert!(check.passes(answer), "{:?} refuses {answer:?}", check.rule);
    }
    for answer in wrong.iter().chain(&["", " \n", "\u{a0}"]) {
        assert!(!check.passes(answer), "{:?} accepts {answer:?}", check.rule);
    }
}

fn any(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn number(text: &str) -> Rule {
    Rule::Number(Decimal::parse(text).unwrap())
}

fn matches(pattern: &str) -> Rule {
    Rule::Matches(Pattern::parse(pattern).unwrap())
}

#[test]
fn a_number_is_compared_without_rounding() {
    check(
        number("391"),
        &["391", "The answer is **391**.", "391.0"],
        &["390.99", "391 or 392", "none"],
    );
    check(number("0.21"), &[".21", "0.210"], &["0.2100000000000000001", "21"]);
    check(number("-7"), &["-7", "\u{2212}7", "minus 7"], &["7", "11-7"]);
}

#[test]
fn equals_forgives_what_stands_around_an_answer() {
    check(
        Rule::Equals(any(&["nedrag", "The lights are on."])),
        &[
            "nedrag",
            " Nedrag.\n",
            "**nedrag**",
            "`nedrag`",
            "\u{201c}nedrag.\u{201d}",
            "\\boxed{\\text{nedrag}}",
            "$\\boxed{nedrag}$.",
            "the  lights are\non",
        ],
        &["The word is nedrag.", "nedrag nedrag", "n-e-d-r-a-g", "**", "\\boxed{}"],
    );
    check(Rule::Equals(any(&["don't"])), &["Don\u{2019}t."], &["dont"]);
}

#[test]
fn contains_looks_for_whole_words() {
    check(
        Rule::Contains(any(&["Fe", "carbon dioxide", "CO₂"])),
        &["Its symbol is **Fe**.", "_fe_", "Carbon\n dioxide, mostly", "CO₂"],
        &["Feature", "coffee", "carbon monoxide", "CO₂e", "F e"],
    );
}

#[test]
fn starts_looks_at_the_beginning_only_and_for_the_whole_of_it() {
    check(
        Rule::Starts(any(&["2", "two"])),
        &["2", "2.", "2, of course", "**Two** of them", "\"two\"", "$2$", "\\(2\\)", "\\boxed{2}"],
        &["23", "2.5", "2,000", "2/3", "twofold", "There are 2", "1 or 2"],
    );
    check(
        Rule::Starts(any(&["0.9"])),
        &["0.9 is larger", "**0.9**."],
        &["0.95", "0.11 < 0.9", "9"],
    );
    check(Rule::Starts(any(&["\\frac{1}{3}"])), &["$\\frac{1}{3}$ is larger"], &["\\frac{1}{30}"]);
    check(Rule::Starts(any(&["no"])), &["No.", "no, it isn't"], &["Nobody knows", "Yes and no"]);
}

#[test]
fn a_pattern_sees_the_answer_without_the_space_around_it() {
    check(matches("^Because\\b"), &["  Because it is."], &["It is because.", "because"]);
    check(matches("^a\nb$"), &["a\r\nb\n"], &["a b"]);
    assert_eq!(Pattern::parse("a|b").unwrap(), Pattern::parse("a|b").unwrap());
    assert_ne!(Pattern::parse("a|b").unwrap(), Pattern::parse("b|a").unwrap());
    for text in ["(", "(?=a)", "(a)\\1", "\\w{5000}{5000}"] {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
}

#[test]
fn words_and_lines_are_counted_without_marks_and_blanks() {
    let exactly = |n| Count { least: n, most: Some(n) };
    check(
        Rule::Words(exactly(3)),
        &["one two three", "**one** - two, *three*!", "it's twenty-one\n\nthen"],
        &["one two", "one two three four"],
    );
    let least_two = Count { least: 2, most: None };
    check(Rule::Words(least_two), &["one two", "a b c d e f"], &["one"]);
    check(Rule::Lines(exactly(2)), &["a\nb", "a\r\n\r\n  \nb\n"], &["a", "a\nb\nc"]);
}

#[test]
fn an_object_has_exactly_these_keys() {
    check(
        Rule::JsonKeys(["a", "b"].map(str::to_owned).into()),
        &[
            r#"{"b": 1, "a": [2, {"c": 3}]}"#,
            "```json\n{\"a\": 1, \"b\": 2}\n```",
            "```\n{\"a\": 1, \"b\": 2}\n```\n",
        ],
        &[
            r#"{"a": 1}"#,
            r#"{"a": 1, "b": 2, "c": 3}"#,
            r#"[{"a": 1, "b": 2}]"#,
            r#"Here: {"a": 1, "b": 2}"#,
            r#"{"a": 1, "b": 2} Done."#,
            "{a: 1, b: 2}",
            "```",
            &"[".repeat(100_000),
        ],
    );
}

#[test]
fn a_completion_is_right_or_wrong_whatever_it_ended_on_unless_nothing_is_known_of_it() {
    let check = Check { rule: number("4"), right: Vec::new(), wrong: Vec::new() };
    let label = |text: &str, finish| check.verdict(&Completion::plain(text, finish)).label();
    assert_eq!(label("It is 4.", Finish::Stop), Some(JudgeLabel::True));
    assert_eq!(label("<think>5, or 4?</think>\n4", Finish::Stop), Some(JudgeLabel::True));
    assert_eq!(label("<think>4, so", Finish::Stop), Some(JudgeLabel::False));
    assert_eq!(label("It is 5.", Finish::Stop), Some(JudgeLabel::False));
    assert_eq!(label("", Finish::Stop), Some(JudgeLabel::False));
    for finish in [Finish::Length, Finish::Refusal, Finish::Tool] {
        assert_eq!(label("4", finish), Some(JudgeLabel::False), "{finish:?}");
    }
    for finish in [Finish::Filter, Finish::Error] {
        let verdict = check.verdict(&Completion::plain("4", finish));
        assert_eq!(verdict, Verdict::Unparsed(Unreadable::NoReply), "{finish:?}");
    }
    let verdict = check.verdict(&Completion::plain("4", Finish::Stop));
    assert_eq!((verdict.polarity(), verdict.coherence()), (None, None));
}

/// One rule of each kind.
fn rules() -> Vec<Rule> {
    let one = Count { least: 1, most: Some(1) };
    vec![
        number("1"),
        Rule::Equals(any(&["a"])),
        Rule::Contains(any(&["a"])),
        matches("(a|b)*c$"),
        Rule::Words(one),
        Rule::Lines(one),
        Rule::JsonKeys(["a".to_owned()].into()),
        Rule::Starts(any(&["a"])),
    ]
}

#[test]
fn an_answer_of_a_megabyte_is_read_like_any_other() {
    for unit in ["a", "ab", "1,000", "\\boxed{", "{\"a\":", "}", "\u{301}", "* ", "minus "] {
        let answer = unit.repeat((1 << 20) / unit.len());
        let right = rules().iter().filter(|rule| rule.accepts(&answer)).count();
        assert!(right <= 3, "{unit}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn space_around_an_answer_and_the_system_of_its_line_ends_change_nothing(
        answer in "([ab1.,*{}\"\\\\$ \n-]|\\PC){0,20}",
        space in "[ \t\n]{0,4}",
    ) {
        for rule in rules() {
            let found = rule.accepts(&answer);
            proptest::prop_assert_eq!(rule.accepts(&format!("{space}{answer}{space}")), found);
            proptest::prop_assert_eq!(rule.accepts(&answer.replace('\n', "\r\n")), found);
        }
    }
}
