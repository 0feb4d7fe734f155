//! Inspect's chat messages, which Petri writes too.

use std::cell::Cell;
use std::collections::BTreeMap;

use entail_provider::{Completion, Finish};
use serde_json::{Map, Value, json};

use crate::foreign::{Fault, Limits, as_object, list, object, shape, text};
use crate::transcript::{Answer, ToolCall, ToolResult, Turn};

const PROTOCOL: &str = "attachment://";

/// Texts that messages refer to by digest. A small file can refer to a large text often, so what is put in is counted.
#[derive(Debug)]
pub(crate) struct Attachments {
    texts: BTreeMap<String, String>,
    limits: Limits,
    left: Cell<u64>,
}

impl Attachments {
    /// Those of one conversation.
    pub(crate) fn new(texts: BTreeMap<String, String>, limits: Limits) -> Self {
        Self { texts, limits, left: Cell::new(limits.bytes) }
    }

    /// The text itself. A reference to nothing is a text that happens to look like one.
    fn resolve(&self, text: &str) -> Result<String, Fault> {
        let found = text.strip_prefix(PROTOCOL).and_then(|digest| self.texts.get(digest));
        let resolved = found.map_or(text, String::as_str);
        let left = self.left.get().checked_sub(resolved.len() as u64);
        self.left.set(left.ok_or_else(|| self.limits.too_large())?);
        Ok(resolved.to_owned())
    }
}

/// What a message says: its text, its reasoning, and whether it is marked as a refusal.
struct Content {
    text: String,
    reasoning: Option<String>,
    refusal: bool,
}

/// Reads one message.
pub(crate) fn turn(message: &Value, attachments: &Attachments) -> Result<Turn, Fault> {
    let message = as_object("message", message)?;
    let role = text(message, "role")?.ok_or(Fault::Missing("`role`"))?;
    let content = content(message, attachments)?;
    match role {
        "system" | "developer" => Ok(Turn::System(content.text)),
        "user" => Ok(Turn::User(content.text)),
        "assistant" => Ok(Turn::Assistant(answer(message, content)?)),
        "tool" => Ok(Turn::Tool(tool_result(message, content.text)?)),
        _ => Err(shape("role", &message["role"], "system, user, assistant or tool")),
    }
}

/// Parts of text stand on lines of their own, as Inspect itself puts them together.
fn content(message: &Map<String, Value>, attachments: &Attachments) -> Result<Content, Fault> {
    let (mut said, mut thought, mut refusal) = (Vec::new(), Vec::new(), false);
    match message.get("content") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => said.push(attachments.resolve(text)?),
        Some(Value::Array(parts)) => {
            for part in parts {
                if let Value::String(text) = part {
                    said.push(attachments.resolve(text)?);
                    continue;
                }
                let part = as_object("content", part)?;
                match text(part, "type")? {
                    Some("text") => {
                        said.push(attachments.resolve(text(part, "text")?.unwrap_or_default())?);
                        refusal |= part.get("refusal") == Some(&Value::Bool(true));
                    }
                    Some("reasoning") => {
                        if let Some(text) = readable_reasoning(part)? {
                            thought.push(attachments.resolve(text)?);
                        }
                    }
                    _ => {}
                }
            }
        }
        Some(other) => return Err(shape("content", other, "text or a list of parts")),
    }
    let reasoning = (!thought.is_empty()).then(|| thought.join("\n"));
    Ok(Content { text: said.join("\n"), reasoning, refusal })
}

/// Reasoning that its provider encrypted may come with a summary.
fn readable_reasoning(part: &Map<String, Value>) -> Result<Option<&str>, Fault> {
    let field =
        if part.get("redacted") == Some(&Value::Bool(true)) { "summary" } else { "reasoning" };
    Ok(text(part, field)?.filter(|text| !text.is_empty()))
}

fn answer(message: &Map<String, Value>, content: Content) -> Result<Answer, Fault> {
    let calls =
        list(message, "tool_calls")?.iter().map(tool_call).collect::<Result<Vec<_>, _>>()?;
    let finish = match (content.refusal, calls.is_empty()) {
        (true, _) => Finish::Refusal,
        (false, false) => Finish::Tool,
        (false, true) => Finish::Stop,
    };
    // Older logs and OpenAI's dialects have reasoning in a field of its own.
    let beside = match text(message, "reasoning_content")? {
        Some(reasoning) => Some(reasoning),
        None => text(message, "reasoning")?,
    };
    let completion = Completion {
        reasoning: content.reasoning.or(beside.map(str::to_owned)),
        served_by: text(message, "model")?.map(str::to_owned),
        ..Completion::plain(content.text, finish)
    };
    Ok(Answer { completion, calls })
}

fn tool_call(call: &Value) -> Result<ToolCall, Fault> {
    let call = as_object("tool_calls", call)?;
    let id = text(call, "id")?.unwrap_or_default().to_owned();
    // OpenAI nests what Inspect has flat.
    let (call, name) = match call.get("function") {
        Some(Value::Object(nested)) => (nested, "name"),
        _ => (call, "function"),
    };
    Ok(ToolCall {
        id,
        function: text(call, name)?.ok_or(Fault::Missing("name of a called tool"))?.to_owned(),
        arguments: call.get("arguments").cloned().unwrap_or_default(),
    })
}

fn tool_result(message: &Map<String, Value>, content: String) -> Result<ToolResult, Fault> {
    let error = match object(message, "error")? {
        Some(error) => text(error, "message")?,
        None => None,
    };
    Ok(ToolResult {
        call: text(message, "tool_call_id")?.map(str::to_owned),
        function: text(message, "function")?.map(str::to_owned),
        content: match error {
            Some(error) if content.is_empty() => error.to_owned(),
            _ => content,
        },
    })
}

/// Writes one turn. `model` stands where an answer does not say who gave it.
pub(super) fn message(turn: &Turn, model: &str) -> Value {
    match turn {
        Turn::System(text) => json!({ "role": "system", "content": text }),
        Turn::User(text) => json!({ "role": "user", "content": text }),
        Turn::Assistant(answer) => assistant(answer, model),
        Turn::Tool(result) => json!({
            "role": "tool",
            "content": result.content,
            "tool_call_id": result.call,
            "function": result.function,
        }),
    }
}

/// Writes one answer.
pub(super) fn assistant(answer: &Answer, model: &str) -> Value {
    let completion = &answer.completion;
    let refused = completion.finish == Finish::Refusal;
    let content = if completion.reasoning.is_some() || refused {
        let thought = completion
            .reasoning
            .as_ref()
            .map(|r| json!({ "type": "reasoning", "reasoning": r, "redacted": false }));
        let mut said = json!({ "type": "text", "text": completion.text });
        if refused {
            said["refusal"] = Value::Bool(true);
        }
        Value::Array(thought.into_iter().chain([said]).collect())
    } else {
        Value::String(completion.text.clone())
    };
    let mut message = json!({
        "role": "assistant",
        "content": content,
        "source": "generate",
        "model": completion.served_by.as_deref().unwrap_or(model),
    });
    if !answer.calls.is_empty() {
        let call = |call: &ToolCall| {
            json!({
                "id": call.id,
                "function": call.function,
                "arguments": call.arguments,
                "type": "function",
            })
        };
        message["tool_calls"] = answer.calls.iter().map(call).collect();
    }
    message
}
