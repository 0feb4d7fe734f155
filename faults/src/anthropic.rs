//! Answers of models in Anthropic's shape (API documentation, "Messages").

use serde_json::{Map, Value, json};

use crate::chat::{self, count, text};
use crate::counts::body_hash;
use crate::reply::{ApiError, Reply, Tokens};
use crate::route::{Call, Provider};
use crate::wire::Request;
use crate::{Answer, Question, Turn};

/// The version from which on parameters of sampling are turned down.
const STRICT_VERSION: &str = "2026-10-21";
/// Least `budget_tokens` of thinking.
const MIN_THINKING: usize = 1024;

/// The reply to a request for one message.
pub(crate) fn reply(
    provider: &Provider,
    request: &Request,
    call: &Call,
) -> Result<Reply, ApiError> {
    let body = chat::parse_object(&request.body)?;
    let Some(version) = &request.anthropic_version else {
        return Err(ApiError::bad(None, "anthropic-version: header is required"));
    };
    let sampling =
        ["temperature", "top_p", "top_k"].into_iter().find(|name| body.contains_key(*name));
    if let Some(name) = sampling.filter(|_| version == STRICT_VERSION) {
        return Err(ApiError::bad(Some(name), format!("{name}: not taken by version {version}")));
    }
    let (answer, tokens) = message(provider, &body, call)?;
    let mut reply = Reply::json(200, &answer).header("request-id", format!("req_{}", call.number));
    reply.paid = vec![(body_hash(&request.body), tokens)];
    Ok(reply)
}

/// One message.
pub(crate) fn message(
    provider: &Provider,
    body: &Map<String, Value>,
    call: &Call,
) -> Result<(Value, Tokens), ApiError> {
    let model = text(body, "model")?;
    provider.check_model(model)?;
    chat::check_stream(body)?;
    let limit = count(body, "max_tokens")?
        .filter(|&limit| limit > 0)
        .ok_or_else(|| ApiError::bad(Some("max_tokens"), "max_tokens: must be at least 1"))?;
    let mut turns: Vec<Turn> = body
        .get("system")
        .map(|system| Turn { role: "system".into(), text: chat::content(system) })
        .into_iter()
        .collect();
    turns.extend(chat::turns(body)?);
    let thinks = thinks(body, limit)?;
    let question = Question { model, turns: &turns, seed: None, sample: 0, call: call.number };
    let mut tokens = Tokens { prompt: chat::prompt_tokens(&turns), completion: 0 };
    let (content, stop) = match provider.script.answers.answer(&question) {
        Answer::Refuses(_) => (Vec::new(), "refusal"),
        Answer::Says(said) => {
            let thought = "What is asked for is plain.";
            let thinking =
                json!({ "type": "thinking", "thinking": thought, "signature": "c3R1Yg==" });
            let n_thought = if thinks { chat::tokens(thought).len() } else { 0 };
            let cut = chat::cut(said, Some(limit.saturating_sub(n_thought)));
            tokens.completion = (cut.n_tokens + n_thought) as u64;
            let said = json!({ "type": "text", "text": cut.text });
            let content = thinks.then_some(thinking).into_iter().chain([said]).collect();
            (content, if cut.was_longer { "max_tokens" } else { "end_turn" })
        }
    };
    let answer = json!({
        "id": format!("msg_{}", call.number),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": null,
        "usage": {
            "input_tokens": tokens.prompt,
            "output_tokens": tokens.completion,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    });
    Ok((answer, tokens))
}

/// Whether the request asks for thinking.
fn thinks(body: &Map<String, Value>, limit: usize) -> Result<bool, ApiError> {
    let Some(Value::Object(thinking)) = body.get("thinking") else { return Ok(false) };
    match text(thinking, "type")? {
        "disabled" => Ok(false),
        "enabled" => {
            let budget = count(thinking, "budget_tokens")?.unwrap_or(0);
            if (MIN_THINKING..limit).contains(&budget) {
                return Ok(true);
            }
            let expected = format!("from {MIN_THINKING} to below max_tokens, found {budget}");
            Err(ApiError::bad(Some("thinking"), format!("budget_tokens: must be {expected}")))
        }
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests;
