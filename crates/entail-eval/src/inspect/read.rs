//! Reading logs, conversation by conversation.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use entail_provider::{Finish, TokenLogprob, Usage};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Status;
use super::archive::Archive;
use super::header::VERSION;
use super::message::{Attachments, turn};
use super::sample::logprob;
use crate::foreign::{
    Fault, ForeignError, Limits, Place, as_object, list, object, shape, text, without_bare_words,
};
use crate::transcript::{Answer, Score, Transcript, Turn};

/// First bytes of a ZIP.
const ARCHIVE: [u8; 4] = *b"PK\x03\x04";

/// What a log says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// How far it came.
    pub status: Status,
    /// What was asked.
    pub task: String,
    /// The model that was asked.
    pub model: String,
    /// When it was begun, as written.
    pub created: Option<String>,
    /// Different questions of the plan.
    pub questions: Option<usize>,
    /// Draws of each.
    pub epochs: Option<usize>,
    /// What its asker noted.
    pub metadata: Map<String, Value>,
}

/// An open log: its header, and its conversations as an iterator. Of an `.eval` log one conversation is in memory at a
/// time.
#[derive(Debug)]
pub struct Reader<R> {
    file: String,
    limits: Limits,
    header: Header,
    number: usize,
    source: Source<R>,
}

#[derive(Debug)]
enum Source<R> {
    Archive { archive: Archive<R>, names: std::vec::IntoIter<String> },
    Parsed(std::vec::IntoIter<WireSample>),
}

#[derive(Debug, Deserialize)]
struct WireLog {
    version: Option<u64>,
    status: Option<String>,
    eval: WireEval,
    error: Option<WireError>,
    samples: Option<Vec<WireSample>>,
}

#[derive(Debug, Deserialize)]
struct WireEval {
    task: String,
    model: String,
    created: Option<String>,
    metadata: Option<Map<String, Value>>,
    dataset: Option<WireDataset>,
    config: Option<WireConfig>,
}

#[derive(Debug, Deserialize)]
struct WireDataset {
    samples: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct WireConfig {
    epochs: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct WireError {
    message: String,
}

#[derive(Debug, Deserialize)]
struct WireSample {
    id: Value,
    epoch: Option<u64>,
    input: Option<Value>,
    target: Option<Value>,
    messages: Option<Vec<Value>>,
    output: Option<Map<String, Value>>,
    scores: Option<Map<String, Value>>,
    metadata: Option<Map<String, Value>>,
    error: Option<WireError>,
    attachments: Option<BTreeMap<String, String>>,
    total_time: Option<f64>,
}

impl<R: Read + Seek> Reader<R> {
    /// Opens a log of either form; the first bytes tell which. `file` is its name, for messages.
    ///
    /// # Errors
    /// What is no log of format 1 or 2, or is larger than allowed.
    pub fn open(file: &str, mut source: R, limits: Limits) -> Result<Self, ForeignError> {
        let whole = |fault| ForeignError { file: file.to_owned(), place: Place::Whole, fault };
        let mut first = Vec::new();
        source.by_ref().take(4).read_to_end(&mut first).map_err(|e| whole(e.into()))?;
        source.seek(SeekFrom::Start(0)).map_err(|e| whole(e.into()))?;
        let (header, source) = if first == ARCHIVE {
            open_archive(file, source, limits)?
        } else {
            open_json(source, limits).map_err(whole)?
        };
        Ok(Self { file: file.to_owned(), limits, header, number: 0, source })
    }
}

impl<R> Reader<R> {
    /// What the log says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn finish(&self, wire: WireSample) -> Result<Transcript, ForeignError> {
        let id = id(&wire.id).ok();
        transcript(wire, &self.header.model, self.limits).map_err(|fault| ForeignError {
            file: self.file.clone(),
            place: Place::Sample(self.number, id),
            fault,
        })
    }
}

impl<R: Read + Seek> Iterator for Reader<R> {
    type Item = Result<Transcript, ForeignError>;

    fn next(&mut self) -> Option<Self::Item> {
        let wire = match &mut self.source {
            Source::Parsed(samples) => Ok(samples.next()?),
            Source::Archive { archive, names } => {
                let name = names.next()?;
                member(archive, &name)
                    .and_then(|wire| {
                        wire.ok_or(Fault::Missing("member that can be found by this name"))
                    })
                    .map_err(|fault| ForeignError {
                        file: self.file.clone(),
                        place: Place::Member(name),
                        fault,
                    })
            }
        };
        self.number += 1;
        Some(wire.and_then(|wire| self.finish(wire)))
    }
}

/// A member of an archive as what it should hold; `None` if it is not there.
fn member<T: for<'de> Deserialize<'de>, R: Read + Seek>(
    archive: &mut Archive<R>,
    name: &str,
) -> Result<Option<T>, Fault> {
    let Some(content) = archive.read(name)? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&without_bare_words(content))?))
}

fn open_archive<R: Read + Seek>(
    file: &str,
    source: R,
    limits: Limits,
) -> Result<(Header, Source<R>), ForeignError> {
    let fail = |place, fault| ForeignError { file: file.to_owned(), place, fault };
    let mut archive = Archive::open(source, limits).map_err(|e| fail(Place::Whole, e))?;
    // A log without a header is still being written, or was cut off; how it began is in its journal.
    let mut found: Option<WireLog> = None;
    for name in ["header.json", "_journal/start.json"] {
        if found.is_none() {
            found = member(&mut archive, name)
                .map_err(|fault| fail(Place::Member(name.into()), fault))?;
        }
    }
    let log = found.ok_or_else(|| fail(Place::Whole, Fault::Missing("header and no journal")))?;
    let mut names = archive.names().map_err(|fault| fail(Place::Whole, fault))?;
    names.retain(|name| is_sample(name));
    if let Some(name) = names.iter().find(|name| name.ends_with("/sample.json")) {
        let found = "a sample in chunks".to_owned();
        let fault = Fault::Unsupported { found, expected: "samples in one piece" };
        return Err(fail(Place::Member(name.clone()), fault));
    }
    if names.len() as u64 > limits.samples {
        return Err(fail(Place::Whole, too_many(limits)));
    }
    let header = header(&log).map_err(|fault| fail(Place::Whole, fault))?;
    Ok((header, Source::Archive { archive, names: names.into_iter() }))
}

fn is_sample(name: &str) -> bool {
    name.strip_prefix("samples/").and_then(|name| name.strip_suffix(".json")).is_some()
}

fn open_json<R: Read>(source: R, limits: Limits) -> Result<(Header, Source<R>), Fault> {
    let content = without_bare_words(limits.read(source)?);
    let mut log: WireLog = serde_json::from_slice(&content)?;
    let samples = log.samples.take().unwrap_or_default();
    if samples.len() as u64 > limits.samples {
        return Err(too_many(limits));
    }
    Ok((header(&log)?, Source::Parsed(samples.into_iter())))
}

fn too_many(limits: Limits) -> Fault {
    Fault::TooLarge { limit: limits.samples, unit: "samples" }
}

fn header(log: &WireLog) -> Result<Header, Fault> {
    match log.version {
        Some(1 | VERSION) => {}
        Some(version) => {
            let found = format!("version {version} of the log format");
            return Err(Fault::Unsupported { found, expected: "versions 1 and 2" });
        }
        None => return Err(Fault::Missing("`version`")),
    }
    let status = match log.status.as_deref() {
        None | Some("started") => Status::Started,
        Some("success") => Status::Success,
        Some("cancelled") => Status::Cancelled,
        Some("error") => {
            Status::Error(log.error.as_ref().map_or_else(String::new, |e| e.message.clone()))
        }
        Some(other) => {
            let expected = "started, success, cancelled or error";
            return Err(shape("status", &other.into(), expected));
        }
    };
    Ok(Header {
        status,
        task: log.eval.task.clone(),
        model: log.eval.model.clone(),
        created: log.eval.created.clone(),
        questions: log.eval.dataset.as_ref().and_then(|dataset| dataset.samples),
        epochs: log.eval.config.as_ref().and_then(|config| config.epochs),
        metadata: log.eval.metadata.clone().unwrap_or_default(),
    })
}

fn id(value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(id) => Ok(id.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(shape("id", other, "text or a number")),
    }
}

fn transcript(wire: WireSample, model: &str, limits: Limits) -> Result<Transcript, Fault> {
    let attachments = Attachments::new(wire.attachments.unwrap_or_default(), limits);
    let messages = wire.messages.unwrap_or_default();
    let mut turns: Vec<Turn> =
        messages.iter().map(|message| turn(message, &attachments)).collect::<Result<_, _>>()?;
    if turns.is_empty() {
        turns = asked(wire.input.as_ref(), &attachments)?;
    }
    if let Some(answer) = answer(wire.output.as_ref(), &attachments)? {
        // The messages end with the output unless a solver wrote another one into its place: what was scored counts.
        if matches!(turns.last(), Some(Turn::Assistant(_))) {
            turns.pop();
        }
        turns.push(Turn::Assistant(answer));
    }
    let scores = wire.scores.unwrap_or_default();
    Ok(Transcript {
        id: id(&wire.id)?,
        epoch: wire.epoch.unwrap_or(1),
        model: Some(model.to_owned()),
        turns,
        target: target(wire.target.as_ref())?,
        scores: scores.iter().map(|(judge, it)| score(judge, it)).collect::<Result<_, _>>()?,
        error: wire.error.map(|error| error.message),
        metadata: wire.metadata.unwrap_or_default(),
        seconds: wire.total_time,
    })
}

/// A log may hold the question alone.
fn asked(input: Option<&Value>, attachments: &Attachments) -> Result<Vec<Turn>, Fault> {
    match input {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(question)) => {
            let message = serde_json::json!({ "role": "user", "content": question });
            Ok(vec![turn(&message, attachments)?])
        }
        Some(Value::Array(messages)) => messages.iter().map(|m| turn(m, attachments)).collect(),
        Some(other) => Err(shape("input", other, "text or messages")),
    }
}

fn target(target: Option<&Value>) -> Result<Vec<String>, Fault> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(shape("target", other, "text")),
    };
    match target {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::Array(targets)) => targets.iter().map(one).collect(),
        Some(other) => Ok(vec![one(other)?]),
    }
}

fn score(judge: &str, score: &Value) -> Result<Score, Fault> {
    let score = as_object("scores", score)?;
    Ok(Score {
        judge: judge.to_owned(),
        value: score.get("value").filter(|value| !value.is_null()).cloned(),
        answer: text(score, "answer")?.map(str::to_owned),
        explanation: text(score, "explanation")?.map(str::to_owned),
        metadata: object(score, "metadata")?.cloned().unwrap_or_default(),
    })
}

/// The answer that was scored, with all that is known of it. Of several choices it is the first.
fn answer(
    output: Option<&Map<String, Value>>,
    attachments: &Attachments,
) -> Result<Option<Answer>, Fault> {
    let Some(output) = output else { return Ok(None) };
    let Some(choice) = list(output, "choices")?.first() else { return Ok(None) };
    let choice = as_object("choices", choice)?;
    let said = choice.get("message").ok_or(Fault::Missing("`message` in a choice"))?;
    let Turn::Assistant(mut answer) = turn(said, attachments)? else {
        return Err(shape("role", &said["role"], "assistant"));
    };
    let completion = &mut answer.completion;
    completion.finish = finish(choice, output, completion.finish)?;
    if let Some(used) = object(output, "usage")? {
        let count = |field: &str| used.get(field).and_then(Value::as_u64);
        completion.usage = Usage {
            prompt: count("input_tokens"),
            drawn: count("output_tokens"),
            reasoning: count("reasoning_tokens"),
            cost: used.get("total_cost").and_then(Value::as_f64),
        };
    }
    if let Some(logprobs) = object(choice, "logprobs")? {
        let tokens: Vec<TokenLogprob> =
            list(logprobs, "content")?.iter().map(token).collect::<Result<_, _>>()?;
        completion.logprob = tokens.iter().map(|token| token.logprob).sum();
        completion.tokens = Some(tokens);
    } else if let Some(metadata) = object(output, "metadata")? {
        completion.logprob = metadata.get("logprob").and_then(Value::as_f64);
    }
    if let Some(model) = text(output, "model")?.filter(|model| !model.is_empty()) {
        completion.served_by = Some(model.to_owned());
    }
    Ok(Some(answer))
}

/// Why the answer ended; `told` is what its message tells.
fn finish(
    choice: &Map<String, Value>,
    output: &Map<String, Value>,
    told: Finish,
) -> Result<Finish, Fault> {
    if text(output, "error")?.is_some() {
        return Ok(Finish::Error);
    }
    Ok(match text(choice, "stop_reason")? {
        Some("max_tokens" | "model_length") => Finish::Length,
        Some("content_filter") if told != Finish::Refusal => Finish::Filter,
        Some("tool_calls") => Finish::Tool,
        _ => told,
    })
}

fn token(value: &Value) -> Result<TokenLogprob, Fault> {
    fn one(value: &Value) -> Result<(&str, Option<f64>), Fault> {
        let object = as_object("logprobs", value)?;
        let token = text(object, "token")?.ok_or(Fault::Missing("`token` in a log-probability"))?;
        Ok((token, object.get("logprob").and_then(Value::as_f64).and_then(logprob)))
    }
    let (token, logprob) = one(value)?;
    let mut top = Vec::new();
    for other in list(as_object("logprobs", value)?, "top_logprobs")? {
        // The list has the drawn token too.
        if let (other, Some(logprob)) = one(other)?
            && other != token
        {
            top.push((other.to_owned(), logprob));
        }
    }
    Ok(TokenLogprob { token: token.to_owned(), logprob, top })
}

#[cfg(test)]
mod tests;
