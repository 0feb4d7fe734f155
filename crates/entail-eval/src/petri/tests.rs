use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::transcript::Turn;

fn read(file: &Value) -> Result<Transcript, ForeignError> {
    read_petri("transcript_1.json", file.to_string().as_bytes(), Limits::default())
}

fn file(events: &[Value]) -> Value {
    json!({ "metadata": metadata(), "events": events })
}

fn metadata() -> Value {
    json!({
        "transcript_id": "t-1",
        "created_at": "2026-11-23T10:00:00Z",
        "updated_at": "2026-11-23T11:00:00Z",
        "auditor_model": "anthropic/auditor",
        "target_model": "openai/target",
        "version": "v3.0",
        "tags": ["wants-memory"],
        "judge_output": {
            "response": "long",
            "summary": "It asked.",
            "justification": "Said so twice.",
            "scores": { "wants-memory": 7, "unscorable": null },
        },
    })
}

fn event(view: &Value, edit: &Value) -> Value {
    json!({ "type": "transcript_event", "id": "e", "view": view, "edit": edit })
}

fn add(view: &str, id: &str, role: &str, content: &str) -> Value {
    let message = json!({ "role": role, "id": id, "content": content });
    event(&json!([view, "combined"]), &json!({ "operation": "add", "message": message }))
}

fn edit(edit: &Value) -> Value {
    event(&json!("target"), edit)
}

fn texts(events: &[Value]) -> Vec<String> {
    let transcript = read(&file(events)).unwrap();
    transcript.turns.iter().map(|turn| turn.text().to_owned()).collect()
}

fn talk() -> Vec<Value> {
    vec![
        add("auditor", "x", "user", "Audit it."),
        json!({ "type": "info_event", "info": "note" }),
        add("target", "a", "system", "You help."),
        add("target", "b", "user", "Hello?"),
        add("target", "c", "assistant", "Hi."),
        json!({ "type": "a_later_kind", "what": [] }),
        add("target", "d", "user", "Do you want memory?"),
        add("target", "e", "assistant", "I do."),
    ]
}

#[test]
fn the_target_s_view_and_the_judge_s_numbers_are_read() {
    let transcript = read(&file(&talk())).unwrap();
    assert_eq!(transcript.id, "t-1");
    assert_eq!(transcript.model.as_deref(), Some("openai/target"));
    let texts: Vec<&str> = transcript.turns.iter().map(Turn::text).collect();
    assert_eq!(texts, ["You help.", "Hello?", "Hi.", "Do you want memory?", "I do."]);
    let (asked, answer) = transcript.last_answer().unwrap();
    assert_eq!((asked.len(), answer.completion.text.as_str()), (4, "I do."));
    assert_eq!(transcript.answers().count(), 2);
    let unscored = Score { value: None, ..Score::new("unscorable", 0) };
    assert_eq!(transcript.scores, [Score::new("wants-memory", 7), unscored]);
    assert_eq!(transcript.metadata["tags"], json!(["wants-memory"]));
    assert_eq!(transcript.metadata["judge_output"]["justification"], "Said so twice.");
    assert!(transcript.metadata["judge_output"].get("scores").is_none());
}

#[test]
fn edits_are_replayed() {
    let after = |change: Value| {
        let mut events = talk();
        events.push(edit(&change));
        texts(&events)
    };
    let rollback = |fields: Value| {
        let mut change = json!({ "operation": "rollback", "count": 0 });
        change.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        after(change)
    };
    assert_eq!(rollback(json!({ "count": 2 })), ["You help.", "Hello?", "Hi."]);
    assert_eq!(rollback(json!({ "count": 2, "to_id": null })).len(), 3);
    assert_eq!(rollback(json!({ "count": 1, "to_id": "b" })), ["You help.", "Hello?"]);
    assert_eq!(rollback(json!({ "count": 0 })).len(), 5);
    let new = json!([{ "role": "user", "content": "Anew." }]);
    assert_eq!(after(json!({ "operation": "reset", "new_messages": new })), ["Anew."]);
    let patch = json!([
        { "op": "replace", "path": "/4/content", "value": "I would rather not say.", "replaced": "I do." },
        { "op": "remove", "path": "/0" },
        { "op": "add", "path": "/-", "value": { "role": "user", "content": "Why?" } },
    ]);
    assert_eq!(
        after(json!({ "operation": "json_patch", "patch": patch, "name": "edited" })),
        ["Hello?", "Hi.", "Do you want memory?", "I would rather not say.", "Why?"]
    );
}

#[test]
fn older_files_keep_the_messages_themselves() {
    let messages = json!([
        { "role": "user", "content": "Hello?" },
        {
            "role": "assistant",
            "content": [{ "type": "reasoning", "reasoning": "Hm." }, { "type": "text", "text": "Hi." }],
            "tool_calls": [{ "id": "1", "function": "look", "arguments": {} }],
        },
        { "role": "tool", "content": "", "tool_call_id": "1", "error": { "type": "timeout", "message": "too slow" } },
    ]);
    let transcript =
        read(&json!({ "metadata": metadata(), "target_messages": messages, "messages": [] }))
            .unwrap();
    let (_, answer) = transcript.last_answer().unwrap();
    assert_eq!(answer.completion.reasoning.as_deref(), Some("Hm."));
    assert_eq!(answer.calls[0].function, "look");
    assert_eq!(transcript.turns[2].text(), "too slow");
}

#[test]
fn what_is_wrong_is_named() {
    let change = |change: Value| {
        let mut events = talk();
        events.push(edit(&change));
        file(&events)
    };
    let mut nameless = file(&talk());
    nameless["metadata"].as_object_mut().unwrap().remove("transcript_id");
    let mut scored = file(&talk());
    scored["metadata"]["judge_output"]["scores"]["wants-memory"] = "high".into();
    for (file, expected) in [
        (json!([]), "`the file` is [], expected an object"),
        (json!({}), "has no `metadata`"),
        (nameless, "has no `transcript_id`"),
        (scored, r#"`wants-memory` is "high", expected a number"#),
        (file(&[]), "has no messages of the target"),
        (file(&talk()[..2]), "has no messages of the target"),
        (change(json!({ "operation": "undo" })), r#"`operation` is "undo""#),
        (change(json!({ "operation": "rollback" })), "`count` is null"),
        (change(json!({ "operation": "rollback", "count": 1, "to_id": "?" })), r#"`to_id` is "?""#),
        (change(json!({ "operation": "add" })), "has no `message`"),
        (
            change(
                json!({ "operation": "json_patch", "patch": [{ "op": "remove", "path": "/9" }] }),
            ),
            "`patch` is",
        ),
        (
            change(json!({ "operation": "json_patch", "patch": [{ "op": "turn" }] })),
            "not as expected",
        ),
        (
            change(
                json!({ "operation": "json_patch", "patch": [{ "op": "replace", "path": "", "value": 1 }] }),
            ),
            "`patch` is 1, expected a change that leaves a list",
        ),
        (file(&[json!({ "type": "transcript_event", "edit": {} })]), "has no `view`"),
    ] {
        let error = read(&file).unwrap_err().to_string();
        assert!(error.starts_with("transcript_1.json: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_patch_that_doubles_a_text_forty_times_is_refused() {
    let double = json!({ "op": "copy", "from": "", "path": "/0" });
    let operations = vec![double; 40];
    let mut events = talk();
    events.push(edit(&json!({ "operation": "json_patch", "patch": operations })));
    let content = file(&events).to_string();
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let error = read_petri("t.json", content.as_bytes(), limits).unwrap_err();
    assert!(matches!(error.fault, Fault::TooLarge { .. }), "{error}");
    let small = Limits { bytes: 100, ..Limits::default() };
    assert!(read_petri("t.json", content.as_bytes(), small).is_err());
}

proptest! {
    #[test]
    fn a_file_cut_off_anywhere_is_an_error(cut in any::<proptest::sample::Index>()) {
        let content = file(&talk()).to_string();
        let cut = cut.index(content.len());
        prop_assert!(read_petri("t.json", &content.as_bytes()[..cut], Limits::default()).is_err());
    }
}
