//! From a response to answers.

use serde::Deserialize as _;
use serde_json::Value;

use super::types::{
    ChatResponse, ChatUsage, Choice, ChoiceLogprobs, ChoiceMessage, ChoiceToken, Content,
};
use crate::{Completion, Finish, TokenLogprob, Usage, split_thinking};

/// OpenAI's stand-in for "so unlikely that it is not among the twenty".
const VERY_SMALL: f64 = -9999.0;

/// The answers of a body in the order of their index; `None` when it holds none.
pub(super) fn completions(mut body: Value) -> Option<Vec<Completion>> {
    let Some(Value::Array(mut choices)) = body.get_mut("choices").map(Value::take) else {
        return None;
    };
    choices.sort_by_key(|choice| choice["index"].as_u64());
    let around = ChatResponse::deserialize(&body).unwrap_or_default();
    let served_by = served_by(&around);
    let mut usage = around.usage.map(counted).unwrap_or_default();
    let answers: Vec<_> = choices
        .into_iter()
        .map(|choice| {
            let read = Choice::deserialize(&choice).unwrap_or_default();
            body["choices"] = Value::Array(vec![choice]);
            let raw = Some(body.to_string());
            Completion {
                usage: std::mem::take(&mut usage),
                served_by: served_by.clone(),
                raw,
                ..said(read)
            }
        })
        .collect();
    (!answers.is_empty()).then_some(answers)
}

/// A request that was turned away for its content: an answer that somebody took away.
pub(super) fn filtered(body: &Value) -> Completion {
    Completion { raw: Some(body.to_string()), ..Completion::plain("", Finish::Filter) }
}

fn served_by(around: &ChatResponse) -> Option<String> {
    let parts = [&around.model, &around.system_fingerprint, &around.provider];
    let parts: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn counted(usage: ChatUsage) -> Usage {
    Usage {
        prompt: usage.prompt_tokens,
        drawn: usage.completion_tokens,
        reasoning: usage.completion_tokens_details.and_then(|details| details.reasoning_tokens),
        cost: usage.cost,
    }
}

fn said(choice: Choice) -> Completion {
    let finish = finish(&choice);
    let message = choice.message.unwrap_or_default();
    let tokens = choice.logprobs.and_then(tokens);
    let content = match message.content {
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => parts.into_iter().filter_map(|part| part.text).collect(),
        None => String::new(),
    };
    let stands = |text: &String| !text.is_empty();
    let reasoning = message.reasoning.filter(stands).or(message.reasoning_content.filter(stands));
    let (reasoning, text) = match reasoning {
        Some(reasoning) => (Some(reasoning), content),
        // A server without a reasoning parser leaves thoughts in the text.
        None => split_thinking(content),
    };
    let text = match message.refusal.filter(stands) {
        Some(refusal) if text.is_empty() => refusal,
        _ => text,
    };
    let logprob = tokens.as_deref().and_then(sum);
    Completion { reasoning, logprob, tokens, ..Completion::plain(text, finish) }
}

fn finish(choice: &Choice) -> Finish {
    if choice.error.as_ref().is_some_and(|error| !error.is_null()) {
        return Finish::Error;
    }
    let message = choice.message.as_ref();
    let refused =
        message.and_then(|message| message.refusal.as_ref()).is_some_and(|r| !r.is_empty());
    if refused || choice.native_finish_reason.as_deref() == Some("refusal") {
        return Finish::Refusal;
    }
    match choice.finish_reason.as_deref() {
        // A forced tool ends with `stop`.
        _ if message.is_some_and(only_calls) => Finish::Tool,
        Some("stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence") => Finish::Stop,
        Some("length" | "max_tokens") => Finish::Length,
        Some("content_filter") => Finish::Filter,
        Some("refusal") => Finish::Refusal,
        Some("tool_calls" | "function_call" | "tool_use") => Finish::Tool,
        // `abort`, `error`, nothing at all: whole answers have a reason.
        _ => Finish::Error,
    }
}

/// Whether a message calls a tool and says nothing.
fn only_calls(message: &ChoiceMessage) -> bool {
    let calls = message.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
        || message.function_call.as_ref().is_some_and(Value::is_object);
    let silent = match &message.content {
        Some(Content::Text(text)) => text.is_empty(),
        Some(Content::Parts(parts)) => parts.is_empty(),
        None => true,
    };
    calls && silent
}

fn tokens(logprobs: ChoiceLogprobs) -> Option<Vec<TokenLogprob>> {
    Some(logprobs.content?.into_iter().map(token).collect())
}

/// The drawn token itself may stand among the others, and vLLM puts it before likelier ones.
fn token(drawn: ChoiceToken) -> TokenLogprob {
    let known = |logprob: Option<f64>| logprob.filter(|logprob| *logprob > VERY_SMALL);
    let logprob = known(drawn.logprob);
    let mut top: Vec<_> = drawn.top_logprobs.unwrap_or_default();
    top.retain(|other| other.token != drawn.token || known(other.logprob) != logprob);
    let mut top: Vec<_> =
        top.into_iter().filter_map(|other| Some((other.token, known(other.logprob)?))).collect();
    top.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    TokenLogprob { token: drawn.token, logprob, top }
}

/// The log-probability of all tokens, if every one has its own.
fn sum(tokens: &[TokenLogprob]) -> Option<f64> {
    let sum = tokens.iter().map(|token| token.logprob).sum::<Option<f64>>()?;
    (!tokens.is_empty()).then_some(sum)
}
