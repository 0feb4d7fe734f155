//! What a log says before its conversations.

use std::collections::BTreeMap;

use entail_provider::{Sampling, Usage};
use entail_schema::Key;
use serde_json::{Map, Value, json};

use super::Moment;
use super::sample::usage;
use crate::transcript::Transcript;

/// Of the log format.
pub(super) const VERSION: u64 = 2;

/// One log: the answers of one arm's one replicate.
#[derive(Debug, Clone, PartialEq)]
pub struct Log<'a> {
    /// Tells this log from every other: the viewer shows two logs of one id as one.
    pub id: Key,
    /// The run of the study that it belongs to.
    pub run: Key,
    /// What was asked, as the viewer lists it. Inspect calls it a task.
    pub task: &'a str,
    /// The model that was asked.
    pub model: &'a str,
    /// The arm.
    pub arm: &'a str,
    /// The replicate, from 0.
    pub replicate: usize,
    /// When it was begun.
    pub created: Moment,
    /// How far it came.
    pub status: Status,
    /// How answers were drawn.
    pub drawn: Drawn,
    /// Everything else that is worth noting.
    pub metadata: Map<String, Value>,
    /// The conversations that were had.
    pub samples: &'a [Transcript],
}

/// How the answers of a log were to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Settings of the model.
    pub sampling: Sampling,
    /// Different questions of the plan, answered or not.
    pub questions: usize,
    /// Draws of each.
    pub epochs: usize,
}

/// How far a run came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is running, or was cut off without a word.
    Started,
    /// All was done.
    Success,
    /// Somebody stopped it.
    Cancelled,
    /// It failed, and this is why.
    Error(String),
}

impl Status {
    /// Inspect's word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Success => "success",
            Self::Cancelled => "cancelled",
            Self::Error(_) => "error",
        }
    }
}

impl Log<'_> {
    /// The file's name, without an ending: the viewer reads task and id from it without opening the file. Characters
    /// that part its pieces, or that mean something to a shell, become dashes.
    pub fn file_stem(&self) -> String {
        let odd = |c: char| !(c.is_alphanumeric() || c == '.' || c == '-');
        let plain = |part: &str| part.replace(odd, "-");
        let created = plain(&self.created.to_string());
        format!("{created}_{}_{}", plain(self.task), self.id.short())
    }

    /// `_journal/start.json`.
    pub(super) fn start(&self) -> Value {
        json!({ "version": VERSION, "eval": self.eval(), "plan": self.plan() })
    }

    /// `header.json`, and the beginning of a `.json` log: readers that want no conversations stop where these begin.
    pub(super) fn header(&self) -> Map<String, Value> {
        let Value::Object(mut header) = json!({
            "version": VERSION,
            "status": self.status.as_str(),
            "eval": self.eval(),
            "plan": self.plan(),
            "results": self.results(),
            "stats": self.stats(),
        }) else {
            unreachable!("an object was written above")
        };
        if let Status::Error(message) = &self.status {
            header.insert("error".into(), error(message));
        }
        header.insert("invalidated".into(), false.into());
        header.insert("tags".into(), json!([]));
        header.insert("metadata".into(), json!({}));
        header
    }

    fn eval(&self) -> Value {
        let mut metadata = Map::new();
        metadata.insert("arm".into(), self.arm.into());
        metadata.insert("replicate".into(), self.replicate.into());
        metadata.extend(self.metadata.clone());
        let scorer =
            |name: &str| json!({ "name": name, "options": {}, "metrics": [], "metadata": {} });
        let scorers: Vec<Value> = self.judges().into_iter().map(scorer).collect();
        json!({
            "eval_id": self.id.short(),
            "run_id": self.run.short(),
            "created": self.created.to_string(),
            "task": self.task,
            "task_id": self.id.short(),
            "task_version": 0,
            "task_display_name": self.task,
            "task_attribs": {},
            "task_args": {},
            "task_args_passed": {},
            "tags": [self.arm],
            "dataset": { "name": self.task, "samples": self.drawn.questions, "shuffled": false },
            "model": self.model,
            "model_generate_config": self.generate_config(),
            "model_args": {},
            "config": { "epochs": self.drawn.epochs },
            "packages": { "entail": env!("CARGO_PKG_VERSION") },
            "metadata": metadata,
            "scorers": scorers,
        })
    }

    fn generate_config(&self) -> Value {
        let sampling = &self.drawn.sampling;
        let mut config = json!({
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
        });
        if let Some(top) = sampling.logprobs {
            config["logprobs"] = true.into();
            config["top_logprobs"] = top.into();
        }
        config
    }

    fn plan(&self) -> Value {
        json!({
            "name": "plan",
            "steps": [{ "solver": "generate", "params": {}, "params_passed": {} }],
            "config": self.generate_config(),
        })
    }

    fn stats(&self) -> Value {
        let used = Usage::sum(
            self.samples.iter().filter_map(|s| Some(&s.last_answer()?.1.completion.usage)),
        );
        let mut by_model = Map::new();
        if let Some(used) = usage(&used) {
            by_model.insert(self.model.to_owned(), used);
        }
        json!({
            "started_at": self.created.to_string(),
            "completed_at": "",
            "model_usage": by_model,
            "role_usage": {},
            "connection_limit_history": [],
        })
    }

    fn results(&self) -> Value {
        let completed = self.samples.iter().filter(|s| s.error.is_none()).count();
        let scores: Vec<Value> =
            self.judges().into_iter().map(|judge| self.result(judge)).collect();
        json!({
            "total_samples": self.drawn.questions * self.drawn.epochs,
            "completed_samples": completed,
            "logged_samples": self.samples.len(),
            "scores": scores,
        })
    }

    /// One judge's verdicts in numbers: shares of words and flags, means of numbers. Intervals need the study's design
    /// and are not here.
    fn result(&self, judge: &str) -> Value {
        let values: Vec<Option<&Value>> = self
            .samples
            .iter()
            .flat_map(|sample| &sample.scores)
            .filter(|score| score.judge == judge)
            .map(|score| score.value.as_ref())
            .collect();
        let scored: Vec<&Value> = values.iter().copied().flatten().collect();
        let metrics: Map<String, Value> = metrics(&scored)
            .into_iter()
            .map(|(name, value)| {
                let metric = json!({ "name": name, "value": value, "params": {} });
                (name, metric)
            })
            .collect();
        json!({
            "name": judge,
            "scorer": judge,
            "scored_samples": scored.len(),
            "unscored_samples": values.len() - scored.len(),
            "params": {},
            "metrics": metrics,
        })
    }

    /// Names of judges, in the order in which they first appear.
    fn judges(&self) -> Vec<&str> {
        let mut judges: Vec<&str> = Vec::new();
        for score in self.samples.iter().flat_map(|sample| &sample.scores) {
            if !judges.contains(&score.judge.as_str()) {
                judges.push(&score.judge);
            }
        }
        judges
    }
}

/// The mean of numbers under `mean`, the share of each word or flag among all values under its name.
fn metrics(values: &[&Value]) -> BTreeMap<String, f64> {
    let numbers: Vec<f64> = values.iter().filter_map(|value| value.as_f64()).collect();
    let mut metrics = BTreeMap::new();
    for value in values {
        let word = match value {
            Value::String(word) => word.clone(),
            Value::Bool(flag) => flag.to_string(),
            _ => continue,
        };
        *metrics.entry(word).or_insert(0.0) += 1.0 / values.len() as f64;
    }
    if !numbers.is_empty() {
        metrics.insert("mean".into(), numbers.iter().sum::<f64>() / numbers.len() as f64);
    }
    metrics
}

/// An error as Inspect keeps it. We have no traceback.
pub(super) fn error(message: &str) -> Value {
    json!({ "message": message, "traceback": "", "traceback_ansi": "" })
}
