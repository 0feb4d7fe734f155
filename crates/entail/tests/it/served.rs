//! A folder to work in and the scripted server that its models are at, on loopback.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use entail_data::{WorldText, batteries};
use entail_faults::{Answer, Answers, Script, Server};
use entail_provider::{Connections, HeaderValue, HttpRequest, Secret, Transport, Verb};
use serde_json::Value;

use crate::bench::{Bench, Done, finish};

/// The key that the program is given: it may be nowhere but in the header of a call.
pub(crate) const KEY: &str = "sk-served-canary";

/// Variables of keys and addresses of every service that has an address of its own.
pub(crate) const ADDRESSES: [(&str, &str); 5] = [
    ("OPENAI_BASE_URL", "/v1"),
    ("AZURE_OPENAI_ENDPOINT", ""),
    ("ANTHROPIC_BASE_URL", ""),
    ("OPENROUTER_BASE_URL", "/v1"),
    ("TINKER_BASE_URL", ""),
];
pub(crate) const KEYS: [&str; 5] = [
    "OPENAI_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "OPENROUTER_API_KEY",
    "TINKER_API_KEY",
];

/// A bench, and a server that stands for every service.
pub(crate) struct Served {
    pub(crate) bench: Bench,
    pub(crate) server: Server,
}

impl Served {
    pub(crate) fn new(script: Script) -> Self {
        Self { bench: Bench::new(), server: Server::start(script).unwrap() }
    }

    /// The program in an environment that holds nothing but keys and the server's address.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entail"));
        command.current_dir(self.bench.path()).stdin(Stdio::null()).args(args).env_clear();
        for (variable, path) in ADDRESSES {
            command.env(variable, format!("{}{path}", self.server.url()));
        }
        command.envs(KEYS.map(|variable| (variable, KEY)));
        command
    }

    pub(crate) fn entail(&self, args: &[&str]) -> Done {
        finish(&mut self.command(args))
    }

    /// `entail run` on the first prompts of `study.toml`, ready to start.
    pub(crate) fn run_command(&self, more: &[&str]) -> Command {
        self.command(&[&["run", "study.toml", "--store", "store", "--limit", "1"], more].concat())
    }

    pub(crate) fn run(&self, more: &[&str]) -> Done {
        finish(&mut self.run_command(more))
    }

    /// A model of the server, as one of vLLM's.
    pub(crate) fn vllm(&self, model: &str) -> String {
        format!("vllm:{}#{model}", self.server.url())
    }

    /// Calls that were read, of every kind.
    pub(crate) fn calls(&self) -> u64 {
        self.server.counts().calls
    }

    /// Tokens that answers took, those that never arrived among them.
    pub(crate) fn tokens(&self) -> u64 {
        let counts = self.server.counts();
        counts.prompt_tokens + counts.completion_tokens
    }

    /// What the server lists below an address, such as its files.
    pub(crate) fn listed(&self, path: &str) -> Vec<Value> {
        let key = Secret::new(KEY).unwrap();
        let request = HttpRequest {
            verb: Verb::Get,
            url: format!("{}/v1/{path}?limit=100", self.server.url()),
            headers: vec![("authorization".into(), HeaderValue::Secret("Bearer ", key))],
            body: Vec::new(),
            timeout: Duration::from_secs(10),
        };
        let response = Connections::new(1, 1 << 20).send(&request).unwrap();
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        body["data"].as_array().unwrap().clone()
    }

    /// The tables of the last run.
    pub(crate) fn tables(&self) -> Value {
        serde_json::from_str(&self.bench.result("tables.json")).unwrap()
    }

    /// The estimate of one contrast.
    pub(crate) fn estimate(&self, arm: &str, control: &str, stance: &str) -> Option<f64> {
        let tables = self.tables();
        let rows = tables["contrasts"].as_array().unwrap();
        let fits = |r: &&Value| r["arm"] == arm && r["control"] == control && r["stance"] == stance;
        rows.iter().find(fits).expect("the contrast is planned")["estimate"].as_f64()
    }
}

/// A well-behaved service whose models answer with a stance's own sentences: held by models whose name says
/// `conscious`, denied by others. What is no question of a battery is answered with four.
pub(crate) fn speaker() -> Script {
    let mut sentences = BTreeMap::new();
    for stance in batteries(&WorldText::embedded()).into_iter().flat_map(|b| b.stances) {
        let said = (stance.wordings.held[0].clone(), stance.wordings.denied[0].clone());
        sentences.extend(stance.prompts.into_iter().map(|prompt| (prompt, said.clone())));
    }
    let answers = Answers::new(move |question| {
        let Some((held, denied)) = sentences.get(question.last_user()) else {
            return Answer::Says("It is four.".into());
        };
        let holds = question.model.contains("conscious");
        Answer::Says(if holds { held.clone() } else { denied.clone() })
    });
    Script { answers, key: Some(KEY.into()), ..Script::default() }
}
