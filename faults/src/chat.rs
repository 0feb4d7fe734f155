//! Answers of models in `OpenAI`'s shapes (API reference, "Chat" and "Completions").

use serde_json::{Map, Value, json};

use crate::answers::WORDS;
use crate::counts::body_hash;
use crate::reply::{ApiError, Reply, Style, Tokens};
use crate::route::{Call, Provider};
use crate::wire::Request;
use crate::{Answer, Question, Turn, draw};

/// Which of the two shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat(Style),
    Completion,
}

/// Tokens of a completion that does not say how many it wants (API reference).
const DEFAULT_COMPLETION_TOKENS: usize = 16;

/// The reply to a request for answers.
pub(crate) fn reply(
    provider: &Provider,
    request: &Request,
    call: &Call,
    kind: Kind,
    deployment: Option<&str>,
) -> Result<Reply, ApiError> {
    let body = parse_object(&request.body)?;
    let (answer, tokens) = match kind {
        Kind::Chat(style) => chat(provider, &body, call, style, deployment)?,
        Kind::Completion => completion(provider, &body, call, deployment)?,
    };
    let mut reply =
        Reply::json(200, &answer).header("x-request-id", format!("req_{}", call.number));
    reply.paid = vec![(body_hash(&request.body), tokens)];
    Ok(reply)
}

pub(crate) fn parse_object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::bad(None, "the body is JSON but no object")),
        Err(error) => Err(ApiError::bad(None, format!("the body is no JSON: {error}"))),
    }
}

/// The text of a field.
pub(crate) fn text<'a>(
    body: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a str, ApiError> {
    let text = body.get(name).and_then(Value::as_str);
    text.ok_or_else(|| ApiError::bad(Some(name), format!("`{name}` must be a text")))
}

/// A field that is a count, if it is there and not null.
pub(crate) fn count(
    body: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<usize>, ApiError> {
    let Some(value) = body.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let number = value.as_u64().and_then(|n| usize::try_from(n).ok());
    number.map(Some).ok_or_else(|| {
        ApiError::bad(Some(name), format!("`{name}` must be a count, found {value}"))
    })
}

/// A turn's text: a string, or the texts of its parts.
pub(crate) fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// The turns of a conversation, at least one.
pub(crate) fn turns(body: &Map<String, Value>) -> Result<Vec<Turn>, ApiError> {
    let complaint = |message: &str| ApiError::bad(Some("messages"), message);
    let messages = body.get("messages").and_then(Value::as_array);
    let messages = messages.ok_or_else(|| complaint("`messages` must be a list"))?;
    if messages.is_empty() {
        return Err(complaint("`messages` must not be empty"));
    }
    let turn = |message: &Value| {
        let role = message["role"].as_str().ok_or_else(|| complaint("a message has no `role`"))?;
        Ok(Turn { role: role.into(), text: content(&message["content"]) })
    };
    messages.iter().map(turn).collect()
}

/// A text as made-up tokens: words with the blanks before them. Joined they are the text.
pub(crate) fn tokens(text: &str) -> Vec<&str> {
    let starts = text
        .char_indices()
        .filter(|&(place, c)| c == ' ' && place > 0 && !text[..place].ends_with(' '));
    let mut cuts: Vec<usize> = starts.map(|(place, _)| place).collect();
    cuts.push(text.len());
    let mut start = 0;
    let pieces = cuts.into_iter().map(|end| &text[std::mem::replace(&mut start, end)..end]);
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// What `OpenAI` bills for a conversation: four tokens for each turn and one more, besides its texts.
pub(crate) fn prompt_tokens(turns: &[Turn]) -> u64 {
    1 + turns.iter().map(|turn| 4 + tokens(&turn.text).len() as u64).sum::<u64>()
}

/// A text cut to a number of tokens.
pub(crate) struct Cut {
    pub(crate) text: String,
    pub(crate) n_tokens: usize,
    pub(crate) was_longer: bool,
}

pub(crate) fn cut(text: String, limit: Option<usize>) -> Cut {
    let pieces = tokens(&text);
    let n_tokens = pieces.len();
    match limit {
        Some(limit) if limit < n_tokens => {
            Cut { text: pieces[..limit].concat(), n_tokens: limit, was_longer: true }
        }
        _ => Cut { text, n_tokens, was_longer: false },
    }
}

fn model<'a>(
    provider: &Provider,
    body: &'a Map<String, Value>,
    deployment: Option<&'a str>,
) -> Result<&'a str, ApiError> {
    let model = deployment.map_or_else(|| text(body, "model"), Ok)?;
    provider.check_model(model)?;
    check_stream(body)?;
    Ok(model)
}

/// Streams are not served.
pub(crate) fn check_stream(body: &Map<String, Value>) -> Result<(), ApiError> {
    match body.get("stream") {
        Some(Value::Bool(true)) => {
            Err(ApiError::bad(Some("stream"), "this server does not stream"))
        }
        _ => Ok(()),
    }
}

/// How many samples, 1 to 128.
fn samples(body: &Map<String, Value>) -> Result<u64, ApiError> {
    match count(body, "n")?.unwrap_or(1) {
        n @ 1..=128 => Ok(n as u64),
        n => Err(ApiError::bad(Some("n"), format!("`n` must be 1 to 128, found {n}"))),
    }
}

/// A chat completion.
pub(crate) fn chat(
    provider: &Provider,
    body: &Map<String, Value>,
    call: &Call,
    style: Style,
    deployment: Option<&str>,
) -> Result<(Value, Tokens), ApiError> {
    let model = model(provider, body, deployment)?;
    let turns = turns(body)?;
    let limit = match count(body, "max_completion_tokens")? {
        Some(limit) => Some(limit),
        None => count(body, "max_tokens")?,
    };
    let wants = body.get("logprobs") == Some(&Value::Bool(true));
    let top = if wants { Some(count(body, "top_logprobs")?.unwrap_or(0)) } else { None };
    let seed = body.get("seed").and_then(Value::as_i64);
    let mut usage = Tokens { prompt: prompt_tokens(&turns), completion: 0 };
    let mut choices = Vec::new();
    for sample in 0..samples(body)? {
        let question = Question { model, turns: &turns, seed, sample, call: call.number };
        let (choice, n_tokens) = choice(provider, &question, limit, top);
        usage.completion += n_tokens as u64;
        choices.push(choice);
    }
    let mut answer = json!({
        "id": format!("chatcmpl-{}", call.number),
        "object": "chat.completion",
        "created": call.unix.as_secs(),
        "model": model,
        "choices": choices,
        "usage": usage_json(usage),
        "system_fingerprint": "fp_stub",
    });
    if style == Style::OpenRouter {
        answer["provider"] = json!("stub");
        answer["usage"]["cost"] = json!(1e-6 * (usage.prompt + usage.completion) as f64);
    }
    Ok((answer, usage))
}

fn usage_json(usage: Tokens) -> Value {
    json!({
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": { "cached_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": 0 },
    })
}

/// One sample of a conversation, and how many tokens it has.
fn choice(
    provider: &Provider,
    question: &Question<'_>,
    limit: Option<usize>,
    top: Option<usize>,
) -> (Value, usize) {
    let (said, refused) = match provider.script.answers.answer(question) {
        Answer::Says(text) => (text, false),
        Answer::Refuses(text) => (text, true),
    };
    let cut = cut(said, limit);
    let (content, refusal) =
        if refused { (Value::Null, json!(cut.text)) } else { (json!(cut.text), Value::Null) };
    let prefix = question.turns.iter().fold(0, |hash, turn| draw::of_text(hash, &turn.text));
    let logprobs = top.map(|top| {
        let steps = steps(&cut.text, prefix);
        let content: Vec<Value> = steps.iter().map(|step| step.chat_json(top)).collect();
        json!({ "content": content, "refusal": null })
    });
    let choice = json!({
        "index": question.sample,
        "message": { "role": "assistant", "content": content, "refusal": refusal },
        "logprobs": logprobs,
        "finish_reason": if cut.was_longer { "length" } else { "stop" },
    });
    (choice, cut.n_tokens)
}

/// One made-up token with its made-up probability, which follows from all text before it.
struct Step<'a> {
    token: &'a str,
    logprob: f64,
    bits: u64,
}

fn steps(text: &str, prefix: u64) -> Vec<Step<'_>> {
    let mut state = prefix;
    let step = |token| {
        state = draw::of_text(state, token);
        Step { token, logprob: (0.5 + 0.45 * draw::share(state)).ln(), bits: state }
    };
    tokens(text).into_iter().map(step).collect()
}

impl Step<'_> {
    /// The token and its alternatives, likeliest first; together their probability is below 1.
    fn top(&self, n: usize) -> Vec<(String, f64)> {
        let rest = 1.0 - self.logprob.exp();
        let alternatives = (1..n).map(|place| {
            let word = WORDS[draw::below(self.bits, WORDS.len()).wrapping_add(place) % WORDS.len()];
            let word = format!(" {word}{}", if place > WORDS.len() { "s" } else { "" });
            (word, (rest * 0.5_f64.powi(i32::try_from(place).unwrap_or(i32::MAX))).ln())
        });
        let chosen = (self.token.to_owned(), self.logprob);
        std::iter::once(chosen).take(n).chain(alternatives).collect()
    }

    fn chat_json(&self, top: usize) -> Value {
        let entry = |token: &str, logprob: f64| json!({ "token": token, "logprob": logprob, "bytes": token.as_bytes() });
        let mut json = entry(self.token, self.logprob);
        let top: Vec<Value> = self.top(top).iter().map(|(token, p)| entry(token, *p)).collect();
        json["top_logprobs"] = Value::Array(top);
        json
    }
}

/// The prompts of a legacy completion: a text, a list of texts, token ids, or lists of token ids.
fn prompts(body: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let complaint =
        || ApiError::bad(Some("prompt"), "`prompt` must be text, token ids, or a list of either");
    let ids = |ids: &[Value]| ids.iter().map(|id| Some(format!(" t{}", id.as_u64()?))).collect();
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => ids(items),
        _ => None,
    };
    let prompts = match body.get("prompt").ok_or_else(complaint)? {
        Value::Array(items) if items.iter().all(Value::is_u64) && !items.is_empty() => {
            ids(items).map(|prompt| vec![prompt])
        }
        Value::Array(items) => items.iter().map(one).collect(),
        value => one(value).map(|prompt| vec![prompt]),
    };
    prompts.filter(|prompts| !prompts.is_empty()).ok_or_else(complaint)
}

/// A legacy completion; with `echo` and `logprobs` it scores the prompt.
pub(crate) fn completion(
    provider: &Provider,
    body: &Map<String, Value>,
    call: &Call,
    deployment: Option<&str>,
) -> Result<(Value, Tokens), ApiError> {
    let model = model(provider, body, deployment)?;
    let limit = count(body, "max_tokens")?.unwrap_or(DEFAULT_COMPLETION_TOKENS);
    let top = count(body, "logprobs")?;
    let echo = body.get("echo") == Some(&Value::Bool(true));
    let seed = body.get("seed").and_then(Value::as_i64);
    let (mut usage, mut choices) = (Tokens::default(), Vec::new());
    for prompt in prompts(body)? {
        let turns = [Turn { role: "user".into(), text: prompt }];
        let prompt = &turns[0].text;
        usage.prompt += tokens(prompt).len() as u64;
        for sample in 0..samples(body)? {
            let question = Question { model, turns: &turns, seed, sample, call: call.number };
            let (Answer::Says(said) | Answer::Refuses(said)) =
                provider.script.answers.answer(&question);
            let cut = cut(format!(" {said}"), Some(limit));
            usage.completion += cut.n_tokens as u64;
            let shown = if echo { format!("{prompt}{}", cut.text) } else { cut.text };
            let prefix = if echo { 0 } else { draw::of_text(0, prompt) };
            choices.push(json!({
                "text": shown,
                "index": choices.len(),
                "logprobs": top.map(|top| legacy_logprobs(&steps(&shown, prefix), top, echo)),
                "finish_reason": if cut.was_longer { "length" } else { "stop" },
            }));
        }
    }
    let answer = json!({
        "id": format!("cmpl-{}", call.number),
        "object": "text_completion",
        "created": call.unix.as_secs(),
        "model": model,
        "choices": choices,
        "usage": usage_json(usage),
    });
    Ok((answer, usage))
}

/// The first token of an echoed prompt has no probability.
fn legacy_logprobs(steps: &[Step<'_>], top: usize, echo: bool) -> Value {
    let unknown = |place: usize| echo && place == 0;
    let mut offset = 0;
    let offsets: Vec<usize> = steps
        .iter()
        .map(|step| {
            let end = offset + step.token.chars().count();
            std::mem::replace(&mut offset, end)
        })
        .collect();
    let logprobs: Vec<Option<f64>> = steps
        .iter()
        .enumerate()
        .map(|(place, step)| (!unknown(place)).then_some(step.logprob))
        .collect();
    let tops: Vec<Option<Map<String, Value>>> = steps
        .iter()
        .enumerate()
        .map(|(place, step)| {
            let top = || step.top(top).into_iter().map(|(token, p)| (token, json!(p))).collect();
            (!unknown(place)).then(top)
        })
        .collect();
    json!({
        "tokens": steps.iter().map(|step| step.token).collect::<Vec<_>>(),
        "token_logprobs": logprobs,
        "top_logprobs": tops,
        "text_offset": offsets,
    })
}

#[cfg(test)]
mod tests;
