use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::test_support::{Client, chat};
use crate::{BatchScript, Script, Server};

const N_LINES: usize = 200;

fn start(batch: BatchScript) -> (Server, Client) {
    let server = Server::start(Script { batch, ..Script::default() }).unwrap();
    let client = Client::new(&server);
    (server, client)
}

fn script(duplicated: f64, failed: f64, unanswered: f64) -> BatchScript {
    BatchScript { polls: 3, duplicated, failed, unanswered }
}

fn create(client: &mut Client, input: &str) -> String {
    let file = client.upload("batch", input);
    let body = json!({ "input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h", "metadata": { "a": "b" } });
    let batch = client.post("/v1/batches", &body);
    assert_eq!(
        (&batch["status"], &batch["metadata"]),
        (&json!("validating"), &json!({ "a": "b" }))
    );
    batch["id"].as_str().unwrap().to_owned()
}

fn input() -> String {
    let line = |number: usize| json!({ "custom_id": format!("c{number}"), "method": "POST", "url": "/v1/chat/completions", "body": chat(&format!("q{number}")) });
    (0..N_LINES).map(|number| line(number).to_string()).collect::<Vec<_>>().join("\n")
}

/// The batch when it has ended, and the states on the way.
fn finish(client: &mut Client, path: &str, field: &str, last: &[&str]) -> (Value, Vec<String>) {
    let mut states = Vec::new();
    loop {
        let batch = client.get(path);
        let state = batch[field].as_str().unwrap().to_owned();
        states.push(state.clone());
        if last.contains(&state.as_str()) {
            return (batch, states);
        }
    }
}

/// How often each id comes in a file, and the ids in order.
fn ids(text: &str) -> (BTreeMap<String, usize>, Vec<String>) {
    let id = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["custom_id"].as_str().unwrap().to_owned()
    };
    let order: Vec<String> = text.lines().map(id).collect();
    let mut counts = BTreeMap::new();
    for id in &order {
        *counts.entry(id.clone()).or_default() += 1;
    }
    (counts, order)
}

#[test]
fn a_good_batch_ends_after_its_polls_with_every_line_out_of_order() {
    let (server, mut client) = start(script(0.0, 0.0, 0.0));
    let id = create(&mut client, &input());
    let (batch, states) =
        finish(&mut client, &format!("/v1/batches/{id}"), "status", &["completed"]);
    assert_eq!(states, ["in_progress", "finalizing", "completed"]);
    assert_eq!(
        batch["request_counts"],
        json!({ "total": N_LINES, "completed": N_LINES, "failed": 0 })
    );
    assert!(batch["error_file_id"].is_null());
    let (counts, order) = ids(&client.download(&batch["output_file_id"]));
    assert_eq!((counts.len(), order.len()), (N_LINES, N_LINES));
    assert_ne!(order, (0..N_LINES).map(|n| format!("c{n}")).collect::<Vec<_>>());
    client.get(&format!("/v1/batches/{id}"));
    let counts = server.counts();
    assert_eq!((counts.whole, counts.answered_twice()), (N_LINES as u64, 0));
    assert_eq!(counts.answered[&body_hash(chat("q7").to_string().as_bytes())], 1);
}

#[test]
fn an_expired_batch_keeps_what_was_done_and_names_the_rest() {
    let (server, mut client) = start(script(0.2, 0.1, 0.3));
    let id = create(&mut client, &input());
    let (batch, _) =
        finish(&mut client, &format!("/v1/batches/{id}"), "status", &["completed", "expired"]);
    assert_eq!(batch["status"], "expired");
    let (good, order) = ids(&client.download(&batch["output_file_id"]));
    let errors = client.download(&batch["error_file_id"]);
    let (bad, _) = ids(&errors);
    assert_eq!(good.len() + bad.len(), N_LINES);
    assert!(good.keys().all(|id| !bad.contains_key(id)));
    let twice = order.len() - good.len();
    assert!((10..50).contains(&twice), "{twice} lines come twice");
    let of = |code: &str| errors.matches(&format!("\"code\":\"{code}\"")).count();
    assert!((40..100).contains(&of("batch_expired")) && (8..40).contains(&of("server_error")));
    assert_eq!(batch["request_counts"]["completed"], good.len());
    assert_eq!(server.counts().whole, good.len() as u64, "a line that comes twice was made once");
}

#[test]
fn lines_that_are_bad_requests_are_errors_with_a_response() {
    let (_server, mut client) = start(script(0.0, 0.0, 0.0));
    let id = create(&mut client, "{\"custom_id\":\"a\",\"body\":{\"model\":\"m\"}}");
    let (batch, _) = finish(&mut client, &format!("/v1/batches/{id}"), "status", &["completed"]);
    let row: Value = serde_json::from_str(&client.download(&batch["error_file_id"])).unwrap();
    assert_eq!((&row["response"]["status_code"], &row["error"]), (&json!(400), &Value::Null));
    assert!(batch["output_file_id"].is_null());
}

#[test]
fn an_input_that_is_none_fails_the_batch() {
    let (_server, mut client) = start(script(0.0, 0.0, 0.0));
    let line = "{\"custom_id\":\"a\",\"body\":{}}\n";
    for (input, complaint) in [
        ("no json".to_owned(), "line 1"),
        (line.repeat(2), "comes twice"),
        ("{\"body\":{}}".to_owned(), "no custom_id"),
    ] {
        let id = create(&mut client, &input);
        let (batch, _) = finish(&mut client, &format!("/v1/batches/{id}"), "status", &["failed"]);
        let message = batch["errors"]["data"][0]["message"].as_str().unwrap();
        assert!(message.contains(complaint), "{message}");
    }
    let body = json!({ "input_file_id": "file-x", "endpoint": "/v1/chat/completions" });
    assert_eq!(client.ask("POST", "/v1/batches", &body).status, 404);
}

#[test]
fn a_canceled_batch_stays_so() {
    let (server, mut client) = start(script(0.0, 0.0, 0.0));
    let id = create(&mut client, &input());
    assert_eq!(client.post(&format!("/v1/batches/{id}/cancel"), &json!({}))["status"], "cancelled");
    for _ in 0..4 {
        assert_eq!(client.get(&format!("/v1/batches/{id}"))["status"], "cancelled");
    }
    assert_eq!(server.counts().whole, 0);
}

#[test]
fn messages_have_batches_of_their_own() {
    let (server, mut client) = start(script(0.0, 0.2, 0.2));
    let request = |number: usize| {
        let mut params = chat(&format!("q{number}"));
        params["max_tokens"] = json!(9);
        json!({ "custom_id": format!("c{number}"), "params": params })
    };
    let requests: Vec<Value> = (0..N_LINES).map(request).collect();
    let batch = client.post("/v1/messages/batches", &json!({ "requests": requests }));
    assert_eq!(
        (&batch["processing_status"], &batch["results_url"]),
        (&json!("in_progress"), &Value::Null)
    );
    let path = format!("/v1/messages/batches/{}", batch["id"].as_str().unwrap());
    assert_eq!(client.ask("GET", &format!("{path}/results"), &Value::Null).status, 400);
    let (batch, states) = finish(&mut client, &path, "processing_status", &["ended"]);
    assert_eq!(states, ["in_progress", "in_progress", "ended"]);
    let url = batch["results_url"].as_str().unwrap();
    let heard = client.ask("GET", url.strip_prefix(&server.url()).unwrap(), &Value::Null);
    let text = String::from_utf8(heard.body).unwrap();
    assert_eq!(ids(&text).0.len(), N_LINES);
    for (kind, name) in [("succeeded", "succeeded"), ("errored", "errored"), ("expired", "expired")]
    {
        let found = text.matches(&format!("\"result\":{{\"type\":\"{kind}\"")).count();
        assert!(found > 10);
        assert_eq!(batch["request_counts"][name], found);
    }
    assert!(client.get("/v1/batches")["data"].as_array().unwrap().is_empty());
    assert_eq!(client.get("/v1/messages/batches")["data"].as_array().unwrap().len(), 1);
}
