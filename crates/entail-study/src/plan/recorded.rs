//! Answers that were collected elsewhere, as replicates of an arm.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use entail_eval::inspect::Header;
use entail_eval::{
    Conversations, ForeignError, LatteriesCache, LatteriesConfig, Limit, Limits, Transcript, Turn,
    read_dump,
};
use entail_provider::{Completion, Finish};
use entail_schema::{Battery, Key, Message, OneOrMany, Role};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Checker;
use crate::error::{StudyError, StudyProblem};

/// The answers of one model, by the question they answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    /// The model's name in the files, or the file's.
    pub(crate) label: String,
    pub(crate) answers: BTreeMap<String, Vec<Completion>>,
}

impl Recorded {
    fn new(label: String) -> Self {
        Self { label, answers: BTreeMap::new() }
    }

    pub(crate) fn key(&self) -> Key {
        Key::of(&("recorded", &self.label, &self.answers))
    }

    /// Answers to a question, in the order of the files.
    pub(crate) fn to(&self, question: &str) -> &[Completion] {
        self.answers.get(question.trim()).map_or(&[], Vec::as_slice)
    }
}

/// A line of a file of answers. Several spellings are taken, since several tools write such files.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(alias = "question")]
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    #[serde(alias = "response", alias = "completion", alias = "text")]
    answer: String,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    finish: Option<Finish>,
    #[serde(default, alias = "model", alias = "seed")]
    replicate: Option<Value>,
}

impl Line {
    /// What was asked last.
    fn question(&self) -> Option<&str> {
        let last = self.messages.iter().flatten().rfind(|m| m.role == Role::User);
        self.prompt.as_deref().or(last.map(|m| m.content.as_str())).map(str::trim)
    }
}

impl Checker<'_> {
    /// The answers of an arm that brings some: a replicate for each model that they name, or for each file.
    pub(super) fn recorded(
        &self,
        arm: &str,
        files: &OneOrMany<String>,
        batteries: &[Battery],
    ) -> Result<Collected, StudyError> {
        let line = self.line(&["arm", arm, "responses"]);
        let wrong =
            |path: &str, what: String| StudyProblem::Files { path: path.into(), what }.at(line);
        let mut paths = BTreeSet::new();
        for pattern in files.values() {
            let found = self.around.matching(pattern).map_err(|e| wrong(pattern, e.to_string()))?;
            if found.is_empty() {
                return Err(wrong(pattern, "no such file".into()));
            }
            paths.extend(found);
        }
        let mut by_label: BTreeMap<String, Recorded> = BTreeMap::new();
        let (mut read, mut passed_over) = (0, PassedOver::default());
        let asked: BTreeSet<&str> = prompts(batteries).collect();
        for path in &paths {
            for found in self.answers_of_file(path, &asked)? {
                let Read { label, question, completion } = match found {
                    Found::Answer(read) if asked.contains(read.question.as_str()) => *read,
                    other => {
                        passed_over.count(&other);
                        continue;
                    }
                };
                read += 1;
                let recorded =
                    by_label.entry(label).or_insert_with_key(|label| Recorded::new(label.clone()));
                recorded.answers.entry(question).or_default().push(completion);
            }
        }
        if read == 0 {
            let first = prompts(batteries).next().unwrap_or_default();
            let what = format!(
                "found {passed_over}; expected answers to the study's batteries, to questions such as {first:?}"
            );
            return Err(wrong(&paths.into_iter().next().unwrap_or_default(), what));
        }
        Ok(Collected { answers: by_label.into_values().map(Arc::new).collect(), passed_over })
    }

    fn answers_of_file(
        &self,
        path: &str,
        asked: &BTreeSet<&str>,
    ) -> Result<Vec<Found>, StudyError> {
        let wrong = |what: String| StudyProblem::Files { path: path.into(), what }.at(None);
        let foreign = |error: ForeignError| wrong(format!("{}{}", error.place, error.fault));
        let content = self.around.read_bytes(path).map_err(|error| wrong(error.to_string()))?;
        match Conversations::open(path, content, Limits::default()).map_err(foreign)? {
            Conversations::Inspect(log) => {
                let label = label_of_log(log.header());
                let found = log.map(|read| read.map(|t| Found::of(t, |_| label.clone())));
                found.collect::<Result<_, _>>().map_err(foreign)
            }
            Conversations::Petri(transcript) => {
                let label = |t: &Transcript| t.model.clone().unwrap_or_else(|| path.to_owned());
                Ok(vec![Found::of(*transcript, label)])
            }
            Conversations::Lines(content) => {
                let text = String::from_utf8(content)
                    .map_err(|error| wrong(format!("is no text: {}", error.utf8_error())))?;
                self.answers_in_lines(path, &text, asked)
            }
        }
    }

    fn answers_in_lines(
        &self,
        path: &str,
        text: &str,
        asked: &BTreeSet<&str>,
    ) -> Result<Vec<Found>, StudyError> {
        let problem = |line: usize, what: String| {
            StudyProblem::Rows { path: path.into(), line, what }.at(None)
        };
        if LatteriesCache::is_one(text) {
            let cache = LatteriesCache::parse(text).map_err(|e| problem(e.line, e.what))?;
            return Ok(self.in_cache(path, &cache, asked));
        }
        if is_dump(text) {
            let label = |t: &Transcript| label(replicate_of(&t.metadata), path);
            return read_dump(path, text.as_bytes(), Limits::default())
                .map(|read| read.map(|transcript| Found::of(transcript, label)))
                .collect::<Result<_, _>>()
                .map_err(|error| {
                    let what = format!("{}{}", error.place, error.fault);
                    StudyProblem::Files { path: path.into(), what }.at(None)
                });
        }
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(index, text)| {
                let line: Line =
                    serde_json::from_str(text).map_err(|e| problem(index + 1, e.to_string()))?;
                let Some(question) = line.question().map(str::to_owned) else {
                    let what = "found neither `prompt` nor a turn of the user in `messages`";
                    return Err(problem(index + 1, what.into()));
                };
                let label = label(line.replicate.as_ref(), path);
                let finish = line.finish.unwrap_or(Finish::Stop);
                let completion = Completion {
                    reasoning: line.reasoning,
                    ..Completion::plain(line.answer, finish)
                };
                Ok(Found::Answer(Box::new(Read { label, question, completion })))
            })
            .collect()
    }
}

/// Whose answers a log holds: those of its model. Logs that a study wrote say which arm and which replicate of it.
fn label_of_log(header: &Header) -> String {
    let arm = header.metadata.get("arm").and_then(Value::as_str);
    let replicate = header.metadata.get("replicate").and_then(Value::as_u64);
    match (arm, replicate) {
        // Labels are in the order of the alphabet, replicates in that of their numbers.
        (Some(arm), Some(replicate)) => {
            format!("{}, {arm}, replicate {replicate:04}", header.model)
        }
        _ => header.model.clone(),
    }
}

/// The model or run that a line names, else the file.
fn label(named: Option<&Value>, path: &str) -> String {
    match named {
        None => path.to_owned(),
        Some(Value::String(name)) => name.clone(),
        Some(other) => other.to_string(),
    }
}

/// What [`Line::replicate`] is in a line of a dump.
fn replicate_of(metadata: &Map<String, Value>) -> Option<&Value> {
    ["replicate", "model", "seed"].iter().find_map(|name| metadata.get(*name))
}

/// Whether the lines of a file are those of other projects: chats, prompts with completions, questions with draws.
fn is_dump(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let Ok(Value::Object(line)) = serde_json::from_str(first) else { return false };
    let has = |name: &str| line.contains_key(name);
    let answered = ["answer", "response", "completion", "text"]
        .iter()
        .any(|name| line.get(*name).is_some_and(Value::is_string));
    !answered && (has("messages") || has("completion") || has("responses"))
}

impl Checker<'_> {
    /// What a cache of latteries holds of the questions asked: it keeps hashes, so the study's own sampling is
    /// tried, with the longest answer by either of its names or left out.
    fn in_cache(&self, path: &str, cache: &LatteriesCache, asked: &BTreeSet<&str>) -> Vec<Found> {
        let study = &self.spec.study;
        let name = path.rsplit('/').next().unwrap_or(path);
        let model = name.strip_suffix(".jsonl").unwrap_or(name);
        let limits = [
            Some((Limit::MaxTokens, study.max_tokens)),
            Some((Limit::MaxCompletionTokens, study.max_tokens)),
            None,
        ];
        let read = |question: &str| -> Vec<Found> {
            let messages = [Message::user(question)];
            let found = limits.into_iter().find_map(|limit| {
                let config = LatteriesConfig {
                    model: model.into(),
                    temperature: study.temperature,
                    top_p: study.top_p,
                    limit,
                };
                let answers = cache.answers(&messages, &config);
                (!answers.is_empty()).then_some(answers)
            });
            let read = |completion: &Completion| Read {
                label: path.to_owned(),
                question: question.to_owned(),
                completion: completion.clone(),
            };
            found
                .unwrap_or_default()
                .into_iter()
                .map(|c| Found::Answer(Box::new(read(c))))
                .collect()
        };
        asked.iter().flat_map(|question| read(question)).collect()
    }
}

/// An answer, and what it answers.
struct Read {
    label: String,
    question: String,
    completion: Completion,
}

/// A conversation of a file.
enum Found {
    /// One question, perhaps under a system prompt, and its answer.
    Answer(Box<Read>),
    /// The model was asked and has said nothing, or its asker was cut off.
    Unanswered,
    /// More turns came before the last answer: it answers all of them.
    Longer,
}

impl Found {
    fn of(mut transcript: Transcript, label: impl FnOnce(&Transcript) -> String) -> Self {
        if transcript.last_answer().is_none() {
            return Self::Unanswered;
        }
        let label = label(&transcript);
        match (transcript.turns.pop(), transcript.turns.pop()) {
            (Some(Turn::Assistant(answer)), Some(Turn::User(question)))
                if answer.calls.is_empty()
                    && transcript.turns.iter().all(|turn| matches!(turn, Turn::System(_))) =>
            {
                let question = question.trim().to_owned();
                Self::Answer(Box::new(Read { label, question, completion: answer.completion }))
            }
            _ => Self::Longer,
        }
    }
}

/// The answers of an arm's files.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) answers: Vec<Arc<Recorded>>,
    pub(super) passed_over: PassedOver,
}

/// Conversations of files that answer no prompt of the study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PassedOver {
    /// Answers to questions that no battery of the study asks.
    others: usize,
    /// Conversations of several turns.
    longer: usize,
    /// Conversations without an answer.
    unanswered: usize,
}

impl PassedOver {
    fn count(&mut self, found: &Found) {
        match found {
            Found::Answer(_) => self.others += 1,
            Found::Longer => self.longer += 1,
            Found::Unanswered => self.unanswered += 1,
        }
    }

    /// Whether everything was read.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.others, "answers to other questions"),
            (self.longer, "conversations of several turns"),
            (self.unanswered, "questions without an answer"),
        ];
        let told: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        f.write_str(if told.is_empty() { "nothing" } else { "" })?;
        f.write_str(&told.join(", "))
    }
}

fn prompts(batteries: &[Battery]) -> impl Iterator<Item = &str> {
    batteries.iter().flat_map(|b| &b.stances).flat_map(|s| &s.prompts).map(|p| p.trim())
}
