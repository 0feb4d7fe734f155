//! What the headers of an answer say about the limits of an account: how much is left and when it is whole again.

use std::time::Duration;

use crate::dates::{http_date, rfc3339};
use crate::http::HttpResponse;

/// The longest wait that a provider is granted, as in the official clients.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// What is left before requests are refused; `None` where the answer does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remaining {
    /// Requests.
    pub requests: Option<u64>,
    /// Tokens, of the scarcest kind where input and output are counted apart.
    pub tokens: Option<u64>,
    /// Until all requests are there again.
    pub requests_reset: Option<Duration>,
    /// Until all tokens are there again.
    pub tokens_reset: Option<Duration>,
}

impl Remaining {
    /// From the headers `x-ratelimit-*` (OpenAI, Azure and many others) or `anthropic-ratelimit-*`.
    pub fn of(response: &HttpResponse) -> Self {
        let count = |name: &str| response.header(name)?.trim().parse().ok();
        let openai =
            |what| response.header(&format!("x-ratelimit-reset-{what}")).and_then(duration);
        let anthropic = |what| {
            let reset = rfc3339(response.header(&format!("anthropic-ratelimit-{what}-reset"))?)?;
            // The server's own clock, as ours may be wrong.
            Some(reset.saturating_sub(http_date(response.header("date")?)?))
        };
        let scarcer = |kind: &str| count(&format!("anthropic-ratelimit-{kind}-remaining"));
        let tokens = count("x-ratelimit-remaining-tokens").or_else(|| scarcer("tokens"));
        Self {
            requests: count("x-ratelimit-remaining-requests").or_else(|| scarcer("requests")),
            tokens: tokens.or_else(|| {
                [scarcer("input-tokens"), scarcer("output-tokens")].into_iter().flatten().min()
            }),
            requests_reset: openai("requests").or_else(|| anthropic("requests")),
            tokens_reset: openai("tokens").or_else(|| anthropic("tokens")),
        }
    }
}

/// How long an answer asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date, which is compared
/// with the answer's own date. Two minutes at most; `None` where nothing that can be read is there.
pub(crate) fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let milliseconds = response.header("retry-after-ms").and_then(number).map(|ms| ms / 1000.0);
    let header = response.header("retry-after");
    let seconds = milliseconds.or_else(|| header.and_then(number));
    let wait = match seconds {
        Some(seconds) if seconds >= 0.0 => {
            Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_WAIT)
        }
        Some(_) => return None,
        None => http_date(header?)?.saturating_sub(http_date(response.header("date")?)?),
    };
    Some(wait.min(LONGEST_WAIT))
}

/// A duration as in `20ms`, `1.5s` or `6m0s`; a bare number is seconds.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..unit].parse().ok()?;
        rest = &rest[unit..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        seconds += number
            * match &rest[..end] {
                "d" => 86_400.0,
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[end..];
    }
    (!text.trim().is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok())?
}

#[cfg(test)]
mod tests;
