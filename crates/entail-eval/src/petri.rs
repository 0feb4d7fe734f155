//! Transcripts of Petri 1 and 2: what the target saw and said, and what the judge gave it.
//!
//! A file has events that edit views of one conversation. The target's view is made by replaying them: rolled-back turns
//! are not part of it. Facts of the format are from the schema in `@kaifronsdal/transcript-viewer` 1.0.29. Petri 3 keeps
//! Inspect logs.

use std::collections::BTreeMap;
use std::io::Read;

use json_patch::{PatchOperation, patch};
use serde_json::{Map, Value};

use crate::foreign::{
    Fault, ForeignError, Limits, Place, as_object, list, object, shape, text, without_bare_words,
};
use crate::inspect::{Attachments, turn};
use crate::transcript::{Score, Transcript};

const TARGET: &str = "target";

/// Reads one `transcript_*.json`. `file` is its name, for messages.
///
/// # Errors
/// What is no such file, is larger than allowed, or has nothing of the target.
pub fn read_petri(
    file: &str,
    source: impl Read,
    limits: Limits,
) -> Result<Transcript, ForeignError> {
    let whole = |fault| ForeignError { file: file.to_owned(), place: Place::Whole, fault };
    let content = limits.read(source).map_err(whole)?;
    transcript(content, limits).map_err(whole)
}

fn transcript(content: Vec<u8>, limits: Limits) -> Result<Transcript, Fault> {
    let file: Value = serde_json::from_slice(&without_bare_words(content))?;
    let file = as_object("the file", &file)?;
    let mut metadata = object(file, "metadata")?.ok_or(Fault::Missing("`metadata`"))?.clone();
    let id = text(&metadata, "transcript_id")?.ok_or(Fault::Missing("`transcript_id`"))?.to_owned();
    let model = text(&metadata, "target_model")?.map(str::to_owned);
    let attachments = Attachments::new(BTreeMap::new(), limits);
    let messages = target_messages(file, limits)?;
    if messages.is_empty() {
        return Err(Fault::Missing("messages of the target"));
    }
    let turns = messages.iter().map(|m| turn(m, &attachments)).collect::<Result<_, _>>()?;
    let scores = scores(&mut metadata)?;
    for known in ["transcript_id", "target_model"] {
        metadata.remove(known);
    }
    Ok(Transcript { id, epoch: 1, model, turns, scores, metadata, ..Transcript::default() })
}

/// The numbers of `judge_output.scores`; the judge's words stay in the metadata, since they are about all of them.
fn scores(metadata: &mut Map<String, Value>) -> Result<Vec<Score>, Fault> {
    let Some(Value::Object(judged)) = metadata.get_mut("judge_output") else {
        return Ok(Vec::new());
    };
    let scores = match judged.remove("scores") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(scores)) => scores,
        Some(other) => return Err(shape("scores", &other, "an object")),
    };
    scores
        .into_iter()
        .map(|(dimension, value)| match value {
            Value::Number(_) => Ok(Score::new(dimension, value)),
            Value::Null => Ok(Score { value: None, ..Score::new(dimension, Value::Null) }),
            other => Err(shape(&dimension, &other, "a number")),
        })
        .collect()
}

/// The target's view: replayed, or as older files keep it.
fn target_messages(file: &Map<String, Value>, limits: Limits) -> Result<Vec<Value>, Fault> {
    let mut view = View { messages: Vec::new(), copies_left: limits.bytes, limits };
    for event in list(file, "events")? {
        let event = as_object("events", event)?;
        if text(event, "type")? == Some("transcript_event") && is_of_target(event)? {
            view.apply(object(event, "edit")?.ok_or(Fault::Missing("`edit`"))?)?;
        }
    }
    if view.messages.is_empty() {
        return Ok(list(file, "target_messages")?.to_vec());
    }
    Ok(view.messages)
}

fn is_of_target(event: &Map<String, Value>) -> Result<bool, Fault> {
    match event.get("view") {
        Some(Value::String(view)) => Ok(view == TARGET),
        Some(Value::Array(views)) => Ok(views.iter().any(|view| view == TARGET)),
        Some(other) => Err(shape("view", other, "a name or names")),
        None => Err(Fault::Missing("`view`")),
    }
}

struct View {
    messages: Vec<Value>,
    /// A patch can copy a part onto itself, twice as large each time.
    copies_left: u64,
    limits: Limits,
}

impl View {
    fn apply(&mut self, edit: &Map<String, Value>) -> Result<(), Fault> {
        match text(edit, "operation")? {
            Some("add") => {
                let message = edit.get("message").ok_or(Fault::Missing("`message`"))?;
                self.messages.push(message.clone());
            }
            Some("rollback") => self.roll_back(edit)?,
            Some("reset") => self.messages = list(edit, "new_messages")?.to_vec(),
            Some("json_patch") => self.patch(list(edit, "patch")?)?,
            _ => {
                let found = edit.get("operation").unwrap_or(&Value::Null);
                return Err(shape("operation", found, "add, rollback, reset or json_patch"));
            }
        }
        Ok(())
    }

    /// Back to just after the message of an id, else by a number of messages.
    fn roll_back(&mut self, edit: &Map<String, Value>) -> Result<(), Fault> {
        let kept = if let Some(id) = text(edit, "to_id")? {
            let at = self.messages.iter().position(|message| message["id"] == id);
            at.ok_or_else(|| shape("to_id", &id.into(), "the id of an earlier message"))? + 1
        } else {
            let count = edit.get("count").unwrap_or(&Value::Null);
            let count =
                count.as_u64().ok_or_else(|| shape("count", count, "a number of messages"))?;
            self.messages.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX))
        };
        self.messages.truncate(kept);
        Ok(())
    }

    fn patch(&mut self, operations: &[Value]) -> Result<(), Fault> {
        let mut messages = Value::Array(std::mem::take(&mut self.messages));
        for operation in operations {
            if operation["op"] == "copy" {
                let copied = operation["from"].as_str().and_then(|from| messages.pointer(from));
                let size = copied.map_or(0, |value| value.to_string().len() as u64);
                let left = self.copies_left.checked_sub(size);
                self.copies_left = left.ok_or_else(|| self.limits.too_large())?;
            }
            let step: PatchOperation = serde_json::from_value(operation.clone())?;
            patch(&mut messages, &[step])
                .map_err(|_| shape("patch", operation, "a change that fits the messages"))?;
        }
        let Value::Array(messages) = messages else {
            return Err(shape("patch", &messages, "a change that leaves a list of messages"));
        };
        self.messages = messages;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
