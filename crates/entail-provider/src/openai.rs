//! OpenAI's chat completions, and everybody who speaks them. One reading for all; writing differs only where a
//! dialect must.

mod offers;
mod read;
mod scores;
mod types;

use std::time::Duration;

use entail_schema::{Message, Role};
use serde_json::Value;

use crate::http::{HeaderValue, HttpRequest, HttpResponse, Verb};
use crate::refused::{Caller, Refusal};
use crate::{
    CallError, Capabilities, Completion, Sampling, Schema, Secret, Thinking, ThinkingChoice, Wire,
};
use types::{
    ChatRequest, Effort, Hosts, Include, JsonSchema, Reasoning, ResponseFormat, TemplateSwitch,
};

/// How long an answer may take, as in the official clients.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// Who is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Azure,
    OpenRouter,
    Vllm,
    LlamaCpp,
    Ollama,
    Tinker,
    Compatible,
}

/// One model behind chat completions.
#[derive(Debug)]
pub(crate) struct ChatWire {
    dialect: Dialect,
    /// Where conversations are sent.
    url: String,
    headers: Vec<(String, HeaderValue)>,
    pinned: Vec<String>,
    caller: Caller,
    capabilities: Capabilities,
}

/// Where a model is, and how one gets in.
#[derive(Debug)]
pub(crate) struct Access {
    /// Where conversations are sent.
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, HeaderValue)>,
}

impl ChatWire {
    pub(crate) fn new(dialect: Dialect, access: Access, pinned: &[String], caller: Caller) -> Self {
        let capabilities = offers::capabilities(dialect, &caller);
        let Access { url, headers } = access;
        Self { dialect, url, headers, pinned: pinned.to_vec(), caller, capabilities }
    }

    fn body<'a>(&'a self, messages: &'a [Message], sampling: &'a Sampling) -> ChatRequest<'a> {
        let thinks = !self.capabilities.temperature;
        let newer_name = match self.dialect {
            Dialect::OpenAi => true,
            Dialect::Azure => thinks || !self.url.contains("/deployments/"),
            _ => false,
        };
        let longest = Some(sampling.max_tokens);
        let (max_tokens, max_completion_tokens) =
            if newer_name { (None, longest) } else { (longest, None) };
        let sampled = |value| (!thinks).then_some(value);
        let top_k = match self.dialect {
            Dialect::Vllm => Some(-1),
            Dialect::LlamaCpp => Some(0),
            _ => None,
        };
        let prefilled = messages.last().is_some_and(|turn| turn.role == Role::Assistant)
            && self.dialect == Dialect::Vllm;
        ChatRequest {
            model: &self.caller.model,
            messages,
            max_tokens,
            max_completion_tokens,
            temperature: sampled(sampling.temperature),
            top_p: sampled(sampling.top_p),
            logprobs: sampling.logprobs.map(|_| true),
            top_logprobs: sampling.logprobs,
            // These servers have defaults of their own, or of the model's, that bend the distribution.
            top_k,
            min_p: top_k.map(|_| 0.0),
            repetition_penalty: (self.dialect == Dialect::Vllm).then_some(1.0),
            repeat_penalty: (self.dialect == Dialect::LlamaCpp).then_some(1.0),
            add_generation_prompt: prefilled.then_some(false),
            continue_final_message: prefilled.then_some(true),
            provider: (self.dialect == Dialect::OpenRouter).then(|| self.hosts()),
            usage: (self.dialect == Dialect::OpenRouter).then_some(Include { include: true }),
            response_format: sampling.schema.as_ref().map(kept_to),
            ..self.switched(sampling.thinking)
        }
    }

    /// A request with nothing but the switch of thinking, where the model has one.
    fn switched(&self, thinking: Option<Thinking>) -> ChatRequest<'_> {
        let nothing = ChatRequest::default();
        let Some(thinking) =
            thinking.filter(|_| self.capabilities.thinking == ThinkingChoice::Choice)
        else {
            return nothing;
        };
        let on = thinking == Thinking::On;
        match self.dialect {
            Dialect::OpenAi | Dialect::Azure | Dialect::Ollama => {
                let effort = if on { Effort::Medium } else { Effort::None };
                ChatRequest { reasoning_effort: Some(effort), ..nothing }
            }
            Dialect::OpenRouter => {
                ChatRequest { reasoning: Some(Reasoning { enabled: on }), ..nothing }
            }
            Dialect::Vllm | Dialect::LlamaCpp | Dialect::Compatible => {
                let switch = TemplateSwitch { enable_thinking: on, thinking: on };
                ChatRequest { chat_template_kwargs: Some(switch), ..nothing }
            }
            // No field of its endpoint is documented: its models offer no choice.
            Dialect::Tinker => nothing,
        }
    }

    fn hosts(&self) -> Hosts<'_> {
        let allow_fallbacks = (!self.pinned.is_empty()).then_some(false);
        Hosts { order: &self.pinned, allow_fallbacks, require_parameters: true }
    }

    fn post(&self, body: &ChatRequest<'_>) -> HttpRequest {
        HttpRequest {
            verb: Verb::Post,
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: serde_json::to_vec(body).expect("a request is plain data"),
            timeout: PATIENCE,
        }
    }

    /// The JSON of an answer that is not an error.
    fn json(&self, response: &HttpResponse) -> Result<Value, CallError> {
        self.of_success(response, serde_json::from_slice(&response.body))
    }

    /// The same, where the body was read already.
    fn of_success(
        &self,
        response: &HttpResponse,
        body: serde_json::Result<Value>,
    ) -> Result<Value, CallError> {
        if !(200..300).contains(&response.status) {
            return Err(self.caller.refused(response));
        }
        body.map_err(|_| self.caller.not_json(response))
    }
}

impl Wire for ChatWire {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn model(&self) -> &str {
        &self.caller.model
    }

    fn ask(
        &self,
        messages: &[Message],
        sampling: &Sampling,
        answers: u32,
        seed: u64,
    ) -> HttpRequest {
        // One answer is everybody's default, and some refuse the field.
        let n = (answers > 1).then_some(answers);
        let seed = self.capabilities.seed.then(|| self.dialect.narrowed(seed));
        self.post(&ChatRequest { n, seed, ..self.body(messages, sampling) })
    }

    fn answers(&self, response: &HttpResponse) -> Result<Vec<Completion>, CallError> {
        let body: serde_json::Result<Value> = serde_json::from_slice(&response.body);
        let refusal = body.as_ref().ok().and_then(Refusal::of);
        let body = match (body, &refusal) {
            // What was asked is an improper thing to ask: that is this conversation's answer.
            (Ok(body), Some(refusal)) if refusal.filtered => {
                return Ok(vec![read::filtered(&body)]);
            }
            (body, _) => self.of_success(response, body)?,
        };
        match (read::completions(body), refusal) {
            (Some(answers), _) => Ok(answers),
            (None, Some(refusal)) => Err(self.caller.error_inside(&refusal, response)),
            (None, None) => Err(self.caller.no_answer("choices", response)),
        }
    }

    fn ask_scores(&self, messages: &[Message], continuations: &[String]) -> Vec<HttpRequest> {
        if !self.capabilities.score {
            return Vec::new();
        }
        let conversations = scores::conversations(messages, continuations);
        let sampling = Sampling::new(1.0, 1.0, 1);
        let ask = |messages: &Vec<Message>| {
            self.post(&ChatRequest { prompt_logprobs: Some(0), ..self.body(messages, &sampling) })
        };
        conversations.iter().map(ask).collect()
    }

    fn scores(
        &self,
        continuations: &[String],
        responses: &[HttpResponse],
    ) -> Result<Vec<f64>, CallError> {
        let bodies: Vec<_> =
            responses.iter().map(|response| self.json(response)).collect::<Result<_, _>>()?;
        scores::read(continuations, &bodies)
            .map_err(|error| CallError::ThisOne { what: format!("{}: {error}", self.caller.name) })
    }
}

impl Dialect {
    /// A seed in the range that the server's numbers have: 53 bits are whole in every JSON reader; llama.cpp has 32
    /// and takes all ones for "any".
    fn narrowed(self, seed: u64) -> u64 {
        match self {
            Self::LlamaCpp | Self::Ollama => seed >> 33,
            _ => seed >> 11,
        }
    }
}

fn kept_to(schema: &Schema) -> ResponseFormat<'_> {
    let json_schema = JsonSchema { name: schema.name(), strict: true, schema: schema.value() };
    ResponseFormat::JsonSchema { json_schema }
}

/// How a key is shown to a server.
pub(crate) fn bearer(key: &Secret) -> (String, HeaderValue) {
    ("authorization".into(), HeaderValue::Secret("Bearer ", key.clone()))
}

#[cfg(test)]
mod tests;
