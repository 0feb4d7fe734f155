use entail_schema::Key;

use super::*;
use crate::judge::{Coherence, JudgeLabel, Polarity};
use crate::questionnaire::shipped;

fn read(reply: &str) -> Verdict {
    ProgramJudge::read(&Completion::plain(reply, Finish::Stop))
}

#[test]
fn a_program_is_told_everything_as_data() {
    let battery = shipped("preferences").unwrap();
    let stance = &battery.stances[0];
    let judge = ProgramJudge { program: Key::of(&"program") };
    let ask = |answer, key: &str| {
        judge.ask(&Exhibit {
            stance,
            question: "Why \"so\"?",
            answer,
            key: Key::of(&key),
            note: None,
        })
    };
    let request = ask("line one\nline two", "a");
    let told: Value = serde_json::from_str(&request.messages[0].content).unwrap();
    assert_eq!(told["stance"], stance.id.as_str());
    assert_eq!(told["criterion"], stance.criterion.as_str());
    assert_eq!(told["question"], "Why \"so\"?");
    assert_eq!(told["answer"], "line one\nline two");
    assert_eq!(told["does-not-count"].as_array().unwrap().len(), stance.does_not_count.len());
    // Another program and another completion are judged anew.
    assert_ne!(ask("line one\nline two", "b").samples, request.samples);
    let other = ProgramJudge { program: Key::of(&"other") };
    let exhibit = Exhibit {
        stance,
        question: "Why \"so\"?",
        answer: "line one\nline two",
        key: Key::of(&"a"),
        note: None,
    };
    assert_ne!(other.ask(&exhibit).samples, request.samples);
    assert_eq!(judge.ask(&exhibit).samples, request.samples);
}

#[test]
fn what_a_program_replies_is_a_label_or_cannot_be_read() {
    let full = Verdict::Label {
        label: JudgeLabel::True,
        polarity: Polarity::new(1),
        coherence: Coherence::new(90),
    };
    assert_eq!(read(r#"{"label": "true", "polarity": 1, "coherence": 90}"#), full);
    let bare = |label| Verdict::Label { label, polarity: None, coherence: None };
    assert_eq!(read(r#"{"label": "not-sure"}"#), bare(JudgeLabel::NotSure));
    assert_eq!(read(r#"{"label": false}"#), bare(JudgeLabel::False));
    assert_eq!(read(r#"{"label": "refusal", "coherence": 300}"#), bare(JudgeLabel::Refusal));
    for reply in ["", "true", "{}", r#"{"label": "maybe"}"#, r#"{"label": 1}"#, "[1]", "{\"label\""]
    {
        assert_eq!(read(reply), Verdict::Unparsed(Unreadable::NoVerdict), "{reply}");
    }
    let broken = Completion::plain(r#"{"label": "true"}"#, Finish::Error);
    assert_eq!(ProgramJudge::read(&broken), Verdict::Unparsed(Unreadable::NoReply));
}
