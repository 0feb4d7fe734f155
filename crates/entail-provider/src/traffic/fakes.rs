//! A clock, a transport and a wire for tests: no sockets, no sleeping.

use std::sync::Mutex;
use std::time::Duration;

use entail_schema::{Key, Message};
use serde_json::{Value, json};

use super::lane::lock;
use crate::http::{HttpRequest, HttpResponse, TransportError, Verb};
use crate::provider::{Request, Sampling, SystemPlace};
use crate::{CallError, Capabilities, Clock, Completion, Finish, Transport, Usage, Wire};

/// A clock that jumps when somebody sleeps.
#[derive(Debug, Default)]
pub(crate) struct FakeClock(Mutex<Duration>);

impl Clock for FakeClock {
    fn now(&self) -> Duration {
        *lock(&self.0)
    }

    fn unix(&self) -> Duration {
        self.now() + Duration::from_hours(500_000)
    }

    fn sleep(&self, time: Duration) {
        *lock(&self.0) += time;
        std::thread::yield_now();
    }
}

/// A transport that is a function.
pub(crate) struct Function<F>(pub(crate) F);

impl<F> Transport for Function<F>
where
    F: Fn(&HttpRequest) -> Result<HttpResponse, TransportError> + Send + Sync,
{
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        (self.0)(request)
    }
}

/// A chat in the manner of `OpenAI`, as far as the tests need it.
#[derive(Debug)]
pub(crate) struct ChatWire {
    pub(crate) capabilities: Capabilities,
    pub(crate) url: String,
    pub(crate) timeout: Duration,
}

impl ChatWire {
    pub(crate) fn new(most_answers: u32) -> Self {
        let capabilities = Capabilities {
            most_answers,
            seed: true,
            temperature: true,
            score: true,
            system: Some(SystemPlace::Role),
            batch: true,
            ..Capabilities::none("test service")
        };
        let url = "http://host.invalid/v1/chat/completions".into();
        Self { capabilities, url, timeout: Duration::from_mins(1) }
    }

    fn post(&self, body: &Value) -> HttpRequest {
        HttpRequest {
            verb: Verb::Post,
            url: self.url.clone(),
            headers: vec![],
            body: serde_json::to_vec(body).unwrap(),
            timeout: self.timeout,
        }
    }
}

impl Wire for ChatWire {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn model(&self) -> &'static str {
        "gpt-4.1"
    }

    fn ask(&self, messages: &[Message], sampling: &Sampling, n: u32, seed: u64) -> HttpRequest {
        self.post(&json!({
            "model": self.model(), "messages": messages, "max_tokens": sampling.max_tokens, "n": n,
            "seed": seed,
        }))
    }

    fn answers(&self, response: &HttpResponse) -> Result<Vec<Completion>, CallError> {
        let after = response.header("retry-after").and_then(|s| s.parse().ok());
        let after = after.map(Duration::from_secs_f64);
        let what = format!("status {}", response.status);
        match response.status {
            200 => {}
            429 => return Err(CallError::Slow { after, what }),
            401 => return Err(CallError::Final { what }),
            400 => return Err(CallError::ThisOne { what }),
            _ => return Err(CallError::Passing { after, what }),
        }
        let wrong = || CallError::Spoiled { after: None, what: "not a chat completion".into() };
        let body: Value = serde_json::from_slice(&response.body).map_err(|_| wrong())?;
        let choices = body["choices"].as_array().ok_or_else(wrong)?;
        let usage = |i: usize| Usage {
            prompt: body["usage"]["prompt_tokens"].as_u64().filter(|_| i == 0),
            drawn: body["usage"]["completion_tokens"].as_u64().filter(|_| i == 0),
            ..Usage::default()
        };
        let text = |choice: &Value| choice["message"]["content"].as_str().map(str::to_owned);
        let completion = |(i, choice)| {
            let text = text(choice).ok_or_else(wrong)?;
            Ok(Completion { usage: usage(i), ..Completion::plain(text, Finish::Stop) })
        };
        choices.iter().enumerate().map(completion).collect()
    }

    fn ask_scores(&self, _: &[Message], continuations: &[String]) -> Vec<HttpRequest> {
        continuations.iter().map(|c| self.post(&json!({ "score": c }))).collect()
    }

    fn scores(&self, _: &[String], responses: &[HttpResponse]) -> Result<Vec<f64>, CallError> {
        let score = |response: &HttpResponse| match response.status {
            200 => Ok(-(response.body.len() as f64)),
            status => Err(CallError::Passing { after: None, what: format!("status {status}") }),
        };
        responses.iter().map(score).collect()
    }
}

/// A response of this status.
pub(crate) fn status(status: u16, headers: &[(&str, &str)]) -> HttpResponse {
    let owned = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
    HttpResponse { status, headers: headers.iter().map(owned).collect(), body: vec![] }
}

/// What a good service answers: each answer repeats the last turn.
pub(crate) fn echo(request: &HttpRequest) -> HttpResponse {
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    echo_n(request, asked["n"].as_u64().unwrap())
}

/// As [`echo`], with this many answers.
pub(crate) fn echo_n(request: &HttpRequest, n: u64) -> HttpResponse {
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    let last = asked["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    let choices: Vec<_> =
        (0..n).map(|i| json!({"index": i, "message": {"content": last}})).collect();
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5 * n});
    let body = serde_json::to_vec(&json!({ "choices": choices, "usage": usage })).unwrap();
    HttpResponse { body, ..status(200, &[]) }
}

/// Questions with this many samples each; key and text are numbered.
pub(crate) fn questions(count: usize, samples: usize) -> Vec<Request> {
    let request = |i: usize| Request {
        messages: vec![Message::user(format!("question {i}"))],
        samples: (0..samples).map(|s| Key::of(&(i, s))).collect(),
    };
    (0..count).map(request).collect()
}

/// How the tests draw.
pub(crate) fn sampling() -> Sampling {
    Sampling::new(1.0, 1.0, 10)
}
