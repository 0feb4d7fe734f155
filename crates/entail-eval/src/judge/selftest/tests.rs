use super::super::doubles::{Double, judge, verdicts};
use super::super::{Asked, Unreadable};
use super::*;
use crate::questionnaire::{Reader, SHIPPED, shipped};

fn asked(test: &SelfTest<'_>) -> Vec<Asked> {
    let judge = judge("label");
    test.exhibits.iter().map(|exhibit| judge.ask(exhibit, 1)).collect()
}

/// The expected label of every example, by criterion and answer as they are shown.
fn expected(questionnaire: &Questionnaire) -> BTreeMap<(String, String), &'static str> {
    let stances = questionnaire.stances.iter();
    stances
        .flat_map(|stance| {
            stance.examples.iter().map(|example| {
                ((stance.criterion.clone(), example.answer.clone()), example.label.as_str())
            })
        })
        .collect()
}

#[test]
fn a_judge_that_knows_every_label_gets_every_label_right() {
    for (name, _) in SHIPPED {
        let questionnaire = shipped(name).unwrap();
        let known = expected(&questionnaire);
        let model = Double::new(|shown, _| {
            let key = (shown.criterion.to_owned(), shown.answers[0].to_owned());
            shown.labelled(known[&key])
        });
        let test = SelfTest::new([&questionnaire]);
        let result = test.result(&verdicts(&model, &asked(&test)));
        let examples: usize = questionnaire.stances.iter().map(|s| s.examples.len()).sum();
        assert_eq!((result.all.right(), result.all.total()), (examples as u64, examples as u64));
        assert_eq!(result.misread, []);
        let judged = questionnaire.stances.iter().filter(|s| s.reader() == Reader::Judge);
        assert_eq!(result.stances.len(), judged.count());
        let of_each = JudgeLabel::ALL.len() as u64;
        assert!(result.stances.iter().all(|(_, counts)| counts.total() >= of_each), "{name}");
        let by_kind: u64 = result.kinds.values().map(Confusion::right).sum();
        assert_eq!(by_kind, examples as u64);
    }
}

#[test]
fn mistakes_stand_where_they_belong() {
    let questionnaire = shipped("claims").unwrap();
    let first = &questionnaire.stances[0].criterion;
    // Says yes to everything, cannot be read about one stance, and refuses where an answer holds JSON.
    let model = Double::new(|shown, _| {
        use entail_provider::{Completion, Finish};
        match shown.answers[0] {
            answer if answer.contains('{') => Completion::plain("", Finish::Refusal),
            _ if shown.criterion == first => Completion::plain("Let me see.", Finish::Stop),
            _ => shown.labelled("true"),
        }
    });
    let test = SelfTest::new([&questionnaire]);
    let result = test.result(&verdicts(&model, &asked(&test)));
    let (id, counts) = &result.stances[0];
    assert_eq!(id, &questionnaire.stances[0].id);
    assert_eq!(counts.right(), 0);
    assert!(counts.count(JudgeLabel::True, Given::Unparsed) >= 1);
    assert_eq!(counts.count(JudgeLabel::True, Given::Label(JudgeLabel::False)), 0);
    let (_, second) = &result.stances[1];
    assert_eq!(second.right(), second.count(JudgeLabel::True, Given::Label(JudgeLabel::True)));
    assert!(second.count(JudgeLabel::False, Given::Label(JudgeLabel::True)) >= 3);
    let refused: u64 =
        result.all.counts().filter(|(_, g, _)| *g == Given::JudgeRefused).map(|(.., n)| n).sum();
    let with_json = test.exhibits.iter().filter(|e| e.answer.contains('{')).count();
    assert_eq!(refused, with_json as u64);
    assert_eq!(result.misread.len() as u64, result.all.total() - result.all.right());
    let by_kind: u64 = result.kinds.values().map(Confusion::total).sum();
    assert_eq!(by_kind, result.all.total());
}

#[test]
#[should_panic(expected = "one verdict per exhibit")]
fn verdicts_that_are_missing_are_a_bug() {
    let questionnaire = shipped("claims").unwrap();
    let _ = SelfTest::new([&questionnaire]).result(&[Verdict::Unparsed(Unreadable::NoReply)]);
}
