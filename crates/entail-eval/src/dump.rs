//! JSONL of other projects: chats, questions with answers, caches of latteries.
//!
//! A line is one of
//! - `{"messages": […]}`: a chat, as latteries and the code of the paper dump them, and OpenAI's and TRL's training rows;
//! - `{"prompt": …, "completion": …}`: each a text or messages;
//! - `{"question": "…", "answer": "…"}`;
//! - `{"question": "…", "responses": [{"response": {"completion": "…"}}, …]}`: several draws of one question;
//! - `{"key": "…", "response": "…"}`: a row of a latteries cache. Its question is not in the file.
//!
//! All other fields are kept as metadata.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use serde_json::{Map, Value, json};

use crate::foreign::{
    Fault, ForeignError, Limits, Place, as_object, list, object, shape, text, without_bare_words,
};
use crate::inspect::{Attachments, turn};
use crate::latteries;
use crate::transcript::{Answer, Transcript, Turn};

/// Reads a file line by line. Empty lines are skipped. `file` is its name, for messages.
///
/// # Errors
/// Lines that are none of these, or longer than allowed; after the first of them nothing more comes.
pub fn read_dump<R: BufRead>(
    file: &str,
    source: R,
    limits: Limits,
) -> impl Iterator<Item = Result<Transcript, ForeignError>> {
    let mut lines = Lines { file: file.to_owned(), source, limits, number: 0, done: false };
    let mut read: std::vec::IntoIter<Transcript> = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(transcript) = read.next() {
                return Some(Ok(transcript));
            }
            match lines.next()? {
                Ok(transcripts) => read = transcripts.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    })
}

struct Lines<R> {
    file: String,
    source: R,
    limits: Limits,
    number: usize,
    done: bool,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Vec<Transcript>, ForeignError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.number += 1;
        let read = self.line().and_then(|line| match line {
            None => Ok(None),
            Some(line) if line.trim_ascii().is_empty() => Ok(Some(Vec::new())),
            Some(line) => row(line, self.number, self.limits).map(Some),
        });
        self.done = !matches!(read, Ok(Some(_)));
        let at = |fault| ForeignError {
            file: self.file.clone(),
            place: Place::Line(self.number),
            fault,
        };
        read.map_err(at).transpose()
    }
}

impl<R: BufRead> Lines<R> {
    fn line(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let mut line = Vec::new();
        self.source.by_ref().take(self.limits.bytes + 1).read_until(b'\n', &mut line)?;
        match line.len() as u64 {
            0 => Ok(None),
            bytes if bytes > self.limits.bytes => Err(self.limits.too_large()),
            _ if self.number as u64 > self.limits.samples => {
                Err(Fault::TooLarge { limit: self.limits.samples, unit: "lines" })
            }
            _ => Ok(Some(line)),
        }
    }
}

fn row(line: Vec<u8>, number: usize, limits: Limits) -> Result<Vec<Transcript>, Fault> {
    let row: Value = serde_json::from_slice(&without_bare_words(line))?;
    let mut row = as_object("the line", &row)?.clone();
    let attachments = Attachments::new(BTreeMap::new(), limits);
    let id = match row.remove("id") {
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) => id.to_string(),
        _ => number.to_string(),
    };
    let (id, draws) = draws(&mut row, id, &attachments)?;
    let transcript = |(draw, turns): (u64, Vec<Turn>)| Transcript {
        id: id.clone(),
        epoch: draw,
        turns,
        metadata: row.clone(),
        ..Transcript::default()
    };
    Ok((1..).zip(draws).map(transcript).collect())
}

/// The conversations of a row, which are taken out of it, and their id.
fn draws(
    row: &mut Map<String, Value>,
    id: String,
    attachments: &Attachments,
) -> Result<(String, Vec<Vec<Turn>>), Fault> {
    let has = |field: &str| row.contains_key(field);
    if has("messages") {
        let turns = turns(&row.remove("messages").unwrap_or_default(), "user", attachments)?;
        return Ok((id, vec![turns]));
    }
    if has("key") && has("response") {
        let key = text(row, "key")?.unwrap_or_default().to_owned();
        let response = text(row, "response")?.ok_or(Fault::Missing("`response`"))?;
        let completion = latteries::completion(response)?;
        row.clear();
        return Ok((key, vec![vec![Turn::Assistant(Answer { completion, calls: Vec::new() })]]));
    }
    for (asked, answered) in [("prompt", "completion"), ("question", "answer")] {
        if has(asked) && has(answered) {
            let mut conversation =
                turns(&row.remove(asked).unwrap_or_default(), "user", attachments)?;
            let answer = row.remove(answered).unwrap_or_default();
            conversation.extend(turns(&answer, "assistant", attachments)?);
            return Ok((id, vec![conversation]));
        }
    }
    if has("question") && has("responses") {
        let question = turns(&row.remove("question").unwrap_or_default(), "user", attachments)?;
        let draws = list(row, "responses")?
            .iter()
            .map(|response| drawn(&question, response, attachments))
            .collect::<Result<_, _>>()?;
        row.remove("responses");
        return Ok((id, draws));
    }
    Err(Fault::Missing(
        "messages, prompt with completion, question with answers, or key with response",
    ))
}

fn drawn(
    question: &[Turn],
    response: &Value,
    attachments: &Attachments,
) -> Result<Vec<Turn>, Fault> {
    let said = object(as_object("responses", response)?, "response")?
        .and_then(|response| response.get("completion"))
        .ok_or(Fault::Missing("`response.completion`"))?;
    let mut conversation = question.to_vec();
    conversation.extend(turns(said, "assistant", attachments)?);
    Ok(conversation)
}

/// A list of messages, or a text that is one of this role.
fn turns(value: &Value, role: &str, attachments: &Attachments) -> Result<Vec<Turn>, Fault> {
    match value {
        Value::String(text) => {
            Ok(vec![turn(&json!({ "role": role, "content": text }), attachments)?])
        }
        Value::Array(messages) => messages.iter().map(|m| turn(m, attachments)).collect(),
        other => Err(shape(role, other, "text or messages")),
    }
}

#[cfg(test)]
mod tests;
