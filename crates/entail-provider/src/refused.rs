//! What a refused request means: the one reading of status codes, error bodies and headers for all services.

use serde_json::Value;

use crate::http::HttpResponse;
use crate::limits::retry_after;
use crate::{CallError, Secret};

/// The longest part of a provider's words that is passed on, in characters.
const LONGEST_MESSAGE: usize = 500;

/// Codes that mean "no money": asking again does not help.
const NO_CREDIT: [&str; 5] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "exceeded_quota",
];

/// Who asks whom, to name both in messages.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The model's name as a person writes it.
    pub(crate) name: String,
    /// The model's own name.
    pub(crate) model: String,
    /// The address.
    pub(crate) url: String,
    /// The variable that holds the key.
    pub(crate) key_variable: &'static str,
    /// The key, to keep it out of messages: servers repeat it.
    pub(crate) key: Option<Secret>,
}

/// A provider's error, from whichever form it came in.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// Its words.
    message: String,
    /// Its name: `code`, or `type` where there is no code.
    codes: Vec<String>,
    /// A number in the place of a code, which OpenRouter and vLLM send.
    number: Option<u16>,
    /// The input or output was found improper.
    pub(crate) filtered: bool,
}

impl Refusal {
    /// The error in a body, if it holds one: `{"error": …}` as OpenAI, Anthropic and OpenRouter write it, the flat
    /// form of vLLM, and `{"detail": …}` of many Python servers.
    pub(crate) fn of(body: &Value) -> Option<Self> {
        let error = &body["error"];
        if !error.is_null() && *error != Value::Bool(false) {
            return Some(Self::read(error));
        }
        if !body["message"].is_null() {
            return Some(Self::read(body));
        }
        let detail = &body["detail"];
        (!detail.is_null()).then(|| Self { message: words(detail), ..Self::default() })
    }

    fn read(error: &Value) -> Self {
        let places =
            [&error["code"], &error["type"], &error["details"]["error_code"], &error["error_code"]];
        let codes: Vec<String> = places
            .into_iter()
            .filter_map(|code| Some(code.as_str()?.to_ascii_lowercase()))
            .collect();
        let number = error["code"].as_u64().or_else(|| error["code"].as_str()?.parse().ok());
        let filtered = codes.iter().any(|code| {
            matches!(&**code, "content_filter" | "content_policy_violation" | "invalid_prompt")
        }) || !error["metadata"]["flagged_input"].is_null();
        let message =
            if error["message"].is_null() { words(error) } else { words(&error["message"]) };
        let number = number.and_then(|number| u16::try_from(number).ok());
        Self { message, codes, number, filtered }
    }

    fn has(&self, code: &str) -> bool {
        self.codes.iter().any(|mine| mine == code)
    }

    /// The status that the error would have had as an answer of its own.
    fn status(&self) -> u16 {
        let of_code = |code: &String| match code.as_str() {
            "rate_limit_error" | "rate_limit_exceeded" | "requests" | "tokens" => Some(429),
            "overloaded_error" => Some(529),
            "invalid_request_error" => Some(400),
            "authentication_error" | "invalid_api_key" => Some(401),
            "permission_error" => Some(403),
            "not_found_error" | "model_not_found" => Some(404),
            _ => None,
        };
        let number = self.number.filter(|number| (400..600).contains(number));
        number.or_else(|| self.codes.iter().find_map(of_code)).unwrap_or(500)
    }

    fn without_credit(&self) -> bool {
        // Anthropic says in words that nothing is left, with the code of any bad request.
        NO_CREDIT.iter().any(|code| self.has(code))
            || self.codes.iter().any(|code| code.ends_with("spend_limit_reached"))
            || self.message.contains("credit balance is too low")
    }

    fn of_the_model(&self) -> bool {
        self.has("model_not_found") || self.message.contains("is not a valid model")
    }
}

impl Caller {
    /// What a response with a status of 300 and above means.
    pub(crate) fn refused(&self, response: &HttpResponse) -> CallError {
        let body: Option<Value> = serde_json::from_slice(&response.body).ok();
        // Pages that a proxy puts before a server that is down pass; a page in the place of the API does not.
        if is_html(response) && matches!(response.status, 300..=400 | 404 | 405) {
            return self.page(response.status);
        }
        let refusal = body.as_ref().and_then(Refusal::of).unwrap_or_else(|| Refusal {
            message: if is_html(response) {
                "a web page".into()
            } else {
                String::from_utf8_lossy(&response.body).into_owned()
            },
            ..Refusal::default()
        });
        self.classify(response.status, &refusal, response)
    }

    /// What an error inside a response that is otherwise well means.
    pub(crate) fn error_inside(&self, refusal: &Refusal, response: &HttpResponse) -> CallError {
        self.classify(refusal.status(), refusal, response)
    }

    /// What a body that is not JSON means.
    pub(crate) fn not_json(&self, response: &HttpResponse) -> CallError {
        if is_html(response) {
            return self.page(response.status);
        }
        let what =
            format!("{} answered with {} bytes that are not JSON", self.name, response.body.len());
        CallError::Spoiled { after: retry_after(response), what }
    }

    /// JSON, but not that of an answer: what a server that is still starting sends.
    pub(crate) fn no_answer(&self, expected: &str, response: &HttpResponse) -> CallError {
        let what = format!("{} answered without {expected}", self.name);
        CallError::Spoiled { after: retry_after(response), what }
    }

    fn page(&self, status: u16) -> CallError {
        let what = format!(
            "{}: {} answered with a web page instead of JSON (status {status}); is the address that of an API?",
            self.name, self.url
        );
        CallError::Final { what }
    }

    fn classify(&self, status: u16, refusal: &Refusal, response: &HttpResponse) -> CallError {
        let said = self.clean(&refusal.message);
        let (name, url, model) = (&self.name, &self.url, &self.model);
        let what = format!("{name}: {said} (status {status})");
        let after = retry_after(response);
        if refusal.without_credit() || status == 402 {
            let what = format!("{what}; the account has no credit left or reached its limit");
            return CallError::Final { what };
        }
        // The server's own word wins over the status, as in the official clients.
        let word = response.header("x-should-retry").map(str::trim);
        match (status, word) {
            (429, Some("false")) => CallError::Final { what },
            (429, _) => CallError::Slow { after, what },
            (408 | 409 | 500.., Some("false")) => CallError::ThisOne { what },
            (_, Some("true")) | (408 | 409 | 500.., _) => CallError::Passing { after, what },
            (401 | 403, _) => {
                CallError::Final { what: format!("{what}; check {}", self.key_variable) }
            }
            // A model that was just trained is unknown until it is loaded.
            (404, _) if model.starts_with("ft:") => {
                let what = format!("{what}; a model that was just trained may still be loading");
                CallError::Passing { after, what }
            }
            (404, _) => {
                CallError::Final { what: format!("{what}; is there a model `{model}` at {url}?") }
            }
            (300..=399 | 405, _) => CallError::Final {
                what: format!("{what}; is {url} the address of the API itself?"),
            },
            _ if refusal.of_the_model() => CallError::Final { what },
            _ => CallError::ThisOne { what },
        }
    }

    /// A provider's words without the key, without control characters, and not too long.
    fn clean(&self, message: &str) -> String {
        let message = match &self.key {
            Some(key) => message.replace(key.expose(), "[key]"),
            None => message.to_owned(),
        };
        let message = message.replace(char::is_control, " ");
        if message.trim().is_empty() {
            return "no reason given".into();
        }
        message.trim().chars().take(LONGEST_MESSAGE).collect()
    }
}

fn is_html(response: &HttpResponse) -> bool {
    let declared =
        response.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    declared || response.body.trim_ascii_start().starts_with(b"<")
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
