use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Keys, ModelName, Schema, Thinking, ThinkingChoice, wire};

fn claude() -> Box<dyn Wire> {
    let keys = Keys::read(&|_| None, Some("ANTHROPIC_API_KEY=sk-canary")).unwrap();
    match "anthropic:claude-x".parse().unwrap() {
        ModelName::Remote(model) => wire(&model, &keys).unwrap(),
        other => panic!("{other}"),
    }
}

fn response(status: u16, body: &Value) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn ask(messages: &[Message], temperature: f64, top_p: f64) -> HttpRequest {
    claude().ask(messages, &Sampling::new(temperature, top_p, 50), 1, 7)
}

#[test]
fn a_conversation_is_asked_with_its_frame_beside_it() {
    let messages = [Message::system("Be brief."), Message::user("Hello"), Message::assistant("I")];
    let request = ask(&messages, 0.5, 0.9);
    assert_eq!(request.url, "https://api.anthropic.com/v1/messages");
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({"model": "claude-x", "max_tokens": 50, "system": "Be brief.", "temperature": 0.5, "top_p": 0.9,
            "messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "I"}]})
    );
    let key = HeaderValue::Secret("", Secret::new("sk-canary").unwrap());
    assert!(request.headers.contains(&("x-api-key".into(), key)), "{request:?}");
    let version = HeaderValue::Plain("2023-06-01".into());
    assert!(request.headers.contains(&("anthropic-version".into(), version)), "{request:?}");
    assert!(!format!("{request:?} {:?}", claude()).contains("canary"));
}

#[test]
fn what_is_the_default_is_not_sent() {
    let request = ask(&[Message::user("Hello")], 1.0, 1.0);
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({"model": "claude-x", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]})
    );
}

fn asked_of(model: &str, sampling: &Sampling) -> Value {
    let keys = Keys::read(&|_| None, Some("ANTHROPIC_API_KEY=sk-canary")).unwrap();
    let ModelName::Remote(model) = format!("anthropic:{model}").parse().unwrap() else {
        panic!("{model} is remote")
    };
    let request = wire(&model, &keys).unwrap().ask(&[Message::user("Hello")], sampling, 1, 7);
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn each_generation_is_told_to_think_in_its_own_words() {
    use ThinkingChoice::{Always, Budget, Choice, Never, Unknown};
    let nothing = || Value::Null;
    let enabled = || json!({"type": "enabled", "budget_tokens": 2000});
    let adaptive = || json!({"type": "adaptive", "display": "summarized"});
    let of = |kind: &str| json!({"type": kind});
    for (name, thinking, on, off) in [
        ("claude-3-opus-20240229", Never, nothing(), nothing()),
        ("claude-3-5-haiku-latest", Never, nothing(), nothing()),
        ("claude-3-7-sonnet-20250219", Budget, enabled(), of("disabled")),
        ("claude-opus-4-20250514", Budget, enabled(), of("disabled")),
        ("claude-sonnet-4-5-20250929", Budget, enabled(), of("disabled")),
        ("claude-haiku-4-5", Budget, enabled(), of("disabled")),
        ("claude-opus-4-6", Budget, enabled(), of("disabled")),
        ("claude-opus-4-7", Choice, adaptive(), of("disabled")),
        ("claude-opus-4-8", Choice, adaptive(), of("disabled")),
        ("claude-opus-5", Choice, adaptive(), of("disabled")),
        ("claude-sonnet-5", Choice, adaptive(), of("disabled")),
        ("claude-haiku-5-5", Choice, adaptive(), of("disabled")),
        ("claude-sonnet-5-5", Choice, adaptive(), of("between_tools")),
        ("claude-opus-5-5", Always, adaptive(), nothing()),
        ("claude-fable-5-2", Always, adaptive(), nothing()),
        ("claude-mythos-preview", Always, adaptive(), nothing()),
        ("claude-opus-6", Unknown, nothing(), nothing()),
        ("claude-x", Unknown, nothing(), nothing()),
    ] {
        assert_eq!(Claude::of(name).thinking(), thinking, "{name}");
        for (asked, expected) in
            [(Some(Thinking::On), on), (Some(Thinking::Off), off), (None, nothing())]
        {
            let sampling = Sampling { thinking: asked, ..Sampling::new(1.0, 1.0, 4000) };
            let body = asked_of(name, &sampling);
            assert_eq!(
                (&body["thinking"], &body["max_tokens"]),
                (&expected, &json!(4000)),
                "{name} {asked:?}"
            );
        }
    }
}

#[test]
fn what_a_model_takes_follows_from_its_generation() {
    for (name, temperature, prefill, schema) in [
        ("claude-3-7-sonnet-latest", true, true, false),
        ("claude-opus-4-20250514", true, true, false),
        ("claude-sonnet-4-20250514", true, true, false),
        ("claude-opus-4-1-20250805", true, true, true),
        ("claude-sonnet-4-5", true, true, true),
        ("claude-haiku-4-5-20251001", true, true, true),
        ("claude-sonnet-4-6", true, false, true),
        ("claude-opus-4-7", false, false, true),
        ("claude-sonnet-5", false, false, true),
        ("claude-mythos-preview", false, false, true),
        ("claude-x", true, true, false),
    ] {
        let claude = Claude::of(name);
        let found = (claude.takes_a_temperature(), claude.takes_prefill(), claude.takes_a_schema());
        assert_eq!(found, (temperature, prefill, schema), "{name}");
    }
}

#[test]
fn an_answer_is_kept_to_a_schema() {
    let fields = json!({"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"],
        "additionalProperties": false});
    let schema = Schema::new("verdict", fields.clone()).unwrap();
    let kept = Sampling { schema: Some(schema), ..Sampling::new(1.0, 1.0, 50) };
    assert_eq!(
        asked_of("claude-sonnet-4-5", &kept),
        json!({"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}],
            "output_config": {"format": {"type": "json_schema", "schema": fields}}})
    );
}

#[test]
fn tokens_of_thoughts_are_told_apart() {
    let body = json!({"type": "message", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 60, "output_tokens_details": {"thinking_tokens": 48}}});
    let answer = claude().answers(&response(200, &body)).unwrap().remove(0);
    let usage = Usage { prompt: Some(3), drawn: Some(60), reasoning: Some(48), cost: None };
    assert_eq!((answer.usage, answer.reasoning), (usage, None));
}

#[test]
fn thoughts_are_apart_and_ends_have_names() {
    let of = |reason: Value| {
        let body = json!({"type": "message", "model": "claude-x-1", "stop_reason": reason, "content": [
            {"type": "thinking", "thinking": "r", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "text", "text": "a"}, {"type": "tool_use", "input": {}}, {"type": "text", "text": "b"}],
            "usage": {"input_tokens": 3, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 5, "output_tokens": 6}});
        claude().answers(&response(200, &body)).unwrap().remove(0)
    };
    for (reason, finish) in [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
        ("tool_use", Finish::Tool),
        ("refusal", Finish::Refusal),
        ("pause_turn", Finish::Error),
    ] {
        let answer = of(json!(reason));
        assert_eq!(answer.finish, finish, "{reason}");
        assert_eq!((answer.text.as_str(), answer.reasoning.as_deref()), ("ab", Some("r")));
        let usage = Usage { prompt: Some(12), drawn: Some(6), ..Usage::default() };
        assert_eq!((answer.usage, answer.served_by.as_deref()), (usage, Some("claude-x-1")));
    }
    assert_eq!(of(Value::Null).finish, Finish::Error);
}

#[test]
fn an_error_is_an_error_with_any_status() {
    let error = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "m"}});
    for (status, kind, passing) in [
        (200, "overloaded_error", true),
        (529, "overloaded_error", true),
        (200, "authentication_error", false),
        (401, "authentication_error", false),
    ] {
        let found = claude().answers(&response(status, &error(kind))).unwrap_err();
        assert_eq!(
            matches!(found, CallError::Passing { .. }),
            passing,
            "{status} {kind}: {found:?}"
        );
        assert!(passing || found.to_string().contains("ANTHROPIC_API_KEY"), "{found}");
    }
    let missing = claude().answers(&response(200, &json!({"type": "message"}))).unwrap_err();
    assert!(matches!(missing, CallError::Spoiled { .. }), "{missing:?}");
}

#[test]
fn there_are_no_scores() {
    assert!(claude().ask_scores(&[Message::user("a")], &["b".into()]).is_empty());
    assert!(matches!(claude().scores(&["b".into()], &[]), Err(CallError::Final { .. })));
}

proptest! {
    #[test]
    fn no_bytes_panic(body in "\\PC{0,40}", block in "text|thinking|x", status in 100..600_u16) {
        for body in [json!(body), json!({"content": [{"type": block, block.as_str(): body}, body]}), json!({"content": body, "usage": body})] {
            let _ = claude().answers(&response(status, &body));
        }
        let _ = claude().answers(&HttpResponse { status, headers: Vec::new(), body: body.into_bytes() });
    }
}
