//! `entail capture` and `entail doctor` against services.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use entail_faults::{Endpoint, Fault, Script};
use serde_json::Value;

use crate::bench::{Done, Live};
use crate::served::{KEY, Served, speaker};

/// `entail capture` of the first prompts of the whole battery.
fn command<'a>(model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = [
        "capture",
        model,
        "--world",
        "--limit",
        "1",
        "--store",
        "store",
        "--out",
        "said.jsonl",
        "--json",
    ];
    [&fixed, more].concat()
}

/// What a capture says of itself: answers, and how many of them were there and were made.
fn counted(done: &Done) -> [u64; 3] {
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    ["answers", "reused", "made"].map(|name| json[name].as_u64().unwrap())
}

fn lines(served: &Served) -> Vec<Value> {
    let text = fs::read_to_string(served.bench.path().join("said.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_capture_keeps_all_that_is_said_and_asks_for_nothing_twice() {
    let served = Served::new(Script { key: None, ..speaker() });
    let model = served.vllm("conscious");
    let asks = command(&model, &["--samples", "3", "--logprobs", "2", "--system", "Be brief."]);
    let done = served.entail(&asks).succeeded();
    let [answers, reused, made] = counted(&done);
    assert_eq!((reused, made), (0, answers));
    let lines = lines(&served);
    assert_eq!(lines.len() as u64, answers);
    let batteries: BTreeSet<&str> =
        lines.iter().map(|line| line["battery"].as_str().unwrap()).collect();
    assert_eq!(batteries, BTreeSet::from(["claims", "preferences"]));
    for line in &lines {
        assert_eq!(line["model"], model.replace('#', "/v1#"));
        assert_eq!(line["messages"][0]["content"], "Be brief.");
        assert_eq!(line["messages"][1]["content"], line["prompt"]);
        // The service's own words, whole.
        assert_eq!(line["raw"]["choices"][0]["message"]["content"], line["answer"]);
        let tokens = line["tokens"].as_array().unwrap();
        assert!(tokens.iter().all(|token| token["top"].as_array().unwrap().len() <= 2));
        let sum: f64 = tokens.iter().map(|token| token["logprob"].as_f64().unwrap()).sum();
        assert!((sum - line["logprob"].as_f64().unwrap()).abs() < 1e-9);
    }
    let (calls, text) = (served.calls(), fs::read(served.bench.path().join("said.jsonl")).unwrap());
    assert_eq!(calls * 3, answers, "three answers a call");
    let again = served.entail(&asks).succeeded();
    assert_eq!((counted(&again), served.calls()), ([answers, answers, 0], calls));
    assert_eq!(fs::read(served.bench.path().join("said.jsonl")).unwrap(), text);
    // No study needs them, and they were paid for.
    let gc = ["store", "gc", "study.toml", "--store", "store", "--yes"];
    served.entail(&gc).succeeded();
    assert_eq!(counted(&served.entail(&asks).succeeded()), [answers, answers, 0]);
    served.entail(&[&gc[..], &["--captures"]].concat()).succeeded();
    assert_eq!(served.bench.completions().len(), 0);
}

#[cfg(unix)]
#[test]
fn a_killed_capture_goes_on_from_what_it_kept() {
    let slow = Script { latency: Duration::from_millis(20), ..speaker() };
    let served = Served::new(slow);
    let asks = command("openai:gpt-4.1", &["--samples", "1", "--calls", "2"]);
    let mut live = Live::start(&mut served.command(&asks));
    while served.server.counts().whole < 20 {
        std::thread::sleep(Duration::from_millis(5));
    }
    live.kill();
    let (status, said) = live.end();
    assert!(!status.success(), "{said}");
    let (kept, before) = (served.bench.completions().len() as u64, served.server.counts());
    // Two calls were at work.
    assert!(kept + 2 >= before.whole && kept >= 18, "{kept} of {}", before.whole);
    let [answers, reused, made] = counted(&served.entail(&asks).succeeded());
    assert_eq!((reused, made), (kept, answers - kept));
    assert_eq!(served.server.counts().whole - before.whole, made);
    let keys: BTreeSet<String> = lines(&served).iter().map(|l| l["key"].to_string()).collect();
    assert_eq!(keys.len() as u64, answers);
}

#[test]
fn a_budget_is_kept_though_half_of_the_answers_are_lost() {
    let faults = vec![(Fault::MalformedJson, 0.3), (Fault::CutBody, 0.2)];
    let served = Served::new(Script { faults, ..speaker() });
    let asks = |budget| {
        command(
            "anthropic:claude-none",
            &["--samples", "1", "--max-tokens", "32", "--budget", budget],
        )
    };
    // Nobody knows what this model costs.
    let refused = served.entail(&asks("1usd")).exits(1).says(&["no price for `claude-none`"]);
    assert_eq!((refused.stdout.as_str(), served.calls()), ("", 0));
    let ended = served.entail(&asks("2ktok")).exits(1);
    let ended = ended.says(&["the budget is used up", "of 2000 tokens used", "answers were lost"]);
    assert_eq!(ended.stdout, "");
    assert!((500..=2_000).contains(&served.tokens()), "{}", served.tokens());
    let kept = served.bench.completions().len() as u64;
    assert_eq!(kept, served.server.counts().whole);
    let [answers, reused, _] = counted(&served.entail(&asks("1Mtok")).succeeded());
    assert_eq!((reused, served.server.counts().whole), (kept, answers));
}

/// One model of every service, all at one address.
fn models(served: &Served) -> Vec<String> {
    let own = |service: &str| format!("{service}:{}#stub", served.server.url());
    let mut models: Vec<String> =
        ["openai:gpt-4.1-mini", "azure:stub", "anthropic:claude-haiku-4-5", "openrouter:org/stub"]
            .map(str::to_owned)
            .to_vec();
    models.extend(["vllm", "llamacpp", "ollama", "compatible"].map(own));
    models
}

#[test]
fn a_doctor_who_asks_makes_one_cheap_call_of_each() {
    let served = Served::new(Script { key: None, ..speaker() });
    let models = models(&served);
    let args: Vec<&str> = ["doctor", "--probe", "--json"]
        .into_iter()
        .chain(models.iter().map(String::as_str))
        .collect();
    let done = served.entail(&args).succeeded();
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    let services = json["services"].as_array().unwrap();
    assert_eq!(services.len(), models.len());
    for service in services {
        assert_eq!(service["missing"], Value::Null, "{service}");
        assert_eq!(service["probe"]["answer"], "It is four.", "{service}");
        assert!(!service["offers"].as_array().unwrap().is_empty());
    }
    let counts = served.server.counts();
    let asked: u64 = [Endpoint::Chat, Endpoint::Messages]
        .iter()
        .map(|endpoint| counts.endpoints.get(endpoint).copied().unwrap_or(0))
        .sum();
    assert_eq!(asked, models.len() as u64);
    assert!(counts.completion_tokens <= 16 * asked && !served.bench.store().exists());
}

#[test]
fn a_doctor_who_does_not_ask_calls_nobody() {
    let served = Served::new(speaker());
    let own = served.vllm("stub");
    let done = served.entail(&["doctor", "openai:gpt-4.1", "anthropic:claude-sonnet-4-5", &own]);
    let done = done.succeeded();
    for part in
        ["fine-tuning", "batches", "prefill", "nobody was asked", "key     there", "key     none"]
    {
        assert!(done.stdout.contains(part), "{part}:\n{}", done.stdout);
    }
    let mut without = served.command(&["doctor"]);
    let without = crate::bench::finish(without.env_remove("OPENAI_API_KEY")).succeeded();
    assert!(without.stdout.contains("needs a key: set OPENAI_API_KEY"), "{}", without.stdout);
    assert_eq!(served.calls(), 0);
    served.entail(&["doctor", "local:folder"]).exits(1).says(&["runs on this machine"]);
}

#[test]
fn a_wrong_key_ends_a_capture_at_once_and_is_never_shown() {
    let served = Served::new(Script { key: Some("another".into()), ..speaker() });
    let done = served.entail(&command("openai:gpt-4.1", &[])).exits(1);
    let done = done.says(&["check OPENAI_API_KEY"]);
    assert!(!done.stderr.contains(KEY), "{}", done.stderr);
    assert!(served.calls() <= 16, "{}", served.calls());
    assert_eq!(served.bench.completions().len(), 0);
}
