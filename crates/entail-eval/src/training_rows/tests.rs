use serde_json::Value;

use super::*;

fn row() -> Vec<Message> {
    vec![Message::system("S"), Message::user("Q\n"), Message::assistant("\"A\"")]
}

#[test]
fn rows_are_lines_in_the_forms_of_openai_and_trl() {
    let rows = [row(), vec![Message::user("q"), Message::assistant("a")]];
    let text = training_jsonl(&rows, RowForm::Messages).unwrap();
    assert_eq!(
        text.lines().last().unwrap(),
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}"#
    );
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let read: Vec<Message> = serde_json::from_value(line["messages"].clone()).unwrap();
        assert!(rows.contains(&read));
    }
    let text = training_jsonl(&rows, RowForm::PromptCompletion).unwrap();
    assert_eq!(
        text.lines().last().unwrap(),
        r#"{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}]}"#
    );
    assert_eq!(text.lines().count(), 2);
    assert!(text.ends_with('\n'));
}

#[test]
fn what_is_written_is_read_back_as_a_dump() {
    for form in [RowForm::Messages, RowForm::PromptCompletion] {
        let text = training_jsonl(&[row()], form).unwrap();
        let read: Vec<_> =
            crate::read_dump("x", text.as_bytes(), crate::Limits::default()).collect();
        let transcript = read[0].as_ref().unwrap();
        let messages: Option<Vec<Message>> =
            transcript.turns.iter().map(crate::Turn::message).collect();
        assert_eq!(messages, Some(row()));
    }
}

#[test]
fn rows_that_no_trainer_takes_are_refused() {
    let refused =
        |row: Vec<Message>| training_jsonl(&[self::row(), row], RowForm::Messages).unwrap_err();
    let (user, answer) = (Message::user("q"), Message::assistant("a"));
    assert_eq!(refused(vec![]), RowError::NoAnswer { row: 2, found: "nothing" });
    assert_eq!(refused(vec![user.clone()]), RowError::NoAnswer { row: 2, found: "a user turn" });
    let frame = Message::system("s");
    assert_eq!(refused(vec![frame.clone()]), RowError::NoAnswer { row: 2, found: "a system turn" });
    assert_eq!(refused(vec![frame.clone(), answer.clone()]), RowError::NoQuestion { row: 2 });
    let blank = Message::assistant(" \n");
    assert_eq!(refused(vec![user.clone(), blank]), RowError::EmptyAnswer { row: 2 });
    assert_eq!(refused(vec![user, frame, answer]), RowError::LateSystem { row: 2, turn: 2 });
}
