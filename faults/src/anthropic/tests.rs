use serde_json::json;

use crate::test_support::{Client, chat};
use crate::{Answers, Script, Server};

const PATH: &str = "/v1/messages";

fn start() -> (Server, Client) {
    let answers = Answers::constant("one two three").refusing("bomb");
    let server = Server::start(Script { answers, ..Script::default() }).unwrap();
    let client = Client::new(&server);
    (server, client)
}

#[test]
fn a_message_ends_by_itself_by_its_limit_or_by_refusal() {
    let (_server, mut client) = start();
    for (text, limit, content, stop) in [
        ("hi", 10, json!([{ "type": "text", "text": "one two three" }]), "end_turn"),
        ("hi", 2, json!([{ "type": "text", "text": "one two" }]), "max_tokens"),
        ("bomb", 10, json!([]), "refusal"),
    ] {
        let mut body = chat(text);
        body["max_tokens"] = json!(limit);
        let message = client.post(PATH, &body);
        assert_eq!((&message["content"], &message["stop_reason"]), (&content, &json!(stop)));
    }
}

#[test]
fn thinking_comes_first_and_needs_its_budget() {
    let (_server, mut client) = start();
    let mut body = chat("hi");
    body["max_tokens"] = json!(2000);
    for (thinking, kinds) in [
        (json!({ "type": "enabled", "budget_tokens": 1024 }), Some(vec!["thinking", "text"])),
        (json!({ "type": "adaptive" }), Some(vec!["thinking", "text"])),
        (json!({ "type": "disabled" }), Some(vec!["text"])),
        (json!({ "type": "enabled", "budget_tokens": 1000 }), None),
        (json!({ "type": "enabled", "budget_tokens": 2000 }), None),
    ] {
        body["thinking"] = thinking;
        let heard = client.ask("POST", PATH, &body);
        let answer = heard.json();
        let content = answer["content"].as_array();
        let found =
            content.map(|blocks| blocks.iter().map(|b| b["type"].as_str().unwrap()).collect());
        assert_eq!(found, kinds);
        assert_eq!(heard.status == 200, kinds.is_some());
    }
}

#[test]
fn the_newer_version_takes_no_temperature() {
    let (_server, mut client) = start();
    let mut body = chat("hi");
    (body["max_tokens"], body["temperature"]) = (json!(10), json!(1.0));
    let body = body.to_string();
    for (headers, status) in [
        ("", 400),
        ("anthropic-version: 2023-06-01\r\n", 200),
        ("anthropic-version: 2026-10-21\r\n", 400),
    ] {
        client.send("POST", PATH, headers, body.as_bytes());
        assert_eq!(client.hear().unwrap().status, status, "{headers}");
    }
}

#[test]
fn a_message_needs_a_limit() {
    let (_server, mut client) = start();
    let heard = client.ask("POST", PATH, &chat("hi"));
    assert_eq!(
        (heard.status, &heard.json()["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
}
