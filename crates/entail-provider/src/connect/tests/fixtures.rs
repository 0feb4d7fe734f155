//! Every response that is kept under `fixtures/provider`, read by the wire of its service, against a table of what
//! it means that was checked by eye: `expected.tsv`, one line for each file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const EXPECTED: &str = include_str!("expected.tsv");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/provider")
}

/// Name within the folder and content of each kept exchange.
fn exchanges() -> Vec<(String, Value)> {
    let entries = |path: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<_> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let services = ["documented", "recorded"].map(|kind| entries(&folder().join(kind))).concat();
    let files = services.iter().filter(|path| path.is_dir()).flat_map(|path| entries(path));
    files
        .map(|path| {
            let name = path.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&fs::read(&path).unwrap()).unwrap())
        })
        .collect()
}

fn read(exchange: &Value) -> HttpResponse {
    let response = &exchange["response"];
    let headers = response["headers"].as_object().unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    HttpResponse {
        status: response["status"].as_u64().unwrap().try_into().unwrap(),
        headers: headers.iter().map(|(name, value)| (name.to_lowercase(), text(value))).collect(),
        body: text(&response["body"]).into_bytes(),
    }
}

/// The wire that would have asked.
fn asking(name: &str, exchange: &Value) -> Option<Box<dyn Wire>> {
    let set = "OPENAI_API_KEY=sk-canary\nAZURE_OPENAI_API_KEY=sk-canary\nANTHROPIC_API_KEY=sk-canary\nOPENROUTER_API_KEY=sk-canary\n\
               TINKER_API_KEY=sk-canary\nAZURE_OPENAI_ENDPOINT=https://me.example.com";
    let path = exchange["request"]["path"].as_str()?.split('?').next()?;
    let text = match name.split('/').nth(1)? {
        _ if path.ends_with("/messages") => "anthropic:claude-sonnet-4-5",
        _ if !path.ends_with("/chat/completions") => return None,
        "openai" => "openai:gpt-4.1",
        "azure" => "azure:lamp",
        "openrouter" => "openrouter:qwen/qwen3-8b@Host A",
        "vllm" => "vllm:http://localhost:8000#tiny-llama",
        "ollama" => "ollama:llama3.2",
        "tinker" => "tinker:thinkingmachines/Inkling:peft:262144",
        "llama_cpp" => "llamacpp:http://localhost:8080#tiny-llama",
        _ => "compatible:http://localhost:8000#tiny-llama",
    };
    let text = text.replace("Host A", "host-a");
    Some(wire(&model(&text), &keys(set)).unwrap())
}

fn summary(answers: &Result<Vec<Completion>, CallError>) -> String {
    match answers {
        Ok(answers) => answers.iter().map(of_answer).collect::<Vec<_>>().join(" | "),
        Err(error) => of_error(error),
    }
}

fn of_answer(answer: &Completion) -> String {
    let mut text = format!("{} {:?}", answer.finish.as_str(), answer.text);
    if let Some(reasoning) = &answer.reasoning {
        write!(text, " reasoning {reasoning:?}").unwrap();
    }
    let usage = answer.usage;
    let counts = [usage.prompt, usage.drawn, usage.reasoning]
        .map(|count| count.map_or_else(|| "-".to_owned(), |count| count.to_string()));
    write!(text, " usage {}", counts.join("/")).unwrap();
    if let Some(cost) = usage.cost {
        write!(text, " ${cost}").unwrap();
    }
    if let Some(tokens) = &answer.tokens {
        let others: Vec<_> = tokens.iter().map(|token| token.top.len()).collect();
        write!(text, " tokens {} others {others:?} sum {:?}", tokens.len(), answer.logprob)
            .unwrap();
    }
    if let Some(served_by) = &answer.served_by {
        write!(text, " by {served_by}").unwrap();
    }
    text
}

fn of_error(error: &CallError) -> String {
    let wait =
        |after: &Option<Duration>| after.map(|time| format!(" after {time:?}")).unwrap_or_default();
    match error {
        CallError::Slow { after, what } => format!("SLOW{}: {what}", wait(after)),
        CallError::Passing { after, what } => format!("PASSING{}: {what}", wait(after)),
        CallError::Spoiled { after, what } => format!("SPOILED{}: {what}", wait(after)),
        CallError::Final { what } => format!("FINAL: {what}"),
        CallError::ThisOne { what } => format!("THIS ONE: {what}"),
    }
}

#[test]
fn every_kept_response_means_what_the_table_says() {
    let expected: BTreeMap<_, _> =
        EXPECTED.lines().map(|line| line.split_once('\t').unwrap()).collect();
    let mut found = BTreeMap::new();
    for (name, exchange) in exchanges() {
        if let Some(wire) = asking(&name, &exchange) {
            found.insert(name, summary(&wire.answers(&read(&exchange))));
        }
    }
    let lines: Vec<_> = found.iter().map(|(name, what)| format!("{name}\t{what}")).collect();
    for (name, what) in &found {
        assert_eq!(
            expected.get(name.as_str()),
            Some(&what.as_str()),
            "{name}, of:\n{}",
            lines.join("\n")
        );
    }
    assert_eq!(found.len(), expected.len(), "the table has lines without a file");
    assert!(found.len() > 100, "only {} files were found", found.len());
}

#[test]
fn what_a_real_vllm_says_of_adapters_is_understood() {
    let adapters = Adapters::of(&model("vllm:http://h#m"), &Keys::default()).unwrap();
    let kept: BTreeMap<_, _> = exchanges().into_iter().collect();
    let said = |name: &str| read(&kept[&format!("recorded/vllm/{name}.json")]);
    assert_eq!(adapters.loaded(&said("load_adapter")), Ok(()));
    assert_eq!(adapters.loaded(&said("load_adapter_again")), Ok(()));
    assert_eq!(adapters.unloaded(&said("unload_adapter")), Ok(()));
    assert_eq!(adapters.unloaded(&said("unload_adapter_again")), Ok(()));
    let missing = adapters.loaded(&said("load_adapter_missing")).unwrap_err();
    assert!(missing.to_string().contains("No adapter found for no-such-folder"), "{missing}");
    let no_route = adapters.loaded(&said("no_such_path")).unwrap_err();
    assert!(no_route.to_string().contains("VLLM_ALLOW_RUNTIME_LORA_UPDATING"), "{no_route}");
}

#[test]
fn what_real_servers_list_is_understood() {
    let kept: BTreeMap<_, _> = exchanges().into_iter().collect();
    for (name, expected) in [
        ("recorded/vllm/models.json", Some(vec!["tiny-llama"])),
        ("recorded/vllm/models_with_adapter.json", Some(vec!["tiny-adapter", "tiny-llama"])),
        ("recorded/llama_cpp/models.json", Some(vec!["tiny-llama"])),
        ("recorded/transformers/models.json", None),
    ] {
        let server = Answering::new(vec![Ok(response(500, "")), Ok(read(&kept[name]))]);
        let found = probe(&model("vllm:http://h#m"), &Keys::default(), &server).unwrap();
        let expected = expected.map(|ids| ids.into_iter().map(str::to_owned).collect());
        assert_eq!(found.models.ok(), expected, "{name}");
    }
}

#[test]
fn a_body_that_is_cut_off_anywhere_is_never_half_an_answer() {
    let kept: BTreeMap<_, _> = exchanges().into_iter().collect();
    for name in ["documented/openai/chat.json", "documented/anthropic/message.json"] {
        let exchange = &kept[name];
        let wire = asking(name, exchange).unwrap();
        let whole = read(exchange);
        for end in 0..whole.body.len() {
            let cut = HttpResponse { body: whole.body[..end].to_vec(), ..whole.clone() };
            let error = wire.answers(&cut).unwrap_err();
            assert!(matches!(error, CallError::Spoiled { .. }), "{end}: {error:?}");
        }
    }
}
