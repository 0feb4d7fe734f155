//! One conversation in a log.

use entail_provider::{Finish, TokenLogprob, Usage};
use entail_schema::Key;
use serde_json::{Map, Value, json};

use super::header::error;
use super::message::{assistant, message};
use crate::transcript::{Score, Transcript, Turn};

/// What stands for "too improbable to say" where a number must be, in `OpenAI`'s interface and so in Inspect.
const VERY_SMALL: f64 = -9999.0;

/// Summaries hold no more characters of a text than this, as those of Inspect.
const SUMMARY_CHARACTERS: usize = 5120;

/// Nor more of a piece of metadata or an explanation.
const SUMMARY_METADATA: usize = 1024;

/// Where in a study an answer was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<'a> {
    /// The arm.
    pub arm: &'a str,
    /// The base that the arm is about.
    pub base: &'a str,
    /// The battery.
    pub battery: &'a str,
    /// Id of the stance.
    pub stance: &'a str,
    /// The prompt, from 0.
    pub prompt: usize,
    /// The replicate, from 0.
    pub replicate: usize,
    /// The sample, from 0.
    pub sample: usize,
}

impl Cell<'_> {
    /// A conversation in this place: samples of one prompt are what Inspect calls epochs of one sample.
    pub fn transcript(&self, turns: Vec<Turn>) -> Transcript {
        let Value::Object(metadata) = json!({
            "arm": self.arm,
            "base": self.base,
            "battery": self.battery,
            "stance": self.stance,
            "prompt": self.prompt,
            "replicate": self.replicate,
            "sample": self.sample,
        }) else {
            unreachable!("an object was written above")
        };
        Transcript {
            id: format!("{}.{}", self.stance, self.prompt),
            epoch: self.sample as u64 + 1,
            turns,
            metadata,
            ..Transcript::default()
        }
    }
}

/// `samples/<id>_epoch_<n>.json`.
pub(super) fn sample(transcript: &Transcript, log: &Key, model: &str) -> Value {
    let messages: Vec<Value> = transcript.turns.iter().map(|turn| message(turn, model)).collect();
    let mut sample = json!({
        "id": transcript.id,
        "epoch": transcript.epoch,
        "input": input(transcript, model),
        "target": target(transcript),
        "messages": messages,
        "output": output(transcript, model),
        "scores": scores(&transcript.scores),
        "metadata": transcript.metadata,
        "store": {},
        "events": [],
        "model_usage": {},
        "role_usage": {},
        "uuid": uuid(transcript, log),
        "error_retries": [],
        "attachments": {},
    });
    if let Some(used) = answer_usage(transcript) {
        sample["model_usage"][model] = used;
    }
    if let Some(seconds) = transcript.seconds {
        sample["total_time"] = seconds.into();
    }
    if let Some(message) = &transcript.error {
        sample["error"] = error(message);
    }
    sample
}

/// One entry of `summaries.json`, from which the viewer makes its list.
pub(super) fn summary(transcript: &Transcript, log: &Key, model: &str) -> Value {
    let mut input = input(transcript, model);
    shorten(&mut input, SUMMARY_CHARACTERS);
    let mut target = target(transcript);
    shorten(&mut target, SUMMARY_CHARACTERS);
    let mut scores = scores(&transcript.scores);
    for score in scores.as_object_mut().into_iter().flat_map(Map::values_mut) {
        shorten(&mut score["explanation"], SUMMARY_METADATA);
        shorten(&mut score["answer"], SUMMARY_METADATA);
        thin(&mut score["metadata"]);
    }
    let mut metadata = Value::Object(transcript.metadata.clone());
    thin(&mut metadata);
    let answers = transcript.answers().count();
    let mut summary = json!({
        "id": transcript.id,
        "epoch": transcript.epoch,
        "input": input,
        "target": target,
        "metadata": metadata,
        "scores": scores,
        "model_usage": {},
        "role_usage": {},
        "uuid": uuid(transcript, log),
        "retries": 0,
        "completed": true,
        "message_count": transcript.turns.len(),
        "turn_count": answers,
    });
    if let Some(used) = answer_usage(transcript) {
        summary["model_usage"][model] = used;
    }
    if let Some(seconds) = transcript.seconds {
        summary["total_time"] = seconds.into();
    }
    if let Some(message) = &transcript.error {
        summary["error"] = message.as_str().into();
    }
    summary
}

/// Stays the same when a log is written again.
fn uuid(transcript: &Transcript, log: &Key) -> String {
    Key::of(&("inspect sample", log, &transcript.id, transcript.epoch)).short()
}

/// What was asked, without the last answer.
fn input(transcript: &Transcript, model: &str) -> Value {
    let asked = match transcript.turns.as_slice() {
        [asked @ .., Turn::Assistant(_)] => asked,
        all => all,
    };
    match asked {
        [Turn::User(question)] => question.as_str().into(),
        turns => turns.iter().map(|turn| message(turn, model)).collect(),
    }
}

fn target(transcript: &Transcript) -> Value {
    match transcript.target.as_slice() {
        [] => "".into(),
        [target] => target.as_str().into(),
        targets => json!(targets),
    }
}

/// A conversation that does not end with the model has no output.
fn output(transcript: &Transcript, model: &str) -> Value {
    let Some(Turn::Assistant(answer)) = transcript.turns.last() else {
        return json!({ "model": model, "choices": [], "completion": "" });
    };
    let completion = &answer.completion;
    let (stop_reason, error) = match completion.finish {
        Finish::Stop => ("stop", None),
        Finish::Length => ("max_tokens", None),
        Finish::Refusal | Finish::Filter => ("content_filter", None),
        Finish::Tool => ("tool_calls", None),
        Finish::Error => ("unknown", Some("the provider says that this answer went wrong")),
    };
    let mut choice = json!({ "message": assistant(answer, model), "stop_reason": stop_reason });
    if let Some(tokens) = &completion.tokens {
        let content: Vec<Value> = tokens.iter().map(token).collect();
        choice["logprobs"] = json!({ "content": content });
    }
    let mut output = json!({
        "model": completion.served_by.as_deref().unwrap_or(model),
        "choices": [choice],
        "completion": completion.text,
    });
    if let Some(used) = usage(&completion.usage) {
        output["usage"] = used;
    }
    if let Some(error) = error {
        output["error"] = error.into();
    }
    if let (None, Some(logprob)) = (&completion.tokens, completion.logprob) {
        output["metadata"] = json!({ "logprob": logprob });
    }
    output
}

fn token(token: &TokenLogprob) -> Value {
    let one = |text: &str, logprob: Option<f64>| json!({ "token": text, "logprob": logprob.unwrap_or(VERY_SMALL), "bytes": text.as_bytes() });
    let mut written = one(&token.token, token.logprob);
    let top = |(text, logprob): &(String, f64)| one(text, Some(*logprob));
    written["top_logprobs"] = token.top.iter().map(top).collect();
    written
}

/// A log-probability as read, if it is one.
pub(super) fn logprob(value: f64) -> Option<f64> {
    (value > VERY_SMALL).then_some(value)
}

fn answer_usage(transcript: &Transcript) -> Option<Value> {
    usage(&transcript.last_answer()?.1.completion.usage)
}

/// Inspect counts in numbers that are always there, so a count that is not known becomes zero if another one is.
pub(super) fn usage(used: &Usage) -> Option<Value> {
    if *used == Usage::default() {
        return None;
    }
    let (prompt, drawn) = (used.prompt.unwrap_or(0), used.drawn.unwrap_or(0));
    let mut usage = json!({
        "input_tokens": prompt,
        "output_tokens": drawn,
        "total_tokens": prompt + drawn,
    });
    if let Some(reasoning) = used.reasoning {
        usage["reasoning_tokens"] = reasoning.into();
    }
    if let Some(cost) = used.cost {
        usage["total_cost"] = cost.into();
    }
    Some(usage)
}

/// A verdict that a judge could not give is not among the scores: Inspect's stand-in is a number that JSON lacks. The
/// header counts it as unscored.
fn scores(scores: &[Score]) -> Value {
    let score = |score: &Score| {
        let value = score.value.clone()?;
        let written = json!({
            "value": value,
            "answer": score.answer,
            "explanation": score.explanation,
            "metadata": score.metadata,
            "history": [],
        });
        Some((score.judge.clone(), written))
    };
    Value::Object(scores.iter().filter_map(score).collect())
}

/// Cuts every text to a number of characters.
fn shorten(value: &mut Value, characters: usize) {
    match value {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(characters) {
                text.truncate(end);
                text.push_str("...");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, characters)),
        Value::Object(object) => object.values_mut().for_each(|value| shorten(value, characters)),
        _ => {}
    }
}

/// Metadata of a summary: texts are cut, anything else that is large is left out.
fn thin(metadata: &mut Value) {
    let Some(metadata) = metadata.as_object_mut() else { return };
    for value in metadata.values_mut() {
        match value {
            Value::String(_) => shorten(value, SUMMARY_METADATA),
            other if other.to_string().len() > SUMMARY_METADATA => {
                *other = "Key removed from summary (> 1k)".into();
            }
            _ => {}
        }
    }
}
