use serde_json::json;

use super::*;
use crate::test_support::{Client, chat};
use crate::{Answers, Script, Server};

fn start(answers: Answers) -> (Server, Client) {
    let server = Server::start(Script { answers, ..Script::default() }).unwrap();
    let client = Client::new(&server);
    (server, client)
}

const PATH: &str = "/v1/chat/completions";

#[test]
fn tokens_joined_are_the_text() {
    for text in ["", "a", " a", "a b", "a  b ", "  ", "ä ö\nü"] {
        assert_eq!(tokens(text).concat(), text);
    }
    assert_eq!(tokens("one two  three"), ["one", " two", "  three"]);
}

#[test]
fn samples_are_numbered_and_tokens_are_added_up() {
    let (_server, mut client) = start(Answers::new(|q| {
        Answer::Says(format!("{} {} {}", q.last_user(), q.seed.unwrap(), q.sample))
    }));
    let mut body = chat("hi");
    (body["n"], body["seed"]) = (json!(3), json!(9));
    let answer = client.post(PATH, &body);
    for sample in 0..3 {
        let choice = &answer["choices"][sample];
        assert_eq!(choice["message"]["content"], format!("hi 9 {sample}"));
        assert_eq!((&choice["index"], &choice["finish_reason"]), (&json!(sample), &json!("stop")));
    }
    assert_eq!(
        (&answer["usage"]["prompt_tokens"], &answer["usage"]["completion_tokens"]),
        (&json!(6), &json!(9))
    );
}

#[test]
fn a_limit_of_tokens_cuts_and_says_so() {
    let (_server, mut client) = start(Answers::constant("one two three"));
    for (name, limit, content, reason) in [
        ("max_tokens", 2, "one two", "length"),
        ("max_completion_tokens", 3, "one two three", "stop"),
    ] {
        let mut body = chat("hi");
        body[name] = json!(limit);
        let choice = &client.post(PATH, &body)["choices"][0];
        assert_eq!(
            (&choice["message"]["content"], &choice["finish_reason"]),
            (&json!(content), &json!(reason))
        );
    }
}

#[test]
fn probabilities_of_alternatives_leave_room_and_repeat() {
    let (_server, mut client) = start(Answers::constant("one two three"));
    let mut body = chat("hi");
    (body["logprobs"], body["top_logprobs"]) = (json!(true), json!(20));
    let answer = client.post(PATH, &body);
    let steps = answer["choices"][0]["logprobs"]["content"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    for step in steps {
        let top = step["top_logprobs"].as_array().unwrap();
        let mut names: Vec<&str> = top.iter().map(|top| top["token"].as_str().unwrap()).collect();
        assert_eq!((names.len(), names[0]), (20, step["token"].as_str().unwrap()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 20, "every alternative comes once");
        let logprobs: Vec<f64> = top.iter().map(|top| top["logprob"].as_f64().unwrap()).collect();
        assert!(logprobs.is_sorted_by(|a, b| a >= b));
        assert!(logprobs.iter().map(|logprob| logprob.exp()).sum::<f64>() <= 1.0 + 1e-12);
    }
    assert_eq!(answer["choices"], client.post(PATH, &body)["choices"]);
}

#[test]
fn a_prompt_is_scored_by_echo() {
    let (_server, mut client) = start(Answers::echo());
    let body = json!({ "model": "m", "prompt": ["a b c", [5, 6]], "echo": true, "logprobs": 1, "max_tokens": 0 });
    let answer = client.post("/v1/completions", &body);
    let scored = &answer["choices"][0];
    assert_eq!(scored["text"], "a b c");
    let logprobs = scored["logprobs"]["token_logprobs"].as_array().unwrap();
    assert_eq!(logprobs.len(), 3);
    assert!(logprobs[0].is_null() && logprobs[1..].iter().all(|p| p.as_f64().unwrap() < 0.0));
    assert_eq!(scored["logprobs"]["text_offset"], json!([0, 1, 3]));
    assert_eq!(answer["choices"][1]["logprobs"]["tokens"], json!([" t5", " t6"]));
}

#[test]
fn a_refusal_has_no_content() {
    let (_server, mut client) = start(Answers::echo().refusing("bomb"));
    let message = client.post(PATH, &chat("bomb"))["choices"][0]["message"].take();
    assert!(message["content"].is_null() && message["refusal"].is_string());
}

#[test]
fn bad_requests_name_the_field() {
    let (_server, mut client) = start(Answers::echo());
    let with = |name: &str, value: Value| {
        let mut body = chat("hi");
        body[name] = value;
        body
    };
    for (body, param) in [
        (json!([]), Value::Null),
        (with("model", Value::Null), json!("model")),
        (with("messages", json!([])), json!("messages")),
        (with("n", json!(0)), json!("n")),
        (with("max_tokens", json!(-1)), json!("max_tokens")),
        (with("stream", json!(true)), json!("stream")),
    ] {
        let heard = client.ask("POST", PATH, &body);
        assert_eq!((heard.status, &heard.json()["error"]["param"]), (400, &param), "{body}");
    }
}
