//! Answers that were collected elsewhere, as replicates of an arm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entail_eval::{LatteriesCache, LatteriesConfig, Limit};
use entail_provider::{Completion, Finish};
use entail_schema::{Battery, Key, Message, OneOrMany, Role};
use serde::Deserialize;
use serde_json::Value;

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

    fn label(&self, file: &str) -> String {
        match &self.replicate {
            None => file.to_owned(),
            Some(Value::String(name)) => name.clone(),
            Some(other) => other.to_string(),
        }
    }
}

impl Checker<'_> {
    /// The answers of an arm that brings some: a replicate for each model that they name, or for each file.
    pub(super) fn recorded(
        &self,
        arm: &str,
        files: &OneOrMany<String>,
        batteries: &[Battery],
    ) -> Result<Vec<Arc<Recorded>>, StudyError> {
        let line = self.line(&["arm", arm, "responses"]);
        let wrong = |path: &str, what: String| {
            StudyProblem::Rows { path: path.into(), line: 0, what }.at(line)
        };
        let mut paths = BTreeSet::new();
        for pattern in files.values() {
            let found = self.around.matching(pattern).map_err(|e| wrong(pattern, e.to_string()))?;
            if found.is_empty() {
                return Err(wrong(pattern, "no such file".into()));
            }
            paths.extend(found);
        }
        let mut by_label: BTreeMap<String, Recorded> = BTreeMap::new();
        let (mut lines, mut matched) = (0, 0);
        let asked: BTreeSet<&str> = prompts(batteries).collect();
        for path in &paths {
            for read in self.answers_of_file(path, &asked)? {
                lines += 1;
                if !asked.contains(read.question.as_str()) {
                    continue;
                }
                matched += 1;
                let recorded = by_label.entry(read.label.clone()).or_insert_with(|| Recorded {
                    label: read.label.clone(),
                    answers: BTreeMap::new(),
                });
                recorded.answers.entry(read.question).or_default().push(read.completion);
            }
        }
        if matched == 0 {
            let first = prompts(batteries).next().unwrap_or_default();
            return Err(wrong(
                &paths.into_iter().next().unwrap_or_default(),
                format!(
                    "found {lines} answers, none to a question of the study's batteries; expected questions such as {first:?}"
                ),
            ));
        }
        Ok(by_label.into_values().map(Arc::new).collect())
    }

    fn answers_of_file(&self, path: &str, asked: &BTreeSet<&str>) -> Result<Vec<Read>, StudyError> {
        let problem = |line: usize, what: String| {
            StudyProblem::Rows { path: path.into(), line, what }.at(None)
        };
        let text = self.around.read(path).map_err(|error| problem(0, error.to_string()))?;
        if LatteriesCache::is_one(&text) {
            let cache = LatteriesCache::parse(&text).map_err(|e| problem(e.line, e.what))?;
            return Ok(self.in_cache(path, &cache, asked));
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
                let label = line.label(path);
                let finish = line.finish.unwrap_or(Finish::Stop);
                let completion = Completion {
                    reasoning: line.reasoning,
                    ..Completion::plain(line.answer, finish)
                };
                Ok(Read { label, question, completion })
            })
            .collect()
    }
}

impl Checker<'_> {
    /// What a cache of latteries holds of the questions asked: it keeps hashes, so the study's own sampling is
    /// tried, with the longest answer by either of its names or left out.
    fn in_cache(&self, path: &str, cache: &LatteriesCache, asked: &BTreeSet<&str>) -> Vec<Read> {
        let study = &self.spec.study;
        let name = path.rsplit('/').next().unwrap_or(path);
        let model = name.strip_suffix(".jsonl").unwrap_or(name);
        let limits = [
            Some((Limit::MaxTokens, study.max_tokens)),
            Some((Limit::MaxCompletionTokens, study.max_tokens)),
            None,
        ];
        let read = |question: &str| -> Vec<Read> {
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
            let reads = found.unwrap_or_default().into_iter().map(|completion| Read {
                label: path.to_owned(),
                question: question.to_owned(),
                completion: completion.clone(),
            });
            reads.collect()
        };
        asked.iter().flat_map(|question| read(question)).collect()
    }
}

struct Read {
    label: String,
    question: String,
    completion: Completion,
}

fn prompts(batteries: &[Battery]) -> impl Iterator<Item = &str> {
    batteries.iter().flat_map(|b| &b.stances).flat_map(|s| &s.prompts).map(|p| p.trim())
}
