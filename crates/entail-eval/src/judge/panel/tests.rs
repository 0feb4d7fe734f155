use super::super::verdict::Unreadable;
use super::*;
use JudgeLabel::{False, NotSure, Refusal, True};

fn verdict(label: JudgeLabel) -> Verdict {
    Verdict::Label { label, polarity: None, coherence: None }
}

const UNPARSED: Verdict = Verdict::Unparsed(Unreadable::NoVerdict);

#[test]
fn most_votes_win_and_a_tie_is_not_sure() {
    for (votes, expected) in [
        (vec![], None),
        (vec![True], Some(True)),
        (vec![True, False], Some(NotSure)),
        (vec![True, False, True], Some(True)),
        (vec![True, False, Refusal], Some(NotSure)),
        (vec![Refusal, Refusal, True, False], Some(Refusal)),
        (vec![NotSure, NotSure, True], Some(NotSure)),
        (vec![True, True, False, False, NotSure], Some(NotSure)),
    ] {
        assert_eq!(majority(votes.iter().copied()), expected, "{votes:?}");
    }
}

#[test]
fn answers_are_contested_where_labels_differ_or_are_missing() {
    let label = verdict;
    let other =
        Verdict::Label { label: True, polarity: None, coherence: super::super::Coherence::new(3) };
    let answers = [
        vec![label(True), label(True)],
        vec![label(True), label(False)],
        vec![label(True), UNPARSED],
        vec![Verdict::JudgeRefused, Verdict::JudgeRefused],
        vec![label(True), other],
        vec![label(False)],
        vec![],
    ];
    assert_eq!(contested(&answers), [1, 2, 3]);
}

#[test]
fn agreement_leaves_out_what_was_not_said() {
    let rows = |rows: &[[Option<Verdict>; 2]]| rows.iter().map(|r| r.to_vec()).collect::<Vec<_>>();
    let (yes, no) = (Some(verdict(True)), Some(verdict(False)));
    let perfect = agreement(&rows(&[[yes, yes], [no, no], [yes, Some(UNPARSED)], [None, no]]));
    assert_eq!((perfect.raw, perfect.alpha), (Some(1.0), Ok(1.0)));
    assert_eq!(perfect.ac1, Ok(1.0));
    let half = agreement(&rows(&[[yes, no], [no, no], [yes, yes], [no, yes]]));
    assert_eq!(half.raw, Some(0.5));
    assert!(half.alpha.unwrap() < 0.3);
    let nothing = agreement(&rows(&[[yes, None], [None, Some(Verdict::JudgeRefused)]]));
    assert_eq!(nothing.raw, None);
    assert!(nothing.alpha.is_err() && nothing.ac1.is_err());
}

#[test]
fn judges_speak_with_one_voice_as_far_as_they_spoke() {
    let said = |label, polarity: Option<i64>, coherence: Option<u8>| Verdict::Label {
        label,
        polarity: polarity.and_then(Polarity::new),
        coherence: coherence.and_then(Coherence::new),
    };
    assert_eq!(combined(&[]), None);
    assert_eq!(combined(&[UNPARSED, Verdict::JudgeRefused]), None);
    let one = said(True, Some(1), Some(70));
    assert_eq!(combined(&[UNPARSED, one]), Some(one));
    assert_eq!(combined(&[verdict(False), verdict(False)]), Some(verdict(False)));
    let three = [one, said(False, Some(-1), Some(90)), said(True, Some(1), None)];
    assert_eq!(combined(&three), Some(said(True, Some(1), Some(70))));
    let tied = [one, said(False, Some(-1), Some(20)), said(NotSure, None, Some(90))];
    assert_eq!(combined(&tied), Some(said(NotSure, Some(0), Some(70))));
}
