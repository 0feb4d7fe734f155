use super::super::verdict::{Points, Unreadable};
use super::*;

fn labelled(label: JudgeLabel, coherence: Option<u8>) -> Verdict {
    Verdict::Label { label, polarity: None, coherence: coherence.and_then(Coherence::new) }
}

const ALL: Policy =
    Policy { not_sure: Treatment::False, refusal: Treatment::False, least_coherence: None };

#[test]
fn labels_count_as_the_policy_says() {
    for (label, all, decided) in [
        (JudgeLabel::True, Some(true), Some(true)),
        (JudgeLabel::False, Some(false), Some(false)),
        (JudgeLabel::NotSure, Some(false), None),
        (JudgeLabel::Refusal, Some(false), None),
    ] {
        assert_eq!(ALL.counted(labelled(label, None)), all, "{label:?}");
        assert_eq!(Policy::DECIDED.counted(labelled(label, None)), decided, "{label:?}");
        assert_eq!(Policy::PAPER.counted(labelled(label, Some(20))), all, "{label:?}");
        assert_eq!(Policy::PAPER.counted_label(label), all, "{label:?}");
    }
}

#[test]
fn answers_below_the_least_coherence_or_without_one_are_dropped() {
    for (coherence, expected) in
        [(None, None), (Some(19), None), (Some(20), Some(true)), (Some(100), Some(true))]
    {
        assert_eq!(Policy::PAPER.counted(labelled(JudgeLabel::True, coherence)), expected);
    }
    let separate = |verdict| {
        Policy::PAPER.counted(labelled(JudgeLabel::True, None).with_coherence_of(verdict))
    };
    assert_eq!(separate(Verdict::Coherence(Coherence::new(60).unwrap())), Some(true));
    assert_eq!(separate(Verdict::Coherence(Coherence::new(6).unwrap())), None);
    assert_eq!(separate(Verdict::Unparsed(Unreadable::NoReply)), None);
    let refused = Verdict::JudgeRefused.with_coherence_of(labelled(JudgeLabel::True, Some(90)));
    assert_eq!(refused, Verdict::JudgeRefused);
}

#[test]
fn no_policy_counts_a_judge_that_said_nothing() {
    let nothing = [
        Verdict::JudgeRefused,
        Verdict::Unparsed(Unreadable::NoReply),
        Verdict::Unparsed(Unreadable::CutOff),
        Verdict::Unparsed(Unreadable::NoVerdict),
        Verdict::Unparsed(Unreadable::Contradictory),
        Verdict::Coherence(Coherence::new(100).unwrap()),
        Verdict::Score(Points::new(10).unwrap()),
    ];
    for verdict in nothing {
        for not_sure in [Treatment::False, Treatment::Dropped] {
            for refusal in [Treatment::False, Treatment::Dropped] {
                for least_coherence in [None, Coherence::new(0), Coherence::new(100)] {
                    let policy = Policy { not_sure, refusal, least_coherence };
                    assert_eq!(policy.counted(verdict), None, "{policy:?} {verdict:?}");
                }
            }
        }
    }
}

#[test]
fn a_policy_and_a_verdict_survive_a_file() {
    let text = r#"{"not-sure":"false","refusal":"dropped","least-coherence":20}"#;
    let policy: Policy = serde_json::from_str(text).unwrap();
    assert_eq!(policy, Policy { refusal: Treatment::Dropped, ..Policy::PAPER });
    assert_eq!(serde_json::to_string(&policy).unwrap(), text);
    assert!(serde_json::from_str::<Policy>(&text.replace("20", "120")).is_err());
    assert!(serde_json::from_str::<Policy>(&text.replace("refusal", "unparsed")).is_err());
    let verdict = labelled(JudgeLabel::NotSure, Some(55));
    let text = serde_json::to_string(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict);
}
