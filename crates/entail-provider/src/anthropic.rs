//! Anthropic's messages.

mod claude;

use entail_schema::{Message, Role};
use serde::Serialize;
use serde_json::Value;

use crate::http::{HeaderValue, HttpRequest, HttpResponse, Verb};
use crate::openai::{Access, PATIENCE};
use crate::refused::{Caller, Refusal};
use crate::{
    CallError, Capabilities, Completion, Finish, Sampling, Secret, SystemPlace, Usage, Wire,
};
use claude::{Claude, ThinkingConfig};

/// The last version of the API that takes a temperature; 2026-10-21 refuses it.
const VERSION: &str = "2023-06-01";

/// One model of Anthropic.
#[derive(Debug)]
pub(crate) struct MessagesWire {
    access: Access,
    caller: Caller,
    capabilities: Capabilities,
}

/// A request.
#[derive(Serialize)]
struct MessagesRequest<'a> {
    model: &'a str,
    max_tokens: usize,
    #[serde(skip_serializing_if = "String::is_empty")]
    system: String,
    messages: Vec<&'a Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
}

/// What the answer is kept to.
#[derive(Serialize)]
struct OutputConfig<'a> {
    format: Format<'a>,
}

/// A form of answers.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonSchema { schema: &'a Value },
}

/// The headers of every call.
pub(crate) fn headers(key: Option<&Secret>) -> Vec<(String, HeaderValue)> {
    let version = ("anthropic-version".into(), HeaderValue::Plain(VERSION.into()));
    let key = key.map(|key| ("x-api-key".into(), HeaderValue::Secret("", key.clone())));
    [version].into_iter().chain(key).collect()
}

impl MessagesWire {
    pub(crate) fn new(access: Access, caller: Caller) -> Self {
        let claude = Claude::of(&caller.model);
        let capabilities = Capabilities {
            temperature: claude.takes_a_temperature(),
            prefill: claude.takes_prefill(),
            system: Some(SystemPlace::Field),
            json_schema: claude.takes_a_schema(),
            thinking: claude.thinking(),
            batch: true,
            ..Capabilities::none(&caller.name)
        };
        Self { access, caller, capabilities }
    }
}

impl Wire for MessagesWire {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn model(&self) -> &str {
        &self.caller.model
    }

    fn ask(&self, messages: &[Message], sampling: &Sampling, _: u32, _: u64) -> HttpRequest {
        let (system, messages): (Vec<_>, Vec<_>) =
            messages.iter().partition(|turn| turn.role == Role::System);
        let system: Vec<_> = system.into_iter().map(|turn| turn.content.as_str()).collect();
        // Some models refuse these fields, some refuse both at once; one is the default of each.
        let unusual = |value: f64| value.total_cmp(&1.0).is_ne().then_some(value);
        let claude = Claude::of(&self.caller.model);
        let body = MessagesRequest {
            model: &self.caller.model,
            max_tokens: sampling.max_tokens,
            system: system.join("\n\n"),
            messages,
            temperature: unusual(sampling.temperature),
            top_p: unusual(sampling.top_p),
            thinking: sampling.thinking.and_then(|asked| claude.config(asked, sampling.max_tokens)),
            output_config: sampling.schema.as_ref().map(|schema| OutputConfig {
                format: Format::JsonSchema { schema: schema.value() },
            }),
        };
        HttpRequest {
            verb: Verb::Post,
            url: self.access.url.clone(),
            headers: self.access.headers.clone(),
            body: serde_json::to_vec(&body).expect("a request is plain data"),
            timeout: PATIENCE,
        }
    }

    fn answers(&self, response: &HttpResponse) -> Result<Vec<Completion>, CallError> {
        if !(200..300).contains(&response.status) {
            return Err(self.caller.refused(response));
        }
        let body: Value =
            serde_json::from_slice(&response.body).map_err(|_| self.caller.not_json(response))?;
        match (completion(&body), Refusal::of(&body)) {
            (Some(answer), _) => Ok(vec![answer]),
            (None, Some(refusal)) => Err(self.caller.error_inside(&refusal, response)),
            (None, None) => Err(self.caller.no_answer("content", response)),
        }
    }

    fn ask_scores(&self, _: &[Message], _: &[String]) -> Vec<HttpRequest> {
        Vec::new()
    }

    fn scores(&self, _: &[String], _: &[HttpResponse]) -> Result<Vec<f64>, CallError> {
        let what = format!("{} gives no log-probabilities of a given text", self.caller.name);
        Err(CallError::Final { what })
    }
}

fn completion(body: &Value) -> Option<Completion> {
    let blocks = body["content"].as_array()?;
    let texts = |kind: &str| -> Vec<&str> {
        let of_kind = blocks.iter().filter(|block| block["type"] == kind);
        of_kind.filter_map(|block| block[kind].as_str()).filter(|text| !text.is_empty()).collect()
    };
    let finish = match body["stop_reason"].as_str() {
        Some("end_turn" | "stop_sequence") => Finish::Stop,
        Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
        Some("tool_use") => Finish::Tool,
        Some("refusal") => Finish::Refusal,
        // A turn that was paused, or no reason at all: no whole answer.
        _ => Finish::Error,
    };
    let thoughts = texts("thinking");
    Some(Completion {
        reasoning: (!thoughts.is_empty()).then(|| thoughts.join("\n\n")),
        usage: usage(&body["usage"]),
        served_by: body["model"].as_str().map(str::to_owned),
        raw: Some(body.to_string()),
        ..Completion::plain(texts("text").concat(), finish)
    })
}

/// Tokens that were read from a cache or written to it are the conversation's too.
fn usage(usage: &Value) -> Usage {
    let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"];
    let cached: u64 =
        cached.into_iter().filter_map(|name| usage[name].as_u64()).fold(0, u64::saturating_add);
    Usage {
        prompt: usage["input_tokens"].as_u64().map(|tokens| tokens.saturating_add(cached)),
        drawn: usage["output_tokens"].as_u64(),
        reasoning: usage["output_tokens_details"]["thinking_tokens"].as_u64(),
        cost: None,
    }
}

#[cfg(test)]
mod tests;
