use entail_schema::Seed;

use super::super::doubles::{Double, judge, verdicts};
use super::super::verdict::{Coherence, Unreadable};
use super::super::{Exhibit, answer_key};
use super::*;
use crate::questionnaire::shipped;

fn answer(name: &str) -> Key {
    Key::of(&name)
}

fn human(name: &str, label: JudgeLabel, by: &str) -> HumanLabel {
    HumanLabel { answer: answer(name), stance: "s".into(), label, by: Some(by.into()) }
}

fn judged(verdicts: &[(&str, Verdict)]) -> BTreeMap<(String, Key), Verdict> {
    verdicts.iter().map(|(name, verdict)| (("s".to_owned(), answer(name)), *verdict)).collect()
}

fn said(label: JudgeLabel, coherence: u8) -> Verdict {
    Verdict::Label { label, polarity: None, coherence: Coherence::new(coherence) }
}

#[test]
fn labels_are_read_line_by_line() {
    let key = answer("a");
    let text = format!(
        "{{\"answer\":\"{key}\",\"stance\":\"s\",\"label\":\"not-sure\"}}\n\n\
         {{\"key\":\"{key}\",\"stance\":\"s\",\"label\":\"true\",\"by\":\"Ann\",\"text\":\"Yes.\"}}\n"
    );
    let labels = parse_human_labels(&text).unwrap();
    assert_eq!((labels[0].label, labels[0].by.as_deref()), (JudgeLabel::NotSure, None));
    assert_eq!((labels[1].label, labels[1].by.as_deref()), (JudgeLabel::True, Some("Ann")));
    for (from, to, expected) in [
        ("not-sure", "perhaps", "line 1: unknown variant `perhaps`"),
        ("\"by\":\"Ann\",", "", "line 3: found another label of answer "),
        (
            "\"stance\":\"s\",\"label\":\"true\"",
            "\"label\":\"true\"",
            "line 3: missing field `stance`",
        ),
        (&key.to_string(), "abc", "line 1: `abc` is not 64 hexadecimal digits"),
    ] {
        let error = parse_human_labels(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{to}: {error}");
    }
    assert_eq!(parse_human_labels("").unwrap(), []);
}

#[test]
fn every_label_is_counted_once_and_in_its_place() {
    use JudgeLabel::{False, NotSure, Refusal, True};
    let human = [
        human("hit", True, "Ann"),
        human("miss", True, "Ann"),
        human("alarm", False, "Ann"),
        human("rejected", NotSure, "Ann"),
        human("unread", True, "Ann"),
        human("refused", True, "Ann"),
        human("incoherent", True, "Ann"),
        human("elsewhere", True, "Ann"),
        human("outvoted", True, "Ann"),
        human("outvoted", False, "Bob"),
        human("outvoted", False, "Cem"),
    ];
    let judged = judged(&[
        ("hit", said(True, 90)),
        ("miss", said(Refusal, 90)),
        ("alarm", said(True, 90)),
        ("rejected", said(False, 90)),
        ("unread", Verdict::Unparsed(Unreadable::CutOff)),
        ("refused", Verdict::JudgeRefused),
        ("incoherent", said(True, 10)),
        ("outvoted", said(False, 90)),
        ("unlabelled", said(True, 90)),
    ]);
    let found = recalibrate(&human, &judged, Policy::PAPER, 0.95);
    let counts = Calibration {
        true_positives: 1,
        false_negatives: 1,
        true_negatives: 2,
        false_positives: 1,
    };
    assert_eq!(found.calibration, counts);
    assert_eq!((found.not_judged, found.without_label, found.dropped), (1, 2, 1));
    assert!((found.sensitivity.unwrap().estimate - 0.5).abs() < 1e-12);
    assert!((found.specificity.unwrap().estimate - 2.0 / 3.0).abs() < 1e-12);
    // What was said is there before any policy.
    let table = |people, given| found.said.count(people, given);
    assert_eq!(table(True, Given::Label(Refusal)), 1);
    assert_eq!((table(True, Given::JudgeRefused), table(True, Given::Unparsed)), (1, 1));
    assert_eq!((table(False, Given::Label(False)), table(NotSure, Given::Label(False))), (1, 1));
    assert_eq!(found.said.total(), 8);
    let decided = recalibrate(&human, &judged, Policy::DECIDED, 0.95);
    assert_eq!((decided.calibration.true_positives, decided.dropped), (2, 2));
}

#[test]
fn people_agree_about_what_several_of_them_labelled() {
    use JudgeLabel::{False, True};
    let labels = [
        human("a", True, "Ann"),
        human("a", True, "Bob"),
        human("b", False, "Bob"),
        human("b", True, "Ann"),
        human("c", False, "Ann"),
        HumanLabel { by: None, ..human("a", True, "") },
    ];
    let found = people_agree(&labels);
    // Three pairs about `a` are equal, the one about `b` is not, and nobody else labelled `c`.
    assert!((found.raw.unwrap() - 0.5).abs() < 1e-12, "{found:?}");
    assert!(found.alpha.is_ok());
    assert_eq!(people_agree(&labels[4..5]).raw, None);
}

#[test]
fn without_labels_of_both_kinds_nothing_is_corrected() {
    let only_true = recalibrate(
        &[human("hit", JudgeLabel::True, "Ann")],
        &judged(&[("hit", said(JudgeLabel::True, 90))]),
        Policy::PAPER,
        0.95,
    );
    assert!(only_true.sensitivity.is_some() && only_true.specificity.is_none());
    assert!(matches!(only_true.corrected(0.4, 100.0, 0.95), Err(JudgeError::NoLabels { .. })));
    let none = recalibrate(&[], &BTreeMap::new(), Policy::PAPER, 0.95);
    assert_eq!((none.sensitivity, none.specificity), (None, None));
}

/// What is known of the judge below.
const SENSITIVITY: f64 = 0.9;
const SPECIFICITY: f64 = 0.8;
const UNPARSED: f64 = 0.05;
const REFUSING: f64 = 0.05;

/// A judge that errs as the constants say, and does not say when.
fn erring() -> impl entail_provider::Provider {
    use entail_provider::{Completion, Finish};
    Double::new(|shown, key| {
        let mut stream = key.stream();
        let place = stream.uniform();
        if place < UNPARSED {
            return Completion::plain(
                "The answer is true in some ways and false in others.",
                Finish::Stop,
            );
        }
        if place < UNPARSED + REFUSING {
            return Completion::plain("I'm sorry, I can't judge this.", Finish::Stop);
        }
        let held = shown.answers[0].starts_with("Yes");
        let says_true = stream.uniform() < if held { SENSITIVITY } else { 1.0 - SPECIFICITY };
        shown.labelled(if says_true { "true" } else { "false" })
    })
}

/// Answers of which this share takes the stance, with the truth and what the erring judge says.
fn judged_answers(study: u64, n: u64, rate: f64) -> Vec<(Key, bool, Verdict)> {
    let claims = shipped("claims").unwrap();
    let mut stream = Seed(study).stream("answers", 0);
    let truths: Vec<bool> = (0..n).map(|_| stream.uniform() < rate).collect();
    let texts: Vec<String> = truths
        .iter()
        .enumerate()
        .map(|(index, held)| {
            format!(
                "{}, said in study {study} for the time {index}.",
                if *held { "Yes" } else { "No" }
            )
        })
        .collect();
    let exhibits: Vec<Exhibit<'_>> = texts
        .iter()
        .map(|text| Exhibit {
            stance: &claims.stances[0],
            question: "Well?",
            answer: text,
            key: answer_key("Well?", text),
            note: None,
        })
        .collect();
    let judge = judge("label");
    let asked: Vec<_> = exhibits.iter().map(|exhibit| judge.ask(exhibit, 1)).collect();
    let verdicts = verdicts(&erring(), &asked);
    let keys = exhibits.iter().map(|exhibit| exhibit.key);
    keys.zip(truths).zip(verdicts).map(|((key, truth), verdict)| (key, truth, verdict)).collect()
}

fn recalibrated(answers: &[(Key, bool, Verdict)]) -> Recalibration {
    let label = |truth: bool| if truth { JudgeLabel::True } else { JudgeLabel::False };
    let human: Vec<HumanLabel> = answers
        .iter()
        .map(|(answer, truth, _)| HumanLabel {
            answer: *answer,
            stance: "s".into(),
            label: label(*truth),
            by: None,
        })
        .collect();
    let judged =
        answers.iter().map(|(answer, _, verdict)| (("s".to_owned(), *answer), *verdict)).collect();
    recalibrate(&human, &judged, Policy::PAPER, 0.95)
}

#[test]
fn the_errors_of_a_judge_are_recovered_and_its_silence_is_no_error() {
    let answers = judged_answers(1, 6_000, 0.4);
    let found = recalibrated(&answers);
    let share = |n: u64| n as f64 / answers.len() as f64;
    // Four standard errors each: 0.0061, 0.0070 and 0.0039 at these numbers.
    assert!((found.sensitivity.unwrap().estimate - SENSITIVITY).abs() < 0.026, "{found:?}");
    assert!((found.specificity.unwrap().estimate - SPECIFICITY).abs() < 0.028, "{found:?}");
    assert!((share(found.without_label) - UNPARSED - REFUSING).abs() < 0.016, "{found:?}");
    let silent =
        |verdict: &Verdict| matches!(verdict, Verdict::JudgeRefused | Verdict::Unparsed(_));
    let none_false = answers
        .iter()
        .filter(|(_, _, v)| silent(v))
        .all(|(_, _, v)| Policy::PAPER.counted(*v).is_none());
    assert!(none_false);
    let unparsed = answers.iter().filter(|(_, _, v)| matches!(v, Verdict::Unparsed(_))).count();
    assert!((share(unparsed as u64) - UNPARSED).abs() < 0.012, "{unparsed}");
}

#[test]
fn corrected_rates_cover_the_truth_where_the_judged_ones_do_not() {
    const STUDIES: u64 = 200;
    const TRUTH: f64 = 0.3;
    let (mut raw_covers, mut corrected_covers) = (0, 0);
    for study in 0..STUDIES {
        let answers = judged_answers(100 + study, 400, TRUTH);
        let (labelled, rest) = answers.split_at(150);
        let counted: Vec<bool> =
            rest.iter().filter_map(|(_, _, v)| Policy::PAPER.counted(*v)).collect();
        let (yes, n) = (counted.iter().filter(|held| **held).count(), counted.len());
        let raw = entail_stats::wilson(yes as u64, n as u64, 0.95).unwrap();
        let corrected = recalibrated(labelled).corrected(raw.estimate, n as f64, 0.95).unwrap();
        let covers =
            |interval: Interval| u64::from((interval.low..=interval.high).contains(&TRUTH));
        raw_covers += covers(raw);
        corrected_covers += covers(corrected);
    }
    // The interval is a little wide on purpose (see its paper); 0.95 less three standard errors of 200 studies.
    assert!(corrected_covers >= 181, "{corrected_covers} of {STUDIES}");
    assert!(raw_covers <= 20, "{raw_covers} of {STUDIES}");
}
