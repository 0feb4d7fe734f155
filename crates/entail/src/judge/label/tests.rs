use entail_eval::{parse_human_labels, shipped};

use super::*;

fn answers(n: usize) -> Vec<Unlabelled> {
    let stance = shipped("claims").unwrap().stances.remove(0);
    let one = |index: usize| Unlabelled {
        stance: stance.clone(),
        question: "Well?".into(),
        note: (index == 1).then(|| "It is a joke.".into()),
        answer: format!("Answer {index}\u{1b}[2J"),
        key: Key::of(&index),
    };
    (0..n).map(one).collect()
}

/// What a person who types this is shown, and what is in the file then.
fn typed(
    folder: &std::path::Path,
    answers: &[Unlabelled],
    keys: &str,
) -> (String, Vec<HumanLabel>) {
    let path = folder.join("labels.jsonl");
    let (file, there) = LabelFile::open(&path).unwrap();
    let todo: Vec<&Unlabelled> = answers.iter().collect();
    let mut session = Session { todo: &todo, by: Some("Ann"), file, shown: Vec::new() };
    let mut screen = Vec::new();
    session.run(&mut keys.as_bytes(), &mut screen).unwrap();
    let labels = parse_human_labels(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(there.len() + session.labelled(), labels.len());
    (String::from_utf8(screen).unwrap(), labels)
}

#[test]
fn each_letter_is_a_label_of_the_answer_that_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let answers = answers(5);
    let (screen, labels) = typed(folder.path(), &answers, "t\nf\ns\nn\nr\nq\n");
    let said: Vec<(Key, &str)> = labels.iter().map(|l| (l.answer, l.label.as_str())).collect();
    let key = |index: usize| Key::of(&index);
    assert_eq!(
        said,
        [(key(0), "true"), (key(1), "false"), (key(3), "not-sure"), (key(4), "refusal")]
    );
    assert!(
        labels.iter().all(|l| l.by.as_deref() == Some("Ann") && l.stance == answers[0].stance.id)
    );
    assert!(screen.contains("Answer 0\\u{1b}[2J") && !screen.contains('\u{1b}'), "{screen}");
    assert_eq!(screen.matches("It is a joke.").count(), 1);
    assert!(screen.contains("That was the last one"));
}

#[test]
fn back_takes_the_last_label_back_and_passes_over_what_was_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let (screen, labels) = typed(folder.path(), &answers(3), "b\nt\nb\nf\ns\nb\nb\nn\nx\n?\n");
    assert!(screen.contains("where you began"), "{screen}");
    assert_eq!(labels.iter().map(|l| l.label).collect::<Vec<_>>(), [JudgeLabel::NotSure]);
    assert!(screen.contains("\"x\" is none of these"), "{screen}");
    // Also from the end.
    let folder = tempfile::tempdir().unwrap();
    let (_, labels) = typed(folder.path(), &answers(1), "t\nt\nb\nr\n");
    assert_eq!(labels.iter().map(|l| l.label).collect::<Vec<_>>(), [JudgeLabel::Refusal]);
}

#[test]
fn a_label_that_somebody_wrote_after_ours_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let (mut ours, _) = LabelFile::open(&path).unwrap();
    let (mut theirs, _) = LabelFile::open(&path).unwrap();
    let label = |by: &str| HumanLabel {
        answer: Key::of(&0),
        stance: "s".into(),
        label: JudgeLabel::True,
        by: Some(by.into()),
    };
    let first = ours.add(&label("Ann")).unwrap();
    let second = theirs.add(&label("Bob")).unwrap();
    assert!(!ours.take_back(first).unwrap());
    assert!(theirs.take_back(second).unwrap());
    assert!(ours.take_back(first).unwrap());
    assert_eq!(std::fs::read_to_string(path).unwrap(), "");
}

#[test]
fn files_that_end_without_a_line_end_go_on_and_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let line = format!("{{\"answer\":\"{}\",\"stance\":\"s\",\"label\":\"true\"}}", Key::of(&9));
    std::fs::write(&path, &line).unwrap();
    let (_, labels) = typed(folder.path(), &answers(1), "f");
    assert_eq!(
        labels.iter().map(|l| l.label).collect::<Vec<_>>(),
        [JudgeLabel::True, JudgeLabel::False]
    );
    std::fs::write(&path, "{\"answer\":").unwrap();
    let error = LabelFile::open(&path).unwrap_err().to_string();
    assert!(error.contains("labels.jsonl: line 1: "), "{error}");
}

#[test]
fn the_middle_of_a_long_answer_is_shown_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut answers = answers(1);
    answers[0].answer = format!("begin{}MIDDLE{}end", "é".repeat(2_000), "é".repeat(2_000));
    let (screen, _) = typed(folder.path(), &answers, "");
    assert!(screen.contains("begin") && screen.contains("end\n") && !screen.contains("MIDDLE"));
    let left_out = 4_014 - LONGEST;
    assert!(screen.contains(&format!("{left_out} characters left out")), "{screen}");
    let (screen, labels) = typed(folder.path(), &answers, "a\n");
    assert!(screen.contains("MIDDLE") && labels.is_empty());
}
