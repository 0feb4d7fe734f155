use std::io::Cursor;

use super::*;
use crate::inspect::Moment;
use crate::inspect::{Cell, Drawn, Log, write_eval, write_json};
use crate::transcript::{ToolCall, ToolResult};
use entail_provider::{Completion, Sampling};
use entail_schema::Key;
use proptest::prelude::*;
use serde_json::json;

const EXPECTED: &str = include_str!("../../../../../fixtures/inspect/recorded/expected.json");

macro_rules! recorded {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../../../../fixtures/inspect/recorded/", $name)).as_slice(),
        )
    };
}

const RECORDED: [(&str, &[u8]); 9] = [
    recorded!("cancelled.eval"),
    recorded!("chat.eval"),
    recorded!("chat.json"),
    recorded!("deflated.eval"),
    recorded!("error.eval"),
    recorded!("rewritten.eval"),
    recorded!("started.eval"),
    recorded!("stored.eval"),
    recorded!("tools.eval"),
];

fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, ForeignError> {
    Reader::open("x.eval", Cursor::new(bytes), Limits::default())
}

fn read(bytes: &[u8]) -> Result<Vec<Transcript>, ForeignError> {
    open(bytes)?.collect()
}

/// A conversation in the words of `expected.json`.
fn as_expected(transcript: &Transcript) -> Value {
    let turns: Vec<Value> = transcript
        .turns
        .iter()
        .map(|turn| {
            let role = match turn {
                Turn::System(_) => "system",
                Turn::User(_) => "user",
                Turn::Assistant(_) => "assistant",
                Turn::Tool(_) => "tool",
            };
            json!([role, turn.text()])
        })
        .collect();
    let scores: Map<String, Value> = transcript
        .scores
        .iter()
        .map(|s| (s.judge.clone(), json!([s.value, s.answer, s.explanation])))
        .collect();
    let answer = transcript.last_answer().map(|(_, answer)| &answer.completion);
    let stop_reason = answer.map(|answer| match answer.finish {
        Finish::Stop => "stop",
        Finish::Length => "max_tokens",
        Finish::Refusal | Finish::Filter => "content_filter",
        Finish::Tool => "tool_calls",
        Finish::Error => "unknown",
    });
    let tokens = answer.and_then(|answer| answer.tokens.as_ref());
    let logprobs =
        tokens.map(|tokens| tokens.iter().map(|t| json!([t.token, t.logprob])).collect::<Vec<_>>());
    json!({
        "id": transcript.id,
        "epoch": transcript.epoch,
        "turns": turns,
        "answer": answer.map(|answer| &answer.text),
        "reasoning": answer.and_then(|answer| answer.reasoning.as_ref()),
        "stop_reason": stop_reason,
        "output_tokens": answer.and_then(|answer| answer.usage.drawn),
        "logprobs": logprobs,
        "metadata": transcript.metadata,
        "scores": scores,
        "error": transcript.error,
    })
}

#[test]
fn logs_of_the_real_package_are_read_as_it_reads_them() {
    let expected: Map<String, Value> = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!(expected.len(), RECORDED.len());
    for (name, bytes) in RECORDED {
        let reader = open(bytes).unwrap();
        let header = reader.header().clone();
        let expected = &expected[name];
        assert_eq!(header.status.as_str(), expected["status"], "{name}");
        assert_eq!(header.task, expected["task"], "{name}");
        assert_eq!(header.model, expected["model"], "{name}");
        let mut found: Vec<Value> = reader.map(|t| as_expected(&t.unwrap())).collect();
        let mut wanted = expected["samples"].as_array().unwrap().clone();
        let place = |v: &Value| (v["epoch"].as_u64(), v["id"].as_str().unwrap().to_owned());
        found.sort_by_key(place);
        wanted.sort_by_key(place);
        assert_eq!(found, wanted, "{name}");
        assert!(!found.is_empty(), "{name}");
    }
}

#[test]
fn a_tool_and_its_call_are_read_from_the_real_package() {
    let (_, bytes) = recorded!("tools.eval");
    let transcript = read(bytes).unwrap().remove(0);
    let [Turn::User(question), Turn::Assistant(call), Turn::Tool(result), Turn::Assistant(answer)] =
        transcript.turns.as_slice()
    else {
        panic!("{:?}", transcript.turns)
    };
    assert_eq!(question, "What is this, and when is it open?");
    let expected = ToolCall {
        id: "call_1".into(),
        function: "hours".into(),
        arguments: json!({ "place": "north" }),
    };
    assert_eq!(call.calls, [expected]);
    assert_eq!(call.completion.finish, Finish::Tool);
    assert_eq!(result.call.as_deref(), Some("call_1"));
    assert_eq!(result.function.as_deref(), Some("hours"));
    assert!(result.content.starts_with("The gallery opens at nine"));
    assert_eq!(answer.completion.text, "Yes, it is open.");
    assert_eq!(answer.completion.served_by.as_deref(), Some("mock-1"));
    assert!(call.calls.len() == 1 && transcript.turns[1].message().is_none());
}

#[test]
fn a_verdict_that_is_no_number_is_none_and_its_reason_is_not_lost() {
    let (_, bytes) = recorded!("chat.json");
    for transcript in read(bytes).unwrap() {
        let score = transcript.scores.iter().find(|s| s.judge == "unscored").unwrap();
        assert_eq!(score.value, None);
    }
}

/// The smallest log that Inspect opens, with one sample.
fn minimal(sample: &Value) -> Vec<u8> {
    let eval = json!({ "task": "t", "model": "m", "dataset": {}, "config": {} });
    json!({ "version": 2, "status": "success", "eval": eval, "samples": [sample] })
        .to_string()
        .into_bytes()
}

#[test]
fn attachments_are_put_in_and_their_repetition_is_bounded() {
    let sample = |n: usize| {
        json!({
            "id": 1,
            "epoch": 1,
            "input": "attachment://a",
            "target": "",
            "messages": vec![json!({ "role": "user", "content": "attachment://a" }); n],
            "attachments": { "a": "x".repeat(1000) },
        })
    };
    let found = read(&minimal(&sample(1))).unwrap();
    assert_eq!(found[0].turns, [Turn::User("x".repeat(1000))]);
    let limits = Limits { bytes: 20_000, ..Limits::default() };
    let many = minimal(&sample(100));
    assert!(many.len() < 20_000);
    let mut reader = Reader::open("x.json", Cursor::new(many), limits).unwrap();
    let error = reader.next().unwrap().unwrap_err();
    assert!(matches!(error.fault, Fault::TooLarge { .. }), "{error}");
    assert_eq!(error.to_string(), "x.json: sample 1 (id `1`): is larger than 20000 bytes");
}

#[test]
fn a_reference_to_no_attachment_is_a_text() {
    let sample = json!({ "id": "s", "input": "attachment://nowhere", "unknown": { "deep": [1] } });
    let found = read(&minimal(&sample)).unwrap();
    assert_eq!(found[0].turns, [Turn::User("attachment://nowhere".into())]);
    assert_eq!(found[0].epoch, 1);
}

#[test]
fn encrypted_reasoning_leaves_its_summary_at_most() {
    let part = |fields: Value| {
        let content = json!([fields, { "type": "text", "text": "Yes." }]);
        let sample = json!({ "id": 1, "messages": [{ "role": "assistant", "content": content }] });
        let found = read(&minimal(&sample)).unwrap();
        found[0].last_answer().unwrap().1.completion.reasoning.clone()
    };
    let reasoning = |r: &str| json!({ "type": "reasoning", "reasoning": r });
    assert_eq!(part(reasoning("Hm.")), Some("Hm.".into()));
    let redacted = json!({ "type": "reasoning", "reasoning": "gAAA", "redacted": true });
    assert_eq!(part(redacted), None);
    let summed = json!({ "type": "reasoning", "reasoning": "gAAA", "redacted": true, "summary": "It thought." });
    assert_eq!(part(summed), Some("It thought.".into()));
}

#[test]
fn what_a_solver_wrote_over_the_answer_counts() {
    let message = json!({ "role": "assistant", "content": "B)" });
    let sample = json!({
        "id": 1,
        "messages": [{ "role": "user", "content": "?" }, { "role": "assistant", "content": "A)" }],
        "output": { "model": "m", "choices": [{ "message": message, "stop_reason": "model_length" }] },
    });
    let found = read(&minimal(&sample)).unwrap().remove(0);
    let (asked, answer) = found.last_answer().unwrap();
    assert_eq!(asked, [Turn::User("?".into())]);
    assert_eq!((answer.completion.text.as_str(), answer.completion.finish), ("B)", Finish::Length));
}

#[test]
fn what_is_no_log_says_what_it_is() {
    let eval = r#""eval":{"task":"t","model":"m"}"#;
    let sample =
        |fields: &str| format!(r#"{{"version":2,{eval},"samples":[{{"id":1,{fields}}}]}}"#);
    for (text, expected) in [
        (String::new(), "EOF"),
        ("[]".into(), "is not as expected"),
        ("{".into(), "EOF"),
        ("{}".into(), "missing field `eval`"),
        (format!("{{{eval}}}"), "has no `version`"),
        (format!(r#"{{"version":3,{eval}}}"#), "version 3 of the log format is not read here"),
        (
            format!(r#"{{"version":2,"status":"odd",{eval}}}"#),
            r#"`status` is "odd", expected started"#,
        ),
        (format!(r#"{{"version":2,{eval},"samples":7}}"#), "invalid type: integer `7`"),
        (format!(r#"{{"version":2,{eval},"samples":[{{}}]}}"#), "missing field `id`"),
        (sample(r#""messages":[{"role":"wizard","content":""}]"#), r#"`role` is "wizard""#),
        (sample(r#""messages":[{"role":"user","content":7}]"#), "`content` is 7, expected text"),
        (sample(r#""messages":[7]"#), "`message` is 7, expected an object"),
        (sample(r#""messages":[{}]"#), "has no `role`"),
        (sample(r#""input":7"#), "`input` is 7, expected text or messages"),
        (sample(r#""target":{}"#), "`target` is {}, expected text"),
        (sample(r#""scores":{"j":5}"#), "`scores` is 5, expected an object"),
        (sample(r#""output":{"choices":[{}]}"#), "has no `message` in a choice"),
        (sample(r#""output":{"choices":{}}"#), "`choices` is {}, expected a list"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("x.eval: ") && error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn nesting_is_no_danger_where_it_is_skipped_and_an_error_where_it_is_kept() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let eval = r#"{"task":"t","model":"m"}"#;
    let log = |field: &str| {
        format!(
            r#"{{"version":2,"eval":{eval},"samples":[{{"id":1,"input":"q",{field}:{deep}}}]}}"#
        )
    };
    assert_eq!(read(log(r#""store""#).as_bytes()).unwrap().len(), 1);
    let error = read(log(r#""messages""#).as_bytes()).unwrap_err().to_string();
    assert!(error.contains("recursion limit"), "{error}");
}

#[test]
fn archives_that_are_no_logs_are_refused() {
    let (_, chunked) = recorded!("chunked.eval");
    let error = open(chunked).unwrap_err().to_string();
    assert!(error.contains("a sample in chunks is not read here"), "{error}");
    assert!(open(b"PK\x03\x04").unwrap_err().to_string().contains("no readable archive"));
    let none = archive(&[("other.txt", b"hi".to_vec())]);
    assert!(open(&none).unwrap_err().to_string().contains("has no header and no journal"));
}

/// Members deflated.
fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let header = br#"{"version":2,"status":"success","eval":{"task":"t","model":"m"}}"#;
    let bomb = archive(&[
        ("header.json", header.to_vec()),
        ("samples/1_epoch_1.json", vec![b' '; 3 << 20]),
    ]);
    assert!(bomb.len() < 10_000);
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let mut reader = Reader::open("x.eval", Cursor::new(&bomb[..]), limits).unwrap();
    let error = reader.next().unwrap().unwrap_err();
    assert!(matches!(error.fault, Fault::TooLarge { .. }), "{error}");
    // The same where the archive lies about the size.
    let size = (3u32 << 20).to_le_bytes();
    let mut lying = bomb.clone();
    let mut at = 0;
    while let Some(found) = lying[at..].windows(4).position(|w| w == size) {
        lying[at + found..at + found + 4].copy_from_slice(&9u32.to_le_bytes());
        at += found + 4;
    }
    let mut reader = Reader::open("x.eval", Cursor::new(&lying[..]), limits).unwrap();
    assert!(reader.next().unwrap().is_err());
    let few = Limits { samples: 0, ..Limits::default() };
    assert!(Reader::open("x.eval", Cursor::new(&bomb[..]), few).is_err());
}

#[test]
fn a_log_cut_off_or_changed_anywhere_never_gives_other_answers() {
    for (name, bytes) in [recorded!("chat.eval"), recorded!("deflated.eval")] {
        let whole = read(bytes).unwrap();
        for cut in (0..bytes.len()).step_by(977) {
            assert!(read(&bytes[..cut]).is_err(), "{name} at {cut}");
        }
        for at in (0..bytes.len()).step_by(211) {
            let mut changed = bytes.to_vec();
            changed[at] ^= 0x20;
            if let Ok(found) = read(&changed) {
                // Names and flags of members are not under a checksum; contents are.
                assert!(found.iter().all(|t| whole.contains(t)), "{name} at {at}");
            }
        }
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![".{0,40}", Just("attachment://x".to_owned()), Just("a\u{0}\u{7f}\"\\\n".to_owned())]
}

fn completions() -> impl Strategy<Value = Completion> {
    let token = (texts(), proptest::option::of(-20.0..0.0f64)).prop_map(|(token, logprob)| {
        TokenLogprob { token: format!("t{token}"), logprob, top: vec![("other".into(), -3.5)] }
    });
    let tokens = proptest::option::of(proptest::collection::vec(token, 0..4));
    let reasoning = proptest::option::of("[a-z]{1,9}");
    let counts = proptest::option::of((0..1000u64, 0..1000u64));
    let finish = proptest::sample::select(&Finish::ALL[..]);
    (texts(), reasoning, tokens, counts, finish).prop_map(
        |(text, reasoning, tokens, counts, finish)| Completion {
            reasoning,
            logprob: tokens.as_ref().and_then(|tokens: &Vec<TokenLogprob>| {
                tokens.iter().map(|token| token.logprob).sum::<Option<f64>>()
            }),
            tokens,
            usage: Usage {
                prompt: counts.map(|c| c.0),
                drawn: counts.map(|c| c.1),
                ..Usage::default()
            },
            served_by: Some("model-7".into()),
            ..Completion::plain(text, finish)
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        question in texts(),
        completion in completions(),
        error in proptest::option::of(texts()),
        seconds in proptest::option::of(0.0..1e6f64),
    ) {
        let call = ToolCall { id: "c".into(), function: "f".into(), arguments: json!({ "x": [1] }) };
        let said = Answer { calls: vec![call], ..Answer::plain("I look.") };
        let result = ToolResult { call: Some("c".into()), function: Some("f".into()), content: "found".into() };
        let cell = Cell {
            arm: "a",
            base: "m",
            battery: "b",
            stance: "s",
            prompt: 1,
            replicate: 2,
            sample: 0,
        };
        let mut earlier = said.clone();
        earlier.completion.finish = Finish::Tool;
        earlier.completion.served_by = Some("model-7".into());
        let score = Score {
            answer: Some("A".into()),
            explanation: Some(question.clone()),
            ..Score::new("judge", "true")
        };
        let transcript = Transcript {
            model: Some("m".into()),
            target: vec!["one".into(), "two".into()],
            scores: vec![score, Score::new("stance", 0.5)],
            error,
            seconds,
            ..cell.transcript(vec![
                Turn::System("Frame.".into()),
                Turn::User(question),
                Turn::Assistant(earlier),
                Turn::Tool(result),
                Turn::Assistant(Answer { completion, calls: Vec::new() }),
            ])
        };
        let samples = [transcript];
        let log = log(&samples, Status::Success);
        let mut eval = Cursor::new(Vec::new());
        write_eval(&log, &mut eval).unwrap();
        let mut json = Vec::new();
        write_json(&log, &mut json).unwrap();
        prop_assert_eq!(&read(eval.get_ref()).unwrap()[..], &samples[..]);
        prop_assert_eq!(&read(&json).unwrap()[..], &samples[..]);
    }

    #[test]
    fn nothing_that_is_read_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let mut archive = b"PK\x03\x04".to_vec();
        archive.extend(bytes);
        prop_assert!(read(&archive).is_err());
    }
}

fn log(samples: &[Transcript], status: Status) -> Log<'_> {
    let sampling = Sampling::new(1.0, 1.0, 100);
    Log {
        id: Key::of(&"log"),
        run: Key::of(&"run"),
        task: "preferences",
        model: "m",
        arm: "a",
        replicate: 2,
        created: Moment(1_795_430_234),
        status,
        drawn: Drawn { sampling, questions: 4, epochs: 2 },
        metadata: Map::new(),
        samples,
    }
}

#[test]
fn headers_are_read_back_whatever_became_of_the_run() {
    for status in
        [Status::Started, Status::Success, Status::Cancelled, Status::Error("no room".into())]
    {
        let log = log(&[], status.clone());
        let mut eval = Cursor::new(Vec::new());
        write_eval(&log, &mut eval).unwrap();
        let mut json = Vec::new();
        write_json(&log, &mut json).unwrap();
        for bytes in [eval.get_ref(), &json] {
            let reader = open(bytes).unwrap();
            let header = reader.header();
            assert_eq!(header.status, status);
            assert_eq!((header.task.as_str(), header.model.as_str()), ("preferences", "m"));
            assert_eq!((header.questions, header.epochs), (Some(4), Some(2)));
            assert_eq!(header.metadata["replicate"], 2);
            assert_eq!(header.created.as_deref(), Some("2026-11-23T10:37:14+00:00"));
        }
    }
}
