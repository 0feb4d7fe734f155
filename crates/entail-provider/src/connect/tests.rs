mod fixtures;
mod misbehaving;

use std::sync::Mutex;

use super::*;
use crate::{Finish, ModelName, TransportError};

fn model(text: &str) -> RemoteModel {
    match text.parse().unwrap() {
        ModelName::Remote(model) => model,
        other => panic!("{other}"),
    }
}

fn keys(text: &str) -> Keys {
    Keys::read(&|_| None, Some(text)).unwrap()
}

fn response(status: u16, body: &str) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

/// Gives these answers in order, and keeps what was sent.
struct Answering {
    answers: Mutex<Vec<Result<HttpResponse, TransportError>>>,
    asked: Mutex<Vec<HttpRequest>>,
}

impl Answering {
    fn new(answers: Vec<Result<HttpResponse, TransportError>>) -> Self {
        Self { answers: Mutex::new(answers), asked: Mutex::new(Vec::new()) }
    }
}

impl Transport for Answering {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        self.asked.lock().unwrap().push(request.clone());
        self.answers.lock().unwrap().remove(0)
    }
}

#[test]
fn without_a_key_or_an_address_there_is_no_wire() {
    for (name, set, part) in [
        ("openai:m", "", "openai:m needs a key: set OPENAI_API_KEY"),
        (
            "azure:d",
            "AZURE_OPENAI_API_KEY=k",
            "azure:d needs an address: set AZURE_OPENAI_ENDPOINT",
        ),
        ("anthropic:c", "OPENAI_API_KEY=k", "ANTHROPIC_API_KEY"),
    ] {
        let error = wire(&model(name), &keys(set)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_key_is_not_sent_where_a_name_alone_says() {
    let set =
        "OPENAI_API_KEY=k\nAZURE_OPENAI_API_KEY=k\nAZURE_OPENAI_ENDPOINT=https://me.example.com";
    for (name, goes) in [
        ("openai:https://elsewhere.example.com#m", false),
        ("azure:https://elsewhere.example.com#d", false),
        ("azure:https://me.example.com#d", true),
        ("openai:https://api.openai.com/v1#m", true),
        ("vllm:http://elsewhere.example.com#m", true),
        ("ollama:http://elsewhere.example.com#m", true),
    ] {
        match wire(&model(name), &keys(set)) {
            Ok(_) => assert!(goes, "{name}"),
            Err(ConnectError::Elsewhere { .. }) => assert!(!goes, "{name}"),
            Err(other) => panic!("{other}"),
        }
    }
    let placed = keys("OPENAI_API_KEY=k\nOPENAI_BASE_URL=https://proxy.example.com");
    assert!(wire(&model("openai:https://proxy.example.com/v1#m"), &placed).is_ok());
    assert!(wire(&model("openai:m"), &placed).is_ok());
}

#[test]
fn azure_has_two_forms_of_address() {
    let asked = |endpoint: &str| {
        let set = format!(
            "AZURE_OPENAI_API_KEY=k\nAZURE_OPENAI_ENDPOINT={endpoint}\nAZURE_OPENAI_API_VERSION=2025-01-01"
        );
        let wire = wire(&model("azure:lamp"), &keys(&set)).unwrap();
        let sampling = Sampling::new(1.0, 1.0, 5);
        let request = wire.ask(&[Message::user("a")], &sampling, 1, 0);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        (request.url, body["max_completion_tokens"].is_u64())
    };
    let deployments =
        "https://me.example.com/openai/deployments/lamp/chat/completions?api-version=2025-01-01";
    assert_eq!(asked("https://me.example.com/"), (deployments.into(), false));
    let whole = "https://me.example.com/openai/v1/chat/completions";
    assert_eq!(asked("https://me.example.com/openai/v1/"), (whole.into(), true));
}

#[test]
fn a_first_look_asks_for_one_answer_and_lists_models() {
    let list = r#"{"object":"list","data":[{"id":"b"},{"id":"a"},{"name":"?"}]}"#;
    let said = r#"{"model":"b-1","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let server = Answering::new(vec![Ok(response(200, said)), Ok(response(200, list))]);
    let found = probe(&model("vllm:http://h:8000#b"), &Keys::default(), &server).unwrap();
    assert_eq!(found.models, Ok(vec!["a".into(), "b".into()]));
    let answer = found.answer.unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("Hi", Finish::Stop));
    assert!(found.capabilities.score);
    let asked = server.asked.lock().unwrap();
    let places: Vec<_> = asked.iter().map(|request| (request.verb, request.url.as_str())).collect();
    assert_eq!(
        places,
        [(Verb::Post, "http://h:8000/v1/chat/completions"), (Verb::Get, "http://h:8000/v1/models")]
    );
}

#[test]
fn a_first_look_reports_each_failure_on_its_own() {
    let broken = TransportError::Connect { host: "h".into(), what: "refused".into() };
    let server = Answering::new(vec![Err(broken), Ok(response(404, "{}"))]);
    let set = keys("AZURE_OPENAI_API_KEY=k\nAZURE_OPENAI_ENDPOINT=https://me.example.com");
    let found = probe(&model("azure:d"), &set, &server).unwrap();
    assert!(matches!(found.models, Err(CallError::Final { .. })), "{:?}", found.models);
    assert!(matches!(found.answer, Err(CallError::Passing { .. })), "{:?}", found.answer);
    let listed = server.asked.lock().unwrap()[1].url.clone();
    assert_eq!(listed, "https://me.example.com/openai/models?api-version=2024-10-21");
}

#[test]
fn adapters_are_loaded_and_unloaded_by_name() {
    let adapters =
        Adapters::of(&model("vllm:http://h:8000#m"), &keys("VLLM_API_KEY=sk-canary")).unwrap();
    let request = adapters.load("a1b2", "adapters/a1b2");
    assert_eq!(request.url, "http://h:8000/v1/load_lora_adapter");
    assert_eq!(request.body, br#"{"lora_name":"a1b2","lora_path":"adapters/a1b2"}"#);
    assert!(request.headers.iter().any(|(name, _)| name == "authorization"));
    assert!(!format!("{request:?} {adapters:?}").contains("canary"));
    let request = adapters.unload("a1b2");
    assert_eq!(request.url, "http://h:8000/v1/unload_lora_adapter");
    assert_eq!(request.body, br#"{"lora_name":"a1b2"}"#);
    let refused = adapters.loaded(&response(404, r#"{"detail":"Not Found"}"#)).unwrap_err();
    assert!(refused.to_string().contains("--enable-lora"), "{refused}");
    assert!(adapters.loaded(&response(500, "")).is_err());
    let error = Adapters::of(&model("ollama:m"), &Keys::default()).unwrap_err();
    assert_eq!(error, ConnectError::NoAdapters { model: "ollama:m".into() });
}
