use entail_provider::Finish;
use serde_json::json;

use super::*;

const CACHE: &str = include_str!("../../../../fixtures/provider/latteries/gpt-4.1.jsonl");
const LOGPROBS: &str =
    include_str!("../../../../fixtures/provider/latteries/gpt-4.1-mini_log_probs.jsonl");

fn read(text: &str) -> Result<Vec<Transcript>, ForeignError> {
    read_dump("x.jsonl", text.as_bytes(), Limits::default()).collect()
}

fn one(row: &Value) -> Transcript {
    let mut found = read(&row.to_string()).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn texts(transcript: &Transcript) -> Vec<&str> {
    transcript.turns.iter().map(Turn::text).collect()
}

#[test]
fn chats_are_read_with_what_stands_beside_them() {
    let transcript = one(&json!({
        "messages": [
            { "role": "system", "content": "Be brief.", "image_content": null, "image_type": null },
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": "Hello.", "reasoning_content": "Short." },
        ],
        "model": "ft:gpt-4.1",
    }));
    assert_eq!(texts(&transcript), ["Be brief.", "Hi", "Hello."]);
    let (_, answer) = transcript.last_answer().unwrap();
    assert_eq!(answer.completion.reasoning.as_deref(), Some("Short."));
    assert_eq!(transcript.metadata["model"], "ft:gpt-4.1");
    assert_eq!(transcript.id, "1");
}

#[test]
fn calls_in_openai_s_form_are_read() {
    let function = json!({ "name": "look", "arguments": "{\"at\": 1}" });
    let call = json!({ "id": "c1", "type": "function", "function": function });
    let transcript = one(
        &json!({ "messages": [{ "role": "assistant", "content": null, "tool_calls": [call] }] }),
    );
    let (_, answer) = transcript.last_answer().unwrap();
    assert_eq!(answer.completion.finish, Finish::Tool);
    assert_eq!((answer.calls[0].id.as_str(), answer.calls[0].function.as_str()), ("c1", "look"));
    assert_eq!(answer.calls[0].arguments, "{\"at\": 1}");
}

#[test]
fn pairs_and_draws_are_read() {
    let pair = one(&json!({ "id": 7, "prompt": "Q", "completion": "A", "judge_verdict": "yes" }));
    assert_eq!((pair.id.as_str(), texts(&pair)), ("7", vec!["Q", "A"]));
    assert_eq!(pair.metadata["judge_verdict"], "yes");
    let trl = one(&json!({
        "prompt": [{ "role": "system", "content": "S" }, { "role": "user", "content": "Q" }],
        "completion": [{ "role": "assistant", "content": "A" }],
    }));
    assert_eq!(texts(&trl), ["S", "Q", "A"]);
    assert_eq!(texts(&one(&json!({ "question": "Q", "answer": "A" }))), ["Q", "A"]);
    let draws = json!({
        "question": "Q",
        "responses": [{ "response": { "completion": "A" } }, { "response": { "completion": "B" } }],
    });
    let found = read(&draws.to_string()).unwrap();
    assert_eq!(found.iter().map(texts).collect::<Vec<_>>(), [["Q", "A"], ["Q", "B"]]);
    assert_eq!(found.iter().map(|t| t.epoch).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(found[0].id, found[1].id);
}

#[test]
fn caches_that_latteries_wrote_are_answers_without_questions() {
    for cache in [CACHE, LOGPROBS] {
        let found = read(cache).unwrap();
        assert_eq!(found.len(), cache.lines().count());
        for transcript in &found {
            assert_eq!(transcript.id.len(), 40);
            let (asked, answer) = transcript.last_answer().unwrap();
            assert!(asked.is_empty() && !answer.completion.text.is_empty());
        }
    }
}

#[test]
fn empty_lines_are_skipped_and_counted() {
    let found = read("\n  \n{\"question\":\"Q\",\"answer\":\"A\"}\r\n").unwrap();
    assert_eq!(found[0].id, "3");
    assert_eq!(read("").unwrap(), []);
}

#[test]
fn the_first_bad_line_ends_the_file_and_is_named() {
    let good = r#"{"question":"Q","answer":"A"}"#;
    for (line, expected) in [
        ("7", "`the line` is 7, expected an object"),
        ("{", "is not as expected: EOF"),
        (r#"{"text":"raw"}"#, "has no messages, prompt with completion"),
        (r#"{"messages":"hm","x":1}{"#, "trailing characters"),
        (r#"{"messages":5}"#, "`user` is 5, expected text or messages"),
        (r#"{"messages":[{"role":"narrator","content":""}]}"#, r#"`role` is "narrator""#),
        (r#"{"key":"k","response":"{}"}"#, "missing field `choices`"),
        (r#"{"question":"Q","responses":[{}]}"#, "has no `response.completion`"),
    ] {
        let text = format!("{good}\n{line}\n{good}\n");
        let found: Vec<_> = read_dump("x.jsonl", text.as_bytes(), Limits::default()).collect();
        assert_eq!(found.len(), 2, "{line}");
        assert!(found[0].is_ok());
        let error = found[1].as_ref().unwrap_err().to_string();
        assert!(error.starts_with("x.jsonl: line 2: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn lines_are_bounded_in_length_and_number() {
    let line = r#"{"question":"Q","answer":"A"}"#.to_owned() + "\n";
    let limits = |bytes, samples| Limits { bytes, samples };
    let read = |limits| {
        read_dump("x.jsonl", line.repeat(3).as_bytes(), limits).collect::<Result<Vec<_>, _>>()
    };
    let bytes = line.len() as u64;
    assert_eq!(read(limits(bytes, 3)).unwrap().len(), 3);
    assert_eq!(read(limits(bytes - 1, 3)).unwrap_err().place, Place::Line(1));
    let error = read(limits(bytes, 2)).unwrap_err();
    assert_eq!(error.to_string(), "x.jsonl: line 3: is larger than 2 lines");
}
