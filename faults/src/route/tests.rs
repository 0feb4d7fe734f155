use serde_json::json;

use super::*;
use crate::Server;
use crate::test_support::{Client, chat};

#[test]
fn every_provider_has_its_own_addresses_for_the_same_thing() {
    let server = Server::start(Script::default()).unwrap();
    let mut client = Client::new(&server);
    for (path, model) in [
        ("/v1/chat/completions", "m"),
        ("/openai/v1/chat/completions", "m"),
        ("/openai/deployments/dep/chat/completions?api-version=2024-10-21", "dep"),
    ] {
        let answer = client.post(path, &chat("hi"));
        assert_eq!(answer["model"], model);
        assert!(answer.get("provider").is_none());
    }
    let answer = client.post("/api/v1/chat/completions", &chat("hi"));
    assert!(answer["provider"].is_string() && answer["usage"]["cost"].as_f64().unwrap() > 0.0);
    assert!(client.get("/openai/fine_tuning/jobs?api-version=1")["data"].is_array());
    assert_eq!(server.counts().endpoints[&Endpoint::Chat], 4);
}

#[test]
fn models_are_those_of_the_script_and_the_adapters_that_were_loaded() {
    let script = Script { models: vec!["base".into()], ..Script::default() };
    let server = Server::start(script).unwrap();
    let mut client = Client::new(&server);
    let adapter = json!({ "lora_name": "m", "lora_path": "adapters/m" });
    let heard = client.ask("POST", "/v1/chat/completions", &chat("hi"));
    assert_eq!((heard.status, &heard.json()["error"]["code"]), (404, &json!("model_not_found")));
    let mut adapt =
        |verb: &str| client.ask("POST", &format!("/v1/{verb}_lora_adapter"), &adapter).status;
    assert_eq!([adapt("load"), adapt("load")], [200, 400]);
    client.post("/v1/chat/completions", &chat("hi"));
    assert_eq!(client.get("/v1/models")["data"][1]["id"], "m");
    assert_eq!(client.get("/v1/models/m")["object"], "model");
    let mut adapt =
        |verb: &str| client.ask("POST", &format!("/v1/{verb}_lora_adapter"), &adapter).status;
    assert_eq!([adapt("unload"), adapt("unload")], [200, 404]);
    assert_eq!(client.ask("POST", "/v1/chat/completions", &chat("hi")).status, 404);
}

#[test]
fn an_address_of_nothing_is_not_found() {
    let server = Server::start(Script::default()).unwrap();
    let mut client = Client::new(&server);
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/embeddings"),
        ("PUT", "/v1/files"),
    ] {
        assert_eq!(client.ask(method, path, &json!({})).status, 404, "{method} {path}");
    }
}

#[test]
fn stages_share_the_reads() {
    let stages = |polls: u32| -> Vec<&str> {
        (0..=polls).map(|n| stage(n, polls, &["a", "b", "c"])).collect()
    };
    assert_eq!(stages(3), ["a", "b", "c", "c"]);
    assert_eq!(stages(6), ["a", "a", "b", "b", "c", "c", "c"]);
    assert_eq!(stages(0), ["a"]);
}
