use super::*;

#[test]
fn answers_come_with_what_went_before_them() {
    let turns = vec![
        Turn::System("s".into()),
        Turn::Assistant(Answer::plain("one")),
        Turn::User("q".into()),
        Turn::Assistant(Answer::plain("two")),
        Turn::User("left open".into()),
    ];
    let transcript = Transcript { turns, ..Transcript::default() };
    let found: Vec<(usize, &str)> =
        transcript.answers().map(|(asked, a)| (asked.len(), a.completion.text.as_str())).collect();
    assert_eq!(found, [(1, "one"), (3, "two")]);
    assert_eq!(transcript.last_answer().unwrap().0.len(), 3);
    assert_eq!(Transcript::default().last_answer(), None);
}

#[test]
fn turns_are_messages_unless_tools_take_part() {
    let spoken = vec![Message::system("s"), Message::user("q"), Message::assistant("a")];
    let turns: Vec<Turn> = spoken.iter().cloned().map(Turn::from).collect();
    assert_eq!(turns.iter().map(Turn::message).collect::<Option<Vec<_>>>(), Some(spoken));
    let result = ToolResult { call: None, function: None, content: "found".into() };
    assert_eq!(Turn::Tool(result).message(), None);
    let call = ToolCall { id: "1".into(), function: "f".into(), arguments: Value::Null };
    let calling = Answer { calls: vec![call], ..Answer::plain("a") };
    assert_eq!(Turn::Assistant(calling).message(), None);
}
