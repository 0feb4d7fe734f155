//! One answer before it is spoiled, and the shapes in which providers say no.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::BodyHash;

/// Tokens of one exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) prompt: u64,
    pub(crate) completion: u64,
}

/// Whose shapes an address speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    OpenAi,
    OpenRouter,
    Anthropic,
}

/// A request that is turned down: what the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    /// `OpenAI`'s type.
    pub(crate) kind: &'static str,
    /// `OpenAI`'s code.
    pub(crate) code: Option<&'static str>,
    /// `OpenAI`'s field at fault.
    pub(crate) param: Option<&'static str>,
    pub(crate) message: String,
}

impl ApiError {
    /// 400.
    pub(crate) fn bad(param: Option<&'static str>, message: impl Into<String>) -> ApiError {
        let message = message.into();
        ApiError { status: 400, kind: "invalid_request_error", code: None, param, message }
    }

    /// 404 for an address or an id.
    pub(crate) fn not_found(what: &str) -> ApiError {
        let message = format!("nothing here under `{what}`");
        ApiError { status: 404, kind: "invalid_request_error", code: None, param: None, message }
    }

    /// A failure of the server that has only a status and a sentence.
    pub(crate) fn failure(status: u16, kind: &'static str, message: &str) -> ApiError {
        ApiError { status, kind, code: None, param: None, message: message.into() }
    }

    /// The body in the style of the address.
    pub(crate) fn body(&self, style: Style) -> Value {
        match style {
            Style::OpenAi => json!({ "error": {
                "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
            }}),
            Style::OpenRouter => {
                json!({ "error": { "code": self.status, "message": self.message } })
            }
            Style::Anthropic => json!({
                "type": "error",
                "error": { "type": anthropic_kind(self.status), "message": self.message },
                "request_id": "req_stub",
            }),
        }
    }
}

/// Anthropic's name for a status (its API documentation, "Errors").
fn anthropic_kind(status: u16) -> &'static str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

/// One whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Vec<u8>,
    /// The answers of models in it, which a fault can spoil.
    pub(crate) paid: Vec<(BodyHash, Tokens)>,
    /// The answers of models that this call made to be read later.
    pub(crate) settled: Vec<(BodyHash, Tokens)>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        let body = serde_json::to_vec(body).expect("JSON values have text keys");
        Reply::bytes(status, "application/json", body)
    }

    pub(crate) fn bytes(status: u16, content_type: &'static str, body: Vec<u8>) -> Reply {
        let (headers, paid, settled) = (Vec::new(), Vec::new(), Vec::new());
        Reply { status, content_type, headers, body, paid, settled }
    }

    pub(crate) fn error(style: Style, error: &ApiError) -> Reply {
        Reply::json(error.status, &error.body(style))
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name.into(), value.into()));
        self
    }
}
