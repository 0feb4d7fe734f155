use super::*;

fn ask(answers: &Answers, text: &str, seed: Option<i64>, sample: u64) -> Answer {
    let turns = [Turn { role: "user".into(), text: text.into() }];
    answers.answer(&Question { model: "m", turns: &turns, seed, sample, call: 0 })
}

#[test]
fn echoes_follow_from_text_seed_and_sample() {
    let echo = Answers::echo();
    let first = ask(&echo, "a", Some(1), 0);
    assert_eq!(first, ask(&echo, "a", Some(1), 0));
    for other in [
        ask(&echo, "b", Some(1), 0),
        ask(&echo, "a", Some(2), 0),
        ask(&echo, "a", None, 0),
        ask(&echo, "a", Some(1), 1),
    ] {
        assert_ne!(first, other);
    }
}

#[test]
fn a_table_uses_every_answer_and_is_silent_about_the_rest() {
    let table = Answers::table(BTreeMap::from([("a".into(), vec!["yes".into(), "no".into()])]));
    let yes =
        (0..1000).filter(|&seed| ask(&table, "a", Some(seed), 0) == Answer::Says("yes".into()));
    assert!((400..600).contains(&yes.count()));
    assert_eq!(ask(&table, "b", None, 0), Answer::Says(String::new()));
}

#[test]
fn a_marked_question_is_refused() {
    let answers = Answers::constant("fine").refusing("[no]");
    assert_eq!(ask(&answers, "a", None, 0), Answer::Says("fine".into()));
    assert!(matches!(ask(&answers, "a [no]", None, 0), Answer::Refuses(_)));
}
